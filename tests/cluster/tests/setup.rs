//! `systole cluster`: a cluster made on one host, joined by invitation on the others, encrypted, and left again.

use lab::{Lab, Settings, Stack, cib, dummy, eventually, missing, program, skip};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_cluster_is_made_on_one_host_and_joined_by_invitation() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_cluster_is_made_on_one_host_and_joined_by_invitation", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    let systole = program().display().to_string();
    let nodes: Vec<String> = lab.hosts.iter().map(|host| format!("{}={}", host.name, host.address())).collect();
    let setup: Vec<&str> = ["cluster", "setup", "--profile", "fast"].into_iter().chain(nodes.iter().map(String::as_str)).collect();
    let first = lab.host("node1");
    // A configuration that is there is used as it is.
    let refused = first.run(&systole, &setup).expect_err("there is a configuration already").to_string();
    assert!(refused.contains("used as it is"), "{refused}");
    for host in lab.hosts.iter() {
        host.run("rm", &["/etc/corosync/corosync.conf"])?;
    }
    assert!(first.run(&systole, &setup)?.contains("detection"));
    let invitation = first.run(&systole, &["cluster", "invite"])?;
    for host in lab.hosts.iter().filter(|host| host.name != "node1") {
        std::fs::write(host.path("/tmp/invitation").expect("the host is on"), &invitation)?;
        host.run(&systole, &["cluster", "join", "/tmp/invitation"])?;
    }
    lab.start_all()?;
    lab.load(first, &cib(&[("stonith-enabled", "true")], &dummy("one", "10s"), ""))?;
    if !eventually(LIMIT, || lab.active("one").len() == 1) {
        panic!("the resource does not run\n{}", lab.story());
    }
    let status = first.run(&systole, &["cluster", "status"])?;
    assert!(status.contains("node3") && status.contains("Votes: 3 of 3, 2 needed: quorum"), "{status}");
    let keys = first.run("corosync-cmapctl", &["-g", "runtime.config.totem.token"])?;
    let timings = first.run(&systole, &["cluster", "timings"])?;
    assert!(keys.contains("= 450") && timings.contains("   450 ms"), "{keys}\n{timings}");
    // One that takes part is not taken away below its daemon.
    assert!(first.run(&systole, &["cluster", "leave"]).is_err());
    Ok(())
}
