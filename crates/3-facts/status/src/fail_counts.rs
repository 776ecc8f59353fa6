//! Fail counts: node attributes `fail-count-RESOURCE#OPERATION_INTERVAL`, summed up per resource and node.

use crate::deduction::histories::without_instance;
use crate::{Facts, FailCount, NodeIndex, OperationRecord, ResourceIndex, numbers};
use model::{Score, Timestamp};

impl Facts {
    /// Returns how often a resource failed on a node. `effective`: failures past their time-out do not count;
    /// `launched`: those of what it launches (not of a bundle's container) count too.
    pub fn fail_count(&self, node: NodeIndex, resource: ResourceIndex, effective: bool, launched: bool) -> FailCount {
        self.fail_count_with(node, resource, effective, launched, None).0
    }

    /// As `fail_count`, judging whether failures block the resource by this operation alone, where one is given.
    /// Also returns whether they do: then the failure time-out is void.
    pub(crate) fn fail_count_with(
        &self,
        node: NodeIndex,
        resource: ResourceIndex,
        effective: bool,
        launched: bool,
        operation: Option<&OperationRecord>,
    ) -> (FailCount, bool) {
        let entry = self.resource(resource);
        let (mut count, mut last) = self.recorded_failures(node, resource);
        let mut timeout = entry.failure_timeout;
        let void = count > 0 && timeout.is_some() && self.is_blocking(node, resource, operation);
        if void {
            timeout = None;
        }
        if let Some(timeout) = timeout
            && effective
            && count > 0
            && last > 0
            && self.now.seconds() > last.saturating_add(numbers::seconds(timeout.as_millis() as u64))
        {
            count = 0;
        }
        if launched && !self.is_bundled(resource) {
            for &launched in &entry.launched {
                let (other, _) = self.fail_count_with(node, launched, effective, true, operation);
                count = count.saturating_add(other.count);
                last = last.max(other.last_failure.map_or(0, Timestamp::seconds));
            }
        }
        let last_failure = (count > 0 && last > 0).then(|| Timestamp::from_seconds(last));
        (FailCount { count, last_failure }, void)
    }

    /// Sums up the attributes of a resource: count and time of the last failure (0: none).
    fn recorded_failures(&self, node: NodeIndex, resource: ResourceIndex) -> (i32, i64) {
        let name = self.failure_name(resource);
        let unique = self.resource(resource).unique;
        let attributes = &self.node(node).attributes;
        // The attributes are ordered, so those of one resource are neighbours.
        let of = |prefix: &'static str| {
            let start = format!("{prefix}{name}");
            let range = attributes.range::<str, _>((std::ops::Bound::Included(start.as_str()), std::ops::Bound::Unbounded));
            let length = start.len();
            range.take_while(move |(key, _)| key.starts_with(start.as_str())).filter(move |(key, _)| is_failure_of(&key[length..], unique))
        };
        let mut count = Score::ZERO;
        for (_, value) in of("fail-count-") {
            count += numbers::score(value, self.options.health_scores()).map_or(Score::ZERO, Score::new);
        }
        let last = of("last-failure-").filter_map(|(_, value)| numbers::integer(value)).max().unwrap_or(0);
        (count.value(), last.max(0))
    }

    /// Returns whether a failure of a resource is one with `on-fail=block`.
    ///
    /// Compat: only `on-fail` written in an `op` is looked at, not sets or defaults.
    fn is_blocking(&self, node: NodeIndex, resource: ResourceIndex, operation: Option<&OperationRecord>) -> bool {
        let entry = self.resource(resource);
        let id = without_instance(entry.id.as_str());
        let mut blocking = entry.operations.iter().filter(|o| o.xml.attribute("on-fail") == Some("block"));
        blocking.any(|configured| match operation {
            Some(operation) => is_failure(id, &configured.name, configured.interval_ms, operation),
            None => {
                let histories = self.node(node).history.iter().filter(|history| history.id == id);
                histories
                    .flat_map(|history| &history.operations)
                    .any(|recorded| is_failure(id, &configured.name, configured.interval_ms, recorded))
            }
        })
    }
}

/// Returns whether what follows a resource's name in an attribute's name is `#OPERATION_INTERVAL`; an instance number
/// may stand before it unless instances are told apart.
fn is_failure_of(rest: &str, unique: bool) -> bool {
    let rest = match rest.strip_prefix(':').filter(|_| !unique) {
        Some(instance) => {
            let digits = instance.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &instance[digits..]
        }
        None => rest,
    };
    let Some((operation, interval)) = rest.strip_prefix('#').and_then(|rest| rest.rsplit_once('_')) else { return false };
    !operation.is_empty() && !interval.is_empty() && interval.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether a recorded operation is a failure of the configured one.
fn is_failure(id: &str, name: &str, interval_ms: u64, recorded: &OperationRecord) -> bool {
    if interval_ms != recorded.interval_ms || !recorded.operation.eq_ignore_ascii_case(name) {
        return false;
    }
    let is = |text: String| recorded.id.eq_ignore_ascii_case(&text);
    is(format!("{id}_last_failure_0")) || (is(format!("{id}_{name}_{interval_ms}")) && recorded.expected_exit != Some(recorded.exit))
}
