//! Generated clusters of any size, made by the generator that stands beside the repository, each kept for a while.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A cluster to be generated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cluster {
    pub nodes: u32,
    pub resources: u32,
    pub scenario: &'static str,
}

impl Cluster {
    pub const fn new(nodes: u32, resources: u32, scenario: &'static str) -> Self {
        Self { nodes, resources, scenario }
    }

    /// Returns its name in tables.
    pub fn title(&self) -> String {
        let scenario = match self.scenario {
            "node" => "one node lost",
            "cold" => "cold start",
            other => other,
        };
        format!("{} × {}, {scenario}", self.nodes, self.resources)
    }

    /// Writes the cluster's CIB into a folder, unless it is there, and returns its path.
    pub fn generate(&self, generator: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join(format!("{}x{}-{}.xml", self.nodes, self.resources, self.scenario));
        if !path.exists() {
            let mut command = Command::new("python3");
            command.arg(generator).args(["-n", &self.nodes.to_string(), "-m", &self.resources.to_string()]);
            command.args(["--scenario", self.scenario, "-o"]).arg(&path);
            anyhow::ensure!(command.status()?.success(), "{} failed", generator.display());
        }
        Ok(path)
    }
}

/// Returns the generator, if it is there.
pub fn generator() -> Option<PathBuf> {
    let beside = crate::root().join("../shared/tools/scheduler/gen.py");
    let path = std::env::var_os("SYSTOLE_CLUSTERS").map_or(beside, PathBuf::from);
    path.is_file().then_some(path)
}
