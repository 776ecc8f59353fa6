//! What must hold between the engines, brought about again after every event: who is in charge, what the controller and the
//! fencer know, what the CIB says of each node. Everything here compares what is with what should be; repeating it changes nothing.

use crate::command::{LogLevel, MemberCommand, StoreOrder};
use crate::member::{FEATURE_SET, Member, Sleeper};
use crate::options;
use membership::PeerState;
use messages::client::CibEdit;
use messages::event::Fact;
use messages::peer::{PeerMessage, ReplicaMessage};
use model::NodeName;
use replica::{Changed, ReplicaCommand, ReplicaEvent};
use std::collections::{BTreeMap, BTreeSet};
use transition::ActionNode;
use xml::Element;

/// The attribute in which a node says its feature set.
const FEATURE_SET_ATTRIBUTE: &str = "#feature-set";
/// The name under which this module changes the CIB.
const UPKEEP: &str = "upkeep";

impl Member {
    pub(crate) fn upkeep(&mut self) {
        self.check_self_fencing();
        self.keep_doors();
        self.alert_of_nodes();
        self.tell_feature_set();
        self.doubt_moved_connections();
        let can_order = self.membership.is_coordinator() && self.replica.is_ordering();
        if can_order && !self.in_charge && self.membership.is_start_over() && !self.membership.is_doubtful() {
            self.take_charge();
        }
        if !self.in_charge || !can_order {
            return;
        }
        let is_new = std::mem::take(&mut self.has_news) || self.configuration_changed || self.status_changed;
        if is_new {
            self.keep_up();
        }
        self.calculate_when_known();
    }

    /// Everything here follows from the CIB, from who is here and from who has said what it is at: without news of these nothing is due.
    fn keep_up(&mut self) {
        self.keep_reports();
        self.tell_nodes();
        self.tell_gone();
        if std::mem::take(&mut self.configuration_changed) {
            self.tell_configuration();
        }
        if std::mem::take(&mut self.status_changed) {
            self.tell_situation();
        }
        self.keep_cib();
        self.hurry_without_quorum();
    }

    /// Compat: each node says which feature set it has in an attribute of its own, for `crm_mon -R` and where nodes differ. Asked for once
    /// in each term: what was said in a view that ended may be lost.
    fn tell_feature_set(&mut self) {
        let term = self.membership.term();
        let is_member = self.membership.peers().get(&self.config.node).is_some_and(membership::Peer::is_member);
        if self.said_feature_set_in == term || !is_member || self.membership.coordinator().is_none() || self.is_leaving {
            return;
        }
        self.said_feature_set_in = term;
        let own = self.config.node.clone();
        let said = self.attributes.query(Some(&own), FEATURE_SET_ATTRIBUTE);
        if said.iter().all(|said| said.value.as_deref() != Some(FEATURE_SET)) {
            self.set_attribute(own, FEATURE_SET_ATTRIBUTE.to_owned(), Some(FEATURE_SET.to_owned()));
        }
    }

    /// Without quorum resources are stopped at once: what a daemon that is away would say of its node changes nothing about that.
    /// (Found by the simulator: seed 47 with 20 deeds.)
    fn hurry_without_quorum(&mut self) {
        let policy = options::option(self.replica.cib(), &["no-quorum-policy"]).unwrap_or("stop");
        let must_stop = !self.membership.is_quorate() && !matches!(policy, "ignore" | "freeze");
        if must_stop && !std::mem::replace(&mut self.has_hurried, must_stop) {
            self.give_controller(controller::Event::Hurry);
        }
        self.has_hurried = must_stop;
    }

    fn take_charge(&mut self) {
        self.in_charge = true;
        self.has_news = true;
        self.reported.clear();
        self.asked.clear();
        self.told_nodes.clear();
        self.told_gone.clear();
        self.let_go.clear();
        self.has_hurried = false;
        (self.told_settings, self.told_situation) = (None, None);
        let term = self.membership.term();
        self.log(LogLevel::Notice, format!("this node leads the cluster (term {term})"));
        self.give_controller(controller::Event::Elected { uuid: self.config.uuid.clone(), term });
        self.give_controller(controller::Event::FencingsFailed(self.fencer.failures_in_a_row()));
        let first_ticket = u64::from(own_number(&self.config.node)) << 32;
        self.give_fencer(fencer::Event::Elected { term, first_ticket, seed: term });
        self.tell_configuration();
        self.configuration_changed = false;
        self.status_changed = true;
    }

    /// This node does not coordinate, or cannot: what it had in hand as the coordinator is another's now.
    pub(crate) fn step_down(&mut self) {
        if !std::mem::replace(&mut self.in_charge, false) {
            return;
        }
        self.planning = None;
        self.held_calculation = None;
        self.attributes_asked_for.clear();
        self.give_controller(controller::Event::Deposed);
        self.give_fencer(fencer::Event::Deposed);
        self.wakes.remove(&Sleeper::Controller);
        self.wakes.remove(&Sleeper::Fencer);
    }

    /// Asks members that have not said what they are at; forgets what those said that are gone.
    fn keep_reports(&mut self) {
        let peers = self.membership.peers();
        let is_same = |node: &NodeName, daemon: &u64| peers.get(node).is_some_and(|peer| peer.is_member() && peer.daemon == Some(*daemon));
        self.reported.retain(|node, daemon| is_same(node, daemon));
        self.asked.retain(|node, daemon| is_same(node, daemon));
        let term = self.membership.term();
        if std::mem::replace(&mut self.asked_in, term) != term {
            // A question of an earlier term may have gone with its view: whoever has not answered is asked again.
            let reported = &self.reported;
            self.asked.retain(|node, daemon| reported.get(node) == Some(daemon));
        }
        let members = peers.iter().filter(|(_, peer)| peer.is_member());
        let unasked: Vec<(NodeName, u64)> = members
            .map(|(node, peer)| (node.clone(), peer.daemon.unwrap_or(0)))
            .filter(|(node, daemon)| self.asked.get(node) != Some(daemon))
            .collect();
        for (node, daemon) in unasked {
            self.asked.insert(node.clone(), daemon);
            self.send(PeerMessage::Lead { term, to: Some(node) });
        }
    }

    /// Tells the controller which nodes there are and which can be given orders.
    pub(crate) fn tell_nodes(&mut self) {
        let mut nodes: BTreeMap<NodeName, controller::Node> = BTreeMap::new();
        for (name, peer) in self.membership.peers() {
            let is_here = matches!(peer.state, PeerState::Member | PeerState::Joining | PeerState::Away { .. });
            let node = controller::Node {
                id: self.id_of(name),
                incarnation: peer.incarnation.clone().filter(|_| is_here),
                reachable: peer.is_member() && self.reported.contains_key(name),
                jobs_max: self.jobs_max(),
            };
            nodes.insert(name.clone(), node);
        }
        if nodes != self.told_nodes {
            self.told_nodes = nodes.clone();
            self.status_changed = true;
            self.give_controller(controller::Event::NodesChanged(nodes));
        }
    }

    fn jobs_max(&self) -> usize {
        let set = options::option(self.replica.cib(), &["node-action-limit"]).and_then(|text| text.trim().parse::<usize>().ok());
        set.filter(|limit| *limit > 0).unwrap_or(self.config.parallel_max)
    }

    /// Tells controller and fencer once of every node that went.
    fn tell_gone(&mut self) {
        let peers = self.membership.peers();
        self.told_gone.retain(|node| peers.get(node).is_some_and(|peer| !peer.is_member()));
        let gone: Vec<(NodeName, PeerState)> = peers
            .iter()
            .filter(|(name, peer)| {
                matches!(peer.state, PeerState::HostLost | PeerState::DaemonLost | PeerState::Left) && !self.told_gone.contains(*name)
            })
            .map(|(name, peer)| (name.clone(), peer.state))
            .collect();
        for (node, state) in gone {
            self.told_gone.insert(node.clone());
            self.let_go.remove(&node);
            // Safety: before a plan is made the status must say that the node is gone.
            self.keep_cib();
            self.give_fencer(fencer::Event::NodeUnreachable { node: node.clone() });
            let event = match state {
                PeerState::Left => controller::Event::ShutdownDone { node: node.clone() },
                PeerState::DaemonLost => controller::Event::DaemonLost { node: node.clone() },
                _ => controller::Event::NodeLost { node: node.clone() },
            };
            self.give_controller(event);
            self.give_attributes(attributes::AttributesEvent::NodeGone { node });
        }
    }

    fn tell_configuration(&mut self) {
        let settings = options::settings(self.replica.cib(), crate::member::FEATURE_SET);
        if self.told_settings.as_ref() != Some(&settings) {
            self.told_settings = Some(settings.clone());
            self.give_controller(controller::Event::SettingsChanged(settings));
        }
        self.tell_fencing();
        self.status_changed = true;
    }

    /// Tells the fencer what the configuration says of fencing here and now.
    fn tell_fencing(&mut self) {
        let told = self.told_situation.as_ref().map(|told| told.attributes.clone());
        let attributes = told.unwrap_or_else(|| self.situation().attributes);
        let configuration = fencer::Configuration::read(self.replica.cib(), &self.circumstances(attributes));
        self.fencing_depends_on_nodes = configuration.depends_on_nodes;
        self.fencing_until = configuration.until;
        self.give_fencer(fencer::Event::Configured(Box::new(configuration)));
    }

    /// Rules about fencing may say otherwise at another time.
    pub(crate) fn keep_fencing(&mut self) {
        if self.in_charge && self.fencing_until.is_some_and(|until| until <= self.now.wall) {
            self.tell_fencing();
        }
    }

    fn tell_situation(&mut self) {
        let situation = self.situation();
        if self.told_situation.as_ref() != Some(&situation) {
            let attributes_changed = self.told_situation.as_ref().is_none_or(|told| told.attributes != situation.attributes);
            self.told_situation = Some(situation.clone());
            if self.fencing_depends_on_nodes && attributes_changed {
                self.tell_fencing();
            }
            self.give_fencer(fencer::Event::SituationChanged(situation));
        }
    }

    /// Brings what the CIB says of the cluster and its nodes in line with what is.
    fn keep_cib(&mut self) {
        let mut edits = Vec::new();
        self.keep_root(&mut edits);
        if self.membership.is_quorate() {
            self.keep_nodes_section(&mut edits);
            self.keep_own_options(&mut edits);
        }
        self.keep_node_states(&mut edits);
        if !edits.is_empty() {
            self.wish_status(edits, UPKEEP);
        }
    }

    fn keep_root(&self, edits: &mut Vec<CibEdit>) {
        let cib = self.replica.cib();
        let mut root = Element::new("cib");
        let wanted = [("have-quorum", if self.membership.is_quorate() { "1" } else { "0" }), ("dc-uuid", &self.id_of(&self.config.node))];
        for (name, value) in wanted {
            if cib.attribute(name) != Some(value) {
                root.set(name, value);
            }
        }
        if !root.attributes.is_empty() {
            edits.push(modify(None, &root));
        }
    }

    fn keep_nodes_section(&self, edits: &mut Vec<CibEdit>) {
        let known = options::nodes(self.replica.cib());
        for name in self.membership.members() {
            if !known.contains_key(name) {
                let node = Element::new("node").with("id", self.id_of(name)).with("uname", name.as_str());
                edits.push(modify(Some("nodes"), &node));
            }
        }
    }

    /// Compat: the facts that Pacemaker's coordinator writes among the cluster options.
    fn keep_own_options(&self, edits: &mut Vec<CibEdit>) {
        let cib = self.replica.cib();
        let watchdog = if self.self_fencing.is_some() { "true" } else { "false" };
        let mut wanted = vec![
            ("have-watchdog", watchdog),
            ("dc-version", self.config.version.as_str()),
            ("cluster-infrastructure", self.config.infrastructure.as_str()),
        ];
        if let Some(name) = self.config.cluster_name.as_deref().filter(|_| options::option(cib, &["cluster-name"]).is_none()) {
            wanted.push(("cluster-name", name));
        }
        wanted.retain(|(name, value)| !value.is_empty() && options::option(cib, &[name]) != Some(*value));
        if wanted.is_empty() {
            return;
        }
        let mut set = Element::new("cluster_property_set").with("id", "cib-bootstrap-options");
        for (name, value) in wanted {
            let known = cib
                .descend(&["configuration", "crm_config"])
                .and_then(|section| section.elements_named("cluster_property_set").find(|set| set.id() == Some("cib-bootstrap-options")))
                .and_then(|set| set.elements_named("nvpair").find(|pair| pair.attribute("name") == Some(name))?.id())
                .map_or_else(|| format!("cib-bootstrap-options-{name}"), str::to_owned);
            set.push(Element::new("nvpair").with("id", known).with("name", name).with("value", value));
        }
        edits.push(modify(Some("crm_config"), &set));
    }

    fn keep_node_states(&self, edits: &mut Vec<CibEdit>) {
        let cib = self.replica.cib();
        let is_frozen = !self.membership.is_quorate() && options::option(cib, &["no-quorum-policy"]) == Some("freeze");
        for (name, peer) in self.membership.peers() {
            let state = options::node_state(cib, name);
            let recorded = |attribute: &str| state.and_then(|state| state.attribute(attribute));
            let is_dead = peer.incarnation.as_ref().is_some_and(|life| self.membership.is_fenced(name, life));
            const HERE: [(&str, &str); 2] = [("in_ccm", "true"), ("crmd", "online")];
            const GONE: [(&str, &str); 3] = [("in_ccm", "false"), ("crmd", "offline"), ("join", "down")];
            // Safety: under `freeze` a partition without quorum goes on with what it has. A node that came after quorum was lost, or whose
            // leave the others know of, would be fenced by nobody before its resources are recovered elsewhere: it gets none to start.
            let must_wait = is_frozen && !peer.is_known_to_quorum();
            let mut wanted: Vec<(&str, &str)> = match peer.state {
                PeerState::Member | PeerState::Joining if must_wait => [&HERE[..], &[("join", "pending"), ("expected", "member")]].concat(),
                // Compat: what is expected of a member is written once, when it joins; its clean shutdown changes it.
                PeerState::Member if self.reported.contains_key(name) && recorded("join") == Some("member") => HERE.to_vec(),
                PeerState::Member if self.reported.contains_key(name) => {
                    [&HERE[..], &[("join", "member"), ("expected", "member")]].concat()
                }
                PeerState::Member | PeerState::Joining if recorded("join") == Some("member") => HERE.to_vec(),
                PeerState::Member | PeerState::Joining => [&HERE[..], &[("join", "pending"), ("expected", "member")]].concat(),
                PeerState::Away { .. } => continue,
                PeerState::DaemonLost if !is_dead => vec![("in_ccm", "true"), ("crmd", "offline"), ("join", "down")],
                PeerState::DaemonLost | PeerState::HostLost => GONE.to_vec(),
                PeerState::Left => [&GONE[..], &[("expected", "down")]].concat(),
                // Nothing is known of a node that was never seen; what an earlier coordinator knew of it is out of date.
                PeerState::Unseen if recorded("crmd") == Some("online") || recorded("in_ccm") == Some("true") => GONE.to_vec(),
                PeerState::Unseen => continue,
            };
            // Safety: a node that was seen here and whose leave nobody knows of is expected to be here, and so will be fenced. After all
            // daemons restarted at once the status is empty, and would otherwise show a lost node as one that was never there.
            let is_lost = matches!(peer.state, PeerState::DaemonLost | PeerState::HostLost);
            if is_lost && !is_dead && recorded("expected").is_none() {
                wanted.push(("expected", "member"));
            }
            // Safety: one that was lost before it had left has not left, whatever it had asked for: it must be fenced like any other.
            // (Found by the simulator: seed 23351 with 20 deeds.)
            if is_lost && state.is_some_and(has_asked_to_leave) {
                edits.push(CibEdit {
                    operation: "delete".to_owned(),
                    xpath: Some(format!("/cib/status/node_state[@id='{}']/transient_attributes", self.id_of(name))),
                    ..CibEdit::default()
                });
            }
            wanted.retain(|(attribute, value)| recorded(attribute) != Some(*value));
            if wanted.is_empty() {
                continue;
            }
            let mut element = Element::new("node_state").with("id", self.id_of(name)).with("uname", name.as_str());
            for (attribute, value) in wanted {
                element.set(attribute, value);
            }
            element.set("crm-debug-origin", "membership");
            edits.push(modify(Some("status"), &element));
        }
    }

    pub(crate) fn give_replica(&mut self, event: ReplicaEvent) {
        for command in self.replica.handle(self.now, event) {
            match command {
                ReplicaCommand::Send(message) => self.send_replica(message),
                ReplicaCommand::Store { token, cib, lineage } => self.out.push(MemberCommand::Store(StoreOrder { token, cib, lineage })),
                ReplicaCommand::Changed(changed) => self.cib_changed(changed),
                ReplicaCommand::Answer { request, result } => {
                    if let Some(asker) = self.askers.remove(&request) {
                        let reply = result.map(|output| output.map_or(messages::client::ReplyBody::Done, messages::client::ReplyBody::Xml));
                        self.answer(asker, reply);
                    }
                }
                ReplicaCommand::WakeAt(at) => {
                    self.wakes.insert(Sleeper::Replica, at);
                }
                ReplicaCommand::Warn(text) => self.log(LogLevel::Warning, text),
                ReplicaCommand::Disk { problem } => self.tell_disk(problem),
            }
        }
    }

    /// Lets everyone see that a disk takes nothing: as an attribute of this node, and as a warning.
    fn tell_disk(&mut self, problem: Option<String>) {
        let node = self.config.node.clone();
        let text = match &problem {
            Some(reason) => format!("{node} cannot store the configuration: {reason}"),
            None => format!("{node} can store the configuration again"),
        };
        self.tell_everyone(Fact::Warning { text });
        self.set_attribute(node, messages::client::DISK_PROBLEM.to_owned(), problem);
    }

    fn send_replica(&mut self, message: ReplicaMessage) {
        self.send(PeerMessage::Replica(message));
    }

    fn cib_changed(&mut self, changed: Changed) {
        self.has_news = true;
        self.status_changed = true;
        self.tell_followers();
        if changed.is_configuration || changed.patch.is_none() {
            self.alerts.forget_configuration();
        }
        if changed.replaces_status {
            self.forget_what_is_told_anew();
        }
        // Another copy won, or was put there by a client: what this coordinator knew of the nodes is not in it. It begins anew, and asks them all.
        // Safety: what runs by now is not what ran when somebody saved the copy. Compat: so does Pacemaker.
        if changed.patch.is_none() || changed.replaces_status {
            self.step_down();
            self.give_attributes(attributes::AttributesEvent::StatusReplaced);
        }
        if changed.is_configuration {
            self.configuration_changed = true;
            if let Some(deadtime) = options::interval(self.replica.cib(), "dc-deadtime") {
                self.membership.set_dc_deadtime(deadtime);
            }
            self.membership.set_ignores_quorum(options::ignores_quorum(self.replica.cib()));
            if changed.client != UPKEEP && changed.patch.is_some() {
                let version = cib::Version::of(self.replica.cib()).to_string();
                self.tell_here(Fact::ConfigurationChanged { version, client: changed.client.clone() });
            }
        }
        if changed.client != crate::planning::CONTROLLER && self.in_charge {
            self.configuration_told_first();
            self.give_controller(controller::Event::InputChanged { cause: format!("the CIB was changed by {}", changed.client) });
        }
    }

    /// Of what a client put there only what others do not tell anew may stay: members tell their histories and those of the remote nodes they are
    /// connected to, and transient attributes are written from what is held of them.
    ///
    /// Safety: of a remote node that nobody is connected to the given history is all there is; without it nobody would have the node fenced.
    fn forget_what_is_told_anew(&mut self) {
        let told = options::remote_nodes(self.replica.cib()).filter(|remote| self.controller.connection_holder(remote).is_some());
        let drop = |name: NodeName| controller::StatusEdit::DropHistory { node: ActionNode { id: self.id_of(&name), name } }.to_cib_edit();
        let mut edits: Vec<CibEdit> = told.map(drop).collect();
        let xpath = Some("/cib/status/node_state/transient_attributes".to_owned());
        edits.push(CibEdit { operation: "delete-all".to_owned(), xpath, ..CibEdit::default() });
        self.wish_status(edits, UPKEEP);
    }

    /// The controller and the fencer learn of new options before they act on a new plan.
    fn configuration_told_first(&mut self) {
        if std::mem::take(&mut self.configuration_changed) {
            self.tell_configuration();
        }
    }

    /// Returns a node's id in the CIB: what is written there, else what the engine's configuration says.
    pub(crate) fn id_of(&self, node: &NodeName) -> String {
        if let Some(id) = options::node_id(self.replica.cib(), node) {
            return id.to_owned();
        }
        let number = self.membership.id_of(node).or((*node == self.config.node).then_some(self.config.id));
        let Some(number) = number else { return node.to_string() };
        // Another node of the configuration may have that number: then the next one that is free.
        let taken: BTreeSet<u32> = options::nodes(self.replica.cib()).into_values().flatten().collect();
        let id = if taken.contains(&number) { taken.last().map_or(number, |last| last.saturating_add(number)) } else { number };
        id.to_string()
    }

    /// Returns the number of each configured node: what the CIB says, else the engine below; 0 where neither has one.
    pub(crate) fn nodes_of_cib(&self) -> BTreeMap<NodeName, u32> {
        let nodes = options::nodes(self.replica.cib()).into_iter();
        nodes.map(|(name, id)| (id.or_else(|| self.membership.id_of(&name)), name)).map(|(id, name)| (name, id.unwrap_or(0))).collect()
    }

    pub(crate) fn write_attributes(&mut self, values: Vec<(NodeName, String, Option<String>)>) {
        let (mut edits, mut changed) = (Vec::new(), Vec::new());
        for (node, name, value) in values {
            let id = self.id_of(&node);
            let set = format!("status-{id}");
            let pair_id = format!("{set}-{}", cib::edit::sanitized(&name));
            let recorded = options::node_state(self.replica.cib(), &node)
                .and_then(|state| state.child("transient_attributes"))
                .into_iter()
                .flat_map(|holder| holder.elements_named("instance_attributes"))
                .find_map(|set| set.elements_named("nvpair").find(|pair| pair.attribute("name") == Some(&name)));
            let pair_id = recorded.and_then(Element::id).map_or(pair_id, str::to_owned);
            if recorded.and_then(|pair| pair.attribute("value")) != value.as_deref() {
                changed.push((node.clone(), name.clone(), value.clone()));
            }
            let pair = Element::new("nvpair").with("id", pair_id).with("name", &name);
            match value {
                Some(value) if recorded.and_then(|pair| pair.attribute("value")) == Some(&value) => {}
                Some(value) => {
                    let pairs = Element::new("instance_attributes").with("id", set).with_child(pair.with("value", value));
                    let holder = Element::new("transient_attributes").with("id", &id).with_child(pairs);
                    let state = Element::new("node_state").with("id", &id).with("uname", node.as_str()).with_child(holder);
                    edits.push(modify(Some("status"), &state));
                }
                None if recorded.is_some() => edits.push(CibEdit {
                    operation: "delete".to_owned(),
                    section: Some("status".to_owned()),
                    xml: Some(pair.to_compact()),
                    ..CibEdit::default()
                }),
                None => {}
            }
        }
        self.wish_status(edits, "attributes");
        for (node, name, value) in changed {
            self.alert_of_attribute(&node, &name, value.as_deref());
        }
    }
}

/// Returns whether a node's transient attributes say that it is to be shut down.
fn has_asked_to_leave(state: &Element) -> bool {
    let attributes = state.child("transient_attributes").into_iter().flat_map(Element::descendants);
    attributes.filter(|pair| pair.name == "nvpair").any(|pair| pair.attribute("name") == Some("shutdown"))
}

/// Returns the edit that merges an element into a section, making it when it is not there.
pub(crate) fn modify(section: Option<&str>, element: &Element) -> CibEdit {
    CibEdit {
        operation: "modify".to_owned(),
        section: section.map(str::to_owned),
        xml: Some(element.to_compact()),
        allow_create: true,
        ..CibEdit::default()
    }
}

/// Returns a number that is this node's own as far as names can tell (FNV-1a).
fn own_number(node: &NodeName) -> u32 {
    node.as_str().bytes().fold(0x811c_9dc5, |number, byte| (number ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
