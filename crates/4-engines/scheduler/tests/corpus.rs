//! The shared corpus of scheduler cases: every score line, by category, as a ratchet; and no case may panic.
//!
//! `SYSTOLE_CASE=name cargo test -p scheduler --test corpus -- --nocapture` shows what differs in one case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many cases have every score line right; may only rise.
const CASES_RIGHT_MIN: usize = 639;

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

fn score_lines(text: &[u8], arguments: &str) -> Vec<String> {
    let tree = xml::parse(text, &xml::Limits::default()).expect("the corpus is well-formed");
    let cib = cib::Cib::new(&tree);
    let facts = status::Facts::deduce(&tree, moment(arguments, &cib));
    let constraints = scheduler::constraints::constraints(&facts, &cib.configuration);
    let scores = scheduler::scores::scores(&facts, &constraints);
    let placement = scheduler::placement::placement(&facts, &constraints, &scores);
    let line = |line: &transition::ScoreLine| {
        let transition::ScoreLine { step, resource, node, text, score } = line;
        match (text.as_str(), node) {
            ("allocation score", Some(node)) => format!("{step}: {resource} {text} on {node}: {score}"),
            ("promotion score", Some(node)) => format!("{resource} {text} on {node}: {score}"),
            _ => format!("{resource} {text} (inactive): {score}"),
        }
    };
    let mut lines: Vec<String> = placement.trace.iter().filter(|line| !line.is_about_utilization()).map(line).collect();
    lines.sort();
    lines
}

fn difference(expected: &[String], actual: &[String]) -> Vec<String> {
    let mut count: BTreeMap<&str, i32> = BTreeMap::new();
    for line in expected {
        *count.entry(line).or_default() -= 1;
    }
    for line in actual {
        *count.entry(line).or_default() += 1;
    }
    let sign = |n: i32| if n < 0 { "-" } else { "+" }.repeat(n.unsigned_abs() as usize);
    count.into_iter().filter(|(_, n)| *n != 0).map(|(line, n)| format!("{} {line}", sign(n))).collect()
}

#[test]
fn score_lines_of_the_corpus() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: score_lines_of_the_corpus: no corpus");
        return;
    };
    let only = std::env::var("SYSTOLE_CASE").ok();
    let table = std::fs::read_to_string(corpus.join("tests.tsv")).expect("tests.tsv is readable");
    let (mut right, mut all, mut by_category) = (0, 0, BTreeMap::<String, (usize, usize)>::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (Some(&name), Some(&category)) = (columns.first(), columns.get(1)) else { continue };
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let Ok(input) = std::fs::read(corpus.join(format!("xml/{name}.xml"))) else { continue };
        let arguments = columns.get(3).copied().unwrap_or_default();
        let Ok(actual) = std::panic::catch_unwind(|| score_lines(&input, arguments)) else {
            panic!("case {name} panics");
        };
        let expected = std::fs::read_to_string(corpus.join(format!("scores/{name}.scores"))).unwrap_or_default();
        let mut expected: Vec<String> = expected.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        expected.sort();
        let tally = by_category.entry(category.to_owned()).or_default();
        (all, tally.1) = (all + 1, tally.1 + 1);
        if actual == expected {
            (right, tally.0) = (right + 1, tally.0 + 1);
            continue;
        }
        let difference = difference(&expected, &actual);
        eprintln!("{name} ({category}): {} lines differ", difference.len());
        if only.is_some() {
            eprintln!("{}", difference.join("\n"));
        }
    }
    for (category, (right, all)) in &by_category {
        eprintln!("{category:20} {right:4} of {all}");
    }
    eprintln!("score lines right in {right} of {all} cases");
    assert!(only.is_some() || right >= CASES_RIGHT_MIN, "fewer cases are right than before: {right} < {CASES_RIGHT_MIN}");
}
