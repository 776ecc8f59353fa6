//! A running cluster of Debian's Pacemaker is taken over in place, and handed back: what it runs is never touched meanwhile.

use lab::{Lab, Settings, Stack, cib, dummy, eventually, missing, program, skip};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        panic!("not within {LIMIT:?}: {what}\n{}", lab.story());
    }
}

/// What the resources left on the hosts: file, number and time of change. Whoever starts or stops one changes it.
fn traces(lab: &Lab, resources: &[&str]) -> Vec<(String, u64, i64, i64)> {
    let files = lab.hosts.iter().flat_map(|host| resources.iter().filter_map(|name| host.path(&format!("/run/Dummy-{name}.state"))));
    files
        .filter_map(|file| Some((file.display().to_string(), std::fs::metadata(&file).ok()?)))
        .map(|(name, data)| (name, data.ino(), data.mtime(), data.mtime_nsec()))
        .collect()
}

fn is_settled(lab: &Lab) -> bool {
    let online = "Online: [ node1 node2 ]";
    // `crm_simulate -L` says what would be done next: nothing.
    lab.tool(lab.host("node1"), "crm_mon", &["-1"]).is_ok_and(|text| text.contains(online))
        && lab.tool(lab.host("node2"), "crm_mon", &["-1"]).is_ok_and(|text| text.contains(online))
}

fn maintenance(lab: &Lab, on: &str) -> anyhow::Result<()> {
    let mut last = None;
    let done = eventually(Duration::from_secs(60), || {
        last = lab.tool(lab.host("node1"), "crm_attribute", &["--name", "maintenance-mode", "--update", on]).err();
        last.is_none()
    });
    anyhow::ensure!(done, "maintenance-mode={on} was not taken: {last:?}");
    Ok(())
}

#[test]
fn a_pacemaker_cluster_is_taken_over_and_handed_back_with_nothing_restarted() -> anyhow::Result<()> {
    const NAME: &str = "a_pacemaker_cluster_is_taken_over_and_handed_back_with_nothing_restarted";
    let pacemaker = std::path::Path::new("/usr/sbin/pacemakerd");
    if let Some(reason) = missing().or_else(|| (!pacemaker.exists()).then(|| "needs Debian's pacemaker".to_owned())) {
        skip(NAME, &reason);
        return Ok(());
    }
    let mut lab = Lab::new(&Settings::hosts(2), Stack::Pacemaker)?;
    let parameter =
        "<instance_attributes id=\"tune\"><nvpair id=\"tune-f\" name=\"fake\" value=\"seven\"/></instance_attributes><operations>";
    let resources = dummy("one", "10s") + &dummy("two", "17s").replace("<operations>", parameter);
    let options = [("stonith-enabled", "true"), ("dc-deadtime", "2s"), ("maintenance-mode", "false")];
    lab.preload(&cib(&options, &resources, ""))?;
    there_and_back(&mut lab).map_err(|error| error.context(lab.story()))
}

fn there_and_back(lab: &mut Lab) -> anyhow::Result<()> {
    lab.start_all()?;
    let names = ["one", "two"];
    expect(lab, "both run under Pacemaker", || names.iter().all(|name| lab.active(name).len() == 1) && is_settled(lab));
    let before = traces(lab, &names);
    assert_eq!(before.len(), 2);
    let systole = program().display().to_string();
    // Without maintenance mode nothing is stopped, and it says what is missing.
    let refused = lab.host("node1").run(&systole, &["adopt", "--stop"]).expect_err("maintenance mode is off").to_string();
    assert!(refused.contains("maintenance-mode is off"), "{refused}");
    maintenance(lab, "true")?;
    for host in lab.hosts.iter() {
        let mut told = String::new();
        expect(lab, "everything fits", || {
            told = host.run(&systole, &["adopt"]).unwrap_or_else(|error| error.to_string());
            told.contains("nothing will be started, stopped or moved")
        });
        assert!(told.contains("Nothing was changed"), "{told}");
    }
    let (first, last) = (lab.host("node1"), lab.host("node2"));
    assert!(first.run(&systole, &["adopt", "--stop"])?.contains("Pacemaker has ended here"));
    // Who leads Pacemaker's cluster now has to be found out first: one that has to end meanwhile may take minutes.
    expect(lab, "the other leads by itself", || {
        lab.tool(last, "crm_mon", &["-1"]).is_ok_and(|text| text.contains("Current DC: node2") && text.contains("Online: [ node2 ]"))
    });
    assert!(last.run(&systole, &["adopt", "--stop"])?.contains("Pacemaker has ended here"));
    lab.replace_stack(Stack::Systole)?;
    expect(lab, "all are online under Systole", || is_settled(lab));
    maintenance(lab, "false")?;
    expect(lab, "nothing is left to do", || {
        lab.tool(lab.host("node1"), "crm_resource", &["--wait", "--timeout", "60s"]).is_ok()
            && lab.tool(lab.host("node1"), "crm_mon", &["-1"]).is_ok_and(|text| !text.contains("maintenance"))
    });
    assert_eq!((traces(lab, &names), lab.presses().len()), (before.clone(), 0), "under Systole\n{}", lab.story());
    // And back: the incumbent finds its configuration, its digests and its services.
    maintenance(lab, "true")?;
    lab.change_to(Stack::Pacemaker)?;
    expect(lab, "all are online under Pacemaker", || is_settled(lab));
    maintenance(lab, "false")?;
    expect(lab, "nothing is left to do", || lab.tool(lab.host("node1"), "crm_resource", &["--wait", "--timeout", "60s"]).is_ok());
    assert_eq!((traces(lab, &names), lab.presses().len()), (before, 0), "under Pacemaker again");
    Ok(())
}
