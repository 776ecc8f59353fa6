//! Three hosts with Corosync under random faults; what runs is looked at through the kernel all the time.

use crate::{Random, Tally};
use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the cluster may take to be well again.
const PATIENCE: Duration = Duration::from_secs(90);
const RESOURCES: [&str; 2] = ["one", "two"];
const FAULTS: [&str; 6] = ["crash", "cut off", "cut off for a moment", "kill the daemon", "kill the root role", "kill corosync"];

pub fn soak(random: &mut Random, until: Instant, tally: &mut Tally) -> anyhow::Result<()> {
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    lab.start_all()?;
    let resources: String = RESOURCES.iter().map(|name| dummy(name, "10s")).collect();
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources, ""))?;
    let is_well = || RESOURCES.iter().all(|name| lab.active(name).len() == 1);
    anyhow::ensure!(eventually(PATIENCE, is_well), "the resources do not run\n{}", lab.story());
    let (ended, twice) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for name in RESOURCES {
                    let seen = lab.active(name);
                    // Two looks: a host may be switched off between being seen and the next one being looked at.
                    if seen.len() > 1 && lab.active(name) == seen {
                        twice.lock().expect("nobody panics with it").push(format!("{name} is active on {}", seen.join(" and ")));
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let outcome = faults(&lab, random, until, tally);
        ended.store(true, Ordering::Relaxed);
        outcome
    })?;
    tally.problems.extend(twice.into_inner()?);
    if !tally.problems.is_empty() {
        tally.problems.push(lab.story());
    }
    Ok(())
}

fn faults(lab: &Lab, random: &mut Random, until: Instant, tally: &mut Tally) -> anyhow::Result<()> {
    let begun = Instant::now();
    let processes = || -> Vec<u32> {
        lab.hosts.iter().flat_map(|host| ["systole node", "systole agentd"].map(|name| host.processes(name))).flatten().collect()
    };
    while Instant::now() < until && tally.problems.is_empty() {
        tally.measure(begun, processes());
        let host = &lab.hosts[random.below(lab.hosts.len())];
        let fault = FAULTS[random.below(FAULTS.len())];
        tally.fault(fault);
        let at = Instant::now();
        let had = RESOURCES.iter().any(|name| lab.active(name) == [host.name.as_str()]);
        match fault {
            "crash" => host.crash(),
            "cut off" | "cut off for a moment" => host.cut_off()?,
            "kill the daemon" => kill(host.processes("systole node")),
            "kill the root role" => kill(host.processes("systole agentd")),
            _ => kill(host.processes("corosync")),
        }
        if fault == "cut off for a moment" {
            std::thread::sleep(Duration::from_millis(random.below(2500) as u64));
            reconnect(host)?;
        }
        let others = || {
            // One that is fenced for what happened before comes back meanwhile, as a reboot does.
            lab.hosts.iter().filter(|other| other.name != host.name).for_each(|other| tend(lab, other));
            RESOURCES
                .iter()
                .all(|name| matches!(lab.active(name).as_slice(), [place] if *place != host.name || fault.contains("kill the daemon")))
        };
        let moves = had && matches!(fault, "crash" | "cut off" | "kill corosync");
        if moves && !eventually(PATIENCE, others) {
            tally.problems.push(format!(
                "after {fault} of {} its resources do not run elsewhere: {:?}",
                host.name,
                RESOURCES.map(|name| lab.active(name))
            ));
            break;
        }
        if moves {
            tally.away.push(at.elapsed());
        }
        std::thread::sleep(Duration::from_millis(random.below(3000) as u64));
        reconnect(host)?;
        // What was cut off or lost its engine is fenced, reset, or goes on: in the end all are there again.
        let online = format!("Online: [ {} ]", lab.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "));
        let is_well = || {
            lab.hosts.iter().for_each(|host| tend(lab, host));
            std::thread::sleep(Duration::from_millis(200));
            // Each by its own knowledge: who has not noticed yet that another's engine ended still takes all to be there.
            RESOURCES.iter().all(|name| lab.active(name).len() == 1)
                && lab.hosts.iter().all(|host| ring(host) == lab.hosts.len())
                && lab.hosts.iter().all(|host| lab.tool(host, "crm_mon", &["-1"]).is_ok_and(|text| text.contains(&online)))
        };
        if !eventually(PATIENCE, is_well) {
            tally.problems.push(format!("after {fault} of {} the cluster is not well again", host.name));
        }
    }
    tally.measure(begun, processes());
    Ok(())
}

/// Does what hardware and systemd do: a host that was reset boots, Corosync and the root role are started again.
fn tend(lab: &Lab, host: &Host) {
    let _ = if !host.is_on() {
        host.boot().and_then(|()| lab.start(host))
    } else if host.processes("corosync").is_empty() {
        lab.start_corosync(host)
    } else if host.processes("systole agentd").is_empty() {
        lab.start_daemon(host)
    } else {
        Ok(())
    };
}

/// Returns how many hosts this host's Corosync sees; 0 where it does not run.
fn ring(host: &Host) -> usize {
    let text = host.script("corosync-quorumtool -s || true", &[]).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("Nodes:")?.trim().parse().ok()).unwrap_or(0)
}

/// Takes a cut back. A host that was switched off meanwhile has no cable until it boots.
fn reconnect(host: &Host) -> anyhow::Result<()> {
    host.reconnect().or_else(|problem| if eventually(Duration::from_secs(5), || !host.is_on()) { Ok(()) } else { Err(problem) })
}

fn kill(processes: Vec<u32>) {
    for pid in processes {
        if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
