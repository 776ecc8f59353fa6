//! `systole hub`, `systole agentd` and `systole node`: the processes of a node. People rarely call them.

use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Orders the messages of several nodes on this machine
#[derive(Parser)]
#[command(name = "systole hub")]
struct HubArguments {
    /// The Unix socket that nodes connect to
    #[arg(long)]
    socket: PathBuf,
    /// Names of the configured nodes, in the order of their ids
    #[arg(long, value_delimiter = ',', required = true)]
    nodes: Vec<String>,
    /// How long a connection may show no life before it is evicted, in milliseconds
    #[arg(long, default_value_t = 1000)]
    silence_ms: u64,
}

/// Runs the hub.
pub fn hub(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<HubArguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let nodes = arguments.nodes.into_iter().map(Into::into).collect();
    let mut options = hub::HubOptions::new(arguments.socket, nodes);
    options.silence_max = Duration::from_millis(arguments.silence_ms);
    super::finish("hub", hub::run(options).map_err(Into::into))
}

/// The root role of a node: runs agents, starts the daemon
#[derive(Parser)]
#[command(name = "systole agentd")]
struct AgentdArguments {
    /// The node's name
    #[arg(long)]
    node: String,
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The hub's socket
    #[arg(long)]
    hub: PathBuf,
    /// The folder with the tools that agents call
    #[arg(long)]
    tools: Option<PathBuf>,
    /// The user the daemon runs as
    #[arg(long)]
    daemon_user: Option<String>,
    /// Names this life of the host
    #[arg(long)]
    incarnation: Option<String>,
}

/// Runs the root role.
pub fn agentd(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<AgentdArguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return super::finish("agentd", Err(error.into())),
    };
    let node_command = vec![
        program.into(),
        "node".into(),
        "--node".into(),
        arguments.node.clone().into(),
        "--root".into(),
        arguments.root.clone().into(),
        "--hub".into(),
        arguments.hub.clone().into(),
    ];
    super::finish(
        "agentd",
        agentd::run(agentd::AgentdOptions {
            node: arguments.node.into(),
            root: arguments.root,
            hub: arguments.hub,
            node_command,
            tools: arguments.tools,
            daemon_user: arguments.daemon_user,
            incarnation: arguments.incarnation,
        }),
    )
}

/// The daemon of a node; started by `systole agentd`
#[derive(Parser)]
#[command(name = "systole node")]
struct NodeArguments {
    /// The node's name
    #[arg(long)]
    node: String,
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The hub's socket
    #[arg(long)]
    hub: PathBuf,
}

/// Runs the daemon.
pub fn node(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<NodeArguments>(arguments) {
        Ok(arguments) => {
            let options = node::NodeOptions { node: arguments.node.into(), root: arguments.root, hub: arguments.hub };
            match node::run(options) {
                Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
                Err(error) => super::finish("node", Err(error)),
            }
        }
        Err(code) => code,
    }
}
