//! `ping`, `SysInfo`, `ifspeed` and `attribute`: agents that keep node attributes up to date, for rules to use.
//! They set attributes by `attrd_updater`, the tool every OCF agent uses.

use crate::{Action, Agent, Call, Failure, Parameter};
use model::AgentExit;
use std::process::{Command, Stdio};

pub(crate) const fn parameter(name: &'static str, kind: &'static str, default: Option<&'static str>, long: &'static str) -> Parameter {
    Parameter { name, kind, default, required: false, unique: false, reloadable: true, short: long, long }
}

pub(crate) const DAMPEN: Parameter =
    parameter("dampen", "time", Some("5s"), "How long to wait for further changes before the attribute is written");

pub(crate) const ACTIONS: &[Action] = &[
    Action::once("start", "60s"),
    Action::once("stop", "20s"),
    Action::every("monitor", "60s", "10s"),
    Action::once("reload", "20s"),
    Action::once("reload-agent", "20s"),
    Action::once("validate-all", "20s"),
    Action::once("meta-data", "5s"),
];

/// Compat: parameters and attributes are those of the agents of the same names in `ocf:pacemaker`.
pub(crate) const PING: Agent = Agent {
    name: "ping",
    short: "Counts reachable hosts in a node attribute",
    long: "Pings hosts and sets a node attribute to the number that answer, times a multiplier.",
    parameters: &[
        parameter("host_list", "string", None, "The hosts, separated by blanks"),
        parameter("name", "string", Some("pingd"), "The attribute"),
        parameter("multiplier", "integer", Some("1"), "What each host that answers counts"),
        parameter("attempts", "integer", Some("3"), "How often a host is asked before it counts as gone"),
        parameter("timeout", "integer", Some("2"), "How long one attempt waits, in seconds"),
        DAMPEN,
    ],
    actions: ACTIONS,
    run: |call| watch(call, &[call.parameter("name").unwrap_or_default()], ping),
};

pub(crate) const SYS_INFO: Agent = Agent {
    name: "SysInfo",
    short: "Describes the node in attributes",
    long: "Sets arch, os, cpu_cores, cpu_load and ram_free (in MiB) of the node.",
    parameters: &[DAMPEN],
    actions: ACTIONS,
    run: |call| watch(call, &["arch", "os", "cpu_cores", "cpu_load", "ram_free"].map(str::to_owned), sys_info),
};

pub(crate) const IFSPEED: Agent = Agent {
    name: "ifspeed",
    short: "Tells the speed of a network interface in a node attribute",
    long: "Sets a node attribute to the speed of an interface in Mbit/s, 0 when it has no link.",
    parameters: &[
        parameter("iface", "string", None, "The interface"),
        parameter("name", "string", Some("ifspeed"), "The attribute"),
        DAMPEN,
    ],
    actions: ACTIONS,
    run: |call| watch(call, &[call.parameter("name").unwrap_or_default()], ifspeed),
};

pub(crate) const ATTRIBUTE: Agent = Agent {
    name: "attribute",
    short: "Sets a node attribute to one value while it runs and to another when it is stopped",
    long: "For rules that depend on whether something runs on a node.",
    parameters: &[
        parameter("name", "string", None, "The attribute"),
        parameter("active_value", "string", Some("1"), "Its value while this runs"),
        parameter("inactive_value", "string", Some("0"), "Its value when this is stopped"),
    ],
    actions: ACTIONS,
    run: attribute,
};

pub(crate) type Values = Vec<(String, String)>;

/// Carries out the actions of an agent whose only work is to look and to tell.
pub(crate) fn watch(call: &Call, names: &[String], look: fn(&Call) -> Result<Values, Failure>) -> Result<(), Failure> {
    let state = call.state_file("watch");
    match call.action.as_str() {
        "start" => {
            if let Some(folder) = state.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&state, b"")?;
            tell(call, &look(call)?)
        }
        "stop" => {
            let _ = std::fs::remove_file(&state);
            names.iter().try_for_each(|name| updater(&["-n", name, "-D"]))
        }
        "monitor" | "status" if !state.exists() => Err(Failure::not_running()),
        "monitor" | "status" | "reload" | "reload-agent" => tell(call, &look(call)?),
        _ => look(call).map(|_| ()),
    }
}

fn tell(call: &Call, values: &Values) -> Result<(), Failure> {
    let dampen = call.parameter("dampen").or_else(|| call.parameter("dampening")).unwrap_or_else(|| "0".to_owned());
    values.iter().try_for_each(|(name, value)| updater(&["-n", name, "-B", value, "-d", &dampen]))
}

fn updater(arguments: &[&str]) -> Result<(), Failure> {
    let status = Command::new("attrd_updater").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(AgentExit::ERROR, format!("attrd_updater ended with {status}"))),
        Err(error) => Err(Failure::new(AgentExit::NOT_INSTALLED, format!("failed to run attrd_updater: {error}"))),
    }
}

fn ping(call: &Call) -> Result<Values, Failure> {
    let (hosts, name) = (call.required("host_list")?, call.required("name")?);
    let number = |key: &str, default: u32| call.parameter(key).and_then(|text| text.trim_end_matches('s').parse().ok()).unwrap_or(default);
    let (attempts, timeout) = (number("attempts", 3).to_string(), number("timeout", 2).to_string());
    let mut answering = 0;
    for host in hosts.split_whitespace() {
        let asked = Command::new("ping")
            .args(["-n", "-q", "-c", &attempts, "-W", &timeout, host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let status = asked.map_err(|error| Failure::new(AgentExit::NOT_INSTALLED, format!("failed to run ping: {error}")))?;
        answering += u32::from(status.success());
    }
    Ok(vec![(name, (answering * number("multiplier", 1)).to_string())])
}

fn sys_info(_call: &Call) -> Result<Values, Failure> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg").split_whitespace().next().unwrap_or("0").to_owned();
    let meminfo = read("/proc/meminfo");
    let free = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let release = read("/proc/sys/kernel/osrelease");
    let values = [
        ("arch", std::env::consts::ARCH.to_owned()),
        ("os", format!("Linux-{}", release.trim())),
        ("cpu_cores", cores.to_string()),
        ("cpu_load", load),
        ("ram_free", (free.unwrap_or(0) / 1024).to_string()),
    ];
    Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn ifspeed(call: &Call) -> Result<Values, Failure> {
    let (interface, name) = (call.required("iface")?, call.required("name")?);
    let folder = std::path::Path::new("/sys/class/net").join(&interface);
    if interface.contains('/') || !folder.exists() {
        return Err(Failure::new(AgentExit::NOT_CONFIGURED, format!("there is no network interface {interface:?}")));
    }
    // An interface without link, and one that knows no speed (a bridge, loopback), cannot be read or says -1.
    let speed = std::fs::read_to_string(folder.join("speed")).ok().and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0);
    Ok(vec![(name, speed.max(0).to_string())])
}

fn attribute(call: &Call) -> Result<(), Failure> {
    let (name, state) = (call.parameter("name").unwrap_or_else(|| format!("opa-{}", call.resource)), call.state_file("attribute"));
    let set = |key: &str| updater(&["-n", &name, "-U", &call.parameter(key).unwrap_or_default()]);
    match call.action.as_str() {
        "start" => {
            if let Some(folder) = state.parent() {
                std::fs::create_dir_all(folder)?;
            }
            set("active_value")?;
            Ok(std::fs::write(&state, b"")?)
        }
        "stop" => {
            set("inactive_value")?;
            let _ = std::fs::remove_file(&state);
            Ok(())
        }
        "monitor" | "status" => state.exists().then_some(()).ok_or_else(Failure::not_running),
        "reload" | "reload-agent" => set("active_value"),
        _ => Ok(()),
    }
}
