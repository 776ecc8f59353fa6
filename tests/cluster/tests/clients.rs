//! The real crm and pcs on a live cluster, with our tools where they look for Pacemaker's: what they are told to do is done.

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing, skip};
use std::path::Path;
use std::time::Duration;

/// Generous, for a machine that does other work as well; nothing is timed.
const LIMIT: Duration = Duration::from_secs(120);

/// What must come about after a command.
enum Then {
    /// Nothing that can be seen from outside.
    Nothing,
    /// It prints this.
    Prints(&'static str),
    /// The Dummy resource of this name is active on one host: on this one, on any (`*`), on any but this (`!`), on none (the empty word).
    Active(&'static str, &'static str),
    /// One instance of this promotable clone is promoted.
    Promoted(&'static str),
}
use Then::{Active, Nothing, Prints, Promoted};

fn is_so(lab: &Lab, then: &Then, printed: &str) -> bool {
    match then {
        Nothing => true,
        Prints(text) => printed.contains(text),
        Active(resource, place) => match (lab.active(resource).as_slice(), *place) {
            ([], "") => true,
            ([_], "*") => true,
            ([host], place) => place.strip_prefix('!').map_or(host == place, |other| host != other),
            _ => false,
        },
        Promoted(clone) => lab
            .tool(&lab.hosts[0], "crm_resource", &["--locate", "-r", clone])
            .is_ok_and(|text| text.lines().filter(|line| line.ends_with("Promoted")).count() == 1),
    }
}

/// A cluster of three hosts where the client finds our tools, with a fence device.
fn cluster(client: &str) -> Result<anyhow::Result<Lab>, String> {
    if let Some(reason) = missing().or_else(|| (!Path::new(client).exists()).then(|| format!("{client} is not installed"))) {
        return Err(reason);
    }
    let start = || {
        let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
        lab.hosts.iter().try_for_each(Host::install)?;
        lab.hosts[0].run("mkdir", &["-p", "/var/log/crmsh", "/var/log/pcsd"])?;
        lab.start_all()?;
        lab.load(&lab.hosts[0], &cib(&[("stonith-enabled", "true")], &dummy("old", "10s"), ""))?;
        Ok(lab)
    };
    Ok(start())
}

/// Runs each command on the first host, as an administrator's shell would; all must succeed and lead to what is expected.
fn walk(lab: &Lab, commands: &[(&str, Then)]) -> anyhow::Result<()> {
    for (command, then) in commands {
        let line = format!("export LC_ALL=C.UTF-8 TERM=dumb PAGER=cat HOME=/root COLUMNS=200; cd /tmp; timeout 120 {command} 2>&1");
        let printed = lab.hosts[0].script(&line, &[])?;
        let holds = eventually(LIMIT, || is_so(lab, then, &printed));
        assert!(holds, "{command} printed:\n{printed}\n{}", lab.story());
    }
    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    Ok(())
}

#[test]
fn crm_runs_a_live_cluster() -> anyhow::Result<()> {
    let lab = match cluster("/usr/sbin/crm") {
        Ok(lab) => lab?,
        Err(reason) => {
            skip("crm_runs_a_live_cluster", &reason);
            return Ok(());
        }
    };
    walk(
        &lab,
        &[
            ("crm configure primitive d1 ocf:pacemaker:Dummy op monitor interval=10s timeout=20s", Active("d1", "*")),
            (
                "crm configure primitive st ocf:pacemaker:Stateful op monitor interval=11s role=Master op monitor interval=12s role=Slave",
                Nothing,
            ),
            // crm makes a <master>, which is a promotable clone in older words.
            ("crm configure ms ms1 st meta notify=true promoted-max=1", Promoted("ms1")),
            ("crm configure location l1 d1 200: node2", Active("d1", "node2")),
            ("crm resource move d1 node3 force", Active("d1", "node3")),
            ("crm resource clear d1", Active("d1", "*")),
            ("crm node standby node2", Active("d1", "!node2")),
            ("crm status", Prints("Node node2: standby")),
            ("crm node online node2", Active("d1", "*")),
            ("crm resource stop d1", Active("d1", "")),
            ("crm configure show d1", Prints("target-role=Stopped")),
            ("crm resource start d1", Active("d1", "*")),
            ("crm resource restart d1", Active("d1", "*")),
            ("crm resource failcount d1 show node1", Prints("value=0")),
            ("crm resource cleanup d1", Prints("Cleaned up d1 on node1")),
            ("crm configure save /tmp/saved", Nothing),
            ("crm configure rename l1 l2", Nothing),
            ("crm -F configure load push /tmp/saved", Nothing),
            ("crm configure show", Prints("location l1 d1 200: node2")),
            ("crm configure verify", Nothing),
            ("crm resource locate ms1", Prints("Promoted")),
        ],
    )
}

#[test]
fn pcs_runs_a_live_cluster() -> anyhow::Result<()> {
    let lab = match cluster("/usr/sbin/pcs") {
        Ok(lab) => lab?,
        Err(reason) => {
            skip("pcs_runs_a_live_cluster", &reason);
            return Ok(());
        }
    };
    walk(
        &lab,
        &[
            ("pcs resource create d1 ocf:pacemaker:Dummy op monitor interval=10s timeout=20s --wait=60", Active("d1", "*")),
            ("pcs resource create st ocf:pacemaker:Stateful promotable notify=true --wait=60", Promoted("st-clone")),
            ("pcs constraint location d1 prefers node2=200", Active("d1", "node2")),
            // It stays where it is moved to, which pcs finds out by a simulation before it moves it.
            ("pcs resource defaults update resource-stickiness=300", Nothing),
            ("pcs resource move d1 node3", Active("d1", "node3")),
            ("pcs constraint", Prints("Location Constraints:\n")),
            ("pcs resource ban d1 node3 --wait=60", Active("d1", "!node3")),
            ("pcs resource clear d1", Active("d1", "*")),
            ("pcs resource disable --safe d1 --wait=60", Active("d1", "")),
            ("pcs resource enable d1 --wait=60", Active("d1", "*")),
            ("pcs node standby node2 --wait=60", Active("d1", "!node2")),
            ("pcs status nodes", Prints("Standby: node2")),
            ("pcs node unstandby node2 --wait=60", Nothing),
            ("pcs resource restart d1 --wait=60", Prints("d1 successfully restarted")),
            ("pcs stonith level add 1 node1 fencing", Nothing),
            ("pcs stonith level verify", Nothing),
            ("pcs cluster cib /tmp/one.xml", Nothing),
            ("sh -c 'cp /tmp/one.xml /tmp/two.xml && pcs -f /tmp/two.xml resource create d2 ocf:pacemaker:Dummy'", Nothing),
            ("pcs cluster cib-push /tmp/two.xml diff-against=/tmp/one.xml --wait=60", Active("d2", "*")),
            ("pcs resource relocate run", Nothing),
            ("pcs resource config --output-format=json", Prints("\"id\": \"d2\"")),
            ("pcs status xml", Prints("<pacemaker-result")),
            ("pcs stonith history show", Prints("0 events found")),
            ("pcs resource delete d2", Active("d2", "")),
        ],
    )
}
