//! The end of this host: nothing of it runs afterwards.

use agents::Process;
use rustix::system::RebootCommand;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// The variable that marks every process of a host.
pub const ROOT_VARIABLE: &str = "SYSTOLE_ROOT";

/// Ends every process that belongs to the host below `root` or descends from `ancestors`, except this one and
/// `spared`; returns those that did not end within two seconds.
///
/// A host's processes are known by descent and by the variable [`ROOT_VARIABLE`] they were started with; new
/// ones that appear meanwhile are ended too.
pub fn end_host(root: &Path, ancestors: &[i32], spared: &[i32]) -> Vec<Process> {
    let own = std::process::id() as i32;
    let living = || -> BTreeSet<Process> {
        let marked = agents::with_variable(ROOT_VARIABLE, &root.display().to_string());
        let children = ancestors.iter().flat_map(|ancestor| agents::descendants(*ancestor));
        let heads = ancestors.iter().filter_map(|ancestor| Process::find(*ancestor));
        marked.into_iter().chain(children).chain(heads).filter(|process| process.pid != own && !spared.contains(&process.pid)).collect()
    };
    let start = Instant::now();
    loop {
        let left = living();
        if left.is_empty() || start.elapsed() > Duration::from_secs(2) {
            return left.into_iter().collect();
        }
        left.iter().for_each(Process::kill);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How the host ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Reset,
    Off,
    Crashdump,
}

/// Ends the host this process is the root role of. On the machine itself that is a reboot without ceremony;
/// below another root every process of the host is ended, and the caller ends itself.
pub(crate) fn reset_host(root: &Path, end: End, reason: &str) {
    eprintln!("agentd: ending this host ({end:?}): {reason}");
    if root == Path::new("/") {
        let (letter, command) = match end {
            End::Reset => ("b", RebootCommand::Restart),
            End::Off => ("o", RebootCommand::PowerOff),
            End::Crashdump => ("c", RebootCommand::Restart),
        };
        // The kernel does this at once, without writing anything that could wait.
        if let Err(error) = std::fs::write("/proc/sysrq-trigger", letter) {
            eprintln!("agentd: failed to reset by sysrq: {error}");
        }
        if end == End::Off {
            // The kernel switches off on a thread of its own.
            std::thread::sleep(Duration::from_millis(500));
        }
        let failed = rustix::system::reboot(command);
        eprintln!("agentd: failed to reboot: {failed:?}");
    }
    let left = end_host(root, &[std::process::id() as i32], &[]);
    if !left.is_empty() {
        eprintln!("agentd: these processes did not end: {left:?}");
    }
}
