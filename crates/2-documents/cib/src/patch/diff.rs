//! Finds the steps from one document to another.

use super::path::Step;
use super::{Change, Patch, Path};
use crate::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xml::{Element, Node};

/// Returns the patch that turns `old` into `new`, with versions and without a digest.
///
/// Character data directly in the root is not looked at. Parts that both documents share in memory are not looked at, so that the cost is that of what changed.
/// Invariant: `apply(diff(old, new), old) == new` for documents with roots of the same name.
pub fn diff(old: &Element, new: &Element) -> Patch {
    let mut differ = Differ::default();
    // The root is found by its old id, whatever that becomes.
    differ.element(old, new, &Path { steps: vec![Step::to(old)] });
    let mut changes = differ.deletions;
    changes.append(&mut differ.others);
    Patch { versions: Some((Version::of(old), Version::of(new))), digest: None, changes }
}

#[derive(Default)]
struct Differ {
    /// Carried out first, so that paths then lead to what stays.
    deletions: Vec<Change>,
    others: Vec<Change>,
}

/// What makes two children of the same parent the same one.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Key<'a> {
    Element(&'a str, Option<&'a str>),
    Comment(&'a str),
    Text(&'a str),
}

fn key(node: &Node) -> Key<'_> {
    match node {
        Node::Element(e) => Key::Element(&e.name, e.id()),
        Node::Comment(text) => Key::Comment(text),
        Node::Text(text) => Key::Text(text),
    }
}

fn is_same(old: &Node, new: &Node) -> bool {
    match (old, new) {
        (Node::Element(a), Node::Element(b)) => Arc::ptr_eq(a, b) || a == b,
        _ => old == new,
    }
}

impl Differ {
    fn element(&mut self, old: &Element, new: &Element, path: &Path) {
        if std::ptr::eq(old, new) {
            return;
        }
        if old.attributes != new.attributes {
            self.others.push(modification(old, new, path));
        }
        self.children(old, new, path);
    }

    fn children(&mut self, old: &Element, new: &Element, path: &Path) {
        let unchanged =
            old.children.len() == new.children.len() && old.children.iter().zip(&new.children).all(|(a, b)| is_pointer_equal(a, b));
        if unchanged {
            return;
        }
        if let Some(changed) = changed_in_place(old, new) {
            for (before, after) in changed {
                self.element(before, after, &path.with(Step::to(before)));
            }
            for (position, node) in new.children.iter().enumerate().skip(old.children.len()) {
                self.others.push(Change::Create { parent: path.clone(), position, node: node.clone() });
            }
            return;
        }
        let ambiguous = ambiguous_keys(old, new);
        let matches = matched(old, new, &ambiguous);
        let stays = longest_rise(&matches);
        let mut kept_by_new = BTreeMap::new();
        let mut moved = BTreeSet::new();
        let mut comments = Vec::new();
        for (index, node) in old.children.iter().enumerate() {
            match (matches[index], node) {
                (Some(to), Node::Element(_)) => {
                    kept_by_new.insert(to, index);
                    if !stays.contains(&index) {
                        moved.insert(to);
                    }
                }
                (Some(to), _) if stays.contains(&index) => {
                    kept_by_new.insert(to, index);
                }
                (_, Node::Element(element)) => {
                    self.deletions.push(Change::Delete { path: path.with(Step::to(element)), position: None });
                }
                // Comments have no name of their own: they are removed by position, the last first.
                (_, Node::Comment(_)) => comments.push(index),
                (_, Node::Text(_)) => {}
            }
        }
        self.delete_comments(path, comments);
        for (position, node) in new.children.iter().enumerate() {
            match (kept_by_new.get(&position).map(|index| &old.children[*index]), node) {
                (Some(Node::Element(before)), Node::Element(after)) => {
                    if !Arc::ptr_eq(before, after) {
                        self.element(before, after, &path.with(Step::to(before)));
                    }
                    if moved.contains(&position) {
                        self.others.push(Change::Move { path: path.with(Step::to(before)), position });
                    }
                }
                (Some(_), _) => {}
                (None, _) => self.others.push(Change::Create { parent: path.clone(), position, node: node.clone() }),
            }
        }
    }

    /// Comments go before the elements beside them, so that their positions are still those of the old document.
    fn delete_comments(&mut self, path: &Path, comments: Vec<usize>) {
        let step = Step { name: "comment".into(), id: None };
        let own = |change: &Change| change.path().steps.len() == path.steps.len() + 1 && change.path().steps.starts_with(&path.steps);
        let first_own = self.deletions.iter().rposition(|change| !own(change)).map_or(0, |at| at + 1);
        let deletions =
            comments.into_iter().rev().map(|position| Change::Delete { path: path.with(step.clone()), position: Some(position) });
        self.deletions.splice(first_own..first_own, deletions);
    }
}

fn is_pointer_equal(old: &Node, new: &Node) -> bool {
    match (old, new) {
        (Node::Element(a), Node::Element(b)) => Arc::ptr_eq(a, b),
        _ => old == new,
    }
}

/// Returns the children that changed, each with what it was, where no more than that has happened but that others follow; nothing where more
/// has, or where no path could name one of them for sure. So nearly all changes are: of a thousand nodes one has another state, or one came.
fn changed_in_place<'a>(old: &'a Element, new: &'a Element) -> Option<Vec<(&'a Element, &'a Element)>> {
    /// Of more than a few it is faster to ask in another way which of them are the only ones of their name and id.
    const FEW: usize = 4;
    let added = new.children.get(old.children.len()..)?;
    if added.len() > FEW || added.iter().any(|node| !node.is_element()) {
        return None;
    }
    let mut changed = Vec::new();
    for (before, after) in old.children.iter().zip(&new.children).filter(|(a, b)| !is_pointer_equal(a, b)) {
        let (before, after) = (before.as_element()?, after.as_element()?);
        let has_text = |element: &Element| element.children.iter().any(|child| matches!(child, Node::Text(_)));
        if before.name != after.name || before.id() != after.id() || has_text(before) || has_text(after) || changed.len() == FEW {
            return None;
        }
        changed.push((before, after));
    }
    // A path without an id leads to any element of the name.
    let is_named = |other: &Element, meant: &Element| {
        other.name == meant.name && (meant.id().is_none() || other.id().is_none() || other.id() == meant.id())
    };
    let is_only_one = |meant: &Element| new.elements().filter(|other| is_named(other, meant)).count() == 1;
    let has_come = added.iter().filter_map(Node::as_element);
    changed.iter().map(|(_, after)| *after).chain(has_come).all(is_only_one).then_some(changed)
}

fn modification(old: &Element, new: &Element, path: &Path) -> Change {
    let position = |element: &Element, name: &str| element.attributes.iter().position(|(n, _)| n == name);
    let removed = old.attributes.iter().filter(|(name, _)| !new.has(name)).map(|(name, _)| (name.clone(), None));
    let set =
        new.attributes.iter().filter(|(name, value)| old.attribute(name) != Some(value) || position(old, name) != position(new, name));
    let mut changed: Vec<_> = set.map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    changed.extend(removed);
    Change::Modify { path: path.clone(), changed, result: new.attributes.clone() }
}

/// Keys of elements that no path can name for sure: they are not unique among their siblings, or a path without an
/// id would meet a sibling that has one. When they differ at all they are made anew.
fn ambiguous_keys<'a>(old: &'a Element, new: &'a Element) -> BTreeSet<Key<'a>> {
    let mut ambiguous = BTreeSet::new();
    for parent in [old, new] {
        let mut seen = BTreeSet::new();
        let mut names = BTreeMap::new();
        for element in parent.elements() {
            let key = Key::Element(&element.name, element.id());
            if !seen.insert(key) {
                ambiguous.insert(key);
            }
            let (with, without) = names.entry(element.name.as_str()).or_insert((false, false));
            *(if element.id().is_some() { with } else { without }) = true;
        }
        ambiguous.extend(names.into_iter().filter(|(_, (with, without))| *with && *without).map(|(name, _)| Key::Element(name, None)));
    }
    if ambiguous.is_empty() {
        return ambiguous;
    }
    // Names with and without ids: deleting by the bare name would meet the wrong one, so that all of the name go.
    let bare: BTreeSet<_> =
        ambiguous.iter().filter_map(|key| if let Key::Element(name, None) = key { Some(*name) } else { None }).collect();
    for element in old.elements().chain(new.elements()).filter(|e| bare.contains(e.name.as_str())) {
        ambiguous.insert(Key::Element(&element.name, element.id()));
    }
    let of_key = |parent: &'a Element| parent.children.iter().filter(|node| ambiguous.contains(&key(node)));
    if of_key(old).count() == of_key(new).count() && old.children.len() == new.children.len() {
        let in_place = old
            .children
            .iter()
            .zip(&new.children)
            .all(|(a, b)| is_same(a, b) || !(ambiguous.contains(&key(a)) || ambiguous.contains(&key(b))));
        let rest_in_order = old.children.iter().zip(&new.children).all(|(a, b)| key(a) == key(b));
        if in_place && rest_in_order {
            ambiguous.clear();
        }
    }
    ambiguous
}

/// Returns for each old child the position of the new one that it becomes.
fn matched<'a>(old: &'a Element, new: &'a Element, ambiguous: &BTreeSet<Key<'a>>) -> Vec<Option<usize>> {
    let mut free: BTreeMap<Key<'a>, std::collections::VecDeque<usize>> = BTreeMap::new();
    for (position, node) in new.children.iter().enumerate() {
        free.entry(key(node)).or_default().push_back(position);
    }
    let find = |node: &'a Node| {
        if ambiguous.contains(&key(node)) {
            return None;
        }
        let to = free.get_mut(&key(node))?.pop_front()?;
        let has_text = |node: &Node| node.as_element().is_some_and(|e| e.children.iter().any(|child| matches!(child, Node::Text(_))));
        // Character data cannot be changed by a patch: what contains some is made anew.
        let must_be_replaced = (has_text(node) || has_text(&new.children[to])) && !is_same(node, &new.children[to]);
        (!must_be_replaced).then_some(to)
    };
    old.children.iter().map(find).collect()
}

/// Returns the old positions of the largest set of children that keep their order, so that few must move.
fn longest_rise(matches: &[Option<usize>]) -> BTreeSet<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; matches.len()];
    for (index, to) in matches.iter().enumerate().filter_map(|(index, to)| to.map(|to| (index, to))) {
        let length = tails.partition_point(|tail| matches[*tail].is_some_and(|t| t < to));
        before[index] = length.checked_sub(1).map(|l| tails[l]);
        match tails.get_mut(length) {
            Some(tail) => *tail = index,
            None => tails.push(index),
        }
    }
    let mut rise = BTreeSet::new();
    let mut next = tails.last().copied();
    while let Some(index) = next {
        rise.insert(index);
        next = before[index];
    }
    rise
}

#[cfg(test)]
mod tests {
    use super::super::{PatchError, apply};
    use super::*;
    use proptest::prelude::*;
    use xml::{Limits, parse};

    fn tree(text: &str) -> Element {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn check(old: &str, new: &str) -> Patch {
        let (old, new) = (tree(old), tree(new));
        let patch = diff(&old, &new);
        let read = Patch::from_xml(&tree(&patch.to_xml().to_text())).unwrap();
        assert_eq!(read, patch);
        assert_eq!(apply(&patch, &old, false).as_ref(), Ok(&new), "{patch:#?}");
        patch
    }

    #[test]
    fn each_kind_of_change_is_found() {
        let patch = check(
            "<cib epoch='1'><!-- a --><x><p id='1'/><p id='2' k='v'/><p id='3'/></x><y/></cib>",
            "<cib epoch='2'><!-- b --><x><p id='3'/><p id='1'/><p k='w' id='2'/><q/></x></cib>",
        );
        let kinds: Vec<_> = patch
            .to_xml()
            .elements_named("change")
            .map(|e| (e.attribute("operation").unwrap().to_owned(), e.attribute("path").unwrap().to_owned()))
            .collect();
        let expected = [
            ("delete", "/cib/comment"),
            ("delete", "/cib/y"),
            ("modify", "/cib"),
            ("create", "/cib"),
            ("move", "/cib/x/p[@id='3']"),
            ("modify", "/cib/x/p[@id='2']"),
            ("create", "/cib/x"),
        ];
        assert_eq!(kinds, expected.map(|(operation, path)| (operation.to_owned(), path.to_owned())));
    }

    #[test]
    fn siblings_that_no_path_can_tell_apart_are_made_anew() {
        for (old, new) in [
            ("<c><a k='1'/><a k='2'/></c>", "<c><a k='1'/><a k='3'/></c>"),
            ("<c><a k='1'/><a k='2'/></c>", "<c><a k='2'/></c>"),
            ("<c><a id='1'/><b/><a/></c>", "<c><a/><b/><a id='1'/></c>"),
            ("<c><a id='1'/><a><z/></a></c>", "<c><a id='1'/><a><y/></a></c>"),
            ("<c><a k='1'/><a k='2'/><b/></c>", "<c><b/><a k='1'/><a k='2'/></c>"),
            ("<c><!--1--><!--1--><!--2--></c>", "<c><!--2--><!--1--></c>"),
            ("<c><a>text</a><b/></c>", "<c><b/><a>other</a></c>"),
            ("<c><a>text<z/></a></c>", "<c><a>text<z k='1'/></a></c>"),
        ] {
            check(old, new);
        }
    }

    #[test]
    fn what_is_shared_is_not_looked_at() {
        let old = tree("<cib><configuration/><status><node_state id='1'><lrm/></node_state></status></cib>");
        let mut new = old.clone();
        new.descend_mut(&["status"]).unwrap().push(Element::new("node_state").with("id", "2"));
        let patch = diff(&old, &new);
        assert_eq!(patch.changes.len(), 1);
        assert!(!patch.changes_configuration() && patch.changes_section("status") && !patch.changes_section("alerts"));
    }

    #[test]
    fn versions_are_checked() {
        let [v1, v2, v3] = ["1", "2", "3"].map(|n| tree(&format!("<cib admin_epoch='0' epoch='{n}' num_updates='0'/>")));
        let patch = diff(&v2, &v3);
        assert_eq!(apply(&patch, &v2, true).as_ref(), Ok(&v3));
        assert!(matches!(apply(&patch, &v1, true), Err(PatchError::Gap { .. })));
        assert!(matches!(apply(&patch, &v3, true), Err(PatchError::Old { .. })));
        assert!(matches!(apply(&diff(&v3, &v2), &v3, true), Err(PatchError::Old { .. })));
        let with_digest = Patch { digest: Some(crate::digest::content_digest(&v3, Default::default())), ..patch.clone() };
        assert_eq!(apply(&with_digest, &v2, true).as_ref(), Ok(&v3));
        let with_wrong_digest = Patch { digest: Some("0".repeat(32)), ..patch };
        assert!(matches!(apply(&with_wrong_digest, &v2, true), Err(PatchError::Digest { .. })));
    }

    fn any_element(depth: u32) -> BoxedStrategy<Element> {
        let attributes = proptest::collection::btree_map("[kl]", "[12]", 0..3);
        let id = proptest::option::weighted(0.7, "[1-4]");
        let own = ("[ab]", id, attributes).prop_map(|(name, id, attributes)| {
            let mut element = Element::new(name);
            if let Some(id) = id {
                element.set("id", id);
            }
            for (name, value) in attributes {
                element.set(name, value);
            }
            element
        });
        if depth == 0 {
            return own.boxed();
        }
        let child = prop_oneof![
            8 => any_element(depth - 1).prop_map(Node::from),
            2 => "[xy]".prop_map(|text| Node::Comment(text.into())),
            1 => Just(Node::Text("t".into())),
        ];
        (own, proptest::collection::vec(child, 0..5))
            .prop_map(|(element, children)| {
                let mut element = element.with_children(children);
                element.children.dedup_by(|a, b| matches!((a, b), (Node::Text(_), Node::Text(_))));
                element
            })
            .boxed()
    }

    fn any_document() -> impl Strategy<Value = Element> {
        proptest::collection::vec(any_element(3), 0..5).prop_map(|children| Element::new("cib").with_children(children))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 700, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_patch_turns_the_old_document_into_the_new_one(old in any_document(), new in any_document()) {
            let patch = diff(&old, &new);
            prop_assert_eq!(apply(&patch, &old, false).unwrap(), new, "{:#?}", patch);
        }

        #[test]
        fn patches_of_anything_never_make_the_program_stop(old in any_document(), a in any_document(), b in any_document()) {
            let _ = apply(&diff(&a, &b), &old, false);
        }
    }
}
