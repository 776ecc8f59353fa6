//! `Process`: keeps any command running that stays in the foreground.

use crate::{Action, Agent, Call, Failure, Parameter, holder};
use model::AgentExit;
use std::process::Command;

pub(crate) const AGENT: Agent = Agent {
    name: "Process",
    short: "Keeps a command running",
    long: "Runs a command that stays in the foreground, in its own process group, without a shell.",
    parameters: &[
        Parameter {
            name: "program",
            kind: "string",
            default: None,
            required: true,
            unique: false,
            reloadable: false,
            short: "Program",
            long: "The program's path.",
        },
        Parameter {
            name: "arguments",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: false,
            short: "Arguments",
            long: "Its arguments, separated by blanks; there is no quoting.",
        },
        Parameter {
            name: "directory",
            kind: "string",
            default: None,
            required: false,
            unique: false,
            reloadable: false,
            short: "Working directory",
            long: "Where it is started.",
        },
    ],
    actions: &[
        Action::once("start", "20s"),
        Action::once("stop", "20s"),
        Action::every("monitor", "20s", "10s"),
        Action::once("validate-all", "5s"),
        Action::once("meta-data", "5s"),
    ],
    run,
};

fn run(call: &Call) -> Result<(), Failure> {
    let program = call.required("program")?;
    let state = call.state_file("Process");
    match call.action.as_str() {
        "start" if holder::running(&state).is_some() => Ok(()),
        "start" => {
            let mut command = Command::new(&program);
            command.args(call.parameter("arguments").unwrap_or_default().split_whitespace());
            if let Some(directory) = call.parameter("directory") {
                command.current_dir(directory);
            }
            holder::start(&state, &mut command).map(|_| ())
        }
        "stop" => holder::stop(&state, call.time_allowed()),
        "monitor" | "status" => holder::running(&state).map(|_| ()).ok_or_else(Failure::not_running),
        "validate-all" if !std::path::Path::new(&program).exists() => {
            Err(Failure::new(AgentExit::NOT_INSTALLED, format!("there is no program {program:?}")))
        }
        _ => Ok(()),
    }
}
