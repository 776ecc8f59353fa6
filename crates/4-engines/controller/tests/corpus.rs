//! Every graph of the shared corpus is carried out to its end by a controller whose nodes always succeed.

use controller::{Command, Controller, Event, FencingEnd};
use messages::event::Fact;
use messages::group::Incarnation;
use messages::operation::{CancelOrder, NodeOrder, OperationOrder, OperationReport, ReportId};
use model::{AgentExit, CallId, ExecutionStatus, Now, Timestamp};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;
use transition::{Graph, Plan};

fn corpus() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let named = std::env::var_os("SYSTOLE_CORPUS").map(PathBuf::from);
    let place = named.unwrap_or_else(|| root.join("../shared/corpus")).join("scheduler/exp");
    place.is_dir().then_some(place)
}

fn answer(order: &OperationOrder, status: ExecutionStatus) -> OperationReport {
    OperationReport {
        id: ReportId(order.transition_key.action.unsigned_abs().into()),
        incarnation: Incarnation("boot".into()),
        on_node: order.on_node.clone(),
        resource: order.resource.clone(),
        agent: order.agent.clone(),
        operation: order.operation.clone(),
        operation_key: order.operation_key.clone(),
        interval: order.interval,
        call: CallId(1),
        transition_key: order.transition_key.clone(),
        status,
        exit: AgentExit(order.transition_key.target_rc),
        exit_reason: None,
        last_change: Timestamp::default(),
        run_time: Duration::ZERO,
        queue_time: Duration::ZERO,
        digests: None,
        feature_set: String::new(),
        migrate_source: None,
        migrate_target: None,
        on_fail: None,
        container: None,
        locked_since: None,
        direct: false,
    }
}

fn cancelled(order: &CancelOrder) -> Option<OperationReport> {
    let key = order.transition_key.clone()?;
    let whole = OperationOrder {
        resource: order.resource.clone(),
        agent: messages::agent::AgentName { class: "ocf".into(), provider: None, kind: String::new() },
        operation: order.operation.clone(),
        operation_key: String::new(),
        interval: order.interval,
        start_delay: Duration::ZERO,
        timeout: Duration::ZERO,
        parameters: Default::default(),
        transition_key: key,
        on_node: order.on_node.clone(),
        locked_since: None,
        later_than: None,
    };
    Some(OperationReport { direct: true, ..answer(&whole, ExecutionStatus::Cancelled) })
}

/// Carries a graph out; returns whether it came to its end with everything done.
fn carry_out(graph: Graph) -> Option<bool> {
    let mut controller = Controller::new("no-node-of-the-graph".into());
    let own = controller::Node { id: "own".into(), incarnation: None, reachable: true, jobs_max: 0 };
    let nodes = Event::NodesChanged([("no-node-of-the-graph".into(), own)].into());
    let mut queue: VecDeque<Event> = VecDeque::from([nodes, Event::Elected { uuid: "uuid".into(), term: 1 }]);
    let mut plan = Some(Plan { graph, ..Plan::default() });
    let mut ended = None;
    while let Some(event) = queue.pop_front() {
        for command in controller.handle(Now::default(), event) {
            match command {
                Command::Calculate { calculation, .. } => {
                    // A connection to a remote node that begins or moves asks for another plan; this one is carried out all the same.
                    let Some(plan) = plan.take().map(Box::new) else { continue };
                    queue.push_back(Event::PlanMade { calculation, plan, input: None });
                }
                Command::Order { node, order: NodeOrder::Operation(order) } => {
                    queue.push_back(Event::Reported { from: node, report: Box::new(answer(&order, ExecutionStatus::Done)) });
                }
                Command::Order { node, order: NodeOrder::Cancel(order) } => {
                    queue.push_back(Event::Reported { from: node, report: Box::new(cancelled(&order)?) });
                }
                Command::Fence(wish) => {
                    let end = FencingEnd {
                        target: wish.target.name,
                        action: wish.action,
                        incarnation: None,
                        error: None,
                        adrift: vec![],
                        by: None,
                    };
                    queue.push_back(Event::FencingEnded(end));
                }
                Command::ShutDown { node } => queue.push_back(Event::ShutdownDone { node }),
                Command::Tell(Fact::PlanEnded { complete, .. }) => ended = ended.or(Some(complete)),
                _ => {}
            }
        }
        if ended.is_some() {
            break;
        }
    }
    ended
}

#[test]
fn every_graph_of_the_corpus_comes_to_its_end() {
    let Some(place) = corpus() else {
        println!("skipped: every_graph_of_the_corpus_comes_to_its_end: there is no ../shared/corpus");
        return;
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut done, mut stuck) = (0, Vec::new());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let Ok(root) = xml::parse(&bytes, &xml::Limits::default()) else { continue };
        let Ok(graph) = Graph::from_xml(&root) else { continue };
        let empty = graph.actions.is_empty();
        match carry_out(graph) {
            Some(true) => done += 1,
            None if empty => done += 1,
            other => stuck.push(format!("{} {other:?}", file.display())),
        }
    }
    println!("{done} graphs carried out; stuck: {stuck:#?}");
    assert!(done > 600);
    assert_eq!(stuck, Vec::<String>::new());
}
