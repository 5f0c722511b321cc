//! How far a file is: `FILE.position`, beside it. It must never say more than what was written to the file before.
//!
//! Two places are written in turn, each with a checksum: what a crash leaves of the newer one does not harm the older one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pgwalstream::{Lsn, Position};

use crate::lines::Span;
use crate::output::sync_folder;
use crate::trouble::Trouble;

/// The length of a place.
const PLACE: usize = 256;
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

/// The file that tells it.
pub struct Journal {
    file: File,
    path: PathBuf,
    sequence: u64,
}

/// The journal of a file.
pub fn path_of(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".position");
    path.into()
}

impl Journal {
    /// What the journal at `path` says; None: there is none.
    pub fn read(path: &Path) -> Result<Option<Kept>, Trouble> {
        match std::fs::read(path) {
            Ok(bytes) => newest(&bytes).map(|(_, kept)| Some(kept)).ok_or_else(|| {
                let name = path.display();
                Trouble::other(format!(
                    "{name} does not tell how far the file is: it is damaged, or of something else\n  \
                     hint: move it away to go on where the slot is; what is in the file then may come again"
                ))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Trouble::other(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// Opens it to go on, or makes it. `expected` is what `read` gave: another answer now means that another process writes.
    pub fn open(path: &Path, expected: Option<Kept>) -> Result<Self, Trouble> {
        if Self::read(path)? != expected {
            return Err(Trouble::other(format!(
                "{} changed meanwhile: is another tail writing?",
                path.display()
            )));
        }
        let wrong = |error: io::Error| Trouble::other(format!("cannot open {}: {error}", path.display()));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(wrong)?;
        if expected.is_none() {
            sync_folder(path).map_err(wrong)?;
        }
        let sequence = match std::fs::read(path) {
            Ok(bytes) => newest(&bytes).map_or(0, |(sequence, _)| sequence),
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self { file, path: path.to_owned(), sequence })
    }

    /// Says it. `is_durable`: the disk has it then.
    pub fn write(&mut self, kept: &Kept, is_durable: bool) -> Result<(), Trouble> {
        self.sequence += 1;
        let offset = self.sequence % 2 * PLACE as u64;
        let written = self
            .file
            .write_all_at(&place(self.sequence, kept), offset)
            .and_then(|()| if is_durable { self.file.sync_data() } else { Ok(()) });
        written.map_err(|error| Trouble::other(format!("cannot write to {}: {error}", self.path.display())))
    }
}

/// The text of a place, with its checksum.
fn place(sequence: u64, kept: &Kept) -> Vec<u8> {
    let span = kept.span.map_or_else(|| "- -".to_owned(), |span| format!("{} {}", span.first, span.last));
    let position = kept.position.map_or_else(|| "-".to_owned(), |position| position.to_string());
    let text = format!("{WORD} 1 {sequence} {} {} {span} {position}", kept.length, kept.begun);
    let mut place = format!("{text:<TEXT$}").into_bytes();
    place.extend_from_slice(format!("{:08x}\n", crc32c::crc32c(&place)).as_bytes());
    place
}

/// The newer of the places that are whole.
fn newest(bytes: &[u8]) -> Option<(u64, Kept)> {
    bytes.chunks(PLACE).take(2).filter_map(parse).max_by_key(|(sequence, _)| *sequence)
}

fn parse(place: &[u8]) -> Option<(u64, Kept)> {
    let (text, sum) = place.split_at_checked(TEXT)?;
    if sum != format!("{:08x}\n", crc32c::crc32c(text)).as_bytes() {
        return None;
    }
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    if (words.next()?, words.next()?) != (WORD, "1") {
        return None;
    }
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
    Some((sequence, Kept { length, begun, span, position }))
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

    #[test]
    fn the_longest_place_fits_and_is_read_back() {
        let bytes = place(MOST, &kept(MOST));
        assert_eq!(bytes.len(), PLACE);
        assert_eq!(parse(&bytes), Some((MOST, kept(MOST))));
        let none = Kept::default();
        assert_eq!(parse(&place(1, &none)), Some((1, none)));
    }

    #[test]
    fn a_torn_place_leaves_the_one_before() {
        let (older, newer) = (place(1, &kept(1)), place(2, &kept(2)));
        for cut in 0..PLACE {
            let mut torn = newer.clone();
            torn.iter_mut().skip(cut).for_each(|byte| *byte = 0);
            let both = [torn, older.clone()].concat();
            assert_eq!(newest(&both), Some((1, kept(1))), "{cut}");
        }
        assert_eq!(newest(&[newer, older].concat()), Some((2, kept(2))));
        assert_eq!(newest(b""), None);
        assert_eq!(newest(&[b'x'; 600]), None);
    }
}
