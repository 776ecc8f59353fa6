//! The small tools: `crm_standby`, `crm_failcount`, `crm_error`, `pacemakerd` (its version only).

use super::here;
use admin::{Cluster, Exit, Holder, Pair, Refusal};
use clap::Parser;
use messages::client::ClientBody;
use std::ffi::OsString;
use std::process::ExitCode;

/// Query and set a node's standby mode
#[derive(Parser)]
#[command(name = "crm_standby")]
struct Standby {
    /// Show the mode
    #[arg(short = 'G', long)]
    query: bool,
    /// Set the mode (on or off)
    #[arg(short = 'v', long)]
    update: Option<String>,
    /// Back to the default
    #[arg(short = 'D', long)]
    delete: bool,
    /// The node
    #[arg(short = 'N', long)]
    node: Option<String>,
    /// reboot or forever
    #[arg(short = 'l', long)]
    lifetime: Option<String>,
    /// Print only the value
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// Runs `crm_standby`.
pub fn crm_standby(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<Standby>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let act = || {
        let cluster = Cluster::from_environment("crm_standby");
        let node = here::node(&cluster, arguments.node.as_deref())?;
        let holder = match arguments.lifetime.as_deref() {
            None | Some("forever") => Holder::Node(node),
            Some("reboot") => Holder::Transient(node),
            Some(other) => return Err(Refusal::new(Exit::USAGE, format!("{other:?} is no lifetime; reboot and forever are"))),
        };
        let pair = Pair::named("standby");
        match (&arguments.update, arguments.delete) {
            (Some(value), _) => cluster.set_attribute(&holder, &pair, value),
            (None, true) => cluster.delete_attribute(&holder, &pair).map(|_| ()),
            (None, false) => {
                let value = cluster.attribute(&holder, &pair)?.first().map_or_else(|| "off".to_owned(), |found| found.value.clone());
                if arguments.quiet {
                    println!("{value}");
                } else {
                    println!("scope={}  name=standby value={value}", holder.section());
                }
                Ok(())
            }
        }
    };
    here::end("crm_standby", act())
}

/// Query and reset a resource's fail count
#[derive(Parser)]
#[command(name = "crm_failcount")]
struct FailCount {
    /// Show the count
    #[arg(short = 'G', long)]
    query: bool,
    /// Forget the failures
    #[arg(short = 'D', long)]
    delete: bool,
    /// The resource
    #[arg(short = 'r', long)]
    resource: String,
    /// Only of this operation
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// The operation's interval
    #[arg(short = 'I', long)]
    interval: Option<String>,
    /// The node
    #[arg(short = 'N', long)]
    node: Option<String>,
    /// Print only the value
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// Runs `crm_failcount`.
pub fn crm_failcount(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<FailCount>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let act = || {
        let cluster = Cluster::from_environment("crm_failcount");
        let node = here::node(&cluster, arguments.node.as_deref())?;
        let interval_ms = match &arguments.interval {
            None => None,
            Some(text) => Some(
                model::parse_interval(text)
                    .map(|interval| interval.as_millis() as u64)
                    .ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not an interval such as 10s")))?,
            ),
        };
        if arguments.delete {
            let body = ClientBody::Cleanup {
                resource: Some(arguments.resource.clone()),
                node: Some(node.into()),
                operation: arguments.operation.clone(),
                interval_ms,
                refresh: false,
            };
            return cluster.request(body).map(|_| ());
        }
        let cib = cluster.cib()?;
        let id = admin::node_id(&cib, &node)?;
        let count = fail_count(&cib, &id, &arguments.resource, arguments.operation.as_deref(), interval_ms);
        let shown = model::Score::new(i32::try_from(count).unwrap_or(i32::MAX));
        if arguments.quiet {
            println!("{shown}");
        } else {
            println!("scope=status  name=fail-count-{} value={shown}", arguments.resource);
        }
        Ok(())
    };
    here::end("crm_failcount", act())
}

/// Adds up the counts of a resource's operations on a node.
fn fail_count(cib: &xml::Element, node_id: &str, resource: &str, operation: Option<&str>, interval_ms: Option<u64>) -> i64 {
    let state = cib.child("status").and_then(|s| s.elements_named("node_state").find(|n| n.id() == Some(node_id)));
    let transient = state.and_then(|state| state.child("transient_attributes"));
    let pairs = transient.into_iter().flat_map(|t| t.descendants()).filter(|e| e.name == "nvpair");
    let prefix = format!("fail-count-{resource}#");
    pairs
        .filter_map(|pair| Some((pair.attribute("name")?.strip_prefix(&prefix)?, pair.attribute("value")?)))
        .filter(|(key, _)| {
            let (name, interval) = key.rsplit_once('_').unwrap_or((key, "0"));
            operation.is_none_or(|wanted| wanted == name) && interval_ms.is_none_or(|wanted| interval == wanted.to_string())
        })
        .filter_map(|(_, value)| model::Score::parse(value))
        .map(|score| i64::from(score.value()))
        .sum()
}

/// Tells what an exit code of Pacemaker's tools or of an agent means
#[derive(Parser)]
#[command(name = "crm_error")]
struct CrmError {
    /// The codes are exit codes of tools
    #[arg(short = 'X', long)]
    exit: bool,
    /// The codes are those of agents
    #[arg(short = 'r', long)]
    rc: bool,
    #[arg(required = true, allow_hyphen_values = true)]
    codes: Vec<i32>,
}

/// Runs `crm_error`.
pub fn crm_error(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<CrmError>(arguments) {
        Ok(arguments) => {
            for code in arguments.codes {
                let text = match u8::try_from(code) {
                    Ok(code) if arguments.exit || !arguments.rc => Exit(code).text(),
                    _ => "Unknown error",
                };
                println!("{text}");
            }
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Tells the version; the daemons are started by `systole agentd`
#[derive(Parser)]
#[command(name = "pacemakerd", disable_version_flag = true)]
struct Pacemakerd {
    /// Display the version that Systole stands in for
    #[arg(short = '$', long)]
    version: bool,
    /// Display the version and the features
    #[arg(short = 'F', long)]
    features: bool,
}

/// Runs `pacemakerd`: agents and tools ask it for its version only.
pub fn pacemakerd(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Pacemakerd>(arguments) {
        Ok(Pacemakerd { features: true, .. }) => {
            println!("Pacemaker 2.1.5 (Build: systole-{})\n Supporting v3.16.1: agent-manpages systole", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Pacemakerd { version: true, .. }) => {
            // Compat: agents read the second word of the first line and compare it with 1.1.8.
            println!("Pacemaker 2.1.5-systole-{}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(_) => {
            eprintln!("pacemakerd: the daemons of a node are started by `systole agentd`");
            ExitCode::from(64)
        }
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_counts_of_operations_add_up() {
        let text = "<cib><status><node_state id='1' uname='n'><transient_attributes id='1'><instance_attributes id='s'>\
            <nvpair id='a' name='fail-count-web#monitor_10000' value='2'/><nvpair id='b' name='fail-count-web#start_0' value='INFINITY'/>\
            </instance_attributes></transient_attributes></node_state></status></cib>";
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        assert_eq!(fail_count(&cib, "1", "web", Some("monitor"), None), 2);
        assert_eq!(fail_count(&cib, "1", "web", None, None), 1_000_002);
        assert_eq!(fail_count(&cib, "1", "web", Some("monitor"), Some(5)), 0);
    }
}
