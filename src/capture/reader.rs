//! Reading a capture: block by block, each checked before anything in it is used.
//! It must never hold more than one block, and every error names the offset in the file.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use super::format::{ASSEMBLED, BLOCK_HEADER, FILE_HEADER, Kind, MAGIC, MAX_BLOCK, RECORD_HEADER, VERSION};
use super::format::{block_crc, file_header};
use crate::error::{Error, Result, Status};

/// A capture being read.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// The payload of the present block.
    block: Vec<u8>,
    /// Where in the block the next record begins.
    at: usize,
    /// Where in the block the body of the present record is.
    body: (usize, usize),
    /// Where in the file the present block's payload begins, and the next block's header.
    offset: (u64, u64),
    number: u32,
    begun: Begun,
}

/// How far the reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// No connection yet.
    Nothing,
    /// A connection.
    Epoch,
    /// The end.
    End,
}

/// What the present record is; its bytes are in `Reader::body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it holds.
    pub kind: Kind,
    /// When it was, since the capture began.
    pub at: Duration,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn new(mut source: R) -> Result<Self> {
        let mut header = [0; FILE_HEADER];
        let got = fill(&mut source, &mut header, 0)?;
        if !header.starts_with(MAGIC) && got >= MAGIC.len() {
            return Err(broken(0, "this is no capture file"));
        }
        if got < FILE_HEADER {
            return Err(cut(got as u64, "inside the header"));
        }
        let [.., a, b, _, _, _, _, _, _] = header;
        let version = u16::from_le_bytes([a, b]);
        if header != file_header(version) {
            return Err(broken(0, "the header's checksum is wrong"));
        }
        if !(VERSION..=ASSEMBLED).contains(&version) {
            let what =
                format!("the format's version is {version}, and this library reads {VERSION} to {ASSEMBLED}");
            return Err(broken(8, what).with_hint("Read it with the version of the library that wrote it."));
        }
        Ok(Self {
            source,
            block: Vec::with_capacity(MAX_BLOCK),
            at: 0,
            body: (0, 0),
            offset: (0, FILE_HEADER as u64),
            number: 0,
            begun: Begun::Nothing,
        })
    }

    /// Goes to the next record; None at the end.
    #[allow(clippy::should_implement_trait, reason = "the body is borrowed from the reader")]
    pub fn next(&mut self) -> Result<Option<Head>> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let here = self.offset.0 + self.at as u64;
        let head = self.block.get(self.at..).and_then(<[u8]>::split_first_chunk::<RECORD_HEADER>);
        let Some((header, rest)) = head else { return Err(broken(here, "a record does not fit its block")) };
        let [kind, time @ .., a, b, c, d] = *header;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > rest.len() {
            return Err(broken(here, "a record does not fit its block"));
        }
        let Some(kind) = Kind::of(kind) else {
            return Err(broken(here, format!("a record is of the unknown kind {kind}")));
        };
        self.begun = match (self.begun, kind) {
            (Begun::End, _) => return Err(broken(here, "a record stands behind the end")),
            (Begun::Nothing, Kind::Onward) => Begun::Epoch,
            (_, Kind::Onward) => {
                return Err(broken(here, "a record that begins a file stands within it"));
            }
            (Begun::Nothing, Kind::Next) => return Err(broken(here, "a record belongs to no connection")),
            (_, Kind::End | Kind::Next) => Begun::End,
            (_, Kind::Epoch) => Begun::Epoch,
            (Begun::Epoch, _) => Begun::Epoch,
            (Begun::Nothing, _) => return Err(broken(here, "a record belongs to no connection")),
        };
        self.body = (self.at + RECORD_HEADER, self.at + RECORD_HEADER + length);
        self.at = self.body.1;
        Ok(Some(Head { kind, at: Duration::from_micros(u64::from_le_bytes(time)) }))
    }

    /// The bytes of the present record.
    pub fn body(&self) -> &[u8] {
        self.block.get(self.body.0..self.body.1).unwrap_or_default()
    }

    /// Where in the file the present record's body begins.
    pub fn offset(&self) -> u64 {
        self.offset.0 + self.body.0 as u64
    }

    /// Reads and checks a block. False: the file is at its end, where it should be.
    fn next_block(&mut self) -> Result<bool> {
        let begin = self.offset.1;
        let mut header = [0; BLOCK_HEADER];
        let got = fill(&mut self.source, &mut header, begin)?;
        if got == 0 && self.begun == Begun::End {
            return Ok(false);
        }
        if self.begun == Begun::End {
            return Err(broken(begin, "bytes stand behind the end"));
        }
        let end = begin + got as u64;
        if got < BLOCK_HEADER {
            return Err(cut(end, if got == 0 { "before its end mark" } else { "inside a block's header" }));
        }
        let [length @ .., n0, n1, n2, n3, c0, c1, c2, c3] = header;
        let size = u32::from_le_bytes(length) as usize;
        if !(RECORD_HEADER..=MAX_BLOCK).contains(&size) {
            return Err(broken(begin, format!("a block has the impossible length {size}")));
        }
        self.block.resize(size, 0);
        let got = fill(&mut self.source, &mut self.block, end)?;
        if got < size {
            self.block.clear();
            self.at = 0;
            return Err(cut(end + got as u64, "inside a block"));
        }
        let number = [n0, n1, n2, n3];
        if block_crc(length, number, &self.block) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(broken(begin, "the checksum of a block is wrong"));
        }
        if u32::from_le_bytes(number) != self.number {
            return Err(broken(begin, "a block is missing or stands twice"));
        }
        self.number = self.number.wrapping_add(1);
        self.offset = (end, end + size as u64);
        self.at = 0;
        Ok(true)
    }
}

/// Reads until `to` is full or the file ends, and tells how much.
fn fill(source: &mut impl Read, to: &mut [u8], offset: u64) -> Result<usize> {
    let mut got = 0;
    while let Some(rest) = to.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                let at = offset + got as u64;
                return Err(Error::os(Status::WAL_E_CAPTURE, format!("cannot read at offset {at}"), &error));
            }
        }
    }
    Ok(got)
}

fn broken(offset: u64, what: impl std::fmt::Display) -> Error {
    Error::new(Status::WAL_E_CAPTURE, format!("at offset {offset}: {what}"))
        .with_hint("The file is not as it was written. What came before this offset is good.")
}

fn cut(offset: u64, where_: &str) -> Error {
    Error::new(Status::WAL_E_CAPTURE, format!("the capture ends at offset {offset}, {where_}"))
        .with_hint("It was cut, or its program ended without freeing the stream. What came before is good.")
}
