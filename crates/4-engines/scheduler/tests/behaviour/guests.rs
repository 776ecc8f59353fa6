//! Remote and guest nodes: what waits for their connections, their machines, and for what may run on them.

use super::*;

const MACHINE: &str = r#"<primitive id="vm" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m-vm"><nvpair id="m-vm-1" name="remote-node" value="guest"/></meta_attributes></primitive>"#;
const BUNDLE: &str = r#"<bundle id="box"><podman image="x" replicas="1" network="host"/><network control-port="3121"/><primitive id="inside" class="ocf" provider="heartbeat" type="Dummy"/></bundle>"#;

/// Found by the simulator (seed 800022 with 20 deeds, two remote nodes and a guest): what was to arrive waited for a probe, the probe for the
/// new connection, that for the end of the earlier one, and this for what was to arrive.
#[test]
fn what_migrates_to_a_guest_whose_connection_moves_follows_the_new_connection() {
    let resources = format!("{MACHINE}{MIGRATABLE}");
    Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST)],
        resources: resources.leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="guest" score="100"/>"#,
        history: &[
            ("n1", "vm", "start"),
            ("n2", "vm", "monitor:7"),
            ("n2", "guest", "start"),
            ("n1", "a", "start"),
            ("n2", "a", "monitor:7"),
        ],
        ..Cluster::default()
    }
    .check(&[
        "migrate_from a guest < migrate_to a n1, start guest n1, stop guest n2",
        "migrate_to a n1 < start guest n1, stop guest n2",
        "monitor guest n1 < start guest n1, stop guest n2",
        "start guest n1 < stop guest n2",
        "stop a n1 < migrate_from a guest, migrate_to a n1, start guest n1, stop guest n2",
        "stop guest n2",
    ]);
}

/// Found by the simulator (seed 800083 with 20 deeds, two remote nodes and a guest): the guest, whose history came later in the status, was
/// taken for one that is not up, and what had just arrived there was started again where it had come from.
#[test]
fn what_migrates_from_a_remote_node_to_a_guest_is_on_its_way_there() {
    let resources = format!("{MACHINE}{FAR}{MIGRATABLE}");
    let to = |node: &str| format!(r#"<rsc_location id="l" rsc="a" node="{node}" score="100"/>"#);
    let cluster = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("far", GUEST), ("guest", GUEST)],
        resources: resources.leak(),
        constraints: to("guest").leak(),
        history: &[
            ("n1", "vm", "start"),
            ("n1", "far", "start"),
            ("n1", "guest", "start"),
            ("n1", "a", "monitor:7"),
            ("guest", "a", "monitor:7"),
            ("far", "a", "start"),
            ("far", "a", "migrate_to>guest"),
        ],
        ..Cluster::default()
    };
    let resource_a = |cluster: &Cluster| told(&cluster.plan()).into_iter().filter(|line| line.contains(" a ")).collect::<Vec<_>>();
    assert_eq!(resource_a(&cluster), ["migrate_from a guest", "stop a far < migrate_from a guest"]);
    let back = Cluster { constraints: to("far").leak(), ..cluster };
    assert_eq!(resource_a(&back), ["start a far < stop a far, stop a guest", "stop a far", "stop a guest"]);
}

/// Found by the simulator (seed 810047 with two remote nodes and a guest): after a clean-up `a` started on another node while it ran on the
/// guest, whose machine was not known to run on `n1` any more.
#[test]
fn what_may_run_on_a_guest_starts_once_it_is_known_whether_its_machine_runs() {
    let resources: &str = format!("{MACHINE}{}", dummy("a")).leak();
    let waits_for_in = |nodes, history| {
        // The machine would start where it is known not to run.
        let to = |id: &str| format!(r#"<rsc_location id="l-{id}" rsc="{id}" node="n2" score="100"/>"#);
        let constraints = (to("a") + &to("vm")).leak();
        let plan = Cluster { options: "stonith-enabled=false", nodes, resources, constraints, history, ..Cluster::default() }.plan();
        let by_id: BTreeMap<_, &Action> = plan.graph.actions.iter().map(|action| (action.id, action)).collect();
        let start = plan.graph.actions.iter().find(|action| name(action) == "start a n2").expect("it starts where there is room");
        start.after.iter().map(|id| name(by_id[id])).collect::<Vec<_>>()
    };
    let waits_for = |history| waits_for_in(&[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST)], history);
    // Its connection is known to be held, or nothing is known but that the guest was up.
    let connected = &[("n1", "guest", "start"), ("n2", "vm", "monitor:7"), ("n1", "a", "monitor:7"), ("n2", "a", "monitor:7")];
    assert_eq!(waits_for(connected), ["monitor vm n1"]);
    assert_eq!(waits_for_in(&[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST_DOWN)], connected), ["monitor vm n1"], "fenced in vain");
    let unknown = &[("n1", "a", "monitor:7"), ("n2", "a", "monitor:7")];
    assert_eq!(waits_for(unknown), ["monitor vm n1", "monitor guest n1", "monitor vm n2", "monitor guest n2"]);
}

/// Found by the simulator (seed 2340, half an hour): a clean-up had forgotten what was promoted on a guest whose machine was to stop, and another
/// instance was promoted at once.
#[test]
fn nothing_is_promoted_before_a_guest_has_ended_on_which_it_may_be() {
    let resources = r#"<clone id="c"><primitive id="a" class="ocf" provider="pacemaker" type="Stateful"/><meta_attributes id="m-c"><nvpair id="m-c-1" name="promotable" value="true"/></meta_attributes></clone>"#;
    let machine = MACHINE.replace("</meta_attributes>", r#"<nvpair id="m-vm-2" name="target-role" value="Stopped"/></meta_attributes>"#);
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST)],
        resources: (machine + resources).leak(),
        history: &[("n1", "vm", "start"), ("n1", "guest", "start"), ("n2", "vm", "monitor:7"), ("n1", "a", "start"), ("n2", "a", "start")],
        attributes: &[("n2", "master-a", "10")],
        ..Cluster::default()
    }
    .plan();
    let before = waits_for(&plan, "promote");
    assert!(before.contains(&"stop vm n1".to_owned()), "{before:?} {:?}", told(&plan));
}

/// Found by the simulator (seed 7297, half an hour): the stop where it had come from waited for the connection to arrive, and the connection for
/// that stop.
#[test]
fn a_connection_moves_although_something_has_just_migrated_to_its_node() {
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("far", GUEST)],
        resources: (FAR.to_owned() + MIGRATABLE).leak(),
        constraints: r#"<rsc_location id="l" rsc="far" node="n2" score="INFINITY"/><rsc_location id="l2" rsc="a" node="far" score="INFINITY"/>"#,
        history: &[
            ("n1", "far", "start"),
            ("n2", "far", "monitor:7"),
            ("n2", "a", "monitor:7"),
            ("n1", "a", "migrate_to>far"),
            ("far", "a", "start"),
        ],
        ..Cluster::default()
    }
    .plan();
    let all = told(&plan);
    assert!(all.contains(&"migrate_to far n1 < stop a far".to_owned()), "{all:?}");
    assert!(all.iter().any(|line| line.starts_with("stop a n1 < migrate_from far n2,")), "{all:?}");
}

/// Found by the simulator (seed 9189, half an hour): a guest was fenced in vain, and the container on it, which was forgotten with all else, was
/// started on another node at once.
#[test]
fn a_container_is_looked_for_on_a_guest_that_was_fenced_in_vain() {
    let history = &[
        ("n1", "vm", "start"),
        ("n1", "guest", "start"),
        ("n2", "vm", "monitor:7"),
        ("n1", "box-podman-0", "monitor:7"),
        ("n2", "box-podman-0", "monitor:7"),
    ];
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST_DOWN)],
        resources: format!("{MACHINE}{BUNDLE}").leak(),
        history,
        ..Cluster::default()
    }
    .plan();
    let begins = plan.graph.actions.iter().map(name).find(|name| name.starts_with("start box-podman-0")).expect("it starts somewhere");
    assert!(waits_for(&plan, &begins).contains(&"monitor box-podman-0 guest".to_owned()), "{:?}", told(&plan));
}

/// Found by the simulator (seeds 3616 and 50062, half an hour): the connection to a guest had ended, its machine would not stop, and a clean-up
/// forgot both that and what had failed on the guest, which was started elsewhere at once.
#[test]
fn what_may_run_on_a_guest_that_was_left_starts_once_it_is_known_whether_its_machine_runs() {
    let history = &[
        ("n2", "vm", "monitor:7"),
        ("n1", "box-podman-0", "monitor:7"),
        ("n2", "box-podman-0", "monitor:7"),
        ("n1", "a", "monitor:7"),
        ("n2", "a", "monitor:7"),
    ];
    let plan_on = |nodes| {
        let resources = format!("{MACHINE}{BUNDLE}{}", dummy("a")).leak();
        // The machine would start where it is known not to run.
        let to = |id: &str| format!(r#"<rsc_location id="l-{id}" rsc="{id}" node="n2" score="100"/>"#);
        let constraints = (to("box") + &to("a") + &to("vm")).leak();
        Cluster { options: "stonith-enabled=false", nodes, resources, constraints, history, ..Cluster::default() }.plan()
    };
    let way = "monitor vm n1".to_owned();
    let (left, never_there) = (plan_on(&[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST_DOWN)]), plan_on(TWO));
    for start in ["start box-podman-0 n2", "start a n2"] {
        assert!(waits_for(&left, start).contains(&way), "{start}: {:?}", waits_for(&left, start));
        assert!(!waits_for(&never_there, start).contains(&way), "{start}: {:?}", waits_for(&never_there, start));
    }
}

/// Found by the simulator (seed 70005, half an hour): a clean-up had forgotten what failed on a guest whose machine was to stop; when the
/// connection had ended, and the machine had not, the same was started on another node.
#[test]
fn what_may_run_on_a_guest_that_was_left_starts_when_its_machine_has_stopped() {
    let machine = MACHINE.replace("</meta_attributes>", r#"<nvpair id="m-vm-2" name="target-role" value="Stopped"/></meta_attributes>"#);
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST_DOWN)],
        resources: format!("{machine}{}", dummy("a")).leak(),
        constraints: r#"<rsc_location id="l-a" rsc="a" node="n2" score="100"/>"#,
        history: &[
            ("n1", "vm", "start"),
            ("n2", "vm", "monitor:7"),
            ("n1", "guest", "stop"),
            ("n2", "guest", "monitor:7"),
            ("n1", "a", "monitor:7"),
            ("n2", "a", "monitor:7"),
        ],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(waits_for(&plan, "start a n2"), ["stop vm n1"]);
}

/// Found by the simulator (seed 830018 with two remote nodes and a guest): the machine counted as active on a remote node as well, that node was
/// fenced, and the guest was taken for ended while it lived on.
#[test]
fn a_guest_has_ended_when_its_machine_has_wherever_it_may_run() {
    let resources = format!("{MACHINE}{}", dummy("a"));
    let plan = Cluster {
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST)],
        resources: format!("{DEVICE}{resources}").leak(),
        history: &[("n1", "vm", "start"), ("n2", "vm", "start"), ("n1", "guest", "start"), ("guest", "a", "stop:1")],
        ..Cluster::default()
    }
    .plan();
    let by_id: BTreeMap<_, &Action> = plan.graph.actions.iter().map(|action| (action.id, action)).collect();
    let ended = plan.graph.actions.iter().find(|action| action.operation == "stonith").expect("a stop failed there");
    let mut after: Vec<String> = ended.after.iter().map(|id| name(by_id[id])).collect();
    after.sort();
    assert_eq!(after, ["stop vm n1", "stop vm n2"]);
}

/// Found by the simulator (seed 910230 with two remote nodes and a guest, half an hour): the connection to a remote node waited for a guest to
/// end, that for a probe on the remote node, and this for the connection.
#[test]
fn a_connection_does_not_wait_for_the_end_of_a_guest() {
    let resources = format!("{DEVICE}{MACHINE}{FAR}{}", dummy("a"));
    let plan = Cluster {
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("guest", GUEST)],
        resources: resources.leak(),
        history: &[
            ("n1", "vm", "stop"),
            ("n2", "vm", "monitor:7"),
            ("n1", "guest", "start"),
            ("guest", "a", "start"),
            ("n1", "far", "monitor:7"),
            ("n2", "far", "monitor:7"),
        ],
        ..Cluster::default()
    }
    .plan();
    assert!(plan.graph.actions.iter().any(|action| action.operation == "stonith"), "the guest is recovered");
    let start = plan.graph.actions.iter().find(|action| action.operation == "start" && name(action).contains(" far ")).map(name);
    assert_eq!(waits_for(&plan, &start.expect("far is connected")), Vec::<String>::new());
}

/// Found by the simulator (seed 910140 with two remote nodes and a guest, half an hour): what had gone to a node that nobody was connected to
/// was started again where it came from.
#[test]
fn what_migrates_to_a_remote_node_waits_for_its_connection() {
    let resources = format!("{MIGRATABLE}{FAR}");
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("far", GUEST)],
        resources: resources.leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="far" score="100"/>"#,
        history: &[("n1", "a", "start"), ("n1", "far", "monitor:7"), ("far", "a", "monitor:7")],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(waits_for(&plan, "migrate_to a n1"), ["monitor a far", "start far n1"]);
}

/// Found by the simulator (seed 910263 with two remote nodes and a guest, half an hour): a stop waited for a probe on its node, that for the new
/// connection to the node, and this for the end of the old one, which waited for the stop.
#[test]
fn a_remote_node_is_probed_before_its_connection_moves() {
    let resources = format!("{FAR}{}{}", dummy("a"), dummy("b"));
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("far", GUEST)],
        resources: resources.leak(),
        constraints: r#"<rsc_location id="l" rsc="far" node="n2" score="INFINITY"/><rsc_location id="l2" rsc="a" node="n1" score="INFINITY"/><rsc_order id="o" first="b" then="a"/>"#,
        history: &[
            ("n1", "far", "start"),
            ("n2", "far", "monitor:7"),
            ("n1", "a", "monitor:7"),
            ("n2", "a", "monitor:7"),
            ("far", "a", "start"),
            ("n1", "b", "monitor:7"),
            ("n2", "b", "start"),
        ],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(waits_for(&plan, "stop a far"), ["monitor b far"]);
    assert_eq!(waits_for(&plan, "monitor b far"), Vec::<String>::new());
    let end = plan
        .graph
        .actions
        .iter()
        .find(|action| matches!(action.operation.as_str(), "migrate_to" | "stop") && name(action).contains(" far n1"));
    assert_eq!(waits_for(&plan, &end.map(name).expect("the connection moves")), ["monitor b far", "stop a far"]);
    let probe = plan.graph.actions.iter().find(|action| name(action) == "monitor b far");
    assert_eq!(probe.and_then(|probe| probe.router_node.clone()), Some("n1".into()));
}

/// Found by the simulator (seed 4901, half an hour): the same, where the parameters of the connection had changed; nothing was done any more.
#[test]
fn a_remote_node_is_probed_before_its_connection_is_made_anew() {
    let far =
        FAR.replace("/>", r#"><instance_attributes id="i"><nvpair id="i-1" name="port" value="3122"/></instance_attributes></primitive>"#);
    let resources = format!("{far}{}{}", dummy("a"), dummy("b"));
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("far", GUEST)],
        resources: resources.leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="n1" score="INFINITY"/><rsc_order id="o" first="b" then="a"/>"#,
        history: &[("n1", "far", "start"), ("n1", "a", "monitor:7"), ("far", "a", "start"), ("n1", "b", "monitor:7")],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(waits_for(&plan, "stop a far"), ["monitor b far"]);
    assert_eq!(waits_for(&plan, "monitor b far"), Vec::<String>::new());
    assert_eq!(waits_for(&plan, "stop far n1"), ["monitor b far", "stop a far"]);
}

/// Found by the simulator (seed 473): the connection to a remote node that had asked to go waited for a migration that did not take place.
#[test]
fn a_remote_node_that_asks_to_go_is_let_go_although_something_on_it_could_migrate() {
    let resources = format!("{FAR}{MIGRATABLE}");
    Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("far", GUEST)],
        resources: resources.leak(),
        attributes: &[("far", "shutdown", "1782900000")],
        history: &[
            ("n1", "far", "start"),
            ("n2", "far", "monitor:7"),
            ("n1", "a", "monitor:7"),
            ("n2", "a", "monitor:7"),
            ("far", "a", "start"),
        ],
        ..Cluster::default()
    }
    .check(&["start a n1 < stop a far", "stop a far", "stop far n1 < stop a far"]);
}

/// Found by the simulator (seed 81788, half an hour): a clean-up had forgotten where the connection to a remote node was that was to be stopped, and
/// the node was fenced for what is active there before anybody had looked.
#[test]
fn a_remote_node_is_not_fenced_before_it_is_known_that_its_connection_is_lost() {
    let far = FAR.replace(
        "/>",
        r#"><meta_attributes id="m-far"><nvpair id="m-far-1" name="target-role" value="Stopped"/></meta_attributes></primitive>"#,
    );
    let plan = Cluster {
        nodes: &[("n1", ONLINE), ("n2", ONLINE), ("far", GUEST)],
        resources: format!("{DEVICE}{far}{}", dummy("a")).leak(),
        history: &[("n2", "far", "monitor:7"), ("n1", "a", "monitor:7"), ("n2", "a", "monitor:7"), ("far", "a", "start")],
        ..Cluster::default()
    }
    .plan();
    let fencing = plan.graph.actions.iter().find(|action| action.operation == "stonith").map(name).expect("it is fenced if it is lost");
    assert!(waits_for(&plan, &fencing).contains(&"monitor far n1".to_owned()), "{:?}", waits_for(&plan, &fencing));
}

/// Found by the simulator (seed 92069, half an hour): the definition of a guest's machine had changed; what ran on the guest waited for a probe there
/// before it stopped, the probe for the machine's new start, and this for that stop. Pacemaker's plan is the same.
#[test]
fn a_guest_is_probed_before_its_machine_is_started_anew() {
    let machine = MACHINE.replace(
        "<meta_attributes",
        r#"<instance_attributes id="i"><nvpair id="i-1" name="state" value="/run/vm"/></instance_attributes><meta_attributes"#,
    );
    let plan = Cluster {
        options: "stonith-enabled=false",
        nodes: &[("n1", ONLINE), ("guest", GUEST)],
        resources: format!("{machine}{}{}", dummy("a"), dummy("b")).leak(),
        constraints: r#"<rsc_location id="l" rsc="a" node="guest" score="INFINITY"/><rsc_order id="o" first="b" then="a"/>"#,
        history: &[
            ("n1", "vm", "start"),
            ("n1", "guest", "start"),
            ("n1", "a", "monitor:7"),
            ("guest", "a", "start"),
            ("n1", "b", "monitor:7"),
        ],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(waits_for(&plan, "stop a guest"), ["monitor b guest"]);
    assert_eq!(waits_for(&plan, "monitor b guest"), Vec::<String>::new());
    assert_eq!(waits_for(&plan, "stop guest n1"), ["monitor b guest", "stop a guest"]);
}
