//! A world of a thousand nodes: a few members, all others remote, and ten thousand resources; what its decisions cost.
//!
//! As clusters of this size are made: a resource may run on the few nodes of its cell, and is looked for nowhere else.

use crate::configuration::{Expected, connection, document, primitive};
use crate::random::Random;
use crate::run::build;
use crate::story::Deed;
use crate::trace::Trace;
use crate::world::World;
use std::time::Duration;
use xml::Element;

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub members: usize,
    pub remotes: usize,
    pub resources: usize,
}

/// What happened, and what was decided until all ran again.
#[derive(Clone, Debug)]
pub struct Stage {
    pub what: &'static str,
    /// In the world's time; absent when it did not come to rest within an hour.
    pub took: Option<Duration>,
    /// The cost of each decision, as `clock` measures it.
    pub decisions: Vec<Duration>,
    /// Broken promises up to here.
    pub violations: Vec<String>,
    pub trace: String,
}

/// What begins a stage.
type Happens = fn(&mut World);

/// Nodes of a cell.
const CELL: usize = 4;
const PATIENCE: Duration = Duration::from_secs(3600);

/// Starts a cluster of this size, then takes from it a remote node, its coordinator, and several remote nodes at once.
///
/// `planning` is how long a decision takes in the world; `clock` measures what it costs.
pub fn thousand(size: Size, planning: Duration, clock: fn() -> Duration, is_traced: bool, mut tell: impl FnMut(&Stage)) {
    let mut random = Random::new(1);
    let (cib, expected) = configuration(size, &mut random);
    let names: Vec<(String, u32)> = (1..=size.members).map(|n| (format!("node{n}"), n as u32)).collect();
    let mut world = build(&names, cib, expected, random, Trace::new(is_traced));
    (world.planning, world.clock) = (planning, Some(clock));
    let stages: [(&'static str, Happens); 4] = [
        ("a cold start", |_| {}),
        ("a remote node lost", |world| lose(world, world.members + 7)),
        ("the coordinator lost", |world| {
            let coordinator = world.hosts.iter().position(|host| host.daemon.as_ref().is_some_and(|daemon| daemon.member.is_in_charge()));
            coordinator.into_iter().for_each(|host| lose(world, host));
        }),
        ("twenty remote nodes lost at once", |world| {
            // One of each cell: what may run on the nodes of a cell that is gone runs nowhere.
            let lost = (world.members + 100..world.hosts.len()).step_by(CELL).take(20);
            lost.collect::<Vec<usize>>().into_iter().for_each(|host| lose(world, host));
        }),
    ];
    for (what, happens) in stages {
        world.decisions.clear();
        let from = world.now;
        happens(&mut world);
        let took = rest(&mut world, from);
        let (decisions, violations) = (std::mem::take(&mut world.decisions), std::mem::take(&mut world.checkers.violations));
        let trace = std::mem::replace(&mut world.trace, Trace::new(is_traced)).into_text();
        tell(&Stage { what, took, decisions, violations, trace });
        if took.is_none() {
            return;
        }
    }
}

/// Takes a host from the world. Nobody switches it on again once it is fenced, so that nobody can be connected to it.
fn lose(world: &mut World, host: usize) {
    world.carry_out(Deed::Crash { host });
    let name = world.hosts[host].name.clone();
    world.checkers.expected.connections.retain(|connection| *connection != name.as_str());
}

/// Lets time pass until everything runs and nothing is under way.
fn rest(world: &mut World, from: Duration) -> Option<Duration> {
    let mut at = from + Duration::from_secs(10);
    while at < from + PATIENCE {
        while world.step(at) {}
        let is_idle = world.hosts.iter().any(|host| host.daemon.as_ref().is_some_and(|daemon| daemon.member.is_idle()));
        if is_idle && world.missing().is_empty() {
            return Some(world.now - from);
        }
        at += Duration::from_secs(1);
    }
    let missing = world.missing();
    let now = world.now;
    let found = missing.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    world.checkers.found(now, format!("L1: {} things do not run: {found}", missing.len()));
    None
}

fn configuration(size: Size, random: &mut Random) -> (Element, Expected) {
    let mut expected = Expected::new("stop");
    let (mut resources, mut constraints) = (Vec::new(), Vec::new());
    for number in 1..=size.remotes {
        let name = format!("far{number}");
        resources.push(connection(&name));
        expected.connections.push(name);
    }
    for member in 1..=size.members {
        let location = Element::new("rsc_location").with("id", format!("connections-{member}")).with("rsc-pattern", "^(far.*|power)$");
        constraints.push(location.with("node", format!("node{member}")).with("score", "0"));
    }
    let cells = (size.remotes / CELL).max(1);
    for cell in 0..cells {
        let mine: Vec<String> = (0..size.resources).filter(|number| number % cells == cell).map(|number| format!("r{number}")).collect();
        for name in (1..=CELL).map(|within| format!("far{}", cell * CELL + within)) {
            let references = mine.iter().map(|id| Element::new("resource_ref").with("id", id));
            let set = Element::new("resource_set").with("id", format!("{name}-set")).with_children(references);
            let location = Element::new("rsc_location").with("id", format!("{name}-cell")).with("node", &name).with("score", "0");
            constraints.push(location.with("resource-discovery", "exclusive").with_child(set));
        }
        resources.extend(mine.iter().map(|id| primitive(id, random)));
        expected.single.extend(mine);
    }
    let options = [("symmetric-cluster", "false"), ("cluster-recheck-interval", "15min")];
    let nodes: Vec<(String, u32)> = (1..=size.members).map(|n| (format!("node{n}"), n as u32)).collect();
    (document(&nodes, &options, resources, constraints), expected)
}
