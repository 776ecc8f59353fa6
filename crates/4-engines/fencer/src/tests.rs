//! The fencer as its events and commands show it.

use crate::{Command, Configuration, Event, Fencer, Request, Situation};
use messages::agent::AgentOutcome;
use messages::group::Incarnation;
use messages::operation::{DeviceOrder, DeviceReport};
use model::{NodeName, Now, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const META: &str = r#"<resource-agent name="fence_x"><parameters><parameter name="port"/></parameters>
  <actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/><action name="list"/></actions></resource-agent>"#;

/// Writes a CIB with these devices (`ID name=value …`) and levels (`TARGET INDEX devices`).
fn configuration(devices: &[&str], levels: &[&str]) -> Configuration {
    let mut text = "<cib><configuration><crm_config/><resources>".to_owned();
    for device in devices {
        let mut words = device.split(' ');
        let id = words.next().unwrap();
        text += &format!("<primitive id=\"{id}\" class=\"stonith\" type=\"fence_x\"><instance_attributes id=\"{id}-i\">");
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            text += &format!("<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{}\"/>", value.replace('+', " "));
        }
        text += "</instance_attributes></primitive>";
    }
    text += "</resources><constraints/><fencing-topology>";
    for (place, level) in levels.iter().enumerate() {
        let words: Vec<&str> = level.split(' ').collect();
        let (kind, target) = words[0].split_once('=').unwrap_or(("target", words[0]));
        text += &format!("<fencing-level id=\"l{place}\" {kind}=\"{target}\" index=\"{}\" devices=\"{}\"/>", words[1], words[2]);
    }
    text += "</fencing-topology></configuration></cib>";
    Configuration::read(&xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap())
}

struct Rig {
    fencer: Fencer,
    now: Now,
    orders: Vec<(NodeName, DeviceOrder)>,
    meta: String,
}

fn situation(members: &[&str]) -> Situation {
    let life = |node: &&str| (NodeName::new(node), Incarnation(format!("{node}-life1")));
    Situation {
        members: members.iter().map(life).collect(),
        last_seen: ["node1", "node2", "node3"].iter().map(life).collect(),
        ..Situation::default()
    }
}

impl Rig {
    fn new(devices: &[&str], levels: &[&str]) -> Self {
        Self::with_meta(devices, levels, META)
    }

    fn with_meta(devices: &[&str], levels: &[&str], meta: &str) -> Self {
        let mut rig = Self { fencer: Fencer::new(), now: Now::default(), orders: vec![], meta: meta.to_owned() };
        rig.at(1);
        rig.event(Event::SituationChanged(situation(&["node1", "node3"])));
        rig.event(Event::Configured(Box::new(configuration(devices, levels))));
        rig.event(Event::Elected { term: 3, seed: 7 });
        rig
    }

    /// Gives an event; questions about meta-data are answered at once.
    fn event(&mut self, event: Event) -> Vec<String> {
        let mut lines = Vec::new();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for command in self.fencer.handle(self.now, event) {
                if let Command::RunDevice { node, order } = &command {
                    self.orders.push((node.clone(), order.clone()));
                    if order.action == "metadata" {
                        events.push(answer(node, order, AgentOutcome::Exited(0), &self.meta.clone()));
                        continue;
                    }
                }
                lines.extend(line(&command));
            }
        }
        lines
    }

    fn at(&mut self, at: u64) -> Vec<String> {
        self.now = Now { monotonic: Duration::from_secs(at), wall: Timestamp::from_seconds(1000 + at as i64) };
        self.event(Event::TimePassed)
    }

    fn fence(&mut self, ticket: u64, target: &str, action: &str) -> Vec<String> {
        self.event(Event::Requested(self.request(ticket, target, action)))
    }

    fn request(&self, ticket: u64, target: &str, action: &str) -> Request {
        Request {
            ticket,
            target: target.into(),
            action: action.into(),
            origin: "node1".into(),
            client: "test".into(),
            timeout: Duration::from_secs(60),
            delay: None,
            tolerance: Duration::ZERO,
        }
    }

    /// Ends the newest run of a device.
    fn ends(&mut self, device: &str, outcome: AgentOutcome, stdout: &str) -> Vec<String> {
        let (node, order) = self.orders.iter().rev().find(|(_, order)| order.device == device).cloned().unwrap();
        self.event(answer(&node, &order, outcome, stdout))
    }

    fn exits(&mut self, device: &str, code: i32) -> Vec<String> {
        self.ends(device, AgentOutcome::Exited(code), "")
    }
}

fn answer(node: &NodeName, order: &DeviceOrder, outcome: AgentOutcome, stdout: &str) -> Event {
    let report = DeviceReport {
        ticket: order.ticket,
        device: order.device.clone(),
        outcome,
        stdout: stdout.into(),
        stderr: String::new(),
        run_time: Duration::from_secs(1),
    };
    Event::DeviceReported { from: node.clone(), report }
}

fn line(command: &Command) -> Option<String> {
    match command {
        Command::RunDevice { node, order } => {
            let port = order.parameters.get("port").map(|port| format!(" port={port}")).unwrap_or_default();
            Some(format!("{node}: {} {}{port}", order.device, order.action))
        }
        Command::Finished { tickets, outcome } => {
            let by = outcome.by.as_ref().map_or("-", NodeName::as_str);
            Some(format!("{tickets:?} {} {} by {by}: {}", outcome.target, outcome.action, outcome.error.as_deref().unwrap_or("ok")))
        }
        _ => None,
    }
}

#[test]
fn a_device_that_lists_the_target_fences_it_from_where_it_runs() {
    let mut rig = Rig::new(&["power1 pcmk_host_list=node2", "power2 pcmk_host_list=node1,node3"], &[]);
    let running = BTreeMap::from([("power1".into(), BTreeSet::from(["node3".into()]))]);
    rig.event(Event::SituationChanged(Situation { running, ..situation(&["node1", "node3"]) }));
    assert_eq!(rig.fence(1, "node2", "off"), ["node3: power1 off port=node2"]);
    assert_eq!(rig.exits("power1", 0), ["[1] node2 off by node3: ok"]);
}

#[test]
fn names_are_mapped_and_configured_ports_stay() {
    let mut rig = Rig::new(&["power pcmk_host_map=node1:11;node2:22"], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: power off port=22"]);
    let mut rig = Rig::new(&["power pcmk_host_list=node2 port=7 pcmk_off_action=poweroff"], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: power poweroff port=7"]);
    let order = &rig.orders.last().unwrap().1;
    assert_eq!(order.parameters.keys().collect::<Vec<_>>(), ["nodename", "port"], "nothing of the cluster's own reaches the agent");
}

#[test]
fn a_failed_run_is_tried_again_then_elsewhere_then_by_another_device() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2", "b pcmk_host_list=node2"], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: a off port=node2"]);
    assert_eq!(rig.exits("a", 1), ["node1: a off port=node2"], "the second try");
    assert_eq!(rig.exits("a", 1), ["node3: a off port=node2"]);
    assert_eq!(rig.ends("a", AgentOutcome::TimedOut, ""), ["node1: b off port=node2"], "what took its whole time is not tried again there");
    assert_eq!(rig.exits("b", 0), ["[1] node2 off by node1: ok"]);
}

#[test]
fn failure_says_why() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2 pcmk_off_retries=1"], &[]);
    rig.fence(1, "node2", "off");
    rig.exits("a", 1);
    assert_eq!(
        rig.ends("a", AgentOutcome::Exited(1), "Login failed\n"),
        ["[1] node2 off by -: fence_x could not do 'off' (exit code 1): Login failed"]
    );
    let reason = "No fence device can do 'off' to node3: a: its pcmk_host_list and pcmk_host_map do not name it";
    assert_eq!(rig.fence(2, "node3", "off"), [format!("[2] node3 off by -: {reason}")]);
    let mut rig = Rig::new(&[], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["[1] node2 off by -: No fence device is configured"]);
    let record = &rig.fencer.history(None)[0];
    assert_eq!((record.state.as_str(), record.exit_reason.as_deref()), ("failed", Some("No fence device is configured")));
}

#[test]
fn levels_are_tried_in_order_and_as_a_whole() {
    let devices = ["ipmi pcmk_host_list=node2", "pdu1 pcmk_host_list=node2", "pdu2 pcmk_host_list=node2"];
    let mut rig = Rig::new(&devices, &["node2 2 pdu1,pdu2", "node2 1 ipmi"]);
    assert_eq!(rig.fence(1, "node2", "reboot"), ["node1: ipmi reboot port=node2"]);
    rig.ends("ipmi", AgentOutcome::TimedOut, "");
    assert_eq!(rig.ends("ipmi", AgentOutcome::TimedOut, ""), ["node1: pdu1 off port=node2"], "two power supplies: all off first");
    assert_eq!(rig.exits("pdu1", 0), ["node1: pdu2 off port=node2"]);
    assert_eq!(rig.exits("pdu2", 0), ["node1: pdu1 on port=node2"]);
    assert_eq!(rig.exits("pdu1", 0), ["node1: pdu2 on port=node2"]);
    rig.ends("pdu2", AgentOutcome::TimedOut, "");
    let lines = rig.ends("pdu2", AgentOutcome::TimedOut, "");
    assert_eq!(lines, ["[1] node2 reboot by node1: ok"], "it was off: that it does not come back on is no failure");
}

#[test]
fn levels_are_found_by_name_pattern_and_attribute() {
    let devices = ["a pcmk_host_check=none", "b pcmk_host_check=none", "c pcmk_host_check=none"];
    let levels = ["node1 1 a", "target-pattern=node[12] 1 b"];
    let mut rig = Rig::new(&devices, &levels);
    assert_eq!(rig.fence(1, "node1", "off"), ["node3: a off port=node1"]);
    assert_eq!(rig.fence(2, "node2", "off"), ["node1: b off port=node2"], "another target never waits");
    assert_eq!(rig.fence(3, "node9", "off"), Vec::<String>::new(), "the device is at its limit");
    assert_eq!(rig.exits("a", 0), ["[1] node1 off by node3: ok", "node1: a off port=node9"]);
}

#[test]
fn an_agent_without_reboot_turns_off_and_on() {
    let meta = r#"<resource-agent><parameters><parameter name="plug"/></parameters><actions><action name="on"/><action name="off"/></actions></resource-agent>"#;
    let mut rig = Rig::with_meta(&["a pcmk_host_list=node2"], &[], meta);
    assert_eq!(rig.fence(1, "node2", "reboot"), ["node1: a off"]);
    assert_eq!(rig.orders.last().unwrap().1.parameters.get("plug").map(String::as_str), Some("node2"));
    assert_eq!(rig.exits("a", 0), ["node1: a on"]);
    assert_eq!(rig.exits("a", 0), ["[1] node2 reboot by node1: ok"]);
}

#[test]
fn targets_are_looked_up_in_the_devices_own_list_and_kept() {
    let mut rig = Rig::new(&["a"], &[]);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: a list"]);
    assert_eq!(rig.ends("a", AgentOutcome::Exited(0), "node2,\nnode3,x\n"), ["node1: a off port=node2"]);
    rig.exits("a", 0);
    assert_eq!(rig.fence(2, "node3", "off"), ["node1: a off port=node3"], "the list is still fresh");
    rig.exits("a", 0);
    rig.at(100);
    assert_eq!(rig.fence(3, "node9", "off"), ["node1: a list"]);
    let lines = rig.ends("a", AgentOutcome::Exited(0), "node2\n");
    assert_eq!(lines, ["[3] node9 off by -: No fence device can do 'off' to node9: a: its list of targets does not name node9"]);
}

#[test]
fn a_status_check_knows_its_target_on_or_off() {
    for (code, expected) in [(0, "node1: a off port=node2"), (2, "node1: a off port=node2"), (1, "[1] node2 off by -: ")] {
        let mut rig = Rig::new(&["a pcmk_host_check=status"], &[]);
        assert_eq!(rig.fence(1, "node2", "off"), ["node1: a status port=node2"]);
        let lines = rig.exits("a", code);
        assert!(lines[0].starts_with(expected), "{lines:?}");
    }
}

#[test]
fn equal_wishes_are_carried_out_once_and_recent_ones_will_do() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2"], &[]);
    rig.fence(1, "node2", "off");
    assert_eq!(rig.fence(2, "node2", "off"), Vec::<String>::new());
    assert_eq!(rig.exits("a", 0), ["[1, 2] node2 off by node1: ok"]);
    rig.at(30);
    let request = Request { tolerance: Duration::from_secs(60), ..rig.request(3, "node2", "off") };
    assert_eq!(rig.event(Event::Requested(request)), ["[3] node2 off by -: ok"]);
    rig.at(300);
    let request = Request { tolerance: Duration::from_secs(60), ..rig.request(4, "node2", "off") };
    assert_eq!(rig.event(Event::Requested(request)), ["node1: a off port=node2"]);
}

#[test]
fn delays_come_before_the_first_run_only() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2 pcmk_delay_base=node1:3s;node2:5s"], &[]);
    let request = Request { delay: Some(Duration::from_secs(10)), ..rig.request(1, "node2", "off") };
    assert_eq!(rig.event(Event::Requested(request)), Vec::<String>::new());
    assert_eq!(rig.at(15), Vec::<String>::new());
    assert_eq!(rig.at(16), ["node1: a off port=node2"]);
    assert_eq!(rig.exits("a", 1), ["node1: a off port=node2"]);
    let seeded = |seed: u64| {
        let mut rig = Rig::new(&["a pcmk_host_list=node2 pcmk_delay_max=30s"], &[]);
        rig.event(Event::Elected { term: 3, seed });
        rig.fence(1, "node2", "off");
        (1..40).find(|at| !rig.at(*at).is_empty())
    };
    assert_eq!(seeded(1), seeded(1));
    assert_ne!((seeded(1), seeded(2)), (seeded(3), seeded(4)));
}

#[test]
fn a_node_that_leaves_or_is_silent_is_replaced() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2"], &[]);
    rig.fence(1, "node2", "off");
    assert_eq!(rig.event(Event::SituationChanged(situation(&["node3"]))), ["node3: a off port=node2"]);
    assert_eq!(rig.at(61), Vec::<String>::new());
    let lines = rig.at(80);
    assert!(lines[0].starts_with("[1] node2 off by -: "), "{lines:?}");
}

#[test]
fn the_confirmation_names_the_life_that_ended() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2"], &[]);
    rig.fence(1, "node2", "reboot");
    let mut later = situation(&["node1", "node2", "node3"]);
    later.last_seen.insert("node2".into(), Incarnation("node2-life2".into()));
    rig.event(Event::SituationChanged(later));
    let (node, order) = rig.orders.last().cloned().unwrap();
    let commands = rig.fencer.handle(rig.now, answer(&node, &order, AgentOutcome::Exited(0), ""));
    let life = commands.iter().find_map(|command| match command {
        Command::Finished { outcome, .. } => outcome.incarnation.clone(),
        _ => None,
    });
    assert_eq!(life, Some(Incarnation("node2-life1".into())), "it was back before the device answered");
}

#[test]
fn an_administrators_word_ends_a_fencing_of_who_is_not_here() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2"], &[]);
    rig.fence(1, "node2", "off");
    let confirm = |node: &str| Event::ManuallyConfirmed { target: node.into(), client: "stonith_admin".into() };
    assert_eq!(rig.event(confirm("node3")), Vec::<String>::new(), "a member speaks for itself");
    assert_eq!(rig.event(confirm("node2")), ["[1] node2 off by a human: ok"]);
    assert_eq!(rig.exits("a", 1), Vec::<String>::new());
}

#[test]
fn unfencing_uses_every_device_that_asks_for_it() {
    let meta = r#"<resource-agent><parameters/><actions><action name="on" automatic="1" on_target="1"/><action name="off"/></actions></resource-agent>"#;
    let mut rig = Rig::with_meta(&["a pcmk_host_check=none", "b pcmk_host_check=none"], &[], meta);
    assert_eq!(rig.fence(1, "node3", "on"), ["node3: a on"], "on the target itself, as the agent asks");
    assert_eq!(rig.exits("a", 0), ["node3: b on"]);
    assert_eq!(rig.exits("b", 0), ["[1] node3 on by node3: ok"]);
}

#[test]
fn the_whole_budget_ends_a_fencing() {
    let mut rig = Rig::new(&["a pcmk_host_list=node2 pcmk_off_timeout=20s"], &[]);
    rig.fence(1, "node2", "off");
    assert_eq!(rig.at(24), Vec::<String>::new());
    let lines = rig.at(25);
    assert!(lines[0].contains("did not complete within a total timeout"), "{lines:?}");
}
