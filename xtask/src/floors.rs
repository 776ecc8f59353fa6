//! The rule of the house: a crate imports only from lower floors. Read from `cargo metadata`, not from memory.

use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Returns the broken arrows, each as a sentence.
pub fn problems() -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(crate::root())
        .output()
        .context("failed to run cargo metadata")?;
    anyhow::ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    Ok(broken_arrows(&metadata))
}

/// Returns `(crate, floor)` for every crate below `crates/`.
pub fn crates() -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for floor in std::fs::read_dir(crate::root().join("crates"))?.flatten().filter(|entry| entry.path().is_dir()) {
        for folder in std::fs::read_dir(floor.path())?.flatten().filter(|entry| entry.path().is_dir()) {
            found.insert(folder.file_name().to_string_lossy().into_owned(), floor.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

fn floor_of(manifest: &str) -> Option<String> {
    let (_, below) = manifest.split_once("/crates/")?;
    Some(below.split('/').next()?.to_owned())
}

fn number(floor: &str) -> u32 {
    floor.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

fn broken_arrows(metadata: &Value) -> Vec<String> {
    let mut floors: BTreeMap<&str, String> = BTreeMap::new();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    for package in packages {
        if let (Some(name), Some(floor)) = (package["name"].as_str(), package["manifest_path"].as_str().and_then(floor_of)) {
            floors.insert(name, floor);
        }
    }
    let mut problems = Vec::new();
    for package in packages {
        let Some((name, floor)) = package["name"].as_str().and_then(|n| floors.get_key_value(n)) else { continue };
        for dependency in package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let Some((other, below)) = dependency["name"].as_str().and_then(|n| floors.get_key_value(n)) else { continue };
            // Tests may look a floor up (a member's test wants a scheduler), but never sideways into an edge from an engine.
            let is_test = dependency["kind"] == "dev";
            if !is_test && number(below) >= number(floor) {
                problems.push(format!("{name} (floor {floor}) imports {other} (floor {below}); only lower floors are allowed"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, floor: &str, dependencies: &[&str]) -> Value {
        let dependencies: Vec<Value> = dependencies.iter().map(|d| serde_json::json!({"name": d, "kind": null})).collect();
        serde_json::json!({"name": name, "manifest_path": format!("/x/crates/{floor}/{name}/Cargo.toml"), "dependencies": dependencies})
    }

    #[test]
    fn an_arrow_sideways_or_upwards_is_found() {
        let metadata = serde_json::json!({"packages": [
            package("model", "1-words", &[]),
            package("scheduler", "4-engines", &["model", "hub"]),
            package("hub", "4-edges", &["model"]),
            package("member", "5-member", &["scheduler"]),
        ]});
        assert_eq!(broken_arrows(&metadata), ["scheduler (floor 4-engines) imports hub (floor 4-edges); only lower floors are allowed"]);
    }
}
