//! `crm_failcount`: how often a resource failed on a node.

use super::here;
use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use messages::client::ClientBody;
use status::Facts;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args)]
struct Arguments {
    /// Show the count
    #[arg(short = 'G', long)]
    query: bool,
    /// Forget the failures
    #[arg(short = 'D', long)]
    delete: bool,
    /// The resource
    #[arg(short = 'r', long, alias = "resource-id")]
    resource: String,
    /// Only of this operation
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// The operation's interval
    #[arg(short = 'I', long)]
    interval: Option<String>,
    /// The node
    #[arg(short = 'N', short_alias = 'U', long, alias = "uname")]
    node: Option<String>,
    /// Print only the value
    #[arg(short = 'q', short_alias = 'Q', long)]
    quiet: bool,
}

/// Runs `crm_failcount`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_failcount", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if !arguments.query && !arguments.delete {
        return Err(Refusal::new(Exit::USAGE, "must specify a command: --query or --delete"));
    }
    let cluster = Cluster::from_environment("crm_failcount");
    let node = here::node(&cluster, arguments.node.as_deref())?;
    let interval_ms = arguments.interval.as_deref().map(here::interval_ms).transpose()?;
    if arguments.delete && cluster.file().is_some() {
        return rehearse_deletion(&cluster.cib()?, &arguments.resource, &node, report);
    }
    if arguments.delete {
        let body = ClientBody::Cleanup {
            resource: Some(arguments.resource.clone()),
            node: Some(node.into()),
            operation: arguments.operation.clone(),
            interval_ms,
            refresh: false,
        };
        return cluster.request(body).map(|_| Exit::OK);
    }
    let cib = cluster.cib()?;
    let id = admin::node_id(&cib, &node)?;
    let count = fail_count(&cib, &id, &arguments.resource, arguments.operation.as_deref(), interval_ms);
    let shown = model::Score::new(i32::try_from(count).unwrap_or(i32::MAX)).to_string();
    let name = match &arguments.operation {
        Some(operation) => format!("fail-count-{}#{operation}_{}", arguments.resource, interval_ms.unwrap_or(0)),
        None => format!("fail-count-{}", arguments.resource),
    };
    match arguments.quiet {
        true => report.line(&shown),
        false => report.line(format!("scope=status  name={name} value={shown}")),
    }
    report.element(Element::new("attribute").with("name", name).with("value", shown).with("scope", "status"));
    Ok(Exit::OK)
}

/// Compat: of a file it is said what would be forgotten, and nothing is.
fn rehearse_deletion(cib: &Element, resource: &str, node: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let facts = Facts::deduce(cib, admin::now());
    let missing =
        |what: String| Refusal::new(Exit::NO_SUCH, format!("{what} not found\nError performing operation: {}", Exit::NO_SUCH.text()));
    facts.find_node(node).ok_or_else(|| missing(format!("Node '{node}'")))?;
    let index = facts.find_configured(resource).ok_or_else(|| missing(format!("Resource '{resource}'")))?;
    for part in facts.primitive_names(facts.top_of(index, true)) {
        report.error(format!("Dry run: skipping clean-up of {part} on {node} due to CIB_file"));
    }
    Ok(Exit::OK)
}

/// Adds up the counts of a resource's operations on a node, and the one count that older versions kept.
///
/// Compat: an operation that is named without an interval is the one without.
fn fail_count(cib: &Element, node_id: &str, resource: &str, operation: Option<&str>, interval_ms: Option<u64>) -> i64 {
    let state = cib.child("status").and_then(|s| s.elements_named("node_state").find(|n| n.id() == Some(node_id)));
    let transient = state.and_then(|state| state.child("transient_attributes"));
    let pairs = transient.into_iter().flat_map(|t| t.descendants()).filter(|e| e.name == "nvpair");
    let prefix = format!("fail-count-{resource}");
    pairs
        .filter_map(|pair| Some((pair.attribute("name")?.strip_prefix(&prefix)?, pair.attribute("value")?)))
        .filter(|(rest, _)| match rest.strip_prefix('#') {
            Some(key) => {
                let (name, interval) = key.rsplit_once('_').unwrap_or((key, "0"));
                operation.is_none_or(|wanted| wanted == name && interval == interval_ms.unwrap_or(0).to_string())
            }
            None => rest.is_empty() && operation.is_none(),
        })
        .filter_map(|(_, value)| model::Score::parse(value))
        .map(|score| i64::from(score.value()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_counts_of_operations_add_up() {
        let text = "<cib><status><node_state id='1' uname='n'><transient_attributes id='1'><instance_attributes id='s'>\
            <nvpair id='a' name='fail-count-web#monitor_10000' value='2'/><nvpair id='b' name='fail-count-web#start_0' value='INFINITY'/>\
            <nvpair id='c' name='fail-count-old' value='3'/></instance_attributes></transient_attributes></node_state></status></cib>";
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        assert_eq!(fail_count(&cib, "1", "web", Some("monitor"), None), 0);
        assert_eq!(fail_count(&cib, "1", "web", Some("monitor"), Some(10_000)), 2);
        assert_eq!(fail_count(&cib, "1", "web", None, None), 1_000_002);
        assert_eq!(fail_count(&cib, "1", "web", Some("monitor"), Some(5)), 0);
        assert_eq!(fail_count(&cib, "1", "old", None, None), 3);
    }
}
