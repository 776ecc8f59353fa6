//! Clusters made up with everything that a configuration may have: roles, unique instances, bundles, tickets, utilization, rules,
//! remote and guest nodes, sets, live migration, and operations that failed or are under way.
//!
//! Everything is what a schema allows. A later resource may depend on an earlier one, never the other way round: no circle
//! comes from the configuration.

use super::cluster::{made_up, pair};
use super::dice::Dice;
use xml::Element;

/// One kind of thing that is added to a cluster.
type Addition = fn(&mut Element, &mut Dice);

/// What may be added, by name.
pub const ADDITIONS: &[(&str, Addition)] = &[
    ("promotion", promotion),
    ("unique", unique),
    ("bundle", bundle),
    ("ticket", ticket),
    ("utilization", utilization),
    ("rule", rule),
    ("remote", remote),
    ("guest", guest),
    ("sets", sets),
    ("migration", migration),
    ("failure", failure),
    ("pending", pending),
    ("standby", standby),
    ("maintenance", maintenance),
    ("health", health),
    ("template", template),
    ("group-kind", group_kind),
    ("priority", priority),
    ("target-role", target_role),
    ("promoted-order", promoted_order),
    ("fence-levels", fence_levels),
];

/// Makes a cluster up and adds some of everything; returns what was added.
pub fn made_up_richly(dice: &mut Dice) -> (Element, Vec<&'static str>) {
    let mut cib = made_up(dice);
    let mut added = Vec::new();
    for _ in 0..1 + dice.below(5) {
        let (name, add) = ADDITIONS[dice.below(ADDITIONS.len())];
        if !added.contains(&name) {
            add(&mut cib, dice);
            added.push(name);
        }
    }
    (cib, added)
}

fn section<'c>(cib: &'c mut Element, name: &str) -> &'c mut Element {
    cib.child_or_new("configuration").child_or_new(name)
}

fn set_option(cib: &mut Element, name: &str, value: &str) {
    let options = section(cib, "crm_config").child_or_new("cluster_property_set");
    options.remove_child("nvpair", Some(&format!("o-{name}")));
    options.push(pair(&format!("o-{name}"), name, value));
}

/// Returns the ids of resources of these elements at the top, in order.
fn tops(cib: &Element, elements: &[&str]) -> Vec<String> {
    let resources = cib.descend(&["configuration", "resources"]);
    let all = resources.into_iter().flat_map(Element::elements).filter(|e| elements.contains(&e.name.as_str()) && !is_special(e));
    all.filter_map(|e| e.id().map(str::to_owned)).collect()
}

fn is_special(element: &Element) -> bool {
    element.attribute("class") == Some("stonith") || element.attribute("type") == Some("remote") || element.id() == Some("a-machine")
}

fn resource<'c>(cib: &'c mut Element, id: &str) -> Option<&'c mut Element> {
    cib.descend_mut(&["configuration", "resources"])?.find_by_id_mut(id)
}

fn set_meta(cib: &mut Element, id: &str, name: &str, value: &str) {
    let Some(element) = resource(cib, id) else { return };
    let set_id = format!("{id}-meta");
    if element.child("meta_attributes").is_none() {
        element.push(Element::new("meta_attributes").with("id", &set_id));
    }
    let pair_id = format!("{id}-meta-{name}");
    if let Some(set) = element.child_mut("meta_attributes") {
        set.children.retain(|child| child.as_element().is_none_or(|e| e.attribute("name") != Some(name)));
        set.push(pair(&pair_id, name, value));
    }
}

/// Sets a transient attribute of a node that has a state.
fn set_transient(state: &mut Element, name: &str, value: &str) {
    let node = state.id().unwrap_or_default().to_owned();
    if state.child("transient_attributes").is_none() {
        let set = Element::new("instance_attributes").with("id", format!("status-{node}"));
        state.push(Element::new("transient_attributes").with("id", &node).with_child(set));
    }
    let id = format!("status-{node}-{}", name.replace(['#', ':'], "."));
    if let Some(set) = state.descend_mut(&["transient_attributes", "instance_attributes"]) {
        set.remove_child("nvpair", Some(&id));
        set.push(pair(&id, name, value));
    }
}

fn states(cib: &mut Element) -> impl Iterator<Item = &mut Element> {
    cib.child_mut("status").into_iter().flat_map(|status| status.elements_mut()).filter(|e| e.name == "node_state")
}

fn add_constraint(cib: &mut Element, constraint: Element) {
    section(cib, "constraints").push(constraint);
}

/// Promotable clones with scores, and some nodes where they are promoted.
fn promotion(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["clone"]) {
        set_meta(cib, &id, "promotable", "true");
        if dice.one_in(2) {
            set_meta(cib, &id, "promoted-max", dice.pick(&["1", "2"]));
        }
        let inner = resource(cib, &id)
            .and_then(|clone| clone.descendants().find(|e| e.name == "primitive").and_then(Element::id).map(str::to_owned));
        let Some(inner) = inner else { continue };
        for state in states(cib) {
            if !dice.one_in(3) {
                set_transient(state, &format!("master-{inner}"), dice.pick(&["5", "10", "100", "-1"]));
            }
        }
    }
}

/// Clones whose instances are told apart.
fn unique(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["clone"]) {
        set_meta(cib, &id, "globally-unique", "true");
        set_meta(cib, &id, "clone-node-max", dice.pick(&["1", "2"]));
    }
}

fn bundle(cib: &mut Element, dice: &mut Dice) {
    let network = Element::new("network")
        .with("control-port", "3121")
        .with("ip-range-start", "192.0.2.10")
        .with_child(Element::new("port-mapping").with("id", "bundle-port").with("port", "80"));
    let mut bundle = Element::new("bundle")
        .with("id", "box")
        .with_child(Element::new("podman").with("image", "box:latest").with("replicas", dice.pick(&["1", "2", "3"])));
    if dice.one_in(2) {
        bundle.push(network);
        bundle.push(Element::new("primitive").with("id", "inside").with("class", "ocf").with("provider", "systole").with("type", "Dummy"));
    }
    section(cib, "resources").push(bundle);
}

fn ticket(cib: &mut Element, dice: &mut Dice) {
    for (number, id) in tops(cib, &["primitive", "group", "clone"]).into_iter().enumerate() {
        if dice.one_in(2) {
            let policy = dice.pick(&["stop", "demote", "fence", "freeze"]);
            let demand = Element::new("rsc_ticket").with("id", format!("ticket-{number}")).with("rsc", id).with("ticket", "T");
            add_constraint(cib, demand.with("loss-policy", policy));
        }
    }
    if !dice.one_in(3) {
        let state =
            Element::new("ticket_state").with("id", "T").with("granted", dice.pick(&["true", "false"])).with("last-granted", "1782860000");
        cib.child_or_new("status").push(Element::new("tickets").with_child(state));
    }
}

fn utilization(cib: &mut Element, dice: &mut Dice) {
    set_option(cib, "placement-strategy", dice.pick(&["utilization", "balanced", "minimal"]));
    for node in section(cib, "nodes").elements_mut() {
        let id = format!("{}-utilization", node.id().unwrap_or_default());
        let memory = pair(&format!("{id}-memory"), "memory", dice.pick(&["1000", "2000", "4000"]));
        node.push(Element::new("utilization").with("id", &id).with_child(memory));
    }
    for id in tops(cib, &["primitive"]) {
        if let Some(element) = resource(cib, &id) {
            let memory = pair(&format!("{id}-memory"), "memory", dice.pick(&["100", "900", "1500"]));
            element.push(Element::new("utilization").with("id", format!("{id}-utilization")).with_child(memory));
        }
    }
}

fn rule(cib: &mut Element, dice: &mut Dice) {
    for state in states(cib) {
        set_transient(state, "pingd", dice.pick(&["0", "100"]));
    }
    for (number, id) in tops(cib, &["primitive", "group", "clone"]).into_iter().enumerate() {
        let condition = match dice.below(3) {
            0 => Element::new("expression").with("attribute", "pingd").with("operation", dice.pick(&["lt", "gte"])).with("value", "50"),
            1 => Element::new("expression").with("attribute", "#uname").with("operation", dice.pick(&["eq", "ne"])).with("value", "node1"),
            _ => Element::new("date_expression")
                .with("operation", dice.pick(&["gt", "lt"]))
                .with("start", "2026-01-01")
                .with("end", "2026-12-31"),
        };
        let mut rule =
            Element::new("rule").with("id", format!("rule-{number}-rule")).with("score", dice.pick(&["-INFINITY", "100", "-10"]));
        rule.push(condition.with("id", format!("rule-{number}-condition")));
        if dice.one_in(3) {
            rule.set("role", "Promoted");
        }
        add_constraint(cib, Element::new("rsc_location").with("id", format!("rule-{number}")).with("rsc", id).with_child(rule));
    }
}

fn result(id: &str, operation: &str, node: &str, code: &str, expected: &str) -> Element {
    let key = format!("9:1:{expected}:00000000-0000-0000-0000-000000000001");
    Element::new("lrm_rsc_op")
        .with("id", format!("{id}_{operation}_0"))
        .with("operation_key", format!("{id}_{operation}_0"))
        .with("operation", operation)
        .with("crm_feature_set", "3.16.1")
        .with("transition-key", &key)
        .with("transition-magic", format!("0:{code};{key}"))
        .with("call-id", "40")
        .with("rc-code", code)
        .with("op-status", "0")
        .with("interval", "0")
        .with("op-digest", "f2317cad3d54cec5d7d7aa7d0bf35cf8")
        .with("last-rc-change", "1782863000")
        .with("on_node", node)
}

fn remote(cib: &mut Element, dice: &mut Dice) {
    let connection = Element::new("primitive").with("id", "far").with("class", "ocf").with("provider", "pacemaker").with("type", "remote");
    section(cib, "resources").push(connection);
    if dice.one_in(2) {
        return;
    }
    let mut history =
        Element::new("lrm_resource").with("id", "far").with("class", "ocf").with("provider", "pacemaker").with("type", "remote");
    let mut first = true;
    for state in states(cib) {
        let name = state.attribute("uname").unwrap_or_default().to_owned();
        if let Some(histories) = state.descend_mut(&["lrm", "lrm_resources"]).filter(|_| std::mem::take(&mut first)) {
            history.push(result("far", "start", &name, "0", "0"));
            histories.push(history.clone());
        }
    }
    let lrm = Element::new("lrm").with("id", "far").with_child(Element::new("lrm_resources"));
    let state = Element::new("node_state").with("id", "far").with("uname", "far").with("remote_node", "true").with("in_ccm", "true");
    cib.child_or_new("status").push(state.with_child(lrm));
}

/// A machine that is a node itself; it depends on nothing, since what it depends on could run inside it.
fn guest(cib: &mut Element, dice: &mut Dice) {
    let machine = Element::new("primitive").with("id", "a-machine").with("class", "ocf").with("provider", "systole").with("type", "Dummy");
    section(cib, "resources").push(machine);
    set_meta(cib, "a-machine", "remote-node", "inner");
    if dice.one_in(2) {
        set_meta(cib, "a-machine", "allow-migrate", "true");
    }
}

fn sets(cib: &mut Element, dice: &mut Dice) {
    let ids = tops(cib, &["primitive", "group", "clone"]);
    if ids.len() < 2 {
        return;
    }
    let middle = 1 + dice.below(ids.len() - 1);
    let set = |id: &str, members: &[String]| {
        Element::new("resource_set")
            .with("id", id)
            .with_children(members.iter().map(|m| Element::new("resource_ref").with("id", m)).collect::<Vec<_>>())
    };
    if dice.one_in(2) {
        let first = set("set-1", &ids[..middle])
            .with("sequential", dice.pick(&["true", "false"]))
            .with("require-all", dice.pick(&["true", "false"]));
        let order = Element::new("rsc_order").with("id", "sets-order").with("kind", dice.pick(&["Mandatory", "Optional", "Serialize"]));
        add_constraint(cib, order.with_child(first).with_child(set("set-2", &ids[middle..]).with("sequential", "false")));
    } else {
        let colocation = Element::new("rsc_colocation").with("id", "sets-colocation").with("score", dice.pick(&["INFINITY", "50"]));
        let mut later = ids[middle..].to_vec();
        later.reverse();
        add_constraint(cib, colocation.with_child(set("set-3", &later)).with_child(set("set-4", &ids[..middle])));
    }
}

fn migration(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["primitive"]) {
        if !dice.one_in(3) {
            set_meta(cib, &id, "allow-migrate", "true");
        }
        if dice.one_in(2) {
            let location = Element::new("rsc_location").with("id", format!("go-{id}")).with("rsc", &id).with("node", "node2");
            add_constraint(cib, location.with("score", "1000"));
        }
    }
}

/// Some results failed, and are counted.
fn failure(cib: &mut Element, dice: &mut Dice) {
    let threshold = dice.pick(&["1", "3", "INFINITY"]);
    let primitives = tops(cib, &["primitive"]);
    for id in &primitives {
        set_meta(cib, id, "migration-threshold", threshold);
    }
    for state in states(cib).filter(|state| !state.has("remote_node")) {
        let name = state.attribute("uname").unwrap_or_default().to_owned();
        let mut failed = Vec::new();
        for history in state.descend_mut(&["lrm", "lrm_resources"]).into_iter().flat_map(Element::elements_mut) {
            let id = history.id().unwrap_or_default().to_owned();
            if !primitives.contains(&id) || !dice.one_in(2) {
                continue;
            }
            let operation = dice.pick(&["monitor", "start", "stop"]);
            let mut bad = result(&id, operation, &name, dice.pick(&["1", "5", "7"]), "0");
            bad.set("id", format!("{id}_last_failure_0"));
            history.push(bad);
            failed.push((id, operation));
        }
        for (id, operation) in failed {
            set_transient(state, &format!("fail-count-{id}#{operation}_0"), dice.pick(&["1", "3", "INFINITY"]));
            set_transient(state, &format!("last-failure-{id}#{operation}_0"), "1782863000");
        }
    }
}

/// Some operations are under way: at most one of a resource, and such that its daemon could have been told to do it.
fn pending(cib: &mut Element, dice: &mut Dice) {
    let is_active = |history: &Element| history.elements().any(|op| op.attribute("operation") == Some("start"));
    let mut active = Vec::new();
    for state in states(cib) {
        let histories = state.descend(&["lrm", "lrm_resources"]);
        active
            .extend(histories.into_iter().flat_map(Element::elements).filter(|h| is_active(h)).filter_map(Element::id).map(str::to_owned));
    }
    let mut begun = Vec::new();
    for state in states(cib).filter(|state| !state.has("remote_node") && state.attribute("crmd") == Some("online")) {
        let name = state.attribute("uname").unwrap_or_default().to_owned();
        for history in state.descend_mut(&["lrm", "lrm_resources"]).into_iter().flat_map(Element::elements_mut) {
            let id = history.id().unwrap_or_default().to_owned();
            if begun.contains(&id) || !dice.one_in(3) {
                continue;
            }
            let operation = match (is_active(history), active.contains(&id)) {
                (true, _) => "stop",
                (false, true) => continue,
                (false, false) => "start",
            };
            let mut under_way = result(&id, operation, &name, "193", "0");
            // It takes the place of the last one that was not a monitor.
            let last = format!("{id}_last_0");
            history.remove_child("lrm_rsc_op", Some(&last));
            under_way.set("id", &last);
            under_way.set("op-status", "-1");
            under_way.set("call-id", "-1");
            under_way.set("transition-magic", format!("-1:193;{}", under_way.attribute("transition-key").unwrap_or_default()));
            history.push(under_way);
            begun.push(id);
        }
    }
}

fn on_some_nodes(cib: &mut Element, dice: &mut Dice, name: &str, value: &str) {
    for node in section(cib, "nodes").elements_mut() {
        if dice.one_in(3) {
            let id = format!("{}-{name}", node.id().unwrap_or_default());
            node.push(Element::new("instance_attributes").with("id", format!("{id}-set")).with_child(pair(&id, name, value)));
        }
    }
}

fn standby(cib: &mut Element, dice: &mut Dice) {
    on_some_nodes(cib, dice, "standby", "on");
}

fn maintenance(cib: &mut Element, dice: &mut Dice) {
    if dice.one_in(4) {
        return set_option(cib, "maintenance-mode", "true");
    }
    on_some_nodes(cib, dice, "maintenance", "true");
}

fn health(cib: &mut Element, dice: &mut Dice) {
    set_option(cib, "node-health-strategy", dice.pick(&["migrate-on-red", "only-green", "progressive", "custom"]));
    for state in states(cib) {
        set_transient(state, "#health-disk", dice.pick(&["green", "yellow", "red"]));
    }
}

/// Primitives of one template, named by constraints.
fn template(cib: &mut Element, dice: &mut Dice) {
    let resources = section(cib, "resources");
    resources.push(Element::new("template").with("id", "kind").with("class", "ocf").with("provider", "systole").with("type", "Dummy"));
    resources.push(Element::new("primitive").with("id", "t1").with("template", "kind"));
    resources.push(Element::new("primitive").with("id", "t2").with("template", "kind"));
    let location = Element::new("rsc_location").with("id", "template-location").with("rsc", "kind").with("node", "node1");
    add_constraint(cib, location.with("score", dice.pick(&["100", "-INFINITY"])));
}

fn group_kind(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["group"]) {
        set_meta(cib, &id, dice.pick(&["ordered", "collocated"]), "false");
    }
}

fn priority(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["primitive", "group", "clone"]) {
        set_meta(cib, &id, "priority", dice.pick(&["0", "5", "100"]));
    }
    set_option(cib, "priority-fencing-delay", "10s");
}

fn target_role(cib: &mut Element, dice: &mut Dice) {
    for id in tops(cib, &["primitive", "group", "clone"]) {
        if dice.one_in(3) {
            set_meta(cib, &id, "target-role", dice.pick(&["Stopped", "Started", "Unpromoted"]));
        }
    }
}

/// Something runs only where, and after, something earlier is promoted.
fn promoted_order(cib: &mut Element, dice: &mut Dice) {
    let (clones, others) = (tops(cib, &["clone"]), tops(cib, &["primitive", "group"]));
    let (Some(first), Some(then)) = (dice.one_of(&clones), dice.one_of(&others)) else { return };
    set_meta(cib, &first, "promotable", "true");
    // Earlier ones never depend on later ones: see the others' orders.
    if first > then {
        return;
    }
    let order = Element::new("rsc_order").with("id", "promoted-order").with("first", &first).with("first-action", "promote");
    add_constraint(cib, order.with("then", &then).with("then-action", "start"));
    let colocation = Element::new("rsc_colocation").with("id", "promoted-colocation").with("rsc", &then).with("with-rsc", &first);
    add_constraint(cib, colocation.with("with-rsc-role", "Promoted").with("score", dice.pick(&["INFINITY", "20"])));
}

fn fence_levels(cib: &mut Element, _dice: &mut Dice) {
    let has_device = cib.descend(&["configuration", "resources"]).is_some_and(|r| r.find_by_id("fence").is_some());
    if !has_device {
        return;
    }
    let level = Element::new("fencing-level").with("id", "level-1").with("target", "node1").with("index", "1").with("devices", "fence");
    section(cib, "fencing-topology").push(level);
}
