//! Live migrations: what is known of them, and when.

use super::*;

/// Found by the simulator (seed 50076, half an hour).
#[test]
fn what_is_done_to_a_resource_that_migrates_is_later_than_what_other_nodes_told() {
    let mut rig = Rig::new();
    let later_than = |commands: &[Command]| {
        let orders = commands.iter().find_map(|command| match command {
            Command::Order { order: NodeOrder::Operation(order), .. } => Some(order.later_than.map(Timestamp::seconds)),
            _ => None,
        });
        orders.expect("an order")
    };
    rig.plan(&["1 do monitor vm node2", "2 do monitor vm node1"]);
    for (node, calendar) in [("node1", 6000), ("node2", 5000)] {
        let mut probe = rig.report((1, if node == "node1" { 2 } else { 1 }), &format!("monitor vm {node}"), 0);
        probe.last_change = Timestamp::from_seconds(calendar);
        rig.event(Event::Reported { from: node.into(), report: Box::new(probe) });
    }
    let ordered = |rig: &mut Rig, text: &str| {
        rig.event(Event::InputChanged { cause: "test".into() });
        rig.transition += 1;
        let graph = Graph { transition: rig.transition, actions: vec![action(text)], ..Graph::default() };
        let plan = Box::new(Plan { graph, ..Plan::default() });
        later_than(&rig.commands(Event::PlanMade { calculation: rig.calculation, plan, input: None }))
    };
    assert_eq!(ordered(&mut rig, "1 do start vm node1"), None, "it never migrated: only what happens on one node is compared");
    rig.now.wall = Timestamp::from_seconds(7000);
    rig.ends((2, 1), "start vm node1", 0);
    assert_eq!(ordered(&mut rig, "1 do migrate_to vm node1"), Some(5000), "of node1 itself the calls tell");
    rig.ends((3, 1), "migrate_to vm node1", 0);
    assert_eq!(ordered(&mut rig, "1 do stop vm node2"), Some(7000));
}

/// The answer of a migration's target.
fn knows(node: &str) -> Event {
    let mut report = Rig::new().report((1, 1), &format!("expect vm {node}"), 193);
    (report.status, report.direct, report.id) = (ExecutionStatus::Cancelled, true, ReportId(1000));
    Event::Reported { from: node.into(), report: Box::new(report) }
}

/// Found by the simulator (seed 8362, half an hour): whoever was left with the target after a split did not know of the migration.
#[test]
fn a_migration_is_ordered_when_its_target_knows_of_it() {
    let begun = || {
        let mut rig = Rig::new();
        let mut migration = action("1 do migrate_to vm node1");
        migration.attributes.insert("CRM_meta_migrate_target".to_owned(), "node2".to_owned());
        rig.transition += 1;
        let graph = Graph { transition: rig.transition, actions: vec![migration], ..Graph::default() };
        let plan = Box::new(Plan { graph, ..Plan::default() });
        let lines = rig.event(Event::PlanMade { calculation: rig.calculation, plan, input: None });
        assert_eq!(lines, ["write node1 vm_migrate_to_0 pending", "node2: cancel vm expect"]);
        rig
    };
    let mut rig = begun();
    assert_eq!(rig.event(knows("node2")), ["node1: vm_migrate_to_0 [1]"]);
    assert_eq!(rig.event(knows("node2")), Vec::<String>::new(), "once");

    // Its target is gone: nothing is ordered, and nothing says that it is pending.
    let mut rig = begun();
    let lines = rig.event(Event::NodeLost { node: "node2".into() });
    assert!(lines[0].contains("node1 drop vm_migrate_to_0") && lines.last().unwrap() == "calculate", "{lines:?}");

    // The plan has changed its mind meanwhile.
    let mut rig = begun();
    rig.replan(&["1 do monitor other node3"]);
    let lines = rig.event(knows("node2"));
    assert!(lines[0].contains("node1 drop vm_migrate_to_0") && !lines.iter().any(|line| line.contains("vm_migrate_to_0 [")), "{lines:?}");
}

#[test]
fn where_a_resource_is_migrating_to_it_is_not_looked_for() {
    let mut rig = Rig::new();
    let plan = |rig: &mut Rig, probes: bool| {
        let mut migration = action("1 do migrate_to vm node1");
        migration.attributes.insert("CRM_meta_migrate_target".to_owned(), "node2".to_owned());
        let rest = ["2 do migrate_from vm node2 after 1", "3 do monitor vm node2", "4 do monitor vm node3"];
        let rest = rest.iter().take(if probes { 3 } else { 1 }).map(|text| action(text));
        rig.transition += 1;
        let graph = Graph { transition: rig.transition, actions: std::iter::once(migration).chain(rest).collect(), ..Graph::default() };
        rig.event(Event::PlanMade { calculation: rig.calculation, plan: Box::new(Plan { graph, ..Plan::default() }), input: None })
    };
    assert_eq!(plan(&mut rig, false), ["write node1 vm_migrate_to_0 pending", "node2: cancel vm expect"]);
    assert_eq!(rig.event(knows("node2")), ["node1: vm_migrate_to_0 [1]"]);
    assert_eq!(rig.event(Event::InputChanged { cause: "its history on node2 and node3 was forgotten".into() }), ["calculate"]);
    assert_eq!(plan(&mut rig, true), ["write node3 vm_monitor_0 pending", "node3: vm_monitor_0 [2]"]);
    let lines = rig.ends((1, 1), "migrate_to vm node1", 0);
    assert!(lines.contains(&"node2: vm_migrate_from_0 [2]".to_owned()), "{lines:?}");
}

/// Once the source is fenced nobody knows of the migration any more: the target's probe from before it would stand, and the resource be started
/// on a third node.
#[test]
fn what_may_have_arrived_from_a_node_that_was_fenced_is_looked_for() {
    let fenced = || {
        Event::FencingEnded(FencingEnd {
            target: "node3".into(),
            action: "off".into(),
            incarnation: Some(Incarnation("boot1".into())),
            error: None,
            adrift: vec![("vm".into(), "node2".into())],
            by: Some("node1".into()),
        })
    };
    let looks = |lines: &[String]| lines.iter().any(|line| line == "node2: forget vm");
    let mut rig = Rig::new();
    rig.plan(&["1 cluster stonith - node3", "2 do start vm node1 after 1"]);
    let lines = rig.event(fenced());
    assert!(lines[0].ends_with("node2 drop vm") && looks(&lines) && lines.last().unwrap() == "calculate", "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("vm_start_0 [")), "{lines:?}");

    // What the plan does at the target at once tells as well.
    let mut rig = Rig::new();
    rig.plan(&["1 cluster stonith - node3", "2 do stop vm node2 after 1", "3 do start vm node1 after 2"]);
    let lines = rig.event(fenced());
    assert!(lines.contains(&"node2: vm_stop_0 [1]".to_owned()) && !looks(&lines), "{lines:?}");
    let lines = rig.ends((1, 2), "stop vm node2", 0);
    assert!(lines.contains(&"node1: vm_start_0 [1]".to_owned()) && !looks(&lines), "{lines:?}");

    // A probe that is under way may have come too early.
    let mut rig = Rig::new();
    rig.plan(&["1 cluster stonith - node3", "2 do monitor vm node2"]);
    assert!(!looks(&rig.event(fenced())));
    assert!(looks(&rig.ends((1, 2), "monitor vm node2", 7)));

    // A node that is back without knowing of it, and one that tells of it itself.
    for (knows, expected) in [(false, true), (true, false)] {
        let mut rig = Rig::new();
        rig.plan(&[]);
        let history = if knows { vec![rig.report((9, 9), "migrate_to vm node3", 0)] } else { vec![] };
        let (incarnation, adrift) = (Incarnation("boot1".into()), vec![("vm".into(), "node2".into())]);
        let joined = Event::NodeJoined { node: "node3".into(), incarnation, at_work: vec![], history, adrift };
        assert_eq!(looks(&rig.event(joined)), expected);
    }
}
