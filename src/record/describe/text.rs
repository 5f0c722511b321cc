//! Text that is written into a buffer of somebody else. It must never write beyond that, and always counts on.

use std::ffi::CStr;

use crate::types::{DAY, year_month_day};

/// A buffer that is filled, and how long the text would be in full.
#[derive(Debug)]
pub struct Text<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Text<'a> {
    /// Writes to the beginning of a buffer.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// How long the text is in full.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        let fits = bytes.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..fits), bytes.get(..fits)) {
            to.copy_from_slice(from);
        }
        self.len += bytes.len();
        self
    }

    /// Appends a text.
    #[inline]
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// The same, as C has it.
    pub fn c_str(&mut self, text: &CStr) -> &mut Self {
        self.bytes(text.to_bytes())
    }

    /// A text with spaces behind it, so that it has a width.
    pub fn left(&mut self, text: &CStr, width: usize) -> &mut Self {
        self.c_str(text).spaces(width.saturating_sub(text.count_bytes()))
    }

    fn spaces(&mut self, count: usize) -> &mut Self {
        const SPACES: [u8; 16] = [b' '; 16];
        self.bytes(SPACES.get(..count).unwrap_or_default())
    }

    /// A number.
    #[inline]
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.digits(number, 10, 1, b' ')
    }

    /// A number that may be less than 0.
    pub fn signed(&mut self, number: i64) -> &mut Self {
        if number < 0 {
            self.str("-");
        }
        self.number(number.unsigned_abs())
    }

    /// A number with spaces before it, so that it has a width.
    #[inline]
    pub fn right(&mut self, number: u64, width: usize) -> &mut Self {
        self.digits(number, 10, width, b' ')
    }

    /// Hexadecimal, in small letters.
    pub fn hex(&mut self, number: u64) -> &mut Self {
        let from = self.len;
        self.digits(number, 16, 1, b'0');
        let to = self.len.min(self.out.len());
        if let Some(written) = self.out.get_mut(from..to) {
            written.make_ascii_lowercase();
        }
        self
    }

    /// 0x and two digits.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.str("0x").digits(byte.into(), 16, 2, b'0')
    }

    /// A position, as `%X/%X`.
    pub fn lsn(&mut self, lsn: u64) -> &mut Self {
        self.digits(lsn >> 32, 16, 1, b'0').str("/").digits(lsn & 0xFFFF_FFFF, 16, 1, b'0')
    }

    /// A position, as `%X/%08X`.
    #[inline]
    pub fn wide_lsn(&mut self, lsn: u64) -> &mut Self {
        self.digits(lsn >> 32, 16, 1, b'0').str("/").digits(lsn & 0xFFFF_FFFF, 16, 8, b'0')
    }

    /// Microseconds since 2000-01-01, as `2026-01-31 23:59:59.000000 UTC`.
    pub fn time(&mut self, micros: i64) -> &mut Self {
        let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY).unsigned_abs());
        let (year, month, day) = year_month_day(days);
        let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
        if year < 0 {
            self.str("-");
        }
        self.padded(year.unsigned_abs(), 4).str("-").padded(month.unsigned_abs(), 2).str("-");
        self.padded(day.unsigned_abs(), 2).str(" ").padded(seconds / 3600, 2).str(":");
        self.padded(seconds / 60 % 60, 2)
            .str(":")
            .padded(seconds % 60, 2)
            .str(".")
            .padded(micros, 6)
            .str(" UTC")
    }

    fn padded(&mut self, number: u64, width: usize) -> &mut Self {
        self.digits(number, 10, width, b'0')
    }

    /// A number of a base up to 16, filled up to a width of at most 16.
    #[inline]
    fn digits(&mut self, mut number: u64, base: u64, width: usize, fill: u8) -> &mut Self {
        let mut digits = [fill; 20];
        let mut first = digits.len();
        for place in digits.iter_mut().rev() {
            let digit = (number % base) as u8;
            *place = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
            number /= base;
            first -= 1;
            if number == 0 {
                break;
            }
        }
        let first = first.min(digits.len() - width.min(16));
        self.bytes(digits.get(first..).unwrap_or_default())
    }
}
