//! What to show, of what, and how: the choices that options of the tools make.

use std::collections::BTreeSet;

/// How resources and nodes are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Show {
    /// Inactive resources too (`crm_mon -r`).
    pub inactive: bool,
    /// Operations under way (`-j`).
    pub pending: bool,
    /// Failed operations with all their numbers, not in sentences.
    pub failed_detail: bool,
    /// Primitives counted by agent (`-b`).
    pub brief: bool,
    /// Resources below their nodes (`-n`).
    pub by_node: bool,
    /// Each instance of a clone on its own (`-R`).
    pub clone_detail: bool,
    /// The parts of bundles (`-R`).
    pub implied: bool,
    /// Node ids and hosts of guests (`-R`).
    pub node_id: bool,
    /// When and how long operations ran (`-t`).
    pub timing: bool,
    /// The descriptions in the configuration.
    pub description: bool,
    /// The feature set of each node.
    pub feature_set: bool,
    /// The words of 3.x (`Not installed`, `maintenance`), not of 2.x (`not installed`, `unmanaged`).
    pub new_words: bool,
    /// The place of a resource is known from the context.
    pub without_place: bool,
}

/// The sections of a status display.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sections {
    pub stack: bool,
    pub dc: bool,
    pub times: bool,
    pub counts: bool,
    pub options: bool,
    pub maintenance: bool,
    pub nodes: bool,
    pub resources: bool,
    pub attributes: bool,
    pub failcounts: bool,
    pub operations: bool,
    pub failures: bool,
    pub fence_failed: bool,
    pub fence_pending: bool,
    pub fence_worked: bool,
    pub tickets: bool,
    pub bans: bool,
}

impl Sections {
    /// Every section.
    pub const ALL: Sections = Sections {
        stack: true,
        dc: true,
        times: true,
        counts: true,
        options: true,
        maintenance: true,
        nodes: true,
        resources: true,
        attributes: true,
        failcounts: true,
        operations: true,
        failures: true,
        fence_failed: true,
        fence_pending: true,
        fence_worked: true,
        tickets: true,
        bans: true,
    };

    /// The lines above the nodes.
    pub const SUMMARY: Sections = Sections { stack: true, dc: true, times: true, counts: true, maintenance: true, ..Sections::NONE };

    /// None.
    pub const NONE: Sections = Sections {
        stack: false,
        dc: false,
        times: false,
        counts: false,
        options: false,
        maintenance: false,
        nodes: false,
        resources: false,
        attributes: false,
        failcounts: false,
        operations: false,
        failures: false,
        fence_failed: false,
        fence_pending: false,
        fence_worked: false,
        tickets: false,
        bans: false,
    };

    /// Returns whether a line above the nodes is wanted.
    pub fn any_summary(&self) -> bool {
        self.stack || self.dc || self.times || self.counts || self.options || self.maintenance
    }
}

/// Which nodes and resources are shown; `None` means all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Node names in lower case.
    pub nodes: Option<BTreeSet<String>>,
    /// Resource ids, of instances or of what they are instances of.
    pub resources: Option<BTreeSet<String>>,
}

impl Filter {
    /// Returns whether a node is shown.
    pub fn has_node(&self, name: &str) -> bool {
        self.nodes.as_ref().is_none_or(|names| names.contains(&name.to_ascii_lowercase()))
    }

    /// Returns whether a resource is named (or all are).
    pub fn has_resource(&self, id: &str) -> bool {
        self.resources.as_ref().is_none_or(|ids| ids.contains(id))
    }

    /// Returns the same choice of nodes with every resource.
    pub(crate) fn all_resources(&self) -> Filter {
        Filter { nodes: self.nodes.clone(), resources: None }
    }
}
