//! `cargo xtask bench scheduler`: what a decision costs, by itself and beside the incumbent's, for `docs/performance.md`.
//!
//! Figures of a busy machine vary; ratios are taken within one run, and processor time is measured, not the clock.

mod cases;
mod clusters;
mod growth;
mod library;
mod processes;
mod report;
mod usage;

pub use usage::{MEASURE, measure_here};

use std::path::{Path, PathBuf};
use std::process::Command;

/// The incumbent's scheduler, as Debian installs it.
const INCUMBENT: &str = "/usr/sbin/crm_simulate";

const HELP: &str = "\
cargo xtask bench scheduler [PART...]   runs parts (all: library processes cases growth) and writes docs/performance.md
  --long          the incumbent gets its chance on the largest clusters too (minutes each)
  --dry           writes nothing
";

/// What the parts need.
pub struct Bench {
    generator: PathBuf,
    /// Our program by the incumbent's name.
    simulate: PathBuf,
    /// Where inputs are kept, within the build's folder.
    folder: PathBuf,
}

/// Runs the benchmarks that the arguments name.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let is_given = |word: &str| arguments.iter().any(|argument| argument == word);
    let (options, parts): (Vec<_>, Vec<_>) = arguments.iter().skip(1).map(String::as_str).partition(|word| word.starts_with("--"));
    let known = ["library", "processes", "cases", "growth"];
    if arguments.first().map(String::as_str) != Some("scheduler")
        || options.iter().any(|option| !["--long", "--dry"].contains(option))
        || parts.iter().any(|part| !known.contains(part))
    {
        anyhow::bail!("usage:\n{HELP}");
    }
    let Some(generator) = clusters::generator() else {
        println!("skipped: bench scheduler: there is no ../shared/tools/scheduler/gen.py, and SYSTOLE_CLUSTERS names no generator");
        return Ok(());
    };
    let bench = Bench::new(generator)?;
    for part in known.into_iter().filter(|part| parts.is_empty() || parts.contains(part)) {
        if matches!(part, "processes" | "cases") && !Path::new(INCUMBENT).exists() {
            println!("skipped: bench scheduler {part}: there is no {INCUMBENT} (package pacemaker-cli-utils)");
            continue;
        }
        let text = match part {
            "library" => Some(library::run(&bench)?),
            "processes" => Some(processes::run(&bench, is_given("--long"))?),
            "growth" => Some(growth::run(&bench)?),
            _ => cases::run(&bench)?,
        };
        match text {
            None => println!("skipped: bench scheduler {part}: there is no ../shared/corpus, and SYSTOLE_CORPUS names none"),
            Some(text) if !is_given("--dry") => report::publish(part, &text)?,
            Some(_) => {}
        }
    }
    Ok(())
}

impl Bench {
    fn new(generator: PathBuf) -> anyhow::Result<Self> {
        crate::run(Command::new("cargo").args(["build", "--quiet", "--release", "--package", "systole"]))?;
        // This program was built beside ours, in the folder of another profile.
        let target = std::env::current_exe()?.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned();
        let folder = target.join("bench");
        std::fs::create_dir_all(&folder)?;
        let simulate = folder.join("crm_simulate");
        if simulate.symlink_metadata().is_ok() {
            std::fs::remove_file(&simulate)?;
        }
        std::os::unix::fs::symlink(target.join("release/systole"), &simulate)?;
        Ok(Self { generator, simulate, folder })
    }
}
