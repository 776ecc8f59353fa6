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

/// Runs a tool on the CIB in a folder of its own; returns the code, what it printed and what it complained about.
fn on_file(words: &[&str], cib: &str, change: impl FnOnce(&mut Command, &Path)) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, cib).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(words).current_dir(folder.path()).stdin(Stdio::null());
    command.env("CIB_file", &file).env("CIB_shadow_dir", folder.path().join("shadows")).env("SYSTOLE_ROOT", folder.path());
    change(&mut command, folder.path());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_refused_is_told_with_what_would_be_right() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["crm_attribute", "-N", "nosuch", "-n", "x", "-v", "y"], 105, "Could not map name=nosuch to a UUID"),
        (&["crm_attribute", "-N", "nosuch", "-n", "x", "-G"], 105, "Could not map name=nosuch to a UUID"),
        (&["crm_standby", "-N", "nosuch", "-v", "on"], 105, "Could not map name=nosuch to a UUID"),
        (&["crm_shadow", "-b", "-c", "../../x"], 64, "no name for a shadow instance"),
        (&["crm_shadow", "-b", "-c", ""], 64, "no name for a shadow instance"),
        (&["crm_simulate", "-L", "-S", "-d", "nosuch"], 105, "there is no node \"nosuch\"; there are node1"),
        (&["crm_simulate", "-L", "-f", "nosuch"], 105, "there is no node \"nosuch\"; there are node1"),
        (&["crm_simulate", "-L", "-i", "x_monitor_10@nosuch=7"], 105, "there is no node \"nosuch\"; there are node1"),
        (&["crm_simulate", "-L", "-u", "nosuch", "-d", "nosuch"], 0, ""),
        (&["crm_simulate", "-L", "-q", "maybe"], 64, "\"maybe\" is no value of --quorum; true and false are"),
        (&["crm_simulate", "-L", "-w", "maybe"], 64, "\"maybe\" is no value of --watchdog; true and false are"),
        (&["simulate", "--node-leaves", "nosuch"], 105, "there is no node \"nosuch\"; there are node1"),
        (&["simulate", "--quorum", "maybe"], 64, "true and false are"),
        (&["simulate", "--result", "x"], 64, "the form is RESOURCE_OPERATION_INTERVAL@NODE=EXIT"),
        (&["simulate", "--will-fail", "nosuch_start_0@node1=1"], 64, "Invalid resource name: nosuch; the form is"),
        (&["status", "nosuch"], 105, "there is no resource \"nosuch\""),
        (&["status", "x", "--node", "nosuch"], 105, "there is no node \"nosuch\"; there are node1"),
        (&["cibadmin", "-Q", "-x", "nosuch.xml"], 66, "failed to read nosuch.xml"),
        (&["cibadmin", "-Q", "-X", "<a"], 78, "<a is not closed"),
        (&["cibadmin", "-Q", "-h", "node1"], 0, ""),
        (&["crm_mon", "-d", "-p", "nosuch/pid", "-h", "x.html"], 73, "failed to write nosuch/pid"),
        (&["crm_resource", "-F", "-r", "x"], 64, "Must supply a node name with -N"),
        (&["crm_resource", "-r", "x", "-S", "description", "-v", "y", "-t", "group"], 105, "There is no group 'x'"),
        (&["stonith_admin", "-M", "-a", "fence_nosuch"], 105, "Can't get fence agent meta-data: No such device"),
    ];
    for (words, code, told) in cases {
        let (exit, _, complained) = on_file(words, CIB, |_, _| ());
        assert_eq!(exit, Some(*code), "{words:?}: {complained}");
        assert!(complained.contains(told) && (told.is_empty() == complained.trim().is_empty()), "{words:?}: {complained}");
    }
}

#[test]
fn a_cib_file_that_is_not_there_is_named() {
    for words in [&["cibadmin", "-Q"][..], &["crm_resource", "-l"], &["crm_attribute", "-n", "x", "-G"], &["crm_mon", "-1"]] {
        let (exit, _, complained) = on_file(words, CIB, |command, _| {
            command.env("CIB_file", "absent.xml");
        });
        assert!(matches!(exit, Some(66 | 105)) && complained.contains("failed to read absent.xml"), "{words:?}: {exit:?} {complained}");
    }
}

#[test]
fn lists_have_what_constraints_and_histories_alone_know_of() {
    let ticket = CIB.replace("<constraints/>", "<constraints><rsc_ticket id='t' ticket='T1' rsc='x'/></constraints>");
    for (words, expected) in [
        (&["crm_ticket", "-l"][..], "T1\trevoked          \n"),
        (&["crm_ticket", "-L"], "T1\trevoked          \n"),
        (&["crm_ticket", "-w"], "T1\n"),
        (&["crm_ticket", "-t", "T1", "-C"], ""),
    ] {
        assert_eq!(on_file(words, &ticket, |_, _| ()), (Some(0), expected.to_owned(), String::new()), "{words:?}");
    }
    assert_eq!(on_file(&["crm_error", "99999"], CIB, |_, _| ()).1, "Unknown error 99999\n");
    let record = r#"<lrm id="1"><lrm_resources><lrm_resource id="gone" class="ocf" provider="heartbeat" type="Dummy"><lrm_rsc_op id="gone_last_0" operation_key="gone_start_0" operation="start" transition-key="1:1:0:a" transition-magic="0:0;1:1:0:a" call-id="2" rc-code="0" op-status="0" interval="0"/></lrm_resource></lrm_resources></lrm></node_state>"#;
    let orphan = CIB.replace(r#"expected="member"/>"#, &format!(r#"expected="member">{record}"#));
    assert_eq!(on_file(&["crm_resource", "-l"], &orphan, |_, _| ()).1, "x\ngone\n");
    // A parameter of an agent makes no guest; a meta-attribute does.
    let sets = r#"<instance_attributes id="i"><nvpair id="ir" name="remote-node" value="no"/></instance_attributes><meta_attributes id="m"><nvpair id="mr" name="remote-node" value="inside"/></meta_attributes>"#;
    let guest = CIB.replace(r#"type="Nothing"/>"#, &format!(r#"type="Nothing">{sets}</primitive>"#));
    assert_eq!(on_file(&["crmadmin", "-N", "-q"], &guest, |_, _| ()).1, "node1\ninside\n");
}

#[test]
fn of_two_options_that_say_the_opposite_the_last_counts() {
    for (words, set) in [(["-m", "-z"], "utilization"), (["-z", "-m"], "meta_attributes")] {
        let (exit, told, _) = on_file(&["crm_resource", "-r", "x", "-p", "a", "-v", "1", words[0], words[1]], CIB, |_, _| ());
        assert!(exit == Some(0) && told.contains(&format!("set=x-{set}")), "{words:?}: {told}");
    }
}
