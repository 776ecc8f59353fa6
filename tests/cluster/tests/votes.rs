//! What votequorum decides and the cluster must follow: who waits for all, the last man standing, the tie that is broken, the vote of
//! a witness.

use lab::{Host, Lab, Settings, Stack, Trace, cib, dummy, missing, skip};

const OPTIONS: &[(&str, &str)] = &[("stonith-enabled", "true"), ("dc-deadtime", "2s")];
const ONE: [Trace; 1] = [Trace::File("/run/Dummy-one.state")];

#[test]
fn one_waits_for_all_and_is_the_last_man_standing_by_the_tie_breaker() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("one_waits_for_all_and_is_the_last_man_standing_by_the_tie_breaker", &reason);
        return Ok(());
    }
    let quorum = "wait_for_all: 1\n  last_man_standing: 1\n  last_man_standing_window: 1000\n  auto_tie_breaker: 1\n".to_owned();
    let lab = Lab::new(&Settings { quorum, ..Settings::hosts(3) }, Stack::Systole)?;
    lab.preload(&cib(OPTIONS, &dummy("one", "5s"), ""))?;
    lab.start(lab.host("node1"))?;
    lab.start(lab.host("node2"))?;
    let waits = |name: &str| {
        let votes = lab.votes(name);
        let leads = lab.hosts.iter().any(|host| host.read("/var/log/systole.out").contains("this node leads"));
        votes.contains("Nodes:            2") && votes.contains("Quorate:          No") && leads
    };
    lab.expect("two of three have found each other and wait for the third", || waits("node1") && waits("node2"));
    assert!(lab.active("one").is_empty() && lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    lab.start(lab.host("node3"))?;
    lab.expect("with the third it runs", || lab.active("one").len() == 1);
    let votes = |wanted: &str| lab.votes("node1").contains(wanted);
    lab.never_twice(&ONE, || {
        lab.host("node3").crash();
        lab.expect("it is fenced", || lab.presses().len() == 1);
        lab.expect("two votes are expected from now on", || votes("Expected votes:   2"));
        lab.host("node2").crash();
        lab.expect("the lowest number breaks the tie", || lab.active("one") == ["node1"]);
        Ok(())
    })?;
    lab.expect("both were fenced", || lab.presses().len() == 2);
    Ok(())
}

/// Gives the witness and the nodes certificates, by Corosync's own tools: the cluster's is asked for on one node, signed by the witness,
/// and taken to the other.
fn certify(lab: &Lab) -> anyhow::Result<()> {
    const NODES: &str = "etc/corosync/qdevice/net/nssdb";
    let [witness, first, second] = ["witness", "node1", "node2"].map(|name| lab.host(name));
    let take = |from: &Host, file: &str, to: &Host| std::fs::copy(from.disks().join(file), to.disks().join("etc/corosync/taken")).map(drop);
    let node = |host: &Host, arguments: &[&str]| host.run("corosync-qdevice-net-certutil", arguments).map(drop);
    witness.run("corosync-qnetd-certutil", &["-i", "-G"])?;
    for host in [first, second] {
        take(witness, "etc/corosync/qnetd/nssdb/qnetd-cacert.crt", host)?;
        node(host, &["-i", "-c", "/etc/corosync/taken"])?;
    }
    node(first, &["-r", "-n", "lab"])?;
    take(first, &format!("{NODES}/qdevice-net-node.crq"), witness)?;
    witness.run("corosync-qnetd-certutil", &["-s", "-c", "/etc/corosync/taken", "-n", "lab"])?;
    take(witness, "etc/corosync/qnetd/nssdb/cluster-lab.crt", first)?;
    node(first, &["-M", "-c", "/etc/corosync/taken"])?;
    take(first, &format!("{NODES}/qdevice-net-node.p12"), second)?;
    node(second, &["-m", "-c", "/etc/corosync/taken"])
}

#[test]
fn a_witness_decides_between_two_hosts() -> anyhow::Result<()> {
    let has = |tool: &str| std::path::Path::new(tool).exists();
    let lacks = (!has("/usr/bin/corosync-qnetd") || !has("/usr/sbin/corosync-qdevice"))
        .then(|| "needs the packages corosync-qnetd and corosync-qdevice".to_owned());
    if let Some(reason) = missing().or(lacks) {
        skip("a_witness_decides_between_two_hosts", &reason);
        return Ok(());
    }
    let device = "device {\n    model: net\n    timeout: 3000\n    sync_timeout: 6000\n    votes: 1\n    net {\n      host: 10.77.0.3\n      \
        tls: required\n      algorithm: ffsplit\n      connect_timeout: 2000\n    }\n  }\n";
    let settings = Settings { quorum: device.to_owned(), witness: true, ..Settings::hosts(2) };
    let lab = Lab::new(&settings, Stack::Systole)?;
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node2\" score=\"50\"/>";
    lab.preload(&cib(OPTIONS, &dummy("one", "5s"), prefers))?;
    certify(&lab)?;
    lab.host("witness").run("mkdir", &["-p", "/run/corosync-qnetd", "/run/corosync-qdevice"])?;
    lab.host("witness").start("corosync-qnetd -f -s req -c on", "/var/log/qnetd.out")?;
    lab.start_all()?;
    for host in lab.nodes() {
        host.run("mkdir", &["-p", "/run/corosync-qdevice"])?;
        lab.expect("Corosync is up", || host.run("corosync-cmapctl", &[]).is_ok());
        host.start("corosync-qdevice -f", "/var/log/qdevice.out")?;
    }
    let votes = |wanted: &str| lab.votes("node1").contains(wanted);
    lab.expect("the device votes", || votes("Total votes:      3"));
    lab.expect("the resource runs", || lab.active("one") == ["node2"]);
    lab.never_twice(&ONE, || {
        // One host is lost to the other and to the witness: the two that see each other go on.
        lab.host("node2").cut_off()?;
        lab.expect("it is fenced", || lab.presses().len() == 1);
        lab.expect("the resource runs on the one the witness sees", || lab.active("one") == ["node1"]);
        Ok(())
    })?;
    assert_eq!(lab.presses()[0].1, "reboot node2");
    // The witness alone is lost: nothing happens to what runs.
    lab.host("node2").boot()?;
    lab.start(lab.host("node2"))?;
    lab.host("node2").run("mkdir", &["-p", "/run/corosync-qdevice"])?;
    lab.expect_online(&["node1", "node2"]);
    lab.host("witness").crash();
    lab.expect("its vote is missed", || votes("Total votes:      2"));
    assert!(lab.active("one").len() == 1 && lab.presses().len() == 1, "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}
