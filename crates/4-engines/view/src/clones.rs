//! A clone: interchangeable instances by node, the others one by one.

use crate::Lines;
use crate::look::{Look, compare_names};
use crate::times::exit_text;
use model::Role;
use status::{Kind, NodeIndex, ResourceIndex};
use std::collections::BTreeMap;

/// What the instances that need no line of their own add up to.
#[derive(Default)]
struct Condensed {
    promoted: Vec<NodeIndex>,
    started: Vec<NodeIndex>,
    /// Node or instance and the state shown for it.
    stopped: Vec<(String, String)>,
}

impl Look<'_> {
    /// Prints a clone; returns whether anything was printed.
    pub(crate) fn clone_set(&self, index: ResourceIndex, out: &mut Lines) -> bool {
        if self.is_filtered(index, true) {
            return false;
        }
        let resource = self.resource(index);
        let is_named = self.is_named(index);
        let everything = self.filter.all_resources();
        let mut printed = false;
        let mut header = |out: &mut Lines| {
            if !std::mem::replace(&mut printed, true) {
                out.begin(self.clone_heading(index));
            }
        };
        let mut condensed = Condensed::default();
        for &child in &resource.children {
            if self.is_elsewhere(child) || self.is_filtered(child, is_named) {
                continue;
            }
            if self.needs_own_line(index, child, &mut condensed) {
                header(out);
                Look { filter: &everything, ..*self }.any(child, out);
            }
        }
        if self.show.clone_detail {
            if printed {
                out.end();
            }
            return true;
        }
        let active = self.condensed_lines(index, &mut condensed, &mut header, out);
        if self.show.inactive {
            let max = if let Kind::Clone(clone) = &resource.kind { clone.max } else { 0 };
            if !resource.unique && i64::from(max) > active as i64 {
                condensed.stopped = self.stopped_nodes(index);
            }
            if !condensed.stopped.is_empty() {
                header(out);
                stopped_lines(&condensed.stopped, out);
            } else if active == 0 {
                header(out);
            }
        }
        if printed {
            out.end();
        }
        printed
    }

    fn clone_heading(&self, index: ResourceIndex) -> String {
        let resource = self.resource(index);
        let child = if let Kind::Clone(clone) = &resource.kind { clone.child_id() } else { "" };
        let mut marks = Vec::new();
        if resource.promotable {
            marks.push("promotable".to_owned());
        }
        if resource.unique {
            marks.push("unique".to_owned());
        }
        marks.extend(self.state_marks(index));
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        format!("Clone Set: {} [{child}]{marks}{}", resource.id, self.description_mark(index))
    }

    /// Decides whether an instance gets a line of its own; else it is added to the condensed ones.
    fn needs_own_line(&self, clone: ResourceIndex, child: ResourceIndex, condensed: &mut Condensed) -> bool {
        let (resource, instance) = (self.resource(clone), self.resource(child));
        let is_partly_active = self.is_active(child, false);
        let mut own_line = self.show.clone_detail;
        if resource.unique {
            return own_line || is_partly_active || !resource.orphan;
        }
        if self.show.pending && self.pending_node(child).is_some() {
            return true;
        }
        if !is_partly_active {
            if !instance.orphan && !self.show.clone_detail && self.show.inactive {
                condensed.stopped.push((instance.id.to_string(), "Stopped".to_owned()));
            }
            return own_line;
        }
        if self.any_below(child, &|r| r.orphan) || !self.all_below(child, &|r| r.managed) || self.any_below(child, &|r| r.failed) {
            return true;
        }
        if !self.is_active(child, true) {
            return true;
        }
        match self.location(child) {
            Some(at) if !self.node(at).online && self.node(at).unclean => own_line = true,
            Some(at) if self.role(child) > Role::Unpromoted => condensed.promoted.push(at),
            Some(at) => condensed.started.push(at),
            // The members of the instance are on different nodes.
            None => own_line = true,
        }
        own_line
    }

    /// Prints the lines of nodes by role; returns how many instances they stand for.
    fn condensed_lines(
        &self,
        index: ResourceIndex,
        condensed: &mut Condensed,
        header: &mut impl FnMut(&mut Lines),
        out: &mut Lines,
    ) -> usize {
        let mut active = 0;
        let mut names = |nodes: &mut Vec<NodeIndex>| -> Option<String> {
            nodes.sort_by_key(|&node| self.rank(node));
            let names: Vec<&str> = nodes.iter().map(|&n| self.name(n).as_str()).filter(|n| self.filter.has_node(n)).collect();
            active += names.len();
            (!names.is_empty()).then(|| names.join(" "))
        };
        if let Some(names) = names(&mut condensed.promoted) {
            header(out);
            out.item(format_args!("Promoted: [ {names} ]"));
        }
        if let Some(names) = names(&mut condensed.started) {
            header(out);
            let word = match self.resource(index).promotable {
                false => "Started",
                true if self.configured_role(index) == Some(Role::Unpromoted) => "Unpromoted (target-role)",
                true => "Unpromoted",
            };
            out.item(format_args!("{word}: [ {names} ]"));
        }
        active
    }

    fn configured_role(&self, index: ResourceIndex) -> Option<Role> {
        self.configured_role_text(index).and_then(Role::parse)
    }

    /// Returns the nodes where no instance of an anonymous clone is active, and how they are shown.
    fn stopped_nodes(&self, index: ResourceIndex) -> Vec<(String, String)> {
        let resource = self.resource(index);
        let mut nodes: Vec<NodeIndex> = resource.allowed.iter().map(|(node, _)| node).collect();
        if nodes.is_empty() {
            // Compat: an asymmetric cluster has no allowed nodes before constraints are read; those probed stand in.
            nodes.extend(&resource.known_on);
        }
        let active = self.active_nodes(index);
        nodes.sort_by_key(|&node| self.rank(node));
        let state = if self.configured_role(index) == Some(Role::Stopped) { "Stopped (disabled)" } else { "Stopped" };
        nodes
            .into_iter()
            .filter(|node| !active.contains(node))
            .map(|node| self.name(node).as_str())
            .filter(|name| self.filter.has_node(name))
            .map(|name| match self.failed_probe(index, Some(name)) {
                Some(exit) => (name.to_owned(), format!("Stopped ({})", exit_text(exit, self.show.new_words))),
                None => (name.to_owned(), state.to_owned()),
            })
            .collect()
    }
}

fn stopped_lines(stopped: &[(String, String)], out: &mut Lines) {
    let mut by_state: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, state) in stopped {
        by_state.entry(state).or_default().push(name);
    }
    for (state, mut names) in by_state {
        names.sort_by(|a, b| compare_names(a, b));
        names.dedup();
        out.item(format_args!("{state}: [ {} ]", names.join(" ")));
    }
}
