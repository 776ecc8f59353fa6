//! The one program: the daemons, the native commands, Pacemaker's tools and Systole's own agents.
//!
//! Which of them runs is told by the name it is called by (a link named `crm_mon`, an agent in
//! `resource.d/systole`) or by the first argument (`systole status`). This file only dispatches.

mod broken_pipe;
mod commands;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    broken_pipe::end_quietly(run)
}

fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let called = arguments.first().map(Path::new).unwrap_or(Path::new("systole"));
    if let Some(agent) = commands::agent_of_path(called) {
        return commands::run_agent(&agent, &arguments[1..]);
    }
    let name = called.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(command) = commands::find(&name) {
        return (command.run)(arguments);
    }
    let Some(first) = arguments.get(1).map(|a| a.to_string_lossy().into_owned()) else {
        commands::print_overview();
        return ExitCode::from(64);
    };
    match first.as_str() {
        "help" | "--help" | "-h" | "-?" => {
            commands::print_overview();
            ExitCode::SUCCESS
        }
        "--version" | "-V" => {
            println!("systole {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => match commands::find(&first) {
            Some(command) => (command.run)(arguments[1..].to_vec()),
            None => {
                eprintln!("systole: there is no command {first:?}; `systole help` lists them");
                ExitCode::from(64)
            }
        },
    }
}
