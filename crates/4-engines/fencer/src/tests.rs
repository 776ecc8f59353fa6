//! The fencer as its events and commands show it.

use crate::{Circumstances, Command, Configuration, Event, Fencer, Request, Situation};
use messages::agent::AgentOutcome;
use messages::group::Incarnation;
use messages::operation::{DeviceOrder, DeviceReport};
use model::{NodeName, Now, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const META: &str = r#"<resource-agent name="fence_x"><parameters><parameter name="port"/></parameters>
  <actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/><action name="list"/></actions></resource-agent>"#;

/// Writes a CIB with these devices (`ID name=value …`) and levels (`TARGET INDEX devices`).
pub(crate) fn configuration(devices: &[&str], levels: &[&str]) -> Configuration {
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
    Configuration::read(&xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap(), &Circumstances::default())
}

pub(crate) struct Rig {
    pub(crate) fencer: Fencer,
    pub(crate) now: Now,
    pub(crate) orders: Vec<(NodeName, DeviceOrder)>,
    meta: String,
}

pub(crate) fn situation(members: &[&str]) -> Situation {
    let life = |node: &&str| (NodeName::new(node), Incarnation(format!("{node}-life1")));
    Situation {
        members: members.iter().map(life).collect(),
        last_seen: ["node1", "node2", "node3"].iter().map(life).collect(),
        ..Situation::default()
    }
}

impl Rig {
    pub(crate) fn new(devices: &[&str], levels: &[&str]) -> Self {
        Self::with_meta(devices, levels, META)
    }

    pub(crate) fn with_meta(devices: &[&str], levels: &[&str], meta: &str) -> Self {
        let mut rig = Self { fencer: Fencer::new(), now: Now::default(), orders: vec![], meta: meta.to_owned() };
        rig.at(1);
        rig.event(Event::SituationChanged(situation(&["node1", "node3"])));
        rig.event(Event::Configured(Box::new(configuration(devices, levels))));
        rig.event(Event::Elected { term: 3, first_ticket: 0, seed: 7 });
        rig
    }

    /// Gives an event; questions about meta-data are answered at once.
    pub(crate) fn event(&mut self, event: Event) -> Vec<String> {
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

    pub(crate) fn at(&mut self, at: u64) -> Vec<String> {
        self.now = Now { monotonic: Duration::from_secs(at), wall: Timestamp::from_seconds(1000 + at as i64) };
        self.event(Event::TimePassed)
    }

    pub(crate) fn fence(&mut self, ticket: u64, target: &str, action: &str) -> Vec<String> {
        self.event(Event::Requested(self.request(ticket, target, action)))
    }

    pub(crate) fn request(&self, ticket: u64, target: &str, action: &str) -> Request {
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

    pub(crate) fn exits(&mut self, device: &str, code: i32) -> Vec<String> {
        self.ends(device, AgentOutcome::Exited(code), "")
    }
}

pub(crate) fn answer(node: &NodeName, order: &DeviceOrder, outcome: AgentOutcome, stdout: &str) -> Event {
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

pub(crate) fn line(command: &Command) -> Option<String> {
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
fn a_question_that_went_with_its_node_is_put_to_another() {
    let mut rig = Rig::new(&["a"], &[]);
    let running = [("a".into(), [NodeName::new("node3")].into())].into();
    assert_eq!(rig.event(Event::SituationChanged(Situation { running, ..situation(&["node1", "node3"]) })), ["node3: a list"]);
    assert_eq!(rig.event(Event::NodeUnreachable { node: "node3".into() }), ["node1: a list"]);
    assert_eq!(rig.fence(1, "node3", "off"), Vec::<String>::new());
    assert_eq!(rig.ends("a", AgentOutcome::Exited(0), "node3\n"), ["node1: a off port=node3"]);
}

#[test]
fn a_device_that_runs_is_asked_for_its_list_ahead_and_fencing_need_not_wait() {
    let mut rig = Rig::new(&["a"], &[]);
    let running = [("a".into(), [NodeName::new("node1")].into())].into();
    assert_eq!(rig.event(Event::SituationChanged(Situation { running, ..situation(&["node1", "node3"]) })), ["node1: a list"]);
    rig.ends("a", AgentOutcome::Exited(0), "node2\n");
    rig.at(4000);
    assert_eq!(rig.fence(1, "node2", "off"), ["node1: a off port=node2"], "an old list that names the target is good");
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
        rig.event(Event::Elected { term: 3, first_ticket: 0, seed });
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

#[test]
fn every_parameter_that_is_the_clusters_does_what_it_says() {
    // What is configured, what is asked, and the first run: its action, what names the target, and its time in seconds.
    for (parameters, action, expected) in [
        ("pcmk_host_list=node1,node2", "off", "off port=node2 60"),
        ("pcmk_host_list=node1;node2", "off", "off port=node2 60"),
        ("pcmk_host_list=node1+node2", "off", "off port=node2 60"),
        ("pcmk_host_map=node2:outlet-2", "off", "off port=outlet-2 60"),
        ("pcmk_host_map=node1:1;node2=2", "reboot", "reboot port=2 60"),
        ("pcmk_host_list=node2 pcmk_host_argument=uuid", "off", "off uuid=node2 60"),
        ("pcmk_host_list=node2 pcmk_host_argument=none", "off", "off 60"),
        ("pcmk_host_list=node2 port=7", "off", "off port=7 60"),
        ("pcmk_host_list=node2 port=dynamic", "off", "off port=node2 60"),
        ("pcmk_host_check=none", "off", "off port=node2 60"),
        ("pcmk_host_check=static-list pcmk_host_list=node2", "off", "off port=node2 60"),
        ("pcmk_host_check=dynamic-list pcmk_host_list=node2", "off", "list 60"),
        ("pcmk_host_check=status", "off", "status port=node2 60"),
        ("pcmk_host_check=none pcmk_off_action=poweroff", "off", "poweroff port=node2 60"),
        ("pcmk_host_check=none pcmk_on_action=poweron", "on", "poweron port=node2 60"),
        ("pcmk_host_check=none pcmk_reboot_action=cycle", "reboot", "cycle port=node2 60"),
        ("pcmk_host_check=none pcmk_reboot_action=off", "reboot", "off port=node2 60"),
        ("pcmk_host_check=dynamic-list pcmk_list_action=names", "off", "names 60"),
        ("pcmk_host_check=status pcmk_status_action=state", "off", "state port=node2 60"),
        ("pcmk_host_check=none pcmk_off_timeout=5s", "off", "off port=node2 5"),
        ("pcmk_host_check=none pcmk_on_timeout=6s", "on", "on port=node2 6"),
        ("pcmk_host_check=none pcmk_reboot_timeout=120", "reboot", "reboot port=node2 120"),
        ("pcmk_host_check=dynamic-list pcmk_list_timeout=7s", "off", "list 7"),
        ("pcmk_host_check=status pcmk_status_timeout=8s", "off", "status port=node2 8"),
        ("pcmk_host_check=none pcmk_off_timeout=never", "off", "off port=node2 60"),
    ] {
        let mut rig = Rig::new(&[&format!("a {parameters}")], &[]);
        rig.fence(1, "node2", action);
        let order = &rig.orders.last().unwrap().1;
        let names: String =
            order.parameters.iter().filter(|(name, _)| *name != "nodename").map(|(name, value)| format!("{name}={value} ")).collect();
        assert_eq!(format!("{} {names}{}", order.action, order.timeout.as_secs()), expected, "{parameters}");
    }
}

#[test]
fn the_numbers_of_tries_and_of_runs_at_once_are_limits() {
    for (retries, runs) in [("", 2), (" pcmk_off_retries=1", 1), (" pcmk_off_retries=4", 4), (" pcmk_off_retries=none", 2)] {
        let mut rig = Rig::new(&[&format!("a pcmk_host_check=none{retries}")], &[]);
        rig.event(Event::SituationChanged(situation(&["node1"])));
        rig.fence(1, "node2", "off");
        let mut count = 1;
        while !rig.exits("a", 1)[0].starts_with("[1]") {
            count += 1;
        }
        assert_eq!(count, runs, "{retries:?}");
    }
    for (limit, at_once) in [("", 1), (" pcmk_action_limit=0", 1), (" pcmk_action_limit=2", 2), (" pcmk_action_limit=-1", 4)] {
        let mut rig = Rig::new(&[&format!("a pcmk_host_check=none{limit}")], &[]);
        let begun: usize = (2..6).map(|node| rig.fence(node, &format!("node{node}"), "off").len()).sum();
        assert_eq!(begun, at_once, "{limit:?}");
    }
}

#[test]
fn rules_say_where_a_device_may_be_used() {
    let text = "<cib><configuration><crm_config/><resources><primitive id='a' class='stonith' type='fence_x'>\
        <instance_attributes id='i'><rule id='t' score='1'><date_expression id='d' operation='lt' end='1970-01-02T00:00:00Z'/></rule>\
        <nvpair id='p' name='port' value='early'/></instance_attributes></primitive></resources><constraints>\
        <rsc_location id='l' rsc='a'><rule id='r' score='-INFINITY'><expression id='e' attribute='site' operation='eq' value='b'/></rule>\
        <rule id='s' score='-1'><expression id='f' attribute='#uname' operation='eq' value='node3'/></rule></rsc_location></constraints></configuration></cib>";
    let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
    let attributes = |site: &str| BTreeMap::from([("site".to_owned(), site.to_owned())]);
    let nodes = BTreeMap::from([("node1".into(), attributes("a")), ("node2".into(), attributes("b")), ("node3".into(), attributes("a"))]);
    let read = |seconds: i64| {
        Configuration::read(&cib, &Circumstances { now: Timestamp::from_seconds(seconds), attributes: nodes.clone(), watchdog: None })
    };
    let configuration = read(10);
    let device = &configuration.devices["a"];
    let allowed: Vec<&str> = ["node1", "node2", "node3"].into_iter().filter(|node| device.is_allowed_on(&(*node).into())).collect();
    assert_eq!((allowed, device.parameters["port"].as_str()), (vec!["node1"], "early"));
    assert!(configuration.depends_on_nodes && configuration.until == Some(Timestamp::from_seconds(86_400)));
    assert!(read(100_000).devices["a"].parameters.is_empty());
}

#[test]
fn a_tool_learns_what_to_ask_of_a_device() {
    let configuration = configuration(&["a pcmk_host_list=node2", "b pcmk_host_map=node2:7", "c", "d pcmk_host_check=status"], &[]);
    let reached = |device: &str, exit: i32, stdout: &str| {
        let question = configuration.devices[device].question(META, &"node2".into());
        let call = question.call().map_or("-", |call| call.action.as_str()).to_owned();
        format!("{call} {}", question.is_reached(Some(exit), stdout))
    };
    for (device, exit, stdout, expected) in [
        ("a", 1, "", "- true"),
        ("b", 1, "", "- true"),
        ("c", 0, "node1\nnode2\n", "list true"),
        ("c", 0, "node1\n", "list false"),
        ("c", 1, "node2\n", "list false"),
        ("d", 2, "", "status true"),
        ("d", 1, "", "status false"),
    ] {
        assert_eq!(reached(device, exit, stdout), expected, "{device}");
    }
    assert_eq!(configuration.devices["b"].call("off", META, Some(&"node2".into())).parameters["port"], "7");
}

/// A coordinator's questions and their answers go through the group: whoever leads next knows them.
#[test]
fn whoever_leads_next_knows_what_the_coordinator_asked() {
    for (parameter, is_known) in [("x=1", true), ("x=2", false)] {
        let mut leader = Rig::new(&["d1 x=1"], &[]);
        let mut running = situation(&["node1", "node3"]);
        running.running.insert("d1".into(), ["node3".into()].into());
        leader.event(Event::SituationChanged(running.clone()));
        let mut next = Fencer::new();
        let mut hear = |event: Event| assert_eq!(next.handle(leader.now, event), vec![]);
        for (node, order) in &leader.orders {
            hear(Event::Overheard(order.clone()));
            let said = if order.action == "metadata" { META } else { "node2,\nnode3,\n" };
            hear(answer(node, order, AgentOutcome::Exited(0), said));
        }
        assert_eq!(leader.orders.iter().map(|(_, order)| order.action.as_str()).collect::<Vec<_>>(), ["metadata", "list"]);
        let mut rig = Rig { fencer: next, now: leader.now, orders: vec![], meta: META.to_owned() };
        rig.event(Event::Elected { term: 4, first_ticket: 0, seed: 7 });
        rig.event(Event::Configured(Box::new(configuration(&[&format!("d1 {parameter}")], &[]))));
        rig.event(Event::SituationChanged(running));
        let lines = rig.fence(1, "node2", "reboot");
        let fences = lines.iter().any(|line| line.contains("d1 reboot"));
        assert_eq!(fences, is_known, "a device that is configured otherwise now is asked again: {lines:?}");
        assert!(!rig.orders.iter().any(|(_, order)| order.action == "metadata"), "{:?}", rig.orders);
    }
}

/// Found by the simulator (seed 670, half an hour): what a node had answered itself in its partition passed for a fencing.
#[test]
fn coordinators_of_one_term_in_two_partitions_give_other_tickets() {
    let tickets = |first_ticket: u64| {
        let mut rig = Rig::new(&[], &[]);
        rig.event(Event::Elected { term: 4, first_ticket, seed: 7 });
        rig.event(Event::Configured(Box::new(configuration(&["a pcmk_host_list=node2"], &[]))));
        rig.fence(1, "node2", "off");
        rig.orders.iter().map(|(_, order)| order.ticket).collect::<BTreeSet<_>>()
    };
    assert_eq!(tickets(100).len(), 2, "about the agent, and of it");
    assert!(tickets(100).is_disjoint(&tickets(200)));
}
