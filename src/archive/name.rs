//! The names of an archive: segments, those that are not complete, history files. It must never take another file for one.

use crate::lsn::Lsn;
use crate::physical::{Place, SegmentSize};

/// What a segment's file has behind its name as long as it is not complete.
pub const PARTIAL: &str = ".partial";

/// What a file of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A complete segment.
    Segment(Segment),
    /// One that is being written, or was left with its timeline.
    Partial(Segment),
    /// The history of a timeline.
    History(u32),
}

/// A segment of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// Its number, from the beginning of all WAL.
    pub number: u64,
    /// Whose it is.
    pub timeline: u32,
}

impl Segment {
    /// The one that a place lies in.
    pub fn at(place: Place, size: SegmentSize) -> Self {
        Self { number: size.number(place.lsn), timeline: place.timeline }
    }

    /// Where it begins.
    pub fn start(self, size: SegmentSize) -> Place {
        Place { timeline: self.timeline, lsn: Lsn(self.number.saturating_mul(size.bytes())) }
    }

    /// Where the next one begins.
    pub fn end(self, size: SegmentSize) -> Place {
        Self { number: self.number.saturating_add(1), ..self }.start(size)
    }

    /// The name: timeline, and the number in two halves.
    pub fn name(self, size: SegmentSize) -> String {
        let each = (1_u64 << 32) / size.bytes();
        format!("{:08X}{:08X}{:08X}", self.timeline, self.number / each, self.number % each)
    }

    /// The name as long as it is not complete.
    pub fn partial(self, size: SegmentSize) -> String {
        self.name(size) + PARTIAL
    }
}

impl Name {
    /// Reads a name, for segments of this size.
    pub fn parse(name: &str, size: SegmentSize) -> Option<Self> {
        if let Some(timeline) = name.strip_suffix(".history") {
            return hex(timeline, 8).map(|timeline| Self::History(timeline as u32));
        }
        match name.strip_suffix(PARTIAL) {
            Some(whole) => segment(whole, size).map(Self::Partial),
            None => segment(name, size).map(Self::Segment),
        }
    }
}

/// The name of a timeline's history file.
pub fn history(timeline: u32) -> String {
    format!("{timeline:08X}.history")
}

fn segment(name: &str, size: SegmentSize) -> Option<Segment> {
    let digits = |from: usize| hex(name.get(from..from + 8)?, 8);
    let each = (1_u64 << 32) / size.bytes();
    let (timeline, high, low) = (digits(0)?, digits(8)?, digits(16)?);
    let fits = name.len() == 24 && timeline != 0 && low < each;
    fits.then(|| Segment { number: high * each + low, timeline: timeline as u32 })
}

/// So many upper-case digits.
fn hex(text: &str, digits: usize) -> Option<u64> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if fits { u64::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        for bytes in [1 << 20, 16 << 20, 64 << 20, 1 << 30] {
            let size = SegmentSize::of(bytes).unwrap();
            let each = (1 << 32) / bytes;
            for number in [0, 1, each - 1, each, 7 * each + 3] {
                let it = Segment { number, timeline: 0x1F };
                assert_eq!(Name::parse(&it.name(size), size), Some(Name::Segment(it)));
                assert_eq!(Name::parse(&it.partial(size), size), Some(Name::Partial(it)));
                assert_eq!(Segment::at(it.start(size), size), it);
                assert_eq!(it.end(size).lsn.0, (number + 1) * bytes);
            }
        }
        let size = SegmentSize::USUAL;
        let it = Segment { number: 0x1_0A, timeline: 2 };
        assert_eq!(it.name(size), "00000002000000010000000A");
        assert_eq!(Name::parse(&history(3), size), Some(Name::History(3)));
        for name in [
            "",
            "00000002000000010000000",
            "00000002000000010000000a",
            "000000020000000100000100",
            "000000000000000100000001",
            "00000002000000010000000A.gz",
            "00000002000000010000000A.partial.partial",
            "00000002000000010000000A.00000028.backup",
            "2.history",
            ".partial",
            "é0000002000000010000000",
        ] {
            assert_eq!(Name::parse(name, size), None, "{name}");
        }
    }
}
