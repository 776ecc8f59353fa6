//! What a configuration may ask for and no part of the product carries out yet: bundles, and connections to remote
//! and guest nodes. It is left out of what is planned on, so that nothing waits for it, and named.

use xml::{Element, Node};

/// Returns the document without what is not carried out yet, and a sentence for each thing left out.
/// `None`: nothing is left out.
pub(crate) fn left_out(cib: &Element) -> Option<(Element, Vec<String>)> {
    let mut told = Vec::new();
    let resources = cib.descend(&["configuration", "resources"])?;
    if !resources.descendants().any(|e| reason(e).is_some() || is_guest_name(e)) {
        return None;
    }
    let mut reduced = cib.clone();
    if let Some(resources) = reduced.descend_mut(&["configuration", "resources"]) {
        prune(resources, &mut told);
    }
    Some((reduced, told))
}

/// Returns why a resource cannot run, in the middle of a sentence.
fn reason(element: &Element) -> Option<&'static str> {
    let is_remote =
        element.name == "primitive" && element.attribute("provider") == Some("pacemaker") && element.attribute("type") == Some("remote");
    match element.name.as_str() {
        "bundle" => Some("is a bundle"),
        _ if is_remote => Some("is a connection to a remote node"),
        _ => None,
    }
}

/// Whether the element is the meta-attribute that makes a guest node of a resource.
fn is_guest_name(element: &Element) -> bool {
    element.name == "nvpair" && element.attribute("name") == Some("remote-node")
}

fn prune(element: &mut Element, told: &mut Vec<String>) {
    element.children.retain(|child| {
        let Some(child) = child.as_element() else { return true };
        if is_guest_name(child) {
            told.push(format!("{} is no node: guest nodes are not supported yet", child.attribute("value").unwrap_or_default()));
            return false;
        }
        let Some(reason) = reason(child) else { return true };
        told.push(format!("{} stays stopped: it {reason}, which is not supported yet", child.id().unwrap_or_default()));
        false
    });
    element.elements_mut().for_each(|child| prune(child, told));
    // A group or clone of nothing would be a fault of its own.
    let is_hollow = |child: &Node| {
        child.as_element().is_some_and(|e| {
            matches!(e.name.as_str(), "group" | "clone" | "master")
                && !e.elements().any(|inner| matches!(inner.name.as_str(), "primitive" | "group"))
        })
    };
    element.children.retain(|child| !is_hollow(child));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_and_remote_connections_are_left_out_and_named() {
        let text = "<cib><configuration><resources><bundle id='b'/><primitive id='r' class='ocf' provider='pacemaker' type='remote'/>\
            <group id='g'><primitive id='s' class='ocf' provider='pacemaker' type='remote'/></group>\
            <primitive id='vm' class='ocf' provider='heartbeat' type='VirtualDomain'><meta_attributes id='m'><nvpair id='n' name='remote-node' value='guest'/></meta_attributes></primitive>\
            </resources></configuration></cib>";
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        let (reduced, told) = left_out(&cib).unwrap();
        let left: Vec<&str> = reduced.descend(&["configuration", "resources"]).unwrap().elements().filter_map(Element::id).collect();
        assert_eq!(left, ["vm"]);
        assert_eq!(told.len(), 4);
        assert!(told.contains(&"b stays stopped: it is a bundle, which is not supported yet".to_owned()), "{told:?}");
        assert!(!reduced.to_compact().contains("remote-node"));
        assert!(left_out(&reduced).is_none());
    }
}
