//! What tools say to the fencer.

use super::Heard;
use crate::protocol::number;
use messages::client::{ClientBody, ClientError, FenceRecord, ReplyBody};
use model::NodeName;
use std::time::Duration;
use xml::Element;

/// Options of a call, as bits: a person's word that a node is off, and to forget.
const MANUAL: i64 = 0x8;
const CLEANUP: i64 = 0x8_0000;
/// States of a fencing: under way, done, failed.
const UNDER_WAY: i32 = 1;
const DONE: i32 = 2;
const FAILED: i32 = 4;

/// Returns what a request means. `name` is what the client calls itself.
pub(super) fn heard(request: &Element, session: &str, name: &mut String) -> Heard {
    let data = request.child("st_calldata").and_then(|data| data.elements().next());
    let of_data = |name: &str| data.and_then(|data| data.attribute(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let seconds = |name: &str| data.and_then(|data| number(data, name)).and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    let target = of_data("st_target").map(NodeName::from);
    let is = |bit: i64| number(request, "st_callopt").unwrap_or(0) & bit != 0;
    let reply = reply_to(request);
    match (request.attribute("st_op").unwrap_or_default(), target) {
        ("register", _) => {
            if let Some(told) = request.attribute("st_clientname") {
                told.clone_into(name);
            }
            Heard::Answer(Element::new("reply").with("st_op", "register").with("st_clientid", session))
        }
        ("st_fence", Some(target)) if is(MANUAL) => Heard::ask(ClientBody::ConfirmFenced { target }, |result| ended(reply, result)),
        ("st_fence", Some(target)) => {
            let body = ClientBody::Fence {
                target,
                action: of_data("st_device_action").unwrap_or_else(|| "reboot".to_owned()),
                timeout: seconds("st_timeout").map(Duration::from_secs),
                tolerance: seconds("st_tolerance").map(Duration::from_secs),
            };
            Heard::ask(body, |result| ended(reply, result))
        }
        ("st_fence_history", target) if is(CLEANUP) => Heard::ask(ClientBody::ClearFenceHistory { target }, |result| ended(reply, result)),
        ("st_fence_history", target) => Heard::ask(ClientBody::FenceHistory { target }, |result| match result {
            Ok(ReplyBody::FenceHistory(records)) => {
                let list = Element::new("st_history").with_children(records.iter().map(entry));
                ended(reply, Ok(ReplyBody::Done)).with_child(Element::new("st_calldata").with_child(list))
            }
            other => ended(reply, other),
        }),
        // What there is to hear is in the answers.
        ("st_notify", _) => Heard::Nothing,
        _ => {
            let message = "this can be asked on a member of the cluster only".to_owned();
            Heard::Answer(ended(reply, Err(ClientError { exit_code: 3, message })))
        }
    }
}

/// Returns the beginning of an answer.
fn reply_to(request: &Element) -> Element {
    let reply = Element::new("st-reply").with("t", "stonith-ng");
    ["st_op", "st_callid", "st_clientid", "st_clientname", "st_callopt"].into_iter().fold(reply, |reply, name| {
        match request.attribute(name) {
            Some(value) => reply.with(name, value),
            None => reply,
        }
    })
}

/// Adds how it ended. Compat: as a result of an agent, and as the older number beside it ("no data available": it failed).
fn ended(reply: Element, result: Result<ReplyBody, ClientError>) -> Element {
    match result {
        Ok(_) => reply.with("op-status", "0").with("rc-code", "0").with("st_rc", "0"),
        Err(error) => {
            let (status, number) = if error.exit_code == 3 { ("4", "-95") } else { ("4", "-61") };
            reply.with("op-status", status).with("rc-code", "1").with("exit-reason", error.message).with("st_rc", number)
        }
    }
}

fn entry(record: &FenceRecord) -> Element {
    let state = match record.state.as_str() {
        "success" => DONE,
        "failed" => FAILED,
        _ => UNDER_WAY,
    };
    let completed = record.completed.map_or(0, |at| at.0);
    let entry = Element::new("st_execute")
        .with("st_target", record.target.as_str())
        .with("st_device_action", &record.action)
        .with("st_origin", record.origin.as_str())
        .with("st_clientname", &record.client)
        .with("st_date", (completed / 1_000_000).to_string())
        .with("st_date_nsec", (completed % 1_000_000 * 1000).to_string())
        .with("st_state", state.to_string());
    let optional = [("st_delegate", record.delegate.as_ref().map(NodeName::as_str)), ("exit-reason", record.exit_reason.as_deref())];
    optional.into_iter().filter_map(|(name, value)| Some((name, value?))).fold(entry, |entry, (name, value)| entry.with(name, value))
}
