//! Writing a capture: records gathered into blocks, each written whole with its checksum.
//! It must never hold more than one block in memory, nor allocate once it is made.

use std::io::{Result, Write};
use std::time::Duration;

use super::format::{
    ASSEMBLED, FILE_HEADER, Kind, MAX_BLOCK, RECORD_HEADER, VERSION, block_header, file_header,
};
use super::{Epoch, Seam};

/// A capture being written.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    block: Vec<u8>,
    number: u32,
    whole: u64,
    version: u16,
}

impl<W: Write> Writer<W> {
    /// Begins a capture.
    pub fn new(out: W) -> Result<Self> {
        Self::of_version(out, VERSION)
    }

    /// Begins one of a stream that assembles.
    pub fn assembled(out: W) -> Result<Self> {
        Self::of_version(out, ASSEMBLED)
    }

    fn of_version(mut out: W, version: u16) -> Result<Self> {
        out.write_all(&file_header(version))?;
        Ok(Self { out, block: Vec::with_capacity(MAX_BLOCK), number: 0, whole: FILE_HEADER as u64, version })
    }

    /// A connection entered COPY mode.
    pub fn epoch(&mut self, at: Duration, epoch: &Epoch) -> Result<()> {
        self.record(Kind::Epoch, at, &epoch.encode())
    }

    /// Bytes came from the server.
    #[inline]
    pub fn received(&mut self, at: Duration, bytes: &[u8]) -> Result<()> {
        self.pieces(Kind::Received, at, bytes)
    }

    /// Bytes go to the server.
    pub fn sent(&mut self, at: Duration, bytes: &[u8]) -> Result<()> {
        self.pieces(Kind::Sent, at, bytes)
    }

    /// Writes what is gathered.
    pub fn flush(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.out.write_all(&block_header(self.number, &self.block))?;
        self.out.write_all(&self.block)?;
        self.whole += (super::format::BLOCK_HEADER + self.block.len()) as u64;
        self.number = self.number.wrapping_add(1);
        self.block.clear();
        self.out.flush()
    }

    /// Ends this file with what leads to the next one.
    pub fn lead_on(&mut self, at: Duration, seam: Seam) -> Result<()> {
        self.record(Kind::Next, at, &seam.encode())?;
        self.flush()
    }

    /// Goes on in another file, after `lead_on`, and gives the one before.
    pub fn go_on(&mut self, at: Duration, out: W, seam: Seam) -> Result<W> {
        let before = std::mem::replace(&mut self.out, out);
        (self.number, self.whole) = (0, FILE_HEADER as u64);
        self.out.write_all(&file_header(self.version))?;
        self.record(Kind::Onward, at, &seam.encode())?;
        self.flush()?;
        Ok(before)
    }

    /// Ends the capture: without this it counts as cut.
    pub fn finish(&mut self, at: Duration) -> Result<()> {
        self.record(Kind::End, at, &[])?;
        self.flush()
    }

    /// How long the file is up to the end of its last whole block.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Where it is written to.
    pub fn out(&self) -> &W {
        &self.out
    }

    fn pieces(&mut self, kind: Kind, at: Duration, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if MAX_BLOCK - self.block.len() <= RECORD_HEADER {
                self.flush()?;
            }
            let room = MAX_BLOCK - self.block.len() - RECORD_HEADER;
            let (piece, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.record(kind, at, piece)?;
            bytes = rest;
        }
        Ok(())
    }

    /// One record, which is never longer than a block.
    fn record(&mut self, kind: Kind, at: Duration, body: &[u8]) -> Result<()> {
        if MAX_BLOCK - self.block.len() < RECORD_HEADER + body.len() {
            self.flush()?;
        }
        self.block.push(kind as u8);
        self.block.extend(u64::try_from(at.as_micros()).unwrap_or(u64::MAX).to_le_bytes());
        self.block.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.block.extend(body);
        if self.block.len() < MAX_BLOCK { Ok(()) } else { self.flush() }
    }
}
