//! Asking the hub to behave as a broken network would: the sandbox's side, blocking.

use crate::protocol::{Control, FRAME_LENGTH_MAX, FromHub, HubStatus, ToHub};
use messages::frame::{FrameBuffer, encode};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Sends one request to the hub at `socket` and returns how things are afterwards.
pub fn control(socket: &Path, request: Control) -> io::Result<HubStatus> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&encode(&ToHub::Control(request)))?;
    let (mut frames, mut bytes) = (FrameBuffer::new(FRAME_LENGTH_MAX), [0; 4096]);
    loop {
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the hub closed the connection"));
        }
        frames.push(&bytes[..length]);
        if let Some(FromHub::Controlled(answer)) = frames.take().map_err(io::Error::other)? {
            return answer.map_err(io::Error::other);
        }
    }
}
