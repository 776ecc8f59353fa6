//! Sets of name-value pairs: what they hold and which of several sets wins.

use crate::references::References;
use crate::rules::{Input, Recheck, Rule};
use model::Score;
use std::collections::BTreeMap;
use xml::Element;

/// Names and the values that won, in order of names.
pub type Values<'a> = BTreeMap<&'a str, &'a str>;

/// One pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NvPair<'a> {
    pub name: &'a str,
    pub value: &'a str,
    /// The `<nvpair>` that holds the value; another one than where it is used when an `id-ref` led to it.
    pub element: &'a Element,
}

/// One `instance_attributes`, `meta_attributes`, `utilization` or `cluster_property_set`, references resolved.
#[derive(Clone, Debug)]
pub struct NvSet<'a> {
    /// The set itself, wherever it stands.
    pub element: &'a Element,
    pub id: &'a str,
    /// Sets with a higher score win.
    pub score: Score,
    /// When it says that the set does not apply, its pairs count as absent.
    pub rule: Option<Rule<'a>>,
    pub pairs: Vec<NvPair<'a>>,
}

/// All sets of one kind that one element has.
#[derive(Clone, Debug, Default)]
pub struct NvSets<'a> {
    /// The set that wins comes first: higher scores first, and of equal ones the later in the document.
    pub by_precedence: Vec<NvSet<'a>>,
}

impl<'a> NvSet<'a> {
    /// Reads a set; `None` when it refers to one that does not exist.
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        let element = references.resolve(element)?;
        let score = match element.attribute("score") {
            None => Score::ZERO,
            Some(text) => Score::parse(text).unwrap_or_else(|| {
                references.warning(element, format!("score=\"{text}\" is no score; 0 is used"));
                Score::ZERO
            }),
        };
        let rule = element.child("rule").and_then(|rule| Rule::new(rule, references));
        // Compat: very old sets hold their pairs in an <attributes> of their own.
        let holder = element.elements().next().filter(|e| e.name == "attributes").unwrap_or(element);
        let pairs = holder.elements_named("nvpair").filter_map(|pair| NvPair::new(pair, references)).collect();
        Some(Self { element, id: element.id().unwrap_or_default(), score, rule, pairs })
    }
}

impl<'a> NvPair<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Option<Self> {
        let source = references.resolve(element)?;
        // Compat: a pair that refers to another one may give the value a name of its own.
        let own_name = element.attribute("name").filter(|_| element.has("id-ref"));
        let name = own_name.or_else(|| source.attribute("name"))?;
        Some(Self { name, value: source.attribute("value")?, element: source })
    }
}

impl<'a> NvSets<'a> {
    /// Reads the sets of this element name below each of the parents, as if all stood in one, one parent after the other.
    pub(crate) fn below(parents: &[Option<&'a Element>], name: &'a str, references: &mut References<'a>) -> Self {
        let elements = parents.iter().flatten().flat_map(|parent| parent.elements_named(name));
        let mut sets: Vec<_> = elements.filter_map(|set| NvSet::new(set, references)).collect();
        // Compat: of sets with equal scores the one that comes last wins.
        sets.reverse();
        sets.sort_by_key(|set| std::cmp::Reverse(set.score));
        Self { by_precedence: sets }
    }

    /// Returns whether there are no sets.
    pub fn is_empty(&self) -> bool {
        self.by_precedence.is_empty()
    }

    /// Returns whether what the sets give can depend on anything but the document.
    pub fn has_rules(&self) -> bool {
        self.by_precedence.iter().any(|set| set.rule.is_some())
    }

    /// Returns the values that hold for this input, and adds to `recheck` when that may change.
    pub fn values(&self, input: &Input<'_>, recheck: &mut Recheck) -> Values<'a> {
        let mut values = Values::new();
        self.add_to(&mut values, None, input, recheck);
        values
    }

    /// Adds the values that hold for this input and are not there yet. A set named `first` wins over all scores.
    pub fn add_to(&self, values: &mut Values<'a>, first: Option<&str>, input: &Input<'_>, recheck: &mut Recheck) {
        let is_first = |set: &&NvSet<'a>| first.is_some_and(|id| set.id == id);
        let sets = self.by_precedence.iter().filter(is_first).chain(self.by_precedence.iter().filter(|set| !is_first(set)));
        for set in sets {
            if set.rule.as_ref().is_some_and(|rule| !rule.is_met(input, recheck)) {
                continue;
            }
            for pair in &set.pairs {
                // Compat: "#default" forgets what sets of higher precedence said, so that the defaults apply.
                if pair.value.eq_ignore_ascii_case("#default") {
                    values.remove(pair.name);
                } else {
                    values.entry(pair.name).or_insert(pair.value);
                }
            }
        }
    }

    /// Returns one value without regard to rules; for what must be known before rules can be evaluated.
    pub fn get_unconditional(&self, name: &str) -> Option<&'a str> {
        self.by_precedence
            .iter()
            .filter(|set| set.rule.is_none())
            .flat_map(|set| &set.pairs)
            .find(|pair| pair.name == name)
            .map(|pair| pair.value)
    }
}
