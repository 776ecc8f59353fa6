//! `crm_attribute` and `crm_master`: options of the cluster and attributes of nodes.

use super::here;
use admin::{Cluster, Exit, Holder, Pair, Refusal};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Query and update cluster options and node attributes
#[derive(Parser, Debug, Default)]
#[command(name = "crm_attribute", version, disable_version_flag = true)]
struct Arguments {
    /// (Advanced) Operate on the pair with this XML id
    #[arg(short = 'i', long)]
    id: Option<String>,
    /// Operate on the attribute or option of this name
    #[arg(short = 'n', long, visible_alias = "attr-name")]
    name: Option<String>,
    /// Operate on the promotion score of this resource, or of the agent that calls
    #[arg(short = 'p', long, num_args = 0..=1, default_missing_value = "")]
    promotion: Option<String>,
    /// Operate on all attributes matching this pattern (only of -l reboot)
    #[arg(short = 'P', long)]
    pattern: Option<String>,
    /// (Advanced) Operate within the set of this XML id
    #[arg(short = 's', long)]
    set_name: Option<String>,
    /// Delete the attribute or option
    #[arg(short = 'D', long, alias = "delete-attr")]
    delete: bool,
    /// Query the value (this is also done when no command is given)
    #[arg(short = 'G', long, alias = "get-value")]
    query: bool,
    /// Set the value
    #[arg(short = 'v', long, alias = "attr-value", allow_hyphen_values = true)]
    update: Option<String>,
    /// (Advanced) The value to show when there is none
    #[arg(short = 'd', long, allow_hyphen_values = true)]
    default: Option<String>,
    /// reboot or forever
    #[arg(short = 'l', long)]
    lifetime: Option<String>,
    /// The node, for an attribute of a node
    #[arg(short = 'N', short_alias = 'U', long, alias = "uname")]
    node: Option<String>,
    /// crm_config, rsc_defaults, op_defaults, tickets, nodes or status
    #[arg(short = 't', long = "type")]
    kind: Option<String>,
    /// A utilization attribute of the node
    #[arg(short = 'z', long)]
    utilization: bool,
    /// Print only the value
    #[arg(short = 'q', long, short_alias = 'Q')]
    quiet: bool,
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `crm_attribute`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Arguments>(arguments) {
        Ok(arguments) => here::end("crm_attribute", act(&arguments)),
        Err(code) => code,
    }
}

/// Runs `crm_master`: the promotion score of the calling agent's resource.
pub fn master(mut arguments: Vec<OsString>) -> ExitCode {
    // Compat: -r names the resource here; --promotion takes its place.
    let given = arguments.iter().position(|word| word == "-r" || word == "--resource");
    let resource = given.and_then(|at| {
        arguments.remove(at);
        (at < arguments.len()).then(|| arguments.remove(at))
    });
    match super::parse::<Arguments>(arguments) {
        Ok(mut arguments) => {
            arguments.promotion = Some(resource.map(|word| word.to_string_lossy().into_owned()).unwrap_or_default());
            here::end("crm_master", act(&arguments))
        }
        Err(code) => code,
    }
}

/// Which kind of pair is meant, before the node's name is known.
fn kind(arguments: &Arguments) -> Result<&str, Refusal> {
    let given = arguments.lifetime.as_deref().or(arguments.kind.as_deref());
    match given {
        Some("nodes" | "forever") => Ok("nodes"),
        Some("status" | "reboot") => Ok("status"),
        Some(section @ ("crm_config" | "rsc_defaults" | "op_defaults")) => Ok(section),
        Some(other) => Err(Refusal::new(
            Exit::USAGE,
            format!("{other:?} is no lifetime or section; reboot, forever, crm_config, rsc_defaults and op_defaults are"),
        )),
        None if arguments.promotion.is_some() => Ok("status"),
        None if arguments.node.is_some() || arguments.utilization => Ok("nodes"),
        None => Ok("crm_config"),
    }
}

fn holder(arguments: &Arguments, cluster: &Cluster) -> Result<Holder, Refusal> {
    let node = || here::node(cluster, arguments.node.as_deref());
    Ok(match kind(arguments)? {
        "nodes" if arguments.utilization => Holder::NodeUtilization(node()?),
        "nodes" => Holder::Node(node()?),
        "status" => Holder::Transient(node()?),
        "rsc_defaults" => Holder::ResourceDefaults,
        "op_defaults" => Holder::OperationDefaults,
        _ => Holder::Options,
    })
}

fn act(arguments: &Arguments) -> Result<(), Refusal> {
    let cluster = Cluster::from_environment("crm_attribute");
    let name = match (&arguments.promotion, &arguments.pattern, &arguments.name) {
        (Some(resource), _, _) => here::promotion_attribute(Some(resource.as_str()).filter(|r| !r.is_empty()))?,
        (None, Some(pattern), _) => return act_on_pattern(arguments, &cluster, pattern),
        (None, None, Some(name)) => name.clone(),
        (None, None, None) => return Err(Refusal::new(Exit::USAGE, "Must specify an attribute name with -n/--name")),
    };
    let holder = holder(arguments, &cluster)?;
    let pair = Pair { name, set: arguments.set_name.clone(), id: arguments.id.clone() };
    match (&arguments.update, arguments.delete) {
        (Some(value), _) => cluster.set_attribute(&holder, &pair, value),
        (None, true) => {
            for id in cluster.delete_attribute(&holder, &pair)? {
                println!("Deleted {} option: id={id} name={}", holder.section(), pair.name);
            }
            Ok(())
        }
        (None, false) => query(arguments, &cluster, &holder, &pair),
    }
}

fn act_on_pattern(arguments: &Arguments, cluster: &Cluster, pattern: &str) -> Result<(), Refusal> {
    if kind(arguments)? != "status" || !(arguments.delete || arguments.update.is_some()) {
        return Err(Refusal::new(Exit::USAGE, "a pattern works with -v or -D and -l reboot only"));
    }
    let body = messages::client::ClientBody::AttributeUpdate {
        node: Some(here::node(cluster, arguments.node.as_deref())?.into()),
        name: pattern.to_owned(),
        pattern: true,
        value: arguments.update.clone(),
        dampening: None,
        only_dampening: false,
        private: false,
    };
    cluster.request(body).map(|_| ())
}

fn query(arguments: &Arguments, cluster: &Cluster, holder: &Holder, wanted: &Pair) -> Result<(), Refusal> {
    let found = cluster.attribute(holder, wanted)?;
    let value = match (found.as_slice(), &arguments.default) {
        ([first], _) => first.value.clone(),
        ([], Some(default)) => default.clone(),
        ([], None) => return Err(Refusal::new(Exit::NO_SUCH, "Error performing operation: No such device or address")),
        (many, _) => {
            for pair in many {
                eprintln!("  Value: {}\t(id={})", pair.value, pair.id);
            }
            return Err(Refusal::new(Exit::MULTIPLE, format!("Multiple attributes match name={}", wanted.name)));
        }
    };
    if arguments.quiet {
        println!("{value}");
    } else {
        println!("scope={}  name={} value={value}", holder.section(), wanted.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once("crm_attribute").chain(words.iter().copied())).unwrap()
    }

    #[test]
    fn the_section_follows_from_what_is_given() {
        for (words, expected) in [
            (&["-n", "a", "-v", "1"][..], "crm_config"),
            (&["-N", "n1", "-n", "a", "-v", "-INFINITY"], "nodes"),
            (&["-N", "n1", "-n", "a", "-l", "reboot", "-G"], "status"),
            (&["-t", "status", "-n", "a", "--quiet"], "status"),
            (&["--promotion", "-v", "10"], "status"),
            (&["-p", "db", "-v", "10", "-l", "forever"], "nodes"),
        ] {
            assert_eq!(kind(&read(words)).unwrap(), expected, "{words:?}");
        }
        assert_eq!(kind(&read(&["-n", "a", "-l", "soon"])).unwrap_err().exit, Exit::USAGE);
    }
}
