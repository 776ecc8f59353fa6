//! The real crm and pcs on a CIB file, with Pacemaker's tools and with ours in their place: the same comes out.
//!
//! Skipped by name where that is not allowed, or where crmsh or pcs are not installed.

mod swapped;

use swapped::{Whose, missing};

const CIB: &str = r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="node1"/>
      <node id="2" uname="node2"/>
    </nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="node2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"#;

/// Runs a script with `$CIB_file` set; returns what it printed and the CIB after it.
fn run(script: &str, whose: Whose) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, CIB).expect("the CIB can be written");
    let output = swapped::run(script, whose, folder.path(), &[("CIB_file", &file.display().to_string())]);
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (printed, std::fs::read_to_string(&file).expect("the CIB is there"))
}

/// Returns the lines that do not depend on the time or on who wrote them.
fn lasting(text: &str) -> Vec<String> {
    let is_lasting = |line: &&str| !["Last updated", "Last change", "Blind faith"].iter().any(|part| line.contains(part));
    text.lines().filter(is_lasting).map(|line| line.trim_end().to_owned()).collect()
}

fn compare(client: &str, script: &str) {
    if let Some(reason) = missing(client) {
        eprintln!("skipped: {client} on a CIB file: {reason}");
        return;
    }
    let (their_output, their_cib) = run(script, Whose::Pacemakers);
    let (our_output, our_cib) = run(script, Whose::Ours);
    assert_eq!(lasting(&our_output), lasting(&their_output), "what {client} prints");
    assert_eq!(lasting(&our_cib), lasting(&their_cib), "the CIB after {client}");
    assert!(our_cib.contains("d1"), "{client} changed nothing: {our_output}");
}

#[test]
fn crm_configures_shows_and_changes() {
    let script = "
        cat > verbs <<'END'
configure primitive d1 ocf:heartbeat:Dummy op monitor interval=10s
configure primitive d2 ocf:heartbeat:Dummy
configure group g d1 d2
configure clone c g
configure primitive p ocf:heartbeat:Dummy
configure location l1 c rule 100: '#uname' eq node1
configure colocation col1 inf: c p
configure order o1 Mandatory: p c
configure rsc_defaults resource-stickiness=10
configure show
resource status
resource locate d1
resource meta g set target-role Started
resource ban p node1
resource constraints d1
resource clear p
node standby node1
node online node1
node attribute node1 set color red
node attribute node1 show color
maintenance on
maintenance off
configure rename o1 o2
configure delete col1
status
END
        while read verb; do echo \"# $verb\"; eval \"crm $verb\" < /dev/null; done < verbs";
    compare("/usr/sbin/crm", script);
}

#[test]
fn pcs_configures_shows_and_changes() {
    let script = "
        cat > verbs <<'END'
resource create d1 ocf:heartbeat:Dummy op monitor interval=10s
resource create d2 ocf:heartbeat:Dummy --group g
resource create d3 ocf:heartbeat:Dummy clone
constraint location d1 prefers node1=100
constraint order d3-clone then g
constraint colocation add g with d3-clone
constraint --full
property set no-quorum-policy=freeze
property config
resource config --output-format=json
resource disable g
resource enable g
resource ban g node1
resource clear g
node standby node1
node unstandby node1
resource status
status nodes
stonith config --output-format=json
cluster verify
resource delete d2
END
        while read verb; do echo \"# $verb\"; eval \"pcs -f $CIB_file $verb\" < /dev/null; done < verbs";
    compare("/usr/sbin/pcs", script);
}
