//! Every connection that a member holds.

use crate::connection::{Target, Task, run};
use messages::remote::{RemoteCommand, RemoteEvent};
use model::NodeName;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A member's connections to remote nodes.
pub struct Connections {
    root: PathBuf,
    /// Names this start of the daemon to the other sides.
    mark: String,
    opened: u64,
    connections: BTreeMap<NodeName, Open>,
}

struct Open {
    tasks: UnboundedSender<Task>,
    events: UnboundedReceiver<RemoteEvent>,
}

impl Connections {
    /// Returns the edge of a daemon of the host below `root`, without connections. `mark` is new for each start of the daemon.
    pub fn new(root: impl Into<PathBuf>, mark: impl Into<String>) -> Self {
        Self { root: root.into(), mark: mark.into(), opened: 0, connections: BTreeMap::new() }
    }

    /// Carries out a command. To be called inside a tokio runtime.
    pub fn command(&mut self, command: RemoteCommand) {
        match command {
            RemoteCommand::Connect { node, address, port, timeout } => {
                let ((tasks, ordered), (tell, events)) = (unbounded_channel(), unbounded_channel());
                self.opened += 1;
                let mark = format!("{}/{}", self.mark, self.opened);
                let target = Target { node: node.clone(), address, port, timeout, root: self.root.clone(), mark };
                tokio::spawn(run(target, ordered, tell));
                // One that was there before ends when what it is asked through is dropped.
                self.connections.insert(node, Open { tasks, events });
            }
            RemoteCommand::Disconnect { node } => drop(self.connections.remove(&node)),
            RemoteCommand::Run { node, call } => self.give(&node, Task::Run(call)),
            RemoteCommand::Kill { node, id } => self.give(&node, Task::Kill(id)),
            RemoteCommand::Poke { node, timeout } => self.give(&node, Task::Poke(timeout)),
            RemoteCommand::AnswerShutdown { node, granted } => self.give(&node, Task::AnswerShutdown(granted)),
            RemoteCommand::Reply { node, session, reply } => self.give(&node, Task::Reply { session, reply }),
        }
    }

    /// What is asked of a connection that has just ended is answered by the news of its end.
    fn give(&self, node: &NodeName, task: Task) {
        if let Some(open) = self.connections.get(node) {
            let _ = open.tasks.send(task);
        }
    }

    /// Returns the next event. May be dropped at any await.
    pub async fn next(&mut self) -> RemoteEvent {
        std::future::poll_fn(|context| {
            let mut ended = None;
            for (node, open) in &mut self.connections {
                match open.events.poll_recv(context) {
                    std::task::Poll::Ready(Some(event)) => return std::task::Poll::Ready(event),
                    std::task::Poll::Ready(None) => ended = Some(node.clone()),
                    std::task::Poll::Pending => {}
                }
            }
            // Its last word has been heard.
            if let Some(node) = ended {
                self.connections.remove(&node);
            }
            std::task::Poll::Pending
        })
        .await
    }
}
