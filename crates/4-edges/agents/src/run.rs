//! One run of an agent: from its start to its end, with its time and its output bounded.
//!
//! A run ends when the agent's own process ends: what it left behind may keep its pipes open or its group
//! alive (a service it started), and is neither waited for nor touched. Only a time-out or a cancellation
//! kills the process group.

use crate::invocation::Invocation;
use crate::processes::{Process, group_members, tasks_of_machine};
use messages::agent::AgentOutcome;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpriority_process, pidfd_open, setpriority_process, waitid};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};

/// An agent that was started.
#[derive(Debug)]
pub struct Spawned {
    child: Child,
    input: Option<(Sender, Vec<u8>)>,
    stdout: Output,
    stderr: Output,
    processes_max: usize,
    secrets: Vec<String>,
}

/// How a run ended, and what it said.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    pub outcome: AgentOutcome,
    pub stdout: String,
    pub stderr: String,
    /// The text after the last `ocf-exit-reason:` on stderr.
    pub exit_reason: Option<String>,
}

/// How long a killed process may take to be gone before its end is reported all the same (it hangs in the kernel).
const KILL_WAIT: Duration = Duration::from_secs(2);
/// How much is still read from the pipes of an agent that has ended, in bytes.
const LAST_READ_MAX: usize = 4 * 1024 * 1024;
/// How much of the end is kept of an output that is too long to keep whole, for the reason it may contain.
const TAIL_MAX: usize = 4 * 1024;
/// How often the number of an agent's processes is looked at.
const COUNT_AGAIN: Duration = Duration::from_millis(250);

/// Starts an agent in a process group of its own.
///
/// # Errors
/// The outcome the run has without having begun: `NotInstalled` or `FailedToStart`.
pub fn spawn(invocation: &Invocation) -> Result<Spawned, AgentOutcome> {
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.arguments)
        .env_clear()
        .envs(&invocation.environment)
        .current_dir(&invocation.folder)
        .stdin(if invocation.input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(user) = invocation.user {
        command.uid(user.uid).gid(user.gid);
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => AgentOutcome::NotInstalled,
        _ => AgentOutcome::FailedToStart(format!("failed to start {}: {error}", invocation.program.display())),
    })?;
    // Compat: agents, and the services they start, run at ordinary priority whatever the daemon's is.
    if getpriority_process(None).is_ok_and(|own| own != 0) {
        // Fails only where the agent has ended, or where only root may raise what is low.
        let _ = setpriority_process(Pid::from_raw(child.id() as i32), 0);
    }
    let mut watch = || -> io::Result<Spawned> {
        let watched = Child::watch(&child)?;
        let input = match (child.stdin.take(), &invocation.input) {
            (Some(pipe), Some(text)) => Some((Sender::from_owned_fd(pipe.into())?, text.clone().into_bytes())),
            _ => None,
        };
        let pipe = |fd: Option<OwnedFd>| fd.map(Receiver::from_owned_fd).transpose();
        let stdout = pipe(child.stdout.take().map(Into::into))?;
        let stderr = pipe(child.stderr.take().map(Into::into))?;
        Ok(Spawned {
            child: watched,
            input,
            stdout: Output::new(stdout, invocation.output_max),
            stderr: Output::new(stderr, invocation.output_max),
            processes_max: invocation.processes_max,
            secrets: invocation.secrets.clone(),
        })
    };
    let watched = watch();
    watched.map_err(|error| {
        Process::find(child.id() as i32).inspect(Process::kill_group);
        AgentOutcome::FailedToStart(format!("failed to watch {}: {error}", invocation.program.display()))
    })
}

/// A child process whose end can be waited for.
#[derive(Debug)]
pub struct Child {
    process: Process,
    pidfd: AsyncFd<OwnedFd>,
}

impl Child {
    /// Watches a child that was started but not waited for. To be called inside a tokio runtime.
    pub fn watch(child: &std::process::Child) -> io::Result<Self> {
        let pid = child.id() as i32;
        let pidfd = register(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)?;
        // One that has ended already has no start time to be told by, but is nobody else's until it is reaped here.
        Ok(Self { process: Process::find(pid).unwrap_or(Process { pid, start_time: 0 }), pidfd })
    }

    /// Returns which process it is.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Waits for its end, and reaps it.
    pub async fn ended(&self) -> AgentOutcome {
        // An error means that the descriptor is of no use, which waiting again would not change.
        let _ = self.pidfd.readable().await;
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => AgentOutcome::Exited(code),
                (None, Some(signal)) => AgentOutcome::Signalled(signal),
                (None, None) => AgentOutcome::Lost,
            },
            other => {
                eprintln!("agents: the end of process {} cannot be told: {other:?}", self.process.pid);
                AgentOutcome::Lost
            }
        }
    }
}

/// Registers the descriptor that becomes readable when its process ends.
#[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor that an owned one keeps")]
fn register(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // Safety: an `OwnedFd` stays open, and the same, until the `AsyncFd` that owns it is dropped.
    unsafe { AsyncFd::register_with_interest(pidfd, tokio::io::Interest::READABLE) }.map_err(|error| error.into_parts().1)
}

/// What ended the wait for an agent.
enum Why {
    Ended(AgentOutcome),
    TimedOut,
    Cancelled,
    RanAway,
}

impl Spawned {
    /// Returns the agent's process, the leader of its group.
    pub fn process(&self) -> Process {
        self.child.process
    }

    /// Waits for the agent to end, `timeout` to pass or `cancel` to be ready.
    pub async fn finish(mut self, timeout: Duration, cancel: impl Future<Output = ()>) -> Ended {
        let why = self.watch(timeout, cancel).await;
        if !matches!(why, Why::Ended(_)) {
            self.child.process.kill_group();
            // One that hangs in the kernel is not waited for.
            let _ = tokio::time::timeout(KILL_WAIT, self.child.ended()).await;
        }
        let mut own_reason = None;
        let outcome = match why {
            Why::Ended(outcome) => outcome,
            Why::TimedOut => AgentOutcome::TimedOut,
            Why::Cancelled => AgentOutcome::Cancelled,
            Why::RanAway => {
                own_reason = Some(format!("ended because it had more than {} processes at once", self.processes_max));
                AgentOutcome::Signalled(Signal::KILL.as_raw())
            }
        };
        for output in [&mut self.stdout, &mut self.stderr] {
            output.read_rest();
        }
        let exit_reason = own_reason.or_else(|| self.stderr.exit_reason());
        // What an agent says ends in logs, in the status and in alerts. Its standard output stays: what devices list is looked up there.
        let hidden = |text: String| model::secret::without_values(&text, self.secrets.iter().map(String::as_str));
        Ended { outcome, stdout: self.stdout.text(), stderr: hidden(self.stderr.text()), exit_reason: exit_reason.map(hidden) }
    }

    async fn watch(&mut self, timeout: Duration, cancel: impl Future<Output = ()>) -> Why {
        let deadline = tokio::time::sleep(timeout);
        tokio::pin!(deadline, cancel);
        let mut counts = tokio::time::interval(COUNT_AGAIN);
        let mut tasks_before = tasks_of_machine();
        loop {
            let is_writing = self.input.is_some();
            tokio::select! {
                biased;
                outcome = self.child.ended() => return Why::Ended(outcome),
                () = &mut deadline => return Why::TimedOut,
                () = &mut cancel => return Why::Cancelled,
                _ = counts.tick() => {
                    // Each process is looked at only when the machine has so many more that they could be the agent's.
                    let tasks = tasks_of_machine();
                    if tasks > tasks_before + self.processes_max {
                        if group_members(self.child.process.pid).len() > self.processes_max {
                            return Why::RanAway;
                        }
                        tasks_before = tasks;
                    }
                }
                () = write(&mut self.input), if is_writing => {}
                () = self.stdout.read(), if self.stdout.is_open() => {}
                () = self.stderr.read(), if self.stderr.is_open() => {}
            }
        }
    }
}

/// Writes what the agent is willing to read; an agent that reads nothing only uses up its own time.
async fn write(input: &mut Option<(Sender, Vec<u8>)>) {
    let Some((pipe, rest)) = input else { return };
    let is_done = match pipe.writable().await.and_then(|()| pipe.try_write(rest)) {
        Ok(count) => {
            rest.drain(..count);
            rest.is_empty()
        }
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    if is_done {
        // Closes the pipe: the agent reads the end.
        *input = None;
    }
}

/// One stream of an agent's output: the first part is kept, and the end of what follows.
#[derive(Debug)]
struct Output {
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    tail: Vec<u8>,
    length_max: usize,
}

impl Output {
    fn new(pipe: Option<Receiver>, length_max: usize) -> Self {
        Self { pipe, kept: Vec::new(), tail: Vec::new(), length_max }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits for output and takes some. May be dropped at any await.
    async fn read(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        if pipe.readable().await.is_err() {
            self.pipe = None;
            return;
        }
        self.take(64 * 1024);
        if self.kept.len() == self.length_max {
            // A flood is read slowly, so that it costs the agent's time more than ours.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Takes what is there, up to `count_max` bytes.
    fn take(&mut self, count_max: usize) {
        let (mut bytes, mut count) = ([0; 8 * 1024], 0);
        while count < count_max {
            let Some(pipe) = &self.pipe else { return };
            match pipe.try_read(&mut bytes) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    self.keep(&bytes[..length]);
                    count += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// Takes what an ended agent left in the pipe. Does not wait for its end, which a service that the agent started may hold.
    fn read_rest(&mut self) {
        self.take(LAST_READ_MAX);
        self.pipe = None;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.length_max - self.kept.len());
        self.kept.extend_from_slice(&bytes[..fits]);
        self.tail.extend_from_slice(&bytes[fits..]);
        if self.tail.len() > 4 * TAIL_MAX {
            self.tail.drain(..self.tail.len() - TAIL_MAX);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    fn exit_reason(&self) -> Option<String> {
        let last = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let reason = text.lines().rev().find_map(|line| line.trim().strip_prefix("ocf-exit-reason:"))?;
            Some(reason.trim().to_owned())
        };
        last(&self.tail).or_else(|| last(&self.kept))
    }
}
