//! Corners that few configurations have, and in which the plan must still be whole and be Pacemaker's.

use model::Timestamp;
use status::Facts;
use transition::{ActionKind, Plan};

const NOW: i64 = 1_782_900_000;

/// A cluster of `n1` and `n2`, both online; `history` holds what is recorded on each, `more` further elements of the status.
#[derive(Default)]
struct Cluster {
    options: &'static str,
    resources: &'static str,
    constraints: &'static str,
    tags: &'static str,
    attributes: &'static str,
    history: [&'static str; 2],
    more: &'static str,
}

impl Cluster {
    fn facts(&self) -> Facts {
        let options: String = self
            .options
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| format!(r#"<nvpair id="o-{name}" name="{name}" value="{value}"/>"#))
            .collect();
        let state = |name: &str, attributes: &str, history: &str| {
            format!(
                r#"<node_state id="{name}" uname="{name}" in_ccm="true" crmd="online" join="member" expected="member">
                <transient_attributes id="{name}"><instance_attributes id="t-{name}">{attributes}</instance_attributes></transient_attributes>
                <lrm id="{name}"><lrm_resources>{history}</lrm_resources></lrm></node_state>"#
            )
        };
        let text = format!(
            r#"<cib validate-with="pacemaker-3.9" crm_feature_set="3.16.1" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1" dc-uuid="n1">
            <configuration><crm_config><cluster_property_set id="o">{options}</cluster_property_set></crm_config>
            <nodes><node id="n1" uname="n1"/><node id="n2" uname="n2"/></nodes><resources>{}</resources>
            <constraints>{}</constraints><tags>{}</tags></configuration><status>{}{}{}</status></cib>"#,
            self.resources,
            self.constraints,
            self.tags,
            state("n1", self.attributes, self.history[0]),
            state("n2", "", self.history[1]),
            self.more
        );
        let tree = xml::parse(text.as_bytes(), &xml::Limits::default()).expect("the test's own text is well-formed");
        Facts::deduce(&tree, Timestamp::from_seconds(NOW))
    }

    fn plan(&self) -> Plan {
        scheduler::schedule(&self.facts())
    }

    /// Returns who is colocated with whom.
    fn colocated(&self) -> Vec<(String, String)> {
        let facts = self.facts();
        let document = cib::Cib::new(facts.cib());
        let found = scheduler::constraints::constraints(&facts, &document.configuration).colocations;
        let name = |index| facts.resource(index).id.to_string();
        found.iter().map(|colocation| (name(colocation.dependent), name(colocation.primary))).collect()
    }
}

#[test]
fn what_is_promoted_in_a_guest_that_is_fenced_for_a_lost_ticket_is_demoted_first() {
    let plan = Cluster {
        options: "stonith-enabled=true",
        resources: r#"<primitive id="f" class="stonith" type="fence_dummy"/>
            <primitive id="vm" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="vm-m"><nvpair id="vm-m-r" name="remote-node" value="inner"/></meta_attributes></primitive>
            <clone id="c"><meta_attributes id="c-m"><nvpair id="c-m-p" name="promotable" value="true"/><nvpair id="c-m-c" name="clone-max" value="1"/></meta_attributes>
            <primitive id="p" class="ocf" provider="pacemaker" type="Stateful"/></clone>"#,
        constraints: r#"<rsc_ticket id="t" rsc="c" ticket="T" loss-policy="fence"/>"#,
        history: [
            r#"<lrm_resource id="vm" class="ocf" provider="heartbeat" type="Dummy"><lrm_rsc_op id="vm_last_0" operation="start" operation_key="vm_start_0" interval="0" call-id="1" rc-code="0" op-status="0" transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x"/></lrm_resource>
               <lrm_resource id="inner" class="ocf" provider="pacemaker" type="remote" container="vm"><lrm_rsc_op id="inner_last_0" operation="start" operation_key="inner_start_0" interval="0" call-id="2" rc-code="0" op-status="0" transition-key="2:1:0:x" transition-magic="0:0;2:1:0:x"/></lrm_resource>"#,
            "",
        ],
        more: r#"<node_state id="inner" uname="inner" remote_node="true" in_ccm="true"><lrm id="inner"><lrm_resources>
            <lrm_resource id="p" class="ocf" provider="pacemaker" type="Stateful"><lrm_rsc_op id="p_last_0" operation="promote" operation_key="p_promote_0" interval="0" call-id="3" rc-code="0" op-status="0" transition-key="3:1:0:x" transition-magic="0:0;3:1:0:x"/></lrm_resource>
            </lrm_resources></lrm></node_state>"#,
        ..Cluster::default()
    }
    .plan();
    let demote = plan.graph.actions.iter().find(|action| action.operation == "demote" && action.node.is_some());
    let demote = demote.expect("the promoted instance is demoted");
    assert_eq!((demote.kind, demote.node.as_ref().unwrap().name.as_str()), (ActionKind::Resource, "inner"));
    assert!(plan.graph.absent.is_empty(), "an action waits for one that is not there");
}

#[test]
fn a_moment_that_has_passed_is_no_reason_to_plan_again() {
    let plan = Cluster {
        options: "stonith-enabled=false shutdown-lock=true shutdown-lock-limit=10min",
        resources: r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>"#,
        attributes: r#"<nvpair id="n1-shutdown" name="shutdown" value="1782890000"/>"#,
        history: [
            r#"<lrm_resource id="a" class="ocf" provider="heartbeat" type="Dummy"><lrm_rsc_op id="a_last_0" operation="start" operation_key="a_start_0" interval="0" call-id="1" rc-code="0" op-status="0" transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x"/></lrm_resource>"#,
            "",
        ],
        ..Cluster::default()
    }
    .plan();
    assert_eq!(plan.recheck_by, None);
}

#[test]
fn tags_within_tags_stand_for_their_resources_in_a_set() {
    let cluster = Cluster {
        resources: r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/><primitive id="b" class="ocf" provider="heartbeat" type="Dummy"/>
            <primitive id="c" class="ocf" provider="heartbeat" type="Dummy"/>"#,
        constraints: r#"<rsc_colocation id="k" score="INFINITY"><resource_set id="k-0"><resource_ref id="a"/><resource_ref id="outer"/></resource_set></rsc_colocation>"#,
        tags: r#"<tag id="outer"><obj_ref id="inside"/><obj_ref id="c"/><obj_ref id="outer"/></tag><tag id="inside"><obj_ref id="b"/></tag>"#,
        ..Cluster::default()
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(cluster.colocated(), [pair("b", "a"), pair("c", "b")]);
}

#[test]
fn a_set_with_a_template_that_stands_for_something_unknown_counts_up_to_it() {
    // Compat: the primitive of a clone is known by its own name only once something is recorded of it.
    let cluster = Cluster {
        resources: r#"<template id="t" class="ocf" provider="heartbeat" type="Dummy"/><primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>
            <primitive id="b" template="t"/><clone id="many"><primitive id="c" template="t"/></clone>"#,
        constraints: r#"<rsc_colocation id="k" score="INFINITY"><resource_set id="k-0"><resource_ref id="a"/><resource_ref id="t"/></resource_set></rsc_colocation>"#,
        ..Cluster::default()
    };
    assert_eq!(cluster.colocated(), []);
}

#[test]
fn a_score_attribute_counts_up_to_what_is_no_digit() {
    let plan = Cluster {
        options: "stonith-enabled=false",
        resources: r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>"#,
        constraints: r##"<rsc_location id="l" rsc="a"><rule id="l-r" score-attribute="load"><expression id="l-e" attribute="#uname" operation="eq" value="n1"/></rule></rsc_location>"##,
        attributes: r#"<nvpair id="n1-load" name="load" value="2.5"/>"#,
        ..Cluster::default()
    }
    .plan();
    let mut of_a = plan.scores.iter().filter(|line| line.resource == "a" && line.text == "allocation score");
    let of_n1 = of_a.find(|line| line.node.as_ref().is_some_and(|node| node == "n1"));
    assert_eq!(of_n1.map(|line| line.score.value()), Some(2));
}

#[test]
fn a_history_of_another_agent_is_not_deleted_where_the_resource_is_probed() {
    let plan = Cluster {
        options: "stonith-enabled=false",
        resources: r#"<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>"#,
        history: [
            "",
            r#"<lrm_resource id="a" class="ocf" provider="other" type="Dummy"><lrm_rsc_op id="a_last_0" operation="start" operation_key="a_start_0" interval="0" call-id="1" rc-code="1" op-status="1" transition-key="1:1:0:x" transition-magic="1:1;1:1:0:x"/></lrm_resource>"#,
        ],
        ..Cluster::default()
    }
    .plan();
    let on_n2 = plan.graph.actions.iter().filter(|action| action.node.as_ref().is_some_and(|node| node.name == "n2"));
    let operations: Vec<&str> = on_n2.map(|action| action.operation.as_str()).collect();
    assert!(operations.contains(&"monitor") && !operations.contains(&"delete"), "{operations:?}");
}

#[test]
fn of_several_companions_the_one_that_is_first_in_importance_is_held_back_first() {
    let plan = Cluster {
        resources: r#"<primitive id="f" class="stonith" type="fence_dummy"/>
            <group id="g"><primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/><primitive id="b" class="ocf" provider="heartbeat" type="Dummy"/></group>"#,
        constraints: r#"<rsc_ticket id="t" rsc="g" rsc-role="Started" ticket="T" loss-policy="freeze"/>
            <rsc_colocation id="k" score="INFINITY"><resource_set id="k-0" role="Stopped" ordering="listed">
            <resource_ref id="f"/><resource_ref id="g"/><resource_ref id="a"/></resource_set></rsc_colocation>"#,
        ..Cluster::default()
    }
    .plan();
    let start = plan.changes.iter().find(|change| change.subject == "f").expect("the device is to start, and is held back");
    assert!(start.reason.contains("colocation with g"), "{}", start.reason);
}

#[test]
fn a_location_on_a_bundles_node_does_not_make_others_wait_for_its_container() {
    let plan = Cluster {
        options: "stonith-enabled=false",
        resources: r#"<bundle id="b"><podman image="b:1" replicas="1"/><network control-port="3121"/><primitive id="in" class="ocf" provider="heartbeat" type="Dummy"/></bundle>
            <clone id="c"><primitive id="p" class="ocf" provider="heartbeat" type="Dummy"/></clone>"#,
        constraints: r#"<rsc_location id="l" rsc="c"><rule id="l-r" score="-INFINITY"><expression id="l-e" attribute="connected" operation="not_defined"/></rule></rsc_location>"#,
        attributes: r#"<nvpair id="n1-connected" name="connected" value="1"/>"#,
        ..Cluster::default()
    }
    .plan();
    let start = plan.graph.actions.iter().find(|action| action.operation_key == "c_start_0").expect("the clone starts on n1");
    let before = plan.graph.actions.iter().filter(|action| start.after.contains(&action.id));
    let keys: Vec<&str> = before.map(|action| action.operation_key.as_str()).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("p:")), "{keys:?}");
}
