//! What the engine's own parts say to each other through the process group.
//!
//! A frame is a mark, a letter for its kind and its content. Statements are JSON, so that versions mix: unknown fields
//! are skipped, frames of an unknown kind too. A message is sent in pieces that each fit one group message.

use messages::group::Incarnation;
use model::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first bytes of every frame.
const MARK: &[u8; 4] = b"SYS1";
const STATEMENT: u8 = b'S';
const PROCEED: u8 = b'P';
const PIECE: u8 = b'M';
const SEVERAL: u8 = b'V';
/// Mark, kind, stamp, index and count of a piece.
const PIECE_HEAD: usize = 4 + 1 + 8 + 4 + 8 + 4 + 4;

/// Names a ring of hosts; no two rings have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub node: u32,
    pub seq: u64,
}

/// A member of the process group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Process {
    pub node: u32,
    pub pid: u32,
}

/// Who is on the ring and who in the group: what a view is agreed upon for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Configuration {
    pub ring: Ring,
    pub processes: Vec<Process>,
}

/// A host that is known: what it is called and which life it is in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct KnownHost {
    pub name: NodeName,
    pub incarnation: Incarnation,
}

/// What a daemon says of itself for one configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub configuration: Configuration,
    pub name: NodeName,
    pub incarnation: Incarnation,
    pub life: u64,
    /// The greatest number of a view the sender knows.
    pub view: u64,
    /// Votequorum's verdict for this ring.
    pub quorate: bool,
    /// Every node that the sender's configuration names.
    pub configured: BTreeMap<u32, NodeName>,
    /// The lives of the hosts on the ring, as far as the sender knows them.
    pub hosts: BTreeMap<u32, KnownHost>,
}

/// Names a view and the ring it was agreed upon on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub view: u64,
    pub ring: Ring,
}

/// One message of the process group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Frame {
    Statement(Statement),
    /// Those who have not spoken in this configuration are not waited for.
    Proceed(Configuration),
    /// One part of a message.
    Piece {
        stamp: Stamp,
        index: u32,
        count: u32,
        bytes: Vec<u8>,
    },
    /// What was said at one go.
    Several(Vec<Frame>),
}

impl Frame {
    /// Returns the bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        let json = |bytes: &mut Vec<u8>, kind: u8, value: &dyn Fn(&mut Vec<u8>) -> serde_json::Result<()>| {
            bytes.push(kind);
            value(bytes).expect("statements have numbers and text as keys, so they always encode");
        };
        match self {
            Self::Statement(statement) => json(&mut bytes, STATEMENT, &|bytes| serde_json::to_writer(bytes, statement)),
            Self::Proceed(configuration) => json(&mut bytes, PROCEED, &|bytes| serde_json::to_writer(bytes, configuration)),
            Self::Piece { stamp, index, count, bytes: part } => {
                bytes.reserve_exact(PIECE_HEAD + part.len());
                bytes.push(PIECE);
                bytes.extend(stamp.view.to_le_bytes());
                bytes.extend(stamp.ring.node.to_le_bytes());
                bytes.extend(stamp.ring.seq.to_le_bytes());
                bytes.extend(index.to_le_bytes());
                bytes.extend(count.to_le_bytes());
                bytes.extend(part);
            }
            Self::Several(frames) => return join(frames.iter().map(Self::encode).collect::<Vec<_>>().iter().map(Vec::as_slice)),
        }
        bytes
    }

    /// Reads a frame; `None` for what is no frame, or one of a kind that this version does not know.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, content) = bytes.strip_prefix(MARK)?.split_first()?;
        match *kind {
            STATEMENT => serde_json::from_slice(content).ok().map(Self::Statement),
            PROCEED => serde_json::from_slice(content).ok().map(Self::Proceed),
            PIECE => {
                let (view, rest) = content.split_first_chunk::<8>()?;
                let (node, rest) = rest.split_first_chunk::<4>()?;
                let (seq, rest) = rest.split_first_chunk::<8>()?;
                let (index, rest) = rest.split_first_chunk::<4>()?;
                let (count, rest) = rest.split_first_chunk::<4>()?;
                let ring = Ring { node: u32::from_le_bytes(*node), seq: u64::from_le_bytes(*seq) };
                Some(Self::Piece {
                    stamp: Stamp { view: u64::from_le_bytes(*view), ring },
                    index: u32::from_le_bytes(*index),
                    count: u32::from_le_bytes(*count),
                    bytes: rest.to_vec(),
                })
            }
            SEVERAL => {
                let (mut frames, mut rest) = (Vec::new(), content);
                while let Some((length, after)) = rest.split_first_chunk::<4>() {
                    let (frame, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                    // One within another would be read without end.
                    frames.extend(Self::decode(frame).filter(|frame| !matches!(frame, Self::Several(_))));
                    rest = after;
                }
                (rest.is_empty() && !frames.is_empty()).then_some(Self::Several(frames))
            }
            _ => None,
        }
    }
}

/// How much longer each frame gets when it goes with others.
pub(crate) const JOIN_HEAD: usize = 4;
/// How long a frame of several is without them.
pub(crate) const SEVERAL_HEAD: usize = 5;

/// Returns one frame with several that are encoded already: each message of the group costs all of its members' engines, however short.
pub(crate) fn join<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = MARK.to_vec();
    bytes.push(SEVERAL);
    for frame in frames {
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
    }
    bytes
}

/// Cuts a message into frames of at most `length_max` bytes each.
pub(crate) fn cut(payload: &str, stamp: Stamp, length_max: usize) -> Vec<Vec<u8>> {
    let part = length_max.saturating_sub(PIECE_HEAD).max(1);
    let parts: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.as_bytes().chunks(part).collect() };
    let count = parts.len() as u32;
    (0..).zip(parts).map(|(index, bytes)| Frame::Piece { stamp, index, count, bytes: bytes.to_vec() }.encode()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_and_rubbish_does_not() {
        let configuration = Configuration { ring: Ring { node: 1, seq: 88 }, processes: vec![Process { node: 1, pid: 2 }] };
        let statement = Statement {
            configuration: configuration.clone(),
            name: "node1".into(),
            incarnation: Incarnation("a life".into()),
            life: 7,
            view: 3,
            quorate: true,
            configured: [(1, "node1".into())].into(),
            hosts: [(1, KnownHost { name: "node1".into(), incarnation: Incarnation("a life".into()) })].into(),
        };
        let stamp = Stamp { view: u64::MAX, ring: configuration.ring };
        let piece = Frame::Piece { stamp, index: 1, count: 2, bytes: vec![0, 255] };
        let several = Frame::Several(vec![Frame::Proceed(configuration.clone()), piece.clone()]);
        for frame in [Frame::Statement(statement), Frame::Proceed(configuration), piece, several] {
            let bytes = frame.encode();
            assert_eq!(Frame::decode(&bytes), Some(frame));
            assert!((0..bytes.len().min(PIECE_HEAD)).all(|length| Frame::decode(&bytes[..length]).is_none()));
        }
        assert_eq!(Frame::decode(b"SYS1?of a later version"), None);
    }

    #[test]
    fn a_message_is_cut_into_pieces_that_fit() {
        let stamp = Stamp { view: 1, ring: Ring::default() };
        let payload = "ä".repeat(1000);
        let frames = cut(&payload, stamp, 133);
        assert_eq!(frames.len(), 20);
        assert!(frames.iter().all(|frame| frame.len() <= 133));
        let joined: Vec<u8> = frames
            .iter()
            .flat_map(|frame| match Frame::decode(frame) {
                Some(Frame::Piece { bytes, count: 20, .. }) => bytes,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(joined, payload.as_bytes());
        assert_eq!(cut("", stamp, 133).len(), 1);
    }
}
