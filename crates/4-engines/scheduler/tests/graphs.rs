//! The shared corpus of scheduler cases: every plan's graph, byte for byte, as a ratchet, and what must hold of any plan.
//!
//! Feature set and batch limit are left out of the comparison, as the corpus does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use transition::{ActionId, Graph};

/// How many cases have exactly the expected graph; may only rise.
const GRAPHS_EQUAL_MIN: usize = 639;

fn corpus() -> Option<PathBuf> {
    let directory = std::env::var_os("SYSTOLE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus"), PathBuf::from)
        .join("scheduler");
    directory.join("tests.tsv").exists().then_some(directory)
}

/// Returns the moment that a case is about: its argument, its own date, or any fixed one.
fn moment(arguments: &str, cib: &cib::Cib<'_>) -> model::Timestamp {
    let argued = match arguments.trim() {
        "-t 2005-020" => Some(1_106_179_200),
        "-t 2005-020T12:30" => Some(1_106_224_200),
        "-t 2005-020T11:30" => Some(1_106_220_600),
        "-t '2014-05-07 00:28:00'" => Some(1_399_422_480),
        _ => None,
    };
    model::Timestamp::from_seconds(argued.or(cib.execution_date()).unwrap_or(1_782_900_000))
}

fn facts(path: &Path, arguments: &str) -> status::Facts {
    let text = std::fs::read(path).expect("a case has an input");
    let tree = xml::parse(&text, &xml::Limits::default()).expect("the corpus is well-formed");
    status::Facts::deduce(&tree, moment(arguments, &cib::Cib::new(&tree)))
}

/// Returns every action that must have succeeded before one starts.
fn all_before(graph: &Graph, id: ActionId) -> BTreeSet<ActionId> {
    let by_id: BTreeMap<ActionId, &transition::Action> = graph.actions.iter().map(|action| (action.id, action)).collect();
    let (mut found, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(id) = open.pop() {
        for &first in by_id.get(&id).iter().flat_map(|action| &action.after) {
            if found.insert(first) {
                open.push(first);
            }
        }
    }
    found
}

/// Returns the starts that do not wait for the fencing of a node where their resource may still run.
fn hasty_starts(facts: &status::Facts, graph: &Graph) -> Vec<String> {
    let mut hasty = Vec::new();
    for resource in facts.resources.iter().filter(|resource| resource.is_primitive() && resource.requires >= status::Requires::Fencing) {
        let key = format!("{}_start_0", resource.id);
        let is_start = |action: &&transition::Action| {
            action.internal_operation_key.as_ref().unwrap_or(&action.operation_key) == &key && action.resource.is_some()
        };
        for start in graph.actions.iter().filter(is_start) {
            let before = all_before(graph, start.id);
            for &node in &resource.active_nodes {
                let name = &facts.node(node).name;
                let fences = |action: &&transition::Action| {
                    action.operation == "stonith"
                        && action.meta("stonith_action") != Some("on")
                        && action.node.as_ref().is_some_and(|node| node.name == *name)
                };
                if let Some(fencing) = graph.actions.iter().find(fences)
                    && !before.contains(&fencing.id)
                {
                    hasty.push(format!("{key} does not wait for the fencing of {name}"));
                }
            }
        }
    }
    hasty
}

/// Removes every occurrence of an attribute whose value is none of the comparison's business.
fn without(text: &str, name: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let start = format!("{name}=\"");
    while let Some(at) = rest.find(&start) {
        out.push_str(&rest[..at]);
        let value = &rest[at + start.len()..];
        rest = value.find('"').map_or("", |end| &value[end + 1..]);
    }
    out + rest
}

fn cases(directory: &Path) -> Vec<(String, String)> {
    let list = std::fs::read_to_string(directory.join("tests.tsv")).expect("a corpus has tests.tsv");
    let case = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].to_owned(), columns.get(3).copied().unwrap_or_default().to_owned())
    };
    list.lines().skip(1).map(case).collect()
}

/// Returns an action that waits for itself, if there is one.
fn cycle(graph: &Graph) -> Option<ActionId> {
    let mut waiting: BTreeMap<ActionId, BTreeSet<ActionId>> =
        graph.actions.iter().map(|action| (action.id, action.after.iter().copied().collect())).collect();
    loop {
        let ready: Vec<ActionId> = waiting.iter().filter(|(_, after)| after.is_empty()).map(|(id, _)| *id).collect();
        if ready.is_empty() {
            return waiting.keys().next().copied();
        }
        for id in ready {
            waiting.remove(&id);
            waiting.values_mut().for_each(|after| {
                after.remove(&id);
            });
        }
    }
}

#[test]
fn plans_of_the_corpus_are_as_expected() {
    let Some(directory) = corpus() else {
        eprintln!("skipped: plans_of_the_corpus_are_as_expected: no corpus");
        return;
    };
    let mut different: Vec<String> = Vec::new();
    let mut equal = 0;
    for (name, arguments) in cases(&directory) {
        let plan = scheduler::schedule(&facts(&directory.join("xml").join(format!("{name}.xml")), &arguments));
        let expected = std::fs::read_to_string(directory.join("exp").join(format!("{name}.exp"))).expect("a case has a graph");
        let actual = without(&without(&plan.graph.to_xml().to_text(), "crm_feature_set"), "batch-limit");
        // White space never counts in the corpus' own comparison.
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        if squeezed(&actual) == squeezed(&expected) {
            equal += 1;
        } else {
            different.push(name);
        }
    }
    println!("{equal} graphs are equal; different: {}", different.join(" "));
    assert!(equal >= GRAPHS_EQUAL_MIN, "only {equal} graphs are equal; different: {different:?}");
}

#[test]
fn no_plan_waits_for_itself_and_nothing_starts_before_its_fencing() {
    let Some(directory) = corpus() else {
        eprintln!("skipped: no_plan_waits_for_itself_and_nothing_starts_before_its_fencing: no corpus");
        return;
    };
    for (name, arguments) in cases(&directory) {
        let facts = facts(&directory.join("xml").join(format!("{name}.xml")), &arguments);
        let graph = scheduler::schedule(&facts).graph;
        assert_eq!(hasty_starts(&facts, &graph), Vec::<String>::new(), "{name}");
        assert_eq!(cycle(&graph), None, "{name}");
        let ids: BTreeSet<ActionId> = graph.actions.iter().map(|action| action.id).collect();
        assert_eq!(ids.len(), graph.actions.len(), "{name}: two actions have one number");
        for action in &graph.actions {
            assert!(action.after.iter().all(|first| ids.contains(first)), "{name}: {} waits for nothing", action.operation_key);
        }
    }
}
