//! Placing a group: its members one after the other; the colocations among them keep them together.
//!
//! A mandatory colocation with a group needs its last member, a wish looks at its first; a group that is not
//! colocated has no place of its own. Deprecated forms behave as the incumbent's.

use super::board::{Board, Link};
use super::table::{INFINITY, sum};
use status::{Kind, NodeIndex, ResourceIndex};

impl Board<'_> {
    pub fn is_colocated_group(&self, group: ResourceIndex) -> bool {
        matches!(&self.resource(group).kind, Kind::Group(group) if group.colocated)
    }

    pub fn place_group(&mut self, group: ResourceIndex, prefer: Option<NodeIndex>, last_word: bool) -> Option<NodeIndex> {
        if self.seat(group).placed || self.seat(group).placing {
            // Compat: a group remembers no node of its own, so that a second question is answered with none.
            return None;
        }
        let members = self.seat(group).children.clone();
        let Some(&first) = members.first() else {
            self.seat_mut(group).placed = true;
            return None;
        };
        self.seat_mut(group).placing = true;
        self.seat_mut(group).role_now = self.seat(first).role_now;
        self.show_scores(group, "pcmk__group_assign");
        let mut node = None;
        for member in members {
            let placed = self.place(member, prefer, last_word);
            node = node.or(placed);
        }
        let role = self.seat(first).role_planned;
        self.plan_role(group, role, "first group member");
        let seat = self.seat_mut(group);
        seat.placing = false;
        seat.placed = true;
        if self.is_colocated_group(group) { node } else { None }
    }

    /// Applies a colocation whose dependent is a group: through its first member, the others follow that one.
    pub fn colocate_group_with(&mut self, group: ResourceIndex, primary: ResourceIndex, link: Link) -> i32 {
        let members = self.seat(group).children.clone();
        let Some(&first) = members.first() else { return 0 };
        let mut delta = 0;
        if self.is_colocated_group(group) {
            delta = self.apply_for_dependent(first, primary, link);
        } else {
            if link.score >= INFINITY {
                return 0;
            }
            for member in members {
                delta = sum(delta, self.apply_with_primitive(member, primary, link));
            }
        }
        if delta != 0 {
            let seat = self.seat_mut(group);
            seat.priority = sum(delta, seat.priority);
        }
        delta
    }

    /// Applies a colocation with a group: a requirement needs its last member, a wish looks at its first.
    pub fn colocate_with_group(&mut self, dependent: ResourceIndex, group: ResourceIndex, link: Link) -> i32 {
        if !self.seat(group).placed {
            return 0;
        }
        let members = self.seat(group).children.clone();
        if self.is_colocated_group(group) {
            let member = if link.score >= INFINITY { members.last() } else { members.first() };
            return member.map_or(0, |&member| self.apply_with_primitive(dependent, member, link));
        }
        if link.score >= INFINITY {
            return 0;
        }
        members.into_iter().fold(0, |delta, member| sum(delta, self.apply_with_primitive(dependent, member, link)))
    }
}
