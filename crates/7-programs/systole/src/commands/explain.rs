//! `systole explain`: why a resource or a node is as it is.

use crate::commands::cib_input::CibInput;
use crate::commands::tool;
use admin::outlook::moment;
use admin::{Exit, explain};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Tells why a resource is where it is, why not elsewhere, and what would change that
///
/// The answer is the scheduler's own: each score with the constraint it came from, and its decision when asked again
/// with one thing changed. Of a node: its state, and what runs there, comes or leaves.
#[derive(Parser)]
#[command(name = "systole explain")]
struct Arguments {
    /// A resource, group or clone, or a node
    name: String,
    /// Of a CIB in a file (a saved input, compressed or not; "-": standard input) instead of the running cluster
    #[arg(long, short = 'x', alias = "cib", value_name = "FILE")]
    xml_file: Option<String>,
    /// text or json
    #[arg(long, short = 'o', default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

/// Runs `systole explain`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match tool::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let act = || {
        let input = arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument);
        let cib = input.prepared("systole explain")?.cib;
        let now = moment(&cib);
        let (lines, json) = match explain::resource(&cib, &arguments.name, now) {
            Err(refusal) if refusal.exit == Exit::NO_SUCH => {
                let answer = explain::node(&cib, &arguments.name, now)?;
                (answer.lines(), serde_json::json!(answer))
            }
            other => {
                let answer = other?;
                (answer.lines(), serde_json::json!(answer))
            }
        };
        match arguments.output.as_str() {
            "json" => tool::print(&format!("{json:#}\n")),
            _ => tool::print(&format!("{}\n", lines.join("\n"))),
        }
        Ok(())
    };
    super::here::end("systole explain", act())
}
