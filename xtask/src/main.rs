//! The project's chores. `cargo xtask check` is the read-only gate, `cargo xtask test` runs everything.
//!
//! A chore prints what it runs, and ends with a code that says whether all is well.

mod bench;
mod beside;
mod check;
mod floors;
mod fuzz;
mod package;
mod packages;
mod page;
mod proof;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask check             formatting, clippy, floors, house rules; changes nothing
cargo xtask test [FILTER]     check, then every test; as root it first installs the Debian packages that tests use
cargo xtask fix               formats the code
cargo xtask sim [OPTIONS]     histories of whole clusters in a seeded world (--help)
cargo xtask soak [OPTIONS]    real processes under random faults for an hour (--help)
cargo xtask fuzz [OPTIONS]    what comes from outside, changed at random (--help)
cargo xtask corpus [OPTIONS]  the scheduler against the incumbent's cases (--bless raises the tally)
cargo xtask bench scheduler   what a decision costs, beside the incumbent's; writes docs/performance.md
cargo xtask bench failover    how soon a real cluster recovers, beside the incumbent's; writes docs/performance.md
cargo xtask bench tools       what calls and writes cost in a real cluster, beside the incumbent's; writes docs/performance.md
cargo xtask package           builds a Debian package
cargo xtask variants [ARGS]   random variants of those cases, to ask the incumbent and the scheduler about
cargo xtask packages          lists the Debian packages that tests use, and which are missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("check") => check::run(),
        Some("test") => test::run(&arguments[1..]),
        Some("fix") => run(Command::new("cargo").args(["fmt", "--all"])),
        Some("sim") => proof::sim(&arguments[1..]),
        Some("soak") => proof::soak(&arguments[1..]),
        Some("fuzz") => fuzz::run(&arguments[1..]),
        Some("corpus") => cargo_run("rehearsal", "corpus", &arguments[1..]),
        Some("bench") if arguments.get(1).is_some_and(|what| what == "failover" || what == "tools") => {
            beside::run(&arguments[1], &arguments[2..])
        }
        Some("bench") => bench::run(&arguments[1..]),
        Some(bench::MEASURE) => bench::measure_here(&arguments[1..]),
        Some("package") => package::run(),
        Some("variants") => cargo_run("rehearsal", "variants", &arguments[1..]),
        Some("packages") => packages::list(),
        _ => {
            print!("{HELP}");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Shows and runs a command in the workspace's folder; an exit code other than 0 is an error.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let words: Vec<String> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|w| w.to_string_lossy().into_owned()).collect();
    eprintln!("$ {}", words.join(" "));
    let status = command.current_dir(root()).status()?;
    anyhow::ensure!(status.success(), "`{}` ended with {status}", words.join(" "));
    Ok(())
}

/// Runs an example program of a crate that a chore is made of.
fn cargo_run(package: &str, example: &str, arguments: &[String]) -> anyhow::Result<()> {
    run(Command::new("cargo").args(["run", "--quiet", "--release", "--package", package, "--example", example, "--"]).args(arguments))
}
