//! The devices, levels and options of fencing, read from the CIB.

use cib::rules::{Input, Recheck};
use cib::{Cib, Constraint, FencingTarget, LocationSubject, ResourceDefinition};
use messages::agent::AgentName;
use model::{NodeName, ResourceId, Score, Timestamp, parse_boolean, parse_interval};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use xml::Element;

/// Everything of the CIB that fencing needs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Configuration {
    pub devices: BTreeMap<ResourceId, Device>,
    /// In document order.
    pub levels: Vec<Level>,
    /// `stonith-enabled`.
    pub enabled: bool,
    /// `stonith-action`.
    pub action: String,
    /// `stonith-timeout`: the time of one device's action unless the device says otherwise.
    pub timeout: Duration,
    /// After how long a lost node has ended itself by its watchdog (`stonith-watchdog-timeout`); the device [`WATCHDOG`] stands for that.
    pub watchdog: Option<Duration>,
    /// Rules decided something that depends on attributes of nodes: to be read again when these change.
    pub depends_on_nodes: bool,
    /// Rules decided something that changes at this time: to be read again then.
    pub until: Option<Timestamp>,
}

/// What rules depend on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Circumstances {
    pub now: Timestamp,
    /// The attributes of each node that may run devices.
    pub attributes: BTreeMap<NodeName, BTreeMap<String, String>>,
    /// The time-out of this host's own watchdog (`SBD_WATCHDOG_TIMEOUT`).
    pub watchdog: Option<Duration>,
}

/// Compat: what the field calls the device that stands for nodes that end themselves.
pub const WATCHDOG: &str = "watchdog";
/// Its agent. There is nothing to run: the others only wait.
pub const WATCHDOG_AGENT: &str = "fence_watchdog";

/// Returns after how long a lost node has ended itself, by `stonith-watchdog-timeout` as it is written; `None`: nobody counts on that.
///
/// Compat: a negative value stands for twice the time-out of this host's watchdog.
pub fn watchdog_wait(text: &str, own: Option<Duration>) -> Option<Duration> {
    if text.trim_start().starts_with('-') {
        return own.map(|timeout| timeout * 2);
    }
    parse_interval(text).filter(|wait| !wait.is_zero())
}

/// One fence device: a primitive of class `stonith` that is not disabled.
#[derive(Clone, PartialEq, Debug)]
pub struct Device {
    pub id: ResourceId,
    pub agent: AgentName,
    /// Its instance attributes, `pcmk_*` included.
    pub parameters: BTreeMap<String, String>,
    /// `provides`, `priority` and other meta-attributes.
    pub meta: BTreeMap<String, String>,
    /// Nodes that location constraints keep it from.
    pub banned: BTreeSet<NodeName>,
    /// The only nodes it may be used from, where the cluster is opt-in.
    pub only: Option<BTreeSet<NodeName>>,
}

/// One level of a topology.
#[derive(Clone, PartialEq, Debug)]
pub struct Level {
    pub target: Target,
    /// 1 to 9; lower ones are tried first.
    pub index: u32,
    /// All of them must succeed.
    pub devices: Vec<ResourceId>,
}

/// Which nodes a level is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    Node(NodeName),
    /// A regular expression on the node's name.
    Pattern(String),
    /// Nodes with this attribute at this value.
    Attribute {
        name: String,
        value: String,
    },
}

impl Configuration {
    /// Reads the configuration out of a whole CIB, as it is in these circumstances.
    pub fn read(cib: &Element, circumstances: &Circumstances) -> Self {
        let cib = Cib::new(cib);
        let mut recheck = Recheck::default();
        let input = Input { now: Some(circumstances.now), ..Input::default() };
        let options = cib.configuration.options.values(&input, &mut recheck);
        let option = |names: [&str; 2]| names.iter().find_map(|name| options.get(name).copied());
        let opt_in = option(["symmetric-cluster", "symmetric_cluster"]).and_then(parse_boolean) == Some(false);
        let mut devices = BTreeMap::new();
        let defaults = cib.configuration.resource_defaults.values(&input, &mut recheck);
        for resource in &cib.configuration.resources {
            collect(resource, &defaults, &input, &mut recheck, &mut devices);
        }
        for device in devices.values_mut() {
            if opt_in {
                device.only = Some(BTreeSet::new());
            }
        }
        let mut depends_on_nodes = false;
        for constraint in &cib.configuration.constraints {
            if let Constraint::Location(location) = constraint {
                depends_on_nodes |= place(location, circumstances, &mut recheck, &mut devices);
            }
        }
        let watchdog = option(["stonith-watchdog-timeout", "fencing-watchdog-timeout"]);
        let watchdog = watchdog.and_then(|text| watchdog_wait(text, circumstances.watchdog));
        // Compat: a configured one must have this name; its pcmk_host_list says which nodes have a watchdog.
        devices.retain(|id, device| !device.is_watchdog() || (watchdog.is_some() && id.as_str() == WATCHDOG));
        if watchdog.is_some() && !devices.contains_key(WATCHDOG) {
            devices.insert(WATCHDOG.into(), Device::watchdog());
        }
        let levels = cib.configuration.fencing_levels.iter().filter_map(|level| {
            let target = match level.target? {
                FencingTarget::Node(name) => Target::Node(name.into()),
                FencingTarget::Pattern(pattern) => Target::Pattern(pattern.to_owned()),
                FencingTarget::Attribute(name, value) => Target::Attribute { name: name.to_owned(), value: value.to_owned() },
            };
            Some(Level { target, index: u32::from(level.index?.0), devices: level.devices.iter().map(ResourceId::new).collect() })
        });
        Self {
            levels: levels.collect(),
            enabled: option(["stonith-enabled", "fencing-enabled"]).and_then(parse_boolean).unwrap_or(true),
            action: option(["stonith-action", "fencing-action"]).unwrap_or("reboot").to_owned(),
            timeout: option(["stonith-timeout", "fencing-timeout"]).and_then(parse_interval).unwrap_or(Duration::from_secs(60)),
            watchdog,
            depends_on_nodes,
            until: recheck.0,
            devices,
        }
    }

    /// Returns whether a node ends itself by its watchdog when it is lost.
    pub fn fences_itself(&self, node: &NodeName) -> bool {
        self.enabled && self.devices.values().any(|device| device.is_watchdog() && device.reaches_by_watchdog(node))
    }

    /// Returns the levels for a target, by ascending index. Compat: levels by name win over those by pattern, those over attributes.
    pub(crate) fn levels_for(&self, target: &NodeName, attributes: Option<&BTreeMap<String, String>>) -> Vec<&Level> {
        let by_name = |level: &&Level| matches!(&level.target, Target::Node(name) if name == target);
        let by_pattern = |level: &&Level| matches!(&level.target, Target::Pattern(pattern) if matches(pattern, target.as_str()));
        let by_attribute = |level: &&Level| match &level.target {
            Target::Attribute { name, value } => attributes.and_then(|all| all.get(name)) == Some(value),
            _ => false,
        };
        let kinds: [&dyn Fn(&&Level) -> bool; 3] = [&by_name, &by_pattern, &by_attribute];
        for kind in kinds {
            let mut found: Vec<&Level> = self.levels.iter().filter(|level| kind(level)).collect();
            if let Some(first) = found.first() {
                // Of several patterns that match, the first one's levels count.
                let target = first.target.clone();
                found.retain(|level| level.target == target);
                found.sort_by_key(|level| level.index);
                return found;
            }
        }
        Vec::new()
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name))
}

fn collect(
    resource: &ResourceDefinition<'_>,
    defaults: &BTreeMap<&str, &str>,
    input: &Input<'_>,
    recheck: &mut Recheck,
    devices: &mut BTreeMap<ResourceId, Device>,
) {
    for child in resource.children() {
        collect(child, defaults, input, recheck, devices);
    }
    let Some(primitive) = resource.as_primitive().filter(|primitive| primitive.agent.class == "stonith") else { return };
    let input = Input { class: Some(primitive.agent.class), agent: Some(primitive.agent.kind), ..*input };
    let owned = |values: cib::Values<'_>| values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut meta = defaults.clone();
    meta.extend(primitive.meta.values(&input, recheck));
    if meta.get("target-role").is_some_and(|role| role.eq_ignore_ascii_case("stopped")) {
        // Compat: a device that is to be stopped is disabled, not merely idle.
        return;
    }
    let device = Device {
        id: primitive.id.into(),
        agent: AgentName {
            class: "stonith".to_owned(),
            provider: primitive.agent.provider.map(str::to_owned),
            kind: primitive.agent.kind.to_owned(),
        },
        parameters: owned(primitive.parameters.values(&input, recheck)),
        meta: owned(meta),
        banned: BTreeSet::new(),
        only: None,
    };
    devices.insert(device.id.clone(), device);
}

/// Applies a location to the devices it is about; returns whether it depends on nodes' attributes.
fn place(
    location: &cib::Location<'_>,
    circumstances: &Circumstances,
    recheck: &mut Recheck,
    devices: &mut BTreeMap<ResourceId, Device>,
) -> bool {
    let is_meant = |id: &str| match &location.subject {
        LocationSubject::Resource(resource) => *resource == id,
        LocationSubject::Pattern(pattern) => match pattern.strip_prefix('!') {
            Some(pattern) => !matches(pattern, id),
            None => matches(pattern, id),
        },
        _ => false,
    };
    let mut meant: Vec<&mut Device> = devices.values_mut().filter(|device| is_meant(device.id.as_str())).collect();
    if meant.is_empty() {
        return false;
    }
    let mut scores: Vec<(NodeName, Score)> = Vec::new();
    if let (Some(node), Some(score)) = (location.node, location.score.and_then(Score::parse)) {
        scores.push((node.into(), score));
    }
    for rule in &location.rules {
        for (node, attributes) in &circumstances.attributes {
            let mut attributes = attributes.clone();
            attributes.insert("#uname".to_owned(), node.to_string());
            let input = Input { now: Some(circumstances.now), node_attributes: Some(&attributes), ..Input::default() };
            let named = rule.score_attribute.and_then(|name| attributes.get(name)).map(String::as_str);
            if let (true, Some(score)) = (rule.is_met(&input, recheck), rule.score.or(named).and_then(Score::parse)) {
                scores.push((node.clone(), score));
            }
        }
    }
    for device in &mut meant {
        for (node, score) in &scores {
            // Compat: any negative score keeps the device from being used there.
            if *score < Score::ZERO {
                device.banned.insert(node.clone());
            } else if let Some(only) = &mut device.only {
                only.insert(node.clone());
            }
        }
    }
    !location.rules.is_empty()
}
