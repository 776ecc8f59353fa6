//! All shared scheduler cases, a process each, ours and the incumbent's.

use super::report::{Table, number};
use super::usage::measure;
use super::{Bench, INCUMBENT};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each case three times; `None`: there are none beside the repository.
pub fn run(bench: &Bench) -> anyhow::Result<Option<String>> {
    let beside = crate::root().join("../shared/corpus");
    let folder = std::env::var_os("SYSTOLE_CORPUS").map_or(beside, PathBuf::from).join("scheduler/xml");
    let Ok(entries) = folder.read_dir() else { return Ok(None) };
    let mut cases: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "xml")).collect();
    cases.sort();
    let (mut theirs, mut ours, mut worst) = (0.0, 0.0, f64::INFINITY);
    for case in &cases {
        let name = case.to_string_lossy();
        let fastest = |program: &Path| -> anyhow::Result<f64> {
            let mut fastest = f64::INFINITY;
            for _ in 0..3 {
                fastest = f64::min(fastest, measure(program, &["-S", "-x", &name], PATIENCE, &bench.folder)?.cpu);
            }
            Ok(fastest)
        };
        let (a, b) = (fastest(Path::new(INCUMBENT))?, fastest(&bench.simulate)?);
        (theirs, ours, worst) = (theirs + a, ours + b, f64::min(worst, a / b));
    }
    let count = cases.len() as f64;
    let mut table = Table::new(&["cases", "2.1.5, ms a case", "ours, ms a case", "ratio", "ratio of the worst case"]);
    let (a, b) = (theirs / count * 1e3, ours / count * 1e3);
    table.row(&[cases.len().to_string(), number(a), number(b), number(a / b) + "×", number(worst) + "×"]);
    Ok(Some(table.finish()))
}
