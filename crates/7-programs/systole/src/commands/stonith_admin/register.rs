//! Registering fence devices and levels by hand.
//!
//! Compat: Pacemaker's fencer keeps what is registered until it ends; here it becomes configuration, which every node knows and
//! which stays until it is taken back.

use super::Arguments;
use admin::{Cluster, Exit, Refusal};
use messages::client::CibEdit;
use xml::Element;

fn usage(text: impl Into<String>) -> Refusal {
    Refusal::new(Exit::USAGE, text)
}

/// Does what the options say of devices and levels; returns whether they said anything.
pub(super) fn register(arguments: &Arguments, cluster: &Cluster) -> Result<bool, Refusal> {
    if let Some(id) = &arguments.register {
        let agent = arguments.agent.as_deref().ok_or_else(|| usage("Please specify the agent of the device using -a,--agent [value]"))?;
        let name = super::agent(agent);
        let pairs = super::parameters(arguments)?.into_iter().map(|(name, value)| {
            Element::new("nvpair").with("id", format!("{id}-params-{name}")).with("name", &name).with("value", &value)
        });
        let set = Element::new("instance_attributes").with("id", format!("{id}-params")).with_children(pairs.collect::<Vec<_>>());
        let device = Element::new("primitive").with("id", id).with("class", "stonith").with("type", &name.kind).with_child(set);
        put(cluster, "resources", device)?;
    } else if let Some(id) = &arguments.deregister {
        let cib = cluster.cib()?;
        let resources = cib.descend(&["configuration", "resources"]);
        let device = resources.and_then(|resources| resources.find_by_id(id)).filter(|e| e.attribute("class") == Some("stonith"));
        device.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no fence device {id:?}")))?;
        remove(cluster, "resources", Element::new("primitive").with("id", id))?;
    } else if let Some(target) = &arguments.register_level {
        let devices: Vec<&str> = arguments.device.iter().map(String::as_str).collect();
        if devices.is_empty() {
            return Err(usage("Please specify the devices of the level using -v,--device [value]"));
        }
        let level = level(arguments, target)?.with("devices", devices.join(","));
        put(cluster, "fencing-topology", level)?;
    } else if let Some(target) = &arguments.deregister_level {
        let wanted = level(arguments, target)?;
        let cib = cluster.cib()?;
        let mut levels = cib.descend(&["configuration", "fencing-topology"]).into_iter().flat_map(Element::elements);
        let is_same = |e: &&Element| {
            ["target", "target-attribute", "target-value", "index"].iter().all(|name| e.attribute(name) == wanted.attribute(name))
        };
        let found = levels.find(is_same).and_then(Element::id);
        let id = found.ok_or_else(|| Refusal::new(Exit::NO_SUCH, format!("there is no such level of {target}")))?;
        remove(cluster, "fencing-topology", Element::new("fencing-level").with("id", id))?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Returns a level without its devices. A target is a name, or `ATTRIBUTE=VALUE` for nodes with that attribute.
fn level(arguments: &Arguments, target: &str) -> Result<Element, Refusal> {
    let index = arguments.index.filter(|index| (1..=9).contains(index)).ok_or_else(|| usage("-i,--index must be 1 to 9"))?;
    let plain: String = target.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect();
    let level = Element::new("fencing-level").with("id", format!("fl-{plain}-{index}")).with("index", index.to_string());
    Ok(match target.split_once('=') {
        Some((attribute, value)) => level.with("target-attribute", attribute).with("target-value", value),
        None => level.with("target", target),
    })
}

fn put(cluster: &Cluster, section: &str, element: Element) -> Result<(), Refusal> {
    let edit = CibEdit {
        operation: "modify".into(),
        section: Some(section.into()),
        xml: Some(element.to_compact()),
        allow_create: true,
        ..CibEdit::default()
    };
    cluster.edit(edit)
}

fn remove(cluster: &Cluster, section: &str, element: Element) -> Result<(), Refusal> {
    cluster.edit(CibEdit {
        operation: "delete".into(),
        section: Some(section.into()),
        xml: Some(element.to_compact()),
        ..CibEdit::default()
    })
}
