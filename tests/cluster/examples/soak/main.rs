//! Real processes under random faults for as long as asked, and what was seen from outside: `cargo xtask soak --help`.

mod calm;
mod hosts;
mod sandbox;

use lab::missing;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "\
cargo xtask soak [--minutes N] [--seed S] [--lab | --calm] [--dry]
  --minutes N   for so long (default: 60)
  --seed S      the faults of this number; a new one each time when absent
  --lab         on hosts with Corosync (needs root) instead of a sandbox
  --calm        no faults: three such hosts with the times of `cluster setup --profile fast`, and what happens to them by itself
  --dry         writes nothing into docs/testing.md
";

/// Random numbers from a seed.
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// What was done and seen.
#[derive(Default)]
pub struct Tally {
    pub faults: BTreeMap<String, u64>,
    /// How long the service had no answer, by fault.
    pub away: Vec<Duration>,
    pub problems: Vec<String>,
    /// Kilobytes of all processes of the cluster, at times.
    pub memory: Vec<(Duration, u64)>,
}

impl Tally {
    pub fn fault(&mut self, name: &str) {
        *self.faults.entry(name.to_owned()).or_default() += 1;
    }

    /// Adds up what these processes have in memory.
    pub fn measure(&mut self, begun: Instant, processes: impl IntoIterator<Item = u32>) {
        let resident = |pid: u32| -> Option<u64> {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
        };
        let sum = processes.into_iter().filter_map(resident).sum();
        self.memory.push((begun.elapsed(), sum));
    }

    /// Returns the lines of the report.
    fn report(&mut self, what: &str, took: Duration, seed: u64) -> String {
        self.away.sort_unstable();
        let seconds = |time: Option<&Duration>| time.map_or("-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
        let faults: Vec<String> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let megabytes = |at: usize| self.memory.get(at).map_or(0.0, |(_, kilobytes)| *kilobytes as f64 / 1024.0);
        let (first, middle, last) = (megabytes(1), megabytes(self.memory.len() / 2), megabytes(self.memory.len().saturating_sub(1)));
        let most = self.memory.iter().map(|(_, kilobytes)| *kilobytes).max().unwrap_or(0) as f64 / 1024.0;
        format!(
            "{what}, {:.0} minutes, seed {seed}: {} faults ({}); the service was away {} times, {} in the middle and {} at worst; \
             memory of all its processes {first:.0} MB after the first fault, {middle:.0} MB half way, {last:.0} MB at the end, {most:.0} MB at most; \
             {} problems.\n",
            took.as_secs_f64() / 60.0,
            self.faults.values().sum::<u64>(),
            faults.join(", "),
            self.away.len(),
            seconds(self.away.get(self.away.len() / 2)),
            seconds(self.away.last()),
            self.problems.len()
        )
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let number =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1)?.parse::<u64>().ok());
    if has("--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let minutes = number("--minutes").unwrap_or(60);
    if let (true, Some(reason)) = (has("--lab") || has("--calm"), missing()) {
        println!("skipped: soak on hosts: {reason}");
        return ExitCode::SUCCESS;
    }
    if has("--calm") {
        return match calm::stay(Duration::from_secs(minutes * 60)) {
            Ok(report) => {
                print!("{report}");
                if report.contains(" 0 problems.") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let seed = number("--seed").unwrap_or(now);
    let (begun, until) = (Instant::now(), Instant::now() + Duration::from_secs(minutes * 60));
    let mut tally = Tally::default();
    let what = if has("--lab") { "three hosts with Corosync" } else { "a sandbox of five nodes" };
    let outcome = match has("--lab") {
        true => hosts::soak(&mut Random(seed), until, &mut tally),
        false => sandbox::soak(&mut Random(seed), until, &mut tally),
    };
    if let Err(error) = outcome {
        tally.problems.push(format!("{error:#}"));
    }
    for problem in &tally.problems {
        eprintln!("{problem}");
    }
    print!("{}", tally.report(what, begun.elapsed(), seed));
    if tally.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
