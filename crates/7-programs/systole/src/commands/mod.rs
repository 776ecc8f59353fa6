//! The table of commands: name, what it is for, and what runs it. Help, links and dispatch are made of it.
//!
//! One file a command; a command's file holds its options (whose doc comments are its help) and nothing
//! that another command needs.

mod adopt;
mod attrd_updater;
mod check_login;
mod cib_input;
mod cibadmin;
mod cibsecret;
mod cluster;
mod config;
mod crm_attribute;
mod crm_diff;
mod crm_error;
mod crm_failcount;
mod crm_mon;
mod crm_node;
mod crm_report;
mod crm_resource;
mod crm_rule;
mod crm_shadow;
mod crm_simulate;
mod crm_ticket;
mod crm_verify;
mod daemons;
mod explain;
mod external_agent;
mod fence_devices;
mod fence_watchdog;
mod here;
mod iso8601;
mod links;
mod native;
mod nodes;
mod option_table;
mod options_list;
mod pacemakerd;
mod placing;
mod remote;
mod resilience;
mod sandbox;
mod show_access;
mod simulate;
mod status;
mod stonith_admin;
mod tool;
mod what_if;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// The version whose tools' forms ours have.
pub const COMPATIBLE_VERSION: &str = "2.1.5";

/// The version of the form of XML results.
pub const API_VERSION: &str = "2.25";

/// What the compatible tools print for `--version`; scripts read the first line.
pub const VERSION_TEXT: &str = "Pacemaker 2.1.5\nWritten as Systole, a replacement with the same commands\n";

/// Commands without options, which other programs call.
pub const PLAIN: [&str; 5] = ["check-login", "fence_sandbox", "fence_watchdog", "serve", "systemd-unit"];

/// Who a command is for; the overview lists them by this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// An administrator.
    Native,
    /// Scripts, agents, crmsh and pcs: a tool of Pacemaker's by its own name.
    Compatible,
    /// The processes of a node.
    Daemon,
}

/// One row of the table.
pub struct Command {
    pub name: &'static str,
    pub about: &'static str,
    pub audience: Audience,
    /// Gets the whole argument list, its own name first.
    pub run: fn(Vec<OsString>) -> ExitCode,
}

/// Every command, sorted by audience, then by name.
pub const COMMANDS: &[Command] = &[
    native("adopt", "take over from Pacemaker, with services running", adopt::run),
    native("ban", "keep a resource off a node", placing::ban),
    native("cleanup", "forget failures, so that the cluster tries again", nodes::cleanup),
    native("clear", "take back what move and ban did", placing::clear),
    native("cluster", "make, join and leave a cluster of several hosts", cluster::run),
    native("config", "show, check, compare and apply configurations", config::run),
    native("explain", "why a resource or a node is as it is", explain::run),
    native("fence", "make certain that a node runs nothing any more", nodes::fence),
    native("maintenance", "let the cluster watch, and touch nothing", nodes::maintenance),
    native("move", "move a resource to a node", placing::move_to),
    native("resilience", "what the loss of each node would cost", resilience::run),
    native("sandbox", "a cluster on this machine, to watch and to break", sandbox::run),
    native("shutdown", "stop a node cleanly", nodes::shutdown),
    native("simulate", "what the cluster would do if …", simulate::run),
    native("standby", "move everything off a node", nodes::standby),
    native("status", "nodes, resources and failures", status::run),
    native("what-if", "what would be different if something happened", what_if::run),
    compatible("attrd_updater", "transient attributes of nodes", attrd_updater::run),
    compatible("cibadmin", "read and change the CIB", cibadmin::run),
    compatible("cibsecret", "parameters that must not stand in the CIB", cibsecret::run),
    compatible("crm_attribute", "options of the cluster, attributes of nodes", crm_attribute::run),
    compatible("crm_diff", "the difference of two CIBs as a patch", crm_diff::run),
    compatible("crm_error", "what an exit code means", crm_error::run),
    compatible("crm_failcount", "failures of a resource on a node", crm_failcount::run),
    compatible("crm_master", "promotion score of the calling agent's resource", crm_attribute::master),
    compatible("crm_mon", "the status of the cluster", crm_mon::run),
    compatible("crm_node", "who this node and the members are", crm_node::run),
    compatible("crm_standby", "standby mode of a node", crm_attribute::standby),
    compatible("crm_resource", "where resources are, and what is done to them", crm_resource::run),
    compatible("crm_report", "all that helps to understand a problem, in one archive", crm_report::run),
    compatible("crm_rule", "whether a rule is in effect", crm_rule::run),
    compatible("crm_shadow", "copies of the configuration to try changes on", crm_shadow::run),
    compatible("crm_simulate", "what the cluster would do", crm_simulate::run),
    compatible("crm_ticket", "tickets of sites: shown, granted, revoked", crm_ticket::run),
    compatible("crm_verify", "whether a configuration can work", crm_verify::run),
    compatible("crmadmin", "who coordinates, and in which state", crm_node::crmadmin),
    compatible("fence_watchdog", "the fence agent of nodes that fence themselves", fence_watchdog::run),
    compatible("iso8601", "dates, periods and durations", iso8601::run),
    compatible("pacemaker-based", "the metadata of the CIB's options", options_list::daemon),
    compatible("pacemaker-controld", "the metadata of the controller's options, and the version", options_list::daemon),
    compatible("pacemaker-fenced", "the metadata of parameters of fence devices", options_list::daemon),
    compatible("pacemaker-remoted", "a host that runs agents for a cluster it is no member of", remote::run),
    compatible("pacemaker-schedulerd", "the metadata of the scheduler's options", options_list::daemon),
    compatible("pacemaker_remoted", "the same under its earlier name", remote::run),
    compatible("pacemakerd", "the version, for agents that ask", pacemakerd::run),
    compatible("stonith_admin", "fence nodes, show what was fenced", stonith_admin::run),
    daemon("agentd", "the root role of a node: runs agents", daemons::agentd),
    daemon("check-login", "whether a password is right, for whoever administers from another host", check_login::run),
    daemon("fence_sandbox", "the fence agent of a sandbox", sandbox::fence_agent),
    daemon("hub", "orders messages for nodes on one machine", daemons::hub),
    daemon("links", "links, manual pages and completions, for packages", links::run),
    daemon("node", "the daemon of a node", daemons::node),
    daemon("remote", "a host that runs agents for a cluster it is no member of", remote::run),
    daemon("serve", "what our own agents leave running", serve),
    daemon("systemd-unit", "one action on a unit of systemd", systemd_unit),
];

const fn native(name: &'static str, about: &'static str, run: fn(Vec<OsString>) -> ExitCode) -> Command {
    Command { name, about, audience: Audience::Native, run }
}

const fn daemon(name: &'static str, about: &'static str, run: fn(Vec<OsString>) -> ExitCode) -> Command {
    Command { name, about, audience: Audience::Daemon, run }
}

const fn compatible(name: &'static str, about: &'static str, run: fn(Vec<OsString>) -> ExitCode) -> Command {
    Command { name, about, audience: Audience::Compatible, run }
}

/// Returns the command of this name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Prints what there is, for somebody who knows one name only.
pub fn print_overview() {
    println!("Systole {}: keeps services running on a cluster.\n", env!("CARGO_PKG_VERSION"));
    for (audience, title) in [
        (Audience::Native, "Commands (systole COMMAND --help tells more):"),
        (Audience::Compatible, "Pacemaker's tools (also by a link of their name):"),
        (Audience::Daemon, "Processes of a node:"),
    ] {
        println!("{title}");
        for command in COMMANDS.iter().filter(|c| c.audience == audience) {
            println!("  {:<16} {}", command.name, command.about);
        }
        println!();
    }
}

/// Returns the agent that a path names: `…/resource.d/systole/NAME`.
pub fn agent_of_path(path: &Path) -> Option<String> {
    let provider = path.parent()?;
    let is_ours = provider.file_name()? == "systole" && provider.parent()?.file_name()? == "resource.d";
    is_ours.then(|| path.file_name().map(|n| n.to_string_lossy().into_owned())).flatten()
}

/// Runs one of Systole's own OCF agents.
pub fn run_agent(name: &str, arguments: &[OsString]) -> ExitCode {
    let action = arguments.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
    ExitCode::from(ocf::run(name, &action).0 as u8)
}

/// Runs `systole serve KIND ADDRESS NODE`, the process that our own agents leave running.
fn serve(arguments: Vec<OsString>) -> ExitCode {
    let words: Vec<String> = arguments.iter().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match words.as_slice() {
        [kind, address, node] => ExitCode::from(ocf::serve(kind, address, node)),
        _ => {
            eprintln!("systole serve: KIND ADDRESS:PORT NODE are needed; agents call this, people need not");
            ExitCode::from(64)
        }
    }
}

/// Runs `systole systemd-unit CLASS ACTION UNIT`: what the root role calls for resources of class systemd and service.
fn systemd_unit(arguments: Vec<OsString>) -> ExitCode {
    let words: Vec<String> = arguments.iter().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let [class, action, unit] = words.as_slice() else {
        eprintln!("systole systemd-unit: CLASS ACTION UNIT are needed; the root role calls this, people need not");
        return ExitCode::from(64);
    };
    let answer = systemd::run(action, unit, class == "service");
    if let Some(reason) = answer.reason {
        eprintln!("ocf-exit-reason:{reason}");
    }
    ExitCode::from(answer.exit.0 as u8)
}

/// Turns a command's outcome into its exit code; an error is told with its causes.
fn finish(name: &str, outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("systole {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
