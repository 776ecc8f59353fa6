//! Nodes that are reached by a connection: when they count as ended.

use super::*;

fn made(rig: &mut Rig, actions: Vec<Action>) -> Vec<String> {
    let plan = Plan { graph: Graph { transition: 1, actions, ..Graph::default() }, ..Plan::default() };
    rig.event(Event::PlanMade { calculation: rig.calculation, plan: Box::new(plan), input: None })
}

/// Found by the simulator (seed 820108 with two remote nodes and a guest): after a clean-up the guest was taken for ended before anybody had
/// looked for its machine, and what ran there started elsewhere.
#[test]
fn a_guest_has_ended_once_every_probe_has_answered() {
    let plan = |rig: &mut Rig| {
        let mut ends = action("2 pseudo stonith - guest");
        ends.downed = vec!["guest".to_owned()];
        made(rig, vec![action("1 do monitor vm node1"), ends, action("3 do start web node2 after 2")])
    };
    let mut rig = Rig::new();
    assert_eq!(plan(&mut rig), ["write node1 vm_monitor_0 pending", "node1: vm_monitor_0 [1]"]);
    let lines = rig.ends((1, 1), "monitor vm node1", 0).join("; ");
    assert!(lines.contains("guest drop history") && lines.contains("web_start_0"), "{lines}");
    let mut rig = Rig::new();
    plan(&mut rig);
    let lines = rig.ends((1, 1), "monitor vm node1", 1).join("; ");
    assert!(!lines.contains("guest") && !lines.contains("web"), "another plan knows more: {lines}");
}

/// Found by the simulator (seed 101, half an hour): what had left a guest by live migration, unheard of, was started elsewhere once the guest's
/// machine had ended with its host.
#[test]
fn what_may_have_arrived_from_a_guest_whose_machine_has_ended_is_looked_for() {
    let ended = |adrift: &[(&str, &str)]| {
        let mut rig = Rig::new();
        let adrift = adrift.iter().map(|(resource, target)| ((*resource).into(), (*target).into())).collect();
        rig.event(Event::GuestsAdrift([("guest".into(), adrift)].into()));
        let mut ends = action("1 pseudo stonith - guest");
        ends.downed = vec!["guest".to_owned()];
        made(&mut rig, vec![ends, action("2 do start web node2 after 1")]).join("; ")
    };
    let lines = ended(&[("web", "node1")]);
    assert!(lines.contains("node1: forget web") && !lines.contains("web_start_0"), "{lines}");
    let lines = ended(&[]);
    assert!(!lines.contains("forget web") && lines.contains("web_start_0"), "{lines}");
}

/// Found by the simulator (seed 820159 with two remote nodes and a guest): a remote node asked to go, the host that held its connection was
/// lost, and nobody was connected to it ever again.
#[test]
fn what_a_remote_node_asked_for_ends_with_a_connection_that_is_not_made_again() {
    let stop = || Action { downed: vec!["far".to_owned()], ..action("1 pseudo stop far node1") };
    let lines = made(&mut Rig::new(), vec![stop()]).join("; ");
    assert!(lines.contains("forget attributes of far"), "{lines}");
    let lines = made(&mut Rig::new(), vec![stop(), action("2 do start far node2 after 1")]).join("; ");
    assert!(!lines.contains("attributes of far"), "{lines}");
}

#[test]
fn a_member_that_joins_tells_of_its_connections() {
    let join = |node: &str, what: &str| {
        let rig = Rig::new();
        let mut report = rig.report((1, 1), what, 0);
        report.agent = AgentName { class: "ocf".into(), provider: Some("pacemaker".into()), kind: "remote".into() };
        Event::NodeJoined {
            node: node.into(),
            incarnation: report.incarnation.clone(),
            at_work: vec![],
            history: vec![report],
            adrift: vec![],
        }
    };
    let cases = [("start far node2", true), ("monitor far node2", true), ("monitor@10000 far node2", false), ("stop far node2", false)];
    for (what, is_told) in cases {
        let lines = Rig::new().event(join("node2", what)).join("; ");
        assert_eq!(lines.contains("far in=Some(true)"), is_told, "{what}: {lines}");
    }
    let mut rig = Rig::new();
    rig.event(join("node2", "start far node2"));
    rig.event(join("node1", "stop far node1"));
    assert_eq!(rig.controller.connection_holder(&"far".into()), Some(&"node2".into()));
}

/// Found by the simulator (seed 40020, half an hour).
#[test]
fn who_let_a_connection_go_does_not_know_better_than_who_took_it() {
    let join = |node: &str, operations: &[&str]| {
        let rig = Rig::new();
        let told = operations.iter().zip(1..).map(|(operation, call)| OperationReport {
            agent: AgentName { class: "ocf".into(), provider: Some("pacemaker".into()), kind: "remote".into() },
            call: CallId(call),
            ..rig.report((1, 1), &format!("{operation} far {node}"), 0)
        });
        let (history, incarnation) = (told.collect(), Incarnation("boot1".into()));
        Event::NodeJoined { node: node.into(), incarnation, at_work: vec![], history, adrift: vec![] }
    };
    for earlier in ["start", "monitor"] {
        for is_first in [true, false] {
            let mut events = [join("node2", &[earlier, "migrate_to"]), join("node3", &["migrate_from"])];
            if !is_first {
                events.reverse();
            }
            let mut rig = Rig::new();
            events.into_iter().for_each(|event| drop(rig.event(event)));
            assert_eq!(rig.controller.connections[&model::NodeName::new("far")], model::NodeName::new("node3"), "{earlier} {is_first}");
        }
    }
    let mut rig = Rig::new();
    rig.event(join("node2", &["start", "migrate_to"]));
    assert_eq!(rig.controller.connections[&model::NodeName::new("far")], model::NodeName::new("node2"), "nobody took it");
}

/// Found by thought: whoever is left after a split, and fences the coordinator and the member that was connected, did not know of the start.
#[test]
fn a_start_on_a_remote_node_is_ordered_once_a_majority_knows_of_it() {
    let over = |text: &str, by: &str| Action { router_node: Some(by.into()), ..action(text) };
    let begun = |by: &str| {
        let mut rig = Rig::new();
        rig.controller.connections.insert("far".into(), by.into());
        let lines = made(&mut rig, vec![over("1 do start web far", by), over("2 do promote db far", by), action("3 do start other node3")]);
        assert_eq!(lines[1..], ["node3: other_start_0 [1]", "node2: cancel web expect", "node3: cancel web expect"]);
        assert!(lines[0].contains("far web_start_0 pending") && lines[0].contains("far db_promote_0 pending"), "{lines:?}");
        rig
    };
    let knows = |rig: &Rig, node: &str| {
        let mut report = rig.report((1, 1), &format!("expect web {node}"), 193);
        (report.status, report.direct) = (ExecutionStatus::Cancelled, true);
        Event::Reported { from: node.into(), report: Box::new(report) }
    };
    let lose = |rig: &mut Rig, node: &str| rig.event(Event::NodeLost { node: node.into() });
    // Whoever answers first makes it a majority, and nobody who is slow holds it up.
    for first in ["node2", "node3"] {
        let mut rig = begun("node3");
        let answer = knows(&rig, first);
        assert_eq!(rig.event(answer), ["node3: web_start_0 [1]", "node3: db_promote_0 [1]"]);
        for node in ["node2", "node3"] {
            let answer = knows(&rig, node);
            assert_eq!(rig.event(answer), Vec::<String>::new(), "once");
        }
    }

    // One of those who were asked is gone: the others are enough.
    let mut rig = begun("node1");
    let lines = lose(&mut rig, "node2");
    assert!(!lines.join("; ").contains("web_last_0"), "{lines:?}");
    // All are gone: nothing is ordered, and nothing says that it is pending.
    let lines = lose(&mut rig, "node3");
    assert!(lines[0].contains("far drop web_last_0") && !lines.join("; ").contains(" [1]"), "{lines:?}");
    let mut rig = begun("node1");
    lose(&mut rig, "node2");
    let answer = knows(&rig, "node3");
    assert_eq!(rig.event(answer), ["node1: web_start_0 [1]", "node1: db_promote_0 [1]"]);

    // What had been told before of the resource there is told again.
    let mut rig = Rig::new();
    rig.controller.connections.insert("far".into(), "node3".into());
    let stopped = rig.report((1, 1), "stop web far", 0);
    rig.controller.remember(&stopped);
    made(&mut rig, vec![over("1 do start web far", "node3")]);
    lose(&mut rig, "node2");
    let lines = lose(&mut rig, "node3").join("; ");
    assert!(lines.contains("web_stop_0") && !lines.contains("drop web_last_0"), "{lines}");
}

/// Found by the simulator (seed 92058 with two replicas, half an hour): the failure was forgotten at once, a plan that came before the stop took the
/// connection for whole, and it was never made again.
#[test]
fn the_failure_of_a_connection_is_forgotten_once_the_connection_has_ended() {
    let connection = |text: &str| {
        let mut action = action(text);
        action.resource.iter_mut().for_each(|resource| (resource.provider, resource.kind) = (Some("pacemaker".into()), "remote".into()));
        action
    };
    let mut forgets = connection("1 cluster clear_failcount far node2");
    forgets.operation = "clear_failcount".to_owned();
    let ends = connection("3 do stop far node2 after 2");
    let actions = vec![forgets, action("2 do monitor web node3"), ends, connection("4 do start far node1 after 1,3")];
    let mut rig = Rig::new();
    assert_eq!(made(&mut rig, actions.clone()), ["write node3 web_monitor_0 pending", "node3: web_monitor_0 [1]"]);
    let lines = rig.ends((1, 2), "monitor web node3", 0).join("; ");
    assert!(lines.contains("far_stop_0 [1]") && !lines.contains("drop far_last_failure_0"), "{lines}");
    let lines = rig.ends((1, 3), "stop far node2", 0).join("; ");
    assert!(lines.contains("drop far_last_failure_0") && lines.contains("far_start_0 [1]"), "{lines}");

    // What the stop waits for has failed: the next plan is to know that the connection has to be ended.
    let mut rig = Rig::new();
    made(&mut rig, actions);
    let lines = rig.ends((1, 2), "monitor web node3", 1).join("; ");
    assert!(lines.ends_with("calculate") && !lines.contains("drop far_last_failure_0") && !lines.contains("far_stop_0"), "{lines}");
}

/// Found by the simulator (seed 7262, half an hour): two partitions that were both connected to a remote node had become one; the stop was ordered over
/// the connection of a member that was fenced in that moment, and nobody watched over the other one.
#[test]
fn what_was_at_work_on_a_remote_node_over_a_lost_member_is_watched_anew() {
    let begun = || {
        let mut rig = Rig::new();
        rig.controller.connections.insert("far".into(), "node2".into());
        let watched = rig.report((1, 1), "monitor@10000 other far", 0);
        rig.controller.remember(&watched);
        let stop = Action { router_node: Some("node2".into()), ..action("1 do stop web far") };
        made(&mut rig, vec![stop]);
        rig
    };
    let mut rig = begun();
    let lines = rig.event(Event::NodeLost { node: "node2".into() }).join("; ");
    assert!(lines.contains("far drop other_monitor_10000"), "{lines}");
    let mut rig = begun();
    let lines = rig.event(node2_fenced()).join("; ");
    assert!(lines.contains("far drop other_monitor_10000"), "{lines}");
}
