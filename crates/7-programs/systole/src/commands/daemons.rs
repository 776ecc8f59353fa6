//! `systole hub`, `systole agentd` and `systole node`: the processes of a node. People rarely call them.

use clap::Parser;
use messages::group::Engine;
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
    /// The user that the nodes' daemons run as, where it is not this one
    #[arg(long)]
    daemon_user: Option<String>,
}

/// Runs the hub.
pub fn hub(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::tool::parse::<HubArguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let nodes = arguments.nodes.into_iter().map(Into::into).collect();
    let mut options = hub::HubOptions::new(arguments.socket, nodes);
    options.silence_max = Duration::from_millis(arguments.silence_ms);
    if let Some(name) = &arguments.daemon_user {
        match agents::User::find(std::path::Path::new("/"), name) {
            Some(user) => options.daemons = Some((user.uid, user.gid)),
            None => return super::finish("hub", Err(anyhow::anyhow!("there is no user {name}"))),
        }
    }
    super::finish("hub", hub::run(options).map_err(Into::into))
}

/// What orders the messages of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    /// Several nodes of this machine, by a hub
    Hub,
    /// Several hosts, by Corosync
    Corosync,
}

#[derive(clap::Args)]
struct Place {
    /// The node's name [default: what Corosync calls this host]
    #[arg(long)]
    node: Option<String>,
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// What orders the messages of the cluster [default: the hub where --hub is given, else Corosync where it is configured]
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// The hub's socket
    #[arg(long)]
    hub: Option<PathBuf>,
}

impl Place {
    /// Returns the engine that was chosen, or why there is none.
    fn engine(&self) -> anyhow::Result<Engine> {
        let configuration = self.root.join("etc/corosync/corosync.conf");
        match (self.engine, &self.hub) {
            (Some(EngineName::Hub), None) => anyhow::bail!("the engine `hub` needs --hub SOCKET"),
            (Some(EngineName::Hub) | None, Some(socket)) => Ok(Engine::Hub(socket.clone())),
            (Some(EngineName::Corosync), _) => Ok(Engine::Corosync),
            (None, None) if configuration.exists() => Ok(Engine::Corosync),
            (None, None) => anyhow::bail!(
                "there is no {}: `systole cluster setup` makes a cluster of several hosts, `systole sandbox` one on this machine",
                configuration.display()
            ),
        }
    }

    /// Returns the name that was given, else what Corosync calls this host; waits for Corosync.
    fn name(&self, engine: &Engine) -> anyhow::Result<String> {
        match (&self.node, engine) {
            (Some(name), _) => Ok(name.clone()),
            (None, Engine::Hub(_)) => anyhow::bail!("the engine `hub` needs --node NAME"),
            (None, Engine::Corosync) => name_by_corosync(),
        }
    }
}

/// Asks until Corosync answers; a library that is missing is not waited for.
fn name_by_corosync() -> anyhow::Result<String> {
    let mut told = None;
    loop {
        match corosync::local_name() {
            Ok(name) => return Ok(name.to_string()),
            Err(error @ corosync::EngineError::LibraryMissing { .. }) => return Err(error.into()),
            Err(error) if told.as_ref() == Some(&error) => {}
            Err(error) => {
                eprintln!("systole agentd: waiting for Corosync: {error}");
                told = Some(error);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The root role of a node: runs agents, starts the daemon
#[derive(Parser)]
#[command(name = "systole agentd")]
struct AgentdArguments {
    #[command(flatten)]
    place: Place,
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
    match super::tool::parse::<AgentdArguments>(arguments) {
        Ok(arguments) => super::finish("agentd", run_agentd(arguments)),
        Err(code) => code,
    }
}

fn run_agentd(arguments: AgentdArguments) -> anyhow::Result<()> {
    let place = arguments.place;
    let engine = place.engine()?;
    let name = place.name(&engine)?;
    let mut node_command: Vec<OsString> = vec![std::env::current_exe()?.into(), "node".into(), "--node".into(), name.clone().into()];
    node_command.extend(["--root".into(), place.root.clone().into()]);
    match &engine {
        Engine::Hub(socket) => node_command.extend(["--hub".into(), socket.clone().into()]),
        Engine::Corosync => node_command.extend(["--engine".into(), "corosync".into()]),
    }
    agentd::run(agentd::AgentdOptions {
        node: name.into(),
        root: place.root,
        engine,
        node_command,
        tools: arguments.tools,
        daemon_user: arguments.daemon_user,
        incarnation: arguments.incarnation,
    })
}

/// The daemon of a node; started by `systole agentd`
#[derive(Parser)]
#[command(name = "systole node")]
struct NodeArguments {
    #[command(flatten)]
    place: Place,
}

/// Runs the daemon.
pub fn node(arguments: Vec<OsString>) -> ExitCode {
    let place = match super::tool::parse::<NodeArguments>(arguments) {
        Ok(arguments) => arguments.place,
        Err(code) => return code,
    };
    let outcome = place.engine().and_then(|engine| {
        let node = place.name(&engine)?.into();
        node::run(node::NodeOptions { node, root: place.root, engine })
    });
    match outcome {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => super::finish("node", Err(error)),
    }
}
