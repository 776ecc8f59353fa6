//! Debian's booth on two sites and an arbitrator: it grants, renews and revokes a ticket through our `crm_ticket`, and what
//! depends on the ticket follows as configured.

use lab::{Host, Lab, Settings, Stack, cib, dummy, eventually, missing, skip};
use std::path::Path;
use std::time::Duration;

/// Generous, for a machine that does other work as well; nothing is timed.
const LIMIT: Duration = Duration::from_secs(120);

const BOOTH: &str = "transport = UDP\nport = 9929\nsite = 10.77.0.1\nsite = 10.77.0.2\narbitrator = 10.77.0.3\n\
    ticket = \"T\"\n  expire = 20\n  timeout = 1\n  retries = 3\n  acquire-after = 1\n  renewal-freq = 6\n";

fn expect(lab: &Lab, what: &str, holds: impl FnMut() -> bool) {
    if !eventually(LIMIT, holds) {
        let booth: String = lab.hosts.iter().map(|host| host.read("/var/log/booth.out")).collect();
        panic!("not within {LIMIT:?}: {what}\n{booth}\n{}", lab.story());
    }
}

/// Gives these hosts a cluster of their own.
fn join(hosts: &[&Host], quorum: &str) -> anyhow::Result<()> {
    let nodes: String = hosts
        .iter()
        .map(|host| {
            let number = host.name.trim_start_matches("node");
            format!("  node {{\n    name: {}\n    nodeid: {number}\n    ring0_addr: {}\n  }}\n", host.name, host.address())
        })
        .collect();
    for host in hosts {
        let path = host.disks().join("etc/corosync/corosync.conf");
        let whole = std::fs::read_to_string(&path)?;
        let (before, _) = whole.split_once("quorum {").unwrap_or((&whole, ""));
        std::fs::write(&path, format!("{before}quorum {{\n  provider: corosync_votequorum\n  {quorum}}}\nnodelist {{\n{nodes}}}\n"))?;
    }
    Ok(())
}

#[test]
fn tickets_of_booth_move_what_depends_on_them() -> anyhow::Result<()> {
    const NAME: &str = "tickets_of_booth_move_what_depends_on_them";
    let absent = !Path::new("/usr/sbin/boothd").exists();
    if let Some(reason) = missing().or(absent.then(|| "booth is not installed".to_owned())) {
        skip(NAME, &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(4), Stack::Systole)?;
    let [first, second, arbitrator, fourth] = ["node1", "node2", "node3", "node4"].map(|name| lab.host(name));
    join(&[first, fourth], "two_node: 1\n")?;
    join(&[second], "")?;
    for host in [first, fourth, second] {
        host.install()?;
        lab.start(host)?;
    }
    let stateful = "<clone id=\"states\"><meta_attributes id=\"s-m\"><nvpair id=\"s-p\" name=\"promotable\" value=\"true\"/></meta_attributes>\
        <primitive id=\"state\" class=\"ocf\" provider=\"pacemaker\" type=\"Stateful\"/></clone>";
    let resources = dummy("stops", "10s") + &dummy("stays", "10s") + stateful;
    let tickets = "<rsc_ticket id=\"t1\" rsc=\"stops\" ticket=\"T\" loss-policy=\"stop\"/>\
        <rsc_ticket id=\"t2\" rsc=\"stays\" ticket=\"T\" loss-policy=\"freeze\"/>\
        <rsc_ticket id=\"t3\" rsc=\"states\" rsc-role=\"Promoted\" ticket=\"T\" loss-policy=\"demote\"/>";
    let fenced = "<rsc_ticket id=\"t4\" rsc=\"fences\" ticket=\"F\" loss-policy=\"fence\"/>\
        <rsc_location id=\"l4\" rsc=\"fences\" node=\"node4\" score=\"INFINITY\"/>";
    let options = [("stonith-enabled", "true")];
    lab.load(first, &cib(&options, &(resources.clone() + &dummy("fences", "10s")), &(tickets.to_owned() + fenced)))?;
    lab.load(second, &cib(&options, &resources, tickets))?;
    for host in [first, second, arbitrator] {
        let role = if host.name == "node3" { "arbitrator" } else { "site" };
        // Debian's booth does not find itself among the addresses where a new kernel lists those of IPv6.
        let prepare = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; mkdir -p /run/booth /etc/booth
            chown hacluster:haclient /run/booth; printf '%s' \"$BOOTH\" >/etc/booth/booth.conf";
        host.script(prepare, &[("BOOTH", BOOTH)])?;
        host.start(&format!("boothd {role} -S -c /etc/booth/booth.conf"), "/var/log/booth.out")?;
    }
    let promoted = |host: &Host| {
        let found = lab.tool(host, "crm_resource", &["--locate", "-r", "states"]);
        found.is_ok_and(|text| text.lines().any(|line| line.ends_with("Promoted")))
    };
    let runs_at_first = |resource: &str| lab.active(resource).iter().any(|host| host == "node1" || host == "node4");
    let ask = |host: &Host, what: &str| {
        let site = host.address().to_owned();
        expect(&lab, "booth does what it is asked", || host.run("timeout", &["30", "booth", what, "-s", &site, "T"]).is_ok());
    };

    expect(&lab, "the unpromoted part runs without a ticket", || {
        lab.tool(first, "crm_resource", &["--locate", "-r", "states"]).is_ok_and(|text| text.contains("is running on"))
    });
    assert!(lab.active("stops").is_empty() && !promoted(first));
    ask(first, "grant");
    expect(&lab, "the first site runs what needs the ticket", || runs_at_first("stops") && runs_at_first("stays") && promoted(first));
    assert!(!promoted(second) && !lab.active("stops").contains(&"node2".to_owned()));
    let expires = || {
        let value = lab.tool(first, "crm_ticket", &["-t", "T", "-G", "expires", "--quiet"]).unwrap_or_default();
        value.trim().parse::<i64>().unwrap_or(0)
    };
    let before = expires();
    assert!(before > 0, "booth left no time of expiry in the ticket");
    expect(&lab, "booth renews the ticket", || expires() > before);

    ask(first, "revoke");
    expect(&lab, "the first site stops and demotes", || lab.active("stops").is_empty() && !promoted(first));
    assert!(runs_at_first("stays"), "what is frozen was stopped");
    ask(second, "grant");
    expect(&lab, "the second site runs it", || lab.active("stops") == ["node2"] && promoted(second));

    assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
    lab.tool(first, "crm_ticket", &["-t", "F", "--grant", "--force"])?;
    expect(&lab, "it runs with its ticket", || lab.active("fences") == ["node4"]);
    lab.tool(first, "crm_ticket", &["-t", "F", "--revoke", "--force"])?;
    expect(&lab, "the node that lost the ticket is fenced", || lab.presses().iter().any(|(_, press)| press == "reboot node4"));
    Ok(())
}
