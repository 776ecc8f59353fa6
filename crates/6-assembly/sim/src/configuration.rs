//! The configuration of an imagined cluster, drawn at random.

use crate::random::Random;
use xml::Element;

/// A bundle, in the network of its hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bundle {
    pub replicas: usize,
    /// Whether what is inside is promoted in one of them.
    pub is_promotable: bool,
}

/// What should run, as the checkers need it.
pub(crate) struct Expected {
    /// Primitives that may be active on one node at a time.
    pub single: Vec<String>,
    /// Primitives with an instance on every node.
    pub cloned: Vec<String>,
    /// The same, and one of them is promoted.
    pub promotable: Vec<String>,
    /// Connections to remote nodes, named as these are.
    pub connections: Vec<String>,
    /// Guest nodes, each with the primitive it lives in.
    pub guests: Vec<(String, String)>,
    /// Containers of a bundle's replicas, which are active on one node each.
    pub containers: Vec<String>,
    /// What runs inside a bundle, in each of its replicas.
    pub bundled: Option<(String, Bundle)>,
    /// Whether something depends on the ticket.
    pub has_ticket: bool,
    pub policy: &'static str,
}

impl Expected {
    pub(crate) fn new(policy: &'static str) -> Self {
        Self {
            single: Vec::new(),
            cloned: Vec::new(),
            promotable: Vec::new(),
            connections: Vec::new(),
            guests: Vec::new(),
            containers: Vec::new(),
            bundled: None,
            has_ticket: false,
            policy,
        }
    }

    /// Returns whether this may be active on one node at a time.
    pub(crate) fn runs_once(&self, resource: &str) -> bool {
        let bundled = self.bundled.iter().filter(|(_, bundle)| bundle.replicas == 1).map(|(inside, _)| inside);
        self.single.iter().chain(&self.containers).chain(bundled).any(|single| single == resource)
    }

    /// Returns what is promoted on one node.
    pub(crate) fn promoted_once(&self) -> impl Iterator<Item = &String> {
        self.promotable.iter().chain(self.bundled.iter().filter(|(_, bundle)| bundle.is_promotable).map(|(inside, _)| inside))
    }
}

/// The one ticket there is.
pub(crate) const TICKET: &str = "ticket";

pub(crate) fn primitive(id: &str, random: &mut Random) -> Element {
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

/// The connection to a remote node.
pub(crate) fn connection(id: &str) -> Element {
    let operation = |name: &str, interval: &str, timeout: &str| {
        let operation = Element::new("op").with("id", format!("{id}-{name}")).with("name", name);
        operation.with("interval", interval).with("timeout", timeout)
    };
    let operations = [operation("monitor", "10s", "5s"), operation("start", "0s", "10s"), operation("stop", "0s", "10s")];
    let connection = Element::new("primitive").with("id", id).with("class", "ocf").with("provider", "pacemaker").with("type", "remote");
    connection.with_child(Element::new("operations").with_children(operations))
}

/// An operation without a role does not watch the promoted one.
fn watch_promoted(id: &str, primitive: &mut Element) {
    if let Some(operations) = primitive.child_mut("operations") {
        let watch = Element::new("op").with("id", format!("{id}-watch")).with("name", "monitor").with("interval", "7s");
        operations.push(watch.with("timeout", "4s").with("role", "Promoted"));
    }
}

/// The element of a bundle; one replica is on a host.
fn bundle_element(id: &str, bundle: Bundle, inside: Element) -> Element {
    let mut container = Element::new("podman").with("image", "sim").with("replicas", bundle.replicas.to_string()).with("network", "host");
    if bundle.is_promotable {
        container.set("promoted-max", "1");
    }
    let network = Element::new("network").with("control-port", "3121");
    Element::new("bundle").with("id", id).with_child(container).with_child(network).with_child(inside)
}

/// Returns a CIB for these nodes with so many primitives, and what is to be expected of it.
pub(crate) fn configuration(
    nodes: &[(String, u32)],
    primitives: usize,
    (remotes, guests): (usize, usize),
    bundle: Option<Bundle>,
    random: &mut Random,
) -> (Element, Expected) {
    let policy = ["stop", "stop", "freeze"][random.below(3)];
    let mut expected = Expected::new(policy);
    let (mut resources, mut constraints) = (Vec::new(), Vec::new());
    let mut group: Option<Element> = None;
    for number in 0..primitives {
        let id = format!("r{number}");
        let mut element = primitive(&id, random);
        match random.below(12) {
            10 if expected.promotable.is_empty() => {
                let meta = meta_attributes(&format!("{id}-clone"), "promotable");
                watch_promoted(&id, &mut element);
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
    for number in 1..=remotes {
        let name = format!("far{number}");
        resources.push(connection(&name));
        expected.connections.push(name);
    }
    for number in 1..=guests {
        let (name, container) = (format!("guest{number}"), format!("vm{number}"));
        let mut machine = primitive(&container, random);
        let pair = Element::new("nvpair").with("id", format!("{container}-node")).with("name", "remote-node").with("value", &name);
        machine.push(Element::new("meta_attributes").with("id", format!("{container}-meta")).with_child(pair));
        resources.push(machine);
        expected.single.push(container.clone());
        expected.guests.push((name, container));
    }
    if let Some(bundle) = bundle {
        let inside = "inside".to_owned();
        // All else is drawn as without it.
        let mut element = primitive(&inside, &mut random.clone());
        if bundle.is_promotable {
            watch_promoted(&inside, &mut element);
        }
        resources.push(bundle_element("box", bundle, element));
        for number in 0..bundle.replicas {
            let container = format!("box-podman-{number}");
            expected.containers.push(container.clone());
            expected.guests.push((format!("box-{number}"), container));
        }
        expected.bundled = Some((inside, bundle));
    }
    let options = [("no-quorum-policy", policy), ("cluster-recheck-interval", "60s")];
    (document(nodes, &options, resources, constraints), expected)
}

/// Returns a CIB of these resources and constraints, with a device that fences anyone.
pub(crate) fn document(
    nodes: &[(String, u32)],
    options: &[(&str, &str)],
    resources: impl IntoIterator<Item = Element>,
    constraints: impl IntoIterator<Item = Element>,
) -> Element {
    let all = [&[("stonith-enabled", "true"), ("stonith-timeout", "20s")], options].concat();
    let crm_config = Element::new("crm_config").with_child(self::options(&all));
    // What administrators write goes here; the counter begins at nothing.
    let counter = Element::new("nvpair").with("id", "counter").with("name", "counter").with("value", "0");
    let crm_config = crm_config.with_child(Element::new("cluster_property_set").with("id", "sim").with_child(counter));
    let listed = nodes.iter().map(|(name, id)| Element::new("node").with("id", id.to_string()).with("uname", name));
    let resources = Element::new("resources").with_child(fence_device()).with_children(resources);
    let cib = Element::new("cib")
        .with("crm_feature_set", "3.16.1")
        .with("validate-with", "pacemaker-3.9")
        .with("epoch", "1")
        .with("num_updates", "0")
        .with("admin_epoch", "0");
    let configuration = Element::new("configuration")
        .with_child(crm_config)
        .with_child(Element::new("nodes").with_children(listed))
        .with_child(resources)
        .with_child(Element::new("constraints").with_children(constraints));
    cib.with_child(configuration).with_child(Element::new("status"))
}
