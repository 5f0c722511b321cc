//! Pages in any cut, and records out. It must never give a record that is not whole with its checksum right, nor take back one
//! that it gave.

use std::sync::Arc;

use super::batch::{CHUNK, RecordBatch, Store};
use super::body;
use super::fault::{of_page, of_record};
use super::header::{HEADER, Header, Record, check_crc, check_length};
use super::page::{LEAST_SEGMENT, LONG, PAGE, PageHeader, SHORT, is_segment_size};
use super::wal_version::WalVersion;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// WAL that stands behind this cannot be.
const FARTHEST: u64 = u64::MAX - (4 << 30);

/// Finds the records in WAL that comes piece by piece.
#[derive(Debug)]
pub struct Reader {
    /// Records that begin before this are passed over.
    start: u64,
    /// Where the next byte belongs that is fed; None before the first.
    fed: Option<u64>,
    /// Where the next byte belongs that is looked at.
    at: u64,
    task: Task,
    /// Bytes that mean nothing, within this page.
    skip: u32,
    /// A page header that is not whole yet.
    head: Head,
    wal: Wal,
    open: Open,
    /// Where the last record began.
    before: Option<u64>,
    /// Where the last record ended.
    position: u64,
    /// What was refused is what stands behind the last record.
    is_at_end: bool,
    filling: Option<Box<RecordBatch>>,
    store: Arc<Store>,
    failed: Option<Error>,
}

/// What is done with the bytes that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Go to the next page: what was fed began in the middle of one.
    Seek,
    /// Pass over the record that began before.
    Find,
    /// A record begins here.
    Between,
    /// A record has begun whose end is to come.
    Open,
    /// Pass over what is left of a segment behind a SWITCH.
    Switched,
}

/// The bytes of a page header.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
}

/// What is known of the WAL by its pages.
#[derive(Debug, Default)]
struct Wal {
    magic: Option<u16>,
    version: Option<WalVersion>,
    system: Option<u64>,
    segment: Option<u32>,
    timeline: u32,
}

/// Where a record lies. Between its ends are page headers, which are no part of its length.
#[derive(Clone, Copy, Debug)]
struct Place {
    lsn: u64,
    end: u64,
    timeline: u32,
}

/// A record that comes in pieces.
#[derive(Debug, Default)]
struct Open {
    lsn: u64,
    timeline: u32,
    /// 0 as long as it is not known.
    total: u32,
    is_checked: bool,
    bytes: Vec<u8>,
}

impl Reader {
    /// One that gives what begins at `start` or later. `segment` is the size of a segment, or 0 where the first page that
    /// tells it may be waited for.
    pub fn new(start: u64, segment: u32) -> Result<Self> {
        if segment != 0 && !is_segment_size(segment) {
            let what = format!("segment size {segment}, expected a power of two from 1 MiB to 1 GiB, or 0");
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
        }
        let wal = Wal { segment: (segment != 0).then_some(segment), ..Wal::default() };
        Ok(Self {
            start,
            fed: None,
            at: 0,
            task: Task::Seek,
            skip: 0,
            head: Head::default(),
            wal,
            open: Open::default(),
            before: None,
            position: 0,
            is_at_end: false,
            filling: None,
            store: Arc::default(),
            failed: None,
        })
    }

    /// Takes bytes that stand at `lsn`, as many as fit a batch, and says how many. They follow those that were taken before.
    pub fn feed(&mut self, lsn: u64, data: &[u8]) -> Result<usize> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let fed = self.check_place(lsn)?;
        let batch = match &mut self.filling {
            Some(batch) => batch,
            none => {
                self.at = fed;
                none.insert(RecordBatch::take(&self.store)?)
            }
        };
        let taken = data.get(..CHUNK.saturating_sub(batch.chunk.len())).unwrap_or(data);
        self.fed = Some(fed + taken.len() as u64);
        batch.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Refuses bytes that do not follow those before, and first ones behind which records would be missing.
    fn check_place(&self, lsn: u64) -> Result<u64> {
        let refused = |what| Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
        if let Some(fed) = self.fed.filter(|fed| *fed != lsn) {
            return refused(format!("WAL at {} was fed, expected at {}", Lsn(lsn), Lsn(fed)));
        }
        // Positions are counted on to the end of a segment, and beyond that nothing is.
        if lsn > FARTHEST {
            return refused(format!("no WAL stands at {}", Lsn(lsn)));
        }
        let page = lsn.next_multiple_of(PAGE.into());
        if self.fed.is_none() && self.start != 0 && page > self.start {
            let (at, start) = (Lsn(lsn), Lsn(self.start));
            let from = Lsn(self.start - self.start % u64::from(PAGE));
            return refused(format!(
                "WAL at {at} was fed first, expected from {from}, the page of {start}, on"
            ));
        }
        Ok(lsn)
    }

    /// The records that are whole in what was taken. None: feed more.
    ///
    /// After an error there is nothing more. What stands before it is given first.
    pub fn next_batch(&mut self) -> Result<Option<Box<RecordBatch>>> {
        if let Some(mut batch) = self.filling.take() {
            let chunk = std::mem::take(&mut batch.chunk);
            if let Err(error) = self.parse(&chunk, &mut batch) {
                self.failed = Some(error);
            }
            batch.chunk = chunk;
            if !batch.records.is_empty() {
                batch.seal();
                return Ok(Some(batch));
            }
            batch.release();
        }
        self.failed.clone().map_or(Ok(None), Err)
    }

    /// Where the last whole record ended; 0 before the first.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the error is the WAL's end: no record where one would begin, or a page from before its segment was used again.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The size of a segment, where it is known.
    pub fn segment_size(&self) -> Option<u32> {
        self.wal.segment
    }

    /// The system's identifier, where a page told it.
    pub fn system_id(&self) -> Option<u64> {
        self.wal.system
    }

    fn parse(&mut self, chunk: &[u8], batch: &mut RecordBatch) -> Result<()> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let done = if self.is_in_header() {
                self.take_header(rest)?
            } else if self.skip > 0 {
                let done = rest.len().min(self.skip as usize);
                self.skip -= done as u32;
                done
            } else {
                match self.task {
                    Task::Between => self.begin(rest, batch)?,
                    Task::Open => self.go_on(rest, batch)?,
                    Task::Seek | Task::Find | Task::Switched => self.pass(rest),
                }
            };
            self.at += done as u64;
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(())
    }

    fn is_in_header(&self) -> bool {
        !self.head.bytes.is_empty() || self.at.is_multiple_of(PAGE.into())
    }

    /// How many bytes are left of the page.
    fn page_left(&self) -> u32 {
        PAGE - (self.at % u64::from(PAGE)) as u32
    }

    /// Passes over the rest of a page.
    fn pass(&mut self, rest: &[u8]) -> usize {
        if self.task == Task::Seek {
            self.task = Task::Find;
        }
        rest.len().min(self.page_left() as usize)
    }

    /// Takes bytes of a page header, and obeys it once it is whole.
    fn take_header(&mut self, rest: &[u8]) -> Result<usize> {
        let before = self.head.bytes.len();
        let wanted = if before < SHORT { SHORT } else { LONG };
        let taken = rest.get(..wanted - before).unwrap_or(rest);
        self.head.bytes.extend_from_slice(taken);
        let bytes = self.head.bytes.as_slice();
        if bytes.len() < SHORT || bytes.len() < PageHeader::length(bytes) {
            return Ok(taken.len());
        }
        let page = self.at - before as u64;
        let length = bytes.len();
        let (is_blank, header) = (bytes.iter().all(|byte| *byte == 0), PageHeader::read(bytes));
        let begins_segment = header.is_some_and(|header| header.long.is_some() && header.address == page);
        self.head.bytes.clear();
        // Behind a SWITCH a segment is filled with zeros, and its pages have no headers; after a crash they may be older ones.
        if self.task == Task::Switched && !self.is_segment_start(page).unwrap_or(begins_segment) {
            self.skip = PAGE - length as u32;
            return Ok(taken.len());
        }
        let header = header.ok_or_else(|| of_page(page, "its header is cut"))?;
        let checked = self.wal.check(page, &header);
        checked.inspect_err(|_| self.is_at_end = is_blank || self.wal.is_older(page, &header))?;
        self.enter(page, &header, length as u32)?;
        Ok(taken.len())
    }

    /// Whether a segment begins here, where the size of segments is known.
    fn is_segment_start(&self, at: u64) -> Option<bool> {
        self.wal.segment.map(|size| at & u64::from(size - 1) == 0)
    }

    /// Goes on behind a page header.
    fn enter(&mut self, page: u64, header: &PageHeader, length: u32) -> Result<()> {
        match self.task {
            Task::Open if header.continues() => {
                let missing = self.open.missing();
                if header.rest != missing {
                    let what = format_args!("{} bytes are said to follow, expected {missing}", header.rest);
                    return Err(of_page(page, what));
                }
            }
            // What a crash cut has no end; the next record says so.
            Task::Open if header.overwrites() => {
                self.open = Open::default();
                self.task = Task::Between;
            }
            Task::Open => {
                let what = format_args!("the record of {} has no continuation", Lsn(self.open.lsn));
                return Err(of_page(page, what));
            }
            Task::Between if header.continues() => {
                return Err(of_page(page, "it continues a record that does not precede it"));
            }
            Task::Seek | Task::Find if header.continues() => {
                // A longer one has its end on a later page.
                self.skip = header.rest.saturating_add(7).min(PAGE - length) & !7;
                self.task = if self.skip < PAGE - length { Task::Between } else { Task::Find };
            }
            Task::Seek | Task::Find | Task::Switched | Task::Between => self.task = Task::Between,
        }
        Ok(())
    }

    /// Records begin here: those that lie on this page in one piece are taken where they are.
    #[inline]
    fn begin(&mut self, rest: &[u8], batch: &mut RecordBatch) -> Result<usize> {
        let within = rest.get(..self.page_left() as usize).unwrap_or(rest);
        let mut done = 0;
        while self.task == Task::Between && self.skip == 0 {
            let Some(ahead) = within.get(done..).filter(|ahead| !ahead.is_empty()) else { break };
            let lsn = self.at + done as u64;
            let Some(total) = ahead.first_chunk().map(|total| u32::from_le_bytes(*total)) else {
                self.leave_open(lsn, 0, ahead)?;
                return Ok(within.len());
            };
            check_length(lsn, total).inspect_err(|_| self.is_at_end = total == 0)?;
            let Some((record, behind)) = ahead.split_at_checked(total as usize) else {
                self.leave_open(lsn, total, ahead)?;
                return Ok(within.len());
            };
            let place = Place { lsn, end: lsn + u64::from(total), timeline: self.wal.timeline };
            self.accept(record, place, batch)?;
            let padding = behind.len().min(self.skip as usize);
            self.skip -= padding as u32;
            done += record.len() + padding;
        }
        Ok(done)
    }

    fn leave_open(&mut self, lsn: u64, total: u32, begun: &[u8]) -> Result<()> {
        self.task = Task::Open;
        self.open = Open { lsn, timeline: self.wal.timeline, total, ..Open::default() };
        self.open.add(begun)?;
        self.check_open()
    }

    /// Adds to the record that has begun, and takes it when it is whole.
    fn go_on(&mut self, rest: &[u8], batch: &mut RecordBatch) -> Result<usize> {
        let missing = rest.len().min(self.page_left() as usize).min(self.open.missing() as usize);
        let taken = rest.get(..missing).unwrap_or(rest);
        self.open.add(taken)?;
        self.check_open()?;
        if self.open.total > 0 && self.open.missing() == 0 {
            let open = std::mem::take(&mut self.open);
            let end = self.at + taken.len() as u64;
            self.task = Task::Between;
            self.accept(&open.bytes, Place { lsn: open.lsn, end, timeline: open.timeline }, batch)?;
            if open.lsn >= self.start {
                batch.joined.push(open.bytes);
            }
        }
        Ok(taken.len())
    }

    /// Refuses what cannot be a record as soon as that is known, and not after the gigabyte that it says it has.
    fn check_open(&mut self) -> Result<()> {
        let open = &mut self.open;
        if open.total == 0 {
            let Some(total) = open.bytes.first_chunk() else { return Ok(()) };
            open.total = u32::from_le_bytes(*total);
            let total = open.total;
            check_length(open.lsn, total).inspect_err(|_| self.is_at_end = total == 0)?;
        }
        if let (false, Some(header)) = (open.is_checked, Header::read(&open.bytes)) {
            header.check(open.lsn, self.before, self.wal.version)?;
            open.is_checked = true;
        }
        Ok(())
    }

    /// Takes a whole record into the batch.
    #[inline]
    fn accept(&mut self, record: &[u8], place: Place, batch: &mut RecordBatch) -> Result<()> {
        let Place { lsn, end, .. } = place;
        let header = Header::read(record).ok_or_else(|| of_record(lsn, "its header is cut"))?;
        header.check(lsn, self.before, self.wal.version)?;
        check_crc(lsn, &header, record)?;
        let mut next = end.next_multiple_of(8);
        if lsn >= self.start {
            let found = self.record(record, &header, place, batch);
            batch.records.push(found.map_err(|what| of_record(lsn, what))?);
        }
        self.skip = (next - end) as u32;
        if header.is_switch() {
            // What is left of the segment means nothing, to its last byte.
            self.task = if self.is_segment_start(end) == Some(true) { Task::Between } else { Task::Switched };
            self.skip = 0;
            next = self.wal.segment.map_or(next, |size| end.next_multiple_of(size.into()));
        }
        self.before = Some(lsn);
        self.position = next;
        if let Some(found) = batch.records.last_mut().filter(|_| lsn >= self.start) {
            found.end_lsn = next;
        }
        Ok(())
    }

    #[inline]
    fn record(
        &self,
        record: &[u8],
        header: &Header,
        place: Place,
        batch: &mut RecordBatch,
    ) -> std::result::Result<Record, &'static str> {
        let mut found = Record {
            lsn: place.lsn,
            end_lsn: place.end,
            prev_lsn: header.prev,
            xid: header.xid,
            top_xid: 0,
            total_len: header.total,
            image_len: 0,
            timeline: place.timeline,
            origin: 0,
            magic: self.wal.magic.unwrap_or(0),
            rmgr: header.rmgr,
            info: header.info,
            flags: Record::OPAQUE,
            n_blocks: 0,
            blocks: std::ptr::null(),
            data: record.as_ptr(),
            main_data: std::ptr::null(),
            main_len: 0,
            reserved: 0,
            spare: 0,
        };
        let Some(version) = self.wal.version else { return Ok(found) };
        let first = batch.blocks.len();
        let body = body::read(record.get(HEADER..).unwrap_or_default(), version, &mut batch.blocks);
        let body = body.inspect_err(|_| batch.blocks.truncate(first))?;
        found.flags = 0;
        found.top_xid = body.top_xid;
        found.origin = body.origin;
        found.image_len = body.image_len;
        found.n_blocks = (batch.blocks.len() - first) as u32;
        found.main_data = body.main.as_ptr();
        found.main_len = body.main.len() as u32;
        Ok(found)
    }
}

impl Wal {
    /// Refuses a page that is not of the same WAL as those before.
    fn check(&mut self, at: u64, header: &PageHeader) -> Result<()> {
        header.check(at)?;
        let magic = *self.magic.get_or_insert(header.magic);
        if magic != header.magic {
            let what = format_args!("magic number {:04X}, expected {magic:04X} as before", header.magic);
            return Err(of_page(at, what));
        }
        self.version = WalVersion::of(magic);
        if header.timeline < self.timeline {
            let what = format_args!("timeline {}, expected {} or later", header.timeline, self.timeline);
            return Err(of_page(at, what));
        }
        self.timeline = header.timeline;
        if let Some(long) = header.long {
            let system = *self.system.get_or_insert(long.system);
            if system != long.system {
                return Err(of_page(
                    at,
                    format_args!("it is of the system {}, expected {system}", long.system),
                ));
            }
            let segment = *self.segment.get_or_insert(long.segment);
            if segment != long.segment {
                let what = format_args!("segment size {}, expected {segment}", long.segment);
                return Err(of_page(at, what));
            }
        }
        if self.segment.is_some_and(|size| at & u64::from(size - 1) == 0) && header.long.is_none() {
            return Err(of_page(at, "it is the first of a segment, and has the header of another"));
        }
        Ok(())
    }

    /// Whether a page is what a file had before it was made this segment: pages keep their places in files.
    fn is_older(&self, at: u64, header: &PageHeader) -> bool {
        let segment = self.segment.unwrap_or(LEAST_SEGMENT);
        header.address < at && (at - header.address).is_multiple_of(segment.into())
    }
}

impl Open {
    /// How many bytes are still to come: those of the length, if that is not known.
    fn missing(&self) -> u32 {
        let wanted = if self.total == 0 { 4 } else { self.total };
        wanted.saturating_sub(self.bytes.len() as u32)
    }

    /// Adds bytes. Memory grows with what came, and not with what a length says.
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        const LEAST: usize = 16 * 1024;
        let wanted = self.bytes.len() + bytes.len();
        if wanted > self.bytes.capacity() {
            let room = (self.total as usize).min((2 * self.bytes.capacity()).max(LEAST)).max(wanted);
            let more = room - self.bytes.len();
            self.bytes.try_reserve_exact(more).map_err(|_| Error::no_memory("a WAL record", room))?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
