//! `crm_mon -E PROGRAM`: a program that is called for each operation whose record changed, with `CRM_notify_*` variables.
//!
//! Looks at the records each time the status is shown; of several results of one operation between two looks the last is told.
//! Alerts (`CRM_alert_*`) are told of everything, at once, and are what new configurations should use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use xml::Element;

/// The program, whom it tells, and what it was told.
pub(super) struct ExternalAgent {
    program: PathBuf,
    recipient: Option<String>,
    /// The state of each record by node and id. `None`: nothing was looked at yet; what is there then is no news.
    known: Option<BTreeMap<(String, String), String>>,
}

impl ExternalAgent {
    pub(super) fn new(program: PathBuf, recipient: Option<String>) -> Self {
        Self { program, recipient, known: None }
    }

    /// Calls the program for what is new in this CIB, once for each, and waits for none of the calls.
    pub(super) fn look(&mut self, cib: &Element) {
        let states = cib.child("status").into_iter().flat_map(|status| status.elements_named("node_state"));
        let mut found = BTreeMap::new();
        for state in states {
            let node = state.attribute("uname").unwrap_or_default();
            for record in state.descendants().filter(|element| element.name == "lrm_rsc_op") {
                let value = |name: &str| record.attribute(name).unwrap_or_default();
                let now = format!("{} {}", value("transition-magic"), value("call-id"));
                let key = (node.to_owned(), record.id().unwrap_or_default().to_owned());
                let is_news = self.known.as_ref().is_some_and(|known| known.get(&key) != Some(&now));
                found.insert(key, now);
                if let Some(variables) = variables(node, record).filter(|_| is_news) {
                    self.call(variables);
                }
            }
        }
        self.known = Some(found);
    }

    fn call(&self, variables: Vec<(&'static str, String)>) {
        let mut command = Command::new(&self.program);
        command.envs(variables).stdin(Stdio::null());
        if let Some(recipient) = &self.recipient {
            command.env("CRM_notify_recipient", recipient);
        }
        match command.spawn() {
            // Its end interests nobody, but has to be taken note of.
            Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
            Err(error) => eprintln!("crm_mon: failed to run {}: {error}", self.program.display()),
        }
    }
}

/// Returns what is told of a record; `None` for one that is pending, and for a probe that found what was expected.
fn variables(node: &str, record: &Element) -> Option<Vec<(&'static str, String)>> {
    let value = |name: &str| record.attribute(name).unwrap_or_default().to_owned();
    let (rc, status) = (value("rc-code"), value("op-status"));
    let target = value("transition-key").split(':').nth(2).unwrap_or_default().to_owned();
    let is_probe = value("operation") == "monitor" && value("interval") == "0";
    if status == "-1" || (is_probe && rc == target) {
        return None;
    }
    let key = value("operation_key");
    let suffix = format!("_{}_{}", value("operation"), value("interval"));
    let resource = key.strip_suffix(&suffix).unwrap_or(&key).to_owned();
    let number: i32 = rc.parse().unwrap_or(1);
    let description = match value("exit-reason") {
        reason if reason.is_empty() => model::AgentExit(number).as_str().to_owned(),
        reason => reason,
    };
    Some(vec![
        ("CRM_notify_node", node.to_owned()),
        ("CRM_notify_rsc", resource),
        ("CRM_notify_task", value("operation")),
        ("CRM_notify_desc", description),
        ("CRM_notify_rc", rc),
        ("CRM_notify_target_rc", target),
        ("CRM_notify_status", status),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_told_and_what_was_expected_of_a_probe_is_not() {
        let record = |operation: &str, rc: &str, status: &str, target: &str| {
            Element::new("lrm_rsc_op")
                .with("operation", operation)
                .with("operation_key", format!("web_{operation}_0"))
                .with("interval", "0")
                .with("rc-code", rc)
                .with("op-status", status)
                .with("transition-key", format!("1:2:{target}:uuid"))
        };
        let told = |record: &Element| {
            let all = variables("n1", record)?;
            Some(all.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(told(&record("start", "0", "0", "0")).as_deref(), Some("n1 web start ok 0 0 0"));
        assert_eq!(told(&record("monitor", "7", "0", "7")), None);
        assert_eq!(told(&record("monitor", "0", "0", "7")).as_deref(), Some("n1 web monitor ok 0 7 0"));
        assert_eq!(told(&record("start", "193", "-1", "0")), None);
    }
}
