//! Alert programs in a sandbox: real scripts, told of real events, one of which hangs.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str =
    "#!/bin/sh\n{ echo ---; env | grep -E '^(CRM_alert_|CRM_notify_kind|mine)'; } > \"$CRM_alert_recipient.$CRM_alert_node_sequence.$$\"\n";

fn alert(id: &str, path: &Path, recipient: &Path, rest: &str) -> String {
    format!("<alert id='{id}' path='{}'>{rest}<recipient id='{id}-to' value='{}'/></alert>", path.display(), recipient.display())
}

/// Returns what was told to a recipient, each as its variables.
fn told(recipient: &Path) -> Vec<BTreeMap<String, String>> {
    let (folder, name) = (recipient.parent().unwrap(), recipient.file_name().unwrap().to_str().unwrap().to_owned() + ".");
    let files = std::fs::read_dir(folder).unwrap().flatten().filter(|file| file.file_name().to_string_lossy().starts_with(&name));
    let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap());
    texts.map(|text| text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()).collect()
}

#[test]
fn programs_are_told_of_nodes_fencing_operations_and_attributes() {
    let folder = tempfile::tempdir().unwrap();
    // Alert programs run as an unprivileged user where there is a choice.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let program = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let (tells, hangs) = (program("tells", SCRIPT), program("hangs", "#!/bin/sh\nexec sleep 1000\n"));
    let (all, attributes) = (folder.path().join("all"), folder.path().join("attributes"));
    let own = "<meta_attributes id='m'><nvpair id='m1' name='timestamp-format' value='%s.%3N'/></meta_attributes>\
        <instance_attributes id='i'><nvpair id='i1' name='mine' value='yes'/></instance_attributes>";
    let select = "<select><select_attributes><attribute id='a1' name='wanted'/></select_attributes></select>";
    let short = "<meta_attributes id='h'><nvpair id='h1' name='timeout' value='300ms'/></meta_attributes>";
    let cib = format!(
        "<cib admin_epoch='0' epoch='1' num_updates='0' validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources>\
         <primitive id='d' class='ocf' provider='systole' type='Dummy'/></resources><constraints/><alerts>{}{}{}</alerts></configuration><status/></cib>",
        alert("all", &tells, &all, own),
        alert("chosen", &tells, &attributes, select),
        alert("hung", &hangs, &all, short)
    );
    let (file, script) = (folder.path().join("cib.xml"), folder.path().join("scenario"));
    std::fs::write(&file, cib).unwrap();
    let steps =
        "wait\nrun attrd_updater -N node1 -n wanted -U 5\nrun attrd_updater -N node1 -n other -U 6\nwait\ncrash node3\nwait\npause 1s\n";
    std::fs::write(&script, steps).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_systole"))
        .args(["sandbox", "--cib"])
        .arg(&file)
        .arg("--script")
        .arg(&script)
        .arg("--folder")
        .arg(folder.path().join("sandbox"))
        .output()
        .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");

    let events = told(&all);
    let find = |wanted: &[(&str, &str)]| {
        let is_it = |event: &&BTreeMap<String, String>| {
            wanted.iter().all(|(name, value)| event.get(&format!("CRM_alert_{name}")).map(String::as_str) == Some(*value))
        };
        events.iter().find(is_it).unwrap_or_else(|| panic!("nobody was told of {wanted:?}: {events:#?}\n{shown}"))
    };
    let start =
        find(&[("kind", "resource"), ("rsc", "d"), ("task", "start"), ("rc", "0"), ("target_rc", "0"), ("status", "0"), ("desc", "ok")]);
    assert_eq!((start["mine"].as_str(), start["CRM_notify_kind"].as_str()), ("yes", "resource"));
    assert!(start["CRM_alert_timestamp"].starts_with(&start["CRM_alert_timestamp_epoch"]), "{start:?}");
    find(&[("kind", "node"), ("node", "node1"), ("desc", "member"), ("nodeid", "1")]);
    find(&[("kind", "node"), ("node", "node3"), ("desc", "lost"), ("nodeid", "3")]);
    let fencing = find(&[("kind", "fencing"), ("node", "node3"), ("rc", "0")]);
    assert!(fencing["CRM_alert_desc"].starts_with("Operation reboot of node3 by node"), "{fencing:?}");
    assert!(events.iter().all(|event| event.get("CRM_alert_kind").is_none_or(|kind| kind != "attribute")));
    let probes = |event: &&BTreeMap<String, String>| event.get("CRM_alert_task").is_some_and(|task| task == "monitor");
    assert_eq!(events.iter().filter(probes).count(), 0, "a probe that finds what is expected is no news");

    let chosen = told(&attributes);
    assert_eq!(chosen.len(), 1, "{chosen:#?}");
    assert_eq!((chosen[0]["CRM_alert_attribute_name"].as_str(), chosen[0]["CRM_alert_attribute_value"].as_str()), ("wanted", "5"));

    let log = std::fs::read_to_string(folder.path().join("sandbox/node1/console.log")).unwrap();
    assert!(log.contains("alert hung-to failed (TimedOut)"), "{log}");
}
