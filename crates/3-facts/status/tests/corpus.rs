//! Every input of the shared scheduler corpus yields facts, and what every reader relies on holds.
//!
//! The corpus is found beside the repository, or where `SYSTOLE_CORPUS` says; without it the test is skipped.

use model::Timestamp;
use status::{Facts, Kind, NodeKind};
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let found = std::env::var_os("SYSTOLE_CORPUS").map_or_else(beside, PathBuf::from).join("scheduler/xml");
    found.is_dir().then_some(found)
}

#[test]
fn every_input_yields_sound_facts() {
    let Some(directory) = corpus() else {
        println!("skipped: every_input_yields_sound_facts: the shared corpus is not there");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 600, "only {} inputs", files.len());
    for file in files {
        let text = std::fs::read(&file).unwrap();
        let cib = xml::parse(&text, &xml::Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let now = cib.attribute("execution-date").and_then(|text| text.parse().ok()).unwrap_or(1_782_000_000);
        let facts = Facts::deduce(&cib, Timestamp::from_seconds(now));
        check(&facts, &file.display().to_string());
    }
}

#[test]
fn strange_values_never_panic() {
    let Some(directory) = corpus() else {
        println!("skipped: strange_values_never_panic: the shared corpus is not there");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // A fixed sequence of numbers: the same strange values in every run.
    let mut seed = 1u64;
    let mut next = move |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % limit
    };
    for file in files.iter().step_by(3) {
        let text = std::fs::read(file).unwrap();
        let cib = xml::parse(&text, &xml::Limits::default()).unwrap();
        for one_in in [5, 40, 200] {
            let mut changed = cib.clone();
            spoil(&mut changed, one_in, &mut next);
            let facts = Facts::deduce(&changed, Timestamp::from_seconds(1_782_000_000));
            check(&facts, &file.display().to_string());
        }
    }
}

/// Replaces one in so many attribute values by a strange one.
fn spoil(element: &mut xml::Element, one_in: usize, next: &mut dyn FnMut(usize) -> usize) {
    const STRANGE: [&str; 14] = [
        "",
        "-1",
        "0",
        "1",
        "9223372036854775807",
        "-9223372036854775808",
        "INFINITY",
        "true",
        "#default",
        "stop",
        "Promoted",
        "node1",
        "rsc1:7",
        "10.0.0.254",
    ];
    for (_, value) in &mut element.attributes {
        if next(one_in) == 0 {
            *value = STRANGE[next(STRANGE.len())].into();
        }
    }
    for child in element.elements_mut() {
        spoil(child, one_in, next);
    }
}

/// What every reader relies on.
fn check(facts: &Facts, name: &str) {
    let walked = facts.walk();
    assert_eq!(walked.len(), facts.resources.len(), "{name}: resources that no root leads to");
    for &index in &walked {
        let resource = facts.resource(index);
        for &child in &resource.children {
            assert_eq!(facts.resource(child).parent, Some(index), "{name}: {}", resource.id);
            assert!(child > index, "{name}: {} comes before its parent", facts.resource(child).id);
        }
        assert_eq!(resource.is_primitive(), resource.children.is_empty() && !resource.is_bundle(), "{name}: {}", resource.id);
        for &node in &resource.active_nodes {
            assert!(node.position() < facts.nodes.len(), "{name}");
            if resource.is_primitive() {
                assert!(facts.node(node).running.contains(&index), "{name}: {}", resource.id);
            }
        }
        if let Kind::Clone(clone) = &resource.kind {
            assert_eq!(clone.total as usize, resource.children.len(), "{name}: {}", resource.id);
        }
    }
    assert_eq!(facts.node_order.len(), facts.nodes.len(), "{name}");
    for node in &facts.nodes {
        match node.kind {
            NodeKind::Member => assert!(node.remote.is_none(), "{name}: {}", node.name),
            NodeKind::Remote => {}
            NodeKind::Guest { launcher } => {
                assert_eq!(facts.resource(node.remote.unwrap()).launcher, Some(launcher), "{name}: {}", node.name)
            }
        }
    }
    for failure in &facts.failures {
        let _ = facts.operation(failure.history);
    }
}
