//! The kinds of resource, a closed set, with what is particular to each.

use crate::{NodeIndex, ResourceIndex};
use compact_str::CompactString;
use xml::Element;

/// What a resource is made of.
#[derive(Clone, Debug)]
pub enum Kind {
    /// One agent.
    Primitive(Agent),
    /// Members started in order on one node.
    Group(Group),
    /// Instances of one primitive or group.
    Clone(self::Clone),
    /// Containers, with or without a primitive inside.
    Bundle(Box<Bundle>),
}

/// Which agent runs a primitive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Agent {
    /// `ocf`, `systemd`, `lsb`, `service`, `stonith`.
    pub class: CompactString,
    /// `heartbeat`, `pacemaker`, …; only for `ocf`.
    pub provider: Option<CompactString>,
    /// The agent's name.
    pub name: CompactString,
}

/// What is particular to a group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Members start one after the other (meta attribute `ordered`).
    pub ordered: bool,
    /// Members run together (meta attribute `collocated`).
    pub colocated: bool,
}

/// What is particular to a clone.
#[derive(Clone, Debug, Default)]
pub struct Clone {
    /// `clone-max`.
    pub max: i32,
    /// `clone-node-max`.
    pub node_max: i32,
    /// `clone-min`.
    pub min: i32,
    /// `promoted-max` (`master-max`); 0 where not promotable.
    pub promoted_max: i32,
    /// `promoted-node-max`.
    pub promoted_node_max: i32,
    /// `interleave`.
    pub interleave: bool,
    /// `ordered`.
    pub ordered: bool,
    /// Instances made so far, those beyond `max` included.
    pub total: i32,
    /// The configured child, from which instances are made.
    pub child: std::sync::Arc<Element>,
}

/// Which container agent a bundle uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ContainerAgent {
    /// `ocf:heartbeat:docker`.
    #[default]
    Docker,
    /// `ocf:heartbeat:podman`.
    Podman,
}

/// What is particular to a bundle.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// Which container agent it uses.
    pub agent: ContainerAgent,
    /// The image.
    pub image: CompactString,
    /// `promoted-max`; 0 where the primitive is not promotable.
    pub promoted_max: i32,
    /// `replicas`.
    pub replicas_max: i32,
    /// `replicas-per-host`.
    pub replicas_per_host: i32,
    /// The clone around the primitive inside, if there is one.
    pub child: Option<ResourceIndex>,
    /// Its replicas, by offset.
    pub replicas: Vec<Replica>,
}

/// One replica of a bundle.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Counted from 0.
    pub offset: u32,
    /// Its address, if the bundle assigns addresses.
    pub ip_address: Option<CompactString>,
    /// The guest node that it is, if there is a primitive inside.
    pub node: Option<NodeIndex>,
    /// The address resource.
    pub ip: Option<ResourceIndex>,
    /// The container resource.
    pub container: ResourceIndex,
    /// The connection resource.
    pub remote: Option<ResourceIndex>,
    /// The instance inside.
    pub child: Option<ResourceIndex>,
}

impl Agent {
    /// Returns whether it is a Pacemaker Remote connection.
    pub fn is_remote_connection(&self) -> bool {
        self.class == "ocf" && self.provider.as_deref() == Some("pacemaker") && self.name == "remote"
    }

    /// Returns `class:provider:name` or `class:name`.
    pub fn specification(&self) -> String {
        match &self.provider {
            Some(provider) => format!("{}:{}:{}", self.class, provider, self.name),
            None => format!("{}:{}", self.class, self.name),
        }
    }
}

impl self::Clone {
    /// Returns the id of the cloned primitive or group as configured.
    pub fn child_id(&self) -> &str {
        self.child.id().unwrap_or_default()
    }
}

impl ContainerAgent {
    /// Returns the name of the agent and of its element.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerAgent::Docker => "docker",
            ContainerAgent::Podman => "podman",
        }
    }
}
