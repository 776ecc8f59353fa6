//! Agents that behave badly, as small real scripts.

use agents::{Ended, Invocation, Process, group_members, spawn, with_variable};
use messages::agent::AgentOutcome;
use std::time::Duration;

/// Longer than any of these scripts needs where they are to end by themselves.
const AMPLE: Duration = Duration::from_secs(20);

fn script(text: &str) -> Invocation {
    Invocation {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into()],
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        input: None,
        folder: "/".into(),
        user: None,
        output_max: 64 * 1024,
        processes_max: 1000,
        secrets: Vec::new(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run(invocation: &Invocation, timeout: Duration) -> Ended {
    block_on(async { spawn(invocation).unwrap().finish(timeout, std::future::pending()).await })
}

#[test]
fn what_an_agent_says_and_how_it_ends_is_kept() {
    for (text, outcome) in [
        ("exit 0", AgentOutcome::Exited(0)),
        ("exit 7", AgentOutcome::Exited(7)),
        ("exit 255", AgentOutcome::Exited(255)),
        ("kill -9 $$", AgentOutcome::Signalled(9)),
        ("exec 1>&- 2>&-; exit 3", AgentOutcome::Exited(3)),
        ("read line && exit 1; exit 0", AgentOutcome::Exited(0)),
    ] {
        assert_eq!(run(&script(text), AMPLE).outcome, outcome, "{text}");
    }
    let ended = run(
        &script("echo out; echo noise >&2; echo ocf-exit-reason:first >&2; echo 'ocf-exit-reason:disk is gone' >&2; echo more >&2"),
        AMPLE,
    );
    assert_eq!((ended.stdout.as_str(), ended.exit_reason.as_deref()), ("out\n", Some("disk is gone")));
}

#[test]
fn what_an_agent_says_of_its_secrets_is_hidden() {
    let text = "echo geheim; echo 'login as geheim: denied' >&2; echo 'ocf-exit-reason:geheim is wrong' >&2";
    let ended = run(&Invocation { secrets: vec!["geheim".into()], ..script(text) }, AMPLE);
    assert_eq!(ended.exit_reason.as_deref(), Some("**** is wrong"));
    assert!(ended.stderr.contains("login as ****: denied") && !ended.stderr.contains("geheim"), "{}", ended.stderr);
}

#[test]
fn an_agent_that_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "#!/bin/sh\n").unwrap();
    let with_program = |path: &std::path::Path| Invocation { program: path.to_owned(), ..script("") };
    block_on(async {
        assert!(
            matches!(spawn(&with_program(&plain)).unwrap_err(), AgentOutcome::FailedToStart(text) if text.contains("ermission denied"))
        );
        assert_eq!(spawn(&with_program(&folder.path().join("absent"))).unwrap_err(), AgentOutcome::NotInstalled);
    });
}

#[test]
fn a_slow_agent_and_its_children_are_ended_when_time_is_up() {
    block_on(async {
        let spawned = spawn(&script("sleep 1000 & sleep 1000 & trap '' TERM; wait")).unwrap();
        let group = spawned.process().pid;
        let ended = spawned.finish(Duration::from_millis(200), std::future::pending()).await;
        assert_eq!(ended.outcome, AgentOutcome::TimedOut);
        // The leader is reaped; the others were sent the same signal and need a moment to be gone.
        while !group_members(group).is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn an_agent_that_forks_on_and_on_is_ended_with_all_it_made() {
    block_on(async {
        let bomb = Invocation { processes_max: 60, ..script("while :; do sleep 1000 & done") };
        let spawned = spawn(&bomb).unwrap();
        let group = spawned.process().pid;
        let ended = spawned.finish(AMPLE, std::future::pending()).await;
        assert_eq!(ended.outcome, AgentOutcome::Signalled(9), "{ended:?}");
        assert_eq!(ended.exit_reason.as_deref(), Some("ended because it had more than 60 processes at once"));
        while !group_members(group).is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_cancelled_agent_is_ended() {
    block_on(async {
        let spawned = spawn(&script("exec sleep 1000")).unwrap();
        let process = spawned.process();
        let ended = spawned.finish(AMPLE, async {}).await;
        assert_eq!((ended.outcome, process.is_alive()), (AgentOutcome::Cancelled, false));
    });
}

#[test]
fn a_flood_is_drained_and_its_beginning_and_last_reason_are_kept() {
    let ended =
        run(&script("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo 'ocf-exit-reason:after the flood' >&2; exit 1"), AMPLE);
    assert_eq!((ended.outcome, ended.stderr.len()), (AgentOutcome::Exited(1), 64 * 1024));
    assert_eq!(ended.exit_reason.as_deref(), Some("after the flood"));
    let endless = run(&script("yes & yes >&2"), Duration::from_millis(200));
    assert_eq!((endless.outcome, endless.stdout.len(), endless.stderr.len()), (AgentOutcome::TimedOut, 64 * 1024, 64 * 1024));
}

/// Ends a process that a test left on purpose.
struct Cleanup(String);

impl Cleanup {
    /// Returns a mark that no other run of these tests uses.
    fn new(name: &str) -> Self {
        Self(format!("{name}-{}", std::process::id()))
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        with_variable("SYSTOLE_TEST_MARK", &self.0).iter().for_each(Process::kill);
    }
}

#[test]
fn a_service_that_holds_the_pipes_open_is_not_waited_for_and_lives_on() {
    let cleanup = Cleanup::new("service");
    let mut start = script("sleep 1000 & setsid sleep 1000 & echo started");
    start.environment.insert("SYSTOLE_TEST_MARK".into(), cleanup.0.clone());
    let ended = run(&start, AMPLE);
    assert_eq!((ended.outcome, ended.stdout.as_str()), (AgentOutcome::Exited(0), "started\n"));
    // A process in the midst of becoming `sleep` shows no environment for a moment.
    let until = std::time::Instant::now() + AMPLE;
    while with_variable("SYSTOLE_TEST_MARK", &cleanup.0).len() != 2 {
        assert!(std::time::Instant::now() < until, "the service does not live on");
        std::thread::yield_now();
    }
}

#[test]
fn a_child_that_escaped_from_the_group_does_not_hold_up_a_time_out() {
    let cleanup = Cleanup::new("escaped");
    let mut start = script("setsid sleep 1000 & wait");
    start.environment.insert("SYSTOLE_TEST_MARK".into(), cleanup.0.clone());
    assert_eq!(run(&start, Duration::from_millis(200)).outcome, AgentOutcome::TimedOut);
}

#[test]
fn input_reaches_the_agent_and_one_that_reads_nothing_does_no_harm() {
    let reads = Invocation { input: Some("action=off\nport=7\n".into()), ..script("cat") };
    assert_eq!(run(&reads, AMPLE).stdout, "action=off\nport=7\n");
    let ignores = Invocation { input: Some("x".repeat(1_000_000)), ..script("exit 0") };
    assert_eq!(run(&ignores, AMPLE).outcome, AgentOutcome::Exited(0));
}

#[test]
fn the_field_s_own_dummy_runs() {
    let path = std::path::Path::new("/usr/lib/ocf/resource.d/heartbeat/Dummy");
    if !path.is_file() {
        println!("skipped: the_field_s_own_dummy_runs: Debian's package resource-agents is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut host = agents::AgentHost::new(folder.path(), None);
    host.unprivileged = None;
    std::fs::create_dir_all(folder.path().join("run/resource-agents")).unwrap();
    let call = |action: &str| messages::agent::AgentCall {
        id: model::CallId(1),
        agent: messages::agent::AgentName { class: "ocf".into(), provider: Some("heartbeat".into()), kind: "Dummy".into() },
        action: action.into(),
        resource: Some("d1".into()),
        parameters: Default::default(),
        timeout: AMPLE,
        unprivileged: false,
    };
    for (action, code) in [("monitor", 7), ("start", 0), ("monitor", 0), ("stop", 0), ("monitor", 7)] {
        let ended = run(&Invocation::new(&host, &call(action)).unwrap(), AMPLE);
        assert_eq!(ended.outcome, AgentOutcome::Exited(code), "{action}: {}", ended.stderr);
    }
}

#[test]
fn a_plugin_of_linux_ha_fences_through_its_go_between() {
    if let Some(path) = ["/usr/sbin/fence_legacy", "/usr/sbin/stonith"].into_iter().find(|path| !std::path::Path::new(path).is_file()) {
        println!("skipped: a_plugin_of_linux_ha_fences_through_its_go_between: there is no {path}");
        return;
    }
    let host = agents::AgentHost::new("/", None);
    let call = |action: &str| messages::agent::AgentCall {
        id: model::CallId(1),
        agent: messages::agent::AgentName { class: "stonith".into(), provider: None, kind: "null".into() },
        action: action.into(),
        resource: Some("power".into()),
        parameters: [("hostlist", "node1 node2"), ("nodename", "node2"), ("port", "node2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        timeout: AMPLE,
        unprivileged: false,
    };
    for (action, said) in [("list", "node2"), ("monitor", ""), ("off", "node2")] {
        let ended = run(&Invocation::new(&host, &call(action)).unwrap(), AMPLE);
        assert_eq!(ended.outcome, AgentOutcome::Exited(0), "{action}: {}", ended.stderr);
        assert!(ended.stdout.contains(said), "{action}: {}", ended.stdout);
    }
}

#[test]
fn an_agent_runs_at_ordinary_priority_whatever_the_daemon_s_is() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: an_agent_runs_at_ordinary_priority_whatever_the_daemon_s_is: needs root");
    }
    // Of this thread alone, which is the one that starts the agent.
    rustix::process::setpriority_process(None, 5).unwrap();
    let ended = run(&script("while [ \"$(nice)\" != 0 ]; do :; done; echo ordinary"), AMPLE);
    assert_eq!(ended.stdout, "ordinary\n");
}
