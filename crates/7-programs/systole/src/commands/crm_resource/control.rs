//! What is done to a resource by hand: cleaned up, deleted, failed, restarted, waited for.

use super::{Arguments, Scene, failed, refused, usage};
use crate::commands::here;
use crate::commands::tool::Report;
use admin::{Cluster, Exit, Holder, Pair, Refusal, edits};
use messages::client::ClientBody;
use status::{Facts, ResourceIndex};
use std::time::Duration;
use xml::Element;

fn patience(arguments: &Arguments) -> Duration {
    arguments.timeout.as_deref().and_then(model::parse_interval).unwrap_or(Duration::from_secs(3600))
}

/// Waits until the cluster has nothing left to do.
pub fn wait(arguments: &Arguments, cluster: &Cluster) -> Result<Exit, Refusal> {
    cluster.request(ClientBody::WaitIdle { timeout: patience(arguments) }).map(|_| Exit::OK)
}

/// Forgets failures, or everything recorded.
pub fn clean(arguments: &Arguments, cluster: &Cluster, report: &mut Report) -> Result<Exit, Refusal> {
    if arguments.operation.is_some() && arguments.resource.is_none() {
        return Err(usage("Must supply a resource id with -r when an operation is given with -n"));
    }
    let interval_ms = arguments.interval.as_deref().map(here::interval_ms).transpose()?;
    let facts = Facts::deduce(&cluster.cib()?, admin::now());
    // Compat: what is said of a part is done to the whole group or clone, unless forced.
    let named = arguments.resource.as_deref().and_then(|id| facts.find_configured(id));
    let meant = named.map(|index| if arguments.force { index } else { facts.top_of(index, true) });
    let resource = meant.map(|index| facts.resource(index).configured_id.to_string()).or_else(|| arguments.resource.clone());
    // Compat: what is recorded is the running cluster's, also where a shadow copy of its configuration is in use.
    let daemon = Cluster::without_shadow("crm_resource");
    if daemon.file().is_some() {
        return rehearse_cleaning(arguments, &facts, meant, report);
    }
    let node = arguments.node.as_deref().map(Into::into);
    let wish = ClientBody::Cleanup { resource, node, operation: arguments.operation.clone(), interval_ms, refresh: arguments.refresh };
    daemon.request(wish).map_err(|refusal| match &arguments.resource {
        Some(id) if refusal.exit == Exit::NO_SUCH => refused(Exit::NO_SUCH, format!("Resource '{id}' not found")),
        _ if refusal.exit == Exit::DISCONNECT => {
            refused(Exit::DISCONNECT, format!("Error connecting to the controller: {}", refusal.message))
        }
        _ => refusal,
    })?;
    let Some(id) = &arguments.resource else {
        report.line("Waiting for 1 reply from the controller");
        report.line("... got reply (done)");
        return Ok(Exit::OK);
    };
    let parts = meant.map_or_else(|| vec![id.clone()], |index| facts.primitive_names(index));
    for part in parts {
        for (_, node) in facts.nodes_in_order().filter(|(_, node)| arguments.node.as_deref().is_none_or(|name| node.name == name)) {
            report.line(format!("Cleaned up {part} on {}", node.name));
        }
    }
    Ok(Exit::OK)
}

/// Says what would be forgotten; a file is left as it is.
fn rehearse_cleaning(arguments: &Arguments, facts: &Facts, meant: Option<ResourceIndex>, report: &mut Report) -> Result<Exit, Refusal> {
    let node = arguments.node.as_deref();
    if let Some(name) = node.filter(|name| facts.find_node(name).is_none()) {
        return Err(refused(Exit::NO_SUCH, format!("Node '{name}' not found")));
    }
    let skipped = |what: &str| format!("Dry run: skipping clean-up of {what} due to CIB_file");
    let Some(id) = &arguments.resource else {
        report.line(skipped(node.unwrap_or("all nodes")));
        return Ok(Exit::OK);
    };
    let index = meant.ok_or_else(|| refused(Exit::NO_SUCH, format!("Resource '{id}' not found")))?;
    for part in facts.primitive_names(index) {
        for (_, node) in facts.nodes_in_order().filter(|(_, other)| node.is_none_or(|name| other.name == name)) {
            report.error(skipped(&format!("{part} on {}", node.name)));
        }
    }
    Ok(Exit::OK)
}

/// Deletes a resource from the configuration; what refers to it makes the CIB refuse that.
pub fn delete(arguments: &Arguments, cluster: &Cluster) -> Result<Exit, Refusal> {
    let id = arguments.resource()?;
    let cib = cluster.cib().map_err(failed)?;
    if cib.descend(&["configuration", "resources"]).and_then(|resources| resources.find_by_id(id)).is_none() {
        return Err(refused(Exit::NO_SUCH, format!("Resource '{id}' not found")));
    }
    let Some(kind) = &arguments.resource_type else {
        return Err(refused(Exit::NO_SUCH, "You need to specify a resource type with -t"));
    };
    cluster.edit(edits::delete("resources", &Element::new(kind).with("id", id))).map_err(failed)?;
    Ok(Exit::OK)
}

/// Lets the cluster believe that the resource failed.
pub fn fail(arguments: &Arguments, scene: &Scene<'_>, id: &str) -> Result<Exit, Refusal> {
    let node = arguments.node.as_deref().ok_or_else(|| usage("Must supply a node name with -N"))?;
    scene.check_node(node)?;
    if scene.cluster.file().is_some() {
        return Err(refused(Exit::DISCONNECT, "a failure can be told to a running cluster only, not to a file"));
    }
    scene.cluster.request(ClientBody::FailResource { resource: id.to_owned(), node: node.into() }).map(|_| Exit::OK)
}

/// Stops the resource (on one node: keeps it off there) and lets it start again.
pub fn restart(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    let id = arguments.resource()?;
    if !scene.facts.is_active(index, false) {
        return Err(refused(Exit::NO_SUCH, format!("{id} is not running anywhere and so cannot be restarted")));
    }
    if scene.cluster.file().is_some() {
        return Err(Refusal::new(Exit::UNAVAILABLE, "a restart needs a running cluster"));
    }
    let cluster = scene.cluster;
    let settle = |report: &mut Report| {
        report.flush();
        cluster.request(ClientBody::WaitIdle { timeout: patience(arguments) })
    };
    let before: Vec<String> = scene.facts.whereabouts(id).into_iter().map(ToString::to_string).collect();
    let still_active = |cluster: &Cluster| -> Result<Vec<String>, Refusal> {
        let facts = Facts::deduce(&cluster.cib()?, admin::now());
        Ok(facts.whereabouts(id).into_iter().map(ToString::to_string).collect())
    };
    report.line(format!("Waiting for {id} to stop on: {}", before.join(" ")));
    let undo: Box<dyn Fn() -> Result<(), Refusal>> = match &arguments.node {
        Some(node) => {
            scene.check_node(node)?;
            let ban = admin::placing::ban(id, node, &admin::placing::Terms::default());
            admin::placing::place(cluster, ban)?;
            Box::new(move || admin::placing::clear(cluster, id, Some(node)).map(|_| ()))
        }
        None => {
            let holder = Holder::Resource { id: scene.facts.resource(index).configured_id.to_string(), sets: "meta_attributes" };
            let pair = Pair::named("target-role");
            let old = cluster.attribute(&holder, &pair)?.first().map(|found| found.value.clone());
            cluster.set_attribute(&holder, &pair, "Stopped")?;
            Box::new(move || match &old {
                Some(value) => cluster.set_attribute(&holder, &pair, value),
                None => cluster.delete_attribute(&holder, &pair).map(|_| ()),
            })
        }
    };
    let stopped = settle(report);
    let left = still_active(cluster);
    report.line(format!("Waiting for {id} to start again"));
    undo()?;
    stopped?;
    let is_gone = match (&arguments.node, left?) {
        (Some(node), left) => !left.contains(node),
        (None, left) => left.is_empty(),
    };
    settle(report)?;
    if !is_gone {
        return Err(refused(Exit::ERROR, format!("{id} did not stop")));
    }
    match still_active(cluster)?.is_empty() {
        true => Err(refused(Exit::ERROR, format!("{id} did not start again"))),
        false => Ok(Exit::OK),
    }
}
