//! What the two sides say: the executor's protocol of Pacemaker ("LRMD"), as requests, replies and notices in XML.
//!
//! Compat: names of elements and attributes are those of the protocol's version 1.1, which Pacemaker has spoken since 1.1.13.

use messages::agent::{AgentCall, AgentName, AgentOutcome, AgentResult};
use messages::client::{Account, ClientReply, ClientRequest};
use model::{CallId, ExecutionStatus, ResourceId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use xml::Element;

/// The version spoken.
pub(crate) const VERSION: &str = "1.1";
/// Options of a request to run something: tell only whoever asked, and only when the result changed.
pub(crate) const ORIGIN_ONLY: i64 = 2;
pub(crate) const CHANGES_ONLY: i64 = 4;
/// The name under which the product's own clients are passed on; Pacemaker's are named by the daemon they want.
pub(crate) const OWN_SERVER: &str = "systole";

/// Returns the first message of a connection.
pub(crate) fn hello(name: &str) -> Element {
    let hello = Element::new("lrmd_command").with("t", "lrmd").with("lrmd_op", "register").with("lrmd_clientname", name);
    // Whoever passes requests of the other side's clients on is also told when that side wants to go down.
    hello.with("lrmd_protocol_version", VERSION).with("lrmd_is_ipc_provider", "true")
}

/// Returns a request. `token` is what the other side called this one in its answer to `hello`.
fn request(token: &str, operation: &str, timeout: Duration, data: Element) -> Element {
    Element::new("lrmd_command")
        .with("t", "lrmd")
        .with("lrmd_async_id", token)
        .with("lrmd_op", operation)
        .with("lrmd_timeout", timeout.as_millis().to_string())
        // Only whoever asked is told how it ended.
        .with("lrmd_callopt", if operation == "lrmd_rsc_exec" { ORIGIN_ONLY.to_string() } else { "0".to_owned() })
        .with_child(Element::new("lrmd_calldata").with_child(data))
}

/// Returns the request that makes a resource known.
pub(crate) fn register(token: &str, resource: &ResourceId, agent: &AgentName) -> Element {
    let mut data = Element::new("lrmd_rsc").with("lrmd_rsc_id", resource.as_str()).with("lrmd_class", &agent.class);
    if let Some(provider) = &agent.provider {
        data.set("lrmd_provider", provider);
    }
    request(token, "lrmd_rsc_register", Duration::ZERO, data.with("lrmd_type", &agent.kind))
}

/// Returns the request that runs an agent once. `mark` comes back with its result.
pub(crate) fn execute(token: &str, call: &AgentCall, mark: &str) -> Element {
    let resource = call.resource.as_ref().map_or("", |resource| resource.as_str());
    // Compat: the other side knows the words of init scripts itself.
    let is_status = call.action == "status" && matches!(call.agent.class.as_str(), "lsb" | "service");
    let data = Element::new("lrmd_rsc")
        .with("lrmd_rsc_id", resource)
        .with("lrmd_rsc_action", if is_status { "monitor" } else { &call.action })
        .with("lrmd_rsc_userdata_str", mark)
        .with("lrmd_rsc_interval", "0")
        .with("lrmd_timeout", call.timeout.as_millis().to_string())
        .with("lrmd_rsc_start_delay", "0")
        .with_child(attributes(&call.parameters));
    request(token, "lrmd_rsc_exec", call.timeout, data)
}

/// Returns the request to end a run. Compat: Pacemaker's side ends what waits for its turn, never a single run at work.
pub(crate) fn cancel(token: &str, call: &AgentCall, mark: &str) -> Element {
    let data = Element::new("lrmd_rsc")
        .with("lrmd_rsc_action", &call.action)
        .with("lrmd_rsc_id", call.resource.as_ref().map_or("", |resource| resource.as_str()))
        .with("lrmd_rsc_interval", "0")
        .with("lrmd_rsc_userdata_str", mark);
    request(token, "lrmd_rsc_cancel", Duration::ZERO, data)
}

/// Returns the question for a sign of life.
pub(crate) fn poke(token: &str) -> Element {
    request(token, "lrmd_rsc_poke", Duration::ZERO, Element::new("lrmd_rsc"))
}

/// Returns a message to a client of the other side, or about one, without its content.
pub(crate) fn to_client(operation: &str, session: Option<&str>) -> Element {
    let message = Element::new("lrmd_ipc_proxy").with("t", "lrmd").with("lrmd_op", "ipc_fwd").with("lrmd_ipc_op", operation);
    match session {
        Some(session) => message.with("lrmd_ipc_session", session),
        None => message,
    }
}

/// Returns a client's request or reply of the product's own, as the text it travels as.
pub(crate) fn text_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns the request of a client of the other side, and whose access rules apply.
pub(crate) fn client_request(message: &Element) -> Option<(Option<Account>, ClientRequest)> {
    serde_json::from_str(&message.child("lrmd_ipc_msg")?.text()).ok()
}

/// Returns the reply to a client of this side.
pub(crate) fn client_reply(message: &Element) -> Option<ClientReply> {
    serde_json::from_str(&message.child("lrmd_ipc_msg")?.text()).ok()
}

/// Returns parameters as the protocol writes them: as attributes where the name may be one, else as elements of their own.
pub(crate) fn attributes(parameters: &BTreeMap<String, String>) -> Element {
    let mut element = Element::new("attributes");
    for (name, value) in parameters {
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            element.set(name, value);
        } else {
            element.push(Element::new("param").with("name", name).with("value", value));
        }
    }
    element
}

/// Returns the parameters that were written so.
pub(crate) fn parameters(element: &Element) -> BTreeMap<String, String> {
    let named = element.attributes.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let written = element.elements_named("param");
    named.chain(written.filter_map(|p| Some((p.attribute("name")?.to_owned(), p.attribute("value")?.to_owned())))).collect()
}

/// Returns a number that an attribute holds.
pub(crate) fn number(element: &Element, name: &str) -> Option<i64> {
    element.attribute(name)?.trim().parse().ok()
}

/// Returns how a run ended, as a notice says it.
pub(crate) fn result(notice: &Element, id: CallId) -> AgentResult {
    let text = |name: &str| notice.attribute(name).map(str::to_owned);
    let exit = i32::try_from(number(notice, "lrmd_exec_rc").unwrap_or(1)).unwrap_or(1);
    let status = i32::try_from(number(notice, "lrmd_exec_op_status").unwrap_or(4)).unwrap_or(4);
    let reason = text("lrmd_rsc_exit_reason");
    let is = |status_of: ExecutionStatus| status == status_of.code();
    let outcome = match () {
        () if is(ExecutionStatus::Done) => AgentOutcome::Exited(exit),
        () if is(ExecutionStatus::Cancelled) => AgentOutcome::Cancelled,
        () if is(ExecutionStatus::Timeout) => AgentOutcome::TimedOut,
        () if is(ExecutionStatus::NotInstalled) => AgentOutcome::NotInstalled,
        () if exit != 0 => AgentOutcome::Exited(exit),
        () => AgentOutcome::FailedToStart(reason.clone().unwrap_or_else(|| "the remote side could not run it".to_owned())),
    };
    let time = |name: &str| Duration::from_millis(number(notice, name).and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0));
    AgentResult {
        id,
        outcome,
        stdout: text("lrmd_rsc_output").unwrap_or_default(),
        stderr: String::new(),
        exit_reason: reason,
        started: Timestamp::from_seconds(number(notice, "lrmd_run_time").unwrap_or(0)),
        run_time: time("lrmd_exec_time"),
        queue_time: time("lrmd_queue_time"),
    }
}

/// Returns the words for how a run ended: the exit code and the status, and why.
pub(crate) fn ending(result: &AgentResult) -> (i32, ExecutionStatus, Option<String>) {
    let reason = result.exit_reason.clone();
    match &result.outcome {
        AgentOutcome::Exited(code) => (*code, ExecutionStatus::Done, reason),
        AgentOutcome::TimedOut => (1, ExecutionStatus::Timeout, Some("it did not end in time".to_owned())),
        AgentOutcome::Cancelled => (0, ExecutionStatus::Cancelled, None),
        AgentOutcome::NotInstalled => (5, ExecutionStatus::NotInstalled, Some("the agent is not installed".to_owned())),
        AgentOutcome::Signalled(signal) => (1, ExecutionStatus::Error, Some(format!("the agent was interrupted by signal {signal}"))),
        AgentOutcome::FailedToStart(why) => (1, ExecutionStatus::Error, Some(why.clone())),
        AgentOutcome::Lost => (1, ExecutionStatus::Error, Some("the outcome is not known".to_owned())),
    }
}

/// Returns the result of a run that could not be begun.
pub(crate) fn not_run(id: CallId, outcome: AgentOutcome) -> AgentResult {
    AgentResult {
        id,
        outcome,
        stdout: String::new(),
        stderr: String::new(),
        exit_reason: None,
        started: crate::wall(),
        run_time: Duration::ZERO,
        queue_time: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> AgentCall {
        AgentCall {
            id: CallId(4),
            agent: AgentName { class: "ocf".into(), provider: Some("heartbeat".into()), kind: "Dummy".into() },
            action: "start".into(),
            resource: Some("web".into()),
            parameters: [("state", "/run/x"), ("CRM_meta_timeout", "20000"), ("1st", "a<b")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            timeout: Duration::from_secs(20),
            unprivileged: false,
        }
    }

    #[test]
    fn a_run_is_asked_for_in_the_field_s_words() {
        assert_eq!(
            execute("t1", &call(), "m4").to_compact(),
            "<lrmd_command t=\"lrmd\" lrmd_async_id=\"t1\" lrmd_op=\"lrmd_rsc_exec\" lrmd_timeout=\"20000\" lrmd_callopt=\"2\">\
             <lrmd_calldata><lrmd_rsc lrmd_rsc_id=\"web\" lrmd_rsc_action=\"start\" lrmd_rsc_userdata_str=\"m4\" lrmd_rsc_interval=\"0\" \
             lrmd_timeout=\"20000\" lrmd_rsc_start_delay=\"0\"><attributes CRM_meta_timeout=\"20000\" state=\"/run/x\">\
             <param name=\"1st\" value=\"a&lt;b\"/></attributes></lrmd_rsc></lrmd_calldata></lrmd_command>"
        );
        let asked = execute("t1", &call(), "m4");
        let written = asked.descend(&["lrmd_calldata", "lrmd_rsc", "attributes"]).unwrap();
        assert_eq!(parameters(written), call().parameters);
    }

    #[test]
    fn an_init_script_is_asked_in_the_words_of_ocf() {
        let mut call = call();
        call.agent = AgentName { class: "lsb".into(), provider: None, kind: "x".into() };
        call.action = "status".into();
        assert!(execute("t", &call, "m").to_compact().contains("lrmd_rsc_action=\"monitor\""));
    }

    #[test]
    fn a_notice_says_how_it_ended() {
        let notice = |status: &str, exit: &str| {
            Element::new("lrmd_notify")
                .with("lrmd_exec_op_status", status)
                .with("lrmd_exec_rc", exit)
                .with("lrmd_exec_time", "12")
                .with("lrmd_run_time", "1700000000")
                .with("lrmd_rsc_exit_reason", "why")
        };
        let outcome = |status: &str, exit: &str| result(&notice(status, exit), CallId(1)).outcome;
        assert_eq!(outcome("0", "7"), AgentOutcome::Exited(7));
        assert_eq!(outcome("1", "0"), AgentOutcome::Cancelled);
        assert_eq!(outcome("2", "1"), AgentOutcome::TimedOut);
        assert_eq!(outcome("7", "5"), AgentOutcome::NotInstalled);
        assert_eq!(outcome("4", "1"), AgentOutcome::Exited(1));
        assert_eq!(outcome("4", "0"), AgentOutcome::FailedToStart("why".into()));
        let result = result(&notice("0", "0"), CallId(1));
        assert_eq!((result.run_time, result.exit_reason.as_deref()), (Duration::from_millis(12), Some("why")));
        assert_eq!(result.started, Timestamp::from_seconds(1_700_000_000));
    }
}
