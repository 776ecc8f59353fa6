//! The stage: starts the hosts, carries out what is asked (by a script, at the prompt, by the fence agent),
//! and shows what happens as it happens.

use crate::answering::{self, Answer};
use crate::configuration::{self, Configuration};
use crate::host::{Host, Power};
use crate::incident::{Incident, clock};
use crate::layout::Layout;
use crate::power::{self, Order};
use crate::script::{self, Step};
use crate::{checks, watch};
use anyhow::Context;
use messages::client::{CibEdit, ClientBody, NodeInfo, ReplyBody};
use messages::event::ClusterEvent;
use model::NodeName;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many hosts; absent: as many as the CIB names, else three.
    pub nodes: Option<usize>,
    /// A CIB file; absent: `examples/web.xml`.
    pub cib: Option<PathBuf>,
    /// A scenario file, or `demo`; absent: a prompt.
    pub script: Option<String>,
    /// Where the sandbox lives; absent: a new folder that is removed at the end.
    pub folder: Option<PathBuf>,
    /// The user that daemons run as; absent: the one who started the sandbox.
    pub daemon_user: Option<String>,
    /// Show every fact, not only those of an incident.
    pub verbose: bool,
    /// The program that all processes of the sandbox run.
    pub program: PathBuf,
    /// Names of the tools that agents find on their PATH.
    pub tools: Vec<&'static str>,
    /// Names of our own agents.
    pub agents: Vec<&'static str>,
}

/// How long `wait` waits before the scenario has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long the cluster must have nothing to do before it counts as idle.
const QUIET: Duration = Duration::from_millis(150);

pub(crate) struct Stage {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    pub(crate) hosts: Vec<Host>,
    hub: Child,
    single: BTreeSet<String>,
    events: Receiver<ClusterEvent>,
    answers: Receiver<Answer>,
    orders: Receiver<Order>,
    pub(crate) typed: Receiver<String>,
    ending: Arc<AtomicBool>,
    /// Somebody wants the sandbox to end: its hosts are switched off all the same.
    interrupted: Arc<AtomicBool>,
    pub(crate) incident: Option<Incident>,
    /// Resources whose clients have no answer now.
    pub(crate) unanswered: BTreeSet<String>,
    /// Safety properties that were seen broken.
    pub(crate) broken: Vec<String>,
    pub(crate) fencing_works: bool,
    last_event: Instant,
}

/// Runs a sandbox to its end. The exit code is 0 when the service came back each time and no safety property was broken.
pub fn run(options: Options) -> anyhow::Result<u8> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("failed to become the parent of orphans")?;
    let steps = match options.script.as_deref() {
        None => None,
        Some("demo") => Some(script::parse(script::DEMO, "demo")?),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("failed to read the scenario {path}"))?;
            Some(script::parse(&text, path)?)
        }
    };
    let configuration = configuration::load(options.cib.as_deref(), options.nodes)?;
    let is_temporary = options.folder.is_none();
    let folder = match &options.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => std::env::temp_dir().join(format!("systole-sandbox-{}", std::process::id())),
    };
    let layout = Layout::create(folder, options.program.clone(), &options.tools)?;
    let mut stage = Stage::start(options, layout, &configuration)?;
    let outcome = stage.play(&configuration, steps);
    stage.end();
    let is_interrupted = stage.interrupted.load(Ordering::Relaxed);
    if is_temporary && (is_interrupted || outcome.is_ok() && stage.broken.is_empty()) {
        let _ = std::fs::remove_dir_all(&stage.layout.folder);
    } else {
        println!("the sandbox's files are kept in {}", stage.layout.folder.display());
    }
    outcome?;
    if stage.broken.is_empty() {
        return Ok(0);
    }
    println!("{} problems:", stage.broken.len());
    stage.broken.iter().for_each(|text| println!("  {text}"));
    Ok(1)
}

impl Stage {
    fn start(options: Options, layout: Layout, configuration: &Configuration) -> anyhow::Result<Self> {
        let (event_sender, events) = channel();
        let (answer_sender, answers) = channel();
        let (order_sender, orders) = channel();
        let ending = Arc::new(AtomicBool::new(false));
        let hub = start_hub(&layout, &configuration.nodes, options.daemon_user.as_deref())?;
        power::listen(&layout.control_socket(), order_sender)?;
        for node in &configuration.nodes {
            watch::subscribe(&layout, node, event_sender.clone(), ending.clone());
        }
        for (resource, address) in &configuration.addresses {
            answering::watch(resource.clone(), address.clone(), answer_sender.clone(), ending.clone());
        }
        let mut stage = Self {
            typed: typed_lines(options.script.is_none()),
            hosts: configuration.nodes.iter().cloned().map(|name| Host::new(name, options.daemon_user.clone())).collect(),
            single: configuration.single.clone(),
            options,
            layout,
            hub,
            events,
            answers,
            orders,
            ending,
            interrupted: interruptions()?,
            incident: None,
            unanswered: BTreeSet::new(),
            broken: Vec::new(),
            fencing_works: true,
            last_event: Instant::now(),
        };
        let agents = stage.options.agents.clone();
        for host in &mut stage.hosts {
            host.boot(&stage.layout, &agents)?;
        }
        Ok(stage)
    }

    fn play(&mut self, configuration: &Configuration, steps: Option<Vec<Step>>) -> anyhow::Result<()> {
        println!("{}  a cluster of {} nodes starts in {}", clock(), self.hosts.len(), self.layout.folder.display());
        configuration.remarks.iter().for_each(|remark| println!("              {remark}"));
        self.incident = Some(Incident::begin("start").0);
        let begun = Instant::now();
        self.until(PATIENCE, |stage| stage.all_joined()).context("the nodes did not form a cluster")?;
        let joined = begun.elapsed();
        self.load(configuration)?;
        self.until(PATIENCE, |stage| stage.is_well()).context("the resources did not start")?;
        self.show_lines(true);
        println!(
            "      {:+.3}  ready    formed in {:.2} s, all resources run after {:.2} s",
            begun.elapsed().as_secs_f64(),
            joined.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        );
        self.incident = None;
        match steps {
            Some(steps) => steps.into_iter().try_for_each(|step| self.carry_out(step)),
            None => self.prompt(),
        }
    }

    fn prompt(&mut self) -> anyhow::Result<()> {
        println!("\n{}\nType a step; what happens is shown as it happens.", script::HELP);
        loop {
            self.turn(Duration::from_millis(20))?;
            if self.incident.is_some() && self.is_well() {
                self.close_incident();
            }
            match self.typed.try_recv() {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => match script::step(line.trim()) {
                    Ok(Step::Quit) => return Ok(()),
                    Ok(step) => {
                        if let Err(error) = self.carry_out(step) {
                            println!("{error:#}");
                        }
                    }
                    Err(error) => println!("{error:#}"),
                },
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
                Err(std::sync::mpsc::TryRecvError::Empty) => {}
            }
        }
    }

    fn load(&mut self, configuration: &Configuration) -> anyhow::Result<()> {
        let node = self.some_root().context("no node is on")?;
        let edit = CibEdit {
            operation: "replace".to_owned(),
            section: Some("configuration".to_owned()),
            xml: Some(configuration.element.to_text()),
            ..CibEdit::default()
        };
        // The nodes that joined are in the CIB already; a configuration that names none must not forget them.
        let body = ClientBody::CibEdit { request: format!("sandbox-load-{}", std::process::id()), edit };
        watch::ask(&node, body).map_err(|error| anyhow::anyhow!("the configuration was refused: {}", error.message))?;
        Ok(())
    }

    /// Handles what came in, for at most `patience`.
    pub(crate) fn turn(&mut self, patience: Duration) -> anyhow::Result<()> {
        anyhow::ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        match self.events.recv_timeout(patience.min(Duration::from_millis(5))) {
            Ok(event) => self.show(&event),
            Err(_) => self.look_around()?,
        }
        while let Ok(order) = self.orders.try_recv() {
            let answer = self.obey(&order.line).unwrap_or_else(|error| format!("error: {error:#}"));
            // A fence agent that was killed meanwhile needs no answer.
            let _ = order.answer.send(answer);
        }
        while let Ok(answer) = self.answers.try_recv() {
            self.note_answer(&answer);
        }
        self.show_lines(false);
        Ok(())
    }

    pub(crate) fn show_lines(&mut self, at_end: bool) {
        for line in self.incident.iter_mut().flat_map(|incident| incident.take_lines(at_end)) {
            println!("{line}");
        }
    }

    fn look_around(&mut self) -> anyhow::Result<()> {
        for host in &mut self.hosts {
            if let Some(text) = host.look_after(&self.layout)? {
                println!("{}  {text}", clock());
            }
        }
        if let Some(status) = self.hub.try_wait()? {
            println!("{}  the hub ended ({status}) and is started again", clock());
            let nodes: Vec<NodeName> = self.hosts.iter().map(|host| host.name.clone()).collect();
            self.hub = start_hub(&self.layout, &nodes, self.options.daemon_user.as_deref())?;
        }
        let powered: Vec<NodeName> = self.hosts.iter().filter(|h| h.power != Power::Off).map(|h| h.name.clone()).collect();
        for problem in checks::active_twice(&self.layout, &powered, &self.single) {
            if !self.broken.contains(&problem) {
                println!("{}  SAFETY: {problem}", clock());
                self.broken.push(problem);
            }
        }
        Ok(())
    }

    fn show(&mut self, event: &ClusterEvent) {
        self.last_event = Instant::now();
        if let Some(incident) = &mut self.incident {
            incident.note(event);
        } else if self.options.verbose {
            println!("{}  {}: {:?}", clock(), event.by, event.fact);
        } else if self.options.script.is_none()
            && let Some((incident, line)) = Incident::seen(event)
        {
            println!("\n{line}");
            self.incident = Some(incident);
        }
    }

    fn note_answer(&mut self, answer: &Answer) {
        match &answer.node {
            None => self.unanswered.insert(answer.resource.clone()),
            Some(_) => self.unanswered.remove(&answer.resource),
        };
        if let Some(incident) = &mut self.incident {
            incident.answer(&answer.resource, answer.node.as_deref(), answer.at);
        }
    }

    /// Turns until the condition holds; an error when it does not in time.
    pub(crate) fn until(&mut self, limit: Duration, mut condition: impl FnMut(&mut Self) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        let mut next_look = Instant::now();
        loop {
            self.turn(Duration::from_millis(5))?;
            if Instant::now() >= next_look {
                if condition(self) {
                    return Ok(());
                }
                next_look = Instant::now() + Duration::from_millis(25);
            }
            anyhow::ensure!(Instant::now() < end, "not within {} s", limit.as_secs());
        }
    }

    /// Returns the root of a host that is on and connected.
    pub(crate) fn some_root(&self) -> Option<PathBuf> {
        self.hosts.iter().find(|host| host.power == Power::On && !host.is_cut_off).map(|host| self.layout.root(&host.name))
    }

    pub(crate) fn info(&self, host: &Host) -> Option<NodeInfo> {
        match watch::ask(&self.layout.root(&host.name), ClientBody::Info) {
            Ok(ReplyBody::Info(info)) => Some(info),
            _ => None,
        }
    }

    fn live_hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.power == Power::On && !host.is_cut_off)
    }

    /// Returns the coordinator's own word of itself, if every live node follows the same one.
    pub(crate) fn coordinator(&self) -> Option<NodeInfo> {
        let infos: Option<Vec<NodeInfo>> = self.live_hosts().map(|host| self.info(host)).collect();
        let infos = infos?;
        let name = infos.first()?.coordinator.clone()?;
        if infos.iter().any(|info| info.coordinator.as_ref() != Some(&name)) {
            return None;
        }
        infos.into_iter().find(|info| info.node == name)
    }

    fn all_joined(&self) -> bool {
        let live = self.live_hosts().count();
        self.coordinator().is_some_and(|info| info.quorate && info.nodes.values().filter(|node| node.member).count() == live)
    }

    /// Whether the cluster has nothing to do and every client has an answer.
    pub(crate) fn is_well(&mut self) -> bool {
        self.incident.as_ref().is_none_or(Incident::is_noticed)
            && self.unanswered.is_empty()
            && self.last_event.elapsed() >= QUIET
            && self.all_joined()
            && self.coordinator().is_some_and(|info| info.state == "S_IDLE")
    }

    /// Waits until all is well; what is not well after a minute is a problem of this run.
    pub(crate) fn wait(&mut self) {
        match self.until(PATIENCE, Stage::is_well) {
            Ok(()) => self.close_incident(),
            Err(_) => {
                let why = if self.unanswered.is_empty() {
                    "the cluster does not settle".to_owned()
                } else {
                    format!("{} did not come back", self.unanswered.iter().cloned().collect::<Vec<_>>().join(", "))
                };
                self.show_lines(true);
                println!("{}  NOT WELL: {why}", clock());
                self.broken.push(why);
                self.incident = None;
            }
        }
    }

    fn close_incident(&mut self) {
        self.show_lines(true);
        if let Some(incident) = self.incident.take() {
            println!("{}", incident.summary());
        }
    }

    /// Switches everything off.
    fn end(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        for host in &mut self.hosts {
            host.crash(&self.layout);
        }
        let _ = self.hub.kill();
        let _ = self.hub.wait();
        let _ = std::fs::remove_file(self.layout.control_socket());
    }

    /// Kills the hub; it is started again at the next turn.
    pub(crate) fn kill_hub(&mut self) -> anyhow::Result<()> {
        Ok(self.hub.kill()?)
    }

    /// Runs one of our commands on a live node, as an administrator would there, and returns what it prints.
    pub(crate) fn run_command(&mut self, words: &[String]) -> anyhow::Result<String> {
        let root = self.some_root().context("no node is on")?;
        let mut child = Command::new(&self.layout.program)
            .args(words)
            .env("SYSTOLE_ROOT", root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let readers = [drain(child.stdout.take()), drain(child.stderr.take())];
        // The command may wait for something the sandbox itself must do (a fencing), so the stage goes on turning.
        while child.try_wait()?.is_none() {
            self.turn(Duration::from_millis(5))?;
        }
        Ok(readers.into_iter().map(|reader| reader.join().unwrap_or_default()).collect())
    }
}

/// Reads a pipe to its end in a thread of its own.
fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    })
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end();
    }
}

fn start_hub(layout: &Layout, nodes: &[NodeName], daemon_user: Option<&str>) -> anyhow::Result<Child> {
    let console = std::fs::OpenOptions::new().create(true).append(true).open(layout.folder.join("hub.log"))?;
    let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    Ok(Command::new(&layout.program)
        .arg("hub")
        .arg("--socket")
        .arg(layout.hub_socket())
        .arg("--nodes")
        .arg(names.join(","))
        .args(daemon_user.into_iter().flat_map(|user| ["--daemon-user", user]))
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .spawn()?)
}

/// Notices the signals that ask a program to end.
fn interruptions() -> anyhow::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = Arc::new(AtomicBool::new(false));
    let noticed = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("failed to listen for signals")?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            noticed.store(true, Ordering::Relaxed);
        });
    });
    Ok(interrupted)
}

/// Reads lines from the terminal in a thread of its own.
fn typed_lines(wanted: bool) -> Receiver<String> {
    let (sender, receiver): (Sender<String>, Receiver<String>) = channel();
    if wanted {
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}
