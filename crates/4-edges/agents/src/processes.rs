//! Processes as the kernel lists them: identity that survives the reuse of numbers, children, and who carries a mark.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::fs;

/// One process, told from a later one of the same number by its start time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Process {
    pub pid: i32,
    /// In clock ticks since the machine started.
    pub start_time: u64,
}

/// The fields of `/proc/PID/stat` we use.
struct Stat {
    state: char,
    parent: i32,
    group: i32,
    start_time: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything, brackets and blanks included.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

impl Process {
    /// Returns the process that has this number now; `None` if there is none or it has ended already.
    pub fn find(pid: i32) -> Option<Process> {
        let stat = stat(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Process { pid, start_time: stat.start_time })
    }

    /// Returns whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Process::find(self.pid) == Some(*self)
    }

    /// Kills the process group it leads; does nothing once the group is empty and the number belongs to somebody else.
    pub fn kill_group(&self) {
        let is_reused = stat(self.pid).is_some_and(|stat| stat.start_time != self.start_time);
        if let (false, Some(pid)) = (is_reused, Pid::from_raw(self.pid)) {
            // Fails only when nobody is left.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Kills it alone.
    pub fn kill(&self) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

fn all_pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the living processes of a group.
pub fn group_members(group: i32) -> Vec<Process> {
    all_pids().filter(|pid| stat(*pid).is_some_and(|stat| stat.group == group)).filter_map(Process::find).collect()
}

/// Returns how many tasks the machine has; cheap, unlike looking at each.
pub(crate) fn tasks_of_machine() -> usize {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().nth(3).and_then(|field| field.split_once('/')?.1.parse().ok()).unwrap_or(0)
}

/// Returns the numbers of this process's children, those that have ended and were not reaped included.
pub fn own_children() -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Returns the living processes below this one: children, their children, and so on.
pub fn descendants(of: i32) -> Vec<Process> {
    let parents: Vec<(i32, i32)> = all_pids().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut known = BTreeSet::from([of]);
    loop {
        let before = known.len();
        known.extend(parents.iter().filter(|(_, parent)| known.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>());
        if known.len() == before {
            break;
        }
    }
    known.remove(&of);
    known.into_iter().filter_map(Process::find).collect()
}

/// Returns the living processes that were started with this variable, in the order of their start.
/// One that overwrote its environment, or belongs to another user, is not found.
pub fn with_variable(name: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{name}={value}");
    let has = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes()))
    };
    let mut found: Vec<Process> = all_pids().filter(has).filter_map(Process::find).collect();
    found.sort_by_key(|process| (process.start_time, process.pid));
    found
}
