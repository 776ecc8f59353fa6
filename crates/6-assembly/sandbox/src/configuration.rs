//! The configuration a sandbox runs: a file of the user's, with what a sandbox adds so that it can be fenced.

use anyhow::Context;
use model::{NodeName, parse_boolean};
use std::collections::BTreeSet;
use std::path::Path;
use xml::Element;

/// Used when no `--cib` is given.
const EXAMPLE: &str = include_str!("../../../../examples/web.xml");

/// What a sandbox needs to know of its configuration.
pub(crate) struct Configuration {
    /// The `<configuration>` element that is loaded.
    pub(crate) element: Element,
    /// The names of the hosts.
    pub(crate) nodes: Vec<NodeName>,
    /// Primitives that may run once only.
    pub(crate) single: BTreeSet<String>,
    /// A client's view of the services: resource, and the address where a web server of our own answers.
    pub(crate) addresses: Vec<(String, String)>,
    /// What was added, for the user.
    pub(crate) remarks: Vec<String>,
}

/// Reads a file (or the example) and prepares it for so many nodes. Nothing is changed when it is refused.
pub(crate) fn load(path: Option<&Path>, nodes: Option<usize>) -> anyhow::Result<Configuration> {
    let (text, name) = match path {
        None => (EXAMPLE.as_bytes().to_vec(), "examples/web.xml".to_owned()),
        Some(path) => (std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))?, path.display().to_string()),
    };
    let root = xml::parse(&text, &xml::Limits::default()).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let schema = root.attribute("validate-with").unwrap_or("pacemaker-3.9").to_owned();
    let mut element = match root.name.as_str() {
        "cib" => root.child("configuration").with_context(|| format!("{name}: <cib> holds no <configuration>"))?.clone(),
        "configuration" => root,
        other => anyhow::bail!("{name}: line {}: the root is <{other}>; a <cib> or a <configuration> is needed", root.line),
    };
    refuse_what_cannot_work(&element, &schema, &name)?;
    let mut remarks = Vec::new();
    let names = node_names(&element, nodes, &mut remarks);
    stand_in(&mut element, &mut remarks);
    add_power_switch(&mut element, &names, &mut remarks);
    let (mut single, mut addresses) = (BTreeSet::new(), Vec::new());
    if let Some(resources) = element.child("resources") {
        survey(resources, false, &mut single, &mut addresses);
    }
    Ok(Configuration { element, nodes: names, single, addresses, remarks })
}

/// The nodes would refuse it too, but by the lines of what a sandbox makes of it; here they are still those of the user's file.
fn refuse_what_cannot_work(configuration: &Element, schema: &str, name: &str) -> anyhow::Result<()> {
    let mut configuration = configuration.clone();
    for section in ["crm_config", "nodes", "resources", "constraints"] {
        configuration.child_or_new(section);
    }
    let cib = Element::new("cib").with("validate-with", schema).with("admin_epoch", "0").with("epoch", "0").with("num_updates", "0");
    let problems = cib::validate(&cib.with_children([configuration, Element::new("status")]));
    let errors: Vec<String> =
        problems.iter().filter(|problem| problem.level == cib::Level::Error).map(|problem| format!("{name}: {problem}")).collect();
    anyhow::ensure!(errors.is_empty(), "{}", errors.join("\n"));
    Ok(())
}

fn node_names(configuration: &Element, wanted: Option<usize>, remarks: &mut Vec<String>) -> Vec<NodeName> {
    let mut names: Vec<NodeName> = configuration
        .child("nodes")
        .into_iter()
        .flat_map(|nodes| nodes.elements_named("node"))
        .filter(|node| !matches!(node.attribute("type"), Some("remote" | "ping")))
        .filter_map(|node| node.attribute("uname").map(NodeName::from))
        .collect();
    let count = wanted.unwrap_or(if names.is_empty() { 3 } else { names.len() });
    if !names.is_empty() && count != names.len() {
        remarks.push(format!("the configuration names {} nodes, {count} are started", names.len()));
    }
    names.truncate(count);
    for number in 1.. {
        if names.len() >= count {
            break;
        }
        let name = NodeName::from(format!("node{number}"));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// No device of the world outside has these hosts on its plugs: each one that is configured becomes the sandbox's power switch, with its
/// own name, hosts, delays and times.
fn stand_in(element: &mut Element, remarks: &mut Vec<String>) {
    let is_device = matches!(element.name.as_str(), "primitive" | "template") && element.attribute("class") == Some("stonith");
    if !is_device {
        element.elements_mut().for_each(|child| stand_in(child, remarks));
        return;
    }
    let kind = element.attribute("type").unwrap_or_default().to_owned();
    if kind == "fence_sandbox" {
        return;
    }
    remarks.push(format!("{} ({kind}) has none of these hosts: fence_sandbox stands in for it", element.id().unwrap_or_default()));
    element.set("type", "fence_sandbox");
    element.remove("provider");
    for set in element.elements_mut().filter(|part| part.name == "instance_attributes") {
        let kept: Vec<Element> = set.elements().filter_map(parameter_kept).collect();
        let mut bare = Element::new("instance_attributes");
        bare.attributes = set.attributes.clone();
        *set = bare.with_children(kept);
    }
}

/// Returns a parameter of a fence device as the sandbox's power switch takes it: plugs have the names of their hosts.
fn parameter_kept(parameter: &Element) -> Option<Element> {
    let (name, value) = (parameter.attribute("name")?, parameter.attribute("value")?);
    let is_time = name.starts_with("pcmk_") && (name.contains("delay") || name.ends_with("_timeout") || name.ends_with("_retries"));
    if is_time || matches!(name, "pcmk_host_list" | "pcmk_action_limit") {
        return Some(parameter.clone());
    }
    let hosts = value.split([';', ' ']).filter_map(|pair| pair.split(':').next()).filter(|host| !host.is_empty());
    let list = || hosts.collect::<Vec<_>>().join(" ");
    (name == "pcmk_host_map").then(|| parameter.clone().with("name", "pcmk_host_list").with("value", list()))
}

/// Fencing is what makes recovery safe, so a configuration without a device gets the sandbox's own, unless it says `stonith-enabled=false`.
fn add_power_switch(configuration: &mut Element, nodes: &[NodeName], remarks: &mut Vec<String>) {
    let has_device = any(configuration, &|e| e.name == "primitive" && e.attribute("class") == Some("stonith"));
    let is_off = |names: &[&str]| {
        any(configuration, &|e| {
            e.attribute("name").is_some_and(|name| names.contains(&name)) && e.attribute("value").and_then(parse_boolean) == Some(false)
        })
    };
    if has_device || is_off(&["stonith-enabled", "fencing-enabled"]) {
        return;
    }
    let is_opt_in = is_off(&["symmetric-cluster", "symmetric_cluster"]);
    let device = Element::new("primitive").with("id", "sandbox-power").with("class", "stonith").with("type", "fence_sandbox");
    configuration.child_or_new("resources").push(device);
    // Where a resource runs nowhere unless it is told to, the switch is told to run anywhere.
    for node in nodes.iter().filter(|_| is_opt_in) {
        let id = format!("sandbox-power-on-{node}");
        let place = Element::new("rsc_location").with("id", id).with("rsc", "sandbox-power").with("node", node.as_str()).with("score", "0");
        configuration.child_or_new("constraints").push(place);
    }
    remarks.push("sandbox-power (fence_sandbox) was added, so that lost nodes can be fenced".to_owned());
}

fn any(element: &Element, wanted: &dyn Fn(&Element) -> bool) -> bool {
    wanted(element) || element.elements().any(|child| any(child, wanted))
}

fn survey(element: &Element, is_cloned: bool, single: &mut BTreeSet<String>, addresses: &mut Vec<(String, String)>) {
    for child in element.elements() {
        match child.name.as_str() {
            "primitive" if child.attribute("class") != Some("stonith") => {
                let Some(id) = child.id() else { continue };
                if !is_cloned {
                    single.insert(id.to_owned());
                }
                if child.attribute("provider") == Some("systole") && child.attribute("type") == Some("Web") {
                    addresses.push((
                        id.to_owned(),
                        format!("{}:{}", parameter(child, "address", "127.0.0.80"), parameter(child, "port", "8080")),
                    ));
                }
            }
            "group" => survey(child, is_cloned, single, addresses),
            "clone" | "master" | "bundle" => survey(child, true, single, addresses),
            _ => {}
        }
    }
}

fn parameter(primitive: &Element, name: &str, default: &str) -> String {
    primitive
        .elements_named("instance_attributes")
        .flat_map(|set| set.elements_named("nvpair"))
        .find(|pair| pair.attribute("name") == Some(name))
        .and_then(|pair| pair.attribute("value"))
        .unwrap_or(default)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_gets_a_power_switch_and_a_client() {
        let loaded = load(None, None).unwrap();
        assert_eq!(loaded.nodes.len(), 3);
        assert_eq!(loaded.addresses, [("web".to_owned(), "127.0.0.80:8080".to_owned())]);
        assert_eq!(loaded.single, BTreeSet::from(["address".to_owned(), "web".to_owned()]));
        assert!(any(&loaded.element, &|e| e.id() == Some("sandbox-power")));
    }

    #[test]
    fn devices_of_the_world_outside_are_stood_in_for() {
        let text = r#"<configuration><nodes><node id="1" uname="a" type="normal"/><node id="2" uname="b"/></nodes><resources>
            <primitive id="ipmi" class="stonith" type="fence_ipmilan"><instance_attributes id="i">
            <nvpair id="i1" name="ip" value="10.0.0.9"/><nvpair id="i2" name="pcmk_host_map" value="a:plug1;b:plug2"/>
            <nvpair id="i3" name="pcmk_delay_base" value="2s"/></instance_attributes></primitive></resources></configuration>"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cib.xml");
        std::fs::write(&path, text).unwrap();
        let loaded = load(Some(&path), None).unwrap();
        assert_eq!(loaded.nodes, ["a", "b"].map(NodeName::from));
        let device = loaded.element.find_by_id("ipmi").unwrap();
        assert_eq!(device.attribute("type"), Some("fence_sandbox"));
        let pairs = device.child("instance_attributes").unwrap().elements();
        let pairs: Vec<String> = pairs.map(|p| format!("{}={}", p.attribute("name").unwrap(), p.attribute("value").unwrap())).collect();
        assert_eq!(pairs, ["pcmk_host_list=a b", "pcmk_delay_base=2s"]);
        assert!(loaded.remarks[0].contains("ipmi (fence_ipmilan)"), "{:?}", loaded.remarks);
    }

    #[test]
    fn a_power_switch_that_is_added_may_run_anywhere() {
        let text = r#"<configuration><crm_config><cluster_property_set id="o"><nvpair id="s" name="symmetric-cluster" value="false"/>
            </cluster_property_set></crm_config><nodes><node id="1" uname="a"/></nodes></configuration>"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cib.xml");
        std::fs::write(&path, text).unwrap();
        assert!(load(Some(&path), None).unwrap().element.find_by_id("sandbox-power-on-a").is_some());
    }

    #[test]
    fn a_broken_file_is_refused_with_its_name_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.xml");
        std::fs::write(&path, "<cib>\n<configuration>\n</cib>").unwrap();
        let error = load(Some(&path), None).err().unwrap().to_string();
        assert!(error.contains("broken.xml") && error.contains('3'), "{error}");
        let text = "<configuration>\n<crm_config/><nodes/>\n<resources>\n<primitive id='a' class='ocf' provider='heartbeat' type='Dummy'/>\n\
            <primitive id='a' class='ocf' provider='heartbeat' type='Dummy'/></resources><constraints/></configuration>";
        std::fs::write(&path, text).unwrap();
        let error = load(Some(&path), None).err().unwrap().to_string();
        assert!(error.contains("broken.xml: error: line 5, primitive \"a\""), "{error}");
    }
}
