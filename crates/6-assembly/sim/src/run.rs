//! One history from its seed to its report.

use crate::check::Checkers;
use crate::check::RECOVERY_MAX;
use crate::configuration::{Bundle, Expected, configuration};
use crate::disk::Disk;
use crate::host::Host;
use crate::random::Random;
use crate::remote::Reach;
use crate::sabotage::Sabotage;
use crate::story::{Chapter, Deed};
use crate::trace::Trace;
use crate::transcript::Transcript;
use crate::world::{Happening, World};
use member::StoredCib;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use xml::Element;

/// What a history is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many nodes; drawn from 3 to 30 when absent, five in the middle.
    pub nodes: Option<usize>,
    /// How many primitives; drawn from 3 to 8 when absent.
    pub resources: Option<usize>,
    /// How many remote nodes. Where neither they nor guests are told, one seed in four has one to three, and perhaps a guest.
    pub remotes: Option<usize>,
    /// How many guest nodes.
    pub guests: Option<usize>,
    /// How many replicas a bundle has. Where neither they nor remote nodes nor guests are told, one seed in eight has a bundle of one to three.
    pub replicas: Option<usize>,
    /// How many faults and edits in each episode; drawn from 1 to 8 when absent.
    pub deeds: Option<usize>,
    /// How often there is trouble and everything is mended again, five minutes from one time to the next.
    pub episodes: usize,
    /// How long things happen in an episode, in the world's time.
    pub trouble: Duration,
    /// Whether the trace is kept.
    pub trace: bool,
    /// Whether the inputs of plans are kept.
    pub inputs: bool,
    /// Only these of the deeds happen, by their numbers; absent: all.
    pub only: Option<BTreeSet<usize>>,
    /// What was kept happens instead of what would be drawn.
    pub told: Option<Transcript>,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

/// From the beginning of one episode to that of the next; what was mended has the rest of it to come to rest.
const EPISODE: Duration = Duration::from_secs(300);

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: None,
            resources: None,
            remotes: None,
            guests: None,
            replicas: None,
            deeds: None,
            episodes: 1,
            trouble: Duration::from_secs(40),
            trace: false,
            inputs: false,
            only: None,
            told: None,
            sabotage: None,
        }
    }
}

/// What became of a history.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    /// Broken promises; empty when all were kept.
    pub violations: Vec<String>,
    /// What happened, when it was asked for.
    pub trace: String,
    pub plans: u64,
    /// How long the history took, in the world's time.
    pub lived: Duration,
    /// How long after everything was mended all ran again, if it did.
    pub recovered: Option<Duration>,
    pub nodes: usize,
    /// How many remote and guest nodes there were beside them.
    pub others: usize,
    /// The inputs of plans by time, when they were asked for.
    pub inputs: Vec<(String, String)>,
    /// How many deeds there were of each kind.
    pub told: BTreeMap<String, u64>,
    /// The deeds of the history, by number.
    pub story: Vec<String>,
    /// The same, to be kept.
    pub transcript: Transcript,
}

impl Report {
    /// Returns the command that shows a history that was lived through with these options again.
    pub fn replay(&self, options: &Options) -> String {
        let mut command = format!("cargo xtask sim --seed {} --minutes {}", self.seed, options.episodes * 5);
        for (name, number) in [
            ("nodes", options.nodes),
            ("resources", options.resources),
            ("remotes", options.remotes),
            ("guests", options.guests),
            ("replicas", options.replicas),
            ("deeds", options.deeds),
        ] {
            command += &number.map(|number| format!(" --{name} {number}")).unwrap_or_default();
        }
        command + " --trace"
    }
}

/// Draws how many nodes a cluster has: five in the middle, thirty at most.
fn nodes(random: &mut Random) -> usize {
    match random.below(100) {
        0..=59 => random.between(3, 5),
        60..=89 => random.between(6, 8),
        90..=97 => random.between(9, 16),
        _ => random.between(17, 30),
    }
}

/// Draws how many remote and guest nodes there are, without touching what else is drawn from the seed.
fn others(seed: u64) -> (usize, usize) {
    let mut random = Random::new(!seed);
    if random.percent(25) { (random.between(1, 3), usize::from(random.percent(40))) } else { (0, 0) }
}

/// Draws whether there is a bundle, and of which kind, in the same way.
fn bundle(seed: u64, options: &Options) -> Option<Bundle> {
    let mut random = Random::new(!seed.rotate_left(32));
    let is_drawn = random.below(8) == 0 && options.remotes.is_none() && options.guests.is_none();
    let drawn = random.between(1, 3);
    let replicas = options.replicas.unwrap_or(if is_drawn { drawn } else { 0 });
    (replicas > 0).then(|| Bundle { replicas, is_promotable: random.percent(50) })
}

/// Returns a world of members and what else there is, all of which are about to be switched on.
pub(crate) fn build(names: &[(String, u32)], cib: Element, expected: Expected, random: Random, trace: Trace) -> World {
    let cib = Arc::new(cib);
    let members = names.iter().map(|(name, id)| {
        let mut host = Host::new(name.as_str().into(), *id);
        host.disk = Disk::with(StoredCib { cib: cib.clone(), lineage: 0 });
        host
    });
    let remotes = expected.connections.iter().map(|name| (name, None));
    let others = remotes.chain(expected.guests.iter().map(|(name, container)| (name, Some(container.clone()))));
    let others = others.map(|(name, container)| {
        let mut host = Host::new(name.as_str().into(), 0);
        host.reach = Some(Reach::new(container));
        host
    });
    let hosts: Vec<Host> = members.chain(others).collect();
    let count = hosts.len();
    let promotable = expected.promoted_once().cloned().collect();
    let mut world = World::new(hosts, random, trace, Checkers::new(expected, count));
    world.promotable = promotable;
    for host in 0..count {
        let at = world.random.millis(0, 800);
        world.at(at, Happening::PowerOn { host });
        world.checkers.causes.happened_to(host, at);
    }
    world
}

/// Lives through the history of a seed.
pub fn run(seed: u64, options: &Options) -> Report {
    let mut random = Random::new(seed);
    let nodes = options.nodes.unwrap_or_else(|| nodes(&mut random));
    let primitives = options.resources.unwrap_or_else(|| random.between(3, 8));
    let (remotes, guests) = match (options.remotes, options.guests) {
        (None, None) => others(seed),
        (remotes, guests) => (remotes.unwrap_or(0), guests.unwrap_or(0)),
    };
    let bundle = bundle(seed, options);
    let replicas = bundle.map_or(0, |bundle| bundle.replicas);
    let names: Vec<(String, u32)> = (1..=nodes).map(|n| (format!("node{n}"), n as u32)).collect();
    let (cib, expected) = configuration(&names, primitives, (remotes, guests), bundle, &mut random);
    let singles: Vec<String> = expected.single.iter().chain(&expected.connections).cloned().collect();
    let mut world = build(&names, cib, expected, random, Trace::new(options.trace));
    world.sabotage = options.sabotage;
    world.inputs = options.inputs.then(Vec::new);
    let beginning = |episode: usize| Duration::from_secs(5) + EPISODE * episode as u32;
    let mut story = Vec::new();
    for episode in 0..options.episodes {
        let deeds = options.deeds.unwrap_or_else(|| world.random.between(1, 8));
        let from = beginning(episode);
        story.extend(world.draw_story(story.len(), from, from + options.trouble, deeds, &singles));
    }
    if let Some(only) = &options.only {
        story.retain(|chapter| only.contains(&chapter.number));
    }
    if let Some(told) = &options.told {
        story = vec![Chapter { number: 0, deeds: told.deeds.clone() }];
    }
    let shown = story.iter().map(shown).collect();
    let deeds = story.iter().flat_map(|chapter| chapter.deeds.clone()).collect();
    let transcript = Transcript::new(seed, (nodes, remotes, guests, replicas), primitives, options.episodes, deeds);
    world.tell(story);
    (0..options.episodes).for_each(|episode| world.at(beginning(episode) + options.trouble, Happening::Told(Deed::Heal)));
    let mut recovered = Some(Duration::ZERO);
    for episode in 0..options.episodes {
        let mended = beginning(episode) + options.trouble;
        while world.step(mended) {}
        let took = recover(&mut world, mended, EPISODE - options.trouble, &singles);
        recovered = recovered.zip(took).map(|(slowest, took)| slowest.max(took));
        // What was broken once shows again in every episode that follows.
        if !world.checkers.violations.is_empty() {
            break;
        }
        if options.episodes > 1 {
            while world.step(beginning(episode + 1)) {}
        }
    }
    Report {
        seed,
        plans: world.plans,
        lived: world.now,
        recovered,
        nodes,
        others: remotes + guests + replicas,
        inputs: world.inputs.unwrap_or_default(),
        told: world.told,
        story: shown,
        transcript,
        violations: world.checkers.violations,
        trace: world.trace.into_text(),
    }
}

fn shown(chapter: &Chapter) -> String {
    let deeds: Vec<String> = chapter.deeds.iter().map(|(at, deed)| format!("at {:.3} s {deed:?}", at.as_secs_f64())).collect();
    format!("{}: {}", chapter.number, deeds.join(", "))
}

/// Waits until the mended cluster is at rest with everything running; what an administrator would do is done once a while.
fn recover(world: &mut World, from: Duration, patience: Duration, singles: &[String]) -> Option<Duration> {
    let mut quiet_since = None;
    let mut next_help = from + Duration::from_secs(8);
    let mut at = from;
    let mut last_missing = String::new();
    while at < from + patience {
        at += Duration::from_millis(500);
        while world.step(at) {}
        if at >= next_help {
            next_help = at + Duration::from_secs(30);
            help(world, singles);
        }
        let plans = world.plans;
        let leader = world.hosts.iter().find(|host| host.daemon.as_ref().is_some_and(|daemon| daemon.member.is_idle()));
        let missing = world.missing();
        if !missing.is_empty() {
            last_missing = missing.join(", ");
        }
        let is_good = leader.is_some() && at > from + Duration::from_secs(9) && missing.is_empty();
        match quiet_since {
            _ if !is_good => quiet_since = None,
            Some((since, seen)) if seen == plans && at >= since + Duration::from_secs(4) => break,
            Some((_, seen)) if seen == plans => {}
            _ => quiet_since = Some((at, plans)),
        }
    }
    let missing = world.missing();
    let recovered = quiet_since.map(|(since, _)| since - from);
    if let Some(took) = recovered.filter(|took| *took > RECOVERY_MAX) {
        world.checkers.found(world.now, format!("R1: all ran again only {} s after it was mended; last {last_missing}", took.as_secs()));
    }
    if world.sabotage == Some(Sabotage::TriggerHappy) {
        let until = world.now + Duration::from_secs(160);
        while world.step(until) {}
        (0..world.members).for_each(|by| world.fence(by, 0));
        let until = world.now + Duration::from_secs(30);
        while world.step(until) {}
    }
    if quiet_since.is_some() {
        world.look_at_queues();
    }
    if quiet_since.is_none() {
        let what = if missing.is_empty() { "the cluster does not come to rest".to_owned() } else { missing.join(", ") };
        world.checkers.found(world.now, format!("L1: {what}"));
    }
    let leader = world.hosts.iter().find_map(|host| host.daemon.as_ref().filter(|daemon| daemon.member.is_in_charge()));
    match leader.map(|daemon| daemon.member.cib().clone()) {
        Some(cib) => world.checkers.ended(world.now, &cib),
        None => world.checkers.found(world.now, "L1: nobody coordinates".to_owned()),
    }
    recovered
}

/// What an administrator does once the faults are mended: everything may run again, and old failures are forgotten.
fn help(world: &mut World, singles: &[String]) {
    for host in 0..world.members {
        world.carry_out(Deed::Standby { host, on: false });
    }
    for resource in singles {
        world.carry_out(Deed::TargetRole { resource: resource.clone(), stopped: false });
    }
    for host in 0..world.hosts.len() {
        world.start_daemon(host);
        world.power_on(host);
    }
    world.carry_out(Deed::Maintenance { on: false });
    world.carry_out(Deed::Ticket { granted: true });
    world.carry_out(Deed::LiftBans);
    world.carry_out(Deed::Cleanup { host: 0 });
}
