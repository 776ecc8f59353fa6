//! Deeds carried out: what each does to hosts, to the group, to the daemons, or asks of the cluster.

use crate::agents::Health;
use crate::configuration::TICKET;
use crate::host::DiskState;
use crate::sabotage::Sabotage;
use crate::story::Deed;
use crate::world::{Happening, ToDaemon, World};
use messages::client::{CibEdit, ClientBody};
use std::time::Duration;

impl World {
    pub(crate) fn carry_out(&mut self, deed: Deed) {
        self.note(|| format!("-- {deed:?}"));
        *self.told.entry(deed.kind()).or_default() += 1;
        self.note_cause(&deed);
        match deed {
            Deed::Crash { host } => self.power_off(host, "crash"),
            Deed::PowerOn { host } => self.power_on(host),
            Deed::KillDaemon { host, back_after } if host >= self.members => self.kill_there_all(host, back_after),
            Deed::KillDaemon { host, back_after } => self.kill_daemon(host, back_after),
            Deed::KillAllDaemons => {
                for host in 0..self.members {
                    let back = self.random.millis(50, 2000);
                    self.kill_daemon(host, back);
                }
            }
            Deed::KillRootRole { host } if host >= self.members => {
                let back = self.random.millis(50, 2500);
                self.kill_there_all(host, back);
            }
            Deed::KillRootRole { host } => self.kill_root_role(host),
            Deed::Freeze { host } => {
                let now = self.now;
                if let Some(daemon) = &mut self.hosts[host].daemon {
                    daemon.is_frozen = true;
                    daemon.stood_still = Some(now);
                }
            }
            Deed::Thaw { host } => self.thaw(host),
            Deed::Split { parts } => {
                self.group.part_of = parts;
                // A guest is where its machine is.
                for guest in self.guests..self.hosts.len() {
                    if let Some(host) = self.container_of(guest) {
                        self.group.part_of[guest] = self.group.part_of[host];
                    }
                }
                let wait = self.random.millis(20, 800);
                self.after(wait, Happening::LookAround);
            }
            Deed::Merge => {
                self.group.part_of.fill(0);
                let wait = self.random.millis(20, 300);
                self.after(wait, Happening::LookAround);
            }
            Deed::CutOff { host } | Deed::OneWay { host } => {
                self.group.part_of.fill(0);
                self.group.part_of[host] = 1;
                let wait = self.random.millis(20, 300);
                self.after(wait, Happening::LookAround);
            }
            Deed::EngineDown => self.set_engine_down(true),
            Deed::EngineUp => self.set_engine_down(false),
            Deed::Health(health) => self.health = health,
            Deed::LoseDisk { host } => {
                self.power_off(host, "its disk is lost");
                self.hosts[host].disk = Default::default();
            }
            Deed::Disk { host, state } => self.hosts[host].disk_state = state,
            Deed::Clock { host, jump, drift } => {
                let clock = &mut self.hosts[host].clock;
                (clock.offset_seconds, clock.drift) = (clock.offset_seconds + jump, drift);
            }
            Deed::Break { host } => {
                let active: Vec<String> = self.hosts[host].active.keys().cloned().collect();
                if !active.is_empty() {
                    let broken = active[self.random.below(active.len())].clone();
                    self.note(|| format!("{broken} breaks"));
                    self.hosts[host].active.remove(&broken);
                }
            }
            Deed::ShutDown { host } if host >= self.members => self.leave_there(host),
            Deed::ShutDown { host } => {
                self.ask(host, ClientBody::Shutdown { node: None }, "shutdown");
                let back = self.random.millis(2000, 20_000);
                self.after(back, Happening::StartDaemon { host });
            }
            Deed::Heal => self.heal(),
            deed => self.administer(deed),
        }
    }

    /// What may follow in a fencing.
    fn note_cause(&mut self, deed: &Deed) {
        let now = self.now;
        match deed {
            Deed::Crash { host }
            | Deed::PowerOn { host }
            | Deed::KillDaemon { host, .. }
            | Deed::KillRootRole { host }
            | Deed::Freeze { host }
            | Deed::Thaw { host }
            | Deed::ShutDown { host }
            | Deed::LoseDisk { host }
            | Deed::Fence { host } => self.checkers.causes.happened_to(*host, now),
            Deed::KillAllDaemons
            | Deed::Split { .. }
            | Deed::CutOff { .. }
            | Deed::OneWay { .. }
            | Deed::Merge
            | Deed::EngineDown
            | Deed::EngineUp
            | Deed::Health(_)
            | Deed::Heal => self.checkers.causes.happened_to_all(now),
            Deed::TargetRole { resource, stopped } => {
                if let Some(host) = self.hosts.iter().position(|host| host.name.as_str() == resource) {
                    self.checkers.causes.leave(host, *stopped);
                }
            }
            _ => {}
        }
    }

    /// What administrators do.
    fn administer(&mut self, deed: Deed) {
        match deed {
            // What is asked is noted before: the answer may come at once.
            Deed::Write { host, number } if self.listens(host) => {
                let (client, id) = (self.next_client, format!("sim-{number}"));
                self.checkers.written(client, id.clone());
                self.edit_options(host, &id, "1", "edit");
            }
            Deed::Register { host, value } if self.listens(host) => {
                let client = self.next_client;
                self.checkers.registered(client, value);
                self.edit_options(host, "register", &value.to_string(), "register");
            }
            Deed::Increment { host } if self.listens(host) => {
                let client = self.next_client;
                self.checkers.incremented(client);
                self.edit_options(host, "counter", "value++", "increment");
                if self.sabotage == Some(Sabotage::Stutter) {
                    self.edit_options(host, "counter", "value++", "edit");
                }
            }
            Deed::Standby { host, on } => {
                let (name, id) = (self.hosts[host].name.clone(), self.hosts[host].id);
                let pair = format!("<nvpair id=\"nodes-{id}-standby\" name=\"standby\" value=\"{}\"/>", if on { "on" } else { "off" });
                let set = format!("<instance_attributes id=\"nodes-{id}\">{pair}</instance_attributes>");
                self.edit(host, "nodes", format!("<node id=\"{id}\" uname=\"{name}\">{set}</node>"), "edit");
            }
            Deed::Maintenance { on } => {
                let host = self.random.below(self.members);
                self.edit_options(host, "maintenance-mode", if on { "true" } else { "false" }, "edit");
            }
            Deed::TargetRole { resource, stopped } if !resource.is_empty() => {
                let role = if stopped { "Stopped" } else { "Started" };
                let pair = format!("<nvpair id=\"{resource}-role\" name=\"target-role\" value=\"{role}\"/>");
                self.edit_resource(&resource, format!("<meta_attributes id=\"{resource}-meta\">{pair}</meta_attributes>"));
            }
            Deed::Parameter { resource, value } if !resource.is_empty() => {
                let pair = format!("<nvpair id=\"{resource}-state\" name=\"state\" value=\"{value}\"/>");
                self.edit_resource(&resource, format!("<instance_attributes id=\"{resource}-parameters\">{pair}</instance_attributes>"));
            }
            Deed::Ban { resource, host } if !resource.is_empty() => {
                let node = self.hosts[host].name.clone();
                let id = format!("ban-{resource}-{node}");
                let xml = format!("<rsc_location id=\"{id}\" rsc=\"{resource}\" node=\"{node}\" score=\"-INFINITY\"/>");
                self.bans.insert(id);
                let at = self.random.below(self.members);
                self.edit(at, "constraints", xml, "edit");
            }
            Deed::LiftBans => {
                for id in self.bans.clone() {
                    let at = self.random.below(self.members);
                    let xml = Some(format!("<rsc_location id=\"{id}\"/>"));
                    let edit =
                        CibEdit { operation: "delete".to_owned(), section: Some("constraints".to_owned()), xml, ..CibEdit::default() };
                    let request = format!("story-{}", self.random.next());
                    self.ask(at, ClientBody::CibEdit { request, edit }, "edit");
                }
            }
            Deed::Ticket { granted } => {
                let at = self.random.below(self.members);
                let state = format!("<tickets><ticket_state id=\"{TICKET}\" granted=\"{granted}\"/></tickets>");
                self.edit(at, "status", state, "ticket");
            }
            Deed::Attribute { host, value } => {
                let body = ClientBody::AttributeUpdate {
                    node: None,
                    name: "colour".to_owned(),
                    pattern: false,
                    value: Some(value.to_string()),
                    dampening: None,
                    only_dampening: false,
                    private: false,
                };
                self.ask(host, body, "attribute");
            }
            Deed::Cleanup { host } => {
                let body = ClientBody::Cleanup { resource: None, node: None, operation: None, interval_ms: None, refresh: false };
                self.ask(host, body, "cleanup");
            }
            Deed::Fence { host } => {
                let by = self.random.below(self.members);
                self.fence(by, host);
            }
            _ => {}
        }
    }

    fn listens(&self, host: usize) -> bool {
        self.hosts[host].daemon.as_ref().is_some_and(|daemon| !daemon.is_frozen)
    }

    /// Has a host fenced by whoever can.
    pub(crate) fn fence(&mut self, by: usize, host: usize) {
        let node = self.hosts[host].name.clone();
        let body = ClientBody::Fence { target: node, action: "reboot".to_owned(), timeout: None, tolerance: None };
        self.ask(by, body, "fence");
    }

    fn edit(&mut self, host: usize, section: &str, xml: String, what: &str) -> Option<u64> {
        let edit = CibEdit {
            operation: "modify".to_owned(),
            section: Some(section.to_owned()),
            xml: Some(xml),
            allow_create: true,
            expand_increments: true,
            ..CibEdit::default()
        };
        let request = format!("story-{}", self.random.next());
        self.ask(host, ClientBody::CibEdit { request, edit }, what)
    }

    fn edit_options(&mut self, host: usize, name: &str, value: &str, what: &str) -> Option<u64> {
        let pair = format!("<nvpair id=\"{name}\" name=\"{name}\" value=\"{value}\"/>");
        self.edit(host, "crm_config", format!("<cluster_property_set id=\"sim\">{pair}</cluster_property_set>"), what)
    }

    fn edit_resource(&mut self, resource: &str, inside: String) {
        let host = self.random.below(self.members);
        self.edit(host, "resources", format!("<primitive id=\"{resource}\">{inside}</primitive>"), "edit");
    }

    pub(crate) fn kill_daemon(&mut self, host: usize, back_after: Duration) {
        self.end_stores(host);
        if self.hosts[host].daemon.take().is_some() {
            let wait = self.random.millis(1, 30);
            self.after(wait, Happening::LookAround);
        }
        self.after(back_after, Happening::StartDaemon { host });
    }

    fn thaw(&mut self, host: usize) {
        let now = self.now;
        let Some(daemon) = &mut self.hosts[host].daemon else { return };
        if !std::mem::replace(&mut daemon.is_frozen, false) {
            return;
        }
        daemon.stood_still = Some(now);
        let (number, wake_at) = (daemon.number, daemon.wake_at.take());
        let kept: Vec<ToDaemon> = daemon.kept.drain(..).collect();
        // A process that goes on finds its timer due and its sockets full; which it looks at first is chance.
        let timer_first = self.random.percent(50);
        let woken = || ToDaemon::Event(Box::new(member::MemberEvent::Woken));
        if wake_at.is_some() && timer_first {
            self.deliver(host, number, woken());
        }
        for what in kept {
            self.deliver(host, number, what);
        }
        self.deliver(host, number, woken());
    }

    /// Everything is mended; what failures and standby left behind is cleared by an administrator a little later.
    fn heal(&mut self) {
        self.health = Health::default();
        self.group.part_of.fill(0);
        if self.group.is_down {
            self.set_engine_down(false);
        }
        for host in 0..self.hosts.len() {
            self.hosts[host].disk_state = DiskState::Good;
            self.thaw(host);
            self.power_on(host);
            self.after(Duration::from_millis(500), Happening::StartDaemon { host });
        }
        self.after(Duration::from_millis(300), Happening::LookAround);
    }
}
