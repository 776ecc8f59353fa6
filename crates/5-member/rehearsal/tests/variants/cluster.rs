//! Clusters made up from dice: nodes, primitives, groups, clones and constraints, with or without something running.
//!
//! Everything is what a schema allows. What is recorded of operations is what daemons would have recorded.

use super::dice::Dice;
use xml::Element;

/// Makes a cluster up.
pub fn made_up(dice: &mut Dice) -> Element {
    let nodes: Vec<String> = (1..=1 + dice.below(6)).map(|number| format!("node{number}")).collect();
    let mut resources = Element::new("resources");
    let mut known: Vec<String> = Vec::new();
    for number in 0..1 + dice.below(8) {
        let resource = top_level(dice, number, &mut known);
        resources.push(resource);
    }
    if dice.one_in(2) {
        resources.push(primitive(dice, "fence").with("class", "stonith").with("type", "fence_dummy"));
        resources.elements_mut().for_each(|e| {
            if e.attribute("class") == Some("stonith") {
                e.remove("provider");
            }
        });
    }
    let mut status = Element::new("status");
    for (at, name) in nodes.iter().enumerate() {
        status.push(state(dice, at + 1, name, &resources));
    }
    let options = Element::new("cluster_property_set")
        .with("id", "options")
        .with_child(pair("o-1", "stonith-enabled", dice.pick(&["true", "false"])))
        .with_child(pair("o-2", "no-quorum-policy", dice.pick(&["stop", "ignore", "freeze"])));
    let members = nodes.iter().enumerate().map(|(at, name)| Element::new("node").with("id", (at + 1).to_string()).with("uname", name));
    let configuration = Element::new("configuration")
        .with_child(Element::new("crm_config").with_child(options))
        .with_child(Element::new("nodes").with_children(members.collect::<Vec<_>>()))
        .with_child(resources)
        .with_child(constraints(dice, &known, &nodes));
    Element::new("cib")
        .with("crm_feature_set", "3.16.1")
        .with("validate-with", "pacemaker-3.9")
        .with("epoch", "1")
        .with("num_updates", "1")
        .with("admin_epoch", "0")
        .with("have-quorum", if dice.one_in(6) { "0" } else { "1" })
        .with("dc-uuid", "1")
        .with("execution-date", "1782864000")
        .with_child(configuration)
        .with_child(status)
}

/// Returns a named value.
pub fn pair(id: &str, name: &str, value: &str) -> Element {
    Element::new("nvpair").with("id", id).with("name", name).with("value", value)
}

fn primitive(dice: &mut Dice, id: &str) -> Element {
    let mut operations = Element::new("operations");
    if !dice.one_in(4) {
        let monitor = Element::new("op").with("id", format!("{id}-monitor")).with("name", "monitor").with("interval", "10s");
        operations.push(monitor);
    }
    let mut primitive = Element::new("primitive")
        .with("id", id)
        .with("class", "ocf")
        .with("provider", "systole")
        .with("type", "Dummy")
        .with_child(operations);
    if dice.one_in(3) {
        let meta = pair(&format!("{id}-meta-1"), "resource-stickiness", dice.pick(&["0", "1", "100"]));
        primitive.push(Element::new("meta_attributes").with("id", format!("{id}-meta")).with_child(meta));
    }
    primitive
}

fn top_level(dice: &mut Dice, number: usize, known: &mut Vec<String>) -> Element {
    let id = format!("r{number}");
    let group = |dice: &mut Dice, id: &str| {
        let members: Vec<Element> = (0..1 + dice.below(4)).map(|at| primitive(dice, &format!("{id}-m{at}"))).collect();
        Element::new("group").with("id", id).with_children(members)
    };
    match dice.below(6) {
        0..3 => {
            known.push(id.clone());
            primitive(dice, &id)
        }
        3 => {
            known.push(id.clone());
            group(dice, &id)
        }
        kind => {
            let clone = format!("{id}-clone");
            known.push(clone.clone());
            let mut meta = Element::new("meta_attributes").with("id", format!("{clone}-meta"));
            let choices: [(&str, &[&str]); 3] =
                [("interleave", &["true", "false"]), ("notify", &["true", "false"]), ("clone-max", &["1", "2", "3"])];
            for (name, values) in choices {
                if dice.one_in(2) {
                    meta.push(pair(&format!("{clone}-{name}"), name, dice.pick(values)));
                }
            }
            if kind == 5 {
                meta.push(pair(&format!("{clone}-promotable"), "promotable", "true"));
            }
            let inner = if dice.one_in(4) { group(dice, &id) } else { primitive(dice, &id) };
            Element::new("clone").with("id", clone).with_child(meta).with_child(inner)
        }
    }
}

fn constraints(dice: &mut Dice, known: &[String], nodes: &[String]) -> Element {
    let mut constraints = Element::new("constraints");
    for number in 0..dice.below(5) {
        let id = format!("location-{number}");
        let (Some(resource), Some(node)) = (dice.one_of(known), dice.one_of(nodes)) else { break };
        let score = dice.pick(&["100", "INFINITY", "-INFINITY", "-10", "1"]);
        constraints.push(Element::new("rsc_location").with("id", id).with("rsc", resource).with("node", node).with("score", score));
    }
    for number in 0..dice.below(5) {
        let (Some(one), Some(other)) = (dice.one_of(known), dice.one_of(known)) else { break };
        // A later one never depends on an earlier one the other way round.
        if one >= other {
            continue;
        }
        constraints.push(match dice.below(2) {
            0 => Element::new("rsc_colocation")
                .with("id", format!("colocation-{number}"))
                .with("rsc", other)
                .with("with-rsc", one)
                .with("score", dice.pick(&["INFINITY", "100", "-INFINITY"])),
            _ => Element::new("rsc_order")
                .with("id", format!("order-{number}"))
                .with("first", one)
                .with("then", other)
                .with("kind", dice.pick(&["Mandatory", "Optional"])),
        });
    }
    constraints
}

fn state(dice: &mut Dice, id: usize, name: &str, resources: &Element) -> Element {
    let is_gone = dice.one_in(8);
    let (in_ccm, crmd, join) = if is_gone { ("false", "offline", "down") } else { ("true", "online", "member") };
    let mut histories = Element::new("lrm_resources");
    for resource in resources.elements() {
        // All members of a group, or none: one of them alone never came about by itself.
        let runs = if resource.name == "clone" { dice.one_in(2) } else { id == 1 && dice.one_in(2) };
        if dice.one_in(6) {
            continue;
        }
        for primitive in resource.descendants().filter(|e| e.name == "primitive") {
            histories.push(history(primitive, name, runs));
        }
    }
    let lrm = Element::new("lrm").with("id", id.to_string()).with_child(histories);
    Element::new("node_state")
        .with("id", id.to_string())
        .with("uname", name)
        .with("in_ccm", in_ccm)
        .with("crmd", crmd)
        .with("join", join)
        .with("expected", if is_gone && dice.one_in(2) { "down" } else { "member" })
        .with_child(lrm)
}

fn history(primitive: &Element, node: &str, runs: bool) -> Element {
    let id = primitive.id().unwrap_or_default();
    let (operation, code) = if runs { ("start", "0") } else { ("monitor", "7") };
    let key = format!("1:1:{code}:00000000-0000-0000-0000-000000000001");
    let result = Element::new("lrm_rsc_op")
        .with("id", format!("{id}_last_0"))
        .with("operation_key", format!("{id}_{operation}_0"))
        .with("operation", operation)
        .with("crm_feature_set", "3.16.1")
        .with("transition-key", &key)
        .with("transition-magic", format!("0:{code};{key}"))
        .with("call-id", "5")
        .with("rc-code", code)
        .with("op-status", "0")
        .with("interval", "0")
        // Of no parameters at all.
        .with("op-digest", "f2317cad3d54cec5d7d7aa7d0bf35cf8")
        .with("last-rc-change", "1782860000")
        .with("on_node", node);
    let mut history = Element::new("lrm_resource").with("id", id);
    for name in ["class", "provider", "type"] {
        if let Some(value) = primitive.attribute(name) {
            history.set(name, value);
        }
    }
    history.with_child(result)
}
