//! `crm_resource`: where resources are and why, their parameters, their agents, and what is done to them by hand.
//!
//! This file reads the options and dispatches; each other file does one kind of task.

mod agents;
mod constraints;
mod control;
mod inquiries;
mod locations;
mod parameters;

use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use status::{Facts, ResourceIndex};
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug, Default)]
struct Arguments {
    /// List all resources with their status
    #[arg(short = 'L', long, help_heading = "Queries")]
    list: bool,
    /// List the ids of all instantiated resources
    #[arg(short = 'l', long, help_heading = "Queries")]
    list_raw: bool,
    /// List active operations (of --resource, on --node)
    #[arg(short = 'O', long, help_heading = "Queries")]
    list_operations: bool,
    /// List all recorded operations (of --resource, on --node)
    #[arg(short = 'o', long, help_heading = "Queries")]
    list_all_operations: bool,
    /// List the standards of agents
    #[arg(long, help_heading = "Queries")]
    list_standards: bool,
    /// List the providers of OCF agents (that have the named agent)
    #[arg(long, value_name = "AGENT", num_args = 0..=1, default_missing_value = "", help_heading = "Queries")]
    list_ocf_providers: Option<String>,
    /// List the agents of a standard and provider
    #[arg(long, value_name = "STANDARD:PROVIDER", help_heading = "Queries")]
    list_agents: Option<String>,
    /// List the providers of the named OCF agent
    #[arg(long, value_name = "AGENT", help_heading = "Queries")]
    list_ocf_alternatives: Option<String>,
    /// List the options of resources: primitive or fencing
    #[arg(long, value_name = "KIND", help_heading = "Queries")]
    list_options: Option<String>,
    /// Show advanced options as well (with --list-options)
    #[arg(long, help_heading = "Queries")]
    all: bool,
    /// Show the meta-data of an agent, named as standard:provider:type
    #[arg(long, value_name = "AGENT", help_heading = "Queries")]
    show_metadata: Option<String>,
    /// Show the resource's configuration, its template merged in
    #[arg(short = 'q', long, help_heading = "Queries")]
    query_xml: bool,
    /// Show the resource's configuration as written
    #[arg(short = 'w', long, help_heading = "Queries")]
    query_xml_raw: bool,
    /// Show a parameter
    #[arg(short = 'g', long, value_name = "NAME", help_heading = "Queries")]
    get_parameter: Option<String>,
    /// Show an attribute of the resource's element
    #[arg(short = 'G', long, value_name = "NAME", hide = true)]
    get_property: Option<String>,
    /// Set an attribute of the resource's element (with -t and -v)
    #[arg(short = 'S', long, value_name = "NAME", hide = true)]
    set_property: Option<String>,
    /// Show where the resource runs
    #[arg(short = 'W', long, help_heading = "Queries")]
    locate: bool,
    /// Show the locations and colocations of the resource
    #[arg(short = 'a', long, help_heading = "Queries")]
    constraints: bool,
    /// The same as --constraints --recursive
    #[arg(short = 'A', long, help_heading = "Queries")]
    stack: bool,
    /// Show why resources do not run (--resource, on --node)
    #[arg(short = 'Y', long, help_heading = "Queries")]
    why: bool,
    /// Show the digests of the resource's parameters on --node; NAME=VALUE arguments stand in for configured ones
    #[arg(long, help_heading = "Queries")]
    digests: bool,

    /// Let the agent judge a configuration: of --resource, or of --class, --provider, --agent and --option
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "0", require_equals = true, help_heading = "Commands")]
    validate: Option<String>,
    /// Forget failures
    #[arg(short = 'C', long, help_heading = "Commands")]
    cleanup: bool,
    /// Forget everything recorded, so that it is probed again
    #[arg(short = 'R', short_alias = 'P', long, alias = "reprobe", help_heading = "Commands")]
    refresh: bool,
    /// Set a parameter to the value of -v
    #[arg(short = 'p', long, value_name = "NAME", help_heading = "Commands")]
    set_parameter: Option<String>,
    /// Delete a parameter
    #[arg(short = 'd', long, value_name = "NAME", help_heading = "Commands")]
    delete_parameter: Option<String>,
    /// Move the resource to a node, or away from where it runs
    #[arg(short = 'M', long, help_heading = "Locations")]
    r#move: bool,
    /// Keep the resource off a node
    #[arg(short = 'B', long, help_heading = "Locations")]
    ban: bool,
    /// Take back what --ban and --move did
    #[arg(short = 'U', long, alias = "un-move", help_heading = "Locations")]
    clear: bool,
    /// Only what has expired (with --clear)
    #[arg(short = 'e', long, help_heading = "Locations")]
    expired: bool,
    /// For how long, as a duration such as PT1H (with --ban and --move)
    #[arg(short = 'u', long, value_name = "DURATION", help_heading = "Locations")]
    lifetime: Option<String>,
    /// Only in the promoted role
    #[arg(long, alias = "master", help_heading = "Locations")]
    promoted: bool,

    /// Delete the resource from the configuration (with -t)
    #[arg(short = 'D', long, help_heading = "Advanced")]
    delete: bool,
    /// Let the cluster believe that the resource failed
    #[arg(short = 'F', long, help_heading = "Advanced")]
    fail: bool,
    /// Stop the resource and what depends on it, and start it again
    #[arg(long, help_heading = "Advanced")]
    restart: bool,
    /// Wait until the cluster has nothing left to do
    #[arg(long, help_heading = "Advanced")]
    wait: bool,
    /// Demote the resource here, past the cluster
    #[arg(long, help_heading = "Advanced")]
    force_demote: bool,
    /// Stop the resource here, past the cluster
    #[arg(long, help_heading = "Advanced")]
    force_stop: bool,
    /// Start the resource here, past the cluster
    #[arg(long, help_heading = "Advanced")]
    force_start: bool,
    /// Promote the resource here, past the cluster
    #[arg(long, help_heading = "Advanced")]
    force_promote: bool,
    /// Ask the agent here how the resource is, past the cluster
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "0", require_equals = true, help_heading = "Advanced")]
    force_check: Option<String>,

    /// The resource
    #[arg(short = 'r', long, value_name = "ID")]
    resource: Option<String>,
    /// The node
    #[arg(short = 'N', short_alias = 'H', long, alias = "host-uname")]
    node: Option<String>,
    /// Follow colocations (with --set-parameter and --constraints)
    #[arg(long)]
    recursive: bool,
    /// The kind of element: primitive, group, … (with -D)
    #[arg(short = 't', long)]
    resource_type: Option<String>,
    /// The value for --set-parameter
    #[arg(short = 'v', long, value_name = "VALUE", allow_hyphen_values = true)]
    parameter_value: Option<String>,
    /// The parameter is a meta-attribute
    #[arg(short = 'm', long, overrides_with = "utilization")]
    meta: bool,
    /// The parameter is an attribute of the resource's own XML element, such as its description
    #[arg(long, conflicts_with_all = ["meta", "utilization"])]
    element: bool,
    /// The parameter is a utilization attribute
    #[arg(short = 'z', long, overrides_with = "meta")]
    utilization: bool,
    /// (Advanced) The id of the set of attributes
    #[arg(short = 's', long, value_name = "ID")]
    set_name: Option<String>,
    /// (Advanced) The id of the attribute
    #[arg(short = 'i', long, value_name = "ID")]
    nvpair: Option<String>,
    /// Only this operation (with --cleanup)
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// The operation's interval
    #[arg(short = 'I', long)]
    interval: Option<String>,
    /// The agent's standard (with --validate)
    #[arg(long)]
    class: Option<String>,
    /// The agent's type (with --validate)
    #[arg(long)]
    agent: Option<String>,
    /// The agent's provider (with --validate)
    #[arg(long)]
    provider: Option<String>,
    /// A parameter as NAME=VALUE (with --validate; may be given several times)
    #[arg(long, value_name = "NAME=VALUE")]
    option: Vec<String>,
    /// How long to wait
    #[arg(short = 'T', long)]
    timeout: Option<String>,
    /// Do it although it seems wrong, or without quorum
    #[arg(short = 'f', long)]
    force: bool,
    /// Print no more than needed
    #[arg(short = 'Q', long)]
    quiet: bool,
    /// Parameters as NAME=VALUE (with --digests and --force-*)
    rest: Vec<String>,
}

/// Runs `crm_resource`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_resource", arguments, act)
}

fn usage(text: &str) -> Refusal {
    Refusal::new(Exit::USAGE, text)
}

/// Compat: what is refused is told in two lines, the second one in the words of the exit code.
fn refused(exit: Exit, text: impl std::fmt::Display) -> Refusal {
    Refusal::new(exit, format!("{text}\nError performing operation: {}", exit.text()))
}

/// Compat: what the cluster refuses is told in the words of the exit code.
fn failed(refusal: Refusal) -> Refusal {
    match refusal.exit {
        _ if refusal.is_told => refused(refusal.exit, refusal.message),
        Exit::INSUFFICIENT_PRIVILEGES | Exit::NO_SUCH | Exit::EXISTS => {
            Refusal::new(refusal.exit, format!("Error performing operation: {}", refusal.exit.text()))
        }
        _ => refusal,
    }
}

impl Arguments {
    /// Returns the resource that must be named.
    fn resource(&self) -> Result<&str, Refusal> {
        self.resource.as_deref().ok_or_else(|| usage("Must supply a resource id with -r"))
    }

    /// Returns the action of an agent that is asked for past the cluster, and the name of the option.
    fn forced_action(&self) -> Option<(&'static str, &'static str)> {
        let choices = [
            (self.force_start, "start", "force-start"),
            (self.force_stop, "stop", "force-stop"),
            (self.force_promote, "promote", "force-promote"),
            (self.force_demote, "demote", "force-demote"),
            (self.force_check.is_some(), "monitor", "force-check"),
            (self.validate.is_some(), "validate-all", "validate"),
        ];
        choices.into_iter().find(|(is_given, ..)| *is_given).map(|(_, action, option)| (action, option))
    }

    fn takes_pairs(&self) -> bool {
        self.digests || self.forced_action().is_some()
    }

    /// Returns NAME=VALUE words as pairs.
    fn pairs(&self) -> Result<Vec<(String, String)>, Refusal> {
        let split = |word: &String| {
            let pair = word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| usage(&format!("Error parsing '{word}' as a name=value pair")))
        };
        self.rest.iter().chain(&self.option).map(split).collect()
    }
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if !arguments.rest.is_empty() && !arguments.takes_pairs() {
        let count = arguments.rest.len();
        let words = arguments.rest.iter().enumerate().map(|(at, word)| format!("[{} of {count}] {word}\n", at + 1));
        return Err(usage(&format!("non-option ARGV-elements:\n{}", words.collect::<String>())));
    }
    let names_agent = arguments.class.is_some() || arguments.agent.is_some() || arguments.provider.is_some();
    if names_agent && arguments.resource.is_some() {
        return Err(usage("--resource cannot be used with --class, --agent, and --provider"));
    }
    if names_agent && arguments.forced_action().is_none() {
        return Err(usage("--class, --agent, and --provider can only be used with --validate and --force-*"));
    }
    if let Some(done) = agents::catalogue(arguments, report) {
        return done;
    }
    let cluster = Cluster::from_environment("crm_resource");
    if arguments.wait && !arguments.restart {
        return control::wait(arguments, &cluster);
    }
    if arguments.cleanup || arguments.refresh {
        return control::clean(arguments, &cluster, report);
    }
    if arguments.delete {
        return control::delete(arguments, &cluster);
    }
    if names_agent {
        return agents::run_named(arguments, report);
    }
    let cib = cluster.cib().map_err(failed)?;
    let facts = Facts::deduce(
        &rehearsal::prepare(cib.clone()).map_err(|problems| Refusal::new(Exit::CONFIG, problems.join("\n")))?.cib,
        admin::now(),
    );
    if report.verbose > 0 {
        complain(&facts);
    }
    let scene = Scene { cluster: &cluster, cib: &cib, facts: &facts };
    if let Some(done) = inquiries::answer(arguments, &scene, report) {
        return done;
    }
    if arguments.clear && arguments.expired {
        return locations::clear(arguments, &scene, report);
    }
    let has_command = arguments.constraints
        || arguments.stack
        || arguments.ban
        || arguments.r#move
        || arguments.clear
        || arguments.get_property.is_some()
        || arguments.set_property.is_some()
        || arguments.get_parameter.is_some()
        || arguments.set_parameter.is_some()
        || arguments.delete_parameter.is_some()
        || arguments.forced_action().is_some()
        || arguments.fail
        || arguments.restart;
    if !has_command {
        return inquiries::list(&scene, report);
    }
    let id = arguments.resource()?;
    let index = scene.find(id)?;
    if arguments.constraints || arguments.stack {
        return constraints::show(arguments, &scene, index, report);
    }
    if arguments.ban || arguments.r#move || arguments.clear {
        return locations::place(arguments, &scene, index, report);
    }
    if let Some(name) = &arguments.get_property {
        return parameters::show_property(&scene, index, name, report);
    }
    if let Some(name) = &arguments.set_property {
        return parameters::set_property(arguments, &scene, name);
    }
    if arguments.get_parameter.is_some() || arguments.set_parameter.is_some() || arguments.delete_parameter.is_some() {
        return parameters::act(arguments, &scene, index, report);
    }
    if let Some((action, option)) = arguments.forced_action() {
        return agents::run_resource(arguments, &scene, index, action, option, report);
    }
    if arguments.fail {
        return control::fail(arguments, &scene, id);
    }
    control::restart(arguments, &scene, index, report)
}

/// Tells what is wrong with the configuration as a whole.
fn complain(facts: &Facts) {
    for problem in facts.problems.iter().filter(|problem| problem.severity == status::Severity::Error) {
        eprintln!("error: {}", problem.text);
    }
}

/// What a task works with.
struct Scene<'s> {
    cluster: &'s Cluster,
    cib: &'s Element,
    facts: &'s Facts,
}

impl Scene<'_> {
    fn find(&self, id: &str) -> Result<ResourceIndex, Refusal> {
        // What is cloned is known by its first instance.
        let instance = || self.facts.find_resource(&format!("{id}:0"));
        let found = self.facts.find_resource(id).or_else(instance).or_else(|| self.facts.find_configured(id));
        found.ok_or_else(|| refused(Exit::NO_SUCH, format!("Resource '{id}' not found")))
    }

    fn check_node(&self, name: &str) -> Result<status::NodeIndex, Refusal> {
        self.facts.find_node(name).ok_or_else(|| refused(Exit::NO_SUCH, format!("Node '{name}' not found")))
    }
}
