//! Bundles: for each replica a container, perhaps an address, and where a primitive runs inside, the connection to
//! the guest node that the container is, and the instance on it.
//!
//! Compat: names, options and their order are Pacemaker's to the byte, since digests of the containers depend on them.

use super::Deduction;
use super::clones::INSTANCES_MAX;
use super::guests::{Connection, connection_element, implied_primitive, operation, set};
use super::resources::Origin;
use crate::document::shared_child;
use crate::{AllowedNode, AllowedNodes, Bundle, ContainerAgent, Kind, NodeIndex, NodeKind, ProbeMode, Replica, ResourceIndex, numbers};
use compact_str::{CompactString, format_compact};
use model::{Score, parse_boolean};
use std::fmt::Write;
use std::sync::Arc;
use xml::Element;

/// The port that Pacemaker Remote listens on unless told otherwise.
const REMOTE_PORT: &str = "3121";
/// Where the shared key is expected, outside and inside.
const REMOTE_KEY: &str = "/etc/pacemaker/authkey";
/// Logs of what runs inside are kept below this directory of the host.
const LOG_DIRECTORY: &str = "/var/log/pacemaker/bundles";
/// What runs inside a container unless told otherwise.
const REMOTE_DAEMON: &str = "/usr/sbin/pacemaker-remoted";

/// What a bundle's element says.
struct Plan {
    prefix: String,
    agent: ContainerAgent,
    image: Option<CompactString>,
    network: Option<CompactString>,
    command: Option<CompactString>,
    options: Option<CompactString>,
    ip_range_start: Option<CompactString>,
    host_netmask: Option<CompactString>,
    host_interface: Option<CompactString>,
    control_port: Option<CompactString>,
    add_host: bool,
    ports: Vec<(CompactString, CompactString)>,
    mounts: Vec<Mount>,
    promoted_max: i32,
    replicas: i32,
    replicas_per_host: i32,
    /// `--add-host` or `--hosts-entry` of all replicas.
    host_options: String,
}

struct Mount {
    source: CompactString,
    target: CompactString,
    options: Option<CompactString>,
    /// Each replica has a directory of its own below the source.
    is_root: bool,
}

impl Deduction {
    /// Reads a bundle and makes all its parts.
    pub(super) fn fill_bundle(&mut self, index: ResourceIndex) -> bool {
        let resource = self.facts.resource(index);
        let (xml, id) = (resource.xml.clone(), resource.id.to_string());
        let Some(mut plan) = self.read_plan(&xml, &id) else {
            self.error(format!("bundle {id} has no container element that is supported (docker, podman)"));
            return false;
        };
        if plan.replicas_per_host == 1 {
            self.facts.resources[index.position()].unique = false;
        }
        let primitive = shared_child(&xml, "primitive");
        let mut inside = None;
        if let Some(primitive) = primitive {
            if !self.is_reachable(&mut plan) {
                self.error(format!(
                    "bundle {id}: {} cannot be controlled without ip-range-start or control-port",
                    primitive.id().unwrap_or_default()
                ));
                return false;
            }
            let clone = Arc::new(clone_element(&plan, primitive));
            inside = self.add_resource(&clone, Origin { parent: Some(index), instance: None });
            if inside.is_none() {
                return false;
            }
            add_implied_mounts(&mut plan);
        }
        let mut replicas = self.start_replicas(&mut plan, inside);
        self.facts.resources[index.position()].kind = Kind::Bundle(Box::new(Bundle {
            agent: plan.agent,
            image: plan.image.clone().unwrap_or_default(),
            promoted_max: plan.promoted_max,
            replicas_max: plan.replicas,
            replicas_per_host: plan.replicas_per_host,
            child: inside,
            replicas: Vec::new(),
        }));
        if let Some(inside) = inside {
            self.inherit_from_instances(index, inside);
        }
        for replica in &mut replicas {
            if !self.add_replica_parts(index, &mut plan, replica) {
                return false;
            }
        }
        let resource = &mut self.facts.resources[index.position()];
        resource.children.extend(inside);
        if let Kind::Bundle(bundle) = &mut resource.kind {
            bundle.replicas = replicas;
            bundle.replicas_per_host = plan.replicas_per_host;
        }
        true
    }

    fn read_plan(&mut self, xml: &Element, id: &str) -> Option<Plan> {
        let (agent, container) = match (xml.child("docker"), xml.child("podman")) {
            (Some(docker), _) => (ContainerAgent::Docker, docker),
            (None, Some(podman)) => (ContainerAgent::Podman, podman),
            (None, None) => return None,
        };
        let text = |element: Option<&Element>, name: &str| element.and_then(|e| e.attribute(name)).map(CompactString::new);
        let promoted_max = numbers::integer_at_least(container.attribute("promoted-max").or_else(|| container.attribute("masters")), 0);
        let replicas = match container.attribute("replicas") {
            None if promoted_max > 0 => promoted_max,
            value => numbers::integer_at_least(value, 1),
        };
        let replicas = replicas.min(INSTANCES_MAX);
        let container = Some(container);
        let network = xml.child("network");
        let mut plan = Plan {
            prefix: id.to_owned(),
            agent,
            image: text(container, "image"),
            network: text(container, "network"),
            command: text(container, "run-command"),
            options: text(container, "options"),
            ip_range_start: text(network, "ip-range-start"),
            host_netmask: text(network, "host-netmask"),
            host_interface: text(network, "host-interface"),
            control_port: text(network, "control-port"),
            add_host: network.and_then(|e| e.attribute("add-host")).and_then(parse_boolean).unwrap_or(network.is_some()),
            ports: Vec::new(),
            mounts: Vec::new(),
            promoted_max,
            replicas,
            replicas_per_host: numbers::integer_at_least(container.and_then(|e| e.attribute("replicas-per-host")), 1),
            host_options: String::new(),
        };
        for mapping in network.iter().flat_map(|e| e.elements_named("port-mapping")) {
            let source = mapping.attribute("port").or_else(|| mapping.attribute("range")).filter(|port| !port.is_empty());
            let Some(source) = source else {
                self.error(format!("bundle {id}: port mapping {} has no port", mapping.id().unwrap_or_default()));
                continue;
            };
            let target = mapping.attribute("port").and(mapping.attribute("internal-port")).unwrap_or(source);
            plan.ports.push((source.into(), target.into()));
        }
        for mapping in xml.child("storage").iter().flat_map(|e| e.elements_named("storage-mapping")) {
            let source = mapping.attribute("source-dir");
            let (Some(directory), Some(target)) =
                (source.or_else(|| mapping.attribute("source-dir-root")), mapping.attribute("target-dir"))
            else {
                self.error(format!("bundle {id}: storage mapping {} needs source and target", mapping.id().unwrap_or_default()));
                continue;
            };
            let options = mapping.attribute("options").map(CompactString::new);
            plan.mounts.push(Mount { source: directory.into(), target: target.into(), options, is_root: source.is_none() });
        }
        Some(plan)
    }

    /// Returns whether what runs inside can be reached: by an address of its own, or by a port of the host.
    fn is_reachable(&mut self, plan: &mut Plan) -> bool {
        if plan.ip_range_start.is_some() {
            return true;
        }
        if plan.control_port.is_some() && plan.replicas_per_host > 1 {
            self.error(format!("bundle {}: control-port allows one replica per host only", plan.prefix));
            plan.replicas_per_host = 1;
        }
        plan.control_port.is_some()
    }

    fn start_replicas(&mut self, plan: &mut Plan, inside: Option<ResourceIndex>) -> Vec<Replica> {
        let children: Vec<Option<ResourceIndex>> = match inside {
            Some(inside) => self.facts.resource(inside).children.iter().copied().map(Some).collect(),
            None => vec![None; plan.replicas.max(0) as usize],
        };
        let mut replicas: Vec<Replica> = Vec::new();
        for (offset, child) in children.into_iter().enumerate() {
            let last = replicas.last().map(|replica| replica.ip_address.clone());
            let ip_address = match last {
                None => plan.ip_range_start.clone(),
                Some(last) => last.and_then(|last| next_address(&last)),
            };
            if let (Some(_), Some(address)) = (&plan.ip_range_start, &ip_address) {
                let _ = match plan.add_host {
                    true => write!(plan.host_options, " --add-host={}-{offset}:{address}", plan.prefix),
                    false => write!(plan.host_options, " --hosts-entry={address}={}-{offset}", plan.prefix),
                };
            }
            if let Some(child) = child {
                self.facts.resources[child.position()].exclusive_probes = true;
            }
            replicas.push(Replica {
                offset: offset as u32,
                ip_address,
                node: None,
                ip: None,
                container: ResourceIndex(0),
                remote: None,
                child,
            });
        }
        replicas
    }

    /// The bundle and its clone take over what only the primitive inside can be told.
    fn inherit_from_instances(&mut self, bundle: ResourceIndex, inside: ResourceIndex) {
        let instances = self.facts.resource(inside).children.clone();
        if instances.iter().any(|&instance| self.facts.resource(instance).notify) {
            self.facts.resources[inside.position()].notify = true;
        }
        let target = instances.last().and_then(|&instance| self.facts.resource(instance).meta.get("container-attribute-target").cloned());
        if let Some(target) = target {
            for index in [bundle, inside] {
                self.facts.resources[index.position()].meta.insert("container-attribute-target".into(), target.clone());
            }
        }
    }

    fn add_replica_parts(&mut self, bundle: ResourceIndex, plan: &mut Plan, replica: &mut Replica) -> bool {
        let Some(container) = self.add_part(bundle, container_element(plan, replica)) else { return false };
        replica.container = container;
        self.facts.resources[container.position()].replica_container = true;
        if let Some(element) = address_element(plan, replica) {
            replica.ip = self.add_part(bundle, element);
            if replica.ip.is_none() {
                return false;
            }
        }
        if let Some(child) = replica.child {
            if self.is_reachable(plan) && !self.add_connection(bundle, plan, replica, child) {
                return false;
            }
            if let Some(address) = &replica.ip_address {
                self.facts.resources[child.position()].meta.insert("external-ip".into(), address.clone());
            }
            // What runs inside uses the host's capacity by way of its container.
            let utilization = std::mem::take(&mut self.facts.resources[child.position()].utilization);
            self.facts.resources[container.position()].utilization = utilization;
        }
        true
    }

    fn add_part(&mut self, bundle: ResourceIndex, element: Element) -> Option<ResourceIndex> {
        let part = self.add_resource(&Arc::new(element), Origin { parent: Some(bundle), instance: None })?;
        self.facts.resources[bundle.position()].children.push(part);
        Some(part)
    }

    fn add_connection(&mut self, bundle: ResourceIndex, plan: &Plan, replica: &mut Replica, child: ResourceIndex) -> bool {
        let mut name = format!("{}-{}", plan.prefix, replica.offset);
        if self.facts.find_resource(&name).is_some() {
            name = format!("pcmk-internal-{}-remote-{}", self.facts.resource(child).id, replica.offset);
        }
        let container_id = self.facts.resource(replica.container).id.to_string();
        // Compat: without an address of its own the container is reached by the name of the host that it is on,
        // which is known only when it is placed; "#uname" stands for it.
        let connection = Connection {
            node: &name,
            container: Some(&container_id),
            server: Some(replica.ip_address.as_deref().unwrap_or("#uname")),
            port: Some(plan.control_port.as_deref().unwrap_or(REMOTE_PORT)),
            ..Connection::default()
        };
        let element = connection_element(&connection);
        let node = self.facts.find_node(&name).unwrap_or_else(|| self.add_node(&name, &name, true, Score::MINUS_INFINITY));
        let entry = &mut self.facts.nodes[node.position()];
        if entry.kind == NodeKind::Member {
            self.error(format!("bundle {}: its replica would have the name of the full member {name}", plan.prefix));
            return false;
        }
        (entry.score, entry.probe) = (Score::MINUS_INFINITY, ProbeMode::Never);
        // Resources that were made before this node was known as a bundle's may have considered it.
        for root in self.facts.roots.clone() {
            self.disallow(root, node);
        }
        let mut only_this = AllowedNodes::default();
        only_this.set(node, AllowedNode { score: Score::new(500), probe: ProbeMode::Exclusive });
        self.facts.resources[child.position()].allowed = only_this;
        if let Some(parent) = self.facts.resource(child).parent {
            let entry = AllowedNode { score: Score::MINUS_INFINITY, probe: ProbeMode::Exclusive };
            self.facts.resources[parent.position()].allowed.set(node, entry);
        }
        replica.node = Some(node);
        let Some(remote) = self.add_resource(&Arc::new(element), Origin { parent: Some(bundle), instance: None }) else { return false };
        self.forbid_remote_nodes(remote);
        let connection = &mut self.facts.resources[remote.position()];
        connection.launcher = Some(replica.container);
        connection.remote_nesting_allowed = true;
        let entry = &mut self.facts.nodes[node.position()];
        entry.remote = Some(remote);
        entry.kind = NodeKind::Guest { launcher: replica.container };
        entry.attributes.insert("#kind".into(), "container".into());
        replica.remote = Some(remote);
        self.facts.resources[bundle.position()].children.push(remote);
        true
    }

    /// A connection itself runs on full members only.
    fn forbid_remote_nodes(&mut self, index: ResourceIndex) {
        let entries: Vec<_> = self.facts.resource(index).allowed.iter().collect();
        for (node, entry) in entries {
            if self.facts.node(node).kind != NodeKind::Member {
                self.facts.resources[index.position()].allowed.set(node, AllowedNode { score: Score::MINUS_INFINITY, ..entry });
            }
        }
    }

    fn disallow(&mut self, index: ResourceIndex, node: NodeIndex) {
        let resource = &mut self.facts.resources[index.position()];
        if resource.allowed.get(node).is_some() {
            resource.allowed.set(node, AllowedNode { score: Score::MINUS_INFINITY, probe: ProbeMode::Never });
        }
        for child in resource.children.clone() {
            self.disallow(child, node);
        }
    }
}

/// The clone that the primitive inside is wrapped in.
fn clone_element(plan: &Plan, primitive: &Arc<Element>) -> Element {
    // Compat: "master" stays in the name although the element is gone, so that nothing restarts in an upgrade.
    let suffix = if plan.promoted_max > 0 { "master" } else { "clone" };
    let (replicas, per_host, promoted) = (plan.replicas.to_string(), plan.replicas_per_host.to_string(), plan.promoted_max.to_string());
    let meta = [
        ("ordered", Some("true")),
        ("clone-max", Some(replicas.as_str())),
        ("clone-node-max", Some(per_host.as_str())),
        ("globally-unique", Some(if plan.replicas_per_host > 1 { "true" } else { "false" })),
        ("promotable", (plan.promoted_max > 0).then_some("true")),
        ("promoted-max", (plan.promoted_max > 0).then_some(promoted.as_str())),
    ];
    Element::new("clone")
        .with("id", format!("{}-{suffix}", plan.prefix))
        .with_child(set("meta_attributes", &format!("{}-clone-meta", plan.prefix), &meta))
        .with_child(primitive.clone())
}

fn add_implied_mounts(plan: &mut Plan) {
    let has_logs = plan.mounts.iter().any(|mount| mount.target == "/var/log");
    plan.mounts.push(Mount { source: REMOTE_KEY.into(), target: REMOTE_KEY.into(), options: None, is_root: false });
    if !has_logs {
        plan.mounts.push(Mount { source: LOG_DIRECTORY.into(), target: "/var/log".into(), options: None, is_root: true });
    }
    let port = plan.control_port.clone().unwrap_or_else(|| REMOTE_PORT.into());
    plan.ports.push((port.clone(), port));
}

fn container_element(plan: &Plan, replica: &Replica) -> Element {
    let id = valid_id(format!("{}-{}-{}", plan.prefix, plan.agent.as_str(), replica.offset));
    let (run_options, mount_points) = run_options(plan, replica);
    let command = plan.command.as_deref().or(replica.child.map(|_| REMOTE_DAEMON));
    let parameters = [
        ("image", Some(plan.image.as_deref().unwrap_or_default())),
        ("allow_pull", Some("true")),
        ("force_kill", Some("false")),
        ("reuse", Some("false")),
        ("run_opts", Some(run_options.as_str())),
        ("mount_points", Some(mount_points.as_str())),
        ("run_cmd", command),
        ("monitor_cmd", Some("/bin/true")),
    ];
    let mut element = implied_primitive(&id, "heartbeat", plan.agent.as_str());
    element.push(set("instance_attributes", &format!("{}-attributes-{}", plan.prefix, replica.offset), &parameters));
    element.push(Element::new("operations").with_child(operation(&id, "monitor", "60s", None)));
    element
}

/// Returns the options of the container's start, and the directories that it needs.
fn run_options(plan: &Plan, replica: &Replica) -> (String, String) {
    let mut options = String::new();
    let mut directories = Vec::new();
    let mut add = |text: std::fmt::Arguments<'_>| options.write_fmt(text).unwrap_or_default();
    if plan.agent == ContainerAgent::Docker {
        add(format_args!(" --restart=no"));
    }
    if plan.ip_range_start.is_some() {
        add(format_args!(" -h {}-{}", plan.prefix, replica.offset));
    }
    add(format_args!(" -e PCMK_stderr=1"));
    if let Some(network) = &plan.network {
        add(format_args!(" --net={network}"));
    }
    add(format_args!(" -e PCMK_remote_port={}", plan.control_port.as_deref().unwrap_or(REMOTE_PORT)));
    for mount in &plan.mounts {
        let source = match mount.is_root {
            true => format_compact!("{}/{}-{}", mount.source, plan.prefix, replica.offset),
            false => mount.source.clone(),
        };
        add(format_args!(" -v {source}:{}", mount.target));
        if let Some(mount_options) = &mount.options {
            add(format_args!(":{mount_options}"));
        }
        if mount.is_root {
            directories.push(source);
        }
    }
    for (source, target) in &plan.ports {
        match &replica.ip_address {
            Some(address) => add(format_args!(" -p {address}:{source}:{target}")),
            None if plan.network.as_deref() == Some("host") => {}
            None => add(format_args!(" -p {source}:{target}")),
        }
    }
    // Compat: a blank even where there is nothing to follow it; digests depend on it.
    if let Some(own) = &plan.options {
        add(format_args!(" {own}"));
    }
    add(format_args!(" {}", plan.host_options));
    (options, directories.join(","))
}

fn address_element(plan: &Plan, replica: &Replica) -> Option<Element> {
    plan.ip_range_start.as_ref()?;
    let address = replica.ip_address.as_deref()?;
    let id = valid_id(format!("{}-ip-{address}", plan.prefix));
    let parameters = [
        ("ip", Some(address)),
        ("nic", plan.host_interface.as_deref()),
        ("cidr_netmask", Some(plan.host_netmask.as_deref().unwrap_or("32"))),
    ];
    let mut element = implied_primitive(&id, "heartbeat", "IPaddr2");
    element.push(set("instance_attributes", &format!("{}-attributes-{}", plan.prefix, replica.offset), &parameters));
    element.push(Element::new("operations").with_child(operation(&id, "monitor", "60s", None)));
    Some(element)
}

/// Replaces what an XML id may not hold.
fn valid_id(text: String) -> String {
    let is_start = |c: char| c.is_alphabetic() || c == '_' || c == ':';
    text.char_indices()
        .map(|(at, c)| match c {
            _ if at == 0 => {
                if is_start(c) {
                    c
                } else {
                    '_'
                }
            }
            _ if is_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | '\u{b7}') => c,
            _ => '.',
        })
        .collect()
}

/// Returns the address after this one; `None` where the range ends or the address is not of version 4.
fn next_address(last: &str) -> Option<CompactString> {
    let octets: Vec<u32> = last.splitn(4, '.').map(|part| numbers::integer(part).map(|n| n.max(0) as u32)).collect::<Option<_>>()?;
    let [first, second, third, fourth] = octets[..] else { return None };
    match (third, fourth) {
        (254.., _) => None,
        (_, 254..) => Some(format_compact!("{first}.{second}.{}.1", third + 1)),
        _ => Some(format_compact!("{first}.{second}.{third}.{}", fourth + 1)),
    }
}
