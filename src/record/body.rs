//! The inside of a record: block references, their data, and the main data (`DecodeXLogRecord`). It must never believe that the
//! parts fit, though the checksum was right.

use super::block::{Compression, RecordBlock};
use super::page::PAGE;
use super::wal_version::WalVersion;

const LAST_BLOCK: u8 = 32;
const TOP_XID: u8 = 252;
const ORIGIN: u8 = 253;
const LONG_MAIN: u8 = 254;
const SHORT_MAIN: u8 = 255;

const FORK: u8 = 0x0F;
const HAS_IMAGE: u8 = 0x10;
const HAS_DATA: u8 = 0x20;
const WILL_INIT: u8 = 0x40;
const SAME_RELATION: u8 = 0x80;
const LAST_FORK: u8 = 3;

/// What a body holds.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub top_xid: u32,
    pub origin: u16,
    pub image_len: u32,
    pub main: &'a [u8],
}

/// Bytes that are read one after the other.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    #[inline]
    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Takes a body apart. Its blocks are appended; the error says what does not fit.
#[inline]
pub fn read<'a>(
    body: &'a [u8],
    version: WalVersion,
    blocks: &mut Vec<RecordBlock>,
) -> Result<Body<'a>, &'static str> {
    const CUT: &str = "it ends in its own headers";
    let first = blocks.len();
    let mut bytes = Bytes(body);
    let mut found = Body { top_xid: 0, origin: 0, image_len: 0, main: &[] };
    let (mut announced, mut main_len) = (0_usize, 0_usize);
    while bytes.0.len() > announced {
        match bytes.u8().ok_or(CUT)? {
            SHORT_MAIN => {
                main_len = bytes.u8().ok_or(CUT)?.into();
                announced += main_len;
                break;
            }
            LONG_MAIN => {
                main_len = bytes.u32().ok_or(CUT)? as usize;
                announced = announced.saturating_add(main_len);
                break;
            }
            ORIGIN => found.origin = bytes.u16().ok_or(CUT)?,
            TOP_XID => found.top_xid = bytes.u32().ok_or(CUT)?,
            id @ ..=LAST_BLOCK => {
                let before = blocks.get(first..).unwrap_or_default().last();
                let block = reference(&mut bytes, id, before, version)?;
                announced += usize::from(block.data_len) + usize::from(block.image_len);
                found.image_len += u32::from(block.image_len);
                blocks.push(block);
            }
            _ => return Err("it has a header of an unknown kind"),
        }
    }
    if bytes.0.len() != announced {
        return Err("its parts are not as long as its headers say");
    }
    for block in blocks.get_mut(first..).unwrap_or_default() {
        if block.flags & RecordBlock::IMAGE != 0 {
            block.image = bytes.take(block.image_len.into()).ok_or(CUT)?.as_ptr();
        }
        if block.flags & RecordBlock::DATA != 0 {
            block.data = bytes.take(block.data_len.into()).ok_or(CUT)?.as_ptr();
        }
    }
    found.main = bytes.take(main_len).ok_or(CUT)?;
    Ok(found)
}

#[inline]
fn reference(
    bytes: &mut Bytes<'_>,
    id: u8,
    before: Option<&RecordBlock>,
    version: WalVersion,
) -> Result<RecordBlock, &'static str> {
    const CUT: &str = "it ends in a block reference";
    if before.is_some_and(|before| before.id >= id) {
        return Err("its block references are out of order");
    }
    let [flags, low, high] = bytes.array().ok_or(CUT)?;
    let mut block = RecordBlock {
        tablespace: 0,
        database: 0,
        relation: 0,
        block: 0,
        data: std::ptr::null(),
        image: std::ptr::null(),
        data_len: u16::from_le_bytes([low, high]),
        image_len: 0,
        hole_offset: 0,
        hole_len: 0,
        id,
        fork: flags & FORK,
        flags: if flags & WILL_INIT != 0 { RecordBlock::INIT } else { 0 },
        compression: Compression::WAL_COMPRESSION_NONE as u8,
        reserved: 0,
    };
    if block.fork > LAST_FORK {
        return Err("a block reference names an unknown fork");
    }
    if (flags & HAS_DATA != 0) != (block.data_len > 0) {
        return Err("a block reference has data without a length, or a length without data");
    }
    if flags & HAS_DATA != 0 {
        block.flags |= RecordBlock::DATA;
    }
    if flags & HAS_IMAGE != 0 {
        image(bytes, &mut block, version)?;
    }
    if flags & SAME_RELATION == 0 {
        block.tablespace = bytes.u32().ok_or(CUT)?;
        block.database = bytes.u32().ok_or(CUT)?;
        block.relation = bytes.u32().ok_or(CUT)?;
    } else {
        let before = before.ok_or("its first block reference has no relation")?;
        (block.tablespace, block.database, block.relation) =
            (before.tablespace, before.database, before.relation);
    }
    block.block = bytes.u32().ok_or(CUT)?;
    Ok(block)
}

/// The header of an image (`XLogRecordBlockImageHeader`), whose bits were numbered anew in 15.
fn image(bytes: &mut Bytes<'_>, block: &mut RecordBlock, version: WalVersion) -> Result<(), &'static str> {
    const CUT: &str = "it ends in the header of a page image";
    block.image_len = bytes.u16().ok_or(CUT)?;
    block.hole_offset = bytes.u16().ok_or(CUT)?;
    let info = bytes.u8().ok_or(CUT)?;
    let has_hole = info & 1 != 0;
    let (is_applied, compression) = match (version, info) {
        (WalVersion::V14, _) if info & 2 != 0 => (info & 4 != 0, Compression::WAL_COMPRESSION_PGLZ),
        (WalVersion::V14, _) => (info & 4 != 0, Compression::WAL_COMPRESSION_NONE),
        (_, _) if info & 4 != 0 => (info & 2 != 0, Compression::WAL_COMPRESSION_PGLZ),
        (_, _) if info & 8 != 0 => (info & 2 != 0, Compression::WAL_COMPRESSION_LZ4),
        (_, _) if info & 16 != 0 => (info & 2 != 0, Compression::WAL_COMPRESSION_ZSTD),
        (_, _) if info & 0xE0 != 0 => (info & 2 != 0, Compression::WAL_COMPRESSION_UNKNOWN),
        (_, _) => (info & 2 != 0, Compression::WAL_COMPRESSION_NONE),
    };
    let is_compressed = compression != Compression::WAL_COMPRESSION_NONE;
    block.compression = compression as u8;
    block.flags |= RecordBlock::IMAGE | if is_applied { RecordBlock::APPLY } else { 0 };
    block.hole_len = match (is_compressed, has_hole) {
        (true, true) => bytes.u16().ok_or(CUT)?,
        (true, false) => 0,
        (false, _) => {
            (PAGE as u16).checked_sub(block.image_len).ok_or("a page image is longer than a page")?
        }
    };
    let hole_fits = u32::from(block.hole_offset) + u32::from(block.hole_len) <= PAGE;
    let hole_is_one = block.hole_offset != 0 && block.hole_len != 0 && u32::from(block.image_len) != PAGE;
    let hole_is_none = block.hole_offset == 0 && block.hole_len == 0;
    if !hole_fits || (has_hole && !hole_is_one) || (!has_hole && !hole_is_none) {
        return Err("a page image has a hole that cannot be");
    }
    if is_compressed && u32::from(block.image_len) >= PAGE {
        return Err("a compressed page image is as long as a page");
    }
    Ok(())
}
