//! Remote and guest nodes: what runs there, and what their connection's start, loss, move and end mean for it.

use crate::cluster::{Cluster, RemoteHost};
use member::MemberEvent;
use messages::client::{CibEdit, ClientBody};
use messages::remote::RemoteEvent;
use model::NodeName;

fn primitive(id: &str, kind: &str, meta: &str) -> String {
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"{}\" type=\"{kind}\"><meta_attributes id=\"{id}-a\">{meta}</meta_attributes>\
         <operations><op id=\"{id}-m\" name=\"monitor\" interval=\"10s\" timeout=\"20s\"/></operations></primitive>",
        if kind == "remote" { "pacemaker" } else { "test" }
    )
}

fn configuration(resources: &str, constraints: &str) -> String {
    format!(
        "<configuration><crm_config><cluster_property_set id=\"o\"><nvpair id=\"o-f\" name=\"stonith-enabled\" value=\"false\"/></cluster_property_set></crm_config>\
         <nodes/><resources>{resources}</resources><constraints>{constraints}</constraints></configuration>"
    )
}

fn prefers(id: &str, resource: &str, node: &str, score: &str) -> String {
    format!("<rsc_location id=\"{id}\" rsc=\"{resource}\" node=\"{node}\" score=\"{score}\"/>")
}

/// A connection that prefers b, and a service that prefers the remote node.
fn started() -> Cluster {
    started_with(&primitive("web", "Dummy", ""))
}

fn started_with(web: &str) -> Cluster {
    let resources = primitive("far", "remote", "") + web;
    let mut cluster = Cluster::new(
        &["a", "b", "c"],
        &configuration(&resources, &(prefers("l1", "far", "b", "10") + &prefers("l2", "web", "far", "500"))),
    );
    cluster.remotes.insert("far".into(), RemoteHost { is_on: true, ..RemoteHost::default() });
    cluster.start(&["a", "b", "c"]);
    cluster.pass(4);
    assert!(cluster.is_idle(), "{:?}", cluster.begun);
    assert!(cluster.remotes[&NodeName::from("far")].active.contains("web"), "{:?}", cluster.begun);
    cluster
}

/// Returns an attribute of what the status says of a node.
fn state(cluster: &Cluster, node: &str, attribute: &str) -> Option<String> {
    let member = cluster.nodes.values().find_map(|node| node.member.as_ref())?;
    let states = member.cib().child("status")?.elements_named("node_state");
    let found = states.into_iter().find(|state| state.attribute("uname") == Some(node))?;
    found.attribute(attribute).map(str::to_owned)
}

fn records(cluster: &Cluster, node: &str) -> Vec<String> {
    let Some(member) = cluster.nodes.values().find_map(|node| node.member.as_ref()) else { return Vec::new() };
    let states = member.cib().child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
    let records = states.filter(|state| state.attribute("uname") == Some(node)).flat_map(xml::Element::descendants);
    records.filter(|element| element.name == "lrm_rsc_op").filter_map(|record| record.id().map(str::to_owned)).collect()
}

#[test]
fn a_service_runs_on_a_remote_node_and_is_recorded_there() {
    let mut cluster = started();
    let changes = cluster.changes();
    assert_eq!(changes, ["b>far start web"], "the connection is no program's business");
    assert_eq!(state(&cluster, "far", "remote_node").as_deref(), Some("true"));
    assert_eq!(state(&cluster, "far", "in_ccm").as_deref(), Some("true"));
    assert_eq!(state(&cluster, "far", "node_fenced").as_deref(), Some("0"));
    assert!(records(&cluster, "far").contains(&"web_monitor_10000".to_owned()), "{:?}", records(&cluster, "far"));
    cluster.begun.clear();
    cluster.pass(10);
    assert!(cluster.begun.contains(&"b>far monitor web".to_owned()), "it is watched there: {:?}", cluster.begun);
    // What fails there is recovered there.
    cluster.remotes.get_mut(&NodeName::from("far")).unwrap().active.clear();
    cluster.pass(12);
    assert_eq!(cluster.changes(), ["b>far stop web", "b>far start web"]);
}

#[test]
fn a_lost_connection_is_made_again_at_once_and_the_service_is_left_in_peace() {
    let mut cluster = started();
    cluster.changes();
    cluster.lose_remote("b", "far");
    cluster.pass(2);
    assert!(cluster.is_idle());
    assert!(cluster.changes().is_empty());
    assert!(cluster.remotes[&NodeName::from("far")].active.contains("web"));
    assert_eq!(state(&cluster, "far", "in_ccm").as_deref(), Some("true"));
    cluster.begun.clear();
    cluster.pass(11);
    assert!(cluster.begun.iter().any(|line| line.ends_with(">far monitor web")), "it is watched again: {:?}", cluster.begun);
}

#[test]
fn a_daemon_that_starts_again_goes_on_with_its_connections() {
    let mut cluster = started();
    cluster.changes();
    cluster.kill("b");
    cluster.pass(1);
    cluster.start(&["b"]);
    cluster.pass(12);
    assert!(cluster.is_idle());
    assert!(cluster.begun.contains(&"b>far monitor web".to_owned()), "it is watched on: {:?}", cluster.begun);
    assert!(cluster.changes().is_empty());
    assert!(cluster.told_remotes.is_empty(), "{:?}", cluster.told_remotes);
}

/// Found by the simulator (seeds 3873 and 3920, half an hour): what had failed in the life before had the next one fenced.
#[test]
fn a_daemon_that_starts_again_goes_on_with_no_life_of_a_node_that_was_fenced() {
    let mut cluster = started();
    cluster.changes();
    let record = serde_json::json!({
        "target": "far", "action": "reboot", "origin": "a", "delegate": "a", "client": "test", "state": "success",
        "completed": null, "exit_reason": null
    });
    let payload = serde_json::json!({ "number": 1000, "message": { "FenceRecord": record } });
    cluster.hear("b", "a", &payload.to_string());
    cluster.kill("b");
    let far = cluster.remotes.get_mut(&NodeName::from("far")).unwrap();
    far.life += 1;
    far.active.clear();
    cluster.pass(1);
    cluster.start(&["b"]);
    cluster.pass(12);
    assert!(cluster.is_idle());
    assert_eq!(cluster.changes(), ["b>far start web"], "nothing had to be stopped that had run in another life");
}

#[test]
fn a_cib_that_is_put_back_whole_is_not_believed_about_what_runs_there() {
    let mut cluster = started();
    cluster.changes();
    let xml = Some(crate::with_nothing_running(&cluster.cib("a")));
    let edit = CibEdit { operation: "replace".to_owned(), xml, force: true, ..CibEdit::default() };
    cluster.ask("c", ClientBody::CibEdit { request: String::new(), edit });
    cluster.pass(4);
    assert!(cluster.is_idle());
    assert_eq!(cluster.changes(), Vec::<String>::new(), "nothing is disturbed");
    assert!(records(&cluster, "far").contains(&"web_monitor_10000".to_owned()), "{:?}", records(&cluster, "far"));
}

/// Nobody could tell it anew.
#[test]
fn what_a_cib_that_is_put_back_says_of_a_remote_node_out_of_reach_stays() {
    let mut cluster = started();
    cluster.remotes.get_mut(&NodeName::from("far")).unwrap().is_on = false;
    cluster.lose_remote("b", "far");
    cluster.pass(30);
    let known = records(&cluster, "far");
    assert!(state(&cluster, "far", "in_ccm").as_deref() == Some("false") && !known.is_empty(), "{known:?}");
    let xml = Some(crate::with_nothing_running(&cluster.cib("a")));
    let edit = CibEdit { operation: "replace".to_owned(), xml, force: true, ..CibEdit::default() };
    cluster.ask("c", ClientBody::CibEdit { request: String::new(), edit });
    cluster.pass(4);
    assert_eq!(records(&cluster, "far"), known);
}

fn put_on_standby(cluster: &mut Cluster, node: &str) {
    let pair = "<instance_attributes id=\"x\"><nvpair id=\"x-s\" name=\"standby\" value=\"on\"/></instance_attributes>";
    let edit = CibEdit {
        operation: "modify".to_owned(),
        section: Some("nodes".to_owned()),
        xml: Some(format!("<node id=\"2\" uname=\"{node}\">{pair}</node>")),
        allow_create: true,
        ..CibEdit::default()
    };
    cluster.ask("a", ClientBody::CibEdit { request: String::new(), edit });
}

/// Found by the simulator (seed 40020, half an hour): nobody looked again what ran there, and what had no watch was down for good.
#[test]
fn a_connection_that_moves_to_another_life_of_the_node_has_it_probed() {
    let unwatched = "<primitive id=\"web\" class=\"ocf\" provider=\"test\" type=\"Dummy\"/>";
    let mut cluster = started_with(unwatched);
    cluster.changes();
    cluster.remotes.get_mut(&NodeName::from("far")).unwrap().reboots = true;
    put_on_standby(&mut cluster, "b");
    cluster.pass(3);
    assert!(cluster.is_idle());
    assert_eq!(cluster.told_remotes, ["far: b disconnects"]);
    let changes = cluster.changes();
    assert!(matches!(&changes[..], [start] if start.ends_with(">far start web")), "{changes:?}");
}

/// Found by the simulator (seed 9987, half an hour): whoever was to look whether the earlier life was still there was gone.
#[test]
fn a_connection_that_came_from_a_member_which_is_gone_is_made_anew() {
    let unwatched = "<primitive id=\"web\" class=\"ocf\" provider=\"test\" type=\"Dummy\"/>";
    let mut cluster = started_with(unwatched);
    cluster.changes();
    let far = cluster.remotes.get_mut(&NodeName::from("far")).unwrap();
    (far.reboots, far.is_mute) = (true, true);
    put_on_standby(&mut cluster, "b");
    cluster.pass(1);
    cluster.remotes.get_mut(&NodeName::from("far")).unwrap().is_mute = false;
    assert!(cluster.changes().is_empty(), "nobody knows yet");
    // Its daemon does not come back before the grace is over.
    cluster.kill("b");
    cluster.pass(12);
    let changes = cluster.changes();
    assert!(matches!(&changes[..], [start] if start.ends_with(">far start web") && !start.starts_with("b>")), "{changes:?}");
}

#[test]
fn a_connection_moves_and_what_is_known_of_the_node_stays() {
    let mut cluster = started();
    cluster.changes();
    let known = records(&cluster, "far");
    put_on_standby(&mut cluster, "b");
    cluster.pass(3);
    assert!(cluster.is_idle());
    assert_eq!(cluster.told_remotes, ["far: b disconnects"]);
    assert!(cluster.changes().is_empty(), "the service is left in peace");
    assert_eq!(state(&cluster, "far", "in_ccm").as_deref(), Some("true"), "the end of the earlier connection is not the node's");
    assert!(known.iter().all(|record| records(&cluster, "far").contains(record)), "{known:?} {:?}", records(&cluster, "far"));
    cluster.begun.clear();
    cluster.pass(11);
    let watched: Vec<_> = cluster.begun.iter().filter(|line| line.ends_with(">far monitor web")).collect();
    assert!(!watched.is_empty() && watched.iter().all(|line| !line.starts_with("b>")), "{watched:?}");
}

#[test]
fn a_remote_node_that_wants_to_go_down_is_emptied_and_let_go() {
    let mut cluster = started();
    cluster.changes();
    cluster.tell("b", MemberEvent::Remote(RemoteEvent::ShutdownAsked { node: "far".into() }));
    cluster.pass(3);
    assert!(cluster.is_idle());
    let changes = cluster.changes();
    assert_eq!(changes[0], "b>far stop web");
    assert!(changes[1].ends_with(" start web") && !changes[1].contains('>'), "{changes:?}");
    assert_eq!(cluster.told_remotes, ["far: true", "far: b disconnects"]);
    assert_eq!(state(&cluster, "far", "in_ccm").as_deref(), Some("false"));
}

#[test]
fn a_guest_node_lives_and_dies_with_its_machine() {
    let meta = "<nvpair id=\"g1\" name=\"remote-node\" value=\"guest\"/><nvpair id=\"g2\" name=\"remote-addr\" value=\"10.0.0.9\"/>";
    let resources = primitive("vm", "Dummy", meta) + &primitive("web", "Dummy", "");
    let mut cluster =
        Cluster::new(&["a", "b"], &configuration(&resources, &(prefers("l1", "vm", "b", "10") + &prefers("l2", "web", "guest", "500"))));
    cluster.remotes.insert("guest".into(), RemoteHost { is_on: true, ..RemoteHost::default() });
    cluster.start(&["a", "b"]);
    cluster.pass(4);
    assert!(cluster.is_idle());
    let changes = cluster.changes();
    assert_eq!(changes[0], "b start vm", "{changes:?}");
    assert!(changes[1].ends_with(">guest start web"), "{changes:?}");
    // The machine ends by itself: what ran in it is gone, nobody is asked to fence it, and all of it comes back.
    cluster.nodes.get_mut(&NodeName::from("b")).unwrap().active.remove("vm");
    cluster.remotes.get_mut(&NodeName::from("guest")).unwrap().active.clear();
    cluster.pass(14);
    assert!(cluster.is_idle());
    let changes = cluster.changes();
    assert!(changes.iter().any(|line| line.ends_with(" start vm")) && changes.last().unwrap().ends_with(">guest start web"), "{changes:?}");
    assert!(cluster.remotes[&NodeName::from("guest")].active.contains("web"));
    assert_eq!(state(&cluster, "guest", "in_ccm").as_deref(), Some("true"));
}

#[test]
fn a_node_that_lost_a_connection_nobody_knows_of_tells_nothing_of_the_other_side() {
    let mut cluster = started();
    // In maintenance mode nobody makes it again, nor ends it.
    let edit = CibEdit {
        operation: "modify".to_owned(),
        section: Some("crm_config".to_owned()),
        xml: Some(
            "<cluster_property_set id=\"o\"><nvpair id=\"o-m\" name=\"maintenance-mode\" value=\"true\"/></cluster_property_set>"
                .to_owned(),
        ),
        allow_create: true,
        ..CibEdit::default()
    };
    cluster.ask("a", ClientBody::CibEdit { request: String::new(), edit });
    cluster.pass(1);
    cluster.remotes.get_mut(&NodeName::from("far")).unwrap().is_on = false;
    cluster.lose_remote("b", "far");
    cluster.pass(1);
    assert!(cluster.told_remotes.is_empty(), "{:?}", cluster.told_remotes);
    // A clean-up forgets where the connection was; whoever is asked about it then does not know either.
    cluster.ask("a", ClientBody::Cleanup { resource: Some("far".into()), node: None, operation: None, interval_ms: None, refresh: true });
    cluster.pass(3);
    assert_eq!(cluster.told_remotes, ["far: b disconnects"]);
}
