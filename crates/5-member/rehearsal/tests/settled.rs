//! What a plan leaves on paper is what the next plan wants to find.

use model::Timestamp;
use rehearsal::Injections;
use status::Facts;
use xml::Element;

fn cib(resources: &str) -> Element {
    let text = format!(
        "<cib have-quorum='1' crm_feature_set='3.16.1' validate-with='pacemaker-3.9'><configuration><crm_config>\
         <cluster_property_set id='o'><nvpair id='s' name='stonith-enabled' value='false'/></cluster_property_set></crm_config>\
         <nodes><node id='1' uname='n1'/></nodes><resources>{resources}</resources><constraints/></configuration>\
         <status><node_state id='1' uname='n1' in_ccm='true' crmd='online' join='member' expected='member'/></status></cib>"
    );
    xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
}

/// Carries a plan out; returns the keys of what the next one does.
fn left_after(mut cib: Element) -> Vec<String> {
    let now = Timestamp::from_seconds(1_000_000);
    let facts = Facts::deduce(&cib, now);
    let plan = scheduler::schedule(&facts);
    assert!(!plan.graph.actions.is_empty(), "there is something to do");
    rehearsal::execute(&mut cib, &facts, &plan.graph, &Injections::default(), now);
    let again = scheduler::schedule(&Facts::deduce(&cib, now)).graph;
    again.actions.into_iter().map(|action| action.operation_key).collect()
}

const PRIMITIVE: &str = "<primitive id='r' class='ocf' provider='heartbeat' type='IPaddr'><instance_attributes id='i'>\
    <nvpair id='p' name='1' value='192.0.2.1'/></instance_attributes>\
    <operations><op id='m' name='monitor' interval='5s'/></operations></primitive>";

#[test]
fn a_parameter_with_a_number_for_a_name_has_not_changed() {
    assert_eq!(left_after(cib(PRIMITIVE)), Vec::<String>::new());
}

#[test]
fn where_a_node_comes_what_does_something_is_configured() {
    let known = cib(PRIMITIVE);
    let now = Timestamp::from_seconds(1_000_000);
    let facts = Facts::deduce(&known, now);
    let plan = scheduler::schedule(&facts);
    let configured = |imagined: &Injections| {
        let mut unlisted = known.clone();
        if let Some(nodes) = unlisted.child_mut("configuration").and_then(|c| c.child_mut("nodes")) {
            nodes.children.clear();
        }
        rehearsal::execute(&mut unlisted, &facts, &plan.graph, imagined, now);
        unlisted.descend(&["configuration", "nodes"]).map_or(0, |nodes| nodes.elements_named("node").count())
    };
    assert_eq!(configured(&Injections::default()), 0);
    assert_eq!(configured(&Injections { nodes_up: vec!["n2".to_owned()], ..Injections::default() }), 1);
}
