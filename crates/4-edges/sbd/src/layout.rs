//! What is in the disk's sectors.
//!
//! Compat: version 2 of sbd's layout, numbers in network order: a header in sector 0, then for each slot a sector with the
//! node's name and a sector with its mailbox.

use std::time::Duration;

const MAGIC: &[u8; 8] = b"SBD_SBD_";
const VERSION: u8 = 2;
/// The longest name of a node, with the zero that ends it.
const NAME_MAX: usize = 64;

/// What the disk says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub slots: u8,
    pub sector_size: usize,
    /// How long a node's watchdog may run without being petted.
    pub watchdog: Duration,
    /// How long a node waits before it believes that the slot it took is its own.
    pub allocate: Duration,
    /// How often a node looks into its mailbox.
    pub wait: Duration,
    /// After how long a message counts as obeyed.
    pub message_wait: Duration,
    /// Names the disk, since version 2.1.
    pub uuid: Option<[u8; 16]>,
}

impl Header {
    /// Reads the first sector, or says what is wrong with it.
    pub(crate) fn parse(sector: &[u8]) -> Result<Self, String> {
        let number =
            |at: usize| -> u32 { sector.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]])) };
        let seconds = |at: usize| Duration::from_secs(u64::from(number(at)));
        if sector.get(..8) != Some(MAGIC) {
            return Err("it holds no sbd header; `sbd -d DEVICE create` writes one".to_owned());
        }
        if sector.get(8) != Some(&VERSION) {
            return Err(format!("its header is of version {}, not {VERSION}", sector[8]));
        }
        let sector_size = number(12) as usize;
        if !sector_size.is_power_of_two() || !(512..=4096).contains(&sector_size) {
            return Err(format!("its header speaks of sectors of {sector_size} bytes"));
        }
        let header = Self {
            slots: sector[9],
            sector_size,
            watchdog: seconds(16),
            allocate: seconds(20),
            wait: seconds(24).max(Duration::from_secs(1)),
            message_wait: seconds(28),
            uuid: sector.get(32).filter(|minor| **minor > 0).and_then(|_| sector.get(33..49)?.try_into().ok()),
        };
        if header.watchdog.is_zero() {
            return Err("its header gives the watchdog no time".to_owned());
        }
        Ok(header)
    }
}

/// What a mailbox holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    Clear,
    Test,
    Reset,
    Off,
    Exit,
    Crashdump,
    /// A number nobody knows, perhaps half written.
    Unknown(u8),
}

impl Message {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Clear,
            1 => Self::Test,
            2 => Self::Reset,
            3 => Self::Off,
            4 => Self::Exit,
            5 => Self::Crashdump,
            number => Self::Unknown(number),
        }
    }

    /// Reads a mailbox: the message and who wrote it.
    pub(crate) fn parse(sector: &[u8]) -> (Self, String) {
        (Self::of(sector.first().copied().unwrap_or(0)), text(&sector[1..]))
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clear => f.write_str("clear"),
            Self::Test => f.write_str("test"),
            Self::Reset => f.write_str("reset"),
            Self::Off => f.write_str("off"),
            Self::Exit => f.write_str("exit"),
            Self::Crashdump => f.write_str("crashdump"),
            Self::Unknown(number) => write!(f, "unknown message {number}"),
        }
    }
}

/// Returns the node a slot belongs to; `None` where it is free.
pub(crate) fn owner(sector: &[u8]) -> Option<String> {
    (sector.first() != Some(&0)).then(|| text(&sector[1..]))
}

/// Writes a slot for a node.
///
/// # Errors
/// The name is too long for a slot.
pub(crate) fn write_owner(sector: &mut [u8], node: &str) -> Result<(), String> {
    if node.len() >= NAME_MAX {
        return Err(format!("the name {node} is longer than the {} letters of a slot", NAME_MAX - 1));
    }
    sector.fill(0);
    sector[0] = 1;
    sector[1..=node.len()].copy_from_slice(node.as_bytes());
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    let letters = bytes.iter().take(NAME_MAX).take_while(|byte| **byte != 0).copied().collect::<Vec<u8>>();
    String::from_utf8_lossy(&letters).into_owned()
}

/// Returns the sector of a slot's owner; its mailbox is the next one.
pub(crate) fn sector_of(slot: u8) -> u64 {
    1 + u64::from(slot) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_as_debian_s_sbd_writes_it_is_read() {
        let mut sector = vec![0; 512];
        sector[..33].copy_from_slice(b"SBD_SBD_\x02\xff\0\0\0\0\x02\0\0\0\0\x05\0\0\0\x02\0\0\0\x01\0\0\0\x0a\x01");
        sector[33] = 7;
        let header = Header::parse(&sector).unwrap();
        assert_eq!((header.slots, header.sector_size), (255, 512));
        assert_eq!((header.watchdog, header.message_wait), (Duration::from_secs(5), Duration::from_secs(10)));
        assert_eq!(header.uuid.map(|uuid| uuid[0]), Some(7));
        sector[8] = 3;
        assert_eq!(Header::parse(&sector), Err("its header is of version 3, not 2".to_owned()));
        assert!(Header::parse(&[0; 512]).unwrap_err().contains("no sbd header"));
    }

    #[test]
    fn slots_and_mailboxes_hold_names_and_messages() {
        let mut sector = vec![9; 512];
        write_owner(&mut sector, "node1").unwrap();
        assert_eq!(owner(&sector), Some("node1".to_owned()));
        assert_eq!(owner(&[0; 512]), None);
        assert!(write_owner(&mut sector, &"n".repeat(64)).unwrap_err().contains("63 letters"));
        assert_eq!(Message::parse(b"\x02node3\0"), (Message::Reset, "node3".to_owned()));
        assert_eq!(Message::parse(b"\x2anode3\0").0.to_string(), "unknown message 42");
        assert_eq!((sector_of(0), sector_of(2)), (1, 5));
    }
}
