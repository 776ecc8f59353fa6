//! `systole explain`: why a resource or a node is as it is.

use admin::{Cluster, Exit, explain};
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;
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
    /// Of a CIB in a file (a saved input, for example) instead of the running cluster
    #[arg(long, short = 'x', value_name = "FILE")]
    xml_file: Option<PathBuf>,
}

/// Runs `systole explain`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let act = || {
        let cluster = match &arguments.xml_file {
            Some(path) => Cluster::of_file(path, "systole explain"),
            None => Cluster::from_environment("systole explain"),
        };
        let cib = cluster.cib()?;
        let lines = match explain::resource(&cib, &arguments.name, admin::now()) {
            Err(refusal) if refusal.exit == Exit::NO_SUCH => explain::node(&cib, &arguments.name, admin::now())?,
            other => other?,
        };
        lines.iter().for_each(|line| println!("{line}"));
        Ok(())
    };
    super::here::end("systole explain", act())
}
