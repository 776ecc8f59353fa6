//! What tools say to the controller.

use super::Heard;
use crate::protocol::number;
use messages::client::{ClientBody, NodeInfo, ReplyBody};
use model::NodeName;
use xml::Element;

/// Returns what a request from a remote node means.
pub(super) fn heard(request: &Element, here: &NodeName) -> Heard {
    let data = request.child("crm_xml").and_then(|data| data.elements().next());
    let of_data = |name: &str| data.and_then(|data| data.attribute(name)).map(str::to_owned);
    let resource = || data.and_then(|data| data.child("primitive")).and_then(Element::id).map(str::to_owned);
    let envelope = Envelope::of(request);
    match request.attribute("crm_task").unwrap_or_default() {
        "node-info" => {
            let (id, name) = (number(request, "id").filter(|id| *id > 0), request.attribute("uname").map(str::to_owned));
            let here = here.clone();
            with_info(move |info| envelope.reply(node_info(&info, id, name.as_deref(), &here)))
        }
        "list-nodes" => with_info(move |info| {
            let nodes = info.nodes.iter().map(|(name, known)| {
                let node = Element::new("node").with("id", known.id.to_string()).with("uname", name.as_str());
                node.with("in_ccm", state(known.member))
            });
            envelope.reply(Element::new("nodes").with_children(nodes))
        }),
        "ping" => match request.attribute("crm_host_to") {
            Some(node) => ping(NodeName::from(node), envelope),
            // Compat: without a node, whoever coordinates is meant.
            None => Heard::Ask(
                ClientBody::Info,
                Box::new(|result| match result {
                    Ok(ReplyBody::Info(NodeInfo { coordinator: Some(node), .. })) => ping(node, envelope),
                    _ => Heard::Nothing,
                }),
            ),
        },
        "lrm_delete" if resource().is_some() => {
            let node = of_data("on_node").map(NodeName::from);
            let body = ClientBody::Cleanup { resource: resource(), node, operation: None, interval_ms: None, refresh: true };
            Heard::ask(body, move |_| envelope.done())
        }
        "lrm_fail" => match (resource(), of_data("on_node")) {
            (Some(resource), Some(node)) => Heard::ask(ClientBody::FailResource { resource, node: node.into() }, move |_| envelope.done()),
            _ => Heard::Nothing,
        },
        "probe_again" => {
            let node = of_data("on_node").map(NodeName::from);
            let body = ClientBody::Cleanup { resource: None, node, operation: None, interval_ms: None, refresh: true };
            Heard::ask(body, move |_| envelope.reply(Element::new("done")))
        }
        _ => Heard::Nothing,
    }
}

fn with_info(then: impl FnOnce(NodeInfo) -> Element + Send + 'static) -> Heard {
    let then = |result| match result {
        Ok(ReplyBody::Info(info)) => Heard::Answer(then(info)),
        _ => Heard::Nothing,
    };
    Heard::Ask(ClientBody::Info, Box::new(then))
}

fn ping(node: NodeName, envelope: Envelope) -> Heard {
    let body = ClientBody::InfoOf { node: node.clone() };
    let then = move |result| match result {
        Ok(ReplyBody::Info(info)) => {
            let told = Element::new("ping_response").with("crm_subsystem", &envelope.to).with("crmd_state", &info.state);
            Heard::Answer(envelope.reply(told.with("result", "ok")).with("src", node.as_str()))
        }
        // Compat: who does not answer says nothing.
        _ => Heard::Nothing,
    };
    Heard::Ask(body, Box::new(then))
}

/// Returns what is known of a node: the one of this number, of this name, or else the one that the client is on.
fn node_info(info: &NodeInfo, id: Option<i64>, name: Option<&str>, here: &NodeName) -> Element {
    let told = Element::new("node").with("crm_subsystem", "crmd").with("have-quorum", info.quorate.to_string());
    let is_meant = |of: &NodeName, known: i64| name.is_none_or(|name| of.as_str() == name) && id.is_none_or(|id| id == known);
    let member = info.nodes.iter().find(|(of, known)| (id.is_some() || name.is_some()) && is_meant(of, i64::from(known.id)));
    match member {
        Some((of, known)) => {
            let told = told.with("id", known.id.to_string()).with("uname", of.as_str()).with("crmd", state(known.member));
            told.with("remote_node", "false")
        }
        None if id.is_none() && name.is_none_or(|name| name == here.as_str()) => {
            told.with("id", here.as_str()).with("uname", here.as_str()).with("crmd", state(true)).with("remote_node", "true")
        }
        None => told,
    }
}

fn state(is_member: bool) -> &'static str {
    if is_member { "member" } else { "lost" }
}

/// What of a request comes back with its answer.
#[derive(Clone)]
struct Envelope {
    task: String,
    reference: String,
    from: String,
    to: String,
}

impl Envelope {
    fn of(request: &Element) -> Self {
        let text = |name: &str| request.attribute(name).unwrap_or_default().to_owned();
        Self { task: text("crm_task"), reference: text("reference"), from: text("crm_sys_from"), to: text("crm_sys_to") }
    }

    fn reply(&self, data: Element) -> Element {
        let reply = Element::new("systole").with("t", "crmd").with("subt", "response").with("reference", &self.reference);
        let reply = reply.with("crm_task", &self.task).with("crm_sys_to", &self.from).with("crm_sys_from", &self.to);
        reply.with_child(Element::new("crm_xml").with_child(data))
    }

    /// Returns the word that a history is forgotten, or a failure recorded. Compat: it comes as a request of another name.
    fn done(&self) -> Element {
        let mut done = Self { task: "lrm_invoke".to_owned(), ..self.clone() }.reply(Element::new("node_state"));
        done.set("subt", "request");
        done
    }
}
