//! S4: a partition that loses quorum, or has none, plans what its policy asks for within a second.
//!
//! Quorum that ends before all members of its view have spoken is none for them: a plan from before, made without quorum, is still the one
//! that the policy asks for.

use crate::world::World;
use std::time::Duration;

/// How long it may take.
pub(crate) const POLICY_MAX: Duration = Duration::from_secs(1);

/// Returns who should have planned since the view without quorum was announced, and has not. A partition in which nothing runs, with a
/// daemon that stands still, or without a coordinator in charge yet (the cluster is starting), is excused.
pub(crate) fn late(world: &World, view: u64, since: Duration) -> Option<String> {
    let present = &world.group.views.values().find(|present| present.view.id == view)?.view;
    if world.group.is_down || present.quorate || world.checkers.expected.policy != "stop" {
        return None;
    }
    let members: Vec<_> = world.hosts.iter().filter(|host| present.daemons.contains_key(&host.name)).collect();
    let is_awake = |host: &&crate::host::Host| {
        let number = present.daemons.get(&host.name);
        host.daemon.as_ref().is_some_and(|daemon| {
            Some(&daemon.number) == number && !daemon.is_frozen && daemon.stood_still.is_none_or(|at| at + Duration::from_secs(5) < since)
        })
    };
    let runs_something = members.iter().any(|host| !host.active.is_empty());
    if !runs_something || !members.iter().all(is_awake) {
        return None;
    }
    let leader = members.iter().filter_map(|host| host.daemon.as_ref()).find(|daemon| daemon.member.is_in_charge())?;
    let policy_since = world.without_quorum.get(&leader.number).map_or(since, |from| since.min(*from));
    let planned = world.planned.get(&leader.number).is_some_and(|at| *at >= policy_since);
    (!planned).then(|| format!("S4: {} has no plan {:?} after its partition was without quorum", leader.member.node(), POLICY_MAX))
}
