//! Parameters, meta-attributes and utilization of resources: shown, set and deleted.
//!
//! Compat: a clone and the primitive in it share what is not set on either (see [`target`]), a group's members follow
//! where they have a value of their own; `--force` means the named resource alone.

use super::{Arguments, Scene, failed, usage};
use crate::commands::tool::Report;
use admin::{Exit, Found, Holder, Pair, Refusal};
use status::{Kind, ResourceIndex};
use std::collections::BTreeSet;
use xml::Element;

fn sets(arguments: &Arguments) -> &'static str {
    match (arguments.meta, arguments.utilization) {
        (true, _) => "meta_attributes",
        (_, true) => "utilization",
        _ => "instance_attributes",
    }
}

/// Shows, sets or deletes a parameter.
pub fn act(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    if arguments.element {
        return of_element(arguments, scene, index, report);
    }
    if let Some(name) = &arguments.get_parameter {
        get(arguments, scene, index, name, report);
        return Ok(Exit::OK);
    }
    if let Some(name) = &arguments.set_parameter {
        let value = arguments.parameter_value.as_deref();
        let value = value.ok_or_else(|| usage("You need to supply a value with the -v option"))?;
        return change(arguments, scene, index, name, Some(value), &mut BTreeSet::new(), report).map(|()| Exit::OK);
    }
    let name = arguments.delete_parameter.as_deref().unwrap_or_default();
    change(arguments, scene, index, name, None, &mut BTreeSet::new(), report).map(|()| Exit::OK)
}

/// Shows an attribute of the element that configures the resource; Compat: one that is not there is not missed.
pub fn show_property(scene: &Scene<'_>, index: ResourceIndex, name: &str, report: &mut Report) -> Result<Exit, Refusal> {
    let id = scene.facts.resource(index).configured_id.as_str();
    let element = scene.cib.descend(&["configuration", "resources"]).and_then(|resources| resources.find_by_id(id));
    if let Some(value) = element.and_then(|element| element.attribute(name)) {
        report.line(value);
        let item = Element::new("item").with("name", name).with_text(value);
        report.element(Element::new("list").with("name", "Properties").with_child(item));
    }
    Ok(Exit::OK)
}

/// Sets an attribute of the element of this kind and id.
pub fn set_property(arguments: &Arguments, scene: &Scene<'_>, name: &str) -> Result<Exit, Refusal> {
    let missing = |text: &str| super::refused(Exit::NO_SUCH, text);
    let Some(kind) = &arguments.resource_type else { return Err(missing("Must specify -t with resource type")) };
    let Some(value) = &arguments.parameter_value else { return Err(missing("Must supply -v with new value")) };
    let id = arguments.resource()?;
    let resources = scene.cib.descend(&["configuration", "resources"]);
    if !resources.into_iter().flat_map(Element::descendants).any(|e| e.name == *kind && e.id() == Some(id)) {
        return Err(missing(&format!("There is no {kind} '{id}'")));
    }
    let element = Element::new(kind).with("id", id).with(name, value);
    scene.cluster.edit(admin::edits::modify("resources", element)).map_err(failed)?;
    Ok(Exit::OK)
}

/// Shows, sets or deletes an attribute of the element that configures the resource.
fn of_element(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    let id = scene.facts.resource(index).configured_id.to_string();
    let resources = scene.cib.descend(&["configuration", "resources"]);
    let element = resources.and_then(|resources| resources.find_by_id(&id));
    let element = element.ok_or_else(|| super::refused(Exit::NO_SUCH, format!("Resource '{id}' not found")))?;
    if let Some(name) = &arguments.get_parameter {
        match element.attribute(name) {
            Some(value) => shown(name, value, report),
            None => report.error(format!("Attribute '{name}' not found for '{id}'")),
        }
        return Ok(Exit::OK);
    }
    let name = arguments.set_parameter.as_ref().or(arguments.delete_parameter.as_ref()).map_or("", String::as_str);
    if name == "id" {
        return Err(usage("the id of a resource is not changed in this way"));
    }
    if arguments.set_parameter.is_some() {
        let value = arguments.parameter_value.as_deref().ok_or_else(|| usage("You need to supply a value with the -v option"))?;
        let bare = Element::new(&element.name).with("id", &id).with(name, value);
        scene.cluster.edit(admin::edits::modify("resources", bare)).map_err(failed)?;
        report.line(format!("Set attribute: name={name} value={value}"));
    } else {
        let mut without = element.clone();
        if without.remove(name).is_some() {
            scene.cluster.edit(admin::edits::replace(Some("resources"), &without)).map_err(failed)?;
        }
        report.line(format!("Deleted attribute: {name}"));
    }
    Ok(Exit::OK)
}

fn shown(name: &str, value: &str, report: &mut Report) {
    report.line(value);
    let item = Element::new("item").with("name", name).with_text(value);
    report.element(Element::new("list").with("name", "attributes").with("count", "1").with_child(item));
}

fn get(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, name: &str, report: &mut Report) {
    let resource = scene.facts.resource(index);
    let value = match sets(arguments) {
        "meta_attributes" => resource.meta.get(name).cloned(),
        "utilization" => resource.utilization.get(name).cloned(),
        _ => {
            let node = resource.active_nodes.first().copied();
            scene.facts.parameters(index, node).get(name).cloned()
        }
    };
    let Some(value) = value else {
        report.error(format!("Attribute '{name}' not found for '{}'", resource.id));
        return;
    };
    shown(name, &value, report);
}

/// The pairs of a name below an element, each with what holds it.
fn pairs_below<'c>(scene: &Scene<'c>, id: &str, set: &str, name: &str) -> Vec<&'c Element> {
    let element = scene.cib.descend(&["configuration", "resources"]).and_then(|resources| resources.find_by_id(id));
    let sets = element.into_iter().flat_map(Element::descendants).filter(|e| e.name == set);
    sets.flat_map(|set| set.elements_named("nvpair")).filter(|pair| pair.attribute("name") == Some(name)).collect()
}

/// Returns the ids of the resources that a change is made on.
fn targets(
    arguments: &Arguments,
    scene: &Scene<'_>,
    index: ResourceIndex,
    name: &str,
    verb: &str,
    report: &mut Report,
) -> Result<Vec<String>, Refusal> {
    let facts = scene.facts;
    let resource = facts.resource(index);
    let id = resource.configured_id.to_string();
    if arguments.force || sets(arguments) != "meta_attributes" {
        return Ok(vec![id]);
    }
    let has_own = |id: &str| -> Result<bool, Refusal> {
        let holder = Holder::Resource { id: id.to_owned(), sets: sets(arguments) };
        Ok(!scene.cluster.attribute(&holder, &pair(arguments, name)).map_err(failed)?.is_empty())
    };
    let top = facts.resource(facts.top_of(index, false));
    let found = pairs_below(scene, top.configured_id.as_str(), sets(arguments), name);
    if found.len() > 1 && arguments.nvpair.is_none() && arguments.set_name.is_none() {
        report.line(format!("Multiple attributes match name={name}"));
        for pair in found {
            let text = |attribute: &str| pair.attribute(attribute).unwrap_or_default();
            report.line(format!("  Value: {} \t(id={})", text("value"), text("id")));
        }
        report.line("");
    }
    let parent = resource.parent.map(|parent| facts.resource(parent)).filter(|parent| matches!(parent.kind, Kind::Clone(_)));
    match (&resource.kind, parent) {
        (_, Some(parent)) if !has_own(&id)? => {
            let parent = parent.configured_id.to_string();
            let named = arguments.resource.as_deref().unwrap_or(&id);
            report.line(format!("Performing {verb} of '{name}' on '{parent}', the parent of '{named}'"));
            Ok(vec![parent])
        }
        (Kind::Clone(clone), _) => {
            let child = clone.child_id().to_owned();
            let is_primitive = resource.children.first().is_some_and(|c| matches!(facts.resource(*c).kind, Kind::Primitive(_)));
            if is_primitive && has_own(&child)? {
                report.line(format!("A value for '{name}' already exists in child '{child}', performing {verb} on that instead of '{id}'"));
                return Ok(vec![child]);
            }
            Ok(vec![id])
        }
        (Kind::Group(_), _) => {
            let mut all = Vec::new();
            for member in &resource.children {
                let member = facts.resource(*member).configured_id.to_string();
                if has_own(&member)? {
                    all.push(member);
                }
            }
            all.push(id);
            Ok(all)
        }
        _ => Ok(vec![id]),
    }
}

fn pair(arguments: &Arguments, name: &str) -> Pair {
    Pair { name: name.to_owned(), set: arguments.set_name.clone(), id: arguments.nvpair.clone() }
}

/// Sets or deletes a pair, on what is colocated too where that is wanted.
fn change(
    arguments: &Arguments,
    scene: &Scene<'_>,
    index: ResourceIndex,
    name: &str,
    value: Option<&str>,
    done: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let verb = if value.is_some() { "update" } else { "delete" };
    for id in targets(arguments, scene, index, name, verb, report)? {
        if !done.insert(id.clone()) {
            continue;
        }
        let holder = Holder::Resource { id: id.clone(), sets: sets(arguments) };
        let pair = pair(arguments, name);
        let before = scene.cluster.attribute(&holder, &pair).map_err(failed)?;
        match value {
            Some(value) => {
                scene.cluster.set_attribute(&holder, &pair, value).map_err(failed)?;
                let after = scene.cluster.attribute(&holder, &pair)?;
                told(arguments, &id, name, value, before.first(), after.first(), report);
            }
            None => {
                for found in scene.cluster.delete_attribute(&holder, &pair).map_err(failed)? {
                    report.line(format!("Deleted '{id}' option: id={found} name={name}"));
                }
            }
        }
    }
    if arguments.recursive && value.is_some() {
        for follower in followers(scene, index) {
            change(arguments, scene, follower, name, value, done, report)?;
        }
    }
    Ok(())
}

/// Compat: the set is told where the pair is new.
fn told(arguments: &Arguments, id: &str, name: &str, value: &str, before: Option<&Found>, after: Option<&Found>, report: &mut Report) {
    let pair = after.or(before).map_or("", |found| found.id.as_str());
    let set = arguments.set_name.clone().unwrap_or_else(|| format!("{id}-{}", sets(arguments)));
    match before {
        Some(_) => report.line(format!("Set '{id}' option: id={pair} name={name} value={value}")),
        None => report.line(format!("Set '{id}' option: id={pair} set={set} name={name} value={value}")),
    }
}

/// Returns what must be where the resource is.
fn followers(scene: &Scene<'_>, index: ResourceIndex) -> Vec<ResourceIndex> {
    let document = cib::Cib::new(scene.facts.cib());
    let all = scheduler::constraints::constraints(scene.facts, &document.configuration);
    let follows = |c: &&scheduler::constraints::Colocation| c.explicit && c.primary == index && c.score == model::Score::INFINITY;
    all.colocations.iter().filter(follows).map(|c| c.dependent).collect()
}
