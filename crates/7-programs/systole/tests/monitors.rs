//! What monitoring systems read, in every state that they tell apart, beside Pacemaker's tools on the same CIB files: the one line of
//! `crm_mon -s` with its exit code (check_crm), and the XML of `crm_mon` and the CIB (ha_cluster_exporter).
//!
//! Skipped by name where Pacemaker's tools are not installed. What Corosync's own tools print is not ours.

use std::path::Path;
use std::process::Command;

const DUMMY: &str = r#"<primitive id="d" class="ocf" provider="heartbeat" type="Dummy"><operations><op id="d-m" name="monitor" interval="10s"/></operations></primitive>"#;
const MEMBER: &str = r#"in_ccm="true" crmd="online" join="member" expected="member""#;
const AWAY: &str = r#"in_ccm="false" crmd="offline" join="down" expected="down""#;
const LOST: &str = r#"in_ccm="false" crmd="offline" join="down" expected="member""#;
const JOINING: &str = r#"in_ccm="true" crmd="online" join="pending" expected="down""#;

/// A cluster of three nodes: the attributes of the root, properties, each node's attributes and what its state is, resources, and the
/// results of the resource `d` on node1.
#[derive(Clone)]
struct State {
    root: &'static str,
    properties: &'static [(&'static str, &'static str)],
    nodes: [&'static str; 3],
    states: [&'static str; 3],
    resources: String,
    results: String,
}

/// One result of the resource on node1, with the exit code it had and the one that was wanted.
fn result(operation: &str, interval: u32, code: u32, wanted: u32) -> String {
    let key = format!("1:1:{wanted}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    let id = if interval == 0 { "d_last_0".to_owned() } else { format!("d_{operation}_{interval}") };
    format!(
        r#"<lrm_rsc_op id="{id}" operation_key="d_{operation}_{interval}" operation="{operation}" crm_feature_set="3.16.1" transition-key="{key}" transition-magic="0:{code};{key}" call-id="{}" rc-code="{code}" op-status="0" interval="{interval}" last-rc-change="1700000000" exec-time="1" queue-time="0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8" on_node="node1"/>"#,
        if interval == 0 { 5 } else { 6 }
    )
}

impl State {
    /// All nodes are there, and the resource runs on node1.
    fn calm() -> Self {
        Self {
            root: r#"have-quorum="1" dc-uuid="1""#,
            properties: &[("stonith-enabled", "false")],
            nodes: [""; 3],
            states: [MEMBER; 3],
            resources: DUMMY.to_owned(),
            results: result("start", 0, 0, 0) + &result("monitor", 10000, 0, 0),
        }
    }

    fn cib(&self) -> String {
        let pair = |holder: &str, name: &str, value: &str| format!(r#"<nvpair id="{holder}-{name}" name="{name}" value="{value}"/>"#);
        let properties: String = self.properties.iter().map(|(name, value)| pair("o", name, value)).collect();
        let (mut nodes, mut states) = (String::new(), String::new());
        for (number, (attribute, state)) in (1..).zip(self.nodes.iter().zip(self.states)) {
            let own = match *attribute {
                "" => String::new(),
                name => {
                    format!(r#"<instance_attributes id="n{number}">{}</instance_attributes>"#, pair(&format!("n{number}"), name, "true"))
                }
            };
            nodes += &format!(r#"<node id="{number}" uname="node{number}">{own}</node>"#);
            let history = match number {
                1 if !self.results.is_empty() => {
                    format!(r#"<lrm_resource id="d" class="ocf" provider="heartbeat" type="Dummy">{}</lrm_resource>"#, self.results)
                }
                _ => String::new(),
            };
            states += &format!(
                r#"<node_state id="{number}" uname="node{number}" {state}><lrm id="{number}"><lrm_resources>{history}</lrm_resources></lrm></node_state>"#
            );
        }
        format!(
            r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" {}><configuration><crm_config><cluster_property_set id="o">{properties}</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{}</resources><constraints/></configuration><status>{states}</status></cib>"#,
            self.root, self.resources
        )
    }
}

/// Every state, and how its one line begins.
fn states() -> Vec<(&'static str, State, &'static str)> {
    let calm = State::calm;
    let meta = |name: &str, value: &str| {
        let set = format!(r#"<meta_attributes id="dm"><nvpair id="dm-v" name="{name}" value="{value}"/></meta_attributes><operations>"#);
        DUMMY.replace("<operations>", &set)
    };
    vec![
        ("calm", calm(), "CLUSTER OK: 3 nodes online"),
        ("nothing configured", State { resources: String::new(), results: String::new(), ..calm() }, "CLUSTER OK"),
        ("a node left", State { states: [MEMBER, MEMBER, AWAY], ..calm() }, "CLUSTER WARN: offline node: node3"),
        ("two nodes left", State { states: [MEMBER, AWAY, AWAY], ..calm() }, "CLUSTER WARN: offline node: node2"),
        (
            "a node is lost and must be fenced",
            State { states: [MEMBER, MEMBER, LOST], properties: &[("stonith-enabled", "true")], ..calm() },
            "CLUSTER WARN: offline node: node3",
        ),
        ("a node joins", State { states: [MEMBER, MEMBER, JOINING], ..calm() }, "CLUSTER WARN"),
        ("standby", State { nodes: ["", "", "standby"], ..calm() }, "CLUSTER OK: 2 nodes online, 1 standby node"),
        ("standby, another left", State { nodes: ["", "", "standby"], states: [MEMBER, AWAY, MEMBER], ..calm() }, "CLUSTER WARN"),
        ("a node in maintenance", State { nodes: ["", "", "maintenance"], ..calm() }, "CLUSTER OK: 2 nodes online, 1 maintenance node"),
        ("maintenance", State { properties: &[("stonith-enabled", "false"), ("maintenance-mode", "true")], ..calm() }, "CLUSTER OK"),
        ("nobody coordinates", State { root: r#"have-quorum="1""#, ..calm() }, "CLUSTER WARN: No DC"),
        ("nobody is there", State { root: "", states: [AWAY; 3], ..calm() }, "CLUSTER WARN: No DC, offline node: node1"),
        ("no quorum", State { root: r#"have-quorum="0" dc-uuid="1""#, ..calm() }, "CLUSTER OK"),
        ("a monitor failed", State { results: result("start", 0, 0, 0) + &result("monitor", 10000, 7, 0), ..calm() }, "CLUSTER OK"),
        ("a start failed", State { results: result("start", 0, 1, 0), ..calm() }, "CLUSTER OK"),
        ("a stop failed", State { results: result("stop", 0, 1, 0), ..calm() }, "CLUSTER OK"),
        ("unmanaged", State { resources: meta("is-managed", "false"), ..calm() }, "CLUSTER OK"),
        ("stopped on purpose", State { resources: meta("target-role", "Stopped"), results: String::new(), ..calm() }, "CLUSTER OK"),
    ]
}

/// What monitors call.
const CALLS: [&[&str]; 6] = [
    &["crm_mon", "-s"],
    &["crm_mon", "-X", "--inactive"],
    &["crm_mon", "--output-as=xml"],
    &["crm_mon", "-1rnAfRot"],
    &["crm_mon", "-1", "--show-detail"],
    &["cibadmin", "--query", "--local"],
];

/// Runs a tool of either set; returns what it printed, less the time of the display, and its exit code.
fn ask(mut command: Command, file: &Path) -> (Vec<String>, Option<i32>) {
    let output = command.env("CIB_file", file).env("TZ", "UTC").env_remove("CIB_shadow").output().expect("the tool can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // C-322: the one line comes alone.
    let is_lasting =
        |line: &&str| !["Last updated", "last_update time", "Error outputting status info"].iter().any(|part| line.contains(part));
    (text.lines().filter(is_lasting).map(|line| line.trim_end().to_owned()).collect(), output.status.code())
}

#[test]
fn monitors_read_the_same_in_every_state() {
    if !Path::new("/usr/sbin/crm_mon").exists() {
        eprintln!("skipped: monitors_read_the_same_in_every_state: Pacemaker's tools are not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, state, begins) in states() {
        let file = folder.path().join("cib.xml");
        std::fs::write(&file, state.cib()).expect("the CIB can be written");
        for call in CALLS {
            // By its bare name, which is part of what it prints.
            let mut theirs = Command::new(call[0]);
            theirs.args(&call[1..]).env("PATH", "/usr/sbin:/usr/bin");
            let mut ours = Command::new(env!("CARGO_BIN_EXE_systole"));
            ours.args(call);
            let (theirs, ours) = (ask(theirs, &file), ask(ours, &file));
            assert_eq!(ours, theirs, "{name}: {call:?}");
            assert_eq!(ours.1, Some(0), "{name}: {call:?}");
            if call[1] == "-s" {
                assert!(ours.0.len() == 1 && ours.0[0].starts_with(begins), "{name}: {:?}", ours.0);
            }
        }
    }
}
