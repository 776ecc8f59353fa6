//! Frames in both directions over one connected stream, without ever waiting for the other side to read.

use messages::frame::{FRAME_LENGTH_MAX, FrameBuffer, encode};
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// What may wait for the other side to read it, in bytes.
const QUEUE_MAX: usize = 64 * 1024 * 1024;

/// One end of a connection between two of our own processes.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    frames: FrameBuffer,
    outbox: Vec<u8>,
    /// Why the connection is of no more use, once it is so.
    broken: Option<String>,
}

impl Link {
    /// Takes over a connected socket. To be called inside a tokio runtime.
    pub fn new(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        Ok(Self { stream, frames: FrameBuffer::new(FRAME_LENGTH_MAX), outbox: Vec::new(), broken: None })
    }

    /// Queues a message and sends what goes without waiting; the rest goes while `receive` waits.
    pub fn send<T: Serialize>(&mut self, message: &T) {
        self.outbox.extend(encode(message));
        self.flush();
        if self.outbox.len() > QUEUE_MAX {
            self.broken = Some("the other side does not read".to_owned());
        }
    }

    /// Returns the next message. May be dropped at any await.
    ///
    /// # Errors
    /// Why there will be no more: the other side closed, broke, or sent what is no frame. Messages that came before are given first.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        loop {
            if let Some(message) = self.frames.take().map_err(|error| error.to_string())? {
                return Ok(message);
            }
            if let Some(reason) = &self.broken {
                return Err(reason.clone());
            }
            let interest = if self.outbox.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
            match self.stream.ready(interest).await {
                Ok(_) => {
                    self.read();
                    self.flush();
                }
                Err(error) => self.broken = Some(error.to_string()),
            }
        }
    }

    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => self.broken = Some("the other side closed the connection".to_owned()),
            Ok(length) => self.frames.push(&bytes[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.broken = Some(error.to_string()),
        }
    }

    fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.stream.try_write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The reading side tells it, after what the other side said last.
                Err(_) => sent = self.outbox.len(),
            }
        }
        self.outbox.drain(..sent);
        if self.outbox.is_empty() {
            self.outbox.shrink_to(16 * 1024);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_the_end_is_heard() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (one, two) = std::os::unix::net::UnixStream::pair().unwrap();
            let (mut one, mut two) = (Link::new(one).unwrap(), Link::new(two).unwrap());
            let long = "x".repeat(1_000_000);
            one.send(&long);
            let (heard, _) = tokio::join!(two.receive::<String>(), async {
                let never = tokio::time::timeout(std::time::Duration::from_millis(500), one.receive::<String>());
                never.await.is_err()
            });
            assert_eq!(heard.as_ref(), Ok(&long));
            one.send(&"last");
            drop(one);
            assert_eq!(two.receive::<String>().await.as_deref(), Ok("last"));
            assert!(two.receive::<String>().await.is_err());
        });
    }
}
