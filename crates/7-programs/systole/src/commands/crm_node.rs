//! `crm_node` and `crmadmin`: who this node is, who the members are, who coordinates.

use super::here;
use admin::{Cluster, Exit, Refusal};
use clap::Parser;
use messages::client::ClientBody;
use std::ffi::OsString;
use std::process::ExitCode;

/// Display low-level node information
#[derive(Parser, Debug)]
#[command(name = "crm_node", version, disable_version_flag = true)]
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
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `crm_node`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<Arguments>(arguments) {
        Ok(arguments) => here::end("crm_node", act(&arguments)),
        Err(code) => code,
    }
}

fn act(arguments: &Arguments) -> Result<(), Refusal> {
    let cluster = Cluster::live("crm_node");
    if arguments.name {
        println!("{}", here::node(&cluster, None)?);
        return Ok(());
    }
    let info = cluster.info()?;
    if let Some(id) = arguments.name_for_id {
        let (name, _) = info
            .nodes
            .iter()
            .find(|(_, node)| node.id == id)
            .ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("Node id {id} is not known to the cluster")))?;
        println!("{name}");
    } else if let Some(name) = &arguments.remove {
        if !arguments.force {
            return Err(Refusal::new(
                Exit::USAGE,
                "The supplied command is considered dangerous. To prevent accidental destruction of the cluster, the --force flag is required in order to proceed.",
            ));
        }
        cluster.request(ClientBody::ForgetNode { node: name.as_str().into() })?;
    } else if arguments.cluster_id {
        println!("{}", info.id);
    } else if arguments.quorum {
        println!("{}", u8::from(info.quorate));
    } else if arguments.partition {
        let members: Vec<&str> = info.nodes.iter().filter(|(_, node)| node.member).map(|(name, _)| name.as_str()).collect();
        println!("{} ", members.join(" "));
    } else if arguments.list {
        let mut nodes: Vec<_> = info.nodes.iter().collect();
        nodes.sort_by_key(|(_, node)| node.id);
        for (name, node) in nodes {
            println!("{} {name} {}", node.id, if node.member { "member" } else { "lost" });
        }
    } else {
        return Err(Refusal::new(Exit::USAGE, "Must specify one of -i, -l, -n, -p, -q, -N or -R"));
    }
    Ok(())
}

/// Query and manage the coordinator
#[derive(Parser, Debug)]
#[command(name = "crmadmin", version, disable_version_flag = true)]
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
    /// Say more (accepted, without effect)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Display the version
    #[arg(short = '$', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Runs `crmadmin`.
pub fn crmadmin(arguments: Vec<OsString>) -> ExitCode {
    match super::parse::<AdminArguments>(arguments) {
        Ok(arguments) => here::end("crmadmin", administer(&arguments)),
        Err(code) => code,
    }
}

fn administer(arguments: &AdminArguments) -> Result<(), Refusal> {
    let info = Cluster::live("crmadmin").info()?;
    if arguments.dc_lookup {
        match &info.coordinator {
            Some(name) if arguments.quiet => println!("{name}"),
            Some(name) => println!("Designated Controller is: {name}"),
            None => println!("Designated Controller is: not yet elected"),
        }
    } else if let Some(node) = &arguments.status {
        if *node != info.node.as_str() && info.nodes.get(node.as_str()).is_none_or(|known| !known.member) {
            return Err(Refusal::new(Exit::NO_SUCH, format!("no member is named {node}")));
        }
        let state = if *node == info.node.as_str() {
            info.state.as_str()
        } else if info.coordinator.as_ref().is_some_and(|dc| dc == node.as_str()) {
            "S_IDLE"
        } else {
            "S_NOT_DC"
        };
        println!("Controller on {node} in state {state}: ok");
    } else if arguments.nodes.is_some() {
        let mut nodes: Vec<_> = info.nodes.iter().collect();
        nodes.sort_by_key(|(_, node)| node.id);
        for (name, node) in nodes {
            if arguments.bash_export {
                println!("export {name}={}", node.id);
            } else {
                println!("cluster node: {name} ({})", node.id);
            }
        }
    } else if arguments.pacemakerd {
        println!("Status of pacemakerd: 'running'");
    } else {
        return Err(Refusal::new(Exit::USAGE, "Must specify a command: -S, -P, -D or -N"));
    }
    Ok(())
}
