//! Constraints and resources as they stand in a configuration.

use xml::Element;

/// Returns the constraints of a configuration.
pub(crate) fn constraints(cib: &Element) -> impl Iterator<Item = &Element> {
    cib.descend(&["configuration", "constraints"]).into_iter().flat_map(Element::elements)
}

/// Returns the element that configures a resource.
pub(crate) fn resource_element<'c>(cib: &'c Element, id: &str) -> Option<&'c Element> {
    cib.descend(&["configuration", "resources"])?.descendants().find(|element| element.id() == Some(id))
}

/// Returns the ids that depend and the ids that are depended on; of sets, all of both.
pub(crate) fn sides(constraint: &Element) -> (Vec<&str>, Vec<&str>) {
    let (then, first) = if constraint.name == "rsc_order" { ("then", "first") } else { ("rsc", "with-rsc") };
    let in_sets: Vec<&str> = constraint.descendants().filter(|e| e.name == "resource_ref").filter_map(Element::id).collect();
    if in_sets.is_empty() {
        return (constraint.attribute(then).into_iter().collect(), constraint.attribute(first).into_iter().collect());
    }
    (in_sets.clone(), in_sets)
}
