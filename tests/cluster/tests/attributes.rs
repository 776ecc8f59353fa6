//! What agents write into the cluster and read from it, under Systole and under Pacemaker: `NodeUtilization`, `ethmonitor`, `ping` and
//! `attribute` live through the same, and what other agents of Debian ask at run time is asked word for word (`attributes/calls.txt`),
//! those among them whose software cannot be here: `drbd` wants a kernel module, `SAPInstance` a SAP system.

use lab::{Lab, Settings, Stack, cib, clone, missing, primitive, skip};
use std::path::Path;

/// An address that comes up on node1 while `ping` asks for it.
const PINGED: &str = "10.77.0.50";

fn resources() -> String {
    let watched = [("start", "0", None), ("stop", "0", None), ("monitor", "2s", None)];
    let on_all = |id: &str, (provider, agent): (&str, &str), parameters: &[(&str, &str)]| {
        clone(&format!("{id}s"), &primitive(id, (provider, agent), parameters, &watched), &[])
    };
    let hosts = format!("10.77.0.1 10.77.0.2 {PINGED}");
    let pinged =
        [("name", "pingd"), ("host_list", hosts.as_str()), ("multiplier", "100"), ("dampen", "0"), ("attempts", "1"), ("timeout", "1")];
    let card = [("interface", "lab0"), ("multiplier", "10"), ("repeat_count", "1"), ("link_status_only", "true")];
    let mark = [("name", "mark"), ("active_value", "on"), ("inactive_value", "off")];
    let promotable = [("start", "0", None), ("stop", "0", None)];
    let promotable = primitive("st", ("pacemaker", "Stateful"), &[], &promotable);
    on_all("use", ("heartbeat", "NodeUtilization"), &[])
        + &on_all("card", ("heartbeat", "ethmonitor"), &card)
        + &on_all("ping", ("pacemaker", "ping"), &pinged)
        + &primitive("mark", ("pacemaker", "attribute"), &mark, &watched)
        + &clone("sts", &promotable, &[("promotable", "true")])
}

/// Returns what the agents have written about both nodes. An attribute that was deleted is empty under Pacemaker and gone under Systole.
fn written(lab: &Lab) -> String {
    let node1 = lab.host("node1");
    let ask = |line: String| node1.script(&line, &[]).map_or_else(|error| format!("{error:#}"), |text| text.trim().to_owned());
    let attribute = |name| ask(format!("echo {name}: $(attrd_updater -Q -A -n {name} 2>/dev/null | grep -v 'value=\"\"' | LC_ALL=C sort)"));
    let capacity = |(node, name)| ask(format!("echo {node} {name}: $(crm_attribute --quiet -t nodes --node {node} -z -n {name} 2>&1)"));
    let capacities = ["node1", "node2"].into_iter().flat_map(|node| ["cpu", "host_memory", "hv_memory"].map(|name| (node, name)));
    let lines = ["pingd", "ethmonitor-lab0", "mark"].map(attribute).into_iter().chain(capacities.map(capacity));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs the calls of agents on node1; returns each with what it printed and how it ended.
fn answers(lab: &Lab) -> anyhow::Result<Vec<String>> {
    let own = [("OCF_ROOT", "/usr/lib/ocf"), ("OCF_RESOURCE_INSTANCE", "st"), ("LC_ALL", "C")];
    let calls = include_str!("attributes/calls.txt").lines().filter(|line| !line.starts_with('#'));
    calls
        .map(|call| {
            let answer = lab.host("node1").script(&format!("set +e; cd /; {call}\necho \"ended with $?\""), &own)?;
            Ok(format!("{call}\n{answer}"))
        })
        .collect()
}

/// Lets a cluster of two live through it; returns what was written at each stage, and the answers to the calls.
fn live(stack: Stack) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let lab = Lab::new(&Settings::hosts(2), stack)?;
    for host in lab.hosts.iter() {
        if stack == Stack::Systole {
            host.install()?;
        }
        host.script("ip link add lab0 type veth peer name lab1; ip link set lab0 up; ip link set lab1 up", &[])?;
    }
    lab.start_all()?;
    let prefer = "<rsc_location id=\"l\" rsc=\"mark\" node=\"node1\" score=\"50\"/><rsc_location id=\"p\" rsc=\"sts\">\
        <rule id=\"p-r\" role=\"Promoted\" score=\"50\"><expression id=\"p-e\" attribute=\"#uname\" operation=\"eq\" value=\"node1\"/></rule></rsc_location>";
    lab.load(lab.host("node1"), &cib(&[("stonith-enabled", "true")], &resources(), prefer))?;
    let mut stages = Vec::new();
    let mut stage = |what: &str, holds: &dyn Fn(&str) -> bool| {
        lab.expect(what, || holds(&written(&lab)));
        stages.push(written(&lab));
    };
    let count = |text: &str, value: &str| text.matches(&format!("value=\"{value}\"")).count();
    stage("two of three answer, the cards are up, what the hosts have is known", &|text| {
        count(text, "200") == 2 && count(text, "10") == 2 && count(text, "on") == 1 && text.matches("hv_memory: 0").count() == 2
    });
    let (node1, node2) = (lab.host("node1"), lab.host("node2"));
    node1.run("ip", &["addr", "add", &format!("{PINGED}/24"), "dev", "eth0"])?;
    stage("all three answer", &|text| count(text, "300") == 2);
    node2.run("ip", &["link", "set", "lab0", "down"])?;
    stage("a card is down", &|text| count(text, "0") == 1 && count(text, "10") == 1);
    lab.tool(node1, "crm_resource", &["--wait", "--timeout", "60s"])?;
    // What is promoted meanwhile must not depend on the scores that are set in the calls.
    lab.tool(node1, "crm_attribute", &["-n", "maintenance-mode", "-v", "true"])?;
    let answers = answers(&lab)?;
    lab.tool(node1, "crm_attribute", &["-n", "maintenance-mode", "-v", "false"])?;
    lab.tool(node1, "crm_attribute", &["-n", "stop-all-resources", "-v", "true"])?;
    stage("what has stopped has taken its attributes with it", &|text| {
        count(text, "off") == 1 && ["300", "10", "0"].iter().all(|value| count(text, value) == 0)
    });
    Ok((stages, answers))
}

#[test]
fn agents_write_and_read_what_they_do_under_pacemaker() -> anyhow::Result<()> {
    const NAME: &str = "agents_write_and_read_what_they_do_under_pacemaker";
    let needed =
        ["/usr/sbin/pacemakerd", "/usr/lib/ocf/resource.d/heartbeat/ethmonitor", "/usr/bin/ping", "/usr/bin/arping", "/usr/bin/bc"];
    let absent = needed.into_iter().find(|file| !Path::new(file).exists()).map(|file| format!("{file} is not installed"));
    if let Some(reason) = missing().or(absent) {
        skip(NAME, &reason);
        return Ok(());
    }
    let (theirs, ours) = (live(Stack::Pacemaker)?, live(Stack::Systole)?);
    assert_eq!(theirs.0, ours.0, "what was written");
    let differ = theirs.1.iter().zip(&ours.1).filter(|(theirs, ours)| theirs != ours);
    let differ: Vec<String> = differ.map(|(theirs, ours)| format!("Pacemaker: {theirs}Systole: {ours}")).collect();
    assert!(differ.is_empty(), "of {} answers {} differ:\n{}", ours.1.len(), differ.len(), differ.join("\n"));
    Ok(())
}
