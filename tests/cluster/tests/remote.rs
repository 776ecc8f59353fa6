//! Remote nodes on real hosts: Debian's unmodified pacemaker-remoted, and ours, as the other side of a cluster of Systole.

use anyhow::Context;
use lab::{Host, Lab, Settings, Stack, certificates, cib, dummy, eventually, missing, naming, program, skip};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const OPTIONS: &[(&str, &str)] = &[("stonith-enabled", "true")];

/// Where `cargo xtask test` unpacks what must not be installed beside Pacemaker.
fn pacemaker_remoted() -> Option<PathBuf> {
    let target = program().ancestors().nth(2)?.to_owned();
    Some(target.join("debian/pacemaker-remote/usr/sbin/pacemaker-remoted")).filter(|path| path.exists())
}

/// Why a test with Pacemaker's other side cannot be run, if it cannot.
fn lacks_pacemaker_remoted() -> Option<String> {
    missing().or_else(|| pacemaker_remoted().is_none().then(|| "pacemaker-remote is not unpacked: cargo xtask test".to_owned()))
}

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        let told = lab.tool(lab.host("node1"), "crm_mon", &["-1rf"]).unwrap_or_default();
        panic!("not within {LIMIT:?}: {what}\n{told}\n{}\n{}", lab.host("witness").read("/var/log/remote.out"), lab.story());
    }
}

/// Who is the other side.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Pacemaker,
    Systole,
}

/// Gives a host the key and starts the other side on it.
fn start_remote_side(host: &Host, side: Side) -> anyhow::Result<()> {
    give_key(host)?;
    if side == Side::Systole {
        return host.start(&format!("{} remote", program().display()), "/var/log/remote.out");
    }
    let remoted = pacemaker_remoted().context("it was looked for before")?;
    std::fs::copy(remoted, host.path("/usr/sbin/pacemaker-remoted").context("the host is off")?)?;
    host.start("env PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none pacemaker-remoted", "/var/log/remoted.out")
}

fn give_key(host: &Host) -> anyhow::Result<()> {
    let line = "mkdir -p /etc/pacemaker && printf lab-key >/etc/pacemaker/authkey && chgrp haclient /etc/pacemaker/authkey && \
                chmod 640 /etc/pacemaker/authkey";
    host.run("sh", &["-c", line]).map(drop)
}

fn listens(host: &Host) -> bool {
    host.run("ss", &["-Hltn", "sport = :3121"]).is_ok_and(|text| !text.trim().is_empty())
}

fn connection(id: &str) -> String {
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"remote\"><operations>\
         <op id=\"{id}-start\" name=\"start\" interval=\"0\" timeout=\"60s\"/><op id=\"{id}-monitor\" name=\"monitor\" interval=\"5s\" timeout=\"10s\"/></operations></primitive>"
    )
}

fn location(id: &str, resource: &str, node: &str, score: &str) -> String {
    format!("<rsc_location id=\"{id}\" rsc=\"{resource}\" node=\"{node}\" score=\"{score}\"/>")
}

/// Members and a remote host; the connection and a service prefer where they are to be first.
fn running(side: Side) -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings { witness: true, ..Settings::hosts(3) }, Stack::Systole)?;
    lab.nodes().iter().try_for_each(give_key)?;
    lab.start_all()?;
    start_remote_side(lab.host("witness"), side)?;
    // Pacemaker's takes its time to make a prime.
    expect(&lab, "the other side listens", || listens(lab.host("witness")));
    let constraints = location("l1", "witness", "node2", "50") + &location("l2", "one", "witness", "500");
    lab.load(lab.host("node1"), &cib(OPTIONS, &(connection("witness") + &dummy("one", "1s")), &constraints))?;
    expect(&lab, "the service runs on the remote node", || lab.active("one") == ["witness"]);
    Ok(lab)
}

#[test]
fn a_remote_node_of_debian_s_pacemaker_serves_moves_and_is_fenced() -> anyhow::Result<()> {
    const NAME: &str = "a_remote_node_of_debian_s_pacemaker_serves_moves_and_is_fenced";
    if let Some(reason) = lacks_pacemaker_remoted() {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = running(Side::Pacemaker)?;
    let shown = || lab.tool(lab.host("node1"), "crm_mon", &["-1"]).unwrap_or_default();
    expect(&lab, "it is shown", || shown().contains("RemoteOnline: [ witness ]"));

    // What fails there is recovered there.
    let state = lab.host("witness").path("/run/Dummy-one.state").context("the host is on")?;
    std::fs::remove_file(&state)?;
    expect(&lab, "the service is recovered where it was", || lab.active("one") == ["witness"]);
    let failed = || lab.tool(lab.host("node1"), "crm_mon", &["-1f"]).unwrap_or_default();
    expect(&lab, "the failure is counted on the remote node", || failed().contains("fail-count=1"));

    // The host of the connection dies: the connection moves, the service is left in peace.
    let before = std::fs::metadata(&state)?.modified()?;
    lab.host("node2").crash();
    let holder = || lab.tool(lab.host("node1"), "crm_resource", &["--locate", "-r", "witness"]).unwrap_or_default();
    expect(&lab, "the connection is held elsewhere", || holder().contains("node1") || holder().contains("node3"));
    expect(&lab, "the remote node is online", || shown().contains("RemoteOnline: [ witness ]"));
    lab.tool(lab.host("node1"), "crm_resource", &["--wait"])?;
    assert_eq!(lab.active("one"), ["witness"], "{}", lab.story());
    assert_eq!(std::fs::metadata(&state)?.modified()?, before, "the service was started anew\n{}", lab.story());
    let pressed = || lab.presses().into_iter().map(|(_, press)| press).collect::<Vec<_>>();
    assert_eq!(pressed(), ["reboot node2"], "{}", lab.story());

    // The remote host dies: it is fenced, and the service runs elsewhere.
    lab.host("witness").crash();
    expect(&lab, "the service runs on a member", || lab.active("one").iter().any(|name| name.starts_with("node")));
    assert_eq!(pressed(), ["reboot node2", "reboot witness"], "{}", lab.story());

    // It comes back, and the service with it.
    lab.host("witness").boot()?;
    start_remote_side(lab.host("witness"), Side::Pacemaker)?;
    expect(&lab, "the service is back", || lab.active("one") == ["witness"]);
    Ok(())
}

#[test]
fn a_remote_node_of_our_own_reaches_the_cluster_and_leaves_in_good_order() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_remote_node_of_our_own_reaches_the_cluster_and_leaves_in_good_order", &reason);
        return Ok(());
    }
    let lab = running(Side::Systole)?;
    let there = lab.host("witness");
    // The tools there reach the cluster, and know where they are.
    assert_eq!(lab.tool(there, "crm_node", &["-n"])?.trim(), "witness");
    assert!(lab.tool(there, "crm_mon", &["-1"])?.contains("RemoteOnline: [ witness ]"));
    lab.tool(there, "attrd_updater", &["-n", "colour", "-U", "green"])?;
    let told = lab.tool(lab.host("node1"), "attrd_updater", &["-n", "colour", "-Q", "-N", "witness"])?;
    assert!(told.contains("green"), "{told}");

    // What fails there is recovered there.
    std::fs::remove_file(there.path("/run/Dummy-one.state").context("the host is on")?)?;
    expect(&lab, "the service is recovered where it was", || lab.active("one") == ["witness"]);

    // Asked to end, it waits until the cluster has moved what runs there; nobody is fenced.
    let process = there.processes("systole remote")[0];
    let pid = rustix::process::Pid::from_raw(process as i32).context("a process number")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    expect(&lab, "it has ended, and the service runs on a member", || {
        there.processes("systole remote").is_empty() && lab.active("one").iter().any(|name| name.starts_with("node"))
    });
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}

/// What a tool on the remote node is asked, and a part of what it says.
const ANSWERS: &[(&[&str], &str)] = &[
    (&["crm_node", "-n"], "witness\n"),
    (&["crm_node", "-l"], "3 node3 member"),
    (&["crm_node", "-q"], "1\n"),
    (&["crm_mon", "-1"], "RemoteOnline: [ witness ]"),
    (&["crm_resource", "-r", "one", "-W"], "resource one is running on: witness"),
    (&["crm_attribute", "-n", "stonith-enabled", "-G", "-q"], "true\n"),
    (&["crm_attribute", "-n", "batch-limit", "-v", "17"], ""),
    (&["crm_attribute", "-n", "batch-limit", "-G", "-q"], "17\n"),
    (&["attrd_updater", "-n", "shade", "-U", "dark"], ""),
    (&["attrd_updater", "-n", "shade", "-Q"], "name=\"shade\" host=\"witness\" value=\"dark\""),
    (&["crm_attribute", "-l", "reboot", "-n", "shade", "-G", "-q"], "dark\n"),
    (&["crm_resource", "--refresh", "-r", "one"], "got reply (done)"),
    (&["crm_resource", "--wait"], ""),
    (&["crmadmin", "-D"], "Designated Controller is: node"),
    (&["crmadmin", "-S", "node3"], "Controller on node3 in state"),
    (&["stonith_admin", "-B", "node3"], ""),
    (&["stonith_admin", "-H", "node3"], "reboot of node3 successful"),
];

#[test]
fn unmodified_tools_on_a_remote_node_reach_the_cluster() -> anyhow::Result<()> {
    if let Some(reason) = lacks_pacemaker_remoted() {
        skip("unmodified_tools_on_a_remote_node_reach_the_cluster", &reason);
        return Ok(());
    }
    let lab = running(Side::Pacemaker)?;
    let there = lab.host("witness");
    for (call, part) in ANSWERS {
        let said = there.run(call[0], &call[1..]).with_context(|| format!("{call:?}\n{}", lab.story()))?;
        assert!(said.contains(part), "{call:?} says {said:?}, and not {part:?}\n{}", lab.story());
    }
    assert!(there.run("attrd_updater", &["-n", "nobody", "-Q"]).is_err());
    assert!(there.run("cibadmin", &["-C", "-o", "resources", "--xml-text", "<nonsense/>"]).is_err());

    // An agent says by such a tool how much it wants to be promoted.
    let agent = "<primitive id=\"state\" class=\"ocf\" provider=\"pacemaker\" type=\"Stateful\"/>";
    let promotable = "<meta_attributes id=\"m\"><nvpair id=\"m-p\" name=\"promotable\" value=\"true\"/></meta_attributes>";
    there.run("cibadmin", &["-C", "-o", "resources", "--xml-text", &format!("<clone id=\"states\">{promotable}{agent}</clone>")])?;
    let score = || there.run("attrd_updater", &["-n", "master-state", "-Q", "-N", "witness"]).unwrap_or_default();
    expect(&lab, "the agent there has set its score", || score().contains("host=\"witness\" value=\""));
    Ok(())
}

#[test]
fn a_remote_node_and_members_know_each_other_by_certificates() -> anyhow::Result<()> {
    if let Some(reason) = missing().or_else(|| (!Path::new("/usr/bin/openssl").exists()).then(|| "there is no openssl".to_owned())) {
        skip("a_remote_node_and_members_know_each_other_by_certificates", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings { witness: true, ..Settings::hosts(2) }, Stack::Systole)?;
    certificates(&lab.hosts)?;
    lab.set_environment(&naming("member"));
    lab.start_all()?;
    let there = lab.host("witness");
    // It has the key that remote nodes share, and shows a certificate for which nobody vouches.
    lab.nodes().iter().try_for_each(give_key)?;
    give_key(there)?;
    there.start(&format!("env {} {} remote", naming("stranger"), program().display()), "/var/log/remote.out")?;
    expect(&lab, "the other side listens", || listens(there));
    lab.load(lab.host("node1"), &cib(OPTIONS, &(connection("witness") + &dummy("one", "1s")), &location("l", "one", "witness", "500")))?;
    expect(&lab, "it is not believed", || there.read("/var/log/remote.out").contains("was not let in"));
    assert!(lab.active("one").is_empty(), "{}", lab.story());

    // With one of the common authority it serves.
    let process = there.processes("systole remote")[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(process as i32).context("a process number")?,
        rustix::process::Signal::KILL,
    )?;
    expect(&lab, "it has ended", || !listens(there));
    there.start(&format!("env {} {} remote", naming("admin"), program().display()), "/var/log/remote.out")?;
    expect(&lab, "the service runs on the remote node", || lab.active("one") == ["witness"]);
    Ok(())
}
