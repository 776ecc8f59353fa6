//! Small clusters, one behaviour each: where everything goes, and in which role.
//!
//! Each test writes a CIB of three nodes, places it, and compares node and role of every primitive. Behaviour of other
//! passes is not tested here.

use model::Role;
use std::fmt::Write;

/// A cluster of three nodes without fencing, and what is said about it.
#[derive(Default)]
struct Cluster {
    options: String,
    nodes: String,
    resources: String,
    constraints: String,
    more: String,
    tickets: String,
    running: Vec<(&'static str, &'static str, &'static str)>,
    attributes: Vec<(&'static str, &'static str, &'static str)>,
    offline: Vec<&'static str>,
    quorum: Option<bool>,
}

const NODES: [&str; 3] = ["node1", "node2", "node3"];

fn nvpairs(prefix: &str, pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!(r#"<nvpair id="{prefix}-{name}" name="{name}" value="{value}"/>"#);
    pairs.iter().map(pair).collect()
}

fn meta(id: &str, pairs: &[(&str, &str)]) -> String {
    format!(r#"<meta_attributes id="{id}-meta">{}</meta_attributes>"#, nvpairs(&format!("{id}-meta"), pairs))
}

fn primitive(id: &str, pairs: &[(&str, &str)]) -> String {
    let meta = meta(id, pairs);
    format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Stateful">{meta}</primitive>"#)
}

fn sized(id: &str, cpu: u32) -> String {
    let utilization = format!(r#"<utilization id="{id}-u">{}</utilization>"#, nvpairs(id, &[("cpu", &cpu.to_string())]));
    primitive(id, &[]).replace("</primitive>", &format!("{utilization}</primitive>"))
}

fn clone(id: &str, pairs: &[(&str, &str)], inside: &str) -> String {
    format!(r#"<clone id="{id}">{}{inside}</clone>"#, meta(id, pairs))
}

fn prefer(resource: &str, node: &str, score: &str) -> String {
    format!(r#"<rsc_location id="{resource}-{node}" rsc="{resource}" node="{node}" score="{score}"/>"#)
}

fn together(dependent: &str, primary: &str, more: &str) -> String {
    format!(r#"<rsc_colocation id="{dependent}-with-{primary}" rsc="{dependent}" with-rsc="{primary}" {more}/>"#)
}

impl Cluster {
    fn with(resources: &[String], constraints: &[String]) -> Self {
        Cluster { resources: resources.concat(), constraints: constraints.concat(), ..Cluster::default() }
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.options += &nvpairs("option", &[(name, value)]);
        self
    }

    fn running(mut self, resource: &'static str, node: &'static str) -> Self {
        self.running.push((resource, node, "start"));
        self
    }

    fn promoted(mut self, resource: &'static str, node: &'static str) -> Self {
        self.running.push((resource, node, "promote"));
        self
    }

    fn attribute(mut self, node: &'static str, name: &'static str, value: &'static str) -> Self {
        self.attributes.push((node, name, value));
        self
    }

    fn text(&self) -> String {
        let mut nodes = String::new();
        let mut states = String::new();
        for node in NODES {
            let attributes: Vec<_> = self.attributes.iter().filter(|(at, ..)| *at == node).map(|(_, n, v)| (*n, *v)).collect();
            let pairs = nvpairs(&format!("{node}-t"), &attributes);
            let _ = write!(nodes, r#"<node id="{node}" uname="{node}"/>"#);
            let online = if self.offline.contains(&node) { ("false", "offline", "down") } else { ("true", "online", "member") };
            let mut history = String::new();
            for (resource, _, operation) in self.running.iter().filter(|(_, at, _)| *at == node) {
                let _ = write!(
                    history,
                    r#"<lrm_resource id="{resource}" class="ocf" provider="pacemaker" type="Stateful">
                      <lrm_rsc_op id="{resource}_last_0" operation_key="{resource}_{operation}_0" operation="{operation}" interval="0"
                        call-id="9" rc-code="0" op-status="0" on_node="{node}" transition-key="1:1:0:u" transition-magic="0:0;1:1:0:u"/>
                    </lrm_resource>"#
                );
            }
            let _ = write!(
                states,
                r#"<node_state id="{node}" uname="{node}" in_ccm="{}" crmd="{}" join="{}" expected="{}">
                  <transient_attributes id="{node}"><instance_attributes id="{node}-t">{pairs}</instance_attributes></transient_attributes>
                  <lrm id="{node}"><lrm_resources>{history}</lrm_resources></lrm></node_state>"#,
                online.0, online.1, online.2, online.2,
            );
        }
        let nodes = if self.nodes.is_empty() { nodes } else { self.nodes.clone() };
        let options = nvpairs("option", &[("fencing-enabled", "false")]) + &self.options;
        format!(
            r#"<cib validate-with="pacemaker-4.0" have-quorum="{}" epoch="1" num_updates="0" admin_epoch="0"><configuration>
              <crm_config><cluster_property_set id="o">{options}</cluster_property_set></crm_config><nodes>{nodes}</nodes>
              <resources>{}</resources><constraints>{}</constraints>{}</configuration><status>{states}{}</status></cib>"#,
            self.quorum.unwrap_or(true),
            self.resources,
            self.constraints,
            self.more,
            self.tickets,
        )
    }

    fn place(&self) -> (status::Facts, scheduler::placement::Placement, Vec<status::Problem>) {
        let tree = xml::parse(self.text().as_bytes(), &xml::Limits::default()).expect("the test's XML is well-formed");
        let cib = cib::Cib::new(&tree);
        let facts = status::Facts::deduce(&tree, model::Timestamp::from_seconds(1_000_000_000));
        let constraints = scheduler::constraints::constraints(&facts, &cib.configuration);
        let scores = scheduler::scores::scores(&facts, &constraints);
        let placement = scheduler::placement::placement(&facts, &constraints, &scores);
        (facts, placement, constraints.problems)
    }

    /// Checks the place of resources: `NAME NODE`, `NAME NODE Promoted`, `NAME -` for nowhere.
    fn check(self, expected: &[&str]) {
        let (facts, placement, problems) = self.place();
        let mut found = Vec::new();
        for (at, resource) in facts.resources.iter().enumerate().filter(|(_, resource)| resource.is_primitive()) {
            let node = placement.node[at].map_or("-", |node| facts.node(node).name.as_str());
            let role = if placement.role_planned[at] == Role::Promoted { " Promoted" } else { "" };
            found.push(format!("{} {node}{role}", resource.id));
        }
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "{problems:?}");
    }
}

#[test]
fn resources_spread_by_number_then_name_of_node() {
    let resources = ["a", "b", "c", "d"].map(|id| primitive(id, &[]));
    Cluster::with(&resources, &[]).check(&["a node1", "b node2", "c node3", "d node1"]);
}

#[test]
fn the_highest_score_wins() {
    let constraints = [prefer("a", "node2", "100"), prefer("a", "node3", "50")];
    Cluster::with(&[primitive("a", &[])], &constraints).check(&["a node2"]);
}

#[test]
fn a_resource_stays_while_stickiness_outweighs_preference() {
    let resources = [primitive("a", &[("resource-stickiness", "100")]), primitive("b", &[("resource-stickiness", "10")])];
    let constraints = [prefer("a", "node2", "50"), prefer("b", "node2", "50")];
    Cluster::with(&resources, &constraints).running("a", "node1").running("b", "node1").check(&["a node1", "b node2"]);
}

#[test]
fn without_symmetric_cluster_a_resource_runs_only_where_it_is_allowed() {
    let constraints = [prefer("a", "node3", "0")];
    let resources = [primitive("a", &[]), primitive("b", &[])];
    Cluster::with(&resources, &constraints).option("symmetric-cluster", "false").check(&["a node3", "b -"]);
}

#[test]
fn higher_priority_chooses_first_and_others_keep_away() {
    let resources = [primitive("low", &[]), primitive("high", &[("priority", "10")])];
    let constraints = [prefer("low", "node1", "10"), prefer("high", "node1", "10"), together("low", "high", r#"score="-INFINITY""#)];
    Cluster::with(&resources, &constraints).check(&["high node1", "low node2"]);
}

#[test]
fn a_dependent_follows_its_primary_and_the_primary_hears_its_wish() {
    let resources = [primitive("app", &[]), primitive("db", &[])];
    let constraints = [prefer("app", "node3", "50"), together("app", "db", r#"score="INFINITY""#)];
    Cluster::with(&resources, &constraints).check(&["app node3", "db node3"]);
}

#[test]
fn without_influence_a_running_primary_does_not_hear_its_dependent() {
    let resources = [primitive("app", &[]), primitive("db", &[])];
    let constraints = [prefer("app", "node3", "50"), together("app", "db", r#"score="INFINITY" influence="false""#)];
    Cluster::with(&resources, &constraints).running("db", "node1").check(&["app node1", "db node1"]);
}

#[test]
fn a_dependent_of_a_stopped_primary_stops() {
    let resources = [primitive("app", &[]), primitive("db", &[("target-role", "Stopped")])];
    Cluster::with(&resources, &[together("app", "db", r#"score="INFINITY""#)]).check(&["app -", "db -"]);
}

#[test]
fn nodes_with_the_same_attribute_are_one_place() {
    let resources = [primitive("app", &[]), primitive("db", &[])];
    let constraints = [
        prefer("db", "node1", "INFINITY"),
        prefer("app", "node1", "-INFINITY"),
        together("app", "db", r#"score="INFINITY" node-attribute="site""#),
    ];
    Cluster::with(&resources, &constraints)
        .attribute("node1", "site", "north")
        .attribute("node2", "site", "south")
        .attribute("node3", "site", "NORTH")
        .check(&["app node3", "db node1"]);
}

#[test]
fn members_of_a_set_that_avoid_each_other_all_go_apart() {
    let resources = ["a", "b", "c"].map(|id| primitive(id, &[]));
    let set = r#"<rsc_colocation id="apart" score="-INFINITY"><resource_set id="set">
        <resource_ref id="a"/><resource_ref id="b"/><resource_ref id="c"/></resource_set></rsc_colocation>"#;
    let constraints = [prefer("a", "node2", "1000"), prefer("b", "node2", "100"), prefer("c", "node2", "100"), set.to_owned()];
    Cluster::with(&resources, &constraints).check(&["a node2", "b node1", "c node3"]);
}

#[test]
fn a_tag_in_a_location_means_each_of_its_resources() {
    let mut cluster = Cluster::with(&["a", "b"].map(|id| primitive(id, &[])), &[prefer("t", "node3", "5")]);
    cluster.more = r#"<tags><tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>"#.into();
    cluster.check(&["a node3", "b node3"]);
}

#[test]
fn a_pattern_names_resources_and_the_attribute_that_scores_them() {
    let rule = r##"<rsc_location id="l" rsc-pattern="^ip-(.*)$"><rule id="r" score-attribute="want-%1">
        <expression id="e" attribute="#uname" operation="defined"/></rule></rsc_location>"##;
    Cluster::with(&["ip-db", "other"].map(|id| primitive(id, &[])), &[rule.to_owned()])
        .attribute("node3", "want-db", "7")
        .check(&["ip-db node3", "other node1"]);
}

#[test]
fn a_group_goes_where_all_of_it_can_run() {
    let group = format!(r#"<group id="g">{}{}</group>"#, primitive("first", &[]), primitive("second", &[]));
    let constraints = [prefer("g", "node1", "10"), prefer("second", "node1", "-INFINITY")];
    Cluster::with(&[group], &constraints).check(&["first node2", "second node2"]);
}

#[test]
fn a_stopped_member_takes_the_later_ones_down_and_leaves_the_earlier() {
    let members = primitive("a", &[]) + &primitive("b", &[("target-role", "Stopped")]) + &primitive("c", &[]);
    Cluster::with(&[format!(r#"<group id="g">{members}</group>"#)], &[]).check(&["a node1", "b -", "c -"]);
}

#[test]
fn a_clone_has_one_instance_on_each_node() {
    let resources = [clone("c", &[], &primitive("a", &[]))];
    Cluster::with(&resources, &[]).check(&["a:0 node1", "a:1 node2", "a:2 node3"]);
}

#[test]
fn instances_stay_where_they_are_when_there_are_fewer_than_nodes() {
    let resources = [clone("c", &[("clone-max", "2")], &primitive("a", &[]))];
    Cluster::with(&resources, &[]).running("a", "node3").running("a", "node2").check(&["a:0 node2", "a:1 node3"]);
}

#[test]
fn unique_instances_may_share_a_node() {
    let options = [("globally-unique", "true"), ("clone-max", "4"), ("clone-node-max", "2")];
    let resources = [clone("c", &options, &primitive("a", &[]))];
    Cluster::with(&resources, &[]).check(&["a:0 node1", "a:1 node2", "a:2 node3", "a:3 node1"]);
}

#[test]
fn the_instance_with_the_highest_promotion_score_is_promoted() {
    let resources = [clone("c", &[("promotable", "true")], &primitive("a", &[]))];
    Cluster::with(&resources, &[])
        .running("a", "node1")
        .running("a", "node2")
        .running("a", "node3")
        .attribute("node1", "master-a", "5")
        .attribute("node2", "master-a", "10")
        .check(&["a:0 node1", "a:1 node2 Promoted", "a:2 node3"]);
}

#[test]
fn without_any_promotion_score_nothing_is_promoted() {
    let resources = [clone("c", &[("promotable", "true"), ("clone-max", "2")], &primitive("a", &[]))];
    Cluster::with(&resources, &[]).running("a", "node1").running("a", "node2").check(&["a:0 node1", "a:1 node2"]);
}

#[test]
fn what_belongs_to_the_promoted_instance_follows_it() {
    let resources = [clone("c", &[("promotable", "true")], &primitive("a", &[])), primitive("ip", &[])];
    let constraints = [together("ip", "c", r#"with-rsc-role="Promoted" score="INFINITY""#)];
    Cluster::with(&resources, &constraints)
        .promoted("a", "node3")
        .running("a", "node1")
        .running("a", "node2")
        .attribute("node3", "master-a", "10")
        .attribute("node2", "master-a", "5")
        .check(&["a:0 node1", "a:1 node2", "a:2 node3 Promoted", "ip node3"]);
}

#[test]
fn a_revoked_ticket_stops_what_needs_it_and_demotes_promoted_roles() {
    let resources = [clone("c", &[("promotable", "true"), ("clone-max", "1")], &primitive("a", &[])), primitive("b", &[])];
    let tickets =
        r#"<rsc_ticket id="ta" rsc="c" rsc-role="Promoted" ticket="T" loss-policy="demote"/><rsc_ticket id="tb" rsc="b" ticket="T"/>"#;
    let mut cluster = Cluster::with(&resources, &[tickets.to_owned()]);
    cluster.tickets = r#"<tickets><ticket_state id="T" granted="false"/></tickets>"#.into();
    cluster.promoted("a", "node1").running("b", "node1").attribute("node1", "master-a", "10").check(&["a:0 node1", "b -"]);
}

#[test]
fn a_frozen_resource_is_not_started_without_quorum() {
    let mut cluster = Cluster::with(&["a", "b"].map(|id| primitive(id, &[("target-role", "Started")])), &[]);
    cluster.quorum = Some(false);
    cluster.option("no-quorum-policy", "freeze").running("a", "node2").check(&["a node2", "b node1"]);
}

#[test]
fn an_unmanaged_resource_stays_whatever_its_scores() {
    let resources = [primitive("a", &[("is-managed", "false")])];
    Cluster::with(&resources, &[prefer("a", "node1", "-INFINITY")]).running("a", "node1").check(&["a node1"]);
}

#[test]
fn too_many_failures_close_a_node() {
    let resources = [primitive("a", &[("migration-threshold", "2")])];
    Cluster::with(&resources, &[]).running("a", "node1").attribute("node1", "fail-count-a#monitor_10000", "2").check(&["a node2"]);
}

#[test]
fn capacity_limits_what_fits() {
    let mut cluster = Cluster::with(&[sized("a", 2), sized("b", 2), sized("c", 2)], &[prefer("c", "node1", "10")]);
    cluster.nodes = NODES
        .map(|node| {
            let utilization = nvpairs(node, &[("cpu", if node == "node1" { "4" } else { "1" })]);
            format!(r#"<node id="{node}" uname="{node}"><utilization id="{node}-u">{utilization}</utilization></node>"#)
        })
        .concat();
    cluster.option("placement-strategy", "utilization").check(&["a node1", "b -", "c node1"]);
}

#[test]
fn the_trace_tells_what_capacity_is_used_and_left() {
    let mut cluster = Cluster::with(&[sized("a", 2)], &[]);
    let utilization = nvpairs("n", &[("cpu", "4")]);
    cluster.nodes = format!(r#"<node id="node1" uname="node1"><utilization id="u">{utilization}</utilization></node>"#);
    cluster.offline = vec!["node2", "node3"];
    let (_, placement, _) = cluster.option("placement-strategy", "utilization").place();
    let about_node1 = |text: &&str| text.contains("node1");
    let lines = placement.trace.iter().filter(|line| line.is_about_utilization()).map(|line| line.text.as_str());
    assert_eq!(
        lines.filter(about_node1).collect::<Vec<_>>(),
        ["Original: node1 capacity: cpu=4", "pcmk__assign_resource: a utilization on node1: cpu=2", "Remaining: node1 capacity: cpu=2"]
    );
}

#[test]
fn exclusive_discovery_confines_a_resource_to_its_locations() {
    let location = r#"<rsc_location id="l" rsc="a" node="node3" score="0" resource-discovery="exclusive"/>"#;
    Cluster::with(&[primitive("a", &[])], &[location.to_owned()]).check(&["a node3"]);
}

#[test]
fn a_lost_node_takes_nothing() {
    let mut cluster = Cluster::with(&[primitive("a", &[])], &[prefer("a", "node1", "INFINITY")]);
    cluster.offline = vec!["node1"];
    cluster.check(&["a node2"]);
}

#[test]
fn faulty_constraints_are_told_and_left_out() {
    let constraints = [
        together("a", "nobody", r#"score="INFINITY""#),
        prefer("nobody", "node1", "5"),
        prefer("a", "node2", "much"),
        prefer("a", "nowhere", "5"),
        r#"<rsc_location id="p" rsc-pattern="(" node="node2" score="5"/>"#.to_owned(),
        r#"<rsc_ticket id="t" rsc="nobody" ticket="T"/><rsc_order id="o" first="a" then="nobody"/>"#.to_owned(),
    ];
    Cluster::with(&[primitive("a", &[])], &constraints).check(&["a node1"]);
}

/// Compat: a clone that a set names by what its node knows is not found in the list, and so avoids those after it, too.
#[test]
fn a_clone_named_by_what_it_clones_avoids_the_whole_set() {
    let text = |first: &str| {
        format!(
            "<cib><configuration><crm_config/><nodes><node id='1' uname='n1'/></nodes><resources><clone id='c'><primitive id='p' class='ocf' provider='x' type='y'/></clone>\
             <primitive id='q' class='ocf' provider='x' type='y'/></resources><constraints><rsc_colocation id='k' score='-5'>\
             <resource_set id='s'><resource_ref id='{first}'/><resource_ref id='q'/></resource_set></rsc_colocation></constraints>\
             </configuration><status><node_state id='1' uname='n1' in_ccm='true' crmd='online' join='member' expected='member'><lrm id='1'>\
             <lrm_resources><lrm_resource id='p' class='ocf' provider='x' type='y'><lrm_rsc_op id='p_last_0' operation='start' interval='0' \
             rc-code='0' op-status='0' call-id='1' transition-key='1:1:0:x' transition-magic='0:0;1:1:0:x'/></lrm_resource></lrm_resources>\
             </lrm></node_state></status></cib>"
        )
    };
    let pairs = |first: &str| {
        let tree = xml::parse(text(first).as_bytes(), &xml::Limits::default()).unwrap();
        let facts = status::Facts::deduce(&tree, model::Timestamp::from_seconds(0));
        let constraints = scheduler::constraints::constraints(&facts, &cib::Cib::new(&tree).configuration);
        let name = |index| facts.resource(index).id.to_string();
        let mut pairs: Vec<String> = constraints.colocations.iter().map(|c| format!("{} {}", name(c.dependent), name(c.primary))).collect();
        pairs.sort();
        pairs
    };
    assert_eq!(pairs("c"), ["q c"]);
    assert_eq!(pairs("p"), ["c c", "c q", "q c"]);
}
