//! `cargo xtask sim` and `soak`: the programs that live through histories, and what they counted put into `docs/testing.md`.

use std::process::{Command, Stdio};

const PAGE: &str = "docs/testing.md";

/// Lives through histories; with `--record` the summary goes to the page.
pub fn sim(arguments: &[String]) -> anyhow::Result<()> {
    let (own, others): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| *word == "--record");
    let text = shown("sim", "sim", &others)?;
    if others.iter().any(|word| *word == "--world") {
        // Only the whole of it is for the page.
        let is_whole = !own.is_empty() && !others.iter().any(|word| ["--nodes", "--remotes", "--resources"].contains(&word.as_str()));
        return if is_whole { crate::page::record("docs/performance.md", "thousand", &text) } else { Ok(()) };
    }
    let summary: Vec<&str> = text.lines().skip_while(|line| !line.contains(" histories in ")).collect();
    if own.is_empty() || summary.is_empty() {
        return Ok(());
    }
    let options: Vec<&str> = others.iter().map(|word| word.as_str()).collect();
    crate::page::record(PAGE, "sim", &format!("`cargo xtask sim {}`: {}\n", options.join(" "), summary.join(";\n")))
}

/// Runs real processes under faults; the report goes to the page. They are those of `SYSTOLE_PROGRAM`, where that is set.
pub fn soak(arguments: &[String]) -> anyhow::Result<()> {
    if std::env::var_os("SYSTOLE_PROGRAM").is_none() {
        crate::run(Command::new("cargo").args(["build", "--release", "--quiet", "--package", "systole", "--bin", "systole"]))?;
    }
    let (own, others): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| *word == "--dry");
    let has = |name: &str| others.iter().any(|word| *word == name);
    let name = if has("--calm") {
        "calm"
    } else if has("--lab") {
        "soak on hosts"
    } else {
        "soak"
    };
    let text = shown("lab", "soak", &others)?;
    if !own.is_empty() || text.starts_with("skipped: ") || !text.contains(" problems.") {
        return Ok(());
    }
    crate::page::record(PAGE, name, &text)
}

/// Runs an example of a package, shows what it prints, and returns that when all was well.
fn shown(package: &str, example: &str, arguments: &[&String]) -> anyhow::Result<String> {
    let mut child = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", package, "--example", example, "--"])
        .args(arguments)
        .current_dir(crate::root())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut text = String::new();
    let output = child.stdout.take().expect("standard output is piped");
    for line in std::io::BufRead::lines(std::io::BufReader::new(output)) {
        let line = line?;
        println!("{line}");
        text += &line;
        text.push('\n');
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "{example} ended with {status}");
    Ok(text)
}
