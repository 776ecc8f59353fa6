//! Finding what constraints name: resources, templates, tags, nodes; and sets with their tags expanded.
//!
//! A name of a clone's instance means the clone; a name that no resource has may be a template's or a tag's.

use compact_str::CompactString;
use model::{Role, Score};
use status::{Facts, NodeIndex, Problem, Resource, ResourceIndex, Severity};
use std::collections::BTreeMap;

/// What a name in a constraint means.
pub(super) enum Named<'a> {
    Resource(ResourceIndex),
    /// Several ids at once.
    Tag(&'a [CompactString]),
    Nothing,
}

/// A resource set, its tags expanded.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub id: CompactString,
    pub sequential: Option<bool>,
    pub symmetrical: Option<bool>,
    pub require_all: Option<bool>,
    pub ordering: Option<CompactString>,
    pub action: Option<CompactString>,
    pub role: Option<CompactString>,
    pub score: Option<CompactString>,
    pub kind: Option<CompactString>,
    pub resources: Vec<CompactString>,
}

/// The names of a cluster.
pub(super) struct Names<'a> {
    pub facts: &'a Facts,
    resources: BTreeMap<&'a str, ResourceIndex>,
    nodes: BTreeMap<String, NodeIndex>,
}

impl<'a> Names<'a> {
    pub fn new(facts: &'a Facts) -> Self {
        let mut names = Names { facts, resources: BTreeMap::new(), nodes: BTreeMap::new() };
        for &root in &facts.roots {
            names.add(root);
        }
        for (at, node) in facts.nodes.iter().enumerate() {
            names.nodes.entry(node.name.as_str().to_ascii_lowercase()).or_insert(NodeIndex(at as u32));
        }
        names
    }

    fn add(&mut self, index: ResourceIndex) {
        let resource: &'a Resource = self.facts.resource(index);
        self.resources.entry(resource.id.as_str()).or_insert(index);
        if let Some(id) = &resource.history_id {
            self.resources.entry(id.as_str()).or_insert(index);
        }
        for &child in &resource.children {
            self.add(child);
        }
    }

    /// Returns the resource of this name.
    pub fn resource(&self, name: &str) -> Option<ResourceIndex> {
        let found = *self.resources.get(name)?;
        if self.facts.resource(found).id.as_str() == name { Some(found) } else { Some(self.facts.top_of(found, false)) }
    }

    /// Returns the node of this name.
    pub fn node(&self, name: &str) -> Option<NodeIndex> {
        self.nodes.get(&name.to_ascii_lowercase()).copied()
    }

    /// Returns what a name means.
    pub fn named(&self, name: &str) -> Named<'a> {
        if let Some(resource) = self.resource(name) {
            return Named::Resource(resource);
        }
        match self.facts.templates.get(name).or_else(|| self.facts.tags.get(name)) {
            Some(tag) if !tag.references.is_empty() => Named::Tag(&tag.references),
            _ => Named::Nothing,
        }
    }

    /// Returns the sets of a constraint with their tags expanded, tags within tags as well; unchanged where a name, or one that a
    /// tag holds, means nothing.
    pub fn expanded(&self, sets: &[cib::ResourceSet<'_>], problems: &mut Vec<Problem>) -> Vec<Set> {
        let plain: Vec<Set> = sets.iter().map(plain).collect();
        let mut expanded = plain.clone();
        for set in &mut expanded {
            let mut resources = Vec::with_capacity(set.resources.len());
            for name in &set.resources {
                if let Err(unknown) = self.expand(name, &mut Vec::new(), &mut resources) {
                    problem(problems, format!("set {} names {unknown}, which is no resource, template or tag", set.id));
                    return plain;
                }
            }
            set.resources = resources;
        }
        expanded
    }

    /// Adds the resource of a name, or all that a tag stands for; `within`: the tags that it is in, since one that holds itself
    /// holds nothing more by that. Returns the first name that means nothing.
    fn expand<'n>(&self, name: &'n str, within: &mut Vec<&'n str>, resources: &mut Vec<CompactString>) -> Result<(), CompactString>
    where
        'a: 'n,
    {
        match self.named(name) {
            Named::Resource(_) => resources.push(name.into()),
            Named::Tag(_) if within.contains(&name) => {}
            Named::Tag(references) => {
                within.push(name);
                references.iter().try_for_each(|reference| self.expand(reference, within, resources))?;
                within.pop();
            }
            Named::Nothing => return Err(name.into()),
        }
        Ok(())
    }

    /// Returns a set that stands for one side of a constraint that names a tag: the tag's resources in no order, or
    /// the resource alone.
    pub fn side(&self, name: &str) -> Set {
        let mut set = Set { id: name.into(), ..Set::default() };
        match self.named(name) {
            Named::Tag(references) => {
                set.sequential = Some(false);
                set.resources = references.to_vec();
            }
            _ => set.resources.push(name.into()),
        }
        set
    }
}

fn plain(set: &cib::ResourceSet<'_>) -> Set {
    let text = |text: Option<&str>| text.map(CompactString::from);
    Set {
        id: set.id.into(),
        sequential: set.sequential,
        symmetrical: set.element.attribute("symmetrical").and_then(model::parse_boolean),
        require_all: set.require_all,
        ordering: text(set.ordering),
        action: text(set.action),
        role: text(set.element.attribute("role")),
        score: text(set.score),
        kind: text(set.kind),
        resources: set.resources.iter().map(|&id| id.into()).collect(),
    }
}

/// Records an error in the constraints.
pub(super) fn problem(problems: &mut Vec<Problem>, text: String) {
    problems.push(Problem { severity: Severity::Error, text });
}

/// Returns the score of a constraint; a missing one is 0.
pub(super) fn score(text: Option<&str>, id: &str, problems: &mut Vec<Problem>) -> Option<Score> {
    let Some(text) = text else { return Some(Score::ZERO) };
    let score = Score::parse(text);
    if score.is_none() {
        problem(problems, format!("constraint {id} is ignored, because {text} is no score"));
    }
    score
}

/// Returns the role that a colocation or ticket is for; `Started` is as good as none.
pub(super) fn role(text: Option<&str>, id: &str, problems: &mut Vec<Problem>) -> Result<Option<Role>, ()> {
    match text.map(Role::parse) {
        None | Some(Some(Role::Started)) => Ok(None),
        Some(Some(role)) if role != Role::Unknown => Ok(Some(role)),
        _ => {
            problem(problems, format!("constraint {id} is ignored, because {} is no role", text.unwrap_or_default()));
            Err(())
        }
    }
}
