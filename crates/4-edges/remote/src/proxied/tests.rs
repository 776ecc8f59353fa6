//! Each daemon's words, and what becomes of them; rubbish too.

use super::*;
use messages::client::{AttributeValue, CibEdit, FenceRecord, KnownNode, NodeInfo};
use model::Timestamp;
use xml::Limits;

fn parse(text: &str) -> Element {
    xml::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn clients(server: &str) -> ProxiedClients {
    let mut clients = ProxiedClients::new("far".into());
    assert!(clients.opened("s1", server));
    clients
}

/// Returns what comes of a request that the client waits for, message 7.
fn ask(clients: &mut ProxiedClients, request: &str) -> Vec<Output> {
    let message = Element::new("lrmd_notify").with("lrmd_ipc_op", "request").with("lrmd_ipc_session", "s1");
    let message = message.with("lrmd_ipc_client", "tool").with("lrmd_ipc_user", "root").with("lrmd_ipc_msg_id", "7");
    let message = message.with("lrmd_ipc_msg_flags", (WAITS | 0x100).to_string());
    clients.asked(&message.with_child(Element::new("lrmd_ipc_msg").with_child(parse(request))))
}

/// Returns what the member is asked.
fn asked(outputs: &[Output]) -> ClientRequest {
    let found = outputs.iter().find_map(|output| match output {
        Output::Ask { session, user: None, request } if session == "s1" => Some(request.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing is asked: {outputs:?}"))
}

/// Returns the answers to message 7, and what is told besides.
fn said(outputs: &[Output]) -> (Vec<Element>, Vec<Element>) {
    let (mut answers, mut events) = (Vec::new(), Vec::new());
    for output in outputs {
        let Output::Say(message) = output else { continue };
        assert_eq!(message.attribute("lrmd_ipc_session"), Some("s1"));
        let content = message.child("lrmd_ipc_msg").unwrap().elements().next().unwrap().clone();
        match message.attribute("lrmd_ipc_op").unwrap() {
            "response" => {
                assert_eq!(message.attribute("lrmd_ipc_msg_id"), Some("7"));
                answers.push(content);
            }
            "event" => events.push(content),
            other => panic!("{other}"),
        }
    }
    (answers, events)
}

fn answered(clients: &mut ProxiedClients, id: u64, result: Result<ReplyBody, ClientError>) -> (Vec<Element>, Vec<Element>) {
    said(&clients.answered("s1", ClientReply { id, result }))
}

fn info() -> NodeInfo {
    let known = |id, member| KnownNode { id, member };
    NodeInfo {
        node: "far".into(),
        id: 0,
        version: String::new(),
        feature_set: String::new(),
        coordinator: Some("n2".into()),
        term: 1,
        quorate: true,
        state: "S_NOT_DC".into(),
        nodes: [("n1".into(), known(1, true)), ("n2".into(), known(2, false))].into(),
    }
}

#[test]
fn the_cib_is_read_and_changed_and_its_changes_are_told() {
    let mut clients = clients("cib_rw");
    let (answers, _) = said(&ask(&mut clients, "<cib_command cib_op=\"register\" cib_clientname=\"cibadmin\"/>"));
    assert_eq!(cib_words::read_welcome(&answers[0]), Some("s1"));

    let query = ClientBody::CibQuery { section: None, xpath: None, without_children: false };
    let request = asked(&ask(&mut clients, &cib_words::request("s1", 3, &query).unwrap().to_compact()));
    assert_eq!((request.client.as_str(), &request.body), ("cibadmin", &query));
    let (answers, events) = answered(&mut clients, request.id, Ok(ReplyBody::Xml("<cib/>".into())));
    assert_eq!(cib_words::read_answer(&answers[0], 3), Some(Ok(ReplyBody::Xml("<cib/>".into()))));
    assert!(events.is_empty());

    // That it was heard is all there is to say of a wish to hear of changes; they come later, and answer nothing.
    let follow = "<cib_command cib_op=\"cib_notify\" cib_notify_type=\"cib_diff_notify\" cib_notify_activate=\"1\"/>";
    let outputs = ask(&mut clients, follow);
    let request = asked(&outputs);
    assert_eq!(said(&outputs).0[0].name, "ack");
    let (answers, events) = answered(&mut clients, request.id, Ok(ReplyBody::CibChange("<diff format=\"2\"/>".into())));
    assert!(answers.is_empty());
    assert_eq!(events[0].attribute("t"), Some("cib_notify"));
}

#[test]
fn who_may_only_read_changes_nothing() {
    let mut clients = clients("cib_ro");
    let edit = CibEdit { operation: "erase".into(), ..CibEdit::default() };
    let body = ClientBody::CibEdit { request: String::new(), edit };
    let outputs = ask(&mut clients, &cib_words::request("s1", 1, &body).unwrap().to_compact());
    assert_eq!(outputs.len(), 1);
    assert_eq!(said(&outputs).0[0].attribute("cib_rc"), Some("-13"));
}

#[test]
fn attributes_are_set_and_asked_for() {
    let mut clients = clients("attrd");
    let update = "<x t=\"attrd\" task=\"update\" attr_name=\"pingd\" attr_value=\"100\" attr_dampening=\"5s\" attr_is_private=\"0\"/>";
    let request = asked(&ask(&mut clients, update));
    let ClientBody::AttributeUpdate { node: None, name, value, dampening, private: false, pattern: false, .. } = request.body else {
        panic!("{request:?}")
    };
    assert_eq!((name.as_str(), value.as_deref(), dampening.unwrap().as_secs()), ("pingd", Some("100"), 5));
    assert_eq!(answered(&mut clients, request.id, Ok(ReplyBody::Done)).0[0].name, "ack");

    let query = "<x t=\"attrd\" task=\"query\" attr_name=\"pingd\" attr_host=\"n1\"/>";
    let request = asked(&ask(&mut clients, query));
    assert_eq!(request.body, ClientBody::AttributeQuery { node: Some("n1".into()), name: "pingd".into() });
    let value = AttributeValue { node: "n1".into(), name: "pingd".into(), value: Some("100".into()) };
    let (answers, _) = answered(&mut clients, request.id, Ok(ReplyBody::Attributes(vec![value])));
    assert_eq!(answers[0].attribute("attr_name"), Some("pingd"));
    assert_eq!(answers[0].child("node").unwrap().attribute("attr_value"), Some("100"));

    // What nobody knows has no name.
    let request = asked(&ask(&mut clients, query));
    assert!(!answered(&mut clients, request.id, Ok(ReplyBody::Attributes(Vec::new()))).0[0].has("attr_name"));
}

#[test]
fn the_controller_says_first_that_it_heard_and_then_what() {
    let node_info =
        |which: &str| format!("<x t=\"crmd\" subt=\"request\" reference=\"r1\" crm_task=\"node-info\" crm_sys_to=\"crmd\" {which}/>");
    let mut clients = clients("crmd");
    let mut about = |which: &str| {
        let outputs = ask(&mut clients, &node_info(which));
        assert_eq!(said(&outputs).0[0].name, "ack");
        let (answers, events) = answered(&mut clients, asked(&outputs).id, Ok(ReplyBody::Info(info())));
        assert!(answers.is_empty());
        assert_eq!(events[0].attribute("reference"), Some("r1"));
        let told = events[0].child("crm_xml").unwrap().elements().next().unwrap().clone();
        ["uname", "remote_node", "crmd"].map(|name| told.attribute(name).unwrap_or("-").to_owned())
    };
    assert_eq!(about(""), ["far", "true", "member"]);
    assert_eq!(about("id=\"2\""), ["n2", "false", "lost"]);
    assert_eq!(about("id=\"9\""), ["-", "-", "-"]);
}

#[test]
fn who_coordinates_is_asked_before_how_it_is() {
    let mut clients = clients("crmd");
    let request = asked(&ask(&mut clients, "<x crm_task=\"ping\" reference=\"r\" crm_sys_to=\"dc\"/>"));
    let outputs = clients.answered("s1", ClientReply { id: request.id, result: Ok(ReplyBody::Info(info())) });
    let Output::Ask { request, .. } = &outputs[0] else { panic!("{outputs:?}") };
    assert_eq!(request.body, ClientBody::InfoOf { node: "n2".into() });
    let (_, events) = answered(&mut clients, request.id, Ok(ReplyBody::Info(NodeInfo { state: "S_IDLE".into(), ..info() })));
    assert_eq!((events[0].attribute("src"), events[0].attribute("crm_task")), (Some("n2"), Some("ping")));
    assert_eq!(events[0].child("crm_xml").unwrap().child("ping_response").unwrap().attribute("crmd_state"), Some("S_IDLE"));
}

#[test]
fn fencings_are_told_and_asked_for() {
    let mut clients = clients("stonith-ng");
    let (answers, _) = said(&ask(&mut clients, "<stonith_command st_op=\"register\" st_clientname=\"stonith_admin.3\"/>"));
    assert_eq!(answers[0].attribute("st_clientid"), Some("s1"));

    let fence = "<x st_op=\"st_fence\" st_callid=\"2\" st_callopt=\"2\"><st_calldata>\
                 <x st_target=\"n1\" st_device_action=\"off\" st_timeout=\"120\" st_tolerance=\"0\"/></st_calldata></x>";
    let request = asked(&ask(&mut clients, fence));
    let ClientBody::Fence { target, action, tolerance: None, .. } = &request.body else { panic!("{request:?}") };
    assert_eq!((request.client.as_str(), target.as_str(), action.as_str()), ("stonith_admin.3", "n1", "off"));
    let failed = ClientError { exit_code: 1, message: "nobody can".into() };
    let (answers, _) = answered(&mut clients, request.id, Err(failed));
    assert_eq!(["st_callid", "st_rc", "exit-reason"].map(|name| answers[0].attribute(name).unwrap()), ["2", "-61", "nobody can"]);

    let request = asked(&ask(&mut clients, "<x st_op=\"st_fence_history\" st_callid=\"3\" st_callopt=\"4096\"/>"));
    let record = FenceRecord {
        target: "n1".into(),
        action: "off".into(),
        origin: "n2".into(),
        delegate: None,
        client: "x".into(),
        state: "success".into(),
        completed: Some(Timestamp(1_700_000_000_250_000)),
        exit_reason: None,
    };
    let (answers, _) = answered(&mut clients, request.id, Ok(ReplyBody::FenceHistory(vec![record])));
    let entry = answers[0].descend(&["st_calldata", "st_history", "st_execute"]).unwrap();
    assert_eq!(["st_date", "st_date_nsec", "st_state"].map(|name| entry.attribute(name).unwrap()), ["1700000000", "250000000", "2"]);
}

#[test]
fn users_are_known_by_name_and_strangers_are_not_served() {
    assert_eq!(account(Some("hacluster")), None);
    assert_eq!(account(Some("anna")).map(|account| account.name), Some("anna".to_owned()));
    let mut clients = clients("attrd");
    assert!(!clients.opened("s2", "pacemakerd") && !clients.has("s2"));
    assert!(clients.closed("s1") && !clients.closed("s1"));
    assert!(ask(&mut clients, "<x task=\"query\" attr_name=\"a\"/>").is_empty());
}

#[test]
fn who_opens_or_asks_without_end_is_turned_away() {
    let mut clients = clients("attrd");
    assert_eq!((2..=CLIENTS_MAX + 5).filter(|number| clients.opened(&format!("s{number}"), "attrd")).count(), CLIENTS_MAX - 1);
    let query = "<x task=\"query\" attr_name=\"a\"/>";
    for _ in 0..WAITING_MAX {
        asked(&ask(&mut clients, query));
    }
    let (answers, _) = said(&ask(&mut clients, query));
    assert_eq!(answers[0].attribute("status"), Some("1"));
    // One answer makes room.
    answered(&mut clients, 1, Ok(ReplyBody::Done));
    asked(&ask(&mut clients, query));
}

#[test]
fn rubbish_is_answered_and_asks_for_nothing() {
    for server in ["cib_rw", "attrd", "crmd", "stonith-ng"] {
        let outputs = ask(&mut clients(server), "<rubbish/>");
        assert!(matches!(outputs.as_slice(), [Output::Say(_)]), "{server}: {outputs:?}");
    }
}
