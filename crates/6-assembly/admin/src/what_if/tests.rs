//! Small clusters, one change each: who moves, who is left down, and why.

use super::{Answer, Change, ShiftKind, what_if};
use crate::exit::Exit;
use crate::resilience::resilience;
use model::Timestamp;
use xml::Element;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

/// Returns a cluster of so many nodes; `running` says what runs where.
fn cluster(nodes: usize, options: &str, resources: &[&str], constraints: &str, running: &[(&str, usize)]) -> Element {
    let names: String = (1..=nodes).map(|n| format!("<node id='{n}' uname='n{n}'/>")).collect();
    let history = |resource: &str, node: usize| {
        let (operation, code) = if running.contains(&(resource, node)) { ("start", 0) } else { ("monitor", 7) };
        format!(
            "<lrm_resource id='{resource}' type='Dummy' class='ocf' provider='systole'><lrm_rsc_op id='{resource}_last_0' operation_key='{resource}_{operation}_0' \
             operation='{operation}' transition-key='1:1:{code}:x' transition-magic='0:{code};1:1:{code}:x' call-id='1' rc-code='{code}' op-status='0' interval='0' last-rc-change='1' op-digest='f2317cad3d54cec5d7d7aa7d0bf35cf8'/></lrm_resource>"
        )
    };
    let states: String = (1..=nodes)
        .map(|n| {
            let histories: String = resources.iter().map(|resource| history(resource, n)).collect();
            format!(
                "<node_state id='{n}' uname='n{n}' in_ccm='true' crmd='online' join='member' expected='member'><lrm id='{n}'><lrm_resources>{histories}\
                 </lrm_resources></lrm></node_state>"
            )
        })
        .collect();
    let primitives: String = resources
        .iter()
        .map(|r| format!("<primitive id='{r}' class='ocf' provider='systole' type='Dummy'><operations><op id='{r}-m' name='monitor' interval='10s'/></operations></primitive>"))
        .collect();
    let text = format!(
        "<cib have-quorum='1' crm_feature_set='3.16.1' validate-with='pacemaker-3.9'><configuration><crm_config><cluster_property_set id='o'>\
         <nvpair id='o-fence' name='stonith-enabled' value='true'/>{options}</cluster_property_set></crm_config><nodes>{names}</nodes>\
         <resources>{primitives}<primitive id='fence' class='stonith' type='fence_dummy'/></resources><constraints>{constraints}</constraints>\
         </configuration><status>{states}</status></cib>"
    );
    xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
}

fn ask(cib: &Element, change: Change) -> Answer {
    what_if(cib, &change, NOW).unwrap()
}

fn crash(node: &str) -> Change {
    Change::Crash(vec![node.to_owned()])
}

#[test]
fn what_runs_on_a_crashed_node_moves_once_that_is_fenced() {
    let cib = cluster(3, "", &["web"], "<rsc_location id='likes-3' rsc='web' node='n3' score='5'/>", &[("web", 1)]);
    let answer = ask(&cib, crash("n1"));
    assert_eq!(answer.fenced.keys().collect::<Vec<_>>(), ["n1"]);
    assert!(answer.has_quorum && answer.down.is_empty() && !answer.is_stuck);
    let web = answer.shifts.iter().find(|shift| shift.resource == "web").unwrap();
    assert_eq!((web.kind, web.after.nodes.keys().next().unwrap().as_str()), (ShiftKind::Moves, "n3"));
    assert!(web.why.as_ref().unwrap().contains("likes-3"), "{:?}", web.why);
    assert!(answer.lines().join("\n").contains("Nothing would be left down"), "{:?}", answer.lines());
}

#[test]
fn a_ban_that_keeps_a_resource_down_is_the_cause() {
    let bans =
        "<rsc_location id='ban-2' rsc='web' node='n2' score='-INFINITY'/><rsc_location id='ban-3' rsc='web' node='n3' score='-INFINITY'/>";
    let cib = cluster(3, "", &["web"], bans, &[("web", 1)]);
    let answer = ask(&cib, crash("n1"));
    assert_eq!(answer.down.len(), 1);
    let mut helpful: Vec<(&str, &str)> = answer.down[0].remedies.iter().map(|r| (r.id.as_str(), r.would_run_on[0].as_str())).collect();
    helpful.sort_unstable();
    assert_eq!(helpful, [("ban-2", "n2"), ("ban-3", "n3")]);
    let main: Vec<(&str, Option<&str>)> = answer.down[0].causes.iter().take(2).map(|cause| (cause.kind, cause.id.as_deref())).collect();
    assert_eq!(main, [("location", Some("ban-2")), ("location", Some("ban-3"))]);
    let text = answer.lines().join("\n");
    for expected in [
        "LEFT DOWN:\n  web, now on n1\n    Why: constraint ban-2 keeps it off n2.\n    And: constraint ban-3 keeps it off n3.\n",
        "    What would change that:\n      it would run on n2 if constraint ban-2 were gone\n        cibadmin --delete",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn lost_quorum_is_named() {
    let cib = cluster(3, "", &["web"], "", &[("web", 3)]);
    let answer = ask(&cib, Change::Crash(vec!["n1".to_owned(), "n2".to_owned()]));
    assert!(!answer.has_quorum);
    assert_eq!((answer.down[0].causes[0].kind, answer.down[0].remedies[0].kind), ("quorum", "quorum"));
    // Of two nodes one is enough.
    let cib = cluster(2, "", &["web"], "", &[("web", 2)]);
    assert!(ask(&cib, crash("n2")).has_quorum);
}

#[test]
fn changes_of_every_kind_are_answered() {
    let cib = cluster(3, "", &["web"], "<rsc_location id='likes-1' rsc='web' node='n1' score='50'/>", &[("web", 1)]);
    let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let kind_of_web = |change: Change| ask(&cib, change).shifts.iter().find(|shift| shift.resource == "web").map(|shift| shift.kind);
    for (change, expected) in [
        (Change::Standby(nodes(&["n1"])), Some(ShiftKind::Moves)),
        (Change::Standby(nodes(&["n2"])), None),
        (Change::Shutdown(nodes(&["n1"])), Some(ShiftKind::Moves)),
        (Change::Fail { resource: "web".into(), node: None, times: 1 }, Some(ShiftKind::Restarts)),
        (Change::Ban { resource: "web".into(), node: "n1".into() }, Some(ShiftKind::Moves)),
        (Change::Move { resource: "web".into(), node: "n2".into() }, Some(ShiftKind::Moves)),
        (Change::Remove(nodes(&["likes-1"])), None),
        (Change::Remove(nodes(&["web"])), Some(ShiftKind::Stops)),
        (Change::Set { option: "stop-all-resources".into(), value: "true".into() }, None),
    ] {
        assert_eq!(kind_of_web(change.clone()), expected, "{change:?}");
    }
    let stopped = ask(&cib, Change::Set { option: "stop-all-resources".into(), value: "true".into() });
    assert_eq!(stopped.down[0].remedies[0].id, "stop-all-resources");
    assert_eq!(stopped.down[0].causes[0].kind, "option");
}

#[test]
fn a_failure_is_noticed_whatever_is_known_of_the_start() {
    let text = cluster(2, "", &["web"], "", &[("web", 1)]).to_text();
    let untimed = text.replace(" last-rc-change=\"1\"", "");
    let later = text.replace("last-rc-change=\"1\"", "last-rc-change=\"2000000\"");
    // It failed before, long ago, and was started again.
    let before = "<lrm_rsc_op id=\"web_last_failure_0\" operation_key=\"web_monitor_10000\" operation=\"monitor\" transition-key=\"1:1:0:x\" \
                  transition-magic=\"0:7;1:1:0:x\" call-id=\"0\" rc-code=\"7\" op-status=\"0\" interval=\"10000\"/><lrm_rsc_op id=\"web_last_0\"";
    let again = untimed.replacen("<lrm_rsc_op id=\"web_last_0\"", before, 1);
    for text in [untimed, later, again] {
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        let answer = ask(&cib, Change::Fail { resource: "web".into(), node: None, times: 1 });
        let web = answer.shifts.iter().find(|shift| shift.resource == "web");
        assert_eq!(web.map(|shift| shift.kind), Some(ShiftKind::Restarts), "{text}");
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let cib = cluster(2, "", &["web"], "", &[("web", 1)]);
    for (change, exit) in [
        (crash("n9"), Exit::NO_SUCH),
        (Change::Remove(vec!["nothing".into()]), Exit::NO_SUCH),
        (Change::Fail { resource: "web".into(), node: Some("n2".into()), times: 1 }, Exit::USAGE),
        (Change::Grant("ticket".into()), Exit::NO_SUCH),
    ] {
        assert_eq!(what_if(&cib, &change, NOW).unwrap_err().exit, exit, "{change:?}");
    }
}

#[test]
fn resilience_says_which_loss_is_not_survived() {
    let ban = "<rsc_location id='only-1' rsc='web' node='n2' score='-INFINITY'/><rsc_location id='only-1-b' rsc='web' node='n3' score='-INFINITY'/>";
    let cib = cluster(3, "", &["web", "db"], ban, &[("web", 1), ("db", 2)]);
    let answer = resilience(&cib, NOW, true);
    assert_eq!(answer.losses.len(), 6);
    let singles: Vec<bool> = answer.losses[..3].iter().map(|loss| loss.is_survived()).collect();
    assert_eq!(singles, [false, true, true]);
    assert!(answer.losses[0].down[0].remedies.iter().any(|remedy| remedy.id == "only-1"));
    // Two of three: quorum is lost.
    assert!(answer.losses[3..].iter().all(|loss| !loss.has_quorum && !loss.is_survived()));
    let text = answer.lines().join("\n");
    assert!(
        text.contains("Does NOT survive the loss of any single node") && text.contains("it would run on n2 if constraint only-1 were gone"),
        "{text}"
    );
    assert_eq!(answer, resilience(&cib, NOW, true));
}

#[test]
fn what_is_left_down_for_one_reason_is_told_once() {
    let cib = cluster(3, "", &["web", "db"], "", &[("web", 3), ("db", 3)]);
    let text = resilience(&cib, NOW, true).lines().join("\n");
    let expected = "  LEFT DOWN: db, fence, web\n    Why: this part of the cluster has no quorum (1 of 3 nodes are online), and no-quorum-policy=stop.\n    \
                    What would change that:\n      it would run on n3 if there were quorum";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn where_nothing_alone_helps_what_if_tries_several_together() {
    let both = "<rsc_location id='ban-2' rsc='web' node='n2' score='-INFINITY'/>\
                <rsc_location id='ban-again' rsc='web' node='n2' score='-INFINITY'/>";
    let cib = cluster(2, "", &["web"], both, &[("web", 1)]);
    let answer = ask(&cib, crash("n1"));
    assert_eq!((answer.down[0].remedies[0].kind, answer.down[0].remedies[0].id.as_str()), ("several", "ban-again ban-2"));
}
