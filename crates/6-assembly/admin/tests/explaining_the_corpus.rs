//! Every counterfactual that `explain` prints over the incumbent's cases, tried in another way: the change is made by this
//! test, the facts are read anew, and the plans carried out on paper must lead to what was promised.
//!
//! Skipped where the corpus is not present.

use admin::explain::{self, Explanation, Remedy};
use admin::outlook::{Outlook, moment};
use model::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use xml::Element;

fn corpus() -> Vec<PathBuf> {
    let directory = std::env::var_os("SYSTOLE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus"), PathBuf::from)
        .join("scheduler/xml");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    files
}

fn for_each(files: &[PathBuf], act: impl Fn(&Path, &Element, Timestamp) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bytes = std::fs::read(file).expect("the corpus is readable");
                    let cib = xml::parse(&bytes, &xml::Limits::default()).expect("the corpus is well-formed");
                    // A case without its date is about no moment in particular.
                    let now = if cib.has("execution-date") { moment(&cib) } else { Timestamp::from_seconds(1_782_900_000) };
                    act(file, &cib, now);
                }
            });
        }
    });
}

fn top_level(cib: &Element) -> Vec<String> {
    let resources = cib.descend(&["configuration", "resources"]);
    let all = resources.into_iter().flat_map(Element::elements).filter(|e| admin::is_resource(e));
    all.filter_map(|e| e.id().map(str::to_owned)).collect()
}

/// Makes the change of a condition; `None`: this test has no way of its own for that kind.
fn changed(cib: &Element, remedy: &Remedy) -> Option<Element> {
    let mut changed = cib.clone();
    match remedy.kind {
        "constraint" => {
            let constraints = changed.descend_mut(&["configuration", "constraints"])?;
            constraints.children.retain(|child| child.as_element().and_then(Element::id) != Some(remedy.id.as_str()));
        }
        "meta-attribute" if remedy.condition.contains("were not ") => {
            let path = changed.path_to(&mut |e| e.name == "nvpair" && e.id() == Some(remedy.id.as_str()))?;
            let (last, above) = path.split_last()?;
            changed.at_path_mut(above)?.children.remove(*last);
        }
        "option" => {
            let (_, value) = remedy.condition.split_once(" were ")?;
            let options = changed.descend_mut(&["configuration", "crm_config"])?;
            let pairs = options.elements_mut().flat_map(Element::elements_mut);
            pairs.filter(|pair| pair.attribute("name") == Some(remedy.id.as_str())).for_each(|pair| pair.set("value", value));
        }
        "quorum" => changed.set("have-quorum", "1"),
        _ => return None,
    }
    Some(changed)
}

/// Cases above this size take minutes and have nothing that the others have not.
const BYTES_MAX: u64 = 100_000;

#[test]
fn whatever_is_down_has_a_cause_and_what_is_promised_comes_true() {
    let mut files = corpus();
    files.retain(|file| file.metadata().is_ok_and(|metadata| metadata.len() <= BYTES_MAX));
    if files.is_empty() {
        eprintln!("skipped: whatever_is_down_has_a_cause_and_what_is_promised_comes_true: no corpus");
        return;
    }
    let (wrong, asked, tried) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
    for_each(&files, |file, cib, now| {
        let name = file.file_name().unwrap_or_default();
        for resource in top_level(cib) {
            let Ok(answer) = explain::resource(cib, &resource, now) else { continue };
            asked.fetch_add(1, Ordering::Relaxed);
            wrong.lock().unwrap().extend(without_cause(&answer).into_iter().map(|line| format!("{name:?} {resource}: {line}")));
            for remedy in &answer.remedies {
                let Some(changed) = changed(cib, remedy) else { continue };
                tried.fetch_add(1, Ordering::Relaxed);
                let nodes = nodes_after(&answer, &changed, now);
                if nodes != remedy.would_run_on {
                    let line = format!("{name:?} {resource}: {} if {}, and it is on {nodes:?}", remedy.outcome, remedy.condition);
                    wrong.lock().unwrap().push(line);
                }
            }
        }
    });
    let wrong = wrong.into_inner().unwrap();
    eprintln!("{} resources, {} counterfactuals tried, {} faults", asked.into_inner(), tried.into_inner(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns where the parts of an answer are once the changed cluster is at rest.
fn nodes_after(answer: &Explanation, changed: &Element, now: Timestamp) -> Vec<String> {
    let places = Outlook::settled(changed, now).places();
    let names: BTreeSet<&str> = answer.parts.iter().map(|part| part.resource.as_str()).collect();
    let is_meant = |name: &str| names.contains(name) || names.contains(name.split(':').next().unwrap_or(name));
    let nodes = places.iter().filter(|(name, _)| is_meant(name)).flat_map(|(_, place)| place.nodes.keys().cloned());
    nodes.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Returns what stays down, or is disturbed, and has no cause; and sentences with a hole in them.
fn without_cause(answer: &Explanation) -> Vec<String> {
    let is_down = |standing| matches!(standing, "stays-stopped" | "waits" | "stops" | "left-alone" | "restarts");
    let parts = answer.parts.iter().filter(|part| is_down(part.standing));
    let mut wrong: Vec<String> =
        parts.clone().filter(|part| part.causes.is_empty()).map(|part| format!("{}, and no cause", part.summary)).collect();
    for part in parts.filter(|part| part.causes.first().is_some_and(|cause| cause.kind == "other")) {
        eprintln!("not understood: {}: {}", part.summary, part.causes[0].words);
    }
    let kinds = answer.parts.iter().flat_map(|part| &part.causes).map(|cause| cause.kind);
    wrong.extend(kinds.filter(|kind| !explain::CAUSE_KINDS.contains(kind)).map(|kind| format!("{kind} is no documented kind")));
    let text = answer.lines().join("\n");
    if text.contains('{') || text.contains(" .") || text.contains(" ,") || text.contains("..") && !text.contains("...") {
        wrong.push(text);
    }
    wrong
}
