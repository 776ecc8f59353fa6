//! Damaged configurations: whatever is missing, doubled or nonsense, a plan is made, and made the same way twice; and a
//! plan made after a change, from the facts before, is the one made from scratch.

use std::path::{Path, PathBuf};
use xml::{Element, Node};

fn corpus() -> Option<PathBuf> {
    let directory = std::env::var_os("SYSTOLE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus"), PathBuf::from)
        .join("scheduler/xml");
    directory.exists().then_some(directory)
}

/// A small generator, so that a failure can be repeated from its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

/// Damages one place of a tree: an element or attribute goes, doubles, or becomes nonsense.
fn mangle(tree: &mut Element, numbers: &mut Numbers) {
    let total = tree.descendants().count();
    let wanted = 1 + numbers.below(total.saturating_sub(1));
    let mut seen = 0;
    let path = tree.path_to(&mut |_| {
        seen += 1;
        seen > wanted
    });
    let Some(path) = path.filter(|path| !path.is_empty()) else { return };
    let values = ["", "0", "-1", "INFINITY", "nonsense", "99999999999999999999", "true", ":", "é", "rsc1:0"];
    match numbers.below(5) {
        0 => {
            let (last, parent) = path.split_last().expect("the path is not empty");
            if let Some(parent) = tree.at_path_mut(parent) {
                parent.children.remove(*last);
            }
        }
        1 => {
            let (last, parent) = path.split_last().expect("the path is not empty");
            if let Some(parent) = tree.at_path_mut(parent) {
                let copy: Node = parent.children[*last].clone();
                parent.children.push(copy);
            }
        }
        2 => {
            if let Some(element) = tree.at_path_mut(&path)
                && !element.attributes.is_empty()
            {
                let at = numbers.below(element.attributes.len());
                element.attributes.remove(at);
            }
        }
        _ => {
            if let Some(element) = tree.at_path_mut(&path)
                && !element.attributes.is_empty()
            {
                let at = numbers.below(element.attributes.len());
                element.attributes[at].1 = values[numbers.below(values.len())].into();
            }
        }
    }
}

#[test]
fn mangled_cases_get_a_plan_all_the_same() {
    let Some(directory) = corpus() else {
        eprintln!("skipped: mangled_cases_get_a_plan_all_the_same: no corpus");
        return;
    };
    let rounds: u64 = std::env::var("SYSTOLE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&directory).expect("the corpus can be read").flatten().map(|file| file.path()).collect();
    files.sort();
    let now = model::Timestamp::from_seconds(1_782_900_000);
    for seed in 0..rounds {
        for (position, file) in files.iter().enumerate() {
            let text = std::fs::read(file).expect("a case has an input");
            if text.len() > 300_000 {
                continue;
            }
            let mut tree = xml::parse(&text, &xml::Limits::default()).expect("the corpus is well-formed");
            let mut numbers = Numbers(seed.wrapping_mul(1_000_003).wrapping_add(position as u64 + 1));
            for _ in 0..1 + numbers.below(6) {
                mangle(&mut tree, &mut numbers);
            }
            let mangled = tree.clone();
            let run = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
                let first = scheduler::schedule(&status::Facts::deduce(&tree, now));
                let again = scheduler::schedule(&status::Facts::deduce(&tree, now));
                assert_eq!(first, again, "the same input gave two plans");
            });
            if run.expect("a thread can be started").join().is_err() {
                let kept = std::env::temp_dir().join("mangled.xml");
                let _ = std::fs::write(&kept, mangled.to_text());
                panic!("{} with seed {seed}: the input is in {}", file.display(), kept.display());
            }
        }
    }
}

#[test]
fn a_plan_after_a_change_is_the_one_from_scratch() {
    let Some(directory) = corpus() else {
        eprintln!("skipped: a_plan_after_a_change_is_the_one_from_scratch: no corpus");
        return;
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&directory).expect("the corpus can be read").flatten().map(|file| file.path()).collect();
    files.sort();
    for (position, file) in files.iter().enumerate() {
        let text = std::fs::read(file).expect("a case has an input");
        if text.len() > 300_000 {
            continue;
        }
        let mut tree = xml::parse(&text, &xml::Limits::default()).expect("the corpus is well-formed");
        let mut numbers = Numbers(position as u64 + 1);
        let mut now = model::Timestamp::from_seconds(1_782_900_000);
        let mut facts = status::Facts::deduce(&tree, now);
        for round in 0..3 {
            // Most changes are those of a status section; some are of the configuration, or shift all that follows.
            match tree.child_mut("status").filter(|status| round < 2 && !status.children.is_empty()) {
                Some(status) => mangle(status, &mut numbers),
                None => mangle(&mut tree, &mut numbers),
            }
            now = model::Timestamp::from_seconds(now.seconds() + numbers.below(100) as i64);
            facts = facts.deduce_again(&tree, now);
            let from_scratch = scheduler::schedule(&status::Facts::deduce(&tree, now));
            assert_eq!(scheduler::schedule(&facts), from_scratch, "{} after change {round}", file.display());
        }
    }
}
