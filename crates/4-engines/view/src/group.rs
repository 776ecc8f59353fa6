//! A group with its members below it.

use crate::Lines;
use crate::look::Look;
use crate::show::Show;
use status::ResourceIndex;

impl Look<'_> {
    /// Prints a group; returns whether anything was printed.
    pub(crate) fn group(&self, index: ResourceIndex, out: &mut Lines) -> bool {
        if self.is_filtered(index, true) {
            return false;
        }
        let resource = self.resource(index);
        let mut printed = false;
        let mut header = |out: &mut Lines| {
            if !std::mem::replace(&mut printed, true) {
                out.begin(self.group_heading(index));
            }
        };
        if self.show.brief {
            let members = self.chosen(&resource.children);
            if !members.is_empty() {
                header(out);
                self.with(Show { inactive: true, ..self.show }).brief(&members, out);
            }
        } else {
            let is_named = self.is_named(index);
            for &child in &resource.children {
                if !self.skips_member(child, is_named) {
                    header(out);
                    self.any(child, out);
                }
            }
        }
        if printed {
            out.end();
        }
        printed
    }

    /// Returns whether a member of a group is left out of the display.
    pub(crate) fn skips_member(&self, child: ResourceIndex, group_is_named: bool) -> bool {
        let is_filtered = self.is_filtered(child, false);
        if self.filter.resources.is_some() && !is_filtered {
            return false;
        }
        let is_wanted = self.show.inactive || self.is_active(child, false);
        !(is_wanted && (!is_filtered || group_is_named))
    }

    fn group_heading(&self, index: ResourceIndex) -> String {
        let resource = self.resource(index);
        let mut marks = Vec::new();
        let is_partial = !self.is_active(index, true) && self.is_active(index, false);
        let inactive = resource.children.iter().filter(|&&c| !self.is_active(c, true)).count();
        if is_partial && !self.show.inactive && inactive > 0 {
            marks.push(format!("{inactive} member{} inactive", if inactive == 1 { "" } else { "s" }));
        }
        marks.extend(self.state_marks(index));
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        format!("Resource Group: {}{marks}{}", resource.id, self.description_mark(index))
    }

    /// Returns the marks that groups and clones share.
    pub(crate) fn state_marks(&self, index: ResourceIndex) -> Vec<String> {
        let resource = self.resource(index);
        let mut marks = Vec::new();
        let disabled = self.is_disabled(index).then(|| "disabled".to_owned());
        match (self.show.new_words, resource.maintenance, resource.managed) {
            (true, true, _) => marks.extend(disabled.into_iter().chain(["maintenance".to_owned()])),
            (true, false, false) => marks.extend(disabled.into_iter().chain(["unmanaged".to_owned()])),
            // Compat: 2.x says it in another order, and has no word for maintenance.
            (false, true, _) | (false, false, false) => marks.extend(["unmanaged".to_owned()].into_iter().chain(disabled)),
            (_, false, true) => marks.extend(disabled),
        }
        marks
    }

    /// Returns the description in brackets, with a blank in front.
    pub(crate) fn description_mark(&self, index: ResourceIndex) -> String {
        self.description(index).map(|text| format!(" ({text})")).unwrap_or_default()
    }
}
