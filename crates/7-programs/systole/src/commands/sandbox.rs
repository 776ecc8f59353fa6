//! `systole sandbox`: a cluster on this machine, to watch and to break; and its fence agent.

use clap::{Args, Parser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs a cluster on this machine, with a service on it, and lets you break it
///
/// Each node is a real `systole agentd` and `systole node` with a root directory of its own; resources run through real
/// agents. Without a script there is a prompt; `help` there lists what can be done. A sandbox that runs already is told
/// from another terminal: systole sandbox --tell FOLDER crash node2
#[derive(Parser)]
#[command(name = "systole sandbox")]
struct Arguments {
    #[command(flatten)]
    start: Start,
    /// Tells the sandbox in this folder one step instead of starting one
    #[arg(long, value_name = "FOLDER")]
    tell: Option<PathBuf>,
    /// The step for --tell, such as: crash node2
    #[arg(requires = "tell")]
    step: Vec<String>,
}

#[derive(Args)]
struct Start {
    /// How many nodes [default: as many as the CIB names, or 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    nodes: Option<u16>,
    /// A CIB to load [default: a web server behind an address]
    #[arg(long, value_name = "FILE")]
    cib: Option<PathBuf>,
    /// A scenario to run without a terminal: a file, or `demo`
    #[arg(long, value_name = "FILE")]
    script: Option<String>,
    /// Where the nodes keep their files; kept at the end [default: a temporary folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The user that the nodes' daemons run as; needs root [default: yourself]
    #[arg(long, value_name = "NAME")]
    daemon_user: Option<String>,
    /// Show every fact, not only those of an incident
    #[arg(long, short)]
    verbose: bool,
}

/// Runs a sandbox, or speaks to one.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if let Some(folder) = arguments.tell {
        return match sandbox::send(&folder.join("control.sock"), &arguments.step.join(" ")) {
            Ok(answer) => {
                if !answer.is_empty() {
                    println!("{answer}");
                }
                ExitCode::SUCCESS
            }
            Err(reason) => {
                eprintln!("systole sandbox: {reason}");
                ExitCode::FAILURE
            }
        };
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return super::finish("sandbox", Err(error.into())),
    };
    let start = arguments.start;
    let tools = super::COMMANDS.iter().filter(|c| c.audience == super::Audience::Compatible).map(|c| c.name).chain(["systole"]).collect();
    let options = sandbox::Options {
        nodes: start.nodes.map(usize::from),
        cib: start.cib,
        script: start.script,
        folder: start.folder,
        daemon_user: start.daemon_user,
        verbose: start.verbose,
        program,
        tools,
        agents: ocf::AGENTS.iter().map(|agent| agent.name).collect(),
    };
    match sandbox::run(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => super::finish("sandbox", Err(error)),
    }
}

/// Runs as the fence agent of a sandbox.
pub fn fence_agent(_arguments: Vec<OsString>) -> ExitCode {
    ExitCode::from(sandbox::fence_agent())
}
