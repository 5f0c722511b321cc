//! The file of one stream: segments of all its transactions, each with a checksum, in space that is given back.
//! It must never fill the disk to its end, nor be there while there is nothing in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::segment::Extent;
use crate::error::{Error, Result, Status};
use crate::sys::{Scratch, is_in_memory};

/// Length, the stream's number for the segment, and the CRC-32C of both and of what follows.
pub(super) const BLOCK_HEADER: usize = 16;

/// The room on the disk is asked for again after so many bytes.
const ASKED_EVERY: u64 = 16 << 20;

/// Where transactions are kept that are too large for memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpillOptions {
    /// The directory of the file.
    pub directory: PathBuf,
    /// Whether the user named it; a default one must not lie in memory.
    pub named: bool,
    /// The most bytes of the file; `None` is as many as there is room for.
    pub most: Option<u64>,
    /// How much room must stay on the disk.
    pub floor: u64,
}

/// The file, while there is something in it.
#[derive(Debug)]
pub(super) struct Spill {
    options: SpillOptions,
    file: Option<Scratch>,
    /// The end of the file, which only grows while it is there.
    end: u64,
    /// How much of it is in use.
    used: u64,
    number: u64,
    unasked: u64,
    /// The descriptor for whoever forks, -1 without a file.
    fd: Arc<AtomicI32>,
}

impl Spill {
    pub(super) fn new(options: SpillOptions, fd: Arc<AtomicI32>) -> Self {
        Self { options, file: None, end: 0, used: 0, number: 0, unasked: 0, fd }
    }

    pub(super) fn show(&mut self, fd: Arc<AtomicI32>) {
        fd.store(self.fd.load(Ordering::Acquire), Ordering::Release);
        self.fd = fd;
    }

    /// How much is in the file.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Writes a segment.
    pub(super) fn write(&mut self, records: &[u8]) -> Result<Extent> {
        let whole = (BLOCK_HEADER + records.len()) as u64;
        if let Some(most) = self.options.most.filter(|most| self.used + whole > *most) {
            let what = format!("open transactions take more than assemble_disk, {most} bytes");
            return Err(self.fault(what, "Raise assemble_disk"));
        }
        let (at, number) = (self.end, self.number);
        let len = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let header = header(len, number, records);
        self.make()?;
        self.mind_floor(whole)?;
        let Some(file) = &mut self.file else { return Err(no_file()) };
        if let Err(error) = file.write([&header, records], at) {
            // What of it was written is given back: the next try begins at the same place.
            file.free(at, whole);
            return Err(self.failed("write", &error));
        }
        self.end += whole;
        self.used += whole;
        self.number += 1;
        Ok(Extent { at, len })
    }

    /// Reads a segment's records into `to`, whose contents before are gone. After an error it is empty: what was not checked is
    /// nobody's to read.
    pub(super) fn read(&self, extent: Extent, to: &mut Vec<u8>) -> Result<()> {
        let read = self.read_checked(extent, to);
        if read.is_err() {
            to.clear();
        }
        read
    }

    fn read_checked(&self, extent: Extent, to: &mut Vec<u8>) -> Result<()> {
        let Some(file) = &self.file else { return Err(no_file()) };
        to.clear();
        let whole = BLOCK_HEADER + extent.len as usize;
        to.try_reserve(whole).map_err(|_| no_memory(whole))?;
        to.resize(whole, 0);
        file.read(to, extent.at).map_err(|error| self.failed("read", &error))?;
        let read = to.split_first_chunk::<BLOCK_HEADER>();
        let sound = read.is_some_and(|(head, records)| {
            let [a, b, c, d, number @ .., _, _, _, _] = *head;
            u32::from_le_bytes([a, b, c, d]) == extent.len
                && *head == header(extent.len, u64::from_le_bytes(number), records)
        });
        if !sound {
            let what = format!("a segment at offset {} is not as it was written", extent.at);
            return Err(self.fault(what, "Look after the disk"));
        }
        to.drain(..BLOCK_HEADER);
        Ok(())
    }

    /// A segment is not needed any more.
    pub(super) fn free(&mut self, extent: Extent) {
        let whole = BLOCK_HEADER as u64 + u64::from(extent.len);
        self.used = self.used.saturating_sub(whole);
        if self.used == 0 {
            self.forget();
        } else if let Some(file) = &self.file {
            file.free(extent.at, whole);
        }
    }

    /// Nothing in it is needed any more.
    pub(super) fn forget(&mut self) {
        self.fd.store(-1, Ordering::Release);
        self.file = None;
        (self.end, self.used, self.unasked) = (0, 0, 0);
    }

    fn make(&mut self) -> Result<()> {
        if self.file.is_none() {
            let file =
                Scratch::create(&self.options.directory).map_err(|error| self.failed("make", &error))?;
            self.fd.store(file.fd(), Ordering::Release);
            self.file = Some(file);
            self.unasked = ASKED_EVERY;
        }
        Ok(())
    }

    fn mind_floor(&mut self, bytes: u64) -> Result<()> {
        self.unasked += bytes;
        if self.unasked < ASKED_EVERY {
            return Ok(());
        }
        let Some(file) = &self.file else { return Err(no_file()) };
        let room = file.room().map_err(|error| self.failed("look at", &error))?;
        check_floor(&self.options, room.saturating_sub(bytes))?;
        self.unasked = 0;
        Ok(())
    }

    fn failed(&self, what: &str, error: &io::Error) -> Error {
        cannot(&self.options.directory, what, error)
    }

    fn fault(&self, what: String, remedy: &str) -> Error {
        let place = self.options.directory.display();
        let error = Error::new(Status::WAL_E_SPILL, format!("{what} (spill_directory {place})"));
        error.with_hint(format!("{LOST_NOTHING} {remedy}, or set streaming to \"off\"."))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Finds out whether files can be made there, before they have to be.
pub fn try_directory(options: &SpillOptions) -> Result<()> {
    let directory = &options.directory;
    let file = Scratch::create(directory).map_err(|error| cannot(directory, "make", &error))?;
    let room = file.room().map_err(|error| cannot(directory, "look at", &error))?;
    if !options.named && is_in_memory(directory).unwrap_or(false) {
        let what =
            format!("{} lies in memory, which is no place for what is too large for it", directory.display());
        return Err(Error::new(Status::WAL_E_SPILL, what)
            .with_hint("Set spill_directory to a directory on a disk, or to this one if you mean it."));
    }
    check_floor(options, room)
}

fn check_floor(options: &SpillOptions, room: u64) -> Result<()> {
    if room >= options.floor {
        return Ok(());
    }
    let place = options.directory.display();
    let what = format!(
        "{room} bytes are free where spill_directory {place} is, and spill_min_free is {}",
        options.floor
    );
    Err(Error::new(Status::WAL_E_SPILL, what).with_hint(format!(
        "{LOST_NOTHING} Make room there, name another directory, or lower spill_min_free."
    )))
}

fn cannot(directory: &Path, what: &str, error: &io::Error) -> Error {
    let place = directory.display();
    Error::os(Status::WAL_E_SPILL, format!("cannot {what} a file in spill_directory {place}"), error).with_hint(
        format!("{LOST_NOTHING} Give it a directory that can be written to and has room, or set streaming to \"off\"."),
    )
}

/// The block's header: its checksum is of the length, the number and the records, so that no block passes for another.
fn header(len: u32, number: u64, records: &[u8]) -> [u8; BLOCK_HEADER] {
    let (len, number) = (len.to_le_bytes(), number.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&len), &number), records);
    let mut out = [0; BLOCK_HEADER];
    let fields = len.into_iter().chain(number).chain(crc.to_le_bytes());
    out.iter_mut().zip(fields).for_each(|(to, byte)| *to = byte);
    out
}

/// For what a transaction's messages take.
#[cold]
pub(super) fn no_memory(bytes: usize) -> Error {
    Error::new(Status::WAL_E_NO_MEMORY, format!("no memory for {bytes} bytes of a streamed transaction"))
        .with_hint(format!("{LOST_NOTHING} Set assemble_memory lower, or streaming to \"off\"."))
}

fn no_file() -> Error {
    Error::new(Status::WAL_E_INTERNAL, "a spilled segment has no file")
}

const LOST_NOTHING: &str = "Nothing is lost: the server sends again what was not acknowledged.";
