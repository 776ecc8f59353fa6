//! Every OCF agent of Debian's `resource-agents` describes and checks itself when it is run by us as when it is run by Debian's
//! `crm_resource`: the same meta-data, byte for byte, and the same exit code of `validate-all`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

const NAME: &str = "agents_of_debian_describe_and_check_themselves_as_ever";
const AGENTS: &str = "/usr/lib/ocf/resource.d/heartbeat";
const DEBIANS: &str = "/usr/sbin/crm_resource";

/// Runs a question to an agent with one of the two programs; returns the exit code and what was printed.
fn ask(program: &str, first: &[&str], question: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.args(first).args(question).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").env("HOME", "/nonexistent");
    let output = command.output().expect("the program can be run");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compares an agent's answers; returns what differs.
fn differences(agent: &str) -> Option<String> {
    let both = |question: &[&str]| (ask(DEBIANS, &[], question), ask(env!("CARGO_BIN_EXE_systole"), &["crm_resource"], question));
    let (theirs, ours) = both(&["--show-metadata", &format!("ocf:heartbeat:{agent}")]);
    if theirs != ours {
        return Some(format!(
            "{agent}: the meta-data differ: {:?} and {:?}, {} and {} bytes",
            theirs.0,
            ours.0,
            theirs.1.len(),
            ours.1.len()
        ));
    }
    let (theirs, ours) = both(&["--validate", "--class", "ocf", "--provider", "heartbeat", "--agent", agent]);
    (theirs.0 != ours.0).then(|| format!("{agent}: validate-all ends with {:?} and {:?}", theirs.0, ours.0))
}

#[test]
fn agents_of_debian_describe_and_check_themselves_as_ever() {
    for needed in [AGENTS, DEBIANS] {
        if !Path::new(needed).exists() {
            println!("skipped: {NAME}: {needed} is not installed");
            return;
        }
    }
    let is_program = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let mut agents: Vec<String> = std::fs::read_dir(AGENTS)
        .expect("the folder can be read")
        .flatten()
        .filter(|entry| is_program(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    agents.sort();
    let count = agents.len();
    let (left, found) = (Mutex::new(agents), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(agent) = { left.lock().expect("no thread panics").pop() } {
                    found.lock().expect("no thread panics").extend(differences(&agent));
                }
            });
        }
    });
    let found = found.into_inner().expect("no thread panics");
    assert!(found.is_empty(), "of {count} agents:\n{}", found.join("\n"));
    assert!(count > 50, "only {count} agents were found in {AGENTS}");
}
