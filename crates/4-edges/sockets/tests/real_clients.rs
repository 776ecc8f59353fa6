//! The server against real clients, polite and rude.

use messages::client::{ClientBody, ClientReply, ReplyBody};
use messages::event::{ClusterEvent, Fact};
use model::Timestamp;
use sockets::{Client, Server, SocketEvent, socket_path};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Serves the host below `root` until the process ends: `Info` is answered `Done`, `Subscribe` by `events` events.
fn serve(root: &Path, events: usize) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let root = root.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut server = Server::bind(&root).unwrap();
            ready.send(()).unwrap();
            loop {
                let SocketEvent::Request { client, request, .. } = server.next().await else { continue };
                let event = ClusterEvent { at: Timestamp::from_seconds(1), by: "node1".into(), fact: Fact::QuorumGained };
                if request.body == ClientBody::Subscribe {
                    for _ in 0..events {
                        server.reply(client, &ClientReply { id: request.id, result: Ok(ReplyBody::Event(event.clone())) });
                    }
                } else {
                    server.reply(client, &ClientReply { id: request.id, result: Ok(ReplyBody::Done) });
                }
            }
        });
    });
    is_ready.recv().unwrap();
}

#[test]
fn a_request_is_answered_and_a_subscription_gives_events() {
    let folder = tempfile::tempdir().unwrap();
    serve(folder.path(), 3);
    let mut client = Client::connect(folder.path(), "test").unwrap();
    assert_eq!(client.request(ClientBody::Info), Ok(ReplyBody::Done));
    assert_eq!(client.subscribe().unwrap().take(3).filter_map(Result::ok).count(), 3);
}

#[test]
fn without_a_daemon_the_error_says_so_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Client::connect(folder.path(), "test").unwrap_err().exit_code, 102);
}

#[test]
fn rude_clients_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    // More events than a client that reads nothing may leave waiting.
    serve(folder.path(), 30_000);
    let connect = || UnixStream::connect(socket_path(folder.path())).unwrap();
    let mut held = Vec::new();
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\x07\0\0\0rubbish", b"\x02\0\0\0{}", b"\x40\0\0\0"] {
        let mut stream = connect();
        stream.write_all(bytes).unwrap();
        held.push(stream);
    }
    // Rubbish is answered before the connection ends.
    let mut answer = Vec::new();
    held[1].read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("65"));
    let stuck = Client::connect(folder.path(), "stuck").unwrap().subscribe().unwrap();
    let mut polite = Client::connect(folder.path(), "polite").unwrap();
    assert_eq!(polite.request(ClientBody::Info), Ok(ReplyBody::Done));
    let seen = stuck.take_while(Result::is_ok).count();
    assert!(seen < 30_000, "the client that did not read was not cut off");
}

#[test]
fn a_thousand_clients_are_served() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: limit.maximum.map(|most| most.min(8192)), maximum: limit.maximum };
    if limit.maximum.is_some_and(|most| most < 4096) || rustix::process::setrlimit(rustix::process::Resource::Nofile, wanted).is_err() {
        println!("skipped: a_thousand_clients_are_served: too few file descriptors allowed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    serve(folder.path(), 0);
    let mut clients: Vec<Client> = (0..1000).map(|_| Client::connect(folder.path(), "many").unwrap()).collect();
    for client in &mut clients {
        assert_eq!(client.request(ClientBody::Info), Ok(ReplyBody::Done));
    }
}
