//! Where text is written to. It must never write behind a buffer's end: it counts on instead.

use std::fmt;

/// Takes text piece by piece.
pub trait Sink {
    /// Appends a piece.
    fn put(&mut self, text: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }
}

/// A caller's buffer, and how much text there is, also where it does not fit.
#[derive(Debug)]
pub struct Buffer<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl<'a> Buffer<'a> {
    /// Fills `room` from its beginning.
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// How long the text is.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Sink for Buffer<'_> {
    #[inline]
    fn put(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if let Some(room) = self.room.get_mut(self.length..end) {
            room.copy_from_slice(text);
        }
        self.length = end;
    }
}

/// A sink for what `write!` writes.
pub(super) struct Formatted<'a>(pub(super) &'a mut dyn Sink);

impl fmt::Write for Formatted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text.as_bytes());
        Ok(())
    }
}

/// Something of `core::fmt`'s as a sink.
pub(super) struct Writing<'a, W> {
    pub(super) to: &'a mut W,
    pub(super) outcome: fmt::Result,
}

impl<W: fmt::Write> Sink for Writing<'_, W> {
    fn put(&mut self, text: &[u8]) {
        let written =
            std::str::from_utf8(text).map_err(|_| fmt::Error).and_then(|text| self.to.write_str(text));
        self.outcome = self.outcome.and(written);
    }
}

/// How parts of a nested value are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Of an array, with this between its elements (array_out).
    Array(u8),
    /// Of a range (range_bound_escape).
    Range,
}

/// Looks whether a part needs quotes.
#[derive(Debug)]
pub(super) struct Probe {
    quoting: Quoting,
    length: usize,
    is_special: bool,
    /// How much of the word NULL is there, and nothing else.
    null: usize,
}

impl Probe {
    pub(super) fn new(quoting: Quoting) -> Self {
        Self { quoting, length: 0, is_special: false, null: 0 }
    }

    /// Whether the part must be quoted.
    pub(super) fn needs_quotes(&self) -> bool {
        let is_null = matches!(self.quoting, Quoting::Array(_)) && self.length == 4 && self.null == 4;
        self.length == 0 || self.is_special || is_null
    }
}

impl Sink for Probe {
    fn put(&mut self, text: &[u8]) {
        for byte in text {
            if self.null == self.length
                && b"NULL".get(self.null).is_some_and(|it| it.eq_ignore_ascii_case(byte))
            {
                self.null += 1;
            }
            self.length += 1;
            self.is_special |= match byte {
                b'"' | b'\\' | b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => true,
                b'{' | b'}' => matches!(self.quoting, Quoting::Array(_)),
                b'(' | b')' | b'[' | b']' | b',' if self.quoting == Quoting::Range => true,
                byte => self.quoting == Quoting::Array(*byte),
            };
        }
    }
}

/// Writes a part between quotes.
pub(super) struct Quoted<'a> {
    pub(super) to: &'a mut dyn Sink,
    pub(super) quoting: Quoting,
}

impl Sink for Quoted<'_> {
    fn put(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            let (before, from) = rest.split_at(at);
            let (special, behind) = from.split_at(1);
            self.to.put(before);
            self.to.put(if self.quoting == Quoting::Range { special } else { b"\\" });
            self.to.put(special);
            rest = behind;
        }
        self.to.put(rest);
    }
}
