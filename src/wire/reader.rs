//! A cursor over the body of one message; every length is checked.
//!
//! It must never panic or read past the body: what is missing is a `WAL_E_PROTOCOL` that names the message.

use super::protocol;
use crate::error::{Error, Result};

/// Bytes as text; what is not UTF-8 is replaced. How long it is the server decides, so that there may be no memory.
pub(super) fn lossy(bytes: &[u8]) -> Result<String> {
    let size = bytes.utf8_chunks().map(|it| it.valid().len() + REPLACED * it.invalid().len().min(1)).sum();
    let mut text = String::new();
    text.try_reserve_exact(size).map_err(|_| Error::no_memory("a text of the server", size))?;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Ok(text)
}

/// How long the character is that stands for what is not UTF-8.
const REPLACED: usize = char::REPLACEMENT_CHARACTER.len_utf8();

/// What is left of a body, and the message's name for errors.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    name: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'static str, body: &'a [u8]) -> Self {
        Self { rest: body, name }
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or_else(|| self.truncated())?;
        self.rest = tail;
        Ok(head)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.truncated())?;
        self.rest = tail;
        Ok(*head)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A string that ends with NUL, without the NUL.
    pub(super) fn cstr(&mut self) -> Result<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or_else(|| self.truncated())?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// A string that ends with NUL; what is not UTF-8 is replaced, for a server may speak in another encoding
    /// until client_encoding is set.
    pub(super) fn text(&mut self) -> Result<String> {
        self.cstr().and_then(lossy)
    }

    /// Everything that is left.
    #[inline]
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Says that the body must end here.
    pub(super) fn finish(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(protocol(format!("the server's {} message is {} bytes too long", self.name, self.rest.len())))
    }

    #[cold]
    fn truncated(&self) -> Error {
        protocol(format!("the server's {} message is cut short", self.name))
    }
}
