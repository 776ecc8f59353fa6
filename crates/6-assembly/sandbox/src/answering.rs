//! The service as a client sees it: asked many times a second, who answers and since when.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How often the client asks.
const EVERY: Duration = Duration::from_millis(10);

/// A change in what a client sees.
pub(crate) struct Answer {
    pub(crate) resource: String,
    /// The node that answered; `None` when nobody does.
    pub(crate) node: Option<String>,
    pub(crate) at: Instant,
}

/// Asks until told to end; only changes are sent.
pub(crate) fn watch(resource: String, address: String, changes: Sender<Answer>, ending: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut last: Option<Option<String>> = None;
        while !ending.load(Ordering::Relaxed) {
            let node = ask(&address);
            if last.as_ref() != Some(&node) {
                last = Some(node.clone());
                if changes.send(Answer { resource: resource.clone(), node, at: Instant::now() }).is_err() {
                    return;
                }
            }
            std::thread::sleep(EVERY);
        }
    });
}

/// Asks once; a client gives up after 200 ms.
fn ask(address: &str) -> Option<String> {
    let address: SocketAddr = address.parse().ok()?;
    let patience = Duration::from_millis(200);
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.take(16 * 1024).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("served by "))?;
    Some(line.trim().to_owned())
}
