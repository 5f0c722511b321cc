//! Where the items of a value are: in the value, or in memory of the reader's own where they had to be unquoted. It must never
//! hold on to the value.

use std::fmt;

use super::super::cursor::Cursor;
use super::super::field::{Form, Read, ReadError};
use crate::batch::ValueKind;

/// What an item is, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Null,
    TextInValue,
    BinaryInValue,
    TextHere,
    BinaryHere,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    start: u32,
    length: u32,
    place: Place,
}

/// The items.
#[derive(Default)]
pub(super) struct Parts {
    list: Vec<Part>,
    own: Vec<u8>,
}

impl Parts {
    pub(super) fn clear(&mut self) {
        let_go(&mut self.list);
        let_go(&mut self.own);
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Part>() + self.own.capacity()
    }

    /// Whether an address is in memory of its own.
    pub(super) fn owns(&self, address: usize) -> bool {
        let start = self.own.as_ptr().addr();
        (start..start + self.own.capacity()).contains(&address)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Room for so many more, which were counted in the value.
    pub(super) fn reserve(&mut self, more: usize) -> Read<()> {
        self.list.try_reserve(more).map_err(|_| ReadError::NoMemory)
    }

    /// Adds NULL.
    #[inline]
    pub(super) fn null(&mut self) -> Read<()> {
        self.push(Part { start: 0, length: 0, place: Place::Null })
    }

    /// Adds a part of the value.
    #[inline]
    pub(super) fn view(&mut self, whole: &[u8], part: Form<'_>) -> Read<()> {
        let (bytes, place) = match part {
            Form::Text(bytes) => (bytes, Place::TextInValue),
            Form::Binary(bytes) => (bytes, Place::BinaryInValue),
        };
        let start = bytes.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        self.add(start, bytes.len(), place)
    }

    /// Adds a part of the value in binary, or NULL.
    #[inline]
    pub(super) fn nullable(&mut self, whole: &[u8], part: Option<&[u8]>) -> Read<()> {
        match part {
            Some(bytes) => self.view(whole, Form::Binary(bytes)),
            None => self.null(),
        }
    }

    /// Adds so many parts of the value in binary, each behind its length or NULL. `cursor` is within the value.
    #[inline]
    pub(super) fn run(&mut self, whole: &[u8], cursor: &mut Cursor<'_>, count: usize) -> Read<()> {
        // What lies in the value has its length.
        if u32::try_from(whole.len()).is_err() {
            return Err(ReadError::OutOfRange);
        }
        self.reserve(count)?;
        let mut here = *cursor;
        let mut one = || {
            Ok(match here.nullable()? {
                None => Part { start: 0, length: 0, place: Place::Null },
                Some(bytes) => {
                    let start = whole.len() - here.0.len() - bytes.len();
                    Part { start: start as u32, length: bytes.len() as u32, place: Place::BinaryInValue }
                }
            })
        };
        let read = (0..count).try_for_each(|_| one().map(|part| self.list.push(part)));
        *cursor = here;
        read
    }

    /// Where what is put next begins.
    #[inline]
    pub(super) fn mark(&self) -> usize {
        self.own.len()
    }

    /// Appends to what becomes an item by `text_since` or `binary_since`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Read<()> {
        self.own.try_reserve(bytes.len()).map_err(|_| ReadError::NoMemory)?;
        self.own.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds what was put since a mark, as text.
    pub(super) fn text_since(&mut self, mark: usize) -> Read<()> {
        self.add(mark, self.own.len() - mark, Place::TextHere)
    }

    /// Adds what was put since a mark, as binary.
    pub(super) fn binary_since(&mut self, mark: usize) -> Read<()> {
        self.add(mark, self.own.len() - mark, Place::BinaryHere)
    }

    /// The kind and the bytes of an item of a value.
    #[inline]
    pub(super) fn get<'a>(&'a self, at: usize, whole: &'a [u8]) -> Option<(u8, &'a [u8])> {
        let part = self.list.get(at)?;
        let (from, kind) = match part.place {
            Place::Null => return Some((ValueKind::WAL_VALUE_NULL as u8, &[])),
            Place::TextInValue => (whole, ValueKind::WAL_VALUE_TEXT),
            Place::BinaryInValue => (whole, ValueKind::WAL_VALUE_BINARY),
            Place::TextHere => (&*self.own, ValueKind::WAL_VALUE_TEXT),
            Place::BinaryHere => (&*self.own, ValueKind::WAL_VALUE_BINARY),
        };
        let start = part.start as usize;
        Some((kind as u8, from.get(start..start + part.length as usize)?))
    }

    #[inline]
    fn add(&mut self, start: usize, length: usize, place: Place) -> Read<()> {
        // A message is at most 1 GiB long.
        let (Ok(start), Ok(length)) = (start.try_into(), length.try_into()) else {
            return Err(ReadError::OutOfRange);
        };
        self.push(Part { start, length, place })
    }

    #[inline]
    fn push(&mut self, part: Part) -> Read<()> {
        if self.list.len() == self.list.capacity() {
            self.reserve(1)?;
        }
        self.list.push(part);
        Ok(())
    }
}

/// Empties a list. Its memory is kept, unless the last value took only a small part of much.
pub(crate) fn let_go<T>(list: &mut Vec<T>) {
    const LITTLE: usize = 1 << 20;
    let (used, kept) = (list.len(), list.capacity());
    list.clear();
    if kept.saturating_mul(size_of::<T>()) > LITTLE && kept / 8 > used {
        list.shrink_to(used);
    }
}

impl fmt::Write for Parts {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
