//! What the other side does about what members and clients say.

use super::*;
use messages::agent::AgentOutcome;
use messages::client::ClientBody;

fn agent() -> AgentName {
    AgentName { class: "ocf".into(), provider: Some("heartbeat".into()), kind: "Dummy".into() }
}

fn call(id: u64, action: &str) -> AgentCall {
    AgentCall {
        id: CallId(id),
        agent: agent(),
        action: action.into(),
        resource: Some("web".into()),
        parameters: [("state".to_owned(), "/run/x".to_owned())].into(),
        timeout: Duration::from_secs(20),
        unprivileged: false,
    }
}

fn result(id: u64, exit: i32) -> AgentResult {
    AgentResult { run_time: Duration::from_millis(5), ..protocol::not_run(CallId(id), AgentOutcome::Exited(exit)) }
}

/// Returns what is to be done, in short.
fn brief(outputs: &[Output]) -> Vec<String> {
    let one = |output: &Output| match output {
        Output::Send { member, message } => {
            let value = |name: &str| message.attribute(name).unwrap_or("-").to_owned();
            let kind = value("lrmd_remote_msg_type");
            match (kind.as_str(), message.has("lrmd_ipc_op")) {
                ("reply", _) => format!("{member}: reply {} rc={}", value("lrmd_remote_msg_id"), value("lrmd_rc")),
                (_, true) => format!("{member}: proxy {}", value("lrmd_ipc_op")),
                _ if message.has("lrmd_exec_rc") => {
                    format!("{member}: ended {} {}/{}", value("lrmd_rsc_userdata_str"), value("lrmd_exec_op_status"), value("lrmd_exec_rc"))
                }
                _ => format!("{member}: notice {}", value("lrmd_op")),
            }
        }
        Output::Run(call) => format!("run {} {}", call.id, call.action),
        Output::Kill(id) => format!("kill {id}"),
        Output::Reply { client, reply } => format!("client {client}: {} {}", reply.id, if reply.result.is_ok() { "ok" } else { "refused" }),
        Output::Exit => "exit".to_owned(),
    };
    outputs.iter().map(one).collect()
}

/// Numbers a request as a connection does.
fn numbered(message: Element, number: u64) -> Element {
    message.with("lrmd_remote_msg_id", number.to_string()).with("lrmd_remote_msg_type", "request")
}

fn registered() -> Serving {
    let mut serving = Serving::new(CallId(1));
    assert!(serving.connected(1).is_empty());
    let said = serving.heard(Duration::ZERO, 1, &numbered(protocol::hello("m"), 1));
    assert_eq!(brief(&said), ["1: reply 1 rc=0"]);
    let Output::Send { message, .. } = &said[0] else { panic!("a reply") };
    assert_eq!((message.attribute("lrmd_op"), message.attribute("lrmd_clientid")), (Some("register"), Some("systole-1")));
    let said = serving.heard(Duration::ZERO, 1, &numbered(protocol::register("t", &"web".into(), &agent()), 2));
    assert_eq!(brief(&said), ["1: reply 2 rc=0", "1: notice lrmd_rsc_register"]);
    serving
}

#[test]
fn runs_of_a_resource_follow_each_other_and_whoever_asked_is_told() {
    let mut serving = registered();
    serving.connected(2);
    let now = Duration::ZERO;
    let said = serving.heard(now, 1, &numbered(protocol::execute("t", &call(7, "start"), "m/7"), 3));
    assert_eq!(brief(&said)[1], "run 1 start");
    let Output::Run(run) = &said[1] else { panic!("a run") };
    assert_eq!((&run.agent, &run.parameters), (&agent(), &call(7, "start").parameters));
    let said = serving.heard(now, 1, &numbered(protocol::execute("t", &call(8, "monitor"), "m/8"), 4));
    assert_eq!(said.len(), 1, "it waits for its turn: {said:?}");
    let said = serving.finished(now, &result(1, 0));
    assert_eq!(brief(&said), ["1: ended m/7 0/0", "run 2 monitor"]);
    assert_eq!(brief(&serving.finished(now, &result(2, 7))), ["1: ended m/8 0/7"]);
    assert!(serving.finished(now, &result(2, 7)).is_empty());
}

#[test]
fn what_is_not_known_is_refused_and_a_poke_is_answered() {
    let mut serving = registered();
    let mut unknown = call(1, "start");
    unknown.resource = Some("other".into());
    assert_eq!(brief(&serving.heard(Duration::ZERO, 1, &numbered(protocol::execute("t", &unknown, "m"), 9))), ["1: reply 9 rc=-19"]);
    assert_eq!(
        brief(&serving.heard(Duration::ZERO, 1, &numbered(protocol::poke("t"), 10))),
        ["1: reply 10 rc=0", "1: notice lrmd_rsc_poke"]
    );
    let strange = Element::new("lrmd_command").with("lrmd_op", "lrmd_dance");
    assert_eq!(brief(&serving.heard(Duration::ZERO, 1, &numbered(strange, 11))), ["1: reply 11 rc=-95"]);
}

#[test]
fn a_run_at_work_can_be_ended() {
    let mut serving = registered();
    serving.heard(Duration::ZERO, 1, &numbered(protocol::execute("t", &call(7, "monitor"), "m/7"), 3));
    let said = serving.heard(Duration::ZERO, 1, &numbered(protocol::cancel("t", &call(7, "monitor"), "m/7"), 4));
    assert_eq!(brief(&said), ["1: reply 4 rc=0", "kill 1"]);
    assert_eq!(brief(&serving.finished(Duration::ZERO, &result(1, 0))), ["1: ended m/7 1/0"]);
    let said = serving.heard(Duration::ZERO, 1, &numbered(protocol::cancel("t", &call(7, "monitor"), "m/7"), 5));
    assert_eq!(brief(&said), ["1: reply 5 rc=-95"]);
}

/// As Pacemaker's members ask: once, for what is to recur.
#[test]
fn what_recurs_runs_again_and_tells_only_changes() {
    let mut serving = registered();
    let mut asked = numbered(protocol::execute("t", &call(1, "monitor"), "key"), 3).with("lrmd_callopt", "4");
    let data = asked.descend_mut(&["lrmd_calldata", "lrmd_rsc"]).unwrap();
    data.set("lrmd_rsc_interval", "10000");
    assert_eq!(brief(&serving.heard(Duration::ZERO, 1, &asked))[1], "run 1 monitor");
    assert_eq!(brief(&serving.finished(Duration::from_secs(1), &result(1, 0))), ["1: ended key 0/0"]);
    assert_eq!(serving.wake_at(), Some(Duration::from_secs(11)));
    assert!(serving.time_passed(Duration::from_secs(10)).is_empty());
    assert_eq!(brief(&serving.time_passed(Duration::from_secs(11))), ["run 2 monitor"]);
    assert!(serving.finished(Duration::from_secs(12), &result(2, 0)).is_empty(), "nothing changed");
    serving.time_passed(Duration::from_secs(22));
    assert_eq!(brief(&serving.finished(Duration::from_secs(23), &result(3, 7))), ["1: ended key 0/7"]);
    // A start comes before the next look.
    let said = serving.heard(Duration::from_secs(24), 1, &numbered(protocol::execute("t", &call(2, "stop"), "s"), 5));
    assert_eq!(brief(&said)[1], "run 4 stop");
    assert_eq!(serving.gone(1), []);
    assert_eq!(brief(&serving.finished(Duration::from_secs(25), &result(4, 0))), Vec::<String>::new());
    assert_eq!(serving.wake_at(), None, "with the last member what recurs ends");
}

#[test]
fn a_client_is_passed_on_and_answered() {
    let mut serving = registered();
    let request = ClientRequest { id: 5, client: "crm_mon".into(), body: ClientBody::Info };
    let said = serving.client_asked(3, None, request.clone());
    assert_eq!(brief(&said), ["1: proxy new", "1: proxy request"]);
    let Output::Send { message, .. } = &said[1] else { panic!("a message") };
    let parsed = xml::parse(message.to_compact().as_bytes(), &xml::Limits::default()).unwrap();
    assert_eq!(protocol::client_request(&parsed), Some((None, request)));
    let reply = ClientReply { id: 5, result: Ok(messages::client::ReplyBody::Done) };
    let answer =
        protocol::to_client("response", Some("client-3")).with_child(Element::new("lrmd_ipc_msg").with_text(protocol::text_of(&reply)));
    assert_eq!(brief(&serving.heard(Duration::ZERO, 1, &numbered(answer, 4))), ["1: reply 4 rc=0", "client 3: 5 ok"]);
    // The connection ends while it waits for another answer.
    let waiting = ClientRequest { id: 6, client: "crm_mon".into(), body: ClientBody::Info };
    serving.client_asked(3, None, waiting.clone());
    assert_eq!(brief(&serving.gone(1)), ["client 3: 6 refused"]);
    assert_eq!(brief(&serving.client_asked(3, None, waiting)), ["client 3: 6 refused"]);
}

#[test]
fn it_goes_down_when_the_cluster_has_let_go_of_it() {
    let mut serving = registered();
    assert_eq!(brief(&serving.terminate(Duration::ZERO)), ["1: proxy shutdown_req"]);
    let granted = numbered(protocol::to_client("shutdown_ack", None), 4);
    serving.heard(Duration::from_secs(1), 1, &granted);
    assert_eq!(serving.wake_at(), None);
    assert_eq!(serving.gone(1), [Output::Exit]);
    // Without an answer it waits for a while only; with nobody there not at all.
    let mut serving = registered();
    serving.terminate(Duration::ZERO);
    assert_eq!(serving.time_passed(Duration::from_secs(20)), [Output::Exit]);
    assert_eq!(Serving::new(CallId(1)).terminate(Duration::ZERO), [Output::Exit]);
}
