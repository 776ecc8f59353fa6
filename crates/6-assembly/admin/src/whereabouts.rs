//! Where resources are, from a CIB alone.

use model::Timestamp;
use status::Facts;
use xml::Element;

/// Whether the element configures a resource.
pub fn is_resource(element: &Element) -> bool {
    matches!(element.name.as_str(), "primitive" | "group" | "clone" | "master" | "bundle")
}

/// Returns the names of the nodes where a resource (or any part of it) is active.
pub fn places(cib: &Element, resource: &str) -> Vec<String> {
    Facts::deduce(cib, now()).whereabouts(resource).into_iter().map(ToString::to_string).collect()
}

/// Returns the wall-clock time: programs read the clock, engines are told.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |age| age.as_micros() as i64))
}
