//! `systole what-if`: what would be different if something happened; nothing is touched.

use crate::commands::cib_input::CibInput;
use crate::commands::tool;
use admin::outlook::moment;
use admin::what_if::{Answer, Change, what_if};
use admin::{Exit, Refusal};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tells what would be different if something happened: what would move, what would be left down, and why
///
/// The change is made in a copy of the CIB, and the scheduler's own plans are carried out on paper until nothing is left
/// to do. Nothing is touched. Of quorum: each node has one vote, and of two nodes one is enough.
#[derive(Parser)]
#[command(name = "systole what-if")]
struct Arguments {
    #[command(subcommand)]
    event: Event,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Of a CIB in a file (a saved input, compressed or not; "-": standard input) instead of the running cluster
    #[arg(long, short = 'x', alias = "xml-file", value_name = "FILE", global = true)]
    cib: Option<String>,
    /// text or json
    #[arg(long, short = 'o', default_value = "text", value_parser = ["text", "json"], global = true)]
    output: String,
    /// Draw the plan as a picture (SVG) into a file
    #[arg(long, value_name = "FILE", global = true)]
    svg: Option<PathBuf>,
    /// Write the plan as a picture (DOT) into a file
    #[arg(long, value_name = "FILE", global = true)]
    dot: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Event {
    /// Nodes are gone from one moment to the next
    Crash {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Nodes leave cleanly
    Shutdown {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Nodes come (back)
    Join {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Nodes are put in standby
    Standby {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Nodes are taken out of standby
    Unstandby {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// The monitor of a resource fails
    Fail {
        #[arg(value_name = "RESOURCE[@NODE]")]
        resource: String,
        /// It fails so many times
        #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        times: u32,
    },
    /// Constraints (or anything else with an id) are taken out of the configuration
    Remove {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// A cluster option gets another value
    Set {
        #[arg(value_name = "OPTION=VALUE")]
        setting: String,
    },
    /// A resource is kept off a node
    Ban { resource: String, node: String },
    /// A resource is moved to a node
    Move { resource: String, node: String },
    /// A ticket is granted
    Grant { ticket: String },
    /// A ticket is revoked
    Revoke { ticket: String },
    /// Quorum is lost, or won
    Quorum {
        #[arg(value_parser = ["lost", "won"])]
        state: String,
    },
}

impl Event {
    fn change(self) -> Result<Change, Refusal> {
        Ok(match self {
            Event::Crash { nodes } => Change::Crash(nodes),
            Event::Shutdown { nodes } => Change::Shutdown(nodes),
            Event::Join { nodes } => Change::Join(nodes),
            Event::Standby { nodes } => Change::Standby(nodes),
            Event::Unstandby { nodes } => Change::Unstandby(nodes),
            Event::Fail { resource, times } => match resource.split_once('@') {
                Some((resource, node)) => Change::Fail { resource: resource.to_owned(), node: Some(node.to_owned()), times },
                None => Change::Fail { resource, node: None, times },
            },
            Event::Remove { ids } => Change::Remove(ids),
            Event::Set { setting } => match setting.split_once('=') {
                Some((option, value)) => Change::Set { option: option.to_owned(), value: value.to_owned() },
                None => return Err(Refusal::new(Exit::USAGE, format!("{setting:?} is no OPTION=VALUE"))),
            },
            Event::Ban { resource, node } => Change::Ban { resource, node },
            Event::Move { resource, node } => Change::Move { resource, node },
            Event::Grant { ticket } => Change::Grant(ticket),
            Event::Revoke { ticket } => Change::Revoke(ticket),
            Event::Quorum { state } => Change::Quorum(state == "won"),
        })
    }
}

/// Runs `systole what-if`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments: Arguments = match tool::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    super::here::end("systole what-if", act(arguments))
}

fn act(arguments: Arguments) -> Result<(), Refusal> {
    let change = arguments.event.change()?;
    let how = arguments.how;
    let cib = how.cib.as_deref().map_or(CibInput::Live, CibInput::from_argument).prepared("systole what-if")?.cib;
    let answer = what_if(&cib, &change, moment(&cib))?;
    match how.output.as_str() {
        "json" => tool::print(&format!("{:#}\n", serde_json::json!(answer))),
        _ => tool::print(&format!("{}\n", answer.lines().join("\n"))),
    }
    pictures(&how, &answer)
}

/// Draws the first plan, which is all of it nearly always.
fn pictures(how: &How, answer: &Answer) -> Result<(), Refusal> {
    let Some(plan) = answer.plans.first() else { return Ok(()) };
    if let Some(path) = &how.svg {
        tool::write(path, &view::svg(&plan.graph, &format!("If {}", answer.event)))?;
    }
    if let Some(path) = &how.dot {
        tool::write(path, &view::dot(&plan.graph.diagram, view::Picture::Plan, false))?;
    }
    Ok(())
}
