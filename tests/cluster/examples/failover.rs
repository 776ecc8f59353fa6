//! How soon a cluster recovers: the incumbent and Systole in turn, on the same hosts with the same Corosync, agents and
//! configuration. Prints the table of `docs/performance.md`; every time is taken from outside the cluster.
//!
//! Arguments: --rounds N (5), --only WORD (rows whose name contains it), --systole-only

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(180);

/// One row: what is measured, and one round of it.
struct Row {
    name: &'static str,
    goal: &'static str,
    measure: fn(&Settings, Stack, usize) -> anyhow::Result<Vec<f64>>,
    settings: Settings,
}

fn rows() -> Vec<Row> {
    let fast = Settings { token: 400, totem: "token_coefficient: 50\n".to_owned(), ..Settings::hosts(3) };
    let row = |name, goal, measure, settings| Row { name, goal, measure, settings };
    vec![
        row("cold start, 3 hosts: daemons started → 10 resources running, default `dc-deadtime`", "≤ 3 s", cold as _, Settings::hosts(3)),
        row("host crash, 3 hosts, token 1000: crash → first resource on a survivor", "≤ 3.9 s", crash_member as _, Settings::hosts(3)),
        row("same, the coordinator's host", "≤ 3.9 s", crash_coordinator as _, Settings::hosts(3)),
        row("of a crash: new membership → resource running (fence agent included)", "≤ 0.2 s", after_membership as _, Settings::hosts(3)),
        row("host crash, 2 hosts, token 1000", "≤ 2.3 s", crash_member as _, Settings::hosts(2)),
        row("host crash, 3 hosts, `cluster setup --profile fast`", "≤ 1.2 s", crash_member as _, fast),
        row("resource gone → running again (monitor each second, its phase included)", "", resource_gone as _, Settings::hosts(3)),
        row("standby of a node: outage of its resource", "≤ half", standby as _, Settings::hosts(3)),
        row("100 resources, node to standby → all running elsewhere", "≤ a third", standby_hundred as _, Settings::hosts(3)),
        row("memory of one host's daemons with 10 resources (MiB, PSS)", "≤ a third", memory as _, Settings::hosts(3)),
    ]
}

fn main() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        println!("skipped: bench failover: {reason}");
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |word: &str| arguments.iter().position(|argument| argument == word).and_then(|at| arguments.get(at + 1)).cloned();
    let rounds: usize = after("--rounds").and_then(|text| text.parse().ok()).unwrap_or(5);
    let only = after("--only").unwrap_or_default();
    let alone = arguments.iter().any(|argument| argument == "--systole-only");
    println!(
        "| from when to when (seconds unless said; median, least–greatest of {rounds} rounds) | Pacemaker 2.1.5 | Systole | ratio | goal |"
    );
    println!("|---|---|---|---|---|");
    for row in rows().into_iter().filter(|row| row.name.contains(&only)) {
        let mut found: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        // In turn, so that a busy moment of the machine meets both.
        for round in 0..rounds {
            for (stack, values) in [Stack::Pacemaker, Stack::Systole].into_iter().zip(&mut found) {
                if alone && stack == Stack::Pacemaker {
                    continue;
                }
                match (row.measure)(&row.settings, stack, round) {
                    Ok(measured) => values.extend(measured),
                    Err(error) => eprintln!("{}, {}, round {round}: {error:#}", row.name, stack.name()),
                }
                eprintln!("{}: {} {values:.3?}", row.name, stack.name());
            }
        }
        let [theirs, ours] = found.map(Spread::of);
        let ratio = if theirs.median > 0.0 { format!("{:.2}", ours.median / theirs.median) } else { "–".to_owned() };
        println!("| {} | {theirs} | {ours} | {ratio} | {} |", row.name, row.goal);
    }
    Ok(())
}

/// A median and its ends.
struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
        Self { median: at(values.len() / 2), least: at(0), greatest: at(values.len().saturating_sub(1)) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.median == 0.0 { write!(f, "–") } else { write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.least, self.greatest) }
    }
}

fn ensure(what: &str, holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    anyhow::ensure!(eventually(LIMIT, holds), "not within {LIMIT:?}: {what}");
    Ok(())
}

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("r{number}")).collect()
}

fn dummies(count: usize, interval: &str) -> String {
    names(count).iter().map(|name| dummy(name, interval)).collect()
}

/// A lab whose cluster runs that many resources.
fn running(settings: &Settings, stack: Stack, count: usize, interval: &str, constraints: &str) -> anyhow::Result<Lab> {
    let lab = Lab::new(settings, stack)?;
    // Only the row of the cold start is about how long a cluster waits for nodes at its start.
    let options = [("stonith-enabled", "true"), ("dc-deadtime", "2s")];
    lab.preload(&cib(&options, &dummies(count, interval), constraints))?;
    lab.start_all()?;
    ensure("all resources run", || names(count).iter().all(|name| lab.active(name).len() == 1))?;
    settle(&lab);
    Ok(lab)
}

/// Waits until the cluster has nothing more to do, as far as its tools tell.
fn settle(lab: &Lab) {
    let host = lab.hosts.iter().find(|host| host.is_on()).expect("a host is on");
    let _ = lab.tool(host, "crm_resource", &["--wait", "--timeout", "60s"]);
    std::thread::sleep(Duration::from_millis(1500));
}

fn coordinator(lab: &Lab) -> anyhow::Result<&Host> {
    let mut found = None;
    ensure("there is a coordinator", || {
        let text = lab.tool(&lab.hosts[0], "crmadmin", &["-D"]).unwrap_or_default();
        found = lab.hosts.iter().find(|host| text.trim_end().ends_with(&host.name));
        found.is_some()
    })?;
    found.ok_or_else(|| anyhow::anyhow!("there is no coordinator"))
}

fn cold(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Vec<f64>> {
    let lab = Lab::new(settings, stack)?;
    lab.preload(&cib(&[("stonith-enabled", "true")], &dummies(10, "10s"), ""))?;
    let begin = Instant::now();
    lab.start_all()?;
    ensure("all resources run", || names(10).iter().all(|name| lab.active(name).len() == 1))?;
    Ok(vec![begin.elapsed().as_secs_f64()])
}

fn crash_member(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Vec<f64>> {
    crash(settings, stack, round, false).map(|(first, _)| vec![first])
}

fn crash_coordinator(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Vec<f64>> {
    crash(settings, stack, round, true).map(|(first, _)| vec![first])
}

fn after_membership(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Vec<f64>> {
    crash(settings, stack, round, false).map(|(_, after)| after.into_iter().collect())
}

/// Crashes a host; returns the time to its first resource elsewhere, and from Corosync's new membership to that.
fn crash(settings: &Settings, stack: Stack, round: usize, of_coordinator: bool) -> anyhow::Result<(f64, Option<f64>)> {
    let lab = running(settings, stack, 10, "10s", "")?;
    let leader = coordinator(&lab)?.name.clone();
    let candidates: Vec<&Host> = lab.hosts.iter().filter(|host| (host.name == leader) == of_coordinator).collect();
    let victim = candidates[round % candidates.len()];
    let its: Vec<String> = names(10).into_iter().filter(|name| lab.active(name) == [victim.name.clone()]).collect();
    anyhow::ensure!(!its.is_empty(), "the victim runs nothing");
    // At another point of Corosync's token each time.
    std::thread::sleep(Duration::from_millis(137 * round as u64));
    let begin = Instant::now();
    victim.crash();
    let mut membership = None;
    let survivor = lab.hosts.iter().find(|host| host.name != victim.name).expect("there are several");
    let known = survivor.read("/var/log/corosync/corosync.log").matches("A new membership").count();
    ensure("its first resource runs elsewhere", || {
        if membership.is_none() && survivor.read("/var/log/corosync/corosync.log").matches("A new membership").count() > known {
            membership = Some(Instant::now());
        }
        its.iter().any(|name| lab.active(name).iter().any(|host| *host != victim.name))
    })?;
    let end = Instant::now();
    Ok(((end - begin).as_secs_f64(), membership.map(|at| (end - at).as_secs_f64())))
}

fn resource_gone(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Vec<f64>> {
    let lab = running(settings, stack, 10, "1s", "")?;
    let mut found = Vec::new();
    for (index, name) in names(10).iter().enumerate().take(4) {
        let host = lab.active(name).first().cloned().unwrap_or_default();
        std::thread::sleep(Duration::from_millis(500 + 190 * (index + round) as u64));
        let file = lab.host(&host).path(&format!("/run/Dummy-{name}.state")).ok_or_else(|| anyhow::anyhow!("{host} is off"))?;
        let begin = Instant::now();
        std::fs::remove_file(file)?;
        ensure("it runs again", || !lab.active(name).is_empty())?;
        found.push(begin.elapsed().as_secs_f64());
    }
    Ok(found)
}

fn standby(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Vec<f64>> {
    let lab = running(settings, stack, 10, "10s", "")?;
    let source = lab.active("r1").first().cloned().unwrap_or_default();
    let outage = std::thread::scope(|scope| {
        let watch = scope.spawn(|| -> anyhow::Result<f64> {
            ensure("it stops", || !lab.active("r1").contains(&source))?;
            let begin = Instant::now();
            ensure("it runs elsewhere", || !lab.active("r1").is_empty())?;
            Ok(begin.elapsed().as_secs_f64())
        });
        lab.tool(lab.host(&source), "crm_standby", &["-N", &source, "-v", "on"])?;
        watch.join().unwrap_or_else(|_| Err(anyhow::anyhow!("watching panicked")))
    })?;
    Ok(vec![outage])
}

fn standby_hundred(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Vec<f64>> {
    let homes: String =
        names(100).iter().map(|name| format!("<rsc_location id=\"l-{name}\" rsc=\"{name}\" node=\"node2\" score=\"1000\"/>")).collect();
    let lab = running(settings, stack, 100, "10s", &homes)?;
    let begin = Instant::now();
    lab.tool(lab.host("node2"), "crm_standby", &["-N", "node2", "-v", "on"])?;
    ensure("all run elsewhere", || names(100).iter().all(|name| lab.active(name).iter().any(|host| host != "node2")))?;
    Ok(vec![begin.elapsed().as_secs_f64()])
}

fn memory(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Vec<f64>> {
    let lab = running(settings, stack, 10, "10s", "")?;
    let leader = coordinator(&lab)?.name.clone();
    let member = lab.hosts.iter().find(|host| host.name != leader).expect("there are several");
    let kib: u64 = stack
        .daemons()
        .iter()
        .flat_map(|name| member.processes(name))
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok())
        .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().split(' ').next()?.parse::<u64>().ok()))
        .sum();
    Ok(vec![kib as f64 / 1024.0])
}
