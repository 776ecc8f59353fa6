//! Taking over from Pacemaker in place: what is on this host, whether Systole can take it over, and what it would do then.
//!
//! Services keep running while one cluster manager stops and the other starts, as long as the cluster is in maintenance mode;
//! afterwards nothing restarts where the plan of a CIB without maintenance mode has nothing to do.

use model::Timestamp;
use std::path::Path;
use storage::CibFiles;
use transition::ActionKind;
use xml::Element;

/// The newest feature set that is understood without reservation.
const FEATURE_SET: &str = "3.16.1";

/// How much something weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    Fine,
    /// To be known; no obstacle.
    Note,
    /// Until it is mended nothing is taken over.
    Obstacle,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub weight: Weight,
    pub text: String,
}

/// Everything that was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Survey {
    pub findings: Vec<Finding>,
}

impl Survey {
    /// Looks at the host below `root`; `live` is the CIB of the running incumbent with its status, where it could be had.
    pub fn of(root: &Path, live: Option<&Element>, now: Timestamp) -> Self {
        let mut survey = Self::default();
        let found = CibFiles::new(root).read();
        for warning in &found.warnings {
            survey.add(Weight::Note, warning.clone());
        }
        let Some(stored) = found.cib else {
            survey.add(Weight::Obstacle, "there is no configuration below /var/lib/pacemaker/cib: nothing is there to take over");
            return survey;
        };
        // The incumbent answers a write before its file has it; when it ends it leaves there what it holds.
        let current = live.unwrap_or(&stored);
        survey.judge_document(current);
        survey.judge_options(current);
        survey.judge_settings(root);
        match live {
            Some(live) => survey.judge_plan(live, now),
            None => survey.add(Weight::Note, "the incumbent does not run here or does not answer: what it runs was not compared"),
        }
        survey
    }

    /// Returns whether something stands in the way.
    pub fn has_obstacle(&self) -> bool {
        self.findings.iter().any(|finding| finding.weight == Weight::Obstacle)
    }

    fn add(&mut self, weight: Weight, text: impl Into<String>) {
        self.findings.push(Finding { weight, text: text.into() });
    }

    fn judge_document(&mut self, cib: &Element) {
        let value = |name: &str| cib.attribute(name).unwrap_or("0");
        let version = format!("{}.{}", value("admin_epoch"), value("epoch"));
        let schema = cib.attribute("validate-with").unwrap_or("none");
        self.add(Weight::Fine, format!("the configuration is version {version}, schema {schema}; it is used as it is, where it is"));
        let features = cib.attribute("crm_feature_set").unwrap_or(FEATURE_SET);
        if numbers(features) > numbers(FEATURE_SET) {
            let text = format!(
                "it was written by a newer Pacemaker (feature set {features}, ours is {FEATURE_SET}): \
                 digests of operations may differ, so that resources restart once when maintenance ends"
            );
            self.add(Weight::Note, text);
        }
        // What is on disk has no status section.
        let whole = if cib.child("status").is_some() { cib.clone() } else { cib.clone().with_child(Element::new("status")) };
        for problem in cib::validate(&whole) {
            let weight = if problem.level == cib::Level::Error { Weight::Obstacle } else { Weight::Note };
            self.add(weight, problem.to_string());
        }
        let primitives =
            cib.child("configuration").into_iter().flat_map(Element::descendants).filter(|element| element.name == "primitive");
        for primitive in primitives.filter(|primitive| matches!(primitive.attribute("class"), Some("nagios" | "upstart"))) {
            let (id, class) = (primitive.id().unwrap_or_default(), primitive.attribute("class").unwrap_or_default());
            self.add(Weight::Obstacle, format!("{id}: agents of the class {class} are not supported"));
        }
    }

    fn judge_options(&mut self, cib: &Element) {
        let option = |names: &[&str]| -> Option<String> {
            let sets = cib.descend(&["configuration", "crm_config"]).into_iter().flat_map(|all| all.elements_named("cluster_property_set"));
            let mut pairs = sets.flat_map(|set| set.elements_named("nvpair"));
            pairs.find(|pair| pair.attribute("name").is_some_and(|name| names.contains(&name)))?.attribute("value").map(str::to_owned)
        };
        let is_on = |names: &[&str]| option(names).and_then(|text| model::parse_boolean(&text));
        if is_on(&["maintenance-mode"]) == Some(true) {
            self.add(Weight::Fine, "maintenance-mode is on: services keep running while nobody manages them");
        } else {
            let text = "maintenance-mode is off: stopping the incumbent would stop or move every service; \
                        first: crm_attribute --name maintenance-mode --update true";
            self.add(Weight::Obstacle, text);
        }
        if is_on(&["stonith-enabled", "fencing-enabled"]) == Some(false) {
            self.add(Weight::Note, "stonith-enabled is false: a lost node's services run twice as soon as it was only cut off");
        }
        let wait = option(&["stonith-watchdog-timeout", "fencing-watchdog-timeout"]).filter(|text| text.trim() != "0");
        if let Some(wait) = wait {
            self.add(
                Weight::Note,
                format!("stonith-watchdog-timeout is {wait}: every node needs a watchdog that Systole holds: SYSTOLE_WATCHDOG=yes in /etc/default/systole, and systemctl disable --now sbd"),
            );
        }
    }

    /// Judges what the files in /etc/default say.
    fn judge_settings(&mut self, root: &Path) {
        let text = std::fs::read_to_string(root.join("etc/default/pacemaker")).unwrap_or_default();
        let set = text.lines().map(str::trim).filter(|line| line.starts_with("PCMK_")).filter_map(|line| line.split_once('='));
        for (name, value) in set {
            let value = value.trim_matches('"');
            match name {
                "PCMK_debug" => self.add(Weight::Fine, format!("{name}={value} is followed")),
                "PCMK_node_start_state" | "PCMK_fail_fast" | "PCMK_panic_action" | "PCMK_schema_directory" => {
                    self.add(Weight::Note, format!("{name}={value} in /etc/default/pacemaker has no effect"));
                }
                _ => {}
            }
        }
        match watchdog::Settings::read(root) {
            Ok(Some(settings)) => {
                let device = settings.device.as_ref().map_or("no watchdog".to_owned(), |path| path.display().to_string());
                let disks: Vec<String> = settings.disks.iter().map(|path| path.display().to_string()).collect();
                let disks = if disks.is_empty() { String::new() } else { format!(", poison-pill disks {}", disks.join(", ")) };
                let text = format!(
                    "this host fences itself ({device}{disks}); Systole does that itself: systemctl disable --now sbd, \
                     and SYSTOLE_WATCHDOG=yes in /etc/default/systole"
                );
                self.add(Weight::Note, text);
            }
            Ok(None) => {}
            Err(error) => self.add(Weight::Obstacle, error),
        }
    }

    /// Judges what would be done if maintenance ended under Systole: the same that the incumbent would do is nothing.
    fn judge_plan(&mut self, live: &Element, now: Timestamp) {
        let mut cib = live.clone();
        end_maintenance(&mut cib);
        let facts = status::Facts::deduce(&cib, now);
        let plan = scheduler::schedule(&facts);
        let is_done = |action: &&transition::Action| {
            action.kind != ActionKind::Pseudo && !(action.operation == "monitor" && action.meta("interval").is_some_and(|text| text != "0"))
        };
        let actions: Vec<String> = plan.graph.actions.iter().filter(is_done).map(|action| action.operation_key.clone()).collect();
        if actions.is_empty() {
            self.add(Weight::Fine, "when maintenance ends under Systole nothing will be started, stopped or moved: every digest fits");
            return;
        }
        for change in &plan.changes {
            let (verb, subject, place, reason) = (&change.verb, &change.subject, &change.place, &change.reason);
            self.add(Weight::Note, format!("when maintenance ends: {verb} {subject} ({}) {reason}", place.trim()).trim_end().to_owned());
        }
        self.add(Weight::Note, format!("when maintenance ends {} actions follow; the incumbent would do the same", actions.len()));
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Sets `maintenance-mode` to false wherever it is set.
fn end_maintenance(element: &mut Element) {
    if element.name == "nvpair" && element.attribute("name") == Some("maintenance-mode") {
        element.set("value", "false");
    }
    for child in element.elements_mut() {
        end_maintenance(child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(options: &str, resources: &str, live: bool) -> Vec<(Weight, String)> {
        let text = document(options, resources);
        survey_of(&text, live.then_some(text.as_str()))
    }

    fn document(options: &str, resources: &str) -> String {
        format!(
            "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" admin_epoch=\"0\" epoch=\"7\" num_updates=\"0\"><configuration>\
             <crm_config><cluster_property_set id=\"s\">{options}</cluster_property_set></crm_config><nodes/>\
             <resources>{resources}</resources><constraints/></configuration><status/></cib>"
        )
    }

    fn survey_of(stored: &str, live: Option<&str>) -> Vec<(Weight, String)> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("var/lib/pacemaker/cib");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cib.xml"), stored.replace("<status/>", "")).unwrap();
        let live = live.map(|text| xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap());
        let survey = Survey::of(root.path(), live.as_ref(), Timestamp::from_seconds(1000));
        survey.findings.into_iter().map(|finding| (finding.weight, finding.text)).collect()
    }

    fn has(findings: &[(Weight, String)], weight: Weight, words: &str) -> bool {
        findings.iter().any(|(found, text)| *found == weight && text.contains(words))
    }

    #[test]
    fn without_maintenance_mode_nothing_is_taken_over() {
        assert!(has(&survey("", "", true), Weight::Obstacle, "maintenance-mode is off"));
        let on = "<nvpair id=\"m\" name=\"maintenance-mode\" value=\"true\"/>";
        let found = survey(on, "", true);
        assert!(has(&found, Weight::Fine, "services keep running") && has(&found, Weight::Fine, "nothing will be started"), "{found:?}");
        assert!(!found.iter().any(|(weight, _)| *weight == Weight::Obstacle), "{found:?}");
    }

    #[test]
    fn the_running_incumbent_knows_better_than_its_file() {
        let on = document("<nvpair id=\"m\" name=\"maintenance-mode\" value=\"true\"/>", "");
        assert!(has(&survey_of(&document("", ""), Some(&on)), Weight::Fine, "services keep running"));
        assert!(has(&survey_of(&on, Some(&document("", ""))), Weight::Obstacle, "maintenance-mode is off"));
    }

    #[test]
    fn what_is_not_supported_is_named_before_anything_is_stopped() {
        let old = "<primitive id=\"n\" class=\"nagios\" type=\"check_tcp\"/>";
        assert!(has(&survey("", old, false), Weight::Obstacle, "n: agents of the class nagios"));
        let nothing = Survey::of(tempfile::tempdir().unwrap().path(), None, Timestamp::from_seconds(1));
        assert!(nothing.has_obstacle());
    }
}
