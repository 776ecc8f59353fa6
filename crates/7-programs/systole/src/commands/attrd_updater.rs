//! `attrd_updater`: transient attributes of nodes, with dampening.

use super::here;
use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use messages::client::{ClientBody, ReplyBody};
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug)]
struct Arguments {
    /// The attribute's name
    #[arg(short = 'n', long)]
    name: Option<String>,
    /// Operate on all attributes matching this pattern
    #[arg(short = 'P', long)]
    pattern: Option<String>,
    /// Set the value
    #[arg(short = 'U', short_alias = 'v', long, alias = "attr-value", allow_hyphen_values = true)]
    update: Option<String>,
    /// Set the value and the dampening (with --delay)
    #[arg(short = 'B', long, allow_hyphen_values = true)]
    update_both: Option<String>,
    /// Set the dampening (with --delay)
    #[arg(short = 'Y', long)]
    update_delay: bool,
    /// Show the value
    #[arg(short = 'Q', long)]
    query: bool,
    /// Delete the attribute
    #[arg(short = 'D', long)]
    delete: bool,
    /// Write all values to the CIB again
    #[arg(short = 'R', long)]
    refresh: bool,
    /// How long to wait for further changes before the value is written
    #[arg(short = 'd', long)]
    delay: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 's', short_alias = 'S', long)]
    set: Option<String>,
    /// The node
    #[arg(short = 'N', long)]
    node: Option<String>,
    /// Show the values of all nodes
    #[arg(short = 'A', long)]
    all: bool,
    /// (Accepted, without effect)
    #[arg(short = 'l', long)]
    lifetime: Option<String>,
    /// Never write the attribute to the CIB
    #[arg(short = 'p', long)]
    private: bool,
    /// Print no more than needed
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// Runs `attrd_updater`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("attrd_updater", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let cluster = Cluster::live("attrd_updater");
    if arguments.refresh && !arguments.query && arguments.update.is_none() {
        // Values are written as soon as their dampening allows, so there is nothing to catch up with; a daemon must answer all the same.
        return cluster.info().map(|_| Exit::OK);
    }
    let (name, is_pattern) = match (&arguments.name, &arguments.pattern) {
        (Some(name), _) => (name.clone(), false),
        (None, Some(pattern)) => (pattern.clone(), true),
        (None, None) => return Err(Refusal::new(Exit::USAGE, "Command requires --name or --pattern argument")),
    };
    if arguments.query {
        return query(arguments, &cluster, &name, report);
    }
    let value = arguments.update_both.clone().or_else(|| arguments.update.clone());
    if value.is_none() && !arguments.delete && !arguments.update_delay {
        return Err(Refusal::new(Exit::USAGE, "one of --update, --update-both, --update-delay, --query, --delete or --refresh is needed"));
    }
    let wants_delay = arguments.update_both.is_some() || arguments.update_delay;
    let dampening = match &arguments.delay {
        None if wants_delay => return Err(Refusal::new(Exit::USAGE, "--delay is needed with --update-both and --update-delay")),
        None => None,
        Some(text) => Some(
            model::parse_interval(text).ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not a time such as 5 or 500ms")))?,
        ),
    };
    let body = ClientBody::AttributeUpdate {
        node: Some(here::node(&cluster, arguments.node.as_deref())?.into()),
        name,
        pattern: is_pattern,
        value,
        // A delay beside a plain update takes effect only on a new attribute, which the daemon decides.
        dampening,
        only_dampening: arguments.update_delay,
        private: arguments.private,
    };
    cluster.request(body).map(|_| Exit::OK)
}

fn query(arguments: &Arguments, cluster: &Cluster, name: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let node = if arguments.all { None } else { Some(here::node(cluster, arguments.node.as_deref())?.into()) };
    let ReplyBody::Attributes(values) = cluster.request(ClientBody::AttributeQuery { node, name: name.to_owned() })? else {
        return Err(Refusal::new(Exit::ERROR, "the daemon did not answer with attributes"));
    };
    let known: Vec<_> = values.iter().filter_map(|v| v.value.as_ref().map(|value| (v, value))).collect();
    if known.is_empty() {
        // Compat: C-005. 2.1.5 ends with 78 here.
        return Err(Refusal::new(Exit::CONFIG, format!("Could not query value of {name}: attribute does not exist")));
    }
    for (attribute, value) in known {
        report.line(format!("name=\"{}\" host=\"{}\" value=\"{value}\"", attribute.name, attribute.node));
        let element = Element::new("attribute").with("name", &attribute.name).with("value", value);
        report.element(element.with("host", attribute.node.as_str()));
    }
    Ok(Exit::OK)
}
