//! B2: the status does not grow without end: it holds so many records of each resource and so many attributes of each node.

use xml::Element;

/// The last change of state, the last failure, a monitor or two, a migration either way, a reload.
const RECORDS_MAX: usize = 8;
/// Attributes of a node that have nothing to do with a resource.
const ATTRIBUTES_MAX: usize = 8;
/// Fail counts and times by operation, a promotion score.
const ATTRIBUTES_OF_A_RESOURCE_MAX: usize = 12;

pub(crate) fn grown(cib: &Element) -> Option<String> {
    let elements = || cib.descend(&["configuration", "resources"]).into_iter().flat_map(Element::descendants);
    // What a guest lives in has the guest's connection beside it.
    let is_guest = |element: &&Element| element.name == "nvpair" && element.attribute("name") == Some("remote-node");
    // A replica of a bundle is a container with a connection.
    let replicas = elements().filter_map(|element| element.attribute("replicas")?.parse::<usize>().ok()).sum::<usize>();
    let resources = elements().filter(|element| element.name == "primitive").count() + elements().filter(is_guest).count() + 2 * replicas;
    for state in cib.child("status")?.elements_named("node_state") {
        let node = state.attribute("uname").unwrap_or_default();
        let count = |name: &str| state.descendants().filter(|element| element.name == name).count();
        let (known, attributes) = (count("lrm_resource"), count("nvpair"));
        if known > resources {
            return Some(format!("B2: the status of {node} knows {known} resources, and there are {resources}"));
        }
        if attributes > ATTRIBUTES_MAX + ATTRIBUTES_OF_A_RESOURCE_MAX * resources {
            return Some(format!("B2: {node} has {attributes} transient attributes for {resources} resources"));
        }
        let records = |resource: &Element| resource.elements_named("lrm_rsc_op").count();
        if let Some(resource) = state.descendants().find(|element| element.name == "lrm_resource" && records(element) > RECORDS_MAX) {
            return Some(format!("B2: {} records of {} on {node}", records(resource), resource.id().unwrap_or_default()));
        }
    }
    None
}
