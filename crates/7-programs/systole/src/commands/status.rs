//! `systole status`: nodes, resources and failures, as text or JSON.

use crate::commands::cib_input::{self, CibInput};
use crate::commands::tool;
use admin::{Cluster, Exit, Refusal};
use clap::Parser;
use messages::client::{ClientBody, DISK_PROBLEM, ReplyBody};
use status::Facts;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;
use view::{Filter, Lines, Sections, Show, StatusView};

/// Shows nodes, resources and what has failed
///
/// Exit code: 0 when all is well, 1 when something failed or a node is not what it should be.
#[derive(Parser)]
#[command(name = "systole status")]
struct Arguments {
    /// Only these resources
    #[arg(value_name = "RESOURCE")]
    resources: Vec<String>,
    /// Only this node
    #[arg(long, short = 'n')]
    node: Option<String>,
    /// Below each node what runs there
    #[arg(long)]
    by_node: bool,
    /// Node attributes, fail counts, tickets and bans too
    #[arg(long, short = 'a')]
    all: bool,
    /// text or json
    #[arg(long, short = 'o', default_value = "text", value_parser = ["text", "json"])]
    output: String,
    /// Of a CIB in a file instead of the running cluster
    #[arg(long, short = 'x', value_name = "FILE")]
    xml_file: Option<String>,
}

/// Runs `systole status`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments: Arguments = match tool::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match show(&arguments) {
        Ok(exit) => ExitCode::from(exit.0),
        Err(refusal) => {
            eprintln!("systole status: {refusal}");
            ExitCode::from(refusal.exit.0)
        }
    }
}

/// Returns the nodes whose disk takes nothing, and why.
fn disk_problems(facts: &Facts) -> impl Iterator<Item = (&str, &str)> {
    facts.nodes.iter().filter_map(|node| Some((node.name.as_str(), node.attributes.get(DISK_PROBLEM)?.as_str())))
}

/// Refuses names of nothing: that nothing is shown of them would look as if nothing ran.
fn check_names(arguments: &Arguments, facts: &Facts) -> Result<(), Refusal> {
    let is_known = |name: &&String| facts.find_resource(name).or_else(|| facts.find_configured(name)).is_some();
    if let Some(name) = arguments.resources.iter().find(|name| !is_known(name)) {
        return Err(Refusal::new(Exit::NO_SUCH, format!("there is no resource {name:?}")));
    }
    match arguments.node.as_ref().filter(|name| facts.find_node(name).is_none()) {
        Some(name) => Err(cib_input::no_node(name, facts)),
        None => Ok(()),
    }
}

fn show(arguments: &Arguments) -> Result<Exit, Refusal> {
    let input = arguments.xml_file.as_deref().map_or(CibInput::Live, CibInput::from_argument);
    let cib = input.prepared("systole status")?.cib;
    let history = match Cluster::from_environment("systole status") {
        cluster if input == CibInput::Live && cluster.is_here() => cluster.request(ClientBody::FenceHistory { target: None }),
        _ => Ok(ReplyBody::FenceHistory(Vec::new())),
    };
    let fence_history = if let Ok(ReplyBody::FenceHistory(records)) = history { records } else { Vec::new() };
    let now = admin::now();
    let facts = Facts::deduce(&cib, now);
    check_names(arguments, &facts)?;
    let some = |names: &[String]| (!names.is_empty()).then(|| names.iter().cloned().collect::<BTreeSet<_>>());
    let filter = Filter {
        nodes: arguments.node.as_ref().map(|name| BTreeSet::from([name.to_ascii_lowercase()])),
        resources: some(&arguments.resources),
    };
    let extra = arguments.all;
    let view = StatusView {
        facts: &facts,
        cib: &cib,
        show: Show { inactive: true, pending: true, by_node: arguments.by_node, ..Show::default() },
        sections: Sections {
            maintenance: true,
            nodes: true,
            resources: true,
            failures: true,
            fence_failed: true,
            fence_pending: true,
            fence_worked: extra,
            dc: extra,
            times: extra,
            attributes: extra,
            failcounts: extra,
            tickets: extra,
            bans: extra,
            ..Sections::NONE
        },
        filter: &filter,
        ban_prefix: None,
        now,
        zone: &admin::zone(),
        local_node: None,
        fence_history: &fence_history,
        full_fence_history: false,
    };
    if arguments.output == "json" {
        tool::print(&format!("{:#}\n", view.to_json()));
    } else {
        let mut lines = Lines::new();
        view.print(&mut lines);
        tool::print(&lines.into_text());
        for (node, problem) in disk_problems(&facts) {
            tool::print(&format!("\n{node} cannot store the configuration: {problem}\n"));
        }
    }
    let is_well = disk_problems(&facts).next().is_none()
        && facts.failures.is_empty()
        && facts.blocked_count == 0
        && facts.nodes.iter().all(|node| !node.unclean);
    Ok(if is_well { Exit::OK } else { Exit::ERROR })
}
