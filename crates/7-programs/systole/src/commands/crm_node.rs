//! `crm_node` and `crmadmin`: who this node is, who the members are, who coordinates.

use super::cib_input;
use super::here;
use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use messages::client::{ClientBody, NodeInfo, ReplyBody};
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

#[derive(Args, Debug)]
struct Arguments {
    /// Display this node's cluster id
    #[arg(short = 'i', long)]
    cluster_id: bool,
    /// Display all known nodes of this cluster
    #[arg(short = 'l', long)]
    list: bool,
    /// Display the name used by the cluster for this node
    #[arg(short = 'n', long)]
    name: bool,
    /// Display the members of this partition
    #[arg(short = 'p', long)]
    partition: bool,
    /// Display 1 if this partition has quorum, 0 if not
    #[arg(short = 'q', long)]
    quorum: bool,
    /// Display the name of the node with this id
    #[arg(short = 'N', long, value_name = "ID")]
    name_for_id: Option<u32>,
    /// Remove the (stopped) node of this name from the configuration
    #[arg(short = 'R', long, value_name = "NAME")]
    remove: Option<String>,
    /// Do it although it is dangerous
    #[arg(short = 'f', long)]
    force: bool,
    /// Print no more than needed
    #[arg(short = 'Q', long)]
    quiet: bool,
}

/// Runs `crm_node`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_node", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    let cluster = Cluster::live("crm_node");
    if arguments.name {
        let name = here::node(&cluster, None)?;
        report.line(&name);
        report.element(Element::new("node-info").with("uname", name));
        return Ok(Exit::OK);
    }
    let is_command = arguments.cluster_id || arguments.quorum || arguments.partition || arguments.list;
    if !is_command && arguments.name_for_id.is_none() && arguments.remove.is_none() {
        return Err(Refusal::new(Exit::USAGE, "Must specify one of -i, -l, -n, -p, -q, -N or -R"));
    }
    if arguments.remove.is_some() && !arguments.force {
        let text = "The supplied command is considered dangerous. To prevent accidental destruction of the cluster, \
                    the --force flag is required in order to proceed.";
        return Err(Refusal::new(Exit::USAGE, text));
    }
    let info = cluster.info()?;
    if let Some(id) = arguments.name_for_id {
        let known = info.nodes.iter().find(|(_, node)| node.id == id);
        let (name, _) = known.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("Node id {id} is not known to the cluster")))?;
        report.line(name.as_str());
        report.element(Element::new("node-info").with("nodeid", id.to_string()).with("uname", name.as_str()));
    } else if let Some(name) = &arguments.remove {
        cluster.request(ClientBody::ForgetNode { node: name.as_str().into() })?;
    } else if arguments.cluster_id {
        report.line(info.id.to_string());
        report.element(Element::new("node-info").with("nodeid", info.id.to_string()));
    } else if arguments.quorum {
        report.line(u8::from(info.quorate).to_string());
        report.element(Element::new("cluster-info").with("quorum", info.quorate.to_string()));
    } else if arguments.partition {
        let members: Vec<&str> = info.nodes.iter().filter(|(_, node)| node.member).map(|(name, _)| name.as_str()).collect();
        report.line(format!("{} ", members.join(" ")));
        report.element(listed(&info, true));
    } else {
        for (name, id, is_member) in by_id(&info) {
            report.line(format!("{id} {name} {}", if is_member { "member" } else { "lost" }));
        }
        report.element(listed(&info, false));
    }
    Ok(Exit::OK)
}

/// Returns the nodes by their numbers: name, number, whether it is a member.
fn by_id(info: &NodeInfo) -> Vec<(&str, u32, bool)> {
    let mut nodes: Vec<_> = info.nodes.iter().map(|(name, node)| (name.as_str(), node.id, node.member)).collect();
    nodes.sort_by_key(|(_, id, _)| *id);
    nodes
}

fn listed(info: &NodeInfo, only_members: bool) -> Element {
    let nodes = by_id(info).into_iter().filter(|(.., is_member)| *is_member || !only_members);
    Element::new("nodes").with_children(nodes.map(|(name, id, is_member)| {
        let state = if is_member { "member" } else { "lost" };
        Element::new("node").with("id", id.to_string()).with("name", name).with("state", state)
    }))
}

#[derive(Args, Debug)]
struct AdminArguments {
    /// Display the state of the named node's controller
    #[arg(short = 'S', long, value_name = "NODE")]
    status: Option<String>,
    /// Display the state of the local daemons
    #[arg(short = 'P', long)]
    pacemakerd: bool,
    /// Display the node that coordinates
    #[arg(short = 'D', long = "dc_lookup")]
    dc_lookup: bool,
    /// Display the members (all, cluster, guest or remote)
    #[arg(short = 'N', long, num_args = 0..=1, default_missing_value = "all")]
    nodes: Option<String>,
    /// How long to wait
    #[arg(short = 't', long)]
    timeout: Option<String>,
    /// Display nodes as shell assignments
    #[arg(short = 'B', long)]
    bash_export: bool,
    /// Print only what was asked
    #[arg(short = 'q', long)]
    quiet: bool,
    /// (Accepted, without effect)
    #[arg(short = 'i', long, hide = true)]
    ipc_name: Option<String>,
}

/// Runs `crmadmin`.
pub fn crmadmin(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<AdminArguments>("crmadmin", arguments, administer)
}

fn administer(arguments: &AdminArguments, report: &mut Report) -> Result<Exit, Refusal> {
    if arguments.timeout.as_deref().is_some_and(|text| model::parse_interval(text).is_none()) {
        return Err(Refusal::new(Exit::USAGE, "Error parsing option -t"));
    }
    if let Some(kinds) = &arguments.nodes {
        let cib = Cluster::from_environment("crmadmin").cib().map_err(cib_input::not_connected)?;
        return list_nodes(arguments, &nodes_of(&cib, kinds), report);
    }
    let cluster = Cluster::live("crmadmin");
    if arguments.dc_lookup {
        let info = cluster.info()?;
        match &info.coordinator {
            Some(name) if arguments.quiet => report.line(name.as_str()),
            Some(name) => report.line(format!("Designated Controller is: {name}")),
            None => report.line("Designated Controller is: not yet elected"),
        }
        let name = info.coordinator.as_ref().map(ToString::to_string).unwrap_or_default();
        report.element(Element::new("dc").with("node_name", name));
    } else if let Some(node) = &arguments.status {
        let ReplyBody::Info(info) = cluster.request(ClientBody::InfoOf { node: node.as_str().into() })? else {
            return Err(Refusal::new(Exit::ERROR, format!("{node} did not answer with its state")));
        };
        match arguments.quiet {
            true => report.line(&info.state),
            false => report.line(format!("Controller on {node} in state {}: ok", info.state)),
        }
        report.element(Element::new("crmd").with("node_name", node).with("state", &info.state).with("result", "ok"));
    } else if arguments.pacemakerd {
        cluster.info()?;
        let at = view::iso_time(admin::now(), &admin::zone());
        match arguments.quiet {
            true => report.line("running"),
            false => report.line(format!("Status of pacemakerd: 'Pacemaker is running' (last updated {at})")),
        }
        report.element(Element::new("pacemakerd").with("sys_from", "pacemakerd").with("state", "running").with("last_updated", at));
    } else {
        return Err(Refusal::new(Exit::USAGE, "Must specify a command: -S, -P, -D or -N"));
    }
    Ok(Exit::OK)
}

/// A configured node: what kind, name, id.
type ListedNode = (&'static str, String, String);

/// Returns the nodes that a configuration knows, of these kinds: members, then guests, then remote nodes.
fn nodes_of(cib: &Element, kinds: &str) -> Vec<ListedNode> {
    let is_wanted = |kind: &str| kinds.split(',').any(|word| word == kind || word == "all");
    let is_pair = |e: &&Element, name: &str| e.name == "nvpair" && e.attribute("name") == Some(name);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let configuration = cib.child("configuration");
    let resources = || configuration.into_iter().filter_map(|c| c.child("resources")).flat_map(Element::descendants);
    let nodes = configuration.and_then(|c| c.child("nodes"));
    let is_member = |node: &&Element| node.attribute("type").is_none_or(|kind| kind == "member");
    let members = nodes.into_iter().flat_map(|nodes| nodes.elements_named("node")).filter(is_member);
    let members = members.map(|node| ("cluster", text(node.attribute("uname")), text(node.id())));
    // A parameter of the same name, as old configurations have it, makes no guest.
    let meta = resources().filter(|e| e.name == "primitive").flat_map(|e| e.elements_named("meta_attributes")).flat_map(Element::elements);
    let guests = meta.filter(|e| is_pair(e, "remote-node")).map(|e| ("guest", text(e.attribute("value")), text(e.attribute("value"))));
    let is_remote =
        |e: &&Element| e.name == "primitive" && e.attribute("type") == Some("remote") && e.attribute("provider") == Some("pacemaker");
    let remotes = resources().filter(is_remote).map(|e| ("remote", text(e.id()), text(e.id())));
    members.chain(guests).chain(remotes).filter(|(kind, ..)| is_wanted(kind)).collect()
}

fn list_nodes(arguments: &AdminArguments, nodes: &[ListedNode], report: &mut Report) -> Result<Exit, Refusal> {
    for (kind, name, id) in nodes {
        match (arguments.bash_export, arguments.quiet) {
            (true, _) => report.line(format!("export {name}={id}")),
            (false, true) => report.line(name),
            (false, false) => report.line(format!("{kind} node: {name} ({id})")),
        }
    }
    if nodes.is_empty() && !arguments.quiet {
        report.line("No nodes configured");
    }
    let shown = nodes.iter().map(|(kind, name, id)| Element::new("node").with("type", kind).with("name", name).with("id", id));
    report.element(Element::new("nodes").with_children(shown));
    Ok(Exit::OK)
}
