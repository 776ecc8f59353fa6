//! Puts imagined events into a CIB: nodes come, go and fail, operations fail, tickets and quorum change.

use crate::result::OperationResult;
use crate::tree::{self, AgentOf};
use model::{OperationKey, Timestamp};
use status::{Facts, Kind};
use view::{NodeChange, Step, TicketChange};
use xml::Element;

/// Events to imagine, each list in the order given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Injections {
    pub nodes_up: Vec<String>,
    pub nodes_down: Vec<String>,
    pub nodes_failed: Vec<String>,
    /// Results of operations: `web_monitor_10000@node1=7`.
    pub operations: Vec<String>,
    /// Operations that fail while the plan is carried out, in the same form.
    pub failures: Vec<String>,
    pub tickets_granted: Vec<String>,
    pub tickets_revoked: Vec<String>,
    pub tickets_standby: Vec<String>,
    pub tickets_activated: Vec<String>,
    /// The value of `have-quorum`.
    pub quorum: Option<String>,
    /// The value of `have-watchdog`.
    pub watchdog: Option<String>,
}

impl Injections {
    /// Returns whether the input is to be left as it is.
    ///
    /// Compat: the incumbent ignores a change of quorum that comes alone; here it counts.
    pub fn is_empty(&self) -> bool {
        let lists = [
            &self.nodes_up,
            &self.nodes_down,
            &self.nodes_failed,
            &self.operations,
            &self.tickets_granted,
            &self.tickets_revoked,
            &self.tickets_standby,
            &self.tickets_activated,
        ];
        lists.iter().all(|list| list.is_empty()) && self.watchdog.is_none() && self.quorum.is_none()
    }

    /// Returns a node that something is to happen on, and that neither the cluster knows nor an event brings.
    pub fn unknown_node(&self, facts: &Facts) -> Option<&str> {
        let is_known = |name: &str| facts.find_node(name).is_some() || self.nodes_up.iter().any(|up| up == name);
        let lost = self.nodes_down.iter().chain(&self.nodes_failed).map(String::as_str);
        lost.chain(self.operations.iter().filter_map(|result| node_of(result))).find(|name| !is_known(name))
    }
}

/// Changes a CIB as the events would have; returns what was done.
pub fn inject(cib: &mut Element, facts: &Facts, injections: &Injections, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(quorum) = &injections.quorum {
        steps.push(Step::Quorum(quorum.clone()));
    }
    if let Some(watchdog) = &injections.watchdog {
        steps.push(Step::Watchdog(watchdog.clone()));
    }
    if let Some(quorum) = &injections.quorum {
        cib.set("have-quorum", quorum);
    }
    if let Some(watchdog) = &injections.watchdog {
        set_option(cib, "have-watchdog", watchdog);
    }
    let configure = !injections.nodes_up.is_empty();
    for (nodes, change) in [
        (&injections.nodes_up, NodeChange::Online),
        (&injections.nodes_down, NodeChange::Offline),
        (&injections.nodes_failed, NodeChange::Failing),
    ] {
        for node in nodes {
            steps.push(Step::Node { change, node: node.clone() });
            if configure {
                tree::configured_node(cib, node);
            }
            let state = tree::node_state(cib, node, None);
            tree::set_membership(state, change != NodeChange::Offline, crate::result::ORIGIN);
            match change {
                NodeChange::Online => {}
                NodeChange::Offline => tree::forget(state),
                NodeChange::Failing => state.set("in_ccm", "false"),
            }
            tree::note_changes(cib, false, 1);
        }
    }
    for (tickets, change, attribute, value) in [
        (&injections.tickets_granted, TicketChange::Granting, "granted", "true"),
        (&injections.tickets_revoked, TicketChange::Revoking, "granted", "false"),
        (&injections.tickets_standby, TicketChange::Standby, "standby", "true"),
        (&injections.tickets_activated, TicketChange::Activating, "standby", "false"),
    ] {
        for ticket in tickets {
            steps.push(Step::Ticket { change, ticket: ticket.clone() });
            ticket_state(cib, ticket).set(attribute, value);
        }
    }
    for specification in &injections.operations {
        steps.push(Step::Operation(specification.clone()));
        match inject_operation(cib, facts, specification, configure, now) {
            Ok(set) => steps.extend(set),
            Err(text) => steps.push(Step::Fault(text)),
        }
    }
    steps
}

fn set_option(cib: &mut Element, name: &str, value: &str) {
    let options = cib.child_or_new("configuration").child_or_new("crm_config");
    if let Some(set) = options.elements_mut().find(|set| set.elements().any(|pair| pair.attribute("name") == Some(name)))
        && let Some(pair) = set.elements_mut().find(|pair| pair.attribute("name") == Some(name))
    {
        pair.set("value", value);
        return;
    }
    let set = options.child_or_new("cluster_property_set");
    if !set.has("id") {
        set.set("id", "cib-bootstrap-options");
    }
    let id = format!("{}-{name}", set.id().unwrap_or_default());
    set.push(Element::new("nvpair").with("id", id).with("name", name).with("value", value));
}

fn ticket_state<'t>(cib: &'t mut Element, ticket: &str) -> &'t mut Element {
    let tickets = tree::status(cib).child_or_new("tickets");
    if !tickets.elements().any(|e| e.id() == Some(ticket)) {
        tickets.push(Element::new("ticket_state").with("id", ticket));
    }
    let found = tickets.elements_mut().find(|e| e.id() == Some(ticket));
    found.expect("the ticket was found or made above")
}

/// Returns the node of a specification such as `web_monitor_10000@node1=7`.
fn node_of(specification: &str) -> Option<&str> {
    let (_, rest) = specification.split_once('@')?;
    rest.split_once('=').map(|(node, _)| node)
}

fn inject_operation(cib: &mut Element, facts: &Facts, specification: &str, configure: bool, now: Timestamp) -> Result<Vec<Step>, String> {
    let (key, rest) = specification.split_once('@').unwrap_or((specification, ""));
    let (node, rc) = rest.split_once('=').unwrap_or((rest, ""));
    let Ok(rc) = rc.parse::<i32>() else {
        let fields = [key, node].iter().filter(|part| !part.is_empty()).count();
        return Err(format!("Invalid operation spec: {specification}.  Only found {fields} fields"));
    };
    let parsed = OperationKey::parse(key);
    let name = parsed.as_ref().map_or(key, |key| key.resource.as_str());
    let resource = facts
        .resources
        .iter()
        .find(|r| r.id == name || r.history_id.as_ref().is_some_and(|id| *id == name))
        .ok_or_else(|| format!("Invalid resource name: {name}"))?;
    let Some(key) = &parsed else {
        return Err(format!("Invalid operation spec: {specification}.  Only found 3 fields"));
    };
    let agent = match &resource.kind {
        Kind::Primitive(agent) => AgentOf { class: Some(&agent.class), provider: agent.provider.as_deref(), name: Some(&agent.name) },
        _ => AgentOf { class: None, provider: None, name: None },
    };
    let result = OperationResult {
        resource: name,
        operation: &key.operation,
        interval_ms: key.interval_ms,
        rc,
        target_rc: 0,
        node,
        exit_reason: "Simulated action result",
        at: now,
        parameters: None,
    };
    let is_final = match key.operation.as_str() {
        "stop" => true,
        "start" => facts.options.start_failure_is_fatal,
        _ => false,
    };
    if configure {
        tree::configured_node(cib, node);
    }
    let state = tree::node_state(cib, node, None);
    let steps = result.count_failure(state, name, is_final);
    let mut known = tree::histories(state);
    let history = tree::history(state, &mut known, [name, name], agent)?;
    let recorded = history.id().unwrap_or(name).to_owned();
    OperationResult { resource: &recorded, ..result }.record(history);
    Ok(steps)
}
