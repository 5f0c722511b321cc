//! The size of the server's WAL segments, and the arithmetic with it. It must never assume 16 MB.

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// A power of two from 1 MB to 1 GB (initdb --wal-segsize).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSize(u64);

impl SegmentSize {
    /// What it usually is.
    pub const USUAL: Self = Self(16 << 20);

    /// A size in bytes, if segments may have it.
    pub fn of(bytes: u64) -> Option<Self> {
        (bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(&bytes)).then_some(Self(bytes))
    }

    /// One that no server has, for tests of thousands of segments.
    #[cfg(test)]
    pub(crate) fn tiny(bytes: u64) -> Self {
        assert!(bytes.is_power_of_two());
        Self(bytes)
    }

    /// As `SHOW wal_segment_size` gives it: "16MB", "1GB".
    pub fn shown(text: &str) -> Result<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let parse = || {
            let (number, unit) = text.split_at_checked(digits)?;
            let bits = [("B", 0), ("kB", 10), ("MB", 20), ("GB", 30)]
                .into_iter()
                .find_map(|(name, bits)| (name == unit).then_some(bits))?;
            Self::of(number.parse::<u64>().ok()?.checked_mul(1 << bits)?)
        };
        parse().ok_or_else(|| {
            let text = format!("the server's wal_segment_size is \"{}\"", text.escape_debug());
            Error::new(Status::WAL_E_PROTOCOL, text)
        })
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Where the segment begins that a position lies in.
    pub fn start_of(self, lsn: Lsn) -> Lsn {
        Lsn(lsn.0 & !(self.0 - 1))
    }

    /// The number of the segment that a position lies in.
    pub fn number(self, lsn: Lsn) -> u64 {
        lsn.0 / self.0
    }

    /// How far a position lies behind its segment's beginning.
    pub fn offset(self, lsn: Lsn) -> u64 {
        lsn.0 & (self.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_that_a_server_can_have_is_read_and_no_other() {
        for (text, bytes) in [("1MB", 1 << 20), ("16MB", 16 << 20), ("64MB", 64 << 20), ("1GB", 1 << 30)] {
            let size = SegmentSize::shown(text).unwrap();
            assert_eq!(size.bytes(), bytes);
            let (at, begin) = (Lsn(3 * bytes + 77), Lsn(3 * bytes));
            assert_eq!((size.start_of(at), size.number(at), size.offset(at)), (begin, 3, 77));
            assert_eq!(size.start_of(begin), begin);
        }
        for text in
            ["", "16", "3MB", "2GB", "512kB", "16 MB", "MB", "99999999999999999999GB", "17179869184GB"]
        {
            assert_eq!(SegmentSize::shown(text).unwrap_err().status(), Status::WAL_E_PROTOCOL, "{text}");
        }
    }
}
