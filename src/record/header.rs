//! A record: what its header says, and where its parts are. It must never be shown outside of its batch.

use std::mem::offset_of;

use super::block::RecordBlock;
use super::fault::of_record;
use super::wal_version::WalVersion;
use crate::error::Result;
use crate::lsn::Lsn;

/// How long the header is (`SizeOfXLogRecord`).
pub const HEADER: usize = 24;
/// The longest record: PostgreSQL allocates no more at once (`MaxAllocSize`). From 16 on its own bound is 1,020 MiB.
pub const LONGEST: u32 = (1 << 30) - 1;
/// The manager of WAL itself, and its records that end a segment.
pub const XLOG: u8 = 0;
pub const SWITCH: u8 = 0x40;
/// The last manager of PostgreSQL's own, and the first that an extension may have.
pub const LAST_OWN: u8 = 21;
pub const FIRST_CUSTOM: u8 = 128;

/// A record of the WAL, in its batch's memory. 96 bytes; the layout is part of the ABI.
///
/// What it points at is the batch's. A record is named by its start, as in pg_waldump; page LSNs, commit positions and flush
/// positions are ends.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Where it begins.
    pub lsn: u64,
    /// Where the next one may begin: its end, rounded up to 8. Behind a SWITCH it is the end of the segment, or where its
    /// size is not known the record's end.
    pub end_lsn: u64,
    /// Where the record before it begins; 0 for the first of a cluster.
    pub prev_lsn: u64,
    /// The transaction, or 0.
    pub xid: u32,
    /// The transaction at the top, where the record says so: on the first record of a subtransaction, with wal_level logical.
    /// Else 0.
    pub top_xid: u32,
    /// How many bytes it has in all.
    pub total_len: u32,
    /// How many of them are page images.
    pub image_len: u32,
    /// The timeline of the page on which it begins.
    pub timeline: u32,
    /// The replication origin, or 0.
    pub origin: u16,
    /// The magic number of its page, which tells the release: D10D 14, D110 15, D113 16, D116 17, D118 18.
    pub magic: u16,
    /// The resource manager: wal_rmgr_name.
    pub rmgr: u8,
    /// What the manager makes of it, in the upper four bits: wal_record_kind_name.
    pub info: u8,
    /// Bits: 1 the release is unknown, and `data` is all there is.
    pub flags: u16,
    /// How many blocks it refers to.
    pub n_blocks: u32,
    /// The blocks, in the order of their ids, which may have gaps.
    pub blocks: *const RecordBlock,
    /// The whole record, from its header on: `total_len` bytes.
    pub data: *const u8,
    /// What it says besides the blocks, NULL where the release is unknown.
    pub main_data: *const u8,
    /// How many bytes that is.
    pub main_len: u32,
    /// Kept for later releases; 0.
    pub reserved: u32,
    /// Kept for later releases; 0.
    pub spare: u64,
}

const _: () = assert!(
    size_of::<*const u8>() != 8
        || size_of::<Record>() == 96
            && offset_of!(Record, xid) == 24
            && offset_of!(Record, timeline) == 40
            && offset_of!(Record, rmgr) == 48
            && offset_of!(Record, blocks) == 56
            && offset_of!(Record, main_data) == 72
            && offset_of!(Record, spare) == 88
);

impl Record {
    /// The release is unknown: the record is its bytes.
    pub const OPAQUE: u16 = 1;
}

/// The header of a record (`XLogRecord`).
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub total: u32,
    pub xid: u32,
    pub prev: u64,
    pub info: u8,
    pub rmgr: u8,
    pub crc: u32,
}

impl Header {
    /// Reads it where it is whole.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let &[
            t0,
            t1,
            t2,
            t3,
            x0,
            x1,
            x2,
            x3,
            p0,
            p1,
            p2,
            p3,
            p4,
            p5,
            p6,
            p7,
            info,
            rmgr,
            _,
            _,
            c0,
            c1,
            c2,
            c3,
        ] = header;
        Some(Self {
            total: u32::from_le_bytes([t0, t1, t2, t3]),
            xid: u32::from_le_bytes([x0, x1, x2, x3]),
            prev: u64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7]),
            info,
            rmgr,
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    /// Refuses what cannot be a record at this place, behind the one that begins at `before` (`ValidXLogRecordHeader`).
    #[inline]
    pub fn check(&self, at: u64, before: Option<u64>, version: Option<WalVersion>) -> Result<()> {
        let is_own = self.rmgr <= LAST_OWN;
        let is_custom = self.rmgr >= FIRST_CUSTOM && version > Some(WalVersion::V14);
        if !is_own && !is_custom && version.is_some() {
            return Err(of_record(
                at,
                format_args!("resource manager {}, which there is none of", self.rmgr),
            ));
        }
        match before {
            Some(before) if self.prev == before => Ok(()),
            None if self.prev < at => Ok(()),
            Some(before) => {
                let what = format_args!("it follows {}, expected {}", Lsn(self.prev), Lsn(before));
                Err(of_record(at, what))
            }
            None => Err(of_record(at, format_args!("it follows {}, which is not before it", Lsn(self.prev)))),
        }
    }

    /// Whether nothing but zeros follows in its segment.
    pub fn is_switch(&self) -> bool {
        self.rmgr == XLOG && self.info & 0xF0 == SWITCH
    }
}

/// Refuses a length that no record has. A zero is what stands behind the last record.
#[inline]
pub fn check_length(at: u64, total: u32) -> Result<()> {
    if (HEADER as u32..=LONGEST).contains(&total) {
        return Ok(());
    }
    Err(of_record(at, format_args!("length {total}, expected from {HEADER} to {LONGEST}")))
}

/// Refuses a record whose checksum is another (`ValidXLogRecord`): CRC-32C of the body, then of the header before it.
#[inline]
pub fn check_crc(at: u64, header: &Header, record: &[u8]) -> Result<()> {
    let found = short_crc(record).unwrap_or_else(|| {
        let body = record.get(HEADER..).unwrap_or_default();
        let head = record.get(..HEADER - 4).unwrap_or_default();
        crc32c::crc32c_append(crc32c::crc32c(body), head)
    });
    if found == header.crc {
        return Ok(());
    }
    Err(of_record(at, format_args!("checksum {found:08X}, expected {:08X}", header.crc)))
}

/// How many bytes the checksum of a short record is over, at most.
const SHORT: usize = 256;

/// Memory that is counted in words.
#[repr(align(8))]
struct Words([u8; SHORT]);

/// The checksum of a short record in whole words, which takes half the time. The bytes that are missing to whole words are zeros
/// before all others. They change nothing if the register begins with zeros and not with ones; the first four bytes are turned
/// round for it.
#[inline]
fn short_crc(record: &[u8]) -> Option<u32> {
    let ([head @ .., _, _, _, _], body) = record.split_first_chunk::<HEADER>()?;
    let length = body.len() + head.len();
    let end = length.next_multiple_of(8);
    let mut words = Words([0; SHORT]);
    let room = words.0.get_mut(end - length..end)?;
    let (to_body, to_head) = room.split_at_mut_checked(body.len())?;
    to_body.copy_from_slice(body);
    to_head.copy_from_slice(head);
    let first = room.first_chunk_mut()?;
    *first = (!u32::from_le_bytes(*first)).to_le_bytes();
    Some(crc32c::crc32c_append(u32::MAX, words.0.get(..end)?))
}
