//! `ClusterMon` in a sandbox: the page is written, the program is called at each event, and both end with the resource.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn cluster_mon_writes_its_page_and_calls_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(
        path("told"),
        format!("#!/bin/sh\necho $CRM_notify_recipient $CRM_notify_rsc $CRM_notify_task $CRM_notify_rc >> {}\n", path("events")),
    )
    .unwrap();
    std::fs::set_permissions(path("told"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mon = |id: &str, provider: &str| {
        let parameters = [
            ("update", "1".to_owned()),
            ("extra_options", format!("-r -E {} -e {id}", path("told"))),
            ("htmlfile", path(&format!("{id}.html"))),
            ("pidfile", path(&format!("{id}.pid"))),
        ];
        let pairs: String =
            parameters.iter().map(|(name, value)| format!("<nvpair id='{id}-{name}' name='{name}' value='{value}'/>")).collect();
        format!(
            "<primitive id='{id}' class='ocf' provider='{provider}' type='ClusterMon'><instance_attributes id='{id}-i'>{pairs}</instance_attributes></primitive>"
        )
    };
    // The second is Pacemaker's own agent where that is installed.
    let cib = format!(
        "<cib admin_epoch='0' epoch='1' num_updates='0' validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources>{}{}\
         <primitive id='d' class='ocf' provider='systole' type='Dummy'/></resources><constraints/></configuration><status/></cib>",
        mon("ours", "systole"),
        mon("theirs", "pacemaker")
    );
    std::fs::write(path("cib.xml"), cib).unwrap();
    // The scenario only keeps the cluster up; it is told to end when all is seen.
    std::fs::write(path("scenario"), "wait\npause 300s\n").unwrap();
    let sandbox = Command::new(env!("CARGO_BIN_EXE_systole"))
        .args(["sandbox", "--cib", &path("cib.xml"), "--script", &path("scenario"), "--folder", &path("sandbox")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _sandbox = Ends(sandbox);
    let page = |id: &str| std::fs::read_to_string(path(&format!("{id}.html"))).unwrap_or_default();
    let runs = |id: &str, what: &str| page(id).split("<li>").any(|item| item.contains(&format!("{what}\t")) && item.contains("Started"));
    for id in ["ours", "theirs"] {
        until(&format!("the page of {id} shows d"), || page(id).contains("<html") && runs(id, "d"));
    }
    let stop = |id: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        command.args(["crm_resource", "-r", id, "--meta", "-p", "target-role", "-v", "Stopped"]).env("SYSTOLE_ROOT", path("sandbox/node1"));
        assert!(command.status().unwrap().success(), "{id} could not be stopped");
    };
    stop("d");
    let events = || std::fs::read_to_string(path("events")).unwrap_or_default();
    for id in ["ours", "theirs"] {
        until(&format!("the program of {id} is called"), || events().lines().any(|line| line == format!("{id} d stop 0")));
        until(&format!("the page of {id} is written again"), || !runs(id, "d"));
        stop(id);
        until(&format!("crm_mon of {id} ends"), || !is_shown(&path(&format!("{id}.html"))));
    }
}

/// Returns whether a process has this among its arguments.
fn is_shown(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    commands
        .into_iter()
        .any(|command| String::from_utf8_lossy(&command).contains("crm_mon\0") && String::from_utf8_lossy(&command).contains(argument))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends the sandbox and all that runs in it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}
