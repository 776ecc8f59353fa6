//! Three hosts with the shortest times we offer, on a machine that does other work, and nothing done to them: whatever they take for a
//! loss is a false alarm.

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, program};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
const RESOURCES: usize = 10;

/// Leaves a cluster alone for that long, and reports what happened to it, seen from outside.
pub fn stay(time: Duration) -> anyhow::Result<String> {
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    configure(&lab)?;
    lab.start_all()?;
    let resources: String = (1..=RESOURCES).map(|number| dummy(&format!("r{number}"), "10s")).collect();
    lab.load(&lab.hosts[0], &cib(&[("stonith-enabled", "true")], &resources, ""))?;
    let away = || (1..=RESOURCES).filter(|number| lab.active(&format!("r{number}")).len() != 1).count();
    anyhow::ensure!(eventually(PATIENCE, || away() == 0), "the resources do not run\n{}", lab.story());
    // What the start of the hosts left to be done.
    lab.tool(&lab.hosts[0], "crm_resource", &["--wait", "--timeout", "60s"])?;
    let counted = |word: &str| lab.hosts.iter().map(|host| log(host).matches(word).count()).sum::<usize>();
    let (rings, lost, late, work, begun) = (counted(RING), counted(LOST), counted(LATE), Work::now(), Instant::now());
    let mut interrupted = 0;
    while begun.elapsed() < time {
        // Two looks: one that a monitor is just asked about is there all the time.
        interrupted += usize::from(away() > 0 && away() > 0);
        std::thread::sleep(Duration::from_millis(50));
    }
    let (rings, lost, late) = (counted(RING) - rings, counted(LOST) - lost, counted(LATE) - late);
    let busy = work.share_since();
    let alarms = lost + lab.presses().len() + interrupted;
    if alarms > 0 {
        eprintln!("{:?}\n{}", lab.presses(), lab.story());
    }
    Ok(format!(
        "three hosts with `--profile fast` and {RESOURCES} resources, left alone for {:.0} minutes while the machine's {} cores were busy \
         for {busy:.0} % of the time: {lost} times a host took another for lost, {} fencings, {interrupted} interruptions of a resource; \
         {late} times a token was late and {rings} times a host formed its ring anew, with the same hosts, which are the steps \
         before an alarm; {alarms} problems.\n",
        begun.elapsed().as_secs_f64() / 60.0,
        std::thread::available_parallelism().map_or(1, usize::from),
        lab.presses().len(),
    ))
}

/// What Corosync writes when it forms its ring anew, when hosts are no more in it, and when it begins to wonder.
const RING: &str = "A new membership";
const LOST: &str = "Failed to receive the leave message";
const LATE: &str = "Token has not been received";

fn log(host: &Host) -> String {
    host.read("/var/log/corosync/corosync.log")
}

/// Configures the hosts as an administrator would.
fn configure(lab: &Lab) -> anyhow::Result<()> {
    let systole = program().display().to_string();
    let nodes: Vec<String> = lab.hosts.iter().map(|host| format!("{}={}", host.name, host.address())).collect();
    for host in lab.hosts.iter() {
        host.run("rm", &["/etc/corosync/corosync.conf"])?;
    }
    let first = &lab.hosts[0];
    let setup: Vec<&str> = ["cluster", "setup", "--profile", "fast"].into_iter().chain(nodes.iter().map(String::as_str)).collect();
    first.run(&systole, &setup)?;
    let invitation = first.run(&systole, &["cluster", "invite"])?;
    for host in &lab.hosts[1..] {
        host.script("printf %s \"$INVITATION\" | \"$SYSTOLE\" cluster join", &[("INVITATION", &invitation), ("SYSTOLE", &systole)])?;
    }
    Ok(())
}

/// Processor time of the whole machine.
struct Work {
    idle: u64,
    all: u64,
}

impl Work {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let times: Vec<u64> = text.lines().next().unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect();
        // Idle, and waiting for a disk.
        Self { idle: times.iter().skip(3).take(2).sum(), all: times.iter().take(8).sum() }
    }

    /// Returns how much of the time since the cores worked, in percent.
    fn share_since(&self) -> f64 {
        let now = Self::now();
        let (idle, all) = (now.idle - self.idle, (now.all - self.all).max(1));
        100.0 - idle as f64 / all as f64 * 100.0
    }
}
