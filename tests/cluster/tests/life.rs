//! The life of a real cluster: hosts form it, one crashes, one leaves and comes back, Corosync is killed under it.

use lab::{Lab, Settings, Stack, cib, dummy, eventually, missing, skip};
use std::time::Duration;

/// Generous, for a machine that does other work as well; nothing is timed.
const LIMIT: Duration = Duration::from_secs(60);

const OPTIONS: &[(&str, &str)] = &[("stonith-enabled", "true")];

/// Asserts, and tells the hosts' story when it fails.
fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        panic!("not within {LIMIT:?}: {what}\n{}", lab.story());
    }
}

/// A cluster of that many hosts with two resources, and where they run.
fn running(hosts: usize) -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings::hosts(hosts), Stack::Systole)?;
    lab.start_all()?;
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    lab.load(lab.host("node1"), &cib(OPTIONS, &(dummy("one", "10s") + &dummy("two", "10s")), prefers))?;
    expect(&lab, "both resources run", || lab.active("one").len() == 1 && lab.active("two").len() == 1);
    Ok(lab)
}

#[test]
fn a_crashed_host_is_fenced_and_what_it_ran_runs_elsewhere() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_crashed_host_is_fenced_and_what_it_ran_runs_elsewhere", &reason);
        return Ok(());
    }
    let lab = running(3)?;
    let victim = lab.active("one")[0].clone();
    lab.host(&victim).crash();
    expect(&lab, "the resource runs elsewhere", || lab.active("one").iter().any(|name| *name != victim));
    assert!(lab.presses().iter().any(|(_, press)| *press == format!("reboot {victim}")), "{:?}", lab.presses());
    // The host comes back with nothing running, joins, and nobody else was fenced.
    lab.host(&victim).boot()?;
    lab.start(lab.host(&victim))?;
    let survivor = lab.hosts.iter().find(|host| host.name != victim).expect("there are three");
    let online = format!("Online: [ {} ]", lab.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "));
    expect(&lab, "all are online", || lab.tool(survivor, "crm_mon", &["-1"]).is_ok_and(|text| text.contains(&online)));
    assert_eq!(lab.presses().len(), 1, "{:?}", lab.presses());
    Ok(())
}

#[test]
fn a_host_that_leaves_in_good_order_is_not_fenced_and_comes_back() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_host_that_leaves_in_good_order_is_not_fenced_and_comes_back", &reason);
        return Ok(());
    }
    let lab = running(3)?;
    let leaver = lab.host("node2");
    let root_role = leaver.processes("systole agentd")[0];
    let pid = rustix::process::Pid::from_raw(root_role as i32).expect("a process number");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    expect(&lab, "its resources run elsewhere and it has ended", || {
        lab.active("one").iter().any(|name| name != "node2") && leaver.processes("systole agentd").is_empty()
    });
    // Corosync may end now that nothing of the cluster runs there, and refused before.
    let asked = lab.host("node1").command("corosync-cfgtool")?.arg("-H").output()?;
    let answer = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(answer.contains("Could not shutdown"), "Corosync agreed to end below a daemon that takes part: {answer}");
    leaver.run("corosync-cfgtool", &["-H"])?;
    expect(&lab, "Corosync has ended", || leaver.processes("corosync").is_empty());
    lab.start(leaver)?;
    expect(&lab, "it is back", || {
        lab.tool(lab.host("node1"), "crm_mon", &["-1"]).is_ok_and(|text| text.contains("Online: [ node1 node2 node3 ]"))
    });
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}

#[test]
fn a_configuration_larger_than_a_group_message_reaches_every_disk() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_configuration_larger_than_a_group_message_reaches_every_disk", &reason);
        return Ok(());
    }
    let lab = running(3)?;
    // Ten megabytes; Corosync takes one at once.
    let filler = "x".repeat(5000);
    let names: Vec<String> = (0..2000).map(|number| format!("note-{number}")).collect();
    let options: Vec<(&str, &str)> = OPTIONS.iter().copied().chain(names.iter().map(|name| (name.as_str(), filler.as_str()))).collect();
    lab.load(lab.host("node3"), &cib(&options, &dummy("three", "10s"), ""))?;
    expect(&lab, "the new resource runs, the old ones do not", || lab.active("three").len() == 1 && lab.active("one").is_empty());
    expect(&lab, "it is on every disk", || lab.hosts.iter().all(|host| host.read("/var/lib/pacemaker/cib/cib.xml").contains("note-1999")));
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}

/// Returns the policy and real-time priority (sched(7)) of the threads of a process, by their names.
fn urgency(pid: u32) -> Vec<(String, String)> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    let read = |stat: String| {
        let (front, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        // The third field of proc(5) comes first here; these are the fortieth and the next.
        Some((front.split_once('(')?.1.to_owned(), format!("{} {}", fields.get(37)?, fields.get(38)?)))
    };
    stats.filter_map(read).collect()
}

#[test]
fn the_daemon_is_as_urgent_as_corosync_and_what_it_starts_is_not() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("the_daemon_is_as_urgent_as_corosync_and_what_it_starts_is_not", &reason);
        return Ok(());
    }
    let lab = running(3)?;
    for host in lab.nodes() {
        let of = |program: &str| urgency(host.processes(program)[0]);
        let corosync = of("corosync").iter().map(|(_, urgency)| urgency.clone()).max().unwrap_or_default();
        let is_as_urgent = |name: &str| of("systole node").iter().any(|thread| *thread == (name.to_owned(), corosync.clone()));
        expect(&lab, "the event loop and the storing thread are as urgent as Corosync", || {
            is_as_urgent("systole") && is_as_urgent("storage")
        });
        let others = of("systole node").into_iter().filter(|(name, _)| name == "planner" || name == "inputs").chain(of("systole agentd"));
        assert!(others.clone().count() >= 3 && others.clone().all(|(_, urgency)| urgency == "0 0"), "{:?}", others.collect::<Vec<_>>());
    }
    Ok(())
}

/// After how many turns without a message Corosync's token rests on a host.
fn turns(lab: &Lab) -> String {
    let key = "runtime.config.totem.seqno_unchanged_const";
    let text = lab.host("node1").run("corosync-cmapctl", &["-g", key]).unwrap_or_default();
    text.rsplit_once("= ").map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

#[test]
fn the_token_rests_sooner_where_corosync_conf_does_not_say_when() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("the_token_rests_sooner_where_corosync_conf_does_not_say_when", &reason);
        return Ok(());
    }
    for (totem, expected) in [("", "3"), ("seqno_unchanged_const: 17\n  ", "17")] {
        let lab = Lab::new(&Settings { totem: totem.to_owned(), ..Settings::hosts(1) }, Stack::Systole)?;
        lab.start_all()?;
        expect(&lab, "the daemon leads", || lab.tool(lab.host("node1"), "crmadmin", &["-D"]).is_ok_and(|text| text.contains("node1")));
        expect(&lab, &format!("the token rests after {expected} turns"), || turns(&lab) == expected);
    }
    Ok(())
}
