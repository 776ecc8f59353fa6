//! `crm_resource`: where resources are, their parameters, and what is done to them by hand.
//!
//! The part that agents and everyday scripts call; docs/compat.md lists what is not there.

use super::here;
use admin::placing::{self, Terms};
use admin::{Cluster, Exit, Holder, Pair, Refusal};
use clap::Parser;
use messages::client::ClientBody;
use status::{Facts, Kind, ResourceIndex};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

/// Perform tasks related to cluster resources
#[derive(Parser, Debug)]
#[command(name = "crm_resource", version, disable_version_flag = true)]
struct Arguments {
    /// The resource
    #[arg(short = 'r', long)]
    resource: Option<String>,
    /// The node
    #[arg(short = 'N', short_alias = 'H', long, alias = "host-uname")]
    node: Option<String>,
    /// Show where the resource runs
    #[arg(short = 'W', long)]
    locate: bool,
    /// List the ids of all instantiated resources
    #[arg(short = 'l', long)]
    list_raw: bool,
    /// Show the configuration of the resource
    #[arg(short = 'q', long)]
    query_xml: bool,
    /// Keep the resource off a node
    #[arg(short = 'B', long)]
    ban: bool,
    /// Move the resource to a node, or away from where it runs
    #[arg(short = 'M', long)]
    r#move: bool,
    /// Take back what --ban and --move did
    #[arg(short = 'U', long, alias = "un-move")]
    clear: bool,
    /// Show a parameter
    #[arg(short = 'g', long)]
    get_parameter: Option<String>,
    /// Set a parameter to the value of -v
    #[arg(short = 'p', long)]
    set_parameter: Option<String>,
    /// Delete a parameter
    #[arg(short = 'd', long)]
    delete_parameter: Option<String>,
    /// The value for --set-parameter
    #[arg(short = 'v', long, allow_hyphen_values = true)]
    parameter_value: Option<String>,
    /// The parameter is a meta-attribute
    #[arg(short = 'm', long)]
    meta: bool,
    /// The parameter is a utilization attribute
    #[arg(short = 'z', long)]
    utilization: bool,
    /// Forget failures of the resource
    #[arg(short = 'C', long)]
    cleanup: bool,
    /// Forget everything recorded of the resource, so that it is probed again
    #[arg(short = 'R', short_alias = 'P', long, alias = "reprobe")]
    refresh: bool,
    /// Let the cluster believe that the resource failed
    #[arg(short = 'F', long)]
    fail: bool,
    /// Only this operation (with --cleanup)
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// The operation's interval
    #[arg(short = 'I', long)]
    interval: Option<String>,
    /// Wait until the cluster has nothing left to do
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(short = 'T', long)]
    timeout: Option<String>,
    /// Only in the promoted role
    #[arg(long, alias = "master")]
    promoted: bool,
    /// Why the resource is where it is
    #[arg(short = 'Y', long)]
    why: bool,
    /// Do it although it seems wrong
    #[arg(short = 'f', long)]
    force: bool,
    /// Print no more than needed
    #[arg(short = 'Q', long)]
    quiet: bool,
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `crm_resource`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Arguments>(arguments) {
        Ok(arguments) => here::end("crm_resource", act(&arguments)),
        Err(code) => code,
    }
}

fn act(arguments: &Arguments) -> Result<(), Refusal> {
    let cluster = Cluster::from_environment("crm_resource");
    if arguments.wait {
        let limit = arguments.timeout.as_deref().and_then(model::parse_interval).unwrap_or(Duration::from_secs(3600));
        return cluster.request(ClientBody::WaitIdle { timeout: limit }).map(|_| ());
    }
    if arguments.cleanup || arguments.refresh {
        return clean(arguments, &cluster);
    }
    let cib = cluster.cib()?;
    let facts = Facts::deduce(&cib, admin::now());
    if arguments.list_raw {
        list_raw(&facts);
        return Ok(());
    }
    let id = arguments.resource.as_deref().ok_or_else(|| Refusal::new(Exit::USAGE, "Must supply a resource ID with -r/--resource"))?;
    let index = facts
        .find_resource(id)
        .or_else(|| facts.find_configured(id))
        .ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("Resource '{id}' not found")))?;
    if arguments.locate {
        locate(&facts, index, id, arguments.quiet);
        return Ok(());
    }
    if arguments.why {
        admin::explain::resource(&cib, id, admin::now())?.iter().for_each(|line| println!("{line}"));
        return Ok(());
    }
    if arguments.query_xml {
        let element = cib.descend(&["configuration", "resources"]).and_then(|r| r.find_by_id(id));
        println!("Resource XML:\n{}", element.map(xml::Element::to_text).unwrap_or_default().trim_end());
        return Ok(());
    }
    if arguments.ban || arguments.r#move || arguments.clear {
        return place(arguments, &cluster, &facts, id);
    }
    if arguments.fail {
        let node = here::node(&cluster, arguments.node.as_deref())?;
        return cluster.request(ClientBody::FailResource { resource: id.to_owned(), node: node.into() }).map(|_| ());
    }
    parameter(arguments, &cluster, id)
}

fn clean(arguments: &Arguments, cluster: &Cluster) -> Result<(), Refusal> {
    let interval_ms = match &arguments.interval {
        None => None,
        Some(text) => Some(
            model::parse_interval(text)
                .ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not an interval such as 10s")))?
                .as_millis() as u64,
        ),
    };
    cluster.request(ClientBody::Cleanup {
        resource: arguments.resource.clone(),
        node: arguments.node.as_deref().map(Into::into),
        operation: arguments.operation.clone(),
        interval_ms,
        refresh: arguments.refresh,
    })?;
    match (&arguments.resource, &arguments.node) {
        (Some(resource), Some(node)) => println!("Cleaned up {resource} on {node}"),
        (Some(resource), None) => println!("Cleaned up {resource} on all nodes"),
        (None, _) => println!("Cleaned up all resources on all nodes"),
    }
    Ok(())
}

fn list_raw(facts: &Facts) {
    for resource in facts.resources.iter().filter(|r| matches!(r.kind, Kind::Primitive(_)) && !r.orphan) {
        println!("{}", resource.id);
    }
}

/// Compat: one line per place, with `Promoted` behind the node where that is the role.
fn locate(facts: &Facts, index: ResourceIndex, id: &str, quiet: bool) {
    let below = |resource: ResourceIndex| {
        let mut found = vec![resource];
        let mut at = 0;
        while at < found.len() {
            found.extend(facts.resource(found[at]).children.iter().copied());
            at += 1;
        }
        found
    };
    let mut places: Vec<(String, bool)> = below(index)
        .into_iter()
        .filter(|r| matches!(facts.resource(*r).kind, Kind::Primitive(_)))
        .flat_map(|r| {
            let resource = facts.resource(r);
            let is_promoted = resource.role == model::Role::Promoted;
            resource.active_nodes.iter().map(move |node| (facts.node(*node).name.to_string(), is_promoted))
        })
        .collect();
    places.dedup_by(|a, b| a.0 == b.0);
    if places.is_empty() {
        eprintln!("resource {id} is NOT running");
    }
    for (node, is_promoted) in places {
        match quiet {
            true => println!("{node}"),
            false => println!("resource {id} is running on: {node}{}", if is_promoted { " Promoted" } else { "" }),
        }
    }
}

fn place(arguments: &Arguments, cluster: &Cluster, facts: &Facts, id: &str) -> Result<(), Refusal> {
    let terms = Terms { promoted: arguments.promoted, until: None };
    if arguments.clear {
        let gone = placing::clear(cluster, id, arguments.node.as_deref())?;
        if !arguments.quiet {
            gone.iter().for_each(|id| println!("Removing constraint: {id}"));
        }
        return Ok(());
    }
    let here: Vec<String> = facts.whereabouts(id).into_iter().map(ToString::to_string).collect();
    let only = || match here.as_slice() {
        [node] => Ok(node.clone()),
        [] => Err(Refusal::new(
            Exit::USAGE,
            format!(
                "Resource '{id}' not moved: active in 0 locations. To prevent it from running on a specific node, specify a node name with -N"
            ),
        )),
        many => Err(Refusal::new(
            Exit::USAGE,
            format!("Resource '{id}' not moved: active in {} locations; specify a node name with -N", many.len()),
        )),
    };
    match (arguments.ban, &arguments.node) {
        (false, Some(node)) => {
            admin::node_id(&cluster.cib()?, node)?;
            if here == [node.clone()] && !arguments.force {
                return Err(Refusal::new(Exit(108), format!("Error performing operation: {id} is already active on {node}")));
            }
            placing::place(cluster, placing::prefer(id, node, &terms))
        }
        (_, node) => {
            let node = match node {
                Some(node) => {
                    admin::node_id(&cluster.cib()?, node)?;
                    node.clone()
                }
                None => only()?,
            };
            placing::place(cluster, placing::ban(id, &node, &terms))?;
            if !arguments.quiet {
                println!(
                    "WARNING: Creating rsc_location constraint 'cli-ban-{id}-on-{node}' with a score of -INFINITY for resource {id} on {node}."
                );
                println!("\tThis will prevent {id} from running on {node} until the constraint is removed");
            }
            Ok(())
        }
    }
}

fn parameter(arguments: &Arguments, cluster: &Cluster, id: &str) -> Result<(), Refusal> {
    let sets = match (arguments.meta, arguments.utilization) {
        (true, _) => "meta_attributes",
        (_, true) => "utilization",
        _ => "instance_attributes",
    };
    let holder = Holder::Resource { id: id.to_owned(), sets };
    if let Some(name) = &arguments.set_parameter {
        let value =
            arguments.parameter_value.as_deref().ok_or_else(|| Refusal::new(Exit::USAGE, "-v/--parameter-value is needed with -p"))?;
        return cluster.set_attribute(&holder, &Pair::named(name), value);
    }
    if let Some(name) = &arguments.delete_parameter {
        return cluster.delete_attribute(&holder, &Pair::named(name)).map(|_| ());
    }
    let Some(name) = &arguments.get_parameter else {
        return Err(Refusal::new(Exit::USAGE, "a command is needed, such as --locate, --ban or --get-parameter; --help lists them"));
    };
    match cluster.attribute(&holder, &Pair::named(name))?.first() {
        Some(found) => println!("{}", found.value),
        None => eprintln!("Attribute '{name}' not found for '{id}'"),
    }
    Ok(())
}
