//! The value of an expression.

use super::document::{Content, Document, NodeId};
use super::parse::{Axis, Expression, NodeTest, Operator, Start, Step};

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// In document order, each once.
    Nodes(Vec<NodeId>),
    Boolean(bool),
    Number(f64),
    Text(String),
}

/// What an expression is evaluated for.
#[derive(Clone, Copy)]
pub(super) struct Context<'d, 'a> {
    pub document: &'d Document<'a>,
    pub node: NodeId,
    /// Counted from 1.
    pub position: usize,
    pub size: usize,
}

pub(super) fn evaluate(expression: &Expression, document: &Document<'_>) -> Value {
    Context { document, node: NodeId::node(0), position: 1, size: 1 }.value(expression)
}

impl<'d, 'a> Context<'d, 'a> {
    pub(super) fn value(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Literal(text) => Value::Text(text.clone()),
            Expression::Negated(inner) => Value::Number(-self.value(inner).number(self.document)),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::Call(function, arguments) => function.call(self, arguments),
            Expression::Path(start, steps) => Value::Nodes(self.path(start, steps)),
            Expression::Filtered(inner, predicates) => match self.value(inner) {
                Value::Nodes(nodes) => Value::Nodes(self.filtered(nodes, predicates)),
                other => other,
            },
        }
    }

    /// Returns the nodes of an expression, none when it gives something else.
    pub(super) fn nodes(&self, expression: &Expression) -> Vec<NodeId> {
        if let Value::Nodes(nodes) = self.value(expression) { nodes } else { Vec::new() }
    }

    fn path(&self, start: &Start, steps: &[Step]) -> Vec<NodeId> {
        let mut nodes = match start {
            Start::Document => vec![NodeId::node(0)],
            Start::Context => vec![self.node],
            Start::Expression(inner) => self.nodes(inner),
        };
        let mut rest = steps;
        while let Some((step, behind)) = rest.split_first() {
            rest = behind;
            // "//name" looks at each node once instead of at the children of each, where positions do not matter.
            let direct = match (step, behind.first()) {
                (Step { axis: Axis::DescendantOrSelf, test: NodeTest::Node, predicates }, Some(next))
                    if predicates.is_empty()
                        && next.axis == Axis::Child
                        && !next.predicates.iter().any(Expression::depends_on_position) =>
                {
                    rest = &behind[1..];
                    Some(Step { axis: Axis::Descendant, ..next.clone() })
                }
                _ => None,
            };
            nodes = self.step(&nodes, direct.as_ref().unwrap_or(step));
        }
        nodes
    }

    fn step(&self, from: &[NodeId], step: &Step) -> Vec<NodeId> {
        let mut found = Vec::new();
        for node in from {
            let candidates: Vec<NodeId> = self.along(*node, step.axis).into_iter().filter(|n| self.passes(*n, step)).collect();
            found.extend(self.filtered(candidates, &step.predicates));
        }
        if !found.is_sorted_by(|a, b| a < b) {
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// Returns the nodes of an axis, the nearest first.
    fn along(&self, node: NodeId, axis: Axis) -> Vec<NodeId> {
        let document = self.document;
        let ancestors = || std::iter::successors(document.parent(node), |n| document.parent(*n));
        let siblings = || {
            if node.attribute.is_some() { None } else { document.parent(node) }
                .map(|p| document.children(p).collect::<Vec<_>>())
                .unwrap_or_default()
        };
        match axis {
            Axis::Child => document.children(node).collect(),
            Axis::Descendant => document.descendants(node).collect(),
            Axis::DescendantOrSelf => std::iter::once(node).chain(document.descendants(node)).collect(),
            Axis::Attribute => document.attributes(node).collect(),
            Axis::Myself => vec![node],
            Axis::Parent => document.parent(node).into_iter().collect(),
            Axis::Ancestor => ancestors().collect(),
            Axis::AncestorOrSelf => std::iter::once(node).chain(ancestors()).collect(),
            Axis::Following => document.following(node).collect(),
            Axis::Preceding => document.preceding(node).collect(),
            Axis::FollowingSibling => siblings().into_iter().filter(|n| *n > node).collect(),
            Axis::PrecedingSibling => siblings().into_iter().rev().filter(|n| *n < node).collect(),
        }
    }

    fn passes(&self, node: NodeId, step: &Step) -> bool {
        let content = self.document.content(node);
        match &step.test {
            NodeTest::Node => true,
            NodeTest::Text => node.attribute.is_none() && matches!(content, Content::Text(_)),
            NodeTest::Comment => node.attribute.is_none() && matches!(content, Content::Comment(_)),
            NodeTest::Any | NodeTest::Name(_) => {
                // A name means elements, except on the axis of attributes.
                let is_kind = if step.axis == Axis::Attribute {
                    node.attribute.is_some()
                } else {
                    node.attribute.is_none() && matches!(content, Content::Element(_))
                };
                is_kind && if let NodeTest::Name(name) = &step.test { self.document.name(node) == name } else { true }
            }
        }
    }

    fn filtered(&self, mut nodes: Vec<NodeId>, predicates: &[Expression]) -> Vec<NodeId> {
        for predicate in predicates {
            let size = nodes.len();
            let mut position = 0;
            nodes.retain(|node| {
                position += 1;
                let context = Context { document: self.document, node: *node, position, size };
                match context.value(predicate) {
                    Value::Number(number) => number == position as f64,
                    value => value.boolean(),
                }
            });
        }
        nodes
    }

    fn binary(&self, operator: Operator, left: &Expression, right: &Expression) -> Value {
        let document = self.document;
        let numbers = |calculate: fn(f64, f64) -> f64| {
            Value::Number(calculate(self.value(left).number(document), self.value(right).number(document)))
        };
        match operator {
            Operator::Or => Value::Boolean(self.value(left).boolean() || self.value(right).boolean()),
            Operator::And => Value::Boolean(self.value(left).boolean() && self.value(right).boolean()),
            Operator::Add => numbers(|a, b| a + b),
            Operator::Subtract => numbers(|a, b| a - b),
            Operator::Multiply => numbers(|a, b| a * b),
            Operator::Divide => numbers(|a, b| a / b),
            Operator::Remainder => numbers(|a, b| a % b),
            Operator::Union => {
                let mut nodes = self.nodes(left);
                nodes.extend(self.nodes(right));
                nodes.sort_unstable();
                nodes.dedup();
                Value::Nodes(nodes)
            }
            _ => Value::Boolean(compare(operator, &self.value(left), &self.value(right), document)),
        }
    }
}

/// Compares two values; sets of nodes are compared node by node, and one that fits is enough.
fn compare(operator: Operator, left: &Value, right: &Value, document: &Document<'_>) -> bool {
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let numbers = |a: f64, b: f64| match operator {
        Operator::Equal => a == b,
        Operator::NotEqual => a != b,
        Operator::Less => a < b,
        Operator::LessOrEqual => a <= b,
        Operator::Greater => a > b,
        _ => a >= b,
    };
    let texts = |a: &str, b: &str| match operator {
        Operator::Equal => a == b,
        Operator::NotEqual => a != b,
        _ => numbers(number(a), number(b)),
    };
    match (left, right) {
        (Value::Boolean(_), _) | (_, Value::Boolean(_)) => numbers(f64::from(left.boolean()), f64::from(right.boolean())),
        (Value::Nodes(a), Value::Nodes(b)) => {
            let right: Vec<String> = b.iter().map(|node| document.text(*node)).collect();
            a.iter().any(|node| right.iter().any(|text| texts(&document.text(*node), text)))
        }
        (Value::Nodes(nodes), other) => nodes.iter().any(|node| match other {
            Value::Number(n) => numbers(number(&document.text(*node)), *n),
            _ => texts(&document.text(*node), &other.text(document)),
        }),
        (other, Value::Nodes(nodes)) => nodes.iter().any(|node| match other {
            Value::Number(n) => numbers(*n, number(&document.text(*node))),
            _ => texts(&other.text(document), &document.text(*node)),
        }),
        (Value::Text(a), Value::Text(b)) if is_equality => texts(a, b),
        _ => numbers(left.number(document), right.number(document)),
    }
}

impl Value {
    pub(super) fn boolean(&self) -> bool {
        match self {
            Value::Nodes(nodes) => !nodes.is_empty(),
            Value::Boolean(value) => *value,
            Value::Number(value) => *value != 0.0 && !value.is_nan(),
            Value::Text(text) => !text.is_empty(),
        }
    }

    pub(super) fn number(&self, document: &Document<'_>) -> f64 {
        match self {
            Value::Boolean(value) => f64::from(*value),
            Value::Number(value) => *value,
            Value::Text(text) => number(text),
            Value::Nodes(_) => number(&self.text(document)),
        }
    }

    pub(super) fn text(&self, document: &Document<'_>) -> String {
        match self {
            Value::Nodes(nodes) => nodes.first().map(|node| document.text(*node)).unwrap_or_default(),
            Value::Boolean(value) => value.to_string(),
            Value::Number(value) if value.is_infinite() => if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            Value::Number(value) if *value == 0.0 => "0".to_owned(),
            Value::Number(value) => value.to_string(),
            Value::Text(text) => text.clone(),
        }
    }
}

/// Returns the number that a text is; not a number when it is none. Only digits, one point and a minus are known.
pub(super) fn number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.bytes().any(|b| b.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_number { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}
