//! Everyday trouble, one small cluster each: what `explain` names first, and what it says would change that.

use admin::explain::{self, Explanation};
use model::Timestamp;
use xml::Element;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

/// A cluster to be asked about; built up piece by piece.
#[derive(Clone)]
struct Cluster {
    nodes: usize,
    /// The attributes of each `node_state`, where they differ from those of a member.
    states: Vec<(usize, &'static str)>,
    quorum: bool,
    options: String,
    /// Attributes of nodes that stay, and those that do not.
    attributes: Vec<(usize, String)>,
    transient: Vec<(usize, String)>,
    utilization: Vec<(usize, String)>,
    resources: String,
    constraints: String,
    tickets: String,
    /// Results: node, resource, operation elements.
    histories: Vec<(usize, String, String)>,
    defaults: String,
    with_device: bool,
}

fn pair(id: &str, name: &str, value: &str) -> String {
    format!("<nvpair id='{id}' name='{name}' value='{value}'/>")
}

fn primitive(id: &str, inside: &str) -> String {
    format!(
        "<primitive id='{id}' class='ocf' provider='systole' type='Dummy'><operations><op id='{id}-m' name='monitor' interval='10s'/></operations>{inside}</primitive>"
    )
}

fn meta(id: &str, name: &str, value: &str) -> String {
    format!("<meta_attributes id='{id}-meta'>{}</meta_attributes>", pair(&format!("{id}-{name}"), name, value))
}

/// A result: `("start", 0)` is a success.
fn result(resource: &str, operation: &str, expected: i32, code: i32, more: &str) -> String {
    let (name, interval) = operation.split_once(' ').unwrap_or((operation, "0"));
    let suffix = if interval == "0" { "last_0".to_owned() } else { format!("{name}_{interval}") };
    // Of no parameters; recurring operations have their time-out in it.
    let digest = if interval == "0" { "f2317cad3d54cec5d7d7aa7d0bf35cf8" } else { "4811cef7f7f94e3a35a70be7916cb2fd" };
    format!(
        "<lrm_rsc_op id='{resource}_{suffix}' operation_key='{resource}_{name}_{interval}' operation='{name}' transition-key='1:1:{expected}:x' \
         transition-magic='0:{code};1:1:{expected}:x' call-id='{}' rc-code='{code}' op-status='0' interval='{interval}' last-rc-change='999900' op-digest='{digest}' {more}/>",
        if interval == "0" { 1 } else { 2 }
    )
}

fn failed(resource: &str, operation: &str, code: i32, more: &str) -> String {
    let (name, interval) = operation.split_once(' ').unwrap_or((operation, "0"));
    format!(
        "<lrm_rsc_op id='{resource}_last_failure_0' operation_key='{resource}_{name}_{interval}' operation='{name}' transition-key='1:1:0:x' \
         transition-magic='0:{code};1:1:0:x' call-id='3' rc-code='{code}' op-status='0' interval='{interval}' last-rc-change='999958' {more}/>"
    )
}

impl Cluster {
    fn of(nodes: usize) -> Self {
        Cluster {
            nodes,
            states: Vec::new(),
            quorum: true,
            options: String::new(),
            attributes: Vec::new(),
            transient: Vec::new(),
            utilization: Vec::new(),
            resources: String::new(),
            constraints: String::new(),
            tickets: String::new(),
            histories: Vec::new(),
            defaults: String::new(),
            with_device: true,
        }
    }

    fn web(nodes: usize) -> Self {
        Self::of(nodes).resource(&primitive("web", ""))
    }

    fn resource(mut self, text: &str) -> Self {
        self.resources += text;
        self
    }

    fn constraint(mut self, text: &str) -> Self {
        self.constraints += text;
        self
    }

    fn ban(self, resource: &str, node: usize) -> Self {
        self.constraint(&format!("<rsc_location id='ban-{resource}-{node}' rsc='{resource}' node='n{node}' score='-INFINITY'/>"))
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.options += &pair(&format!("opt-{name}"), name, value);
        self
    }

    fn state(mut self, node: usize, attributes: &'static str) -> Self {
        self.states.push((node, attributes));
        self
    }

    fn attribute(mut self, node: usize, name: &str, value: &str) -> Self {
        self.attributes.push((node, pair(&format!("n{node}-{name}"), name, value)));
        self
    }

    fn transient(mut self, node: usize, name: &str, value: &str) -> Self {
        let id = format!("s{node}-{}", name.replace('#', "."));
        self.transient.push((node, pair(&id, name, value)));
        self
    }

    fn capacity(mut self, node: usize, name: &str, value: &str) -> Self {
        self.utilization.push((node, pair(&format!("n{node}-u-{name}"), name, value)));
        self
    }

    fn history(mut self, node: usize, resource: &str, operations: &str) -> Self {
        self.histories.push((node, resource.to_owned(), operations.to_owned()));
        self
    }

    fn runs(self, node: usize, resource: &str) -> Self {
        let operations = result(resource, "start", 0, 0, "") + &result(resource, "monitor 10000", 0, 0, "");
        self.history(node, resource, &operations)
    }

    /// Failed so often on a node, and not running there.
    fn failed_start(self, node: usize, resource: &str, count: &str) -> Self {
        let operations = failed(resource, "start", 1, "exit-reason='no such file'")
            + &result(resource, "stop", 0, 0, "").replace("call-id='1'", "call-id='4'");
        self.history(node, resource, &operations).transient(node, &format!("fail-count-{resource}#start_0"), count).transient(
            node,
            &format!("last-failure-{resource}#start_0"),
            "999958",
        )
    }

    fn cib(&self) -> Element {
        let of = |all: &[(usize, String)], node: usize| {
            all.iter().filter(|(at, _)| *at == node).map(|(_, text)| text.as_str()).collect::<String>()
        };
        let device = if self.with_device { "<primitive id='fencing' class='stonith' type='fence_dummy'/>" } else { "" };
        let set = |element: &str, id: &str, inside: String| {
            if inside.is_empty() { inside } else { format!("<{element} id='{id}'>{inside}</{element}>") }
        };
        let nodes: String = (1..=self.nodes)
            .map(|n| {
                let attributes = set("instance_attributes", &format!("n{n}-a"), of(&self.attributes, n));
                let utilization = set("utilization", &format!("n{n}-u"), of(&self.utilization, n));
                format!("<node id='{n}' uname='n{n}'>{attributes}{utilization}</node>")
            })
            .collect();
        let states: String = (1..=self.nodes)
            .map(|n| {
                let own: String = self.histories.iter().filter(|(at, ..)| *at == n).map(|(_, resource, operations)| {
                    let agent = if resource == "fencing" { "class='stonith' type='fence_dummy'" } else { "class='ocf' provider='systole' type='Dummy'" };
                    format!("<lrm_resource id='{resource}' {agent}>{operations}</lrm_resource>")
                }).collect();
                let device = if self.with_device && n == 1 && !self.histories.iter().any(|(_, resource, _)| resource == "fencing") {
                    format!("<lrm_resource id='fencing' class='stonith' type='fence_dummy'>{}</lrm_resource>", result("fencing", "start", 0, 0, ""))
                } else {
                    String::new()
                };
                let state = self.states.iter().find(|(at, _)| *at == n).map_or("in_ccm='true' crmd='online' join='member' expected='member'", |(_, state)| state);
                let transient = set("instance_attributes", &format!("s{n}-a"), of(&self.transient, n));
                let transient = set("transient_attributes", &n.to_string(), transient);
                format!("<node_state id='{n}' uname='n{n}' {state}><lrm id='{n}'><lrm_resources>{own}{device}</lrm_resources></lrm>{transient}</node_state>")
            })
            .collect();
        let text = format!(
            "<cib have-quorum='{}' crm_feature_set='3.16.1' validate-with='pacemaker-3.9' epoch='1' num_updates='0' admin_epoch='0'><configuration><crm_config>\
             <cluster_property_set id='o'>{}</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{}{device}</resources>\
             <constraints>{}</constraints>{}</configuration><status>{states}<tickets>{}</tickets></status></cib>",
            u8::from(self.quorum),
            self.options,
            self.resources,
            self.constraints,
            self.defaults,
            self.tickets
        );
        xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    fn explain(&self, resource: &str) -> Told {
        let answer = explain::resource(&self.cib(), resource, NOW).unwrap();
        let text = answer.lines().join("\n");
        eprintln!("{text}\n");
        Told { answer, text }
    }
}

struct Told {
    answer: Explanation,
    text: String,
}

impl Told {
    /// The main cause: its kind, its id, and a piece of its sentence.
    fn first(&self, kind: &str, id: &str, words: &str) -> &Self {
        let cause = &self.answer.parts[0].causes[0];
        assert_eq!((cause.kind, cause.id.as_deref().unwrap_or_default()), (kind, id), "{}", self.text);
        assert!(cause.words.contains(words), "{}", self.text);
        self
    }

    fn has(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "{words:?} is not in\n{}", self.text);
        self
    }

    fn lacks(&self, words: &str) -> &Self {
        assert!(!self.text.contains(words), "{words:?} is in\n{}", self.text);
        self
    }

    /// A remedy: where it would run, and the command.
    fn remedy(&self, outcome: &str, command: &str) -> &Self {
        let found = self.answer.remedies.iter().any(|remedy| remedy.outcome == outcome && remedy.commands.join("; ") == command);
        assert!(found, "no {outcome:?} by {command:?} in\n{}", self.text);
        self
    }

    fn no_remedy(&self) -> &Self {
        assert!(self.answer.remedies.is_empty(), "{}", self.text);
        self
    }
}

#[test]
fn a_forgotten_ban() {
    let ban = "<rsc_location id='cli-ban-web-on-n1' rsc='web' role='Started' node='n1' score='-INFINITY'/>";
    let cluster = Cluster::web(2).constraint(ban).attribute(2, "standby", "on");
    cluster.explain("web").first("location", "cli-ban-web-on-n1", "keeps it off n1").remedy("it would run on n1", "systole clear web n1");
}

#[test]
fn failed_as_often_as_allowed() {
    let cluster = Cluster::of(2).resource(&primitive("web", &meta("web", "migration-threshold", "3")));
    let cluster = cluster.failed_start(1, "web", "3").option("start-failure-is-fatal", "false").ban("web", 2);
    let told = cluster.explain("web");
    told.first("failures", "web", "failed 3 times on n1").has("no such file").has("migration-threshold is 3");
    told.remedy("it would run on n1", "systole cleanup web");
}

#[test]
fn a_failure_that_is_soon_forgotten() {
    let inside = "<meta_attributes id='wm'><nvpair id='wt' name='migration-threshold' value='1'/><nvpair id='wf' name='failure-timeout' value='60s'/></meta_attributes>";
    let cluster = Cluster::of(1).resource(&primitive("web", inside)).failed_start(1, "web", "1");
    cluster.explain("web").first("failures", "web", "forgotten in 18 s");
}

#[test]
fn a_start_that_failed_is_fatal() {
    let cluster = Cluster::web(2).failed_start(1, "web", "INFINITY").failed_start(2, "web", "INFINITY");
    let told = cluster.explain("web");
    told.first("failures", "web", "INFINITY").has("its start on n1 ended with \"error\" (1), saying \"no such file\"");
    told.remedy("it would run on n1", "systole cleanup web");
}

#[test]
fn a_node_in_standby() {
    let cluster = Cluster::web(1).attribute(1, "standby", "on");
    cluster.explain("web").first("standby", "", "n1 is in standby").remedy("it would run on n1", "systole standby n1 off");
}

#[test]
fn a_node_in_maintenance() {
    let cluster = Cluster::web(1).attribute(1, "maintenance", "true");
    cluster
        .explain("web")
        .first("maintenance", "", "n1 is in maintenance")
        .remedy("it would run on n1", "systole maintenance off --node n1");
    let running = Cluster::web(1).attribute(1, "maintenance", "true").runs(1, "web");
    running.explain("web").first("maintenance", "n1", "n1 is in maintenance").has("is left alone");
}

#[test]
fn the_cluster_in_maintenance() {
    let cluster = Cluster::web(2).option("maintenance-mode", "true");
    cluster
        .explain("web")
        .first("maintenance", "maintenance-mode", "touches nothing")
        .remedy("it would run on n1", "systole maintenance off");
}

#[test]
fn no_quorum() {
    let mut cluster = Cluster::web(3)
        .state(2, "in_ccm='false' crmd='offline' join='down' expected='down'")
        .state(3, "in_ccm='false' crmd='offline' join='down' expected='down'");
    cluster.quorum = false;
    cluster.explain("web").first("quorum", "no-quorum-policy", "1 of 3 nodes").has("if there were quorum");
}

#[test]
fn bound_to_something_that_is_stopped() {
    let db = primitive("db", &meta("db", "target-role", "Stopped"));
    let cluster = Cluster::web(2).resource(&db).constraint("<rsc_colocation id='web-with-db' rsc='web' with-rsc='db' score='INFINITY'/>");
    let told = cluster.explain("web");
    told.first("colocation", "web-with-db", "db, which runs nowhere: target-role=Stopped is set on db");
    told.remedy("it would run on n1", "crm_resource --resource db --meta --delete-parameter target-role").lacks("closed");
}

#[test]
fn ordered_after_something_that_fails() {
    let cluster = Cluster::web(2).resource(&primitive("db", "")).constraint("<rsc_order id='db-then-web' first='db' then='web'/>");
    let cluster = cluster.failed_start(1, "db", "INFINITY").failed_start(2, "db", "INFINITY");
    let told = cluster.explain("web");
    told.first("order", "db-then-web", "which does not run: the fail count on n1 is INFINITY").has("cannot start yet");
    told.has("systole cleanup db");
}

#[test]
fn stopped_by_the_target_role_of_its_group() {
    let group = format!("<group id='g'>{}{}{}</group>", meta("g", "target-role", "Stopped"), primitive("a", ""), primitive("b", ""));
    let told = Cluster::of(2).resource(&group).explain("b");
    told.first("target-role", "g-target-role", "target-role=Stopped is set on g");
    told.remedy("it would run on n1", "crm_resource --resource g --meta --delete-parameter target-role");
}

#[test]
fn a_rule_that_is_not_met() {
    let rule = |operation: &str, score: &str| {
        format!(
            "<rsc_location id='needs-ping' rsc='web'><rule id='r' score='{score}' boolean-op='or'><expression id='e' attribute='pingd' operation='{operation}' value='1'/></rule></rsc_location>"
        )
    };
    let cluster = Cluster::web(1).option("symmetric-cluster", "false").constraint(&rule("gte", "100")).transient(1, "pingd", "0");
    cluster.explain("web").first("opt-in", "needs-ping", "pingd gte 1, and it is 0");
    let cluster = Cluster::web(1).constraint(&rule("lt", "-INFINITY")).transient(1, "pingd", "0");
    cluster.explain("web").first("location", "needs-ping", "pingd lt 1, and it is 0").has("if constraint needs-ping were gone");
}

fn promotable(inside: &str) -> String {
    format!(
        "<clone id='dbs'><meta_attributes id='dm'><nvpair id='dp' name='promotable' value='true'/></meta_attributes>{}</clone>",
        primitive("db", inside)
    )
}

#[test]
fn a_rule_refuses_the_promoted_role() {
    let rule = |n: usize| {
        format!(
            "<rsc_location id='no-master-{n}' rsc='dbs'><rule id='r{n}' role='Promoted' score='-INFINITY'><expression id='e{n}' attribute='#uname' operation='eq' value='n{n}'/></rule></rsc_location>"
        )
    };
    let mut cluster = Cluster::of(2).resource(&promotable("")).constraint(&rule(1)).constraint(&rule(2));
    for n in 1..=2 {
        cluster = cluster.runs(n, "db").transient(n, "master-db", "10");
    }
    let told = cluster.explain("dbs");
    told.first("location", "no-master-1", "keeps the promoted role off n1").has("no instance is to be promoted");
    told.remedy("it would run on n1 (promoted) and n2", "cibadmin --delete --xml-text '<rsc_location id=\"no-master-1\"/>'");
}

#[test]
fn no_promotion_score() {
    let cluster = Cluster::of(2).resource(&promotable("")).runs(1, "db").runs(2, "db");
    let told = cluster.explain("dbs");
    told.first("promotion-score", "master-db", "no promotion score on n1 and n2 (attribute master-db)")
        .has("no instance is to be promoted");
}

#[test]
fn roles_are_told() {
    let promoted = result("db", "start", 0, 0, "")
        + &result("db", "promote", 0, 0, "").replace("call-id='1'", "call-id='4'").replace("db_last_0", "db_promote_0");
    let cluster = Cluster::of(2).resource(&promotable("")).history(1, "db", &promoted).runs(2, "db");
    let told = cluster.transient(1, "master-db", "5").transient(2, "master-db", "10").explain("dbs");
    told.has("db is promoted on n1 and runs unpromoted on n2").has("is to be demoted on n1").has("is to be promoted on n2");
    told.has("its promotion score on n2 is 10");
}

#[test]
fn not_enough_capacity() {
    let needs = |n: &str| format!("<utilization id='u{n}'><nvpair id='um{n}' name='memory' value='2048'/></utilization>");
    let cluster = Cluster::of(1).option("placement-strategy", "utilization").capacity(1, "memory", "3000");
    let cluster = cluster.resource(&primitive("db", &needs("d"))).resource(&primitive("web", &needs("w"))).runs(1, "db");
    let told = cluster.explain("web");
    told.first("capacity", "utilization", "it needs memory=2048, and 952 of 3000 are left on n1");
    told.remedy("it would run on n1", "crm_attribute --node n1 --utilization --name memory --update 4096");
}

#[test]
fn a_ticket_that_is_not_granted() {
    let mut cluster = Cluster::web(2).constraint("<rsc_ticket id='web-needs-t' rsc='web' ticket='T' loss-policy='stop'/>");
    cluster.tickets = "<ticket_state id='T' granted='false' last-granted='5'/>".to_owned();
    cluster
        .explain("web")
        .first("ticket", "T", "constraint web-needs-t")
        .remedy("it would run on n1", "crm_ticket --ticket T --grant")
        .has("no other site");
}

#[test]
fn a_node_that_is_not_healthy() {
    let cluster = Cluster::web(1).option("node-health-strategy", "migrate-on-red").transient(1, "#health-disk", "red");
    let told = cluster.explain("web");
    told.first("health", "#health-disk", "#health-disk is red");
    told.remedy("it would run on n1", "attrd_updater --node n1 --name '#health-disk' --update green");
}

#[test]
fn a_lost_node_whose_fence_device_fails() {
    let lost = "in_ccm='false' crmd='offline' join='down' expected='member'";
    let cluster = Cluster::web(3).state(3, lost).runs(3, "web");
    let cluster = cluster.history(
        1,
        "fencing",
        &(failed("fencing", "monitor 60000", 1, "exit-reason='login refused'") + &result("fencing", "start", 0, 0, "")),
    );
    let told = cluster.explain("web");
    told.first("fencing", "n3", "it may still run on n3, which is to be fenced first")
        .has("fence device fencing has failed")
        .has("login refused");
    told.lacks("cibadmin --delete");
    let node = explain::node(&cluster.cib(), "n3", NOW).unwrap();
    let text = node.lines().join("\n");
    assert!(node.state == "unclean" && text.contains("systole fence --confirm n3") && text.contains("only when you have seen"), "{text}");
}

#[test]
fn a_lost_node_that_cannot_be_fenced() {
    let lost = "in_ccm='false' crmd='offline' join='down' expected='member'";
    let mut cluster = Cluster::web(3).state(2, lost).state(3, lost).runs(3, "web").option("no-quorum-policy", "freeze");
    cluster.quorum = false;
    cluster.explain("web").has("only a part of the cluster with quorum may fence").has("no-quorum-policy=freeze");
}

#[test]
fn unmanaged() {
    let web = primitive("web", &meta("web", "is-managed", "false"));
    let cluster = Cluster::of(2).resource(&web).runs(1, "web").ban("web", 1);
    cluster.explain("web").first("is-managed", "web-is-managed", "is-managed=false is set on web").has("left alone");
    let mut cluster = Cluster::web(2).runs(1, "web").ban("web", 1);
    cluster.defaults =
        "<rsc_defaults><meta_attributes id='d'><nvpair id='d-m' name='is-managed' value='false'/></meta_attributes></rsc_defaults>"
            .to_owned();
    let told = cluster.explain("web");
    told.first("is-managed", "d-m", "among the resources' defaults")
        .remedy("it would run on n2", "crm_attribute --type rsc_defaults --name is-managed --delete");
}

#[test]
fn no_location_in_an_opt_in_cluster() {
    let told_of = Cluster::web(2).option("symmetric-cluster", "false").explain("web");
    told_of
        .first("opt-in", "symmetric-cluster", "no location allows web on n1 and n2")
        .has("it would run on n1 if a location allowed web on n1");
}

#[test]
fn enough_instances() {
    let clone = format!(
        "<clone id='webs'><meta_attributes id='cm'><nvpair id='cx' name='clone-max' value='2'/></meta_attributes>{}</clone>",
        primitive("web", "")
    );
    let told = Cluster::of(3).resource(&clone).runs(1, "web").runs(2, "web").explain("webs");
    told.has("web runs on n1 and n2, and stays there").has("webs has as many instances as it may have (clone-max=2)").no_remedy();
}

#[test]
fn stickiness_keeps_it_from_where_it_is_preferred() {
    let web = primitive("web", &meta("web", "resource-stickiness", "200"));
    let cluster = Cluster::of(2).resource(&web).runs(1, "web").constraint("<rsc_location id='likes-2' rsc='web' node='n2' score='100'/>");
    let told = cluster.explain("web");
    told.has("its stickiness (200) outweighs that n2 is preferred (100)").has("it would run on n2 if resource-stickiness of web were 0");
    told.has("stays there");
}

#[test]
fn blocked_after_a_failed_stop() {
    let mut cluster = Cluster::web(2).option("stonith-enabled", "false").ban("web", 1);
    let operations = result("web", "start", 0, 0, "") + &failed("web", "stop", 1, "exit-reason='still busy'");
    cluster = cluster.history(1, "web", &operations).transient(1, "fail-count-web#stop_0", "INFINITY");
    let told = cluster.explain("web");
    told.first("blocked", "stop", "its stop on n1 ended with \"error\" (1), saying \"still busy\"")
        .has("it may still run there")
        .has("systole cleanup web");
}

#[test]
fn a_start_in_flight() {
    let pending = "<lrm_rsc_op id='web_last_0' operation_key='web_start_0' operation='start' transition-key='1:1:0:x' transition-magic='-1:193;1:1:0:x' \
                   call-id='-1' rc-code='193' op-status='-1' interval='0' last-rc-change='999970'/>";
    let told = Cluster::web(2).history(1, "web", pending).explain("web");
    told.first("in-flight", "start", "its start on n1 is under way since 30 s");
}

#[test]
fn no_fence_device() {
    let mut cluster = Cluster::web(2);
    cluster.with_device = false;
    cluster.explain("web").first("no-fence-device", "stonith-enabled", "there is no fence device").no_remedy();
}

#[test]
fn stopped_with_all_others() {
    let told = Cluster::web(2).option("stop-all-resources", "true").runs(1, "web").explain("web");
    told.first("option", "stop-all-resources", "is true")
        .remedy("it would run on n1", "crm_attribute --name stop-all-resources --update false");
}

#[test]
fn two_things_together() {
    let cluster = Cluster::web(1).ban("web", 1).attribute(1, "standby", "on");
    let told = cluster.explain("web");
    assert_eq!(told.answer.remedies[0].kind, "several");
    told.has("if n1 left standby and constraint ban-web-1 were gone").has("systole standby n1 off");
}

#[test]
fn it_stays_down_after_a_failure_with_on_fail_stop() {
    let web = "<primitive id='web' class='ocf' provider='systole' type='Dummy'><operations><op id='web-m' name='monitor' interval='10s' on-fail='stop'/></operations></primitive>";
    let operations = result("web", "start", 0, 0, "") + &failed("web", "monitor 10000", 7, "");
    let cluster = Cluster::of(2).resource(web).history(1, "web", &operations).transient(1, "fail-count-web#monitor_10000", "1");
    cluster.explain("web").first("failures", "web", "to stay stopped (on-fail=stop)").has("systole cleanup web");
}

#[test]
fn why_it_is_restarted() {
    let operations = result("web", "start", 0, 0, "") + &failed("web", "monitor 10000", 7, "exit-reason='gone'");
    let cluster = Cluster::web(2).history(1, "web", &operations).transient(1, "fail-count-web#monitor_10000", "1");
    cluster
        .explain("web")
        .has("is to be stopped and started again there")
        .has("its monitor on n1 ended with \"not running\" (7), saying \"gone\"");
}

#[test]
fn a_preference_and_what_would_happen_without_it() {
    let cluster =
        Cluster::web(2).constraint("<rsc_location id='likes-2' rsc='web' node='n2' score='50'/>").option("stonith-enabled", "false");
    let told = cluster.explain("web");
    told.first("score", "likes-2", "n2 has the highest score (50 = 50 location likes-2)");
    told.has("it would run on n1 if constraint likes-2 were gone").has("it would run on n1 if n2 could not run it any more");
}

#[test]
fn nodes_of_equal_score() {
    let cluster = Cluster::web(2).resource(&primitive("db", "")).runs(2, "db");
    let told = cluster.explain("web");
    told.has("has the highest score (0), as n2 has").has("comes first by its name").has("is to start on n1");
    // Two that run on one node, with nothing to hold them: the load is spread, and that is the reason.
    let mut cluster = Cluster::web(2).resource(&primitive("db", "")).runs(1, "db").runs(1, "web");
    cluster.with_device = false;
    let told = cluster.option("stonith-enabled", "false").explain("db");
    told.has("db runs on n1, and is to move to n2").has("has been given fewer resources (0 resources, n1 1)");
}

#[test]
fn a_node_tells_what_may_not_run_there() {
    let cluster = Cluster::web(2).runs(1, "web").ban("web", 2).resource(&primitive("db", "")).runs(2, "db");
    let node = explain::node(&cluster.cib(), "n2", NOW).unwrap();
    let text = node.lines().join("\n");
    assert!(text.contains("n2 is online.") && text.contains("constraint ban-web-2 keeps it off"), "{text}");
    let standby = explain::node(&cluster.attribute(2, "standby", "on").cib(), "n2", NOW).unwrap();
    let text = standby.lines().join("\n");
    assert!(text.contains("db would run here if n2 left standby") && text.contains("systole standby n2 off"), "{text}");
}

#[test]
fn what_is_not_there_is_refused() {
    let cib = Cluster::web(1).cib();
    assert_eq!(explain::resource(&cib, "nothing", NOW).unwrap_err().exit, admin::Exit::NO_SUCH);
    assert_eq!(explain::node(&cib, "nothing", NOW).unwrap_err().exit, admin::Exit::NO_SUCH);
}

#[test]
fn every_kind_of_cause_is_documented() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/design/explain.md");
    let page = std::fs::read_to_string(path).unwrap();
    let missing: Vec<&&str> = explain::CAUSE_KINDS.iter().filter(|kind| !page.contains(&format!("`{kind}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
