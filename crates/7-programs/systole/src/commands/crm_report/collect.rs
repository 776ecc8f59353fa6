//! What one node adds to a report: its configuration, status, logs, saved inputs, and what the machine is like.
//!
//! What cannot be had is left out and said in `report.out`; nothing that is asked can hold the report up for long.

use super::Arguments;
use super::masking::Mask;
use super::window::Window;
use crate::commands::tool;
use admin::{Exit, Refusal};
use regex::RegexSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How long one command may take.
const PATIENCE: &str = "30";
/// How much of one log is looked at, from its end.
const LOG_MAX: u64 = 256 << 20;

/// Lines that tell of events of the cluster.
const EVENTS: [&str; 9] = [
    "State transition .* S_",
    "Current membership|is now member|is now lost|has (joined|left)",
    "lost quorum|gained quorum|[Qq]uorum (lost|acquired|retained)",
    "Requesting fencing|will be fenced|[Ff]encing|stonith",
    "Result of .* operation for",
    "Initiating .* (operation|action)",
    "Transition [0-9]+ ",
    "is starting|[Ss]hutting down|[Ss]tarting Pacemaker|[Ee]xiting",
    "Standby|maintenance",
];

/// Collects this node's part.
pub struct Collector {
    root: PathBuf,
    window: Window,
    mask: Mask,
    logs: Vec<PathBuf>,
    with_journal: bool,
    patterns: RegexSet,
    events: RegexSet,
}

impl Collector {
    pub fn new(arguments: &Arguments, window: &Window, mask: &Mask) -> Result<Self, Refusal> {
        let root = admin::root();
        let patterns = ["CRIT:", "ERROR:", r"\b(crit|error):"].into_iter().chain(arguments.patterns.iter().map(String::as_str));
        let wrong = |error: regex::Error| Refusal::new(Exit::USAGE, error.to_string());
        let mut logs = arguments.logfile.clone();
        if !arguments.without_logs {
            logs.extend(found(&root.join("var/log/pacemaker"), "pacemaker.log"));
            logs.extend(found(&root.join("var/log/cluster"), "corosync.log"));
        }
        Ok(Self {
            with_journal: !arguments.without_logs && root == Path::new("/"),
            root,
            window: window.clone(),
            mask: mask.clone(),
            logs,
            patterns: RegexSet::new(patterns).map_err(wrong)?,
            events: RegexSet::new(EVENTS).map_err(wrong)?,
        })
    }

    /// Collects into a folder that exists.
    pub fn collect(&self, folder: &Path) {
        let node = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let put = |name: &str, text: &str| {
            if !text.trim().is_empty() {
                let _ = tool::write(&folder.join(name), &self.mask.apply(text));
            }
        };
        let (is_running, live) = own(&["cibadmin", "-Ql"]);
        put(if is_running { "RUNNING" } else { "STOPPED" }, &format!("{node}\n"));
        let on_disk = fs::read_to_string(self.root.join("var/lib/pacemaker/cib/cib.xml")).unwrap_or_default();
        put("cib.xml", if is_running { &live } else { &on_disk });
        put("crm_mon.txt", &own(&["crm_mon", "-1"]).1);
        put("members.txt", &if is_running { own(&["crm_node", "-p"]).1 } else { String::new() });
        put("status.json", &if is_running { own(&["systole", "status", "-o", "json"]).1 } else { String::new() });
        if folder.join("cib.xml").exists() {
            put("crm_verify.txt", &own(&["crm_verify", "-V", "-x", &folder.join("cib.xml").to_string_lossy()]).1);
        }
        let dc = own(&["crmadmin", "-D", "-q"]);
        if dc.0 && dc.1.trim() == node {
            put("DC", &format!("{node}\n"));
        }
        for (name, path) in [
            ("corosync.conf", "etc/corosync/corosync.conf"),
            ("default.pacemaker", "etc/default/pacemaker"),
            ("default.sbd", "etc/default/sbd"),
            ("drbd.conf", "etc/drbd.conf"),
            ("booth.conf", "etc/booth/booth.conf"),
        ] {
            put(name, &fs::read_to_string(self.root.join(path)).unwrap_or_default());
        }
        if self.root == Path::new("/") {
            put("corosync.quorum", &other("corosync-quorumtool", &["-s", "-i"]));
            put("corosync.dump", &other("corosync-cmapctl", &[]));
        }
        put("sysinfo.txt", &self.system());
        put("sysstats.txt", &statistics());
        put("permissions.txt", &self.permissions());
        let log = self.collect_logs(folder);
        put("events.txt", &matching(&log, &self.events));
        put("analysis.txt", &self.analysis(&node, folder, &log));
        self.inputs(&folder.join("pengine"));
    }

    /// Writes each log's part of the time; returns all of them.
    fn collect_logs(&self, folder: &Path) -> String {
        let mut all = String::new();
        for path in &self.logs {
            let Some(text) = tail(path) else { continue };
            let part: String = self.window.lines(&text).flat_map(|line| [line, "\n"]).collect();
            if !part.is_empty() {
                let part = self.mask.apply(&part);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let _ = tool::write(&folder.join(name), &part);
                all.push_str(&part);
            }
        }
        if self.with_journal {
            let (from, to) = (self.window.begin_text(), self.window.end_text());
            let journal = other("journalctl", &["--no-pager", "--quiet", "--since", &from, "--until", &to]);
            if !journal.trim().is_empty() {
                let journal = self.mask.apply(&journal);
                let _ = tool::write(&folder.join("journal.log"), &journal);
                all.push_str(&journal);
            }
        }
        all
    }

    fn analysis(&self, node: &str, folder: &Path, log: &str) -> String {
        let mut text = format!("Report of {node}, {} to {}\n", self.window.begin_text(), self.window.end_text());
        let verify = fs::read_to_string(folder.join("crm_verify.txt")).unwrap_or_default();
        if !verify.trim().is_empty() {
            text.push_str(&format!("\nThe configuration, in the words of crm_verify:\n{verify}"));
        }
        let cores: Vec<String> =
            files_below(&self.root.join("var/lib/pacemaker/cores")).iter().map(|path| path.display().to_string()).collect();
        if !cores.is_empty() {
            text.push_str(&format!("\nCore files:\n{}\n", cores.join("\n")));
        }
        let found = matching(log, &self.patterns);
        text.push_str(&format!("\nLog pattern matches from {node}:\n{found}\n"));
        text
    }

    /// Copies the saved inputs of the time, with secrets masked.
    fn inputs(&self, folder: &Path) {
        let saved = files_below(&self.root.join("var/lib/pacemaker/pengine"));
        let of_the_time = |path: &PathBuf| {
            let changed = fs::metadata(path).and_then(|data| data.modified()).ok()?;
            changed.duration_since(std::time::UNIX_EPOCH).ok().map(|since| self.window.has(since.as_secs() as i64))
        };
        for path in saved.into_iter().filter(|path| of_the_time(path) == Some(true) && path.extension().is_some_and(|e| e == "bz2")) {
            let mut text = String::new();
            let unpacked =
                fs::File::open(&path).and_then(|file| bzip2::read::MultiBzDecoder::new(file).take(LOG_MAX).read_to_string(&mut text));
            if unpacked.is_err() || fs::create_dir_all(folder).is_err() {
                continue;
            }
            let packed = fs::File::create(folder.join(path.file_name().unwrap_or_default()));
            let _ = packed.and_then(|file| {
                let mut encoder = bzip2::write::BzEncoder::new(file, bzip2::Compression::best());
                encoder.write_all(self.mask.apply(&text).as_bytes())?;
                encoder.finish().map(drop)
            });
        }
    }

    fn system(&self) -> String {
        let mut text =
            format!("Pacemaker version: {}\nSystole version: {}\n", crate::commands::COMPATIBLE_VERSION, env!("CARGO_PKG_VERSION"));
        for (title, program, arguments) in [
            ("Platform", "uname", &["-a"][..]),
            ("Corosync", "corosync", &["-v"]),
            (
                "Packages",
                "dpkg-query",
                &["-W", "systole", "corosync", "pacemaker*", "resource-agents*", "fence-agents*", "crmsh", "pcs", "sbd", "booth*"],
            ),
            ("Packages", "rpm", &["-q", "systole", "corosync", "pacemaker", "resource-agents", "fence-agents-all", "crmsh", "pcs", "sbd"]),
        ] {
            let said = other(program, arguments);
            if !said.trim().is_empty() {
                text.push_str(&format!("\n{title}:\n{said}"));
            }
        }
        text + &format!("\nDistribution:\n{}", fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    fn permissions(&self) -> String {
        use std::os::unix::fs::MetadataExt;
        let folders = [
            "var/lib/pacemaker/cib",
            "var/lib/pacemaker/pengine",
            "var/lib/pacemaker/cores",
            "var/log/pacemaker",
            "run/systole",
            "etc/corosync",
        ];
        let lines = folders.iter().map(|folder| match fs::metadata(self.root.join(folder)) {
            Ok(data) => format!("{:o} {}:{} /{folder}\n", data.mode() & 0o7777, data.uid(), data.gid()),
            Err(error) => format!("/{folder}: {error}\n"),
        });
        lines.collect()
    }
}

/// Runs a command of ours; returns whether it succeeded and what it printed.
fn own(words: &[&str]) -> (bool, String) {
    let program = std::env::current_exe().unwrap_or_default();
    let words = words.strip_prefix(&["systole"]).unwrap_or(words);
    run(Command::new("timeout").arg(PATIENCE).arg(program).args(words))
}

fn other(program: &str, arguments: &[&str]) -> String {
    run(Command::new("timeout").args([PATIENCE, program]).args(arguments).env("LC_ALL", "C")).1
}

fn run(command: &mut Command) -> (bool, String) {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => {
            let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            // 127: `timeout` found no such program, which says nothing about the cluster.
            (output.status.success(), if output.status.code() == Some(127) { String::new() } else { text })
        }
        Err(error) => (false, error.to_string()),
    }
}

fn statistics() -> String {
    let parts =
        [("uptime", &[][..]), ("free", &["-m"]), ("df", &["-h"]), ("ps", &["axf", "-o", "pid,user,stat,etime,args"]), ("ip", &["addr"])];
    parts.iter().map(|(program, arguments)| format!("===== {program}\n{}\n", other(program, arguments))).collect()
}

fn matching(log: &str, patterns: &RegexSet) -> String {
    log.lines().filter(|line| patterns.is_match(line)).flat_map(|line| [line, "\n"]).collect()
}

/// Returns a log and its rotated ones that are not compressed.
fn found(folder: &Path, name: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(name) && !file.ends_with(".gz") && !file.ends_with(".xz")
    };
    files_below(folder).into_iter().filter(is_one).collect()
}

/// Returns the files of a folder, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Reads a log's end.
fn tail(path: &Path) -> Option<String> {
    use std::io::{Seek, SeekFrom};
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
