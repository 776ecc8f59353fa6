//! What happens before the daemon knows enough to begin.

use member::MemberEvent;
use messages::agent::AgentEvent;
use messages::group::{GroupEvent, View};
use std::collections::VecDeque;

/// Keeps what happens until two things are known: which life of the host this is and what is at work there, which the root role's
/// greeting says, and the first view of the cluster.
///
/// Safety: the greeting is handed out first, whenever it came. A member that is asked before what its node is at can say nothing, and is not
/// asked again; and calls that it numbered would bear the numbers of an earlier daemon's.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    greeting: Option<MemberEvent>,
    view: Option<View>,
    rest: VecDeque<MemberEvent>,
}

impl Beginning {
    pub(crate) fn keep(&mut self, event: MemberEvent) {
        match event {
            MemberEvent::Agent(AgentEvent::Welcome { .. }) => self.greeting = Some(event),
            event => {
                if let (MemberEvent::Group(GroupEvent::View(view)), None) = (&event, &self.view) {
                    self.view = Some(view.clone());
                }
                self.rest.push_back(event);
            }
        }
    }

    /// Returns the first view, and all that was kept, once both are known.
    pub(crate) fn end(&mut self) -> Option<(View, VecDeque<MemberEvent>)> {
        let (Some(greeting), Some(view)) = (&self.greeting, &self.view) else { return None };
        Some((view.clone(), [greeting.clone()].into_iter().chain(self.rest.drain(..)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::group::Incarnation;
    use model::CallId;

    #[test]
    fn the_greeting_comes_before_a_view_and_a_message_that_were_faster() {
        let view = View { id: 7, hosts: [].into(), daemons: [].into(), configured: [].into(), quorate: true };
        let shown = MemberEvent::Group(GroupEvent::View(view.clone()));
        let said = MemberEvent::Group(GroupEvent::Message { from: "node2".into(), payload: "lead".to_owned() });
        let greeting = MemberEvent::Agent(AgentEvent::Welcome {
            incarnation: Incarnation("boot1".to_owned()),
            running: Vec::new(),
            next_call: CallId(9),
            self_fencing: None,
            hastens: false,
            checks_logins: false,
        });
        let mut beginning = Beginning::default();
        beginning.keep(shown.clone());
        beginning.keep(said.clone());
        assert_eq!(beginning.end(), None, "nobody has said which life of the host this is");
        beginning.keep(greeting.clone());
        assert_eq!(beginning.end(), Some((view.clone(), [greeting.clone(), shown.clone(), said].into())));

        let mut beginning = Beginning::default();
        beginning.keep(greeting.clone());
        assert_eq!(beginning.end(), None, "there is no view");
        beginning.keep(shown.clone());
        assert_eq!(beginning.end(), Some((view, [greeting, shown].into())));
    }
}
