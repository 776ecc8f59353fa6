//! The CIB, the one document that says what a cluster should do and what is known of it.
//!
//! [`Cib::new`] reads the configuration into borrowed types without copying the tree; references are resolved, faults become
//! [`Problem`]s, and whatever has no type stays reachable through each item's `element`.
//! Nothing here decides what to do about anything, reads a clock, or touches a file.

pub mod acl;
mod configuration;
pub mod digest;
mod document;
pub mod edit;
pub mod iso8601;
pub mod journal;
mod nvset;
pub mod patch;
mod problem;
mod references;
pub mod rules;
pub mod upgrade;
pub mod validate;
mod version;

pub use configuration::{
    AclPermission, AclRole, AclSubject, AclTarget, Agent, Alert, AlertSelect, Bundle, BundleNetwork, Clone, Colocation, ColocationMember,
    Configuration, Constraint, ContainerLaunch, FencingLevel, FencingTarget, Group, LevelIndex, Location, LocationSubject, NodeDefinition,
    OperationDefinition, Order, OrderMember, PermissionKind, PortMapping, Primitive, Recipient, ResourceDefinition, ResourceSet,
    StorageMapping, Tag, Template, Ticket, TicketMember,
};
pub use document::Cib;
pub use nvset::{NvPair, NvSet, NvSets, Values};
pub use problem::{Level, Problem};
pub use upgrade::{Upgraded, upgrade};
pub use validate::validate;
pub use version::Version;

/// The feature set that documents are written for: the one of Pacemaker 2.1.5, so that a cluster can be taken over
/// from it and handed back.
pub const FEATURE_SET: &str = "3.16.1";
