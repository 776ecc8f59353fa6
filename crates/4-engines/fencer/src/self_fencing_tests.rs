//! Nodes that end themselves by their watchdog, as events and commands show it; and races, returns and losses of real devices.

use crate::tests::{Rig, configuration, situation};
use crate::{Circumstances, Configuration, Event, Situation, watchdog_wait};
use messages::group::Incarnation;
use std::time::Duration;

/// A rig whose nodes end themselves within ten seconds.
fn rig(devices: &[&str], levels: &[&str]) -> Rig {
    let mut rig = Rig::new(devices, levels);
    rig.event(Event::Configured(Box::new(with_watchdog(configuration(devices, levels)))));
    rig
}

fn with_watchdog(mut configuration: Configuration) -> Configuration {
    let read = read("<nvpair id='w' name='stonith-watchdog-timeout' value='10s'/>", "", None);
    configuration.watchdog = read.watchdog;
    for (id, device) in read.devices {
        configuration.devices.entry(id).or_insert(device);
    }
    configuration
}

fn read(options: &str, resources: &str, own: Option<u64>) -> Configuration {
    let text = format!(
        "<cib><configuration><crm_config><cluster_property_set id='s'>{options}</cluster_property_set></crm_config>\
         <resources>{resources}</resources><constraints/></configuration></cib>"
    );
    let circumstances = Circumstances { watchdog: own.map(Duration::from_secs), ..Circumstances::default() };
    Configuration::read(&xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap(), &circumstances)
}

#[test]
fn a_lost_node_counts_as_off_after_the_time_out_without_any_device() {
    let mut rig = rig(&[], &[]);
    assert_eq!(rig.fence(1, "node2", "reboot"), [""; 0], "nobody is asked to run anything");
    assert_eq!(rig.at(10), [""; 0]);
    assert_eq!(rig.at(11), ["[1] node2 reboot by node2: ok"]);
    assert_eq!(rig.fencer.history(None)[0].state, "success");
    assert_eq!(
        rig.fence(2, "node2", "on"),
        ["[2] node2 on by -: No fence device can do 'on' to node2: watchdog: a watchdog turns no node on"]
    );
}

#[test]
fn a_node_that_is_still_here_is_told_to_end_itself_and_not_believed_to_have() {
    let mut rig = rig(&[], &[]);
    assert_eq!(rig.fence(1, "node3", "reboot"), ["node3: watchdog reboot"]);
    assert_eq!(rig.at(11), ["[1] node3 reboot by -: node3 was to end itself and still takes part"]);
    rig.fence(2, "node3", "off");
    rig.event(Event::SituationChanged(situation(&["node1"])));
    assert_eq!(rig.at(21), ["[2] node3 off by node3: ok"]);
}

#[test]
fn a_lost_node_that_comes_back_is_told_and_another_life_of_it_proves_the_end_of_the_old_one() {
    let mut rig = rig(&[], &[]);
    rig.fence(1, "node2", "reboot");
    let back = Event::SituationChanged(situation(&["node1", "node2", "node3"]));
    assert_eq!(rig.event(back.clone()), ["node2: watchdog reboot"]);
    assert_eq!(rig.event(back), [""; 0], "once");
    let mut reborn = situation(&["node1", "node3"]);
    reborn.last_seen.insert("node2".into(), Incarnation("node2-life2".into()));
    assert_eq!(rig.event(Event::SituationChanged(reborn)), ["[1] node2 reboot by node2: ok"], "no need to wait for the time-out");
}

#[test]
fn a_device_is_tried_before_the_watchdog_and_a_level_may_name_it() {
    let mut rig = rig(&["a pcmk_host_list=node2 pcmk_off_retries=1"], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: a off port=node2"]);
    assert_eq!(rig.exits("a", 1), ["node3: a off port=node2"]);
    assert_eq!(rig.exits("a", 1), [""; 0], "then the time-out is waited for");
    assert_eq!(rig.at(11), ["[1] node2 off by node2: ok"]);
    let mut rig = self::rig(&["a pcmk_host_list=node2"], &["node2 1 watchdog", "node2 2 a"]);
    assert_eq!(rig.fence(1, "node2", "off"), [""; 0]);
    assert_eq!(rig.at(11), ["[1] node2 off by node2: ok"]);
}

#[test]
fn the_device_named_watchdog_says_which_nodes_have_one() {
    let device = "<primitive id='watchdog' class='stonith' type='fence_watchdog'><instance_attributes id='i'>\
                  <nvpair id='h' name='pcmk_host_list' value='node1 node2'/></instance_attributes></primitive>";
    let on = "<nvpair id='w' name='fencing-watchdog-timeout' value='10'/>";
    let listed = read(on, device, None);
    assert!(listed.fences_itself(&"node2".into()) && !listed.fences_itself(&"node3".into()));
    assert!(read(on, "", None).fences_itself(&"node3".into()), "all of them where none is configured");
    // Without the option nobody is waited for, and one under another name is none.
    assert!(read("", device, None).devices.is_empty());
    assert_eq!(read(on, &device.replace("id='watchdog'", "id='dog'"), None).devices.keys().collect::<Vec<_>>(), ["watchdog"]);
    let off = "<nvpair id='w' name='stonith-watchdog-timeout' value='10'/><nvpair id='e' name='stonith-enabled' value='false'/>";
    assert!(!read(off, "", None).fences_itself(&"node1".into()));
}

#[test]
fn a_negative_time_out_is_twice_the_watchdog_s_own() {
    let own = Some(Duration::from_secs(5));
    assert_eq!(watchdog_wait("-1", own), Some(Duration::from_secs(10)));
    assert_eq!(watchdog_wait("-1", None), None);
    assert_eq!(watchdog_wait("0", own), None);
    assert_eq!(watchdog_wait("7s", own), Some(Duration::from_secs(7)));
    assert_eq!(read("<nvpair id='w' name='stonith-watchdog-timeout' value='-1'/>", "", Some(4)).watchdog, Some(Duration::from_secs(8)));
}

#[test]
fn two_nodes_are_fenced_at_once_and_neither_waits_for_the_other() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2", "b pcmk_host_list=node3"], &[]);
    rig.event(Event::SituationChanged(situation(&["node1"])));
    assert_eq!(rig.fence(1, "node2", "reboot"), ["node1: a reboot port=node2"]);
    assert_eq!(rig.fence(2, "node3", "reboot"), ["node1: b reboot port=node3"]);
    assert_eq!(rig.exits("b", 0), ["[2] node3 reboot by node1: ok"]);
    assert_eq!(rig.exits("a", 0), ["[1] node2 reboot by node1: ok"]);
    // One device for both is asked one after the other.
    let mut rig = Rig::new(&["a pcmk_host_check=none"], &[]);
    rig.event(Event::SituationChanged(situation(&["node1"])));
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: a off port=node2"]);
    assert_eq!(rig.fence(2, "node3", "off"), [""; 0]);
    assert_eq!(rig.exits("a", 0), ["[1] node2 off by node1: ok", "node1: a off port=node3"]);
}

#[test]
fn a_confirmation_names_the_life_that_was_shot_not_the_one_that_came_back_meanwhile() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2"], &[]);
    rig.fence(1, "node2", "reboot");
    let mut reborn = situation(&["node1", "node2", "node3"]);
    for lives in [&mut reborn.members, &mut reborn.last_seen] {
        lives.insert("node2".into(), Incarnation("node2-life2".into()));
    }
    rig.event(Event::SituationChanged(reborn));
    let report = rig.orders.iter().rev().find(|(_, order)| order.device == "a").cloned().unwrap();
    let commands = rig.fencer.handle(rig.now, crate::tests::answer(&report.0, &report.1, messages::agent::AgentOutcome::Exited(0), ""));
    let ended = commands.iter().find_map(|command| match command {
        crate::Command::Finished { outcome, .. } => Some(outcome.incarnation.clone()),
        _ => None,
    });
    assert_eq!(ended, Some(Some(Incarnation("node2-life1".into()))));
}

#[test]
fn a_new_coordinator_begins_the_fencing_of_the_old_one_anew() {
    // node3 led and is lost while it fenced node2: node1 leads now, knows of the pending fencing, and asks its own devices for both.
    let mut rig = Rig::new(&["a pcmk_host_check=none pcmk_action_limit=-1"], &[]);
    rig.event(Event::Deposed);
    rig.event(Event::SituationChanged(Situation { ..situation(&["node1"]) }));
    rig.event(Event::Elected { term: 4, first_ticket: 0, seed: 1 });
    assert_eq!(rig.fence(1, "node3", "reboot"), ["node1: a reboot port=node3"]);
    assert_eq!(rig.fence(2, "node2", "reboot"), ["node1: a reboot port=node2"]);
    assert_eq!(rig.exits("a", 0), ["[2] node2 reboot by node1: ok"]);
}
