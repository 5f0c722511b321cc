//! `pgwalstream waldump`: the records of WAL files, a line each. It must never call damaged WAL its end, nor its end damage.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use pgwalstream::{ErrorCode, Lsn, WalReader, WalRecord, WalRecordBatch, rmgr_name};

use crate::args::Waldump;
use crate::output::print;
use crate::trouble::{Trouble, note};

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// The size of segments, if nobody chose another.
const DEFAULT_SIZE: u64 = 16 << 20;

pub fn run(command: &Waldump, quiet: bool) -> Result<(), Trouble> {
    let is_folder = command.path.is_dir();
    check(command, is_folder)?;
    let files = if is_folder { segments(command)? } else { vec![command.path.clone()] };
    let first = files.first().ok_or_else(|| {
        Trouble::other(format!("no WAL in {}: no file is named as a segment is", command.path.display()))
    })?;
    // A file alone may be a part of a segment. Its first page tells the size.
    let size = if is_folder { segment_size(first) } else { None };
    let start = command.start.unwrap_or(Lsn(0));
    let mut dump = Dump {
        command,
        reader: WalReader::new(start, size.unwrap_or(0))?,
        lines: Vec::new(),
        line: vec![0; 1024],
        left: command.count.unwrap_or(u64::MAX),
        is_done: false,
    };
    let mut at = None;
    for (number, file) in files.iter().enumerate() {
        let is_last = number + 1 == files.len();
        match dump.file(file, &mut at) {
            Ok(()) if dump.is_done => return Ok(()),
            Ok(()) => {}
            Err(Trouble::Library(error)) if is_last && dump.is_end(error.code()) => {
                if !quiet && command.end.is_none() {
                    note(format_args!("pgwalstream: the WAL ends at {}: {error}", dump.reader.position()));
                }
                return Ok(());
            }
            Err(trouble) => return Err(trouble),
        }
    }
    match command.end {
        Some(end) if dump.reader.position() < end => {
            Err(Trouble::other(format!("the WAL ends at {}, before {end}", dump.reader.position())))
        }
        _ => Ok(()),
    }
}

/// Refuses what would choose nothing.
fn check(command: &Waldump, is_folder: bool) -> Result<(), Trouble> {
    let is_known =
        |name: &str| name != "UNKNOWN" && (0..=u8::MAX).any(|it| rmgr_name(it).eq_ignore_ascii_case(name));
    if let Some(name) = command.rmgr.iter().find(|name| !is_known(name)) {
        return Err(Trouble::Usage(format!("there is no resource manager {name}")));
    }
    if command.timeline.is_some() && !is_folder {
        return Err(Trouble::Usage("--timeline chooses among the segments of a folder".to_owned()));
    }
    Ok(())
}

/// What is being printed.
struct Dump<'a> {
    command: &'a Waldump,
    reader: WalReader,
    lines: Vec<u8>,
    line: Vec<u8>,
    left: u64,
    is_done: bool,
}

impl Dump<'_> {
    /// Behind the last record of the last file stands what is none: that is the end, if nobody said that more should come. Behind
    /// the end that was asked for nothing matters.
    fn is_end(&self, code: ErrorCode) -> bool {
        let is_read = match self.command.end {
            Some(end) => end <= self.reader.position(),
            None => self.reader.is_at_end(),
        };
        code == ErrorCode::Record && is_read
    }

    /// Prints the records of a file, which stands at `at`, or where its first page says.
    fn file(&mut self, path: &Path, at: &mut Option<u64>) -> Result<(), Trouble> {
        let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = fill(&mut file, &mut piece).map_err(|error| unreadable(path, &error))?;
            let mut rest = piece.get(..count).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            let mut lsn = match *at {
                Some(at) => at,
                None => {
                    address(rest).ok_or_else(|| Trouble::other(format!("{} is no WAL", path.display())))?
                }
            };
            while !rest.is_empty() {
                let taken = self.reader.feed(Lsn(lsn), rest)?;
                lsn += taken as u64;
                rest = rest.get(taken..).unwrap_or_default();
                while let Some(batch) = self.reader.next_batch()? {
                    self.print(&batch)?;
                    if self.is_done {
                        return Ok(());
                    }
                }
            }
            *at = Some(lsn);
        }
    }

    fn print(&mut self, batch: &WalRecordBatch) -> Result<(), Trouble> {
        self.lines.clear();
        for record in batch.iter() {
            if self.left == 0 || self.command.end.is_some_and(|end| record.lsn() >= end) {
                self.is_done = true;
                break;
            }
            if self.is_wanted(&record) {
                self.push(&record);
                self.left -= 1;
            }
        }
        print(&self.lines)
    }

    fn is_wanted(&self, record: &WalRecord<'_>) -> bool {
        let names = &self.command.rmgr;
        let is_named =
            names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(record.rmgr_name()));
        is_named && self.command.xid.is_none_or(|xid| xid == record.xid())
    }

    fn push(&mut self, record: &WalRecord<'_>) {
        let length = record.describe(&mut self.line);
        if length > self.line.len() {
            self.line.resize(length, 0);
            record.describe(&mut self.line);
        }
        self.lines.extend_from_slice(self.line.get(..length).unwrap_or_default());
        self.lines.push(b'\n');
    }
}

/// Reads until the buffer is full, or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Where the first page says that it stands.
fn address(page: &[u8]) -> Option<u64> {
    page.get(8..16)?.try_into().ok().map(u64::from_le_bytes)
}

/// The segments of a folder that are wanted, in the order of the WAL. Of several of one number, that of the latest timeline.
fn segments(command: &Waldump) -> Result<Vec<PathBuf>, Trouble> {
    let folder = &command.path;
    let mut found: BTreeMap<u64, (u32, PathBuf)> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some((timeline, number)) = path.file_name().and_then(|name| name.to_str()).and_then(segment)
        else {
            continue;
        };
        let is_newer = found.get(&number).is_none_or(|known| known.0 < timeline);
        if is_newer && command.timeline.is_none_or(|latest| timeline <= latest) {
            found.insert(number, (timeline, path));
        }
    }
    let size = found.values().next().and_then(|(_, path)| segment_size(path)).map_or(DEFAULT_SIZE, u64::from);
    let position = |number: u64| ((number >> 32) << 32).saturating_add((number & 0xFFFF_FFFF) * size);
    let from = command.start.map_or(0, |start| start.0 - start.0 % size);
    let (mut chosen, mut begun): (Vec<PathBuf>, Option<u64>) = (Vec::new(), None);
    for (number, (_, path)) in found {
        let at = position(number);
        let is_next = begun.is_none_or(|begun| at - begun == chosen.len() as u64 * size);
        // A server keeps files to be used again, which have the names of segments that are to come.
        let is_wanted = at >= from && is_next && stands_at(&path, at);
        if is_wanted {
            begun.get_or_insert(at);
            chosen.push(path);
        } else if begun.is_some() {
            break;
        }
    }
    match command.start {
        Some(start) if begun.is_some() && begun != Some(from) => {
            Err(Trouble::other(format!("no segment in {} holds {start}", folder.display())))
        }
        _ => Ok(chosen),
    }
}

/// The size of a file, where segments can have it.
fn segment_size(path: &Path) -> Option<u32> {
    let size = u32::try_from(fs::metadata(path).ok()?.len()).ok()?;
    (size.is_power_of_two() && (1 << 20..=1 << 30).contains(&size)).then_some(size)
}

/// Whether the first page of a file says that it stands there.
fn stands_at(path: &Path, at: u64) -> bool {
    let mut page = [0; 16];
    File::open(path).and_then(|mut file| file.read_exact(&mut page)).is_ok() && address(&page) == Some(at)
}

/// The timeline of a segment's name, and its two words as one number.
fn segment(name: &str) -> Option<(u32, u64)> {
    let is_one = name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |at: usize| name.get(at..at + 8).and_then(|word| u32::from_str_radix(word, 16).ok());
    let (timeline, high, low) = (word(0)?, word(8)?, word(16)?);
    is_one.then_some((timeline, u64::from(high) << 32 | u64::from(low)))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::other(format!("cannot read {}: {error}", path.display()))
}
