//! What is told to people: facts for those who subscribed, lines for the log.

use crate::command::{LogLevel, MemberCommand};
use crate::event::ClientId;
use crate::member::Member;
use messages::client::{ClientError, ClientReply, ReplyBody};
use messages::event::{ClusterEvent, Fact};
use messages::remote::RemoteCommand;
use model::format_duration;

impl Member {
    pub(crate) fn reply(&mut self, client: ClientId, id: u64, result: Result<ReplyBody, ClientError>) {
        let reply = ClientReply { id, result };
        match self.remotes.clients.get(&client).cloned() {
            Some((node, session)) => self.out.push(MemberCommand::Remote(RemoteCommand::Reply { node, session, reply })),
            None => self.out.push(MemberCommand::Reply { client, reply }),
        }
    }

    pub(crate) fn tell_subscribers(&mut self, event: &ClusterEvent) {
        if let Some((level, text)) = line(&event.fact) {
            self.log(level, text);
        }
        let subscribers: Vec<(ClientId, u64)> = self.subscribers.iter().map(|(client, id)| (*client, *id)).collect();
        for (client, id) in subscribers {
            self.reply(client, id, Ok(ReplyBody::Event(event.clone())));
        }
    }
}

/// Returns the log line of a fact; plans have lines of their own elsewhere.
fn line(fact: &Fact) -> Option<(LogLevel, String)> {
    use LogLevel::{Info, Notice, Warning};
    Some(match fact {
        Fact::HostLost { node, cause } => (Warning, format!("{node} is gone: {cause}")),
        Fact::HostJoined { node } => (Notice, format!("{node} joined")),
        Fact::DaemonLost { node, cause } => (Warning, format!("the daemon of {node} is gone: {cause}")),
        Fact::DaemonBack { node } => (Notice, format!("the daemon of {node} is back")),
        Fact::CoordinatorElected { node, term } => (Notice, format!("{node} coordinates (term {term})")),
        Fact::QuorumGained => (Notice, "quorum acquired".to_owned()),
        Fact::QuorumLost => (Warning, "quorum lost".to_owned()),
        Fact::GroupLost { reason } => (Warning, format!("the cluster engine is gone: {reason}")),
        Fact::GroupBack => (Notice, "the cluster engine is back".to_owned()),
        Fact::ConfigurationChanged { version, client } => (Info, format!("configuration {version} by {client}")),
        Fact::OperationFailed { resource, node, operation, exit, reason } => {
            (Warning, format!("{operation} of {resource} on {node} failed with {exit}: {reason}"))
        }
        Fact::Planned { plan, actions, input } => {
            let input = input.as_deref().unwrap_or("nothing saved");
            (Notice, format!("plan {plan}: {} changes, from {input}", actions.len()))
        }
        Fact::ActionStarted { resource, node, operation, .. } => {
            (Info, format!("{operation} of {} begins on {node}", resource.as_ref().map_or("the node", |r| r.as_str())))
        }
        Fact::ActionFinished { resource, node, operation, exit, took, .. } => {
            let what = resource.as_ref().map_or("the node", |r| r.as_str());
            (Info, format!("{operation} of {what} on {node} ended with {exit} after {}", format_duration(*took)))
        }
        Fact::FencingStarted { target, action, device, by } => (Notice, format!("fencing: {action} of {target} with {device} by {by}")),
        Fact::FencingFinished { target, action, error, took, .. } => match error {
            None => (Notice, format!("fencing: {action} of {target} is done after {}", format_duration(*took))),
            Some(error) => (Warning, format!("fencing: {action} of {target} failed: {error}")),
        },
        Fact::PlanEnded { plan, complete } => (Notice, format!("plan {plan} is {}", if *complete { "complete" } else { "superseded" })),
        Fact::Warning { text } => (Warning, text.clone()),
    })
}
