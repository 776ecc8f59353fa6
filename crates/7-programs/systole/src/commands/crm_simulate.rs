//! `crm_simulate`: what the cluster would do, shown in the words of Pacemaker 3.0.2.

use crate::commands::cib_input::{self, CibInput};
use crate::commands::tool::{self, SharedOptions};
use admin::{Cluster, Exit, Refusal};
use cib::edit::UPGRADE_TARGET;
use cib::upgrade::SchemaVersion;
use clap::Parser;
use rehearsal::{Depth, Ending, Injections, Piece, Request, rehearse};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use view::{Picture, Sections};
use xml::Element;

/// Shows what the cluster would do in response to events.
#[derive(Parser, Debug)]
#[command(name = "crm_simulate", disable_version_flag = true, disable_help_flag = true, args_override_self = true, after_help = OPERATION_HELP)]
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

    /// Display only essential output
    #[arg(short = 'Q', long)]
    quiet: bool,
    #[command(flatten)]
    shared: SharedOptions,
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
    let words = tool::quoted(&arguments);
    let arguments: Arguments = match tool::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.shared.version {
        tool::print(crate::commands::VERSION_TEXT);
        return ExitCode::SUCCESS;
    }
    if !matches!(arguments.form(), "text" | "xml" | "none") {
        eprintln!("crm_simulate: Error creating output format {}: Unknown output format", arguments.form());
        return ExitCode::from(Exit::ERROR.0);
    }
    let mut elements = Vec::new();
    let result = match &arguments.profile {
        Some(folder) => profile(folder, &arguments, &mut elements),
        None => simulate(&arguments, &mut elements),
    };
    let (exit, error) = match result {
        Ok(exit) => (exit, None),
        Err(refusal) => (refusal.exit, Some(refusal.message)),
    };
    if arguments.form() == "xml" {
        let mut status = Element::new("status").with("code", exit.0.to_string()).with("message", exit.text());
        if let Some(error) = error {
            status.push(Element::new("errors").with_child(Element::new("error").with_text(error)));
        }
        let text = tool::result_element(&words).with_children(elements).with_child(status).to_text();
        match arguments.shared.output_to.as_deref().filter(|path| path.as_os_str() != "-") {
            None => tool::print(&text),
            Some(path) => {
                if let Err(refusal) = tool::write(path, &text) {
                    eprintln!("crm_simulate: {refusal}");
                    return ExitCode::from(refusal.exit.0);
                }
            }
        }
    } else if let Some(error) = error {
        eprintln!("crm_simulate: {error}");
    }
    ExitCode::from(exit.0)
}

impl Arguments {
    fn form(&self) -> &str {
        self.shared.output_as.as_deref().unwrap_or("text")
    }

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
        cib_input::check_truth("--quorum", self.quorum.as_deref())?;
        cib_input::check_truth("--watchdog", self.watchdog.as_deref())?;
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
        request.quiet = self.quiet || self.form() == "none";
        request.scores = self.show_scores && self.form() != "none";
        request.utilization = self.show_utilization && self.form() != "none";
        request.sections =
            Sections { attributes: self.show_attrs, failcounts: self.show_failcounts, failures: self.show_failcounts, ..Sections::NONE };
        request.picture = if self.all_actions { Picture::Everything } else { Picture::Plan };
        request.numbered = self.shared.verbose > 0;
        request.elements = self.form() == "xml";
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

fn simulate(arguments: &Arguments, elements: &mut Vec<Element>) -> Result<Exit, Refusal> {
    let request = arguments.request()?;
    let input = arguments.input().read("crm_simulate")?;
    refuse_unknown(&input)?;
    let original = input.clone();
    let input = rehearsal::prepare(input).map_err(|problems| Refusal::new(Exit::CONFIG, problems.join("\n")))?;
    cib_input::check_nodes(&input, &request.injections)?;
    let mut rehearsal = rehearse(input, &request, &scheduler::schedule_with_dead_ends);
    elements.append(&mut rehearsal.elements);
    write_pieces(&rehearsal.pieces, arguments)?;
    if let Some(path) = &arguments.save_input {
        tool::write(path, &in_words_of(&original, &rehearsal.input).to_text())?;
    }
    if let (Some(path), Some(plan)) = (&arguments.save_graph, &rehearsal.plan) {
        tool::write(path, &plan.graph.to_xml().to_text())?;
    }
    if let Some(path) = &arguments.save_dotfile {
        tool::write(path, &rehearsal.dot(&request))?;
    }
    if let Some(path) = &arguments.save_output {
        tool::write(path, &in_words_of(&original, &handed_back(&rehearsal.outcome)).to_text())?;
    }
    if arguments.in_place {
        let path = match arguments.input() {
            CibInput::File(path) => Some(path),
            CibInput::Live => Cluster::from_environment("crm_simulate").file().map(PathBuf::from),
            _ => None,
        };
        let needed = || Refusal::new(Exit::USAGE, "--in-place needs a CIB file; a running cluster is not changed by a simulation");
        admin::file::write(&path.ok_or_else(needed)?, &in_words_of(&original, &handed_back(&rehearsal.outcome)))?;
    }
    let exit = if rehearsal.ending == Ending::Terminated { Exit::ERROR } else { Exit::OK };
    // The process ends here; to give back a large cluster's memory piece by piece would take a tenth of its time.
    std::mem::forget(rehearsal);
    Ok(exit)
}

/// Compat: a configuration of before 3.0 must be brought into newer words, and one that no schema accepts cannot be.
fn refuse_unknown(cib: &Element) -> Result<(), Refusal> {
    let schema = cib.attribute("validate-with").filter(|schema| *schema != "none");
    let is_new = |schema: &str| cib::upgrade::SchemaVersion::parse(schema).is_some_and(|version| (3..=4).contains(&version.major));
    let Some(schema) = schema.filter(|schema| !is_new(schema)) else { return Ok(()) };
    let errors: Vec<String> =
        cib::validate(cib).into_iter().filter(|problem| problem.level == cib::Level::Error).map(|problem| problem.to_string()).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let text = format!(
        "Cannot upgrade configuration (claiming schema {schema}) to at least pacemaker-3.0 because it does not validate with any schema\n{}",
        errors.join("\n")
    );
    Err(Refusal::new(Exit::CONFIG, text))
}

/// Returns a rehearsed document with the configuration in the words of the one it was made of: the rehearsal itself reads it in
/// those of the newest schema, which 2.1.5 does not know. Nodes are those of the rehearsal, which may have made some.
fn in_words_of(original: &Element, rehearsed: &Element) -> Element {
    let schema = original.attribute("validate-with").and_then(SchemaVersion::parse);
    let Some(schema) = schema.filter(|schema| *schema <= UPGRADE_TARGET) else { return rehearsed.clone() };
    // Compat: a configuration of before 3.0 is brought into newer words.
    let base = if schema.major < 3 { cib::upgrade::upgrade_to(original, UPGRADE_TARGET).cib } else { original.clone() };
    let mut result = rehearsed.clone();
    base.attribute("validate-with").into_iter().for_each(|schema| result.set("validate-with", schema));
    if let (Some(old), Some(new)) = (base.child("configuration"), result.child_mut("configuration")) {
        let nodes = new.child("nodes").cloned();
        *new = old.clone();
        nodes.into_iter().for_each(|nodes| *new.child_or_new("nodes") = nodes);
    }
    result
}

/// Compat: 2.1.5 does not note in a rehearsed result where it is of. It is kept where older results of the history have it:
/// with it and without it they could not be put in order.
fn handed_back(outcome: &Element) -> Element {
    let is_rehearsed = |e: &Element| e.attribute("crm-debug-origin") == Some("crm_simulate");
    let mut element = outcome.clone();
    for state in element.child_or_new("status").elements_mut().filter(|e| e.name == "node_state") {
        let histories = state.child_mut("lrm").and_then(|lrm| lrm.child_mut("lrm_resources"));
        for history in histories.into_iter().flat_map(Element::elements_mut) {
            history.elements_mut().filter(|e| is_rehearsed(e)).for_each(|result| result.set("crm_feature_set", cib::FEATURE_SET));
            if !history.elements().any(|e| !is_rehearsed(e) && e.has("on_node")) {
                history.elements_mut().filter(|e| is_rehearsed(e)).for_each(|result| drop(result.remove("on_node")));
            }
        }
    }
    element
}

/// Writes output and remarks in the order in which they came about.
fn write_pieces(pieces: &[Piece], arguments: &Arguments) -> Result<(), Refusal> {
    let mut to_file = String::new();
    for piece in pieces {
        match piece {
            Piece::Output(_) if arguments.form() == "xml" => {}
            Piece::Output(text) if arguments.shared.output_to.is_some() => to_file.push_str(text),
            Piece::Output(text) => tool::print(text),
            Piece::Error(text) => eprintln!("{text}"),
        }
    }
    match &arguments.shared.output_to {
        _ if arguments.form() == "xml" => {}
        Some(path) if path.as_os_str() == "-" => tool::print(&to_file),
        Some(path) => tool::write(path, &to_file)?,
        None => {}
    }
    Ok(())
}

fn profile(folder: &PathBuf, arguments: &Arguments, elements: &mut Vec<Element>) -> Result<Exit, Refusal> {
    let unreadable = |error| Refusal::new(Exit::NO_INPUT, format!("failed to read {}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).map_err(unreadable)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "xml") && path.is_file());
    files.sort();
    if files.is_empty() {
        return Ok(Exit::OK);
    }
    let is_xml = arguments.form() == "xml";
    if !is_xml {
        tool::print("Timings:\n");
    }
    let mut timings = Element::new("timings");
    let mut request = arguments.request()?;
    request.depth = Depth::Plan;
    request.quiet = true;
    for path in files {
        let input = CibInput::File(path.clone()).prepared("crm_simulate")?;
        let start = std::time::Instant::now();
        for _ in 0..arguments.repeat {
            std::hint::black_box(rehearse(input.clone(), &request, &scheduler::schedule_with_dead_ends));
        }
        let seconds = format!("{:.2}", start.elapsed().as_secs_f64());
        match is_xml {
            true => drop(timings.push(Element::new("timing").with("file", path.to_string_lossy()).with("duration", seconds))),
            false => tool::print(&format!("  * Testing {} ... {seconds} secs\n", path.display())),
        }
    }
    elements.push(timings);
    Ok(Exit::OK)
}
