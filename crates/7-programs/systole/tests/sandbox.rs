//! The product as its user runs it: scenarios of `tests/scenarios` in a sandbox of real processes.
//!
//! Each scenario is a test of the same name. A sandbox ends with 0 only when the service came back each time,
//! every expectation held and nothing that may run once was active twice.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the crate is three folders below the root").to_owned()
}

/// Runs a scenario with an address of its own, so that several run side by side.
fn run(scenario: &str, address: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let cib = folder.path().join("cib.xml");
    // A scenario may bring a configuration of its own.
    let own = repository().join("tests/scenarios").join(format!("{scenario}.xml"));
    let source = if own.exists() { own } else { repository().join("examples/web.xml") };
    let example = std::fs::read_to_string(source).unwrap();
    std::fs::write(&cib, example.replace("127.0.0.80", address)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_systole"))
        .arg("sandbox")
        .arg("--cib")
        .arg(&cib)
        .arg("--script")
        .arg(repository().join("tests/scenarios").join(format!("{scenario}.scenario")))
        .arg("--folder")
        .arg(folder.path().join("sandbox"))
        .output()
        .unwrap()
}

/// What a scenario needs beyond the product, and the package that has it.
const NEEDS: &[(&str, &str, &str)] =
    &[("agents-of-debian-run-unmodified", "/usr/lib/ocf/resource.d/heartbeat/Stateful", "resource-agents")];

fn passes(scenario: &str, address: &str) {
    if let Some((name, _, package)) = NEEDS.iter().find(|(name, path, _)| *name == scenario && !Path::new(path).exists()) {
        println!("skipped: {name}: Debian's package {package} is not installed");
        return;
    }
    let output = run(scenario, address);
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scenario}: {}\n{shown}", output.status);
    println!("{shown}");
}

macro_rules! scenarios {
    ($($name:ident $file:literal $address:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            passes($file, $address);
        })*

        #[test]
        fn every_scenario_is_a_test() {
            let listed = [$($file),*];
            for entry in std::fs::read_dir(repository().join("tests/scenarios")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "scenario") {
                    continue;
                }
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(listed.contains(&name.as_str()), "{name} is in tests/scenarios and is not run");
            }
        }
    };
}

scenarios! {
    nodes_keep_the_ids_of_their_configuration "nodes-keep-the-ids-of-their-configuration" "127.0.81.30",
    a_lost_node_is_fenced_and_its_service_moves "a-lost-node-is-fenced-and-its-service-moves" "127.0.81.1",
    the_coordinator_dies_and_the_service_goes_on "the-coordinator-dies-and-the-service-goes-on" "127.0.81.2",
    a_killed_resource_is_restarted "a-killed-resource-is-restarted" "127.0.81.3",
    a_killed_daemon_takes_over_what_runs "a-killed-daemon-takes-over-what-runs" "127.0.81.4",
    a_killed_root_role_is_restarted "a-killed-root-role-is-restarted" "127.0.81.5",
    a_frozen_node_is_fenced_before_its_service_moves "a-frozen-node-is-fenced-before-its-service-moves" "127.0.81.6",
    a_node_that_is_cut_off_is_fenced "a-node-that-is-cut-off-is-fenced" "127.0.81.7",
    the_hub_dies_and_nothing_is_disturbed "the-hub-dies-and-nothing-is-disturbed" "127.0.81.8",
    standby_and_clean_shutdown_move_the_service "standby-and-clean-shutdown-move-the-service" "127.0.81.9",
    a_slow_action_holds_up_nobody "a-slow-action-holds-up-nobody" "127.0.81.12",
    agents_of_debian_run_unmodified "agents-of-debian-run-unmodified" "127.0.81.13",
    administrators_commands_work "administrators-commands-work" "127.0.81.11",
    a_failing_fence_device_recovers_nothing "a-failing-fence-device-recovers-nothing" "127.0.81.10",
}

#[test]
fn a_broken_cib_is_refused_with_its_line_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let cib = folder.path().join("broken.xml");
    std::fs::write(&cib, "<cib>\n  <configuration>\n    <resources>\n</cib>\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_systole")).args(["sandbox", "--script", "demo", "--cib"]).arg(&cib).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("broken.xml") && told.contains("line 4"), "{told}");
}
