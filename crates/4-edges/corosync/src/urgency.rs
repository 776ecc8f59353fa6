//! How urgently the kernel lets threads run: as urgently as the Corosync below them, never more.
//!
//! While anybody has something to say Corosync's token goes round as fast as it can, at real-time priority. Threads that have less are
//! interrupted at every turn of it, and on a busy host stand still although Corosync, and so everybody else, finds the host well.
#![expect(unsafe_code, reason = "the scheduler's calls have no safe wrapper")]

use std::ffi::c_int;
use std::fs;
use std::io;
use std::path::Path;

/// Policies of sched(7): first in first out, and in turns; both at real-time priority.
const FIFO: c_int = 1;
const TURNS: c_int = 2;
const USUAL: c_int = 0;
/// What a thread starts, other threads too, has the usual policy.
const RESET_ON_FORK: c_int = 0x4000_0000;
/// How the kernel shows a calling thread to itself.
const SELF: c_int = 0;

#[repr(C)]
struct Parameters {
    priority: c_int,
}

unsafe extern "C" {
    fn sched_getscheduler(pid: c_int) -> c_int;
    fn sched_getparam(pid: c_int, parameters: *mut Parameters) -> c_int;
    fn sched_setscheduler(pid: c_int, policy: c_int, parameters: *const Parameters) -> c_int;
}

/// A real-time policy and a priority in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Urgency {
    policy: c_int,
    priority: c_int,
}

impl Urgency {
    /// Returns that of the Corosync of the host below `root`; `None` when it does not run there or has no real-time priority.
    pub fn of_corosync(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("run/corosync.pid")).ok()?;
        Self::of(text.trim().parse().ok().filter(|pid| *pid > 0)?)
    }

    fn of(pid: c_int) -> Option<Self> {
        let mut parameters = Parameters { priority: 0 };
        // Safety: the second call writes to `parameters` alone. One of a process that is gone is an error.
        let (policy, result) = unsafe { (sched_getscheduler(pid), sched_getparam(pid, &mut parameters)) };
        let policy = policy & !RESET_ON_FORK;
        (result == 0 && matches!(policy, FIFO | TURNS)).then_some(Self { policy, priority: parameters.priority })
    }

    /// Gives it to the first thread of a process and to those that have one of these names; to nothing that they start.
    ///
    /// # Errors
    /// The process is gone, or the kernel does not allow it: that needs `CAP_SYS_NICE`.
    pub fn give(self, process: i32, threads: &[String]) -> io::Result<()> {
        for thread in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
            let Some(number) = thread.file_name().to_str().and_then(|text| text.parse::<c_int>().ok()) else { continue };
            let is_named =
                || fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| threads.iter().any(|it| it == name.trim_end()));
            if number == process || is_named() {
                set(number, self.policy | RESET_ON_FORK, self.priority)?;
            }
        }
        Ok(())
    }

    /// Lets the calling thread run as others do.
    ///
    /// # Errors
    /// The kernel says so; it never has a reason to.
    pub fn leave() -> io::Result<()> {
        set(SELF, USUAL | RESET_ON_FORK, 0)
    }
}

fn set(thread: c_int, policy: c_int, priority: c_int) -> io::Result<()> {
    // Safety: the parameters live until the call returns, which only reads them.
    match unsafe { sched_setscheduler(thread, policy, &Parameters { priority }) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corosync_that_is_not_there_or_runs_as_others_do_gives_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Urgency::of_corosync(folder.path()), None);
        fs::create_dir(folder.path().join("run")).unwrap();
        // One without real-time priority (this process has it while the other test runs), and none at all.
        let mut usual = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        for text in [usual.id().to_string(), "0".to_owned(), "rubbish".to_owned()] {
            fs::write(folder.path().join("run/corosync.pid"), text).unwrap();
            assert_eq!(Urgency::of_corosync(folder.path()), None);
        }
        drop(usual.stdin.take());
        usual.wait().unwrap();
    }

    /// Needs root, or it shows the refusal alone.
    #[test]
    fn named_threads_are_given_it_hand_it_to_nobody_and_may_leave_it() {
        let urgency = Urgency { policy: TURNS, priority: 1 };
        let (tell, told) = std::sync::mpsc::channel();
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let work = move || {
            tell.send(()).unwrap();
            may_go.recv().unwrap();
            let own = Urgency::of(SELF);
            let started = std::thread::Builder::new().name("slow".into()).spawn(|| Urgency::of(SELF)).unwrap().join().unwrap();
            Urgency::leave().unwrap();
            (own, started, Urgency::of(SELF))
        };
        let thread = std::thread::Builder::new().name("urgent one".into()).spawn(work).unwrap();
        told.recv().unwrap();
        let given = urgency.give(std::process::id() as i32, &["urgent one".to_owned()]);
        // The first thread of this process is the test's own runner.
        let first = Urgency::of(std::process::id() as i32);
        set(std::process::id() as i32, USUAL, 0).unwrap();
        go.send(()).unwrap();
        let found = thread.join().unwrap();
        match given {
            Ok(()) => assert_eq!((first, found), (Some(urgency), (Some(urgency), None, None))),
            Err(_) => eprintln!("skipped: real-time priority needs root"),
        }
    }
}
