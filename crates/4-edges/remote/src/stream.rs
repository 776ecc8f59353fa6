//! One connection: messages in both directions over TLS over TCP, without ever waiting for more than one thing.

use crate::frame;
use crate::gnutls::{Session, Side};
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;
use xml::Element;

/// What may wait for the other side to read it, in bytes.
const QUEUE_MAX: usize = 16 << 20;

/// A connection whose handshake is done.
pub(crate) struct Stream {
    socket: TcpStream,
    session: Session,
    plain: Vec<u8>,
    outbox: Vec<u8>,
    sent: u64,
    /// Why nothing more will come.
    ended: Option<String>,
}

impl Stream {
    /// Does the handshake. To be bounded by the caller.
    pub async fn open(side: Side, socket: TcpStream, key: &[u8]) -> Result<Self, String> {
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let session = Session::new(side, key).map_err(|error| error.to_string())?;
        let mut this = Self { socket, session, plain: Vec::new(), outbox: Vec::new(), sent: 0, ended: None };
        loop {
            let done = this.session.handshake();
            // What the library has to say is sent even when it refuses: the other side learns why.
            this.flush();
            if done.map_err(|error| error.to_string())? && this.outbox.is_empty() {
                return Ok(this);
            }
            if let Some(reason) = &this.ended {
                return Err(format!("TLS handshake: {reason}"));
            }
            this.carry().await;
        }
    }

    /// Queues a message and sends what goes without waiting; the rest goes while `receive` waits.
    pub fn send(&mut self, message: &Element) {
        self.sent += 1;
        let bytes = frame::encode(self.sent, message);
        // Compat: Pacemaker reads the header alone and then waits for the network: what came in the same record it would not see.
        let (header, payload) = bytes.split_at(frame::HEADER);
        if let Err(error) = self.session.send(header).and_then(|()| self.session.send(payload)) {
            self.ended.get_or_insert(error.to_string());
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
            match self.session.receive(&mut self.plain) {
                Ok(false) => {}
                Ok(true) => drop(self.ended.get_or_insert("the other side closed the connection".to_owned())),
                Err(error) => drop(self.ended.get_or_insert(error.to_string())),
            }
            if let Some(message) = frame::take(&mut self.plain).map_err(|error| error.to_string())? {
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
        self.session.close();
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
        loop {
            match self.socket.try_read(&mut buffer) {
                Ok(0) => {
                    self.session.feed_end();
                    self.ended.get_or_insert("the other side closed the connection".to_owned());
                    return;
                }
                Ok(length) => self.session.feed(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.session.feed_end();
                    self.ended.get_or_insert(error.to_string());
                    return;
                }
            }
        }
    }

    fn flush(&mut self) {
        self.outbox.extend(self.session.take_outgoing());
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
