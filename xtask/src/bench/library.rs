//! The library's own benchmarks (Criterion), read back from where it keeps its estimates.

use super::Bench;
use super::clusters::Cluster;
use super::report::{Table, number};
use anyhow::Context;
use std::path::Path;
use std::process::Command;

const CLUSTERS: [Cluster; 5] = [
    Cluster::new(3, 10, "steady"),
    Cluster::new(16, 500, "steady"),
    Cluster::new(32, 1000, "steady"),
    Cluster::new(32, 1000, "node"),
    Cluster::new(32, 1000, "cold"),
];

/// What is measured of each cluster, and its title; the names are those of `crates/4-engines/scheduler/benches`.
const STEPS: [(&str, &str); 5] = [
    ("parse", "XML to tree"),
    ("configuration", "tree to configuration"),
    ("facts", "tree to facts"),
    ("schedule", "facts to plan"),
    ("again", "one event to plan"),
];

/// Runs the benchmarks and returns the estimates in milliseconds.
pub fn run(bench: &Bench) -> anyhow::Result<String> {
    let mut files = Vec::new();
    for cluster in CLUSTERS {
        files.push(cluster.generate(&bench.generator, &bench.folder)?);
    }
    let results = bench.folder.join("criterion");
    let list = std::env::join_paths(&files)?;
    crate::run(
        Command::new("cargo")
            .args(["bench", "--quiet", "--package", "scheduler", "--bench", "scheduler"])
            .env("SYSTOLE_BENCH_CIBS", list)
            .env("CRITERION_HOME", &results),
    )?;
    let mut titles = vec!["nodes × primitives"];
    titles.extend(STEPS.iter().map(|(_, title)| *title));
    let mut table = Table::new(&titles);
    for (cluster, file) in CLUSTERS.iter().zip(&files) {
        let group = file.file_stem().context("a generated file has a name")?.to_string_lossy();
        let mut cells = vec![cluster.title()];
        for (step, _) in STEPS {
            cells.push(number(estimate(&results.join(&*group).join(step))?));
        }
        table.row(&cells);
    }
    Ok(table.finish())
}

/// Returns the median of a benchmark in milliseconds.
fn estimate(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("new/estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let nanoseconds = value["median"]["point_estimate"].as_f64().context("an estimate without a median")?;
    Ok(nanoseconds / 1e6)
}
