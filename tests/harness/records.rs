//! A reader of WAL records of the C API, and the WAL of a server.

use std::ffi::{CStr, c_char};
use std::{fs, ptr};

use super::Database;
use super::abi::{self, wal_records};
use super::stream::{Outcome, call};
use pgwalstream::error::Status;
use pgwalstream::record::{Record, RecordBlock};

/// The size of a segment of every server of the tests.
pub const SEGMENT: u64 = 16 << 20;

/// Reads records.
pub struct Records(*mut wal_records, bool);

/// What a record is, copied out of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRecord {
    pub lsn: u64,
    pub end: u64,
    pub prev: u64,
    pub xid: u32,
    pub total_len: u32,
    pub image_len: u32,
    pub main_len: u32,
    pub manager: String,
    pub kind: String,
    /// As pg_waldump prints it.
    pub line: String,
    pub blocks: Vec<SeenBlock>,
}

/// What a block is, copied out of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBlock {
    pub id: u8,
    pub relation: (u32, u32, u32),
    pub fork: u8,
    pub block: u32,
    pub flags: u8,
    pub compression: u8,
    pub hole: (u16, u16),
    pub data_len: u16,
    pub image_len: u16,
    /// The page of the image, where there is one.
    pub page: Option<Vec<u8>>,
}

impl Records {
    /// One that gives records from a position on.
    pub fn new(start: u64, segment: u32) -> Self {
        let mut out = ptr::null_mut();
        // SAFETY: out-parameters of this frame.
        call(|err| unsafe { abi::wal_records_new(start, segment, &raw mut out, err) }).unwrap();
        Self(out, false)
    }

    /// The same, which restores page images.
    pub fn with_pages(start: u64, segment: u32) -> Self {
        let mut it = Self::new(start, segment);
        it.1 = true;
        it
    }

    /// Feeds bytes, all of them, and gives the records that end in them, or those before the damage with the error.
    pub fn feed(&mut self, mut lsn: u64, mut data: &[u8]) -> (Vec<SeenRecord>, Outcome<()>) {
        let mut seen = Vec::new();
        while !data.is_empty() {
            let mut taken = usize::MAX;
            // SAFETY: a live reader of this thread; so many bytes are there; out-parameters of this frame.
            let fed = call(|err| unsafe {
                abi::wal_records_feed(self.0, lsn, data.as_ptr(), data.len(), &raw mut taken, err)
            });
            if let Err(failure) = fed {
                assert_eq!(taken, 0);
                return (seen, Err(failure));
            }
            (lsn, data) = (lsn + taken as u64, &data[taken..]);
            if let Err(failure) = self.take(&mut seen) {
                return (seen, Err(failure));
            }
        }
        (seen, Ok(()))
    }

    fn take(&mut self, seen: &mut Vec<SeenRecord>) -> Outcome<()> {
        loop {
            let mut batch = ptr::dangling_mut();
            // SAFETY: a live reader of this thread, out-parameters of this frame.
            let next = call(|err| unsafe { abi::wal_records_next_batch(self.0, &raw mut batch, err) });
            if next.as_ref().ok() != Some(&Status::WAL_OK) {
                assert!(batch.is_null());
                return next.map(|_| ());
            }
            let mut count = 0;
            // SAFETY: a live batch, freed once; so many records follow each other there.
            unsafe {
                let first = abi::wal_record_batch_records(batch, &raw mut count);
                assert!(count > 0);
                seen.extend((0..count).map(|at| SeenRecord::of(&*first.add(at), self.1)));
                abi::wal_record_batch_free(batch);
            }
        }
    }

    pub fn position(&self) -> u64 {
        // SAFETY: a live reader of this thread.
        unsafe { abi::wal_records_position(self.0) }
    }

    pub fn is_at_end(&self) -> bool {
        // SAFETY: a live reader of this thread.
        unsafe { abi::wal_records_at_end(self.0) == 1 }
    }

    pub fn system_id(&self) -> u64 {
        // SAFETY: a live reader of this thread.
        unsafe { abi::wal_records_system_id(self.0) }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // SAFETY: made by `wal_records_new`, freed once.
        unsafe { abi::wal_records_free(self.0) };
    }
}

impl SeenRecord {
    /// # Safety
    /// A record of a live batch.
    unsafe fn of(record: &Record, with_pages: bool) -> Self {
        // SAFETY: the caller's promise; names are static texts, and buffers of this frame.
        unsafe {
            let name = |text: *const c_char| CStr::from_ptr(text).to_str().expect("UTF-8").to_owned();
            let length = abi::wal_record_describe(record, ptr::null_mut(), 0);
            let mut line = vec![0xAA_u8; length + 1];
            assert_eq!(abi::wal_record_describe(record, line.as_mut_ptr().cast(), line.len()), length);
            assert_eq!(line.pop(), Some(0));
            let block = |at| SeenBlock::of(&*record.blocks.add(at), with_pages);
            let blocks = (0..record.n_blocks as usize).map(block).collect();
            let header = std::slice::from_raw_parts(record.data, record.total_len as usize);
            assert_eq!(header[..4], record.total_len.to_le_bytes());
            assert_eq!((record.flags, record.reserved, record.spare), (0, 0, 0));
            Self {
                lsn: record.lsn,
                end: record.end_lsn,
                prev: record.prev_lsn,
                xid: record.xid,
                total_len: record.total_len,
                image_len: record.image_len,
                main_len: record.main_len,
                manager: name(abi::wal_rmgr_name(record.rmgr.into())),
                kind: name(abi::wal_record_kind_name(record)),
                line: String::from_utf8(line).expect("UTF-8"),
                blocks,
            }
        }
    }

    /// What the line says between the kind and the block references.
    pub fn description(&self) -> &str {
        let (_, rest) = self.line.split_once(", desc: ").unwrap();
        let rest = rest.strip_prefix(&format!("{} ", self.kind)).unwrap();
        rest.split(", blkref #").next().unwrap()
    }

    /// Whether its line is pg_waldump's to the last character.
    pub fn is_described(&self) -> bool {
        ["Transaction", "XLOG", "Standby", "Heap", "Heap2", "Btree"].contains(&self.manager.as_str())
    }
}

impl SeenBlock {
    /// # Safety
    /// A block of a live batch.
    unsafe fn of(block: &RecordBlock, with_page: bool) -> Self {
        let has_image = block.flags & RecordBlock::IMAGE != 0;
        assert_eq!(has_image, !block.image.is_null());
        // SAFETY: the caller's promise.
        let page = with_page.then(|| unsafe { page(block) });
        Self {
            id: block.id,
            relation: (block.tablespace, block.database, block.relation),
            fork: block.fork,
            block: block.block,
            flags: block.flags,
            compression: block.compression,
            hole: (block.hole_offset, block.hole_len),
            data_len: block.data_len,
            image_len: block.image_len,
            page: page.flatten(),
        }
    }
}

/// The page of an image.
///
/// # Safety
/// A block of a live batch.
unsafe fn page(block: &RecordBlock) -> Option<Vec<u8>> {
    let mut page = vec![0xAA; 8192];
    // SAFETY: the caller's promise; 8,192 bytes of this frame.
    let restored = call(|err| unsafe { abi::wal_record_block_image(block, page.as_mut_ptr(), err) });
    match restored {
        Ok(_) => Some(page),
        Err(failure) => {
            assert!(block.image.is_null() && failure.status == Status::WAL_E_NO_VALUE, "{failure:?}");
            None
        }
    }
}

/// The bytes of a server's WAL from the beginning of the segment of one position to the segment's end of another, on timeline 1.
pub fn wal_between(db: &mut Database<'_>, from: u64, to: u64) -> (u64, Vec<u8>) {
    let folder = db.text("SHOW data_directory");
    let mut bytes = Vec::new();
    let first = from / SEGMENT;
    for segment in first..=to.saturating_sub(1) / SEGMENT {
        bytes.extend(fs::read(format!("{folder}/pg_wal/{}", segment_name(segment))).unwrap());
    }
    (first * SEGMENT, bytes)
}

/// The name of a segment's file, on timeline 1.
pub fn segment_name(segment: u64) -> String {
    let each = (1_u64 << 32) / SEGMENT;
    format!("{:08X}{:08X}{:08X}", 1, segment / each, segment % each)
}
