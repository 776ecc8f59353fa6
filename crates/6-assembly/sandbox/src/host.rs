//! One host of the sandbox: its power switch, and what can be done to it from outside.

use crate::layout::Layout;
use crate::processes;
use model::NodeName;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::process::{Child, Command, Stdio};

/// What fills a disk.
const BALLAST: &str = "ballast";
/// No larger disk is filled.
const SMALL_DISK: u64 = 64 << 20;

/// What a host is doing, as its power supply sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Power {
    Off,
    On,
    Frozen,
}

/// One host.
pub(crate) struct Host {
    pub(crate) name: NodeName,
    pub(crate) power: Power,
    /// Whether its network is cut.
    pub(crate) is_cut_off: bool,
    root_role: Option<Child>,
    /// Counts boots; the host's incarnation is made of it.
    boots: u32,
    daemon_user: Option<String>,
}

impl Host {
    /// Returns a host that is off.
    pub(crate) fn new(name: NodeName, daemon_user: Option<String>) -> Self {
        Self { name, power: Power::Off, is_cut_off: false, root_role: None, boots: 0, daemon_user }
    }

    fn mark(&self, layout: &Layout) -> String {
        format!("{}:{}", layout.folder.display(), self.name)
    }

    /// Switches the host on, with an empty run directory as after a boot.
    pub(crate) fn boot(&mut self, layout: &Layout, agents: &[&str]) -> anyhow::Result<()> {
        if self.power != Power::Off {
            return Ok(());
        }
        self.boots += 1;
        layout.boot(&self.name, agents)?;
        self.start_root_role(layout)
    }

    fn start_root_role(&mut self, layout: &Layout) -> anyhow::Result<()> {
        let console = OpenOptions::new().create(true).append(true).open(layout.log(&self.name))?;
        let arguments: [OsString; 11] = [
            "agentd".into(),
            "--node".into(),
            self.name.as_str().into(),
            "--root".into(),
            layout.root(&self.name).into(),
            "--hub".into(),
            layout.hub_socket().into(),
            "--tools".into(),
            layout.tools().into(),
            "--incarnation".into(),
            format!("{}-boot-{}", self.name, self.boots).into(),
        ];
        let child = Command::new(&layout.program)
            .args(arguments)
            .args(self.daemon_user.iter().flat_map(|user| ["--daemon-user", user]))
            .env(processes::MARK, self.mark(layout))
            .env("SYSTOLE_ROOT", layout.root(&self.name))
            .env("SYSTOLE_SANDBOX", layout.control_socket())
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()?;
        self.root_role = Some(child);
        self.power = Power::On;
        Ok(())
    }

    fn root_pid(&self) -> Option<i32> {
        self.root_role.as_ref().map(|child| child.id() as i32)
    }

    /// Cuts the power. Returns when nothing of the host is left.
    pub(crate) fn crash(&mut self, layout: &Layout) {
        processes::end_all(self.root_pid(), &self.mark(layout));
        if let Some(mut child) = self.root_role.take() {
            let _ = child.wait();
        }
        // What was in memory is gone with the power; only the disk remains.
        let _ = std::fs::remove_dir_all(layout.root(&self.name).join("run"));
        self.power = Power::Off;
    }

    /// Stops everything on the host where it is.
    pub(crate) fn freeze(&mut self, layout: &Layout) {
        if let (Power::On, Some(pid)) = (self.power, self.root_pid()) {
            processes::freeze_all(pid, &self.mark(layout));
            self.power = Power::Frozen;
        }
    }

    /// Lets a frozen host go on.
    pub(crate) fn thaw(&mut self, layout: &Layout) {
        if let (Power::Frozen, Some(pid)) = (self.power, self.root_pid()) {
            processes::thaw_all(pid, &self.mark(layout));
            self.power = Power::On;
        }
    }

    /// Fills the disk that keeps the node's CIB, to the last byte. It must be a small one of its own.
    pub(crate) fn fill_disk(&self, layout: &Layout) -> anyhow::Result<()> {
        let folder = layout.disk(&self.name);
        let room = rustix::fs::statvfs(&folder)?;
        let bytes = room.f_blocks * room.f_frsize;
        anyhow::ensure!(bytes <= SMALL_DISK, "{} is on a disk of {bytes} bytes: only a small one of its own is filled", folder.display());
        let mut ballast = OpenOptions::new().create(true).append(true).open(folder.join(BALLAST))?;
        while std::io::Write::write(&mut ballast, &[0; 4096]).is_ok_and(|written| written > 0) {}
        Ok(())
    }

    /// Makes room on the disk again.
    pub(crate) fn free_disk(&self, layout: &Layout) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(layout.disk(&self.name).join(BALLAST))?)
    }

    /// Kills only the node's daemon; its root role starts it again.
    pub(crate) fn kill_daemon(&self) -> usize {
        self.root_pid().map_or(0, processes::kill_daemon)
    }

    /// Kills only the root role; the supervisor (here: the sandbox) starts it again.
    pub(crate) fn kill_root_role(&mut self, layout: &Layout) -> anyhow::Result<()> {
        if let Some(mut child) = self.root_role.take() {
            child.kill()?;
            child.wait()?;
            self.start_root_role(layout)?;
        }
        Ok(())
    }

    /// Kills a resource's processes, or takes its state away where it is only a state file.
    pub(crate) fn kill_resource(&self, layout: &Layout, resource: &str) -> usize {
        let Some(pid) = self.root_pid() else { return 0 };
        let killed = processes::kill_resource(pid, &self.mark(layout), resource);
        if killed > 0 {
            return killed;
        }
        let files: Vec<_> = std::fs::read_dir(layout.state(&self.name))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|file| crate::checks::resource_of_state_file(&file.file_name().to_string_lossy()) == Some(resource))
            .collect();
        files.iter().filter(|file| std::fs::remove_file(file.path()).is_ok()).count()
    }

    /// Notices a root role that ended by itself: after a clean shutdown the host counts as off; else it is started again.
    pub(crate) fn look_after(&mut self, layout: &Layout) -> anyhow::Result<Option<String>> {
        let Some(child) = self.root_role.as_mut().filter(|_| self.power == Power::On) else { return Ok(None) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        self.root_role = None;
        if status.success() {
            self.power = Power::Off;
            processes::end_all(None, &self.mark(layout));
            let _ = std::fs::remove_dir_all(layout.root(&self.name).join("run"));
            return Ok(Some(format!("{} has shut down cleanly", self.name)));
        }
        self.start_root_role(layout)?;
        Ok(Some(format!("the root role of {} ended with {status} and is started again", self.name)))
    }
}
