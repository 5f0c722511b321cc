//! The WAL into segments: where each byte goes, when a segment is complete, when what was written is durable. It must never call
//! durable what was not synced, nor write over a complete segment (PH8).

use std::io;

use super::identity;
use super::name::{Segment, history};
use super::operations::{Disk, Operation, begin, complete, save};
use super::start::{read_history, whole_until};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{History, Place, SegmentSize, beyond};

/// How much of two files is compared at once.
const COMPARED: usize = 64 << 10;

/// An archive that is being written.
#[derive(Debug)]
pub struct Archive<D> {
    disk: D,
    size: SegmentSize,
    open: Option<Open>,
    /// How far it is written, and how far that lasts.
    written: Place,
    durable: Place,
    /// A sync failed: what the system has lost nobody knows, and nothing more is believed.
    failed: bool,
}

/// The segment that is being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    segment: Segment,
    /// Its file is made, and its room taken.
    is_made: bool,
    /// It was there before: what it has up to there is compared, and not written over. Behind its last whole record is the beginning
    /// of one, which a server may have written anew.
    compared: u64,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// So many bytes are written; less than all where a segment is full.
    pub bytes: usize,
    /// The segment that is complete by that, and lasts.
    pub complete: Option<Segment>,
}

impl<D: Disk> Archive<D> {
    /// One that goes on at a place, where a segment begins.
    pub fn new(disk: D, size: SegmentSize, at: Place) -> Self {
        let at = Place { lsn: size.start_of(at.lsn), ..at };
        Self { disk, size, open: None, written: at, durable: at, failed: false }
    }

    /// How far it is written.
    pub fn written(&self) -> Place {
        self.written
    }

    /// How far that lasts.
    pub fn durable(&self) -> Place {
        self.durable
    }

    /// What carries the operations out.
    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// The same, only to look at.
    pub fn disk_ref(&self) -> &D {
        &self.disk
    }

    /// Takes a piece of WAL, up to the end of its segment. After WAL_E_DISK_FULL nothing of it counts, and it may be given again.
    pub fn write(&mut self, at: Place, bytes: &[u8]) -> Result<Written> {
        self.is_sound()?;
        let offset = self.size.offset(at.lsn);
        if at != self.written {
            let text = format!("WAL came from {at} on, and the archive is written up to {}", self.written);
            return Err(Error::new(Status::WAL_E_INTERNAL, text));
        }
        let room = self.size.bytes() - offset;
        let bytes =
            bytes.get(..usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len())).unwrap_or_default();
        let segment = Segment::at(at, self.size);
        let partial = segment.partial(self.size);
        self.begin(segment, &partial)?;
        let compared = self.open.map_or(0, |open| open.compared).saturating_sub(offset);
        let known = usize::try_from(compared).unwrap_or(usize::MAX).min(bytes.len());
        if known > 0 {
            self.agrees(&partial, offset, bytes.get(..known).unwrap_or_default())?;
        }
        self.run(Operation::Write { name: &partial, at: offset, bytes })?;
        let written = Lsn(at.lsn.0.saturating_add(bytes.len() as u64));
        if offset + (bytes.len() as u64) < self.size.bytes() {
            self.written.lsn = written;
            return Ok(Written { bytes: bytes.len(), complete: None });
        }
        let done = self.complete(segment, &partial);
        done.inspect_err(|error| self.failed |= error.status() != Status::WAL_E_DISK_FULL)?;
        self.written.lsn = written;
        self.durable = self.written;
        Ok(Written { bytes: bytes.len(), complete: Some(segment) })
    }

    /// Makes all that is written last.
    pub fn sync(&mut self) -> Result<()> {
        self.is_sound()?;
        if let Some(open) = self.open.filter(|open| open.is_made && self.durable != self.written) {
            let partial = open.segment.partial(self.size);
            self.run(Operation::SyncData { name: &partial })?;
        }
        self.durable = self.written;
        Ok(())
    }

    /// The timeline ended at a position: its last segment stays as it is, and the next one's history comes first (PH7). Whole records
    /// behind that position, of an earlier start too, never happened on the next one: that is WAL_E_FORK, but for who gives them up.
    pub fn switch(&mut self, ended: Lsn, to: Place, file: &[u8], gives_up: bool) -> Result<()> {
        self.sync()?;
        let name = history(to.timeline);
        if !gives_up && !self.has(&name)? {
            self.has_not_beyond(ended)?;
        }
        self.save(&name, file)?;
        self.open = None;
        let to = Place { lsn: self.size.start_of(to.lsn), ..to };
        (self.written, self.durable) = (to, to);
        Ok(())
    }

    /// Says whose the archive is.
    pub fn identify(&mut self, it: identity::Identity) -> Result<()> {
        self.save(identity::FILE, it.text().as_bytes())
    }

    /// Keeps the history of a timeline, which no segment of it comes before. One that says the same stays as it is: a server's file
    /// may have bytes that are no UTF-8.
    pub fn keep_history(&mut self, timeline: u32, file: &[u8]) -> Result<()> {
        let name = history(timeline);
        let told = History::parse(timeline, &String::from_utf8_lossy(file)).ok();
        if told.is_some() && read_history(&mut self.disk, timeline)? == told {
            // That which is there may not last yet.
            self.run(Operation::Sync { name: &name })?;
            return self.run(Operation::SyncDirectory);
        }
        self.save(&name, file)
    }

    /// What a file has of another start must be what comes, where it is not the zeros of its room (PH8).
    fn agrees(&mut self, partial: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut there = vec![0; bytes.len()];
        self.disk.read(partial, offset, &mut there).map_err(|error| failure("read", partial, &error))?;
        if there == bytes || there.iter().zip(bytes).all(|(old, new)| *old == 0 || old == new) {
            return Ok(());
        }
        self.failed = true;
        Err(conflict(partial))
    }

    fn has(&mut self, name: &str) -> Result<bool> {
        match self.disk.read(name, 0, &mut [0]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure("read", name, &error)),
        }
    }

    /// Where the records cannot be read each byte counts.
    fn has_not_beyond(&mut self, ended: Lsn) -> Result<()> {
        let place = Place { lsn: ended, ..self.written };
        let enough = Lsn(ended.0.saturating_add(1));
        let whole = whole_until(&mut self.disk, Segment::at(place, self.size), self.size, enough)?;
        let lsn = whole.unwrap_or(self.written.lsn);
        if lsn > ended { Err(beyond(Place { lsn, ..place }, ended)) } else { Ok(()) }
    }

    /// A small file, unless it is there with the same bytes.
    fn save(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut there = vec![0; bytes.len() + 1];
        match self.disk.read(name, 0, &mut there) {
            // That which is there may not last yet.
            Ok(n) if there.get(..n) == Some(bytes) => {
                self.run(Operation::Sync { name })?;
                return self.run(Operation::SyncDirectory);
            }
            Ok(_) => return Err(conflict(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure("read", name, &error)),
        }
        let temporary = format!("{name}.tmp");
        save(&temporary, name, bytes).into_iter().try_for_each(|operation| self.run(operation))
    }

    fn begin(&mut self, segment: Segment, partial: &str) -> Result<()> {
        if self.open.is_some_and(|open| open.is_made && open.segment == segment) {
            return Ok(());
        }
        // One whose making failed has been looked at.
        let known = self.open.filter(|open| open.segment == segment).map(|open| open.compared);
        let compared = match known {
            Some(known) => known,
            None => self.compared(segment, partial)?,
        };
        self.open = Some(Open { segment, is_made: false, compared });
        begin(partial, self.size.bytes()).into_iter().try_for_each(|operation| self.run(operation))?;
        self.open = Some(Open { segment, is_made: true, compared });
        Ok(())
    }

    /// How far a segment is compared: as far as it has whole records, or all of it where they cannot be read.
    fn compared(&mut self, segment: Segment, partial: &str) -> Result<u64> {
        match self.disk.read(partial, 0, &mut [0]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failure("read", partial, &error)),
        }
        let (start, end) = (segment.start(self.size).lsn, segment.end(self.size).lsn);
        let whole = whole_until(&mut self.disk, segment, self.size, end)?;
        Ok(whole.map_or(u64::MAX, |whole| whole.0.saturating_sub(start.0)))
    }

    fn complete(&mut self, segment: Segment, partial: &str) -> Result<()> {
        let name = segment.name(self.size);
        for operation in complete(partial, &name) {
            match self.disk.run(operation) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !self.is_same(partial, &name)? {
                        return Err(conflict(&name));
                    }
                    self.run(Operation::Remove { name: partial })?;
                    // That which is there may not last yet.
                    continue;
                }
                done => done.map_err(|error| told(operation, &error))?,
            }
        }
        self.open = None;
        Ok(())
    }

    fn is_same(&mut self, one: &str, other: &str) -> Result<bool> {
        let (mut a, mut b) = (vec![0; COMPARED], vec![0; COMPARED]);
        let mut at = 0;
        loop {
            let n = self.disk.read(one, at, &mut a).map_err(|error| failure("read", one, &error))?;
            let m = self.disk.read(other, at, &mut b).map_err(|error| failure("read", other, &error))?;
            if a.get(..n) != b.get(..m) {
                return Ok(false);
            }
            if n == 0 {
                return Ok(true);
            }
            at += n as u64;
        }
    }

    fn run(&mut self, operation: Operation<'_>) -> Result<()> {
        let done = self.disk.run(operation).map_err(|error| told(operation, &error));
        // A second sync may succeed, and what the first lost is lost.
        done.inspect_err(|error| self.failed |= error.status() == Status::WAL_E_FSYNC)
    }

    fn is_sound(&self) -> Result<()> {
        if !self.failed {
            return Ok(());
        }
        Err(Error::new(Status::WAL_E_FSYNC, "what was written before may be lost: nothing more is taken")
            .with_hint("Make another archiver: it fetches the last segment again."))
    }
}

fn told(operation: Operation<'_>, error: &io::Error) -> Error {
    let (what, name) = match operation {
        Operation::Make { name } => ("make", name),
        Operation::Reserve { name, .. } => ("take the room for", name),
        Operation::Write { name, .. } => ("write", name),
        Operation::Sync { name } | Operation::SyncData { name } => return fsync(name, error),
        Operation::Rename { from, .. } => ("rename", from),
        Operation::Remove { name } => ("remove", name),
        Operation::SyncDirectory => return fsync("the directory", error),
    };
    failure(what, name, error)
}

fn failure(what: &str, name: &str, error: &io::Error) -> Error {
    let full = [Some(libc::ENOSPC), Some(libc::EDQUOT)].contains(&error.raw_os_error());
    let status = if full { Status::WAL_E_DISK_FULL } else { Status::WAL_E_ARCHIVE };
    let told = Error::os(status, format!("cannot {what} {name}"), error);
    if full {
        told.with_hint("Make room where archive_directory is: the server keeps the WAL meanwhile.")
    } else {
        told
    }
}

fn fsync(name: &str, error: &io::Error) -> Error {
    Error::os(Status::WAL_E_FSYNC, format!("cannot make {name} durable"), error)
        .with_hint("Look after the disk. Another archiver fetches the last segment again.")
}

fn conflict(name: &str) -> Error {
    Error::new(Status::WAL_E_ARCHIVE_CONFLICT, format!("the archive has {name} with other bytes"))
        .with_hint("Somebody else writes there, or the server's WAL was written anew: look at both before one is removed.")
}

#[cfg(test)]
#[path = "crash.rs"]
mod crash;
