//! The daemon's engine below, whichever was chosen.

use messages::group::{Engine, GroupCommand, GroupEvent, Incarnation};
use model::NodeName;

/// A client of one of the engines.
#[derive(Debug)]
pub(crate) enum Group {
    Hub(hub::Client),
    Corosync(Box<corosync::Client>),
}

impl Group {
    /// Returns the client of this engine. `life` is new for each start of the daemon.
    pub fn new(engine: &Engine, node: NodeName, life: u64) -> Self {
        match engine {
            Engine::Hub(socket) => Self::Hub(hub::Client::new(socket, node, hub::Role::Daemon { life })),
            Engine::Corosync => Self::Corosync(Box::new(corosync::Client::new(node, life))),
        }
    }

    /// Returns the next event. May be dropped at any await.
    pub async fn next(&mut self) -> GroupEvent {
        match self {
            Self::Hub(client) => client.next().await,
            Self::Corosync(client) => client.next().await,
        }
    }

    /// Returns what is known without waiting.
    pub fn ready(&mut self) -> Option<GroupEvent> {
        match self {
            Self::Hub(client) => client.ready(),
            Self::Corosync(client) => client.ready(),
        }
    }

    /// Carries out a command.
    pub fn command(&mut self, command: GroupCommand) {
        match self {
            Self::Hub(client) => client.command(command),
            Self::Corosync(client) => client.command(command),
        }
    }

    /// The root role told which life of the host this is. The hub learns that from the root role itself.
    pub fn set_incarnation(&mut self, incarnation: Incarnation) {
        if let Self::Corosync(client) = self {
            client.set_incarnation(incarnation);
        }
    }

    /// The root role died, the host did not. With Corosync the ring shows that.
    pub fn say_host_remains(&mut self) {
        if let Self::Hub(client) = self {
            client.say_host_remains();
        }
    }

    /// Returns the cluster's name, where the engine knows one.
    pub fn cluster_name(&self) -> Option<String> {
        match self {
            Self::Hub(_) => None,
            Self::Corosync(client) => client.cluster_name().map(str::to_owned),
        }
    }
}
