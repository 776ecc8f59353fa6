//! What a program costs: processor time and memory of one run, measured from outside.
//!
//! The system adds up what ended children used, and keeps one peak for all of them; so each run gets a small process
//! of its own (this program again, as `measure`) that starts it, waits for it and tells what it used.

use anyhow::Context;
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What one run used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// In user and system mode together, in seconds.
    pub cpu: f64,
    /// The largest resident set, in MiB.
    pub peak: f64,
    /// It was ended because it used more processor time than allowed.
    pub too_long: bool,
    /// It ended with code 0.
    pub succeeded: bool,
}

/// The command of this program that runs another one: `measure SECONDS PROGRAM ARGUMENT...`.
pub const MEASURE: &str = "measure";

/// Runs a program in a folder and returns what it used. Its output is dropped.
pub fn measure(program: &Path, arguments: &[&str], limit: Duration, folder: &Path) -> anyhow::Result<Usage> {
    let output = Command::new(std::env::current_exe()?)
        .arg(MEASURE)
        .arg(limit.as_secs().to_string())
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env("CIB_shadow_dir", folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let fields: Vec<f64> = text.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let [cpu, peak, too_long, succeeded] = fields[..] else {
        anyhow::bail!("{} could not be measured: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    };
    Ok(Usage { cpu, peak, too_long: too_long > 0.0, succeeded: succeeded > 0.0 })
}

/// Runs the program named by the arguments and prints what it used.
pub fn measure_here(arguments: &[String]) -> anyhow::Result<()> {
    let [limit, program, arguments @ ..] = arguments else { anyhow::bail!("measure SECONDS PROGRAM ARGUMENT...") };
    let limit = Duration::from_secs(limit.parse()?);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| program.clone())?;
    let mut too_long = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if !too_long && used_so_far(child.id()) > limit {
            too_long = true;
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    println!("{cpu} {} {} {}", usage.max_rss() as f64 / 1024.0, u8::from(too_long), u8::from(status.success()));
    Ok(())
}

/// Returns the processor time of a process that still runs; a busy machine must not make a program late.
fn used_so_far(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the run with the median processor time, of some runs of one program.
pub fn median(mut runs: Vec<Usage>) -> Option<Usage> {
    runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    runs.get(runs.len() / 2).copied()
}
