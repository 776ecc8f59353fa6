//! Name-value pairs in the CIB: of nodes (for good or until the node's end), of resources, of the cluster's options
//! and of the defaults. Found and made by `cib::edit`, so ids are those Pacemaker's tools make.
//!
//! A change is sent as the smallest element that says it, so that two tools changing different pairs at the same
//! moment do not undo each other.

use crate::exit::{Exit, Refusal};
use crate::{Cluster, edits};
use cib::edit::{PairPlace, Wanted, find_pairs, set_pair};
use messages::client::{ClientBody, ReplyBody};
use xml::Element;

/// Which sets of pairs are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// The cluster's options.
    Options,
    ResourceDefaults,
    OperationDefaults,
    /// Attributes of the node of this name that stay.
    Node(String),
    NodeUtilization(String),
    /// Attributes of the node of this name that end with its life.
    Transient(String),
    /// The sets of this element name (`meta_attributes`, …) of a resource.
    Resource {
        id: String,
        sets: &'static str,
    },
}

impl Holder {
    /// Returns the section that holds the pairs.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Options => "crm_config",
            Self::ResourceDefaults => "rsc_defaults",
            Self::OperationDefaults => "op_defaults",
            Self::Node(_) | Self::NodeUtilization(_) => "nodes",
            Self::Transient(_) => "status",
            Self::Resource { .. } => "resources",
        }
    }

    /// Returns the id in the CIB of the node or resource.
    fn id(&self, cib: &Element) -> Result<String, Refusal> {
        match self {
            Self::Node(node) | Self::NodeUtilization(node) | Self::Transient(node) => node_id(cib, node),
            Self::Resource { id, .. } => Ok(id.clone()),
            _ => Ok(String::new()),
        }
    }

    fn place<'a>(&self, id: &'a str) -> PairPlace<'a> {
        match self {
            Self::Options => PairPlace::Option,
            Self::ResourceDefaults => PairPlace::ResourceDefault,
            Self::OperationDefaults => PairPlace::OperationDefault,
            Self::Node(_) => PairPlace::Node(id),
            Self::NodeUtilization(_) => PairPlace::NodeUtilization(id),
            Self::Transient(_) => PairPlace::Transient(id),
            Self::Resource { sets, .. } => PairPlace::Resource(id, sets),
        }
    }
}

/// Which pair is meant: by its name, and where that is not enough by the ids of the set and of the pair.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    pub name: String,
    pub set: Option<String>,
    pub id: Option<String>,
}

impl Pair {
    /// Returns the pair of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { set: self.set.as_deref(), id: self.id.as_deref(), name: Some(&self.name) }
    }
}

/// A pair that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub id: String,
    pub value: String,
}

/// Returns the id of a node in the CIB; a remote node's id is its name.
pub fn node_id(cib: &Element, node: &str) -> Result<String, Refusal> {
    let nodes = cib.descend(&["configuration", "nodes"]).into_iter().flat_map(|nodes| nodes.elements_named("node"));
    let states = cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
    let is_remote = || cib.descendants().any(|e| e.name == "primitive" && e.id() == Some(node) && e.attribute("type") == Some("remote"));
    nodes
        .chain(states)
        .find(|e| e.attribute("uname") == Some(node))
        .and_then(|e| e.id().map(str::to_owned))
        .or_else(|| is_remote().then(|| node.to_owned()))
        .ok_or_else(|| {
            Refusal::new(Exit::NO_SUCH, format!("Could not map name={node} to a UUID: the cluster knows no node of that name")).told()
        })
}

/// Returns the elements from below the section down to the one at `path`, each with its identifying attributes only.
fn skeleton(cib: &Element, path: &[usize], section: &str) -> Option<Element> {
    let chain: Vec<&Element> = (0..=path.len()).filter_map(|depth| cib.at_path(&path[..depth])).collect();
    let from = chain.iter().position(|e| e.name == section)?;
    let (last, above) = chain[from..].split_last()?;
    let mut element = Element { children: Vec::new(), ..(*last).clone() };
    for outer in above.iter().rev() {
        let mut bare = Element::new(&outer.name);
        for name in ["id", "uname"] {
            if let Some(value) = outer.attribute(name) {
                bare.set(name, value);
            }
        }
        element = bare.with_child(element);
    }
    Some(element)
}

/// Returns the smallest element that sets the pair when it is merged into the CIB.
fn update(cib: &Element, place: PairPlace<'_>, pair: &Pair, value: &str, section: &str) -> Result<Element, Refusal> {
    let changed = set_pair(cib, place, pair.wanted(), value).map_err(Refusal::from)?;
    let target = find_pairs(&changed, place, pair.wanted()).first().map(|(_, found)| std::ptr::from_ref(*found));
    let path = changed.path_to(&mut |e| Some(std::ptr::from_ref(e)) == target);
    path.and_then(|path| skeleton(&changed, &path, section))
        .ok_or_else(|| Refusal::new(Exit::ERROR, format!("{} was set and is not found", pair.name)))
}

impl Cluster {
    /// Returns the pairs that match.
    pub fn attribute(&self, holder: &Holder, pair: &Pair) -> Result<Vec<Found>, Refusal> {
        // A transient attribute is asked of the attribute engine: it knows a value before the CIB does.
        if let (Holder::Transient(node), true, None, None) = (holder, self.is_here(), &pair.set, &pair.id) {
            let body = ClientBody::AttributeQuery { node: Some(node.as_str().into()), name: pair.name.clone() };
            if let ReplyBody::Attributes(values) = self.request(body)? {
                let value = values.into_iter().find(|v| v.node == node.as_str()).and_then(|v| v.value);
                return Ok(value.map(|value| Found { id: String::new(), value }).into_iter().collect());
            }
        }
        let (cib, id) = self.relevant(holder)?;
        let found = find_pairs(&cib, holder.place(&id), pair.wanted());
        let text = |element: &Element, name: &str| element.attribute(name).unwrap_or_default().to_owned();
        Ok(found.into_iter().map(|(_, e)| Found { id: text(e, "id"), value: text(e, "value") }).collect())
    }

    /// Returns as much of the CIB as tells of a holder's pairs, and the holder's id: agents ask at each monitor, and a CIB may be large.
    fn relevant(&self, holder: &Holder) -> Result<(Element, String), Refusal> {
        if self.file().is_none() && !matches!(holder, Holder::Resource { .. } | Holder::Transient(_)) {
            let body = ClientBody::CibQuery { section: Some(holder.section().to_owned()), xpath: None, without_children: false };
            if let Ok(ReplyBody::Xml(text)) = self.request(body)
                && let Ok(section) = crate::parse(text.as_bytes(), "the daemon's CIB")
                // What refers to another section needs that as well.
                && !section.descendants().any(|element| element.has("id-ref"))
            {
                let cib = Element::new("cib").with_child(Element::new("configuration").with_child(section));
                if let Ok(id) = holder.id(&cib) {
                    return Ok((cib, id));
                }
            }
        }
        let cib = self.cib()?;
        let id = holder.id(&cib)?;
        Ok((cib, id))
    }

    /// Returns every pair of a holder in the CIB, with its name.
    pub fn attributes(&self, holder: &Holder) -> Result<Vec<(String, Found)>, Refusal> {
        let cib = self.cib()?;
        let id = holder.id(&cib)?;
        let text = |element: &Element, name: &str| element.attribute(name).unwrap_or_default().to_owned();
        let found = find_pairs(&cib, holder.place(&id), Wanted::default());
        Ok(found.into_iter().map(|(_, e)| (text(e, "name"), Found { id: text(e, "id"), value: text(e, "value") })).collect())
    }

    /// Sets a pair, in its place when it is there.
    pub fn set_attribute(&self, holder: &Holder, pair: &Pair, value: &str) -> Result<(), Refusal> {
        if let (Holder::Transient(node), true) = (holder, self.is_here()) {
            return self.update_transient(node, &pair.name, false, Some(value));
        }
        let cib = self.cib()?;
        let id = holder.id(&cib)?;
        let element = update(&cib, holder.place(&id), pair, value, holder.section())?;
        let mut edit = edits::modify(holder.section(), element);
        edit.expand_increments = true;
        self.edit(edit)
    }

    /// Deletes every pair that matches and returns their ids; none is no error.
    pub fn delete_attribute(&self, holder: &Holder, pair: &Pair) -> Result<Vec<String>, Refusal> {
        if let (Holder::Transient(node), true) = (holder, self.is_here()) {
            return self.update_transient(node, &pair.name, false, None).map(|()| Vec::new());
        }
        let found = self.attribute(holder, pair)?;
        for Found { id, .. } in &found {
            self.edit(edits::delete(holder.section(), &Element::new("nvpair").with("id", id).with("name", &pair.name)))?;
        }
        Ok(found.into_iter().map(|found| found.id).collect())
    }

    /// Sets (or deletes, without a value) transient attributes of a node through its daemon: the one of this name, or all
    /// whose names match an expression.
    pub fn update_transient(&self, node: &str, name: &str, is_pattern: bool, value: Option<&str>) -> Result<(), Refusal> {
        let body = ClientBody::AttributeUpdate {
            node: Some(node.into()),
            name: name.to_owned(),
            pattern: is_pattern,
            value: value.map(str::to_owned),
            dampening: None,
            only_dampening: false,
            private: false,
        };
        self.request(body).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cib() -> Element {
        let text = "<cib><configuration><crm_config><cluster_property_set id='mine'><nvpair id='x' name='a' value='1'/></cluster_property_set></crm_config>\
            <nodes><node id='7' uname='n'/></nodes></configuration><status/></cib>";
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    #[test]
    fn a_change_says_no_more_than_it_must() {
        for (holder, id, name, expected) in [
            (
                Holder::Options,
                "",
                "a",
                r#"<crm_config><cluster_property_set id="mine"><nvpair id="x" name="a" value="2"/></cluster_property_set></crm_config>"#,
            ),
            (
                Holder::Node("n".into()),
                "7",
                "standby",
                r#"<nodes><node id="7" uname="n"><instance_attributes id="nodes-7"><nvpair id="nodes-7-standby" name="standby" value="2"/></instance_attributes></node></nodes>"#,
            ),
        ] {
            let element = update(&cib(), holder.place(id), &Pair::named(name), "2", holder.section()).unwrap();
            assert_eq!(element.to_compact().trim(), expected);
        }
    }

    #[test]
    fn an_unknown_node_is_named() {
        assert_eq!(node_id(&cib(), "n").unwrap(), "7");
        assert!(node_id(&cib(), "m").unwrap_err().message.contains("name=m"));
    }
}
