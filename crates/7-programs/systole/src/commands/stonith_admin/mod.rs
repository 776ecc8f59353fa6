//! `stonith_admin`: fences nodes, shows what was fenced, lists and tries fence devices and agents.
//!
//! Compat: the commands, texts and XML of Pacemaker's tool.

mod register;

use crate::commands::fence_devices::{FenceDevices, agent};
use crate::commands::{API_VERSION, tool};
use admin::{Cluster, Exit, Refusal};
use agents::Ended;
use clap::Parser;
use fencer::{Device, targets};
use jiff::tz::TimeZone;
use messages::agent::{AgentName, AgentOutcome};
use messages::client::{ClientBody, FenceRecord, ReplyBody};
use model::NodeName;
use status::Facts;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use view::{Filter, Sections, Show, StatusView};
use xml::Element;

/// How long the tool waits by default.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Parser)]
#[command(
    name = "stonith_admin",
    about = "Fence nodes, show what was fenced, list and try fence devices",
    disable_help_flag = true,
    version,
    disable_version_flag = true
)]
struct Arguments {
    /// Fence the node: leave it off
    #[arg(short = 'F', long, value_name = "NODE")]
    fence: Option<String>,
    /// Fence the node: reboot it
    #[arg(short = 'B', long, value_name = "NODE")]
    reboot: Option<String>,
    /// Switch the node on
    #[arg(short = 'U', long, value_name = "NODE")]
    unfence: Option<String>,
    /// Tell the cluster that the node is safely down
    #[arg(short = 'C', long, value_name = "NODE")]
    confirm: Option<String>,
    /// Show fencings of the node, or of all ('*')
    #[arg(short = 'H', long, value_name = "NODE")]
    history: Option<String>,
    /// Show when the node was last fenced
    #[arg(short = 'h', long, value_name = "NODE")]
    last: Option<String>,
    /// List the devices that can fence the node
    #[arg(short = 'l', long, value_name = "NODE")]
    list: Option<String>,
    /// List the devices of the cluster
    #[arg(short = 'L', long)]
    list_registered: bool,
    /// List the fence agents installed here
    #[arg(short = 'I', long)]
    list_installed: bool,
    /// List the nodes that the device can fence
    #[arg(short = 's', long, value_name = "DEVICE")]
    list_targets: Option<String>,
    /// Show what an agent says of itself; needs --agent
    #[arg(short = 'M', long)]
    metadata: bool,
    /// Check the device's status
    #[arg(short = 'Q', long, value_name = "DEVICE")]
    query: Option<String>,
    /// Check parameters of an agent; needs --agent
    #[arg(short = 'K', long)]
    validate: bool,
    /// Put a device into the configuration; needs --agent
    #[arg(short = 'R', long, value_name = "DEVICE")]
    register: Option<String>,
    /// Take a device out of the configuration
    #[arg(short = 'D', long, value_name = "DEVICE")]
    deregister: Option<String>,
    /// Put a level into the configuration, for a node or ATTRIBUTE=VALUE; needs --index and --device
    #[arg(short = 'r', long, value_name = "TARGET")]
    register_level: Option<String>,
    /// Take a level out of the configuration; needs --index
    #[arg(short = 'd', long, value_name = "TARGET")]
    deregister_level: Option<String>,
    /// The fence agent
    #[arg(short = 'a', long)]
    agent: Option<String>,
    /// A parameter of the agent, as NAME=VALUE
    #[arg(short = 'o', long = "option", value_name = "PARAM")]
    options: Vec<String>,
    /// A parameter of the agent whose value is in the variable OCF_RESKEY_NAME
    #[arg(short = 'e', long = "env-option", value_name = "PARAM")]
    env_options: Vec<String>,
    /// A device of a level (may be given several times); with --validate: the device's name
    #[arg(short = 'v', long)]
    device: Vec<String>,
    /// The level, 1 to 9
    #[arg(short = 'i', long, value_name = "LEVEL")]
    index: Option<u32>,
    /// With --history: forget it
    #[arg(short = 'c', long)]
    cleanup: bool,
    /// (Accepted: the history is everywhere the same)
    #[arg(short = 'b', long)]
    broadcast: bool,
    /// How long to wait
    #[arg(short = 't', long)]
    timeout: Option<String>,
    /// An equal fencing this recently will do
    #[arg(long)]
    tolerance: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'T', long)]
    tag: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'y', long)]
    delay: Option<String>,
    /// Print no more than needed
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Show all records
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// text, xml or html
    #[arg(long, default_value = "text", value_parser = ["text", "xml", "html"])]
    output_as: String,
    /// Where to write ("-": standard output)
    #[arg(long)]
    output_to: Option<PathBuf>,
    /// Print help
    #[arg(short = '?', long, alias = "help-all", action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// What is shown, in either form.
#[derive(Default)]
struct Shown {
    text: String,
    elements: Vec<Element>,
}

impl Shown {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text.push('\n');
    }

    /// Adds a list with its count, as Pacemaker's tools end one.
    fn list(&mut self, name: &str, nouns: (&str, &str), items: &[(String, Element)]) {
        items.iter().for_each(|(line, _)| self.line(line));
        self.line(format!("{} {} found", items.len(), if items.len() == 1 { nouns.0 } else { nouns.1 }));
        let list = Element::new("list").with("name", name).with("count", items.len().to_string());
        self.elements.push(list.with_children(items.iter().map(|(_, element)| element.clone())));
    }
}

/// Runs `stonith_admin`.
pub fn run(words: Vec<OsString>) -> ExitCode {
    let request = tool::quoted(&words);
    let arguments = match tool::parse::<Arguments>(words) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let mut shown = Shown::default();
    let outcome = administer(&arguments, &mut shown);
    let exit = outcome.as_ref().err().map_or(Exit::OK, |refusal| refusal.exit);
    let text = if arguments.output_as == "xml" {
        let mut status = Element::new("status").with("code", exit.0.to_string()).with("message", exit.text());
        if let Some(refusal) = outcome.as_ref().err().filter(|refusal| !refusal.message.is_empty()) {
            status.push(Element::new("errors").with_child(Element::new("error").with_text(&refusal.message)));
        }
        let result = Element::new("pacemaker-result").with("api-version", API_VERSION).with("request", request);
        result.with_children(shown.elements).with_child(status).to_text()
    } else {
        if let Some(refusal) = outcome.as_ref().err().filter(|refusal| !refusal.message.is_empty()) {
            eprintln!("stonith_admin: {refusal}");
        }
        match arguments.output_as.as_str() {
            "html" => view::page(&view::Page { title: "Fencing", ..view::Page::default() }, &shown.text),
            _ => shown.text,
        }
    };
    match arguments.output_to.as_deref().filter(|path| path.as_os_str() != "-") {
        None => tool::print(&text),
        Some(path) => {
            if let Err(refusal) = tool::write(path, &text) {
                eprintln!("stonith_admin: {refusal}");
                return ExitCode::from(refusal.exit.0);
            }
        }
    }
    ExitCode::from(exit.0)
}

fn administer(arguments: &Arguments, shown: &mut Shown) -> Result<(), Refusal> {
    let cluster = Cluster::live("stonith_admin");
    let (timeout, tolerance) = (time(&arguments.timeout)?, time(&arguments.tolerance)?);
    let fences = [(&arguments.fence, "off"), (&arguments.reboot, "reboot"), (&arguments.unfence, "on")];
    if let Some((Some(target), action)) = fences.into_iter().find(|(target, _)| target.is_some()) {
        let body = ClientBody::Fence { target: target.as_str().into(), action: action.into(), timeout, tolerance };
        return cluster.request(body).map(|_| ());
    }
    if let Some(target) = &arguments.confirm {
        return cluster.request(ClientBody::ConfirmFenced { target: target.as_str().into() }).map(|_| ());
    }
    if let Some(target) = &arguments.history {
        return history(arguments, &cluster, target, shown);
    }
    if let Some(target) = &arguments.last {
        return last(&cluster, target, shown);
    }
    if register::register(arguments, &Cluster::from_environment("stonith_admin"))? {
        return Ok(());
    }
    devices(arguments, &cluster, &FenceDevices::new(timeout.unwrap_or(TIMEOUT)), shown)
}

fn time(text: &Option<String>) -> Result<Option<Duration>, Refusal> {
    let read =
        |text: &String| model::parse_interval(text).ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not a time such as 5s")));
    text.as_ref().map(read).transpose()
}

fn devices(arguments: &Arguments, cluster: &Cluster, devices: &FenceDevices, shown: &mut Shown) -> Result<(), Refusal> {
    const DEVICES: (&str, &str) = ("fence device", "fence devices");
    let item = |name: &str| (name.to_owned(), Element::new("item").with("name", "device").with_text(name));
    let chosen = || {
        arguments
            .agent
            .as_deref()
            .map(agent)
            .ok_or_else(|| Refusal::new(Exit::USAGE, "Please specify an agent to query using -a,--agent [value]"))
    };
    if arguments.list_installed {
        let items: Vec<_> = devices.installed().iter().map(|name| item(name)).collect();
        shown.list("Installed fence devices", DEVICES, &items);
        return Ok(());
    }
    if arguments.list_registered || arguments.list.is_some() {
        let target = arguments.list.as_deref().map(NodeName::new);
        let found =
            devices.configured(cluster)?.into_iter().filter(|device| target.as_ref().is_none_or(|target| devices.reaches(device, target)));
        let items: Vec<_> = found.map(|device| item(device.id.as_str())).collect();
        shown.list("Registered fence devices", DEVICES, &items);
        return if items.is_empty() && target.is_some() {
            Err(Refusal::new(Exit::NO_SUCH, "no fence device can fence this node"))
        } else {
            Ok(())
        };
    }
    if arguments.metadata {
        let text = devices.metadata(&chosen()?)?;
        shown.text += &text;
        shown.elements.push(Element::new("metadata").with_text(text));
        return Ok(());
    }
    if let Some(id) = &arguments.list_targets {
        let device = devices.device(cluster, id)?;
        let metadata = devices.metadata(&device.agent).unwrap_or_default();
        let ended = succeeded(&device.agent.kind, "list", devices.call(&device.agent, &device.call("list", &metadata, None))?)?;
        let items: Vec<_> = targets(&ended.stdout).iter().map(|name| (name.clone(), Element::new("item").with_text(name))).collect();
        shown.list("Fence Targets", ("fence target", "fence targets"), &items);
        return Ok(());
    }
    if let Some(id) = &arguments.query {
        let device = devices.device(cluster, id)?;
        let metadata = devices.metadata(&device.agent).unwrap_or_default();
        return succeeded(&device.agent.kind, "monitor", devices.call(&device.agent, &device.call("monitor", &metadata, None))?)
            .map(|_| ());
    }
    if arguments.validate {
        return validate(arguments, devices, &chosen()?, shown);
    }
    Err(Refusal::new(Exit::USAGE, "one of -F, -B, -U, -C, -H, -h, -l, -L, -I, -s, -M, -Q or -K is needed"))
}

/// Lets an agent judge parameters, for a target of any name: an agent that fences by plugs wants one.
///
/// Compat: what the agent says is part of the result, where pcs looks for it.
fn validate(arguments: &Arguments, devices: &FenceDevices, agent: &AgentName, shown: &mut Shown) -> Result<(), Refusal> {
    let device = Device::imagined(agent.clone(), parameters(arguments)?);
    let metadata = devices.metadata(agent).unwrap_or_default();
    let ended = devices.call(agent, &device.call("validate-all", &metadata, Some(&"node1".into())));
    let (is_valid, stdout, stderr, code, exit) = match ended {
        Ok(ended) => match ended.outcome == AgentOutcome::Exited(0) {
            true => (true, ended.stdout, ended.stderr, 0, Exit::OK),
            false => (false, ended.stdout, ended.stderr, -201, Exit::ERROR),
        },
        Err(refusal) if refusal.exit == Exit::NOT_INSTALLED => {
            (false, String::new(), format!("Agent {} not found", agent.kind), -2, Exit::NO_SUCH)
        }
        Err(refusal) => return Err(refusal),
    };
    let on = arguments.device.first().map(|device| format!(" on {device}")).unwrap_or_default();
    if !arguments.quiet {
        shown.line(format!("Validation of {}{on} {}", agent.kind, if is_valid { "succeeded" } else { "failed" }));
        [&stdout, &stderr].into_iter().filter(|said| !said.is_empty()).for_each(|said| shown.line(said));
    }
    let said = [("stdout", &stdout), ("stderr", &stderr)].into_iter().filter(|(_, text)| !text.is_empty());
    let said = said.map(|(source, text)| Element::new("output").with("source", source).with_text(text));
    let command = Element::new("command").with("code", code.to_string()).with_children(said);
    let valid = if is_valid { "true" } else { "false" };
    shown.elements.push(Element::new("validate").with("agent", &agent.kind).with("valid", valid).with_child(command));
    if is_valid { Ok(()) } else { Err(Refusal::new(exit, "")) }
}

/// Returns the parameters that were given, by name.
fn parameters(arguments: &Arguments) -> Result<BTreeMap<String, String>, Refusal> {
    let mut parameters = BTreeMap::new();
    for option in &arguments.options {
        let pair = option.split_once('=');
        let (name, value) = pair.ok_or_else(|| Refusal::new(Exit::USAGE, format!("{option:?} is not NAME=VALUE")))?;
        parameters.insert(name.to_owned(), value.to_owned());
    }
    for name in &arguments.env_options {
        let value = std::env::var(format!("OCF_RESKEY_{name}"));
        let value =
            value.map_err(|_| Refusal::new(Exit::USAGE, format!("Invalid option: --env-option {name}: OCF_RESKEY_{name} is not set")))?;
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

fn succeeded(agent: &str, action: &str, ended: Ended) -> Result<Ended, Refusal> {
    match ended.outcome {
        AgentOutcome::Exited(0) => Ok(ended),
        outcome => Err(Refusal::new(Exit::ERROR, format!("{agent} could not do '{action}' ({outcome:?}) {}", ended.stderr.trim()))),
    }
}

fn records(cluster: &Cluster, target: &str) -> Result<Vec<FenceRecord>, Refusal> {
    let node = (target != "*").then(|| target.into());
    match cluster.request(ClientBody::FenceHistory { target: node })? {
        ReplyBody::FenceHistory(records) => Ok(records),
        _ => Err(Refusal::new(Exit::ERROR, "the daemon did not answer with a history")),
    }
}

/// Shows the last fencing that succeeded, or with -V all.
fn history(arguments: &Arguments, cluster: &Cluster, target: &str, shown: &mut Shown) -> Result<(), Refusal> {
    if arguments.cleanup && !arguments.quiet {
        shown.line(format!("cleaning up fencing-history for node {target}"));
    }
    if arguments.broadcast && !arguments.quiet {
        shown.line("gather fencing-history from all nodes");
    }
    if arguments.cleanup {
        let node = (target != "*").then(|| target.into());
        return cluster.request(ClientBody::ClearFenceHistory { target: node }).map(|_| ());
    }
    let records = records(cluster, target)?;
    let is_all = arguments.verbose > 0 || arguments.output_as == "xml";
    let latest = records.iter().find(|record| record.state == "success");
    if let Some(at) = latest.and_then(|record| record.completed).filter(|_| arguments.quiet) {
        shown.line(at.seconds().to_string());
        return Ok(());
    }
    let cib = Element::new("cib");
    let (facts, filter, zone) = (Facts::deduce(&cib, admin::now()), Filter::default(), TimeZone::system());
    let view = StatusView {
        facts: &facts,
        cib: &cib,
        show: Show { failed_detail: true, ..Show::default() },
        sections: Sections::NONE,
        filter: &filter,
        ban_prefix: None,
        now: admin::now(),
        zone: &zone,
        local_node: None,
        fence_history: &records,
        full_fence_history: is_all,
    };
    let wanted: Vec<&FenceRecord> = if is_all { records.iter().collect() } else { latest.into_iter().collect() };
    let items: Vec<_> = wanted.into_iter().map(|record| (view.fence_line(record), view.fence_element(record))).collect();
    shown.list("Fencing history", ("event", "events"), &items);
    Ok(())
}

fn last(cluster: &Cluster, target: &str, shown: &mut Shown) -> Result<(), Refusal> {
    let latest = records(cluster, target)?.into_iter().find(|record| record.state == "success").and_then(|record| record.completed);
    let Some(at) = latest else {
        shown.line(format!("Node {target} has never been fenced"));
        return Ok(());
    };
    let zone = TimeZone::system();
    shown.line(format!("Node {target} last fenced at: {}", view::text_time(at, &zone)));
    shown.elements.push(Element::new("last-fenced").with("target", target).with("when", view::iso_time(at, &zone)));
    Ok(())
}
