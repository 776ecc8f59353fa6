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
    fn an_absurd_length_is_refused_at_once() {
        assert!(matches!(decode::<String>(&mut vec![255; 4]), Err(FrameError::TooLong(_))));
    }
}
