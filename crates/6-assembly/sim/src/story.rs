//! What befalls a cluster: faults and edits at random times, and the end, in which everything is mended.

use crate::agents::Health;
use crate::world::{Happening, ToDaemon, World};
use messages::client::{CibEdit, ClientBody};
use std::time::Duration;

/// One thing that someone or something does to the cluster.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Crash {
        host: usize,
    },
    KillDaemon {
        host: usize,
        back_after: Duration,
    },
    KillAllDaemons,
    Freeze {
        host: usize,
    },
    Thaw {
        host: usize,
    },
    /// Each host goes to one of two parts.
    Split {
        parts: Vec<usize>,
    },
    Merge,
    EngineDown,
    EngineUp,
    Health(Health),
    /// A resource ends by itself.
    Break {
        host: usize,
    },
    Write {
        host: usize,
        number: u64,
    },
    Standby {
        host: usize,
        on: bool,
    },
    TargetRole {
        resource: String,
        stopped: bool,
    },
    Attribute {
        host: usize,
        value: u64,
    },
    Cleanup {
        host: usize,
    },
    ShutDown {
        host: usize,
    },
    /// Everything that is broken is mended.
    Heal,
}

impl World {
    /// Draws the deeds of a history between two times.
    pub(crate) fn draw_story(&mut self, from: Duration, to: Duration, deeds: usize, singles: &[String]) {
        let span = (to - from).as_millis() as u64;
        for number in 0..deeds {
            let time = from + self.random.millis(0, span);
            let host = self.random.below(self.hosts.len());
            let later = |world: &mut Self, low: u64, high: u64| time + world.random.millis(low, high);
            let deed = match self.random.below(22) {
                0..=2 => {
                    let back = later(self, 3000, 20_000);
                    self.at(back, Happening::PowerOn { host });
                    Deed::Crash { host }
                }
                3..=5 => Deed::KillDaemon { host, back_after: self.random.millis(50, 8000) },
                6 => Deed::KillAllDaemons,
                7..=8 => {
                    let back = later(self, 500, 12_000);
                    self.at(back, Happening::Told(Deed::Thaw { host }));
                    Deed::Freeze { host }
                }
                9..=10 => {
                    let back = later(self, 1000, 15_000);
                    self.at(back, Happening::Told(Deed::Merge));
                    let parts = (0..self.hosts.len()).map(|_| self.random.below(2)).collect();
                    Deed::Split { parts }
                }
                11 => {
                    let back = later(self, 500, 15_000);
                    self.at(back, Happening::Told(Deed::EngineUp));
                    Deed::EngineDown
                }
                12 => {
                    let back = later(self, 1000, 15_000);
                    self.at(back, Happening::Told(Deed::Health(Health::default())));
                    Deed::Health(Health { failing: 25, slow: 30, hanging: 10, device_failing: 30 })
                }
                13..=14 => Deed::Break { host },
                15..=16 => Deed::Write { host, number: number as u64 },
                17 => Deed::Standby { host, on: self.random.percent(60) },
                18 => {
                    let resource = singles.get(self.random.below(singles.len())).cloned().unwrap_or_default();
                    Deed::TargetRole { resource, stopped: self.random.percent(60) }
                }
                19 => Deed::Attribute { host, value: number as u64 },
                20 => Deed::Cleanup { host },
                _ => Deed::ShutDown { host },
            };
            self.at(time, Happening::Told(deed));
        }
        self.at(to, Happening::Told(Deed::Heal));
    }

    pub(crate) fn carry_out(&mut self, deed: Deed) {
        self.note(|| format!("-- {deed:?}"));
        match deed {
            Deed::Crash { host } => self.power_off(host, "crash"),
            Deed::KillDaemon { host, back_after } => self.kill_daemon(host, back_after),
            Deed::KillAllDaemons => {
                for host in 0..self.hosts.len() {
                    let back = self.random.millis(50, 2000);
                    self.kill_daemon(host, back);
                }
            }
            Deed::Freeze { host } => {
                if let Some(daemon) = &mut self.hosts[host].daemon {
                    daemon.is_frozen = true;
                }
            }
            Deed::Thaw { host } => self.thaw(host),
            Deed::Split { parts } => {
                self.group.part_of = parts;
                let wait = self.random.millis(20, 800);
                self.after(wait, Happening::LookAround);
            }
            Deed::Merge => {
                self.group.part_of.fill(0);
                let wait = self.random.millis(20, 300);
                self.after(wait, Happening::LookAround);
            }
            Deed::EngineDown => self.set_engine_down(true),
            Deed::EngineUp => self.set_engine_down(false),
            Deed::Health(health) => self.health = health,
            Deed::Break { host } => {
                let active: Vec<String> = self.hosts[host].active.keys().cloned().collect();
                if !active.is_empty() {
                    let broken = active[self.random.below(active.len())].clone();
                    self.note(|| format!("{broken} breaks"));
                    self.hosts[host].active.remove(&broken);
                }
            }
            Deed::Write { host, number } => {
                let pair = format!("<nvpair id=\"sim-{number}\" name=\"sim-{number}\" value=\"1\"/>");
                let xml = format!("<cluster_property_set id=\"sim\">{pair}</cluster_property_set>");
                if let Some(client) = self.edit(host, "crm_config", xml) {
                    self.checkers.written(client, format!("sim-{number}"));
                }
            }
            Deed::Standby { host, on } => {
                let (name, id) = (self.hosts[host].name.clone(), self.hosts[host].id);
                let pair = format!("<nvpair id=\"nodes-{id}-standby\" name=\"standby\" value=\"{}\"/>", if on { "on" } else { "off" });
                let set = format!("<instance_attributes id=\"nodes-{id}\">{pair}</instance_attributes>");
                self.edit(host, "nodes", format!("<node id=\"{id}\" uname=\"{name}\">{set}</node>"));
            }
            Deed::TargetRole { resource, stopped } => self.target_role(&resource, stopped),
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
            Deed::ShutDown { host } => {
                self.ask(host, ClientBody::Shutdown { node: None }, "shutdown");
                let back = self.random.millis(2000, 20_000);
                self.after(back, Happening::StartDaemon { host });
            }
            Deed::Heal => self.heal(),
        }
    }

    fn edit(&mut self, host: usize, section: &str, xml: String) -> Option<u64> {
        let edit = CibEdit {
            operation: "modify".to_owned(),
            section: Some(section.to_owned()),
            xml: Some(xml),
            allow_create: true,
            ..CibEdit::default()
        };
        let request = format!("story-{}", self.random.next());
        self.ask(host, ClientBody::CibEdit { request, edit }, "edit")
    }

    fn target_role(&mut self, resource: &str, stopped: bool) {
        if resource.is_empty() {
            return;
        }
        let role = if stopped { "Stopped" } else { "Started" };
        let pair = format!("<nvpair id=\"{resource}-role\" name=\"target-role\" value=\"{role}\"/>");
        let meta = format!("<meta_attributes id=\"{resource}-meta\">{pair}</meta_attributes>");
        let host = self.random.below(self.hosts.len());
        self.edit(host, "resources", format!("<primitive id=\"{resource}\">{meta}</primitive>"));
    }

    fn kill_daemon(&mut self, host: usize, back_after: Duration) {
        if self.hosts[host].daemon.take().is_some() {
            let wait = self.random.millis(1, 30);
            self.after(wait, Happening::LookAround);
        }
        self.after(back_after, Happening::StartDaemon { host });
    }

    fn thaw(&mut self, host: usize) {
        let Some(daemon) = &mut self.hosts[host].daemon else { return };
        if !std::mem::replace(&mut daemon.is_frozen, false) {
            return;
        }
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
            self.thaw(host);
            self.power_on(host);
            self.after(Duration::from_millis(500), Happening::StartDaemon { host });
        }
        self.after(Duration::from_millis(300), Happening::LookAround);
    }
}
