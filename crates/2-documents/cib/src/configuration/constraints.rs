//! Constraints: where resources may run, together with which, after which, and with which ticket.
//!
//! Scores stay as written, since their defaults and meanings differ by constraint and are the scheduler's to decide.

use super::ResourceSet;
use crate::references::References;
use crate::rules::Rule;
use model::Role;
use xml::Element;

/// A constraint of any kind.
#[derive(Clone, Debug)]
pub enum Constraint<'a> {
    Location(Location<'a>),
    Colocation(Colocation<'a>),
    Order(Order<'a>),
    Ticket(Ticket<'a>),
}

/// Prefers or avoids nodes (`rsc_location`).
#[derive(Clone, Debug)]
pub struct Location<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub subject: LocationSubject<'a>,
    pub role: Option<Role>,
    pub node: Option<&'a str>,
    pub score: Option<&'a str>,
    /// `always`, `never` or `exclusive`.
    pub discovery: Option<&'a str>,
    /// Each gives its own score to the nodes that meet it.
    pub rules: Vec<Rule<'a>>,
}

/// What a location is about.
#[derive(Clone, Debug)]
pub enum LocationSubject<'a> {
    /// A resource or tag.
    Resource(&'a str),
    /// All resources whose id matches the extended regular expression; with `!` in front, those that do not.
    Pattern(&'a str),
    Sets(Vec<ResourceSet<'a>>),
    /// Nothing is named, which is a fault.
    Nothing,
}

/// Keeps resources together or apart (`rsc_colocation`).
#[derive(Clone, Debug)]
pub struct Colocation<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub score: Option<&'a str>,
    /// Whether the dependent resource may move the other one, as written.
    pub influence: Option<&'a str>,
    /// The node attribute that must be equal, instead of the node.
    pub node_attribute: Option<&'a str>,
    /// Absent where sets are used.
    pub dependent: Option<ColocationMember<'a>>,
    /// Absent where sets are used.
    pub primary: Option<ColocationMember<'a>>,
    pub sets: Vec<ResourceSet<'a>>,
}

/// One side of a colocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ColocationMember<'a> {
    /// The id of a resource or tag.
    pub resource: &'a str,
    pub role: Option<Role>,
    /// The instance of a clone, in old documents.
    pub instance: Option<&'a str>,
}

/// Orders actions (`rsc_order`).
#[derive(Clone, Debug)]
pub struct Order<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    /// `Mandatory`, `Optional` or `Serialize`, as written.
    pub kind: Option<&'a str>,
    /// Very old documents have a score in place of a kind.
    pub score: Option<&'a str>,
    pub symmetrical: Option<bool>,
    pub require_all: Option<bool>,
    /// Absent where sets are used.
    pub first: Option<OrderMember<'a>>,
    /// Absent where sets are used.
    pub then: Option<OrderMember<'a>>,
    pub sets: Vec<ResourceSet<'a>>,
}

/// One side of an ordering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderMember<'a> {
    /// The id of a resource or tag.
    pub resource: &'a str,
    pub action: Option<&'a str>,
    /// The instance of a clone, in old documents.
    pub instance: Option<&'a str>,
}

/// Lets resources run only with a ticket (`rsc_ticket`).
#[derive(Clone, Debug)]
pub struct Ticket<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub ticket: &'a str,
    /// `stop`, `demote`, `fence` or `freeze`.
    pub loss_policy: Option<&'a str>,
    /// Absent where sets are used.
    pub member: Option<TicketMember<'a>>,
    pub sets: Vec<ResourceSet<'a>>,
}

/// The resource that depends on a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TicketMember<'a> {
    /// The id of a resource or tag.
    pub resource: &'a str,
    pub role: Option<Role>,
    /// The instance of a clone, in old documents.
    pub instance: Option<&'a str>,
}

impl<'a> Constraint<'a> {
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        if element.id().is_none() {
            references.error(element, "a constraint needs an id; it is ignored");
            return None;
        }
        Some(match element.name.as_str() {
            "rsc_location" => Self::Location(Location::new(element, references)),
            "rsc_colocation" => Self::Colocation(Colocation::new(element, references)),
            "rsc_order" => Self::Order(Order::new(element, references)),
            "rsc_ticket" => Self::Ticket(Ticket::new(element, references)),
            name => {
                references.error(element, format!("<{name}> is no constraint; rsc_location, rsc_colocation, rsc_order and rsc_ticket are"));
                return None;
            }
        })
    }

    /// Returns the element it was read from.
    pub fn element(&self) -> &'a Element {
        match self {
            Self::Location(c) => c.element,
            Self::Colocation(c) => c.element,
            Self::Order(c) => c.element,
            Self::Ticket(c) => c.element,
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &'a str {
        self.element().id().unwrap_or_default()
    }
}

impl<'a> Location<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let sets = ResourceSet::all(element, references);
        let subject = match (element.attribute("rsc"), element.attribute("rsc-pattern")) {
            (Some(resource), _) => LocationSubject::Resource(resource),
            (None, Some(pattern)) => LocationSubject::Pattern(pattern),
            (None, None) if sets.is_empty() => LocationSubject::Nothing,
            (None, None) => LocationSubject::Sets(sets),
        };
        Self {
            element,
            id: element.id().unwrap_or_default(),
            subject,
            role: references.role(element, "role"),
            node: element.attribute("node"),
            score: element.attribute("score"),
            discovery: element.attribute("resource-discovery"),
            rules: element.elements_named("rule").filter_map(|rule| Rule::new(rule, references)).collect(),
        }
    }
}

impl<'a> Colocation<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let mut member = |resource, role, instance| {
            Some(ColocationMember {
                resource: element.attribute(resource)?,
                role: references.role(element, role),
                instance: element.attribute(instance),
            })
        };
        let dependent = member("rsc", "rsc-role", "rsc-instance");
        let primary = member("with-rsc", "with-rsc-role", "with-rsc-instance");
        Self {
            element,
            id: element.id().unwrap_or_default(),
            score: element.attribute("score"),
            influence: element.attribute("influence"),
            node_attribute: element.attribute("node-attribute"),
            dependent,
            primary,
            sets: ResourceSet::all(element, references),
        }
    }
}

impl<'a> Order<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let member = |resource, action, instance| {
            Some(OrderMember {
                resource: element.attribute(resource)?,
                action: element.attribute(action),
                instance: element.attribute(instance),
            })
        };
        Self {
            element,
            id: element.id().unwrap_or_default(),
            kind: element.attribute("kind"),
            score: element.attribute("score"),
            symmetrical: references.boolean(element, "symmetrical"),
            require_all: references.boolean(element, "require-all"),
            first: member("first", "first-action", "first-instance"),
            then: member("then", "then-action", "then-instance"),
            sets: ResourceSet::all(element, references),
        }
    }
}

impl<'a> Ticket<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        let role = references.role(element, "rsc-role");
        let member = element.attribute("rsc").map(|resource| TicketMember { resource, role, instance: element.attribute("rsc-instance") });
        Self {
            element,
            id: element.id().unwrap_or_default(),
            ticket: element.attribute("ticket").unwrap_or_default(),
            loss_policy: element.attribute("loss-policy"),
            member,
            sets: ResourceSet::all(element, references),
        }
    }
}
