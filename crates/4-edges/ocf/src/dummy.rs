//! `Dummy`: a resource that does nothing but remember whether it runs. For trying out, and for tests.

use crate::{Action, Agent, Call, Failure, Parameter};
use model::AgentExit;
use std::path::PathBuf;

/// Compat: the parameters are those of `ocf:pacemaker:Dummy`, whose place it takes where that is absent.
pub(crate) const AGENT: Agent = Agent {
    name: "Dummy",
    short: "A resource that only remembers whether it runs",
    long: "Keeps a state file while it runs. Its operations can be made slow or made to fail, to try out a cluster.",
    parameters: &[
        Parameter {
            name: "state",
            kind: "string",
            default: None,
            required: false,
            unique: true,
            reloadable: false,
            short: "State file",
            long: "Where the state is kept; below the run directory by default.",
        },
        Parameter {
            name: "passwd",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: false,
            short: "A secret without use",
            long: "A parameter that tools must hide.",
        },
        Parameter {
            name: "fake",
            kind: "string",
            default: Some("dummy"),
            required: false,
            unique: false,
            reloadable: true,
            short: "A value without use",
            long: "A parameter whose change needs no restart.",
        },
        Parameter {
            name: "op_sleep",
            kind: "time",
            default: Some("0"),
            required: false,
            unique: false,
            reloadable: true,
            short: "How long each operation takes",
            long: "Every start, stop and monitor waits this long before it acts.",
        },
        Parameter {
            name: "fail_start_on",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: true,
            short: "A node on which a start fails",
            long: "A start on the node of this name fails.",
        },
        Parameter {
            name: "envfile",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: true,
            short: "File for the environment",
            long: "Each call but meta-data appends its environment to this file.",
        },
        Parameter {
            name: "trace_file",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: true,
            short: "Unused",
            long: "Kept so that configurations written for other agents load.",
        },
    ],
    actions: &[
        Action::once("start", "20s"),
        Action::once("stop", "20s"),
        Action::every("monitor", "20s", "10s"),
        Action::once("reload", "20s"),
        Action::once("reload-agent", "20s"),
        Action::once("migrate_to", "20s"),
        Action::once("migrate_from", "20s"),
        Action::once("validate-all", "20s"),
        Action::once("meta-data", "5s"),
    ],
    run,
};

fn run(call: &Call) -> Result<(), Failure> {
    if let Some(path) = call.parameter("envfile") {
        write_environment(&path, &call.action)?;
    }
    let state = call.parameter("state").map_or_else(|| call.state_file("Dummy"), PathBuf::from);
    let wait = call.time("op_sleep")?;
    if matches!(call.action.as_str(), "start" | "stop" | "monitor" | "status") {
        std::thread::sleep(wait);
    }
    match call.action.as_str() {
        "start" | "migrate_from" => {
            if call.parameter("fail_start_on").as_deref() == Some(call.node.as_str()) {
                return Err(Failure::new(AgentExit::ERROR, format!("{} was told to fail on {}", call.resource, call.node)));
            }
            if let Some(directory) = state.parent() {
                std::fs::create_dir_all(directory)?;
            }
            std::fs::write(&state, b"")
                .map_err(|error| Failure::new(AgentExit::ERROR, format!("failed to write {}: {error}", state.display())))
        }
        "stop" | "migrate_to" => match std::fs::remove_file(&state) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        },
        "monitor" | "status" => state.exists().then_some(()).ok_or_else(Failure::not_running),
        _ => Ok(()),
    }
}

fn write_environment(path: &str, action: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let mut variables: Vec<(String, String)> = std::env::vars().filter(|(name, _)| name.starts_with("OCF")).collect();
    variables.sort();
    writeln!(file, "### {action}")?;
    variables.iter().try_for_each(|(name, value)| writeln!(file, "{name}={value}"))
}
