//! The controller as its events and commands show it.

mod fencing;
mod migrations;
mod new_plans;
mod remote_nodes;

use crate::{AttributeChange, Command, Controller, Event, FencingEnd, Node, StatusEdit};
use messages::agent::AgentName;
use messages::event::Fact;
use messages::group::Incarnation;
use messages::operation::{NodeOrder, OperationOrder, OperationReport, ReportId};
use model::{AgentExit, CallId, ExecutionStatus, Now, Timestamp, TransitionKey};
use std::collections::BTreeMap;
use std::time::Duration;
use transition::{Action, ActionId, ActionKind, ActionNode, ActionResource, Graph, Plan};

const UUID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// Reads an action: `N KIND OPERATION RESOURCE NODE after A,B` (`-` where there is none).
fn action(text: &str) -> Action {
    let words: Vec<&str> = text.split_whitespace().collect();
    let none = |word: &str| (word != "-").then(|| word.to_owned());
    let resource = none(words[3]);
    let (operation, interval) = words[2].split_once('@').unwrap_or((words[2], "0"));
    let kind = match words[1] {
        "do" => ActionKind::Resource,
        "cluster" => ActionKind::Cluster,
        _ => ActionKind::Pseudo,
    };
    let mut attributes = BTreeMap::from([("CRM_meta_timeout".to_owned(), "20000".to_owned())]);
    if interval != "0" {
        attributes.insert("CRM_meta_interval".to_owned(), interval.to_owned());
    }
    let after =
        words.iter().position(|word| *word == "after").map(|at| words[at + 1].split(',').map(|id| ActionId(id.parse().unwrap())).collect());
    Action {
        id: ActionId(words[0].parse().unwrap()),
        kind,
        operation: operation.to_owned(),
        operation_key: format!("{}_{operation}_{interval}", words[3]),
        internal_operation_key: None,
        node: none(words[4]).map(|name| ActionNode { id: name.trim_start_matches("node").to_owned(), name: name.as_str().into() }),
        router_node: None,
        resource: resource.map(|id| ActionResource {
            id: id.as_str().into(),
            long_id: None,
            class: "ocf".into(),
            provider: Some("systole".into()),
            kind: "Dummy".into(),
        }),
        attributes,
        numbered_parameters: BTreeMap::new(),
        locked_since: None,
        downed: vec![],
        maintenance: vec![],
        after: after.unwrap_or_default(),
        // Compat: what says that all instances are demoted is told in any case.
        priority: if matches!(operation, "notify" | "demoted") { 1_000_000 } else { 0 },
        reason: String::new(),
    }
}

struct Rig {
    controller: Controller,
    now: Now,
    calculation: u64,
    transition: i32,
    options: Vec<(String, String)>,
    reports: std::cell::Cell<u64>,
}

impl Rig {
    fn new() -> Self {
        let mut controller = Controller::new("node1".into());
        let node = |id: &str| Node { id: id.to_owned(), incarnation: Some(Incarnation("boot1".into())), reachable: true, jobs_max: 0 };
        let nodes = ["1", "2", "3"].map(|id| (format!("node{id}").as_str().into(), node(id)));
        let _ = controller.handle(Now::default(), Event::NodesChanged(BTreeMap::from(nodes)));
        let mut rig = Self { controller, now: Now::default(), calculation: 0, transition: 0, options: vec![], reports: Default::default() };
        let lines = rig.event(Event::Elected { uuid: UUID.into(), term: 1 });
        assert_eq!(lines, ["idle?no", "calculate"]);
        rig
    }

    fn commands(&mut self, event: Event) -> Vec<Command> {
        let commands = self.controller.handle(self.now, event);
        for command in &commands {
            if let Command::Calculate { calculation, .. } = command {
                self.calculation = *calculation;
            }
        }
        commands
    }

    fn event(&mut self, event: Event) -> Vec<String> {
        let idle_before = matches!(event, Event::Elected { .. });
        let lines: Vec<String> = self.commands(event).iter().filter_map(line).collect();
        if idle_before { [vec![format!("idle?{}", if self.controller.is_idle() { "yes" } else { "no" })], lines].concat() } else { lines }
    }

    fn plan(&mut self, actions: &[&str]) -> Vec<String> {
        self.transition += 1;
        let graph = Graph {
            transition: self.transition,
            options: self.options.clone(),
            actions: actions.iter().map(|text| action(text)).collect(),
            ..Graph::default()
        };
        let plan = Plan { graph, ..Plan::default() };
        self.event(Event::PlanMade { calculation: self.calculation, plan: Box::new(plan), input: None })
    }

    fn at(&mut self, at: u64) -> Vec<String> {
        self.now = Now { monotonic: Duration::from_secs(at), wall: Timestamp::from_seconds(1000 + at as i64) };
        self.event(Event::TimePassed)
    }

    fn report(&self, key: (i32, i32), what: &str, exit: i32) -> OperationReport {
        let words: Vec<&str> = what.split_whitespace().collect();
        let (operation, interval) = words[0].split_once('@').unwrap_or((words[0], "0"));
        self.reports.set(self.reports.get() + 1);
        OperationReport {
            id: ReportId(self.reports.get()),
            incarnation: Incarnation("boot1".into()),
            on_node: words[2].into(),
            resource: words[1].into(),
            agent: AgentName { class: "ocf".into(), provider: Some("systole".into()), kind: "Dummy".into() },
            operation: operation.into(),
            operation_key: format!("{}_{operation}_{interval}", words[1]),
            interval: Duration::from_millis(interval.parse().unwrap()),
            call: CallId(7),
            transition_key: TransitionKey { action: key.1, transition: key.0, target_rc: 0, uuid: UUID.into() },
            status: ExecutionStatus::Done,
            exit: AgentExit(exit),
            exit_reason: None,
            last_change: self.now.wall,
            run_time: Duration::from_millis(12),
            queue_time: Duration::ZERO,
            digests: None,
            feature_set: "3.16.1".into(),
            migrate_source: None,
            migrate_target: None,
            on_fail: None,
            container: None,
            locked_since: None,
            direct: false,
        }
    }

    fn ends(&mut self, key: (i32, i32), what: &str, exit: i32) -> Vec<String> {
        let report = self.report(key, what, exit);
        let from = report.on_node.clone();
        self.event(Event::Reported { from, report: Box::new(report) })
    }

    fn replan(&mut self, actions: &[&str]) -> Vec<String> {
        assert_eq!(self.event(Event::InputChanged { cause: "test".into() }), ["calculate"]);
        self.plan(actions)
    }
}

/// Node2 was fenced by the device of node1.
fn node2_fenced() -> Event {
    Event::FencingEnded(FencingEnd {
        target: "node2".into(),
        action: "reboot".into(),
        incarnation: Some(Incarnation("boot1".into())),
        error: None,
        adrift: vec![],
        by: Some("node1".into()),
    })
}

fn edit_line(edit: &StatusEdit) -> String {
    match edit {
        StatusEdit::Record { node, report } => format!("{} {}={}", node.name, report.operation_key, report.exit.0),
        StatusEdit::Pending { node, order, .. } => format!("{} {} pending", node.name, order.operation_key),
        StatusEdit::DropRecord { node, record, .. } => format!("{} drop {record}", node.name),
        StatusEdit::DropResource { node, resource } => format!("{} drop {resource}", node.name),
        StatusEdit::DropHistory { node } => format!("{} drop history", node.name),
        StatusEdit::DropUnlocked { node } => format!("{} drop unlocked", node.name),
        StatusEdit::DropAttributes { node } => format!("{} drop attributes", node.name),
        StatusEdit::NodeState { node, state } => {
            let word = |join: Option<crate::Join>| join.map_or("-", crate::Join::as_str);
            format!("{} in={:?} join={} expected={}", node.name, state.in_membership, word(state.join), word(state.expected))
        }
        StatusEdit::Maintenance { node, on } => format!("{} maintenance {on}", node.name),
    }
}

fn line(command: &Command) -> Option<String> {
    Some(match command {
        Command::Calculate { .. } => "calculate".into(),
        Command::Order { node, order } => match order {
            NodeOrder::Operation(order) => format!("{node}: {} [{}]", order.operation_key, order.transition_key.transition),
            NodeOrder::Cancel(order) => format!("{node}: cancel {} {}", order.resource, order.operation),
            NodeOrder::Forget { resource, .. } => format!("{node}: forget {resource}"),
            NodeOrder::Acknowledge { .. } => return None,
            NodeOrder::Device(_) => "device".into(),
        },
        Command::Fence(wish) => format!("fence {} {}", wish.target.name, wish.action),
        Command::EditStatus(edits) => format!("write {}", edits.iter().map(edit_line).collect::<Vec<_>>().join(", ")),
        Command::SetAttribute { node, name, value } => match value {
            AttributeChange::Set(value) => format!("{node} {name}={value}"),
            AttributeChange::Increment => format!("{node} {name}++"),
            AttributeChange::Delete => format!("{node} -{name}"),
        },
        Command::ClearFailures { node, resource, .. } => format!("{node} clear failures of {resource}"),
        Command::ShutDown { node } => format!("shut down {node}"),
        Command::Tell(Fact::PlanEnded { complete, .. }) => format!("ended {complete}"),
        Command::Tell(Fact::Warning { text }) => format!("warning {text}"),
        Command::WakeAt(_) | Command::Tell(_) => return None,
        Command::ForgetAttributes { node } => format!("forget attributes of {node}"),
        Command::Idle => "idle".into(),
    })
}

#[test]
fn actions_go_in_the_order_of_the_plan() {
    let mut rig = Rig::new();
    let plan = [
        "1 do start ip node1",
        "2 pseudo running group - after 1,3",
        "3 do start web node1 after 1",
        "4 do monitor@10000 web node1 after 3",
    ];
    assert_eq!(rig.plan(&plan), ["write node1 ip_start_0 pending", "node1: ip_start_0 [1]"]);
    assert_eq!(
        rig.ends((1, 1), "start ip node1", 0),
        ["write node1 ip_start_0=0", "write node1 web_start_0 pending", "node1: web_start_0 [1]"]
    );
    assert_eq!(
        rig.ends((1, 3), "start web node1", 0),
        ["write node1 web_start_0=0", "write node1 web_monitor_10000 pending", "node1: web_monitor_10000 [1]"]
    );
    assert_eq!(rig.ends((1, 4), "monitor@10000 web node1", 0), ["write node1 web_monitor_10000=0", "ended true", "idle"]);
}

#[test]
fn a_failure_is_counted_and_ends_what_depends_on_it() {
    let mut rig = Rig::new();
    rig.options = vec![("failed-start-offset".into(), "INFINITY".into())];
    rig.plan(&["1 do start ip node1", "2 do start web node1 after 1", "3 do start db node2"]);
    assert_eq!(
        rig.ends((1, 1), "start ip node1", 1),
        ["write node1 ip_start_0=1", "node1 fail-count-ip#start_0=INFINITY", "node1 last-failure-ip#start_0=0"]
    );
    let counted = Event::InputChanged { cause: "the fail count".into() };
    assert_eq!(rig.event(counted), Vec::<String>::new(), "a plan would be made again when the time of the failure is written");
    assert_eq!(rig.event(Event::AttributesSet), ["calculate"], "a plan without them would start it there again");
    assert_eq!(
        rig.ends((1, 3), "start db node2", 0),
        ["write node2 db_start_0=0", "ended false"],
        "nothing waits for it, the web never began"
    );
}

/// Found by the simulator (seed 1053): two nodes were promoted at once.
#[test]
fn what_follows_a_failure_in_any_case_lets_nothing_else_follow() {
    let mut rig = Rig::new();
    rig.plan(&[
        "1 do demote db node1",
        "2 pseudo demoted clone - after 1",
        "3 do promote db node2 after 2",
        "4 do notify db node3 after 2",
    ]);
    let lines = rig.ends((1, 1), "demote db node1", 1);
    assert!(lines.contains(&"node3: db_notify_0 [1]".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("promote")), "{lines:?}");
}

#[test]
fn a_watch_that_fails_later_is_counted_and_planned_for() {
    let mut rig = Rig::new();
    rig.plan(&[]);
    assert_eq!(
        rig.ends((1, 4), "monitor@10000 web node1", 7),
        ["write node1 web_monitor_10000=7", "node1 fail-count-web#monitor_10000++", "node1 last-failure-web#monitor_10000=0"]
    );
}

#[test]
fn a_failure_that_is_reported_several_times_counts_once() {
    let mut rig = Rig::new();
    rig.plan(&[]);
    let report = rig.report((1, 4), "monitor@10000 web node1", 7);
    let told = |rig: &mut Rig, report: OperationReport| rig.event(Event::Reported { from: "node1".into(), report: Box::new(report) });
    assert_eq!(told(&mut rig, report.clone()).len(), 3);
    let again = rig.commands(Event::Reported { from: "node1".into(), report: Box::new(report.clone()) });
    let is_acknowledged = |command: &Command| matches!(command, Command::Order { order: NodeOrder::Acknowledge { .. }, .. });
    assert!(matches!(again.as_slice(), [only] if is_acknowledged(only)), "{again:?}");
    // The same number in another life of the host is another report.
    let mut nodes = rig.controller.nodes.clone();
    nodes.get_mut("node1").unwrap().incarnation = Some(Incarnation("boot2".into()));
    rig.event(Event::NodesChanged(nodes));
    assert_eq!(told(&mut rig, OperationReport { incarnation: Incarnation("boot2".into()), ..report }).len(), 3);
}

#[test]
fn a_new_coordinator_waits_a_moment_for_what_its_members_have_to_say() {
    let mut rig = Rig::new();
    let mut nodes = rig.controller.nodes.clone();
    rig.event(Event::Deposed);
    nodes.get_mut("node2").unwrap().reachable = false;
    rig.event(Event::NodesChanged(nodes.clone()));
    assert_eq!(rig.event(Event::Elected { uuid: UUID.into(), term: 2 }), ["idle?no"]);
    assert_eq!(rig.at(1), Vec::<String>::new());
    assert_eq!(rig.at(2), ["calculate"], "but not for long");
    rig.event(Event::Deposed);
    rig.event(Event::NodesChanged(nodes));
    rig.event(Event::Elected { uuid: UUID.into(), term: 3 });
    assert_eq!(rig.event(Event::Hurry), ["calculate"], "unless there is nothing to start");
}

/// Found by the simulator (seed 700271 with 20 deeds): what was ordered in an earlier time had the key of what was ordered anew.
#[test]
fn who_leads_again_counts_its_plans_on() {
    let mut rig = Rig::new();
    assert_eq!(rig.plan(&["1 do start web node1"]), ["write node1 web_start_0 pending", "node1: web_start_0 [1]"]);
    let nodes = rig.controller.nodes.clone();
    rig.event(Event::Deposed);
    rig.event(Event::NodesChanged(nodes));
    rig.event(Event::Elected { uuid: UUID.into(), term: 3 });
    assert_eq!(rig.plan(&["1 do start db node1"]), ["write node1 db_start_0 pending", "node1: db_start_0 [2]"]);
}

#[test]
fn nothing_is_planned_before_it_is_known_which_nodes_there_are() {
    let mut controller = Controller::new("node1".into());
    let node = |reachable| Node { id: "1".to_owned(), incarnation: Some(Incarnation("boot1".into())), reachable, jobs_max: 0 };
    let commands = controller.handle(Now::default(), Event::Elected { uuid: UUID.into(), term: 1 });
    assert!(!commands.iter().any(|command| matches!(command, Command::Calculate { .. })), "{commands:?}");
    let unheard = BTreeMap::from([("node1".into(), node(true)), ("node2".into(), node(false))]);
    let commands = controller.handle(Now::default(), Event::NodesChanged(unheard));
    assert!(!commands.iter().any(|command| matches!(command, Command::Calculate { .. })), "{commands:?}");
}

#[test]
fn silence_becomes_a_failure_after_time_out_and_network_delay() {
    let mut rig = Rig::new();
    rig.options = vec![("cluster-delay".into(), "60s".into())];
    rig.plan(&["1 do start web node2"]);
    assert_eq!(rig.at(79), Vec::<String>::new());
    let lines = rig.at(80);
    assert_eq!(lines[0], "warning node2 gave no result of web_start_0 in time");
    assert_eq!(lines[1], "write node2 web_start_0=1");
    assert!(lines.contains(&"node2 fail-count-web#start_0=INFINITY".to_owned()), "{lines:?}");
    assert_eq!(rig.at(81), ["calculate"], "the attributes are not waited for long");
}

#[test]
fn limits_hold_back_only_what_they_count() {
    let mut rig = Rig::new();
    rig.options = vec![("batch-limit".into(), "2".into())];
    let lines = rig.plan(&["1 do start a node1", "2 do start b node1", "3 do start c node2", "4 pseudo done - -"]);
    assert_eq!(lines.iter().filter(|line| line.contains(": ")).count(), 2);
    let mut rig = Rig::new();
    let mut nodes = rig.controller.nodes.clone();
    nodes.get_mut("node1").unwrap().jobs_max = 1;
    rig.event(Event::NodesChanged(nodes));
    let lines = rig.plan(&["1 do start a node1", "2 do start b node1", "3 do start c node2"]);
    let orders: Vec<&String> = lines.iter().filter(|line| line.contains(": ")).collect();
    assert_eq!(orders, ["node1: a_start_0 [1]", "node2: c_start_0 [1]"]);
}

#[test]
fn the_coordinator_leaves_last() {
    let mut rig = Rig::new();
    let plan = ["1 cluster do_shutdown - node1", "2 cluster do_shutdown - node2", "3 do stop web node3"];
    assert_eq!(
        rig.plan(&plan),
        ["write node2 in=None join=- expected=down", "shut down node2", "write node3 web_stop_0 pending", "node3: web_stop_0 [1]"]
    );
    rig.ends((1, 3), "stop web node3", 0);
    let lines = rig.event(Event::ShutdownDone { node: "node2".into() });
    assert_eq!(lines[0], "write node2 in=Some(false) join=down expected=down, node2 drop attributes, node1 in=None join=- expected=down");
    assert_eq!(lines[1], "shut down node1");
}

/// Found by the simulator (seeds 21559, 21696 and 20484 with 20 deeds): it took with it what it was starting, or what no probe had found yet.
#[test]
fn a_node_at_work_does_not_leave() {
    for at_work in ["1 do start web node2", "1 do monitor web node2"] {
        let mut rig = Rig::new();
        rig.plan(&[at_work]);
        let lines = rig.replan(&["1 cluster do_shutdown - node2", "2 do start db node1"]);
        assert!(!lines.iter().any(|line| line.contains("shut down")), "{at_work}: {lines:?}");
        let lines = rig.ends((1, 1), &at_work[5..], 0);
        assert!(!lines.iter().any(|line| line.contains("shut down")), "{at_work}: the plan does not know the outcome: {lines:?}");
        let lines = rig.plan(&["1 cluster do_shutdown - node2"]);
        assert!(lines.contains(&"shut down node2".to_owned()), "{at_work}: {lines:?}");
    }
    let mut rig = Rig::new();
    let lines = rig.plan(&["1 do monitor web node2", "2 cluster do_shutdown - node2", "3 do start web node1 after 1"]);
    assert_eq!(lines.last().unwrap(), "node2: web_monitor_0 [1]");
    let lines = rig.ends((1, 1), "monitor web node2", 1);
    assert!(lines.contains(&"calculate".to_owned()) && !lines.iter().any(|line| line.contains("shut down")), "{lines:?}");
}

/// Found by the simulator (seed 23253 with 20 deeds): the plan under way started elsewhere what a late result said is active.
#[test]
fn what_a_late_result_or_a_joining_node_says_stops_the_plan_under_way() {
    let plan = ["1 do monitor other node3", "2 do start web node2 after 1", "3 do start db node2 after 1"];
    let orders = |lines: &[String]| lines.iter().filter(|line| line.contains("[1]")).cloned().collect::<Vec<_>>();
    let mut rig = Rig::new();
    rig.plan(&plan);
    assert!(rig.ends((9, 9), "start web node3", 0).contains(&"calculate".to_owned()));
    assert_eq!(orders(&rig.ends((1, 1), "monitor other node3", 0)), ["node2: db_start_0 [1]"]);
    let mut rig = Rig::new();
    rig.plan(&plan);
    let history = vec![rig.report((9, 9), "start web node3", 0)];
    rig.event(Event::NodeJoined {
        node: "node3".into(),
        incarnation: Incarnation("boot1".into()),
        at_work: vec![],
        history,
        adrift: vec![],
    });
    assert_eq!(orders(&rig.ends((1, 1), "monitor other node3", 0)), Vec::<String>::new());
}

#[test]
fn a_node_that_asked_to_leave_and_dies_before_is_still_expected() {
    let mut rig = Rig::new();
    rig.plan(&[]);
    assert_eq!(rig.event(Event::ShutdownRequested { node: "node2".into() }), ["node2 shutdown=0"]);
    assert_eq!(
        rig.event(Event::NodeLost { node: "node2".into() }),
        ["write node2 in=Some(false) join=down expected=-, node2 drop attributes"]
    );
}

#[test]
fn a_joining_node_tells_its_own_history() {
    let mut rig = Rig::new();
    rig.plan(&[]);
    let history = vec![rig.report((9, 9), "start web node2", 0)];
    let at_work = OperationOrder {
        resource: "db".into(),
        agent: AgentName { class: "ocf".into(), provider: None, kind: "Dummy".into() },
        operation: "start".into(),
        operation_key: "db_start_0".into(),
        interval: Duration::ZERO,
        start_delay: Duration::ZERO,
        timeout: Duration::from_secs(20),
        parameters: BTreeMap::new(),
        transition_key: TransitionKey { action: 4, transition: 3, target_rc: 0, uuid: "another".into() },
        on_node: "node2".into(),
        locked_since: None,
        later_than: None,
    };
    let joined = Event::NodeJoined {
        node: "node2".into(),
        incarnation: Incarnation("boot1".into()),
        at_work: vec![at_work],
        history,
        adrift: vec![],
    };
    assert_eq!(
        rig.event(joined),
        [
            "write node2 drop history, node2 in=Some(true) join=member expected=member, node2 web_start_0=0, node2 db_start_0 pending",
            "calculate"
        ]
    );
    assert_eq!(
        rig.plan(&["1 do start db node2", "2 do start dependent node2 after 1"]),
        Vec::<String>::new(),
        "adopted from the earlier coordinator"
    );
    let mut report = rig.report((3, 4), "start db node2", 0);
    report.transition_key.uuid = "another".into();
    let lines = rig.event(Event::Reported { from: "node2".into(), report: Box::new(report) });
    assert!(lines[0].starts_with("write node2 db_start_0=0"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "node2: dependent_start_0 [2]");
}

#[test]
fn notifications_of_what_was_done_outlive_their_plan() {
    let mut rig = Rig::new();
    rig.plan(&["1 do start db node1", "2 do notify db node1 after 1", "3 do start web node2"]);
    rig.ends((1, 1), "start db node1", 0);
    let mut rig = Rig::new();
    rig.plan(&["1 do start db node1", "2 do notify db node1 after 1"]);
    let lines = rig.replan(&["1 do start other node2"]);
    assert_eq!(lines.len(), 2);
    let lines = rig.ends((1, 1), "start db node1", 0);
    assert!(lines.contains(&"node1: db_notify_0 [1]".to_owned()), "{lines:?}");
}

#[test]
fn cancelling_drops_the_record() {
    let mut rig = Rig::new();
    let mut cancel = action("1 do cancel web node1");
    cancel.attributes.extend(
        [("CRM_meta_operation", "monitor"), ("CRM_meta_interval", "10000")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let plan = Plan { graph: Graph { transition: 1, actions: vec![cancel], ..Graph::default() }, ..Plan::default() };
    let lines = rig.event(Event::PlanMade { calculation: rig.calculation, plan: Box::new(plan), input: None });
    assert_eq!(lines, ["node1: cancel web monitor"]);
    let mut report = rig.report((1, 1), "monitor@10000 web node1", 193);
    report.status = ExecutionStatus::Cancelled;
    report.direct = true;
    let lines = rig.event(Event::Reported { from: "node1".into(), report: Box::new(report) });
    assert_eq!(lines, ["write node1 drop web_monitor_10000", "ended true", "idle"]);
}

#[test]
fn a_node_whose_daemon_is_away_gets_its_orders_later() {
    let mut rig = Rig::new();
    let mut nodes = rig.controller.nodes.clone();
    nodes.get_mut("node2").unwrap().reachable = false;
    rig.event(Event::NodesChanged(nodes.clone()));
    assert_eq!(rig.plan(&["1 do start web node2"]), Vec::<String>::new());
    nodes.get_mut("node2").unwrap().reachable = true;
    assert_eq!(rig.event(Event::NodesChanged(nodes)), ["write node2 web_start_0 pending", "node2: web_start_0 [1]"]);
}

#[test]
fn records_have_the_form_of_the_field() {
    let rig = Rig::new();
    let text = |report: &OperationReport| crate::record_elements(report).iter().map(xml::Element::to_compact).collect::<Vec<_>>();
    let ok = rig.report((3, 12), "start web node1", 0);
    assert_eq!(
        text(&ok),
        [format!(
            "<lrm_rsc_op id=\"web_last_0\" operation_key=\"web_start_0\" operation=\"start\" crm-debug-origin=\"controld_update_resource_history\" \
             crm_feature_set=\"3.16.1\" transition-key=\"12:3:0:{UUID}\" transition-magic=\"0:0;12:3:0:{UUID}\" exit-reason=\"\" on_node=\"node1\" \
             call-id=\"7\" rc-code=\"0\" op-status=\"0\" interval=\"0\" last-rc-change=\"0\" exec-time=\"12\" queue-time=\"0\"/>"
        )]
    );
    let ids = |report: &OperationReport| {
        crate::record_elements(report).iter().map(|element| element.id().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&rig.report((3, 12), "stop web node1", 1)), ["web_last_failure_0", "web_last_0"]);
    assert_eq!(ids(&rig.report((3, 12), "monitor@10000 web node1", 7)), ["web_last_failure_0"]);
    assert_eq!(ids(&rig.report((3, 12), "monitor@10000 web node1", 190)), ["web_monitor_10000"], "degraded is no failure");
    assert_eq!(ids(&rig.report((3, 12), "migrate_to web node1", 0)), ["web_migrate_to_0"]);
    assert!(text(&rig.report((3, 12), "reload-agent web node1", 0))[0].contains("operation=\"start\""));
}

#[test]
fn a_plan_sees_what_the_note_of_a_pending_operation_hides() {
    let mut rig = Rig::new();
    rig.plan(&["1 do stop web node1"]);
    rig.ends((1, 1), "stop web node1", 0);
    rig.replan(&["1 do start web node1", "2 do monitor new node1"]);
    let mut cib = "<cib><status><node_state uname=\"node1\"><lrm><lrm_resources>".to_owned();
    cib += "<lrm_resource id=\"web\"><lrm_rsc_op id=\"web_last_0\" operation=\"start\" op-status=\"-1\"/></lrm_resource>";
    cib += "<lrm_resource id=\"new\"><lrm_rsc_op id=\"new_last_0\" operation=\"monitor\" op-status=\"-1\"/></lrm_resource>";
    cib += "</lrm_resources></lrm></node_state></status></cib>";
    let cib = xml::parse(cib.as_bytes(), &xml::Limits::default()).unwrap();
    let input = rig.controller.planning_input(&cib);
    let resources = input.descend(&["status", "node_state", "lrm", "lrm_resources"]).unwrap();
    let seen: Vec<_> =
        resources.descendants().filter(|e| e.name == "lrm_rsc_op").map(|e| (e.id().unwrap(), e.attribute("operation").unwrap())).collect();
    assert_eq!(seen, [("web_last_0", "stop")], "a resource of which only a probe under way is known is probed");
}
