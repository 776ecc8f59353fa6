//! What tools say to the attribute manager.

use super::{Heard, ack};
use messages::client::{ClientBody, ClientError, ReplyBody};
use model::{NodeName, parse_interval};
use xml::Element;

/// Returns what a request means.
pub(super) fn heard(request: &Element) -> Heard {
    let text = |name: &str| request.attribute(name).filter(|text| !text.is_empty()).map(str::to_owned);
    // Compat: this is how a client calls the node it is on.
    let node = || text("attr_host").filter(|node| node != "localhost").map(NodeName::from);
    let body = match (request.attribute("task").unwrap_or_default(), text("attr_name"), text("attr_regex")) {
        ("query", Some(name), _) => return query(name, node()),
        (task @ ("update" | "update-both" | "update-delay"), name, pattern) if name.is_some() || pattern.is_some() => {
            ClientBody::AttributeUpdate {
                node: node(),
                pattern: name.is_none(),
                name: name.or(pattern).unwrap_or_default(),
                value: request.attribute("attr_value").map(str::to_owned),
                dampening: text("attr_dampening").and_then(|text| parse_interval(&text)),
                only_dampening: task == "update-delay",
                private: request.attribute("attr_is_private").is_some_and(|text| text != "0"),
            }
        }
        ("clear-failure", ..) => ClientBody::Cleanup {
            resource: text("attr_resource"),
            node: node(),
            operation: text("attr_clear_operation"),
            interval_ms: text("attr_clear_interval").and_then(|text| parse_interval(&text)).map(|time| time.as_millis() as u64),
            refresh: false,
        },
        // Nothing is withheld from the CIB, so that there is nothing to write anew.
        ("refresh", ..) => return Heard::Nothing,
        _ => return Heard::Answer(ack(64)),
    };
    Heard::ask(body, |result| ack(result.err().map_or(0, |error| error.exit_code)))
}

fn query(name: String, node: Option<NodeName>) -> Heard {
    Heard::ask(ClientBody::AttributeQuery { node, name: name.clone() }, move |result: Result<ReplyBody, ClientError>| {
        let reply = Element::new("systole").with("t", "attrd").with("subt", "query").with("attr_version", "4");
        match result {
            // Compat: an answer without a name says that nobody knows the attribute.
            Ok(ReplyBody::Attributes(values)) if !values.is_empty() => {
                reply.with("attr_name", name).with_children(values.into_iter().map(|value| {
                    let node = Element::new("node").with("attr_host", value.node.as_str());
                    match value.value {
                        Some(value) => node.with("attr_value", value),
                        None => node,
                    }
                }))
            }
            _ => reply,
        }
    })
}
