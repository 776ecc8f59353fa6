//! Every test, its set-up included. What is skipped is listed by name with the reason, never passed over.

use crate::{check, package, packages};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What the test programs reported.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
}

/// Runs the gate and all tests; a filter runs only the tests whose names contain it.
pub fn run(filter: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    packages::unpack(&crate::package::target_folder()?)?;
    if filter.is_empty() {
        check::run()?;
    }
    // The end-to-end tests run the real program.
    crate::run(Command::new("cargo").args(["build", "--quiet", "--package", "systole"]))?;
    package::for_tests()?;
    let tally = run_tests(filter)?;
    for line in &tally.skipped {
        println!("{line}");
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped.len());
    anyhow::ensure!(tally.failed == 0, "tests failed");
    anyhow::ensure!(tally.passed > 0, "no test ran");
    Ok(())
}

fn run_tests(filter: &[String]) -> anyhow::Result<Tally> {
    let mut child = Command::new("cargo")
        .args(["test", "--workspace", "--no-fail-fast", "--"])
        .args(["--show-output"])
        .args(filter)
        .current_dir(crate::root())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut tally = Tally::default();
    let output = child.stdout.take().expect("standard output is piped");
    for line in BufReader::new(output).lines() {
        let line = line?;
        note(&mut tally, &line);
        // The noise of passing tests stays out; results, failures and their output are shown.
        if line.starts_with("test result:") || line.contains("FAILED") || line.contains("panicked") || tally.failed > 0 {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        anyhow::bail!("cargo test ended with {status} before every test had run");
    }
    Ok(tally)
}

fn note(tally: &mut Tally, line: &str) {
    if line.starts_with("skipped: ") {
        tally.skipped.push(line.to_owned());
    } else if line.starts_with("test ") && line.ends_with("... ok") {
        tally.passed += 1;
    } else if line.starts_with("test ") && line.ends_with("... FAILED") {
        tally.failed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_and_skips_kept_by_name() {
        let mut tally = Tally::default();
        for line in ["test a ... ok", "test b ... FAILED", "skipped: c: needs root", "running 3 tests"] {
            note(&mut tally, line);
        }
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (1, 1, 1));
    }
}
