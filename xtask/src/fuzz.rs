//! `cargo xtask fuzz`: the targets of `fuzz/` driven by libFuzzer with coverage.
//!
//! The compiler's coverage pass and libFuzzer's own part, which `libfuzzer-sys` brings as C++, are all that is needed: the stable toolchain will
//! do. What is fuzzed has no unsafe code, so no sanitizer is used; overflows are seen.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HELP: &str = "\
cargo xtask fuzz [--seconds N] [--target NAME] [--dry]
  --seconds N     for so long for each target (default: 60)
  --target NAME   only this one
  --dry           writes nothing into docs/testing.md
Needs a C++ compiler; without one the same targets run without coverage.
";

/// What has the compiler note which ways were taken, and what was compared with what.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs the targets; an input at which one fails is kept and named.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let word = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let seconds: u64 = word("--seconds").and_then(|word| word.parse().ok()).unwrap_or(60);
    if !Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("a C++ compiler is missing: the targets run without coverage");
        let inputs = (seconds * 50).to_string();
        return crate::run(Command::new("cargo").args(["test", "--release", "--package", "targets"]).env("SYSTOLE_FUZZ_INPUTS", inputs));
    }
    let folder = crate::root().join("fuzz");
    let wanted = word("--target");
    let program = build(&folder)?;
    let (mut told, mut failed) = (Vec::new(), Vec::new());
    for target in targets(&folder)?.into_iter().filter(|target| wanted.is_none_or(|wanted| wanted == target)) {
        let (done, is_well) = drive(&folder, &program, &target, seconds)?;
        println!("{target}: {done}");
        if !is_well {
            failed.push(target.clone());
        }
        told.push(format!("{target} {done}"));
    }
    anyhow::ensure!(failed.is_empty(), "{} failed; the inputs are in fuzz/artifacts", failed.join(", "));
    if arguments.iter().any(|argument| argument == "--dry") || wanted.is_some() {
        return Ok(());
    }
    let text = format!("`cargo xtask fuzz --seconds {seconds}`, inputs of each target: {}; nothing was found.\n", told.join(", "));
    crate::page::record("docs/testing.md", "fuzz", &text)
}

/// Builds the program that drives them, of the same dependencies as the product; returns where it is.
fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say what it builds for")?;
    std::fs::copy(crate::root().join("Cargo.lock"), folder.join("driver/Cargo.lock"))?;
    // A target that is named keeps the flags away from what runs during the build.
    let arguments = ["build", "--release", "--manifest-path", "fuzz/driver/Cargo.toml", "--target-dir", "fuzz/target", "--target", host];
    crate::run(Command::new("cargo").args(arguments).env("RUSTFLAGS", COVERAGE))?;
    Ok(folder.join("target").join(host).join("release/driver"))
}

/// Drives one target; returns what it did, and whether it lived through it. What it says on the way is kept beside its corpus.
fn drive(folder: &Path, program: &Path, target: &str, seconds: u64) -> anyhow::Result<(String, bool)> {
    let (corpus, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let output = Command::new(program)
        .env("SYSTOLE_FUZZ_TARGET", target)
        .args([&corpus, &folder.join("seeds").join(target)])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([&format!("-max_total_time={seconds}"), "-timeout=20", "-rss_limit_mb=2048", "-max_len=16384"])
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("failed to run {}", program.display()))?;
    std::fs::write(folder.join("corpus").join(format!("{target}.log")), &output.stderr)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let runs = text.lines().find_map(|line| line.strip_prefix("Done ")?.split_once(" runs")).map(|(runs, _)| runs.to_owned());
    Ok((runs.unwrap_or_else(|| "ended early".to_owned()), output.status.success()))
}

/// Returns the names of the targets: each has its seeds.
fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let folders = std::fs::read_dir(folder.join("seeds"))?.flatten();
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}
