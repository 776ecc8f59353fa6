//! The transition graph: the actions of one plan and the options they are carried out under.

use crate::{Action, ActionId, Diagram};
use serde::{Deserialize, Serialize};

/// All actions of a plan, in the order the graph lists them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Graph {
    pub transition: i32,
    /// The attributes of `<transition_graph>` in their order (`cluster-delay`, `stonith-timeout`, `failed-stop-offset`, …).
    pub options: Vec<(String, String)>,
    pub actions: Vec<Action>,
    /// Actions that are not in the plan and that others wait for in vain; only where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Action>,
    /// Everything that was considered, for pictures; empty for a graph read from XML.
    #[serde(default, skip_serializing_if = "Diagram::is_empty")]
    pub diagram: Diagram,
}

impl Graph {
    /// Returns the action of this id.
    pub fn action(&self, id: ActionId) -> Option<&Action> {
        self.actions.iter().find(|action| action.id == id)
    }

    /// Returns an option's value.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
