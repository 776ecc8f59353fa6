//! Finds, sets and removes one named value, whichever set holds it; ids as Pacemaker's tools make them.

use super::{EditError, Section};
use xml::Element;

/// Where sets of name-value pairs live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PairPlace<'p> {
    /// Cluster options.
    Option,
    /// Meta-attributes of all resources.
    ResourceDefault,
    /// Meta-attributes of all operations.
    OperationDefault,
    /// Permanent attributes of the node with this id.
    Node(&'p str),
    /// Utilization of the node with this id.
    NodeUtilization(&'p str),
    /// Attributes of the node with this id that last until it restarts.
    Transient(&'p str),
    /// A set of this element name (`meta_attributes`, `instance_attributes`, `utilization`) of the resource with this id.
    Resource(&'p str, &'p str),
}

/// Which pair is meant; what is absent matches all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted<'p> {
    /// The id of the set.
    pub set: Option<&'p str>,
    /// The id of the pair.
    pub id: Option<&'p str>,
    pub name: Option<&'p str>,
}

impl PairPlace<'_> {
    /// Returns the element that has the sets.
    fn owner<'a>(&self, cib: &'a Element) -> Option<&'a Element> {
        let by_id = |section: Section, names: &[&str], id: &str| {
            let section = section.of(cib)?;
            section.descendants().find(|e| e.id() == Some(id) && (names.is_empty() || names.contains(&e.name.as_str())))
        };
        match self {
            Self::Option => Section::CrmConfig.of(cib),
            Self::ResourceDefault => Section::ResourceDefaults.of(cib),
            Self::OperationDefault => Section::OperationDefaults.of(cib),
            Self::Node(id) | Self::NodeUtilization(id) => by_id(Section::Nodes, &["node"], id),
            Self::Transient(id) => by_id(Section::Status, &["node_state"], id)?.child("transient_attributes"),
            Self::Resource(id, _) => by_id(Section::Resources, &["primitive", "group", "clone", "master", "bundle", "template"], id),
        }
    }

    fn set_name(&self) -> &str {
        match self {
            Self::Option => "cluster_property_set",
            Self::ResourceDefault | Self::OperationDefault => "meta_attributes",
            Self::Node(_) | Self::Transient(_) => "instance_attributes",
            Self::NodeUtilization(_) => "utilization",
            Self::Resource(_, set) => set,
        }
    }

    /// Compat: the id that a new set gets.
    fn new_set_id(&self) -> String {
        match self {
            Self::Option => "cib-bootstrap-options".to_owned(),
            Self::ResourceDefault => "rsc_defaults-options".to_owned(),
            Self::OperationDefault => "op_defaults-options".to_owned(),
            Self::Node(id) => format!("nodes-{id}"),
            Self::NodeUtilization(id) => format!("nodes-{id}-utilization"),
            Self::Transient(id) => format!("status-{id}"),
            Self::Resource(id, set) => format!("{id}-{set}"),
        }
    }

    /// Returns the element that has the sets, made where that makes sense.
    fn owner_mut<'a>(&self, cib: &'a mut Element) -> Result<&'a mut Element, EditError> {
        match self {
            Self::Option => Ok(Section::CrmConfig.of_mut_or_new(cib)),
            Self::ResourceDefault => Ok(Section::ResourceDefaults.of_mut_or_new(cib)),
            Self::OperationDefault => Ok(Section::OperationDefaults.of_mut_or_new(cib)),
            Self::Transient(id) => {
                let status = Section::Status.of_mut_or_new(cib);
                if !status.elements().any(|e| e.id() == Some(id)) {
                    status.push(Element::new("node_state").with("id", id));
                }
                let state = status.element_mut(|e| e.id() == Some(id));
                let transient = state.map(|state| state.child_or_new("transient_attributes"));
                let transient = transient.ok_or_else(|| EditError::NoSuchObject(format!("node with id {id}")))?;
                if !transient.has("id") {
                    transient.set("id", id);
                }
                Ok(transient)
            }
            Self::Node(id) | Self::NodeUtilization(id) => {
                Section::Nodes.of_mut(cib)?.find_by_id_mut(id).ok_or_else(|| EditError::NoSuchObject(format!("node with id {id}")))
            }
            Self::Resource(id, _) => {
                Section::Resources.of_mut(cib)?.find_by_id_mut(id).ok_or_else(|| EditError::NoSuchObject(format!("resource {id}")))
            }
        }
    }
}

/// Returns the pairs that match, each with its set, in document order.
pub fn find_pairs<'a>(cib: &'a Element, place: PairPlace<'_>, wanted: Wanted<'_>) -> Vec<(&'a Element, &'a Element)> {
    let fits = |element: &Element, id: Option<&str>| id.is_none() || element.id() == id;
    let sets = place.owner(cib).into_iter().flat_map(Element::elements).filter(|set| set.name == place.set_name() && fits(set, wanted.set));
    let pairs = sets.flat_map(|set| set.elements().filter(|e| e.name == "nvpair").map(move |pair| (set, pair)));
    pairs.filter(|(_, pair)| fits(pair, wanted.id) && (wanted.name.is_none() || pair.attribute("name") == wanted.name)).collect()
}

/// Sets a value: of the pair that matches, or of a new one in the set that is named, else in the usual set.
///
/// # Errors
/// When several pairs match, or the node or resource does not exist.
pub fn set_pair(cib: &Element, place: PairPlace<'_>, wanted: Wanted<'_>, value: &str) -> Result<Element, EditError> {
    let mut result = cib.clone();
    let found = find_pairs(cib, place, wanted);
    match found.as_slice() {
        [] => {}
        [(set, pair)] => {
            let (set, pair) = (set.id(), pair.attribute("name").zip(pair.id()));
            let owner = place.owner_mut(&mut result)?;
            let set = owner.element_mut(|e| e.name == place.set_name() && e.id() == set);
            let pair = set.and_then(|set| set.element_mut(|e| e.attribute("name").zip(e.id()) == pair));
            pair.ok_or_else(|| EditError::NoSuchObject(described(wanted)))?.set("value", value);
            return Ok(result);
        }
        _ => return Err(EditError::Several(described(wanted))),
    }
    let name = wanted.name.or(wanted.id).ok_or_else(|| EditError::Invalid("a name is needed to set a value".to_owned()))?;
    let set_id = wanted.set.map_or_else(|| place.new_set_id(), str::to_owned);
    let id = wanted.id.map_or_else(|| sanitized(&format!("{set_id}-{name}")), str::to_owned);
    let owner = place.owner_mut(&mut result)?;
    let at = owner.elements().position(|e| e.name == place.set_name() && e.id() == Some(&set_id));
    let set = match at {
        Some(at) => owner.elements_mut().nth(at),
        None => Some(owner.push(Element::new(place.set_name()).with("id", &set_id))),
    };
    if let Some(set) = set {
        set.push(Element::new("nvpair").with("id", id).with("name", name).with("value", value));
    }
    Ok(result)
}

/// Removes the pair that matches; its set stays, even if empty.
///
/// # Errors
/// When none or several match.
pub fn delete_pair(cib: &Element, place: PairPlace<'_>, wanted: Wanted<'_>) -> Result<Element, EditError> {
    let found = find_pairs(cib, place, wanted);
    let (set, pair) = match found.as_slice() {
        [] => return Err(EditError::NoSuchObject(described(wanted))),
        [(set, pair)] => (set.id(), *pair),
        _ => return Err(EditError::Several(described(wanted))),
    };
    let mut result = cib.clone();
    let owner = place.owner_mut(&mut result)?;
    if let Some(set) = owner.element_mut(|e| e.name == place.set_name() && e.id() == set) {
        set.children.retain(|node| node.as_element() != Some(pair));
    }
    Ok(result)
}

fn described(wanted: Wanted<'_>) -> String {
    let parts = [("attribute", wanted.name), ("id", wanted.id), ("set", wanted.set)];
    parts.iter().filter_map(|(what, value)| value.map(|value| format!("{what} {value}"))).collect::<Vec<_>>().join(", ")
}

/// Returns a text as an id: whatever an id may not contain becomes a dot.
pub fn sanitized(text: &str) -> String {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let continues = |c: char| starts(c) || c.is_numeric() || matches!(c, '-' | '.');
    text.chars().enumerate().map(|(at, c)| if starts(c) || (at > 0 && continues(c)) { c } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    fn sample() -> Element {
        let text = "<cib><configuration><crm_config><cluster_property_set id='cib-bootstrap-options'><nvpair id='o' name='a' value='1'/></cluster_property_set>
            <cluster_property_set id='other'><nvpair id='p' name='b' value='1'/><nvpair id='q' name='a' value='2'/></cluster_property_set></crm_config>
            <nodes><node id='1' uname='n1'/></nodes><resources><group id='g'><primitive id='r'/></group></resources></configuration><status><node_state id='1'/></status></cib>";
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn name(name: &str) -> Wanted<'_> {
        Wanted { name: Some(name), ..Wanted::default() }
    }

    #[test]
    fn new_pairs_go_where_the_tools_put_them() {
        for (place, path) in [
            (
                PairPlace::Option,
                "/cib/configuration/crm_config/cluster_property_set[@id='cib-bootstrap-options']/nvpair[@id='cib-bootstrap-options-x.y' and @name='x/y']",
            ),
            (PairPlace::ResourceDefault, "//rsc_defaults/meta_attributes[@id='rsc_defaults-options']/nvpair"),
            (PairPlace::OperationDefault, "//op_defaults/meta_attributes[@id='op_defaults-options']/nvpair"),
            (PairPlace::Node("1"), "//node[@id='1']/instance_attributes[@id='nodes-1']/nvpair[@id='nodes-1-x.y']"),
            (PairPlace::NodeUtilization("1"), "//node[@id='1']/utilization[@id='nodes-1-utilization']/nvpair"),
            (PairPlace::Transient("1"), "//node_state[@id='1']/transient_attributes[@id='1']/instance_attributes[@id='status-1']/nvpair"),
            (PairPlace::Transient("9"), "//node_state[@id='9']/transient_attributes[@id='9']/instance_attributes[@id='status-9']/nvpair"),
            (
                PairPlace::Resource("r", "meta_attributes"),
                "//primitive[@id='r']/meta_attributes[@id='r-meta_attributes']/nvpair[@id='r-meta_attributes-x.y']",
            ),
        ] {
            let result = set_pair(&sample(), place, name("x/y"), "v").unwrap();
            let found = xml::XPath::parse(path).unwrap().select_elements(&result).len();
            assert_eq!(found, 1, "{path}: {}", result.to_text());
            assert_eq!(find_pairs(&result, place, name("x/y"))[0].1.attribute("value"), Some("v"));
            let changed = set_pair(&result, place, name("x/y"), "w").unwrap();
            assert_eq!(find_pairs(&changed, place, name("x/y"))[0].1.attribute("value"), Some("w"));
            let removed = delete_pair(&changed, place, name("x/y")).unwrap();
            assert!(find_pairs(&removed, place, name("x/y")).is_empty());
        }
    }

    #[test]
    fn what_is_missing_or_ambiguous_is_an_error() {
        let status = |result: Result<Element, EditError>| result.unwrap_err().exit_status();
        assert_eq!(status(set_pair(&sample(), PairPlace::Option, name("a"), "3")), 109);
        assert_eq!(status(delete_pair(&sample(), PairPlace::Option, name("a"))), 109);
        assert_eq!(status(delete_pair(&sample(), PairPlace::Option, name("z"))), 105);
        assert_eq!(status(set_pair(&sample(), PairPlace::Node("7"), name("a"), "3")), 105);
        assert_eq!(status(set_pair(&sample(), PairPlace::Resource("z", "meta_attributes"), name("a"), "3")), 105);
        let in_set = Wanted { set: Some("other"), ..name("a") };
        let result = set_pair(&sample(), PairPlace::Option, in_set, "3").unwrap();
        assert_eq!(find_pairs(&result, PairPlace::Option, in_set)[0].1.attribute("value"), Some("3"));
    }
}
