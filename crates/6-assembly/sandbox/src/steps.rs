//! Steps carried out: what is done to hosts from outside, and what is expected of the cluster then.

use crate::host::Power;
use crate::incident::{Incident, clock};
use crate::script::{self, Step, Target};
use crate::stage::{PATIENCE, Stage};
use crate::{checks, watch};
use anyhow::Context;
use hub::Control;
use messages::client::{ClientBody, ReplyBody};
use model::NodeName;
use std::time::Instant;

impl Stage {
    /// Carries out one step. Broken expectations are noted; an error is a step that made no sense.
    pub(crate) fn carry_out(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Crash(target) => self.each(&target, "loses power", |stage, at| {
                stage.hosts[at].crash(&stage.layout);
                Ok(())
            }),
            Step::Boot(target) => self.each(&target, "is switched on", |stage, at| {
                let agents = stage.options.agents.clone();
                stage.hosts[at].boot(&stage.layout, &agents)
            }),
            Step::Freeze(target) => self.each(&target, "freezes", |stage, at| {
                stage.hosts[at].freeze(&stage.layout);
                Ok(())
            }),
            Step::Thaw(target) => self.each(&target, "goes on", |stage, at| {
                stage.hosts[at].thaw(&stage.layout);
                Ok(())
            }),
            Step::Cut(target) => {
                self.each(&target, "is cut off", |stage, at| {
                    stage.hosts[at].is_cut_off = true;
                    Ok(())
                })?;
                let nodes = self.hosts.iter().filter(|host| host.is_cut_off).map(|host| host.name.clone()).collect();
                hub::control(&self.layout.hub_socket(), Control::Isolate { nodes }).map(|_| ()).context("failed to cut the network")
            }
            Step::Heal => {
                self.begin("the network is mended");
                self.hosts.iter_mut().for_each(|host| host.is_cut_off = false);
                hub::control(&self.layout.hub_socket(), Control::Heal).map(|_| ()).context("failed to mend the network")
            }
            Step::KillDaemon(target) => self.each(&target, "loses its daemon", |stage, at| {
                anyhow::ensure!(stage.hosts[at].kill_daemon() > 0, "no daemon was found");
                Ok(())
            }),
            Step::KillRootRole(target) => {
                self.each(&target, "loses its root role", |stage, at| stage.hosts[at].kill_root_role(&stage.layout))
            }
            Step::KillHub => {
                self.begin("the hub is killed");
                self.kill_hub()
            }
            Step::KillResource(resource) => self.kill_resource(&resource),
            Step::FillDisk(target) => self.each(&target, "has a full disk", |stage, at| stage.hosts[at].fill_disk(&stage.layout)),
            Step::FreeDisk(target) => self.each(&target, "has room on its disk", |stage, at| stage.hosts[at].free_disk(&stage.layout)),
            Step::Standby(target) => self.each(&target, "goes into standby", |stage, at| stage.set_standby(at, true)),
            Step::Online(target) => self.each(&target, "leaves standby", |stage, at| stage.set_standby(at, false)),
            Step::Shutdown(target) => self.each(&target, "is shut down", |stage, at| stage.shut_down(at)),
            Step::Fencing { works } => {
                self.fencing_works = works;
                println!("{}  the power switch {}", clock(), if works { "works" } else { "is broken" });
                Ok(())
            }
            Step::Wait => {
                self.wait();
                Ok(())
            }
            Step::Pause(time) => {
                let end = Instant::now() + time;
                self.until(time * 2, |_| Instant::now() >= end)
            }
            Step::Expect { resource, on } => self.expect(&resource, on.as_ref()),
            Step::ExpectStopped(resource) => {
                if let Some(place) = self.places(&resource).first() {
                    self.note_broken(format!("{resource} should be stopped, and runs on {place}"));
                }
                Ok(())
            }
            Step::ExpectUnanswered(resource) => {
                if self.unanswered.contains(&resource) {
                    println!("{}  as expected, {resource} does not answer", clock());
                } else {
                    self.note_broken(format!("{resource} answers, and must not"));
                }
                Ok(())
            }
            Step::AnswersBefore { slow, resource } => self.answers_before(&slow, &resource),
            Step::Run(words) => self.run_command(&words).map(|text| print!("{text}")),
            Step::Shows { command, text } => {
                let shown = self.run_command(&command)?;
                print!("{shown}");
                if !shown.contains(&text) {
                    self.note_broken(format!("`{}` should show {text:?}", command.join(" ")));
                }
                Ok(())
            }
            Step::Status => {
                self.show_hosts();
                self.run_command(&["crm_mon".to_owned(), "-1".to_owned()]).map(|text| print!("{text}"))
            }
            Step::Help => {
                print!("{}", script::HELP);
                Ok(())
            }
            Step::Quit => Ok(()),
        }
    }

    fn begin(&mut self, what: &str) {
        self.show_lines(true);
        let (incident, line) = Incident::begin(what);
        println!("\n{line}");
        self.incident = Some(incident);
    }

    fn each(&mut self, target: &Target, what: &str, mut act: impl FnMut(&mut Self, usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let hosts: Vec<usize> = self.resolve(target)?.into_iter().filter(|at| is_useful(what, self.hosts[*at].power)).collect();
        if hosts.is_empty() {
            println!("{}  nothing to do", clock());
            return Ok(());
        }
        let names: Vec<&str> = hosts.iter().map(|at| self.hosts[*at].name.as_str()).collect();
        let what = if names.len() > 1 { plural(what) } else { what.to_owned() };
        self.begin(&format!("{} {what}", names.join(" and ")));
        hosts.into_iter().try_for_each(|at| act(self, at))
    }

    fn resolve(&mut self, target: &Target) -> anyhow::Result<Vec<usize>> {
        let position = |stage: &Self, name: &str| stage.hosts.iter().position(|host| host.name == *name);
        let known: Vec<String> = self.hosts.iter().map(|host| host.name.to_string()).collect();
        match target {
            Target::All => Ok((0..self.hosts.len()).collect()),
            Target::Named(name) => {
                let by_number = || name.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < self.hosts.len());
                position(self, name)
                    .or_else(by_number)
                    .map(|at| vec![at])
                    .with_context(|| format!("there is no node {name}; there are {}", known.join(", ")))
            }
            Target::Coordinator => {
                let info = self.coordinator().context("there is no coordinator at the moment")?;
                Ok(position(self, info.node.as_str()).into_iter().collect())
            }
            Target::HostOf(resource) => {
                let place = self.places(resource).into_iter().next().with_context(|| format!("{resource} runs nowhere"))?;
                Ok(position(self, place.as_str()).into_iter().collect())
            }
        }
    }

    /// Returns where a resource runs, as the cluster's own tool tells it.
    fn places(&mut self, resource: &str) -> Vec<NodeName> {
        let Some(socket) = self.some_root() else { return Vec::new() };
        let body = ClientBody::CibQuery { section: None, xpath: None, without_children: false };
        let Ok(ReplyBody::Xml(text)) = watch::ask(&socket, body) else { return Vec::new() };
        let Ok(cib) = xml::parse(text.as_bytes(), &xml::Limits::default()) else { return Vec::new() };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_micros() as i64);
        status::Facts::deduce(&cib, model::Timestamp(now)).whereabouts(resource).into_iter().cloned().collect()
    }

    fn expect(&mut self, resource: &str, on: Option<&Target>) -> anyhow::Result<()> {
        let wanted = on.map(|target| self.resolve(target)).transpose()?;
        let places = self.places(resource);
        let is_right = match &wanted {
            None => !places.is_empty(),
            Some(hosts) => hosts.iter().all(|at| places.contains(&self.hosts[*at].name)),
        };
        if is_right {
            let names: Vec<&str> = places.iter().map(NodeName::as_str).collect();
            println!("{}  as expected, {resource} runs on {}", clock(), names.join(" and "));
        } else {
            self.note_broken(format!("{resource} should run elsewhere than on {places:?}"));
        }
        Ok(())
    }

    fn note_broken(&mut self, text: String) {
        println!("{}  NOT AS EXPECTED: {text}", clock());
        self.broken.push(text);
    }

    fn answers_before(&mut self, slow: &str, resource: &str) -> anyhow::Result<()> {
        self.until(PATIENCE, |stage| stage.unanswered.contains(resource)).with_context(|| format!("{resource} never stopped answering"))?;
        self.until(PATIENCE, |stage| !stage.unanswered.contains(resource)).with_context(|| format!("{resource} does not answer again"))?;
        let hosts: Vec<NodeName> = self.hosts.iter().map(|host| host.name.clone()).collect();
        if checks::is_active(&self.layout, &hosts, slow) {
            self.note_broken(format!("{resource} came back only after {slow}"));
        } else {
            println!("{}  as expected, {resource} is back while {slow} is still at it", clock());
        }
        Ok(())
    }

    fn kill_resource(&mut self, resource: &str) -> anyhow::Result<()> {
        let place = self.places(resource).into_iter().next().with_context(|| format!("{resource} runs nowhere"))?;
        self.begin(&format!("{resource} dies on {place}"));
        let host = self.hosts.iter().find(|host| host.name == place).context("its node is not in this sandbox")?;
        anyhow::ensure!(host.kill_resource(&self.layout, resource) > 0, "nothing of {resource} was found on {place}");
        Ok(())
    }

    fn set_standby(&mut self, at: usize, on: bool) -> anyhow::Result<()> {
        let name = self.hosts[at].name.to_string();
        let answer = self.run_command(&["standby".to_owned(), name, if on { "on" } else { "off" }.to_owned()])?;
        anyhow::ensure!(answer.is_empty(), "{}", answer.trim());
        Ok(())
    }

    fn shut_down(&mut self, at: usize) -> anyhow::Result<()> {
        let host = &self.hosts[at];
        watch::ask(&self.layout.root(&host.name), ClientBody::Shutdown { node: None })
            .map(|_| ())
            .map_err(|error| anyhow::anyhow!("{}", error.message))
    }

    fn show_hosts(&self) {
        for host in &self.hosts {
            let power = match host.power {
                Power::On if host.is_cut_off => "on, cut off",
                Power::On => "on",
                Power::Off => "off",
                Power::Frozen => "frozen",
            };
            println!("  {:<10} {power}", host.name);
        }
    }

    /// Obeys a line from the control socket: the fence agent's (`power off node2`) or a step.
    pub(crate) fn obey(&mut self, line: &str) -> anyhow::Result<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["power", action, rest @ ..] = words.as_slice() else {
            let step = script::step(line)?;
            self.carry_out(step)?;
            return Ok(String::new());
        };
        match (*action, rest) {
            ("list", _) => Ok(self.hosts.iter().map(|host| host.name.to_string()).collect::<Vec<_>>().join("\n")),
            ("monitor", _) => Ok(String::new()),
            _ if !self.fencing_works => anyhow::bail!("the power switch is broken"),
            (action, [name]) => {
                let agents = self.options.agents.clone();
                let layout = self.layout.clone();
                let host = self
                    .hosts
                    .iter_mut()
                    .find(|host| host.name == **name)
                    .with_context(|| format!("no host {name} on this power switch"))?;
                match action {
                    "off" => host.crash(&layout),
                    "on" => host.boot(&layout, &agents)?,
                    "reboot" => {
                        host.crash(&layout);
                        host.boot(&layout, &agents)?;
                    }
                    "status" => return Ok(if host.power == Power::Off { "off".into() } else { "on".into() }),
                    other => anyhow::bail!("the power switch has no action {other}"),
                }
                Ok(String::new())
            }
            _ => anyhow::bail!("the power switch wants an action and a host"),
        }
    }
}

/// Returns what several hosts do, of what one does: its first word is a verb.
fn plural(what: &str) -> String {
    match what.split_once(' ') {
        Some(("is", rest)) => format!("are {rest}"),
        Some(("goes", rest)) => format!("go {rest}"),
        Some((verb, rest)) => format!("{} {rest}", verb.trim_end_matches('s')),
        None => what.trim_end_matches('s').to_owned(),
    }
}

/// Whether a step changes anything on a host in this state: what is on cannot be switched on, and so forth.
fn is_useful(what: &str, power: Power) -> bool {
    match what {
        "is switched on" => power == Power::Off,
        "goes on" => power == Power::Frozen,
        "loses power" => power != Power::Off,
        _ => power == Power::On,
    }
}
