//! The tools that show a cluster, run as programs on a CIB in a file: options, exit codes, the form of what they print.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const CIB: &str = r#"<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.1" admin_epoch="0" epoch="7" num_updates="3" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
    <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
    <resources><primitive id="web" class="ocf" provider="heartbeat" type="Dummy"/></resources>
    <constraints><rsc_location id="cli-ban-web" rsc="web" node="node2" score="-INFINITY"/></constraints>
  </configuration>
  <status>
    <node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="node2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"#;

/// Runs a tool with the document on standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
    command.args(arguments).env_remove("CIB_file").env_remove("CIB_shadow").env("TZ", "UTC");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    // A tool that refuses its command line reads nothing.
    let _ = child.stdin.take().expect("standard input is a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn output(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments, CIB).stdout).expect("the output is text")
}

#[test]
fn a_rehearsal_starts_what_is_stopped() {
    let text = output(&["crm_simulate", "-S", "-p"]);
    for line in [
        "Current cluster status:",
        "    * Online: [ node1 node2 ]",
        "    * web\t(ocf:heartbeat:Dummy):\t Stopped",
        "  * Start      web     ( node1 )",
        "  * Resource action: web             start on node1",
        "    * web\t(ocf:heartbeat:Dummy):\t Started node1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn a_rehearsal_in_xml_is_what_the_schema_of_results_allows() {
    let text = output(&["crm_simulate", "-Ssp", "-d", "node2", "--output-as=xml"]);
    for line in [
        "    <modify_node action=\"Offline\" node=\"node2\"/>",
        "    <rsc_action action=\"start\" resource=\"web\" node=\"node1\"/>",
        "    <rsc_action resource=\"web\" op=\"start\" node=\"node1\"/>",
        "  <status code=\"0\" message=\"OK\"/>",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
    }
    let schema = "/usr/share/pacemaker/api/api-result.rng";
    if !std::path::Path::new(schema).exists() || Command::new("xmllint").arg("--version").output().is_err() {
        println!("skipped: the schema of a_rehearsal_in_xml_is_what_the_schema_of_results_allows: xmllint or {schema} is not installed");
        return;
    }
    for arguments in [&["crm_simulate", "-Ssp", "-d", "node2", "--output-as=xml"][..], &["crm_simulate", "-Up", "--output-as=xml"]] {
        let mut lint = Command::new("xmllint");
        lint.args(["--noout", "--relaxng", schema, "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut lint = lint.spawn().expect("xmllint can be started");
        lint.stdin.take().expect("a pipe").write_all(output(arguments).as_bytes()).expect("xmllint reads");
        let judged = lint.wait_with_output().expect("xmllint ends");
        assert!(judged.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&judged.stderr));
    }
}

#[test]
fn a_page_has_headings_lists_and_states() {
    let page = output(&["crm_mon", "-x", "-", "-r", "--output-as=html", "--html-title=My Cluster"]);
    for part in ["<title>My Cluster</title>", "<h2>Node List</h2>", "<span class=\"bold\">node2:</span>", "<span class=\"rsc-failed\">web"]
    {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}

#[test]
fn devices_and_levels_become_configuration_and_go_again() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, CIB).expect("the CIB can be written");
    let admin = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        let output = command.arg("stonith_admin").args(words).env("CIB_file", &file).output().expect("the program ends");
        (output.status.code(), std::fs::read_to_string(&file).expect("the CIB is there"))
    };
    let (code, cib) = admin(&["-R", "power", "-a", "fence_ipmilan", "-o", "ip=10.0.0.9"]);
    assert!(code == Some(0) && cib.contains("<primitive id=\"power\" class=\"stonith\" type=\"fence_ipmilan\">"), "{code:?} {cib}");
    let (code, cib) = admin(&["-r", "node1", "-i", "2", "-v", "power", "-v", "other"]);
    assert!(code == Some(0) && cib.contains("target=\"node1\"") && cib.contains("devices=\"power,other\""), "{code:?} {cib}");
    assert_eq!(admin(&["-r", "node1", "-v", "power"]).0, Some(64));
    assert_eq!(admin(&["-d", "node2", "-i", "2"]).0, Some(105));
    assert_eq!(admin(&["-d", "node1", "-i", "2"]).0, Some(0));
    let (code, cib) = admin(&["-D", "power"]);
    assert!(code == Some(0) && !cib.contains("fence_ipmilan") && !cib.contains("<fencing-level"), "{code:?} {cib}");
    assert_eq!(admin(&["-D", "web"]).0, Some(105));
}

#[test]
fn the_description_of_a_resource_is_set_and_taken_away() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, CIB).expect("the CIB can be written");
    let resource = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        let command = command.args(["crm_resource", "-r", "web", "--element"]).args(words).env("CIB_file", &file);
        let output = command.output().expect("the program ends");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(resource(&["-p", "description", "-v", "x y"]), (Some(0), "Set attribute: name=description value=x y\n".to_owned()));
    assert_eq!(resource(&["-g", "description"]), (Some(0), "x y\n".to_owned()));
    assert_eq!(resource(&["-d", "description"]).0, Some(0));
    assert_eq!(resource(&["-g", "description"]), (Some(0), String::new()));
    assert_eq!(resource(&["-g", "type"]).1, "Dummy\n");
    assert_eq!(resource(&["-p", "id", "-v", "other"]).0, Some(64));
}

#[test]
fn imagined_events_are_told_and_have_their_effect() {
    let text = output(&["crm_simulate", "-Sp", "-d", "node1"]);
    assert!(text.contains("  * Taking node node1 offline"), "{text}");
    assert!(text.ends_with("    * web\t(ocf:heartbeat:Dummy):\t Stopped\n"), "{text}");
    let json = output(&["simulate", "-x", "-", "--node-leaves", "node2", "--output", "json"]);
    assert!(json.contains(r#""verb": "Start""#), "{json}");
}

#[test]
fn status_has_the_lines_that_programs_look_for() {
    let text = output(&["crm_mon", "-1r", "-x", "-"]);
    assert!(text.contains("Node List:\n  * Online: [ node1 node2 ]\n"), "{text}");
    let xml = output(&["crm_mon", "--output-as=xml", "-x", "-"]);
    for part in [
        r#"<node name="node1" id="1" online="true" standby="false""#,
        r#"<resource id="web" resource_agent="ocf:heartbeat:Dummy" role="Stopped""#,
        r#"<ban id="cli-ban-web" resource="web" node="node2" weight="-1000000""#,
        r#"<current_dc present="true" version="" name="node1" id="1" with_quorum="true""#,
        r#"  <status code="0" message="OK"/>"#,
    ] {
        assert!(xml.lines().any(|line| line.contains(part)), "{part} is not on a line of\n{xml}");
    }
    assert!(output(&["crm_mon", "-X", "-x", "-"]).starts_with("<crm_mon version="), "the older root");
    assert_eq!(output(&["crm_mon", "-s", "-x", "-"]), "CLUSTER OK: 2 nodes online, 1 resource instance configured\n");
    assert_eq!(output(&["crm_mon", "-1", "--include", "none,nodes", "--node", "node2", "-x", "-"]), "Node List:\n  * Online: [ node2 ]\n");
}

#[test]
fn a_configuration_is_judged_by_exit_code_and_words() {
    let (start, end) = (CIB.find("  <status>").unwrap(), CIB.find("</cib>").unwrap());
    let without_status = format!("{}{}", &CIB[..start], &CIB[end..]);
    let good = run(&["crm_verify", "-VV", "-p"], &without_status);
    assert_eq!((good.status.code(), String::from_utf8_lossy(&good.stderr).into_owned()), (Some(0), String::new()));
    let bad = run(&["crm_verify", "-p"], &CIB.replace(r#"node="node2" score="-INFINITY""#, r#"node="node2" scoer="1""#));
    assert_eq!(bad.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("error: line"), "{bad:?}");
    assert_eq!(run(&["crm_verify", "-x", "/nonexistent"], "").status.code(), Some(66));
    assert_eq!(run(&["crm_simulate", "--no-such-option"], "").status.code(), Some(64));
    assert_eq!(run(&["crm_simulate", "-p"], "<cib").status.code(), Some(78));
}

#[test]
fn a_reader_that_stops_reading_is_no_reason_to_complain() {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
    let output = command.args(["help"]).stdout(writer).stderr(Stdio::piped()).output().expect("the program ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn locations_and_colocations_are_listed_in_pacemaker_s_order() {
    let primitive = |id: &str| format!("<primitive id=\"{id}\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>");
    let everywhere = |id: &str, more: &str| {
        format!("<rule id=\"{id}\" {more}><expression id=\"{id}-e\" attribute=\"#uname\" operation=\"defined\"/></rule>")
    };
    let constraints = format!(
        "<rsc_location id=\"l1\" rsc=\"web\" node=\"node2\" score=\"1\"/><rsc_location id=\"l2\" rsc=\"web\" node=\"node1\" score=\"2\"/>\
         <rsc_location id=\"l3\" rsc=\"web\">{}{}</rsc_location><rsc_colocation id=\"c1\" rsc=\"web\" with-rsc=\"a\" score=\"5\"/>\
         <rsc_colocation id=\"c2\" rsc=\"web\" with-rsc=\"g\" score=\"6\"/><rsc_colocation id=\"c3\" rsc=\"web\" with-rsc=\"a\" score=\"7\"/>",
        everywhere("r1", "score=\"3\""),
        everywhere("r2", "score=\"4\" boolean-op=\"or\"")
    );
    let resources = format!("{}<group id=\"g\">{}</group></resources>", primitive("a"), primitive("g1"));
    let ban = "<rsc_location id=\"cli-ban-web\" rsc=\"web\" node=\"node2\" score=\"-INFINITY\"/>";
    let cib = CIB.replace("</resources>", &resources).replace(ban, &constraints);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, cib).expect("the CIB can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
    let output = command.args(["crm_resource", "-r", "web", "--constraints"]).env("CIB_file", &file).output().expect("the program ends");
    let shown = String::from_utf8_lossy(&output.stdout);
    let expected = "\
Locations:
  * Node node1 (score=4, id=r2, rsc=web)
  * Node node2 (score=4, id=r2, rsc=web)
  * Node node2 (score=3, id=r1, rsc=web)
  * Node node1 (score=3, id=r1, rsc=web)
  * Node node1 (score=2, id=l2, rsc=web)
  * Node node2 (score=1, id=l1, rsc=web)
Resources web is colocated with:
  * g (score=6, id=c2)
  * a (score=7, id=c3)
  * a (score=5, id=c1)
";
    assert_eq!(shown, expected);
    // What a follower needs is the role of the one that it follows, not its own.
    let role = "rsc=\"web\" rsc-role=\"Started\" with-rsc=\"m\" with-rsc-role=\"Promoted\" score=\"INFINITY\"";
    let cib = promoted_cib().replace("</constraints>", &format!("<rsc_colocation id=\"c9\" {role}/></constraints>"));
    let shown = on_file(&cib, &["crm_resource", "-r", "m", "--constraints"]);
    assert!(shown.contains("* web (score=INFINITY, needs role=Promoted, id=c9)"), "{shown}");
}

#[test]
fn a_fence_agent_judges_parameters_about_some_target_and_its_words_are_part_of_the_result() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let sbin = folder.path().join("usr/sbin");
    std::fs::create_dir_all(&sbin).expect("a folder can be made");
    let agent = "#!/bin/sh\nread_all=$(cat)\ncase \"$read_all\" in\n*metadata*) echo '<resource-agent name=\"fence_x\"><parameters>\
                 <parameter name=\"plug\"/></parameters></resource-agent>';;\n*plug=*ip=*|*ip=*plug=*) exit 0;;\n*) echo 'no address' >&2; exit 1;;\nesac\n";
    std::fs::write(sbin.join("fence_x"), agent).expect("the agent can be written");
    std::fs::set_permissions(sbin.join("fence_x"), std::fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    let validate = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        command.args(["stonith_admin", "--validate", "--output-as", "xml"]).args(words).env("SYSTOLE_ROOT", folder.path());
        let output = command.output().expect("the program ends");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(validate(&["-a", "fence_x", "-o", "ip=1"]).0, Some(0));
    let (code, told) = validate(&["-a", "fence_x"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("<output source=\"stderr\">no address\n</output>") && told.contains("valid=\"false\""), "{told}");
    let (code, told) = validate(&["-a", "fence_nosuch"]);
    assert!(code == Some(105) && told.contains("Agent fence_nosuch not found"), "{code:?} {told}");
}

#[test]
fn operations_are_shown_since_the_resource_became_active() {
    let record = |call: u32, operation: &str, interval: u32, rc: u32| {
        let key = format!("1:1:{rc}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
        format!(
            r#"<lrm_rsc_op id="w{call}" operation_key="web_{operation}_{interval}" operation="{operation}" crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:{rc};{key}" call-id="{call}" rc-code="{rc}" op-status="0" interval="{interval}" on_node="node1"/>"#
        )
    };
    let active = |records: &[String]| {
        let history = format!(
            r#"<lrm id="1"><lrm_resources><lrm_resource id="web" class="ocf" provider="heartbeat" type="Dummy">{}</lrm_resource></lrm_resources></lrm></node_state>"#,
            records.concat()
        );
        let end = r#"join="member" expected="member"/>"#;
        let cib = CIB.replacen(end, &format!("{}>{history}", end.trim_end_matches("/>")), 1);
        let text = on_file(&cib, &["crm_resource", "-O"]);
        text.lines()
            .filter_map(|line| line.split_once("call=")?.1.split_once(',').map(|(call, _)| call.to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (probe, start, watch) = (record(1, "monitor", 0, 7), record(2, "start", 0, 0), record(3, "monitor", 10000, 0));
    let (stop, found) = (record(4, "stop", 0, 0), record(5, "monitor", 0, 0));
    assert_eq!(active(&[probe.clone(), start.clone(), watch.clone()]), "2 3", "from its start on");
    assert_eq!(active(std::slice::from_ref(&probe)), "1", "what never ran is shown as it is");
    assert_eq!(active(&[start.clone(), watch, stop.clone()]), "", "it was stopped");
    assert_eq!(active(&[start, record(4, "stop", 0, 1)]), "", "a stop failed");
    assert_eq!(active(&[probe, stop, found]), "5", "it was found after its stop");
}

/// Returns what `crm_resource` and the like print of a CIB file.
fn on_file(cib: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, cib).expect("the CIB can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
    command.args(arguments).env("CIB_file", &file).env_remove("CIB_shadow").env("TZ", "UTC");
    String::from_utf8(command.output().expect("the program ends").stdout).expect("the output is text")
}

/// Returns a CIB with a promotable clone that runs on both nodes, promoted on the second one.
fn promoted_cib() -> String {
    let primitive = r#"<primitive id="db" class="ocf" provider="pacemaker" type="Stateful" description="a b"/>"#;
    let clone = format!(
        r#"<clone id="m"><meta_attributes id="mm"><nvpair id="mp" name="promotable" value="true"/></meta_attributes>{primitive}</clone></resources>"#
    );
    let history = |id: &str, operation: &str| {
        let key = "5:4:0:b3d70708-4445-4dd8-87ab-60fda1621353";
        let record = format!(
            r#"<lrm_rsc_op id="db_last_0" operation_key="db_{operation}_0" operation="{operation}" crm-debug-origin="x" crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:0;{key}" call-id="6" rc-code="0" op-status="0" interval="0" last-rc-change="1387647836"/>"#
        );
        let resource = format!(r#"<lrm_resource id="db" class="ocf" provider="pacemaker" type="Stateful">{record}</lrm_resource>"#);
        format!(r#"<lrm id="{id}"><lrm_resources>{resource}</lrm_resources></lrm></node_state>"#)
    };
    let state = |id: &str, operation: &str| {
        let attributes = r#"in_ccm="true" crmd="online" join="member" expected="member""#;
        format!(r#"<node_state id="{id}" uname="node{id}" {attributes}>{}"#, history(id, operation))
    };
    let (start, end) = (CIB.find("<status>").expect("a status"), CIB.find("</status>").expect("its end"));
    format!("{}<status>{}{}{}", &CIB[..start], state("1", "start"), state("2", "promote"), &CIB[end..]).replace("</resources>", &clone)
}

#[test]
fn what_is_cloned_is_found_from_the_last_instance_to_the_first() {
    let cib = promoted_cib();
    let places = "resource m is running on: node2 Promoted\nresource m is running on: node1\n";
    assert_eq!(on_file(&cib, &["crm_resource", "-W", "-r", "m"]), places);
    let shown = on_file(&cib, &["crm_resource", "-q", "-r", "m"]);
    assert!(shown.starts_with("Promoted: [ node2 ]\nUnpromoted: [ node1 ]\nResource XML:\n<clone id=\"m\">"), "{shown}");
    let by_node = on_file(&cib, &["crm_mon", "-1n"]);
    assert!(by_node.contains("      * db\t(ocf:pacemaker:Stateful):\t Promoted a b\n"), "{by_node}");
}

#[test]
fn options_stand_in_the_summary_and_a_missing_coordinator_is_always_told() {
    let options = output(&["crm_mon", "-1", "--include", "none,options", "-x", "-"]);
    assert!(options.starts_with("Cluster Summary:\n  * STONITH of failed nodes disabled\n"), "{options}");
    let without = on_file(&CIB.replace(" dc-uuid=\"1\"", ""), &["crm_mon", "-1", "--include", "none,nodes"]);
    assert!(without.starts_with("Cluster Summary:\n  * Current DC: NONE\n\nNode List:\n"), "{without}");
}

#[test]
fn nodes_that_a_rule_forbids_come_in_pacemaker_s_order() {
    let nodes = |operator: &str| {
        let expression = |id: &str, operation: &str| format!("<expression id=\"{id}\" attribute=\"#uname\" operation=\"{operation}\"/>");
        let rule = format!("<rule id=\"r\" boolean-op=\"{operator}\" score=\"-INFINITY\">{}</rule>", expression("e", "defined"));
        let cib = CIB.replace("</constraints>", &format!("<rsc_location id=\"l\" rsc=\"web\">{rule}</rsc_location></constraints>"));
        let text = on_file(&cib, &["crm_mon", "-1", "--include", "none,bans:l"]);
        text.lines().filter_map(|line| line.split_once("running on ").map(|(_, node)| node.to_owned())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((nodes("and"), nodes("or")), ("node2 node1".to_owned(), "node1 node2".to_owned()));
}

#[test]
fn a_rehearsal_hands_back_the_configuration_in_its_own_words() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("in.xml"), CIB).expect("the CIB can be written");
    let (input, saved, outcome) = (path("in.xml"), path("saved.xml"), path("outcome.xml"));
    output(&["crm_simulate", "-S", "-x", &input, "-I", &saved, "-O", &outcome]);
    for file in [saved, outcome] {
        let text = std::fs::read_to_string(file).expect("the file is there");
        assert!(text.contains(r#"validate-with="pacemaker-3.9""#) && text.contains("name=\"stonith-enabled\""), "{text}");
        assert!(!text.contains(r#"crm_feature_set="3.2"#), "{text}");
    }
}
