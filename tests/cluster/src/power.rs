//! The power button: a socket that every host sees, by which a fence agent ends another host.

use crate::host::Host;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What was asked of the button, and when it was done.
pub(crate) type Presses = Arc<Mutex<Vec<(Instant, String)>>>;

/// Serves the button on a thread that ends with the process.
pub(crate) fn serve(path: &Path, hosts: Arc<Vec<Host>>, presses: Presses) -> anyhow::Result<()> {
    let listener = UnixListener::bind(path)?;
    std::thread::Builder::new().name("power".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let (hosts, presses) = (Arc::clone(&hosts), Arc::clone(&presses));
            // One that presses slowly holds up nobody else.
            std::thread::spawn(move || drop(answer(stream, &hosts, &presses)));
        }
    })?;
    Ok(())
}

fn answer(mut stream: UnixStream, hosts: &[Host], presses: &Presses) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let request = line.trim();
    let (verb, name) = request.split_once(' ').unwrap_or((request, ""));
    let host = hosts.iter().find(|host| host.name == name);
    let text = match (verb, host) {
        ("list", _) => hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "),
        ("status", Some(host)) => if host.is_on() { "on" } else { "off" }.to_owned(),
        // A reboot is answered when the power is cut, as real buttons do; whether the host comes back is the test's affair.
        ("off" | "reboot", Some(host)) => {
            host.crash();
            presses.lock().expect("no press panics").push((Instant::now(), request.to_owned()));
            "done".to_owned()
        }
        ("on", Some(host)) => host.boot().map_or_else(|error| format!("failed: {error:#}"), |()| "done".to_owned()),
        _ => format!("failed: {request:?} cannot be done"),
    };
    stream.write_all(text.as_bytes())
}
