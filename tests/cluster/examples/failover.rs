//! How soon a cluster recovers: the incumbent and Systole in turn, on the same hosts with the same Corosync, agents and
//! configuration. Prints the table of `docs/performance.md`; every time is taken from outside the cluster.
//!
//! Arguments: --rounds N (5), --only WORD (rows whose name contains it), --systole-only

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(180);

/// What one round found for each row.
type Found = Vec<Vec<f64>>;

/// What is measured together, in one cluster, and the row that each of its values belongs to.
struct Trial {
    /// Name and goal of each row.
    rows: &'static [(&'static str, &'static str)],
    measure: fn(&Settings, Stack, usize) -> anyhow::Result<Found>,
    settings: Settings,
}

const CRASH: &str = "host crash, 3 hosts, token 1000: crash → first resource on a survivor";

fn trials() -> Vec<Trial> {
    let fast = Settings { token: 400, totem: "token_coefficient: 50\n".to_owned(), ..Settings::hosts(3) };
    let trial = |rows, measure, settings| Trial { rows, measure, settings };
    let three = || Settings::hosts(3);
    vec![
        trial(&[("cold start, 3 hosts: daemons started → 10 resources running, default `dc-deadtime`", "≤ 3 s")], cold as _, three()),
        trial(
            &[(CRASH, "≤ 3.9 s"), ("of it: new membership → resource running (fence agent included)", "≤ 0.2 s")],
            crash_member as _,
            three(),
        ),
        trial(&[("the same, the coordinator's host", "≤ 3.9 s")], crash_coordinator as _, three()),
        trial(&[("host crash, 2 hosts, token 1000", "≤ 2.3 s")], crash_one as _, Settings::hosts(2)),
        trial(&[("host crash, 3 hosts, `cluster setup --profile fast`", "≤ 1.2 s")], crash_one as _, fast),
        trial(&[("resource gone → running again (monitor each second, its phase included)", "")], resource_gone as _, three()),
        trial(&[("failed monitor → resource running again", "≤ half")], after_failed_monitor as _, three()),
        trial(&[("a start takes 10 s; meanwhile another resource is gone → running again", "not delayed")], beside_slow as _, three()),
        trial(&[("planned move of a group of three: outage", "≤ half")], move_group as _, three()),
        trial(&[("standby of a node: outage of its resource", "≤ half")], standby as _, three()),
        trial(&[("100 resources, node to standby → all running elsewhere", "≤ a third")], standby_hundred as _, three()),
        trial(
            &[
                ("memory of one host's daemons, 10 resources (MiB, PSS)", "≤ a third"),
                ("same, the coordinator's host", "≤ a third"),
                ("idle: processor time of one host's daemons, 10 resources (% of a core)", "no more"),
                ("idle: processor time of that host's Corosync below them (% of a core)", ""),
            ],
            at_rest as _,
            three(),
        ),
        trial(
            &[
                ("memory of one host's daemons, 100 resources (MiB, PSS)", "≤ a third"),
                ("same, the coordinator's host with 100 resources", "≤ a third"),
            ],
            memory_hundred as _,
            three(),
        ),
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
    for trial in trials().into_iter().filter(|trial| trial.rows.iter().any(|(name, _)| name.contains(&only))) {
        let mut found: [Vec<Vec<f64>>; 2] = [vec![Vec::new(); trial.rows.len()], vec![Vec::new(); trial.rows.len()]];
        // In turn, so that a busy moment of the machine meets both.
        for round in 0..rounds {
            for (stack, values) in [Stack::Pacemaker, Stack::Systole].into_iter().zip(&mut found) {
                if alone && stack == Stack::Pacemaker {
                    continue;
                }
                match (trial.measure)(&trial.settings, stack, round) {
                    Ok(measured) => values.iter_mut().zip(measured).for_each(|(values, new)| values.extend(new)),
                    Err(error) => eprintln!("{}, {}, round {round}: {error:#}", trial.rows[0].0, stack.name()),
                }
                eprintln!("{}: {} {values:.3?}", trial.rows[0].0, stack.name());
            }
        }
        let [theirs, ours] = found;
        for ((name, goal), (theirs, ours)) in trial.rows.iter().zip(theirs.into_iter().zip(ours)) {
            let (theirs, ours) = (Spread::of(theirs), Spread::of(ours));
            let ratio = if theirs.median > 0.0 { format!("{:.2}", ours.median / theirs.median) } else { "–".to_owned() };
            println!("| {name} | {theirs} | {ours} | {ratio} | {goal} |");
        }
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

fn cold(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let lab = Lab::new(settings, stack)?;
    lab.preload(&cib(&[("stonith-enabled", "true")], &dummies(10, "10s"), ""))?;
    let begin = Instant::now();
    lab.start_all()?;
    ensure("all resources run", || names(10).iter().all(|name| lab.active(name).len() == 1))?;
    Ok(one(begin.elapsed().as_secs_f64()))
}

/// One value for one row.
fn one(value: f64) -> Found {
    vec![vec![value]]
}

fn crash_member(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Found> {
    crash(settings, stack, round, false).map(|(first, after)| vec![vec![first], after.into_iter().collect()])
}

fn crash_one(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Found> {
    crash(settings, stack, round, false).map(|(first, _)| one(first))
}

fn crash_coordinator(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Found> {
    crash(settings, stack, round, true).map(|(first, _)| one(first))
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

fn resource_gone(settings: &Settings, stack: Stack, round: usize) -> anyhow::Result<Found> {
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
    Ok(vec![found])
}

fn standby(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
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
    Ok(one(outage))
}

fn standby_hundred(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let homes: String =
        names(100).iter().map(|name| format!("<rsc_location id=\"l-{name}\" rsc=\"{name}\" node=\"node2\" score=\"1000\"/>")).collect();
    let lab = running(settings, stack, 100, "10s", &homes)?;
    let begin = Instant::now();
    lab.tool(lab.host("node2"), "crm_standby", &["-N", "node2", "-v", "on"])?;
    // Looking at those that were seen already would take the cluster's own processor time.
    let mut left = names(100);
    ensure("all run elsewhere", || {
        left.retain(|name| !lab.active(name).iter().any(|host| host != "node2"));
        left.is_empty()
    })?;
    Ok(one(begin.elapsed().as_secs_f64()))
}

/// Memory and processor time while nothing happens.
fn at_rest(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let lab = running(settings, stack, 10, "10s", "")?;
    let leader = coordinator(&lab)?.name.clone();
    let member = lab.hosts.iter().find(|host| host.name != leader).expect("there are several");
    let memory = [member, lab.host(&leader)].map(|host| vec![memory(host, stack)]);
    let busy = |pids: Vec<u32>| pids.iter().map(|pid| nanoseconds(*pid)).sum::<u64>();
    let look = || (busy(daemons(member, stack).collect()), busy(member.processes("corosync")), Instant::now());
    let before = look();
    std::thread::sleep(Duration::from_secs(30));
    let after = look();
    let share = |before: u64, after: u64, begin: Instant| (after - before) as f64 / begin.elapsed().as_nanos() as f64 * 100.0;
    let [member, leader] = memory;
    Ok(vec![member, leader, vec![share(before.0, after.0, before.2)], vec![share(before.1, after.1, before.2)]])
}

fn memory_hundred(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let lab = running(settings, stack, 100, "10s", "")?;
    let leader = coordinator(&lab)?.name.clone();
    let member = lab.hosts.iter().find(|host| host.name != leader).expect("there are several");
    Ok([member, lab.host(&leader)].map(|host| vec![memory(host, stack)]).into())
}

/// Returns the memory of a host's daemons in MiB, each page that several share counted in parts.
fn memory(host: &Host, stack: Stack) -> f64 {
    let kib: u64 = daemons(host, stack)
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok())
        .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().split(' ').next()?.parse::<u64>().ok()))
        .sum();
    kib as f64 / 1024.0
}

fn daemons(host: &Host, stack: Stack) -> impl Iterator<Item = u32> {
    stack.daemons().iter().flat_map(|name| host.processes(name))
}

/// Returns the processor time that a process took so far, all of its threads that live.
fn nanoseconds(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

/// An agent that notes when its monitor found the resource gone, and is Pacemaker's Dummy otherwise.
const NOTING: &str = "#!/bin/sh\n/usr/lib/ocf/resource.d/pacemaker/Dummy \"$@\"\nrc=$?\n\
    [ \"$1\" = monitor ] && [ $rc = 7 ] && [ -e /run/armed ] && [ ! -e /run/failed ] && touch /run/failed\nexit $rc\n";

fn after_failed_monitor(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new(settings, stack)?;
    for host in lab.hosts.iter() {
        let folder = host.path("/usr/lib/ocf/resource.d/lab").ok_or_else(|| anyhow::anyhow!("the host is off"))?;
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("Noting"), NOTING)?;
        std::fs::set_permissions(folder.join("Noting"), std::fs::Permissions::from_mode(0o755))?;
    }
    let resource = dummy("r1", "1s").replace("provider=\"pacemaker\" type=\"Dummy\"", "provider=\"lab\" type=\"Noting\"");
    lab.preload(&cib(&[("stonith-enabled", "true"), ("dc-deadtime", "2s")], &resource, ""))?;
    lab.start_all()?;
    ensure("it runs", || lab.active("r1").len() == 1)?;
    settle(&lab);
    let mut found = Vec::new();
    for _ in 0..4 {
        let host = lab.host(&lab.active("r1")[0]);
        let path = |path: &str| host.path(path).ok_or_else(|| anyhow::anyhow!("the host is off"));
        let _ = std::fs::remove_file(path("/run/failed")?);
        std::fs::write(path("/run/armed")?, "")?;
        std::fs::remove_file(path("/run/Dummy-r1.state")?)?;
        ensure("its monitor fails", || host.has("/run/failed"))?;
        let begin = Instant::now();
        ensure("it runs again", || !lab.active("r1").is_empty())?;
        found.push(begin.elapsed().as_secs_f64());
        std::fs::remove_file(path("/run/armed")?)?;
        std::thread::sleep(Duration::from_millis(1700));
    }
    Ok(vec![found])
}

fn beside_slow(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let slow = dummy("slow", "10s").replace("timeout=\"20s\"", "timeout=\"60s\"").replace(
        "<operations>",
        "<meta_attributes id=\"slow-m\"><nvpair id=\"slow-r\" name=\"target-role\" value=\"Stopped\"/></meta_attributes>\
         <instance_attributes id=\"slow-i\"><nvpair id=\"slow-s\" name=\"op_sleep\" value=\"10\"/></instance_attributes><operations>\
         <op id=\"slow-start\" name=\"start\" interval=\"0\" timeout=\"60s\"/>\
         <op id=\"slow-stop\" name=\"stop\" interval=\"0\" timeout=\"60s\"/>\
         <op id=\"slow-probe\" name=\"monitor\" interval=\"0\" timeout=\"60s\"/>",
    );
    let lab = Lab::new(settings, stack)?;
    lab.preload(&cib(&[("stonith-enabled", "true"), ("dc-deadtime", "2s")], &(dummies(3, "1s") + &slow), ""))?;
    lab.start_all()?;
    ensure("the others run", || names(3).iter().all(|name| lab.active(name).len() == 1))?;
    // The probes of the slow one take their time as well.
    settle(&lab);
    let host = lab.active("r1").first().cloned().unwrap_or_default();
    lab.tool(
        &lab.hosts[0],
        "crm_resource",
        &["--resource", "slow", "--meta", "--set-parameter", "target-role", "--parameter-value", "Started"],
    )?;
    std::thread::sleep(Duration::from_secs(2));
    let begin = Instant::now();
    let file = lab.host(&host).path("/run/Dummy-r1.state").ok_or_else(|| anyhow::anyhow!("{host} is off"))?;
    std::fs::remove_file(file)?;
    ensure("it runs again", || !lab.active("r1").is_empty())?;
    Ok(one(begin.elapsed().as_secs_f64()))
}

fn move_group(settings: &Settings, stack: Stack, _round: usize) -> anyhow::Result<Found> {
    let lab = Lab::new(settings, stack)?;
    let group = format!("<group id=\"g\">{}</group>", dummies(3, "10s"));
    lab.preload(&cib(&[("stonith-enabled", "true"), ("dc-deadtime", "2s")], &group, ""))?;
    lab.start_all()?;
    let all_on = |host: Option<&str>| {
        let places = names(3).iter().map(|name| lab.active(name)).collect::<Vec<_>>();
        places.iter().all(|place| place.len() == 1 && *place == places[0] && host.is_none_or(|host| place[0] == host))
    };
    ensure("it runs", || all_on(None))?;
    settle(&lab);
    let source = lab.active("r1")[0].clone();
    let target = lab.hosts.iter().find(|host| host.name != source).expect("there are several").name.clone();
    let outage = std::thread::scope(|scope| {
        let watch = scope.spawn(|| -> anyhow::Result<f64> {
            ensure("it stops", || !all_on(None))?;
            let begin = Instant::now();
            ensure("it runs there", || all_on(Some(&target)))?;
            Ok(begin.elapsed().as_secs_f64())
        });
        lab.tool(lab.host(&source), "crm_resource", &["--move", "--resource", "g", "--node", &target])?;
        watch.join().unwrap_or_else(|_| Err(anyhow::anyhow!("watching panicked")))
    })?;
    Ok(one(outage))
}
