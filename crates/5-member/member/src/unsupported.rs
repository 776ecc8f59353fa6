//! What is not carried out yet, written into the status as a failure, so that every tool shows it and nobody waits for it.

use crate::member::{FEATURE_SET, Member};
use crate::upkeep::modify;
use messages::client::CibEdit;
use model::{AgentExit, ExecutionStatus};
use status::{ORIGIN, Unsupported};
use xml::Element;

impl Member {
    /// Adds the records that are missing, and removes those of what is configured no more.
    pub(crate) fn keep_unsupported(&mut self, edits: &mut Vec<CibEdit>) {
        let found = self.unsupported.take().unwrap_or_else(|| status::unsupported(self.replica.cib()));
        if !found.is_empty() || self.has_marks {
            let before = edits.len();
            self.mark_unsupported(&found, edits);
            self.has_marks = !found.is_empty() || edits.len() > before;
        }
        self.unsupported = Some(found);
    }

    fn mark_unsupported(&self, found: &[Unsupported], edits: &mut Vec<CibEdit>) {
        let Some(status) = self.replica.cib().child("status") else { return };
        let marked = |resource: &Element| resource.elements_named("lrm_rsc_op").any(|op| op.attribute("crm-debug-origin") == Some(ORIGIN));
        let mut known = Vec::new();
        for state in status.elements_named("node_state") {
            let histories = state.descend(&["lrm", "lrm_resources"]).into_iter().flat_map(|all| all.elements_named("lrm_resource"));
            for resource in histories {
                known.push(resource.id().unwrap_or_default());
                if marked(resource) && !found.iter().any(|one| Some(one.recorded.0.as_str()) == resource.id()) {
                    edits.push(delete(&Element::new("lrm_resource").with("id", resource.id().unwrap_or_default())));
                }
            }
        }
        for one in found {
            if !known.contains(&one.recorded.0.as_str()) {
                edits.push(modify(Some("status"), &self.record_of(one)));
            }
        }
    }

    /// Returns the record of a look at the resource that failed because there is nothing to look with.
    fn record_of(&self, one: &Unsupported) -> Element {
        let (id, provider, kind) = &one.recorded;
        let node = self.id_of(&self.config.node);
        let (exit, status) = (AgentExit::UNIMPLEMENTED.0, ExecutionStatus::NotSupported.code());
        let key = format!("0:0:7:{}", self.config.uuid);
        let operation = Element::new("lrm_rsc_op")
            .with("id", format!("{id}_last_failure_0"))
            .with("operation_key", format!("{id}_monitor_0"))
            .with("operation", "monitor")
            .with("crm-debug-origin", ORIGIN)
            .with("crm_feature_set", FEATURE_SET)
            .with("transition-key", &key)
            .with("transition-magic", format!("{status}:{exit};{key}"))
            .with("exit-reason", one.reason)
            .with("on_node", self.config.node.as_str())
            .with("call-id", "1")
            .with("rc-code", exit.to_string())
            .with("op-status", status.to_string())
            .with("interval", "0")
            .with("last-rc-change", self.now.wall.seconds().to_string())
            .with("exec-time", "0")
            .with("queue-time", "0");
        let resource = Element::new("lrm_resource").with("id", id).with("class", "ocf").with("provider", *provider).with("type", kind);
        let histories = Element::new("lrm_resources").with_child(resource.with_child(operation));
        let lrm = Element::new("lrm").with("id", &node).with_child(histories);
        Element::new("node_state").with("id", &node).with("uname", self.config.node.as_str()).with_child(lrm)
    }
}

fn delete(element: &Element) -> CibEdit {
    CibEdit { operation: "delete".to_owned(), section: Some("status".to_owned()), xml: Some(element.to_compact()), ..CibEdit::default() }
}
