//! Query, create, modify, replace, delete and erase, as `cibadmin` knows them.

use super::{EditError, Section, Target};
use crate::Version;
use model::Score;
use std::sync::Arc;
use xml::{Element, Node, Place};

/// How a modification treats what it finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Modify {
    /// Make the object when it does not exist.
    pub allow_create: bool,
    /// Read values such as `name++` and `name+=5` as increments of the attribute `name`.
    pub expand_increments: bool,
}

/// Returns what a query shows: the section, or what matches; several matches come below one `<xpath-query>`.
///
/// # Errors
/// When nothing matches.
pub fn query(cib: &Element, target: &Target, with_children: bool) -> Result<Element, EditError> {
    let shown = |element: &Element| match with_children {
        true => element.clone(),
        false => Element { children: Vec::new(), ..element.clone() },
    };
    match target {
        Target::Section(section) => {
            section.of(cib).map(shown).ok_or_else(|| EditError::NoSuchObject(format!("section {}", section.name())))
        }
        Target::XPath(xpath) => {
            let places = xpath.select(cib);
            let mut found = Vec::new();
            for place in &places {
                match place {
                    Place::Document => {}
                    Place::Node(_) => match place.element(cib) {
                        Some(element) => found.push(Node::from(shown(element))),
                        None => found.extend(place.node(cib).cloned()),
                    },
                    // Compat: what has the attribute is shown.
                    Place::Attribute(..) => found.extend(place.element(cib).map(|element| Node::from(shown(element)))),
                }
            }
            match found.as_slice() {
                [] => Err(EditError::NoSuchObject(format!("match for {}", xpath.as_str()))),
                [Node::Element(element)] => Ok(Element::clone(element)),
                _ => Ok(Element::new("xpath-query").with_children(found)),
            }
        }
    }
}

/// Adds objects to a section; a whole section, or a whole document, as input adds each object in it.
///
/// # Errors
/// When an object with the same name and id is there already.
pub fn create(cib: &Element, section: Section, input: &Element) -> Result<Element, EditError> {
    let input = input_for(section, input)?;
    if section == Section::Cib || input.name == "cib" {
        // Compat: what stands for no section is merged into what is there; it has no place of its own.
        return modify(cib, &section.into(), input, Modify { expand_increments: true, ..Modify::default() });
    }
    let mut result = cib.clone();
    // Compat: an object whose section is missing makes no sense, where other changes find nothing.
    let parent = section.of_mut(&mut result).map_err(|error| EditError::Invalid(error.to_string()))?;
    let objects: Vec<Node> = if input.name == section.name() { input.children.clone() } else { vec![Node::from(input.clone())] };
    for object in objects {
        if let Node::Element(new) = &object {
            let exists = parent.elements().any(|old| old.name == new.name && (new.id().is_none() || old.id() == new.id()));
            if exists {
                return Err(EditError::Exists(described(new)));
            }
        }
        parent.children.push(object);
        parent.children.last_mut().and_then(Node::as_element_mut).into_iter().for_each(expand_all);
    }
    Ok(result)
}

/// Computes the increments in a new object and all below it.
fn expand_all(new: &mut Element) {
    for (name, value) in &mut new.attributes {
        if let Some(score) = incremented(None, name, value) {
            *value = score.value().to_string().into();
        }
    }
    new.children.iter_mut().filter_map(Node::as_element_mut).for_each(expand_all);
}

/// Merges an object into the first one with its name and id, or into what an expression selects first.
///
/// Attributes are set, children merged by name and id (or added), nothing is removed.
///
/// # Errors
/// When there is no such object and it may not be made.
pub fn modify(cib: &Element, target: &Target, input: &Element, how: Modify) -> Result<Element, EditError> {
    let mut result = cib.clone();
    match target {
        Target::Section(section) => {
            let input = input_for(*section, input)?;
            let root = section.of_mut_or_new(&mut result);
            if merge_first_match(root, input, how) {
                return Ok(result);
            }
            if !how.allow_create {
                return Err(EditError::NoSuchObject(format!("{} to modify", described(input))));
            }
            let mut new = input.clone();
            if how.expand_increments {
                expand_all(&mut new);
            }
            section.of_mut_or_new(&mut result).push(new);
        }
        Target::XPath(xpath) => {
            let path = first_element(cib, xpath)?;
            let found = result.at_path_mut(&path).is_some_and(|element| merge_first_match(element, input, how));
            if !found {
                return Err(EditError::NoSuchObject(format!("{} below {}", described(input), xpath.as_str())));
            }
        }
    }
    Ok(result)
}

/// Replaces the whole document, a section, or the first object with the name and id of the input.
///
/// # Errors
/// When there is no such object, or when a whole document is older than the one it would replace.
pub fn replace(cib: &Element, target: &Target, input: &Element) -> Result<Element, EditError> {
    let mut result = cib.clone();
    match target {
        Target::Section(section) => {
            let input = input_for(*section, input)?;
            if input.name == "cib" {
                return replace_document(cib, input);
            }
            let root = if input.name == section.name() { &mut result } else { section.of_mut(&mut result)? };
            let matches = |e: &Element| e.name == input.name && (input.id().is_none() || e.id() == input.id());
            let path = path_below(root, matches).ok_or_else(|| EditError::NoSuchObject(format!("{} to replace", described(input))))?;
            *root.at_path_mut(&path).ok_or_else(|| EditError::NoSuchObject(described(input)))? = input.clone();
        }
        Target::XPath(xpath) => {
            let path = first_element(cib, xpath)?;
            let Some((index, parent)) = path.split_last() else { return replace_document(cib, input) };
            let parent = result.at_path_mut(parent).ok_or_else(|| EditError::NoSuchObject(xpath.as_str().to_owned()))?;
            // Compat: the replacement goes behind its new siblings.
            parent.children.remove(*index);
            parent.push(input.clone());
        }
    }
    Ok(result)
}

/// Removes the first object below a section that has the name and all the attributes of the input.
///
/// Compat: what does not exist counts as removed. Values are compared without regard to case.
///
/// # Errors
/// When the input is not for this section.
pub fn delete(cib: &Element, section: Section, input: &Element) -> Result<Element, EditError> {
    let input = input_for(section, input)?;
    let mut result = cib.clone();
    let Ok(root) = section.of_mut(&mut result) else { return Ok(result) };
    let wanted: Vec<&Element> = if input.name == section.name() { input.elements().collect() } else { vec![input] };
    for object in wanted {
        let matches = |e: &Element| {
            e.name == object.name
                && object.attributes.iter().all(|(name, value)| e.attribute(name).is_some_and(|v| v.eq_ignore_ascii_case(value)))
        };
        if let Some(path) = path_below(root, matches) {
            remove_at(root, &path);
        }
    }
    Ok(result)
}

/// Removes what an expression selects: the first match, or all. Nothing to remove is no error.
///
/// # Errors
/// When the whole document is selected.
pub fn delete_matches(cib: &Element, target: &Target, all: bool) -> Result<Element, EditError> {
    let Target::XPath(xpath) = target else {
        return Err(EditError::Invalid("an XPath expression is needed to say what to delete".to_owned()));
    };
    let mut result = cib.clone();
    let mut places = xpath.select(cib);
    if !all {
        places.truncate(1);
    }
    // From the end, so that what comes first stays where it is.
    for place in places.into_iter().rev() {
        match place {
            Place::Node(path) if !path.is_empty() => remove_at(&mut result, &path),
            Place::Attribute(path, name) => {
                if let Some(element) = result.at_path_mut(&path) {
                    element.remove(&name);
                }
            }
            Place::Document | Place::Node(_) => {
                return Err(EditError::Invalid(format!("{} selects the whole document, which cannot be deleted", xpath.as_str())));
            }
        }
    }
    Ok(result)
}

/// Returns the document with its configuration and status emptied, and a raised admin epoch.
pub fn erase(cib: &Element) -> Element {
    let mut result = cib.clone();
    result.children = super::empty_cib("").children;
    let version = Version::of(cib);
    Version { admin_epoch: version.admin_epoch.saturating_add(1), ..version }.write_to(&mut result);
    result
}

/// Returns the part of the input that an edit of this section takes: a whole document stands for its section.
fn input_for(section: Section, input: &Element) -> Result<&Element, EditError> {
    match input.name == "cib" {
        true => section.of(input).ok_or_else(|| EditError::Invalid(format!("the input has no section {}", section.name()))),
        false => Ok(input),
    }
}

fn described(element: &Element) -> String {
    match element.id() {
        Some(id) => format!("{} \"{id}\"", element.name),
        None => format!("<{}>", element.name),
    }
}

fn first_element(cib: &Element, xpath: &xml::XPath) -> Result<Vec<usize>, EditError> {
    let is_element = |place: Place| match place {
        Place::Node(path) if cib.at_path(&path).is_some() => Some(path),
        _ => None,
    };
    xpath.select(cib).into_iter().find_map(is_element).ok_or_else(|| EditError::NoSuchObject(format!("match for {}", xpath.as_str())))
}

/// Returns the way to the first match below an element; the element itself does not count.
fn path_below(root: &Element, matches: impl Fn(&Element) -> bool) -> Option<Vec<usize>> {
    root.path_to(&mut |e| !std::ptr::eq(e, root) && matches(e))
}

fn remove_at(root: &mut Element, path: &[usize]) {
    if let Some((index, parent)) = path.split_last()
        && let Some(parent) = root.at_path_mut(parent)
        && *index < parent.children.len()
    {
        parent.children.remove(*index);
    }
}

/// Replaces a document by one that is not older.
fn replace_document(cib: &Element, input: &Element) -> Result<Element, EditError> {
    let (replacement, document) = (Version::of(input), Version::of(cib));
    match replacement < document {
        true => Err(EditError::Old { replacement, document }),
        false => Ok(input.clone()),
    }
}

/// Merges into the element itself or the first one below it that has the name and id.
fn merge_first_match(root: &mut Element, input: &Element, how: Modify) -> bool {
    let path = root.path_to(&mut |e| e.name == input.name && e.id() == input.id());
    match path.and_then(|path| root.at_path_mut(&path)) {
        Some(element) => {
            merge(element, input, how);
            true
        }
        None => false,
    }
}

fn merge(target: &mut Element, input: &Element, how: Modify) {
    for (name, value) in &input.attributes {
        match how.expand_increments.then(|| incremented(target.attribute(name), name, value)).flatten() {
            Some(score) => target.set(name, score.value().to_string()),
            None => target.set(name, value),
        }
    }
    for child in &input.children {
        match child {
            Node::Element(new) => merge_child(target, new, how),
            Node::Comment(_) if target.children.contains(child) => {}
            other => target.children.push(other.clone()),
        }
    }
}

/// Compat: a child without an id is told by its `id-ref`, and without either by its name alone.
fn merge_child(target: &mut Element, new: &Arc<Element>, how: Modify) {
    let identity = ["id", "id-ref"].into_iter().find(|name| new.has(name));
    let is_same = |e: &Element| e.name == new.name && identity.is_none_or(|name| e.attribute(name) == new.attribute(name));
    let existing = target.children.iter().position(|node| node.as_element().is_some_and(is_same));
    match existing.and_then(|at| target.children[at].as_element_mut()) {
        Some(existing) => merge(existing, new, how),
        // Children of a new object are merged one by one, too, so that repetitions among them become one.
        None => merge(target.push(Element::new(&new.name)), new, how),
    }
}

/// Returns the new value of `name` when `value` is `name++` or `name+=N`.
///
/// Compat: an old value that is missing, and an old value or increment that is no number, count as 0.
fn incremented(old: Option<&str>, name: &str, value: &str) -> Option<Score> {
    let change = value.strip_prefix(name)?;
    let score = |text: &str| Score::parse(text).unwrap_or(Score::ZERO);
    let by = match change.strip_prefix("+=") {
        Some(by) => score(by),
        None if change.starts_with("++") => Score::new(1),
        None => return None,
    };
    Some(old.map_or(Score::ZERO, score) + by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xml::{Limits, parse};

    fn tree(text: &str) -> Element {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn sample() -> Element {
        tree(
            "<cib admin_epoch='1' epoch='2' num_updates='3' validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/>
            <resources><primitive id='a' class='ocf' type='Dummy'><meta_attributes id='m'><nvpair id='n' name='x' value='1'/></meta_attributes></primitive>
            <group id='g'><primitive id='b' class='ocf' type='Dummy'/></group></resources><constraints/></configuration><status/></cib>",
        )
    }

    fn resources(result: Result<Element, EditError>) -> String {
        match result {
            Ok(cib) => cib
                .descend(&["configuration", "resources"])
                .unwrap()
                .children
                .iter()
                .filter_map(Node::as_element)
                .map(Element::to_compact)
                .collect(),
            Err(error) => format!("{}: {error}", error.exit_status()),
        }
    }

    const A: &str = "<primitive id=\"a\" class=\"ocf\" type=\"Dummy\"><meta_attributes id=\"m\"><nvpair id=\"n\" name=\"x\" value=\"1\"/></meta_attributes></primitive>";
    const G: &str = "<group id=\"g\"><primitive id=\"b\" class=\"ocf\" type=\"Dummy\"/></group>";

    #[test]
    fn creation_adds_and_refuses_what_exists() {
        let create = |input: &str| resources(create(&sample(), Section::Resources, &tree(input)));
        assert_eq!(create("<primitive id='z'/>"), format!("{A}{G}<primitive id=\"z\"/>"));
        assert_eq!(
            create("<resources><primitive id='y'/><primitive id='z'/></resources>"),
            format!("{A}{G}<primitive id=\"y\"/><primitive id=\"z\"/>")
        );
        assert_eq!(create("<primitive id='a'/>"), "108: primitive \"a\" exists already");
        assert_eq!(create("<cib><configuration/></cib>"), "70: the input has no section resources");
        assert_eq!(create("<primitive id='z' x='x+=4'/>"), format!("{A}{G}<primitive id=\"z\" x=\"4\"/>"));
        assert_eq!(super::create(&sample(), Section::Tags, &tree("<tag id='t'/>")).unwrap_err().exit_status(), 70);
        let without_section = |input: &str| resources(super::create(&sample(), Section::Cib, &tree(input)));
        assert_eq!(without_section("<primitive id='z'/>"), "105: there is no primitive \"z\" to modify");
        assert_eq!(
            without_section("<cib><configuration><resources><primitive id='z'/></resources></configuration></cib>"),
            format!("{A}{G}<primitive id=\"z\"/>")
        );
    }

    #[test]
    fn modification_merges_by_id() {
        let modify = |input: &str, how| resources(modify(&sample(), &Section::Resources.into(), &tree(input), how));
        let plain = Modify::default();
        assert_eq!(modify("<primitive id='b' type='Stateful'/>", plain), format!("{A}{}", G.replace("Dummy", "Stateful")));
        assert_eq!(
            modify("<nvpair id='n' value='value++'/>", Modify { expand_increments: true, ..plain }),
            format!("{}{G}", A.replace("value=\"1\"", "value=\"2\""))
        );
        assert_eq!(
            modify("<nvpair id='n' value='value+=-5'/>", Modify { expand_increments: true, ..plain }),
            format!("{}{G}", A.replace("value=\"1\"", "value=\"-4\""))
        );
        let made = "<primitive id='z'><nvpair id='q' value='value++'/></primitive>";
        assert_eq!(
            modify(made, Modify { allow_create: true, expand_increments: true }),
            format!("{A}{G}<primitive id=\"z\"><nvpair id=\"q\" value=\"1\"/></primitive>")
        );
        assert_eq!(modify("<nvpair id='n' value='value++'/>", plain), format!("{}{G}", A.replace("value=\"1\"", "value=\"value++\"")));
        assert_eq!(modify("<primitive id='z'/>", plain), "105: there is no primitive \"z\" to modify");
        assert_eq!(modify("<primitive id='z'/>", Modify { allow_create: true, ..plain }), format!("{A}{G}<primitive id=\"z\"/>"));
        assert_eq!(
            modify("<primitive id='a'><meta_attributes id='m'><nvpair id='o' name='y' value='2'/></meta_attributes></primitive>", plain),
            format!("{}{G}", A.replace("</meta", "<nvpair id=\"o\" name=\"y\" value=\"2\"/></meta"))
        );
    }

    #[test]
    fn replacement_needs_something_to_replace() {
        let by_name = |input: &str| resources(replace(&sample(), &Section::Resources.into(), &tree(input)));
        assert_eq!(by_name("<primitive id='b'/>"), format!("{A}<group id=\"g\"><primitive id=\"b\"/></group>"));
        assert_eq!(by_name("<resources/>"), "");
        assert_eq!(by_name("<primitive id='z'/>"), "105: there is no primitive \"z\" to replace");
        let whole = |input: &str| replace(&sample(), &Section::Cib.into(), &tree(input));
        assert_eq!(whole("<cib admin_epoch='1' epoch='1' num_updates='9'/>").unwrap_err().exit_status(), 103);
        assert_eq!(whole("<cib admin_epoch='1' epoch='2' num_updates='3'/>").unwrap().children.len(), 0);
        let selected = replace(&sample(), &Target::xpath("//primitive[@id='a']").unwrap(), &tree("<primitive id='q'/>"));
        assert_eq!(resources(selected), format!("{G}<primitive id=\"q\"/>"));
    }

    #[test]
    fn deletion_matches_by_attributes_or_expression() {
        let by_example = |input: &str| resources(delete(&sample(), Section::Resources, &tree(input)));
        assert_eq!(by_example("<primitive type='DUMMY'/>"), G);
        assert_eq!(by_example("<primitive type='Dummy' id='b'/>"), format!("{A}<group id=\"g\"/>"));
        assert_eq!(by_example("<primitive id='z'/>"), format!("{A}{G}"));
        assert_eq!(by_example("<resources><group id='g'/><primitive id='a'/></resources>"), "");
        let selected = |expression: &str, all| resources(delete_matches(&sample(), &Target::xpath(expression).unwrap(), all));
        assert_eq!(selected("//primitive", false), G);
        assert_eq!(selected("//primitive | //group", true), "");
        assert_eq!(selected("//nothing", true), format!("{A}{G}"));
        assert_eq!(selected("/cib", true), "70: /cib selects the whole document, which cannot be deleted");
    }

    #[test]
    fn queries_show_one_or_several() {
        let query = |target: Target, with_children| query(&sample(), &target, with_children).map(|e| e.to_compact());
        assert_eq!(query(Section::Resources.into(), false), Ok("<resources/>".to_owned()));
        assert_eq!(query(Target::xpath("//group").unwrap(), true), Ok(G.to_owned()));
        assert_eq!(
            query(Target::xpath("//primitive").unwrap(), false),
            Ok("<xpath-query><primitive id=\"a\" class=\"ocf\" type=\"Dummy\"/><primitive id=\"b\" class=\"ocf\" type=\"Dummy\"/></xpath-query>".to_owned())
        );
        assert_eq!(query(Target::xpath("//group/@id").unwrap(), false), Ok("<group id=\"g\"/>".to_owned()), "what has the attribute");
        assert_eq!(query(Section::Tags.into(), true).unwrap_err().exit_status(), 105);
        assert_eq!(query(Target::xpath("//nothing").unwrap(), true).unwrap_err().exit_status(), 105);
    }

    #[test]
    fn erasure_keeps_the_root_and_raises_the_admin_epoch() {
        let erased = erase(&sample());
        assert_eq!(Version::of(&erased).to_string(), "2.2.3");
        assert_eq!(erased.attribute("validate-with"), Some("pacemaker-3.9"));
        assert_eq!(erased.descend(&["configuration", "resources"]).unwrap().children.len(), 0);
        assert_eq!(Version::of(&super::super::bump(&sample())).to_string(), "1.3.3");
    }
}
