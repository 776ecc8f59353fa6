//! What systemd is told of the service: that it is ready, how it is, that it lives.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The line to systemd; silent where the service was not started by it.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often systemd's own watchdog wants to hear of us.
    interval: Option<Duration>,
    status: String,
    is_ready: bool,
}

impl Notify {
    /// Takes the line from the environment, so that no child finds it there.
    pub fn new(address: Option<&str>, watchdog_usec: Option<&str>) -> Self {
        let address = address.and_then(|text| match text.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok(),
            None => SocketAddr::from_pathname(text).ok(),
        });
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let limit = watchdog_usec.and_then(|text| text.parse().ok()).map(Duration::from_micros);
        Self { interval: limit.filter(|_| socket.is_some()).map(|limit| limit / 3), socket, status: String::new(), is_ready: false }
    }

    /// Returns how often [`Notify::alive`] is wanted.
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// The service does its work from now on; told once.
    pub fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.tell("READY=1");
        }
    }

    /// What `systemctl status` shows.
    pub fn status(&mut self, text: String) {
        if self.status != text {
            self.tell(&format!("STATUS={text}"));
            self.status = text;
        }
    }

    /// The event loop turns.
    pub fn alive(&self) {
        if self.interval.is_some() {
            self.tell("WATCHDOG=1");
        }
    }

    /// The service begins to end, in good order: that may take as long as its resources take to stop.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // systemd that does not listen is no reason to stop.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_what_is_new_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd.set_nonblocking(true).unwrap();
        let mut notify = Notify::new(path.to_str(), Some("30000000"));
        assert_eq!(notify.interval(), Some(Duration::from_secs(10)));
        notify.ready();
        notify.ready();
        notify.status("the daemon runs".to_owned());
        notify.status("the daemon runs".to_owned());
        notify.alive();
        notify.stopping();
        let mut heard = Vec::new();
        let mut buffer = [0; 200];
        while let Ok(length) = systemd.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        assert_eq!(heard, ["READY=1", "STATUS=the daemon runs", "WATCHDOG=1", "STOPPING=1"]);
        // Without systemd nothing is said, and nobody waits.
        let mut silent = Notify::new(None, Some("30000000"));
        silent.ready();
        assert_eq!(silent.interval(), None);
    }
}
