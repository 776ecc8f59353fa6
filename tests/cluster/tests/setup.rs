//! `systole cluster`: a cluster made on one host, joined by invitation on the others, encrypted, grown, shrunk, and left again.

use lab::{Host, Lab, Settings, Signal, Stack, cib, dummy, missing, program, signal, skip};

fn systole(host: &Host, arguments: &[&str]) -> anyhow::Result<String> {
    host.run(&program().display().to_string(), arguments)
}

/// Has a host take over what another one printed.
fn join(host: &Host, invitation: &str, further: &[&str]) -> anyhow::Result<String> {
    std::fs::write(host.path("/tmp/invitation").expect("the host is on"), invitation)?;
    systole(host, &[&["cluster", "join", "/tmp/invitation"], further].concat())
}

#[test]
fn a_cluster_is_made_on_one_host_joined_by_invitation_grown_and_shrunk() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_cluster_is_made_on_one_host_joined_by_invitation_grown_and_shrunk", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    let nodes: Vec<String> = lab.hosts.iter().map(|host| format!("{}={}", host.name, host.address())).collect();
    let setup = ["cluster", "setup", "--profile", "fast", &nodes[0], &nodes[1]];
    let [first, second, third] = ["node1", "node2", "node3"].map(|name| lab.host(name));
    // A configuration that is there is used as it is.
    let refused = systole(first, &setup).expect_err("there is a configuration already").to_string();
    assert!(refused.contains("used as it is"), "{refused}");
    for host in lab.hosts.iter() {
        host.run("rm", &["/etc/corosync/corosync.conf"])?;
    }
    assert!(systole(first, &setup)?.contains("detection"));
    join(second, &systole(first, &["cluster", "invite"])?, &[])?;
    for host in [first, second] {
        lab.start(host)?;
    }
    let configuration = cib(&[("stonith-enabled", "true")], &dummy("one", "10s"), "");
    lab.load(first, &configuration)?;
    lab.expect("the resource runs", || lab.active("one").len() == 1);
    let token = || first.run("corosync-cmapctl", &["-g", "runtime.config.totem.token"]);
    assert!(token()?.contains("= 400"), "{}", token()?);

    // A third one comes, while the two others run.
    systole(first, &["cluster", "add-node", &nodes[2]])?;
    let twice = systole(first, &["cluster", "add-node", &nodes[2]]).expect_err("it is there").to_string();
    assert!(twice.contains("already"), "{twice}");
    let invitation = systole(first, &["cluster", "invite"])?;
    join(second, &invitation, &["--update"])?;
    systole(first, &["cluster", "reload"])?;
    join(third, &invitation, &[])?;
    lab.start(third)?;
    lab.expect_online(&["node1", "node2", "node3"]);
    let status = systole(first, &["cluster", "status"])?;
    assert!(status.contains("node3") && status.contains("Votes: 3 of 3, 2 needed: quorum"), "{status}");
    let timings = systole(first, &["cluster", "timings"])?;
    assert!(token()?.contains("= 450") && timings.contains("   450 ms"), "{}\n{timings}", token()?);

    // The second one goes. Nobody is taken away, and nobody leaves, below a daemon that takes part.
    let refused = systole(first, &["cluster", "remove-node", "node2"]).expect_err("it takes part").to_string();
    assert!(refused.contains("still on the ring") && systole(second, &["cluster", "leave"]).is_err(), "{refused}");
    signal(&second.processes("systole agentd"), Signal::TERM);
    lab.expect("its daemon has left", || second.processes("systole agentd").is_empty());
    second.run("corosync-cfgtool", &["-H"])?;
    lab.expect("its Corosync has ended", || second.processes("corosync").is_empty());
    systole(second, &["cluster", "leave"])?;
    assert!(!second.has("/etc/corosync/corosync.conf"));
    lab.expect("it is off the ring", || systole(first, &["cluster", "remove-node", "node2"]).is_ok());
    join(third, &systole(first, &["cluster", "invite"])?, &["--update"])?;
    systole(first, &["cluster", "reload"])?;
    lab.tool(first, "crm_node", &["--force", "--remove", "node2"])?;
    lab.expect_online(&["node1", "node3"]);
    let status = systole(third, &["cluster", "status"])?;
    assert!(!status.contains("node2") && status.contains("Votes: 2 of 2, 1 needed: quorum"), "{status}");
    assert!(lab.active("one").len() == 1 && lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}
