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

/// Sends every event of a node until told to end.
pub(crate) fn subscribe(layout: &Layout, node: &NodeName, events: Sender<ClusterEvent>, ending: Arc<AtomicBool>) {
    let socket = layout.client_socket(node);
    std::thread::spawn(move || {
        while !ending.load(Ordering::Relaxed) {
            if let Ok(mut client) = sockets::Client::connect(&socket, "sandbox")
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
pub(crate) fn ask(socket: &Path, body: ClientBody) -> Result<ReplyBody, ClientError> {
    sockets::Client::connect(socket, "sandbox")?.request(body)
}

// Until crate sockets has its client.
mod sockets {
    use messages::client::{ClientBody, ClientError, ClientReply, ClientRequest, ReplyBody};
    use messages::event::ClusterEvent;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    pub(super) struct Client {
        stream: UnixStream,
        name: String,
    }

    fn lost(error: impl std::fmt::Display) -> ClientError {
        ClientError { exit_code: 102, message: format!("not connected: {error}") }
    }

    impl Client {
        pub(super) fn connect(path: &Path, name: &str) -> Result<Self, ClientError> {
            let stream = UnixStream::connect(path).map_err(lost)?;
            Ok(Self { stream, name: name.into() })
        }
        fn send(&mut self, body: ClientBody) -> Result<(), ClientError> {
            self.stream.write_all(&messages::frame::encode(&ClientRequest { id: 1, client: self.name.clone(), body })).map_err(lost)
        }
        fn receive(&mut self) -> Result<ReplyBody, ClientError> {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head).map_err(lost)?;
            let mut body = vec![0; u32::from_le_bytes(head) as usize];
            self.stream.read_exact(&mut body).map_err(lost)?;
            serde_json::from_slice::<ClientReply>(&body).map_err(lost)?.result
        }
        pub(super) fn request(&mut self, body: ClientBody) -> Result<ReplyBody, ClientError> {
            self.stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).map_err(lost)?;
            self.send(body)?;
            self.receive()
        }
        pub(super) fn subscribe(&mut self) -> Result<impl Iterator<Item = Result<ClusterEvent, ClientError>> + '_, ClientError> {
            self.send(ClientBody::Subscribe)?;
            Ok(std::iter::from_fn(move || {
                loop {
                    match self.receive() {
                        Ok(ReplyBody::Event(event)) => return Some(Ok(event)),
                        Ok(_) => {}
                        Err(error) => return Some(Err(error)),
                    }
                }
            }))
        }
    }
}
