//! Records that are handed over together, with the memory behind them. It must never move bytes that a record points at.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::block::RecordBlock;
use super::header::Record;
use super::view::RecordView;
use crate::error::{Error, Result};

/// How many bytes of WAL a batch takes at most. Small, so that the cache still holds what was received when it is read.
pub const CHUNK: usize = 128 * 1024;
/// A batch whose arrays grew beyond this is not filled again.
const KEPT: usize = 16 * 1024;

/// Records with their blocks and bytes: owned by one, read by any thread, filled again when given back.
#[derive(Debug)]
pub struct RecordBatch {
    /// The WAL as it was fed, pages and all. Records that lie in one piece point into it.
    pub(super) chunk: Vec<u8>,
    /// Records that were put together of pieces.
    pub(super) joined: Vec<Vec<u8>>,
    pub(super) records: Vec<Record>,
    pub(super) blocks: Vec<RecordBlock>,
    home: Weak<Store>,
}

// SAFETY: plain memory that the batch owns; its pointers lead into that, and nobody writes to it once the batch is sealed.
unsafe impl Send for RecordBatch {}
// SAFETY: as above.
unsafe impl Sync for RecordBatch {}

/// A batch or two that were freed, kept to be filled again.
#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "C holds the batch by its address: it is boxed for life")]
pub struct Store(Mutex<Vec<Box<RecordBatch>>>);

impl RecordBatch {
    /// An empty one, perhaps used before.
    pub(super) fn take(home: &Arc<Store>) -> Result<Box<Self>> {
        if let Some(kept) = home.0.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(kept);
        }
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| Error::no_memory("a batch of records", CHUNK))?;
        let (joined, records, blocks) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Box::new(Self { chunk, joined, records, blocks, home: Arc::downgrade(home) }))
    }

    /// Leads each record to its blocks. Nothing is added from now on.
    pub(super) fn seal(&mut self) {
        let mut blocks = self.blocks.as_ptr();
        for record in &mut self.records {
            if record.n_blocks > 0 {
                record.blocks = blocks;
                blocks = blocks.wrapping_add(record.n_blocks as usize);
            }
        }
    }

    /// The records, in the order of the WAL.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// One of them.
    pub fn view(&self, at: usize) -> Option<RecordView<'_>> {
        // SAFETY: made by a reader; what it points at is this batch's, which is borrowed.
        self.records.get(at).map(|record| unsafe { RecordView::new(record) })
    }

    /// Ends its life with its reader.
    pub fn release(mut self: Box<Self>) {
        self.chunk.clear();
        self.joined.clear();
        self.records.clear();
        self.blocks.clear();
        let is_usual = self.records.capacity() <= KEPT && self.blocks.capacity() <= KEPT;
        let Some(home) = self.home.upgrade().filter(|_| is_usual) else { return };
        let mut kept = home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < 2 {
            kept.push(self);
        }
    }
}
