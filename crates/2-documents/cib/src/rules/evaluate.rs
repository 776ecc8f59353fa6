//! Whether a rule is met, and when that may change.

use super::{AttributeExpression, Comparison, Condition, OperationExpression, Reference, ResourceExpression, Rule, ValueType};
use model::Timestamp;
use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// What rules are evaluated against. Whatever is absent makes the conditions that need it unmet.
#[derive(Clone, Copy, Default)]
pub struct Input<'i> {
    pub now: Option<Timestamp>,
    /// Seconds by which the deciding node's clock is east of UTC; conditions on the time of day use it.
    pub utc_offset: i32,
    /// The node's attributes, with `#uname`, `#id`, `#kind` and the like.
    pub node_attributes: Option<&'i dyn Lookup>,
    pub class: Option<&'i str>,
    pub provider: Option<&'i str>,
    pub agent: Option<&'i str>,
    /// The operation that defaults are looked up for, and its interval.
    pub operation: Option<(&'i str, Duration)>,
    /// Of the resource that a location is about.
    pub parameters: Option<&'i dyn Lookup>,
    /// Of the resource that a location is about.
    pub meta: Option<&'i dyn Lookup>,
    /// What the groups of a location's resource pattern matched, the whole first.
    pub submatches: &'i [Option<&'i str>],
}

/// A table from names to values.
pub trait Lookup {
    /// Returns the value of this name.
    fn lookup(&self, name: &str) -> Option<&str>;
}

impl<K: Borrow<str> + Ord, V: AsRef<str>> Lookup for BTreeMap<K, V> {
    fn lookup(&self, name: &str) -> Option<&str> {
        self.get(name).map(AsRef::as_ref)
    }
}

/// The earliest moment at which an evaluation may give another result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recheck(pub Option<Timestamp>);

impl Recheck {
    /// Notes that a result changes at this moment.
    pub fn at(&mut self, moment: Timestamp) {
        self.0 = Some(self.0.map_or(moment, |earliest| earliest.min(moment)));
    }
}

impl Rule<'_> {
    /// Returns whether the rule is met, and adds to `recheck` when a condition that was looked at may change.
    ///
    /// Compat: conditions behind the one that settles the result are not looked at, not even for `recheck`.
    pub fn is_met(&self, input: &Input<'_>, recheck: &mut Recheck) -> bool {
        match self.all {
            _ if self.id.is_empty() => false,
            _ if self.conditions.is_empty() => self.all.is_some(),
            Some(true) => self.conditions.iter().all(|condition| condition.is_met(input, recheck)),
            Some(false) => self.conditions.iter().any(|condition| condition.is_met(input, recheck)),
            None => false,
        }
    }
}

impl Condition<'_> {
    /// Returns whether the condition is met.
    pub fn is_met(&self, input: &Input<'_>, recheck: &mut Recheck) -> bool {
        match self {
            Condition::Rule(rule) => rule.is_met(input, recheck),
            Condition::Attribute(expression) => expression.is_met(input),
            Condition::Date(expression) => expression.is_met(input, recheck),
            Condition::Resource(expression) => expression.is_met(input),
            Condition::Operation(expression) => expression.is_met(input),
            Condition::Unusable(_) => false,
        }
    }
}

impl AttributeExpression<'_> {
    /// Returns whether the node's attribute relates to the value as it should.
    pub fn is_met(&self, input: &Input<'_>) -> bool {
        let name = expand(self.attribute, input.submatches);
        let actual = input.node_attributes.and_then(|attributes| attributes.lookup(&name));
        let reference = self.value.and_then(|value| match self.reference {
            Reference::Literal => Some(value),
            Reference::Parameter => input.parameters?.lookup(value),
            Reference::Meta => input.meta?.lookup(value),
        });
        let order = || compare(actual, reference, self.value_type.unwrap_or_else(|| self.implied_type(actual, reference)));
        let both = actual.is_some() && reference.is_some();
        match self.comparison {
            Comparison::Defined => actual.is_some(),
            Comparison::NotDefined => actual.is_none(),
            Comparison::Equal => order() == Ordering::Equal,
            Comparison::NotEqual => order() != Ordering::Equal,
            Comparison::Less => both && order() == Ordering::Less,
            Comparison::LessOrEqual => both && order() != Ordering::Greater,
            Comparison::Greater => both && order() == Ordering::Greater,
            Comparison::GreaterOrEqual => both && order() != Ordering::Less,
        }
    }

    /// Compat: without a type, "less" and "greater" compare numbers, all else texts.
    fn implied_type(&self, actual: Option<&str>, reference: Option<&str>) -> ValueType {
        match self.comparison {
            Comparison::Defined | Comparison::NotDefined | Comparison::Equal | Comparison::NotEqual => ValueType::String,
            _ if [actual, reference].into_iter().flatten().any(|value| value.contains('.')) => ValueType::Number,
            _ => ValueType::Integer,
        }
    }
}

impl ResourceExpression<'_> {
    /// Returns whether the resource's agent matches.
    pub fn is_met(&self, input: &Input<'_>) -> bool {
        let matches = |wanted: Option<&str>, actual: Option<&str>| wanted.is_none() || wanted == actual;
        matches(self.class, input.class) && matches(self.provider, input.provider) && matches(self.agent, input.agent)
    }
}

impl OperationExpression<'_> {
    /// Returns whether the operation matches.
    pub fn is_met(&self, input: &Input<'_>) -> bool {
        input.operation.is_some_and(|(name, interval)| name == self.name && self.interval.is_none_or(|wanted| wanted == interval))
    }
}

/// Replaces `%0` to `%9` by what the pattern's groups matched; a group that matched nothing leaves nothing.
///
/// Compat: without a pattern the text stays as it is.
fn expand<'t>(text: &'t str, submatches: &[Option<&str>]) -> Cow<'t, str> {
    if submatches.is_empty() || !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        match rest.as_bytes().get(at + 1).filter(|b| b.is_ascii_digit()) {
            Some(digit) => {
                out.push_str(submatches.get(usize::from(digit - b'0')).copied().flatten().unwrap_or_default());
                rest = &rest[at + 2..];
            }
            None => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Compares two values; an absent one is less than any other.
///
/// Compat: values that are no numbers are compared as texts.
fn compare(actual: Option<&str>, reference: Option<&str>, value_type: ValueType) -> Ordering {
    let (Some(actual), Some(reference)) = (actual, reference) else {
        return actual.is_some().cmp(&reference.is_some());
    };
    let texts = || compare_text(actual, reference);
    match value_type {
        ValueType::String => texts(),
        ValueType::Integer => match (parse_integer(actual), parse_integer(reference)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => texts(),
        },
        ValueType::Number => match (parse_number(actual), parse_number(reference)) {
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            _ => texts(),
        },
        ValueType::Version => compare_versions(actual, reference),
    }
}

fn compare_text(a: &str, b: &str) -> Ordering {
    a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()))
}

/// Compat: what stands behind the number is ignored.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    text[..sign + digits].parse().ok()
}

/// Compat: what stands behind the number is ignored.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end)).find_map(|end| text[..end].parse::<f64>().ok()).filter(|n| !n.is_nan())
}

/// Compares versions part by part; a part that is missing is 0, and what follows the numbers is ignored.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (left, right) = (version_parts(a), version_parts(b));
    let part = |parts: &[u64], index: usize| parts.get(index).copied().unwrap_or(0);
    let parts = (0..left.len().max(right.len())).map(|index| part(&left, index).cmp(&part(&right, index)));
    parts.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn version_parts(text: &str) -> Vec<u64> {
    let text = text.trim_start();
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    numbers.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::references::References;
    use xml::{Limits, parse};

    const NOON: i64 = 1_569_240_000; // 2019-09-23 12:00:00 UTC, a Monday

    /// Returns whether a rule of these conditions is met, and after how many seconds that may change.
    fn met(conditions: &str) -> (bool, Option<i64>) {
        let text = format!(
            "<configuration><rule id='other' boolean-op='or'><expression id='o' attribute='color' operation='eq' value='blue'/></rule><rule id='r'>{conditions}</rule></configuration>"
        );
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut references = References::new(&root);
        let rule = Rule::new(root.elements().nth(1).unwrap(), &mut references).unwrap();
        let attributes = BTreeMap::from([("color", "Red"), ("load", "10"), ("kernel", "5.10.2-amd64"), ("web-1", "yes"), ("empty", "")]);
        let parameters = BTreeMap::from([("wanted", "red")]);
        let meta = BTreeMap::from([("limit", "9.5")]);
        let input = Input {
            now: Some(Timestamp::from_seconds(NOON)),
            node_attributes: Some(&attributes),
            class: Some("ocf"),
            provider: Some("heartbeat"),
            agent: Some("Dummy"),
            operation: Some(("monitor", Duration::from_secs(10))),
            parameters: Some(&parameters),
            meta: Some(&meta),
            submatches: &[Some("web-1"), Some("1"), None],
            ..Input::default()
        };
        let mut recheck = Recheck::default();
        let met = rule.is_met(&input, &mut recheck);
        (met, recheck.0.map(|moment| moment.seconds() - NOON))
    }

    #[test]
    fn node_attributes_are_compared_by_type() {
        for (condition, expected) in [
            ("attribute='color' operation='defined'", true),
            ("attribute='smell' operation='defined'", false),
            ("attribute='smell' operation='not_defined'", true),
            ("attribute='empty' operation='defined'", true),
            ("attribute='color' operation='defined' value='x'", false),
            ("attribute='color' operation='eq' value='red'", true),
            ("attribute='color' operation='ne' value='red'", false),
            ("attribute='smell' operation='ne' value='red'", true),
            ("attribute='smell' operation='eq' value='red'", false),
            ("attribute='smell' operation='lt' value='1'", false),
            ("attribute='load' operation='gt' value='9'", true),
            ("attribute='load' operation='gt' value='9' type='string'", false),
            ("attribute='load' operation='lte' value='10.0'", true),
            ("attribute='load' operation='lt' value='10.5'", true),
            ("attribute='load' operation='gte' value='10.5'", false),
            ("attribute='load' operation='eq' value='10.0'", false),
            ("attribute='load' operation='eq' value='10.0' type='number'", true),
            ("attribute='load' operation='eq' value='10 and more' type='integer'", true),
            ("attribute='kernel' operation='gt' value='5.9' type='version'", true),
            ("attribute='kernel' operation='eq' value='5.10.2' type='version'", true),
            ("attribute='kernel' operation='lt' value='5.10.2.1' type='version'", true),
            ("attribute='color' operation='eq' value='wanted' value-source='param'", true),
            ("attribute='load' operation='gt' value='limit' value-source='meta'", true),
            ("attribute='load' operation='gt' value='unknown' value-source='meta'", false),
            ("attribute='web-%1' operation='eq' value='yes'", true),
            ("attribute='%0' operation='eq' value='yes'", true),
            ("attribute='web-1%2%9' operation='eq' value='yes'", true),
            ("attribute='100%' operation='not_defined'", true),
            ("attribute='color' operation='like' value='red'", false),
            ("attribute='color' operation='eq'", false),
            ("operation='defined'", false),
        ] {
            assert_eq!(met(&format!("<expression id='e' {condition}/>")).0, expected, "{condition}");
        }
    }

    #[test]
    fn times_are_compared_and_say_when_to_look_again() {
        for (condition, expected) in [
            ("operation='gt' start='2019-09-23T11:59:59Z'/>", (true, None)),
            ("operation='gt' start='2019-09-23T12:00:00Z'/>", (false, Some(1))),
            ("operation='lt' end='2019-09-23T12:00:00Z'/>", (false, None)),
            ("operation='lt' end='2019-09-23T12:01:00Z'/>", (true, Some(60))),
            ("operation='in_range' start='2019-09-23T11:00Z' end='2019-09-23T12:00:00Z'/>", (true, Some(1))),
            ("start='2019-09-23T13:00Z'/>", (false, Some(3600))),
            ("operation='in_range' end='2019-09-23T11:00Z'/>", (false, None)),
            ("operation='in_range' start='2019-09-23T11:00Z'><duration id='d' hours='1' minutes='1'/></date_expression>", (true, Some(61))),
            ("operation='in_range' start='2019-08-23T11:00Z'><duration id='d' months='1'/></date_expression>", (false, None)),
            ("operation='in_range'/>", (false, None)),
            ("operation='in_range' start='never'/>", (false, None)),
            ("operation='date_spec'><date_spec id='s' hours='9-16' weekdays='1-5'/></date_expression>", (true, None)),
            ("operation='date_spec'><date_spec id='s' hours='13-'/></date_expression>", (false, None)),
            ("operation='date_spec'><date_spec id='s' years='-2018'/></date_expression>", (false, None)),
            ("operation='date_spec'><date_spec id='s' weeks='39' monthdays='23'/></date_expression>", (true, None)),
            ("operation='date_spec'><date_spec id='s' hours='x'/></date_expression>", (false, None)),
            ("operation='date_spec'/>", (false, None)),
        ] {
            assert_eq!(met(&format!("<date_expression id='e' {condition}")), expected, "{condition}");
        }
    }

    #[test]
    fn agents_operations_and_other_rules_are_conditions_too() {
        for (conditions, expected) in [
            ("<rsc_expression id='e' class='ocf' type='Dummy'/>", true),
            ("<rsc_expression id='e' provider='pacemaker'/>", false),
            ("<op_expression id='e' name='monitor'/>", true),
            ("<op_expression id='e' name='monitor' interval='10s'/>", true),
            ("<op_expression id='e' name='monitor' interval='11s'/>", false),
            ("<op_expression id='e' name='start'/>", false),
            ("<rule id-ref='other'/>", false),
            ("<rule id-ref='nowhere'/>", false),
            ("<rule id-ref='r'/>", false),
            ("<rule id='x' boolean-op='or'><rule id-ref='other'/><op_expression id='e' name='monitor'/></rule>", true),
            ("<rule id='x' boolean-op='xor'><op_expression id='e' name='monitor'/></rule>", false),
            ("<op_expression id='e' name='monitor'/><op_expression id='f' name='start'/>", false),
            ("<moon_expression id='e'/>", false),
            ("", true),
        ] {
            assert_eq!(met(conditions).0, expected, "{conditions}");
        }
    }

    /// Found by the fuzzer: of three references to itself each was read with three of its own, sixteen levels deep.
    #[test]
    fn rules_that_refer_to_themselves_many_times_are_read_in_bounded_time() {
        let conditions = "<rule id-ref='r'/>".repeat(3);
        let text = format!("<cib><rule id='r' boolean-op='or'>{conditions}<op_expression id='e' name='monitor'/></rule></cib>");
        let cib = parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut references = References::new(&cib);
        let rule = Rule::new(cib.elements().next().unwrap(), &mut references).unwrap();
        assert_eq!(rule.conditions.len(), 4);
        let told = references.problems.iter().filter(|problem| problem.message.contains("more than 1000 others")).count();
        assert_eq!(told, 1);
    }
}
