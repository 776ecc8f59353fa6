//! The status of a cluster as text: the sections that were chosen, in the order the tools print them.

use crate::look::Look;
use crate::{Filter, Lines, Sections, Show};
use jiff::tz::TimeZone;
use messages::client::FenceRecord;
use model::Timestamp;
use status::Facts;
use xml::Element;

/// A status to print: what is known, and what of it is to be shown how.
#[derive(Clone, Copy, Debug)]
pub struct StatusView<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// The document that the facts come from (who changed it last, constraints).
    pub cib: &'a Element,
    /// How.
    pub show: Show,
    /// Which sections.
    pub sections: Sections,
    /// Of which nodes and resources.
    pub filter: &'a Filter,
    /// Of which constraints: the start of their ids.
    pub ban_prefix: Option<&'a str>,
    /// The moment of the display.
    pub now: Timestamp,
    /// The zone in which times are shown.
    pub zone: &'a TimeZone,
    /// The node that the display is made on, where it is known.
    pub local_node: Option<&'a str>,
    /// What was fenced, latest first; empty where nobody was asked.
    pub fence_history: &'a [FenceRecord],
    /// Every record of fencing, not only the latest of each kind.
    pub full_fence_history: bool,
}

impl<'a> StatusView<'a> {
    pub(crate) fn look(&self) -> Look<'a> {
        Look { facts: self.facts, show: self.show, filter: self.filter }
    }

    /// Prints the chosen sections; returns whether anything was printed.
    pub fn print(&self, out: &mut Lines) -> bool {
        let look = self.look();
        let sections = &self.sections;
        let mut printed = self.summary(out);
        if sections.nodes {
            printed |= look.node_list(printed, out);
        }
        if sections.resources {
            printed |= look.resource_list(true, printed, out);
        }
        if sections.attributes {
            printed |= look.node_attributes(printed, out);
        }
        if sections.operations || sections.failcounts {
            printed |= self.node_histories(printed, out);
        }
        if sections.failures {
            printed |= self.failures(printed, out);
        }
        if sections.fence_failed {
            printed |= self.failed_fencing(printed, out);
        }
        if sections.tickets {
            printed |= self.tickets(printed, out);
        }
        if sections.bans {
            printed |= self.bans(printed, out);
        }
        if sections.fence_pending || sections.fence_worked {
            printed |= self.other_fencing(printed, out);
        }
        printed
    }
}
