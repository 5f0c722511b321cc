//! Reads binary forms from the front on. It must never believe a length or a count: each is held against what is left.

use super::field::{Read, ReadError};

/// What is left of a binary form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk().ok_or(ReadError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Read<i32> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_be_bytes)
    }

    #[inline]
    pub(super) fn f64(&mut self) -> Read<f64> {
        self.array().map(f64::from_be_bytes)
    }

    /// So many bytes.
    #[inline]
    pub(super) fn bytes(&mut self, n: usize) -> Read<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(n).ok_or(ReadError::Malformed)?;
        self.0 = rest;
        Ok(first)
    }

    /// Bytes behind their length; None for NULL, which is the length -1.
    #[inline]
    pub(super) fn nullable(&mut self) -> Read<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.bytes(usize::try_from(length).map_err(|_| ReadError::Malformed)?).map(Some),
        }
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn sized(&mut self) -> Read<&'a [u8]> {
        self.nullable()?.ok_or(ReadError::Malformed)
    }

    /// Bytes up to a NUL.
    pub(super) fn text(&mut self) -> Read<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(ReadError::Malformed)?;
        let text = self.bytes(end)?;
        self.u8()?;
        Ok(text)
    }

    /// A count of what takes at least `least` bytes each.
    #[inline]
    pub(super) fn count(&mut self, least: usize) -> Read<usize> {
        let count = usize::try_from(self.i32()?).map_err(|_| ReadError::Malformed)?;
        if count > self.0.len() / least { Err(ReadError::Malformed) } else { Ok(count) }
    }

    /// Nothing may be left.
    #[inline]
    pub(super) fn end(self) -> Read<()> {
        if self.0.is_empty() { Ok(()) } else { Err(ReadError::Malformed) }
    }
}
