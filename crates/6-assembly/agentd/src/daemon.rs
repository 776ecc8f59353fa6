//! The node's daemon as a child process: started over a socket pair, started again when it dies.

use crate::AgentdOptions;
use crate::reset::ROOT_VARIABLE;
use crate::supervisor::OWN_FOLDER;
use agents::{Child, Process, User};
use anyhow::Context;
use messages::agent::{AgentOrder, AgentOutcome};
use rustix::process::{Pid, Signal, kill_process};
use sockets::Link;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait before a daemon that keeps dying is started again.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A daemon that lived this long is started again at once.
const HEALTHY: Duration = Duration::from_secs(10);
/// Where the running daemon is recorded, for a later root role.
const RECORD: &str = "daemon";
/// Exit codes after which it is not started again: shut down, and asked to stay down.
const DONE: [i32; 2] = [0, 100];

/// A daemon that runs.
pub(crate) struct Running {
    child: Child,
    pub link: Link,
    started: Instant,
    /// Its end of the socket is closed.
    pub is_mute: bool,
}

impl Running {
    /// Returns its number.
    pub fn pid(&self) -> i32 {
        self.child.process().pid
    }
}

/// The daemon: running, or to be started at some time.
pub(crate) struct Daemon {
    pub running: Option<Running>,
    start_at: Instant,
    wait: Duration,
}

/// Waits until a daemon that an earlier root role started has ended, as it does when its socket closes; kills one that does not.
///
/// Safety: two daemons of one node would both speak for it.
pub(crate) fn outlast_earlier(folder: &Path) {
    let text = std::fs::read_to_string(folder.join(RECORD)).unwrap_or_default();
    let Some((pid, start_time)) = text.trim().split_once(' ') else { return };
    let (Ok(pid), Ok(start_time)) = (pid.parse(), start_time.parse()) else { return };
    let (earlier, begun) = (Process { pid, start_time }, std::time::Instant::now());
    while earlier.is_alive() {
        if begun.elapsed() > Duration::from_millis(500) {
            earlier.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the daemon did.
pub(crate) enum DaemonEvent {
    /// It is due to be started.
    Due,
    Ordered(AgentOrder),
    /// It ended and is to be started again.
    Died(AgentOutcome),
    /// It ended for good, with this code.
    Done(i32),
}

impl Daemon {
    pub fn new() -> Self {
        Self { running: None, start_at: Instant::now(), wait: Duration::ZERO }
    }

    /// Starts it. Its standard input is its end of the socket pair.
    pub fn start(&mut self, options: &AgentdOptions) -> anyhow::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        let (program, arguments) = options.node_command.split_first().context("the command that starts the daemon is empty")?;
        let mut command = Command::new(program);
        // One arena for all threads: the daemon's few threads never compete, and each arena would keep memory of its own.
        command.env("MALLOC_ARENA_MAX", "1");
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        command.args(arguments).env(ROOT_VARIABLE, &options.root).stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0);
        if let Some(name) = &options.daemon_user {
            let user = User::find(&options.root, name).with_context(|| format!("there is no user {name}"))?;
            command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn().with_context(|| format!("failed to start {}", program.display()))?;
        let watched = Child::watch(&child)?;
        let process = watched.process();
        let record = options.root.join(OWN_FOLDER).join(RECORD);
        std::fs::write(record, format!("{} {}\n", process.pid, process.start_time)).context("failed to record the daemon")?;
        let running = Running { child: watched, link: Link::new(ours)?, started: Instant::now(), is_mute: false };
        self.running = Some(running);
        Ok(())
    }

    /// Returns the next thing it does. May be dropped at any await.
    ///
    /// What it ordered before it died is still told: it may have told others that it ordered it.
    pub async fn next(&mut self) -> DaemonEvent {
        loop {
            let Some(running) = &mut self.running else {
                tokio::time::sleep_until(self.start_at).await;
                return DaemonEvent::Due;
            };
            if running.is_mute {
                let outcome = running.child.ended().await;
                return self.ended(outcome);
            }
            match running.link.receive().await {
                Ok(order) => return DaemonEvent::Ordered(order),
                Err(_) => running.is_mute = true,
            }
        }
    }

    fn ended(&mut self, outcome: AgentOutcome) -> DaemonEvent {
        let lived = self.running.take().map_or(Duration::ZERO, |running| running.started.elapsed());
        if let AgentOutcome::Exited(code) = outcome
            && DONE.contains(&code)
        {
            return DaemonEvent::Done(code);
        }
        self.start_again_after(lived);
        DaemonEvent::Died(outcome)
    }

    /// Waits longer after each short life.
    pub fn start_again_after(&mut self, lived: Duration) {
        self.start_at = Instant::now() + if lived > HEALTHY { Duration::ZERO } else { self.wait };
        self.wait = if lived > HEALTHY { Duration::ZERO } else { (self.wait * 2).clamp(Duration::from_millis(100), WAIT_MAX) };
    }

    /// Asks it to leave the cluster and end; returns whether there is one to ask.
    pub fn terminate(&self) -> bool {
        let pid = self.running.as_ref().and_then(|running| Pid::from_raw(running.pid()));
        pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
    }
}
