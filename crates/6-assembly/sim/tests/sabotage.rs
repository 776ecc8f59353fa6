//! Each checker catches what was broken on purpose for it, within the number of seeds that `docs/testing.md` states.

use sim::{Options, Sabotage, run};

#[test]
fn every_checker_catches_its_sabotage() {
    for (sabotage, promise, within) in Sabotage::ALL {
        let options = Options { sabotage: Some(sabotage), deeds: Some(20), ..Options::default() };
        let is_caught = |seed: &u64| run(*seed, &options).violations.iter().any(|found| found.contains(&format!(": {promise}: ")));
        let caught = (1..=within).find(is_caught);
        println!("{sabotage:?} breaks {promise}: caught by seed {caught:?}, of {within}");
        assert!(caught.is_some(), "{sabotage:?} is not caught by {promise} within {within} seeds");
    }
}
