//! The buffer that renderings are written into. It must never abort for lack of memory: it takes nothing more, and says so.

use std::fmt;

use crate::error::{Error, Result};
use crate::types::Sink;

/// How much room is kept in any case.
const KEPT: usize = 16 << 20;

/// How much can be written: what a message of 1 GiB can become, sixfold for its control characters and twice for a value that the
/// new row has of the old. More is asked for by hostile bytes only.
#[cfg(target_pointer_width = "64")]
const MOST: usize = 16 << 30;
#[cfg(not(target_pointer_width = "64"))]
const MOST: usize = usize::MAX;

/// Bytes that keep their room from one use to the next.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    /// How much could not be had.
    lacking: usize,
}

impl Out {
    /// Forgets what was written, and keeps the room, but for most of what this use did not need.
    pub(super) fn clear(&mut self) {
        let used = self.bytes.len();
        self.bytes.clear();
        if self.bytes.capacity() > KEPT && self.bytes.capacity() / 4 > used {
            self.bytes.shrink_to(KEPT.max(used));
        }
        self.lacking = 0;
    }

    /// Something that belongs here had no room elsewhere.
    #[cold]
    pub(super) fn lack(&mut self, bytes: usize) {
        self.lacking = self.lacking.saturating_add(bytes).max(1);
    }

    /// What was written.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much was written: a place to `cut` back to.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back what was written behind a place.
    pub(super) fn cut(&mut self, at: usize) {
        self.bytes.truncate(at);
    }

    /// An error, if something that was written had no room.
    pub(super) fn check(&self) -> Result<()> {
        match self.lacking {
            0 => Ok(()),
            bytes => Err(Error::no_memory("a rendering", self.bytes.len() + bytes)),
        }
    }

    /// Appends bytes.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Appends one byte.
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        if self.has_room(1) {
            self.bytes.push(byte);
        }
    }

    /// Appends bytes between quotes.
    #[inline]
    pub(super) fn quoted(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len() + 2) {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'"');
        }
    }

    /// Appends several pieces.
    #[inline]
    pub(super) fn pieces<const N: usize>(&mut self, pieces: [&[u8]; N]) {
        if self.has_room(pieces.iter().map(|piece| piece.len()).sum()) {
            pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        }
    }

    /// Appends digits.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        if number < 10 { self.byte(b'0' + number as u8) } else { self.long_number(number) }
    }

    fn long_number(&mut self, number: u64) {
        let (mut digits, mut left, mut rest) = ([0; 20], 20, number);
        loop {
            left -= 1;
            if let Some(digit) = digits.get_mut(left) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(left..).unwrap_or_default());
    }

    /// Appends a position as PostgreSQL writes it: `0/16B3748`.
    pub(super) fn lsn(&mut self, lsn: u64) {
        self.hexadecimal((lsn >> 32) as u32);
        self.byte(b'/');
        self.hexadecimal(lsn as u32);
    }

    /// All eight digits at once: a byte for each half of a byte, and 7 more where it is above 9.
    #[inline]
    fn hexadecimal(&mut self, number: u32) {
        const ONES: u64 = u64::MAX / 255;
        let mut halves = u64::from(number);
        halves = (halves | halves << 16) & 0x0000_FFFF_0000_FFFF;
        halves = (halves | halves << 8) & 0x00FF_00FF_00FF_00FF;
        halves = (halves | halves << 4) & 0x0F0F_0F0F_0F0F_0F0F;
        let above_nine = (halves + ONES * 6) >> 4 & ONES;
        let digits = (halves + ONES * u64::from(b'0') + above_nine * 7).to_be_bytes();
        let zeros = (number | 1).leading_zeros() as usize / 4;
        self.put(digits.get(zeros..).unwrap_or_default());
    }

    #[inline]
    fn has_room(&mut self, more: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= more || self.grow(more)
    }

    #[cold]
    fn grow(&mut self, more: usize) -> bool {
        let is_fit = self.lacking == 0 && self.bytes.len().saturating_add(more) <= MOST;
        let grown = is_fit && self.bytes.try_reserve(more).is_ok();
        if !grown {
            self.lack(more);
        }
        grown
    }
}

impl Sink for Out {
    #[inline]
    fn put(&mut self, text: &[u8]) {
        Out::put(self, text);
    }
}

impl fmt::Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn numbers_and_positions_are_written_as_rust_and_postgresql_do() {
        let mut out = Out::default();
        for number in [0, 7, 10, 99, 1_234_567_890, u64::MAX] {
            out.clear();
            out.number(number);
            assert_eq!(out.bytes(), number.to_string().as_bytes());
            out.clear();
            out.lsn(number);
            assert_eq!(out.bytes(), crate::lsn::Lsn(number).to_string().as_bytes());
        }
    }

    #[test]
    fn room_that_only_one_use_needed_is_given_back_by_the_next() {
        let mut out = Out::default();
        out.put(&vec![b'x'; 4 * KEPT + 4]);
        out.clear();
        assert!(out.bytes.capacity() > 4 * KEPT);
        out.put(b"little");
        out.clear();
        assert!((1..=KEPT).contains(&out.bytes.capacity()));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn there_is_a_ceiling_even_where_the_system_has_more() {
        let mut out = Out::default();
        assert!(!out.has_room(MOST + 1));
        assert_eq!(out.check().unwrap_err().status(), Status::WAL_E_NO_MEMORY);
        out.clear();
        out.lack(7);
        assert_eq!(out.check().unwrap_err().status(), Status::WAL_E_NO_MEMORY);
    }

    #[test]
    fn what_finds_no_room_is_an_error_and_no_abort() {
        let mut out = Out::default();
        out.put(b"there");
        assert!(!out.has_room(usize::MAX >> 1) && out.check().is_err());
        out.put(&[b'x'; 1000]);
        assert_eq!(
            (out.bytes(), out.check().unwrap_err().status()),
            (&b"there"[..], Status::WAL_E_NO_MEMORY)
        );
        out.clear();
        out.put(b"again");
        assert!(out.check().is_ok() && out.bytes() == b"again");
    }
}
