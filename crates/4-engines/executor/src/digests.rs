//! Digests of the parameters an operation ran with: the scheduler compares them to find what changed.

use crate::metadata::{AgentFacts, Parameter};
use cib::digest::{DigestForm, operation_digest};
use messages::operation::{ListedDigest, OperationDigests, OperationOrder};
use std::collections::BTreeMap;

/// Returns the digests of an operation's record.
pub(crate) fn digests(order: &OperationOrder, parameters: &BTreeMap<String, String>, facts: Option<&AgentFacts>) -> OperationDigests {
    let mut digests = OperationDigests { all: of(kept(order, parameters)), restart: None, secure: None };
    let Some(facts) = facts else { return digests };
    if order.interval.is_zero() && (facts.reloads_agent || facts.reloads_legacy) {
        // What is not reloadable (in old agents: what is unique) needs a restart when it changes.
        let needs_restart = |p: &Parameter| if facts.reloads_agent { !p.is_reloadable } else { p.is_unique };
        let names: Vec<&str> = facts.parameters.iter().filter(|p| needs_restart(p)).map(|p| p.name.as_str()).collect();
        let values = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| names.contains(name));
        digests.restart = Some(ListedDigest { names: listed(&names), digest: of(values) });
    }
    let secret: Vec<&str> = facts.parameters.iter().filter(|p| p.is_private).map(|p| p.name.as_str()).collect();
    if !secret.is_empty() {
        // The list names the secrets; the digest is of everything else, parameters the meta-data does not name included.
        let chosen = kept(order, parameters).filter(|(name, _)| !secret.contains(name));
        digests.secure = Some(ListedDigest { names: listed(&secret), digest: of(chosen) });
    }
    digests
}

/// Returns the parameters that count: none of the cluster's own, except a recurring operation's time-out.
/// Compat: which ones Pacemaker leaves out of its digests.
fn kept<'p>(order: &OperationOrder, parameters: &'p BTreeMap<String, String>) -> impl Iterator<Item = (&'p str, &'p str)> {
    const OURS: [&str; 6] = ["id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"];
    let recurs = !order.interval.is_zero();
    parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| !OURS.contains(name) && (!name.starts_with("CRM_meta_") || (recurs && *name == "CRM_meta_timeout")))
}

fn of<'p>(parameters: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    operation_digest(parameters, DigestForm::V2_1)
}

/// Writes names as the field searches them: each between blanks. Compat: 2.1.5 writes two blanks at either end.
fn listed(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!("  {}  ", names.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::agent::AgentName;
    use model::TransitionKey;
    use std::time::Duration;

    fn digest_of(interval: u64, parameters: &[(&str, &str)]) -> String {
        let parameters: BTreeMap<String, String> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let order = OperationOrder {
            resource: "web".into(),
            agent: AgentName { class: "ocf".into(), provider: None, kind: "Web".into() },
            operation: "monitor".into(),
            operation_key: String::new(),
            interval: Duration::from_secs(interval),
            start_delay: Duration::ZERO,
            timeout: Duration::ZERO,
            parameters: parameters.clone(),
            transition_key: TransitionKey { action: 1, transition: 1, target_rc: 0, uuid: String::new() },
            on_node: "node1".into(),
            locked_since: None,
            later_than: None,
        };
        digests(&order, &parameters, None).all
    }

    #[test]
    fn only_the_agents_own_parameters_count() {
        let none = "f2317cad3d54cec5d7d7aa7d0bf35cf8";
        assert_eq!(digest_of(0, &[("CRM_meta_timeout", "20000"), ("crm_feature_set", "3.16.1"), ("CRM_meta_on_node", "node1")]), none);
        assert_ne!(digest_of(10, &[("CRM_meta_timeout", "20000")]), none, "a watch with another time-out is another watch");
        assert_ne!(digest_of(0, &[("port", "80")]), none);
    }
}
