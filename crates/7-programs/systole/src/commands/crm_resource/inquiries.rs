//! What resources there are, where they are and why, what was done, and the digests of their parameters.

use super::{Arguments, Scene, usage};
use crate::commands::tool::Report;
use admin::{Exit, Refusal};
use model::Role;
use status::{Attributes, Kind, NodeIndex, ResourceIndex};
use view::{Filter, Lines, Sections, Show, StatusView};
use xml::Element;

/// Answers a question about resources, if one was asked.
pub fn answer(arguments: &Arguments, scene: &Scene<'_>, report: &mut Report) -> Option<Result<Exit, Refusal>> {
    if arguments.list_raw {
        list_raw(scene, report);
        return Some(Ok(Exit::OK));
    }
    if arguments.list {
        return Some(list(scene, report));
    }
    if arguments.list_operations || arguments.list_all_operations {
        return Some(operations(arguments, scene, report));
    }
    if arguments.why {
        return Some(why(arguments, scene, report));
    }
    if arguments.locate {
        return Some(of_resource(arguments, scene).map(|index| locate(arguments, scene, index, report)));
    }
    if arguments.query_xml || arguments.query_xml_raw {
        return Some(named(arguments, scene).map(|index| query_xml(arguments, scene, index, report)));
    }
    if arguments.digests {
        return Some(named(arguments, scene).and_then(|index| digests(arguments, scene, index, report)));
    }
    None
}

/// Returns the very resource that was named: what is cloned by its first instance.
fn named(arguments: &Arguments, scene: &Scene<'_>) -> Result<ResourceIndex, Refusal> {
    scene.find(arguments.resource()?)
}

fn of_resource(arguments: &Arguments, scene: &Scene<'_>) -> Result<ResourceIndex, Refusal> {
    let id = arguments.resource()?;
    // An instance answers for itself, a cloned resource for all its instances.
    match scene.facts.find_configured(id).filter(|_| !id.contains(':')) {
        Some(index) => Ok(index),
        None => scene.find(id),
    }
}

/// How resources are shown: all of them, in full, or what is active of them.
fn with_view<R>(scene: &Scene<'_>, inactive: bool, use_view: impl FnOnce(&StatusView<'_>) -> R) -> R {
    let (filter, zone) = (Filter::default(), admin::zone());
    use_view(&StatusView {
        facts: scene.facts,
        cib: scene.cib,
        show: Show { inactive, ..Show::default() },
        sections: Sections { resources: true, ..Sections::NONE },
        filter: &filter,
        ban_prefix: None,
        now: scene.facts.now,
        zone: &zone,
        local_node: None,
        fence_history: &[],
        full_fence_history: false,
    })
}

/// Lists all resources with their status.
pub fn list(scene: &Scene<'_>, report: &mut Report) -> Result<Exit, Refusal> {
    let (text, elements) = with_view(scene, true, |view| {
        let mut lines = Lines::new();
        view.print(&mut lines);
        (lines.into_text(), view.to_elements())
    });
    report.text(text);
    if scene.facts.walk().is_empty() {
        report.element(Element::new("resources").with_child(Element::new("item").with_text("No resources")));
        return Err(Refusal::new(Exit::NO_SUCH, format!("Error performing operation: {}", Exit::NO_SUCH.text())));
    }
    elements.into_iter().for_each(|element| report.element(element));
    Ok(Exit::OK)
}

fn list_raw(scene: &Scene<'_>, report: &mut Report) {
    let facts = scene.facts;
    let is_shown = |index: &ResourceIndex| matches!(facts.resource(*index).kind, Kind::Primitive(_));
    let ids: Vec<&str> = facts.walk().into_iter().filter(is_shown).map(|index| facts.resource(index).id.as_str()).collect();
    let mut list = Element::new("list").with("name", "resource names").with("count", ids.len().to_string());
    for id in ids {
        report.line(id);
        list.push(Element::new("item").with("name", "resource").with_text(id));
    }
    report.element(list);
}

fn operations(arguments: &Arguments, scene: &Scene<'_>, report: &mut Report) -> Result<Exit, Refusal> {
    if let Some(node) = &arguments.node {
        scene.check_node(node)?;
    }
    let wanted = view::OperationChoice {
        resource: arguments.resource.as_deref(),
        node: arguments.node.as_deref(),
        only_active: arguments.list_operations,
    };
    let (lines, element) = with_view(scene, true, |view| view.recorded_operations(&wanted));
    lines.into_iter().for_each(|line| report.line(line));
    // Compat: an empty list is left out.
    if element.elements().next().is_some() {
        report.element(element);
    }
    Ok(Exit::OK)
}

/// Compat: one line per place, with `Promoted` behind the node where that is the role.
fn locate(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Exit {
    let facts = scene.facts;
    let id = arguments.resource.as_deref().unwrap_or_default();
    let mut below = vec![index];
    let mut at = 0;
    while at < below.len() {
        below.extend(facts.resource(below[at]).children.iter().copied());
        at += 1;
    }
    let mut places: Vec<(&str, bool)> = below
        .into_iter()
        .map(|index| facts.resource(index))
        .filter(|resource| matches!(resource.kind, Kind::Primitive(_)))
        .flat_map(|resource| {
            let is_promoted = resource.role == Role::Promoted;
            resource.active_nodes.iter().map(move |node| (facts.node(*node).name.as_str(), is_promoted))
        })
        .collect();
    // Compat: what is cloned is told from the last instance to the first.
    match facts.resource(index).kind {
        Kind::Clone(_) => places.reverse(),
        _ => places.sort(),
    }
    let mut told = std::collections::BTreeSet::new();
    places.retain(|(node, _)| told.insert(*node));
    if places.is_empty() && !arguments.quiet && !report.is_xml() {
        report.error(format!("resource {id} is NOT running"));
    }
    let mut nodes = Element::new("nodes").with("resource", id);
    for (node, is_promoted) in places {
        match arguments.quiet {
            true => report.line(node),
            false => report.line(format!("resource {id} is running on: {node}{}", if is_promoted { " Promoted" } else { "" })),
        }
        let mut element = Element::new("node");
        if is_promoted {
            element.set("state", "promoted");
        }
        nodes.push(element.with_text(node));
    }
    report.element(nodes);
    Exit::OK
}

fn query_xml(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Exit {
    let resource = scene.facts.resource(index);
    let raw = scene.cib.descend(&["configuration", "resources"]).and_then(|r| r.find_by_id(resource.configured_id.as_str()));
    let shown = match raw {
        Some(raw) if arguments.query_xml_raw || !raw.has("template") => raw.clone(),
        _ => (*resource.xml).clone(),
    };
    // Compat: a primitive is shown in any state, of a group or clone what is active; parts one by one, without headings.
    let text = with_view(scene, matches!(resource.kind, Kind::Primitive(_)), |view| {
        let mut lines = Lines::new();
        view.print_resource(index, &mut lines);
        lines.into_text()
    });
    let parts = text.lines().map(|line| line.trim_start().trim_start_matches("* ")).filter(|line| !line.ends_with(':'));
    parts.for_each(|line| report.line(line));
    let element = with_view(scene, true, |view| view.resource_element(index));
    report.line(format!("Resource XML:\n{}", shown.to_text_as(xml::Layout::Quoted).trim_end()));
    report.element(Element::new("resource_config").with_children(element).with_child(Element::new("xml").with_text(shown.to_text())));
    Exit::OK
}

/// One reason why a resource does not run as it could.
enum Reason {
    RemainStopped,
    NotPromoted,
    Unmanaged,
    Locked(String),
    Unhealthy,
}

fn reasons(scene: &Scene<'_>, top: ResourceIndex, node: Option<NodeIndex>) -> Vec<Reason> {
    let (facts, resource) = (scene.facts, scene.facts.resource(top));
    let mut reasons = Vec::new();
    match resource.meta.get("target-role").and_then(|role| Role::parse(role)) {
        Some(Role::Stopped) => reasons.push(Reason::RemainStopped),
        Some(Role::Unpromoted) if resource.promotable => reasons.push(Reason::NotPromoted),
        _ => {}
    }
    if !resource.managed {
        reasons.push(Reason::Unmanaged);
    }
    if let Some(node) = resource.lock_node {
        reasons.push(Reason::Locked(facts.node(node).name.to_string()));
    }
    let is_unhealthy = |node: NodeIndex| {
        let strategy = facts.options.all.get("node-health-strategy").map_or("none", |value| value.as_str());
        strategy != "none" && facts.node(node).health == status::HealthColor::Red && !resource.allow_unhealthy_nodes
    };
    if node.is_some_and(is_unhealthy) {
        reasons.push(Reason::Unhealthy);
    }
    reasons
}

/// Says why one resource does not run, after the line that says where it runs.
fn check(scene: &Scene<'_>, index: ResourceIndex, node: Option<NodeIndex>, report: &mut Report) -> Element {
    let top = scene.facts.top_of(index, false);
    let id = scene.facts.resource(top).id.as_str();
    let mut element = Element::new("check").with("id", id);
    for reason in reasons(scene, top, node) {
        match reason {
            Reason::RemainStopped => {
                report.line(format!("Configuration specifies '{id}' should remain stopped"));
                element.set("remain_stopped", "true");
            }
            Reason::NotPromoted => {
                report.line(format!("Configuration specifies '{id}' should not be promoted"));
                element.set("promotable", "false");
            }
            Reason::Unmanaged => {
                report.line(format!("Configuration prevents cluster from stopping or starting unmanaged '{id}'"));
                element.set("unmanaged", "true");
            }
            Reason::Locked(node) => {
                report.line(format!("'{id}' is locked to node {node} due to shutdown"));
                element.set("locked-to", node);
            }
            Reason::Unhealthy => {
                report.line(format!("'{id}' cannot run on unhealthy nodes due to node-health-strategy"));
                element.set("unhealthy", "true");
            }
        }
    }
    element
}

fn why(arguments: &Arguments, scene: &Scene<'_>, report: &mut Report) -> Result<Exit, Refusal> {
    let facts = scene.facts;
    let node = arguments.node.as_deref().map(|name| scene.check_node(name)).transpose()?;
    let host = node.map(|node| facts.node(node).name.as_str());
    let is_on = |index: ResourceIndex, node: NodeIndex| facts.locations(index, false).contains(&node);
    let mut answer = Element::new("reason");
    if let Some(id) = &arguments.resource {
        let index = of_resource(arguments, scene)?;
        match (node, host) {
            (Some(node), Some(host)) if is_on(index, node) => {
                report.line(format!("Resource {id} is running on host {host}"));
                answer.set("running_on", host);
            }
            (Some(_), Some(host)) => report.line(format!("Resource {id} is not running on host {host}")),
            _ => {
                let is_active = facts.is_active(index, false);
                report.line(format!("Resource {id} is {}running", if is_active { "" } else { "not " }));
                answer.set("running", is_active.to_string());
            }
        }
        let element = check(scene, index, node, report);
        answer.push(element);
        report.element(answer);
        // Beyond the incumbent: why it is where it is, and what would change that.
        report.line("");
        for line in admin::explain::resource(scene.cib, id, admin::now())?.lines() {
            report.line(line);
        }
        return Ok(Exit::OK);
    }
    let mut list = Element::new("resources");
    let shown: Vec<ResourceIndex> = match node {
        Some(node) => facts.node(node).running.clone(),
        None => facts.roots.clone(),
    };
    for index in shown {
        let id = facts.resource(index).id.as_str();
        let is_active = facts.is_active(index, false);
        let mut element = Element::new("resource").with("id", id).with("running", is_active.to_string());
        match host {
            Some(host) => {
                report.line(format!("Resource {id} is running on host {host}"));
                element.set("host", host);
            }
            None => report.line(format!("Resource {id} is {}running", if is_active { "" } else { "not " })),
        }
        let check = check(scene, index, node, report);
        list.push(element.with_child(check));
    }
    report.element(answer.with_child(list));
    Ok(Exit::OK)
}

fn digests(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    let facts = scene.facts;
    let Some(name) = &arguments.node else { return Err(usage("Must supply a node name with -N")) };
    if !matches!(facts.resource(index).kind, Kind::Primitive(_)) {
        return Err(Refusal::new(Exit::UNIMPLEMENTED, format!("Error performing operation: {}", Exit::UNIMPLEMENTED.text())));
    }
    let node = scene.check_node(name)?;
    let overrides: Attributes = arguments.pairs()?.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let interval = |text: &str| text.parse::<u64>().ok().or_else(|| model::parse_interval(text).map(|i| i.as_millis() as u64));
    let interval_ms = overrides.get("CRM_meta_interval").and_then(|text| interval(text)).unwrap_or(0);
    let resource = facts.resource(index);
    let history = facts.node(node).history.iter().find(|h| h.resource == Some(index) || h.id == resource.configured_id.as_str());
    // Compat: whatever the interval, it is the start that says which parameters are private and which need a restart.
    let record = history.and_then(|history| history.operations.iter().find(|op| op.operation == "start").or(history.operations.last()));
    let task = "start";
    let digests = facts.digests_with(index, task, interval_ms, node, record, None, &overrides);
    let mut element = Element::new("digests")
        .with("resource", resource.id.as_str())
        .with("node", facts.node(node).name.as_str())
        .with("task", task)
        .with("interval", format!("{interval_ms}ms"));
    let kinds = [
        ("all", "all parameters", Some(&digests.all), Some(&digests.parameters)),
        ("nonprivate", "non-private parameters", Some(&digests.secure), Some(&digests.secure_parameters)),
        ("nonreloadable", "non-reloadable parameters", digests.restart.as_ref(), digests.restart_parameters.as_ref()),
    ];
    for (kind, words, digest, parameters) in kinds {
        let (Some(digest), Some(parameters)) = (digest, parameters) else { continue };
        report.line(format!("{digest} ({words})"));
        let mut shown = Element::new("parameters");
        parameters.iter().for_each(|(name, value)| shown.set(name, value));
        element.push(Element::new("digest").with("type", kind).with("hash", digest).with_child(shown));
    }
    report.element(element);
    Ok(Exit::OK)
}
