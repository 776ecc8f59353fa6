//! Engines that hear each other's messages in one order.

use super::*;

struct World {
    engines: Vec<Attributes>,
    now: Now,
    written: Vec<(String, String, Option<String>)>,
    answered: Vec<String>,
}

impl World {
    fn new() -> Self {
        let engines = ["a", "b"].map(|name| Attributes::new(name.into(), Vec::new())).into();
        let mut world = World { engines, now: Now::default(), written: Vec::new(), answered: Vec::new() };
        world.settle("a");
        world
    }

    fn settle(&mut self, coordinator: &str) {
        let members: BTreeSet<NodeName> = ["a".into(), "b".into()].into();
        for i in 0..self.engines.len() {
            self.give(i, AttributesEvent::Settled { coordinator: coordinator.into(), members: members.clone(), is_new_view: true });
        }
    }

    fn give(&mut self, to: usize, event: AttributesEvent) {
        let mut pending: VecDeque<_> = self.engines[to].handle(self.now, event).into();
        while let Some(command) = pending.pop_front() {
            match command {
                AttributesCommand::Send(message) => {
                    for engine in &mut self.engines {
                        let from = NodeName::from("x");
                        pending.extend(engine.handle(self.now, AttributesEvent::Message { from, message: message.clone() }));
                    }
                }
                AttributesCommand::Write(values) => {
                    self.written.extend(values.into_iter().map(|(node, name, value)| (node.to_string(), name, value)));
                }
                AttributesCommand::Answer { request } => self.answered.push(request),
                AttributesCommand::Changed { .. } | AttributesCommand::WakeAt(_) => {}
            }
        }
    }

    fn set(&mut self, at: usize, request: &str, name: &str, value: Option<&str>, dampening: Option<u64>, private: bool) {
        self.give(
            at,
            AttributesEvent::Update(Update {
                request: request.to_owned(),
                node: "b".into(),
                names: vec![name.to_owned()],
                value: value.map(str::to_owned),
                dampening: dampening.map(Duration::from_secs),
                only_dampening: false,
                private,
            }),
        );
    }

    fn wait(&mut self, seconds: u64) {
        self.now.monotonic += Duration::from_secs(seconds);
        for i in 0..self.engines.len() {
            self.give(i, AttributesEvent::Woken);
        }
    }
}

#[test]
fn a_value_is_held_everywhere_answered_and_written_once() {
    let mut world = World::new();
    world.set(1, "r1", "ping", Some("100"), None, false);
    for engine in &world.engines {
        assert_eq!(engine.query(None, "ping")[0].value.as_deref(), Some("100"));
    }
    assert_eq!(world.answered, ["r1"]);
    assert_eq!(world.written, [("b".to_owned(), "ping".to_owned(), Some("100".to_owned()))]);
    world.set(1, "r2", "ping", None, None, false);
    assert_eq!(world.written[1], ("b".to_owned(), "ping".to_owned(), None));
    assert!(world.engines[0].query(None, "ping").is_empty());
}

#[test]
fn dampening_waits_from_the_last_change_and_writes_the_last_value() {
    let mut world = World::new();
    world.set(1, "r1", "ping", Some("1"), Some(5), false);
    world.wait(3);
    world.set(1, "r2", "ping", Some("2"), None, false);
    world.wait(3);
    assert!(world.written.is_empty());
    assert!(world.engines[0].has_unwritten());
    world.wait(3);
    assert_eq!(world.written, [("b".to_owned(), "ping".to_owned(), Some("2".to_owned()))]);
}

#[test]
fn private_values_are_never_written() {
    let mut world = World::new();
    world.set(0, "r1", "secret", Some("x"), None, true);
    world.settle("b");
    assert!(world.written.is_empty());
    assert_eq!(world.engines[1].query(None, "secret").len(), 1);
}

#[test]
fn a_request_heard_twice_counts_once() {
    let mut world = World::new();
    for _ in 0..2 {
        world.set(0, "r1", "fail-count-web", Some("value++"), None, false);
    }
    assert_eq!(world.engines[1].query(None, "fail-count-web")[0].value.as_deref(), Some("1"));
}

#[test]
fn a_restarted_engine_learns_the_values_and_gives_its_own() {
    let mut world = World::new();
    world.set(1, "r1", "ping", Some("100"), None, false);
    let kept = world.engines[1].to_keep();
    world.engines[1] = Attributes::new("b".into(), kept);
    world.engines[0] = Attributes::new("a".into(), Vec::new());
    world.settle("a");
    assert_eq!(world.engines[0].query(None, "ping").len(), 1);
    world.give(0, AttributesEvent::NodeGone { node: "b".into() });
    assert!(world.engines.iter().all(|engine| engine.query(None, "ping").is_empty()));
}

#[test]
fn a_copy_of_another_partition_is_told_what_is_held() {
    let mut world = World::new();
    world.set(1, "r1", "ping", Some("100"), None, false);
    world.written.clear();
    world.give(1, AttributesEvent::StatusReplaced);
    assert!(world.written.is_empty(), "that is the coordinator's affair");
    world.give(0, AttributesEvent::StatusReplaced);
    assert_eq!(world.written, [("b".to_owned(), "ping".to_owned(), Some("100".to_owned()))]);
}
