//! One resource alone, and recorded operations one a line: what `crm_resource` shows.

use crate::show::Show;
use crate::times::text_time;
use crate::{Lines, StatusView};
use status::{NodeIndex, OperationRecord, ResourceHistory, ResourceIndex};
use xml::Element;

/// Which operations are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperationChoice<'a> {
    pub resource: Option<&'a str>,
    pub node: Option<&'a str>,
    /// Only those since the resource became active.
    pub only_active: bool,
}

impl StatusView<'_> {
    /// Prints one resource of any kind.
    pub fn print_resource(&self, index: ResourceIndex, out: &mut Lines) {
        self.look().any(index, out);
    }

    /// Returns one resource of any kind as an element.
    pub fn resource_element(&self, index: ResourceIndex) -> Option<Element> {
        self.look().element(index)
    }

    /// Returns recorded operations as lines and as an element, node by node in the order of the status section.
    pub fn recorded_operations(&self, choice: &OperationChoice<'_>) -> (Vec<String>, Element) {
        let (mut lines, mut element) = (Vec::new(), Element::new("operations"));
        let states = self.cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
        let nodes = states.filter_map(|state| state.attribute("uname")).filter_map(|name| self.facts.find_node(name));
        for index in nodes {
            let node = self.facts.node(index);
            if choice.node.is_some_and(|wanted| !node.name.as_str().eq_ignore_ascii_case(wanted)) {
                continue;
            }
            for history in &node.history {
                if choice.resource.is_some_and(|wanted| history.id != wanted) {
                    continue;
                }
                for record in chosen(history, choice.only_active) {
                    lines.push(self.recorded_line(index, history, record));
                    element.push(self.recorded_element(index, history, record));
                }
            }
        }
        (lines, element)
    }

    fn recorded_line(&self, node: NodeIndex, history: &ResourceHistory, record: &OperationRecord) -> String {
        let look = self.look();
        let look = look.with(Show { without_place: true, ..self.show });
        let what = match history.resource {
            Some(index) => {
                let role = self.facts.resource(index).meta.get("target-role").map(|role| role.as_str());
                look.primitive_text(index, &history.id, None, role, false)
            }
            None => format!("Unknown resource {}", history.id),
        };
        let mut text = format!("{what}: {} (node={}, call={}, rc={}", record.key, self.facts.node(node).name, record.call, record.exit.0);
        if let Some(at) = record.last_change.filter(|at| at.seconds() > 0) {
            text.push_str(&format!(", last-rc-change='{}', exec={}ms", text_time(at, self.zone), record.exec_time_ms().unwrap_or(0)));
        }
        text.push_str(&format!("): {}", record.status.as_str()));
        text
    }

    fn recorded_element(&self, node: NodeIndex, history: &ResourceHistory, record: &OperationRecord) -> Element {
        let agent = &history.agent;
        let provider = agent.provider.as_deref().unwrap_or_default();
        let mut element = Element::new("operation")
            .with("op", &record.key)
            .with("node", &self.facts.node(node).name)
            .with("call", record.call.to_string())
            .with("rc", record.exit.0.to_string())
            .with("status", record.status.as_str())
            .with("rsc", &history.id)
            .with("agent", format!("{}:{provider}:{}", agent.class, agent.name));
        if let Some(at) = record.last_change.filter(|at| at.seconds() > 0) {
            element.set("last-rc-change", text_time(at, self.zone));
            element.set("exec-time", record.exec_time_ms().unwrap_or(0).to_string());
        }
        element
    }
}

fn chosen(history: &ResourceHistory, only_active: bool) -> &[OperationRecord] {
    match only_active {
        true => since_it_is_active(&history.operations),
        false => &history.operations,
    }
}

/// Returns the operations since the resource became active, which ends with a stop, a failed one as well.
///
/// Compat: it became active with its last start or arrival, else with its last promote or demote, else when a probe or monitor first found
/// it after its last stop. A history in which nothing of this is found is shown as it is.
fn since_it_is_active(operations: &[OperationRecord]) -> &[OperationRecord] {
    let last = |names: &[&str]| operations.iter().rposition(|record| names.contains(&record.operation.as_str()));
    let is_stop = |record: &OperationRecord| record.operation == "stop" && record.status == model::ExecutionStatus::Done;
    let stopped = operations.iter().rposition(is_stop);
    let is_find = |record: &OperationRecord| record.operation == "monitor" && matches!(record.exit.0, 0 | 8);
    let found = || (stopped.map_or(0, |at| at + 1)..operations.len()).find(|at| is_find(&operations[*at]));
    match (last(&["start", "migrate_from"]).or_else(|| last(&["promote", "demote"])).or_else(found), stopped) {
        (Some(begun), Some(stopped)) if begun < stopped => &[],
        (Some(begun), _) => &operations[begun..],
        (None, Some(_)) => &[],
        (None, None) => operations,
    }
}
