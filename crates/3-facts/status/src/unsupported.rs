//! What a configuration may ask for and no part of the product carries out yet: bundles.
//!
//! Named here for everybody: plans are made without it, so that nothing waits for it; the coordinator records it as a
//! failure, so that every tool shows it; `explain` says it. When a kind is carried out one day, it goes from here.

use std::collections::BTreeSet;
use xml::{Element, Node};

/// One resource or node that cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// The bundle.
    pub id: String,
    /// The resource inside a bundle.
    pub inside: Option<String>,
    /// The resource under which its failure is recorded, and that resource's provider and type.
    pub recorded: (String, &'static str, String),
    /// What tools show as the reason.
    pub reason: &'static str,
}

impl Unsupported {
    /// Returns whether this name is its, or that of a part of it.
    pub fn is_named(&self, name: &str) -> bool {
        name == self.id || name == self.recorded.0 || self.inside.as_deref() == Some(name)
    }

    /// Returns what becomes of it, as a sentence without its full stop.
    pub fn sentence(&self) -> String {
        format!("{} stays stopped: {}", self.id, self.reason)
    }
}

const BUNDLE: &str = "bundles are not supported by Systole yet";

/// Returns what of a configuration is not carried out, in document order.
pub fn unsupported(cib: &Element) -> Vec<Unsupported> {
    let resources = cib.descend(&["configuration", "resources"]);
    resources.into_iter().flat_map(Element::descendants).filter_map(of_element).collect()
}

/// Returns the document without what is not carried out, its records included; `None` when that is nothing.
pub fn without_unsupported(cib: &Element) -> Option<Element> {
    let found = unsupported(cib);
    let is_marked = |element: &Element| element.elements_named("lrm_rsc_op").any(|op| op.attribute("crm-debug-origin") == Some(ORIGIN));
    let has_marks = cib.child("status").is_some_and(|status| status.descendants().any(is_marked));
    if found.is_empty() && !has_marks {
        return None;
    }
    let ids: BTreeSet<&str> = found.iter().map(|one| one.recorded.0.as_str()).collect();
    let mut reduced = cib.clone();
    if let Some(resources) = reduced.descend_mut(&["configuration", "resources"]) {
        prune(resources);
    }
    if let Some(status) = reduced.descend_mut(&["status"]) {
        let histories = status.elements_mut().filter_map(|state| state.descend_mut(&["lrm", "lrm_resources"]));
        let is_kept = |e: &Element| !is_marked(e) && !e.id().is_some_and(|id| ids.contains(id));
        histories.for_each(|histories| histories.children.retain(|child| child.as_element().is_none_or(is_kept)));
    }
    Some(reduced)
}

/// The origin that marks records and nodes written because of this.
pub const ORIGIN: &str = "unsupported";

fn of_element(element: &Element) -> Option<Unsupported> {
    let id = element.id().filter(|_| element.name == "bundle")?;
    let engine = element.elements().find(|e| matches!(e.name.as_str(), "docker" | "podman" | "rkt")).map_or("podman", |e| e.name.as_str());
    let recorded = match element.child("primitive") {
        Some(_) => (format!("{id}-0"), "pacemaker", "remote".to_owned()),
        None => (format!("{id}-{engine}-0"), "heartbeat", engine.to_owned()),
    };
    let inside = element.child("primitive").and_then(Element::id).map(str::to_owned);
    Some(Unsupported { id: id.to_owned(), inside, recorded, reason: BUNDLE })
}

fn prune(element: &mut Element) {
    let is_kept = |child: &Node| child.as_element().is_none_or(|e| e.name != "bundle");
    element.children.retain(is_kept);
    element.elements_mut().for_each(prune);
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
    fn bundles_are_left_out_and_named() {
        let text = "<cib><configuration><resources><bundle id='b'><podman image='x'/><primitive id='p' class='ocf' provider='heartbeat' type='apache'/></bundle>\
            <bundle id='c'><docker image='x'/></bundle><primitive id='r' class='ocf' provider='pacemaker' type='remote'/>\
            </resources></configuration><status>\
            <node_state id='1' uname='n1'><lrm id='1'><lrm_resources><lrm_resource id='b-0'/><lrm_resource id='r'/>\
            <lrm_resource id='gone'><lrm_rsc_op id='o' crm-debug-origin='unsupported'/></lrm_resource></lrm_resources></lrm></node_state>\
            </status></cib>";
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        let told: Vec<_> = unsupported(&cib).iter().map(|one| (one.id.clone(), one.recorded.0.clone())).collect();
        let pair = |id: &str, recorded: &str| (id.to_owned(), recorded.to_owned());
        assert_eq!(told, [pair("b", "b-0"), pair("c", "c-docker-0")]);
        assert_eq!(unsupported(&cib)[0].sentence(), "b stays stopped: bundles are not supported by Systole yet");
        let reduced = without_unsupported(&cib).unwrap();
        let left: Vec<&str> = reduced.descend(&["configuration", "resources"]).unwrap().elements().filter_map(Element::id).collect();
        assert_eq!(left, ["r"]);
        let text = reduced.to_compact();
        assert!(!text.contains("b-0") && !text.contains("gone"), "{text}");
        assert!(without_unsupported(&reduced).is_none());
    }
}
