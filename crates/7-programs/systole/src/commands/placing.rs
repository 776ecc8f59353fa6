//! `systole move`, `ban` and `clear`: where a resource may run, by hand.

use super::native;
use admin::placing::{self, Terms};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Args)]
struct Move {
    /// The resource, group or clone
    resource: String,
    /// Where to; without it, away from where it runs
    node: Option<String>,
    #[command(flatten)]
    terms: Given,
}

#[derive(Args)]
struct Ban {
    /// The resource, group or clone
    resource: String,
    /// The node; without it, the one where it runs
    node: Option<String>,
    #[command(flatten)]
    terms: Given,
}

#[derive(Args)]
struct Clear {
    /// The resource, group or clone
    resource: String,
    /// Only what concerns this node
    node: Option<String>,
}

#[derive(Args)]
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
    native::run("move", arguments, |Move { resource, node, terms }| {
        let cluster = Cluster::from_environment("systole move");
        let cib = known(&cluster, &resource, node.as_deref())?;
        let Some(node) = node else {
            let from = admin::places(&cib, &resource).into_iter().next().ok_or_else(|| nowhere(&resource))?;
            placing::place(&cluster, placing::ban(&resource, &from, &terms.into()))?;
            return Ok(vec![format!("{resource} leaves {from} and may not come back there until `systole clear {resource}`")]);
        };
        placing::place(&cluster, placing::prefer(&resource, &node, &terms.into()))?;
        Ok(vec![format!("{resource} is drawn to {node}; `systole clear {resource}` takes that back")])
    })
}

/// Runs `systole ban`.
pub fn ban(arguments: Vec<OsString>) -> ExitCode {
    native::run("ban", arguments, |Ban { resource, node, terms }| {
        let cluster = Cluster::from_environment("systole ban");
        let cib = known(&cluster, &resource, node.as_deref())?;
        let node = match node {
            Some(node) => node,
            None => admin::places(&cib, &resource).into_iter().next().ok_or_else(|| nowhere(&resource))?,
        };
        placing::place(&cluster, placing::ban(&resource, &node, &terms.into()))?;
        Ok(vec![format!("{resource} is kept off {node} until `systole clear {resource} {node}`")])
    })
}

/// Runs `systole clear`.
pub fn clear(arguments: Vec<OsString>) -> ExitCode {
    native::run("clear", arguments, |Clear { resource, node }| {
        let cluster = Cluster::from_environment("systole clear");
        known(&cluster, &resource, node.as_deref())?;
        let gone = placing::clear(&cluster, &resource, node.as_deref())?;
        Ok(match gone.is_empty() {
            true => vec!["nothing was moved or banned by hand".to_owned()],
            false => gone.iter().map(|id| format!("removed {id}")).collect(),
        })
    })
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
