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
            Condition::Date(expression) => input.now.is_some_and(|now| expression.is_met(now, recheck)),
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

fn parse_integer(text: &str) -> Option<i64> {
    text.trim_start().parse().ok()
}

/// Compat: what stands behind the number is ignored.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end)).find_map(|end| text[..end].parse::<f64>().ok()).filter(|n| !n.is_nan())
}

/// Compares versions part by part; a part that is missing is less than any.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let mut left = a.split('.');
    let mut right = b.split('.');
    loop {
        let (l, r) = (left.next(), right.next());
        let number =
            |part: &str| part.trim_start().split(|c: char| !c.is_ascii_digit()).next().and_then(|d| d.parse::<u64>().ok()).unwrap_or(0);
        match (l, r) {
            (None, None) => return Ordering::Equal,
            (Some(l), Some(r)) => match number(l).cmp(&number(r)) {
                Ordering::Equal => {}
                order => return order,
            },
            (l, r) => return l.is_some().cmp(&r.is_some()),
        }
    }
}
