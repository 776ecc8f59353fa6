//! Fencing at its harder moments: the coordinator and another host at once, a host that comes back meanwhile, a device that fails and
//! the next level's, a plug-in of Linux-HA, a race of two, a host that only a person can confirm.

use lab::{Lab, Settings, Stack, Trace, cib, dummy, missing, skip};
use std::os::unix::fs::PermissionsExt;

const ONE: [Trace; 1] = [Trace::File("/run/Dummy-one.state")];
const DEVICE: &str = "<primitive id=\"fencing\" class=\"stonith\" type=\"fence_lab\"/>";

/// A plug-in of Linux-HA's kind: presses the power button as the lab's own agent does.
const PLUGIN: &str = "#!/bin/sh\ncase $1 in\ngethosts) echo $hostlist;;\ngetconfignames) echo hostlist;;\nstatus) exit 0;;\n\
    on|off) printf 'action=%s\\nport=%s\\n' $1 $2 | /usr/sbin/fence_lab;;\n\
    reset) printf 'action=reboot\\nport=%s\\n' $2 | /usr/sbin/fence_lab;;\n\
    getinfo-xml) echo '<parameters><parameter name=\"hostlist\"><content type=\"string\"/></parameter></parameters>';;\n\
    getinfo-*) echo lab;;\n*) exit 1;;\nesac\n";

/// Returns a fence device with these parameters.
fn device(id: &str, kind: &str, parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>"));
    let pairs: String = pairs.collect();
    format!(
        "<primitive id=\"{id}\" class=\"stonith\" type=\"{kind}\"><instance_attributes id=\"{id}-i\">{pairs}</instance_attributes></primitive>"
    )
}

fn presses(lab: &Lab) -> Vec<String> {
    lab.presses().into_iter().map(|(_, press)| press).collect()
}

#[test]
fn the_coordinator_and_another_host_are_fenced_at_once_although_one_comes_back_meanwhile() -> anyhow::Result<()> {
    if let Some(reason) = missing() {
        skip("the_coordinator_and_another_host_are_fenced_at_once_although_one_comes_back_meanwhile", &reason);
        return Ok(());
    }
    let settings = Settings { token: 600, totem: "token_coefficient: 50\n".to_owned(), ..Settings::hosts(5) };
    let lab = Lab::new(&settings, Stack::Systole)?;
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node4\" score=\"500\"/>";
    let configuration = cib(&[("stonith-enabled", "true")], &dummy("one", "5s"), prefers);
    // So slow that a host can be back before it is switched off.
    let slow = device("fencing", "fence_lab", &[("pcmk_delay_base", "8s")]);
    lab.preload(&configuration.replace(DEVICE, &slow))?;
    lab.start_all()?;
    lab.expect("the resource runs", || lab.active("one") == ["node4"]);
    lab.expect_online(&["node1", "node2", "node3", "node4", "node5"]);
    let leader = lab.tool(lab.host("node4"), "crmadmin", &["-D"])?;
    let leader = lab.hosts.iter().find(|host| leader.trim_end().ends_with(&host.name)).expect("one leads");
    let other = lab.host(if leader.name == "node4" { "node5" } else { "node4" });
    let asked = lab.hosts.iter().find(|host| ![&leader.name, &other.name].contains(&&host.name)).expect("there are five");
    let says = |text: &str| lab.tool(asked, "crm_mon", &["-1"]).is_ok_and(|status| status.contains(text));
    lab.never_twice(&ONE, || {
        leader.crash();
        other.crash();
        lab.expect("both are lost, and neither is fenced", || {
            [leader, other].iter().all(|host| says(&format!("Node {}: UNCLEAN (offline)", host.name)))
        });
        assert!(lab.presses().is_empty(), "{:?}\n{}", lab.presses(), lab.story());
        other.boot()?;
        lab.start(other)?;
        lab.expect("both are fenced", || presses(&lab).len() >= 2);
        lab.expect("the resource runs", || lab.active("one").len() == 1);
        lab.bring_back();
        Ok(())
    })?;
    let (pressed, mut wanted) = (presses(&lab), [leader, other].map(|host| format!("reboot {}", host.name)));
    wanted.sort();
    let mut sorted = pressed.clone();
    sorted.sort();
    assert_eq!(sorted, wanted, "{}", lab.story());

    // Nobody can fence now: only a person who has looked can say that the host is down.
    let useless = device("fencing", "fence_lab", &[("pcmk_host_list", "nobody"), ("pcmk_host_check", "static-list")]);
    lab.load(asked, &configuration.replace(DEVICE, &useless))?;
    lab.expect("the resource is at home", || lab.active("one") == ["node4"]);
    lab.never_twice(&ONE, || {
        lab.host("node4").crash();
        lab.expect("it is lost, and nobody fences it", || says("Node node4: UNCLEAN (offline)"));
        lab.tool(asked, "crm_attribute", &["-n", "written-meanwhile", "-v", "1"])?;
        assert!(lab.active("one").is_empty(), "{}", lab.story());
        lab.tool(asked, "stonith_admin", &["--confirm", "node4"])?;
        lab.expect("the resource runs elsewhere", || lab.active("one").len() == 1);
        Ok(())
    })?;
    assert_eq!(presses(&lab), pressed, "{}", lab.story());
    Ok(())
}

#[test]
fn of_two_the_one_without_a_delay_wins_by_a_plugin_of_the_second_level() -> anyhow::Result<()> {
    let lacks = ["/usr/sbin/fence_legacy", "/usr/sbin/stonith"].into_iter().find(|file| !std::path::Path::new(file).exists());
    if let Some(reason) = missing().or(lacks.map(|file| format!("needs {file}"))) {
        skip("of_two_the_one_without_a_delay_wins_by_a_plugin_of_the_second_level", &reason);
        return Ok(());
    }
    let lab = Lab::new(&Settings::hosts(2), Stack::Systole)?;
    for host in lab.hosts.iter() {
        let plugin = host.path("/usr/lib/stonith/plugins/external/lab").expect("the host is on");
        std::fs::write(&plugin, PLUGIN)?;
        std::fs::set_permissions(plugin, std::fs::Permissions::from_mode(0o755))?;
    }
    let first = ("pcmk_host_list", "node1");
    let devices = [
        device("broken", "fence_lab", &[first, ("pcmk_host_map", "node1:nobody")]),
        device("plugin", "external/lab", &[first, ("hostlist", "node1")]),
        device("late", "fence_lab", &[("pcmk_host_list", "node2"), ("pcmk_delay_base", "40s")]),
    ];
    let levels = "<fencing-topology><fencing-level id=\"l1\" target=\"node1\" index=\"1\" devices=\"broken\"/>\
        <fencing-level id=\"l2\" target=\"node1\" index=\"2\" devices=\"plugin\"/></fencing-topology>";
    let prefers = "<rsc_location id=\"l\" rsc=\"one\" node=\"node1\" score=\"50\"/>";
    let configuration = cib(&[("stonith-enabled", "true")], &dummy("one", "5s"), prefers);
    let configuration = configuration.replace(DEVICE, &devices.concat());
    lab.preload(&configuration.replace("</constraints>", &format!("</constraints>{levels}")))?;
    lab.start_all()?;
    lab.expect("the resource runs", || lab.active("one") == ["node1"]);
    lab.never_twice(&ONE, || {
        lab.host("node1").cut_off()?;
        lab.expect("the resource runs on the other", || lab.active("one") == ["node2"]);
        Ok(())
    })?;
    assert_eq!(presses(&lab), ["reboot node1"], "{}", lab.story());
    let history = lab.tool(lab.host("node2"), "stonith_admin", &["--history", "node1"])?;
    assert!(lab.host("node2").is_on() && history.contains("delegate=node2"), "{history}");
    let log = lab.host("node2").read("/var/log/systole.out");
    assert!(log.contains("nobody"), "the first level was tried, and failed: {log}");
    Ok(())
}
