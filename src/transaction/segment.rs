//! A piece of a log: raw messages one behind the other, in memory or in the file.
//! It must never give a byte of the file out before its checksum was compared.

/// The largest that a segment grows to; a longer message has one of its own.
pub(super) const SEGMENT: usize = 256 << 10;

/// Length of the message and its position.
const HEADER: usize = 12;

/// Where a segment is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: u64,
    /// Of the records, without the block's header.
    pub(super) len: u32,
}

/// Where a message begins in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which segment, counted from the first of the log.
    pub(super) segment: u32,
    /// Where in it.
    pub(super) offset: u32,
}

/// How much a message takes.
pub(super) fn size_of_record(message: usize) -> usize {
    HEADER + message
}

/// Appends a message of one kind byte and a body; what came before stays where it is in the segment.
pub(super) fn put(to: &mut Vec<u8>, lsn: u64, kind: u8, body: &[u8]) {
    let len = u32::try_from(body.len() + 1).unwrap_or(u32::MAX);
    to.extend_from_slice(&len.to_le_bytes());
    to.extend_from_slice(&lsn.to_le_bytes());
    to.push(kind);
    to.extend_from_slice(body);
}

/// The message at `offset` with its position, and where the next begins. `None` at the end.
pub(super) fn get(from: &[u8], offset: usize) -> Option<(u64, &[u8], usize)> {
    let (len, rest) = from.get(offset..)?.split_first_chunk::<4>()?;
    let (lsn, rest) = rest.split_first_chunk::<8>()?;
    let message = rest.get(..u32::from_le_bytes(*len) as usize)?;
    Some((u64::from_le_bytes(*lsn), message, offset + HEADER + message.len()))
}
