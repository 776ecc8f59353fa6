//! One wish to fence under way: what is left to try, and what is at work for it.

use messages::group::Incarnation;
use model::{NodeName, ResourceId};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// One device's part of a fencing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Stage {
    pub device: ResourceId,
    /// `off`, `on` or `reboot`, as the device is asked.
    pub action: &'static str,
    /// The target is off already: that it does not come back on is no failure.
    pub optional: bool,
}

/// A run of a device for this fencing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Attempt {
    pub stage: Stage,
    pub node: NodeName,
    /// Nodes that were asked for this stage already, this one included.
    pub tried: BTreeSet<NodeName>,
    /// Runs on this node so far, this one included.
    pub tries: u32,
    /// What is left of the time of this stage on this node, and since when it runs.
    pub time_left: Duration,
    pub progress: AttemptProgress,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum AttemptProgress {
    /// It waits for its delay to pass.
    Delayed { until: Duration },
    /// It waits for the device, which is at its limit.
    Queued,
    /// The target ends itself; by then it has. `ordered`: it was told to, as it still could be.
    EndsItself { until: Duration, ordered: bool },
    /// The node was asked under this number.
    AtWork { run: u64, since: Duration },
}

/// One target being fenced.
#[derive(Clone, Debug)]
pub(crate) struct Fencing {
    pub tickets: Vec<u64>,
    pub target: NodeName,
    /// As asked.
    pub action: String,
    pub origin: NodeName,
    pub client: String,
    pub begun: Duration,
    /// The time of one device's action unless the device says otherwise.
    pub timeout: Duration,
    /// The asker's delay; applied once, before the first device.
    pub delay: Duration,
    /// The end of the whole budget; set when the first device is chosen.
    pub deadline: Option<Duration>,
    /// Alternatives that are left: each is a level whose stages must all succeed.
    pub alternatives: VecDeque<Vec<Stage>>,
    /// What is left of the level being tried.
    pub stages: VecDeque<Stage>,
    pub attempt: Option<Attempt>,
    /// Devices that were tried or are in `alternatives`.
    pub considered: BTreeSet<ResourceId>,
    /// The alternatives come from a topology: there are no others.
    pub has_topology: bool,
    /// The life of the target's host when the last off or reboot was ordered.
    pub incarnation: Option<Incarnation>,
    /// The node and the device of the last success.
    pub last: Option<(NodeName, ResourceId)>,
    pub error: Option<String>,
    /// When the target was asked about and nothing has answered yet, the end of our patience.
    pub patience: Duration,
}

impl Fencing {
    /// Returns whether this is the very thing that another asker wants.
    pub fn is_same(&self, target: &NodeName, action: &str) -> bool {
        self.target == *target && self.action == action
    }
}
