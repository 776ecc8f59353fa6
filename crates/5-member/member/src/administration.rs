//! Administration from other hosts: which ports are open for it, and who is told of every change of the CIB.

use crate::command::{Doors, LogLevel, MemberCommand};
use crate::event::ClientId;
use crate::member::Member;
use cib::patch::diff;
use messages::client::{Account, ReplyBody};
use std::sync::Arc;
use xml::Element;

/// A client that is told of changes of the CIB.
pub(crate) struct Follower {
    /// The request that the changes answer.
    request: u64,
    user: Option<Account>,
    /// The CIB, as far as it may see it, at the last change that it was told of.
    seen: Arc<Element>,
}

/// Returns the ports that a CIB names. Compat: 0 is none.
fn doors(cib: &Element) -> Doors {
    let port = |name: &str| cib.attribute(name)?.trim().parse::<u16>().ok().filter(|port| *port > 0);
    Doors { tls: port("remote-tls-port"), clear: port("remote-clear-port") }
}

impl Member {
    /// Has the ports opened that the CIB names now, and others closed.
    pub(crate) fn keep_doors(&mut self) {
        let wanted = doors(self.replica.cib());
        if wanted == self.doors {
            return;
        }
        self.doors = wanted;
        if let Some(port) = wanted.clear {
            let text = format!("passwords of administrators cross the network unprotected: remote-clear-port is {port}");
            self.log(LogLevel::Warning, text);
        }
        self.out.push(MemberCommand::Listen(wanted));
    }

    fn seen_by(&self, user: Option<&Account>) -> Option<Arc<Element>> {
        match self.restricted(user) {
            Some(user) => self.visible(user).ok().map(Arc::new),
            None => Some(self.replica.cib().clone()),
        }
    }

    pub(crate) fn follow(&mut self, client: ClientId, request: u64, user: Option<Account>) {
        let seen = self.seen_by(user.as_ref()).unwrap_or_else(|| Arc::new(Element::new("cib")));
        self.followers.insert(client, Follower { request, user, seen });
    }

    /// Tells followers what changed for each of them. Whoever may see nothing any more hears nothing.
    pub(crate) fn tell_followers(&mut self) {
        let clients: Vec<ClientId> = self.followers.keys().copied().collect();
        for client in clients {
            let Some(follower) = self.followers.get(&client) else { continue };
            let Some(now) = self.seen_by(follower.user.as_ref()) else { continue };
            let patch = diff(&follower.seen, &now);
            let request = follower.request;
            if !patch.is_empty() {
                self.reply(client, request, Ok(ReplyBody::CibChange(patch.to_xml().to_compact())));
            }
            if let Some(follower) = self.followers.get_mut(&client) {
                follower.seen = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_opens_a_door() {
        let cib = |tls: &str, clear: &str| doors(&Element::new("cib").with("remote-tls-port", tls).with("remote-clear-port", clear));
        assert_eq!(cib("9898", "0"), Doors { tls: Some(9898), clear: None });
        assert_eq!(cib("x", "70000"), Doors::default());
        assert_eq!(doors(&Element::new("cib")), Doors::default());
    }
}
