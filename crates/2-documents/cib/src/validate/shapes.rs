//! What each element may have: the union of all schema versions.

use super::values::Kind;

/// An element's attributes and children.
pub(super) struct Shape {
    pub name: &'static str,
    pub attributes: &'static [(&'static str, Kind, Need)],
    pub children: &'static [&'static str],
}

/// Whether an attribute must be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    Required,
    Optional,
}

use Kind::{Boolean, Devices, Id, IdRef, Integer, NonNegative, OneOf, Positive, Range, Score, Text};
use Need::{Optional, Required};

const ROLES: Kind = OneOf(&["Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"]);
const ACTIONS: Kind = OneOf(&["start", "promote", "demote", "stop"]);
const KINDS: Kind = OneOf(&["Optional", "Mandatory", "Serialize"]);

const ID: (&str, Kind, Need) = ("id", Id, Required);
const DESCRIPTION: (&str, Kind, Need) = ("description", Text, Optional);
const SET: &[(&str, Kind, Need)] = &[ID, ("id-ref", IdRef, Optional), ("score", Score, Optional)];
const PAIRS: &[&str] = &["rule", "nvpair", "attributes"];
const CONTAINER: &[(&str, Kind, Need)] = &[
    ("image", Text, Required),
    ("replicas", Integer, Optional),
    ("replicas-per-host", Integer, Optional),
    ("masters", Integer, Optional),
    ("promoted-max", Integer, Optional),
    ("run-command", Text, Optional),
    ("network", Text, Optional),
    ("options", Text, Optional),
];
const OLD_ACL: &[(&str, Kind, Need)] =
    &[ID, ("tag", Text, Optional), ("ref", IdRef, Optional), ("xpath", Text, Optional), ("attribute", Text, Optional)];
const AGENT: &[(&str, Kind, Need)] = &[
    ID,
    ("class", OneOf(&["ocf", "lsb", "heartbeat", "stonith", "service", "systemd", "upstart", "nagios"]), Optional),
    ("provider", Text, Optional),
    ("type", Text, Optional),
    ("template", IdRef, Optional),
    DESCRIPTION,
];
const RESOURCE_PARTS: &[&str] = &["instance_attributes", "meta_attributes", "utilization", "operations"];

macro_rules! shapes {
    ($($name:literal $attributes:expr, $children:expr;)*) => {
        static SHAPES: &[Shape] = &[$(Shape { name: $name, attributes: $attributes, children: $children },)*];
    };
}

/// The root, whose status section may hold anything.
pub(super) static CIB: Shape = Shape {
    name: "cib",
    attributes: &[
        ("validate-with", Text, Required),
        ("admin_epoch", NonNegative, Required),
        ("epoch", NonNegative, Required),
        ("num_updates", NonNegative, Required),
        ("crm_feature_set", Text, Optional),
        ("remote-tls-port", NonNegative, Optional),
        ("remote-clear-port", NonNegative, Optional),
        ("have-quorum", Boolean, Optional),
        ("dc-uuid", Text, Optional),
        ("cib-last-written", Text, Optional),
        ("no-quorum-panic", Boolean, Optional),
        ("update-origin", Text, Optional),
        ("update-client", Text, Optional),
        ("update-user", Text, Optional),
        ("execution-date", Text, Optional),
    ],
    children: &["configuration", "status"],
};

shapes! {
    "configuration" &[], &["crm_config", "rsc_defaults", "op_defaults", "nodes", "resources", "constraints", "acls", "tags", "alerts", "fencing-topology"];
    "crm_config" &[], &["cluster_property_set"];
    "rsc_defaults" &[], &["meta_attributes"];
    "op_defaults" &[], &["meta_attributes"];
    "nodes" &[], &["node"];
    "resources" &[], &["primitive", "template", "group", "clone", "master", "bundle"];
    "constraints" &[], &["rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"];
    "acls" &[], &["acl_target", "acl_group", "acl_role", "acl_user"];
    "tags" &[], &["tag"];
    "alerts" &[], &["alert"];
    "fencing-topology" &[], &["fencing-level"];

    "cluster_property_set" SET, PAIRS;
    "instance_attributes" SET, PAIRS;
    "meta_attributes" SET, PAIRS;
    "utilization" SET, PAIRS;
    "attributes" &[], &["nvpair"];
    "nvpair" &[ID, ("id-ref", IdRef, Optional), ("name", Text, Required), ("value", Text, Optional)], &[];

    "rule" &[
        ID, ("id-ref", IdRef, Optional), ("boolean-op", OneOf(&["and", "or"]), Optional), ("role", Text, Optional),
        ("score", Score, Optional), ("score-attribute", Text, Optional),
    ], &["expression", "date_expression", "rsc_expression", "op_expression", "rule"];
    "expression" &[
        ID, ("attribute", Text, Required), ("operation", OneOf(&["lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"]), Required),
        ("value", Text, Optional), ("type", OneOf(&["string", "integer", "number", "version"]), Optional),
        ("value-source", OneOf(&["literal", "param", "meta"]), Optional),
    ], &[];
    "date_expression" &[
        ID, ("operation", OneOf(&["in_range", "gt", "lt", "date_spec"]), Required), ("start", Text, Optional), ("end", Text, Optional),
    ], &["duration", "date_spec"];
    "duration" &[
        ID, ("hours", Text, Optional), ("monthdays", Text, Optional), ("weekdays", Text, Optional), ("yearsdays", Text, Optional),
        ("months", Text, Optional), ("weeks", Text, Optional), ("years", Text, Optional), ("weekyears", Text, Optional),
        ("days", Text, Optional), ("minutes", Text, Optional), ("seconds", Text, Optional), ("moon", Text, Optional),
    ], &[];
    "date_spec" &[
        ID, ("hours", Text, Optional), ("monthdays", Text, Optional), ("weekdays", Text, Optional), ("yeardays", Text, Optional),
        ("yearsdays", Text, Optional), ("months", Text, Optional), ("weeks", Text, Optional), ("years", Text, Optional),
        ("weekyears", Text, Optional), ("minutes", Text, Optional), ("seconds", Text, Optional), ("moon", Text, Optional),
    ], &[];
    "rsc_expression" &[ID, ("class", Text, Optional), ("provider", Text, Optional), ("type", Text, Optional)], &[];
    "op_expression" &[ID, ("name", Text, Required), ("interval", Text, Optional)], &[];

    "node" &[
        ("id", Text, Required), ("uname", Text, Required), ("type", OneOf(&["member", "remote", "normal", "ping"]), Optional),
        DESCRIPTION, ("score", Score, Optional),
    ], &["instance_attributes", "utilization"];

    "primitive" AGENT, RESOURCE_PARTS;
    "template" AGENT, RESOURCE_PARTS;
    "group" &[ID, DESCRIPTION], &["instance_attributes", "meta_attributes", "primitive"];
    "clone" &[ID, DESCRIPTION], &["instance_attributes", "meta_attributes", "primitive", "group"];
    "master" &[ID, DESCRIPTION], &["instance_attributes", "meta_attributes", "primitive", "group"];
    "bundle" &[ID, DESCRIPTION], &["instance_attributes", "meta_attributes", "docker", "podman", "rkt", "network", "storage", "primitive"];
    "docker" CONTAINER, &[];
    "podman" CONTAINER, &[];
    "rkt" CONTAINER, &[];
    "network" &[
        ("ip-range-start", Text, Optional), ("control-port", Integer, Optional), ("host-interface", Text, Optional),
        ("host-netmask", Integer, Optional), ("add-host", Boolean, Optional),
    ], &["port-mapping"];
    "port-mapping" &[ID, ("port", Integer, Optional), ("internal-port", Integer, Optional), ("range", Range, Optional)], &[];
    "storage" &[], &["storage-mapping"];
    "storage-mapping" &[
        ID, ("source-dir", Text, Optional), ("source-dir-root", Text, Optional), ("target-dir", Text, Required), ("options", Text, Optional),
    ], &[];
    "operations" &[("id", Id, Optional), ("id-ref", IdRef, Optional)], &["op"];
    "op" &[
        ID, ("name", Text, Required), ("interval", Text, Required), DESCRIPTION, ("start-delay", Text, Optional),
        ("interval-origin", Text, Optional), ("timeout", Text, Optional), ("enabled", Boolean, Optional),
        ("record-pending", Boolean, Optional), ("role", ROLES, Optional),
        ("requires", OneOf(&["nothing", "quorum", "fencing", "unfencing"]), Optional),
        ("on-fail", OneOf(&["ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container"]), Optional),
    ], &["instance_attributes", "meta_attributes"];

    "rsc_location" &[
        ID, ("rsc", IdRef, Optional), ("rsc-pattern", Text, Optional), ("role", ROLES, Optional), ("node", Text, Optional),
        ("score", Score, Optional), ("resource-discovery", OneOf(&["always", "never", "exclusive"]), Optional),
    ], &["rule", "resource_set", "lifetime"];
    "rsc_colocation" &[
        ID, ("rsc", IdRef, Optional), ("with-rsc", IdRef, Optional), ("score", Score, Optional), ("influence", Text, Optional),
        ("node-attribute", Text, Optional), ("rsc-role", ROLES, Optional), ("with-rsc-role", ROLES, Optional),
        ("score-attribute", Text, Optional), ("score-attribute-mangle", Text, Optional),
        ("rsc-instance", Integer, Optional), ("with-rsc-instance", Integer, Optional),
    ], &["resource_set", "lifetime"];
    "rsc_order" &[
        ID, ("first", IdRef, Optional), ("then", IdRef, Optional), ("first-action", ACTIONS, Optional), ("then-action", ACTIONS, Optional),
        ("kind", KINDS, Optional), ("score", Score, Optional), ("symmetrical", Boolean, Optional), ("require-all", Boolean, Optional),
        ("first-instance", Integer, Optional), ("then-instance", Integer, Optional),
    ], &["resource_set", "lifetime"];
    "rsc_ticket" &[
        ID, ("rsc", IdRef, Optional), ("rsc-role", ROLES, Optional), ("ticket", Text, Required),
        ("loss-policy", OneOf(&["stop", "demote", "fence", "freeze"]), Optional), ("rsc-instance", Integer, Optional),
    ], &["resource_set"];
    "lifetime" &[], &["rule"];
    "resource_set" &[
        ID, ("id-ref", IdRef, Optional), ("sequential", Boolean, Optional), ("require-all", Boolean, Optional),
        ("ordering", OneOf(&["group", "listed"]), Optional), ("action", ACTIONS, Optional), ("role", ROLES, Optional),
        ("score", Score, Optional), ("kind", KINDS, Optional),
    ], &["resource_ref"];
    "resource_ref" &[("id", IdRef, Required)], &[];

    "tag" &[ID], &["obj_ref"];
    "obj_ref" &[("id", Text, Required)], &[];

    "acl_target" &[("id", Text, Required), ("name", Text, Optional)], &["role"];
    "acl_group" &[ID, ("name", Text, Optional)], &["role"];
    "acl_user" &[ID], &["role_ref", "read", "write", "deny"];
    "acl_role" &[ID, DESCRIPTION], &["acl_permission", "read", "write", "deny"];
    "role" &[("id", IdRef, Required)], &[];
    "role_ref" &[("id", IdRef, Required)], &[];
    "acl_permission" &[
        ID, ("kind", OneOf(&["read", "write", "deny"]), Required), ("xpath", Text, Optional), ("reference", IdRef, Optional),
        ("object-type", Text, Optional), ("attribute", Text, Optional), DESCRIPTION,
    ], &[];
    "read" OLD_ACL, &[];
    "write" OLD_ACL, &[];
    "deny" OLD_ACL, &[];

    "fencing-level" &[
        ID, ("target", Text, Optional), ("target-pattern", Text, Optional), ("target-attribute", Text, Optional),
        ("target-value", Text, Optional), ("index", Positive, Required), ("devices", Devices, Required),
    ], &[];

    "alert" &[ID, DESCRIPTION, ("path", Text, Required)], &["instance_attributes", "meta_attributes", "select", "recipient"];
    "recipient" &[ID, DESCRIPTION, ("value", Text, Required)], &["instance_attributes", "meta_attributes"];
    "select" &[], &["select_attributes", "select_fencing", "select_nodes", "select_resources"];
    "select_attributes" &[], &["attribute"];
    "select_fencing" &[], &[];
    "select_nodes" &[], &[];
    "select_resources" &[], &[];
    "attribute" &[ID, ("name", Text, Required)], &[];
}

/// Returns what an element of this name may have.
pub(super) fn of(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

/// Returns the names of the elements that an element of this name belongs into.
pub(super) fn parents_of(name: &str) -> Vec<&'static str> {
    SHAPES.iter().chain([&CIB]).filter(|shape| shape.children.contains(&name)).map(|shape| shape.name).collect()
}

/// Returns whether an element may have only one child of this name.
pub(super) fn is_single(parent: &str, child: &str) -> bool {
    match parent {
        "cib" | "configuration" | "select" | "date_expression" => true,
        "bundle" => !matches!(child, "instance_attributes" | "meta_attributes"),
        "primitive" | "template" => child == "operations",
        "alert" => child == "select",
        _ => child == "lifetime",
    }
}
