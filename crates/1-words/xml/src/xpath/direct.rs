//! Plain ways from the root (`/cib/status/node_state[@id='1']/lrm`): they are walked, and the rest of the document is not looked at.

use super::Place;
use super::parse::{Axis, Expression, NodeTest, Operator, Start, Step};
use crate::Element;

/// Returns the places that an expression selects, in document order; `None` when it is no plain way.
pub(super) fn select(expression: &Expression, root: &Element) -> Option<Vec<Place>> {
    let Expression::Path(Start::Document, steps) = expression else { return None };
    let (first, rest) = steps.split_first()?;
    if !steps.iter().all(is_plain) {
        return None;
    }
    let mut found: Vec<(Vec<usize>, &Element)> = if is_meant(first, root) { vec![(Vec::new(), root)] } else { Vec::new() };
    for step in rest {
        found = found.into_iter().flat_map(|(path, element)| below(path, element, step)).collect();
    }
    Some(found.into_iter().map(|(path, _)| Place::Node(path)).collect())
}

/// Returns the children that a step leads to.
fn below<'a>(path: Vec<usize>, element: &'a Element, step: &Step) -> Vec<(Vec<usize>, &'a Element)> {
    let children = element.children.iter().enumerate().filter_map(|(at, node)| Some((at, node.as_element()?)));
    children.filter(|(_, child)| is_meant(step, child)).map(|(at, child)| ([&path[..], &[at]].concat(), child)).collect()
}

/// Returns whether a step leads to children of a name, of which attributes with these values may be asked.
fn is_plain(step: &Step) -> bool {
    step.axis == Axis::Child
        && matches!(step.test, NodeTest::Name(_))
        && step.predicates.iter().all(|predicate| wanted(predicate).is_some())
}

fn is_meant(step: &Step, element: &Element) -> bool {
    matches!(&step.test, NodeTest::Name(name) if element.name == name.as_str())
        && step.predicates.iter().filter_map(wanted).all(|(name, value)| element.attribute(name) == Some(value))
}

/// Returns the attribute that a predicate asks for, and the value it must have.
fn wanted(predicate: &Expression) -> Option<(&str, &str)> {
    let Expression::Binary(Operator::Equal, left, right) = predicate else { return None };
    let (Expression::Path(Start::Context, steps), Expression::Literal(value)) = (&**left, &**right) else { return None };
    match &steps[..] {
        [Step { axis: Axis::Attribute, test: NodeTest::Name(name), predicates }] if predicates.is_empty() => Some((name, value)),
        _ => None,
    }
}
