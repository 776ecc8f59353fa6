//! `crm_attribute`, `crm_master` and `crm_standby`: options of the cluster and attributes of nodes.

use super::here;
use super::options_list;
use super::tool::{self, Report};
use admin::codes::{call_words, says_all};
use admin::{Cluster, Exit, Found, Holder, Pair, Refusal};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug, Default, Clone)]
struct Arguments {
    /// (Advanced) Operate on the pair with this XML id
    #[arg(short = 'i', long, alias = "attr-id")]
    id: Option<String>,
    /// Operate on the attribute or option of this name
    #[arg(short = 'n', long, visible_alias = "attr-name")]
    name: Option<String>,
    /// Operate on the promotion score of this resource, or of the agent that calls
    #[arg(short = 'p', long, num_args = 0..=1, default_missing_value = "")]
    promotion: Option<String>,
    /// Operate on all attributes matching this pattern (with -G, -v or -D)
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
    /// crm_config, rsc_defaults, op_defaults, nodes or status
    #[arg(short = 't', long = "type")]
    kind: Option<String>,
    /// A utilization attribute of the node
    #[arg(short = 'z', long)]
    utilization: bool,
    /// (Accepted: scores such as `value++` and `value+=2` are always computed)
    #[arg(long)]
    score: bool,
    /// Print only the value
    #[arg(short = 'q', long, short_alias = 'Q')]
    quiet: bool,
    /// Show the options that the cluster knows
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "cluster")]
    list_options: Option<String>,
    /// Show advanced options as well (with --list-options)
    #[arg(long)]
    all: bool,
}

/// Runs `crm_attribute`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_attribute", arguments, act)
}

#[derive(Args)]
struct MasterArguments {
    #[command(flatten)]
    attribute: Arguments,
    /// The resource, when no agent calls
    #[arg(short = 'r', long)]
    resource: Option<String>,
}

/// Runs `crm_master`: the promotion score of the calling agent's resource.
pub fn master(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<MasterArguments>("crm_master", arguments, |arguments, report| act(&of_master(arguments), report))
}

/// Compat: without a lifetime the score is kept, where `crm_attribute --promotion` takes one until the next reboot.
fn of_master(arguments: &MasterArguments) -> Arguments {
    let promotion = Some(arguments.resource.clone().unwrap_or_default());
    let lifetime = arguments.attribute.lifetime.clone().or_else(|| Some("forever".to_owned()));
    Arguments { promotion, lifetime, ..arguments.attribute.clone() }
}

/// Runs `crm_standby`: whether a node may run resources.
pub fn standby(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_standby", arguments, |arguments, report| {
        let cluster = Cluster::from_environment("crm_standby");
        let node = here::node(&cluster, arguments.node.as_deref())?;
        let named = Arguments { node: Some(node.clone()), name: Some("standby".to_owned()), ..arguments.clone() };
        if named.lifetime.is_some() || named.update.is_some() {
            return act(&Arguments { lifetime: named.lifetime.clone().or_else(|| Some("forever".to_owned())), ..named }, report);
        }
        let with = |lifetime: &str| Arguments { lifetime: Some(lifetime.to_owned()), ..named.clone() };
        if named.delete {
            return act(&with("forever"), report).and_then(|_| act(&with("reboot"), report));
        }
        match cluster.attribute(&Holder::Node(node), &Pair::named("standby"))?.is_empty() {
            false => act(&with("forever"), report),
            true => act(&Arguments { default: Some("off".to_owned()), ..with("reboot") }, report),
        }
    })
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

/// Compat: what the operation itself refuses is told in these words; why, in a line of its own where it says more.
fn failed(refusal: Refusal) -> Refusal {
    let words = match refusal.exit {
        _ if refusal.is_told => return refusal,
        Exit::DISCONNECT => refusal.message,
        exit if says_all(exit.0) => call_words(exit.0).to_owned(),
        exit => format!("{}\n{}", call_words(exit.0), refusal.message),
    };
    Refusal::new(refusal.exit, format!("Error performing operation: {words}"))
}

fn usage(text: &str) -> Refusal {
    Refusal::new(Exit::USAGE, format!("Error: {text}"))
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if let Some(kind) = &arguments.list_options {
        return options_list::list(kind, arguments.all, report);
    }
    let cluster = Cluster::from_environment("crm_attribute");
    let name = match (&arguments.promotion, &arguments.pattern, &arguments.name) {
        (Some(resource), _, _) => here::promotion_attribute(Some(resource.as_str()).filter(|r| !r.is_empty()))?,
        (None, Some(pattern), _) => return of_pattern(arguments, &cluster, pattern, report),
        (None, None, Some(name)) => name.clone(),
        (None, None, None) if arguments.delete => return Err(usage("must specify attribute name or pattern to delete")),
        (None, None, None) if arguments.update.is_some() => return Err(usage("must specify attribute name or pattern to update")),
        (None, None, None) => return of_pattern(arguments, &cluster, "", report),
    };
    let holder = holder(arguments, &cluster)?;
    let pair = Pair { name, set: arguments.set_name.clone(), id: arguments.id.clone() };
    match (&arguments.update, arguments.delete) {
        (Some(value), _) => update(arguments, &cluster, &holder, &pair, value, report),
        (None, true) => {
            for id in cluster.delete_attribute(&holder, &pair).map_err(failed)? {
                deleted(&holder, &id, &pair.name, report);
            }
            Ok(Exit::OK)
        }
        (None, false) => query(arguments, &cluster, &holder, &pair, report),
    }
}

fn deleted(holder: &Holder, id: &str, name: &str, report: &mut Report) {
    let what = if matches!(holder, Holder::Node(_) | Holder::NodeUtilization(_) | Holder::Transient(_)) { "attribute" } else { "option" };
    report.line(format!("Deleted {} {what}: id={id} name={name}", holder.section()));
}

fn update(
    arguments: &Arguments,
    cluster: &Cluster,
    holder: &Holder,
    pair: &Pair,
    value: &str,
    report: &mut Report,
) -> Result<Exit, Refusal> {
    match cluster.set_attribute(holder, pair, value) {
        Ok(()) => Ok(Exit::OK),
        Err(refusal) if refusal.exit == Exit::MULTIPLE => {
            report.error("crm_attribute: Please choose from one of the matches below and supply the 'id' with --attr-id");
            matches(&cluster.attribute(holder, pair)?, &pair.name, report);
            Ok(Exit::MULTIPLE)
        }
        Err(refusal) => {
            if refusal.exit == Exit::INSUFFICIENT_PRIVILEGES && cluster.cib().is_ok() {
                let set = arguments.set_name.as_deref().unwrap_or("<null>");
                let words = call_words(refusal.exit.0);
                report.error(format!("Error setting {}={value} (section={}, set={set}): {words}", pair.name, holder.section()));
            }
            Err(failed(refusal))
        }
    }
}

fn matches(found: &[Found], name: &str, report: &mut Report) {
    report.line(format!("Multiple attributes match name={name}"));
    for pair in found {
        report.line(format!("  Value: {} \t(id={})", pair.value, pair.id));
    }
}

/// Shows, sets or deletes every attribute whose name matches an expression.
fn of_pattern(arguments: &Arguments, cluster: &Cluster, pattern: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let holder = holder(arguments, cluster)?;
    let expression = regex::Regex::new(pattern).map_err(|error| usage(&error.to_string()))?;
    if let (Holder::Transient(node), true, true) = (&holder, cluster.is_here(), arguments.update.is_some() || arguments.delete) {
        cluster.update_transient(node, pattern, true, arguments.update.as_deref()).map_err(failed)?;
        return Ok(Exit::OK);
    }
    let pairs = cluster.attributes(&holder).map_err(failed)?;
    let pairs: Vec<(String, Found)> = pairs.into_iter().filter(|(name, _)| expression.is_match(name)).collect();
    let pairs: Vec<(String, Found)> =
        pairs.into_iter().filter(|(_, found)| arguments.id.as_ref().is_none_or(|id| *id == found.id)).collect();
    let is_query = arguments.update.is_none() && !arguments.delete;
    // Compat: 2.1.5 refuses a pattern for what is kept, 3.0 follows it. So do we; where it would change nothing, it is told what 2.1.5 says.
    if pairs.is_empty() && !is_query && !matches!(holder, Holder::Transient(_)) {
        return Err(usage("pattern can only be used with query, or with till-reboot update or delete"));
    }
    for (name, found) in &pairs {
        let pair = Pair { name: name.clone(), set: None, id: Some(found.id.clone()) };
        match (&arguments.update, arguments.delete) {
            (Some(value), _) => cluster.set_attribute(&holder, &pair, value).map_err(failed)?,
            (None, true) => {
                cluster.delete_attribute(&holder, &pair).map_err(failed)?;
                deleted(&holder, &found.id, name, report);
            }
            (None, false) => show(arguments, &holder, name, &found.value, report),
        }
    }
    if is_query && pairs.is_empty() { Err(failed(Refusal::new(Exit::NO_SUCH, ""))) } else { Ok(Exit::OK) }
}

fn show(arguments: &Arguments, holder: &Holder, name: &str, value: &str, report: &mut Report) {
    match arguments.quiet {
        true => report.line(value),
        false => {
            let id = arguments.id.as_ref().map(|id| format!("id={id}")).unwrap_or_default();
            report.line(format!("scope={} {id} name={name} value={value}", holder.section()));
        }
    }
    report.element(Element::new("attribute").with("name", name).with("value", value).with("scope", holder.section()));
}

fn query(arguments: &Arguments, cluster: &Cluster, holder: &Holder, wanted: &Pair, report: &mut Report) -> Result<Exit, Refusal> {
    let found = cluster.attribute(holder, wanted).map_err(failed)?;
    match (found.as_slice(), &arguments.default) {
        ([first], _) => show(arguments, holder, &wanted.name, &first.value, report),
        ([], Some(default)) => show(arguments, holder, &wanted.name, default, report),
        ([], None) => return Err(failed(Refusal::new(Exit::NO_SUCH, ""))),
        (many, _) => {
            matches(many, &wanted.name, report);
            return Ok(Exit::MULTIPLE);
        }
    }
    Ok(Exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Arguments {
        let words = std::iter::once("crm_attribute").chain(words.iter().copied()).map(OsString::from).collect();
        tool::parse_tool::<Arguments>("crm_attribute", words).unwrap().0
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
        for (lifetime, expected) in [(None, "nodes"), (Some("reboot"), "status")] {
            let attribute = Arguments { lifetime: lifetime.map(str::to_owned), ..read(&["-v", "5"]) };
            assert_eq!(kind(&of_master(&MasterArguments { attribute, resource: Some("db".into()) })).unwrap(), expected, "crm_master");
        }
    }
}
