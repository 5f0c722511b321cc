//! A disk that loses what was not made to last, at every operation: whatever it loses, nothing that was called durable is gone, and
//! the archive goes on.

use std::collections::BTreeMap;
use std::io;

use super::*;
use crate::archive::{Entry, look, newest_history, parent_ahead, reached};
use crate::record::tests::pages::Pages;

/// A disk with names and bytes as they are, and as they last.
#[derive(Clone, Debug, Default)]
struct Model {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    lasting_names: BTreeMap<String, usize>,
    /// Operations until the power goes; and whether everything fails from then on.
    left: u64,
    /// The room that is left.
    room: u64,
    /// No name can be given.
    names_are_full: bool,
    random: u64,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    lasting: Vec<u8>,
}

impl Model {
    fn new(left: u64, seed: u64) -> Self {
        Self { left, room: u64::MAX, random: seed | 1, ..Self::default() }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The power is back. Of what was not made to last some is there, and some not.
    fn restart(mut self, left: u64) -> Self {
        for at in 0..self.files.len() {
            let keeps = self.random() % 3;
            let file = self.files[at].clone();
            let mut bytes = file.lasting.clone();
            if keeps > 0 {
                // Pages in any order: each old or new.
                bytes.resize(if keeps == 2 { file.bytes.len() } else { bytes.len() }, 0);
                for page in 0..bytes.len().div_ceil(PAGE) {
                    let range = page * PAGE..((page + 1) * PAGE).min(bytes.len()).min(file.bytes.len());
                    if self.random().is_multiple_of(2) && range.start < range.end {
                        bytes[range.clone()].copy_from_slice(&file.bytes[range]);
                    }
                }
            }
            self.files[at] = File { bytes: bytes.clone(), lasting: bytes };
        }
        // Names in any order, too: those of the directory as it is, or as it lasts.
        let mut names = self.lasting_names.clone();
        let all: Vec<String> = self.names.keys().chain(self.lasting_names.keys()).cloned().collect();
        let as_it_is = self.random().is_multiple_of(2);
        for name in all {
            if as_it_is {
                match self.names.get(&name) {
                    Some(at) => names.insert(name, *at),
                    None => names.remove(&name),
                };
            }
        }
        Self { names: names.clone(), lasting_names: names, left, ..self }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let at = self.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.files[at])
    }
}

const PAGE: usize = 64;

impl Disk for Model {
    fn list(&mut self) -> io::Result<Vec<Entry>> {
        let entry = |(name, at): (&String, &usize)| Entry {
            name: name.clone(),
            size: self.files[*at].bytes.len() as u64,
        };
        Ok(self.names.iter().map(entry).collect())
    }

    fn read(&mut self, name: &str, at: u64, to: &mut [u8]) -> io::Result<usize> {
        let bytes = &self.file(name)?.bytes;
        let from = bytes.get(at as usize..).unwrap_or_default();
        let n = from.len().min(to.len());
        to[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn run(&mut self, operation: Operation<'_>) -> io::Result<()> {
        if self.left == 0 {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.left -= 1;
        match operation {
            Operation::Make { name } => {
                if !self.names.contains_key(name) {
                    self.names.insert(name.to_owned(), self.files.len());
                    self.files.push(File::default());
                }
            }
            Operation::Reserve { name, bytes } => {
                let (room, file) = (self.room, self.file(name)?);
                let more = bytes.saturating_sub(file.bytes.len() as u64);
                if more > room {
                    // What there is room for stays, as fallocate may leave it.
                    file.bytes.resize(file.bytes.len() + room as usize, 0);
                    self.room = 0;
                    return Err(io::Error::from_raw_os_error(libc::ENOSPC));
                }
                file.bytes.resize(bytes as usize, 0);
                self.room -= more;
            }
            Operation::Write { name, at, bytes } => {
                let file = self.file(name)?;
                let end = at as usize + bytes.len();
                if file.bytes.len() < end {
                    file.bytes.resize(end, 0);
                }
                file.bytes[at as usize..end].copy_from_slice(bytes);
            }
            Operation::Sync { name } => {
                let file = self.file(name)?;
                file.lasting = file.bytes.clone();
            }
            Operation::SyncData { name } => {
                // A length that does not last makes this worth nothing.
                let file = self.file(name)?;
                let n = file.lasting.len();
                file.lasting.copy_from_slice(&file.bytes[..n]);
            }
            Operation::Rename { .. } if self.names_are_full => {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            Operation::Rename { from, to } => {
                if self.names.contains_key(to) {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                let at = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
                self.names.insert(to.to_owned(), at);
            }
            Operation::Remove { name } => drop(self.names.remove(name)),
            Operation::SyncDirectory => self.lasting_names = self.names.clone(),
        }
        Ok(())
    }
}

/// Small segments, so that many crashes are tried.
const SIZE: u64 = 4096;
/// What the model's server has: a few pages of each segment, and zeros.
const PIECE: usize = 384;

fn size() -> SegmentSize {
    SegmentSize::tiny(SIZE)
}

/// Where the crashing server is promoted.
const SWITCH: u64 = 4 * SIZE + 2_000;

/// The WAL at a place: before its switchpoint the second timeline has the first one's.
fn wal(timeline: u32, at: u64, n: usize) -> Vec<u8> {
    let own = |lsn| if lsn < SWITCH { 1 } else { timeline as u8 * 2 + 1 };
    (at..at + n as u64).map(|lsn| (lsn / 61 % 126) as u8 ^ own(lsn) | 128).collect()
}

/// Writes on until the power goes or `until` is reached, and tells what was called durable.
fn run(disk: Model, until: u64, switch: u64, called: &mut Vec<Place>) -> (Model, Result<()>) {
    let mut disk = disk;
    let entries = disk.list().unwrap();
    let first = Place { timeline: 1, lsn: Lsn(3 * SIZE) };
    let lineage = newest_history(&mut disk, &entries, size()).unwrap();
    let found = look(&entries, size(), lineage.as_ref()).unwrap();
    assert_eq!(found.holes, []);
    let mut archive = Archive::new(disk, size(), found.at.unwrap_or(first));
    let outcome = (|| {
        while archive.written().lsn.0 < until {
            let at = archive.written();
            if at.timeline == 1 && at.lsn.0 >= switch {
                let to = Place { timeline: 2, lsn: size().start_of(Lsn(switch)) };
                let file = format!("1\t{}\tr\n", Lsn(switch));
                archive.switch(Lsn(switch), to, file.as_bytes(), false)?;
                called.push(Place { timeline: 1, lsn: Lsn(switch) });
                continue;
            }
            let end = if at.timeline == 1 { switch.min(until) } else { until };
            let n = PIECE.min((end - at.lsn.0) as usize);
            let written = archive.write(at, &wal(at.timeline, at.lsn.0, n))?;
            if written.complete.is_none() && at.lsn.0.is_multiple_of(3) {
                archive.sync()?;
            }
            called.push(archive.durable());
        }
        archive.sync()?;
        called.push(archive.durable());
        Ok(())
    })();
    (std::mem::take(archive.disk()), outcome)
}

/// What was called durable is there, byte for byte.
fn holds(disk: &mut Model, durable: &[Place]) {
    for timeline in [1, 2] {
        let Some(end) =
            durable.iter().filter(|place| place.timeline == timeline).map(|place| place.lsn.0).max()
        else {
            continue;
        };
        let begin = if timeline == 1 { 3 * SIZE } else { durable_start(durable) };
        let mut at = begin;
        while at < end {
            let segment = Segment::at(Place { timeline, lsn: Lsn(at) }, size());
            let until = segment.end(size()).lsn.0.min(end);
            let mut bytes = vec![0; (until - at) as usize];
            let names = [segment.name(size()), segment.partial(size())];
            let read =
                names.iter().any(|name| disk.read(name, 0, &mut bytes).is_ok_and(|n| n == bytes.len()));
            assert!(read, "{names:?} up to {until:X}: {:?}", disk.names);
            assert!(bytes == wal(timeline, at, bytes.len()), "{names:?}");
            at = until;
        }
    }
}

/// A restore asks for the newest timeline first, and finds before the switchpoint all that was called durable.
fn restores(disk: &mut Model, durable: &[Place]) {
    let ends = durable.iter().filter(|place| place.timeline == 1).map(|place| place.lsn.0);
    let start = size().start_of(Lsn(SWITCH));
    let Some(end) = ends.max().filter(|end| *end > start.0) else { return };
    let mut given = None;
    for timeline in [2, 1] {
        let segment = Segment::at(Place { timeline, lsn: start }, size());
        let partial = segment.partial(size());
        if disk.names.contains_key(&segment.name(size())) {
            given = Some(segment.name(size()));
        } else if let Some((parent, until)) = parent_ahead(disk, segment, size()).unwrap() {
            assert_eq!(until, size().offset(Lsn(SWITCH)));
            given = Some(parent);
        } else if disk.names.contains_key(&partial) {
            given = Some(partial);
        }
        if given.is_some() {
            break;
        }
    }
    let mut bytes = vec![0; (end.min(SWITCH) - start.0) as usize];
    let name = given.unwrap();
    assert_eq!(disk.read(&name, 0, &mut bytes).unwrap(), bytes.len(), "{name}");
    assert!(bytes == wal(1, start.0, bytes.len()), "{name} up to {end:X}");
}

#[test]
fn ph8_what_was_received_before_a_restart_is_never_written_over() {
    let place = Place { timeline: 1, lsn: Lsn(3 * SIZE) };
    let own = wal(1, place.lsn.0, 2 * PIECE);
    let mut archive = Archive::new(Model::new(u64::MAX, 7), size(), place);
    archive.write(place, &own).unwrap();
    archive.sync().unwrap();
    let disk = std::mem::take(archive.disk());
    let segment = Segment::at(place, size());
    // The same WAL again, and then more of it.
    let mut archive = Archive::new(disk.clone(), size(), place);
    assert_eq!(reached(archive.disk(), segment, size()).unwrap().lsn.0, place.lsn.0 + 2 * PIECE as u64);
    archive.write(place, &wal(1, place.lsn.0, 3 * PIECE)).unwrap();
    // Another history of the same place, in the second piece.
    let mut other = own.clone();
    other[PIECE + 5] ^= 2;
    let mut archive = Archive::new(disk, size(), place);
    archive.write(place, &other[..PIECE]).unwrap();
    let next = Place { lsn: Lsn(place.lsn.0 + PIECE as u64), ..place };
    let error = archive.write(next, &other[PIECE..]).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_ARCHIVE_CONFLICT);
    holds(archive.disk(), &[Place { lsn: Lsn(place.lsn.0 + 2 * PIECE as u64), ..place }]);
}

#[test]
fn a_history_that_says_the_same_is_kept_as_it_is() {
    let mut archive = Archive::new(Model::new(u64::MAX, 7), size(), Place::default());
    archive.keep_history(2, b"1\t0/500100\t\xE9\n").unwrap();
    // As a server's text has it.
    archive.keep_history(2, "1\t0/500100\t\u{FFFD}\n".as_bytes()).unwrap();
    let mut bytes = [0; 20];
    let n = archive.disk().read("00000002.history", 0, &mut bytes).unwrap();
    assert_eq!(bytes[..n], b"1\t0/500100\t\xE9\n"[..]);
    let error = archive.keep_history(2, b"1\t0/500108\t\xE9\n").unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_ARCHIVE_CONFLICT);
}

/// A disk that is full at the name of a complete segment takes nothing, and the piece may be given again.
#[test]
fn ph5_a_disk_that_is_full_at_a_rename_is_survived() {
    let place = Place { timeline: 1, lsn: Lsn(3 * SIZE) };
    let piece = wal(1, place.lsn.0, SIZE as usize);
    let mut disk = Model::new(u64::MAX, 7);
    disk.names_are_full = true;
    let mut archive = Archive::new(disk, size(), place);
    for _ in 0..2 {
        assert_eq!(archive.write(place, &piece).unwrap_err().status(), Status::WAL_E_DISK_FULL);
        assert_eq!((archive.written(), archive.durable()), (place, place));
    }
    archive.disk().names_are_full = false;
    assert!(archive.write(place, &piece).unwrap().complete.is_some());
    assert_eq!(archive.durable().lsn.0, 4 * SIZE);
}

fn durable_start(durable: &[Place]) -> u64 {
    let second = durable.iter().filter(|place| place.timeline == 2).map(|place| place.lsn.0).min();
    size().start_of(Lsn(second.unwrap_or(0))).0
}

#[test]
fn ph5_thousands_of_crashes_lose_nothing_that_was_called_durable() {
    let (until, switch) = (6 * SIZE + 1_200, SWITCH);
    let mut crashes = 0;
    for seed in 1..=150_u64 {
        let mut disk = Model::new(0, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut durable = Vec::new();
        let mut left = 1 + seed % 7;
        loop {
            disk = disk.restart(left);
            let mut called = Vec::new();
            let (after, outcome) = run(disk, until, switch, &mut called);
            disk = after;
            durable.extend(called);
            match outcome {
                Ok(()) => break,
                Err(_) => crashes += 1,
            }
            disk = disk.restart(u64::MAX);
            holds(&mut disk, &durable);
            restores(&mut disk, &durable);
            left += 1 + seed % 3;
        }
        disk = disk.restart(u64::MAX);
        holds(&mut disk, &durable);
        let found = look(&disk.list().unwrap(), size(), None).unwrap();
        assert_eq!((found.at.unwrap().timeline, found.holes.len()), (2, 0));
    }
    assert!(crashes > 2_000, "{crashes}");
}

/// A full disk takes nothing, and with room again it goes on where it stood.
#[test]
fn ph5_a_full_disk_is_survived() {
    let place = Place { timeline: 1, lsn: Lsn(3 * SIZE) };
    let mut disk = Model::new(u64::MAX, 7);
    disk.room = SIZE + SIZE / 2;
    let mut archive = Archive::new(disk, size(), place);
    let piece = wal(1, place.lsn.0, 2 * SIZE as usize);
    assert_eq!(archive.write(place, &piece).unwrap().bytes, SIZE as usize);
    let next = Place { lsn: Lsn(4 * SIZE), ..place };
    for _ in 0..3 {
        let full = archive.write(next, &piece[SIZE as usize..]).unwrap_err();
        assert_eq!(full.status(), Status::WAL_E_DISK_FULL, "{full:?}");
        assert_eq!(archive.durable(), next);
    }
    archive.disk().room = 10 * SIZE;
    let done = archive.write(next, &piece[SIZE as usize..]).unwrap();
    assert_eq!(done.complete, Some(Segment { number: 4, timeline: 1 }));
    holds(archive.disk(), &[Place { lsn: Lsn(5 * SIZE), ..place }]);
}

#[test]
fn ph8_the_same_name_with_other_bytes_is_never_written_over() {
    let place = Place { timeline: 1, lsn: Lsn(3 * SIZE) };
    let name = Segment::at(place, size()).name(size());
    let own = wal(1, place.lsn.0, SIZE as usize);
    for there in [own.clone(), wal(2, place.lsn.0, SIZE as usize)] {
        let is_same = there == own;
        let mut disk = Model::new(u64::MAX, 7);
        disk.run(Operation::Make { name: &name }).unwrap();
        disk.run(Operation::Write { name: &name, at: 0, bytes: &there }).unwrap();
        let mut archive = Archive::new(disk, size(), place);
        let outcome = archive.write(place, &own);
        assert_eq!(outcome.map_err(|error| error.status()).is_ok(), is_same);
        let mut bytes = vec![0; SIZE as usize];
        assert_eq!(archive.disk().read(&name, 0, &mut bytes).unwrap(), SIZE as usize);
        assert!(bytes == there, "it is as it was");
        if !is_same {
            assert_eq!(
                archive.write(place, &own).unwrap_err().status(),
                Status::WAL_E_FSYNC,
                "nothing more is taken"
            );
        }
        // A history file likewise.
        let to = Place { timeline: 2, lsn: Lsn(4 * SIZE) };
        if is_same {
            archive.switch(to.lsn, to, b"1\t0/1\tr\n", false).unwrap();
            archive.switch(to.lsn, to, b"1\t0/1\tr\n", false).unwrap();
            let other = archive.switch(to.lsn, to, b"1\t0/2\tr\n", false).unwrap_err();
            assert_eq!(other.status(), Status::WAL_E_ARCHIVE_CONFLICT);
        }
    }
}

/// Records up to a switchpoint, and behind it one that goes on behind the end of its page: as far as that, and whole.
fn beyond_a_switchpoint() -> (Place, Lsn, Vec<u8>, Vec<u8>) {
    let start = 3 << 20;
    let mut pages = Pages::new(0xD118, start);
    for _ in 0..20 {
        pages.record(10, 0, &[5; 200]);
    }
    pages.align();
    let ended = Lsn(pages.at());
    pages.record(10, 0, &[6; 6_000]);
    let half = pages.bytes[..8192].to_vec();
    (Place { timeline: 1, lsn: Lsn(start) }, ended, half, pages.bytes)
}

#[test]
fn ph7_half_a_record_beyond_a_switchpoint_is_no_fork_and_a_whole_one_is() {
    let size = SegmentSize::of(1 << 20).unwrap();
    let (place, ended, half, whole) = beyond_a_switchpoint();
    let to = Place { timeline: 2, lsn: place.lsn };
    let file = format!("1\t{ended}\tr\n");
    for (bytes, is_whole) in [(&half, false), (&whole, true)] {
        let mut archive = Archive::new(Model::new(u64::MAX, 7), size, place);
        archive.write(place, bytes).unwrap();
        archive.sync().unwrap();
        let disk = archive.disk().clone();
        // The connection is lost, and the next server was promoted.
        let outcome = archive.switch(ended, to, file.as_bytes(), false).map_err(|error| error.status());
        assert_eq!(outcome, if is_whole { Err(Status::WAL_E_FORK) } else { Ok(()) });
        assert_eq!(archive.disk().names.contains_key("00000002.history"), !is_whole);
        // Or the archiver was restarted.
        let mut archive = Archive::new(disk.clone(), size, place);
        let found = reached(archive.disk(), Segment::at(place, size), size).unwrap();
        assert_eq!(found.lsn > ended, is_whole, "{found}");
        // The promotion comes while the segment is fetched again, before and at the switchpoint.
        for n in [100, (ended.0 - place.lsn.0) as usize] {
            let mut archive = Archive::new(disk.clone(), size, place);
            archive.write(place, &bytes[..n]).unwrap();
            let outcome = archive.switch(ended, to, file.as_bytes(), false);
            assert_eq!(outcome.is_err(), is_whole, "{outcome:?}");
            archive.switch(ended, to, file.as_bytes(), true).unwrap();
            // What was gone through is not looked at again.
            let mut archive = Archive::new(archive.disk().clone(), size, place);
            archive.write(place, &bytes[..n]).unwrap();
            archive.switch(ended, to, file.as_bytes(), false).unwrap();
        }
        // Half a record may be written anew, and a whole one is never written over.
        let mut other = bytes[..8192].to_vec();
        other[8000] ^= 3;
        let mut archive = Archive::new(disk, size, place);
        assert_eq!(archive.write(place, &other).is_err(), is_whole);
    }
}

#[test]
fn ph7_the_end_of_a_record_beyond_a_switchpoint_is_looked_for_in_the_next_segment() {
    let size = SegmentSize::of(1 << 20).unwrap();
    let place = Place { timeline: 1, lsn: Lsn(3 << 20) };
    let mut pages = Pages::new(0xD118, place.lsn.0);
    while pages.at() < (4 << 20) - 8192 {
        pages.record(10, 0, &[5; 5_000]);
    }
    pages.align();
    let ended = Lsn(pages.at());
    pages.record(10, 0, &[6; 20_000]);
    for (n, is_whole) in [(pages.bytes.len() - 8, false), (pages.bytes.len(), true)] {
        let mut archive = Archive::new(Model::new(u64::MAX, 7), size, place);
        let first = archive.write(place, &pages.bytes[..n]).unwrap().bytes;
        archive.write(archive.written(), &pages.bytes[first..n]).unwrap();
        let to = Place { timeline: 2, ..place };
        let outcome = archive.switch(ended, to, b"1\t0/1\tr\n", false);
        assert_eq!(outcome.is_err(), is_whole, "{outcome:?}");
    }
}
