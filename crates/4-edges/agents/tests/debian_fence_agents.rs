//! Every fence agent of Debian's `fence-agents` that is installed: its meta-data are had the way the cluster has them, and what
//! the fencer would give it is what the agent says it takes. One that can work without hardware does.

use agents::{AgentHost, Ended, Invocation, spawn};
use fencer::{Circumstances, Configuration, Device};
use messages::agent::{AgentCall, AgentName, AgentOutcome};
use model::{CallId, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use xml::Element;

/// Generous: agents in Python take a while to start on a busy machine.
const AMPLE: Duration = Duration::from_secs(120);

fn run(runtime: &tokio::runtime::Runtime, kind: &str, action: &str, parameters: BTreeMap<String, String>) -> Ended {
    let mut host = AgentHost::new("/", None);
    // Some write their caches as whoever runs them.
    host.unprivileged = None;
    let agent = AgentName { class: "stonith".to_owned(), provider: None, kind: kind.to_owned() };
    let action = action.to_owned();
    let call = AgentCall { id: CallId(1), agent, action, resource: None, parameters, timeout: AMPLE, unprivileged: false };
    let invocation = Invocation::new(&host, &call).expect("it is installed");
    runtime.block_on(async { spawn(&invocation).expect("it starts").finish(AMPLE, std::future::pending()).await })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn installed() -> Vec<String> {
    let files = std::fs::read_dir("/usr/sbin").into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("fence_")).collect();
    // A daemon, two that the cluster never runs, and what other tests leave here.
    names.retain(|name| !matches!(name.as_str(), "fence_virtd" | "fence_legacy" | "fence_watchdog" | "fence_lab" | "fence_sandbox"));
    names.sort();
    names
}

/// Returns a configured device of an agent.
fn device(kind: &str, parameters: &str) -> Device {
    let text = format!(
        "<cib><configuration><crm_config/><resources><primitive id='d' class='stonith' type='{kind}'><instance_attributes id='i'>{parameters}\
         </instance_attributes></primitive></resources><constraints/></configuration></cib>"
    );
    let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
    Configuration::read(&cib, &Circumstances::default()).devices["d"].clone()
}

/// Returns the names in meta-data: parameters and actions.
fn names<'a>(metadata: &'a Element, what: &str) -> BTreeSet<&'a str> {
    metadata.descendants().filter(|element| element.name == what).filter_map(|element| element.attribute("name")).collect()
}

#[test]
fn each_agent_says_what_it_takes_and_gets_nothing_else() {
    const NAME: &str = "each_agent_says_what_it_takes_and_gets_nothing_else";
    let agents = installed();
    if agents.is_empty() {
        return println!("skipped: {NAME}: needs fence-agents");
    }
    let (runtime, target) = (runtime(), NodeName::new("node2"));
    let mut understood = 0;
    for kind in &agents {
        let ended = run(&runtime, kind, "metadata", BTreeMap::new());
        if ended.stderr.contains("ModuleNotFoundError") || ended.stderr.contains("ImportError") || kind == "fence_ack_manual" {
            // fence_ack_manual speaks to people only.
            println!("skipped: {NAME} ({kind}): {}", ended.stderr.lines().last().unwrap_or("prints no meta-data"));
            continue;
        }
        assert_eq!(ended.outcome, AgentOutcome::Exited(0), "{kind}: {}", ended.stderr);
        let start = ended.stdout.find('<').unwrap_or_else(|| panic!("{kind}: no XML: {}", ended.stdout));
        let metadata =
            xml::parse(&ended.stdout.as_bytes()[start..], &xml::Limits::default()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let (parameters, actions) = (names(&metadata, "parameter"), names(&metadata, "action"));
        let device =
            device(kind, "<nvpair id='h' name='pcmk_host_map' value='node2:outlet-7'/><nvpair id='l' name='pcmk_delay_base' value='5s'/>");
        for action in ["off", "on", "reboot", "status", "list"].into_iter().filter(|action| actions.contains(action)) {
            let call = device.call(action, &ended.stdout, Some(&target));
            assert_eq!(call.action, action, "{kind}");
            for (name, value) in &call.parameters {
                // Compat: `nodename` is given to all, also to those that do not list it.
                assert!(name == "nodename" || parameters.contains(name.as_str()), "{kind} does not take {name}");
                assert!(name == "nodename" || value == "outlet-7", "{kind}: {name}={value}");
            }
            let wants_target = parameters.contains("port") || parameters.contains("plug");
            assert_eq!(call.parameters.len() > 1, wants_target, "{kind} {action}: {:?}", call.parameters);
        }
        understood += 1;
    }
    assert!(understood > 0 && understood + 5 > agents.len(), "{understood} of {} understood", agents.len());
}

#[test]
fn an_agent_without_hardware_switches_off_and_on() {
    const NAME: &str = "an_agent_without_hardware_switches_off_and_on";
    if !installed().contains(&"fence_dummy".to_owned()) {
        return println!("skipped: {NAME}: needs fence_dummy of fence-agents");
    }
    let (runtime, target, folder) = (runtime(), NodeName::new("node2"), tempfile::tempdir().unwrap());
    let file = folder.path().join("power");
    let device = device(
        "fence_dummy",
        &format!("<nvpair id='t' name='type' value='file'/><nvpair id='f' name='status_file' value='{}'/>", file.display()),
    );
    let metadata = run(&runtime, "fence_dummy", "metadata", BTreeMap::new()).stdout;
    let exit = |action: &str| {
        let call = device.call(action, &metadata, Some(&target));
        run(&runtime, "fence_dummy", &call.action, call.parameters).outcome
    };
    assert_eq!((exit("on"), exit("status")), (AgentOutcome::Exited(0), AgentOutcome::Exited(0)));
    assert_eq!((exit("off"), exit("status")), (AgentOutcome::Exited(0), AgentOutcome::Exited(2)));
    assert_eq!((exit("reboot"), exit("status")), (AgentOutcome::Exited(0), AgentOutcome::Exited(0)));
}
