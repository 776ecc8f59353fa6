//! `cargo xtask bench failover` and `bench tools`: how soon a real cluster recovers and what its commands cost, beside the
//! incumbent's, for `docs/performance.md`.
//!
//! The lab of `tests/cluster` runs both in turn; this builds what it needs and puts its table where people read it.

use std::path::Path;
use std::process::{Command, Stdio};

/// Where the table goes.
const PAGE: &str = "docs/performance.md";

/// Runs this example of the lab with the arguments, and puts its table where the page has marks of its name; `--dry` writes nothing.
pub fn run(example: &str, arguments: &[String]) -> anyhow::Result<()> {
    if !Path::new("/usr/sbin/pacemakerd").exists() {
        println!("skipped: bench {example}: there is no /usr/sbin/pacemakerd (package pacemaker)");
        return Ok(());
    }
    crate::run(Command::new("cargo").args(["build", "--release", "--quiet", "--package", "systole", "--bin", "systole"]))?;
    let (own, others): (Vec<_>, Vec<_>) = arguments.iter().map(String::as_str).partition(|word| *word == "--dry");
    let output = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--package", "lab", "--example", example, "--"])
        .args(others)
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()?;
    let table = String::from_utf8(output.stdout)?;
    print!("{table}");
    anyhow::ensure!(output.status.success(), "the benchmark ended with {}", output.status);
    if own.is_empty() && table.starts_with('|') {
        crate::page::record(PAGE, example, &table)?;
    }
    Ok(())
}
