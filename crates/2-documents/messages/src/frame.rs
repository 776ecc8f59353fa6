//! Frames on a byte stream: four bytes of length (little endian), then that much JSON.

use serde::{Serialize, de::DeserializeOwned};

/// The longest frame accepted, in bytes; a peer that announces more is cut off before anything is allocated.
pub const FRAME_LENGTH_MAX: usize = 256 * 1024 * 1024;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {0} bytes is longer than the {FRAME_LENGTH_MAX} allowed")]
    TooLong(usize),
    #[error("failed to read a message: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Returns the frame of a message.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).expect("messages have text keys only, so they always encode");
    let length = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Takes the first whole frame off `buffer`; `None` while it is incomplete.
pub fn decode<T: DeserializeOwned>(buffer: &mut Vec<u8>) -> Result<Option<T>, FrameError> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > FRAME_LENGTH_MAX {
        return Err(FrameError::TooLong(length));
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    let message = serde_json::from_slice(&buffer[4..4 + length]);
    buffer.drain(..4 + length);
    Ok(Some(message?))
}

/// The unread bytes of one stream, with a limit of its own; frames are taken off without moving the rest each time.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    /// Where the first unread frame begins.
    start: usize,
    length_max: usize,
}

impl FrameBuffer {
    /// Returns an empty buffer that refuses frames longer than `length_max` bytes.
    pub fn new(length_max: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, length_max: length_max.min(FRAME_LENGTH_MAX) }
    }

    /// Adds what was read from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the first whole frame; `None` while it is incomplete. After an error the stream is of no more use.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let unread = &self.bytes[self.start..];
        let length = match unread.first_chunk::<4>() {
            Some(head) => u32::from_le_bytes(*head) as usize,
            None => return Ok(self.wait_for_more()),
        };
        if length > self.length_max {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = unread.get(4..4 + length) else { return Ok(self.wait_for_more()) };
        let message = serde_json::from_slice(body);
        self.start += 4 + length;
        if self.start == self.bytes.len() {
            self.clear();
        }
        Ok(Some(message?))
    }

    /// Returns how many bytes wait to become a frame.
    pub fn unread(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Forgets everything unread.
    pub fn clear(&mut self) {
        self.start = 0;
        self.bytes.clear();
        // One large message must not keep its memory for the rest of the connection's life.
        self.bytes.shrink_to(16 * 1024);
    }

    fn wait_for_more<T>(&mut self) -> Option<T> {
        self.bytes.drain(..self.start);
        self.start = 0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let mut stream = encode(&"first");
        stream.extend(encode(&"second"));
        let (mut buffer, mut seen) = (Vec::new(), Vec::<String>::new());
        for byte in stream {
            buffer.push(byte);
            while let Some(message) = decode(&mut buffer).unwrap() {
                seen.push(message);
            }
        }
        assert_eq!(seen, ["first", "second"]);
    }

    #[test]
    fn a_buffer_takes_frames_cut_anywhere_and_refuses_long_ones() {
        let mut stream = encode(&"first");
        stream.extend(encode(&"second"));
        for cut in 0..stream.len() {
            let (mut buffer, mut seen) = (FrameBuffer::new(100), Vec::<String>::new());
            for part in [&stream[..cut], &stream[cut..]] {
                buffer.push(part);
                while let Some(message) = buffer.take().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, ["first", "second"]);
        }
        let mut buffer = FrameBuffer::new(3);
        buffer.push(&stream);
        assert!(matches!(buffer.take::<String>(), Err(FrameError::TooLong(7))));
    }

    #[test]
    fn an_absurd_length_is_refused_at_once() {
        assert!(matches!(decode::<String>(&mut vec![255; 4]), Err(FrameError::TooLong(_))));
    }
}
