//! What is said with a client in the words of Pacemaker's CIB manager, wherever it is: which calls wait for an answer, and whether it
//! wants to hear of changes.

use crate::cib_words::{self, Call, Wish};
use messages::client::{ClientBody, ClientReply, ClientRequest, ReplyBody};
use std::collections::BTreeMap;
use xml::Element;

/// What a client's message leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    Say(Element),
    Ask(ClientRequest),
}

/// What is said with a client of the CIB.
pub(crate) struct Talk {
    token: String,
    program: Option<String>,
    next: u64,
    calls: BTreeMap<u64, Call>,
    /// The request that is answered by every change of the CIB, and whether the client still wants to hear of them.
    following: Option<(u64, bool)>,
}

impl Talk {
    /// Returns what is said with a client that has just come in. `program` is its name, until it says another.
    pub(crate) fn new(token: impl Into<String>, program: Option<String>) -> Self {
        Self { token: token.into(), program, next: 1, calls: BTreeMap::new(), following: None }
    }

    /// Returns how many calls wait for their answer.
    pub(crate) fn open(&self) -> usize {
        self.calls.len()
    }

    /// Returns what a message of the client leads to.
    pub(crate) fn heard(&mut self, message: &Element) -> Vec<Output> {
        match cib_words::read(message) {
            Wish::Nothing => Vec::new(),
            Wish::Hello { name } => {
                self.program = name.or(self.program.take());
                Vec::new()
            }
            Wish::Follow(wanted) => match &mut self.following {
                Some((_, is_wanted)) => {
                    *is_wanted = wanted;
                    Vec::new()
                }
                None if wanted => {
                    let request = self.request(ClientBody::FollowCib);
                    self.following = Some((request.id, true));
                    vec![Output::Ask(request)]
                }
                None => Vec::new(),
            },
            Wish::Answer { call, result } if call.wants_answer() => vec![Output::Say(cib_words::reply(&self.token, &call, result))],
            Wish::Answer { .. } => Vec::new(),
            Wish::Ask { call, body } => {
                let request = self.request(body);
                self.calls.insert(request.id, call);
                vec![Output::Ask(request)]
            }
        }
    }

    fn request(&mut self, body: ClientBody) -> ClientRequest {
        let id = self.next;
        self.next += 1;
        ClientRequest { id, client: self.program.clone().unwrap_or_else(|| self.token.clone()), body }
    }

    /// Returns what the client is told of an answer, if it wants to hear.
    pub(crate) fn answered(&mut self, reply: ClientReply) -> Option<Element> {
        if let Ok(ReplyBody::CibChange(patch)) = &reply.result {
            return self.following.filter(|(id, is_wanted)| *id == reply.id && *is_wanted).and_then(|_| cib_words::notice(patch));
        }
        let call = self.calls.remove(&reply.id)?;
        call.wants_answer().then(|| cib_words::answer(&self.token, &call, &reply.result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    fn talk() -> Talk {
        Talk::new("t", None)
    }

    #[test]
    fn calls_are_answered_by_their_own_numbers_and_changes_while_they_are_wanted() {
        let mut talk = talk();
        assert!(talk.heard(&parse("<cib_command cib_op=\"register\" cib_clientname=\"cibadmin\"/>")).is_empty());
        let query = ClientBody::CibQuery { section: None, xpath: None, without_children: false };
        let asked = talk.heard(&cib_words::request("t", 41, &query).unwrap());
        assert_eq!(asked, vec![Output::Ask(ClientRequest { id: 1, client: "cibadmin".into(), body: query })]);
        let follow = |on: &str| {
            parse(&format!("<cib_command cib_op=\"cib_notify\" cib_notify_type=\"cib_diff_notify\" cib_notify_activate=\"{on}\"/>"))
        };
        assert!(matches!(talk.heard(&follow("1")).as_slice(), [Output::Ask(ClientRequest { id: 2, body: ClientBody::FollowCib, .. })]));
        let answer = talk.answered(ClientReply { id: 1, result: Ok(ReplyBody::Xml("<cib/>".into())) }).unwrap();
        assert_eq!(cib_words::read_answer(&answer, 41), Some(Ok(ReplyBody::Xml("<cib/>".into()))));
        let change = || ClientReply { id: 2, result: Ok(ReplyBody::CibChange("<diff format=\"2\"/>".into())) };
        assert!(talk.answered(change()).is_some());
        assert!(talk.heard(&follow("0")).is_empty());
        assert!(talk.answered(change()).is_none());
        assert!(talk.answered(ClientReply { id: 9, result: Ok(ReplyBody::Done) }).is_none());
    }

    #[test]
    fn an_answer_that_is_not_wanted_is_not_given() {
        let mut talk = talk();
        let asked = talk.heard(&parse("<cib_command cib_op=\"cib_bump\" cib_callid=\"1\" cib_callopt=\"16\"/>"));
        assert!(matches!(asked.as_slice(), [Output::Ask(_)]));
        assert!(talk.answered(ClientReply { id: 1, result: Ok(ReplyBody::Done) }).is_none());
        assert!(talk.calls.is_empty());
    }
}
