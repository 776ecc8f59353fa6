//! `pacemakerd`: which version Systole stands in for; agents and tools ask it. The daemons are started by `systole agentd`.

use super::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use messages::client::ClientBody;
use std::ffi::OsString;
use std::process::ExitCode;
use xml::Element;

/// What of Pacemaker's optional features is there.
pub const FEATURES: [&str; 6] = ["agent-manpages", "cibsecrets", "corosync-ge-2", "monotonic", "remote", "systemd"];

#[derive(Args)]
struct Arguments {
    /// Display the version and the features
    #[arg(short = 'F', long)]
    features: bool,
    /// Stop the cluster on this node
    #[arg(short = 'S', long)]
    shutdown: bool,
    /// (Accepted, without effect)
    #[arg(short = 'f', long, hide = true)]
    foreground: bool,
    /// (Accepted, without effect)
    #[arg(short = 'p', long, hide = true)]
    pid_file: Option<String>,
    /// (Accepted, without effect)
    #[arg(short = 's', long, hide = true)]
    standby: bool,
}

/// Runs `pacemakerd`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("pacemakerd", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if arguments.features {
        let build = format!("systole-{}", env!("CARGO_PKG_VERSION"));
        report.line(format!("Pacemaker {} (Build: {build})", super::COMPATIBLE_VERSION));
        report.line(format!(" Supporting v{}: {}", cib::FEATURE_SET, FEATURES.join(" ")));
        let features = FEATURES.map(|feature| Element::new("feature").with_text(feature));
        report.element(
            Element::new("pacemakerd")
                .with("version", super::COMPATIBLE_VERSION)
                .with("build", build)
                .with("feature_set", cib::FEATURE_SET)
                .with_child(Element::new("features").with_children(features)),
        );
        return Ok(Exit::OK);
    }
    if arguments.shutdown {
        return Cluster::live("pacemakerd").request(ClientBody::Shutdown { node: None }).map(|_| Exit::OK);
    }
    Err(Refusal::new(Exit::USAGE, "the daemons of a node are started by `systole agentd`"))
}
