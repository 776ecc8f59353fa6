//! Agents: which there are, their meta-data, and their actions run by hand, past the cluster.

use super::{Arguments, Scene, refused, usage};
use crate::commands::options_list;
use crate::commands::tool::Report;
use admin::{Exit, Refusal};
use agents::{AgentHost, Invocation};
use messages::agent::{AgentCall, AgentName};
use model::{AgentExit, CallId};
use status::{Kind, ResourceIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use xml::Element;

/// How long an agent may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an action may take when nothing is said of it. Compat: as in a cluster.
const ACTION_PATIENCE: Duration = Duration::from_secs(20);

fn host() -> AgentHost {
    AgentHost::new(admin::root(), None)
}

/// Answers a question about agents, if one was asked.
pub fn catalogue(arguments: &Arguments, report: &mut Report) -> Option<Result<Exit, Refusal>> {
    if let Some(kind) = &arguments.list_options {
        return Some(options_list::list(kind, arguments.all, report));
    }
    if arguments.list_standards {
        let standards = ["ocf", "lsb", "service", "stonith"];
        standards.iter().for_each(|standard| report.line(standard));
        let items = standards.map(|standard| Element::new("item").with_text(standard));
        report.element(Element::new("list").with("name", "standards").with("count", "4").with_children(items));
        return Some(Ok(Exit::OK));
    }
    let alternatives = arguments.list_ocf_alternatives.as_ref().or(arguments.list_ocf_providers.as_ref().filter(|agent| !agent.is_empty()));
    if let Some(agent) = alternatives {
        let having = |provider: &String| names_in(&format!("/usr/lib/ocf/resource.d/{provider}")).contains(agent);
        let providers: Vec<String> = providers().into_iter().filter(having).collect();
        return Some(match providers.is_empty() {
            true => Err(refused(Exit::NO_SUCH, format!("No OCF providers found for {agent}"))),
            false => Ok(list_providers(&providers, ("for", agent), report)),
        });
    }
    if arguments.list_ocf_providers.is_some() {
        return Some(Ok(list_providers(&providers(), ("standard", "ocf"), report)));
    }
    if let Some(which) = &arguments.list_agents {
        return Some(list_agents(which, report));
    }
    arguments.show_metadata.as_ref().map(|name| show_metadata(name, report))
}

fn list_providers(providers: &[String], of: (&str, &str), report: &mut Report) -> Exit {
    providers.iter().for_each(|provider| report.line(provider));
    let elements = providers.iter().map(|provider| Element::new("provider").with_text(provider));
    report.element(Element::new("providers").with(of.0, of.1).with_children(elements));
    Exit::OK
}

/// Returns the names of the programs in a folder of the host (and of the machine).
fn names_in(absolute: &str) -> BTreeSet<String> {
    let folders = [host().path(absolute), absolute.into()];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let is_program = |entry: &std::fs::DirEntry| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(entry.path()).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let names = entries.filter(is_program).map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// Compat: Pacemaker's own agents are there, whether it is installed or not.
fn providers() -> Vec<String> {
    let absolute = "/usr/lib/ocf/resource.d";
    let folders = [host().path(absolute), absolute.into()];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let names = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| !name.starts_with('.')).collect();
    found.into_iter().collect()
}

fn agents_of(standard: &str, provider: Option<&str>) -> Vec<String> {
    let of_provider = |provider: &str| names_in(&format!("/usr/lib/ocf/resource.d/{provider}"));
    let found: BTreeSet<String> = match (standard, provider) {
        ("ocf", Some(provider)) => of_provider(provider),
        ("ocf", None) => providers().iter().flat_map(|provider| of_provider(provider)).collect(),
        ("lsb" | "service", _) => names_in("/etc/init.d"),
        // Compat: the older plug-ins come first.
        ("stonith", _) => {
            let older = ::agents::list_plugins(&host()).and_then(|question| answer(&question)).unwrap_or_default();
            let current = names_in("/usr/sbin").into_iter().filter(|name| name.starts_with("fence_"));
            return older.lines().map(str::to_owned).chain(current).collect();
        }
        _ => BTreeSet::new(),
    };
    found.into_iter().collect()
}

/// Returns what a program answers to a question, if it does.
fn answer(question: &Invocation) -> Option<String> {
    let ended = carry_out(question, PATIENCE)?;
    (ended.code == Some(0) && !ended.stdout.trim().is_empty()).then_some(ended.stdout)
}

fn list_agents(which: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let (standard, provider) = which.split_once(':').map_or((which, None), |(standard, provider)| (standard, Some(provider)));
    let found = agents_of(standard, provider);
    if found.is_empty() {
        let of = provider.map_or_else(String::new, |provider| format!(" and provider '{provider}'"));
        return Err(refused(Exit::ERROR, format!("No agents found for standard '{standard}'{of}")));
    }
    found.iter().for_each(|agent| report.line(agent));
    let mut element = Element::new("agents").with("standard", standard);
    if let Some(provider) = provider {
        element.set("provider", provider);
    }
    report.element(element.with_children(found.iter().map(|agent| Element::new("agent").with_text(agent))));
    Ok(Exit::OK)
}

/// Reads `ocf:heartbeat:Dummy` or `stonith:fence_xvm`.
fn agent_name(text: &str) -> Option<AgentName> {
    let parts: Vec<&str> = text.split(':').collect();
    let name = |class: &str, provider: Option<&str>, kind: &str| AgentName {
        class: class.to_owned(),
        provider: provider.map(str::to_owned),
        kind: kind.to_owned(),
    };
    match parts.as_slice() {
        ["ocf", provider, kind] => Some(name("ocf", Some(provider), kind)),
        ["ocf", _] => None,
        [class, kind] => Some(name(class, None, kind)),
        _ => None,
    }
}

fn show_metadata(text: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let name = agent_name(text).ok_or_else(|| refused(Exit::NO_SUCH, format!("'{text}' is not a valid agent specification")))?;
    let missing = || refused(Exit::NO_SUCH, format!("Metadata query for {text} failed: No such device or address"));
    let metadata = match name.class.as_str() {
        "lsb" | "service" => made_up(&name).ok_or_else(missing)?,
        // Compat: units are described only where something runs that would know of them.
        "systemd" if !["/run/systemd/system".into(), host().path("/run/systemd/system")].iter().any(|path| path.is_dir()) => {
            return Err(missing());
        }
        class => {
            let action = if class == "stonith" { "metadata" } else { "meta-data" };
            let plugin = if class == "stonith" { ::agents::describe_plugin(&host(), &name.kind) } else { None };
            let question = plugin.or_else(|| invocation(&name, action, None, BTreeMap::new(), PATIENCE)).ok_or_else(missing)?;
            answer(&question).ok_or_else(missing)?
        }
    };
    report.text(&metadata);
    report.element(Element::new("metadata").with_text(&metadata));
    Ok(Exit::OK)
}

/// Compat: scripts of the LSB have no meta-data; something is said in their place.
fn made_up(name: &AgentName) -> Option<String> {
    let script = host().find(&AgentName { class: "lsb".to_owned(), ..name.clone() })?;
    let header = std::fs::read(script).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let (short, long) = described(&header);
    let otherwise = || format!("init script {}", name.kind);
    let text = |name: &str, text: &str| Element::new(name).with("lang", "en").with_text(text);
    let action = |name: &str| Element::new("action").with("name", name).with("timeout", "15");
    let actions = ["meta-data", "start", "stop", "status", "restart", "force-reload"].map(action);
    let monitor = action("monitor").with("interval", "15");
    let element = Element::new("resource-agent")
        .with("name", &name.kind)
        .with("version", "0.1")
        .with_child(Element::new("version").with_text("1.0"))
        .with_child(text("longdesc", &long.unwrap_or_else(otherwise)))
        .with_child(text("shortdesc", &short.unwrap_or_else(otherwise)))
        .with_child(Element::new("parameters"))
        .with_child(Element::new("actions").with_children(actions).with_child(monitor));
    Some(format!("<?xml version=\"1.0\"?>\n{}", element.to_text()))
}

/// Returns the short and the long description in the header of a script of the LSB.
fn described(script: &str) -> (Option<String>, Option<String>) {
    let header = script.lines().skip_while(|line| !line.starts_with("### BEGIN INIT INFO")).take_while(|line| !line.starts_with("### END"));
    let (mut short, mut long): (Option<String>, Option<String>) = (None, None);
    let mut is_long = false;
    for line in header {
        let line = line.trim_start_matches('#');
        if let Some(text) = line.trim().strip_prefix("Short-Description:") {
            short = Some(text.trim().to_owned());
        } else if let Some(text) = line.trim().strip_prefix("Description:") {
            long = Some(text.trim().to_owned());
            is_long = true;
            continue;
        } else if is_long
            && let Some(long) = &mut long
            && (line.starts_with("  ") || line.starts_with('\t'))
        {
            // It goes on in lines that are set in.
            *long += &format!("\n{}", line.trim());
            continue;
        }
        is_long = false;
    }
    (short.filter(|text| !text.is_empty()), long.filter(|text| !text.is_empty()))
}

/// How a run ended.
struct Ended {
    /// Absent when its time ran out.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Has an agent say more of what it does the more often `-V` is given: its own debugging, then every command of its shell.
///
/// Compat: the variables are those by which OCF agents know it; a trace goes to standard error unless the caller wants it elsewhere.
fn debug(environment: &mut BTreeMap<String, String>, verbose: u8) {
    let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
    set("HA_debug", if verbose > 0 { "1" } else { "0" });
    if verbose > 1 {
        set("OCF_TRACE_RA", "1");
    }
    environment.entry("OCF_TRACE_FILE".to_owned()).or_insert_with(|| "/dev/stderr".to_owned());
}

fn invocation(
    agent: &AgentName,
    action: &str,
    resource: Option<&str>,
    parameters: BTreeMap<String, String>,
    limit: Duration,
) -> Option<Invocation> {
    let call = AgentCall {
        id: CallId(0),
        agent: agent.clone(),
        action: action.to_owned(),
        resource: resource.map(Into::into),
        parameters,
        timeout: limit,
        unprivileged: false,
    };
    let mut call_host = host();
    // Compat: what OCF_RESKEY_ variables say is taken for the resource's parameters, as far as nothing else says it.
    call_host.inherited.extend(std::env::vars().filter(|(name, _)| name.starts_with("OCF_RESKEY_")));
    Invocation::new(&call_host, &call).ok()
}

/// Runs a program and waits for it; `None` where it cannot be run.
fn carry_out(invocation: &Invocation, limit: Duration) -> Option<Ended> {
    // Compat: what the agent would write to the cluster's log goes to standard error, where whoever asks sees it.
    let is_of_log = |name: &str| ["HA_LOGFILE", "HA_LOGFACILITY", "HA_DEBUGLOG"].contains(&name.to_uppercase().as_str());
    let environment = invocation.environment.iter().filter(|(name, _)| !is_of_log(name));
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).env_clear().envs(environment).env("HA_logfacility", "none").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), &invocation.input) {
        let _ = stdin.write_all(input.as_bytes());
    }
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.map(|stream| std::io::Read::read_to_end(&mut std::io::Read::take(stream, 1024 * 1024), &mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = read(child.stderr.take().map(|s| Box::new(s) as _));
    let deadline = Instant::now() + limit;
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status.code().unwrap_or(1)),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Some(Ended { code: None, stdout: String::new(), stderr: String::new() });
            }
        }
    };
    Some(Ended { code, stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default() })
}

/// Lets an agent judge a configuration that is given by options.
pub fn run_named(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let (Some(class), Some(kind)) = (&arguments.class, &arguments.agent) else {
        return Err(usage("If --validate is used without -r, --class and --agent (and --provider where the class has one) are needed"));
    };
    if class == "ocf" && arguments.provider.is_none() {
        return Err(usage("agent specification needs a provider"));
    }
    let agent = AgentName { class: class.clone(), provider: arguments.provider.clone(), kind: kind.clone() };
    let Some((action, option)) = arguments.forced_action() else { return Err(usage("no action is asked for")) };
    let parameters = arguments.pairs()?.into_iter().collect();
    // Units have no program, and devices are looked for where they are asked.
    let is_script = !matches!(class.as_str(), "systemd" | "service" | "stonith");
    let program = invocation(&agent, action, None, BTreeMap::new(), ACTION_PATIENCE).map(|invocation| invocation.program);
    if is_script && !program.is_some_and(|program| program.exists()) {
        return Err(usage(&format!("{class}:{}:{kind} is not a known resource", arguments.provider.as_deref().unwrap_or_default())));
    }
    perform(arguments, &agent, None, action, option, parameters, report)
}

/// Runs an action of a resource's agent here, past the cluster.
pub fn run_resource(
    arguments: &Arguments,
    scene: &Scene<'_>,
    index: ResourceIndex,
    action: &'static str,
    option: &'static str,
    report: &mut Report,
) -> Result<Exit, Refusal> {
    let facts = scene.facts;
    let id = arguments.resource()?;
    let (named, mut index) = (index, index);
    // A clone stands for the first instance of what it clones.
    while let (Kind::Clone(_), Some(child)) = (&facts.resource(index).kind, facts.resource(index).children.first()) {
        index = *child;
    }
    let resource = facts.resource(index);
    let Kind::Primitive(agent) = &resource.kind else {
        return Err(refused(
            Exit::UNIMPLEMENTED,
            format!("Sorry, the --{option} option doesn't support {} resources", kind_word(&resource.kind)),
        ));
    };
    if agent.class == "stonith" {
        return Err(refused(Exit::UNIMPLEMENTED, format!("Sorry, the --{option} option doesn't support stonith resources")));
    }
    let local = crate::commands::here::local(scene.cluster).unwrap_or_default();
    // Compat: an instance is named by its primitive's id, and may be acted on; its clone may not.
    let is_clone = matches!(facts.resource(named).kind, Kind::Clone(_));
    let runs_here = resource.active_nodes.iter().any(|node| facts.node(*node).name == local.as_str());
    if is_clone && runs_here && !arguments.force && matches!(option, "force-start" | "force-demote" | "force-promote") {
        let text = format!(
            "It is not safe to {action} {id} here: the cluster claims it is already active\nTry setting target-role=Stopped first or specifying the force option"
        );
        return Err(Refusal::new(Exit::UNSAFE, text));
    }
    let node = facts.find_node(&local);
    let mut parameters: BTreeMap<String, String> =
        facts.parameters(index, node).iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    parameters.insert("CRM_meta_on_node".to_owned(), local);
    // Compat: whoever calls an agent by hand tells it what it is; in a cluster nobody does.
    parameters.insert("CRM_meta_class".to_owned(), agent.class.to_string());
    parameters.insert("CRM_meta_type".to_owned(), agent.name.to_string());
    parameters.insert("CRM_meta_id".to_owned(), resource.configured_id.to_string());
    parameters.extend(agent.provider.as_ref().map(|provider| ("CRM_meta_provider".to_owned(), provider.to_string())));
    parameters.extend(arguments.pairs()?);
    let name = AgentName {
        class: agent.class.to_string(),
        provider: agent.provider.as_ref().map(ToString::to_string),
        kind: agent.name.to_string(),
    };
    perform(arguments, &name, Some(resource.configured_id.as_str()), action, option, parameters, report)
}

fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Primitive(_) => "primitive",
        Kind::Group(_) => "group",
        Kind::Clone(_) => "clone",
        Kind::Bundle(_) => "bundle",
    }
}

fn perform(
    arguments: &Arguments,
    agent: &AgentName,
    resource: Option<&str>,
    action: &str,
    option: &str,
    mut parameters: BTreeMap<String, String>,
    report: &mut Report,
) -> Result<Exit, Refusal> {
    let level = arguments.validate.as_deref().or(arguments.force_check.as_deref()).filter(|level| *level != "0");
    if let Some(level) = level {
        parameters.insert("OCF_CHECK_LEVEL".to_owned(), level.to_owned());
    }
    let limit = arguments.timeout.as_deref().and_then(model::parse_interval).unwrap_or(ACTION_PATIENCE);
    parameters.entry("CRM_meta_timeout".to_owned()).or_insert_with(|| limit.as_millis().to_string());
    let overrides = Element::new("overrides").with_children(arguments.pairs()?.iter().map(|(name, value)| {
        let shown = resource.map_or_else(|| Element::new("override"), |resource| Element::new("override").with("rsc", resource));
        shown.with("name", name).with("value", value)
    }));
    let ended = invocation(agent, action, resource, parameters, limit).and_then(|mut invocation| {
        debug(&mut invocation.environment, report.verbose);
        carry_out(&invocation, limit)
    });
    let (code, execution, words, stdout, stderr) = match ended {
        None => (5, 9, "not installed", String::new(), String::new()),
        Some(Ended { code: None, stdout, stderr }) => (1, 2, "Timed Out", stdout, stderr),
        Some(Ended { code: Some(code), stdout, stderr }) => (code, 0, "complete", stdout, stderr),
    };
    let reason = stderr.lines().rev().find_map(|line| line.strip_prefix("ocf-exit-reason:")).map(str::to_owned);
    let of = resource.map_or_else(String::new, |id| format!(" for {id}"));
    let meaning = AgentExit(code).as_str();
    let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    report.line(format!("Operation {option}{of} ({agent}) returned {code} ({meaning}{why})"));
    // Compat: what the agent printed is shown where it failed, or was asked for.
    if code != 0 || report.verbose > 0 {
        report.text(&stdout);
        report.text(&stderr);
        if !stdout.is_empty() || !stderr.is_empty() {
            report.line("");
        }
    }
    let mut element = Element::new("resource-agent-action").with("action", option).with("class", &agent.class).with("type", &agent.kind);
    if let Some(resource) = resource {
        element.set("rsc", resource);
    }
    if let Some(provider) = &agent.provider {
        element.set("provider", provider);
    }
    let mut status = Element::new("agent-status").with("code", code.to_string()).with("message", meaning);
    status.set("execution_code", execution.to_string());
    status.set("execution_message", words);
    if let Some(reason) = reason {
        status.set("reason", reason);
    }
    let outputs: Vec<Element> = [("stdout", &stdout), ("stderr", &stderr)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(source, text)| Element::new("output").with("source", source).with_text(text))
        .collect();
    let mut result = element.with_child(overrides).with_child(status);
    if !outputs.is_empty() {
        result.push(Element::new("command").with("code", code.to_string()).with_children(outputs));
    }
    report.element(result);
    let exit = Exit(u8::try_from(code).unwrap_or(1));
    match exit {
        Exit::OK => Ok(exit),
        _ => Err(Refusal::new(exit, format!("Error performing operation: {}", exit.text()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_traced_where_that_is_asked_for() {
        let said = |verbose, before: &[(&str, &str)]| {
            let mut environment = before.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            debug(&mut environment, verbose);
            environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(said(0, &[("HA_debug", "1")]), "HA_debug=0 OCF_TRACE_FILE=/dev/stderr");
        assert_eq!(said(1, &[]), "HA_debug=1 OCF_TRACE_FILE=/dev/stderr");
        assert_eq!(said(2, &[("OCF_TRACE_FILE", "/tmp/x")]), "HA_debug=1 OCF_TRACE_FILE=/tmp/x OCF_TRACE_RA=1");
    }

    #[test]
    fn agents_are_named_in_full() {
        assert_eq!(agent_name("ocf:heartbeat:Dummy").map(|name| name.to_string()).as_deref(), Some("ocf:heartbeat:Dummy"));
        assert_eq!(agent_name("stonith:fence_xvm").map(|name| name.to_string()).as_deref(), Some("stonith:fence_xvm"));
        for text in ["Dummy", "ocf:Dummy", "a:b:c:d", ""] {
            assert_eq!(agent_name(text), None, "{text}");
        }
    }
}
