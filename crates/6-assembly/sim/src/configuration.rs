//! The configuration of an imagined cluster, drawn at random.

use crate::random::Random;
use xml::Element;

/// What should run, as the checkers need it.
pub(crate) struct Expected {
    /// Primitives that may be active on one node at a time.
    pub single: Vec<String>,
    /// Primitives with an instance on every node.
    pub cloned: Vec<String>,
    /// The same, and one of them is promoted.
    pub promotable: Vec<String>,
    /// Whether something depends on the ticket.
    pub has_ticket: bool,
    pub policy: &'static str,
}

/// The one ticket there is.
pub(crate) const TICKET: &str = "ticket";

fn primitive(id: &str, random: &mut Random) -> Element {
    let monitor = Element::new("op").with("id", format!("{id}-monitor")).with("name", "monitor");
    let interval = ["5s", "10s", "20s"][random.below(3)];
    let monitor = monitor.with("interval", interval).with("timeout", "4s");
    let operation =
        |name: &str| Element::new("op").with("id", format!("{id}-{name}")).with("name", name).with("interval", "0s").with("timeout", "6s");
    Element::new("primitive")
        .with("id", id)
        .with("class", "ocf")
        .with("provider", "sim")
        .with("type", "Dummy")
        .with_child(Element::new("operations").with_child(monitor).with_child(operation("start")).with_child(operation("stop")))
}

fn meta_attributes(id: &str, true_one: &str) -> Element {
    let pair = Element::new("nvpair").with("id", format!("{id}-{true_one}")).with("name", true_one).with("value", "true");
    Element::new("meta_attributes").with("id", format!("{id}-meta")).with_child(pair)
}

fn options(pairs: &[(&str, &str)]) -> Element {
    let set = Element::new("cluster_property_set").with("id", "cib-bootstrap-options");
    set.with_children(pairs.iter().map(|(name, value)| {
        Element::new("nvpair").with("id", format!("cib-bootstrap-options-{name}")).with("name", name).with("value", value)
    }))
}

fn fence_device() -> Element {
    Element::new("primitive").with("id", "power").with("class", "stonith").with("type", "fence_sim").with_child(
        Element::new("operations").with_child(
            Element::new("op").with("id", "power-monitor").with("name", "monitor").with("interval", "30s").with("timeout", "10s"),
        ),
    )
}

/// Returns a CIB for these nodes with so many primitives, and what is to be expected of it.
pub(crate) fn configuration(nodes: &[(String, u32)], primitives: usize, random: &mut Random) -> (Element, Expected) {
    let policy = ["stop", "stop", "freeze"][random.below(3)];
    let mut expected = Expected { single: Vec::new(), cloned: Vec::new(), promotable: Vec::new(), has_ticket: false, policy };
    let mut resources = Element::new("resources").with_child(fence_device());
    let mut constraints = Element::new("constraints");
    let mut group: Option<Element> = None;
    for number in 0..primitives {
        let id = format!("r{number}");
        let mut element = primitive(&id, random);
        match random.below(12) {
            10 if expected.promotable.is_empty() => {
                let meta = meta_attributes(&format!("{id}-clone"), "promotable");
                // An operation without a role does not watch the promoted one.
                if let Some(operations) = element.child_mut("operations") {
                    let watch = Element::new("op").with("id", format!("{id}-watch")).with("name", "monitor").with("interval", "7s");
                    operations.push(watch.with("timeout", "4s").with("role", "Promoted"));
                }
                resources.push(Element::new("clone").with("id", format!("{id}-clone")).with_child(meta).with_child(element));
                expected.promotable.push(id);
                continue;
            }
            11 => {
                element.push(meta_attributes(&id, "allow-migrate"));
                resources.push(element);
            }
            0 if expected.cloned.is_empty() => {
                resources.push(Element::new("clone").with("id", format!("{id}-clone")).with_child(element));
                expected.cloned.push(id);
                continue;
            }
            1..=3 => {
                group.get_or_insert_with(|| Element::new("group").with("id", "g")).push(element);
            }
            _ => {
                resources.push(element);
                if !expected.has_ticket && random.percent(15) {
                    let ticket = Element::new("rsc_ticket").with("id", format!("{id}-ticket")).with("rsc", &id);
                    constraints.push(ticket.with("ticket", TICKET).with("loss-policy", "stop"));
                    expected.has_ticket = true;
                }
                if random.percent(40) {
                    let node = &nodes[random.below(nodes.len())].0;
                    let location = Element::new("rsc_location").with("id", format!("{id}-likes-{node}")).with("rsc", &id);
                    constraints.push(location.with("node", node).with("score", "100"));
                }
                if number > 0 && random.percent(30) && expected.single.iter().any(|other| *other == format!("r{}", number - 1)) {
                    let other = format!("r{}", number - 1);
                    let order = Element::new("rsc_order").with("id", format!("{id}-after-{other}"));
                    constraints.push(order.with("first", &other).with("then", &id).with("kind", "Mandatory"));
                    let together = Element::new("rsc_colocation").with("id", format!("{id}-with-{other}"));
                    constraints.push(together.with("rsc", &id).with("with-rsc", &other).with("score", "INFINITY"));
                }
            }
        }
        expected.single.push(id);
    }
    if let Some(group) = group {
        resources.push(group);
    }
    let crm_config = Element::new("crm_config").with_child(options(&[
        ("stonith-enabled", "true"),
        ("no-quorum-policy", policy),
        ("stonith-timeout", "20s"),
        ("cluster-recheck-interval", "60s"),
    ]));
    // What administrators write goes here; the counter begins at nothing.
    let counter = Element::new("nvpair").with("id", "counter").with("name", "counter").with("value", "0");
    let crm_config = crm_config.with_child(Element::new("cluster_property_set").with("id", "sim").with_child(counter));
    let listed = nodes.iter().map(|(name, id)| Element::new("node").with("id", id.to_string()).with("uname", name));
    let cib = Element::new("cib")
        .with("crm_feature_set", "3.16.1")
        .with("validate-with", "pacemaker-3.9")
        .with("epoch", "1")
        .with("num_updates", "0")
        .with("admin_epoch", "0")
        .with_child(
            Element::new("configuration")
                .with_child(crm_config)
                .with_child(Element::new("nodes").with_children(listed))
                .with_child(resources)
                .with_child(constraints),
        )
        .with_child(Element::new("status"));
    (cib, expected)
}
