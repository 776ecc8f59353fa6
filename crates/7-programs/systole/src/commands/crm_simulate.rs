//! `crm_simulate`: what the cluster would do, shown in the words of Pacemaker 3.0.2.

use crate::commands::cib_input::CibInput;
use crate::commands::command_line;
use admin::{Exit, Refusal};
use clap::Parser;
use rehearsal::{Depth, Ending, Injections, Piece, Request, rehearse};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use view::{Picture, Sections};

/// Shows what the cluster would do in response to events.
#[derive(Parser, Debug)]
#[command(name = "crm_simulate", disable_version_flag = true, after_help = OPERATION_HELP)]
pub struct Arguments {
    /// Process the input and show what actions the cluster will take
    #[arg(short = 'R', long)]
    run: bool,
    /// Like --run, and carry the actions out on paper and show the status after them
    #[arg(short = 'S', long)]
    simulate: bool,
    /// Like --simulate, and store the result back to the input file
    #[arg(short = 'X', long)]
    in_place: bool,
    /// Show node attributes
    #[arg(short = 'A', long)]
    show_attrs: bool,
    /// Show resource fail counts
    #[arg(short = 'c', long)]
    show_failcounts: bool,
    /// Show assignment scores
    #[arg(short = 's', long)]
    show_scores: bool,
    /// Show utilization information
    #[arg(short = 'U', long)]
    show_utilization: bool,
    /// Process all XML files of a directory and show how long each takes
    #[arg(short = 'P', long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// With --profile, repeat each test N times
    #[arg(short = 'N', long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Display pending operations (always done)
    #[arg(short = 'j', long, hide = true)]
    pending: bool,

    /// Bring a node online
    #[arg(short = 'u', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    node_up: Vec<String>,
    /// Take a node offline
    #[arg(short = 'd', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    node_down: Vec<String>,
    /// Let a node fail
    #[arg(short = 'f', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    node_fail: Vec<String>,
    /// Put the result of an operation into the history
    #[arg(short = 'i', long, value_name = "OPSPEC", help_heading = "Synthetic Cluster Events")]
    op_inject: Vec<String>,
    /// If the operation occurs while the plan is carried out, have it fail
    #[arg(short = 'F', long, value_name = "OPSPEC", help_heading = "Synthetic Cluster Events")]
    op_fail: Vec<String>,
    /// Set the date and time (ISO 8601)
    #[arg(short = 't', long, value_name = "DATETIME", help_heading = "Synthetic Cluster Events")]
    set_datetime: Option<String>,
    /// Set whether the cluster has quorum
    #[arg(short = 'q', long, value_name = "QUORUM", help_heading = "Synthetic Cluster Events")]
    quorum: Option<String>,
    /// Set whether the cluster has an active watchdog device
    #[arg(short = 'w', long, value_name = "DEVICE", help_heading = "Synthetic Cluster Events")]
    watchdog: Option<String>,
    /// Grant a ticket
    #[arg(short = 'g', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    ticket_grant: Vec<String>,
    /// Revoke a ticket
    #[arg(short = 'r', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    ticket_revoke: Vec<String>,
    /// Make a ticket standby
    #[arg(short = 'b', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    ticket_standby: Vec<String>,
    /// Activate a ticket
    #[arg(short = 'e', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    ticket_activate: Vec<String>,

    /// Save the input configuration to a file
    #[arg(short = 'I', long, value_name = "FILE", help_heading = "Artifacts")]
    save_input: Option<PathBuf>,
    /// Save the output configuration to a file
    #[arg(short = 'O', long, value_name = "FILE", help_heading = "Artifacts")]
    save_output: Option<PathBuf>,
    /// Save the transition graph (XML) to a file
    #[arg(short = 'G', long, value_name = "FILE", help_heading = "Artifacts")]
    save_graph: Option<PathBuf>,
    /// Save the transition graph (DOT) to a file
    #[arg(short = 'D', long, value_name = "FILE", help_heading = "Artifacts")]
    save_dotfile: Option<PathBuf>,
    /// Show all possible actions in the DOT graph
    #[arg(short = 'a', long, help_heading = "Artifacts")]
    all_actions: bool,

    /// Use the configuration and status of the cluster
    #[arg(short = 'L', long, help_heading = "Data Source")]
    live_check: bool,
    /// Read the XML from a file
    #[arg(short = 'x', long, value_name = "FILE", help_heading = "Data Source")]
    xml_file: Option<String>,
    /// Read the XML from standard input
    #[arg(short = 'p', long, help_heading = "Data Source")]
    xml_pipe: bool,

    /// Format of the output: text (default) or none
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "none"])]
    output_as: String,
    /// Write the output to a file
    #[arg(long, value_name = "DEST")]
    output_to: Option<PathBuf>,
    /// Display only essential output
    #[arg(short = 'Q', long)]
    quiet: bool,
    /// Increase debug output (may be given several times)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display software version and exit
    #[arg(short = '$', long)]
    version: bool,
}

const OPERATION_HELP: &str = "\
Operation Specification:

An OPSPEC has the form RESOURCE_TASK_INTERVAL@NODE=RC with the interval in milliseconds and the agent's
exit code, for example memcached_monitor_20000@bart.example.com=7.

Examples:

A monitor finds memcached stopped on node fred, and the stop that follows fails too:

  crm_simulate -LS --op-inject memcached_monitor_20000@fred=7 --op-fail memcached_stop_0@fred=1 --save-output after.xml

What happens then:

  crm_simulate -S --xml-file after.xml";

/// Runs the tool.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments: Arguments = match command_line::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.version {
        command_line::print(crate::commands::VERSION_TEXT);
        return ExitCode::SUCCESS;
    }
    let result = match &arguments.profile {
        Some(folder) => profile(folder, &arguments),
        None => simulate(&arguments),
    };
    match result {
        Ok(exit) => ExitCode::from(exit.0),
        Err(error) => {
            eprintln!("crm_simulate: {error}");
            ExitCode::from(error.exit.0)
        }
    }
}

impl Arguments {
    fn input(&self) -> CibInput {
        match (&self.xml_file, self.xml_pipe, self.live_check) {
            (Some(path), _, _) => CibInput::from_argument(path),
            (None, false, true) => CibInput::Live,
            (None, _, _) => CibInput::Stdin,
        }
    }

    fn depth(&self) -> Depth {
        if self.simulate || self.in_place || !self.op_fail.is_empty() {
            Depth::Execute
        } else if self.run || self.show_scores || self.show_utilization || self.save_graph.is_some() || self.save_dotfile.is_some() {
            Depth::Plan
        } else {
            Depth::Look
        }
    }

    fn request(&self) -> Result<Request, Refusal> {
        let zone = admin::zone();
        let date = match &self.set_datetime {
            None => None,
            Some(text) => match rehearsal::parse_date(text, admin::now(), &zone) {
                Some(date) => Some((date, text.clone())),
                None => return Err(Refusal::new(Exit::USAGE, format!("{text:?} is no date in ISO 8601"))),
            },
        };
        let mut request = Request::new(admin::now(), zone);
        request.depth = self.depth();
        request.date = date;
        request.quiet = self.quiet || self.output_as == "none";
        request.scores = self.show_scores && self.output_as != "none";
        request.utilization = self.show_utilization && self.output_as != "none";
        request.sections =
            Sections { attributes: self.show_attrs, failcounts: self.show_failcounts, failures: self.show_failcounts, ..Sections::NONE };
        request.picture = if self.all_actions { Picture::Everything } else { Picture::Plan };
        request.numbered = self.verbose > 0;
        request.injections = Injections {
            nodes_up: self.node_up.clone(),
            nodes_down: self.node_down.clone(),
            nodes_failed: self.node_fail.clone(),
            operations: self.op_inject.clone(),
            failures: self.op_fail.clone(),
            tickets_granted: self.ticket_grant.clone(),
            tickets_revoked: self.ticket_revoke.clone(),
            tickets_standby: self.ticket_standby.clone(),
            tickets_activated: self.ticket_activate.clone(),
            quorum: self.quorum.clone(),
            watchdog: self.watchdog.clone(),
        };
        Ok(request)
    }
}

fn simulate(arguments: &Arguments) -> Result<Exit, Refusal> {
    let request = arguments.request()?;
    let input = arguments.input().prepared("crm_simulate")?;
    let rehearsal = rehearse(input, &request, &scheduler::schedule);
    write_pieces(&rehearsal.pieces, arguments)?;
    if let Some(path) = &arguments.save_input {
        command_line::write(path, &rehearsal.input.to_text())?;
    }
    if let (Some(path), Some(plan)) = (&arguments.save_graph, &rehearsal.plan) {
        command_line::write(path, &plan.graph.to_xml().to_text())?;
    }
    if let Some(path) = &arguments.save_dotfile {
        command_line::write(path, &rehearsal.dot(&request))?;
    }
    if let Some(path) = &arguments.save_output {
        command_line::write(path, &rehearsal.outcome.to_text())?;
    }
    if let (true, Some(path)) = (arguments.in_place, &arguments.xml_file) {
        command_line::write(&PathBuf::from(path), &rehearsal.outcome.to_text())?;
    }
    let exit = if rehearsal.ending == Ending::Terminated { Exit::ERROR } else { Exit::OK };
    // The process ends here; to give back a large cluster's memory piece by piece would take a tenth of its time.
    std::mem::forget(rehearsal);
    Ok(exit)
}

/// Writes output and remarks in the order in which they came about.
fn write_pieces(pieces: &[Piece], arguments: &Arguments) -> Result<(), Refusal> {
    let mut to_file = String::new();
    for piece in pieces {
        match piece {
            Piece::Output(text) if arguments.output_to.is_some() => to_file.push_str(text),
            Piece::Output(text) => command_line::print(text),
            Piece::Error(text) => eprintln!("{text}"),
        }
    }
    match &arguments.output_to {
        Some(path) if path.as_os_str() == "-" => command_line::print(&to_file),
        Some(path) => command_line::write(path, &to_file)?,
        None => {}
    }
    Ok(())
}

fn profile(folder: &PathBuf, arguments: &Arguments) -> Result<Exit, Refusal> {
    let unreadable = |error| Refusal::new(Exit::NO_INPUT, format!("failed to read {}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).map_err(unreadable)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "xml") && path.is_file());
    files.sort();
    if files.is_empty() {
        return Ok(Exit::OK);
    }
    command_line::print("Timings:\n");
    let mut request = arguments.request()?;
    request.depth = Depth::Plan;
    request.quiet = true;
    for path in files {
        let input = CibInput::File(path.clone()).prepared("crm_simulate")?;
        let start = std::time::Instant::now();
        for _ in 0..arguments.repeat {
            std::hint::black_box(rehearse(input.clone(), &request, &scheduler::schedule));
        }
        command_line::print(&format!("  * Testing {} ... {:.2} secs\n", path.display(), start.elapsed().as_secs_f64()));
    }
    Ok(Exit::OK)
}
