//! Small clusters and what is known of them: one story per test.

use model::{Role, Timestamp};
use status::{Effect, Facts, NodeKind, OnFail, Requires, Resource, Severity};

const NOW: i64 = 1_000_000;

/// A cluster of two full members, both online unless `lost`.
#[derive(Clone, Copy, Default)]
struct Cluster<'a> {
    options: &'a [(&'a str, &'a str)],
    resources: &'a str,
    more: &'a str,
    /// Histories of node1 and node2.
    node1: &'a str,
    node2: &'a str,
    attributes1: &'a str,
    lost: bool,
}

impl Cluster<'_> {
    fn facts(&self) -> Facts {
        let pairs: String =
            self.options.iter().map(|(name, value)| format!(r#"<nvpair id="o-{name}" name="{name}" value="{value}"/>"#)).collect();
        let crmd = if self.lost { "offline" } else { "online" };
        let text = format!(
            r##"<cib have-quorum="1" dc-uuid="2" crm_feature_set="3.16.1"><configuration>
            <crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>
            <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
            <resources>{}</resources><constraints/>{}</configuration><status>
            <node_state id="1" uname="node1" in_ccm="{}" crmd="{crmd}" join="member" expected="member">
              <transient_attributes id="1"><instance_attributes id="t1">{}</instance_attributes></transient_attributes>
              <lrm id="1"><lrm_resources>{}</lrm_resources></lrm></node_state>
            <node_state id="2" uname="node2" in_ccm="true" crmd="online" join="member" expected="member">
              <lrm id="2"><lrm_resources>{}</lrm_resources></lrm></node_state>
            </status></cib>"##,
            self.resources, self.more, !self.lost, self.attributes1, self.node1, self.node2
        );
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).expect("the test's own text is well-formed");
        Facts::deduce(&cib, Timestamp::from_seconds(NOW))
    }
}

fn dummy(id: &str) -> String {
    format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy"/>"#)
}

/// A history of one resource; each operation is `name interval call exit status expected seconds-ago`.
fn history(id: &str, operations: &[&str]) -> String {
    let mut text = format!(r#"<lrm_resource id="{id}" class="ocf" provider="pacemaker" type="Dummy">"#);
    for line in operations {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [name, interval, call, exit, status, expected, ago] = parts[..7] else { panic!("not seven parts: {line}") };
        // `stop#3`: in the third plan.
        let (name, plan) = name.split_once('#').unwrap_or((name, "1"));
        let failed = exit != expected && status != "-1" && !(name == "monitor" && interval == "0");
        let entry = if failed { format!("{id}_last_failure_0") } else { format!("{id}_{name}_{interval}") };
        let changed = NOW - ago.parse::<i64>().expect("a number");
        let extra = parts[7..].join(" ");
        text.push_str(&format!(
            r#"<lrm_rsc_op id="{entry}" operation_key="{id}_{name}_{interval}" operation="{name}" interval="{interval}"
               call-id="{call}" rc-code="{exit}" op-status="{status}" transition-key="1:{plan}:{expected}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
               transition-magic="{status}:{exit};1:{plan}:{expected}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" last-rc-change="{changed}" {extra}/>"#
        ));
    }
    text + "</lrm_resource>"
}

fn resource<'f>(facts: &'f Facts, id: &str) -> &'f Resource {
    facts.resource(facts.find_resource(id).unwrap_or_else(|| panic!("no resource {id}")))
}

/// Where a resource is, in which role: `Started node1`.
fn place(facts: &Facts, id: &str) -> String {
    let resource = resource(facts, id);
    let nodes: Vec<_> = resource.active_nodes.iter().map(|&node| facts.node(node).name.as_str()).collect();
    format!("{} {}", resource.role, nodes.join(" ")).trim().to_owned()
}

/// The effects in a short form, recurring operations left out.
fn effects(facts: &Facts) -> Vec<String> {
    let resource = |index| facts.resource(index).id.to_string();
    let node = |index| facts.node(index).name.to_string();
    let short = |effect: &Effect| match effect {
        Effect::Fence { node: n, reason, .. } => Some(format!("fence {}: {reason}", node(*n))),
        Effect::Stop { resource: r, node: n } => Some(format!("stop {} {}", resource(*r), node(*n))),
        Effect::Demote { resource: r, node: n } => Some(format!("demote {} {}", resource(*r), node(*n))),
        Effect::StopNotNeeded { resource: r, node: n } => Some(format!("no stop {} {}", resource(*r), node(*n))),
        Effect::ClearFailCount { resource: r, node: n, reason, .. } => Some(format!("clear {} {}: {reason}", resource(*r), node(*n))),
        Effect::DeleteHistory { resource: r, node: n } => Some(format!("delete {} {}", resource(*r), node(*n))),
        Effect::Recurring { .. } => None,
    };
    facts.effects.iter().filter_map(short).collect()
}

const FENCED: &[(&str, &str)] = &[("fencing-enabled", "true")];
const UNFENCED: &[(&str, &str)] = &[("stonith-enabled", "false")];
const DEVICE: &str = r#"<primitive id="f" class="stonith" type="fence_dummy"/>"#;

#[test]
fn a_start_that_succeeded_means_running() {
    let node1 = history("a", &["monitor 0 1 7 0 7 100", "start 0 2 0 0 0 90", "monitor 10000 3 0 0 0 80"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert_eq!(place(&facts, "a"), "Started node1");
    assert_eq!(effects(&facts), [""; 0]);
    let recurring = facts.effects.iter().filter(|effect| matches!(effect, Effect::Recurring { key, .. } if key == "a_monitor_10000"));
    assert_eq!(recurring.count(), 1);
    assert_eq!(facts.instance_count, 1);
    assert!(facts.nodes[1].is_dc);
}

#[test]
fn a_failed_monitor_fails_the_resource_and_needs_a_stop() {
    let node1 = history("a", &["start 0 2 0 0 0 90", "monitor 10000 4 1 4 0 10", "monitor 10000 3 0 0 0 80"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert_eq!(place(&facts, "a"), "Started node1");
    assert!(resource(&facts, "a").failed && resource(&facts, "a").stop_if_failed);
    assert_eq!(effects(&facts), ["stop a node1"]);
    assert_eq!(facts.failures.len(), 1);
    assert_eq!(facts.operation(facts.failures[0].history).on_fail, Some(OnFail::Restart));
}

#[test]
fn a_later_success_forgives_a_failed_start() {
    let node1 = history("a", &["start 0 2 1 4 0 90", "stop 0 3 0 0 0 80", "start 0 4 0 0 0 70"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert_eq!(place(&facts, "a"), "Started node1");
    assert!(!resource(&facts, "a").failed);
    assert_eq!(facts.failures.len(), 1, "people still see it");
}

#[test]
fn a_failed_stop_blocks_without_fencing_and_fences_with_it() {
    let node1 = history("a", &["start 0 2 0 0 0 90", "stop 0 3 1 4 0 10"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert!(resource(&facts, "a").blocked && !resource(&facts, "a").managed);
    assert_eq!((effects(&facts), facts.blocked_count), (vec![], 1));

    let resources = format!("{}{DEVICE}", dummy("a"));
    let facts = Cluster { options: FENCED, resources: &resources, node1: &node1, ..Cluster::default() }.facts();
    assert!(!resource(&facts, "a").blocked);
    assert!(facts.nodes[0].unclean);
    assert_eq!(effects(&facts), ["fence node1: a failed there"]);
}

#[test]
fn a_lost_node_is_fenced_and_what_ran_there_is_still_there() {
    let node1 = history("a", &["start 0 2 0 0 0 90"]);
    let resources = format!("{}{DEVICE}", dummy("a"));
    let facts = Cluster { options: FENCED, resources: &resources, node1: &node1, lost: true, ..Cluster::default() }.facts();
    assert_eq!(effects(&facts), ["fence node1: peer is no longer part of the cluster"]);
    assert_eq!(place(&facts, "a"), "Started node1");
    assert_eq!(resource(&facts, "a").requires, Requires::Fencing);
    assert!(facts.nodes[0].score.is_forbidden());
}

#[test]
fn a_lost_node_is_only_offline_where_fencing_is_disabled() {
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), lost: true, ..Cluster::default() }.facts();
    assert!(!facts.nodes[0].online && !facts.nodes[0].unclean);
    assert_eq!(effects(&facts), [""; 0]);
}

#[test]
fn anonymous_instances_are_numbered_as_histories_are_read() {
    let clone = format!(r#"<clone id="c">{}</clone>"#, dummy("a"));
    let started = history("a", &["start 0 2 0 0 0 90"]);
    let facts = Cluster { options: UNFENCED, resources: &clone, node1: &started, node2: &started, ..Cluster::default() }.facts();
    assert_eq!((place(&facts, "a:0").as_str(), place(&facts, "a:1").as_str()), ("Started node1", "Started node2"));
    // The first node is offline, so the second one's history is read first; the other is not read at all.
    let facts =
        Cluster { options: UNFENCED, resources: &clone, node1: &started, node2: &started, lost: true, ..Cluster::default() }.facts();
    assert_eq!((place(&facts, "a:0").as_str(), place(&facts, "a:1").as_str()), ("Started node2", "Stopped"));
}

#[test]
fn instances_beyond_the_maximum_are_orphans() {
    let clone = format!(
        r#"<clone id="c"><meta_attributes id="m"><nvpair id="m1" name="clone-max" value="1"/></meta_attributes>{}</clone>"#,
        dummy("a")
    );
    let started = history("a", &["start 0 2 0 0 0 90"]);
    let facts = Cluster { options: UNFENCED, resources: &clone, node1: &started, node2: &started, ..Cluster::default() }.facts();
    assert!(!resource(&facts, "a:0").orphan && resource(&facts, "a:1").orphan);
    assert_eq!(place(&facts, "a:1"), "Started node2");
}

#[test]
fn a_resource_that_is_not_configured_is_an_orphan_that_may_run_nowhere() {
    let node1 = history("gone", &["start 0 2 0 0 0 90"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    let gone = resource(&facts, "gone");
    assert!(gone.orphan && gone.managed);
    assert!(gone.allowed.iter().all(|(_, allowed)| allowed.score.is_forbidden()));
    assert_eq!(place(&facts, "gone"), "Started node1");

    let options = &[("stonith-enabled", "false"), ("stop-orphan-resources", "false")];
    let facts = Cluster { options, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert!(!resource(&facts, "gone").managed);
}

#[test]
fn expired_failures_are_cleared_and_others_rechecked() {
    let resources = r#"<primitive id="a" class="ocf" provider="pacemaker" type="Dummy">
        <meta_attributes id="m"><nvpair id="m1" name="failure-timeout" value="60s"/></meta_attributes></primitive>"#;
    let attributes = |ago: i64| {
        format!(
            r##"<nvpair id="fc" name="fail-count-a#start_0" value="2"/><nvpair id="lf" name="last-failure-a#start_0" value="{}"/>"##,
            NOW - ago
        )
    };
    let old = history("a", &["start 0 2 1 4 0 100"]);
    let attributes1 = attributes(100);
    let cluster = Cluster { options: UNFENCED, resources, node1: &old, attributes1: &attributes1, ..Cluster::default() };
    let facts = cluster.facts();
    assert_eq!(effects(&facts), ["clear a node1: it expired"]);
    assert_eq!((place(&facts, "a").as_str(), facts.failures.len(), facts.recheck_by()), ("Stopped", 0, None));

    let (recent, attributes1) = (history("a", &["start 0 2 1 4 0 10"]), attributes(10));
    let facts = Cluster { node1: &recent, attributes1: &attributes1, ..cluster }.facts();
    assert_eq!(facts.recheck_by(), Some(Timestamp::from_seconds(NOW + 51)));
    assert_eq!(facts.failures.len(), 1);
    let (a, node1) = (facts.find_resource("a").unwrap(), facts.find_node("NODE1").unwrap());
    assert_eq!(facts.fail_count(node1, a, true, false).count, 2);
}

#[test]
fn a_half_done_migration_knows_its_source_and_target() {
    let migrate = r#"migrate_source="node1" migrate_target="node2""#;
    let node1 = history("a", &["start 0 2 0 0 0 90", &format!("migrate_to 0 3 0 0 0 20 {migrate}")]);
    let probed = history("a", &["monitor 0 1 7 0 7 100"]);
    let cluster = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, node2: &probed, ..Cluster::default() };
    let facts = cluster.facts();
    let a = resource(&facts, "a");
    assert_eq!(place(&facts, "a"), "Started node2 node1");
    assert_eq!((a.migrating_from.map(|node| node.0), a.migrating_to.map(|node| node.0)), (Some(0), Some(1)));

    let arrived = history("a", &["monitor 0 1 7 0 7 100", &format!("migrate_from 0 2 0 0 0 10 {migrate}")]);
    let facts = Cluster { node2: &arrived, ..cluster }.facts();
    let a = resource(&facts, "a");
    assert_eq!(place(&facts, "a"), "Started node2");
    assert_eq!(a.dangling_sources.len(), 1, "the source still needs a stop");
}

/// Found by the simulator (seeds 40651 and 42006, half an hour): the target was taken for one that is not up, and what had arrived there was
/// started a second time where it came from.
#[test]
fn a_migration_between_remote_nodes_is_known_in_whatever_order_their_histories_and_connections_are_told() {
    let remote = |id: &str| format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="remote"/>"#);
    let connection = |id: &str| history(id, &["start 0 1 0 0 0 300"]).replace("Dummy", "remote");
    let migrate = r#"migrate_source="far1" migrate_target="far2""#;
    let member = |id: u8, name: &str, histories: &str| {
        format!(
            r#"<node_state id="{id}" uname="{name}" in_ccm="true" crmd="online" join="member" expected="member">
            <lrm id="{id}"><lrm_resources>{histories}</lrm_resources></lrm></node_state>"#
        )
    };
    let far = |name: &str, histories: &str| {
        format!(
            r#"<node_state id="{name}" uname="{name}" in_ccm="true" remote_node="true">
            <lrm id="{name}"><lrm_resources>{histories}</lrm_resources></lrm></node_state>"#
        )
    };
    let states = [
        member(1, "node1", &connection("far1")),
        member(2, "node2", &connection("far2")),
        far("far1", &history("a", &["start 0 2 0 0 0 90", &format!("migrate_to 0 3 0 0 0 20 {migrate}")])),
        far("far2", &history("a", &["monitor 0 1 7 0 7 100"])),
    ];
    for order in [[0, 1, 2, 3], [0, 2, 1, 3], [0, 2, 3, 1], [1, 3, 2, 0], [3, 1, 0, 2], [2, 0, 3, 1], [2, 3, 0, 1]] {
        let status: String = order.iter().map(|&at: &usize| states[at].as_str()).collect();
        let text = format!(
            r#"<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/>
            <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
            <resources>{}{}{}{DEVICE}</resources><constraints/></configuration><status>{status}</status></cib>"#,
            remote("far1"),
            remote("far2"),
            dummy("a"),
        );
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).expect("the test's own text is well-formed");
        let facts = Facts::deduce(&cib, Timestamp::from_seconds(NOW));
        let a = resource(&facts, "a");
        let mut nodes: Vec<_> = a.active_nodes.iter().map(|&node| facts.node(node).name.as_str()).collect();
        nodes.sort_unstable();
        let target = a.migrating_to.map(|node| facts.node(node).name.as_str());
        assert_eq!((nodes.as_slice(), target, a.failed), (&["far1", "far2"][..], Some("far2"), false), "{order:?}");
    }
}

/// Found by the simulator (seed 80397, half an hour): the remote node was fenced, to which nothing had happened.
#[test]
fn a_connection_that_was_moving_to_a_lost_member_is_still_where_it_came_from() {
    let resources = format!(r#"<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>{}{DEVICE}"#, dummy("a"));
    let migrate = r#"migrate_source="node2" migrate_target="node1""#;
    let histories = |operations: &[&str]| history("far", operations).replace("Dummy", "remote") + &history("a", operations);
    let node2 = histories(&["start 0 2 0 0 0 90", &format!("migrate_to 0 3 0 0 0 20 {migrate}")]);
    // Nothing was heard of the order, or that it was at work.
    let pending = format!("migrate_from 0 2 193 -1 0 10 {migrate}");
    for last in [None, Some(&pending)] {
        let operations: Vec<&str> = ["monitor 0 1 7 0 7 100"].into_iter().chain(last.map(String::as_str)).collect();
        let node1 = histories(&operations);
        let facts = Cluster { resources: &resources, node1: &node1, node2: &node2, lost: true, ..Cluster::default() }.facts();
        let far = resource(&facts, "far");
        assert_eq!((place(&facts, "far").as_str(), far.failed, far.migratable), ("Started node2", false, true), "{last:?}");
        assert!(facts.node(facts.find_node("far").unwrap()).online, "{last:?}");
        // What else migrates may be half over there.
        assert!(resource(&facts, "a").failed, "{last:?}");
    }
}

/// Found by the simulator (seed 1826, half an hour): nobody was connected any more to a guest that had asked to go in an earlier life.
#[test]
fn the_wish_of_a_remote_node_to_go_counts_as_long_as_somebody_is_connected() {
    let machine = r#"<primitive id="vm" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes id="vm-m">
        <nvpair id="vm-r" name="remote-node" value="guest"/></meta_attributes></primitive>
        <primitive id="far" class="ocf" provider="pacemaker" type="remote"/>"#;
    let wishes = |name: &str| {
        format!(
            r#"<node_state id="{name}" uname="{name}" in_ccm="true" remote_node="true"><transient_attributes id="{name}">
            <instance_attributes id="t-{name}"><nvpair id="s-{name}" name="shutdown" value="99"/></instance_attributes>
            </transient_attributes></node_state>"#
        )
    };
    let start = "start 0 2 0 0 0 90";
    // The last: nothing is known of it, as after its host was fenced.
    for (operations, counts) in [
        (&[start][..], true),
        (&[start, "stop 0 3 0 0 0 80"], false),
        (&["start 0 -1 193 -1 0 10"], false),
        (&["monitor 0 1 7 0 7 100"], false),
        (&[], false),
    ] {
        let connection = |id: &str| history(id, operations).replace("Dummy", "remote");
        let histories = history("vm", &["start 0 1 0 0 0 95"]) + &connection("guest") + &connection("far");
        let text = format!(
            r#"<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes><node id="1" uname="node1"/></nodes>
            <resources>{machine}{DEVICE}</resources><constraints/></configuration><status>{}{}
            <node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member">
            <lrm id="1"><lrm_resources>{histories}</lrm_resources></lrm></node_state></status></cib>"#,
            wishes("far"),
            wishes("guest"),
        );
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).expect("the test's own text is well-formed");
        let facts = Facts::deduce(&cib, Timestamp::from_seconds(NOW));
        for name in ["far", "guest"] {
            let asks = facts.node(facts.find_node(name).unwrap()).shutting_down;
            assert_eq!((asks, resource(&facts, name).next_role == Role::Stopped), (counts, counts), "{name}: {operations:?}");
        }
    }
}

/// Found by the simulator (seed 50097, half an hour): the resource was taken to be where it had come from.
#[test]
fn what_is_left_of_an_earlier_migration_to_the_same_node_is_no_part_of_this_one() {
    let migrate = r#"migrate_source="node1" migrate_target="node2""#;
    let node1 = history("a", &["start#3 0 5 0 0 0 90", &format!("migrate_to#7 0 6 0 0 0 20 {migrate}")]);
    let earlier = |exit: u8| history("a", &[&format!("migrate_from#1 0 2 {exit} 0 0 200 {migrate}"), "stop#2 0 3 0 0 0 100"]);
    for exit in [0, 1] {
        let node2 = earlier(exit);
        let cluster = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, node2: &node2, ..Cluster::default() };
        let facts = cluster.facts();
        let a = resource(&facts, "a");
        assert_eq!(place(&facts, "a"), "Started node2 node1");
        assert_eq!((a.migrating_to.map(|node| node.0), a.failed), (Some(1), false), "it is on its way there");
    }
}

#[test]
fn an_operation_under_way_is_known() {
    let node1 = history("a", &["monitor 0 1 7 0 7 100", "start 0 -1 193 -1 0 5"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    let a = resource(&facts, "a");
    assert!(a.start_pending);
    assert_eq!(a.pending.as_ref().map(|pending| pending.operation.as_str()), Some("start"));
    assert_eq!(a.role, Role::Started);
}

#[test]
fn a_probe_that_finds_no_agent_bans_the_node_and_counts_as_stopped() {
    let node1 = history("a", &["monitor 0 1 5 0 7 100"]);
    let facts = Cluster { options: UNFENCED, resources: &dummy("a"), node1: &node1, ..Cluster::default() }.facts();
    assert_eq!((place(&facts, "a").as_str(), facts.failures.len()), ("Stopped", 1));
    let names: Vec<_> = facts.bans.iter().map(|ban| ban.name).collect();
    assert_eq!(names, ["masked-probe-failure"]);
}

#[test]
fn on_fail_decides_what_a_failure_requires() {
    for (value, expected) in
        [("standby", "standby"), ("block", "blocked"), ("stop", "next Stopped"), ("ignore", "ignored"), ("fence", "next Stopped")]
    {
        let resources = format!(
            r#"<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"><operations>
            <op id="o" name="monitor" interval="10s" on-fail="{value}"/></operations></primitive>"#
        );
        let node1 = history("a", &["start 0 2 0 0 0 90", "monitor 10000 3 1 4 0 10"]);
        let facts = Cluster { options: UNFENCED, resources: &resources, node1: &node1, ..Cluster::default() }.facts();
        let a = resource(&facts, "a");
        let found = match () {
            () if facts.nodes[0].standby_on_fail => "standby",
            () if a.blocked => "blocked",
            () if a.next_role == Role::Stopped => "next Stopped",
            () if a.ignore_failure => "ignored",
            () => "nothing",
        };
        assert_eq!(found, expected, "on-fail={value}");
    }
}

#[test]
fn meta_attributes_come_from_the_resource_its_template_its_parents_and_the_defaults() {
    let resources = r#"
        <template id="t" class="ocf" provider="pacemaker" type="Dummy">
          <meta_attributes id="tm"><nvpair id="tm1" name="priority" value="1"/><nvpair id="tm2" name="is-managed" value="false"/></meta_attributes>
          <instance_attributes id="ti"><nvpair id="ti1" name="state" value="/tmp/t"/></instance_attributes>
          <operations><op id="to" name="monitor" interval="20s"/><op id="ts" name="start" interval="0" timeout="33s"/></operations>
        </template>
        <group id="g"><meta_attributes id="gm"><nvpair id="gm1" name="resource-stickiness" value="7"/></meta_attributes>
          <primitive id="a" template="t"><meta_attributes id="am"><nvpair id="am1" name="priority" value="5"/></meta_attributes>
            <operations><op id="ao" name="monitor" interval="10s"/></operations></primitive>
        </group>"#;
    let more = r#"<rsc_defaults><meta_attributes id="d"><nvpair id="d1" name="resource-stickiness" value="100"/>
        <nvpair id="d2" name="migration-threshold" value="3"/></meta_attributes></rsc_defaults>"#;
    let facts = Cluster { options: UNFENCED, resources, more, ..Cluster::default() }.facts();
    let a = resource(&facts, "a");
    assert_eq!((a.priority, a.managed, a.stickiness.value(), a.migration_threshold), (5, false, 7, 3));
    assert_eq!(a.parameters.get("state").map(|value| value.as_str()), Some("/tmp/t"));
    let operations: Vec<_> = a.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(operations, ["ao", "ts"], "the resource's monitor replaces its template's");
    let index = facts.find_resource("a").unwrap();
    let timeout = |name, interval| facts.operation_meta(index, None, name, interval).get("timeout").map(|value| value.to_string());
    assert_eq!((timeout("start", 0).as_deref(), timeout("monitor", 10_000).as_deref()), (Some("33000"), Some("20000")));
    assert_eq!(facts.resolve("t"), [index]);
}

#[test]
fn a_bundle_is_containers_addresses_connections_and_instances() {
    let resources =
        format!(r#"<bundle id="b"><podman image="i" replicas="2"/><network ip-range-start="10.0.0.254"/>{}</bundle>"#, dummy("a"));
    let facts = Cluster { options: UNFENCED, resources: &resources, ..Cluster::default() }.facts();
    let ids: Vec<_> = facts.walk().into_iter().map(|index| facts.resource(index).id.to_string()).collect();
    assert_eq!(ids, ["b", "b-podman-0", "b-ip-10.0.0.254", "b-0", "b-podman-1", "b-ip-10.0.1.1", "b-1", "b-clone", "a:0", "a:1"]);
    let node = facts.find_node("b-0").unwrap();
    assert!(matches!(facts.node(node).kind, NodeKind::Guest { launcher } if facts.resource(launcher).id == "b-podman-0"));
    assert!(facts.is_bundle_node(node) && facts.node(node).score.is_forbidden());
    let options = resource(&facts, "b-podman-0").parameters.get("run_opts").unwrap().to_string();
    assert!(options.starts_with(" -h b-0 -e PCMK_stderr=1 -e PCMK_remote_port=3121 -v /etc/pacemaker/authkey:"), "{options}");
}

#[test]
fn a_machine_with_remote_node_implies_a_connection_and_a_guest() {
    let resources = r#"<primitive id="vm" class="ocf" provider="heartbeat" type="VirtualDomain">
        <meta_attributes id="m"><nvpair id="m1" name="remote-node" value="guest"/></meta_attributes></primitive>"#;
    let node1 = format!("{}{}", history("vm", &["start 0 2 0 0 0 90"]), history("guest", &["start 0 3 0 0 0 80"]));
    let facts = Cluster { options: UNFENCED, resources, node1: &node1, ..Cluster::default() }.facts();
    let guest = facts.find_node("guest").unwrap();
    assert!(facts.is_guest(guest) && facts.node(guest).online);
    assert_eq!(facts.node(guest).attributes.get("#kind").map(|value| value.as_str()), Some("container"));
    assert_eq!(place(&facts, "guest"), "Started node1");
}

#[test]
fn what_is_not_valid_is_told_and_left_out() {
    let resources = format!(r#"<primitive id="x" template="nowhere"/><group id="g"/>{}"#, dummy("a"));
    let options = &[("stonith-enabled", "perhaps"), ("no-quorum-policy", "freeze")];
    let facts = Cluster { options, resources: &resources, ..Cluster::default() }.facts();
    assert_eq!(facts.roots.len(), 1);
    assert!(facts.options.fencing_enabled, "the default");
    let errors = facts.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    assert!(errors >= 4, "{:?}", facts.problems);
}

#[test]
fn agents_that_cannot_be_unique_are_cloned_anonymously() {
    let resources = r#"<clone id="c"><meta_attributes id="m"><nvpair id="m1" name="globally-unique" value="true"/>
        <nvpair id="m2" name="clone-max" value="5"/></meta_attributes><primitive id="a" class="systemd" type="web"/></clone>"#;
    let facts = Cluster { options: UNFENCED, resources, ..Cluster::default() }.facts();
    let clone = resource(&facts, "c");
    assert_eq!((clone.unique, clone.children.len()), (false, 2), "one instance for each node");
    assert!(!resource(&facts, "a:0").unique && !resource(&facts, "a:1").unique);
}

/// As written by hand: pcs's own tests have a CIB like this.
#[test]
fn an_operation_without_exit_code_went_well() {
    let started = history("a", &["start 0 2 0 0 0 90"]).replace(r#"rc-code="0""#, "");
    let facts = Cluster { resources: &dummy("a"), node2: &started, ..Cluster::default() }.facts();
    assert_eq!(place(&facts, "a"), "Started node2");
}
