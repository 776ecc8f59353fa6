//! The root role as a real process, with a real child whose part of the conversation the test plays.
//!
//! The test's own program is started again in two parts: as the root role, and as a daemon that passes the
//! frames of its standard input on to a socket of the test.

use agentd::{AgentdOptions, Process, ROOT_VARIABLE, with_variable};
use messages::agent::{AgentCall, AgentEvent, AgentName, AgentOrder, AgentOutcome, AgentResult};
use messages::frame::{FrameBuffer, encode};
use messages::group::Engine;
use messages::group::Incarnation;
use model::CallId;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PART: &str = "AGENTD_TEST_PART";
const FOLDER: &str = "AGENTD_TEST_FOLDER";

fn part(name: &str) -> Option<PathBuf> {
    (std::env::var(PART).as_deref() == Ok(name)).then(|| std::env::var_os(FOLDER).unwrap().into())
}

#[test]
fn part_root_role() {
    let Some(root) = part("agentd") else { return };
    let program = std::env::current_exe().unwrap();
    let node_command = ["/usr/bin/env", &format!("{PART}=daemon"), program.to_str().unwrap(), "--exact", "part_daemon", "--nocapture"];
    let options = AgentdOptions {
        node: "node1".into(),
        engine: Engine::Hub(root.join("no-hub")),
        root,
        node_command: node_command.iter().map(Into::into).collect(),
        tools: None,
        daemon_user: None,
        incarnation: None,
    };
    std::process::exit(if agentd::run(options).is_ok() { 0 } else { 1 });
}

#[test]
fn part_daemon() {
    let Some(root) = part("daemon") else { return };
    let own = std::io::stdin();
    let link: UnixStream = std::os::fd::AsFd::as_fd(&own).try_clone_to_owned().unwrap().into();
    let test = UnixStream::connect(root.join("test.sock")).unwrap();
    let copy = |mut from: UnixStream, mut to: UnixStream| {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            std::process::exit(1);
        })
    };
    let _up = copy(link.try_clone().unwrap(), test.try_clone().unwrap());
    copy(test, link).join().unwrap();
}

/// A host with its root role running.
struct Host {
    folder: tempfile::TempDir,
    listener: UnixListener,
    agentd: Child,
}

impl Host {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("test.sock")).unwrap();
        let agents = folder.path().join("usr/lib/ocf/resource.d/test");
        std::fs::create_dir_all(&agents).unwrap();
        for (name, text) in [("Quick", "exit 7"), ("Slow", "exec sleep 1000"), ("Service", "setsid sleep 1000 & exit 0")] {
            let path = agents.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let agentd = start_agentd(folder.path());
        Self { folder, listener, agentd }
    }

    /// Waits for the next daemon.
    fn daemon(&self) -> Daemon {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Daemon { stream, frames: FrameBuffer::new(1 << 20) }
    }

    fn kill_agentd(&mut self) {
        self.agentd.kill().unwrap();
        self.agentd.wait().unwrap();
    }

    fn processes(&self) -> Vec<Process> {
        with_variable(ROOT_VARIABLE, &self.folder.path().display().to_string())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.agentd.kill();
        let _ = self.agentd.wait();
        agentd::end_host(self.folder.path(), &[], &[]);
    }
}

fn start_agentd(root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "part_root_role", "--nocapture"])
        .env(PART, "agentd")
        .env(FOLDER, root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

struct Daemon {
    stream: UnixStream,
    frames: FrameBuffer,
}

impl Daemon {
    fn order(&mut self, order: AgentOrder) {
        self.stream.write_all(&encode(&order)).unwrap();
    }

    fn run(&mut self, id: CallId, kind: &str) {
        self.order(AgentOrder::Run(AgentCall {
            id,
            agent: AgentName { class: "ocf".into(), provider: Some("test".into()), kind: kind.into() },
            action: "start".into(),
            resource: Some("web".into()),
            parameters: Default::default(),
            timeout: Duration::from_secs(1000),
            unprivileged: false,
        }));
    }

    fn next(&mut self) -> AgentEvent {
        let mut bytes = [0; 4096];
        loop {
            if let Some(event) = self.frames.take().unwrap() {
                return event;
            }
            let length = self.stream.read(&mut bytes).unwrap();
            assert_ne!(length, 0, "the root role closed the connection");
            self.frames.push(&bytes[..length]);
        }
    }

    fn welcome(&mut self) -> (Incarnation, Vec<CallId>, CallId) {
        match self.next() {
            AgentEvent::Welcome { incarnation, running, next_call, .. } => {
                (incarnation, running.iter().map(|call| call.id).collect(), next_call)
            }
            other => panic!("{other:?} before the welcome"),
        }
    }

    fn result(&mut self) -> AgentResult {
        match self.next() {
            AgentEvent::Finished(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 4096]), Ok(0))
    }
}

#[test]
fn results_are_delivered_until_they_are_acknowledged_and_the_daemon_comes_back() {
    let host = Host::start();
    let mut daemon = host.daemon();
    let (life, running, first) = daemon.welcome();
    assert_eq!(running, []);
    daemon.run(first, "Quick");
    assert_eq!((daemon.result().outcome, true), (AgentOutcome::Exited(7), true));
    daemon.run(CallId(first.0 + 1), "Absent");
    assert_eq!(daemon.result().outcome, AgentOutcome::NotInstalled);
    daemon.order(AgentOrder::Acknowledge { id: first });
    daemon.run(CallId(first.0 + 2), "Slow");
    daemon.stream.shutdown(std::net::Shutdown::Both).unwrap();

    let mut second = host.daemon();
    let (same_life, running, next) = second.welcome();
    assert_eq!((same_life, running), (life, vec![CallId(first.0 + 2)]));
    assert!(next.0 > first.0 + 2);
    assert_eq!(second.result().id, CallId(first.0 + 1));
    second.order(AgentOrder::Kill { id: CallId(first.0 + 2) });
    assert_eq!(second.result().outcome, AgentOutcome::Cancelled);
}

#[test]
fn a_restarted_root_role_ends_agents_at_work_and_leaves_services_alone() {
    let mut host = Host::start();
    let mut daemon = host.daemon();
    let (life, _, first) = daemon.welcome();
    daemon.run(first, "Service");
    assert_eq!(daemon.result().outcome, AgentOutcome::Exited(0));
    daemon.order(AgentOrder::Acknowledge { id: first });
    daemon.run(CallId(first.0 + 1), "Slow");
    // The order was carried out when an order after it was.
    daemon.run(CallId(first.0 + 2), "Quick");
    assert_eq!(daemon.result().outcome, AgentOutcome::Exited(7));
    host.kill_agentd();
    assert!(daemon.is_closed());

    host.agentd = start_agentd(host.folder.path());
    let mut second = host.daemon();
    let (same_life, running, next) = second.welcome();
    assert_eq!((same_life, running), (life, vec![]));
    assert!(next.0 > first.0 + 2);
    let results: Vec<_> = [second.result(), second.result()].into_iter().map(|result| (result.id.0 - first.0, result.outcome)).collect();
    assert_eq!(results, [(1, AgentOutcome::Lost), (2, AgentOutcome::Exited(7))]);
    let commands = host
        .processes()
        .iter()
        .filter_map(|process| std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).ok())
        .collect::<Vec<_>>();
    assert_eq!(commands.iter().filter(|command| command.starts_with("sleep")).count(), 1, "{commands:?}");
}

#[test]
fn a_reset_ends_everything_on_the_host() {
    let mut host = Host::start();
    let mut daemon = host.daemon();
    let (_, _, first) = daemon.welcome();
    daemon.run(first, "Service");
    daemon.result();
    daemon.run(CallId(first.0 + 1), "Slow");
    daemon.order(AgentOrder::ResetHost { reason: "test".into(), off: false });
    assert_eq!(host.agentd.wait().unwrap().code(), Some(1));
    assert_eq!(host.processes(), []);
}
