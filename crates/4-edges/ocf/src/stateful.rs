//! `Stateful`: a resource with two roles that only remembers which one it has. For trying out promotable clones.

use crate::{Action, Agent, Call, Failure, Parameter};
use model::AgentExit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compat: the parameters are those of `ocf:pacemaker:Stateful`.
pub(crate) const AGENT: Agent = Agent {
    name: "Stateful",
    short: "A resource with two roles that only remembers which it has",
    long: "Keeps its role in a state file and sets its promotion score as real agents do.",
    parameters: &[
        Parameter {
            name: "state",
            kind: "string",
            default: None,
            required: false,
            unique: true,
            reloadable: false,
            short: "State file",
            long: "Where the role is kept; below the run directory by default.",
        },
        Parameter {
            name: "envfile",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: true,
            short: "Unused",
            long: "Kept so that configurations written for other agents load.",
        },
        Parameter {
            name: "notify_delay",
            kind: "time",
            default: Some("0"),
            required: false,
            unique: false,
            reloadable: true,
            short: "How long a notification takes",
            long: "A notify action waits this long.",
        },
    ],
    actions: &[
        Action::once("start", "20s"),
        Action::once("stop", "20s"),
        Action::once("promote", "10s"),
        Action::once("demote", "10s"),
        Action::once("notify", "5s"),
        Action::every_as("monitor", "20s", "10s", "Promoted"),
        Action::every_as("monitor", "20s", "11s", "Unpromoted"),
        Action::once("validate-all", "20s"),
        Action::once("meta-data", "5s"),
    ],
    run,
};

fn run(call: &Call) -> Result<(), Failure> {
    let state = call.parameter("state").map_or_else(|| call.state_file("Stateful"), PathBuf::from);
    match call.action.as_str() {
        "start" => {
            write_role(&state, "unpromoted")?;
            set_promotion_score(5);
            Ok(())
        }
        "promote" | "demote" if read_role(&state).is_none() => Err(Failure::not_running()),
        "promote" => {
            write_role(&state, "promoted")?;
            set_promotion_score(10);
            Ok(())
        }
        "demote" => {
            write_role(&state, "unpromoted")?;
            set_promotion_score(5);
            Ok(())
        }
        "stop" => {
            if read_role(&state).as_deref() == Some("promoted") {
                return Err(Failure::new(AgentExit::RUNNING_PROMOTED, "a promoted instance must be demoted before it is stopped"));
            }
            match std::fs::remove_file(&state) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            }
        }
        "monitor" | "status" => match read_role(&state).as_deref() {
            None => Err(Failure::not_running()),
            Some("promoted") => Err(Failure::promoted()),
            Some("unpromoted") => Ok(()),
            Some(other) => Err(Failure::new(AgentExit::ERROR, format!("{} holds {other:?} instead of a role", state.display()))),
        },
        "notify" => {
            std::thread::sleep(call.time("notify_delay")?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_role(state: &Path) -> Option<String> {
    std::fs::read_to_string(state).ok().map(|text| text.trim().to_owned())
}

fn write_role(state: &Path, role: &str) -> Result<(), Failure> {
    if let Some(directory) = state.parent() {
        std::fs::create_dir_all(directory)?;
    }
    Ok(std::fs::write(state, role)?)
}

/// Sets the promotion score by the tool every OCF agent uses; a score that cannot be set is no failure of the service.
fn set_promotion_score(score: i32) {
    let _ = Command::new("crm_attribute")
        .args(["--promotion", "-v", &score.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
