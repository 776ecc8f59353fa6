//! Our edits against those of Pacemaker's own tools on the same file, where they are installed.

use cib::edit::{self, EditError, Modify, PairPlace, Section, Target, Wanted};
use std::path::Path;
use std::process::Command;
use xml::{Element, Limits, parse};

const CIB: &str = "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" admin_epoch=\"1\" epoch=\"5\" num_updates=\"3\">
  <configuration>
    <crm_config>
      <cluster_property_set id=\"cib-bootstrap-options\">
        <nvpair id=\"opt-a\" name=\"stonith-enabled\" value=\"false\"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id=\"1\" uname=\"alpha\"/>
      <node id=\"2\" uname=\"beta\"/>
    </nodes>
    <resources>
      <primitive id=\"one\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\">
        <meta_attributes id=\"one-meta\">
          <nvpair id=\"one-score\" name=\"resource-stickiness\" value=\"10\"/>
        </meta_attributes>
      </primitive>
      <group id=\"pair\">
        <primitive id=\"two\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>
        <primitive id=\"three\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>
      </group>
    </resources>
    <constraints>
      <rsc_location id=\"where\" rsc=\"one\" node=\"alpha\" score=\"5\"/>
    </constraints>
  </configuration>
  <status/>
</cib>
";

fn tree(text: &str) -> Element {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Runs a tool on a copy of the document; returns its exit status and the configuration afterwards.
fn theirs(folder: &Path, tool: &str, arguments: &[&str]) -> (i32, String) {
    let file = folder.join("cib.xml");
    std::fs::write(&file, CIB).unwrap();
    let output = Command::new(format!("/usr/sbin/{tool}")).args(arguments).env("CIB_file", &file).env("HOME", folder).output().unwrap();
    let status = output.status.code().unwrap_or(-1);
    (status, sections(&tree(&std::fs::read_to_string(&file).unwrap())))
}

fn sections(cib: &Element) -> String {
    cib.elements().map(Element::to_text).collect()
}

fn ours(result: Result<Element, EditError>) -> (i32, String) {
    match result {
        Ok(cib) => (0, sections(&cib)),
        Err(error) => (error.exit_status(), sections(&tree(CIB))),
    }
}

#[test]
fn edits_equal_those_of_the_tools() {
    if !Path::new("/usr/sbin/cibadmin").exists() {
        eprintln!("skipped: edits_equal_those_of_the_tools: pacemaker-cli-utils is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cib = tree(CIB);
    let plain = Modify::default();
    let xpath = |text: &str| Target::xpath(text).unwrap();
    let named = |name: &'static str| Wanted { name: Some(name), ..Wanted::default() };
    let new = "<primitive id=\"four\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>";
    let several = format!("<resources>{new}{}</resources>", new.replace("four", "five"));
    let changed = "<primitive id=\"three\" type=\"Stateful\" class=\"ocf\"><meta_attributes id=\"m\"><nvpair id=\"n\" name=\"a\" value=\"b\"/></meta_attributes></primitive>";
    let replaced = "<group id=\"pair\"><primitive id=\"six\" class=\"lsb\" type=\"x\"/></group>";
    let increment = "<nvpair id=\"one-score\" value=\"value++\"/>";
    let by = "<nvpair id=\"one-score\" value=\"value+=5\"/>";
    type Case<'c> = (&'static str, Vec<&'c str>, Result<Element, EditError>);
    let cases: Vec<Case<'_>> = vec![
        ("cibadmin", vec!["-C", "-o", "resources", "-X", new], edit::create(&cib, Section::Resources, &tree(new))),
        ("cibadmin", vec!["-C", "-o", "resources", "-X", &several], edit::create(&cib, Section::Resources, &tree(&several))),
        (
            "cibadmin",
            vec!["-C", "-o", "nodes", "-X", "<node id=\"1\" uname=\"x\"/>"],
            edit::create(&cib, Section::Nodes, &tree("<node id='1' uname='x'/>")),
        ),
        ("cibadmin", vec!["-M", "-o", "resources", "-X", changed], edit::modify(&cib, &Section::Resources.into(), &tree(changed), plain)),
        ("cibadmin", vec!["-M", "-o", "resources", "-X", new], edit::modify(&cib, &Section::Resources.into(), &tree(new), plain)),
        (
            "cibadmin",
            vec!["-M", "-c", "-o", "resources", "-X", new],
            edit::modify(&cib, &Section::Resources.into(), &tree(new), Modify { allow_create: true, ..plain }),
        ),
        (
            "cibadmin",
            vec!["-M", "-X", increment],
            edit::modify(&cib, &Section::Cib.into(), &tree(increment), Modify { expand_increments: true, ..plain }),
        ),
        (
            "cibadmin",
            vec!["-M", "-X", by],
            edit::modify(&cib, &Section::Cib.into(), &tree(by), Modify { expand_increments: true, ..plain }),
        ),
        ("cibadmin", vec!["-R", "-o", "resources", "-X", replaced], edit::replace(&cib, &Section::Resources.into(), &tree(replaced))),
        ("cibadmin", vec!["-R", "-o", "resources", "-X", new], edit::replace(&cib, &Section::Resources.into(), &tree(new))),
        (
            "cibadmin",
            vec!["-R", "-o", "constraints", "-X", "<constraints/>"],
            edit::replace(&cib, &Section::Constraints.into(), &tree("<constraints/>")),
        ),
        ("cibadmin", vec!["-R", "-X", "<cib admin_epoch=\"0\" epoch=\"9\" num_updates=\"9\"/>"], {
            edit::replace(&cib, &Section::Cib.into(), &tree("<cib admin_epoch='0' epoch='9' num_updates='9'/>"))
        }),
        (
            "cibadmin",
            vec!["-D", "-o", "constraints", "-X", "<rsc_location id=\"where\"/>"],
            edit::delete(&cib, Section::Constraints, &tree("<rsc_location id='where'/>")),
        ),
        (
            "cibadmin",
            vec!["-D", "-o", "constraints", "-X", "<rsc_location id=\"nowhere\"/>"],
            edit::delete(&cib, Section::Constraints, &tree("<rsc_location id='nowhere'/>")),
        ),
        (
            "cibadmin",
            vec!["-D", "--xpath", "//primitive[@id='three']"],
            edit::delete_matches(&cib, &xpath("//primitive[@id='three']"), false),
        ),
        ("cibadmin", vec!["--delete-all", "--force", "--xpath", "//nvpair"], edit::delete_matches(&cib, &xpath("//nvpair"), true)),
        ("cibadmin", vec!["-E", "--force"], Ok(edit::erase(&cib))),
        (
            "crm_attribute",
            vec!["-t", "crm_config", "-n", "no-quorum-policy", "-v", "ignore"],
            edit::set_pair(&cib, PairPlace::Option, named("no-quorum-policy"), "ignore"),
        ),
        (
            "crm_attribute",
            vec!["-t", "crm_config", "-n", "stonith-enabled", "-v", "true"],
            edit::set_pair(&cib, PairPlace::Option, named("stonith-enabled"), "true"),
        ),
        (
            "crm_attribute",
            vec!["-t", "crm_config", "-n", "stonith-enabled", "-D"],
            edit::delete_pair(&cib, PairPlace::Option, named("stonith-enabled")),
        ),
        (
            "crm_attribute",
            vec!["-t", "crm_config", "-s", "mine", "-n", "x", "-v", "1"],
            edit::set_pair(&cib, PairPlace::Option, Wanted { set: Some("mine"), ..named("x") }, "1"),
        ),
        (
            "crm_attribute",
            vec!["-N", "beta", "-l", "forever", "-n", "#disk:type", "-v", "ssd"],
            edit::set_pair(&cib, PairPlace::Node("2"), named("#disk:type"), "ssd"),
        ),
        (
            "crm_attribute",
            vec!["-z", "-N", "beta", "-n", "cpu", "-v", "4"],
            edit::set_pair(&cib, PairPlace::NodeUtilization("2"), named("cpu"), "4"),
        ),
        (
            "crm_resource",
            vec!["-r", "two", "--meta", "-p", "target-role", "-v", "Stopped"],
            edit::set_pair(&cib, PairPlace::Resource("two", "meta_attributes"), named("target-role"), "Stopped"),
        ),
        (
            "crm_resource",
            vec!["-r", "two", "-p", "state", "-v", "/x"],
            edit::set_pair(&cib, PairPlace::Resource("two", "instance_attributes"), named("state"), "/x"),
        ),
        (
            "crm_resource",
            vec!["-r", "one", "--meta", "-p", "resource-stickiness", "-v", "3"],
            edit::set_pair(&cib, PairPlace::Resource("one", "meta_attributes"), named("resource-stickiness"), "3"),
        ),
    ];
    let mut wrong = Vec::new();
    for (tool, arguments, result) in cases {
        let (expected, actual) = (theirs(folder.path(), tool, &arguments), ours(result));
        if expected != actual {
            wrong.push(format!("{tool} {arguments:?}\ntheirs: {} {}\nours: {} {}", expected.0, expected.1, actual.0, actual.1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
