//! A bundle: a line a replica, or all its parts.

use crate::Lines;
use crate::look::Look;
use crate::show::Show;
use status::{Kind, Replica, ResourceIndex};

impl Look<'_> {
    /// Prints a bundle; returns whether anything was printed.
    pub(crate) fn bundle(&self, index: ResourceIndex, out: &mut Lines) -> bool {
        let Kind::Bundle(bundle) = &self.resource(index).kind else { return false };
        if self.is_filtered(index, true) {
            return false;
        }
        let is_named = self.filter.has_resource(self.resource(index).id.as_str());
        let is_multiple = bundle.replicas.len() > 1;
        let mut printed = false;
        let mut header = |out: &mut Lines| {
            if !std::mem::replace(&mut printed, true) {
                out.begin(self.bundle_heading(index, &bundle.image, bundle.replicas_max > 1));
            }
        };
        for replica in &bundle.replicas {
            if self.is_elsewhere(replica.container) {
                continue;
            }
            let parts = self.replica_parts(replica, is_named);
            if self.show.implied || (!is_named && !parts.is_empty()) {
                header(out);
                if is_multiple {
                    out.item(format_args!("Replica[{}]", replica.offset));
                }
                out.begin_unnamed();
                let detailed = self.with(Show { implied: true, ..self.show });
                for part in parts {
                    detailed.any(part, out);
                }
                out.end();
            } else if is_named || !parts.is_empty() {
                header(out);
                self.replica_line(replica, out);
            }
        }
        if printed {
            out.end();
        }
        printed
    }

    /// Returns the parts of a replica that the choice of resources has.
    pub(crate) fn replica_parts(&self, replica: &Replica, bundle_is_named: bool) -> Vec<ResourceIndex> {
        [replica.ip, replica.child, Some(replica.container), replica.remote]
            .into_iter()
            .flatten()
            .filter(|&part| !self.is_filtered(part, bundle_is_named))
            .collect()
    }

    fn bundle_heading(&self, index: ResourceIndex, image: &str, is_set: bool) -> String {
        let resource = self.resource(index);
        let set = if is_set { " set" } else { "" };
        let unique = if resource.unique { " (unique)" } else { "" };
        let in_new_words = self.show.new_words;
        let state = match (resource.maintenance && in_new_words, resource.managed && !resource.maintenance) {
            (true, _) => " (maintenance)",
            (false, false) => " (unmanaged)",
            (false, true) => "",
        };
        format!("Container bundle{set}: {} [{image}]{unique}{}{state}", resource.id, self.description_mark(index))
    }

    fn replica_line(&self, replica: &Replica, out: &mut Lines) {
        let child = replica.child.unwrap_or(replica.container);
        let mut name = self.printable_id(replica.remote.unwrap_or(replica.container)).to_owned();
        if let Some(address) = &replica.ip_address {
            name.push_str(&format!(" ({address})"));
        }
        let node = self.resource(replica.container).active_nodes.first().copied();
        self.primitive_as(child, &name, node, out);
    }
}
