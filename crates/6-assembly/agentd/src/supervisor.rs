//! The root role's event loop: hub, daemon, agents and signals, joined.

use crate::AgentdOptions;
use crate::calls::{Calls, wall};
use crate::daemon::{Daemon, DaemonEvent, Running, outlast_earlier};
use crate::guard::{Guard, ends_the_host};
use crate::incarnation::{Life, establish};
use crate::logins::Logins;
use crate::notify::Notify;
use crate::records::Records;
use crate::reset::{End, reset_host};
use agents::{AgentHost, User};
use anyhow::Context;
use corosync::Urgency;
use hub::{Client, Role};
use messages::agent::{AgentEvent, AgentOrder, AgentOutcome};
use messages::group::{Engine, GroupCommand, GroupEvent, Incarnation};
use rustix::process::{Pid, WaitOptions, waitpid};
use sbd::Message;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Where the root role keeps what it must find again. Safety: the daemon cannot write there, or it could have root write elsewhere.
pub(crate) const OWN_FOLDER: &str = "run/systole-agentd";

/// Folders of a host, and whether the daemon writes there.
const FOLDERS: [(&str, bool); 10] = [
    ("run/systole", true),
    (OWN_FOLDER, false),
    ("run/resource-agents", false),
    ("run/crm", true),
    ("var/lib/pacemaker", true),
    ("var/lib/pacemaker/cib", true),
    ("var/lib/pacemaker/pengine", true),
    ("var/lib/pacemaker/cores", true),
    ("var/lib/pacemaker/blackbox", true),
    ("var/log/pacemaker", true),
];

/// Runs the root role until it is asked to end (SIGTERM, SIGINT: the daemon leaves the cluster first), the daemon
/// was shut down, or the host is reset. Blocks.
///
/// # Errors
/// Why it could not start; also that the host was reset, when it returns at all after that.
pub fn run(options: AgentdOptions) -> anyhow::Result<()> {
    // Compat: agents run with this mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o026));
    // What an agent's children leave behind becomes a child of ours, and is found when the host is reset.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("failed to become the reaper of this host")?;
    make_folders(&options)?;
    let notify = Notify::new(std::env::var("NOTIFY_SOCKET").ok().as_deref(), std::env::var("WATCHDOG_USEC").ok().as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, Supervisor::run(options, notify))
}

fn make_folders(options: &AgentdOptions) -> anyhow::Result<()> {
    let owner = match &options.daemon_user {
        Some(name) => Some(User::find(&options.root, name).with_context(|| format!("there is no user {name}"))?),
        None => None,
    };
    for (folder, is_daemons) in FOLDERS {
        let path = options.root.join(folder);
        std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
        if let (true, Some(user)) = (is_daemons, owner) {
            std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("failed to give {} away", path.display()))?;
        }
    }
    Ok(())
}

struct Supervisor {
    options: AgentdOptions,
    incarnation: Incarnation,
    /// The host's presence in the group, where the engine does not see that by itself.
    hub: Option<Client>,
    calls: Calls,
    logins: Logins,
    daemon: Daemon,
    /// A thread sees to it that Corosync lets the daemon's user in and that its token rests.
    is_corosync_prepared: bool,
    /// What ends this host when it must not live on.
    guard: Option<Guard>,
    notify: Notify,
    is_ending: bool,
}

impl Supervisor {
    async fn run(options: AgentdOptions, notify: Notify) -> anyhow::Result<()> {
        let folder = options.root.join(OWN_FOLDER);
        let life = establish(&options, &folder).context("failed to tell which life of the host this is")?;
        outlast_earlier(&folder);
        let guard = Guard::arm(&options, &folder).context("this host cannot fence itself as its settings promise")?;
        let (records, results) = records(&folder, &life)?;
        let (tell, mut ends) = mpsc::unbounded_channel();
        let (tell_login, mut logins) = mpsc::unbounded_channel();
        let host = AgentHost::new(&options.root, options.tools.clone());
        let role = Role::Host { incarnation: life.incarnation.clone() };
        let hub = match &options.engine {
            Engine::Hub(socket) => Some(Client::new(socket, options.node.clone(), role)),
            Engine::Corosync => None,
        };
        let mut this = Self {
            hub,
            calls: Calls::new(host, records, results, tell),
            logins: Logins::new(options.node_command.first().map(Into::into).unwrap_or_default(), tell_login),
            daemon: Daemon::new(),
            incarnation: life.incarnation,
            is_corosync_prepared: false,
            guard,
            notify,
            is_ending: false,
            options,
        };
        let (mut terminate, mut interrupt, mut child) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::child())?);
        let tick = this.guard.as_ref().map(Guard::interval).into_iter().chain(this.notify.interval()).min();
        let mut tick = tick.map(tokio::time::interval);
        loop {
            tokio::select! {
                biased;
                () = due(&mut tick) => this.tend()?,
                (message, from) = pill(&mut this.guard) => if this.swallow(message, &from)? { break },
                _ = terminate.recv() => if this.end() { break },
                _ = interrupt.recv() => if this.end() { break },
                event = presence(&mut this.hub) => this.on_group(event),
                Some((id, ended)) = ends.recv() => {
                    if let Some(result) = this.calls.ended(id, ended) {
                        this.tell(&AgentEvent::Finished(result));
                    }
                    this.reap_orphans();
                }
                Some((login, ended)) = logins.recv() => {
                    if let Some(verdict) = this.logins.ended(login, &ended) {
                        this.tell(&AgentEvent::LoginChecked { login, verdict });
                    }
                }
                event = this.daemon.next() => if this.on_daemon(event)? { break },
                _ = child.recv() => this.reap_orphans(),
            }
        }
        if let Some(hub) = &mut this.hub {
            hub.command(GroupCommand::Leave);
        }
        Ok(())
    }

    /// Shows systemd that the loop turns, and ends the host when its time is over.
    fn tend(&mut self) -> anyhow::Result<()> {
        self.notify.alive();
        let agents = self.calls.pids().count();
        let daemon = if self.daemon.running.is_some() { "the daemon runs" } else { "the daemon is started again" };
        let guard = self.guard.as_ref().map(|guard| format!("; {}", guard.describe())).unwrap_or_default();
        self.notify.status(format!("{daemon}; {agents} agents at work{guard}"));
        if let Some((end, reason)) = self.guard.as_mut().and_then(Guard::tick) {
            reset_host(&self.options.root, end, &reason);
            anyhow::bail!("this host was ended: {reason}");
        }
        Ok(())
    }

    /// Obeys a message that another host wrote into this one's mailbox; returns whether there is nothing more to do.
    fn swallow(&mut self, message: Message, from: &str) -> anyhow::Result<bool> {
        eprintln!("agentd: {}: received {message} from {from}", self.options.node);
        let end = match message {
            Message::Off => End::Off,
            Message::Crashdump => End::Crashdump,
            _ => End::Reset,
        };
        if ends_the_host(message) {
            reset_host(&self.options.root, end, &format!("{message} from {from}"));
            anyhow::bail!("this host was ended: {message} from {from}");
        }
        Ok(message == Message::Exit && self.end())
    }

    /// The daemon ended for good. Safety: only one that left the cluster in good order leaves nothing that could still be active.
    fn stand_down(&mut self, code: i32) {
        if let (0, Some(guard)) = (code, &mut self.guard) {
            guard.stand_down();
        }
    }

    /// Begins to end; returns whether nothing is left to wait for.
    fn end(&mut self) -> bool {
        self.notify.stopping();
        let is_again = std::mem::replace(&mut self.is_ending, true);
        is_again || !self.daemon.terminate()
    }

    fn on_group(&mut self, event: GroupEvent) {
        if let GroupEvent::Lost { reason } = event {
            eprintln!("agentd: {}: {reason}", self.options.node);
        }
    }

    /// Returns whether there is nothing more to do.
    fn on_daemon(&mut self, event: DaemonEvent) -> anyhow::Result<bool> {
        match event {
            DaemonEvent::Due => match self.prepare_corosync().and_then(|()| self.daemon.start(&self.options)) {
                Ok(()) => self.greet(),
                Err(error) => {
                    eprintln!("agentd: {error:#}");
                    self.daemon.start_again_after(std::time::Duration::ZERO);
                }
            },
            DaemonEvent::Ordered(order) => return self.obey(order),
            DaemonEvent::Done(code) => {
                self.stand_down(code);
                return Ok(true);
            }
            DaemonEvent::Died(outcome) => {
                eprintln!("agentd: the daemon of {} ended ({outcome:?})", self.options.node);
                return Ok(self.is_ending);
            }
        }
        Ok(false)
    }

    /// Has Corosync let the daemon's user in and its token rest soon, now and after each of its starts. Waits for nothing: the daemon tries
    /// again until it is let in.
    fn prepare_corosync(&mut self) -> anyhow::Result<()> {
        if self.options.engine != Engine::Corosync || self.is_corosync_prepared {
            return Ok(());
        }
        let user = match &self.options.daemon_user {
            Some(name) => Some(User::find(&self.options.root, name).with_context(|| format!("there is no user {name}"))?),
            None => None,
        };
        let tell = |error: &_| eprintln!("agentd: failed to tell Corosync who may speak to it and when its token rests: {error}");
        std::thread::spawn(move || corosync::keep_prepared(user.map(|user| user.gid), tell));
        self.is_corosync_prepared = true;
        Ok(())
    }

    /// A new daemon is told what is at work, and again what an earlier one did not acknowledge.
    fn greet(&mut self) {
        let (running, next_call) = self.calls.welcome();
        self.tell(&AgentEvent::Welcome {
            incarnation: self.incarnation.clone(),
            running,
            next_call,
            self_fencing: self.guard.as_ref().map(Guard::self_fencing),
            hastens: self.options.engine == Engine::Corosync,
            checks_logins: true,
        });
        self.notify.ready();
        let results: Vec<_> = self.calls.unacknowledged().cloned().collect();
        for result in results {
            self.tell(&AgentEvent::Finished(result));
        }
    }

    fn obey(&mut self, order: AgentOrder) -> anyhow::Result<bool> {
        match order {
            AgentOrder::Run(call) => {
                if let Some(result) = self.calls.run(call) {
                    self.tell(&AgentEvent::Finished(result));
                }
            }
            AgentOrder::Kill { id } => self.calls.kill(id),
            AgentOrder::Acknowledge { id } => self.calls.acknowledge(id),
            AgentOrder::Permit { at, is_safe } => {
                if let Some(guard) = &mut self.guard {
                    guard.permitted(at, is_safe);
                }
            }
            AgentOrder::Hasten { threads } => self.hasten(&threads),
            AgentOrder::CheckLogin { login, user, password } => {
                if let Err(reason) = self.logins.check(&self.options.root, login, &user, &password) {
                    self.tell(&AgentEvent::LoginChecked { login, verdict: Err(reason) });
                }
            }
            AgentOrder::ResetHost { reason, off } => {
                reset_host(&self.options.root, if off { End::Off } else { End::Reset }, &reason);
                anyhow::bail!("this host was reset: {reason}");
            }
        }
        Ok(false)
    }

    /// Lets the daemon's threads run as Corosync does. Where the kernel does not allow that they run as others do.
    fn hasten(&self, threads: &[String]) {
        if let (Some(running), Some(urgency)) = (&self.daemon.running, Urgency::of_corosync(&self.options.root)) {
            let _ = urgency.give(running.pid(), threads);
        }
    }

    fn tell(&mut self, event: &AgentEvent) {
        if let Some(running) = &mut self.daemon.running {
            running.link.send(event);
        }
    }

    /// Reaps what became our child when its parent ended. Children of our own are left to those who wait for them.
    fn reap_orphans(&self) {
        let ours: Vec<i32> = self.calls.pids().chain(self.logins.pids()).chain(self.daemon.running.as_ref().map(Running::pid)).collect();
        for pid in agents::own_children().into_iter().filter(|pid| !ours.contains(pid)) {
            if let Some(pid) = Pid::from_raw(pid) {
                // An error says that it is no child of ours any more.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }
}

/// Returns when the next look is due.
async fn due(tick: &mut Option<tokio::time::Interval>) {
    match tick {
        Some(tick) => drop(tick.tick().await),
        None => std::future::pending().await,
    }
}

/// Returns the next message in this host's mailbox.
async fn pill(guard: &mut Option<Guard>) -> (Message, String) {
    match guard {
        Some(guard) => guard.next().await,
        None => std::future::pending().await,
    }
}

/// Returns the next event of the engine that is told of this host's presence.
async fn presence(hub: &mut Option<Client>) -> GroupEvent {
    match hub {
        Some(hub) => hub.next().await,
        None => std::future::pending().await,
    }
}

/// Opens the records of calls and ends what an earlier `agentd` left at work.
fn records(folder: &Path, life: &Life) -> anyhow::Result<(Records, Vec<messages::agent::AgentResult>)> {
    let mut records = Records::open(folder.join("calls"), &life.incarnation.0).context("failed to open the records of calls")?;
    let left = records.recover(wall());
    for result in left.iter().filter(|result| result.outcome == AgentOutcome::Lost) {
        eprintln!("agentd: call {} was at work when an earlier agentd ended; its outcome is lost", result.id);
    }
    if life.is_continued {
        return Ok((records, left));
    }
    // What belonged to an earlier life interests nobody any more.
    records.forget_all().context("failed to empty the records of calls")?;
    Ok((records, Vec::new()))
}
