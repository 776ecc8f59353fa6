//! `systole remote`, also as `pacemaker-remoted`: a host that runs agents for a cluster without being a member of it.

use clap::Parser;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serves the members of a cluster that connect under the key in etc/pacemaker/authkey
#[derive(Parser)]
#[command(name = "systole remote")]
struct Arguments {
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The address to listen on [default: every one]
    #[arg(long)]
    address: Option<IpAddr>,
    /// The port to listen on [default: 3121]
    #[arg(short, long)]
    port: Option<u16>,
    /// The folder with the tools that agents call
    #[arg(long)]
    tools: Option<PathBuf>,
}

/// Runs the remote side.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    // Compat: the file of defaults that Pacemaker's unit reads sets these.
    let address = arguments.address.or_else(|| std::env::var("PCMK_remote_address").ok()?.parse().ok());
    let port = arguments.port.or_else(|| std::env::var("PCMK_remote_port").ok()?.parse().ok());
    let every = || if std::path::Path::new("/proc/net/if_inet6").exists() { IpAddr::from([0u16; 8]) } else { IpAddr::from([0u8; 4]) };
    let outcome = agentd::run_remote_side(agentd::RemoteSideOptions {
        root: arguments.root,
        address: address.unwrap_or_else(every),
        port: port.unwrap_or(remote::DEFAULT_PORT),
        tools: arguments.tools,
    });
    super::finish("remote", outcome)
}
