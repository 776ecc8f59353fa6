//! `systole resilience`: what the loss of every single node, or pair of nodes, would cost; nothing is touched.

use crate::commands::cib_input::CibInput;
use crate::commands::tool;
use admin::outlook::moment;
use admin::resilience::resilience;
use admin::{Exit, Refusal};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Tells what the loss of each node would cost: what would move, what would be left down, and why
///
/// Each loss is rehearsed on paper; nothing is touched. Of quorum: each node has one vote, and of two nodes one is enough.
/// Exit code: 0 when every loss is survived, 1 when one is not.
#[derive(Parser)]
#[command(name = "systole resilience")]
struct Arguments {
    /// Every pair of nodes too
    #[arg(long)]
    pairs: bool,
    /// Of a CIB in a file (a saved input, compressed or not; "-": standard input) instead of the running cluster
    #[arg(long, short = 'x', alias = "xml-file", value_name = "FILE")]
    cib: Option<String>,
    /// text or json
    #[arg(long, short = 'o', default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

/// Runs `systole resilience`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments: Arguments = match tool::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match act(&arguments) {
        Ok(exit) => ExitCode::from(exit.0),
        Err(refusal) => {
            eprintln!("systole resilience: {refusal}");
            ExitCode::from(refusal.exit.0)
        }
    }
}

fn act(arguments: &Arguments) -> Result<Exit, Refusal> {
    let cib = arguments.cib.as_deref().map_or(CibInput::Live, CibInput::from_argument).prepared("systole resilience")?.cib;
    let answer = resilience(&cib, moment(&cib), arguments.pairs);
    match arguments.output.as_str() {
        "json" => tool::print(&format!("{:#}\n", serde_json::json!(answer))),
        _ => tool::print(&format!("{}\n", answer.lines().join("\n"))),
    }
    Ok(if answer.worst().is_empty() { Exit::OK } else { Exit::ERROR })
}
