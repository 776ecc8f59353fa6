//! The tools that change a cluster, run as programs on a CIB file: what they print, how they end, what is there after them.

use std::process::Command;

const CIB: &str = r#"<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.1" admin_epoch="0" epoch="7" num_updates="3" have-quorum="1">
  <configuration>
    <crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
    <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
    <resources><clone id="c"><primitive id="web" class="ocf" provider="heartbeat" type="Dummy"/></clone></resources>
    <constraints/>
  </configuration>
  <status/>
</cib>
"#;

/// Runs commands one after the other on one CIB file: each with its exit code and a part of what it prints.
fn run(steps: &[(&str, i32, &str)]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("cib.xml");
    std::fs::write(&file, CIB).expect("the CIB can be written");
    for (words, exit, part) in steps {
        let mut command = Command::new(env!("CARGO_BIN_EXE_systole"));
        let (variable, words) = match words.split_once("! ") {
            Some((user, words)) => (Some(user), words),
            None => (None, *words),
        };
        command.args(words.split(' ')).env("CIB_file", &file).env("CIB_shadow_dir", folder.path()).env_remove("CIB_shadow");
        match variable.and_then(|pair| pair.split_once('=')) {
            Some((name, value)) => command.env(name, value),
            None => command.env_remove("CIB_user"),
        };
        let output = command.env("TZ", "UTC").output().expect("the program can be started");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(*exit), "{words}: {said}");
        assert!(said.contains(part), "{words}: {part:?} is not in {said:?}");
    }
}

#[test]
fn parameters_of_a_clone_are_set_where_pacemaker_sets_them() {
    run(&[
        ("crm_resource -r web -q", 0, "web\t(ocf:heartbeat:Dummy):\t Stopped\nResource XML:\n<primitive id=\"web\""),
        ("crm_resource -r web --meta -p is-managed -v false", 0, "Performing update of 'is-managed' on 'c', the parent of 'web'"),
        ("crm_resource -r web --meta -p is-managed -v true --force", 0, "set=web-meta_attributes name=is-managed value=true"),
        ("crm_resource -r c --meta -p is-managed -v false", 0, "A value for 'is-managed' already exists in child 'web'"),
        ("crm_resource -r c --meta -g is-managed --output-as=xml", 0, "<item name=\"is-managed\">false</item>"),
        ("crm_resource -r web -g nothing", 0, "Attribute 'nothing' not found for 'web:0'"),
        ("crm_resource -r web:0 --meta -p priority -v 1", 0, "Performing update of 'priority' on 'c', the parent of 'web:0'"),
        ("crm_resource -r web:0 -p p -v v", 0, "Set 'web' option: id=web-instance_attributes-p"),
        ("crm_resource -r c --digests -N node1", 3, "Unimplemented"),
        ("crm_resource -r nobody -D -t primitive", 105, "Resource 'nobody' not found"),
        ("crm_resource -r c -M -N node1 --promoted", 0, "Ignoring --promoted option: c is not promotable"),
        ("cibadmin -Q -A //rsc_location[@id='cli-prefer-c']", 0, "role=\"Started\""),
        ("crm_resource -r c -U", 0, "Removing constraint: cli-prefer-c"),
        ("crm_resource -r c -B -N node1 --promoted", 0, "from being promoted on node1"),
        ("crm_resource -r c -U", 0, ""),
        ("crm_resource -r c -F -N node1", 102, "Not connected"),
        ("crm_resource -r c --restart", 105, "not running anywhere"),
        ("crm_resource -r web:0 -M -N node1", 2, "Cannot operate on clone resource instance 'web:0'"),
        ("crm_resource -r nobody -W", 105, "Resource 'nobody' not found"),
        ("crm_resource -r c -B -N node1 -u PT1H", 0, "Migration will take effect until: "),
        ("crm_resource -a -r c", 0, "  * Node node1 (score=-INFINITY, id=cli-ban-c-on-node1-rule, rsc=c)"),
        ("crm_resource --clear --expired", 0, ""),
        ("crm_resource -r c -U", 0, "Removing constraint: cli-ban-c-on-node1"),
        ("crm_resource words", 64, "[1 of 1] words"),
        ("crm_resource --get-property type -r web", 0, "Dummy\n"),
        ("crm_resource --set-property description -v d -r web", 105, "Must specify -t with resource type"),
        ("crm_resource --set-property description -v d -r web -t primitive", 0, ""),
        ("crm_resource -G description -r web --output-as=xml", 0, "<item name=\"description\">d</item>"),
        ("crm_resource --validate --class ocf --provider systole --agent nosuch", 64, "ocf:systole:nosuch is not a known resource"),
        ("crm_resource -F -r web -N nobody", 105, "Node 'nobody' not found"),
    ]);
}

#[test]
fn tickets_options_and_nodes_are_kept() {
    run(&[
        ("crm_ticket -t U -D granted --force", 0, ""),
        ("cibadmin -Q -A //ticket_state[@id='U']", 105, ""),
        ("crm_ticket -t T -g", 4, "Ticket modification not allowed"),
        ("crm_ticket -t T -g --force -S owner --attr-value=-1 -S term -v 3", 0, ""),
        ("crm_ticket -t T -q", 0, "State XML:\n\n<ticket_state id=\"T\" granted=\"true\""),
        ("crm_ticket -t T -G owner", 0, "-1\n"),
        ("crm_ticket -t T -G nothing", 105, ""),
        ("crm_ticket -t nobody -C", 105, "No such ticket 'nobody'"),
        ("crm_ticket -t nobody -C --force", 0, ""),
        ("crm_attribute -i nothing -G", 105, "No such device or address"),
        ("crm_attribute -i o-f -G", 0, "scope=crm_config id=o-f name=stonith-enabled value=false"),
        ("crm_failcount -r web -N node1", 64, "must specify a command"),
        ("crm_failcount -G -r web -N node1 -n monitor -I 10s", 0, "name=fail-count-web#monitor_10000 value=0"),
        ("crm_failcount -D -r nobody -N node1", 105, "Resource 'nobody' not found"),
        ("crm_failcount -D -r web -N node1", 0, "Dry run: skipping clean-up of web"),
        ("cibadmin -C -o tags -X <tag/>", 70, "reason=\"Invalid argument\""),
        ("cibadmin -C -X <primitive/>", 105, "Call failed: No such device or address"),
        ("cibadmin -M -c -X <primitive/>", 78, "has no place directly in <cib>"),
        ("cibadmin -d -X <primitive/>", 107, "--force flag is required"),
        ("crm_attribute -n a -v 1", 0, ""),
        ("crm_attribute -n a -v 2 -s other", 0, ""),
        ("crm_attribute -n a -v 3", 109, "Multiple attributes match name=a"),
        ("crm_attribute -N node1 -n x -G", 105, "No such device or address"),
        ("crm_standby -N node1 -v on", 0, ""),
        ("crm_attribute -t nodes -N node1 -P no.* -v on", 64, "pattern can only be used"),
        ("crm_attribute -t nodes -N node1 -n kept-a -v 1", 0, ""),
        ("crm_attribute -t nodes -N node1 -P kept.* -v 2", 0, ""),
        ("crm_attribute -t nodes -N node1 -P kept.* -G -q", 0, "2\n"),
        ("crm_attribute -t nodes -N node1 -P kept.* -D", 0, "Deleted nodes attribute: id=nodes-1-kept-a name=kept-a"),
        ("iso8601 -p -0001-10-01/P1M", 2, "Invalid interval specified"),
        ("crm_standby -N node1 -G", 0, "scope=nodes  name=standby value=on"),
        ("cibadmin -C -o nodes -X <node_/>", 78, "Call failed: Update does not conform to the configured schema"),
        ("cibadmin -C -o nodes -X <node", 78, ""),
        ("cibadmin -Q -A //node -e", 0, "/cib/configuration/nodes/node[@id='1']"),
        ("crmadmin -N -B", 0, "export node1=1\n"),
        ("iso8601 -d 2009-03-31 -D P-1M -E 2009-02-28", 1, "Duration ends at: 2009-02-28 00:00:00Z"),
    ]);
}

#[test]
fn shadow_copies_and_access_rules_hold() {
    run(&[
        ("crm_shadow -b -c one", 0, "CIB_shadow=one ; export CIB_shadow"),
        ("CIB_shadow=one! crm_attribute -n b -v 1", 0, ""),
        ("CIB_shadow=one! crm_shadow -d", 1, "name=\"b\""),
        ("crm_attribute -n b -G", 105, ""),
        ("crm_shadow -C one", 64, "--force"),
        ("crm_shadow -C one --force", 0, ""),
        ("crm_attribute -n b -G -q", 0, "1\n"),
        ("crm_shadow -b -s two", 105, "Could not access shadow instance 'two'"),
        ("crm_attribute -n enable-acl -v true", 0, ""),
        ("CIB_user=anna! cibadmin -Q", 4, "Call failed: Permission denied"),
        ("CIB_user=anna! crm_attribute -n b -v 2", 4, "Permission denied"),
        ("CIB_user=root! crm_attribute -n b -v 2", 0, ""),
        ("cibadmin --show-access=text -Q --user anna --force", 0, "vvv---[ ~DENIED~ ]---vvv"),
    ]);
}

#[test]
fn native_commands_answer_in_json() {
    run(&[
        ("ban c node1 --output json", 0, r#""done":true"#),
        ("clear c --output json", 0, "removed cli-ban-c-on-node1"),
        ("move nobody node1 --output json", 105, r#""meaning":"No such object""#),
    ]);
}

#[test]
fn a_copy_is_made_beside_another_and_anew_by_force() {
    run(&[
        ("CIB_shadow=other! crm_shadow -b -c one", 0, "CIB_shadow=one"),
        ("CIB_shadow=other! crm_shadow -b -c one", 73, "already exists"),
        ("CIB_shadow=other! crm_shadow -b -e two", 0, "Created new pacemaker-3.9 configuration"),
        ("CIB_shadow=other! crm_shadow -b -r one", 64, "--force"),
        ("crm_shadow -b -r three", 105, "Could not access shadow instance 'three'"),
        ("crm_shadow -b -r three -f", 0, "CIB_shadow=three"),
    ]);
}

/// As Pacemaker ends: what works on a cluster cannot reach it, what only looks at a configuration has no input.
#[test]
fn a_file_that_is_not_there_is_a_cluster_that_cannot_be_reached() {
    for (words, exit) in [
        ("cibadmin -Q", 105),
        ("crm_resource -L", 105),
        ("crm_attribute -n x -v 1", 105),
        ("crm_verify -L", 66),
        ("crm_simulate -L -S", 66),
    ] {
        run(&[(&format!("CIB_file=/nonexistent/cib.xml! {words}"), exit, "")]);
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    run(&[
        ("crm_mon -1 -1 --group-by-node -n", 0, "Node node1"),
        ("crm_mon -1 -i soon", 64, "Invalid value for -i: soon"),
        ("crm_mon -1 -w", 64, "CGI mode used with CIB file"),
        ("crm_node -R nobody", 64, "--force flag is required"),
        ("crmadmin -N -t soon", 64, "Error parsing option -t"),
        ("stonith_admin -M -a bogus", 105, "No such device"),
    ]);
}
