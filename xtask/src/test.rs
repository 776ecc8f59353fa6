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
    /// Whether the lines read now tell why tests failed.
    is_in_failures: bool,
    /// Why tests failed: the name of each, and what it said.
    failures: Vec<(String, Vec<String>)>,
}

/// So many lines of what a failed test said are told again at the end: the first, where its panic stands.
const TOLD_AGAIN: usize = 60;

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
    for (name, said) in &tally.failures {
        println!("\nfailed: {name}");
        said.iter().take(TOLD_AGAIN).for_each(|line| println!("    {line}"));
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
        if line.starts_with("test result:") || line.contains("FAILED") || line.contains("panicked") || tally.is_in_failures {
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
    } else if line == "failures:" {
        tally.is_in_failures = true;
    } else if line.starts_with("test result:") {
        tally.is_in_failures = false;
    } else if tally.is_in_failures {
        match line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            Some(name) => tally.failures.push((name.to_owned(), Vec::new())),
            None => tally.failures.last_mut().into_iter().for_each(|(_, said)| said.push(line.to_owned())),
        }
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
        for line in ["failures:", "", "---- b stdout ----", "not within 180s: c", "test result: FAILED. 1 passed; 1 failed", "d"] {
            note(&mut tally, line);
        }
        assert_eq!(tally.failures, [("b".to_owned(), vec!["not within 180s: c".to_owned()])]);
    }
}
