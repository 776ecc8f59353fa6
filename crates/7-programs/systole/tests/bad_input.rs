//! Every tool, every option, with absent, odd, huge and hostile values: on a CIB file, and without a cluster. A clear end with a
//! documented code, no panic, no hang; and what was refused has changed nothing.
//!
//! Which options there are is read from the completions that are made of the one table.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

const PROGRAM: &str = env!("CARGO_BIN_EXE_systole");

const CIB: &str = r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
    <nodes><node id="1" uname="node1"/></nodes>
    <resources><primitive id="x" class="ocf" provider="nowhere" type="Nothing"/></resources>
    <constraints/>
  </configuration>
  <status><node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/></status>
</cib>
"#;

/// How a tool may end: `crm_exit_t` without 101, which is a panic's.
fn is_documented(code: i32) -> bool {
    matches!(code, 0..=9 | 64..=78 | 100 | 102..=114 | 124 | 190..=193)
}

struct Tool {
    name: String,
    /// Each option as it is written, and whether a value follows.
    options: Vec<(String, bool)>,
}

/// Reads the options of every tool.
fn tools(folder: &Path) -> Vec<Tool> {
    std::fs::create_dir_all(folder.join("usr/sbin")).unwrap();
    std::os::unix::fs::symlink(PROGRAM, folder.join("usr/sbin/systole")).unwrap();
    assert!(Command::new(PROGRAM).arg("links").arg(folder).status().unwrap().success());
    let completions = folder.join("usr/share/fish/vendor_completions.d");
    let mut tools = Vec::new();
    for entry in std::fs::read_dir(completions).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        // The remote side is a daemon: with options that are right it runs on.
        if matches!(name.as_str(), "systole" | "pacemaker-remoted" | "pacemaker_remoted") {
            continue;
        }
        let mut options = Vec::new();
        for line in std::fs::read_to_string(entry.path()).unwrap().lines().filter(|line| line.starts_with("complete ")) {
            let words: Vec<&str> = line.split(" -d ").next().unwrap().split_whitespace().collect();
            let takes_value = line.ends_with(" -r") || line.contains(" -r ");
            let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
            // One spelling of each is enough.
            let option = after("-l").map(|long| format!("--{long}")).or_else(|| after("-s").map(|short| format!("-{short}")));
            if let Some(option) = option {
                options.push((option, takes_value));
            }
        }
        assert!(!options.is_empty(), "{name} has no options");
        tools.push(Tool { name, options });
    }
    assert!(tools.len() >= 20, "{} tools", tools.len());
    tools
}

fn values() -> Vec<OsString> {
    let words = ["", "-1", "99999999999999999999999", "no/such/../<a>&'\"\\ %s $(x)"];
    let mut values: Vec<OsString> = words.iter().map(OsString::from).collect();
    values.push("A".repeat(60_000).into());
    values.push(OsString::from_vec(vec![b'x', 0xff, 0xfe]));
    values
}

/// Runs a tool in a folder of its own; returns what is wrong with how it ended.
fn trial(tool: &str, links: &Path, folder: &Path, arguments: &[OsString], with_file: bool) -> Option<String> {
    let file = folder.join("cib.xml");
    std::fs::write(&file, CIB).unwrap();
    // Its own time-out: a hang ends with 137.
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60"]).arg(links.join("usr/sbin").join(tool)).args(arguments).current_dir(folder);
    command
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("SHELL", "/bin/true")
        .env("EDITOR", "/bin/true");
    command.env("SYSTOLE_ROOT", folder).env("CIB_shadow_dir", folder).env("TMPDIR", folder);
    if with_file {
        command.env("CIB_file", &file);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let shown = || {
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().chars().take(60).collect()).collect();
        format!("{tool} {words:?} (CIB_file: {with_file}): {} {}", output.status, stderr.chars().take(300).collect::<String>())
    };
    let code = output.status.code().unwrap_or(128 + output.status.signal().unwrap_or(0));
    if !is_documented(code) || stderr.contains("panicked") {
        return Some(shown());
    }
    if code != 0 && std::fs::read_to_string(&file).unwrap() != CIB {
        return Some(format!("refused, and the CIB is changed: {}", shown()));
    }
    if (64..=66).contains(&code) && stderr.trim().is_empty() && output.stdout.is_empty() {
        return Some(format!("refused without a word: {}", shown()));
    }
    None
}

#[test]
fn no_value_of_any_option_makes_a_tool_panic_hang_or_change_what_it_refuses() {
    let links = tempfile::tempdir().unwrap();
    let tools = tools(links.path());
    let mut trials: Vec<(String, Vec<OsString>, bool)> = Vec::new();
    for tool in &tools {
        trials.push((tool.name.clone(), vec!["--no-such-option".into()], true));
        trials.push((tool.name.clone(), vec![], true));
        for (option, takes_value) in &tool.options {
            // To wait for a cluster is what these are for.
            let waits = tool.name == "crm_mon" && ["--daemonize", "--external-agent"].contains(&option.as_str());
            trials.push((tool.name.clone(), vec![option.into()], true));
            if !waits {
                trials.push((tool.name.clone(), vec![option.into(), "x".into()], false));
            }
            for value in values().into_iter().filter(|_| *takes_value) {
                let mut joined = OsString::from(format!("{option}="));
                joined.push(&value);
                let joined = if option.starts_with("--") { vec![joined] } else { vec![option.into(), value] };
                trials.push((tool.name.clone(), joined, true));
            }
        }
    }
    let count = trials.len();
    let (queue, faults) = (Mutex::new(trials), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let folder = tempfile::tempdir().unwrap();
                while let Some((tool, arguments, with_file)) = { queue.lock().unwrap().pop() } {
                    faults.lock().unwrap().extend(trial(&tool, links.path(), folder.path(), &arguments, with_file));
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
    println!("{count} trials of {} tools", tools.len());
}

#[test]
fn rubbish_instead_of_a_cib_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("cib.xml");
    let nested = "<a>".repeat(100_000);
    for (content, code) in [("", 78), ("<cib", 78), ("\u{0}\u{1}", 78), ("<html/>", 78), (nested.as_str(), 78)] {
        std::fs::write(&file, content).unwrap();
        for tool in [&["cibadmin", "-Q"][..], &["crm_mon", "-1"], &["crm_verify", "-L"], &["crm_resource", "-l"], &["crm_simulate", "-L"]] {
            let output = Command::new(PROGRAM).args(tool).env("CIB_file", &file).stdin(Stdio::null()).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let shown: String = content.chars().take(20).collect();
            // A whole document of another kind can be shown as it is.
            let is_shown = content == "<html/>" && tool[0] == "cibadmin";
            assert!(is_shown || output.status.code() == Some(code), "{tool:?} of {shown:?}: {} {stderr}", output.status);
            assert!(is_shown || !stderr.trim().is_empty(), "{tool:?} of {shown:?} says nothing");
            assert!(!stderr.contains("panicked"), "{stderr}");
        }
    }
}
