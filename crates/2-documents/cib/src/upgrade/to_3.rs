//! 2.10 → 3.0: old spellings of options, defaults among the cluster options, and options of operations in wrong places.

use super::{Fate, rewrite};
use crate::Problem;
use xml::{Element, Node};

/// Cluster options and what they are called now.
const OPTIONS: [(&str, &str); 12] = [
    ("cluster_recheck_interval", "cluster-recheck-interval"),
    ("dc_deadtime", "dc-deadtime"),
    ("election_timeout", "election-timeout"),
    ("no_quorum_policy", "no-quorum-policy"),
    ("remove_after_stop", "remove-after-stop"),
    ("shutdown_escalation", "shutdown-escalation"),
    ("startup_fencing", "startup-fencing"),
    ("stonith_action", "stonith-action"),
    ("stonith_enabled", "stonith-enabled"),
    ("stop_orphan_actions", "stop-orphan-actions"),
    ("stop_orphan_resources", "stop-orphan-resources"),
    ("transition_idle_timeout", "cluster-delay"),
];

/// One more that would not fit above.
const SYMMETRIC: (&str, &str) = ("symmetric_cluster", "symmetric-cluster");

/// Cluster options that are defaults now: their section and name there.
const DEFAULTS: [(&str, &str, &str); 8] = [
    ("default-action-timeout", "op_defaults", "timeout"),
    ("default_action_timeout", "op_defaults", "timeout"),
    ("default-resource-stickiness", "rsc_defaults", "resource-stickiness"),
    ("default_resource_stickiness", "rsc_defaults", "resource-stickiness"),
    ("is-managed-default", "rsc_defaults", "is-managed"),
    ("is_managed_default", "rsc_defaults", "is-managed"),
    ("default-resource-failure-stickiness", "rsc_defaults", "migration-threshold"),
    ("default_resource_failure_stickiness", "rsc_defaults", "migration-threshold"),
];

/// Cluster options without meaning.
const DROPPED: [&str; 5] =
    ["default-migration-threshold", "default_migration_threshold", "expected-quorum-votes", "notification-agent", "notification-recipient"];

/// Parameters of fencing resources.
const COMMANDS: [(&str, &str); 6] = [
    ("pcmk_list_cmd", "pcmk_list_action"),
    ("pcmk_monitor_cmd", "pcmk_monitor_action"),
    ("pcmk_off_cmd", "pcmk_off_action"),
    ("pcmk_on_cmd", "pcmk_on_action"),
    ("pcmk_reboot_cmd", "pcmk_reboot_action"),
    ("pcmk_status_cmd", "pcmk_status_action"),
];

/// Options of operations that were accepted among their parameters.
const OPERATION_OPTIONS: [&str; 7] = ["interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout"];

pub(super) fn upgrade(configuration: &mut Element, notes: &mut Vec<Problem>) {
    let mut defaults: Vec<(&str, Element)> = Vec::new();
    rewrite(configuration, &|e| e.name == "cluster_property_set", &mut |_, set| cluster_options(set, &mut defaults, notes));
    for (section, set) in defaults {
        // In front, so that defaults given in the new way win.
        configuration.child_or_new(section).children.insert(0, Node::from(set));
    }
    rewrite(configuration, &|e| e.name == "node" && e.attribute("type") == Some("normal"), &mut |_, node| {
        Fate::Replace(vec![node.clone().with("type", "member")])
    });
    rewrite(
        configuration,
        &|e| e.name == "rsc_colocation" && (e.has("score-attribute") || e.has("score-attribute-mangle")),
        &mut |_, e| {
            let mut new = e.clone();
            new.remove("score-attribute");
            new.remove("score-attribute-mangle");
            Fate::Replace(vec![new])
        },
    );
    keep_referred_sets(configuration);
    let is_resource = |e: &Element| matches!(e.name.as_str(), "primitive" | "template") && needs_change(e);
    rewrite(configuration, &is_resource, &mut |_, resource| Fate::Replace(vec![upgraded_resource(resource)]));
}

fn pair<'e>(set: &'e Element, names: &'e [&str]) -> impl Iterator<Item = &'e Element> {
    set.elements_named("nvpair").filter(|e| e.attribute("name").is_some_and(|name| names.contains(&name)))
}

fn cluster_options(set: &Element, defaults: &mut Vec<(&'static str, Element)>, notes: &mut Vec<Problem>) -> Fate {
    let mut new = set.clone();
    let mut moved: Vec<(&'static str, Element)> = Vec::new();
    new.children.retain_mut(|node| {
        let Some(option) = node.as_element().filter(|e| e.name == "nvpair") else { return true };
        let (name, value) = (option.attribute("name").unwrap_or_default(), option.attribute("value").unwrap_or_default());
        if let Some((_, section, to)) = DEFAULTS.iter().find(|(from, ..)| *from == name) {
            let value = match (*to, value) {
                ("migration-threshold", "-INFINITY") => "1",
                ("migration-threshold", _) => {
                    notes.push(Problem::warning(option, format!("{name} has no meaning any more; set migration-threshold instead")));
                    return false;
                }
                (_, value) => value,
            };
            moved.push((section, option.clone().with("name", to).with("value", value)));
            return false;
        }
        if DROPPED.contains(&name) {
            notes.push(Problem::warning(option, format!("{name} has no meaning any more")));
            return false;
        }
        if let Some((_, to)) = OPTIONS.iter().chain([&SYMMETRIC]).find(|(from, _)| *from == name)
            && let Some(option) = node.as_element_mut()
        {
            option.set("name", to);
        }
        true
    });
    for section in ["op_defaults", "rsc_defaults"] {
        let pairs: Vec<Node> = moved.iter().filter(|(to, _)| *to == section).map(|(_, option)| Node::from(option.clone())).collect();
        if pairs.is_empty() {
            continue;
        }
        let mut target = Element::new("meta_attributes").with("id", format!("{section}-of-{}", set.id().unwrap_or_default()));
        if let Some(score) = set.attribute("score") {
            target.set("score", score);
        }
        // The same conditions hold, under an id of their own.
        if let Some(rule) = set.child("rule").and_then(Element::id) {
            target.push(Element::new("rule").with("id-ref", rule));
        }
        defaults.push((section, target.with_children(pairs)));
    }
    if new == *set { Fate::Keep } else { Fate::Replace(vec![new]) }
}

fn needs_change(resource: &Element) -> bool {
    let in_sets = resource.elements().any(|set| {
        pair(
            set,
            &[
                "pcmk_arg_map",
                "resource-failure-stickiness",
                "resource_failure_stickiness",
                "isolation",
                "isolation-host",
                "isolation-instance",
                "isolation-wrapper",
            ],
        )
        .next()
        .is_some()
            || COMMANDS.iter().any(|(from, _)| pair(set, &[from]).next().is_some())
    });
    let operations = || resource.elements_named("operations").flat_map(Element::elements);
    in_sets
        || operations().any(|op| {
            op.has("requires")
                || op.elements().any(|set| {
                    pair(set, &["requires"]).next().is_some()
                        || (set.name == "instance_attributes" && pair(set, &OPERATION_OPTIONS).next().is_some())
                })
        })
}

/// Sets of operations may be parameters of a resource as well, by `id-ref`: those get a copy of their own before the operation's
/// set loses what is no option of operations any more.
fn keep_referred_sets(configuration: &mut Element) {
    let is_losing = |set: &Element| pair(set, &["requires"]).chain(pair(set, &OPERATION_OPTIONS)).next().is_some();
    let operations = configuration.descendants().filter(|e| e.name == "op");
    let losing = operations.flat_map(Element::elements).filter(|set| set.name == "instance_attributes" && is_losing(set));
    let losing: Vec<Element> = losing.cloned().collect();
    let of = |e: &Element| {
        losing.iter().find(|set| e.name == "instance_attributes" && e.attribute("id-ref").is_some_and(|id| set.id() == Some(id)))
    };
    rewrite(configuration, &|e| of(e).is_some(), &mut |path, reference| {
        let Some(set) = of(reference).filter(|_| path.last() != Some(&"op")) else { return Fate::Keep };
        // Compat: ids are those of the upgrade of 2.1.5.
        let id = set.id().unwrap_or_default();
        let mut copy = set.clone().with("id", format!("_cibtr-2_{id}"));
        for option in copy.elements_mut() {
            let name = option.id().unwrap_or_default().to_owned();
            option.set("id", format!("__cibtr-2_{id}__{name}"));
        }
        Fate::Replace(vec![copy])
    });
}

fn upgraded_resource(resource: &Element) -> Element {
    let mut new = resource.clone();
    let mut requires: Option<String> = None;
    for child in new.elements_mut() {
        match child.name.as_str() {
            "instance_attributes" => rename_commands(child),
            "meta_attributes" => rename_meta(child),
            "operations" => child.elements_mut().for_each(|op| operation(op, &mut requires)),
            _ => {}
        }
    }
    if let Some(requires) = requires {
        let id = format!("{}-requires", resource.id().unwrap_or_default());
        let option = Element::new("nvpair").with("id", format!("{id}-option")).with("name", "requires").with("value", requires);
        let set = Element::new("meta_attributes").with("id", id).with_child(option);
        // In front, so that the resource's own option wins.
        new.children.insert(0, Node::from(set));
    }
    new
}

fn rename_commands(set: &mut Element) {
    set.children.retain(|node| {
        let is_map = node.as_element().is_some_and(|e| e.attribute("name") == Some("pcmk_arg_map"));
        !is_map || node.as_element().and_then(|e| e.attribute("value")).is_some_and(|value| value.starts_with("port:"))
    });
    for option in set.elements_mut() {
        let name = option.attribute("name").unwrap_or_default();
        if let Some((_, to)) = COMMANDS.iter().find(|(from, _)| *from == name) {
            option.set("name", to);
        } else if name == "pcmk_arg_map" {
            let argument = option.attribute("value").and_then(|value| value.strip_prefix("port:")).unwrap_or_default().to_owned();
            option.set("name", "pcmk_host_argument");
            option.set("value", argument);
        }
    }
}

fn rename_meta(set: &mut Element) {
    let is_stickiness = |e: &Element| matches!(e.attribute("name"), Some("resource-failure-stickiness" | "resource_failure_stickiness"));
    set.children.retain(|node| !node.as_element().is_some_and(|e| is_stickiness(e) && e.attribute("value") != Some("-INFINITY")));
    for option in set.elements_mut() {
        if is_stickiness(option) {
            option.set("name", "migration-threshold");
            option.set("value", "1");
        } else if option
            .attribute("name")
            .is_some_and(|name| matches!(name, "isolation" | "isolation-host" | "isolation-instance" | "isolation-wrapper"))
        {
            // Such isolation is gone; without it the resource must not run.
            option.set("name", "target-role");
            option.set("value", "Stopped");
        }
    }
}

/// Options that stand among an operation's parameters become options; `requires` becomes one of the resource.
fn operation(op: &mut Element, requires: &mut Option<String>) {
    let starts = matches!(op.attribute("name"), Some("start" | "promote"));
    let mut found = op.remove("requires").map(|value| value.to_string());
    let mut options: Vec<Node> = Vec::new();
    let mut emptied: Vec<String> = Vec::new();
    for set in op.elements_mut() {
        let is_parameters = set.name == "instance_attributes";
        let was_filled = !set.children.is_empty();
        set.children.retain(|node| {
            let Some(option) = node.as_element() else { return true };
            match option.attribute("name") {
                Some("requires") => {
                    found = found.take().or_else(|| option.attribute("value").map(str::to_owned));
                    false
                }
                Some(name) if is_parameters && OPERATION_OPTIONS.contains(&name) => {
                    options.push(node.clone());
                    false
                }
                _ => true,
            }
        });
        if was_filled && set.children.is_empty() {
            emptied.extend(set.id().map(str::to_owned));
        }
    }
    op.children.retain(|node| !node.as_element().and_then(Element::id).is_some_and(|id| emptied.iter().any(|emptied| emptied == id)));
    if !options.is_empty() {
        let id = format!("{}-options", op.id().unwrap_or_default());
        op.children.insert(0, Node::from(Element::new("meta_attributes").with("id", id).with_children(options)));
    }
    if starts && requires.is_none() {
        *requires = found;
    }
}
