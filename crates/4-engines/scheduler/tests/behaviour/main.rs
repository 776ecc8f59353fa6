//! Small clusters, one behaviour each: what is planned, where, and after what.

mod guests;

use std::collections::{BTreeMap, BTreeSet};
use transition::{Action, ActionKind, Plan};

/// A cluster in a few words.
#[derive(Default)]
struct Cluster {
    options: &'static str,
    nodes: &'static [(&'static str, &'static str)],
    resources: &'static str,
    constraints: &'static str,
    /// Node, resource, and what was recorded of it: `start`, `monitor:7`, `stop:1`, `migrate_to>n2`, …
    history: &'static [(&'static str, &'static str, &'static str)],
    attributes: &'static [(&'static str, &'static str, &'static str)],
    no_quorum: bool,
}

const ONLINE: &str = r#"in_ccm="true" crmd="online" join="member" expected="member""#;
const LOST: &str = r#"in_ccm="false" crmd="offline" join="down" expected="member""#;
const GUEST: &str = r#"in_ccm="true" remote_node="true""#;
const GUEST_DOWN: &str = r#"in_ccm="false" remote_node="true""#;
const MIGRATABLE: &str = r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m"><nvpair id="m-1" name="allow-migrate" value="true"/></meta_attributes></primitive>"#;
const FAR: &str = r#"<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>"#;
const TWO: &[(&str, &str)] = &[("n1", ONLINE), ("n2", ONLINE)];

fn dummy(id: &str) -> String {
    format!(r#"<primitive id="{id}" class="ocf" provider="heartbeat" type="Dummy"/>"#)
}

impl Cluster {
    fn plan(&self) -> Plan {
        let mut options = String::new();
        for word in self.options.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap();
            options += &format!(r#"<nvpair id="o-{name}" name="{name}" value="{value}"/>"#);
        }
        let (mut nodes, mut states) = (String::new(), String::new());
        for (name, state) in self.nodes {
            if !state.contains("remote_node") {
                nodes += &format!(r#"<node id="{name}" uname="{name}"/>"#);
            }
            let mut attributes = String::new();
            for (_, key, value) in self.attributes.iter().filter(|(of, _, _)| of == name) {
                attributes += &format!(r#"<nvpair id="a-{name}-{key}" name="{key}" value="{value}"/>"#);
            }
            let mut histories: BTreeMap<&str, String> = BTreeMap::new();
            for (call, (_, resource, recorded)) in self.history.iter().enumerate().filter(|(_, (of, _, _))| of == name) {
                let (operation, exit) = recorded.split_once(':').unwrap_or((recorded, "0"));
                let (operation, peer) = operation.split_once('>').unwrap_or((operation, ""));
                let migration =
                    if peer.is_empty() { String::new() } else { format!(r#" migrate_source="{name}" migrate_target="{peer}""#) };
                let target = if operation == "monitor" && exit == "7" { 7 } else { 0 };
                let failed = exit != "0" && !(operation == "monitor" && exit == "7");
                let status = if failed { 4 } else { 0 };
                let suffix = if failed { "last_failure_0".to_owned() } else { format!("{operation}_0") };
                *histories.entry(resource).or_default() += &format!(
                    r#"<lrm_rsc_op id="{resource}_{suffix}" operation_key="{resource}_{operation}_0" operation="{operation}" interval="0" call-id="{call}" rc-code="{exit}" op-status="{status}" transition-key="{call}:1:{target}:x" transition-magic="{status}:{exit};{call}:1:{target}:x" last-rc-change="1" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"{migration}/>"#
                );
            }
            let mut resources = String::new();
            for (resource, operations) in &histories {
                let agent = match *resource {
                    "f" => r#"class="stonith" type="fence_dummy""#,
                    "far" => r#"class="ocf" provider="pacemaker" type="remote""#,
                    "guest" => r#"class="ocf" provider="pacemaker" type="remote" container="vm""#,
                    _ => r#"class="ocf" provider="heartbeat" type="Dummy""#,
                };
                resources += &format!(r#"<lrm_resource id="{resource}" {agent}>{operations}</lrm_resource>"#);
            }
            states += &format!(
                r#"<node_state id="{name}" uname="{name}" {state}><transient_attributes id="{name}"><instance_attributes id="t-{name}">{attributes}</instance_attributes></transient_attributes><lrm id="{name}"><lrm_resources>{resources}</lrm_resources></lrm></node_state>"#
            );
        }
        let quorum = u8::from(!self.no_quorum);
        let text = format!(
            r#"<cib validate-with="pacemaker-3.7" crm_feature_set="3.16.1" admin_epoch="0" epoch="1" num_updates="0" have-quorum="{quorum}" dc-uuid="n1">
            <configuration><crm_config><cluster_property_set id="cib-bootstrap-options">{options}</cluster_property_set></crm_config>
            <nodes>{nodes}</nodes><resources>{}</resources><constraints>{}</constraints></configuration><status>{states}</status></cib>"#,
            self.resources, self.constraints
        );
        let tree = xml::parse(text.as_bytes(), &xml::Limits::default()).expect("the test's own text is well-formed");
        scheduler::schedule(&status::Facts::deduce(&tree, model::Timestamp::from_seconds(1_782_900_000)))
    }

    /// Checks what is planned: `OPERATION RESOURCE NODE`, and ` < ` what of that it waits for, directly or not.
    #[track_caller]
    fn check(&self, expected: &[&str]) {
        assert_eq!(told(&self.plan()), expected);
    }
}

fn name(action: &Action) -> String {
    let subject = match &action.resource {
        Some(resource) => resource.id.as_str(),
        None => action.meta("stonith_action").unwrap_or_default(),
    };
    let node = action.node.as_ref().map_or("", |node| node.name.as_str());
    let text = format!("{} {subject} {node}", action.operation);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns what comes before an action, at whatever distance.
fn all_before<'p>(plan: &'p Plan, action: &Action) -> Vec<&'p Action> {
    let by_id: BTreeMap<_, &Action> = plan.graph.actions.iter().map(|action| (action.id, action)).collect();
    let (mut before, mut open, mut seen) = (Vec::new(), action.after.clone(), BTreeSet::new());
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            before.push(by_id[&id]);
            open.extend(&by_id[&id].after);
        }
    }
    before
}

/// Tells what is done, without points in the order and probes, in the order of the names.
fn told(plan: &Plan) -> Vec<String> {
    let is_shown =
        |action: &&Action| action.kind != ActionKind::Pseudo && !(action.operation == "monitor" && action.meta("interval").is_none());
    let mut lines = Vec::new();
    for action in plan.graph.actions.iter().filter(is_shown) {
        let mut before: Vec<String> = all_before(plan, action).into_iter().filter(is_shown).map(name).collect();
        before.sort();
        let waits = if before.is_empty() { String::new() } else { format!(" < {}", before.join(", ")) };
        lines.push(name(action) + &waits);
    }
    lines.sort();
    lines
}

#[test]
fn a_resource_is_started_once_it_was_probed_everywhere() {
    let cluster = Cluster { options: "stonith-enabled=false", nodes: TWO, resources: dummy("a").leak(), ..Cluster::default() };
    cluster.check(&["start a n1"]);
    let plan = cluster.plan();
    let start = plan.graph.actions.iter().find(|action| action.operation == "start").unwrap();
    assert_eq!(start.after.len(), 2, "both probes come first");
}

#[test]
fn what_runs_where_it_should_is_left_alone() {
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: dummy("a").leak(),
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7")],
        ..Cluster::default()
    }
    .check(&[]);
}

#[test]
fn a_resource_moves_by_a_stop_and_then_a_start() {
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: dummy("a").leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="n2" score="100"/>"#,
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7")],
        ..Cluster::default()
    }
    .check(&["start a n2 < stop a n1", "stop a n1"]);
}

#[test]
fn a_group_starts_in_its_order_and_stops_in_reverse() {
    let group = format!(r#"<group id="g">{}{}</group>"#, dummy("a"), dummy("b")).leak();
    Cluster { options: "stonith-enabled=false", nodes: TWO, resources: group, ..Cluster::default() }
        .check(&["start a n1", "start b n1 < start a n1"]);
    Cluster {
        options: "stonith-enabled=false stop-all-resources=true",
        nodes: TWO,
        resources: group,
        history: &[("n1", "a", "start"), ("n1", "b", "start"), ("n2", "a", "monitor:7"), ("n2", "b", "monitor:7")],
        ..Cluster::default()
    }
    .check(&["stop a n1 < stop b n1", "stop b n1"]);
}

const DEVICE: &str = r#"<primitive id="f" class="stonith" type="fence_dummy"/>"#;

#[test]
fn a_lost_node_is_fenced_before_its_resources_start_elsewhere() {
    Cluster {
        nodes: &[("n1", ONLINE), ("n2", LOST)],
        resources: (dummy("a") + DEVICE).leak(),
        history: &[("n2", "a", "start"), ("n1", "a", "monitor:7"), ("n1", "f", "start")],
        ..Cluster::default()
    }
    .check(&["start a n1 < stonith reboot n2", "stonith reboot n2"]);
}

#[test]
fn a_lost_node_that_cannot_be_fenced_keeps_its_resources() {
    let plan = Cluster {
        nodes: &[("n1", ONLINE), ("n2", LOST)],
        resources: dummy("a").leak(),
        history: &[("n2", "a", "start"), ("n1", "a", "monitor:7")],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(told(&plan), Vec::<String>::new(), "nothing starts without certainty");
    assert!(plan.problems.iter().any(|problem| problem.text.contains("cannot be fenced")), "{:?}", plan.problems);
}

#[test]
fn without_quorum_everything_stops() {
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: dummy("a").leak(),
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7")],
        no_quorum: true,
        ..Cluster::default()
    }
    .check(&["stop a n1"]);
}

#[test]
fn without_quorum_and_with_freeze_what_runs_stays_and_nothing_starts() {
    Cluster {
        options: "stonith-enabled=false no-quorum-policy=freeze",
        nodes: TWO,
        resources: (dummy("a") + &dummy("b")).leak(),
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7"), ("n1", "b", "monitor:7"), ("n2", "b", "monitor:7")],
        no_quorum: true,
        ..Cluster::default()
    }
    .check(&[]);
}

#[test]
fn without_quorum_and_with_freeze_nothing_starts_that_may_have_migrated_to_a_lost_node() {
    let migratable = r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m"><nvpair id="m-1" name="allow-migrate" value="true"/></meta_attributes></primitive>"#;
    let cluster = Cluster {
        options: "no-quorum-policy=freeze",
        nodes: &[("n1", ONLINE), ("n2", LOST)],
        resources: (migratable.to_owned() + DEVICE).leak(),
        history: &[
            ("n1", "f", "start"),
            ("n2", "f", "monitor:7"),
            ("n2", "a", "monitor:7"),
            ("n1", "a", "start"),
            ("n1", "a", "migrate_to>n2"),
        ],
        no_quorum: true,
        ..Cluster::default()
    };
    cluster.check(&["stop a n1"]);
    // With quorum it is recovered once the lost node is off.
    Cluster { no_quorum: false, ..cluster }.check(&["start a n1 < stonith reboot n2, stop a n1", "stonith reboot n2", "stop a n1"]);
}

/// Found by the simulator (seed 40706, half an hour): the partition with quorum fenced the members of this one, and started again what these
/// had moved to a remote node.
#[test]
fn without_quorum_and_with_freeze_nothing_goes_to_a_remote_node() {
    let cluster = Cluster {
        options: "no-quorum-policy=freeze",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("far", GUEST)],
        resources: (FAR.to_owned() + &dummy("a") + &dummy("b") + DEVICE).leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="far" score="100"/><rsc_location id="l2" rsc="a" node="n2" score="-INFINITY"/>"#,
        history: &[
            ("n1", "f", "monitor:7"),
            ("n2", "f", "start"),
            ("n1", "far", "start"),
            ("n2", "far", "monitor:7"),
            ("n1", "a", "monitor:7"),
            ("n2", "a", "start"),
            ("far", "a", "monitor:7"),
            ("n1", "b", "monitor:7"),
            ("n2", "b", "monitor:7"),
            ("far", "b", "start"),
            ("far", "b", "monitor:1"),
        ],
        no_quorum: true,
        ..Cluster::default()
    };
    // What is on a remote node is recovered there.
    cluster.check(&["start a n1 < stop a n2", "start b far < stop b far", "stop a n2", "stop b far"]);
}

#[test]
fn a_node_that_leaves_shuts_down_once_its_resources_moved_away() {
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: dummy("a").leak(),
        history: &[("n2", "a", "start"), ("n1", "a", "monitor:7")],
        attributes: &[("n2", "shutdown", "1782900000")],
        ..Cluster::default()
    }
    .check(&["do_shutdown n2 < stop a n2", "start a n1 < stop a n2", "stop a n2"]);
}

#[test]
fn a_mandatory_order_restarts_what_depends() {
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: (dummy("a") + &dummy("b")).leak(),
        constraints: r#"<rsc_order id="o" first="a" then="b"/><rsc_location id="l1" rsc="a" node="n2" score="200"/><rsc_location id="l2" rsc="b" node="n1" score="200"/>"#,
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7"), ("n1", "b", "start"), ("n2", "b", "monitor:7")],
        ..Cluster::default()
    }
    .check(&[
        "start a n2 < stop a n1, stop b n1",
        "start b n1 < start a n2, stop a n1, stop b n1",
        "stop a n1 < stop b n1",
        "stop b n1",
    ]);
}

#[test]
fn a_failed_stop_fences_the_node() {
    Cluster {
        nodes: TWO,
        resources: (dummy("a") + DEVICE).leak(),
        history: &[("n1", "f", "start"), ("n2", "f", "monitor:7"), ("n1", "a", "monitor:7"), ("n2", "a", "start"), ("n2", "a", "stop:1")],
        ..Cluster::default()
    }
    .check(&["start a n1 < stonith reboot n2", "stonith reboot n2"]);
}

#[test]
fn what_may_not_be_touched_is_not_touched() {
    let unmanaged = r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m"><nvpair id="m-1" name="is-managed" value="false"/></meta_attributes></primitive>"#;
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: unmanaged,
        constraints: r#"<rsc_location id="l" rsc="a" node="n2" score="INFINITY"/>"#,
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7")],
        ..Cluster::default()
    }
    .check(&[]);
}

#[test]
fn a_live_migration_takes_the_place_of_stop_and_start() {
    let migratable = r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m"><nvpair id="m-1" name="allow-migrate" value="true"/></meta_attributes></primitive>"#;
    Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: migratable,
        constraints: r#"<rsc_location id="l" rsc="a" node="n2" score="100"/>"#,
        history: &[("n1", "a", "start"), ("n2", "a", "monitor:7")],
        ..Cluster::default()
    }
    .check(&["migrate_from a n2 < migrate_to a n1", "migrate_to a n1", "stop a n1 < migrate_from a n2, migrate_to a n1"]);
}

/// The names of what an action waits for, the points of the order included.
fn waits_for(plan: &Plan, of: &str) -> Vec<String> {
    let by_id: BTreeMap<_, &Action> = plan.graph.actions.iter().map(|action| (action.id, action)).collect();
    let action = plan.graph.actions.iter().find(|action| name(action) == of).unwrap_or_else(|| panic!("there is no {of}"));
    let mut names: Vec<String> = action.after.iter().map(|id| name(by_id[id])).collect();
    names.sort();
    names
}

/// Found by the simulator (seed 101903, half an hour): a node that had been in another partition came back and gave no answer yet; another
/// instance was promoted beside the one there. Pacemaker's plan is the same.
#[test]
fn nothing_is_promoted_beside_an_instance_on_a_node_that_is_about_to_join() {
    const PENDING: &str = r#"in_ccm="true" crmd="online" join="pending" expected="member""#;
    let cluster = Cluster {
        nodes: &[("n1", ONLINE), ("n2", PENDING)],
        resources: (DEVICE.to_owned() + r#"<clone id="c"><primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/><meta_attributes id="m-c"><nvpair id="m-c-1" name="promotable" value="true"/></meta_attributes></clone>"#).leak(),
        history: &[("n1", "f", "start"), ("n1", "a", "start"), ("n2", "a", "promote")],
        attributes: &[("n1", "master-a", "10")],
        ..Cluster::default()
    };
    assert!(!told(&cluster.plan()).iter().any(|line| line.starts_with("promote a")), "{:?}", told(&cluster.plan()));
    let gone = Cluster { nodes: &[("n1", ONLINE)], history: &[("n1", "f", "start"), ("n1", "a", "start")], ..cluster };
    assert!(told(&gone.plan()).iter().any(|line| line.starts_with("promote a n1")), "{:?}", told(&gone.plan()));
}

/// Found by the simulator (seed 8478, half an hour): a clean-up had forgotten the promoted instance on a node that was put on standby, and
/// another one was promoted beside it.
#[test]
fn an_instance_is_promoted_once_it_is_known_that_none_else_is() {
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: TWO,
        resources: r#"<clone id="c"><meta_attributes id="m"><nvpair id="m-1" name="promotable" value="true"/></meta_attributes>
            <primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/></clone>"#,
        history: &[("n2", "a", "start")],
        attributes: &[("n1", "standby", "on"), ("n2", "master-a", "10")],
        ..Cluster::default()
    }
    .plan();
    let promote = plan.graph.actions.iter().find(|action| name(action) == "promote a n2").expect("it has a score");
    let before: Vec<String> = all_before(&plan, promote).into_iter().map(name).collect();
    assert!(before.contains(&"monitor a n1".to_owned()), "{before:?}");
}

/// Found by the simulator (seed 5191, half an hour).
#[test]
fn the_stop_after_a_migration_that_failed_has_a_reason() {
    let cluster = Cluster {
        nodes: &[("n1", ONLINE), ("n2", LOST)],
        resources: (DEVICE.to_owned() + MIGRATABLE).leak(),
        history: &[("n1", "a", "start"), ("n1", "a", "migrate_to>n2:1")],
        no_quorum: true,
        ..Cluster::default()
    };
    let plan = cluster.plan();
    let stop = plan.graph.actions.iter().find(|action| name(action) == "stop a n1").expect("it is stopped");
    assert_eq!(stop.reason, "unfinished migration", "{:?}", told(&plan));
}
