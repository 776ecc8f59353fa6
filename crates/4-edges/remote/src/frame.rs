//! Messages as bytes: a header of forty bytes, and XML text that ends with a zero byte.
//!
//! Compat: the header is Pacemaker's version 1, in the sender's byte order, told by its first four bytes. A payload may come compressed
//! with bzip2; none is sent so. Headers of later versions may be longer: where the payload begins is one of the fields.

use std::io::Read;
use xml::{Element, Limits};

/// What the first four bytes are in the order of whoever wrote them.
const MARK: u32 = 0xBADA_DBBD;
const VERSION: u32 = 1;
pub(crate) const HEADER: usize = 40;
/// The longest message that is taken: of an agent's output, or a whole CIB.
pub(crate) const LENGTH_MAX: usize = 48 << 20;

/// What came is no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the other side does not speak Pacemaker's remote protocol")]
    Mark,
    #[error("a message of {0} bytes is not taken")]
    Length(u64),
    #[error("a message was not understood: {0}")]
    Content(String),
}

/// Returns a message as bytes. `id` counts the sender's messages.
pub(crate) fn encode(id: u64, message: &Element) -> Vec<u8> {
    let mut text = message.to_compact().into_bytes();
    text.push(0);
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + text.len());
    bytes.extend(MARK.to_ne_bytes());
    bytes.extend(VERSION.to_ne_bytes());
    bytes.extend(id.to_ne_bytes());
    bytes.extend(0u64.to_ne_bytes());
    bytes.extend((HEADER as u32 + length).to_ne_bytes());
    bytes.extend((HEADER as u32).to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(text);
    bytes
}

/// Takes the first message out of what came, if it is there as a whole. One that is longer than `limit`, packed or unpacked, is refused
/// as soon as it says so.
pub(crate) fn take(buffer: &mut Vec<u8>, limit: usize) -> Result<Option<Element>, FrameError> {
    if buffer.len() < HEADER {
        return Ok(None);
    }
    let word = |at: usize| [buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]];
    let read: fn([u8; 4]) -> u32 = match word(0) {
        mark if u32::from_le_bytes(mark) == MARK => u32::from_le_bytes,
        mark if u32::from_be_bytes(mark) == MARK => u32::from_be_bytes,
        _ => return Err(FrameError::Mark),
    };
    let [total, offset, compressed, plain] = [24, 28, 32, 36].map(|at| read(word(at)) as usize);
    let payload = if compressed > 0 { compressed } else { plain };
    if total > limit || plain > limit || offset < HEADER || offset.checked_add(payload) != Some(total) {
        return Err(FrameError::Length(total as u64));
    }
    if buffer.len() < total {
        return Ok(None);
    }
    let whole: Vec<u8> = buffer.drain(..total).collect();
    let text = if compressed > 0 { unpack(&whole[offset..], plain)? } else { whole[offset..].to_vec() };
    let text = text.strip_suffix(&[0]).unwrap_or(&text);
    xml::parse(text, &Limits::default()).map(Some).map_err(|error| FrameError::Content(error.to_string()))
}

fn unpack(bytes: &[u8], length: usize) -> Result<Vec<u8>, FrameError> {
    let mut text = Vec::new();
    let reader = bzip2::read::BzDecoder::new(bytes);
    reader.take(length as u64 + 1).read_to_end(&mut text).map_err(|error| FrameError::Content(error.to_string()))?;
    if text.len() > length { Err(FrameError::Length(text.len() as u64)) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn take(buffer: &mut Vec<u8>) -> Result<Option<Element>, FrameError> {
        super::take(buffer, LENGTH_MAX)
    }

    fn poke() -> Element {
        Element::new("lrmd_command").with("lrmd_op", "lrmd_rsc_poke")
    }

    /// Swaps the header of a message into the other byte order.
    fn swapped(mut bytes: Vec<u8>) -> Vec<u8> {
        for (at, length) in [(0, 4), (4, 4), (8, 8), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)] {
            bytes[at..at + length].reverse();
        }
        bytes
    }

    #[test]
    fn a_message_has_the_field_s_header() {
        let bytes = encode(7, &poke());
        let text = b"<lrmd_command lrmd_op=\"lrmd_rsc_poke\"/>\0";
        let mut expected = Vec::new();
        for word in [0xBADA_DBBDu32, 1, 7, 0, 0, 0, 40 + text.len() as u32, 40, 0, text.len() as u32] {
            expected.extend(word.to_le_bytes());
        }
        expected.extend(text);
        if cfg!(target_endian = "little") {
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn messages_are_taken_whole_in_either_byte_order() {
        for bytes in [encode(1, &poke()), swapped(encode(1, &poke()))] {
            let mut buffer = Vec::new();
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(take(&mut buffer), Ok(None), "after {at} bytes");
                buffer.push(*byte);
            }
            buffer.extend(&bytes[..50]);
            assert_eq!(take(&mut buffer), Ok(Some(poke())));
            assert_eq!(buffer.len(), 50);
        }
    }

    #[test]
    fn a_compressed_payload_and_a_longer_header_are_understood() {
        let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        packer.write_all(b"<lrmd_command lrmd_op=\"lrmd_rsc_poke\"/>\0").unwrap();
        let payload = packer.finish().unwrap();
        let mut bytes = encode(1, &poke())[..HEADER].to_vec();
        for (at, value) in [(24, 44 + payload.len()), (28, 44), (32, payload.len()), (36, 40)] {
            bytes[at..at + 4].copy_from_slice(&(value as u32).to_ne_bytes());
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(payload);
        assert_eq!(take(&mut bytes), Ok(Some(poke())));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(take(&mut b"GET / HTTP/1.1\r\nHost: somewhere.example\r\n\r\n".to_vec()), Err(FrameError::Mark));
        let mut long = encode(1, &poke());
        long[24..28].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(matches!(take(&mut long), Err(FrameError::Length(_))));
        assert!(matches!(super::take(&mut encode(1, &poke())[..HEADER].to_vec(), 70), Err(FrameError::Length(80))));
        let mut inconsistent = encode(1, &poke());
        inconsistent[28..32].copy_from_slice(&8u32.to_ne_bytes());
        assert!(matches!(take(&mut inconsistent), Err(FrameError::Length(_))));
        let mut broken = encode(1, &poke());
        broken[HEADER] = b'x';
        assert!(matches!(take(&mut broken), Err(FrameError::Content(_))));
    }
}
