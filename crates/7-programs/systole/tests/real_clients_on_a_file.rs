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

/// A client's commands, one a line; what it is told before each of them stands in the environment.
const CRM: &str = include_str!("swapped/crm.verbs");
const PCS: &str = include_str!("swapped/pcs.verbs");

/// Runs each command and keeps by command what was printed, what was complained of, and what became of the CIB.
const EACH: &str = r##"
printf '#!/bin/sh\nsed -i s/fake=two/fake=edited/ "$@"\n' > editor; chmod +x editor; export EDITOR=$PWD/editor
echo 'primitive d5 ocf:heartbeat:Dummy' > more; cp cib.xml first.xml
while read -r verb; do
    echo "# $verb" | tee -a complained cibs >> told
    eval "timeout 300 $CLIENT $verb" < /dev/null >> told 2>> complained
    echo "ends with $?" >> told; cat cib.xml >> cibs
done < verbs
"##;

/// Returns what belongs to each command, less what depends on the time, on the place, or is in our own words on purpose.
fn by_command(text: &str, folder: &str) -> Vec<(String, Vec<String>)> {
    const CHANGING: [&str; 6] =
        ["Last updated", "Last change", "Blind faith", "last_update time", "take effect until", "last time granted"];
    // C-463: a tool that needs a running cluster says so in its own words.
    const OWN_WORDS: [&str; 2] = ["Could not connect to controller", "the cluster is not running on this node"];
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let line = line.replace(folder, "FOLDER");
        if line.starts_with("# ") {
            all.push((line, Vec::new()));
        } else if let Some((_, lines)) = all.last_mut()
            && !CHANGING.iter().chain(&OWN_WORDS).any(|part| line.contains(part))
        {
            lines.push(line.split("last-granted=").next().unwrap_or_default().trim_end().to_owned());
        }
    }
    all
}

/// Lets a client carry out the commands with both sets of tools, and compares command by command.
fn compare_each(name: &str, client: &str, prefix: &str, verbs: &str) {
    if let Some(reason) = missing(client) {
        eprintln!("skipped: {name}: {reason}");
        return;
    }
    let kept = |whose| -> [Vec<(String, Vec<String>)>; 3] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("cib.xml"), CIB).and_then(|()| std::fs::write(path("verbs"), verbs)).expect("files can be written");
        let cib = path("cib.xml").display().to_string();
        swapped::run(EACH, whose, folder.path(), &[("CIB_file", &cib), ("CLIENT", prefix)]);
        let read = |name: &str| String::from_utf8_lossy(&std::fs::read(path(name)).unwrap_or_default()).into_owned();
        ["told", "complained", "cibs"].map(|name| by_command(&read(name), &folder.path().display().to_string()))
    };
    let (theirs, ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| kept(Whose::Pacemakers));
        let ours = kept(Whose::Ours);
        (theirs.join().expect("a run does not panic"), ours)
    });
    let mut different = Vec::new();
    for ((theirs, ours), what) in theirs.iter().zip(&ours).zip(["prints", "complains of", "makes of the CIB"]) {
        assert_eq!((theirs.len(), ours.len()), (verbs.lines().count(), verbs.lines().count()), "{what}");
        for ((verb, theirs), (_, ours)) in theirs.iter().zip(ours).filter(|(theirs, ours)| theirs != ours) {
            different.push(format!("what {verb:?} {what}, with ours:\n{}\nwith Pacemaker's:\n{}", ours.join("\n"), theirs.join("\n")));
        }
    }
    let has_worked = theirs[2].last().is_some_and(|(_, cib)| cib.iter().any(|line| line.contains("<primitive")));
    assert!(has_worked, "nothing was configured");
    assert!(different.is_empty(), "{} differences\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn every_level_of_crm_does_the_same() {
    compare_each("every_level_of_crm_does_the_same", "/usr/sbin/crm", "crm -F", CRM);
}

#[test]
fn every_part_of_pcs_does_the_same() {
    compare_each("every_part_of_pcs_does_the_same", "/usr/sbin/pcs", "pcs -f cib.xml", PCS);
}
