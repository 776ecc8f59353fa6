//! `systole standby`, `maintenance`, `fence` and `shutdown`: what an administrator does to nodes.

use super::{here, native};
use admin::{Cluster, Holder, Pair, Refusal};
use clap::{Args, ValueEnum};
use messages::client::ClientBody;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Args)]
struct Standby {
    /// The node; without it, this one
    node: Option<String>,
    /// on or off
    #[arg(value_enum, default_value = "on")]
    switch: Switch,
}

/// Runs `systole standby`.
pub fn standby(arguments: Vec<OsString>) -> ExitCode {
    native::run("standby", arguments, |mut arguments: Standby| {
        // `systole standby off` is about this node.
        if let Some(switch) = arguments.node.as_deref().and_then(|word| Switch::from_str(word, false).ok()) {
            arguments.switch = switch;
            arguments.node = None;
        }
        set_of_node("standby", arguments.node.as_deref(), arguments.switch)
    })
}

#[derive(Args)]
struct Maintenance {
    /// on or off
    #[arg(value_enum)]
    switch: Switch,
    /// Only this node
    #[arg(long)]
    node: Option<String>,
}

/// Runs `systole maintenance`: of the whole cluster, or of one node.
pub fn maintenance(arguments: Vec<OsString>) -> ExitCode {
    native::run("maintenance", arguments, |arguments: Maintenance| {
        if arguments.node.is_some() {
            return set_of_node("maintenance", arguments.node.as_deref(), arguments.switch);
        }
        let value = if arguments.switch == Switch::On { "true" } else { "false" };
        let cluster = Cluster::from_environment("systole maintenance");
        cluster.set_attribute(&Holder::Options, &Pair::named("maintenance-mode"), value)?;
        Ok(Vec::new())
    })
}

fn set_of_node(name: &str, node: Option<&str>, switch: Switch) -> Result<Vec<String>, Refusal> {
    let cluster = Cluster::from_environment("systole");
    let node = here::node(&cluster, node)?;
    let (holder, pair) = (Holder::Node(node), Pair::named(name));
    match switch {
        Switch::On => cluster.set_attribute(&holder, &pair, if name == "standby" { "on" } else { "true" })?,
        Switch::Off => drop(cluster.delete_attribute(&holder, &pair)?),
    }
    Ok(Vec::new())
}

#[derive(Args)]
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
    native::run("fence", arguments, |Fence { node, off, on, confirm }| {
        let cluster = Cluster::live("systole fence");
        if confirm {
            cluster.request(ClientBody::ConfirmFenced { target: node.as_str().into() })?;
            return Ok(vec![format!("the cluster takes your word that {node} is off")]);
        }
        let action = match (off, on) {
            (true, _) => "off",
            (false, true) => "on",
            (false, false) => "reboot",
        };
        cluster.request(ClientBody::Fence { target: node.as_str().into(), action: action.into(), timeout: None, tolerance: None })?;
        Ok(vec![format!("{action} of {node} is confirmed")])
    })
}

#[derive(Args)]
struct Shutdown {
    /// The node; without it, this one
    node: Option<String>,
}

/// Runs `systole shutdown`: what runs on the node is moved or stopped first.
pub fn shutdown(arguments: Vec<OsString>) -> ExitCode {
    native::run("shutdown", arguments, |arguments: Shutdown| {
        let body = ClientBody::Shutdown { node: arguments.node.map(Into::into) };
        Cluster::live("systole shutdown").request(body).map(|_| Vec::new())
    })
}

#[derive(Args)]
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
    native::run("cleanup", arguments, |Cleanup { resource, node, refresh }| {
        let body = ClientBody::Cleanup { resource, node: node.map(Into::into), operation: None, interval_ms: None, refresh };
        Cluster::live("systole cleanup").request(body).map(|_| Vec::new())
    })
}
