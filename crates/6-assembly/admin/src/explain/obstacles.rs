//! What closes a node to a primitive: the state of the node, and every term of its score that forbids it.

use super::case::{Case, span};
use super::cause::Cause;
use super::fix::Fix;
use super::rules;
use crate::what_if::joined;
use model::{Score, parse_boolean};
use status::{Kind, NodeIndex, OnFail, ResourceIndex};
use transition::Reason;
use xml::Element;

/// Returns what closes a node to a primitive; nothing where it could run there.
pub(super) fn obstacles(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, depth: usize) -> Vec<Cause> {
    let mut found: Vec<Cause> = of_node(case, node).into_iter().collect();
    let Some(score) = case.score(index, node) else {
        found.push(unconsidered(case, index, node));
        return found;
    };
    let vetoes: Vec<&Reason> = case.terms(index, node).filter(|reason| reason.score.is_forbidden()).collect();
    let has_count = vetoes.iter().any(|reason| reason.source == "failure");
    for reason in vetoes.iter().filter(|reason| !(has_count && reason.source == "status" && reason.id == "__action_migration_auto__")) {
        found.push(of_reason(case, index, node, reason, depth));
    }
    if vetoes.is_empty() && score < Score::ZERO {
        found.push(below_zero(case, index, node, score));
    }
    Cause::merged(found)
}

/// Returns why a node can run nothing new, whatever it is.
pub(super) fn of_node(case: &Case<'_>, node: NodeIndex) -> Option<Cause> {
    let facts = case.facts();
    let (known, name) = (facts.node(node), case.node_name(node));
    let planned = &case.decision.placement.nodes[node.position()];
    let cause = if known.unclean || planned.unclean {
        let why = facts.effects.iter().find_map(|effect| match effect {
            status::Effect::Fence { node: at, reason, .. } if *at == node => Some(format!(" ({reason})")),
            _ => None,
        });
        let words = format!("{{node}} {{is}} not known to be safe and must be fenced first{}", why.unwrap_or_default());
        Cause::new("unclean", words).fix(Fix::Off { node: name.clone() })
    } else if known.pending {
        Cause::new("pending-node", "{node} {is} coming up and not ready yet")
    } else if let (Some(connection), false) = (known.remote, planned.online) {
        let id = facts.resource(connection).id.to_string();
        Cause::new("offline", format!("the connection to {{node}} ({id}) is not up")).id(id)
    } else if !planned.online {
        Cause::new("offline", "{node} {is} offline")
    } else if known.standby_on_fail {
        let mut cause = Cause::new("standby", "{node} {is} in standby because an operation with on-fail=standby failed there");
        let culprit = facts.failures.iter().find(|f| f.node == node && facts.operation(f.history).on_fail == Some(OnFail::Standby));
        if let Some(resource) = culprit.and_then(|failure| failure.resource) {
            let resource_id = facts.printable_id(resource).to_owned();
            cause = Cause::new("standby", format!("{{node}} {{is}} in standby because {resource_id} failed there with on-fail=standby"));
            cause = cause.fix(Fix::Forgotten { resource: resource_id, names: case.failure_names(resource) });
        }
        cause
    } else if known.standby {
        Cause::new("standby", "{node} {is} in standby").fix(Fix::Unstandby { node: name.clone() })
    } else if known.maintenance {
        Cause::new("maintenance", "{node} {is} in maintenance, where nothing is started").fix(maintenance(case, node))
    } else if planned.shutting_down {
        Cause::new("shutting-down", "{node} {is} shutting down")
    } else {
        return None;
    };
    Some(cause.on(name))
}

/// Returns what ends the maintenance of a node.
pub(super) fn maintenance(case: &Case<'_>, node: NodeIndex) -> Fix {
    match case.facts().options.maintenance_mode {
        true => Fix::Option { name: "maintenance-mode".to_owned(), value: "false".to_owned() },
        false => Fix::Unmaintained { node: case.node_name(node) },
    }
}

/// The resource may use only nodes that a location names, and this one is not among them.
fn unconsidered(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Cause {
    let facts = case.facts();
    let top = facts.top_of(index, false);
    let (id, name) = (facts.resource(top).configured_id.to_string(), case.node_name(node));
    if facts.options.symmetric_cluster {
        return Cause::new("not-considered", "{node} {is} not among the nodes that it may use").on(name);
    }
    let unmet = rules::unmet(case, top, node);
    let words = match unmet.first() {
        Some((constraint, rule)) => {
            format!("symmetric-cluster is false, and the rule of {constraint}, the only location for {{node}}, is not met ({rule})")
        }
        None => format!("symmetric-cluster is false, and no location allows {id} on {{node}}"),
    };
    let cause = Cause::new("opt-in", words).on(&name).fix(Fix::Allowed { resource: id, node: name });
    match unmet.into_iter().next() {
        Some((constraint, _)) => cause.id(constraint),
        None => cause.id("symmetric-cluster"),
    }
}

fn of_reason(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, reason: &Reason, depth: usize) -> Cause {
    let facts = case.facts();
    let (name, id) = (case.node_name(node), reason.id.as_str());
    let cause = match reason.source.as_str() {
        "location" => return location(case, node, id),
        "colocation" => return colocation(case, index, node, reason, depth),
        "failure" => return failures(case, index, node),
        "status" => return of_status(case, index, node, id),
        "ticket" => return ticket(case, index).unwrap_or_else(|| Cause::new("ticket", reason.text.clone())),
        "target-role" => Cause::new("target-role", "its target role is Stopped"),
        "capacity" => return capacity(case, index, node),
        "clone" if id == "collective_limit_reached" => return limit(case, index),
        "clone" => {
            let max = clone_of(case, index).map_or(1, |(_, clone)| clone.node_max);
            let words = match max {
                1 => "{node} {is} to run one instance (clone-node-max=1)".to_owned(),
                max => format!("{{node}} {{is}} to run {max} instances (clone-node-max={max})"),
            };
            Cause::new("clone-node-max", words).id("clone-node-max").on(name)
        }
        "lock" => {
            let lock = facts.resource(index).lock_node.or(facts.resource(index).active_nodes.first().copied());
            let keeper = lock.map_or_else(|| "a node that shut down".to_owned(), |node| case.node_name(node));
            Cause::new("shutdown-lock", format!("shutdown-lock keeps it for {keeper}"))
                .id("shutdown-lock")
                .fix(Fix::Option { name: "shutdown-lock".to_owned(), value: "false".to_owned() })
        }
        "discovery" => Cause::new("discovery", "{node} {is} not among the nodes of its locations with resource-discovery=exclusive")
            .id("resource-discovery")
            .on(name),
        "container" => Cause::new("container", "it runs inside its container or guest only"),
        "remote" => Cause::new("remote", "{node} {is} a remote node, where neither connections nor fence devices run").on(name),
        "quorum" => {
            Cause::new("quorum", "there is no quorum, and {node} {is} a remote node, which outlives the members of a partition").on(name)
        }
        "node" => Cause::new("node-score", format!("the score of {{node}} itself is {}", reason.score)).on(name),
        _ => Cause::new("other", reason.words()).on(name),
    };
    match cause.id {
        Some(_) => cause,
        None => cause.id(id),
    }
}

/// A constraint of the configuration, or the health of the node.
fn location(case: &Case<'_>, node: NodeIndex, id: &str) -> Cause {
    let name = case.node_name(node);
    let Some(constraint) = case.constraint(id) else { return health(case, node, id) };
    let constraint_id = constraint.id().unwrap_or(id).to_owned();
    let role = match constraint.attribute("role").or_else(|| constraint.child("rule").and_then(|rule| rule.attribute("role"))) {
        Some(role) if model::Role::parse(role) == Some(model::Role::Promoted) => " in the promoted role",
        _ => "",
    };
    let origin = match constraint_id.as_str() {
        id if id.starts_with("cli-ban-") => " (left by a ban command)",
        id if id.starts_with("cli-prefer-") => " (left by a move command)",
        _ => "",
    };
    let rule = rules::met(case, constraint, id, node).map_or(String::new(), |rule| format!(" ({rule})"));
    Cause::new("location", format!("constraint {constraint_id} keeps it off {{node}}{role}{rule}{origin}"))
        .id(constraint_id)
        .on(name)
        .fix(unconstrained(constraint))
}

/// Returns the end of a constraint, with the command that suits it.
pub(super) fn unconstrained(constraint: &Element) -> Fix {
    let (element, id) = (constraint.name.to_string(), constraint.id().unwrap_or_default().to_owned());
    let clear = constraint.attribute("rsc").and_then(|resource| {
        if let Some(node) = id.strip_prefix(&format!("cli-ban-{resource}-on-")) {
            return Some((resource.to_owned(), Some(node.to_owned())));
        }
        (id == format!("cli-prefer-{resource}")).then(|| (resource.to_owned(), None))
    });
    Fix::Unconstrained { element, id, clear }
}

fn health(case: &Case<'_>, node: NodeIndex, strategy: &str) -> Cause {
    let known = case.facts().node(node);
    let bad: Vec<(String, String)> = known
        .attributes
        .iter()
        .filter(|(name, value)| {
            name.starts_with("#health") && !value.eq_ignore_ascii_case("green") && !value.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let told: Vec<String> = bad.iter().map(|(name, value)| format!("{name} is {value}")).collect();
    let told = if told.is_empty() { String::new() } else { format!(": {}", joined(&told)) };
    let cause = Cause::new("health", format!("{{node}} {{is}} not healthy enough for node-health-strategy={strategy}{told}"));
    let cause = cause.id(bad.first().map_or(strategy, |(name, _)| name.as_str())).on(known.name.as_str());
    match bad.is_empty() {
        true => cause,
        false => cause.fix(Fix::Healthy { node: known.name.to_string(), names: bad.into_iter().map(|(name, _)| name).collect() }),
    }
}

fn colocation(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, reason: &Reason, depth: usize) -> Cause {
    let facts = case.facts();
    let name = case.node_name(node);
    let Some((dependent, primary)) = reason.text.split_once(" with ") else {
        return Cause::new("colocation", reason.words()).id(&reason.id).on(name);
    };
    let constraint = case.constraint(&reason.id);
    let with_fix = |cause: Cause| match constraint {
        Some(constraint) => cause.id(constraint.id().unwrap_or(&reason.id)).fix(unconstrained(constraint)),
        None => cause.id(&reason.id),
    };
    let told = constraint.and_then(Element::id).map_or_else(
        || match reason.id.as_str() {
            "#group-members" => "its group".to_owned(),
            "#resource-with-container" => "its container".to_owned(),
            other => format!("colocation {other}"),
        },
        |id| format!("constraint {id}"),
    );
    let is_self = |named: &str| facts.find_resource(named).is_some_and(|at| at == index || case.primitives_in(at).contains(&index));
    // A dependent has a say in where its primary goes.
    let (other, follows) = if is_self(dependent) || !is_self(primary) { (primary, true) } else { (dependent, false) };
    let Some(found) = facts.find_resource(other) else {
        return with_fix(Cause::new("colocation", format!("{told} ({})", reason.text)).on(name));
    };
    let link = case.colocation(&reason.id, dependent, primary);
    let shown = facts.printable_id(found).to_owned();
    let places: Vec<String> = case.planned_nodes(found).into_iter().map(|node| case.node_name(node)).collect();
    let role =
        link.and_then(|link| if follows { link.primary_role } else { link.dependent_role }).filter(|role| *role == model::Role::Promoted);
    let promoted = if role.is_some() { "promoted " } else { "" };
    if link.is_some_and(|link| link.score < Score::ZERO) {
        return with_fix(Cause::new("colocation", format!("{told} keeps it away from {promoted}{shown}, which is on {{node}}")).on(name));
    }
    if !follows {
        return with_fix(Cause::new("colocation", format!("{told} has {shown} follow it, which cannot run on {{node}}")).on(name));
    }
    if places.is_empty() || (role.is_some() && !is_promoted_somewhere(case, found)) {
        let nowhere = if role.is_some() { "is promoted nowhere" } else { "runs nowhere" };
        let why = deeper(case, found, depth);
        // It is so on every node: none is named.
        let mut cause = with_fix(Cause::new(
            "colocation",
            format!("{told} binds it to {shown}, which {nowhere}{}", why.as_ref().map_or(String::new(), |c| format!(": {}", c.words()))),
        ));
        cause.fixes.splice(0..0, why.into_iter().flat_map(|cause| cause.fixes));
        return cause;
    }
    with_fix(Cause::new("colocation", format!("{told} binds it to {promoted}{shown}, which goes to {}", joined(&places))).on(name))
}

fn is_promoted_somewhere(case: &Case<'_>, index: ResourceIndex) -> bool {
    case.primitives_in(index).into_iter().any(|at| case.decision.role_planned(at) == model::Role::Promoted)
}

/// Returns why another resource does not run, unless that leads too far.
pub(super) fn deeper(case: &Case<'_>, other: ResourceIndex, depth: usize) -> Option<Cause> {
    if depth == 0 { None } else { case.root_cause(other, depth - 1) }
}

/// It failed as often as its `migration-threshold` allows.
fn failures(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Cause {
    let facts = case.facts();
    // Of an anonymous clone any instance's failures count.
    let top = facts.top_of(index, false);
    let culprit = if facts.fail_count(node, index, true, true).count > 0 { Some(index) } else { None };
    let culprit = culprit.or_else(|| case.primitives_in(top).into_iter().find(|at| facts.fail_count(node, *at, true, true).count > 0));
    let culprit = culprit.unwrap_or(index);
    let resource = facts.resource(culprit);
    let count = facts.fail_count(node, culprit, true, true);
    let subject = if resource.configured_id == facts.resource(index).configured_id { "it" } else { resource.configured_id.as_str() };
    let mut words = match count.count >= Score::INFINITY.value() {
        true => format!("the fail count of {subject} on {{node}} is INFINITY",).replace("of it ", ""),
        false => {
            format!("{subject} failed {} on {{node}}, and migration-threshold is {}", times(count.count), resource.migration_threshold)
        }
    };
    if let Some((at, operation)) = case.failure(culprit, Some(node)) {
        words += &format!(" ({})", case.failure_words(at, operation));
    }
    if let (Some(timeout), Some(last)) = (resource.failure_timeout.filter(|timeout| !timeout.is_zero()), count.last_failure) {
        let left = last.seconds() + timeout.as_secs() as i64 - facts.now.seconds();
        words += &match left {
            1.. => format!("; that is forgotten in {} (failure-timeout={})", span(left), span(timeout.as_secs() as i64)),
            _ => "; that is forgotten at the next check (failure-timeout)".to_owned(),
        };
    }
    forgotten(case, culprit, Cause::new("failures", words).id(facts.printable_id(culprit)).on(case.node_name(node)))
}

fn times(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

pub(super) fn forgotten(case: &Case<'_>, index: ResourceIndex, cause: Cause) -> Cause {
    let resource = case.facts().resource(index).configured_id.to_string();
    cause.fix(Fix::Forgotten { resource, names: case.failure_names(index) })
}

fn of_status(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, id: &str) -> Cause {
    let name = case.node_name(node);
    let failed =
        case.failure(index, Some(node)).map_or(String::new(), |(at, operation)| format!(" ({})", case.failure_words(at, operation)));
    match id {
        "__removed_do_not_run__" => Cause::new("removed", "it is not configured any more").id("removed"),
        "__stop_fail__" => {
            forgotten(case, index, Cause::new("stop-failed", format!("its stop failed on {{node}}{failed}")).id("stop").on(name))
        }
        _ => forgotten(case, index, Cause::new("failures", format!("it failed on {{node}} for good{failed}")).id("failures").on(name)),
    }
}

/// Returns the ticket that a primitive lacks.
pub(super) fn ticket(case: &Case<'_>, index: ResourceIndex) -> Option<Cause> {
    let facts = case.facts();
    let mut above = vec![index];
    while let Some(parent) = above.last().and_then(|at| facts.resource(*at).parent) {
        above.push(parent);
    }
    let demand = case.decision.constraints.tickets.iter().find(|demand| !demand.satisfied && above.contains(&demand.resource))?;
    let state = facts.tickets.get(&demand.ticket);
    let how = if state.is_some_and(|ticket| ticket.granted) { "is in standby" } else { "is not granted" };
    let role = if demand.role == Some(model::Role::Promoted) { " to be promoted" } else { "" };
    let id = case.constraint(&demand.id).and_then(Element::id).unwrap_or(&demand.id);
    let words = format!("it needs ticket {}{role}, which {how} (constraint {id})", demand.ticket);
    Some(Cause::new("ticket", words).id(demand.ticket.as_str()).fix(Fix::Granted { ticket: demand.ticket.to_string() }))
}

fn capacity(case: &Case<'_>, index: ResourceIndex, node: NodeIndex) -> Cause {
    let facts = case.facts();
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0);
    let known = facts.node(node);
    let mut words = Vec::new();
    let mut fixes = Vec::new();
    for (name, needed) in &facts.resource(index).utilization {
        let needed = number(Some(needed.as_str()));
        let has = number(known.utilization.get(name).map(|has| has.as_str()));
        let used: i64 = facts
            .resources
            .iter()
            .enumerate()
            .filter(|(at, _)| case.decision.placement.node[*at] == Some(node) && *at != index.position())
            .map(|(_, other)| number(other.utilization.get(name).map(|needs| needs.as_str())))
            .sum();
        if needed > has - used {
            words.push(format!("it needs {name}={needed}, and {} of {has} are left on {{node}}", (has - used).max(0)));
            fixes.push(Fix::Capacity { node: known.name.to_string(), name: name.to_string(), value: used + needed });
        }
    }
    if words.is_empty() {
        words.push("it and what must be with it need more than is left on {node}".to_owned());
    }
    let mut cause = Cause::new("capacity", words.join("; ")).id("utilization").on(known.name.as_str());
    cause.fixes = fixes;
    cause
}

fn clone_of<'c>(case: &'c Case<'_>, index: ResourceIndex) -> Option<(ResourceIndex, &'c status::Clone)> {
    let top = case.facts().top_of(index, false);
    match &case.facts().resource(top).kind {
        Kind::Clone(clone) => Some((top, clone)),
        _ => None,
    }
}

/// Returns that a clone has as many instances as it may have.
pub(super) fn limit(case: &Case<'_>, index: ResourceIndex) -> Cause {
    let Some((top, clone)) = clone_of(case, index) else { return Cause::new("clone-max", "enough instances are placed").id("clone-max") };
    let id = case.facts().resource(top).configured_id.to_string();
    let words = format!("{id} has as many instances as it may have (clone-max={})", clone.max);
    let fix = Fix::Meta { resource: id, name: "clone-max".to_owned(), value: (clone.max + 1).to_string() };
    Cause::new("clone-max", words).id("clone-max").fix(fix)
}

/// No single term forbids the node, and all of them together do.
fn below_zero(case: &Case<'_>, index: ResourceIndex, node: NodeIndex, score: Score) -> Cause {
    let against: Vec<&Reason> = case.terms(index, node).filter(|reason| reason.score < Score::ZERO).collect();
    let told: Vec<String> = against.iter().map(|reason| format!("{} {}", reason.score, reason.words())).collect();
    let mut cause =
        Cause::new("score", format!("its score on {{node}} is {score}, below zero ({})", joined(&told))).on(case.node_name(node));
    for reason in against {
        if let Some(constraint) = case.constraint(&reason.id) {
            cause.fixes.push(unconstrained(constraint));
            cause.id.get_or_insert_with(|| constraint.id().unwrap_or_default().to_owned());
        } else if reason.source == "location" {
            cause.fixes.extend(health(case, node, &reason.id).fixes);
        }
    }
    cause
}

/// Returns whether a text is a true value.
pub(super) fn is_true(text: Option<&str>) -> bool {
    text.and_then(parse_boolean) == Some(true)
}
