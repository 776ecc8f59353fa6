//! A remote node: runs agents for a cluster it is no member of, and lets its tools reach that cluster.
//!
//! It joins the edge that speaks with members, the agents of this host and the socket for local clients; it decides nothing.

use crate::calls::{Calls, wall};
use crate::records::Records;
use agents::{AgentHost, User};
use anyhow::Context;
use remote::{Heard, Output, Serving};
use rustix::process::{Pid, WaitOptions, waitpid};
use sockets::SocketEvent;
use std::net::IpAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Where it keeps what it must find again.
const OWN_FOLDER: &str = "run/systole-remote";
const FOLDERS: [&str; 5] = [OWN_FOLDER, "run/systole", "run/resource-agents", "run/crm", "var/lib/pacemaker"];

/// What a remote node is started with.
#[derive(Clone, Debug)]
pub struct RemoteSideOptions {
    /// Every path of the host is below this one; `/` for the machine itself.
    pub root: PathBuf,
    /// Where to listen.
    pub address: IpAddr,
    pub port: u16,
    /// The folder with the product's tools under the field's names, as for [`crate::AgentdOptions`].
    pub tools: Option<PathBuf>,
}

/// Runs a remote node until it is asked to end (SIGTERM, SIGINT: the cluster moves what runs here first) and may. Blocks.
///
/// # Errors
/// Why it could not start.
pub fn run_remote_side(options: RemoteSideOptions) -> anyhow::Result<()> {
    // Compat: agents run with this mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o026));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("failed to become the reaper of this host")?;
    for folder in FOLDERS {
        let path = options.root.join(folder);
        std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    }
    // Agents that write where the cluster's user may read find it as on a member.
    if let Some(user) = User::find(&options.root, "hacluster") {
        let _ = std::os::unix::fs::chown(options.root.join("run/crm"), Some(user.uid), Some(user.gid));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, RemoteSide::run(options))
}

struct RemoteSide {
    serving: Serving,
    server: remote::Server,
    clients: sockets::Server,
    calls: Calls,
    started: Instant,
}

impl RemoteSide {
    async fn run(options: RemoteSideOptions) -> anyhow::Result<()> {
        // Told at once, not to the first member that tries in vain.
        remote::read_key(&options.root)?;
        let mut records =
            Records::open(options.root.join(OWN_FOLDER).join("calls"), "remote").context("failed to open the records of calls")?;
        // Safety: what an earlier process left at work ends before anything is probed; nobody waits for its result any more.
        for lost in records.recover(wall()) {
            records.forget(lost.id);
        }
        records.forget_all().context("failed to empty the records of calls")?;
        let server = remote::Server::bind(&options.root, options.address, options.port)
            .await
            .with_context(|| format!("failed to listen on {} port {}", options.address, options.port))?;
        let clients = sockets::Server::bind(&options.root).context("failed to open the socket for clients")?;
        let (tell, mut ends) = mpsc::unbounded_channel();
        let next_call = records.next_call();
        let host = AgentHost::new(&options.root, options.tools.clone());
        let calls = Calls::new(host, records, Vec::new(), tell);
        let mut this = Self { serving: Serving::new(next_call), server, clients, calls, started: Instant::now() };
        let (mut terminate, mut interrupt, mut child) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::child())?);
        eprintln!("remote: listening on {} port {}", options.address, options.port);
        loop {
            let due = this.serving.wake_at().map(|at| this.started + at);
            let woken = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let now = this.started.elapsed();
            let outputs = tokio::select! {
                biased;
                _ = terminate.recv() => this.serving.terminate(now),
                _ = interrupt.recv() => this.serving.terminate(now),
                Some((id, ended)) = ends.recv() => {
                    let result = this.calls.ended(id, ended);
                    this.calls.acknowledge(id);
                    this.reap_orphans();
                    result.map(|result| this.serving.finished(this.started.elapsed(), &result)).unwrap_or_default()
                }
                heard = this.server.next() => this.heard(heard),
                event = this.clients.next() => match event {
                    SocketEvent::Request { client, user, request } => this.serving.client_asked(client, user, request),
                    SocketEvent::Gone { client } => this.serving.client_gone(client),
                },
                () = woken => this.serving.time_passed(this.started.elapsed()),
                _ = child.recv() => {
                    this.reap_orphans();
                    Vec::new()
                }
            };
            if this.carry_out(outputs) {
                return Ok(());
            }
        }
    }

    fn heard(&mut self, heard: Heard) -> Vec<Output> {
        match heard {
            Heard::Connected { member, from } => {
                eprintln!("remote: a member connected from {from}");
                self.serving.connected(member)
            }
            Heard::Message { member, message } => self.serving.heard(self.started.elapsed(), member, &message),
            Heard::Gone { member, reason } => {
                eprintln!("remote: a member has gone: {reason}");
                self.serving.gone(member)
            }
            Heard::Refused { from, reason } => {
                eprintln!("remote: {from} was not let in: {reason}");
                Vec::new()
            }
        }
    }

    /// Returns whether this is the end.
    fn carry_out(&mut self, outputs: Vec<Output>) -> bool {
        let mut open: std::collections::VecDeque<Output> = outputs.into();
        while let Some(output) = open.pop_front() {
            match output {
                Output::Send { member, message } => self.server.send(member, message),
                Output::Run(call) => {
                    // One that could not begin has ended already.
                    if let Some(result) = self.calls.run(call) {
                        self.calls.acknowledge(result.id);
                        open.extend(self.serving.finished(self.started.elapsed(), &result));
                    }
                }
                Output::Kill(id) => self.calls.kill(id),
                Output::Reply { client, reply } => {
                    if self.clients.reply(client, &reply) {
                        open.extend(self.serving.client_gone(client));
                    }
                }
                Output::Exit => return true,
            }
        }
        false
    }

    /// Reaps what became our child when its parent ended.
    fn reap_orphans(&self) {
        let ours: Vec<i32> = self.calls.pids().collect();
        for pid in agents::own_children().into_iter().filter(|pid| !ours.contains(pid)) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }
}
