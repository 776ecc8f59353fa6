//! Bad weather on real processes: disks, daemons, root roles and nodes that go at the worst moment, and configurations nobody wants.
//!
//! In each test a client asks a web server all the time, and the sandbox looks for anything that is active twice; what it
//! notes fails the test. Moments are spread over the operation that is under way, so that each run hits all its phases.

#[allow(dead_code, reason = "each test uses its part of it")]
mod live;

use live::{PROGRAM, Sandbox, configuration, is_root, skipped, slow_resource};
use std::process::Command;
use std::time::Duration;

/// Moments within an operation of 600 ms.
const MOMENTS: [&str; 5] = ["pause 20ms", "pause 150ms", "pause 350ms", "pause 580ms", "pause 700ms"];

/// Tells the cluster what `slow` is to do.
fn role(sandbox: &Sandbox, role: &str) {
    let words = ["crm_resource", "-r", "slow", "--meta", "-p", "target-role", "-v", role];
    // The node that is asked may be the one that was killed a moment ago.
    let done = ["node1", "node2", "node3"].iter().any(|node| sandbox.says(node, &words).0);
    assert!(done, "nobody takes the new role");
}

/// Begins an operation, breaks something in its midst, and sees everything well again, for each moment. `ITS-HOST` is where the slow
/// resource ran before.
fn in_the_midst_of(address: &str, begins: &str, breaks: &[&str]) {
    let mut sandbox = Sandbox::start(&configuration(address, &slow_resource("slow", "600ms"), ""), &[]);
    for moment in MOMENTS {
        role(&sandbox, if begins == "Stopped" { "Started" } else { "Stopped" });
        sandbox.tell(&["wait"]);
        let (_, place) = sandbox.says("node3", &["crm_resource", "-W", "-r", "slow"]);
        let host = place.split_whitespace().last().filter(|word| word.starts_with("node")).unwrap_or("node1").to_owned();
        role(&sandbox, begins);
        sandbox.tell(&[moment]);
        for step in breaks {
            sandbox.tell(&[&step.replace("ITS-HOST", &host)]);
        }
        sandbox.tell(&["wait", "boot all", "wait", "run cleanup slow", "wait"]);
        sandbox.tell(&[if begins == "Stopped" { "expect slow stopped" } else { "expect slow" }, "expect web"]);
    }
    sandbox.end();
}

#[test]
fn a_node_killed_in_the_midst_of_a_start() {
    in_the_midst_of("127.0.82.1", "Started", &["crash node1"]);
}

#[test]
fn a_node_killed_in_the_midst_of_a_stop() {
    in_the_midst_of("127.0.82.2", "Stopped", &["crash ITS-HOST"]);
}

#[test]
fn a_root_role_killed_in_the_midst_of_a_start() {
    in_the_midst_of("127.0.82.3", "Started", &["kill-root all"]);
}

#[test]
fn a_root_role_killed_in_the_midst_of_a_stop() {
    in_the_midst_of("127.0.82.4", "Stopped", &["kill-root all"]);
}

#[test]
fn all_daemons_killed_in_the_midst_of_a_start() {
    in_the_midst_of("127.0.82.5", "Started", &["kill-daemon all"]);
}

#[test]
fn the_coordinators_daemon_killed_in_the_midst_of_a_stop() {
    in_the_midst_of("127.0.82.6", "Stopped", &["kill-daemon coordinator"]);
}

#[test]
fn the_hub_killed_in_the_midst_of_a_start() {
    in_the_midst_of("127.0.82.7", "Started", &["kill-hub"]);
}

/// Whoever carries a fencing out dies while it goes on: it is carried out all the same, and only then is anything recovered.
#[test]
fn fencing_goes_on_when_a_daemon_or_a_root_role_or_a_node_is_killed_in_its_midst() {
    let device = r#"<primitive id="power" class="stonith" type="fence_sandbox">
<instance_attributes id="power-a"><nvpair id="power-w" name="power_wait" value="1"/></instance_attributes></primitive>"#;
    let mut sandbox = Sandbox::start(&configuration("127.0.82.8", device, ""), &["--nodes", "5"]);
    for breaks in ["kill-daemon coordinator", "kill-root all", "crash coordinator", "kill-daemon all"] {
        sandbox.tell(&["crash host-of web", "pause 500ms", breaks, "wait", "expect web", "boot all", "wait"]);
    }
    sandbox.end();
}

#[test]
fn a_node_that_stands_still_for_a_moment_is_not_disturbed() {
    let mut sandbox = Sandbox::start(&configuration("127.0.82.9", "", ""), &[]);
    let (_, before) = sandbox.says("node1", &["crm_resource", "-W", "-r", "web"]);
    for _ in 0..2 {
        sandbox.tell(&["freeze coordinator", "pause 300ms", "thaw all", "wait"]);
    }
    let (_, after) = sandbox.says("node1", &["crm_resource", "-W", "-r", "web"]);
    assert_eq!(before, after);
    assert!(sandbox.says("node1", &["stonith_admin", "-H", "*"]).1.trim().lines().all(|line| !line.contains("success")));
    sandbox.end();
}

/// An administrator writes all the time while nodes and daemons die: what was acknowledged is there in the end.
#[test]
fn no_acknowledged_write_is_lost_when_nodes_are_killed_in_the_midst_of_writing() {
    let mut sandbox = Sandbox::start(&configuration("127.0.82.10", "", ""), &[]);
    let roots: Vec<_> = ["node1", "node2", "node3"].iter().map(|node| sandbox.root(node)).collect();
    let quiet = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = quiet.clone();
    let writer = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
            let name = format!("write-{number}");
            let done = Command::new(PROGRAM)
                .args(["crm_attribute", "-t", "crm_config", "-n", &name, "-v", "1"])
                .env("SYSTOLE_ROOT", &roots[number % roots.len()])
                .output()
                .unwrap();
            if done.status.success() {
                acknowledged.push(name);
            }
            // Between two writes the cluster comes to rest, or `wait` would wait for ever.
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        acknowledged
    });
    for breaks in ["crash node1", "kill-daemon all", "crash coordinator", "kill-root node2", "kill-hub", "crash node3"] {
        sandbox.tell(&["pause 400ms", breaks, "wait", "boot all", "wait"]);
    }
    quiet.store(true, std::sync::atomic::Ordering::Relaxed);
    let acknowledged = writer.join().unwrap();
    // Even with all power gone at once, which leaves the disks alone.
    sandbox.tell(&["wait", "crash all", "boot all", "wait", "expect web"]);
    let (_, text) = sandbox.says("node2", &["cibadmin", "-Q", "-o", "crm_config"]);
    let lost: Vec<&String> = acknowledged.iter().filter(|name| !text.contains(&format!("name=\"{name}\""))).collect();
    assert!(lost.is_empty() && !acknowledged.is_empty(), "of {} acknowledged writes these are lost: {lost:?}", acknowledged.len());
    println!("{} acknowledged writes, none lost", acknowledged.len());
    sandbox.end();
}

/// Each node keeps its CIB on a disk of a few megabytes, which is filled to the last byte.
#[test]
fn a_full_disk_stops_no_service_and_loses_no_acknowledged_write() {
    const TEST: &str = "a_full_disk_stops_no_service_and_loses_no_acknowledged_write";
    let can_mount = || Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !is_root() || !can_mount() {
        return skipped(TEST, "needs root and a mount namespace");
    }
    let mut command = Command::new("unshare");
    let mount =
        r#"for node in node1 node2 node3; do mount -t tmpfs -o size=4m tmpfs "$DISKS/$node/var/lib/pacemaker" || exit 1; done; exec "$@""#;
    command.args(["--mount", "sh", "-c", mount, "sh", PROGRAM]);
    // The shell mounts where the nodes will have their files, before the sandbox begins.
    let mut sandbox = Sandbox::start_as(command, &configuration("127.0.82.11", "", ""), &[], |folder, command| {
        for node in ["node1", "node2", "node3"] {
            std::fs::create_dir_all(folder.join(node).join("var/lib/pacemaker")).unwrap();
        }
        command.env("DISKS", folder);
    });
    // Longer than what the last block of a file that is there already may still take.
    let value = "x".repeat(5000);
    let write =
        |sandbox: &Sandbox, node: &str, name: &str| sandbox.says(node, &["crm_attribute", "-t", "crm_config", "-n", name, "-v", &value]);
    assert!(write(&sandbox, "node1", "before").0);
    sandbox.tell(&["fill-disk node1"]);
    let (is_done, told) = write(&sandbox, "node2", "one-full");
    assert!(is_done, "two disks of three are enough: {told}");
    sandbox.comes_to_say("node2", &["status"], "node1 cannot store the configuration: ");
    sandbox.comes_to_say("node2", &["status"], "No space left on device");
    sandbox.tell(&["fill-disk all", "kill-resource web", "wait", "expect web"]);
    let (is_done, told) = write(&sandbox, "node3", "all-full");
    assert!(!is_done && told.contains("outcome is unknown"), "{told}");
    sandbox.comes_to_say("node2", &["status"], "node3 cannot store the configuration: ");
    sandbox.tell(&["free-disk all", "wait"]);
    let (is_done, told) = write(&sandbox, "node3", "after");
    assert!(is_done, "{told}");
    let begun = std::time::Instant::now();
    while sandbox.says("node2", &["status"]).1.contains("cannot store") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the disks work again, and status does not say so");
        std::thread::sleep(Duration::from_millis(100));
    }
    sandbox.tell(&["crash all", "boot all", "wait", "expect web"]);
    let (_, text) = sandbox.says("node1", &["cibadmin", "-Q", "-o", "crm_config"]);
    for name in ["before", "one-full", "after"] {
        assert!(text.contains(&format!("name=\"{name}\"")), "{name} is lost:\n{text}");
    }
    sandbox.end();
}

#[test]
fn configurations_nobody_wants_are_refused_with_what_is_wrong_and_the_old_one_stays() {
    let mut sandbox = Sandbox::start(&configuration("127.0.82.12", "", ""), &[]);
    let epoch = |sandbox: &Sandbox| {
        let (_, text) = sandbox.says("node1", &["cibadmin", "-Q", "-o", "configuration"]);
        text
    };
    let before = epoch(&sandbox);
    let whole = sandbox.says("node1", &["cibadmin", "-Q"]).1;
    let file = sandbox.folder().join("unwanted.xml");
    let path = file.to_str().unwrap().to_owned();
    let twice = r#"<primitive id="web" class="ocf" provider="systole" type="Dummy"/>"#;
    let dangling = r#"<rsc_order id="o" first="web" then="nothing-there"/>"#;
    let cases: [(&str, String, &[&str]); 6] = [
        ("truncated", whole[..whole.len() / 2].to_owned(), &["line"]),
        ("malformed", "<cib>\n <configuration>\n  <resources>\n </cib>\n".to_owned(), &["line 4"]),
        ("no XML", "\u{0}\u{1}\u{2}garbage".to_owned(), &["line 1"]),
        ("empty", String::new(), &["line 1"]),
        ("an id twice", whole.replacen("<primitive ", &format!("{twice}<primitive "), 1), &["the id \"web\" is taken", "line 1"]),
        ("a dangling id", whole.replacen("<rsc_location ", &format!("{dangling}<rsc_location "), 1), &["nothing-there", "rsc_order"]),
    ];
    for (what, text, wanted) in cases {
        std::fs::write(&file, text).unwrap();
        let (is_done, told) = sandbox.says("node2", &["cibadmin", "--replace", "--xml-file", &path]);
        assert!(!is_done, "{what} was taken");
        let missing: Vec<_> = wanted.iter().filter(|word| !told.contains(**word)).collect();
        assert!(missing.is_empty(), "{what}: the message lacks {missing:?}:\n{told}");
        assert_eq!(epoch(&sandbox), before, "{what}");
    }
    sandbox.tell(&["wait", "expect web"]);
    sandbox.end();
}

#[test]
fn a_configuration_that_is_too_long_is_refused_and_one_just_short_enough_disturbs_nobody() {
    let mut sandbox = Sandbox::start(&configuration("127.0.82.13", "", ""), &[]);
    let file = sandbox.folder().join("long.xml");
    let path = file.to_str().unwrap().to_owned();
    // Access rules of a role nobody has: long, and nothing follows from them.
    let rules = |megabytes: usize| {
        let rule =
            |number: usize| format!("<acl_permission id=\"p{number}\" kind=\"read\" description=\"{}\" xpath=\"//x\"/>", "d".repeat(900));
        let rules: String = (0..megabytes * 1000).map(rule).collect();
        format!("<acls><acl_role id=\"long\">{rules}</acl_role></acls>")
    };
    let replace = |sandbox: &Sandbox, text: String| {
        std::fs::write(&file, text).unwrap();
        sandbox.says("node2", &["cibadmin", "--replace", "-o", "acls", "--xml-file", &path])
    };
    for megabytes in [50, 20] {
        let (is_done, told) = replace(&sandbox, rules(megabytes));
        assert!(!is_done && told.contains("at most"), "{megabytes} MB: {told}");
        sandbox.tell(&["wait", "expect web"]);
    }
    let (is_done, told) = replace(&sandbox, rules(15));
    assert!(is_done, "{told}");
    sandbox.tell(&[
        "wait",
        "expect web",
        "kill-resource web",
        "wait",
        "kill-daemon node2",
        "wait",
        "crash host-of web",
        "wait",
        "boot all",
        "wait",
    ]);
    let (is_done, told) = replace(&sandbox, "<acls/>".to_owned());
    assert!(is_done, "{told}");
    sandbox.tell(&["wait", "expect web"]);
    sandbox.end();
}

/// The daemon needs no privileges: only its root role has them.
#[test]
fn a_cluster_whose_daemons_have_no_privileges() {
    const TEST: &str = "a_cluster_whose_daemons_have_no_privileges";
    if !is_root() || !std::fs::read_to_string("/etc/passwd").is_ok_and(|users| users.lines().any(|line| line.starts_with("nobody:"))) {
        return skipped(TEST, "needs root, and a user `nobody`");
    }
    let mut sandbox = Sandbox::start(&configuration("127.0.82.14", &slow_resource("slow", "200ms"), ""), &["--daemon-user", "nobody"]);
    let daemons = |sandbox: &Sandbox| -> Vec<String> {
        let root = sandbox.folder().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| {
            let line = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ");
            let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
            let line_of = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
            (line.contains(" node --node") && line.contains(&root)).then(|| format!("{} {}", line_of("Uid:"), line_of("Groups:")))
        });
        lines.collect()
    };
    let seen = daemons(&sandbox);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(
        seen.iter().all(|line| line.starts_with("Uid:\t65534\t65534\t65534\t65534") && line.trim_end().ends_with("Groups:")),
        "{seen:?}"
    );
    role(&sandbox, "Started");
    sandbox.tell(&["wait", "expect slow", "kill-daemon all", "wait", "kill-root node1", "wait", "crash host-of web", "wait", "expect web"]);
    sandbox.tell(&["boot all", "wait", "kill-hub", "wait", "expect slow"]);
    assert_eq!(daemons(&sandbox).len(), 3);
    sandbox.end();
}
