//! Whole processes side by side: ours and the incumbent's `crm_simulate -S` on the same generated clusters.

use super::clusters::Cluster;
use super::report::{Table, number};
use super::usage::{Usage, measure, median};
use super::{Bench, INCUMBENT};
use std::path::Path;
use std::time::Duration;

/// The incumbent gets this much processor time for a cluster before it is ended.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ours gets more: that it finishes is part of the claim.
const OUR_PATIENCE: Duration = Duration::from_secs(600);

const ROWS: [Cluster; 10] = [
    Cluster::new(3, 10, "steady"),
    Cluster::new(16, 500, "steady"),
    Cluster::new(32, 1000, "steady"),
    Cluster::new(32, 1000, "node"),
    Cluster::new(32, 1000, "cold"),
    Cluster::new(64, 2000, "steady"),
    Cluster::new(64, 5000, "cold"),
    Cluster::new(64, 5000, "steady"),
    Cluster::new(100, 10_000, "cold"),
    Cluster::new(100, 10_000, "steady"),
];

/// Measures every row. What the incumbent does not finish is known to take it minutes; `long` asks again.
pub fn run(bench: &Bench, long: bool) -> anyhow::Result<String> {
    let mut table = Table::new(&["nodes × primitives", "CIB, MB", "2.1.5, s", "ours, s", "ratio", "2.1.5, MiB", "ours, MiB", "memory"]);
    for cluster in ROWS {
        let path = cluster.generate(&bench.generator, &bench.folder)?;
        let megabytes = path.metadata()?.len() as f64 / 1e6;
        let is_hopeless = cluster.resources >= 5000;
        let runs = if cluster.resources <= 10 { 21 } else { 3 };
        let (theirs, ours) = race(bench, &path, runs, !is_hopeless || long)?;
        let ratio = |get: fn(&Usage) -> f64| theirs.filter(|u| !u.too_long).map(|u| number(get(&u) / get(&ours)) + "×");
        let finished = |usage: Option<Usage>, limit: Duration, get: fn(&Usage) -> f64| match usage {
            None => "not run".to_owned(),
            Some(usage) if usage.too_long => format!("over {}", limit.as_secs()),
            Some(usage) => number(get(&usage)),
        };
        table.row(&[
            cluster.title(),
            number(megabytes),
            finished(theirs, PATIENCE, |u| u.cpu),
            finished(Some(ours), OUR_PATIENCE, |u| u.cpu),
            ratio(|u| u.cpu).unwrap_or_default(),
            finished(theirs.filter(|u| !u.too_long), PATIENCE, |u| u.peak),
            number(ours.peak),
            ratio(|u| u.peak).unwrap_or_default(),
        ]);
        if megabytes > 100.0 {
            std::fs::remove_file(path)?;
        }
    }
    Ok(table.finish())
}

/// Runs both in turns, so that what disturbs one disturbs the other, and returns each one's median run.
fn race(bench: &Bench, cib: &Path, runs: usize, with_incumbent: bool) -> anyhow::Result<(Option<Usage>, Usage)> {
    let name = cib.to_string_lossy();
    let arguments = ["-S", "-x", &name];
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        // One long run says as much as several.
        if with_incumbent && theirs.iter().all(|u: &Usage| u.cpu < 10.0) {
            theirs.push(measure(Path::new(INCUMBENT), &arguments, PATIENCE, &bench.folder)?);
        }
        if ours.iter().all(|u: &Usage| u.cpu < 10.0) {
            let usage = measure(&bench.simulate, &arguments, OUR_PATIENCE, &bench.folder)?;
            anyhow::ensure!(usage.succeeded || usage.too_long, "crm_simulate failed on {name}");
            ours.push(usage);
        }
    }
    Ok((median(theirs), median(ours).expect("one run at least")))
}
