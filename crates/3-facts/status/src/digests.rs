//! Digests of operations' parameters: what a node recorded is compared with what is configured now.
//!
//! Compat: MD5 of `␣<parameters NAME="VALUE" …/>⏎` with sorted names, as Pacemaker writes them into histories.

use crate::{Attributes, Facts, NodeIndex, Operation, OperationRecord, ResourceIndex};
use cib::digest::{DigestForm, operation_digest};
use compact_str::CompactString;

/// How recorded and configured parameters relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DigestComparison {
    /// They are the same.
    Match,
    /// They differ; a reload, or scheduling anew, will do.
    Mismatch,
    /// They differ so that the resource must be restarted.
    Restart,
    /// Nothing is recorded to compare with.
    Unknown,
}

impl DigestComparison {
    /// Returns whether the parameters are known to differ.
    pub fn has_changed(self) -> bool {
        matches!(self, DigestComparison::Mismatch | DigestComparison::Restart)
    }
}

/// The parameters of an operation as they are configured now, and their digests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digests {
    /// All of them.
    pub parameters: Attributes,
    /// The digest of all.
    pub all: String,
    /// Those that are not private.
    pub secure_parameters: Attributes,
    /// The digest of those that are not private.
    pub secure: String,
    /// Those whose change needs a restart, where the record names them.
    pub restart_parameters: Option<Attributes>,
    /// The digest of those.
    pub restart: Option<String>,
    /// The operation runs once and has parameters of its own: any change needs a restart.
    pub has_own_parameters: bool,
}

impl Facts {
    /// Compares the parameters of a recorded operation with those configured now.
    pub fn compare_digests(&self, resource: ResourceIndex, node: NodeIndex, record: &OperationRecord) -> DigestComparison {
        let digests = self.digests(resource, &record.operation, record.interval_ms, node, Some(record), None);
        Self::compare_with(&digests, record)
    }

    /// Compares digests that were made before with a recorded operation.
    pub fn compare_with(digests: &Digests, record: &OperationRecord) -> DigestComparison {
        if let Some(restart) = &digests.restart
            && record.restart_digest() != Some(restart)
        {
            return DigestComparison::Restart;
        }
        match record.digest() {
            None => DigestComparison::Unknown,
            Some(all) if all == digests.all => DigestComparison::Match,
            Some(_) if record.interval_ms == 0 && digests.has_own_parameters => DigestComparison::Restart,
            Some(_) => DigestComparison::Mismatch,
        }
    }

    /// Returns the digests of an operation as it is configured now. `record` says which parameters are private and
    /// which need a restart; `host` is the address of a bundle's connection that has none of its own.
    pub fn digests(
        &self,
        resource: ResourceIndex,
        name: &str,
        interval_ms: u64,
        node: NodeIndex,
        record: Option<&OperationRecord>,
        host: Option<&str>,
    ) -> Digests {
        self.digests_with(resource, name, interval_ms, node, record, host, &Attributes::new())
    }

    /// Returns the same with some parameters (and `CRM_meta_…`) as they would be instead.
    #[expect(clippy::too_many_arguments, reason = "an operation on a node, and the three places its parameters come from")]
    pub fn digests_with(
        &self,
        resource: ResourceIndex,
        name: &str,
        interval_ms: u64,
        node: NodeIndex,
        record: Option<&OperationRecord>,
        host: Option<&str>,
        overrides: &Attributes,
    ) -> Digests {
        let operation: Option<&Operation> = self.find_operation(resource, name, interval_ms, true);
        let mut parameters = Attributes::new();
        if let Some(host) = host {
            parameters.insert("addr".into(), host.into());
        }
        add_missing(&mut parameters, &overrides.iter().filter(|(name, _)| !name.starts_with("CRM_meta_")).map(copied).collect());
        add_missing(&mut parameters, &self.parameters(resource, Some(node)));
        let own = self.operation_parameters(operation, Some(node));
        add_missing(&mut parameters, &own);
        let kept_meta = match interval_ms {
            0 => None,
            _ => overrides
                .get("CRM_meta_timeout")
                .cloned()
                .or_else(|| self.operation_meta_of(resource, Some(node), name, interval_ms, operation).get("timeout").cloned()),
        };
        let resource_parameters = parameters.clone();
        filter(&mut parameters, kept_meta.as_ref());
        let all = digest(&parameters);
        let secure_parameters = self.secure_parameters(resource, node, &parameters, &resource_parameters, record);
        let restart_parameters =
            record.filter(|record| record.restart_digest().is_some()).map(|record| match record.restart_parameters() {
                None => parameters.clone(),
                Some(names) => {
                    parameters.iter().filter(|(name, _)| names.split(' ').any(|listed| listed == name.as_str())).map(copied).collect()
                }
            });
        Digests {
            all,
            secure: digest(&secure_parameters),
            restart: restart_parameters.as_ref().map(digest),
            has_own_parameters: interval_ms == 0 && !own.is_empty(),
            secure_parameters,
            restart_parameters,
            parameters,
        }
    }

    fn secure_parameters(
        &self,
        resource: ResourceIndex,
        node: NodeIndex,
        parameters: &Attributes,
        unfiltered: &Attributes,
        record: Option<&OperationRecord>,
    ) -> Attributes {
        let version =
            record.and_then(|record| record.feature_set()).or_else(|| self.cib().attribute("crm_feature_set")).unwrap_or("3.16.1");
        let is_old = cib::rules::compare_versions(version, "3.16.0").is_lt();
        let private = match record {
            None => Some(" passwd password user "),
            Some(record) => record.secure_parameters(),
        };
        let mut secure = match is_old {
            // Compat: before 2.1.5 only the resource's own parameters were in it, without time-out.
            true => (*self.parameters(resource, Some(node))).clone(),
            false => parameters.clone(),
        };
        if is_old && let Some(address) = unfiltered.get("addr") {
            secure.entry("addr".into()).or_insert_with(|| address.clone());
        }
        secure.retain(|name, _| !private.is_some_and(|names| names.split(' ').any(|listed| listed == name.as_str())));
        if is_old && self.resource(resource).fence_device {
            secure.retain(|name, _| !is_fencing_parameter(name));
        }
        // Compat: a recurring operation's time-out is lost here, though nodes since 2.1.5 record it.
        filter(&mut secure, None);
        secure
    }
}

fn add_missing(parameters: &mut Attributes, others: &Attributes) {
    for (name, value) in others {
        if !parameters.contains_key(name) {
            parameters.insert(name.clone(), value.clone());
        }
    }
}

fn copied((name, value): (&CompactString, &CompactString)) -> (CompactString, CompactString) {
    (name.clone(), value.clone())
}

/// Leaves out what is no parameter; the time-out of a recurring operation counts as one.
fn filter(parameters: &mut Attributes, timeout: Option<&CompactString>) {
    let not_hashed = ["id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"];
    parameters.retain(|name, _| !name.starts_with("CRM_meta_") && !not_hashed.contains(&name.as_str()));
    if let Some(timeout) = timeout {
        parameters.insert("CRM_meta_timeout".into(), timeout.clone());
    }
}

fn digest(parameters: &Attributes) -> String {
    operation_digest(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())), DigestForm::V3_0)
}

/// Parameters that the cluster itself understands for every fence device.
fn is_fencing_parameter(name: &str) -> bool {
    const EXACT: [&str; 9] = [
        "provides",
        "stonith-timeout",
        "pcmk_action_limit",
        "pcmk_delay_base",
        "pcmk_delay_max",
        "pcmk_host_argument",
        "pcmk_host_check",
        "pcmk_host_list",
        "pcmk_host_map",
    ];
    let of_action = name.strip_prefix("pcmk_").and_then(|rest| rest.find('_').map(|at| &rest[at..]));
    EXACT.contains(&name) || matches!(of_action, Some("_action" | "_timeout" | "_retries"))
}
