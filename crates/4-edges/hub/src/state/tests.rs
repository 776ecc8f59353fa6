//! The hub's rules, one story per test; connections 1, 2, 3 are the hosts' and 11, 12, 13 the daemons'.

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn host(life: &str) -> Role {
    Role::Host { incarnation: Incarnation(life.into()) }
}

/// Three nodes that are all here.
fn three() -> State {
    cluster(3)
}

fn cluster(count: u64) -> State {
    let nodes: Vec<NodeName> = (1..=count).map(|n| format!("node{n}").into()).collect();
    let mut state = State::new(&nodes, MS(1000), 100, MS(0), MS(500));
    for n in 1..=count {
        state.hello(MS(0), n, format!("node{n}").into(), host("a"));
        state.hello(MS(0), 10 + n, format!("node{n}").into(), Role::Daemon { life: 1 });
    }
    state
}

/// The views among outputs, each as `hosts / daemons / quorum` with its receivers.
fn views(outputs: &[Output]) -> Vec<String> {
    let digits = |name: &NodeName| name.as_str().trim_start_matches("node").to_owned();
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send { to, message: FromHub::View(view) } => {
                let hosts: String = view.hosts.keys().map(digits).collect();
                let daemons: String = view.daemons.keys().map(digits).collect();
                Some(format!("{hosts}/{daemons}/{} to {to:?}", if view.quorate { "quorate" } else { "-" }))
            }
            _ => None,
        })
        .collect()
}

fn view_of(state: &State, group: u32) -> u64 {
    state.views[&group].id
}

#[test]
fn the_first_view_waits_for_all_nodes() {
    let nodes = ["node1".into(), "node2".into()];
    let mut state = State::new(&nodes, MS(1000), 0, MS(0), MS(500));
    assert_eq!(state.hello(MS(0), 1, "node1".into(), host("a")), []);
    state.hello(MS(0), 11, "node1".into(), Role::Daemon { life: 1 });
    state.hello(MS(1), 2, "node2".into(), host("a"));
    let outputs = state.hello(MS(2), 12, "node2".into(), Role::Daemon { life: 1 });
    assert_eq!(views(&outputs), ["12/12/quorate to [11, 1, 12, 2]"]);
}

#[test]
fn the_first_view_does_not_wait_for_ever() {
    let mut state = State::new(&["node1".into(), "node2".into(), "node3".into()], MS(1000), 0, MS(0), MS(500));
    state.hello(MS(0), 1, "node1".into(), host("a"));
    state.tick(MS(400));
    assert_eq!(views(&state.tick(MS(600))), ["1//- to [1]"]);
}

#[test]
fn a_message_reaches_all_daemons_of_its_view_and_none_of_a_later_one() {
    let mut state = three();
    let view = view_of(&state, 0);
    let outputs = state.send(11, view, "hello".into());
    let [Output::Send { to, message: FromHub::Message { from, payload } }] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((to.as_slice(), from.as_str(), payload.as_str()), (&[11, 12, 13][..], "node1", "hello"));
    state.closed(MS(10), 13, false);
    assert_eq!(state.send(11, view, "too late".into()), []);
    assert_eq!(state.send(1, view_of(&state, 0), "hosts do not speak".into()), []);
}

#[test]
fn a_crash_closes_both_connections_and_the_host_is_gone_at_once() {
    let mut state = three();
    assert_eq!(views(&state.closed(MS(10), 3, false)), [""; 0]);
    assert_eq!(views(&state.closed(MS(11), 13, false)), ["12/12/quorate to [11, 1, 12, 2]"]);
    let mut state = three();
    assert_eq!(views(&state.closed(MS(10), 13, false)), ["123/12/quorate to [11, 1, 12, 2, 3]"]);
    assert_eq!(views(&state.closed(MS(11), 3, false)), ["12/12/quorate to [11, 1, 12, 2]"]);
}

#[test]
fn a_host_whose_root_role_died_may_return() {
    let mut state = three();
    state.closed(MS(10), 3, false);
    state.host_remains(MS(60), 13);
    assert_eq!(views(&state.closed(MS(61), 13, false)), ["123/12/quorate to [11, 1, 12, 2]"]);
    let back = state.hello(MS(500), 23, "node3".into(), host("a"));
    assert_eq!(views(&back), ["123/12/quorate to [23]"]);
    assert_eq!(views(&state.hello(MS(600), 33, "node3".into(), Role::Daemon { life: 2 })), ["123/123/quorate to [11, 1, 12, 2, 33, 23]"]);
}

#[test]
fn a_host_that_does_not_return_is_gone() {
    let mut state = three();
    state.host_remains(MS(9), 13);
    state.closed(MS(10), 3, false);
    state.closed(MS(11), 13, false);
    for n in [1, 2, 11, 12] {
        state.heard(MS(3100), n);
    }
    assert_eq!(views(&state.tick(MS(3100))), ["12/12/quorate to [11, 1, 12, 2]"]);
}

#[test]
fn a_new_life_of_a_host_never_hides_the_end_of_the_old_one() {
    let mut state = three();
    let outputs = state.hello(MS(10), 23, "node3".into(), host("b"));
    assert_eq!(views(&outputs), ["12/12/quorate to [11, 1, 12, 2]", "123/12/quorate to [11, 1, 12, 2, 23]"]);
}

#[test]
fn a_restarted_daemon_is_seen_to_leave_and_to_come() {
    let mut state = three();
    let outputs = state.hello(MS(10), 23, "node3".into(), Role::Daemon { life: 2 });
    assert_eq!(views(&outputs), ["123/12/quorate to [11, 1, 12, 2, 3]", "123/123/quorate to [11, 1, 12, 2, 23, 3]"]);
}

#[test]
fn the_silent_are_evicted_and_told_so_first() {
    let mut state = three();
    for at in [400, 800, 1200] {
        for n in [1, 2, 3, 11, 12] {
            state.heard(MS(at), n);
        }
        let outputs = state.tick(MS(at));
        if at < 1200 {
            assert_eq!(views(&outputs), [""; 0]);
            continue;
        }
        assert!(matches!(&outputs[0], Output::Send { to, message: FromHub::Evicted { .. } } if to == &[13]), "{outputs:?}");
        assert_eq!(outputs[1], Output::Close(13));
        assert_eq!(views(&outputs), ["123/12/quorate to [11, 1, 12, 2, 3]"]);
    }
}

#[test]
fn a_hub_that_stood_still_judges_nobody() {
    let mut state = three();
    assert_eq!(views(&state.tick(MS(60_000))), [""; 0]);
}

#[test]
fn an_isolated_node_keeps_its_connections_and_hears_nothing() {
    let mut state = three();
    let (_, outputs) = state.control(MS(10), &Control::Isolate { nodes: vec!["node3".into()] });
    assert_eq!(views(&outputs), ["12/12/quorate to [11, 1, 12, 2]", "3/3/- to [13, 3]"]);
    let view = view_of(&state, 0);
    let outputs = state.send(11, view, "x".into());
    assert!(matches!(&outputs[..], [Output::Send { to, .. }] if to == &[11, 12]));
    let (_, outputs) = state.control(MS(20), &Control::Heal);
    assert_eq!(views(&outputs), ["123/123/quorate to [11, 1, 12, 2, 13, 3]"]);
    assert!(state.control(MS(30), &Control::Isolate { nodes: vec!["mars".into()] }).0.is_err());
}

#[test]
fn two_nodes_are_quorate_alone_once_they_have_met() {
    let mut state = State::new(&["node1".into(), "node2".into()], MS(1000), 0, MS(0), MS(0));
    assert_eq!(views(&state.hello(MS(0), 1, "node1".into(), host("a"))), ["1//- to [1]"]);
    assert_eq!(views(&state.hello(MS(0), 2, "node2".into(), host("a"))), ["12//quorate to [1, 2]"]);
    assert_eq!(views(&state.closed(MS(1), 2, false)), ["1//quorate to [1]"]);
}

#[test]
fn a_stranger_is_refused() {
    let outputs = three().hello(MS(0), 99, "mars".into(), host("a"));
    assert!(matches!(&outputs[..], [Output::Send { message: FromHub::Refused { .. }, .. }, Output::Close(99)]));
}
