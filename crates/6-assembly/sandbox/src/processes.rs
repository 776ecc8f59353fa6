//! The processes of one sandbox host, found in `/proc`: whatever descends from its root role or carries its
//! mark in the environment, however often it forked or changed its parent.

use rustix::process::{Pid, Signal};
use std::collections::{BTreeMap, BTreeSet};

/// The variable that marks every process of a host; its value is unique to the sandbox and host.
pub(crate) const MARK: &str = "SYSTOLE_SANDBOX_HOST";

struct Seen {
    parent: i32,
    is_zombie: bool,
    is_stopped: bool,
}

fn processes() -> BTreeMap<i32, Seen> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(end) = stat.rfind(')') else { continue };
        let mut fields = stat[end + 1..].split_whitespace();
        let state = fields.next().unwrap_or_default();
        let parent = fields.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        found.insert(pid, Seen { parent, is_zombie: matches!(state, "Z" | "X"), is_stopped: matches!(state, "T" | "t") });
    }
    found
}

fn has_variable(pid: i32, wanted: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()))
}

/// Returns the living processes of the host, its root role excepted.
fn members(root_role: Option<i32>, mark: &str) -> Vec<(i32, bool)> {
    let all = processes();
    let (own, wanted) = (std::process::id() as i32, format!("{MARK}={mark}"));
    let mut mine: BTreeSet<i32> = root_role.into_iter().collect();
    mine.extend(all.keys().filter(|pid| **pid != own && has_variable(**pid, &wanted)));
    loop {
        let before = mine.len();
        let children: Vec<i32> = all.iter().filter(|(_, seen)| mine.contains(&seen.parent)).map(|(pid, _)| *pid).collect();
        mine.extend(children);
        if mine.len() == before {
            break;
        }
    }
    mine.into_iter()
        .filter(|pid| Some(*pid) != root_role && *pid != own)
        .filter_map(|pid| all.get(&pid).filter(|seen| !seen.is_zombie).map(|seen| (pid, seen.is_stopped)))
        .collect()
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // A process that is gone already is what was wanted.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Cuts the power: everything of the host ends, and nothing of it can act while that goes on.
///
/// Safety: returns only when no process of the host is left, so that a fence agent may report it as off.
pub(crate) fn end_all(root_role: Option<i32>, mark: &str) {
    // The root role is stopped first and killed last: as the sub-reaper it keeps orphans findable.
    if let Some(pid) = root_role {
        signal(pid, Signal::STOP);
    }
    loop {
        let rest = members(root_role, mark);
        if rest.is_empty() {
            break;
        }
        rest.iter().for_each(|(pid, _)| signal(*pid, Signal::KILL));
        std::thread::yield_now();
    }
    if let Some(pid) = root_role {
        signal(pid, Signal::KILL);
    }
    // A process in the midst of exec shows no environment for a moment, so that one look is not enough.
    let mut looks_without_any = 0;
    while looks_without_any < 3 {
        let rest: Vec<i32> = members(None, mark).into_iter().map(|(pid, _)| pid).filter(|pid| Some(*pid) != root_role).collect();
        rest.iter().for_each(|pid| signal(*pid, Signal::KILL));
        looks_without_any = if rest.is_empty() { looks_without_any + 1 } else { 0 };
        std::thread::yield_now();
    }
}

/// Stops every process of the host where it is.
pub(crate) fn freeze_all(root_role: i32, mark: &str) {
    signal(root_role, Signal::STOP);
    // What was forked meanwhile is met in the next round.
    loop {
        let moving: Vec<i32> = members(Some(root_role), mark).into_iter().filter(|(_, stopped)| !stopped).map(|(pid, _)| pid).collect();
        if moving.is_empty() {
            return;
        }
        moving.iter().for_each(|pid| signal(*pid, Signal::STOP));
        std::thread::yield_now();
    }
}

/// Lets every process of the host go on.
pub(crate) fn thaw_all(root_role: i32, mark: &str) {
    members(Some(root_role), mark).iter().for_each(|(pid, _)| signal(*pid, Signal::CONT));
    signal(root_role, Signal::CONT);
}

/// Kills the children of the root role that run `systole node`; returns how many there were.
pub(crate) fn kill_daemon(root_role: i32) -> usize {
    let daemons: Vec<i32> =
        processes().iter().filter(|(pid, seen)| seen.parent == root_role && is_daemon(**pid)).map(|(pid, _)| *pid).collect();
    daemons.iter().for_each(|pid| signal(*pid, Signal::KILL));
    daemons.len()
}

fn is_daemon(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(b"node"))
}

/// Kills what a resource left running on the host: processes that carry its name, but not agents at work.
pub(crate) fn kill_resource(root_role: i32, mark: &str, resource: &str) -> usize {
    let hits: Vec<i32> = members(Some(root_role), mark)
        .into_iter()
        .map(|(pid, _)| pid)
        .filter(|pid| has_variable(*pid, &format!("OCF_RESOURCE_INSTANCE={resource}")) && !is_agent(*pid))
        .collect();
    hits.iter().for_each(|pid| signal(*pid, Signal::KILL));
    hits.len()
}

/// Whether the process is an agent at work: its program or script lies in an agents' folder.
fn is_agent(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains("/resource.d/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_crash_ends_processes_that_changed_their_parent_and_session() {
        let mark = format!("test-{}", std::process::id());
        // A grandchild in its own session, whose parent ends at once: only the mark still tells whose it is.
        let mut shell = Command::new("sh")
            .args(["-c", "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started"])
            .env(MARK, &mark)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.wait().unwrap();
        // The orphan shows its mark once it has become `sleep`.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while members(None, &mark).is_empty() {
            assert!(std::time::Instant::now() < until, "the orphan is not found");
            std::thread::yield_now();
        }
        end_all(None, &mark);
        assert!(members(None, &mark).is_empty());
    }
}
