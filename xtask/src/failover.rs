//! `cargo xtask bench failover`: how soon a real cluster recovers, beside the incumbent's, for `docs/performance.md`.
//!
//! The lab of `tests/cluster` runs both in turn; this builds what it needs and puts its table where people read it.

use anyhow::Context;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the table goes.
const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- failover -->\n";
const END: &str = "<!-- end of failover -->";

/// Runs the rows that the arguments name; `--dry` writes nothing.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !Path::new("/usr/sbin/pacemakerd").exists() {
        println!("skipped: bench failover: there is no /usr/sbin/pacemakerd (package pacemaker)");
        return Ok(());
    }
    crate::run(Command::new("cargo").args(["build", "--release", "--quiet", "--package", "systole", "--bin", "systole"]))?;
    let (own, others): (Vec<_>, Vec<_>) = arguments.iter().map(String::as_str).partition(|word| *word == "--dry");
    let output = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--package", "lab", "--example", "failover", "--"])
        .args(others)
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()?;
    let table = String::from_utf8(output.stdout)?;
    print!("{table}");
    anyhow::ensure!(output.status.success(), "the benchmark ended with {}", output.status);
    if own.is_empty() && table.starts_with('|') {
        let page = crate::root().join(PAGE);
        let text = std::fs::read_to_string(&page).with_context(|| format!("failed to read {PAGE}"))?;
        std::fs::write(page, with_table(&text, &table).with_context(|| format!("{PAGE} has no place for the table"))?)?;
    }
    Ok(())
}

/// Returns the page with the table between its marks; `None` when they are not there.
fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_the_one_before_and_nothing_else() {
        let page = format!("above\n{BEGIN}old\n{END}\nbelow\n");
        assert_eq!(with_table(&page, "| new |\n").unwrap(), format!("above\n{BEGIN}| new |\n{END}\nbelow\n"));
        assert_eq!(with_table("nothing", "x"), None);
    }
}
