//! Records with the life of their batch: the safe way to what their pointers lead to. It must never give out anything that
//! outlives the batch.

use super::block::RecordBlock;
use super::header::Record;
use super::wal_version::WalVersion;

/// A record within its batch, which is only read while this lives.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    record: &'a Record,
}

/// A block of a record, within its batch.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    block: &'a RecordBlock,
}

// SAFETY: shared references into a batch, which is Sync: nothing is written through its pointers.
unsafe impl Send for RecordView<'_> {}
// SAFETY: as above.
unsafe impl Sync for RecordView<'_> {}
// SAFETY: as above.
unsafe impl Send for BlockView<'_> {}
// SAFETY: as above.
unsafe impl Sync for BlockView<'_> {}

impl<'a> RecordView<'a> {
    /// A record whose batch somebody else keeps.
    ///
    /// # Safety
    /// The record was made by a reader, or is a copy of such a one; what it points at lives and stays as it is for 'a.
    #[inline]
    pub unsafe fn new(record: &'a Record) -> Self {
        Self { record }
    }

    /// Its numbers.
    #[inline]
    pub fn plain(self) -> &'a Record {
        self.record
    }

    /// The release that wrote it, where that is known.
    #[inline]
    pub fn version(self) -> Option<WalVersion> {
        WalVersion::of(self.record.magic)
    }

    /// The whole record, from its header on.
    #[inline]
    pub fn data(self) -> &'a [u8] {
        // SAFETY: as `new` says; a reader sets both.
        unsafe { slice(self.record.data, self.record.total_len as usize) }
    }

    /// What it says besides the blocks.
    #[inline]
    pub fn main_data(self) -> &'a [u8] {
        // SAFETY: as `new` says; a reader sets both.
        unsafe { slice(self.record.main_data, self.record.main_len as usize) }
    }

    /// The blocks that it refers to.
    #[inline]
    pub fn blocks(self) -> impl ExactSizeIterator<Item = BlockView<'a>> {
        let blocks: &'a [RecordBlock] = if self.record.n_blocks == 0 {
            &[]
        } else {
            // SAFETY: as `new` says; so many follow each other there.
            unsafe { std::slice::from_raw_parts(self.record.blocks, self.record.n_blocks as usize) }
        };
        blocks.iter().map(|block| BlockView { block })
    }

    /// The block of an id.
    pub fn block(self, id: u8) -> Option<BlockView<'a>> {
        self.blocks().find(|block| block.plain().id == id)
    }
}

impl<'a> BlockView<'a> {
    /// A block whose batch somebody else keeps.
    ///
    /// # Safety
    /// As of `RecordView::new`.
    #[inline]
    pub unsafe fn new(block: &'a RecordBlock) -> Self {
        Self { block }
    }

    /// Its numbers.
    #[inline]
    pub fn plain(self) -> &'a RecordBlock {
        self.block
    }

    /// What the record says of the block.
    #[inline]
    pub fn data(self) -> Option<&'a [u8]> {
        let has = self.block.flags & RecordBlock::DATA != 0;
        // SAFETY: as `new` says; a reader sets both.
        has.then(|| unsafe { slice(self.block.data, self.block.data_len.into()) })
    }

    /// The page image as it is in the record.
    #[inline]
    pub fn image(self) -> Option<&'a [u8]> {
        let has = self.block.flags & RecordBlock::IMAGE != 0;
        // SAFETY: as `new` says; a reader sets both.
        has.then(|| unsafe { slice(self.block.image, self.block.image_len.into()) })
    }
}

/// # Safety
/// NULL, or so many bytes that live for 'a.
unsafe fn slice<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data, len) }
}
