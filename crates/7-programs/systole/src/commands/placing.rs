//! `systole move`, `ban` and `clear`: where a resource may run, by hand.

use admin::placing::{self, Terms};
use admin::{Cluster, Exit, Refusal};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Moves a resource to a node, by a preference that stays until it is cleared
#[derive(Parser)]
#[command(name = "systole move")]
struct Move {
    /// The resource, group or clone
    resource: String,
    /// Where to; without it, away from where it runs
    node: Option<String>,
    #[command(flatten)]
    terms: Given,
}

/// Keeps a resource off a node until that is cleared
#[derive(Parser)]
#[command(name = "systole ban")]
struct Ban {
    /// The resource, group or clone
    resource: String,
    /// The node; without it, the one where it runs
    node: Option<String>,
    #[command(flatten)]
    terms: Given,
}

/// Takes back what move and ban did
#[derive(Parser)]
#[command(name = "systole clear")]
struct Clear {
    /// The resource, group or clone
    resource: String,
    /// Only what concerns this node
    node: Option<String>,
}

#[derive(clap::Args)]
struct Given {
    /// Only in the promoted role
    #[arg(long)]
    promoted: bool,
    /// When it ends by itself, in ISO 8601 (2030-01-31 12:00:00Z)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl From<Given> for Terms {
    fn from(given: Given) -> Self {
        Self { promoted: given.promoted, until: given.until }
    }
}

/// Runs `systole move`.
pub fn move_to(arguments: Vec<OsString>) -> ExitCode {
    let Move { resource, node, terms } = match super::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let cluster = Cluster::from_environment("systole move");
    let act = || {
        let cib = known(&cluster, &resource, node.as_deref())?;
        match node {
            Some(node) => {
                placing::place(&cluster, placing::prefer(&resource, &node, &terms.into()))?;
                println!("{resource} is drawn to {node}; `systole clear {resource}` takes that back");
            }
            None => {
                let from = admin::places(&cib, &resource).into_iter().next().ok_or_else(|| nowhere(&resource))?;
                placing::place(&cluster, placing::ban(&resource, &from, &terms.into()))?;
                println!("{resource} leaves {from} and may not come back there until `systole clear {resource}`");
            }
        }
        Ok(())
    };
    super::here::end("systole move", act())
}

/// Runs `systole ban`.
pub fn ban(arguments: Vec<OsString>) -> ExitCode {
    let Ban { resource, node, terms } = match super::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let cluster = Cluster::from_environment("systole ban");
    let act = || {
        let cib = known(&cluster, &resource, node.as_deref())?;
        let node = match node {
            Some(node) => node,
            None => admin::places(&cib, &resource).into_iter().next().ok_or_else(|| nowhere(&resource))?,
        };
        placing::place(&cluster, placing::ban(&resource, &node, &terms.into()))?;
        println!("{resource} is kept off {node} until `systole clear {resource} {node}`");
        Ok(())
    };
    super::here::end("systole ban", act())
}

/// Runs `systole clear`.
pub fn clear(arguments: Vec<OsString>) -> ExitCode {
    let Clear { resource, node } = match super::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let cluster = Cluster::from_environment("systole clear");
    let act = || {
        known(&cluster, &resource, node.as_deref())?;
        let gone = placing::clear(&cluster, &resource, node.as_deref())?;
        if gone.is_empty() {
            println!("nothing was moved or banned by hand");
        }
        gone.iter().for_each(|id| println!("removed {id}"));
        Ok(())
    };
    super::here::end("systole clear", act())
}

fn nowhere(resource: &str) -> Refusal {
    Refusal::new(Exit::NO_SUCH, format!("{resource} runs nowhere, so a node must be named"))
}

/// Returns the CIB when it knows the resource and the node.
fn known(cluster: &Cluster, resource: &str, node: Option<&str>) -> Result<xml::Element, Refusal> {
    let cib = cluster.cib()?;
    let resources = cib.descend(&["configuration", "resources"]);
    if !resources.into_iter().flat_map(|r| r.descendants()).any(|e| e.id() == Some(resource) && admin::is_resource(e)) {
        return Err(Refusal::new(Exit::NO_SUCH, format!("there is no resource {resource:?}")));
    }
    if let Some(node) = node {
        admin::node_id(&cib, node)?;
    }
    Ok(cib)
}
