//! A cluster that is upgraded node by node: members of two versions of messages take part together all the while.

use lab::{Lab, Settings, Signal, Stack, Trace, cib, dummy, missing, signal, skip};

#[test]
fn a_cluster_is_upgraded_node_by_node() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_cluster_is_upgraded_node_by_node", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    lab.preload(&cib(&[("stonith-enabled", "true")], &dummy("one", "5s"), ""))?;
    lab.start_all()?;
    lab.expect("the resource runs", || lab.active("one").len() == 1);
    // From here on a daemon that starts speaks as a later version: with fields and messages that this one does not know.
    lab.set_environment("SYSTOLE_TEST_MESSAGE_VERSION=2");
    let leader = |asked: &str| {
        let said = lab.tool(lab.host(asked), "crmadmin", &["-D"]).unwrap_or_default();
        lab.hosts.iter().find(|host| said.trim_end().ends_with(&host.name)).map(|host| host.name.clone())
    };
    let mut earlier: Vec<String> = lab.hosts.iter().map(|host| host.name.clone()).collect();
    let mut first = None;
    lab.never_twice(&[Trace::File("/run/Dummy-one.state")], || {
        // The one that leads is next each time, which is the hardest order.
        while let Some(name) = earlier.first().and_then(|asked| leader(asked)) {
            let host = lab.host(&name);
            first.get_or_insert(name.clone());
            earlier.retain(|other| *other != name);
            signal(&host.processes("systole agentd"), Signal::TERM);
            lab.expect("it has left", || host.processes("systole agentd").is_empty());
            lab.expect("an earlier version leads while there is one", || {
                earlier.first().is_none_or(|asked| leader(asked).is_some_and(|leads| earlier.contains(&leads)))
            });
            lab.start_daemon(host)?;
            lab.expect_online(&["node1", "node2", "node3"]);
            lab.tool(host, "crm_attribute", &["-n", &format!("upgraded-{name}"), "-v", "1"])?;
            lab.expect("the resource runs", || lab.active("one").len() == 1);
        }
        Ok(())
    })?;
    assert!(earlier.is_empty(), "not upgraded: {earlier:?}\n{}", lab.story());
    lab.expect("in the end all speak the later version", || {
        lab.hosts.iter().any(|host| host.read("/var/log/systole.out").contains("messages of version 2"))
    });
    let told = lab.host(&first.unwrap_or_default()).read("/var/log/systole.out");
    assert!(told.contains("messages of version 1 (this node knows 2)"), "{told}");
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}
