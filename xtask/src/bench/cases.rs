//! All shared scheduler cases, a process each, ours and the incumbent's.

use super::report::{Table, number};
use super::usage::measure;
use super::{Bench, INCUMBENT};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each case once, one program after the other; `None`: there are none beside the repository.
pub fn run(bench: &Bench) -> anyhow::Result<Option<String>> {
    let beside = crate::root().join("../shared/corpus");
    let folder = std::env::var_os("SYSTOLE_CORPUS").map_or(beside, PathBuf::from).join("scheduler/xml");
    let Ok(entries) = folder.read_dir() else { return Ok(None) };
    let mut cases: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "xml")).collect();
    cases.sort();
    let (mut theirs, mut ours) = (0.0, 0.0);
    for case in &cases {
        let name = case.to_string_lossy();
        let run = |program: &Path| measure(program, &["-S", "-x", &name], PATIENCE, &bench.folder);
        theirs += run(Path::new(INCUMBENT))?.cpu;
        ours += run(&bench.simulate)?.cpu;
    }
    let count = cases.len() as f64;
    let mut table = Table::new(&["cases", "2.1.5, ms a case", "ours, ms a case", "ratio"]);
    let (a, b) = (theirs / count * 1e3, ours / count * 1e3);
    table.row(&[cases.len().to_string(), number(a), number(b), number(a / b) + "×"]);
    Ok(Some(table.finish()))
}
