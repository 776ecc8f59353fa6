//! Alerts: programs of the administrator's that are told of nodes, fencing, operations and attributes.
//!
//! Every node tells what it sees of nodes and fencing and what it ran itself; the coordinator tells of attributes. Each
//! recipient is one call of the root role's, under the unprivileged user: nothing here waits for it, and its failure is
//! a line in the log. Decides which events go to whom, never what is done about them.

use crate::command::{LogLevel, MemberCommand};
use crate::member::Member;
use cib::rules::{Input, Recheck};
use cib::{AlertSelect, Cib, NvSets};
use messages::agent::{AgentCall, AgentName, AgentOrder, AgentOutcome, AgentResult};
use messages::client::FenceRecord;
use messages::operation::{OperationReport, ReportId};
use model::{CallId, ExecutionStatus, NodeName, Timestamp, parse_interval};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use xml::Element;

/// Compat: how long an alert program may run, and how it is told the time.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIME_FORMAT: &str = "%H:%M:%S.%06N";
/// How many alert programs are at work at once on a node, and how many calls may wait; more are dropped, and that is told.
const AT_WORK_MAX: usize = 16;
const WAITING_MAX: usize = 1000;

/// What is alerted of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind<'a> {
    Node,
    Fencing,
    Resource,
    /// With the attribute's name.
    Attribute(&'a str),
}

/// One program with one recipient, as the configuration says now.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Listener {
    id: String,
    path: String,
    recipient: Option<String>,
    /// Nodes, fencing, resources.
    kinds: [bool; 3],
    /// `None`: no attributes; empty: all.
    attributes: Option<Vec<String>>,
    timeout: Duration,
    time_format: String,
    environment: BTreeMap<String, String>,
}

/// What a node knows of alerts.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    /// `None`: to be read again.
    listeners: Option<Vec<Listener>>,
    /// A rule may say otherwise from here on.
    until: Option<Timestamp>,
    members: BTreeSet<NodeName>,
    /// Reports up to this one were alerted of; later deliveries of the same are repetitions.
    last_report: ReportId,
    at_work: BTreeMap<CallId, String>,
    waiting: VecDeque<AgentCall>,
    /// `CRM_alert_node_sequence`.
    sequence: u64,
}

impl Alerts {
    /// Returns what is known at the start of a daemon whose executor will number its next report so.
    pub fn new(next_report: ReportId) -> Self {
        Self { last_report: ReportId(next_report.0.saturating_sub(1)), ..Self::default() }
    }

    /// The configuration changed.
    pub fn forget_configuration(&mut self) {
        self.listeners = None;
    }
}

impl Member {
    /// Alerts of nodes that came or went since the last time.
    pub(crate) fn alert_of_nodes(&mut self) {
        if self.incarnation.is_none() {
            return;
        }
        if self.membership.members().eq(&self.alerts.members) {
            return;
        }
        let members: BTreeSet<NodeName> = self.membership.members().cloned().collect();
        let before = std::mem::replace(&mut self.alerts.members, members.clone());
        for node in before.symmetric_difference(&members) {
            let state = if members.contains(node) { "member" } else { "lost" };
            let id = self.id_of(node);
            self.alert(Kind::Node, &[("node", node.as_str()), ("nodeid", &id), ("desc", state)]);
        }
    }

    /// Alerts of a fencing that ended.
    pub(crate) fn alert_of_fencing(&mut self, record: &FenceRecord) {
        if record.state == "pending" {
            return;
        }
        let delegate = record.delegate.as_ref().map_or("<no-one>", NodeName::as_str);
        let result = match record.exit_reason.as_deref().filter(|_| record.state != "success") {
            _ if record.state == "success" => "OK".to_owned(),
            Some(reason) => format!("Error occurred ({reason})"),
            None => "Error occurred".to_owned(),
        };
        let FenceRecord { action, target, client, origin, .. } = record;
        let description = format!("Operation {action} of {target} by {delegate} for {client}@{origin}: {result}");
        let code = if record.state == "success" { "0" } else { "1" };
        // Compat: the task is the name of the notification.
        let facts = [("node", target.as_str()), ("task", "st_notify_fence"), ("desc", &description), ("rc", code)];
        self.alert(Kind::Fencing, &facts);
    }

    /// Alerts of an operation that this node ran. Compat: a probe that found what was expected is no news.
    pub(crate) fn alert_of_operation(&mut self, report: &OperationReport) {
        if report.id <= self.alerts.last_report {
            return;
        }
        self.alerts.last_report = report.id;
        let is_probe = matches!(report.operation.as_str(), "monitor" | "status") && report.interval.is_zero();
        if report.operation == "meta-data" || report.call == CallId(0) || (is_probe && report.is_expected()) {
            return;
        }
        let description = match report.status {
            ExecutionStatus::Done => report.exit.as_str(),
            status => status.as_str(),
        };
        let number = |value: u128| value.to_string();
        self.alert(
            Kind::Resource,
            &[
                ("node", report.on_node.as_str()),
                ("rsc", report.resource.as_str()),
                ("task", &report.operation),
                ("interval", &number(report.interval.as_millis())),
                ("target_rc", &report.transition_key.target_rc.to_string()),
                ("status", &report.status.code().to_string()),
                ("rc", &report.exit.0.to_string()),
                ("exec_time", &number(report.run_time.as_millis())),
                ("desc", description),
            ],
        );
    }

    /// Alerts of a node attribute that changed; without a value it was deleted.
    pub(crate) fn alert_of_attribute(&mut self, node: &NodeName, name: &str, value: Option<&str>) {
        let id = self.id_of(node);
        let facts = [("node", node.as_str()), ("nodeid", &id), ("attribute_name", name), ("attribute_value", value.unwrap_or_default())];
        self.alert(Kind::Attribute(name), &facts);
    }

    fn alert(&mut self, kind: Kind<'_>, facts: &[(&str, &str)]) {
        if self.incarnation.is_none() {
            return;
        }
        if self.alerts.listeners.is_none() || self.alerts.until.is_some_and(|until| until <= self.now.wall) {
            let mut recheck = Recheck::default();
            self.alerts.listeners = Some(listeners(self.replica.cib(), self.now.wall, &mut recheck));
            self.alerts.until = recheck.0;
        }
        let wanted: Vec<Listener> = self.alerts.listeners.iter().flatten().filter(|listener| listener.wants(kind)).cloned().collect();
        for listener in wanted {
            self.alerts.sequence += 1;
            let mut parameters: BTreeMap<String, String> =
                facts.iter().map(|(name, value)| (format!("CRM_alert_{name}"), (*value).to_owned())).collect();
            let microseconds = self.now.wall.0.rem_euclid(1_000_000);
            for (name, value) in [
                ("kind", kind.word().to_owned()),
                ("version", self.config.version.clone()),
                ("node_sequence", self.alerts.sequence.to_string()),
                ("recipient", listener.recipient.clone().unwrap_or_default()),
                ("timestamp_epoch", self.now.wall.seconds().to_string()),
                ("timestamp_usec", format!("{microseconds:06}")),
                // The edge, which knows the host's zone, puts the time in its place.
                ("timestamp", listener.time_format.clone()),
            ] {
                parameters.insert(format!("CRM_alert_{name}"), value);
            }
            parameters.extend(listener.environment);
            let call = AgentCall {
                id: CallId(0),
                agent: AgentName { class: "alert".to_owned(), provider: None, kind: listener.path },
                action: listener.id,
                resource: None,
                parameters,
                timeout: listener.timeout,
                unprivileged: true,
            };
            if self.alerts.waiting.len() >= WAITING_MAX {
                let text = format!("alert {} was dropped: {WAITING_MAX} calls of alert programs wait already", call.action);
                self.log(LogLevel::Warning, text);
                continue;
            }
            self.alerts.waiting.push_back(call);
        }
        self.send_alerts();
    }

    fn send_alerts(&mut self) {
        while self.alerts.at_work.len() < AT_WORK_MAX
            && let Some(mut call) = self.alerts.waiting.pop_front()
        {
            call.id = self.executor.allocate_call();
            self.alerts.at_work.insert(call.id, call.action.clone());
            self.out.push(MemberCommand::Agent(AgentOrder::Run(call)));
        }
    }

    /// Takes the end of an alert program; gives the result back when it is of something else.
    pub(crate) fn alert_finished(&mut self, result: AgentResult) -> Option<AgentResult> {
        let Some(id) = self.alerts.at_work.remove(&result.id) else { return Some(result) };
        self.out.push(MemberCommand::Agent(AgentOrder::Acknowledge { id: result.id }));
        if result.outcome != AgentOutcome::Exited(0) {
            let said = result.stderr.lines().last().unwrap_or_default();
            self.log(LogLevel::Warning, format!("alert {id} failed ({:?}) {said}", result.outcome));
        }
        self.send_alerts();
        None
    }
}

impl Kind<'_> {
    fn word(self) -> &'static str {
        match self {
            Kind::Node => "node",
            Kind::Fencing => "fencing",
            Kind::Resource => "resource",
            Kind::Attribute(_) => "attribute",
        }
    }
}

impl Listener {
    fn wants(&self, kind: Kind<'_>) -> bool {
        match kind {
            Kind::Node => self.kinds[0],
            Kind::Fencing => self.kinds[1],
            Kind::Resource => self.kinds[2],
            Kind::Attribute(name) => self.attributes.as_ref().is_some_and(|names| names.is_empty() || names.iter().any(|one| one == name)),
        }
    }
}

/// Returns who listens, with everything that holds now.
fn listeners(cib: &Element, now: Timestamp, recheck: &mut Recheck) -> Vec<Listener> {
    let has_alerts = cib.descend(&["configuration", "alerts"]).is_some_and(|alerts| alerts.elements_named("alert").next().is_some());
    if !has_alerts {
        return Vec::new();
    }
    let cib = Cib::new(cib);
    let input = Input { now: Some(now), ..Input::default() };
    let mut found = Vec::new();
    for alert in &cib.configuration.alerts {
        let select = alert.select.clone().filter(|select| *select != AlertSelect::default());
        let mut add = |id: &str, recipient: Option<&str>, sets: &[(&NvSets<'_>, &NvSets<'_>)]| {
            // The recipient's values come first, and win.
            let (mut meta, mut environment) = (BTreeMap::new(), BTreeMap::new());
            for (more_meta, more_parameters) in sets {
                more_meta.add_to(&mut meta, None, &input, recheck);
                more_parameters.add_to(&mut environment, None, &input, recheck);
            }
            let owned = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            found.push(Listener {
                id: id.to_owned(),
                path: alert.path.to_owned(),
                recipient: recipient.map(str::to_owned),
                kinds: select.as_ref().map_or([true; 3], |select| [select.nodes, select.fencing, select.resources]),
                attributes: select
                    .as_ref()
                    .and_then(|select| select.attributes.as_ref())
                    .map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
                timeout: meta.get("timeout").and_then(|text| parse_interval(text)).filter(|time| !time.is_zero()).unwrap_or(TIMEOUT),
                time_format: meta.get("timestamp-format").map_or(TIME_FORMAT, |text| *text).to_owned(),
                environment: owned.collect(),
            });
        };
        let is_enabled = |sets: &NvSets<'_>| {
            sets.values(&input, &mut Recheck::default()).get("enabled").is_none_or(|text| model::parse_boolean(text) == Some(true))
        };
        if !is_enabled(&alert.meta) {
            continue;
        }
        if alert.recipients.is_empty() {
            add(alert.id, None, &[(&alert.meta, &alert.parameters)]);
        }
        for recipient in alert.recipients.iter().filter(|recipient| is_enabled(&recipient.meta)) {
            add(recipient.id, Some(recipient.value), &[(&recipient.meta, &recipient.parameters), (&alert.meta, &alert.parameters)]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(alerts: &str, now: i64) -> Vec<Listener> {
        let text = format!("<cib><configuration><alerts>{alerts}</alerts></configuration></cib>");
        let cib = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        listeners(&cib, Timestamp::from_seconds(now), &mut Recheck::default())
    }

    #[test]
    fn each_recipient_has_its_own_values_over_those_of_the_alert() {
        let found = read(
            "<alert id='a' path='/x/mail.sh'>\
               <meta_attributes id='m'><nvpair id='m1' name='timeout' value='10s'/><nvpair id='m2' name='timestamp-format' value='%H'/></meta_attributes>\
               <instance_attributes id='i'><nvpair id='i1' name='from' value='all'/><nvpair id='i2' name='why' value='w'/></instance_attributes>\
               <recipient id='r1' value='one'/>\
               <recipient id='r2' value='two'><meta_attributes id='n'><nvpair id='n1' name='timeout' value='2s'/></meta_attributes>\
                 <instance_attributes id='j'><nvpair id='j1' name='from' value='two'/></instance_attributes></recipient>\
               <recipient id='r3' value='off'><meta_attributes id='o'><nvpair id='o1' name='enabled' value='false'/></meta_attributes></recipient>\
             </alert><alert id='b' path='/x/off.sh'><meta_attributes id='p'><nvpair id='p1' name='enabled' value='false'/></meta_attributes></alert>\
             <alert id='c' path='/x/plain.sh'/>",
            0,
        );
        let told: Vec<_> =
            found.iter().map(|l| (l.id.as_str(), l.recipient.as_deref(), l.timeout.as_secs(), l.time_format.as_str())).collect();
        assert_eq!(told, [("r1", Some("one"), 10, "%H"), ("r2", Some("two"), 2, "%H"), ("c", None, 30, TIME_FORMAT)]);
        assert_eq!(found[1].environment, [("from".to_owned(), "two".to_owned()), ("why".to_owned(), "w".to_owned())].into());
    }

    #[test]
    fn a_selection_tells_which_events_are_wanted() {
        for (select, expected) in [
            ("", [true, true, true, false, false]),
            ("<select/>", [true, true, true, false, false]),
            ("<select><select_nodes/></select>", [true, false, false, false, false]),
            ("<select><select_fencing/><select_resources/></select>", [false, true, true, false, false]),
            ("<select><select_attributes/></select>", [false, false, false, true, true]),
            ("<select><select_attributes><attribute id='n' name='ping'/></select_attributes></select>", [false, false, false, true, false]),
        ] {
            let found = read(&format!("<alert id='a' path='/x'>{select}</alert>"), 0);
            let kinds = [Kind::Node, Kind::Fencing, Kind::Resource, Kind::Attribute("ping"), Kind::Attribute("other")];
            assert_eq!(kinds.map(|kind| found[0].wants(kind)), expected, "{select}");
        }
    }

    #[test]
    fn a_rule_switches_an_alert_on() {
        let alert = "<alert id='a' path='/x'><meta_attributes id='m'>\
            <rule id='r' score='INFINITY'><date_expression id='d' operation='gt' start='2026-01-01T00:00:00Z'/></rule>\
            <nvpair id='n' name='enabled' value='false'/></meta_attributes></alert>";
        assert_eq!((read(alert, 0).len(), read(alert, 1_800_000_000).len()), (1, 0));
    }
}
