//! Histories of whole clusters, fixed ones and fresh ones: every promise is kept in each of them.
//!
//! A seed that fails prints how to see it again. The histories are dealt to several tests, so that they share the cores.

use sim::{Options, Transcript, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn histories(seeds: std::ops::Range<u64>) {
    histories_of(seeds, &Options::default());
}

fn histories_of(seeds: std::ops::Range<u64>, options: &Options) {
    let mut broken = Vec::new();
    for seed in seeds {
        let report = run(seed, options);
        for violation in &report.violations {
            broken.push(format!("seed {seed}: {violation}\n    see it again: {}", report.replay(options)));
        }
    }
    assert!(broken.is_empty(), "broken promises:\n{}", broken.join("\n"));
}

#[test]
fn promises_are_kept_in_the_first_quarter() {
    histories(0..500);
}

#[test]
fn promises_are_kept_in_the_second_quarter() {
    histories(500..1000);
}

#[test]
fn promises_are_kept_in_the_third_quarter() {
    histories(1000..1500);
}

#[test]
fn promises_are_kept_in_the_fourth_quarter() {
    histories(1500..2000);
}

#[test]
fn promises_are_kept_on_remote_and_guest_nodes() {
    histories_of(1..41, &Options { remotes: Some(2), guests: Some(1), ..Options::default() });
}

#[test]
fn promises_are_kept_in_bundles() {
    histories_of(1..31, &Options { remotes: Some(1), replicas: Some(2), ..Options::default() });
}

/// Other ones each time, so that what two thousand do not meet is met some day. The seeds are printed.
#[test]
fn promises_are_kept_in_fresh_histories() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = now.as_secs() % 1_000_000_000 * 100;
    println!("fresh seeds: {first} to {}", first + 19);
    histories(first..first + 20);
}

#[test]
fn a_seed_gives_the_same_history_every_time() {
    let options = Options { trace: true, ..Options::default() };
    for seed in [3, 21, 133] {
        let (first, second) = (run(seed, &options), run(seed, &options));
        assert!(first.trace == second.trace && !first.trace.is_empty(), "seed {seed} gives two histories");
    }
}

/// What once broke a promise, each under the name of what was wrong: `cargo xtask sim --shrink` prints such stories.
#[test]
fn stories_that_were_kept_end_well() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let story =
            Transcript::read(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let report = story.live(false);
        assert!(report.violations.is_empty(), "{}: {:#?}", file.display(), report.violations);
    }
}
