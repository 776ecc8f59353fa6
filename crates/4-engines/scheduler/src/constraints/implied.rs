//! Colocations that nobody configured: members of groups, and what containers and virtual machines launch.
//!
//! From the facts alone, after the configured ones; for placement, which treats them as any other, except that they
//! are not shared between the members of a group. Unmanaged resources imply nothing.

use super::{Colocation, Constraints};
use compact_str::CompactString;
use model::Score;
use status::{Facts, Kind, ResourceIndex};

/// Adds the implied colocations of every resource.
pub(super) fn add(facts: &Facts, constraints: &mut Constraints) {
    for &root in &facts.roots {
        add_of(facts, root, constraints);
    }
}

fn add_of(facts: &Facts, index: ResourceIndex, constraints: &mut Constraints) {
    let resource = facts.resource(index);
    match &resource.kind {
        Kind::Primitive(_) => add_of_launched(facts, index, constraints),
        Kind::Group(group) => {
            let mut previous: Option<ResourceIndex> = None;
            for &member in &resource.children {
                add_of(facts, member, constraints);
                if let (Some(previous), true) = (previous, group.colocated) {
                    let influence = facts.resource(member).critical;
                    push("#group-members", member, previous, Score::INFINITY, influence, constraints);
                }
                previous = Some(member);
            }
        }
        Kind::Clone(_) => {
            for &instance in &resource.children {
                add_of(facts, instance, constraints);
            }
        }
        Kind::Bundle(bundle) => {
            for replica in &bundle.replicas {
                add_of(facts, replica.container, constraints);
                if let Some(ip) = replica.ip {
                    add_of(facts, ip, constraints);
                    push("#ip-with-container", ip, replica.container, Score::INFINITY, true, constraints);
                }
                if let Some(remote) = replica.remote {
                    add_of(facts, remote, constraints);
                }
            }
            if let Some(child) = bundle.child {
                add_of(facts, child, constraints);
            }
        }
    }
}

fn add_of_launched(facts: &Facts, index: ResourceIndex, constraints: &mut Constraints) {
    let resource = facts.resource(index);
    let Some(launcher) = resource.launcher else { return };
    if !is_managed(facts, constraints, index) || required_connection(facts, index).is_some() {
        return;
    }
    // A container may run on a remote node, which its connection cannot: near is good enough for the latter.
    let score = if resource.remote_nesting_allowed { Score::new(10_000) } else { Score::INFINITY };
    push("#resource-with-container", index, launcher, score, true, constraints);
}

/// Returns whether a resource is managed, after what tickets did.
pub(crate) fn is_managed(facts: &Facts, constraints: &Constraints, index: ResourceIndex) -> bool {
    let revised = constraints.revisions.iter().rev().find(|revision| revision.resource == index);
    revised.map_or(facts.resource(index).managed, |revision| revision.managed)
}

/// Returns the connection whose node is the only one that a launched resource may run on.
pub(crate) fn required_connection(facts: &Facts, index: ResourceIndex) -> Option<ResourceIndex> {
    let resource = facts.resource(index);
    let launcher = resource.launcher?;
    if resource.remote_connection {
        return None;
    }
    if facts.resource(launcher).remote_connection {
        return Some(launcher);
    }
    if !facts.have_remote_nodes {
        return None;
    }
    facts.resource(launcher).launched.iter().copied().find(|&launched| facts.resource(launched).remote_connection)
}

fn push(id: &'static str, dependent: ResourceIndex, primary: ResourceIndex, score: Score, influence: bool, constraints: &mut Constraints) {
    constraints.colocations.push(Colocation {
        id: CompactString::const_new(id),
        dependent,
        primary,
        score,
        dependent_role: None,
        primary_role: None,
        attribute: CompactString::const_new("#uname"),
        influence,
        explicit: false,
    });
}
