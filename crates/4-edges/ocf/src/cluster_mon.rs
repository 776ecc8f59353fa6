//! `ClusterMon`: keeps `crm_mon` running, which writes the cluster's status into a page and can call a program at each event.

use crate::{Action, Agent, Call, Failure, Parameter, holder};
use model::AgentExit;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const fn parameter(name: &'static str, kind: &'static str, default: Option<&'static str>, unique: bool, short: &'static str) -> Parameter {
    Parameter { name, kind, default, required: false, unique, reloadable: false, short, long: short }
}

/// Compat: the parameters are those of `ocf:pacemaker:ClusterMon`.
pub(crate) const AGENT: Agent = Agent {
    name: "ClusterMon",
    short: "Runs crm_mon in the background",
    long: "Keeps crm_mon running, which writes the status of the cluster to a file as HTML, and with -E among the extra options calls a program at each event.",
    parameters: &[
        parameter("user", "string", None, false, "The user to run crm_mon as; root by default"),
        parameter("update", "integer", Some("15000"), false, "How often the file is written, in milliseconds; below 1000: in seconds"),
        parameter("extra_options", "string", None, false, "More options of crm_mon, for example -n -r"),
        parameter("pidfile", "string", None, true, "A file for the process's number"),
        parameter("htmlfile", "string", None, true, "The file to write; /tmp/ClusterMon_RESOURCE.html by default"),
    ],
    actions: &[
        Action::once("start", "20s"),
        Action::once("stop", "20s"),
        Action::every("monitor", "20s", "10s"),
        Action::once("validate-all", "30s"),
        Action::once("meta-data", "5s"),
    ],
    run,
};

/// Options that the agent gives itself.
const OURS: [&str; 6] = ["-i", "-h", "-p", "-d", "--output-as", "--output-to"];

fn run(call: &Call) -> Result<(), Failure> {
    let state = call.state_file("ClusterMon");
    match call.action.as_str() {
        "start" if holder::running(&state).is_some() => Ok(()),
        "start" => {
            let pid = holder::start(&state, &mut command(call)?)?;
            if let Some(path) = call.parameter("pidfile") {
                std::fs::write(path, format!("{pid}\n"))?;
            }
            Ok(())
        }
        "stop" => {
            holder::stop(&state, call.time_allowed())?;
            if let Some(path) = call.parameter("pidfile") {
                let _ = std::fs::remove_file(path);
            }
            Ok(())
        }
        "monitor" | "status" => holder::running(&state).map(drop).ok_or_else(Failure::not_running),
        _ => command(call).map(drop),
    }
}

fn command(call: &Call) -> Result<Command, Failure> {
    let invalid = |text: String| Failure::new(AgentExit::INVALID_PARAMETER, text);
    let update = call.parameter("update").unwrap_or_default();
    let number: u64 = update
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| invalid(format!("update is {update:?}, which is no positive number")))?;
    let update = if number < 1000 { Duration::from_secs(number) } else { Duration::from_millis(number) };
    let page = call.parameter("htmlfile").unwrap_or_else(|| format!("/tmp/ClusterMon_{}.html", call.resource));
    if !PathBuf::from(&page).is_absolute() {
        return Err(invalid(format!("htmlfile {page:?} is not an absolute path")));
    }
    let extra = call.parameter("extra_options").unwrap_or_default();
    if let Some(option) =
        extra.split_whitespace().find(|word| OURS.iter().any(|ours| word == ours || word.starts_with(&format!("{ours}="))))
    {
        return Err(invalid(format!("{option} must not be among extra_options: the agent gives it itself")));
    }
    let mut words = vec!["crm_mon".to_owned(), "-d".to_owned(), "-i".to_owned(), format!("{}ms", update.as_millis())];
    words.extend(extra.split_whitespace().map(str::to_owned));
    words.extend(["--output-as=html".to_owned(), format!("--output-to={page}")]);
    if let Some(user) = call.parameter("user") {
        words = ["setpriv".to_owned(), format!("--reuid={user}"), "--init-groups".to_owned()].into_iter().chain(words).collect();
    }
    let mut command = Command::new(&words[0]);
    // The process we start is the one that stays: its number and start time tell later whether it runs.
    command.args(&words[1..]).env("SYSTOLE_STAY", "1");
    Ok(command)
}
