//! `cargo xtask fuzz`: the targets of `fuzz/` with coverage where a nightly toolchain and cargo-fuzz are there, else without.

use std::path::Path;
use std::process::{Command, Stdio};

const HELP: &str = "\
cargo xtask fuzz [--seconds N] [--target NAME] [--dry]
  --seconds N     for so long for each target (default: 60)
  --target NAME   only this one
  --dry           writes nothing into docs/testing.md
Needs a nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz`); without them the same targets run without coverage.
";

/// Runs the targets; an input at which one fails is kept and named.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let word = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let seconds: u64 = word("--seconds").and_then(|word| word.parse().ok()).unwrap_or(60);
    if !has_cargo_fuzz() {
        println!("cargo-fuzz or a nightly toolchain is missing: the targets run without coverage");
        let inputs = (seconds * 50).to_string();
        return crate::run(Command::new("cargo").args(["test", "--release", "--package", "targets"]).env("SYSTOLE_FUZZ_INPUTS", inputs));
    }
    let folder = crate::root().join("fuzz");
    let mut told = String::new();
    for target in targets(&folder)? {
        if word("--target").is_some_and(|wanted| *wanted != target) {
            continue;
        }
        let seeds = format!("seeds/{target}");
        let corpus = folder.join("corpus").join(&target);
        std::fs::create_dir_all(&corpus)?;
        let output = Command::new("cargo")
            .args(["+nightly", "fuzz", "run", &target])
            .arg(&corpus)
            .args([&seeds, "--", &format!("-max_total_time={seconds}"), "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384"])
            .current_dir(&folder)
            .stderr(Stdio::piped())
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let done = text.lines().find(|line| line.starts_with("Done ")).unwrap_or("ended early").to_owned();
        println!("{target}: {done}");
        anyhow::ensure!(output.status.success(), "{target} fails:\n{text}");
        told += &format!("{target}: {done}; ");
    }
    if arguments.iter().any(|argument| argument == "--dry") || word("--target").is_some() {
        return Ok(());
    }
    crate::page::record("docs/testing.md", "fuzz", &format!("`cargo xtask fuzz --seconds {seconds}`: {told}nothing was found.\n"))
}

fn has_cargo_fuzz() -> bool {
    let works = |arguments: &[&str]| Command::new("cargo").args(arguments).output().is_ok_and(|output| output.status.success());
    works(&["+nightly", "--version"]) && works(&["fuzz", "--version"])
}

fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let files = std::fs::read_dir(folder.join("fuzz_targets"))?.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
