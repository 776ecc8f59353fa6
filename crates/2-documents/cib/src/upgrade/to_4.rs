//! 3.10 → 4.0: one form of promotable clones and of location rules; kinds of resources that are gone.

use super::{Fate, rewrite};
use crate::Problem;
use std::collections::BTreeSet;
use xml::{Element, Node};

pub(super) fn upgrade(configuration: &mut Element, notes: &mut Vec<Problem>) {
    ping_nodes(configuration);
    rewrite(configuration, &|e| e.name == "master", &mut |_, e| Fate::Replace(vec![promotable(e)]));
    rewrite(configuration, &|e| e.has("masters") && matches!(e.name.as_str(), "docker" | "podman" | "rkt"), &mut |_, e| {
        let mut new = e.clone();
        for (name, _) in new.attributes.iter_mut().filter(|(name, _)| name == "masters") {
            *name = "promoted-max".into();
        }
        Fate::Replace(vec![new])
    });
    rewrite(configuration, &|e| e.name == "rsc_location" && e.elements_named("rule").count() > 1, &mut |_, e| {
        Fate::Replace(one_rule_each(e))
    });
    lifetimes(configuration, notes);
    options(configuration, notes);
    let is_high =
        |e: &Element| e.name == "fencing-level" && e.attribute("index").and_then(|i| i.trim().parse::<u64>().ok()).is_some_and(|i| i > 9);
    rewrite(configuration, &is_high, &mut |_, e| {
        notes.push(Problem::warning(e, "levels above 9 are ignored"));
        Fate::Drop
    });
    gone_resources(configuration, notes);
}

/// Ping nodes become members that nothing may run on.
fn ping_nodes(configuration: &mut Element) {
    let mut names = Vec::new();
    rewrite(configuration, &|e| e.name == "node" && e.attribute("type") == Some("ping"), &mut |_, node| {
        names.extend(node.attribute("uname").map(str::to_owned));
        Fate::Replace(vec![node.clone().with("type", "member")])
    });
    for name in names {
        let ban = Element::new("rsc_location")
            .with("id", format!("ping-node-ban-{}", crate::edit::sanitized(&name)))
            .with("rsc-pattern", ".*")
            .with("node", &name)
            .with("score", "-INFINITY")
            .with("resource-discovery", "never");
        configuration.child_or_new("constraints").push(ban);
    }
}

fn promotable(master: &Element) -> Element {
    let id = format!("{}-promotable", master.id().unwrap_or_default());
    let option = Element::new("nvpair").with("id", format!("{id}-option")).with("name", "promotable").with("value", "true");
    let set = Element::new("meta_attributes").with("id", id).with("score", "INFINITY").with_child(option);
    let mut clone = Element { name: "clone".into(), ..master.clone() };
    clone.children.insert(0, Node::from(set));
    clone
}

/// Each rule of a location becomes a location of its own, with the same sets.
fn one_rule_each(location: &Element) -> Vec<Element> {
    let id = location.id().unwrap_or_default();
    let with_rule = |(number, rule): (usize, &Element)| {
        let mut new = location.clone().with("id", format!("{id}-{}", number + 1));
        new.children.retain(|node| node.as_element().is_none_or(|e| e.name != "rule"));
        // Ids stay unique: the copies refer to what the first one has.
        if number > 0 {
            for child in new.elements_mut().filter(|e| e.name == "resource_set") {
                if let Some(id) = child.id().map(str::to_owned) {
                    *child = Element::new("resource_set").with("id-ref", id);
                }
            }
        }
        new.push(rule.clone());
        new
    };
    location.elements_named("rule").enumerate().map(with_rule).collect()
}

/// The life of a location becomes a condition beside its rule, or beside its node; others have none any more.
fn lifetimes(configuration: &mut Element, notes: &mut Vec<Problem>) {
    let concerned = |e: &Element| e.name.starts_with("rsc_") && e.child("lifetime").is_some();
    rewrite(configuration, &concerned, &mut |_, constraint| {
        let id = constraint.id().unwrap_or_default();
        let mut new = constraint.clone();
        let rules: Vec<Element> = constraint.elements_named("lifetime").flat_map(|l| l.elements_named("rule")).cloned().collect();
        new.children.retain(|node| node.as_element().is_none_or(|e| e.name != "lifetime"));
        if constraint.name != "rsc_location" {
            notes.push(Problem::warning(
                constraint,
                "the lifetime of this constraint has no meaning any more; the constraint always applies",
            ));
            return Fate::Replace(vec![new]);
        }
        let life = match rules.len() {
            1 => rules,
            _ => vec![Element::new("rule").with("id", format!("{id}-lifetime-or")).with("boolean-op", "or").with_children(rules)],
        };
        let place = match constraint.child("rule") {
            Some(rule) => rule.clone(),
            None => {
                let is_node = Element::new("expression")
                    .with("id", format!("{id}-lifetime-node-expression"))
                    .with("attribute", "#uname")
                    .with("operation", "eq")
                    .with("value", constraint.attribute("node").unwrap_or_default());
                let rule = Element::new("rule").with("id", format!("{id}-lifetime-node"));
                rule.with("score", constraint.attribute("score").unwrap_or("0")).with_child(is_node)
            }
        };
        new.children.retain(|node| node.as_element().is_none_or(|e| e.name != "rule"));
        let mut both = Element::new("rule").with("id", format!("{id}-lifetime-and")).with("boolean-op", "and");
        // The score of the whole is the one that held without the lifetime.
        for name in ["score", "score-attribute", "role"] {
            if let Some(value) = place.attribute(name) {
                both.set(name, value);
            }
        }
        new.remove("node");
        new.remove("score");
        new.push(both.with_child(place).with_children(life));
        Fate::Replace(vec![new])
    });
}

/// Names and values of options that changed or lost their meaning.
fn options(configuration: &mut Element, notes: &mut Vec<Problem>) {
    const CHANGED: [&str; 5] =
        ["crmd-finalization-timeout", "crmd-integration-timeout", "crmd-transition-delay", "remove-after-stop", "stonith-action"];
    const GONE: [&str; 3] = ["restart-type", "can_fail", "role_after_failure"];
    let concerned =
        |e: &Element| e.name == "nvpair" && e.attribute("name").is_some_and(|name| CHANGED.contains(&name) || GONE.contains(&name));
    rewrite(configuration, &concerned, &mut |path, option| {
        let name = option.attribute("name").unwrap_or_default();
        let renamed = |to: &str| Fate::Replace(vec![option.clone().with("name", to)]);
        let owner = path.iter().rev().nth(1).copied().unwrap_or_default();
        let of_operation = matches!(owner, "op" | "op_defaults");
        match (path.last().copied(), name) {
            (Some("cluster_property_set"), "crmd-finalization-timeout") => renamed("join-finalization-timeout"),
            (Some("cluster_property_set"), "crmd-integration-timeout") => renamed("join-integration-timeout"),
            (Some("cluster_property_set"), "crmd-transition-delay") => renamed("transition-delay"),
            (Some("cluster_property_set"), "stonith-action") if option.attribute("value") == Some("poweroff") => {
                Fate::Replace(vec![option.clone().with("value", "off")])
            }
            (Some("cluster_property_set"), "remove-after-stop") => {
                notes.push(Problem::warning(option, "remove-after-stop has no meaning any more"));
                Fate::Drop
            }
            (Some("meta_attributes"), "restart-type") if !of_operation => {
                notes.push(Problem::warning(option, "restart-type has no meaning any more; set the kind of the orderings instead"));
                Fate::Drop
            }
            (Some("meta_attributes"), "can_fail" | "role_after_failure") if of_operation => {
                notes.push(Problem::warning(option, format!("{name} has no meaning any more; set on-fail instead")));
                Fate::Drop
            }
            _ => Fate::Keep,
        }
    });
}

/// Drops resources whose agents nothing runs any more, what would be empty then, and what constraints say of them.
fn gone_resources(configuration: &mut Element, notes: &mut Vec<Problem>) {
    let is_gone_class =
        |e: &Element| e.attribute("class").is_some_and(|c| c.eq_ignore_ascii_case("nagios") || c.eq_ignore_ascii_case("upstart"));
    let Some(resources) = configuration.child("resources") else { return };
    if !resources.descendants().any(|e| is_gone_class(e) || e.name == "rkt") {
        return;
    }
    let templates: BTreeSet<String> =
        resources.elements_named("template").filter(|e| is_gone_class(e)).filter_map(|e| e.id().map(str::to_owned)).collect();
    let is_gone_primitive = |e: &Element| is_gone_class(e) || e.attribute("template").is_some_and(|t| templates.contains(t));
    let is_gone = |e: &Element| match e.name.as_str() {
        "primitive" | "template" => is_gone_primitive(e),
        "group" | "clone" => e.descendants().filter(|e| e.name == "primitive").all(is_gone_primitive),
        "bundle" => e.child("rkt").is_some(),
        _ => false,
    };
    let mut gone: BTreeSet<String> = BTreeSet::new();
    rewrite(configuration, &is_gone, &mut |_, resource| {
        notes.push(Problem::warning(resource, "such resources are not supported any more; it is ignored"));
        gone.extend(
            resource
                .descendants()
                .filter(|e| matches!(e.name.as_str(), "primitive" | "group" | "clone" | "bundle"))
                .filter_map(|e| e.id().map(str::to_owned)),
        );
        Fate::Drop
    });
    let is_named = |e: &Element, names: &[&str]| names.iter().any(|name| e.attribute(name).is_some_and(|id| gone.contains(id)));
    let is_empty = |set: &Element| !set.has("id-ref") && set.elements_named("resource_ref").all(|r| is_named(r, &["id"]));
    let loses = |e: &Element| match e.name.as_str() {
        "resource_ref" => is_named(e, &["id"]),
        "resource_set" => is_empty(e),
        name if name.starts_with("rsc_") => {
            is_named(e, &["rsc", "with-rsc", "first", "then"])
                || (e.child("resource_set").is_some() && e.elements_named("resource_set").all(is_empty))
        }
        _ => false,
    };
    rewrite(configuration, &loses, &mut |_, _| Fate::Drop);
}
