//! One connection: messages in both directions over TCP, nearly always under TLS, without ever waiting for more than one thing.

use crate::frame;
use crate::gnutls::{Proof, Session, Side, TlsError};
use rustix::net::sockopt;
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use xml::Element;

/// What may wait for the other side to read it, in bytes.
const QUEUE_MAX: usize = 64 << 20;
/// What is read in one turn, so that who sends much does not hold up others, in reads of 16 KiB.
const READS_MAX: usize = 16;
/// When a silent connection is asked for a sign of life, how often again, and after how many unanswered questions it is lost: a host
/// that lost its power says no farewell, and what follows changes has nothing to send.
const SILENCE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_secs(10);
const ASK_MAX: u32 = 6;

/// A connection whose handshake is done.
pub(crate) struct Stream {
    socket: TcpStream,
    /// Absent: everything is sent as it is.
    session: Option<Session>,
    plain: Vec<u8>,
    outbox: Vec<u8>,
    sent: u64,
    /// The longest message that is taken.
    limit: usize,
    /// Why nothing more will come.
    ended: Option<String>,
}

impl Stream {
    /// Does the handshake. To be bounded by the caller.
    pub async fn open(side: Side, socket: TcpStream, proof: Proof<'_>) -> Result<Self, String> {
        let session = Session::new(side, proof).map_err(|error| error.to_string())?;
        let mut this = Self::over(socket, Some(session))?;
        loop {
            let done = this.with_session(Session::handshake);
            // What the library has to say is sent even when it refuses: the other side learns why.
            this.flush();
            if done.map_err(|error| error.to_string())?.unwrap_or(true) && this.outbox.is_empty() {
                return Ok(this);
            }
            if let Some(reason) = &this.ended {
                return Err(format!("TLS handshake: {reason}"));
            }
            this.carry().await;
        }
    }

    /// Takes a connection on which nothing is hidden.
    pub fn in_the_clear(socket: TcpStream) -> Result<Self, String> {
        Self::over(socket, None)
    }

    fn over(socket: TcpStream, session: Option<Session>) -> Result<Self, String> {
        set_up(&socket).map_err(|error| error.to_string())?;
        Ok(Self { socket, session, plain: Vec::new(), outbox: Vec::new(), sent: 0, limit: frame::LENGTH_MAX, ended: None })
    }

    /// From now on takes messages of at most this many bytes.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    fn with_session<T>(&mut self, act: impl FnOnce(&mut Session) -> Result<T, TlsError>) -> Result<Option<T>, TlsError> {
        self.session.as_mut().map(act).transpose()
    }

    /// Queues a message and sends what goes without waiting; the rest goes while `receive` waits.
    pub fn send(&mut self, message: &Element) {
        self.sent += 1;
        let bytes = frame::encode(self.sent, message);
        // Compat: Pacemaker reads the header alone and then waits for the network: what came in the same record it would not see.
        let (header, payload) = bytes.split_at(frame::HEADER);
        match &mut self.session {
            Some(session) => {
                if let Err(error) = session.send(header).and_then(|()| session.send(payload)) {
                    self.ended.get_or_insert(error.to_string());
                }
            }
            None => self.outbox.extend(&bytes),
        }
        self.flush();
        if self.outbox.len() > QUEUE_MAX {
            self.ended.get_or_insert("the other side does not read".to_owned());
        }
    }

    /// Returns the next message. May be dropped at any await.
    ///
    /// # Errors
    /// Why there will be no more. Messages that came before are given first.
    pub async fn receive(&mut self) -> Result<Element, String> {
        loop {
            match self.session.as_mut().map(|session| session.receive(&mut self.plain)).transpose() {
                Ok(Some(false) | None) => {}
                Ok(Some(true)) => drop(self.ended.get_or_insert("the other side closed the connection".to_owned())),
                Err(error) => drop(self.ended.get_or_insert(error.to_string())),
            }
            if let Some(message) = frame::take(&mut self.plain, self.limit).map_err(|error| error.to_string())? {
                return Ok(message);
            }
            if let Some(reason) = &self.ended {
                return Err(reason.clone());
            }
            self.carry().await;
        }
    }

    /// Says farewell; waits for nothing.
    pub fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
        self.flush();
    }

    /// Waits until the network gives or takes something.
    async fn carry(&mut self) {
        let interest = if self.outbox.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        match self.socket.ready(interest).await {
            Ok(_) => {
                self.read();
                self.flush();
            }
            Err(error) => drop(self.ended.get_or_insert(error.to_string())),
        }
    }

    fn read(&mut self) {
        let mut buffer = [0u8; 16 * 1024];
        for _ in 0..READS_MAX {
            let reason = match self.socket.try_read(&mut buffer) {
                Ok(0) => "the other side closed the connection".to_owned(),
                Ok(length) => {
                    match &mut self.session {
                        Some(session) => session.feed(&buffer[..length]),
                        None => self.plain.extend(&buffer[..length]),
                    }
                    // Compat: Pacemaker sends a message in pieces and holds the second back until the first is acknowledged. The kernel
                    // would do that 40 ms later, and forgets this wish with each answer that is sent. That it is deaf to it costs time only.
                    let _ = sockopt::set_tcp_quickack(&self.socket, true);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => error.to_string(),
            };
            if let Some(session) = &mut self.session {
                session.feed_end();
            }
            self.ended.get_or_insert(reason);
            return;
        }
    }

    fn flush(&mut self) {
        if let Some(session) = &mut self.session {
            self.outbox.extend(session.take_outgoing());
        }
        while !self.outbox.is_empty() {
            match self.socket.try_write(&self.outbox) {
                Ok(length) => drop(self.outbox.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.ended.get_or_insert(error.to_string());
                    return;
                }
            }
        }
    }
}

fn set_up(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(socket, ASK_AGAIN)?;
    sockopt::set_tcp_keepcnt(socket, ASK_MAX)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn what_was_read_is_acknowledged_at_once_and_silence_is_looked_into() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut client = Stream::in_the_clear(socket).unwrap();
            let mut server = Stream::in_the_clear(listener.accept().await.unwrap().0).unwrap();
            assert!(sockopt::socket_keepalive(&server.socket).unwrap());
            for _ in 0..3 {
                client.send(&Element::new("question"));
                assert_eq!(server.receive().await.unwrap().name, "question");
                assert!(sockopt::tcp_quickack(&server.socket).unwrap());
                server.send(&Element::new("answer"));
                assert_eq!(client.receive().await.unwrap().name, "answer");
            }
        });
    }
}
