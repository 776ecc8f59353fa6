//! The reasons of a placement add up to the scores that it ends with, in every case of the corpus.
//!
//! For every primitive and node the scores of the reasons are summed up; `explain` relies on nothing being left out.
//! Skipped where the corpus is not present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[test]
fn the_reasons_of_a_score_add_up_to_it() {
    let directory = std::env::var_os("SYSTOLE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus"), PathBuf::from)
        .join("scheduler/xml");
    let Ok(files) = std::fs::read_dir(directory) else {
        eprintln!("skipped: the_reasons_of_a_score_add_up_to_it: no corpus");
        return;
    };
    let (mut wrong, mut all) = (Vec::new(), 0);
    for file in files.flatten() {
        let bytes = std::fs::read(file.path()).expect("the corpus is readable");
        let tree = xml::parse(&bytes, &xml::Limits::default()).expect("the corpus is well-formed");
        let cib = cib::Cib::new(&tree);
        let moment = model::Timestamp::from_seconds(cib.execution_date().unwrap_or(1_782_900_000));
        let facts = status::Facts::deduce(&tree, moment);
        let constraints = scheduler::constraints::constraints(&facts, &cib.configuration);
        let scores = scheduler::scores::scores(&facts, &constraints);
        let placement = scheduler::placement::placement(&facts, &constraints, &scores);
        let mut sums: BTreeMap<(&str, &str), model::Score> = BTreeMap::new();
        for reason in &placement.reasons {
            let node = reason.node.as_ref().map_or("", |node| node.as_str());
            *sums.entry((reason.resource.as_str(), node)).or_default() += reason.score;
        }
        for (resource, allowed) in facts.resources.iter().zip(&placement.allowed) {
            if resource.orphan || !resource.is_primitive() {
                continue;
            }
            for (node, entry) in allowed.iter() {
                let name = facts.node(node).name.as_str();
                let sum = sums.get(&(resource.id.as_str(), name)).copied().unwrap_or_default();
                all += 1;
                if sum != entry.score {
                    wrong.push(format!("{:?}: {} on {name}: {sum}, not {}", file.file_name(), resource.id, entry.score));
                }
            }
        }
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    eprintln!("{} of {all} scores are not explained", wrong.len());
    assert!(wrong.is_empty());
}
