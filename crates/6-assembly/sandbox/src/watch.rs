//! Listening to the cluster: one subscription per node, taken up again whenever the node's daemon is back.

use crate::layout::Layout;
use messages::client::{ClientBody, ClientError, ReplyBody};
use messages::event::ClusterEvent;
use model::NodeName;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

/// How long the sandbox waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends every event of a node until told to end.
pub(crate) fn subscribe(layout: &Layout, node: &NodeName, events: Sender<ClusterEvent>, ending: Arc<AtomicBool>) {
    let root = layout.root(node);
    std::thread::spawn(move || {
        while !ending.load(Ordering::Relaxed) {
            if let Ok(client) = sockets::Client::connect(&root, "sandbox")
                && let Ok(stream) = client.subscribe()
            {
                for event in stream.map_while(Result::ok) {
                    if events.send(event).is_err() {
                        return;
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

/// Asks one question of a node's daemon.
pub(crate) fn ask(root: &Path, body: ClientBody) -> Result<ReplyBody, ClientError> {
    sockets::Client::connect(root, "sandbox")?.request_within(body, Some(PATIENCE))
}
