//! Lives through histories of whole clusters: `cargo xtask sim --seed N [--histories M] [--trace]`.

use sim::{Options, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| -> Option<u64> {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let seed = number("--seed").unwrap_or(1);
    let histories = number("--histories").unwrap_or(1);
    let options = Options {
        trace: arguments.iter().any(|argument| argument == "--trace"),
        nodes: number("--nodes").map(|n| n as usize),
        resources: number("--resources").map(|n| n as usize),
        deeds: number("--deeds").map(|n| n as usize),
        ..Options::default()
    };
    let mut failed = 0;
    for seed in seed..seed + histories {
        let report = run(seed, &options);
        print!("{}", report.trace);
        for violation in &report.violations {
            println!("seed {seed}: {violation}");
        }
        if !report.violations.is_empty() {
            failed += 1;
            println!("see it again: {}", report.replay());
        }
    }
    println!("{histories} histories from seed {seed}, {failed} with broken promises");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
