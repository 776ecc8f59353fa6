//! `systole standby`, `maintenance`, `fence` and `shutdown`: what an administrator does to nodes.

use super::here;
use admin::{Cluster, Holder, Pair, Refusal};
use clap::{Parser, ValueEnum};
use messages::client::ClientBody;
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
