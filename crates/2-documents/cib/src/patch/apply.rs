//! Carries out a patch.

use super::{Change, Patch};
use crate::Version;
use crate::digest::{DigestForm, content_digest};
use xml::{Element, Node};

/// Why a patch was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatchError {
    /// The document is newer than the one that the patch was made from, or the patch changes no version (exit status 103).
    #[error("the patch is for version {patch}, but the document has {document} already")]
    Old { patch: Version, document: Version },
    /// The document is older than the one that the patch was made from: something in between is missing.
    #[error("the patch is for version {patch}, but the document has only {document}")]
    Gap { patch: Version, document: Version },
    /// A change refers to something that the document does not have.
    #[error("there is no {path} to {operation}")]
    NoMatch { path: String, operation: &'static str },
    /// The result is not the one that the patch was made for.
    #[error("the result has digest {actual}, but the patch expects {expected}")]
    Digest { expected: String, actual: String },
    /// This is no patch.
    #[error("{0}")]
    Malformed(String),
}

/// Returns the document that results from a patch. Versions are checked when the patch has them and `check_version`
/// is asked for, the digest whenever the patch has one.
///
/// # Errors
/// See [`PatchError`]; the document is not touched in any case.
pub fn apply(patch: &Patch, cib: &Element, check_version: bool) -> Result<Element, PatchError> {
    if check_version && let Some((source, target)) = patch.versions {
        let document = Version::of(cib);
        if document < source {
            return Err(PatchError::Gap { patch: source, document });
        }
        if document > source || target <= source {
            return Err(PatchError::Old { patch: source, document });
        }
    }
    let mut result = cib.clone();
    apply_changes(&patch.changes, &mut result)?;
    if let Some(expected) = &patch.digest {
        let matches = |form| content_digest(&result, form).eq_ignore_ascii_case(expected);
        if !matches(DigestForm::V2_1) && !matches(DigestForm::V3_0) {
            let actual = content_digest(&result, DigestForm::V2_1);
            return Err(PatchError::Digest { expected: expected.clone(), actual });
        }
    }
    Ok(result)
}

/// Something to put into its place once all is removed and modified: positions are those of the result, so that
/// filling them in ascending order leaves everything in front right.
struct Pending<'p> {
    position: usize,
    /// The positions that lead to the parent of a new node, or to the node that moves; kept right as the tree changes.
    at: Vec<usize>,
    node: Option<&'p Node>,
}

impl Pending<'_> {
    /// Returns the positions that lead to the parent of the node.
    fn parent(&self) -> &[usize] {
        match self.node {
            Some(_) => &self.at,
            None => self.at.split_last().map_or(&[], |(_, parent)| parent),
        }
    }
}

fn apply_changes(changes: &[Change], root: &mut Element) -> Result<(), PatchError> {
    let mut pending: Vec<Pending<'_>> = Vec::new();
    for change in changes {
        let position = if let Change::Delete { position, .. } = change { *position } else { None };
        let found = change.path().locate(root, position);
        let missing = |operation| PatchError::NoMatch { path: change.path().to_string(), operation };
        match change {
            Change::Delete { .. } => {
                // Compat: what is to be removed may be gone already.
                let Some(at) = found else { continue };
                let Some((index, parent)) = at.split_last() else {
                    return Err(PatchError::Malformed("the whole document cannot be deleted".to_owned()));
                };
                pending.retain(|p| !p.at.starts_with(&at));
                take(root, &mut pending, parent, *index);
            }
            Change::Modify { result, .. } => {
                let at = found.ok_or_else(|| missing("modify"))?;
                let element = root.at_path_mut(&at).ok_or_else(|| missing("modify"))?;
                element.attributes.clone_from(result);
            }
            Change::Create { position, node, .. } => {
                let at = found.ok_or_else(|| missing("add to"))?;
                pending.push(Pending { position: *position, at, node: Some(node) });
            }
            Change::Move { position, .. } => {
                let mut at = found.ok_or_else(|| missing("move"))?;
                let Some(index) = at.pop() else {
                    return Err(PatchError::Malformed("the whole document cannot be moved".to_owned()));
                };
                // Out of the way until its place is due, so that it does not count in front of others.
                let last = root.at_path(&at).map_or(0, |parent| parent.children.len().saturating_sub(1));
                shift(root, &mut pending, &at, index, last);
                at.push(last);
                pending.push(Pending { position: *position, at, node: None });
            }
        }
    }
    // The deepest parents first: what happens above them no longer matters to them.
    pending
        .sort_by(|a, b| b.parent().len().cmp(&a.parent().len()).then_with(|| a.parent().cmp(b.parent())).then(a.position.cmp(&b.position)));
    for siblings in pending.chunk_by(|a, b| a.parent() == b.parent()) {
        place(root, siblings);
    }
    Ok(())
}

/// Puts new and moved children of one parent into their places, in ascending order.
fn place(root: &mut Element, siblings: &[Pending<'_>]) {
    let Some(parent) = siblings.first().and_then(|first| root.at_path_mut(first.parent())) else { return };
    // Where the nodes are that have yet to move.
    let mut moves: Vec<Option<usize>> = siblings.iter().map(|p| if p.node.is_none() { p.at.last().copied() } else { None }).collect();
    let movers: Vec<usize> = (0..siblings.len()).filter(|index| moves[*index].is_some()).collect();
    for (index, pending) in siblings.iter().enumerate() {
        let (node, from) = match (pending.node, moves[index].take()) {
            (Some(node), _) => (node.clone(), parent.children.len()),
            (None, Some(from)) if from < parent.children.len() => (parent.children.remove(from), from),
            (None, _) => continue,
        };
        let to = pending.position.min(parent.children.len());
        parent.children.insert(to, node);
        for mover in movers.iter().filter(|mover| **mover > index) {
            if let Some(at) = &mut moves[*mover] {
                *at -= usize::from(*at > from);
                *at += usize::from(*at >= to);
            }
        }
    }
}

/// Removes a child.
fn take(root: &mut Element, pending: &mut [Pending<'_>], parent: &[usize], index: usize) {
    if let Some(element) = root.at_path_mut(parent) {
        element.children.remove(index);
        renumber(pending, parent, |i| if i > index { i - 1 } else { i });
    }
}

/// Moves a child to another position.
fn shift(root: &mut Element, pending: &mut [Pending<'_>], parent: &[usize], from: usize, to: usize) {
    if let Some(element) = root.at_path_mut(parent) {
        let node = element.children.remove(from);
        element.children.insert(to, node);
        renumber(pending, parent, |i| match i {
            i if i == from => to,
            i if from < i && i <= to => i - 1,
            i if to <= i && i < from => i + 1,
            i => i,
        });
    }
}

/// Keeps what is pending right when the children of `parent` change places.
fn renumber(pending: &mut [Pending<'_>], parent: &[usize], change: impl Fn(usize) -> usize) {
    for p in pending.iter_mut().filter(|p| p.at.len() > parent.len() && p.at.starts_with(parent)) {
        p.at[parent.len()] = change(p.at[parent.len()]);
    }
}
