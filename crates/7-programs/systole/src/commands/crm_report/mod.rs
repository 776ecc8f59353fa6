//! `crm_report`: everything that helps to understand what happened on a cluster, in one archive.
//!
//! Compat: options, names of files and the layout (a folder for each node) are those of Pacemaker's script, which pcs calls
//! and administrators know. Each node collects for itself; others are asked over ssh and answer with a tar stream.

mod collect;
mod masking;
mod window;

use crate::commands::tool::{self, Report};
use admin::{Cluster, Exit, Refusal};
use clap::Args;
use collect::Collector;
use masking::Mask;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use window::Window;

#[derive(Args, Debug, Clone)]
pub struct Arguments {
    /// Time before the problem began ("YYYY-M-D H:M:S", "YYYY-M-D" or "H:M:S")
    #[arg(short = 'f', long, value_name = "TIME")]
    from: Option<String>,
    /// Time at which all was well again (default: now)
    #[arg(short = 't', long, value_name = "TIME")]
    to: Option<String>,
    /// Names of the nodes, where no cluster is active on this host
    #[arg(short = 'n', long, value_name = "NODES")]
    nodes: Vec<String>,
    /// Do not search for cluster logs
    #[arg(short = 'M')]
    without_logs: bool,
    /// A log file to collect too
    #[arg(short = 'l', long, value_name = "FILE")]
    logfile: Vec<PathBuf>,
    /// Names of parameters whose values are masked, as an expression (besides passw…, secret, … which are always)
    #[arg(short = 'p', value_name = "PATT")]
    masked: Vec<String>,
    /// What to look for in logs, as an expression (besides "CRIT:" and "ERROR:")
    #[arg(short = 'L', value_name = "PATT")]
    patterns: Vec<String>,
    /// Collect from this node alone
    #[arg(short = 'S', long)]
    single_node: bool,
    /// (Accepted: the cluster is Corosync's)
    #[arg(short = 'c', long, value_name = "TYPE")]
    cluster: Option<String>,
    /// (Accepted: the cluster is Corosync's)
    #[arg(short = 'C', long)]
    corosync: bool,
    /// The user on other nodes
    #[arg(short = 'u', long, default_value = "root")]
    user: String,
    /// (Accepted: nothing is searched for)
    #[arg(short = 'D', long, value_name = "DEPTH")]
    max_depth: Option<u32>,
    /// What runs commands on other nodes
    #[arg(short = 'e', long, default_value = "ssh -T")]
    rsh: String,
    /// Leave a folder, make no archive
    #[arg(short = 'd', long)]
    as_directory: bool,
    /// What sosreport wants: this node alone, as a folder
    #[arg(long)]
    sos_mode: bool,
    /// Show optional features
    #[arg(long)]
    features: bool,
    /// Where to put the report
    #[arg(long = "dest", value_name = "DEST")]
    dest: Option<PathBuf>,
    /// Where to put the report
    #[arg(value_name = "DEST", conflicts_with = "dest")]
    destination: Option<PathBuf>,
    /// Collect this node's part and write it to standard output as tar
    #[arg(long, hide = true)]
    collect: bool,
    /// Compat: the script's -v shows the version
    #[arg(short = 'v', hide = true)]
    show_version: bool,
}

/// Runs `crm_report`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    tool::run::<Arguments>("crm_report", arguments, act)
}

fn act(arguments: &Arguments, report: &mut Report) -> Result<Exit, Refusal> {
    if arguments.show_version {
        report.text(crate::commands::VERSION_TEXT);
        return Ok(Exit::OK);
    }
    if arguments.features {
        report.line(crate::commands::pacemakerd::FEATURES.join(" "));
        return Ok(Exit::OK);
    }
    let from = arguments.from.as_deref().ok_or_else(|| Refusal::new(Exit::USAGE, "-f/--from TIME is needed"))?;
    let window = Window::new(from, arguments.to.as_deref(), admin::now(), &admin::zone())?;
    let mask = Mask::new(&arguments.masked)?;
    let local = local_name();
    let collector = Collector::new(arguments, &window, &mask)?;
    if arguments.collect {
        return stream(&collector, &local).map(|()| Exit::OK);
    }
    let (folder, name) = destination(arguments, &window)?;
    let target = folder.join(&name);
    for taken in [target.clone(), archive_of(&target)] {
        if taken.exists() {
            return Err(Refusal::new(Exit::EXISTS, format!("{} exists already; name another destination", taken.display())));
        }
    }
    make(&target)?;
    for node in nodes(arguments, &local)? {
        let part = target.join(&node);
        report.line(format!("{node}:  collecting"));
        report.flush();
        let collected =
            if node == local { make(&part).map(|()| collector.collect(&part)) } else { fetch(arguments, &window, &node, &target) };
        if let Err(refusal) = collected {
            report.error(format!("{node}:  WARNING: {refusal}"));
        }
    }
    summarise(&target)?;
    let result = if arguments.as_directory || arguments.sos_mode { target } else { archive(&folder, &name)? };
    report.line(format!("\nCollected results are available in {}", result.display()));
    Ok(Exit::OK)
}

fn local_name() -> String {
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    Cluster::live("crm_report").info().map_or_else(|_| host(), |info| info.node.to_string())
}

/// Returns the folder and the name of the report.
fn destination(arguments: &Arguments, window: &Window) -> Result<(PathBuf, String), Refusal> {
    let given = arguments.dest.clone().or_else(|| arguments.destination.clone());
    let default_name = || format!("pcmk-{}", window.end.strftime("%a-%d-%b-%Y"));
    let Some(path) = given else {
        let here = std::env::current_dir().map_err(|error| Refusal::new(Exit::CANNOT_CREATE, error.to_string()))?;
        return Ok((here, default_name()));
    };
    if path.is_dir() {
        return Ok((path, default_name()));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().trim_end_matches(".tar.bz2").to_owned()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::new(Exit::USAGE, format!("{} is no name for a report", path.display())))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize();
    Ok((folder.map_err(|error| Refusal::new(Exit::CANNOT_CREATE, format!("{}: {error}", path.display())))?, name))
}

fn archive_of(target: &Path) -> PathBuf {
    target.with_file_name(format!("{}.tar.bz2", target.file_name().unwrap_or_default().to_string_lossy()))
}

fn make(folder: &Path) -> Result<(), Refusal> {
    use std::os::unix::fs::DirBuilderExt;
    // What is collected is the administrator's, and nobody else's to read.
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Refusal::new(Exit::CANNOT_CREATE, format!("failed to make {}: {error}", folder.display())))
}

/// Returns the nodes to collect from: those given, else the configured ones.
fn nodes(arguments: &Arguments, local: &str) -> Result<Vec<String>, Refusal> {
    if arguments.single_node || arguments.sos_mode {
        return Ok(vec![local.to_owned()]);
    }
    let given: Vec<String> =
        arguments.nodes.iter().flat_map(|nodes| nodes.split([' ', ','])).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if !given.is_empty() {
        return Ok(given);
    }
    let cluster = Cluster::live("crm_report");
    let on_disk = || admin::read_file(&admin::root().join("var/lib/pacemaker/cib/cib.xml"));
    let cib = cluster.cib().or_else(|_| on_disk()).ok();
    let nodes = cib.as_ref().and_then(|cib| cib.descend(&["configuration", "nodes"]));
    let mut names: Vec<String> = nodes
        .into_iter()
        .flat_map(|nodes| nodes.elements_named("node"))
        .filter_map(|node| node.attribute("uname"))
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        return Err(Refusal::new(Exit::NO_INPUT, "cannot determine the nodes; give --nodes or --single-node"));
    }
    // Whoever asks is told of first.
    names.sort_by_key(|name| name != local);
    Ok(names)
}

/// Writes this node's part to standard output.
fn stream(collector: &Collector, local: &str) -> Result<(), Refusal> {
    let folder = std::env::temp_dir().join(format!("crm_report.{}", std::process::id()));
    make(&folder.join(local))?;
    collector.collect(&folder.join(local));
    let status = Command::new("tar").arg("-C").arg(&folder).args(["-cf", "-", "--", local]).status();
    let _ = fs::remove_dir_all(&folder);
    match status {
        Ok(status) if status.success() => Ok(()),
        other => Err(Refusal::new(Exit::ERROR, format!("tar failed: {other:?}"))),
    }
}

/// Has another node collect, and unpacks what it sends.
fn fetch(arguments: &Arguments, window: &Window, node: &str, target: &Path) -> Result<(), Refusal> {
    let failed = |text: String| Refusal::new(Exit::ERROR, format!("nothing could be collected: {text}"));
    let mut words = arguments.rsh.split_whitespace();
    let program = words.next().ok_or_else(|| Refusal::new(Exit::USAGE, "--rsh is empty"))?;
    let mut command = Command::new(program);
    command.args(words);
    if program.rsplit('/').next() == Some("ssh") {
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut wanted = vec!["/usr/sbin/crm_report".to_owned(), "--collect".to_owned()];
    wanted.extend(["-f".to_owned(), quoted(&window.begin_text()), "-t".to_owned(), quoted(&window.end_text())]);
    wanted.extend(arguments.masked.iter().flat_map(|pattern| ["-p".to_owned(), quoted(pattern)]));
    wanted.extend(arguments.patterns.iter().flat_map(|pattern| ["-L".to_owned(), quoted(pattern)]));
    wanted.extend(arguments.logfile.iter().flat_map(|path| ["-l".to_owned(), quoted(&path.to_string_lossy())]));
    wanted.extend(arguments.without_logs.then(|| "-M".to_owned()));
    command.arg(format!("{}@{node}", arguments.user)).args(wanted).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut remote = command.spawn().map_err(|error| failed(format!("failed to run {program}: {error}")))?;
    let stream = remote.stdout.take().ok_or_else(|| failed("no stream".to_owned()))?;
    // Safety: only this node's own folder is taken from what it sends.
    let unpacked = Command::new("tar")
        .arg("-C")
        .arg(target)
        .args(["--no-same-owner", "-xf", "-", "--", node])
        .stdin(stream)
        .stderr(Stdio::null())
        .status();
    let output = remote.wait_with_output().map_err(|error| failed(error.to_string()))?;
    match unpacked {
        Ok(status) if status.success() && output.status.success() => Ok(()),
        _ => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// Puts what the nodes' analyses say into one file.
fn summarise(target: &Path) -> Result<(), Refusal> {
    let mut text = String::new();
    let mut parts: Vec<PathBuf> = fs::read_dir(target).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    parts.sort();
    for part in parts {
        text.push_str(&fs::read_to_string(part.join("analysis.txt")).unwrap_or_default());
    }
    tool::write(&target.join("analysis.txt"), &text)
}

/// Packs the folder and removes it.
fn archive(folder: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let target = folder.join(name);
    let path = archive_of(&target);
    let failed = |text: String| Refusal::new(Exit::CANNOT_CREATE, format!("failed to write {}: {text}", path.display()));
    let spawned = Command::new("tar").arg("-C").arg(folder).args(["-cf", "-", "--", name]).stdout(Stdio::piped()).spawn();
    let mut tar = spawned.map_err(|error| failed(format!("tar: {error}")))?;
    let mut packed = Vec::new();
    if let Some(stream) = tar.stdout.take() {
        bzip2::read::BzEncoder::new(stream, bzip2::Compression::best())
            .read_to_end(&mut packed)
            .map_err(|error| failed(error.to_string()))?;
    }
    match tar.wait() {
        Ok(status) if status.success() => {}
        other => return Err(failed(format!("tar: {other:?}"))),
    }
    let open = {
        use std::os::unix::fs::OpenOptionsExt;
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)
    };
    open.and_then(|mut file| std::io::Write::write_all(&mut file, &packed)).map_err(|error| failed(error.to_string()))?;
    fs::remove_dir_all(&target).map_err(|error| failed(error.to_string()))?;
    Ok(path)
}
