//! A cut-off host, a daemon and a Corosync that die, two hosts against each other: what really runs where is watched
//! from outside all the time.

use lab::{Lab, Settings, Stack, cib, dummy, eventually, missing, skip};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

const OPTIONS: &[(&str, &str)] = &[("stonith-enabled", "true")];

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        panic!("not within {LIMIT:?}: {what}\n{}", lab.story());
    }
}

/// Runs `body` while it is watched that a resource is never active on two hosts at once.
fn never_twice(lab: &Lab, resource: &str, body: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let (ended, twice) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let result = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                // Two looks: a host may be switched off between being seen and the next one being looked at.
                let seen = lab.active(resource);
                if seen.len() > 1 && lab.active(resource) == seen {
                    twice.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let result = body();
        ended.store(true, Ordering::Relaxed);
        watch.join().expect("watching does not panic");
        result
    });
    assert!(!twice.load(Ordering::Relaxed), "{resource} was active twice\n{}", lab.story());
    result
}

fn running(hosts: usize, home: &str) -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings::hosts(hosts), Stack::Systole)?;
    lab.start_all()?;
    let prefers = format!("<rsc_location id=\"l\" rsc=\"one\" node=\"{home}\" score=\"50\"/>");
    lab.load(lab.host("node1"), &cib(OPTIONS, &dummy("one", "10s"), &prefers))?;
    expect(&lab, "the resource runs", || lab.active("one") == [home]);
    Ok(lab)
}

#[test]
fn a_host_that_is_cut_off_loses_its_resources_before_they_run_elsewhere() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_host_that_is_cut_off_loses_its_resources_before_they_run_elsewhere", &reason);
        return Ok(());
    }
    let lab = running(3, "node3")?;
    never_twice(&lab, "one", || {
        lab.host("node3").cut_off()?;
        expect(&lab, "the resource runs on the side with quorum", || lab.active("one").iter().any(|name| name != "node3"));
        Ok(())
    })?;
    let presses: Vec<String> = lab.presses().into_iter().map(|(_, press)| press).collect();
    assert_eq!(presses, ["reboot node3"]);
    Ok(())
}

#[test]
fn of_two_hosts_that_lose_sight_of_each_other_exactly_one_survives() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("of_two_hosts_that_lose_sight_of_each_other_exactly_one_survives", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(2), Stack::Systole)?;
    lab.start_all()?;
    // Who runs the resource has the head start in the race.
    let options = [OPTIONS, &[("priority-fencing-delay", "3s")]].concat();
    let resource = dummy("one", "10s").replace(
        "<operations>",
        "<meta_attributes id=\"m\"><nvpair id=\"m-p\" name=\"priority\" value=\"10\"/></meta_attributes><operations>",
    );
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    lab.load(lab.host("node1"), &cib(&options, &resource, prefers))?;
    expect(&lab, "the resource runs", || lab.active("one") == ["node2"]);
    never_twice(&lab, "one", || {
        lab.host("node2").cut_off()?;
        expect(&lab, "one of them is fenced", || !lab.presses().is_empty());
        expect(&lab, "the resource runs on the other", || lab.active("one").len() == 1);
        Ok(())
    })?;
    let on: Vec<&str> = lab.hosts.iter().filter(|host| host.is_on()).map(|host| host.name.as_str()).collect();
    assert_eq!((on, lab.presses().len()), (vec!["node2"], 1), "{:?}", lab.presses());
    Ok(())
}

#[test]
fn a_daemon_that_dies_costs_nothing_and_a_corosync_that_dies_costs_its_host() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_daemon_that_dies_costs_nothing_and_a_corosync_that_dies_costs_its_host", &reason);
        return Ok(());
    }
    let lab = running(3, "node2")?;
    let daemons = || lab.host("node2").processes("systole node");
    let daemon = daemons()[0];
    kill(daemon);
    expect(&lab, "another daemon is started", || daemons().iter().any(|pid| *pid != daemon));
    let online = || lab.tool(lab.host("node1"), "crm_mon", &["-1"]).unwrap_or_default();
    expect(&lab, "it takes part again", || online().contains("Online: [ node1 node2 node3 ]"));
    assert_eq!((lab.active("one"), lab.presses().len()), (vec!["node2".to_owned()], 0), "{}", lab.story());
    // With Corosync gone the host is lost to its peers, who fence it.
    never_twice(&lab, "one", || {
        kill(lab.host("node2").processes("corosync")[0]);
        expect(&lab, "the resource runs elsewhere", || lab.active("one").iter().any(|name| name != "node2"));
        Ok(())
    })?;
    assert_eq!(lab.presses().len(), 1, "{:?}", lab.presses());
    Ok(())
}

fn kill(pid: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lived a moment ago");
    }
}
