//! Agents that behave badly, in a sandbox: each fails by itself and says why, and nobody else notices.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The agents: what each does at `start`, and the end of the line by which `crm_mon` tells why it does not run; none where it does.
const AGENTS: &[(&str, &str, Option<&str>)] = &[
    ("hangs", "exec sleep 1000", Some("Timed Out")),
    ("ignores-term", "trap '' TERM INT; while :; do sleep 1; done", Some("Timed Out")),
    ("floods", "yes; exit 0", Some("Timed Out")),
    (
        "floods-and-says-why",
        "head -c 1000000 /dev/zero >&2; echo >&2; echo 'ocf-exit-reason:the disk is gone' >&2; exit 1",
        Some("the disk is gone"),
    ),
    ("exits-255", "exit 255", Some("returned 'unknown'")),
    ("is-killed", "kill -9 $$", Some("interrupted by signal")),
    ("is-not-configured", "exit 6", Some("not configured")),
    ("leaves-a-daemon", "sleep 1000 & echo started; : > $STATE; exit 0", None),
    ("leaves-a-session", "setsid sleep 1000 & : > $STATE; exit 0", None),
    ("has-no-metadata", ": > $STATE; exit 0", None),
    ("has-strange-metadata", ": > $STATE; exit 0", None),
];

fn script(name: &str, start: &str) -> String {
    let metadata = match name {
        "has-no-metadata" => "exit 3".to_owned(),
        "has-strange-metadata" => "echo '<resource-agent><parameters>'; exit 0".to_owned(),
        _ => format!("echo '<resource-agent name=\"{name}\"><version>1.1</version><parameters/><actions/></resource-agent>'; exit 0"),
    };
    format!(
        "#!/bin/sh\nSTATE=$HA_RSCTMP/{name}\ncase $1 in\nmeta-data) {metadata};;\nmonitor) test -e $STATE && exit 0; exit 7;;\n\
         stop) rm -f $STATE; exit 0;;\nstart) {start};;\nesac\nexit 3\n"
    )
}

#[test]
fn bad_agents_fail_by_themselves_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = folder.path().join("sandbox");
    for node in ["node1", "node2"] {
        let agents = sandbox.join(node).join("usr/lib/ocf/resource.d/bad");
        std::fs::create_dir_all(&agents).unwrap();
        for (name, start, _) in AGENTS {
            let path = agents.join(name);
            std::fs::write(&path, script(name, start)).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let operations = |id: &str| {
        format!(
            "<operations><op id='{id}-start' name='start' interval='0' timeout='1s'/><op id='{id}-stop' name='stop' interval='0' timeout='20s'/></operations>"
        )
    };
    let resources: String = AGENTS
        .iter()
        .map(|(name, ..)| format!("<primitive id='{name}' class='ocf' provider='bad' type='{name}'>{}</primitive>", operations(name)))
        .collect();
    let cib = format!(
        "<cib admin_epoch='0' epoch='1' num_updates='0' validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources>{resources}\
         <primitive id='unknown' class='ocf' provider='bad' type='NoSuchAgent'/>\
         <primitive id='healthy' class='ocf' provider='systole' type='Dummy'/></resources><constraints/></configuration><status/></cib>"
    );
    let mut scenario = "wait\nexpect healthy\nexpect unknown stopped\n".to_owned();
    for (name, _, reason) in AGENTS {
        scenario += &match reason {
            Some(reason) => format!("expect {name} stopped\nshows crm_mon -1 : {name} start on node\nshows crm_mon -1 : {reason}\n"),
            None => format!("expect {name}\n"),
        };
    }
    let (cib_file, scenario_file) = (folder.path().join("cib.xml"), folder.path().join("scenario"));
    std::fs::write(&cib_file, cib).unwrap();
    std::fs::write(&scenario_file, scenario).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_systole"))
        .args(["sandbox", "--nodes", "2", "--cib"])
        .arg(&cib_file)
        .arg("--script")
        .arg(&scenario_file)
        .arg("--folder")
        .arg(&sandbox)
        .output()
        .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
}
