//! `systole cluster`: makes a cluster of several hosts, takes part in one, leaves it, and tells how it stands.

use admin::ring;
use admin::setup::{Files, NewCluster, NewNode, Profile, Risk, check_host};
use admin::timings::Timings;
use admin::{Cluster, Exit, Refusal};
use clap::{Parser, Subcommand, ValueEnum};
use corosync::{NodeList, QuorumState};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Makes a cluster of several hosts, joins and leaves one, tells how it stands
#[derive(Parser)]
#[command(name = "systole cluster")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/", global = true)]
    root: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Writes corosync.conf and a key for a new cluster; one that is there is used as it is
    Setup(Setup),
    /// Prints what another host needs to join; it contains the key: ssh node1 systole cluster invite | systole cluster join
    Invite,
    /// Takes part in a cluster by an invitation, from a file or from standard input
    Join {
        file: Option<PathBuf>,
        /// This host is in that cluster already: take over its changed configuration
        #[arg(long)]
        update: bool,
    },
    /// Writes one more node into this host's configuration, and tells how the others learn of it
    AddNode {
        /// The node; with several links NAME=ADDRESS,ADDRESS
        #[arg(value_name = "NAME=ADDRESS")]
        node: String,
        /// Do what is unsafe all the same, by its name
        #[arg(long, value_enum)]
        accept: Vec<RiskName>,
    },
    /// Takes a node that is off the ring out of this host's configuration, and tells how the others learn of it
    RemoveNode {
        name: String,
        /// Do what is unsafe all the same, by its name
        #[arg(long, value_enum)]
        accept: Vec<RiskName>,
    },
    /// Lets every node's Corosync read its changed configuration
    Reload,
    /// Stops this node in good order and puts its configuration aside, so that it does not come back
    Leave,
    /// Who is on the ring, how many votes there are, and whether they are enough
    Status,
    /// How soon a lost host is noticed and what it runs is recovered, from what is configured
    Timings,
}

#[derive(clap::Args)]
struct Setup {
    /// The nodes, each as NAME=ADDRESS; with several links NAME=ADDRESS,ADDRESS
    #[arg(required = true, value_name = "NAME=ADDRESS")]
    nodes: Vec<String>,
    /// The cluster's name
    #[arg(long, default_value = "cluster")]
    name: String,
    /// How soon a lost host is noticed
    #[arg(long, value_enum, default_value_t = ProfileName::Standard)]
    profile: ProfileName,
    /// Do not wait for every node when the whole cluster starts
    #[arg(long)]
    no_wait_for_all: bool,
    /// Do what is unsafe all the same, by its name
    #[arg(long, value_enum)]
    accept: Vec<RiskName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    /// Corosync's own times: patient with busy hosts and slow networks
    Standard,
    /// About a second: for hosts near each other with processor time to spare
    Fast,
}

#[derive(Clone, Copy, ValueEnum)]
enum RiskName {
    /// Each of two nodes may start alone after both were down
    TwoNodesWithoutWaiting,
    /// Two nodes that lose sight of each other both run everything
    TwoNodesWithoutFencing,
}

/// Runs `systole cluster`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => super::here::end("systole cluster", act(&arguments.what, &arguments.root)),
        Err(code) => code,
    }
}

fn act(what: &What, root: &Path) -> Result<(), Refusal> {
    let files = Files::below(root);
    match what {
        What::Setup(setup) => {
            let cluster = new_cluster(setup)?;
            let configuration = cluster.configuration(files.fencing_is_off())?;
            check_if_here(root, &configuration)?;
            files.make(&configuration)?;
            print!("corosync.conf and a new key are written.\n\n{}\n", Timings::of(&configuration).explain(None));
            println!("On every other node: ssh THIS_HOST systole cluster invite | systole cluster join");
            println!("Then on all of them: systemctl enable --now corosync systole");
            println!("Resources start only when a fence device is configured (or stonith-enabled=false is set).");
            Ok(())
        }
        What::Invite => {
            println!("{}", files.invitation()?);
            Ok(())
        }
        What::Join { file, update } => {
            let text = match file {
                Some(path) => {
                    std::fs::read_to_string(path).map_err(|error| Refusal::new(Exit::NO_SUCH, format!("{}: {error}", path.display())))?
                }
                None => from_standard_input()?,
            };
            if *update {
                let configuration = files.update(&text)?;
                println!(
                    "The nodes are now: {}. When every node has the new configuration, on one: systole cluster reload",
                    ring::names(&configuration).join(", ")
                );
                return Ok(());
            }
            let configuration = files.accept(&text, |configuration| check_if_here(root, configuration))?;
            let name = configuration.value("totem", "cluster_name").unwrap_or("without a name");
            println!("This host takes part in cluster {name} from its next start: systemctl enable --now corosync systole");
            Ok(())
        }
        What::AddNode { node, accept } => {
            let accepted: Vec<Risk> = accept.iter().copied().map(risk).collect();
            let configuration = ring::with_node(&files.configuration()?, &new_node(node)?, files.fencing_is_off(), &accepted)?;
            files.replace(&configuration)?;
            println!("This host's configuration has the new node. {THEN}");
            println!(
                "On the new node: ssh THIS_HOST systole cluster invite | systole cluster join; systemctl enable --now corosync systole"
            );
            Ok(())
        }
        What::RemoveNode { name, accept } => {
            // A host that still takes part would be cut off below its resources.
            if is_on_the_ring(name) {
                let text = format!("{name} is still on the ring; first, on that host: systemctl disable --now systole corosync");
                return Err(Refusal::new(Exit::CONFIG, text));
            }
            let accepted: Vec<Risk> = accept.iter().copied().map(risk).collect();
            let configuration = ring::without_node(&files.configuration()?, name, files.fencing_is_off(), &accepted)?;
            files.replace(&configuration)?;
            println!("This host's configuration is without {name}. {THEN}");
            println!("Then, on one node: crm_node --force --remove {name}");
            Ok(())
        }
        What::Reload => reload(),
        What::Leave => leave(&files),
        What::Status => status(),
        What::Timings => {
            print!("{}", Timings::of(&files.configuration()?).explain(fencing_time()));
            Ok(())
        }
    }
}

fn from_standard_input() -> Result<String, Refusal> {
    let mut text = String::new();
    std::io::stdin().take(16 << 20).read_to_string(&mut text).map_err(|error| Refusal::new(Exit::ERROR, error.to_string()))?;
    Ok(text)
}

/// Refuses a configuration that would be of no use on this host; what is below another root is another host's.
fn check_if_here(root: &Path, configuration: &corosync::Block) -> Result<(), Refusal> {
    if root == Path::new("/") { check_host(configuration) } else { Ok(()) }
}

/// What follows a changed configuration.
const THEN: &str = "On every other node: ssh THIS_HOST systole cluster invite | systole cluster join --update\n\
                    When every node has it, on one of them: systole cluster reload";

fn is_on_the_ring(name: &str) -> bool {
    let (Ok(nodes), Ok(members)) = (NodeList::read(), corosync::keys(&["runtime.members."])) else { return false };
    let number = nodes.names.iter().find(|(_, known)| known.as_str() == name).map(|(number, _)| *number);
    number.is_some_and(|number| members.get(&format!("runtime.members.{number}.status")).is_some_and(|status| status == "joined"))
}

fn reload() -> Result<(), Refusal> {
    let output = std::process::Command::new("corosync-cfgtool").arg("-R").output();
    let output = output.map_err(|error| Refusal::new(Exit::ERROR, format!("failed to run corosync-cfgtool: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        return Err(Refusal::new(Exit::ERROR, format!("Corosync did not take the configuration: {}", said.trim())));
    }
    println!("Every node's Corosync has read its configuration.");
    Ok(())
}

fn new_node(text: &str) -> Result<NewNode, Refusal> {
    match text.split_once('=') {
        Some((name, addresses)) if !name.is_empty() && !addresses.is_empty() => {
            Ok(NewNode { name: name.to_owned(), addresses: addresses.split(',').map(str::to_owned).collect() })
        }
        _ => Err(Refusal::new(Exit::USAGE, format!("{text:?} is not NAME=ADDRESS"))),
    }
}

fn risk(name: RiskName) -> Risk {
    match name {
        RiskName::TwoNodesWithoutWaiting => Risk::TwoNodesWithoutWaiting,
        RiskName::TwoNodesWithoutFencing => Risk::TwoNodesWithoutFencing,
    }
}

fn new_cluster(setup: &Setup) -> Result<NewCluster, Refusal> {
    Ok(NewCluster {
        name: setup.name.clone(),
        nodes: setup.nodes.iter().map(|node| new_node(node)).collect::<Result<_, _>>()?,
        profile: match setup.profile {
            ProfileName::Standard => Profile::Standard,
            ProfileName::Fast => Profile::Fast,
        },
        // Compat: two_node brings wait_for_all in Corosync; larger clusters begin with a majority.
        wait_for_all: setup.nodes.len() == 2 && !setup.no_wait_for_all,
        accepted: setup.accept.iter().copied().map(risk).collect(),
    })
}

fn leave(files: &Files) -> Result<(), Refusal> {
    if Cluster::live("systole cluster").info().is_ok() {
        let text = "this node still takes part; first: systemctl disable --now systole corosync (resources move away in good order)";
        return Err(Refusal::new(Exit::ERROR, text));
    }
    // A host that is on the ring still counts there, and would be taken for lost when its Corosync ends later.
    if NodeList::read().is_ok() {
        let text = "Corosync still runs on this host; first: systemctl disable --now systole corosync";
        return Err(Refusal::new(Exit::ERROR, text));
    }
    files.put_aside()?;
    println!("The configuration is put aside as corosync.conf.left. On a node that stays: systole cluster remove-node NAME");
    Ok(())
}

/// How long the cluster waits for a fence device, when there is one.
fn fencing_time() -> Option<Duration> {
    let cib = Cluster::live("systole cluster").cib().ok()?;
    let configuration = cib.child("configuration")?;
    let has_device = configuration.child("resources")?.to_text().contains("class=\"stonith\"");
    let sets = configuration.child("crm_config").into_iter().flat_map(|options| options.elements_named("cluster_property_set"));
    let limit = sets
        .flat_map(|set| set.elements_named("nvpair"))
        .find(|pair| matches!(pair.attribute("name"), Some("stonith-timeout" | "fencing-timeout")));
    has_device.then(|| limit.and_then(|pair| model::parse_interval(pair.attribute("value")?)).unwrap_or(Duration::from_secs(60)))
}

fn status() -> Result<(), Refusal> {
    let refused = |error: corosync::EngineError| Refusal::new(Exit::DISCONNECT, error.to_string());
    let nodes = NodeList::read().map_err(refused)?;
    let members = corosync::keys(&["runtime.members."]).map_err(refused)?;
    println!("Cluster {} on Corosync", nodes.cluster_name.as_deref().unwrap_or("without a name"));
    for (number, name) in &nodes.names {
        let state = members.get(&format!("runtime.members.{number}.status")).map(String::as_str);
        let state = if state == Some("joined") { "on the ring" } else { "absent" };
        let local = if nodes.local == Some(*number) { " (this host)" } else { "" };
        println!("  {number:>3}  {name:<20} {state}{local}");
    }
    let votes = QuorumState::read(nodes.local.unwrap_or(0)).map_err(refused)?;
    let verdict = if votes.quorate { "quorum" } else { "NO quorum" };
    let options = if votes.options.is_empty() { String::new() } else { format!(" ({})", votes.options.join(", ")) };
    println!("Votes: {} of {}, {} needed: {verdict}{options}", votes.total, votes.expected, votes.needed);
    match Cluster::live("systole cluster").info() {
        Ok(info) => println!("Systole runs here as {}; `systole status` tells of resources.", info.node),
        Err(_) => println!("Systole does not answer here: systemctl status systole"),
    }
    Ok(())
}
