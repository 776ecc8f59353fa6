//! What others say: peers, clients, and agents about themselves.

use crate::documents::document;
use crate::lone::Lone;
use member::{ClientId, MemberEvent};
use messages::client::{Account, ClientRequest};
use messages::frame::FrameBuffer;
use messages::group::GroupEvent;
use std::time::Duration;
use xml::Element;

const CIB: &str = include_str!("../../seeds/cib/small.xml");

fn small_cib() -> Element {
    document(CIB.as_bytes()).expect("the seed is well-formed")
}

/// Lines that another node's daemon says; an empty one lets a second pass.
pub(crate) fn peer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lone = Lone::new(small_cib(), "");
    lone.is_joined();
    for line in text.lines().take(32) {
        match line {
            "" => lone.pass(Duration::from_secs(1)),
            _ => lone.give(MemberEvent::Group(GroupEvent::Message { from: "node2".into(), payload: line.to_owned() })),
        }
    }
    lone.pass(Duration::from_secs(40));
}

/// Frames as they come from a socket; and requests, one a line, of clients with and without privileges.
pub(crate) fn client(bytes: &[u8]) {
    let mut frames = FrameBuffer::new(1 << 16);
    for chunk in bytes.chunks(7) {
        frames.push(chunk);
        while let Ok(Some(_)) = frames.take::<ClientRequest>() {}
    }
    let text = String::from_utf8_lossy(bytes);
    let requests: Vec<ClientRequest> = text.lines().take(16).filter_map(|line| serde_json::from_str(line).ok()).collect();
    if requests.is_empty() {
        return;
    }
    let mut lone = Lone::new(small_cib(), "");
    for (number, request) in requests.into_iter().enumerate() {
        let user = (number % 2 == 1).then(|| Account { name: "anna".to_owned(), groups: Vec::new() });
        lone.give(MemberEvent::Client { client: ClientId(number as u64), user, request });
        lone.pass(Duration::from_millis(100));
    }
    lone.pass(Duration::from_secs(40));
}

pub(crate) fn agent_meta_data(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lone = Lone::new(small_cib(), &text);
    lone.pass(Duration::from_secs(20));
}

/// A fence agent's meta-data, which are its list of targets as well; then something is to be fenced.
pub(crate) fn fence_meta_data(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lone = Lone::new(small_cib(), &text);
    let request = r#"{"id":1,"client":"t","body":{"Fence":{"target":"node2","action":"reboot","timeout":null,"tolerance":null}}}"#;
    let request = serde_json::from_str(request).expect("a request");
    lone.give(MemberEvent::Client { client: ClientId(1), user: None, request });
    lone.pass(Duration::from_secs(130));
}
