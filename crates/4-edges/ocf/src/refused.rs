//! `remote` and `controld`: agents that describe and check themselves like any other, and start nothing: connections to remote nodes
//! are made by the cluster's daemon itself, and what `controld` stands for is not done yet. They can always be stopped.

use crate::{Action, Agent, Call, Failure, Parameter};
use model::AgentExit;

const fn parameter(name: &'static str, kind: &'static str, default: Option<&'static str>, short: &'static str) -> Parameter {
    Parameter { name, kind, default, required: false, unique: false, reloadable: false, short, long: short }
}

/// Compat: the parameters are those of `ocf:pacemaker:remote`.
pub(crate) const REMOTE: Agent = Agent {
    name: "remote",
    short: "A connection to a remote node",
    long: "Stands for a host that runs resources without being a member: the resource's name is the node's. The cluster makes the connection itself; this agent only describes it.",
    parameters: &[
        parameter("server", "string", None, "The host's name or address; the resource's name by default"),
        parameter("port", "integer", Some("3121"), "The TCP port"),
        parameter("reconnect_interval", "time", Some("0"), "How long to wait before a lost connection is tried again"),
    ],
    actions: &[
        Action::once("start", "60s"),
        Action::once("stop", "60s"),
        Action::once("reload", "60s"),
        Action::once("reload-agent", "60s"),
        Action::every("monitor", "30s", "60s"),
        Action::once("migrate_to", "60s"),
        Action::once("migrate_from", "60s"),
        Action::once("validate-all", "30s"),
        Action::once("meta-data", "5s"),
    ],
    run: |call| refuse(call, "the cluster makes connections to remote nodes itself"),
};

/// Compat: the parameters are those of `ocf:pacemaker:controld`.
pub(crate) const CONTROLD: Agent = Agent {
    name: "controld",
    short: "The control daemon of the distributed lock manager; not supported",
    long: "Starts dlm_controld. That daemon asks Pacemaker's own libraries to fence, which Systole does not serve: a start fails at once.",
    parameters: &[
        parameter("args", "string", Some("-s 0"), "Options of the daemon"),
        parameter("daemon", "string", Some("dlm_controld"), "The daemon"),
        parameter("allow_fencing_disabled", "boolean", Some("false"), "Whether it may run without fencing"),
        parameter("allow_stonith_disabled", "boolean", Some("false"), "The older name of allow_fencing_disabled"),
    ],
    actions: &[
        Action::once("start", "90s"),
        Action::once("stop", "100s"),
        Action::every("monitor", "20s", "10s"),
        Action::once("validate-all", "30s"),
        Action::once("meta-data", "5s"),
    ],
    run: controld,
};

fn refuse(call: &Call, why: &str) -> Result<(), Failure> {
    match call.action.as_str() {
        "stop" => Ok(()),
        "monitor" | "status" => Err(Failure::not_running()),
        _ => Err(Failure::new(AgentExit::UNIMPLEMENTED, why)),
    }
}

fn controld(call: &Call) -> Result<(), Failure> {
    let daemon = call.parameter("daemon").unwrap_or_default();
    if matches!(call.action.as_str(), "start" | "validate-all") {
        if !matches!(daemon.as_str(), "dlm_controld" | "dlm_controld.pcmk") {
            return Err(Failure::new(AgentExit::NOT_CONFIGURED, format!("daemon is {daemon:?}; only dlm_controld is known")));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(&daemon).is_file()) {
            return Err(Failure::new(AgentExit::NOT_INSTALLED, format!("{daemon} is not installed")));
        }
    }
    refuse(call, "dlm_controld asks Pacemaker's libraries to fence, and Systole does not serve those")
}
