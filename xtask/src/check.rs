//! The read-only gate: formatting, clippy, floors and the house rules that a machine can see.

use crate::floors;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files longer than this want a reason in `LONG_FILES`.
const LINES_MAX: usize = 600;

/// Longer files, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Names under which structure goes to die.
const BANNED_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "data"];

/// What the pure floors must not touch, and what it would bring in.
const IMPURE: &[(&str, &str)] = &[
    ("SystemTime", "a clock"),
    ("Instant::now", "a clock"),
    ("std::fs", "files"),
    ("std::net", "sockets"),
    ("std::os::unix::net", "sockets"),
    ("std::process::Command", "processes"),
    ("std::thread", "threads"),
    ("std::env", "the environment"),
    ("HashMap", "an order that differs from run to run"),
    ("HashSet", "an order that differs from run to run"),
];

/// Hash maps that are looked up and never walked, so that their order cannot be seen; each was read for that.
const LOOKED_UP_ONLY: &[&str] = &[
    "crates/4-engines/scheduler/src/actions/draft.rs",
    "crates/4-engines/scheduler/src/actions/history.rs",
    "crates/4-engines/scheduler/src/values.rs",
];

/// Runs every check and reports all that is wrong, not only the first.
pub fn run() -> anyhow::Result<()> {
    let mut problems = floors::problems()?;
    problems.extend(sources()?);
    problems.extend(purity()?);
    problems.extend(index()?);
    for problem in &problems {
        eprintln!("check: {problem}");
    }
    let formatted = crate::run(Command::new("cargo").args(["fmt", "--all", "--check"]));
    let linted = crate::run(Command::new("cargo").args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    formatted.and(linted)?;
    anyhow::ensure!(problems.is_empty(), "{} house rules are broken", problems.len());
    eprintln!("check: all is well");
    Ok(())
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Every source says at its top what it is for, is short enough to be read in one sitting, and has a name that tells.
fn sources() -> anyhow::Result<Vec<String>> {
    let (root, mut files, mut problems) = (crate::root(), Vec::new(), Vec::new());
    rust_files(&root.join("crates"), &mut files)?;
    rust_files(&root.join("xtask"), &mut files)?;
    for path in files {
        let text = std::fs::read_to_string(&path)?;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        if !text.starts_with("//!") {
            problems.push(format!("{shown} does not begin with //! and what it is for"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX && !LONG_FILES.iter().any(|(name, _)| *name == shown) {
            problems.push(format!("{shown} has {lines} lines; split it by topic, or give a reason in xtask/src/check.rs"));
        }
        if path.file_stem().is_some_and(|stem| BANNED_NAMES.iter().any(|banned| stem == *banned)) {
            problems.push(format!("{shown} has a name that does not tell what is inside"));
        }
    }
    Ok(problems)
}

/// Whether a floor is pure: all below the assembly, except the edges.
fn is_pure(path: &str) -> bool {
    ["crates/1-", "crates/2-", "crates/3-", "crates/4-engines/", "crates/5-"].iter().any(|floor| path.starts_with(floor))
        && path.contains("/src/")
}

/// The pure floors touch no clock, file, socket, process or hash order. Test code may: it reads cases and compares with other programs.
fn purity() -> anyhow::Result<Vec<String>> {
    let (root, mut files, mut problems) = (crate::root(), Vec::new(), Vec::new());
    rust_files(&root.join("crates"), &mut files)?;
    for path in files {
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let is_test = shown.ends_with("tests.rs") || shown.contains("/tests/") || shown.contains("/src/bin/");
        if !is_pure(&shown) || is_test {
            continue;
        }
        let is_exempt = |why: &str| why.starts_with("an order") && LOOKED_UP_ONLY.contains(&shown.as_str());
        let found = impurities(&std::fs::read_to_string(&path)?);
        problems.extend(found.into_iter().filter(|(_, why)| !is_exempt(why)).map(|(line, why)| format!("{shown}:{line} brings in {why}")));
    }
    Ok(problems)
}

/// Returns the lines before the tests that touch what a pure floor must not.
fn impurities(text: &str) -> Vec<(usize, &'static str)> {
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).enumerate();
    let mut found = Vec::new();
    for (index, line) in code.filter(|(_, line)| !line.trim_start().starts_with("//")) {
        found.extend(IMPURE.iter().filter(|(token, _)| line.contains(token)).map(|(_, why)| (index + 1, *why)));
    }
    found
}

/// `crates/README.md` names every crate.
fn index() -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(crate::root().join("crates/README.md")).unwrap_or_default();
    Ok(floors::crates()?
        .keys()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| format!("crates/README.md does not mention `{name}`"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_an_engine_is_found_and_one_in_its_tests_is_not() {
        let text = "use std::time::Duration;\n// not std::fs\nlet t = Instant::now();\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(impurities(text), [(3, "a clock")]);
        assert!(is_pure("crates/4-engines/fencer/src/lib.rs") && !is_pure("crates/4-edges/hub/src/lib.rs"));
    }
}
