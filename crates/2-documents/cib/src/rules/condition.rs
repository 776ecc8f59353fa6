//! The parts of a rule as types.

use crate::references::References;
use model::Role;
use std::time::Duration;
use xml::Element;

/// How deep rules may contain rules, so that one that refers to itself comes to an end.
const DEPTH_MAX: usize = 16;

/// So many rules may be in one, what it refers to included: references to references multiply.
const RULES_MAX: usize = 1000;

/// Conditions joined by *and* or *or*.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// Whether all conditions must be met, or one is enough. `None` when it says something else: never met.
    pub all: Option<bool>,
    /// The role that a location rule is about.
    pub role: Option<Role>,
    /// The score of a location rule as written.
    pub score: Option<&'a str>,
    /// The name of the node attribute that holds the score of a location rule.
    pub score_attribute: Option<&'a str>,
    pub conditions: Vec<Condition<'a>>,
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition<'a> {
    Rule(Rule<'a>),
    Attribute(AttributeExpression<'a>),
    Date(DateExpression<'a>),
    Resource(ResourceExpression<'a>),
    Operation(OperationExpression<'a>),
    /// Could not be understood; never met.
    Unusable(&'a Element),
}

/// Compares a node attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttributeExpression<'a> {
    pub element: &'a Element,
    /// The attribute's name; `%0` to `%9` stand for what a location's resource pattern matched.
    pub attribute: &'a str,
    pub comparison: Comparison,
    /// `None` lets the values decide.
    pub value_type: Option<ValueType>,
    pub reference: Reference,
    /// The value, or the name of the parameter or option that holds it.
    pub value: Option<&'a str>,
}

/// How an attribute and a value must relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Defined,
    NotDefined,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// Without regard to case.
    String,
    Integer,
    Number,
    /// Numbers separated by dots.
    Version,
}

/// Where the value to compare with comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    Literal,
    /// A parameter of the resource that a location is about.
    Parameter,
    /// A meta-attribute of the resource that a location is about.
    Meta,
}

/// Compares the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DateExpression<'a> {
    pub element: &'a Element,
}

/// Compares the agent of a resource; absent parts match all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceExpression<'a> {
    pub element: &'a Element,
    pub class: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub agent: Option<&'a str>,
}

/// Compares an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationExpression<'a> {
    pub element: &'a Element,
    pub name: &'a str,
    /// Absent matches all.
    pub interval: Option<Duration>,
}

impl<'a> Rule<'a> {
    /// Reads one rule of a document; `None` when it refers to one that does not exist.
    pub fn of(element: &'a Element, cib: &'a Element) -> Option<Self> {
        Self::new(element, &mut References::new(cib))
    }

    /// Reads a rule; `None` when it refers to one that does not exist.
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        Self::at_depth(element, references, 0, &mut 0)
    }

    /// `read` counts the rules read so far within the outermost one.
    fn at_depth(element: &'a Element, references: &mut References<'a>, depth: usize, read: &mut usize) -> Option<Self> {
        *read += 1;
        if *read > RULES_MAX {
            if *read == RULES_MAX + 1 {
                references
                    .error(element, format!("a rule has more than {RULES_MAX} others in it; this one and what follows are never met"));
            }
            return None;
        }
        let element = references.resolve(element)?;
        if depth > DEPTH_MAX {
            references.error(element, format!("rules are nested deeper than {DEPTH_MAX} levels; this one is never met"));
            return None;
        }
        let all = match element.attribute("boolean-op") {
            None => Some(true),
            Some(text) if text.eq_ignore_ascii_case("and") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("or") => Some(false),
            Some(text) => {
                references.error(element, format!("boolean-op=\"{text}\" is neither \"and\" nor \"or\"; the rule is never met"));
                None
            }
        };
        let conditions: Vec<_> = element.elements().map(|e| Condition::new(e, references, depth, read)).collect();
        if conditions.is_empty() {
            references.warning(element, "a rule without conditions always holds");
        }
        Some(Self {
            element,
            id: element.id().unwrap_or_default(),
            all,
            role: references.role(element, "role"),
            score: element.attribute("score"),
            score_attribute: element.attribute("score-attribute"),
            conditions,
        })
    }

    /// Returns whether the rule or one below it looks at node attributes, and so can differ between nodes.
    pub fn depends_on_node(&self) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Rule(rule) => rule.depends_on_node(),
            Condition::Attribute(_) => true,
            _ => false,
        })
    }
}

impl<'a> Condition<'a> {
    fn new(element: &'a Element, references: &mut References<'a>, depth: usize, read: &mut usize) -> Self {
        let condition = match element.name.as_str() {
            "rule" => return Rule::at_depth(element, references, depth + 1, read).map_or(Condition::Unusable(element), Condition::Rule),
            "expression" => AttributeExpression::new(element).map(Condition::Attribute),
            "date_expression" => Ok(Condition::Date(DateExpression { element })),
            "rsc_expression" => Ok(Condition::Resource(ResourceExpression {
                element,
                class: element.attribute("class"),
                provider: element.attribute("provider"),
                agent: element.attribute("type"),
            })),
            "op_expression" => OperationExpression::new(element).map(Condition::Operation),
            name => Err(format!("<{name}> is no condition")),
        };
        condition.unwrap_or_else(|message| {
            references.error(element, format!("{message}; the condition is never met"));
            Condition::Unusable(element)
        })
    }
}

impl<'a> AttributeExpression<'a> {
    fn new(element: &'a Element) -> Result<Self, String> {
        let attribute = element.attribute("attribute").ok_or("the name of the node attribute is missing (attribute=…)")?;
        let operation = element.attribute("operation").ok_or("the operation is missing")?;
        let comparison = Comparison::parse(operation)
            .ok_or_else(|| format!("operation=\"{operation}\" is none of defined, not_defined, eq, ne, lt, lte, gt, gte"))?;
        let value_type = match element.attribute("type") {
            None => None,
            Some(text) => {
                Some(ValueType::parse(text).ok_or_else(|| format!("type=\"{text}\" is none of string, integer, number, version"))?)
            }
        };
        let reference = match element.attribute("value-source").map(str::to_ascii_lowercase).as_deref() {
            None | Some("literal") => Reference::Literal,
            Some("param") => Reference::Parameter,
            Some("meta") => Reference::Meta,
            Some(text) => return Err(format!("value-source=\"{text}\" is none of literal, param, meta")),
        };
        let value = element.attribute("value");
        match (comparison, value) {
            (Comparison::Defined | Comparison::NotDefined, Some(_)) => Err(format!("operation=\"{operation}\" takes no value")),
            (Comparison::Defined | Comparison::NotDefined, None) => Ok(()),
            (_, None) => Err(format!("operation=\"{operation}\" needs a value")),
            (_, Some(_)) => Ok(()),
        }?;
        Ok(Self { element, attribute, comparison, value_type, reference, value })
    }
}

impl<'a> OperationExpression<'a> {
    fn new(element: &'a Element) -> Result<Self, String> {
        let name = element.attribute("name").ok_or("the name of the operation is missing")?;
        let interval = match element.attribute("interval") {
            None => None,
            Some(text) => Some(model::parse_interval(text).ok_or_else(|| format!("interval=\"{text}\" is no interval, such as 10s"))?),
        };
        Ok(Self { element, name, interval })
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "defined" => Self::Defined,
            "not_defined" => Self::NotDefined,
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "lt" => Self::Less,
            "lte" => Self::LessOrEqual,
            "gt" => Self::Greater,
            "gte" => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}

impl ValueType {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "version" => Self::Version,
            _ => return None,
        })
    }
}
