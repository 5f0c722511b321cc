//! Reads numbers and texts off the front of a message. It must never look behind the end of it: every read is
//! checked, and what is left over at the end is a fault too.

use super::fault::{Fault, Read};

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the front of `bytes`.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Read<&'a [u8; N]> {
        let (front, rest) = self.rest.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.rest = rest;
        Ok(front)
    }

    /// The next byte.
    #[inline]
    pub(super) fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| *byte)
    }

    /// The next two bytes as a number.
    #[inline]
    pub(super) fn u16(&mut self) -> Read<u16> {
        Ok(u16::from_be_bytes(*self.array()?))
    }

    /// The next four bytes as a number.
    #[inline]
    pub(super) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_be_bytes(*self.array()?))
    }

    /// The next four bytes as a signed number.
    #[inline]
    pub(super) fn i32(&mut self) -> Read<i32> {
        Ok(i32::from_be_bytes(*self.array()?))
    }

    /// The next eight bytes as a number.
    #[inline]
    pub(super) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_be_bytes(*self.array()?))
    }

    /// The next eight bytes as a signed number.
    #[inline]
    pub(super) fn i64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(*self.array()?))
    }

    /// A byte of flags, none of which has a meaning yet: the server's own readers refuse them too.
    pub(super) fn no_flags(&mut self) -> Read<()> {
        if self.u8()? == 0 { Ok(()) } else { Err(UNKNOWN_FLAGS) }
    }

    /// The text up to the next NUL, which is skipped.
    #[inline]
    pub(super) fn text(&mut self) -> Read<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(UNTERMINATED)?;
        let (text, rest) = self.rest.split_at_checked(end).ok_or(UNTERMINATED)?;
        self.rest = rest.get(1..).ok_or(UNTERMINATED)?;
        Ok(text)
    }

    /// A schema's name: "" stands for pg_catalog (logicalrep_read_namespace).
    #[inline]
    pub(super) fn namespace(&mut self) -> Read<&'a [u8]> {
        let name = self.text()?;
        Ok(if name.is_empty() { b"pg_catalog" } else { name })
    }

    /// Everything that is left.
    #[inline(always)]
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    #[inline(always)]
    pub(super) fn end(self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(TRAILING) }
    }
}

const ENDS_EARLY: Fault = Fault::Malformed("it ends too early");
const UNTERMINATED: Fault = Fault::Malformed("a text is not terminated");
const UNKNOWN_FLAGS: Fault = Fault::Malformed("it has unknown flags");
const TRAILING: Fault = Fault::Malformed("bytes are left over at its end");
