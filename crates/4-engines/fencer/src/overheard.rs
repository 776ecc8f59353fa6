//! What a member that does not lead hears of the coordinator's questions to fence agents: should it lead next, it knows the answers
//! already, and the fencing of the coordinator's host need not wait for them.

use crate::Configuration;
use crate::fencer::{Fencer, Purpose};
use messages::operation::{DeviceOrder, DeviceReport, DeviceTicket};
use model::{NodeName, Now, ResourceId};
use std::collections::BTreeMap;

/// So many questions may be without an answer; what is older than that was never answered.
const UNANSWERED_MAX: usize = 64;

/// Questions of another node's fencer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overheard {
    unanswered: BTreeMap<DeviceTicket, DeviceOrder>,
    /// The arguments with which each device was asked for its list: it is of use while the device is configured so.
    lists: BTreeMap<ResourceId, BTreeMap<String, String>>,
}

impl Overheard {
    /// Takes a question; whom a run is to fence or whose state it asks for is the coordinator's alone.
    pub fn question(&mut self, order: DeviceOrder) {
        if order.parameters.contains_key("nodename") {
            return;
        }
        self.unanswered.insert(order.ticket, order);
        while self.unanswered.len() > UNANSWERED_MAX {
            self.unanswered.pop_first();
        }
    }

    /// Returns whether a list that was overheard is that of a device as it is configured.
    pub fn is_list_of(&self, device: &ResourceId, configuration: &Configuration) -> bool {
        let Some(device) = configuration.devices.get(device) else { return false };
        self.lists.get(&device.id).is_some_and(|asked| *asked == device.arguments(&Default::default(), None))
    }
}

impl Fencer {
    /// Keeps the answer to a question of the coordinator.
    pub(crate) fn overheard_answer(&mut self, now: Now, from: &NodeName, report: &DeviceReport) {
        let Some(order) = self.overheard.unanswered.remove(&report.ticket) else { return };
        if order.action == "metadata" {
            self.answered(now, from, Purpose::Metadata(order.agent), report);
        } else {
            self.overheard.lists.insert(order.device.clone(), order.parameters);
            self.answered(now, from, Purpose::List(order.device), report);
        }
    }
}
