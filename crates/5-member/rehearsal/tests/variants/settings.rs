//! Changes an administrator may make: constraints, options, meta-attributes, operations, parameters, nodes.

use super::dice::Dice;
use super::{any, fresh_id, is_resource, names, node_names, paths, primitive_ids, resource_ids, set_pair, take};
use xml::Element;

const SCORES: &[&str] = &["INFINITY", "-INFINITY", "0", "1", "-1", "10", "100", "-100", "500", "5000", "-5000", "1000000"];

const CONSTRAINTS: &[&str] = &["rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"];

const OPTIONS: &[(&str, &[&str])] = &[
    ("symmetric-cluster", &["true", "false"]),
    ("no-quorum-policy", &["stop", "freeze", "ignore", "demote", "suicide"]),
    ("stonith-enabled", &["true", "false"]),
    ("stonith-action", &["reboot", "off"]),
    ("startup-fencing", &["true", "false"]),
    ("concurrent-fencing", &["true", "false"]),
    ("priority-fencing-delay", &["0", "15s"]),
    ("maintenance-mode", &["true", "false"]),
    ("stop-all-resources", &["true", "false"]),
    ("stop-orphan-resources", &["true", "false"]),
    ("stop-orphan-actions", &["true", "false"]),
    ("start-failure-is-fatal", &["true", "false"]),
    ("enable-startup-probes", &["true", "false"]),
    ("shutdown-lock", &["true", "false"]),
    ("shutdown-lock-limit", &["0", "10min"]),
    ("placement-strategy", &["default", "utilization", "minimal", "balanced"]),
    ("node-health-strategy", &["none", "migrate-on-red", "only-green", "progressive"]),
    ("node-health-base", &["0", "-10"]),
    ("node-health-red", &["-INFINITY", "-100"]),
    ("migration-limit", &["-1", "1"]),
    ("node-pending-timeout", &["0", "2h"]),
    ("cluster-recheck-interval", &["0", "5min"]),
    ("have-watchdog", &["true", "false"]),
    ("stonith-watchdog-timeout", &["0", "10s"]),
];

const META: &[(&str, &[&str])] = &[
    ("target-role", &["Started", "Stopped", "Master", "Slave", "Promoted", "Unpromoted"]),
    ("is-managed", &["true", "false"]),
    ("maintenance", &["true", "false"]),
    ("resource-stickiness", &["0", "1", "100", "INFINITY", "-1", "-100", "-INFINITY"]),
    ("migration-threshold", &["0", "1", "2", "3", "INFINITY"]),
    ("failure-timeout", &["0", "10s", "1h", "1000d"]),
    ("priority", &["0", "1", "10", "-1", "INFINITY"]),
    ("multiple-active", &["stop_start", "stop_only", "block", "stop_unexpected"]),
    ("requires", &["nothing", "quorum", "fencing", "unfencing"]),
    ("allow-migrate", &["true", "false"]),
    ("critical", &["true", "false"]),
    ("clone-max", &["0", "1", "2", "3", "5"]),
    ("clone-node-max", &["0", "1", "2"]),
    ("clone-min", &["0", "1", "2"]),
    ("interleave", &["true", "false"]),
    ("ordered", &["true", "false"]),
    ("notify", &["true", "false"]),
    ("globally-unique", &["true", "false"]),
    ("promotable", &["true", "false"]),
    ("promoted-max", &["0", "1", "2"]),
    ("promoted-node-max", &["1", "2"]),
    ("master-max", &["1", "2"]),
    ("allow-unhealthy-nodes", &["true", "false"]),
    ("resource-discovery-enabled", &["true", "false"]),
    ("container-attribute-target", &["host"]),
];

const OPERATIONS: &[(&str, &[&str])] = &[
    ("on-fail", &["ignore", "block", "stop", "restart", "standby", "fence", "demote", "restart-container"]),
    ("timeout", &["0", "5s", "20", "300s"]),
    ("interval", &["0", "10", "15s", "60s"]),
    ("enabled", &["true", "false"]),
    ("record-pending", &["true", "false"]),
    ("start-delay", &["0", "15s"]),
    ("role", &["Started", "Stopped", "Master", "Slave"]),
    ("name", &["monitor", "start", "stop", "promote", "demote", "notify", "migrate_to"]),
];

fn is_constraint(element: &Element) -> bool {
    CONSTRAINTS.contains(&element.name.as_str())
}

pub fn change_score(cib: &mut Element, dice: &mut Dice) -> bool {
    let score = dice.pick(SCORES);
    let is_scored = |e: &Element| e.has("score") && (is_constraint(e) || matches!(e.name.as_str(), "rule" | "resource_set"));
    any(cib, dice, &is_scored).map(|found| found.set("score", score)).is_some()
}

pub fn drop_constraint(cib: &mut Element, dice: &mut Dice) -> bool {
    take(cib, dice, &is_constraint).is_some()
}

fn add_constraint(cib: &mut Element, constraint: Element) -> bool {
    let Some(configuration) = cib.child_mut("configuration") else { return false };
    let Some(constraints) = configuration.child_mut("constraints") else { return false };
    constraints.push(constraint);
    true
}

pub fn add_location(cib: &mut Element, dice: &mut Dice) -> bool {
    let (Some(resource), Some(node)) = (dice.one_of(&resource_ids(cib)), dice.one_of(&node_names(cib))) else { return false };
    let id = fresh_id(cib, dice, "location");
    let mut location =
        Element::new("rsc_location").with("id", id).with("rsc", resource).with("node", node).with("score", dice.pick(SCORES));
    if dice.one_in(4) {
        location.set("role", dice.pick(&["Started", "Master", "Slave", "Stopped"]));
    }
    if dice.one_in(4) {
        location.set("resource-discovery", dice.pick(&["never", "exclusive", "always"]));
    }
    add_constraint(cib, location)
}

/// Returns two resources of which neither is known to hold the other.
fn two_resources(cib: &Element, dice: &mut Dice) -> Option<(String, String)> {
    let ids = resource_ids(cib);
    let (one, other) = (dice.one_of(&ids)?, dice.one_of(&ids)?);
    (one != other).then_some((one, other))
}

pub fn add_colocation(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some((one, other)) = two_resources(cib, dice) else { return false };
    let id = fresh_id(cib, dice, "colocation");
    let mut colocation =
        Element::new("rsc_colocation").with("id", id).with("rsc", one).with("with-rsc", other).with("score", dice.pick(SCORES));
    if dice.one_in(4) {
        colocation.set("rsc-role", dice.pick(&["Started", "Master", "Slave"]));
    }
    if dice.one_in(4) {
        colocation.set("with-rsc-role", dice.pick(&["Started", "Master", "Slave"]));
    }
    if dice.one_in(8) {
        colocation.set("influence", dice.pick(&["true", "false"]));
    }
    if dice.one_in(10) {
        colocation.set("node-attribute", dice.pick(&["#site-name", "#kind", "site", "#id"]));
    }
    add_constraint(cib, colocation)
}

pub fn add_order(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some((first, then)) = two_resources(cib, dice) else { return false };
    let id = fresh_id(cib, dice, "order");
    let mut order = Element::new("rsc_order").with("id", id).with("first", first).with("then", then);
    if dice.one_in(2) {
        order.set("kind", dice.pick(&["Optional", "Mandatory", "Serialize"]));
    }
    if dice.one_in(3) {
        order.set("first-action", dice.pick(&["start", "stop", "promote", "demote"]));
    }
    if dice.one_in(3) {
        order.set("then-action", dice.pick(&["start", "stop", "promote", "demote"]));
    }
    if dice.one_in(4) {
        order.set("symmetrical", dice.pick(&["true", "false"]));
    }
    if dice.one_in(8) {
        order.set("require-all", dice.pick(&["true", "false"]));
    }
    add_constraint(cib, order)
}

pub fn change_constraint_attribute(cib: &mut Element, dice: &mut Dice) -> bool {
    let nodes = node_names(cib);
    let resources = resource_ids(cib);
    let choice = dice.below(1_000);
    let score = dice.pick(SCORES);
    let Some(resource) = dice.one_of(&resources) else { return false };
    let node = dice.one_of(&nodes);
    let Some(found) = any(cib, dice, &|e| is_constraint(e) || e.name == "resource_set") else { return false };
    match (found.name.as_str(), choice % 4) {
        ("rsc_location", 0) if found.has("node") => {
            let Some(node) = node else { return false };
            found.set("node", node);
        }
        ("rsc_location", 1) if found.has("rsc") => found.set("rsc", resource),
        ("rsc_location", _) if found.has("score") => found.set("score", score),
        ("rsc_colocation", 0) if found.has("rsc") => {
            let (one, other) =
                (found.attribute("rsc").unwrap_or_default().to_owned(), found.attribute("with-rsc").unwrap_or_default().to_owned());
            found.set("rsc", other);
            found.set("with-rsc", one);
        }
        ("rsc_colocation", 1) if found.has("rsc") => found.set("with-rsc", resource),
        ("rsc_colocation", 2) if found.has("rsc") => {
            found.set("rsc-role", ["Started", "Master", "Slave"][choice % 3]);
        }
        ("rsc_order", 0) if found.has("first") => {
            let (one, other) =
                (found.attribute("first").unwrap_or_default().to_owned(), found.attribute("then").unwrap_or_default().to_owned());
            found.set("first", other);
            found.set("then", one);
        }
        ("rsc_order", 1) => {
            found.remove("score");
            found.set("kind", ["Optional", "Mandatory", "Serialize"][choice % 3]);
        }
        ("rsc_order", 2) if !found.has("kind") || found.attribute("kind") == Some("Mandatory") => {
            found.set("symmetrical", ["true", "false"][choice / 4 % 2]);
        }
        ("rsc_order", _) if found.has("first") => {
            found.set("then-action", ["start", "stop", "promote", "demote"][choice % 4]);
        }
        ("rsc_ticket", _) => found.set("loss-policy", ["stop", "demote", "fence", "freeze"][choice % 4]),
        ("resource_set", 0) => found.set("sequential", ["true", "false"][choice / 4 % 2]),
        ("resource_set", 1) => found.set("require-all", ["true", "false"][choice / 4 % 2]),
        _ => return false,
    }
    true
}

pub fn set_option(cib: &mut Element, dice: &mut Dice) -> bool {
    let (name, values) = OPTIONS[dice.below(OPTIONS.len())];
    let value = dice.pick(values);
    let known: Vec<Vec<usize>> = paths(cib, &|e| e.name == "nvpair" && e.attribute("name") == Some(name));
    // Newer inputs say "fencing" where older ones said "stonith".
    let newer = name.replace("stonith", "fencing");
    let is_newer = !paths(cib, &|e| e.name == "nvpair" && e.attribute("name") == Some(&newer)).is_empty();
    let name = if is_newer && known.is_empty() { newer.as_str() } else { name };
    let Some(path) = paths(cib, &|e| e.name == "crm_config").into_iter().next() else { return false };
    set_pair(cib, &path, "cluster_property_set", &[], (name, value), dice)
}

pub fn set_meta(cib: &mut Element, dice: &mut Dice) -> bool {
    let (name, values) = META[dice.below(META.len())];
    let value = dice.pick(values);
    let is_of_clone = ["clone", "promot", "master", "interleave", "ordered", "notify", "globally"].iter().any(|w| name.contains(w));
    let fits = |e: &Element| {
        is_resource(e)
            && e.name != "bundle"
            && (!is_of_clone || matches!(e.name.as_str(), "clone" | "master") || (name == "ordered" && e.name == "group"))
    };
    let Some(path) = dice.one_of(&paths(cib, &fits)) else { return false };
    set_pair(
        cib,
        &path,
        "meta_attributes",
        &["operations", "instance_attributes", "utilization", "primitive", "group"],
        (name, value),
        dice,
    )
}

pub fn set_operation(cib: &mut Element, dice: &mut Dice) -> bool {
    let (name, values) = OPERATIONS[dice.below(OPERATIONS.len())];
    let value = dice.pick(values);
    if dice.one_in(5) {
        let id = fresh_id(cib, dice, "op");
        let interval = dice.pick(&["11s", "12s", "0"]);
        let kind = if interval == "0" { dice.pick(&["start", "stop", "promote", "demote"]) } else { "monitor" };
        let mut operation = Element::new("op").with("id", id).with("name", kind).with("interval", interval);
        if name != "name" && name != "interval" {
            operation.set(name, value);
        }
        return any(cib, dice, &|e| e.name == "operations" && !e.has("id-ref")).map(|found| found.push(operation)).is_some();
    }
    any(cib, dice, &|e| e.name == "op" && e.has("name")).map(|found| found.set(name, value)).is_some()
}

pub fn drop_resource(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(id) = dice.one_of(&resource_ids(cib)) else { return false };
    let is_last_of_its_parent = |e: &Element| {
        matches!(e.name.as_str(), "group" | "clone" | "master")
            && e.elements().filter(|c| is_resource(c)).count() == 1
            && e.elements().any(|c| c.id() == Some(&id))
    };
    if !paths(cib, &is_last_of_its_parent).is_empty() {
        return false;
    }
    let gone: Vec<String> = cib
        .find_by_id(&id)
        .map(|e| e.descendants().filter(|e| is_resource(e)).filter_map(Element::id).map(str::to_owned).collect())
        .unwrap_or_default();
    let names_it = |e: &Element| {
        let names = ["rsc", "with-rsc", "first", "then"].iter().filter_map(|name| e.attribute(name));
        is_constraint(e) && (names.into_iter().any(|n| gone.iter().any(|g| g == n) || n == id))
            || e.name == "resource_ref" && gone.iter().any(|g| e.id() == Some(g))
            || e.name == "obj_ref"
    };
    // Constraints must not name what is not there; sets keep at least one resource.
    if !paths(cib, &|e| e.name == "resource_ref" && names_it(e)).is_empty() || !paths(cib, &|e| e.name == "obj_ref").is_empty() {
        return false;
    }
    while take(cib, dice, &names_it).is_some() {}
    take(cib, dice, &|e| is_resource(e) && e.id() == Some(&id)).is_some()
}

pub fn swap_resources(cib: &mut Element, dice: &mut Dice) -> bool {
    let holds_several =
        |e: &Element| matches!(e.name.as_str(), "group" | "resources") && e.elements().filter(|c| is_resource(c)).count() > 1;
    let throws = (dice.below(1_000), dice.below(1_000));
    let Some(holder) = any(cib, dice, &holds_several) else { return false };
    let places: Vec<usize> = (0..holder.children.len()).filter(|at| holder.children[*at].as_element().is_some_and(is_resource)).collect();
    let (one, other) = (places[throws.0 % places.len()], places[throws.1 % places.len()]);
    holder.children.swap(one, other);
    one != other
}

pub fn drop_pair(cib: &mut Element, dice: &mut Dice) -> bool {
    take(cib, dice, &|e| e.name == "nvpair" && e.has("value") && e.attribute("name") != Some("dc-version")).is_some()
}

pub fn change_parameter(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(path) = dice.one_of(&paths(cib, &|e| e.name == "primitive")) else { return false };
    let name = dice.pick(&["fake", "passwd", "state", "ip"]);
    let value = format!("variant{}", dice.below(9));
    set_pair(cib, &path, "instance_attributes", &["operations", "meta_attributes", "utilization"], (name, &value), dice)
}

pub fn set_utilization(cib: &mut Element, dice: &mut Dice) -> bool {
    let of_node = dice.one_in(2);
    let wanted = if of_node { "node" } else { "primitive" };
    let Some(path) = dice.one_of(&paths(cib, &|e| e.name == wanted && (!of_node || e.has("uname")))) else { return false };
    let (name, value) = (dice.pick(&["cpu", "memory"]), dice.pick(&["1", "2", "4", "8", "1024"]));
    set_pair(cib, &path, "utilization", &[], (name, value), dice)
}

pub fn set_node_attribute(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(path) = dice.one_of(&paths(cib, &|e| e.name == "node" && e.has("uname"))) else { return false };
    let (name, values): (&str, &[&str]) = match dice.below(8) {
        0..4 => ("standby", &["on", "true", "off"]),
        4..6 => ("maintenance", &["true", "false"]),
        6 => ("#health-cpu", &["red", "yellow", "green", "-100", "5"]),
        _ => ("site", &["a", "b"]),
    };
    set_pair(cib, &path, "instance_attributes", &["utilization"], (name, dice.pick(values)), dice)
}

pub fn drop_node(cib: &mut Element, dice: &mut Dice) -> bool {
    let nodes = node_names(cib);
    if nodes.len() < 2 || primitive_ids(cib).is_empty() {
        return false;
    }
    let Some(name) = dice.one_of(&nodes) else { return false };
    let kept_status = dice.one_in(2);
    if !kept_status {
        take(cib, dice, &|e| e.name == "node_state" && e.attribute("uname") == Some(&name));
    }
    let _ = names;
    take(cib, dice, &|e| e.name == "node" && e.attribute("uname") == Some(&name)).is_some()
}
