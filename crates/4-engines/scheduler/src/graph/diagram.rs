//! Everything that was considered, for pictures.

use crate::actions::{ActionIndex, Draft, Flags, Relation};
use transition::{Diagram, DiagramAction, DiagramEdge};

impl Draft<'_> {
    pub(super) fn diagram(&self) -> Diagram {
        let newest = self.actions.len();
        let mut diagram = Diagram::default();
        for position in (0..newest).rev() {
            let index = ActionIndex(position as u32);
            let action = self.a(index);
            diagram.actions.push(DiagramAction {
                id: super::id_of(index),
                label: self.label(index),
                in_plan: action.has(Flags::ADDED),
                pseudo: action.has(Flags::PSEUDO),
                optional: action.has(Flags::OPTIONAL),
                runnable: action.has(Flags::RUNNABLE),
                unmanaged: action.resource.is_some_and(|resource| !self.r(resource).managed),
            });
            for &edge in action.before.iter().rev() {
                let edge = &self.edges[edge.0 as usize];
                if !edge.graphed && edge.now == Relation::NONE {
                    continue;
                }
                diagram.edges.push(DiagramEdge {
                    first: (newest - 1 - edge.first.position()) as u32,
                    then: (newest - 1 - position) as u32,
                    in_plan: edge.graphed,
                    conditional: edge.now == Relation::IF_ON_SAME_NODE_OR_TARGET,
                });
            }
        }
        diagram
    }

    /// Returns what is written on an action.
    fn label(&self, index: ActionIndex) -> String {
        let action = self.a(index);
        let host = match action.node {
            Some(node) => Some(self.node_name(node).as_str()),
            None if !action.has(Flags::PSEUDO) => Some("<none>"),
            None => None,
        };
        let (prefix, task) = match &action.cancelled {
            Some(cancelled) if action.task == "cancel" => ("Cancel ", cancelled),
            _ => ("", &action.task),
        };
        let history_id = action.resource.and_then(|resource| self.fact(resource).history_id.as_ref());
        let text = match history_id {
            Some(history_id) if matches!(action.task.as_str(), "notify" | "notified") => {
                let kind = action.meta("notify_key_type").unwrap_or_default();
                let about = action.meta("notify_key_operation").unwrap_or_default();
                format!("{prefix}{history_id}_{kind}_notify_{about}_0")
            }
            Some(history_id) => {
                let interval = action.meta("interval").and_then(|interval| interval.parse::<u64>().ok()).unwrap_or(0);
                format!("{prefix}{history_id}_{task}_{interval}")
            }
            None if action.task == "stonith" => format!("{prefix}{} '{}'", action.task, action.meta("stonith_action").unwrap_or_default()),
            None if action.resource.is_some() || host.is_none() => format!("{prefix}{}", action.key),
            None => format!("{prefix}{}", action.task),
        };
        match host {
            Some(host) => format!("{text} {host}"),
            None => text,
        }
    }
}
