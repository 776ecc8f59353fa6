//! Members of several versions: which version of messages all understand, and what a later version would say.
//!
//! A cluster is upgraded node by node. What a later version adds to a message is ignored by an earlier one, and so is a kind of message
//! that it does not know; neither may be what anything depends on until all members speak that version.

use crate::command::LogLevel;
use crate::member::Member;
use serde_json::{Map, Value, json};

impl Member {
    /// Returns the version of messages that every member understands.
    pub fn message_version(&self) -> u32 {
        let peers = self.membership.peers().values();
        peers.filter(|peer| peer.is_member()).map(membership::Peer::version).min().unwrap_or(self.config.message_version)
    }

    /// Tells people of a cluster of several versions, and of its end.
    pub(crate) fn tell_version(&mut self) {
        let (own, all) = (self.config.message_version, self.message_version());
        if std::mem::replace(&mut self.told_version, all) != all || (own > all && self.membership.is_start_over()) {
            self.log(LogLevel::Info, format!("the members speak messages of version {all} (this node knows {own})"));
        }
        if own > messages::peer::VERSION {
            // What others cannot know they skip, wherever it comes in the order of messages.
            let unknown = json!({ "number": 0, "message": { "OfALaterVersion": { "text": "nobody understands this" } } });
            self.transmit_payload(unknown.to_string());
        }
    }
}

/// Returns a message as a later version of this program might say it: with fields that nobody knows, in the envelope and in its body.
pub(crate) fn as_later(payload: &str) -> String {
    let Ok(Value::Object(mut envelope)) = serde_json::from_str(payload) else { return payload.to_owned() };
    if let Some(message) = envelope.get_mut("message").and_then(Value::as_object_mut) {
        add_field(message);
    }
    envelope.insert("of_a_later_version".to_owned(), json!([1, { "two": "three" }]));
    Value::Object(envelope).to_string()
}

/// Adds to the first set of fields below the names of variants. Where one of them holds no fields there is nothing to add to.
fn add_field(object: &mut Map<String, Value>) {
    let names_variant = object.len() == 1 && object.keys().all(|name| name.starts_with(|letter: char| letter.is_ascii_uppercase()));
    if !names_variant {
        object.insert("of_a_later_version".to_owned(), json!({ "nested": [null, 1.5] }));
    } else if let Some(inner) = object.values_mut().next().and_then(Value::as_object_mut) {
        add_field(inner);
    }
}
