//! Which sections of the status are shown: what options choose, from left to right, and what keys switch.

use super::{Arguments, Form};
use clap::ArgMatches;
use view::Sections;

/// The sections, as options change them from left to right.
pub(super) struct Choice {
    form: Form,
    pub(super) sections: Sections,
    pub(super) ban_prefix: Option<String>,
}

impl Choice {
    pub(super) fn new(form: Form) -> Self {
        let mut choice = Self { form, sections: Sections::NONE, ban_prefix: None };
        choice.sections = choice.default_sections();
        choice
    }

    fn all_sections(&self) -> Sections {
        match self.form {
            Form::Text => Sections { options: false, ..Sections::ALL },
            _ => Sections::ALL,
        }
    }

    fn default_sections(&self) -> Sections {
        match self.form {
            Form::Xml | Form::OldXml => Sections::ALL,
            _ => Sections { nodes: true, resources: true, failures: true, fence_failed: true, fence_pending: true, ..Sections::SUMMARY },
        }
    }

    /// Applies every option that chooses sections, in the order of the command line.
    pub(super) fn apply_options(&mut self, arguments: &Arguments, matches: &ArgMatches) -> Result<(), String> {
        match arguments.fence_history {
            Some(0) => self.exclude("fencing")?,
            Some(1) => self.include("fencing-failed,fencing-pending")?,
            Some(2 | 3) => self.include("fencing")?,
            Some(_) => return Err("Fence history must be 0-3".to_owned()),
            None => {}
        }
        let mut steps: Vec<(usize, bool, String)> = Vec::new();
        let mut add = |id: &str, includes: bool, values: Vec<String>| {
            let indices = matches.indices_of(id).into_iter().flatten();
            steps.extend(indices.zip(values).map(|(at, value)| (at, includes, value)));
        };
        add("include", true, arguments.include.clone());
        add("exclude", false, arguments.exclude.clone());
        for (id, is_given, includes, sections) in [
            ("failcounts", arguments.failcounts, true, "failcounts"),
            ("operations", arguments.operations, true, "failcounts,operations"),
            ("timing_details", arguments.timing_details, true, "operations"),
            ("tickets", arguments.tickets, true, "tickets"),
            ("show_node_attributes", arguments.show_node_attributes, true, "attributes"),
            ("hide_headers", arguments.hide_headers, false, "summary"),
        ] {
            if is_given {
                add(id, includes, vec![sections.to_owned()]);
            }
        }
        if let Some(prefix) = &arguments.neg_locations {
            let sections = if prefix.is_empty() { "bans".to_owned() } else { format!("bans:{prefix}") };
            add("neg_locations", true, vec![sections]);
        }
        steps.sort_by_key(|(at, ..)| *at);
        for (_, includes, value) in steps {
            if includes { self.include(&value)? } else { self.exclude(&value)? }
        }
        Ok(())
    }

    fn include(&mut self, list: &str) -> Result<(), String> {
        for name in list.split(',') {
            match name {
                "all" => self.sections = self.all_sections(),
                "default" | "defaults" => self.sections = merged(self.sections, self.default_sections()),
                "none" => self.sections = Sections::NONE,
                _ if name.starts_with("bans") => {
                    self.sections.bans = true;
                    self.ban_prefix = name.strip_prefix("bans:").map(str::to_owned);
                }
                _ => self.set(name, true).ok_or_else(|| wrong("include", "bans[:PREFIX]", "default, "))?,
            }
        }
        Ok(())
    }

    fn exclude(&mut self, list: &str) -> Result<(), String> {
        for name in list.split(',') {
            match name {
                "all" => self.sections = Sections::NONE,
                "none" => self.sections = self.all_sections(),
                _ => self.set(name, false).ok_or_else(|| wrong("exclude", "bans", ""))?,
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, on: bool) -> Option<()> {
        let s = &mut self.sections;
        match name.to_ascii_lowercase().as_str() {
            "attributes" => s.attributes = on,
            "bans" => s.bans = on,
            "counts" => s.counts = on,
            "dc" => s.dc = on,
            "failcounts" => s.failcounts = on,
            "failures" => s.failures = on,
            "fencing" => (s.fence_failed, s.fence_pending, s.fence_worked) = (on, on, on),
            "fencing-failed" => s.fence_failed = on,
            "fencing-pending" => s.fence_pending = on,
            "fencing-succeeded" => s.fence_worked = on,
            "maint-mode" => s.maintenance = on,
            "nodes" => s.nodes = on,
            "operations" => s.operations = on,
            "options" => s.options = on,
            "resources" => s.resources = on,
            "stack" => s.stack = on,
            "summary" => (s.stack, s.dc, s.times, s.counts, s.maintenance) = (on, on, on, on, on),
            "tickets" => s.tickets = on,
            "times" => s.times = on,
            _ => return None,
        }
        Some(())
    }
}

fn merged(a: Sections, b: Sections) -> Sections {
    Sections {
        stack: a.stack || b.stack,
        dc: a.dc || b.dc,
        times: a.times || b.times,
        counts: a.counts || b.counts,
        options: a.options || b.options,
        maintenance: a.maintenance || b.maintenance,
        nodes: a.nodes || b.nodes,
        resources: a.resources || b.resources,
        attributes: a.attributes || b.attributes,
        failcounts: a.failcounts || b.failcounts,
        operations: a.operations || b.operations,
        failures: a.failures || b.failures,
        fence_failed: a.fence_failed || b.fence_failed,
        fence_pending: a.fence_pending || b.fence_pending,
        fence_worked: a.fence_worked || b.fence_worked,
        tickets: a.tickets || b.tickets,
        bans: a.bans || b.bans,
    }
}

fn wrong(option: &str, bans: &str, default: &str) -> String {
    format!(
        "--{option} options: all, attributes, {bans}, counts, dc, {default}failcounts, failures, fencing, fencing-failed, \
         fencing-pending, fencing-succeeded, maint-mode, nodes, none, operations, options, resources, stack, summary, tickets, times"
    )
}
