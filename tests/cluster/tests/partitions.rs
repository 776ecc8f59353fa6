//! Hosts that lose sight of each other, in all the ways a network has: what no quorum means under each policy, what is lost in one
//! direction only, what comes and goes, and which configuration counts when they see each other again.
//!
//! The checkers watch addresses, processes and files of the hosts themselves.

use lab::{Lab, Settings, Stack, Trace, cib, dummy, missing, skip};
use std::time::Duration;

const ADDRESS: &str = "10.77.0.100";
const WORKER: &str = "sleep 987654";
const TRACES: [Trace; 3] = [Trace::Address(ADDRESS), Trace::Process(WORKER), Trace::Text("/run/Stateful-copies.state", "Promoted")];

/// An address and a process that belong together, and a resource with a promoted copy.
fn resources() -> String {
    let watched = |id: &str| format!("<operations><op id=\"{id}-m\" name=\"monitor\" interval=\"5s\" timeout=\"60s\"/></operations>");
    let parameter = |id: &str, name: &str, value: &str| format!("<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>");
    format!(
        "<group id=\"service\"><primitive id=\"address\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\">\
         <instance_attributes id=\"address-i\">{}{}</instance_attributes>{}</primitive>\
         <primitive id=\"worker\" class=\"ocf\" provider=\"heartbeat\" type=\"anything\">\
         <instance_attributes id=\"worker-i\">{}{}{}</instance_attributes>{}</primitive></group>\
         <clone id=\"copies-clone\"><meta_attributes id=\"copies-a\">{}</meta_attributes>\
         <primitive id=\"copies\" class=\"ocf\" provider=\"pacemaker\" type=\"Stateful\">{}</primitive></clone>",
        parameter("address", "ip", ADDRESS),
        parameter("address", "cidr_netmask", "24"),
        watched("address"),
        parameter("worker", "binfile", "/bin/sleep"),
        parameter("worker", "cmdline_options", "987654"),
        parameter("worker", "pidfile", "/run/worker.pid"),
        watched("worker"),
        parameter("copies", "promotable", "true"),
        watched("copies"),
    )
}

/// A cluster that runs them; `options` besides fencing.
fn running(hosts: usize, options: &[(&str, &str)], constraints: &str) -> anyhow::Result<Lab> {
    let lab = Lab::new(&Settings::hosts(hosts), Stack::Systole)?;
    let options = [&[("stonith-enabled", "true")], options].concat();
    lab.preload(&cib(&options, &resources(), constraints))?;
    lab.start_all()?;
    expect_all(&lab);
    Ok(lab)
}

fn expect_all(lab: &Lab) {
    lab.expect("everything runs", || TRACES.iter().all(|trace| trace.seen(lab).len() == 1));
}

fn policy(lab: &Lab, value: &str) -> anyhow::Result<()> {
    lab.tool(lab.host("node1"), "crm_attribute", &["-n", "no-quorum-policy", "-v", value]).map(drop)
}

#[test]
fn without_quorum_each_policy_does_what_it_says() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("without_quorum_each_policy_does_what_it_says", &reason);
        return Ok(());
    }
    let lab = running(3, &[], "")?;
    let places = |lab: &Lab| TRACES.map(|trace| trace.seen(lab));
    lab.never_twice(&TRACES, || {
        for value in ["freeze", "demote", "stop"] {
            policy(&lab, value)?;
            let before = places(&lab);
            // Three hosts that see nobody: none of them has quorum, and so none may fence.
            lab.host("node2").cut_off()?;
            lab.host("node3").cut_off()?;
            let pressed = lab.presses().len();
            let alone = |name: &str| lab.tool(lab.host(name), "crm_mon", &["-1"]).is_ok_and(|text| text.contains("WITHOUT quorum"));
            lab.expect("all are without quorum", || ["node1", "node2", "node3"].iter().all(|name| alone(name)));
            match value {
                "freeze" => {
                    lab.host("node1").run("sleep", &["3"])?;
                    assert_eq!(places(&lab), before, "frozen: everything stays where it is\n{}", lab.story());
                }
                "demote" => {
                    lab.expect("nothing is promoted, and the rest is stopped", || places(&lab).iter().all(Vec::is_empty));
                    assert_eq!(Trace::File("/run/Stateful-copies.state").seen(&lab).len(), 3, "copies go on unpromoted\n{}", lab.story());
                }
                _ => {
                    lab.expect("everything is stopped", || places(&lab).iter().all(Vec::is_empty));
                    lab.expect("copies as well", || Trace::File("/run/Stateful-copies.state").seen(&lab).is_empty());
                }
            }
            assert_eq!(lab.presses().len(), pressed, "nobody may fence: {:?}\n{}", lab.presses(), lab.story());
            // The first two that see each other have quorum again, and fence the third when they do not see it yet.
            lab.host("node2").reconnect()?;
            // Which may be fenced already.
            drop(lab.host("node3").reconnect());
            lab.bring_back();
            expect_all(&lab);
        }
        Ok(())
    })?;
    // A node that loses quorum under `suicide` ends itself: here the only device of the others is one they may not use.
    let ban = |name: &str| format!("<rsc_location id=\"ban-{name}\" rsc=\"fencing\" node=\"{name}\" score=\"-INFINITY\"/>");
    let options = [("stonith-enabled", "true"), ("no-quorum-policy", "suicide")];
    lab.load(lab.host("node1"), &cib(&options, &resources(), &(ban("node1") + &ban("node2"))))?;
    expect_all(&lab);
    lab.expect("the device runs where it may", || {
        lab.tool(lab.host("node1"), "crm_mon", &["-1"])
            .is_ok_and(|text| text.lines().any(|line| line.contains("fencing") && line.contains("node3")))
    });
    lab.host("node3").cut_off()?;
    lab.expect("it has ended itself", || !lab.host("node3").is_on());
    assert!(lab.host("node1").is_on() && lab.host("node2").is_on(), "{}", lab.story());
    Ok(())
}

#[test]
fn a_lone_host_that_ignores_quorum_goes_on() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("a_lone_host_that_ignores_quorum_goes_on", &reason);
        return Ok(());
    }
    let lab = running(3, &[("no-quorum-policy", "ignore")], "")?;
    let home = Trace::Address(ADDRESS).seen(&lab)[0].clone();
    let survivor = lab.hosts.iter().find(|host| host.name != home).expect("there are three");
    lab.never_twice(&TRACES, || {
        lab.hosts.iter().filter(|host| host.name != survivor.name).for_each(lab::Host::crash);
        lab.expect("everything runs on it", || TRACES.iter().all(|trace| trace.seen(&lab) == [survivor.name.clone()]));
        Ok(())
    })?;
    assert_eq!(lab.presses().len(), 2, "before, both others were fenced: {:?}", lab.presses());
    Ok(())
}

#[test]
fn links_that_fail_one_way_or_flap_and_hosts_that_are_slow_make_nothing_run_twice() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("links_that_fail_one_way_or_flap_and_hosts_that_are_slow_make_nothing_run_twice", &reason);
        return Ok(());
    }
    let lab = running(3, &[], "")?;
    let back = || {
        lab.bring_back();
        expect_all(&lab);
    };
    // On a machine that is busy enough one may have been lost just now, without our doing.
    let cut = |host: &lab::Host| {
        while host.cut_off().is_err() {
            back();
        }
    };
    lab.never_twice(&TRACES, || {
        // The coordinator's host is cut off, then one that is not.
        for _ in 0..2 {
            let leader = lab.tool(lab.host("node1"), "crmadmin", &["-D"])?;
            let leader = lab.hosts.iter().find(|host| leader.trim_end().ends_with(&host.name)).expect("one leads");
            let pressed = lab.presses().len();
            cut(leader);
            lab.expect("it is fenced", || lab.presses().len() > pressed);
            lab.expect("everything runs on the others", || {
                TRACES.iter().all(|trace| matches!(trace.seen(&lab).as_slice(), [name] if *name != leader.name))
            });
            back();
        }
        // Node 3 hears the others, who hear nothing of it; then only one of them does not hear it.
        let third = lab.host("node3");
        for others in [vec!["node1", "node2"], vec!["node1"]] {
            for name in &others {
                while third.lose_towards(lab.host(name)).is_err() {
                    back();
                }
            }
            std::thread::sleep(Duration::from_secs(8));
            // One that was fenced meanwhile boots with all that its cable can.
            others.iter().for_each(|name| drop(third.reach_again(lab.host(name))));
            back();
        }
        // A link that flaps faster than Corosync makes up its mind, and about as fast.
        for milliseconds in [300, 300, 900, 1800, 2600] {
            cut(lab.host("node2"));
            std::thread::sleep(Duration::from_millis(milliseconds));
            // One that was fenced meanwhile is connected when it boots.
            drop(lab.host("node2").reconnect());
            std::thread::sleep(Duration::from_millis(milliseconds));
        }
        back();
        Ok(())
    })
}

#[test]
fn of_two_configurations_the_one_that_had_quorum_counts() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("of_two_configurations_the_one_that_had_quorum_counts", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(3), Stack::Systole)?;
    // Nobody is fenced while the hosts find each other.
    let options = [("stonith-enabled", "true"), ("dc-deadtime", "10min")];
    lab.preload(&cib(&options, &dummy("one", "10s"), ""))?;
    lab.host("node3").cut_off()?;
    lab.start_all()?;
    let set = |host: &str, name: &str, force: &[&str]| {
        lab.tool(lab.host(host), "crm_attribute", &[&["-n", name, "-v", "1"], force].concat()).is_ok()
    };
    lab.expect("the side with quorum takes a write", || set("node1", "acknowledged", &[]));
    // The other side is made to take more of them, by force: its copy has come further, and counts less all the same.
    let lone = lab.host("node3");
    let forced = |number: u32| {
        let xml = format!(
            "<cluster_property_set id=\"forced\"><nvpair id=\"forced-{number}\" name=\"forced-{number}\" value=\"1\"/></cluster_property_set>"
        );
        lab.tool(lone, "cibadmin", &["--modify", "--allow-create", "--force", "--scope", "crm_config", "--xml-text", &xml]).is_ok()
    };
    for number in 0..5 {
        lab.expect("a forced write", || forced(number));
    }
    lone.reconnect()?;
    lab.expect_online(&["node1", "node2", "node3"]);
    let disk = |host: &lab::Host| host.read("/var/lib/pacemaker/cib/cib.xml");
    let is_right = |text: &str| text.contains("\"acknowledged\"") && !text.contains("forced-0");
    lab.expect("every disk has what was acknowledged, and nothing else", || lab.hosts.iter().all(|host| is_right(&disk(host))));
    lab.expect("the resource runs", || lab.active("one").len() == 1);
    // An older copy: the host was off when the configuration changed, and starts first.
    lab.host("node2").crash();
    lab.expect("it is fenced", || !lab.presses().is_empty());
    lab.expect("a write without it", || set("node1", "later", &[]));
    lab.host("node2").boot()?;
    lab.start(lab.host("node2"))?;
    lab.expect("it learns of it", || disk(lab.host("node2")).contains("\"later\""));
    assert!(lab.hosts.iter().all(|host| is_right(&disk(host))), "{}", lab.story());
    Ok(())
}
