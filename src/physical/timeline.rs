//! The history of a timeline, as its file tells: which timelines came before, and where each was left. It must never take a
//! history for one that is not in the order of its timelines.

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// More promotions than any cluster has seen.
const MOST: usize = 65_536;

/// The ancestors of a timeline, oldest first, and where each of them ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    timeline: u32,
    ancestors: Vec<(u32, Lsn)>,
}

impl History {
    /// Of a timeline that has none before it.
    pub fn of_first(timeline: u32) -> Self {
        Self { timeline, ancestors: Vec::new() }
    }

    /// Reads the file of a timeline: a line for each ancestor with timeline, position and reason; comments begin with `#`
    /// (readTimeLineHistory).
    pub fn parse(timeline: u32, text: &str) -> Result<Self> {
        let mut ancestors: Vec<(u32, Lsn)> = Vec::new();
        let damaged = |line: &str| {
            let shown: String = line.chars().take(80).collect();
            let text = format!("the history of timeline {timeline} has a line \"{}\"", shown.escape_debug());
            Error::new(Status::WAL_E_PROTOCOL, text)
        };
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let number = words.next().and_then(|word| word.parse::<u32>().ok());
            let end = words.next().and_then(|word| word.parse::<Lsn>().ok());
            let (Some(number), Some(end)) = (number, end) else { return Err(damaged(line)) };
            let (before, from) = ancestors.last().copied().unwrap_or((0, Lsn(0)));
            if number <= before || number >= timeline || end < from || ancestors.len() >= MOST {
                return Err(damaged(line));
            }
            ancestors.push((number, end));
        }
        Ok(Self { timeline, ancestors })
    }

    /// Whose it is.
    pub fn timeline(&self) -> u32 {
        self.timeline
    }

    /// Whether a timeline is this one or comes before it.
    pub fn has(&self, timeline: u32) -> bool {
        timeline == self.timeline || self.end_of(timeline).is_some()
    }

    /// Whether two histories tell the same of what came before a timeline. Two servers that were promoted apart may give their
    /// timelines one number.
    pub fn agrees_before(&self, other: &Self, timeline: u32) -> bool {
        let before = |it: &Self| {
            it.ancestors.iter().filter(|(number, _)| *number < timeline).copied().collect::<Vec<_>>()
        };
        before(self) == before(other)
    }

    /// The ancestors, oldest first, and where each ended.
    pub fn ancestors(&self) -> &[(u32, Lsn)] {
        &self.ancestors
    }

    /// Where an ancestor ended; nothing for the timeline itself, which goes on, and for a stranger.
    pub fn end_of(&self, timeline: u32) -> Option<Lsn> {
        self.ancestors.iter().find(|(number, _)| *number == timeline).map(|(_, end)| *end)
    }

    /// The timeline that follows an ancestor.
    pub fn after(&self, timeline: u32) -> Option<u32> {
        let at = self.ancestors.iter().position(|(number, _)| *number == timeline)?;
        Some(self.ancestors.get(at + 1).map_or(self.timeline, |(number, _)| *number))
    }

    /// The timeline that has the WAL behind a position.
    pub fn holder(&self, lsn: Lsn) -> u32 {
        self.ancestors.iter().find(|(_, end)| lsn < *end).map_or(self.timeline, |(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2026\n";

    #[test]
    fn a_history_tells_who_holds_a_position_and_what_follows() {
        let history = History::parse(4, TEXT).unwrap();
        assert_eq!(history.end_of(1), Some(Lsn(0x300_0148)));
        assert_eq!((history.after(1), history.after(2), history.after(4)), (Some(2), Some(4), None));
        for (lsn, timeline) in [(0, 1), (0x300_0147, 1), (0x300_0148, 2), (0x4FF_FFFF, 2), (0x500_0000, 4)] {
            assert_eq!(history.holder(Lsn(lsn)), timeline, "{lsn:X}");
        }
        assert!(history.has(4) && history.has(2) && !history.has(3));
        assert_eq!(History::of_first(1).holder(Lsn(9)), 1);
        // 19 is to pad the second half to eight digits.
        assert_eq!(History::parse(2, "1\t0/03000148\tx").unwrap().end_of(1), Some(Lsn(0x300_0148)));
    }

    #[test]
    fn ph7_two_timelines_of_one_number_are_told_apart_by_what_came_before() {
        let first = History::parse(2, "1\t0/3000148\tr").unwrap();
        let other = History::parse(2, "1\t0/3000200\tr").unwrap();
        let later = History::parse(3, "1\t0/3000148\tr\n2\t0/5000000\tr").unwrap();
        assert!(!first.agrees_before(&other, 2) && first.agrees_before(&later, 2));
        // A stream that is on the first one still has only what both have.
        assert!(first.agrees_before(&other, 1) && History::of_first(1).agrees_before(&other, 1));
        assert!(!later.agrees_before(&other, 3));
    }

    #[test]
    fn ph7_a_history_that_is_none_is_refused() {
        for text in [
            "x",
            "1",
            "1\tnowhere\tr",
            "2\t0/5\tr\n1\t0/6\tr",
            "1\t0/9\tr\n2\t0/5\tr",
            "4\t0/1\tr",
            "0\t0/1\tr",
        ] {
            let error = History::parse(4, text).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_PROTOCOL, "{text}");
        }
        let error = History::parse(4, &"y".repeat(1 << 20)).unwrap_err();
        assert!(error.message().len() < 200);
    }

    proptest::proptest! {
        #[test]
        fn ph20_no_text_brings_it_down(text in "([0-9]{1,12}\t[0-9A-F]{1,9}/[0-9A-F]{1,9}\t?[a-z]*\n|[ -~]*\n|\\PC*)*", of in 1_u32..9) {
            if let Ok(history) = History::parse(of, &text) {
                for timeline in 0..10 {
                    assert_eq!(history.after(timeline).is_some(), history.end_of(timeline).is_some());
                }
            }
        }
    }
}
