//! Where things are in a sandbox: one folder, in it a root directory per node, the tools and the sockets.

use model::NodeName;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The folder of one sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    /// The program that everything in the sandbox runs: this one.
    pub(crate) program: PathBuf,
}

impl Layout {
    /// Makes the folder with links for the tools that agents call.
    pub(crate) fn create(folder: PathBuf, program: PathBuf, tools: &[&str]) -> anyhow::Result<Self> {
        let layout = Self { folder, program };
        std::fs::create_dir_all(layout.tools())?;
        for tool in tools {
            link(&layout.program, &layout.tools().join(tool))?;
        }
        Ok(layout)
    }

    /// The tools under the field's names, first in the PATH of agents.
    pub(crate) fn tools(&self) -> PathBuf {
        self.folder.join("sbin")
    }

    pub(crate) fn hub_socket(&self) -> PathBuf {
        self.folder.join("hub.sock")
    }

    /// Where the fence agent and `systole sandbox COMMAND` reach the sandbox.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    pub(crate) fn root(&self, node: &NodeName) -> PathBuf {
        self.folder.join(node.as_str())
    }

    /// Where agents of this node keep the state of what runs.
    pub(crate) fn state(&self, node: &NodeName) -> PathBuf {
        self.root(node).join("run/resource-agents")
    }

    /// What survives a crash of the node.
    pub(crate) fn disk(&self, node: &NodeName) -> PathBuf {
        self.root(node).join("var/lib/pacemaker")
    }

    /// What the node's processes print.
    pub(crate) fn log(&self, node: &NodeName) -> PathBuf {
        self.root(node).join("console.log")
    }

    /// Prepares a node's root as a boot would: `run` is empty, our agents are in place, the disk keeps what it held.
    pub(crate) fn boot(&self, node: &NodeName, agents: &[&str]) -> anyhow::Result<()> {
        let root = self.root(node);
        let run = root.join("run");
        if run.exists() {
            std::fs::remove_dir_all(&run)?;
        }
        for folder in ["run/systole", "run/resource-agents", "run/crm", "var/lib/pacemaker/cores", "var/log/pacemaker", "usr/sbin", "tmp"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        let ours = root.join("usr/lib/ocf/resource.d/systole");
        std::fs::create_dir_all(&ours)?;
        for agent in agents {
            link(&self.program, &ours.join(agent))?;
        }
        link(&self.program, &root.join("usr/sbin/fence_sandbox"))
    }
}

fn link(program: &Path, at: &Path) -> anyhow::Result<()> {
    match symlink(program, at) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}
