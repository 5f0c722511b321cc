//! How far a file is: `FILE.position`, beside it. It must never say more than what was written to the file before, nor be of two
//! slots, nor of two commands at once.
//!
//! Two places are written in turn, each with a checksum: what a crash leaves of the newer one does not harm the older one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pgwalstream::{Lsn, Position};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::lines::Span;
use crate::output::sync_folder;
use crate::trouble::Trouble;

/// The length of a place.
const PLACE: usize = 512;
/// What of it is text; a checksum and a line feed follow.
const TEXT: usize = PLACE - 9;
const WORD: &str = "pgwalstream-position";

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How long it was, at a place where nothing is open.
    pub length: u64,
    /// When it was begun: seconds since 1970.
    pub begun: u64,
    /// What it holds.
    pub span: Option<Span>,
    /// What to resume after; None where the server tells no positions.
    pub position: Option<Position>,
}

/// The file that tells it, of one slot, locked as long as this is there.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    slot: String,
    /// None: it is made with the first place, so that an empty one never is.
    file: Option<File>,
    sequence: u64,
    said: Option<Kept>,
}

/// The journal of a file.
pub fn path_of(output: &Path) -> PathBuf {
    with_ending(output, ".position")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

impl Journal {
    /// Takes the journal at `path` for a slot, be it there or not. An error where it is another slot's, or another command has it.
    pub fn take(path: &Path, slot: &str) -> Result<Self, Trouble> {
        let name = path.display();
        let wrong = |error: io::Error| Trouble::other(format!("cannot read {name}: {error}"));
        let mut it =
            Self { path: path.to_owned(), slot: slot.to_owned(), file: None, sequence: 0, said: None };
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(it),
            Err(error) => return Err(wrong(error)),
        };
        it.lock(&file)?;
        let mut bytes = Vec::new();
        file.by_ref().take(2 * PLACE as u64).read_to_end(&mut bytes).map_err(wrong)?;
        let Some(newest) = newest(&bytes) else {
            return Err(Trouble::other(format!(
                "{name} does not tell how far the file is: it is damaged, or of something else\n  \
                 hint: move it away to go on where the slot is; what is in the file then may come again"
            )));
        };
        if newest.slot != slot {
            let why = format!("{name} tells how far slot {} is in the file", newest.slot);
            return Err(Trouble::Usage(format!("{why}: write slot {slot} to another file")));
        }
        (it.file, it.sequence, it.said) = (Some(file), newest.sequence, Some(newest.kept));
        Ok(it)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it said when it was taken; None: it was not there.
    pub fn said(&self) -> Option<Kept> {
        self.said
    }

    /// Says it. `is_durable`: the disk has it then. The first time it always has.
    pub fn write(&mut self, kept: &Kept, is_durable: bool) -> Result<(), Trouble> {
        self.sequence += 1;
        let (offset, place) = (self.sequence % 2 * PLACE as u64, place(self.sequence, &self.slot, kept));
        let wrong = |path: &Path, error: io::Error| {
            Trouble::other(format!("cannot write to {}: {error}", path.display()))
        };
        if let Some(file) = &self.file {
            let written = file.write_all_at(&place, offset);
            let written = written.and_then(|()| if is_durable { file.sync_data() } else { Ok(()) });
            return written.map_err(|error| wrong(&self.path, error));
        }
        let new = with_ending(&self.path, ".new");
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&new);
        let file = made.map_err(|error| wrong(&new, error))?;
        // Whoever else makes it has this file too, or finds the journal below.
        self.lock(&file)?;
        if self.path.exists() {
            return Err(self.taken());
        }
        file.set_len(0)
            .and_then(|()| file.write_all_at(&place, offset))
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&new, &self.path))
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| wrong(&new, error))?;
        self.file = Some(file);
        Ok(())
    }

    fn lock(&self, file: &File) -> Result<(), Trouble> {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            // Where a file system has no locks the slot alone sees to it.
            Ok(()) | Err(Errno::NOSYS | Errno::NOTSUP) => Ok(()),
            Err(Errno::WOULDBLOCK) => Err(self.taken()),
            Err(error) => Err(Trouble::other(format!("cannot lock {}: {error}", self.path.display()))),
        }
    }

    fn taken(&self) -> Trouble {
        Trouble::other(format!("{}: another command is writing to its file", self.path.display()))
    }
}

/// The text of a place, with its checksum.
fn place(sequence: u64, slot: &str, kept: &Kept) -> Vec<u8> {
    let span = kept.span.map_or_else(|| "- -".to_owned(), |span| format!("{} {}", span.first, span.last));
    let position = kept.position.map_or_else(|| "-".to_owned(), |position| position.to_string());
    let text = format!("{WORD} 1 {slot} {sequence} {} {} {span} {position}", kept.length, kept.begun);
    let mut place = format!("{text:<TEXT$}").into_bytes();
    place.extend_from_slice(format!("{:08x}\n", crc32c::crc32c(&place)).as_bytes());
    place
}

/// What a place says.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    sequence: u64,
    slot: String,
    kept: Kept,
}

/// The newer of the places that are whole.
fn newest(bytes: &[u8]) -> Option<Place> {
    bytes.chunks(PLACE).take(2).filter_map(parse).max_by_key(|place| place.sequence)
}

fn parse(place: &[u8]) -> Option<Place> {
    let (text, sum) = place.split_at_checked(TEXT)?;
    if sum != format!("{:08x}\n", crc32c::crc32c(text)).as_bytes() {
        return None;
    }
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    if (words.next()?, words.next()?) != (WORD, "1") {
        return None;
    }
    let slot = words.next()?.to_owned();
    let sequence = words.next()?.parse().ok()?;
    let (length, begun) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let lsn = |word: &str| word.parse::<Lsn>().ok();
    let span = match (words.next()?, words.next()?) {
        ("-", "-") => None,
        (first, last) => Some(Span { first: lsn(first)?, last: lsn(last)? }),
    };
    let position = match words.next()? {
        "-" => None,
        text => Some(text.parse().ok()?),
    };
    Some(Place { sequence, slot, kept: Kept { length, begun, span, position } })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MOST: u64 = u64::MAX;

    fn kept(length: u64) -> Kept {
        let position = "18446744073709551615:4294967295:FFFFFFFF/FFFFFFFF:18446744073709551615:0/0:FFFFFFFF";
        let span = Some(Span { first: Lsn(MOST), last: Lsn(MOST) });
        Kept { length, begun: MOST, span, position: Some(position.parse().unwrap()) }
    }

    fn read(bytes: &[u8]) -> Option<(u64, Kept)> {
        newest(bytes).map(|place| (place.sequence, place.kept))
    }

    #[test]
    fn the_longest_place_fits_and_is_read_back() {
        let slot = "s".repeat(63);
        let bytes = place(MOST, &slot, &kept(MOST));
        assert_eq!(bytes.len(), PLACE);
        assert_eq!(parse(&bytes), Some(Place { sequence: MOST, slot, kept: kept(MOST) }));
        let none = Kept::default();
        assert_eq!(read(&place(1, "s", &none)), Some((1, none)));
    }

    #[test]
    fn a_torn_place_leaves_the_one_before() {
        let (older, newer) = (place(1, "s", &kept(1)), place(2, "s", &kept(2)));
        for cut in 0..PLACE {
            let mut torn = newer.clone();
            torn.iter_mut().skip(cut).for_each(|byte| *byte = 0);
            let both = [torn, older.clone()].concat();
            assert_eq!(read(&both), Some((1, kept(1))), "{cut}");
        }
        assert_eq!(read(&[newer, older].concat()), Some((2, kept(2))));
        assert_eq!(newest(b""), None);
        assert_eq!(newest(&[b'x'; 1200]), None);
    }

    #[test]
    fn it_is_of_one_slot_and_of_one_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.position");
        let mut one = Journal::take(&path, "a").unwrap();
        let mut other = Journal::take(&path, "a").unwrap();
        assert!(!path.exists());
        one.write(&kept(1), false).unwrap();
        // Made by one of the two alone, and locked from then on.
        assert!(other.write(&kept(2), false).is_err());
        assert!(Journal::take(&path, "a").is_err());
        one.write(&kept(3), false).unwrap();
        drop((one, other));
        assert_eq!(Journal::take(&path, "a").unwrap().said(), Some(kept(3)));
        assert!(matches!(Journal::take(&path, "b"), Err(Trouble::Usage(why)) if why.contains("slot a")));
        // What a crash left of one that was being made is written over.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(folder.path().join("out.position.new"), [b'x'; 2000]).unwrap();
        Journal::take(&path, "b").unwrap().write(&kept(4), true).unwrap();
        assert_eq!(Journal::take(&path, "b").unwrap().said(), Some(kept(4)));
    }
}
