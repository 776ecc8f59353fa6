//! The list of resources: active ones, all, or those not yet shown below their nodes.

use crate::Lines;
use crate::look::Look;
use status::{Kind, ResourceIndex};

impl Look<'_> {
    /// Prints a resource of any kind; returns whether anything was printed.
    pub(crate) fn any(&self, index: ResourceIndex, out: &mut Lines) -> bool {
        match self.resource(index).kind {
            Kind::Primitive(_) => self.primitive(index, out),
            Kind::Group(_) => self.group(index, out),
            Kind::Clone(_) => self.clone_set(index, out),
            Kind::Bundle(_) => self.bundle(index, out),
        }
    }

    /// Returns whether a top-level resource has its place in the list.
    pub(crate) fn is_listed(&self, index: ResourceIndex) -> bool {
        let resource = self.resource(index);
        let (is_active, is_partly_active) = (self.is_active(index, true), self.is_active(index, false));
        if resource.orphan && !is_active {
            return false;
        }
        if self.show.by_node {
            return !is_active;
        }
        if self.show.brief && resource.is_primitive() {
            return false;
        }
        if !is_partly_active && !self.show.inactive {
            return false;
        }
        !is_partly_active || self.is_on_shown_node(index)
    }

    /// Prints the resources; returns whether anything but a remark was printed.
    pub(crate) fn resource_list(&self, with_remark: bool, with_spacer: bool, out: &mut Lines) -> bool {
        if self.show.by_node && !self.show.inactive {
            return false;
        }
        let mut header = {
            let mut printed = false;
            move |out: &mut Lines| {
                if !std::mem::replace(&mut printed, true) {
                    out.spacer_if(with_spacer);
                    out.begin(match (self.show.by_node, self.show.inactive) {
                        (true, _) => "Inactive Resources",
                        (false, true) => "Full List of Resources",
                        (false, false) => "Active Resources",
                    });
                }
                printed
            }
        };
        let (mut printed, mut opened) = (false, false);
        if self.show.brief && !self.show.by_node {
            opened = header(out);
            printed = self.brief(&self.chosen(&self.facts.roots), out);
        }
        for &index in &self.facts.roots {
            if self.is_listed(index) {
                opened = header(out);
                printed |= self.any(index, out);
            }
        }
        if with_remark && !printed {
            opened = header(out);
            out.item(match (self.show.by_node, self.show.inactive) {
                (true, _) => "No inactive resources",
                (false, true) => "No resources",
                (false, false) => "No active resources",
            });
        }
        if opened {
            out.end();
        }
        printed
    }
}
