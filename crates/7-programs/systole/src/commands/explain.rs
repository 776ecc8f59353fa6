//! `systole explain`: why a resource or a node is as it is.

use crate::commands::cib_input::CibInput;
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
}

/// Runs `systole explain`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let act = || {
        let input = arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument);
        let cib = input.prepared("systole explain")?.cib;
        let now = moment(&cib);
        let lines = match explain::resource(&cib, &arguments.name, now) {
            Err(refusal) if refusal.exit == Exit::NO_SUCH => explain::node(&cib, &arguments.name, now)?,
            other => other?,
        };
        lines.iter().for_each(|line| println!("{line}"));
        Ok(())
    };
    super::here::end("systole explain", act())
}
