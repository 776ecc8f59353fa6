//! `cibsecret` and `crm_report`: on a CIB file, and in a sandbox whose nodes reach each other by a stand-in for ssh that runs the
//! other node's own tool.

#[allow(dead_code, reason = "each test uses its part of it")]
mod live;

use live::{PROGRAM, Sandbox};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const CIB: &str = r#"<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes/>
<resources><primitive id="db" class="ocf" provider="x" type="y"><instance_attributes id="db-i"><nvpair id="db-p" name="password" value="geheim"/></instance_attributes></primitive></resources>
<constraints/></configuration><status/></cib>"#;

#[test]
fn a_secret_leaves_the_cib_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, CIB).unwrap();
    let run = |words: &[&str]| -> (i32, String) {
        let mut command = Command::new(PROGRAM);
        command.arg("cibsecret").args(words).env("CIB_file", &file).env("SYSTOLE_ROOT", folder.path());
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let in_cib = |value: &str| std::fs::read_to_string(&file).unwrap().contains(&format!("value=\"{value}\""));
    assert_eq!(run(&["check", "db", "password"]).0, 78);
    assert_eq!(run(&["set", "db", "password", "other"]).0, 78, "a value in the CIB is not overwritten");
    assert_eq!(run(&["stash", "db", "password"]).0, 0);
    assert!(in_cib("lrm://") && !in_cib("geheim"));
    assert_eq!(run(&["get", "db", "password"]), (0, "geheim\n".to_owned()));
    assert_eq!(run(&["stash", "db", "password"]).0, 108);
    assert_eq!(run(&["set", "db", "password", "new"]).0, 0);
    assert_eq!(run(&["get", "db", "password"]).1, "new\n");
    let kept = folder.path().join("var/lib/pacemaker/lrm/secrets/db/password");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&kept, "tampered\n").unwrap();
    assert_eq!(run(&["check", "db", "password"]).0, 104);
    assert_eq!(run(&["set", "db", "password", "new"]).0, 0);
    assert_eq!(run(&["unstash", "db", "password"]).0, 0);
    assert!(in_cib("new") && !kept.exists());
    assert_eq!(run(&["delete", "db", "password"]).0, 0);
    assert!(!in_cib("new"));
    assert_eq!(run(&["get", "nobody", "password"]).0, 105);
    assert_eq!(run(&["get", "../db", "password"]).0, 64);
    assert_eq!(run(&["sing"]).0, 64);
}

/// Puts a stand-in for ssh into a folder: `… [USER@]NODE COMMAND…` runs our tool below the root of that node.
fn stand_in(folder: &Path, sandbox: &Path) {
    let script = format!(
        "#!/bin/sh\nwhile :; do case $1 in -o) shift 2;; -*) shift;; *) break;; esac; done\nnode=${{1#*@}}; shift\n\
         export SYSTOLE_ROOT={}/$node\ntool=$(basename $1); shift\neval exec {PROGRAM} $tool \"$@\"\n",
        sandbox.display()
    );
    let path = folder.join("ssh");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_agent_gets_its_secret_on_every_node_and_a_report_tells_it_to_nobody() {
    let device = "<primitive id=\"db\" class=\"ocf\" provider=\"secretive\" type=\"Db\"><instance_attributes id=\"db-i\"><nvpair id=\"db-o\" name=\"other_passwd\" value=\"written-in-the-cib\"/></instance_attributes>\
                  <meta_attributes id=\"db-m\"><nvpair id=\"db-r\" name=\"target-role\" value=\"Stopped\"/></meta_attributes></primitive>";
    let prepare = |sandbox: &Path, _: &mut Command| {
        for node in ["node1", "node2"] {
            let folder = sandbox.join(node).join("usr/lib/ocf/resource.d/secretive");
            std::fs::create_dir_all(&folder).unwrap();
            let state = sandbox.join(node).join("db-was-told");
            let script = format!(
                "#!/bin/sh\nS={}\ncase $1 in start) echo \"$OCF_RESKEY_password\" > $S;; stop) rm -f $S;; monitor) [ -f $S ] || exit 7;;\n\
                 meta-data) echo '<resource-agent name=\"Db\"><parameters/><actions><action name=\"start\" timeout=\"20s\"/></actions></resource-agent>';; esac\n",
                state.display()
            );
            std::fs::write(folder.join("Db"), script).unwrap();
            std::fs::set_permissions(folder.join("Db"), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    };
    let sandbox = Sandbox::start_as(Command::new(PROGRAM), &live::configuration("127.0.88.2", device, ""), &["--nodes", "2"], prepare);
    let tools = tempfile::tempdir().unwrap();
    stand_in(tools.path(), &sandbox.folder().join("sandbox"));
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let run = |words: &[&str]| -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).env("SYSTOLE_ROOT", sandbox.root("node1")).env("PATH", &path).current_dir(tools.path()).output().unwrap()
    };
    let good = |words: &[&str]| {
        let output = run(words);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {text}");
        text
    };
    good(&["cibsecret", "set", "db", "password", "hidden word"]);
    assert!(!good(&["cibadmin", "-Q"]).contains("hidden word"));
    for (node, other) in [("node1", "node2"), ("node2", "node1")] {
        let kept = sandbox.root(node).join("var/lib/pacemaker/lrm/secrets/db/password");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "hidden word\n", "on {node}");
        good(&["crm_resource", "-r", "db", "--ban", "-N", other]);
        good(&["crm_resource", "-r", "db", "--meta", "-p", "target-role", "-v", "Started"]);
        let told = || std::fs::read_to_string(sandbox.root(node).join("db-was-told")).unwrap_or_default();
        sandbox.comes_to_say("node1", &["crm_resource", "-r", "db", "-W"], &format!("is running on: {node}"));
        // As in Pacemaker, it counts as running from when its start begins.
        good(&["crm_resource", "--wait"]);
        assert_eq!(told(), "hidden word\n", "the agent on {node}");
        good(&["crm_resource", "-r", "db", "--clear"]);
    }
    // A report of both nodes, with what crmsh, pcs and administrators look for.
    let text = good(&["crm_report", "-f", "2020-01-01", "report"]);
    assert!(text.contains("report.tar.bz2") && !text.contains("WARNING"), "{text}");
    assert!(
        Command::new("tar").arg("-C").arg(tools.path()).arg("-xjf").arg(tools.path().join("report.tar.bz2")).status().unwrap().success()
    );
    for node in ["node1", "node2"] {
        let part = tools.path().join("report").join(node);
        let text = |name: &str| std::fs::read_to_string(part.join(name)).unwrap_or_else(|error| panic!("{node}: {name}: {error}"));
        assert!(text("crm_mon.txt").contains("Node List") && text("members.txt").contains("node1"));
        assert!(text("cib.xml").contains("other_passwd") && !text("cib.xml").contains("written-in-the-cib"));
        assert!(!text("pacemaker.log").is_empty() && text("sysinfo.txt").contains("2.1.5") && text("analysis.txt").contains(node));
        assert!(part.join("RUNNING").exists());
    }
    // Whoever coordinates saves the inputs of plans.
    let inputs = |node: &str| std::fs::read_dir(tools.path().join("report").join(node).join("pengine")).into_iter().flatten().count();
    assert!(inputs("node1") + inputs("node2") > 0);
    let all = Command::new("grep").args(["-rlE", "hidden word|written-in-the-cib"]).arg(tools.path().join("report")).output().unwrap();
    assert!(all.stdout.is_empty(), "told in {}", String::from_utf8_lossy(&all.stdout));
    std::fs::remove_dir_all(tools.path().join("report")).unwrap();
    assert_eq!(run(&["crm_report", "-f", "2020-01-01", "report"]).status.code(), Some(108), "nothing is overwritten");
    sandbox.end();
}
