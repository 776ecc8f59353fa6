//! `systole standby`, `maintenance`, `fence` and `shutdown`: what an administrator does to nodes.

use super::here;
use admin::{Cluster, Exit, Holder, Pair, Refusal};
use clap::{Parser, ValueEnum};
use messages::client::{ClientBody, ReplyBody};
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Moves everything off a node, and lets nothing come back until it is switched off
#[derive(Parser)]
#[command(name = "systole standby")]
struct Standby {
    /// The node; without it, this one
    node: Option<String>,
    /// on or off
    #[arg(value_enum, default_value = "on")]
    switch: Switch,
}

/// Runs `systole standby`.
pub fn standby(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = match super::parse::<Standby>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    // `systole standby off` is about this node.
    if let Some(switch) = arguments.node.as_deref().and_then(|word| Switch::from_str(word, false).ok()) {
        arguments.switch = switch;
        arguments.node = None;
    }
    here::end("systole standby", set_of_node("standby", arguments.node.as_deref(), arguments.switch))
}

/// Lets the cluster watch, and touch nothing: of the whole cluster, or of one node
#[derive(Parser)]
#[command(name = "systole maintenance")]
struct Maintenance {
    /// on or off
    #[arg(value_enum)]
    switch: Switch,
    /// Only this node
    #[arg(long)]
    node: Option<String>,
}

/// Runs `systole maintenance`.
pub fn maintenance(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::parse::<Maintenance>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.node.is_some() {
        return here::end("systole maintenance", set_of_node("maintenance", arguments.node.as_deref(), arguments.switch));
    }
    let value = if arguments.switch == Switch::On { "true" } else { "false" };
    here::end(
        "systole maintenance",
        Cluster::from_environment("systole maintenance").set_attribute(&Holder::Options, &Pair::named("maintenance-mode"), value),
    )
}

fn set_of_node(name: &str, node: Option<&str>, switch: Switch) -> Result<(), Refusal> {
    let cluster = Cluster::from_environment("systole");
    let node = here::node(&cluster, node)?;
    let (holder, pair) = (Holder::Node(node), Pair::named(name));
    match switch {
        Switch::On => cluster.set_attribute(&holder, &pair, if name == "standby" { "on" } else { "true" }),
        Switch::Off => cluster.delete_attribute(&holder, &pair).map(|_| ()),
    }
}

/// Makes certain that a node runs nothing any more
#[derive(Parser)]
#[command(name = "systole fence")]
struct Fence {
    /// The node
    node: String,
    /// Leave it off instead of rebooting it
    #[arg(long, conflicts_with_all = ["on", "confirm"])]
    off: bool,
    /// Switch it on
    #[arg(long, conflicts_with = "confirm")]
    on: bool,
    /// Nothing is done to it: you have seen with your own eyes that it is off, and the cluster may rely on that
    #[arg(long)]
    confirm: bool,
}

/// Runs `systole fence`.
pub fn fence(arguments: Vec<OsString>) -> ExitCode {
    let Fence { node, off, on, confirm } = match super::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let cluster = Cluster::live("systole fence");
    let act = || {
        if confirm {
            cluster.request(ClientBody::ConfirmFenced { target: node.as_str().into() })?;
            println!("the cluster takes your word that {node} is off");
            return Ok(());
        }
        let action = if off {
            "off"
        } else if on {
            "on"
        } else {
            "reboot"
        };
        cluster.request(ClientBody::Fence { target: node.as_str().into(), action: action.into(), timeout: None, tolerance: None })?;
        println!("{action} of {node} is confirmed");
        Ok(())
    };
    here::end("systole fence", act())
}

/// Stops this node cleanly: what runs on it is moved or stopped first
#[derive(Parser)]
#[command(name = "systole shutdown")]
struct Shutdown {
    /// The node; without it, this one
    node: Option<String>,
}

/// Runs `systole shutdown`.
pub fn shutdown(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Shutdown>(arguments) {
        Ok(arguments) => {
            let body = ClientBody::Shutdown { node: arguments.node.map(Into::into) };
            here::end("systole shutdown", Cluster::live("systole shutdown").request(body).map(|_| ()))
        }
        Err(code) => code,
    }
}

/// Forgets failures of a resource (or of all), so that the cluster tries again
#[derive(Parser)]
#[command(name = "systole cleanup")]
struct Cleanup {
    /// The resource; without it, every resource
    resource: Option<String>,
    /// Only on this node
    #[arg(long)]
    node: Option<String>,
    /// Forget everything, not only failures: the state is probed again
    #[arg(long)]
    refresh: bool,
}

/// Runs `systole cleanup`.
pub fn cleanup(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Cleanup>(arguments) {
        Ok(Cleanup { resource, node, refresh }) => {
            let body = ClientBody::Cleanup { resource, node: node.map(Into::into), operation: None, interval_ms: None, refresh };
            here::end("systole cleanup", Cluster::live("systole cleanup").request(body).map(|_| ()))
        }
        Err(code) => code,
    }
}

/// Compat: the commands and words of Pacemaker's stonith_admin that scripts use.
#[derive(Parser)]
#[command(
    name = "stonith_admin",
    about = "Fence nodes and show what was fenced",
    disable_help_flag = true,
    version,
    disable_version_flag = true
)]
struct StonithAdmin {
    /// Fence the node: leave it off
    #[arg(short = 'F', long, value_name = "NODE")]
    fence: Option<String>,
    /// Fence the node: reboot it
    #[arg(short = 'B', long, value_name = "NODE")]
    reboot: Option<String>,
    /// Switch the node on
    #[arg(short = 'U', long, value_name = "NODE")]
    unfence: Option<String>,
    /// Tell the cluster that the node is safely down
    #[arg(short = 'C', long, value_name = "NODE")]
    confirm: Option<String>,
    /// Show fencings of the node, or of all ('*')
    #[arg(short = 'H', long, value_name = "NODE")]
    history: Option<String>,
    /// Show when the node was last fenced
    #[arg(short = 'h', long, value_name = "NODE")]
    last: Option<String>,
    /// How long to wait
    #[arg(short = 't', long)]
    timeout: Option<String>,
    /// An equal fencing this recently will do
    #[arg(long)]
    tolerance: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'T', long)]
    tag: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 'y', long)]
    delay: Option<String>,
    /// Print no more than needed
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Show all records
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print help
    #[arg(short = '?', long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `stonith_admin`.
pub fn stonith_admin(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<StonithAdmin>(arguments) {
        Ok(arguments) => here::end("stonith_admin", administer(&arguments)),
        Err(code) => code,
    }
}

fn administer(arguments: &StonithAdmin) -> Result<(), Refusal> {
    let cluster = Cluster::live("stonith_admin");
    let time = |text: &Option<String>| -> Result<Option<std::time::Duration>, Refusal> {
        let read = |text: &String| {
            model::parse_interval(text).ok_or_else(|| Refusal::new(Exit::USAGE, format!("{text:?} is not a time such as 5s")))
        };
        text.as_ref().map(read).transpose()
    };
    let fences = [(&arguments.fence, "off"), (&arguments.reboot, "reboot"), (&arguments.unfence, "on")];
    if let Some((Some(target), action)) = fences.into_iter().find(|(target, _)| target.is_some()) {
        let body = ClientBody::Fence {
            target: target.as_str().into(),
            action: action.into(),
            timeout: time(&arguments.timeout)?,
            tolerance: time(&arguments.tolerance)?,
        };
        return cluster.request(body).map(|_| ());
    }
    if let Some(target) = &arguments.confirm {
        return cluster.request(ClientBody::ConfirmFenced { target: target.as_str().into() }).map(|_| ());
    }
    let Some(target) = arguments.history.as_ref().or(arguments.last.as_ref()) else {
        return Err(Refusal::new(
            Exit::USAGE,
            "one of -F, -B, -U, -C, -H or -h is needed; registering devices by hand is not supported: they are configured in the CIB",
        ));
    };
    let node = (target != "*").then(|| target.as_str().into());
    let ReplyBody::FenceHistory(records) = cluster.request(ClientBody::FenceHistory { target: node })? else {
        return Err(Refusal::new(Exit::ERROR, "the daemon did not answer with a history"));
    };
    for record in &records {
        let when = record.completed.map_or_else(String::new, |at| {
            format!(" at {}", jiff::Timestamp::from_microsecond(at.0).map(|t| t.to_string()).unwrap_or_default())
        });
        let by = record.delegate.as_ref().map_or_else(String::new, |node| format!(" by {node}"));
        let why = record.exit_reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        println!("{} of {}{by} for {}@{}: {}{when}{why}", record.action, record.target, record.client, record.origin, record.state);
    }
    if records.is_empty() && !arguments.quiet {
        println!("{target} has never been fenced");
    }
    Ok(())
}
