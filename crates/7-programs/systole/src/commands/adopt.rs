//! `systole adopt`: takes over from Pacemaker in place. Looks, tells what would happen, and stops the incumbent when asked to.

use admin::adopt::{Survey, Weight};
use admin::{Exit, Refusal};
use clap::Parser;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long the incumbent may take to end; in maintenance mode it stops no services.
const PATIENCE: Duration = Duration::from_secs(120);
const DAEMONS: [&str; 7] = [
    "pacemakerd",
    // The kernel keeps fifteen letters of a name.
    "pacemaker-based",
    "pacemaker-contr",
    "pacemaker-attrd",
    "pacemaker-execd",
    "pacemaker-fence",
    "pacemaker-sched",
];

/// Takes over from Pacemaker in place, with services running: looks, and changes nothing
///
/// Reads the incumbent's configuration, options and (where it runs) status, and tells what stands in the way and what would
/// happen. The services keep running while one cluster manager stops and the other starts, because the cluster is in
/// maintenance mode meanwhile.
#[derive(Parser)]
#[command(name = "systole adopt")]
struct Arguments {
    /// Stop Pacemaker on this host if nothing stands in the way; its services keep running
    #[arg(long)]
    stop: bool,
    /// How to go back to Pacemaker
    #[arg(long, conflicts_with = "stop")]
    back: bool,
    /// Every path of the host is below this folder
    #[arg(long, default_value = "/")]
    root: std::path::PathBuf,
}

/// Runs `systole adopt`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match super::tool::parse::<Arguments>(arguments) {
        Ok(arguments) => super::here::end("systole adopt", act(&arguments)),
        Err(code) => code,
    }
}

fn act(arguments: &Arguments) -> Result<(), Refusal> {
    if arguments.back {
        print!("{BACK}");
        return Ok(());
    }
    let running = daemons();
    let live = if running.is_empty() { None } else { live_cib() };
    let survey = Survey::of(&arguments.root, live.as_ref(), admin::now());
    for finding in &survey.findings {
        let mark = match finding.weight {
            Weight::Fine => "ok      ",
            Weight::Note => "note    ",
            Weight::Obstacle => "OBSTACLE",
        };
        println!("{mark}  {}", finding.text);
    }
    if survey.has_obstacle() {
        return Err(Refusal::new(Exit::CONFIG, "something stands in the way (OBSTACLE above); nothing was changed"));
    }
    if arguments.stop {
        return stop(&running);
    }
    print!("{STEPS}");
    Ok(())
}

const STEPS: &str = "
Nothing was changed. To take over, with the services running:
  1. every node:  systole adopt --stop                 (or the removal of the package pacemaker does it)
  2. when Pacemaker has ended on every node, on each:  systemctl enable --now systole
  3. one node:    crm_mon -1                           all nodes online, all services where they were
  4. one node:    crm_attribute --name maintenance-mode --update false
Start no node with Systole while another still runs Pacemaker: neither would see the other.
";

const BACK: &str = "To go back to Pacemaker, with the services running:
  1. one node:    crm_attribute --name maintenance-mode --update true
  2. every node:  systemctl disable --now systole      (services keep running)
  3. when Systole has ended on every node, on each:    apt-get install pacemaker pacemaker-cli-utils; systemctl enable --now pacemaker
  4. one node:    crm_attribute --name maintenance-mode --update false
The configuration is where Pacemaker expects it, in a schema and with digests that it knows.
";

/// Returns the numbers of the incumbent's processes.
fn daemons() -> Vec<i32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let is_one = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| DAEMONS.contains(&name.trim()));
    numbered.filter(is_one).collect()
}

/// Asks the incumbent, through its own tool: ours speak to Systole only.
fn live_cib() -> Option<xml::Element> {
    let tool = Path::new("/usr/sbin/cibadmin");
    let is_ours = std::fs::canonicalize(tool).ok().zip(std::env::current_exe().ok()).is_some_and(|(tool, own)| tool == own);
    if is_ours {
        return None;
    }
    let output = Command::new(tool).args(["--query"]).stdin(Stdio::null()).env_remove("CIB_file").output().ok()?;
    output.status.success().then(|| xml::parse(&output.stdout, &xml::Limits::default()).ok()).flatten()
}

fn stop(running: &[i32]) -> Result<(), Refusal> {
    let failed = |text: String| Refusal::new(Exit::ERROR, text);
    if running.is_empty() {
        println!("Pacemaker does not run here. When it has ended on every node: systemctl enable --now systole");
        return Ok(());
    }
    if Path::new("/run/systemd/system").exists() {
        let status = Command::new("systemctl").args(["disable", "--now", "pacemaker.service"]).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(failed("systemctl did not stop pacemaker.service".to_owned()));
        }
    } else {
        let head =
            running.iter().find(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == DAEMONS[0]));
        let head = head.and_then(|pid| rustix::process::Pid::from_raw(*pid));
        let Some(head) = head else { return Err(failed("pacemakerd does not run, but daemons of its do".to_owned())) };
        rustix::process::kill_process(head, rustix::process::Signal::TERM).map_err(|error| failed(error.to_string()))?;
    }
    let end = Instant::now() + PATIENCE;
    while !daemons().is_empty() {
        if Instant::now() > end {
            return Err(failed(format!("Pacemaker did not end within {} s; see its log", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("Pacemaker has ended here; its services run on. When it has ended on every node: systemctl enable --now systole");
    Ok(())
}
