//! This node as one that carries orders out: its executor, its fence devices, its root role.

use crate::command::{LogLevel, MemberCommand};
use crate::member::{Member, Sleeper};
use crate::remotes::is_connection_call;
use messages::agent::{AgentCall, AgentEvent, AgentOrder, AgentResult};
use messages::group::GroupCommand;
use messages::operation::{DeviceOrder, DeviceReport, NodeOrder, NodeReport};
use messages::peer::{MembershipMessage, PeerMessage};
use model::NodeName;
use std::time::Duration;

/// How many results of devices are kept for a coordinator that asks again.
const DEVICE_RESULTS_KEPT: usize = 32;
/// Compat: how long a node may take to shut down, unless `shutdown-escalation` says so.
const ESCALATION: Duration = Duration::from_secs(20 * 60);
/// How long a daemon that leaves waits until its word has come round.
const LEAVING_PATIENCE: Duration = Duration::from_secs(2);

impl Member {
    pub(crate) fn agent(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Welcome { incarnation, running, next_call, self_fencing, hastens: _, checks_logins: _ } => {
                self.incarnation = Some(incarnation.clone());
                self.self_fencing = self_fencing;
                self.has_news = true;
                // A device's run of an earlier daemon: whoever ordered it has given up on it or asks again.
                // First, so that the watches of the connections wait for them.
                self.connect_again();
                self.give_executor(executor::Event::AgentsConnected { incarnation, running, next_call });
                self.permit();
            }
            // Logins are an affair of the edges, which asked.
            AgentEvent::LoginChecked { .. } => {}
            AgentEvent::Finished(result) => match self.devices.remove(&result.id) {
                Some(order) => self.device_finished(order, result),
                None => {
                    let rest = self.alert_finished(result).and_then(|result| self.metadata_finished(result));
                    if let Some(result) = rest {
                        self.give_executor(executor::Event::AgentFinished(result));
                    }
                }
            },
        }
    }

    pub(crate) fn give_executor(&mut self, event: executor::Event) {
        for command in self.executor.handle(self.now, event) {
            match command {
                executor::Command::SaveHistory => self.save_history(),
                executor::Command::Agent(AgentOrder::Run(call)) if is_connection_call(&call) => self.connection_ordered(call),
                executor::Command::Agent(AgentOrder::Kill { id }) if self.end_connecting(id) => {}
                executor::Command::Agent(order) => self.out.push(MemberCommand::Agent(order)),
                executor::Command::Report(report) => {
                    self.alert_of_operation(&report);
                    self.send(PeerMessage::Report(NodeReport::Operation(report)));
                }
                executor::Command::ReportAtWork { mut orders, mut history } => {
                    self.introduce_remotes(&mut orders, &mut history);
                    if let Some(incarnation) = self.incarnation.clone() {
                        self.send(PeerMessage::Report(NodeReport::AtWork { incarnation, orders, history }));
                    }
                }
                executor::Command::WakeAt(at) => {
                    self.wakes.insert(Sleeper::Executor, at);
                }
                executor::Command::Warn(text) => self.log(LogLevel::Warning, text),
            }
        }
        // What was answered at once is passed on when everything that the executor asked for before is done.
        while let Some(result) = self.remotes.answers.pop_front() {
            self.give_executor(executor::Event::AgentFinished(result));
        }
    }

    /// Carries out what the coordinator ordered.
    pub(crate) fn ordered(&mut self, order: NodeOrder) {
        match order {
            NodeOrder::Operation(order) => self.give_executor_of(&order.on_node.clone(), executor::Event::Ordered(order)),
            NodeOrder::Cancel(order) => self.give_executor_of(&order.on_node.clone(), executor::Event::CancelOrdered(order)),
            NodeOrder::Forget { resource, on_node } => {
                let node = on_node.unwrap_or_else(|| self.config.node.clone());
                self.give_executor_of(&node, executor::Event::ForgetOrdered { resource });
            }
            NodeOrder::Acknowledge { reports, on_node } => {
                let node = on_node.unwrap_or_else(|| self.config.node.clone());
                self.give_executor_of(&node, executor::Event::ReportsAcknowledged(reports));
            }
            NodeOrder::Device(order) => self.run_device(order),
        }
    }

    fn give_executor_of(&mut self, node: &NodeName, event: executor::Event) {
        if *node == self.config.node { self.give_executor(event) } else { self.give_remote(node, event) }
    }

    fn run_device(&mut self, order: DeviceOrder) {
        let done = self.device_results.iter().find(|result| result.ticket == order.ticket).cloned();
        if let Some(report) = done {
            self.send(PeerMessage::Report(NodeReport::Device(report)));
            return;
        }
        if self.devices.values().any(|running| running.ticket == order.ticket) {
            return;
        }
        let ends_itself = order.agent.kind == fencer::WATCHDOG_AGENT && matches!(order.action.as_str(), "off" | "reboot");
        if ends_itself {
            return self.end_this_host(&order.action);
        }
        let id = self.executor.allocate_call();
        let call = AgentCall {
            id,
            agent: order.agent.clone(),
            action: order.action.clone(),
            resource: Some(order.device.clone()),
            parameters: order.parameters.clone(),
            timeout: order.timeout,
            unprivileged: false,
        };
        self.devices.insert(id, order);
        self.out.push(MemberCommand::Agent(AgentOrder::Run(call)));
    }

    fn device_finished(&mut self, order: DeviceOrder, result: AgentResult) {
        self.out.push(MemberCommand::Agent(AgentOrder::Acknowledge { id: result.id }));
        let report = DeviceReport {
            ticket: order.ticket,
            device: order.device,
            outcome: result.outcome,
            stdout: result.stdout,
            stderr: result.stderr,
            run_time: result.run_time,
        };
        self.device_results.push_back(report.clone());
        if self.device_results.len() > DEVICE_RESULTS_KEPT {
            self.device_results.pop_front();
        }
        self.send(PeerMessage::Report(NodeReport::Device(report)));
    }

    /// A coordinator that is new to this node may have missed what its devices said.
    pub(crate) fn report_devices_again(&mut self) {
        let term = self.membership.term();
        let recent: Vec<DeviceReport> = self.device_results.iter().filter(|report| report.ticket.term == term).cloned().collect();
        for report in recent {
            self.send(PeerMessage::Report(NodeReport::Device(report)));
        }
    }

    /// Asks the cluster to stop what runs here and to let this daemon end: a transient attribute that the scheduler reads.
    pub(crate) fn shut_down_this_node(&mut self) {
        if std::mem::replace(&mut self.is_leaving, true) {
            return;
        }
        self.give_membership(membership::MembershipEvent::LeavingSoon);
        let runs_something = self.executor.history().resources.values().any(|resource| !resource.reports.is_empty());
        if !runs_something && !self.membership.is_start_over() {
            self.leave();
            return;
        }
        self.request_shutdown(self.config.node.clone());
        let limit = crate::options::interval(self.replica.cib(), "shutdown-escalation").unwrap_or(ESCALATION);
        if !limit.is_zero() {
            self.wakes.insert(Sleeper::Escalation, self.now.monotonic + limit);
        }
    }

    /// What runs here could not be stopped in time. The daemon ends all the same, as Pacemaker's does (`shutdown-escalation`): the node has not
    /// left in good order, and the others fence it.
    pub(crate) fn end_unfinished(&mut self) {
        let reason = "what runs here was not stopped within shutdown-escalation: the node is left as it is, and may be fenced";
        self.log(LogLevel::Error, reason);
        self.end(100, reason);
    }

    /// Leaves: nothing runs here any more. The daemon ends once its word is heard, so that its absence counts as no failure.
    pub(crate) fn leave(&mut self) {
        if self.membership.is_apart() {
            self.finish_leaving();
        } else if self.leave_by.is_none() {
            self.leave_by = Some(self.now.monotonic + LEAVING_PATIENCE);
            // Safety: once this word is heard nobody fences the node any more; should it come back to a partition without quorum, the
            // rest of the cluster does not know, and it must not start anything there.
            self.membership.set_known_to_quorum(false);
            self.save_history();
            self.wakes.insert(Sleeper::Leaving, self.now.monotonic + LEAVING_PATIENCE);
            self.send(PeerMessage::Membership(MembershipMessage::Leaving));
        }
    }

    pub(crate) fn finish_leaving(&mut self) {
        // What was set for this node until it leaves is void now.
        let node = self.config.node.clone();
        self.attributes.forget(&node);
        // Safety: what happens here from now on happens unseen, and what was told here of the others grows old: on its return the node is
        // probed. Compat: so does Pacemaker, whose executor ends with the rest of it.
        self.executor.forget_all();
        self.remotes.forget_all();
        self.membership.set_known_to_quorum(false);
        self.save_history();
        if !self.is_solitary {
            self.out.push(MemberCommand::Group(GroupCommand::Leave));
        }
        self.end(0, "left the cluster cleanly");
    }
}
