//! Several daemons on a bus that orders: rings and groups change, and all must see the same.

use super::*;
use crate::wire::{Ring, cut};

/// Daemons of hosts 1, 2, …; each has the list of what it is about to see, in order.
struct Bus {
    daemons: BTreeMap<u32, Views>,
    seen: BTreeMap<u32, Vec<GroupEvent>>,
    seq: u64,
}

fn process(node: u32) -> Process {
    Process { node, pid: 100 + node }
}

impl Bus {
    fn new(count: u32) -> Self {
        let names: BTreeMap<u32, NodeName> = (1..=count).map(|node| (node, name(node))).collect();
        let nodes = NodeList { names, ..NodeList::default() };
        let daemon = |node| {
            let identity = Identity { process: process(node), name: name(node), incarnation: Incarnation(format!("life {node}")), life: 7 };
            (node, Views::new(identity, nodes.clone(), u64::from(node)))
        };
        Self { daemons: (1..=count).map(daemon).collect(), seen: BTreeMap::new(), seq: 0 }
    }

    /// Gives these occurrences to these daemons, and delivers what they say until all are silent; `mute` says nothing.
    fn happen(&mut self, to: &[u32], occurrences: &[Occurrence], mute: &[u32]) {
        let mut queue: Vec<Vec<Occurrence>> = vec![occurrences.to_vec()];
        while !queue.is_empty() {
            let batch = queue.remove(0);
            for node in to {
                for output in self.daemons.get_mut(node).unwrap().handle(batch.clone()) {
                    match output {
                        Output::Tell(event) => self.seen.entry(*node).or_default().push(event),
                        Output::Send(frame) if !mute.contains(node) => {
                            queue.push(vec![Occurrence::Delivered { from: process(*node), bytes: frame.encode() }]);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn ring(&mut self, hosts: &[u32], quorate: bool, mute: &[u32]) {
        self.seq += 4;
        let lost = self.daemons.keys().copied().filter(|node| !hosts.contains(node)).collect();
        let occurrences = [
            Occurrence::Group { processes: hosts.iter().copied().map(process).collect(), lost },
            Occurrence::Ring { ring: Ring { node: hosts[0], seq: self.seq }, hosts: hosts.to_vec() },
        ];
        self.happen(hosts, &occurrences, mute);
        let before: usize = self.seen.values().map(Vec::len).sum();
        assert_eq!(before, self.seen.values().map(Vec::len).sum::<usize>(), "no view before the verdict");
        self.happen(hosts, &[Occurrence::Quorum { ring: self.seq, quorate }], mute);
    }

    fn last_view(&self, node: u32) -> View {
        let views = self.seen[&node].iter().rev();
        views.filter_map(|event| if let GroupEvent::View(view) = event { Some(view.clone()) } else { None }).next().unwrap()
    }

    fn messages(&self, node: u32) -> Vec<String> {
        let events = self.seen[&node].iter();
        events.filter_map(|event| if let GroupEvent::Message { payload, .. } = event { Some(payload.clone()) } else { None }).collect()
    }
}

fn name(node: u32) -> NodeName {
    format!("node{node}").as_str().into()
}

fn names<T>(map: &BTreeMap<NodeName, T>) -> Vec<&str> {
    map.keys().map(NodeName::as_str).collect()
}

#[test]
fn all_come_to_the_same_view_with_a_greater_number_each_time() {
    let mut bus = Bus::new(3);
    bus.ring(&[1, 2, 3], true, &[]);
    let first = bus.last_view(1);
    assert_eq!(
        (names(&first.hosts), names(&first.daemons), first.quorate, first.id),
        (vec!["node1", "node2", "node3"], vec!["node1", "node2", "node3"], true, 4)
    );
    assert_eq!(first.configured.len(), 3);
    bus.ring(&[1, 2], true, &[]);
    bus.ring(&[3], false, &[]);
    assert_eq!(names(&bus.last_view(2).hosts), ["node1", "node2"]);
    assert!(!bus.last_view(3).quorate);
    bus.ring(&[1, 2, 3], true, &[]);
    assert!((1..=3).all(|node| bus.last_view(node) == bus.last_view(1)));
    assert_eq!(bus.last_view(1).id, 6);
}

#[test]
fn a_message_arrives_whole_and_only_in_the_view_it_was_sent_in() {
    let mut bus = Bus::new(2);
    bus.ring(&[1, 2], true, &[]);
    let stamp = bus.daemons[&1].stamp().unwrap();
    let long = "x".repeat(1000);
    let pieces: Vec<Occurrence> =
        cut(&long, stamp, 100).into_iter().map(|bytes| Occurrence::Delivered { from: process(1), bytes }).collect();
    bus.happen(&[1, 2], &pieces, &[]);
    assert_eq!((bus.messages(1), bus.messages(2)), (vec![long.clone()], vec![long]));
    // Half of it crosses the change: none of it arrives.
    bus.happen(&[1, 2], &pieces[..5], &[]);
    bus.ring(&[1, 2], true, &[]);
    bus.happen(&[1, 2], &pieces[5..], &[]);
    assert_eq!(bus.messages(2).len(), 1);
}

#[test]
fn quorum_needs_everybody_s_word_and_a_changed_word_makes_a_view() {
    let mut bus = Bus::new(3);
    bus.ring(&[1, 2, 3], true, &[]);
    let ring = bus.seq;
    bus.happen(&[3], &[Occurrence::Quorum { ring, quorate: false }], &[3]);
    let said = bus.daemons[&3].stated.clone().unwrap();
    bus.happen(&[1, 2, 3], &[Occurrence::Delivered { from: process(3), bytes: Frame::Statement(said).encode() }], &[]);
    assert!((1..=3).all(|node| !bus.last_view(node).quorate && bus.last_view(node) == bus.last_view(1)));
    // A verdict on another ring says nothing of this one.
    let views = bus.seen[&1].len();
    bus.happen(&[1, 2, 3], &[Occurrence::Quorum { ring: ring + 40, quorate: true }], &[]);
    assert_eq!(bus.seen[&1].len(), views);
}

#[test]
fn one_that_does_not_speak_is_left_out_until_it_does() {
    let mut bus = Bus::new(3);
    bus.ring(&[1, 2, 3], true, &[]);
    let views = bus.seen[&1].len();
    bus.ring(&[1, 2, 3], true, &[2]);
    assert_eq!(bus.seen[&1].len(), views);
    assert!(bus.daemons[&1].is_waiting());
    let Output::Send(proceed) = bus.daemons[&1].overdue() else { panic!() };
    bus.happen(&[1, 2, 3], &[Occurrence::Delivered { from: process(1), bytes: proceed.encode() }], &[2]);
    let view = bus.last_view(1);
    // Its host was known before and is still on the ring.
    assert_eq!((names(&view.hosts), names(&view.daemons)), (vec!["node1", "node2", "node3"], vec!["node1", "node3"]));
    let said = bus.daemons[&2].stated.clone().unwrap();
    bus.happen(&[1, 2, 3], &[Occurrence::Delivered { from: process(2), bytes: Frame::Statement(said).encode() }], &[]);
    assert_eq!(names(&bus.last_view(3).daemons), ["node1", "node2", "node3"]);
    assert!((1..=3).all(|node| bus.last_view(node) == bus.last_view(1)));
}

#[test]
fn a_daemon_that_ends_leaves_its_host_behind_and_a_host_that_goes_takes_its_life_with_it() {
    let mut bus = Bus::new(3);
    bus.ring(&[1, 2, 3], true, &[]);
    let group = Occurrence::Group { processes: vec![process(1), process(2)], lost: vec![] };
    bus.happen(&[1, 2], &[group], &[]);
    let view = bus.last_view(1);
    assert_eq!((names(&view.hosts), names(&view.daemons)), (vec!["node1", "node2", "node3"], vec!["node1", "node2"]));
    // Host 3 went and came back within one change of the ring; nothing is known of its life until its daemon tells.
    bus.seq += 4;
    let occurrences = [
        Occurrence::Group { processes: vec![process(1), process(2)], lost: vec![3] },
        Occurrence::Ring { ring: Ring { node: 1, seq: bus.seq }, hosts: vec![1, 2, 3] },
        Occurrence::Quorum { ring: bus.seq, quorate: true },
    ];
    bus.happen(&[1, 2], &occurrences, &[]);
    let view = bus.last_view(1);
    assert_eq!(names(&view.hosts), ["node1", "node2", "node3"]);
    assert_ne!(view.hosts["node3"], Incarnation("life 3".into()));
}
