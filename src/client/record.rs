//! WAL records for a Rust program. It must never copy what a batch holds.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::lsn::Lsn;
use crate::record::{
    BlockView, Compression, PAGE, Reader, Record, RecordBatch, RecordBlock, RecordView, Text, describe,
    kind_name, manager_name, restore,
};

/// The name of a resource manager, as in "Heap"; "custom128" to "custom255" for what extensions may have, "UNKNOWN" for what there is
/// none of.
pub fn rmgr_name(rmgr: u8) -> &'static str {
    manager_name(rmgr).to_str().unwrap_or_default()
}

/// Finds the records in WAL: in the segments of a server or of an archive, or as a walsender sends it. It opens no file.
///
/// It knows PostgreSQL 14 to 18 in full. Of other releases it gives each record as bytes, as long as pages and record headers are
/// as they are today.
///
/// ```no_run
/// use pgwalstream::{Lsn, WalReader};
///
/// let segment = std::fs::read("pg_wal/000000010000000000000001")?;
/// let mut reader = WalReader::new(Lsn(0), 0)?;
/// reader.read(Lsn(0x100_0000), &segment, |batch| {
///     for record in batch.iter() {
///         println!("{record}");
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WalReader(Reader);

impl WalReader {
    /// One that gives records which begin at `start` or later, if it is fed from the page of `start` or from before. `segment_size` is in bytes; 0: the first page of a segment tells it.
    /// A SWITCH before that has the end of its record for an [`end_lsn`](WalRecord::end_lsn).
    pub fn new(start: Lsn, segment_size: u32) -> Result<Self> {
        Reader::new(start.0, segment_size).map(Self)
    }

    /// Takes bytes that stand at `lsn`, as many as fit a batch, and says how many: at most 128 KiB, and 0 if
    /// [`next_batch`](Self::next_batch) has something to give first. Cut them anywhere; each part follows the one before it.
    pub fn feed(&mut self, lsn: Lsn, data: &[u8]) -> Result<usize> {
        self.0.feed(lsn.0, data)
    }

    /// The records that ended in what was taken. `None`: feed more. Of each the checksum was right, and the one before it is the one
    /// that it names.
    ///
    /// [`ErrorCode::Record`](crate::ErrorCode::Record) says where the WAL is damaged, or ends: behind its end stand zeros, or what is
    /// left of an older segment; [`is_at_end`](Self::is_at_end) tells one from the other. Records before that place are given first.
    pub fn next_batch(&mut self) -> Result<Option<WalRecordBatch>> {
        let batch = self.0.next_batch()?;
        Ok(batch.map(|batch| WalRecordBatch(Arc::new(Held(Some(batch))))))
    }

    /// Takes all of `data`, and gives each batch that comes of it.
    pub fn read(&mut self, mut lsn: Lsn, data: &[u8], mut each: impl FnMut(WalRecordBatch)) -> Result<()> {
        let mut rest = data;
        while !rest.is_empty() {
            let taken = self.feed(lsn, rest)?;
            lsn = Lsn(lsn.0 + taken as u64);
            rest = rest.get(taken..).unwrap_or_default();
            while let Some(batch) = self.next_batch()? {
                each(batch);
            }
        }
        Ok(())
    }

    /// Where the last record ended that was whole; 0 before the first.
    pub fn position(&self) -> Lsn {
        Lsn(self.0.position())
    }

    /// Whether the [`ErrorCode::Record`](crate::ErrorCode::Record) of [`next_batch`](Self::next_batch) is the end of the WAL, and no
    /// damage: a length of 0 stands where a record would begin, or a page is blank, or is from before its file was used again.
    pub fn is_at_end(&self) -> bool {
        self.0.is_at_end()
    }

    /// The size of a segment, where it is known.
    pub fn segment_size(&self) -> Option<u32> {
        self.0.segment_size()
    }

    /// The identifier of the system that wrote the WAL, where a page told it.
    pub fn system_id(&self) -> Option<u64> {
        self.0.system_id()
    }
}

/// Records with the memory behind them. Shared by count; it may be sent to other threads, and outlives its reader.
#[derive(Clone, Debug)]
pub struct WalRecordBatch(Arc<Held>);

/// Gives a batch back when nobody reads it any more.
#[derive(Debug)]
struct Held(Option<Box<RecordBatch>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(batch) = self.0.take() {
            batch.release();
        }
    }
}

impl WalRecordBatch {
    /// How many records it has: at least one.
    pub fn len(&self) -> usize {
        self.0.0.as_ref().map_or(0, |batch| batch.records().len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them, from 0.
    pub fn get(&self, at: usize) -> Option<WalRecord<'_>> {
        self.0.0.as_ref().and_then(|batch| batch.view(at)).map(WalRecord)
    }

    /// All of them, in the order of the WAL.
    pub fn iter(&self) -> impl Iterator<Item = WalRecord<'_>> {
        let batch = self.0.0.as_ref();
        (0..self.len()).filter_map(move |at| batch.and_then(|batch| batch.view(at)).map(WalRecord))
    }
}

/// A record of the WAL, borrowed from its batch. Shown with `{}` it is the line that pg_waldump prints for it with TZ=UTC.
///
/// The line is the same to the last character for the managers Transaction, XLOG, Standby, Heap, Heap2 and Btree. For the others it
/// lacks what stands between the kind and the block references. Lines of 14 follow its source, and were compared with no program.
#[derive(Clone, Copy)]
pub struct WalRecord<'a>(RecordView<'a>);

impl<'a> WalRecord<'a> {
    /// Where it begins, which is its name.
    pub fn lsn(&self) -> Lsn {
        Lsn(self.0.plain().lsn)
    }

    /// Where the next one may begin; behind a SWITCH the end of the segment.
    pub fn end_lsn(&self) -> Lsn {
        Lsn(self.0.plain().end_lsn)
    }

    /// Where the record before it begins.
    pub fn prev_lsn(&self) -> Lsn {
        Lsn(self.0.plain().prev_lsn)
    }

    /// The transaction, or 0.
    pub fn xid(&self) -> u32 {
        self.0.plain().xid
    }

    /// The transaction at the top, where the record says so.
    pub fn top_xid(&self) -> Option<u32> {
        Some(self.0.plain().top_xid).filter(|xid| *xid != 0)
    }

    /// The replication origin, or 0.
    pub fn origin(&self) -> u16 {
        self.0.plain().origin
    }

    /// The timeline of the page on which it begins.
    pub fn timeline(&self) -> u32 {
        self.0.plain().timeline
    }

    /// The release that wrote it, as in 18, where that is known.
    pub fn major(&self) -> Option<u32> {
        self.0.version().map(|version| version.major())
    }

    /// The number of its resource manager.
    pub fn rmgr(&self) -> u8 {
        self.0.plain().rmgr
    }

    /// The name of its resource manager, as in "Heap".
    pub fn rmgr_name(&self) -> &'static str {
        rmgr_name(self.rmgr())
    }

    /// What the manager makes of it, in the upper four bits.
    pub fn info(&self) -> u8 {
        self.0.plain().info
    }

    /// The name of what it does, as in "INSERT+INIT"; "UNKNOWN" where nobody knows.
    pub fn kind_name(&self) -> &'static str {
        kind_name(self.0.plain()).to_str().unwrap_or_default()
    }

    /// The whole record, from its header on.
    pub fn data(&self) -> &'a [u8] {
        self.0.data()
    }

    /// What it says besides the blocks. Empty where the release is unknown.
    pub fn main_data(&self) -> &'a [u8] {
        self.0.main_data()
    }

    /// How many of its bytes are page images.
    pub fn image_len(&self) -> u32 {
        self.0.plain().image_len
    }

    /// Whether the release is unknown: [`data`](Self::data) is all there is.
    pub fn is_opaque(&self) -> bool {
        self.0.plain().flags & Record::OPAQUE != 0
    }

    /// The blocks that it refers to, in the order of their ids.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = WalBlock<'a>> {
        self.0.blocks().map(WalBlock)
    }

    /// The block of an id.
    pub fn block(&self, id: u8) -> Option<WalBlock<'a>> {
        self.0.block(id).map(WalBlock)
    }

    /// Writes its line into a buffer, and gives the length that it has in full. What does not fit is cut.
    pub fn describe(&self, buffer: &mut [u8]) -> usize {
        let mut text = Text::new(buffer);
        describe(self.0, &mut text);
        text.len()
    }
}

impl fmt::Display for WalRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = vec![0; 512];
        let length = self.describe(&mut line);
        if length > line.len() {
            line.resize(length, 0);
            self.describe(&mut line);
        }
        line.truncate(length);
        f.write_str(&String::from_utf8_lossy(&line))
    }
}

impl fmt::Debug for WalRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A fork of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WalFork {
    /// The data.
    Main,
    /// The free space map.
    FreeSpaceMap,
    /// The visibility map.
    VisibilityMap,
    /// What an unlogged relation begins with.
    Init,
}

/// How a page image is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageCompression {
    /// It is not.
    None,
    /// PostgreSQL's own way.
    Pglz,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
    /// A way that this library does not know.
    Unknown,
}

/// A block that a record refers to, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct WalBlock<'a>(BlockView<'a>);

impl<'a> WalBlock<'a> {
    /// The id within the record. Never derive a meaning from how many there are: minor releases add some.
    pub fn id(&self) -> u8 {
        self.0.plain().id
    }

    /// The tablespace's oid.
    pub fn tablespace(&self) -> u32 {
        self.0.plain().tablespace
    }

    /// The database's oid; 0 for what all databases share.
    pub fn database(&self) -> u32 {
        self.0.plain().database
    }

    /// The relation's file number (pg_class.relfilenode), which is not its oid.
    pub fn relation(&self) -> u32 {
        self.0.plain().relation
    }

    /// The fork.
    pub fn fork(&self) -> WalFork {
        match self.0.plain().fork {
            0 => WalFork::Main,
            1 => WalFork::FreeSpaceMap,
            2 => WalFork::VisibilityMap,
            _ => WalFork::Init,
        }
    }

    /// The number of the block.
    pub fn block(&self) -> u32 {
        self.0.plain().block
    }

    /// What the record says of the block.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.0.data()
    }

    /// Whether the page is initialised anew.
    pub fn is_initialised(&self) -> bool {
        self.0.plain().flags & RecordBlock::INIT != 0
    }

    /// The page image as it is in the record.
    pub fn image(&self) -> Option<&'a [u8]> {
        self.0.image()
    }

    /// Whether the image is to be applied, and not only for checking.
    pub fn is_image_applied(&self) -> bool {
        self.0.plain().flags & RecordBlock::APPLY != 0
    }

    /// How the image is compressed.
    pub fn compression(&self) -> PageCompression {
        let is = |known: Compression| self.0.plain().compression == known as u8;
        match () {
            () if is(Compression::WAL_COMPRESSION_NONE) => PageCompression::None,
            () if is(Compression::WAL_COMPRESSION_PGLZ) => PageCompression::Pglz,
            () if is(Compression::WAL_COMPRESSION_LZ4) => PageCompression::Lz4,
            () if is(Compression::WAL_COMPRESSION_ZSTD) => PageCompression::Zstd,
            () => PageCompression::Unknown,
        }
    }

    /// The page of the image: what compression and the hole left out is put back. It is the page behind the change, but for its
    /// header, which has the LSN and the checksum from before.
    pub fn page(&self) -> Result<Box<[u8; PAGE as usize]>> {
        let mut page = Box::new([0; PAGE as usize]);
        restore(self.0, &mut page)?;
        Ok(page)
    }
}
