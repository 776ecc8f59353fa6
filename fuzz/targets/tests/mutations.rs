//! Every target takes its seeds and what is made of them; the same functions are driven with coverage by `cargo xtask fuzz`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use targets::{ALL, Mutations};

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs a target on inputs made of its seeds; an input at which it panics is kept and named.
fn survives(name: &str, inputs: usize) {
    let target = targets::target(name).unwrap();
    let fresh = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let inputs: usize = std::env::var("SYSTOLE_FUZZ_INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(inputs);
    println!("{name}: {inputs} inputs each of the streams 1 and {fresh}");
    for number in [1, fresh] {
        for (at, input) in Mutations::new(seeds(name), number).take(inputs).enumerate() {
            if std::panic::catch_unwind(|| target(&input)).is_err() {
                let kept = std::env::temp_dir().join(format!("systole-fuzz-{name}-{number}-{at}"));
                std::fs::write(&kept, &input).unwrap();
                panic!("input {at} of stream {number} is kept in {}: {}", kept.display(), String::from_utf8_lossy(&input));
            }
        }
    }
}

macro_rules! targets {
    ($($name:ident $inputs:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            survives(stringify!($name), $inputs);
        })*

        #[test]
        fn every_target_is_a_test() {
            let tested = [$(stringify!($name)),*];
            assert!(ALL.iter().all(|(name, _)| tested.contains(name)) && tested.len() == ALL.len());
        }
    };
}

targets! {
    xml 2000,
    xpath 2000,
    cib 300,
    patch 1000,
    edit 1000,
    rule 1000,
    date 2000,
    peer 150,
    client 150,
    agent_meta_data 100,
    fence_meta_data 50,
}
