//! An imagined cluster engine with the promise of `messages::group`: one order of messages and views for each part of the network.

use crate::host::Host;
use messages::group::View;
use std::collections::{BTreeMap, BTreeSet};

/// A view, and whom it reaches.
pub(crate) struct Present {
    pub view: View,
    /// The members with a daemon in it, by number, and that daemon's.
    pub daemons: Vec<(usize, u64)>,
}

/// The network and the engine on it.
pub(crate) struct Group {
    /// Which part of the network each host is in.
    pub part_of: Vec<usize>,
    /// The last view of each part.
    pub views: BTreeMap<usize, Present>,
    pub next_view: u64,
    /// Views in which a message reached some members and not others, because the network had split already: each ends with a new one,
    /// whoever is there then.
    pub torn: BTreeSet<u64>,
    /// The engine itself is down: nobody can order anything.
    pub is_down: bool,
}

impl Group {
    pub(crate) fn new(hosts: usize) -> Self {
        Self { part_of: vec![0; hosts], views: BTreeMap::new(), next_view: 1, torn: BTreeSet::new(), is_down: false }
    }

    /// Returns the parts whose view changed, with the new one.
    pub(crate) fn new_views(&mut self, hosts: &[Host]) -> Vec<View> {
        let mut changed = Vec::new();
        let members = || hosts.iter().filter(|host| host.reach.is_none());
        let configured = members().map(|host| (host.name.clone(), host.id)).collect::<BTreeMap<_, _>>();
        let parts: BTreeSet<usize> = self.part_of.iter().copied().collect();
        self.views.retain(|part, _| parts.contains(part));
        for part in parts {
            let here = || members().enumerate().filter(|(at, host)| self.part_of[*at] == part && host.is_up);
            let present: BTreeMap<_, _> = here().map(|(_, host)| (host.name.clone(), host.incarnation())).collect();
            let daemons: BTreeMap<_, _> = here().filter_map(|(_, host)| Some((host.name.clone(), host.daemon.as_ref()?.number))).collect();
            let quorate = present.len() * 2 > configured.len();
            let view = View { id: 0, hosts: present, daemons, configured: configured.clone(), quorate };
            let is_same = self
                .views
                .get(&part)
                .is_some_and(|Present { view: old, .. }| !self.torn.contains(&old.id) && View { id: 0, ..old.clone() } == view);
            if !is_same && !view.hosts.is_empty() {
                let view = View { id: self.next_view, ..view };
                self.next_view += 1;
                let daemons = here().filter_map(|(at, host)| Some((at, host.daemon.as_ref()?.number))).collect();
                self.views.insert(part, Present { view: view.clone(), daemons });
                changed.push(view);
            } else if view.hosts.is_empty() {
                self.views.remove(&part);
            }
        }
        self.torn.clear();
        changed
    }
}
