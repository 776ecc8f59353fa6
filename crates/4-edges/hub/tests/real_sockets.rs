//! The hub and its clients over real sockets: views, order, eviction, and rubbish.

use hub::{Client, Control, HubOptions, Role};
use messages::group::{GroupCommand, GroupEvent, Incarnation, View};
use model::NodeName;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Starts a hub on a thread of its own; it lives as long as the test's process.
fn start_hub(folder: &tempfile::TempDir, nodes: &[&str]) -> PathBuf {
    let socket = folder.path().join("hub.sock");
    let mut options = HubOptions::new(&socket, nodes.iter().map(|node| NodeName::from(*node)).collect());
    options.silence_max = Duration::from_millis(300);
    std::thread::spawn(move || hub::run(options));
    socket
}

struct Node {
    host: Client,
    daemon: Client,
}

fn node(socket: &Path, name: &str) -> Node {
    let host = Role::Host { incarnation: Incarnation("a".into()) };
    Node { host: Client::new(socket, name.into(), host), daemon: Client::new(socket, name.into(), Role::Daemon { life: 1 }) }
}

impl Node {
    /// The next event of the daemon; the host's are only drained.
    async fn next(&mut self) -> GroupEvent {
        loop {
            tokio::select! {
                event = self.daemon.next() => return event,
                _ = self.host.next() => {}
            }
        }
    }

    async fn view_where(&mut self, wanted: impl Fn(&View) -> bool) -> View {
        loop {
            if let GroupEvent::View(view) = self.next().await
                && wanted(&view)
            {
                return view;
            }
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("what the test waits for happens") })
}

#[test]
fn messages_arrive_in_one_order_at_all_members() {
    let folder = tempfile::tempdir().unwrap();
    let socket = start_hub(&folder, &["node1", "node2"]);
    block_on(async {
        let (mut one, mut two) = (node(&socket, "node1"), node(&socket, "node2"));
        let all = |view: &View| view.daemons.len() == 2;
        tokio::join!(one.view_where(all), two.view_where(all));
        for n in 0..50 {
            one.daemon.command(GroupCommand::Send { payload: format!("one {n}") });
            two.daemon.command(GroupCommand::Send { payload: format!("two {n}") });
        }
        async fn hundred(node: &mut Node) -> Vec<GroupEvent> {
            let mut seen = Vec::new();
            while seen.len() < 100 {
                seen.push(node.next().await);
            }
            seen
        }
        let (at_one, at_two) = tokio::join!(hundred(&mut one), hundred(&mut two));
        assert_eq!(at_one, at_two);
    });
}

#[test]
fn a_node_that_stood_still_learns_of_its_eviction_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let socket = start_hub(&folder, &["node1", "node2"]);
    block_on(async {
        let (mut one, mut two) = (node(&socket, "node1"), node(&socket, "node2"));
        let all = |view: &View| view.daemons.len() == 2;
        tokio::join!(one.view_where(all), two.view_where(all));
        one.daemon.command(GroupCommand::Send { payload: "old".into() });
        // Nobody polls node2 from here on, as if it were frozen.
        let left = one.view_where(|view| !view.hosts.contains_key("node2")).await;
        assert!(left.quorate);
        one.daemon.command(GroupCommand::Send { payload: "while you were away".into() });
        assert!(matches!(two.daemon.next().await, GroupEvent::Lost { .. }));
        tokio::join!(one.view_where(all), two.view_where(all));
    });
}

#[test]
fn a_cut_and_a_heal_are_views() {
    let folder = tempfile::tempdir().unwrap();
    let socket = start_hub(&folder, &["node1", "node2", "node3"]);
    block_on(async {
        let mut nodes = [node(&socket, "node1"), node(&socket, "node2"), node(&socket, "node3")];
        let [one, two, three] = &mut nodes;
        let all = |view: &View| view.daemons.len() == 3;
        tokio::join!(one.view_where(all), two.view_where(all), three.view_where(all));
        let status = hub::control(&socket, Control::Isolate { nodes: vec!["node3".into()] }).unwrap();
        assert_eq!(status.views.len(), 2);
        let (most, alone) = tokio::join!(one.view_where(|view| view.hosts.len() == 2), three.view_where(|view| view.hosts.len() == 1));
        assert_eq!((most.quorate, alone.quorate), (true, false));
        hub::control(&socket, Control::Heal).unwrap();
        tokio::join!(one.view_where(all), two.view_where(all), three.view_where(all));
    });
}

#[test]
fn rubbish_and_a_client_that_reads_nothing_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let socket = start_hub(&folder, &["node1"]);
    block_on(async {
        let mut one = node(&socket, "node1");
        one.view_where(|view| view.daemons.len() == 1).await;
        let mut rude = Vec::new();
        for bytes in [&b"\xff\xff\xff\xff"[..], b"\x02\0\0\0{}", b"\x05\0\0\0hello", b"\x09\0\0\0"] {
            let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            stream.write_all(bytes).unwrap();
            rude.push(stream);
        }
        one.daemon.command(GroupCommand::Send { payload: "still here".into() });
        assert!(matches!(one.next().await, GroupEvent::Message { .. }));
    });
}
