//! `systole simulate`: what the cluster would do, asked in words.

use crate::commands::cib_input::{self, CibInput};
use crate::commands::tool;
use admin::{Exit, Refusal};
use clap::Parser;
use rehearsal::{Depth, Ending, Injections, Piece, Prepared, Request, rehearse};
use serde_json::json;
use status::Facts;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Shows what the cluster would do now, or after something happened; nothing is touched
///
/// Without an event: what is due now. Events can be given several times and together.
#[derive(Parser)]
#[command(name = "systole simulate")]
struct Arguments {
    /// Of a CIB in a file (a saved input, compressed or not; "-": standard input) instead of the running cluster
    #[arg(long, short = 'x', value_name = "FILE")]
    xml_file: Option<String>,
    /// A node fails
    #[arg(long, value_name = "NODE")]
    node_fails: Vec<String>,
    /// A node leaves cleanly
    #[arg(long, value_name = "NODE")]
    node_leaves: Vec<String>,
    /// A node comes
    #[arg(long, value_name = "NODE")]
    node_joins: Vec<String>,
    /// An operation had a result: RESOURCE_OPERATION_INTERVAL@NODE=EXIT, as web_monitor_10000@node1=7
    #[arg(long, value_name = "RESULT")]
    result: Vec<String>,
    /// An operation will fail while the plan is carried out, in the same form
    #[arg(long, value_name = "RESULT")]
    will_fail: Vec<String>,
    /// Whether there is quorum
    #[arg(long, value_name = "true|false")]
    quorum: Option<String>,
    /// Plan for this moment (ISO 8601)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show the plan, but do not carry it out on paper
    #[arg(long)]
    plan_only: bool,
    /// Show the scores of the placement
    #[arg(long)]
    scores: bool,
    /// Write the plan as a picture (DOT) to a file
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// Write the plan as a transition graph (XML) to a file
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Write the CIB as it would be in the end to a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// text or json
    #[arg(long, short = 'o', default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

/// Runs `systole simulate`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments: Arguments = match tool::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match simulate(&arguments) {
        Ok(exit) => ExitCode::from(exit.0),
        Err(refusal) => {
            eprintln!("systole simulate: {refusal}");
            ExitCode::from(refusal.exit.0)
        }
    }
}

fn simulate(arguments: &Arguments) -> Result<Exit, Refusal> {
    let request = request(arguments)?;
    let input = arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument);
    let input = input.prepared("systole simulate")?;
    cib_input::check_nodes(&input, &request.injections)?;
    check_results(&input, &request)?;
    let rehearsal = rehearse(input, &request, &scheduler::schedule);
    match arguments.output.as_str() {
        "json" => tool::print(&format!("{:#}\n", in_json(&rehearsal))),
        _ => {
            for piece in &rehearsal.pieces {
                match piece {
                    Piece::Output(text) => tool::print(text),
                    Piece::Error(text) => eprintln!("{text}"),
                }
            }
        }
    }
    if let Some(path) = &arguments.dot {
        tool::write(path, &rehearsal.dot(&request))?;
    }
    if let (Some(path), Some(plan)) = (&arguments.graph, &rehearsal.plan) {
        tool::write(path, &plan.graph.to_xml().to_text())?;
    }
    if let Some(path) = &arguments.save {
        tool::write(path, &rehearsal.outcome.to_text())?;
    }
    Ok(if rehearsal.ending == Ending::Terminated { Exit::ERROR } else { Exit::OK })
}

/// Refuses results that nothing can come of, those of what will fail as well.
fn check_results(input: &Prepared, request: &Request) -> Result<(), Refusal> {
    let all = [&request.injections.operations[..], &request.injections.failures].concat();
    if all.is_empty() {
        return Ok(());
    }
    let facts = Facts::deduce(&input.cib, request.clock);
    let tried = Injections { operations: all, ..Injections::default() };
    let steps = rehearsal::inject(&mut input.cib.clone(), &facts, &tried, request.clock);
    let fault = steps.into_iter().find_map(|step| if let view::Step::Fault(text) = step { Some(text) } else { None });
    let form = "the form is RESOURCE_OPERATION_INTERVAL@NODE=EXIT, as web_monitor_10000@node1=7";
    fault.map_or(Ok(()), |text| Err(Refusal::new(Exit::USAGE, format!("{text}; {form}"))))
}

fn request(arguments: &Arguments) -> Result<Request, Refusal> {
    let zone = admin::zone();
    cib_input::check_truth("--quorum", arguments.quorum.as_deref())?;
    let date = match &arguments.at {
        None => None,
        Some(text) => match rehearsal::parse_date(text, admin::now(), &zone) {
            Some(date) => Some((date, text.clone())),
            None => return Err(Refusal::new(Exit::USAGE, format!("{text:?} is no date in ISO 8601"))),
        },
    };
    let mut request = Request::new(admin::now(), zone);
    request.date = date;
    request.depth = if arguments.plan_only { Depth::Plan } else { Depth::Execute };
    request.scores = arguments.scores;
    request.injections = Injections {
        nodes_up: arguments.node_joins.clone(),
        nodes_down: arguments.node_leaves.clone(),
        nodes_failed: arguments.node_fails.clone(),
        operations: arguments.result.clone(),
        failures: arguments.will_fail.clone(),
        quorum: arguments.quorum.clone(),
        ..Injections::default()
    };
    Ok(request)
}

fn in_json(rehearsal: &rehearsal::Rehearsal) -> serde_json::Value {
    let plan = rehearsal.plan.as_ref();
    let changes = plan.map(|plan| &plan.changes[..]).unwrap_or_default();
    json!({
        "ending": match rehearsal.ending { Ending::Complete => "complete", Ending::Terminated => "terminated" },
        "changes": changes,
        "actions": plan.map(|plan| &plan.graph.actions[..]).unwrap_or_default(),
        "reasons": plan.map(|plan| &plan.reasons[..]).unwrap_or_default(),
        "problems": plan.map(|plan| &plan.problems[..]).unwrap_or_default(),
    })
}
