//! A position: how far a program has come in the changes of one system, as a thing to store, read back and compare.
//!
//! Plain arithmetic. It must never call two positions comparable that lie on different histories.

use std::cmp::Ordering;
use std::{fmt, str::FromStr};

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// How far a program has come: everything up to here is safe with it, and all that follows is not.
///
/// Store it in the same step as the data, as text: its `Display` form is stable. At the next start give it to
/// [`Options::resume_after`](crate::Options::resume_after).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// The number that initdb gave the cluster; its standbys have it too.
    pub system_identifier: u64,
    /// The timeline of the server that sent the change.
    pub timeline: u32,
    /// The commit record of the transaction; 0 where the position is of none.
    pub commit_lsn: Lsn,
    /// The number of the last change of the transaction that is safe, from 0. It means nothing where `end_lsn` is set.
    pub sequence: u64,
    /// What to acknowledge: the end of the transaction. 0 inside it.
    pub end_lsn: Lsn,
    /// How changes were numbered, by the options that decide it: inside a transaction another stream must number them alike.
    /// 0 at an end.
    pub numbering: u32,
}

impl Position {
    /// The longest text of one.
    pub const LONGEST: usize = 97;

    /// Whether there is no position: neither a transaction nor an end.
    pub fn is_none(&self) -> bool {
        self.commit_lsn == Lsn(0) && self.end_lsn == Lsn(0)
    }

    /// Whether it lies inside a transaction, behind a change and before the end.
    pub fn is_inside(&self) -> bool {
        self.end_lsn == Lsn(0) && self.commit_lsn != Lsn(0)
    }

    /// How two positions of one timeline lie. `Equal`: both leave the same to do.
    ///
    /// An error of class `SystemMismatch`: they are of two systems, or of two timelines. Which of those comes first only a
    /// server's history tells, and connecting looks there.
    pub fn compare(&self, other: &Self) -> Result<Ordering> {
        let mismatch = |what: &str, a: String, b: String| {
            Error::new(
                Status::WAL_E_SYSTEM_MISMATCH,
                format!("the positions are of different {what}: {a} and {b}"),
            )
        };
        if self.system_identifier != other.system_identifier {
            let (a, b) = (self.system_identifier.to_string(), other.system_identifier.to_string());
            return Err(mismatch("systems", a, b).with_hint("Positions of two clusters have no order."));
        }
        if self.timeline != other.timeline {
            let hint =
                "Only the history of a server tells: resume after the position, and connecting looks there.";
            let (a, b) = (self.timeline.to_string(), other.timeline.to_string());
            return Err(mismatch("timelines", a, b).with_hint(hint));
        }
        Ok(self.rank().cmp(&other.rank()))
    }

    /// Where streaming begins: the server sends every transaction whose commit record begins there or later.
    pub(crate) fn start(&self) -> Lsn {
        if self.is_inside() { self.commit_lsn } else { self.end_lsn }
    }

    /// Every transaction whose commit record begins before it is had whole.
    pub(crate) fn whole_until(&self) -> u64 {
        match self.end_lsn.0 {
            0 => self.commit_lsn.0,
            // Of what may be acknowledged less than what is had, while prepared transactions are kept.
            end if end <= self.commit_lsn.0 => self.commit_lsn.0.saturating_add(1),
            end => end,
        }
    }

    /// The end of all that is had. Of a transaction in part its record must be there too.
    pub(crate) fn reach(&self) -> Lsn {
        let partial = if self.is_inside() { self.commit_lsn.0.saturating_add(1) } else { 0 };
        Lsn(self.whole_until().max(partial))
    }

    /// What orders positions: up to where all is had, and what of the transaction behind it.
    fn rank(&self) -> (u64, u64) {
        let within = if self.is_inside() { self.sequence.saturating_add(1) } else { 0 };
        (self.whole_until(), within)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system_identifier, timeline, commit_lsn, sequence, end_lsn, numbering } = self;
        write!(f, "{system_identifier}:{timeline}:{commit_lsn}:{sequence}:{end_lsn}")?;
        if *numbering == 0 { Ok(()) } else { write!(f, ":{numbering:X}") }
    }
}

impl FromStr for Position {
    type Err = Error;

    /// Only the very text that `Display` writes is one, so that equal positions are equal texts.
    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let mut parts = text.splitn(6, ':');
            let it = Self {
                system_identifier: parts.next()?.parse().ok()?,
                timeline: parts.next()?.parse().ok()?,
                commit_lsn: parts.next()?.parse().ok()?,
                sequence: parts.next()?.parse().ok()?,
                end_lsn: parts.next()?.parse().ok()?,
                numbering: parts.next().map_or(Some(0), |part| u32::from_str_radix(part, 16).ok())?,
            };
            (it.to_string() == text).then_some(it)
        };
        // What is longer is none, and is not repeated.
        let found = if text.len() <= Self::LONGEST { parse() } else { None };
        found.ok_or_else(|| {
            let shown: String = text.chars().take(Self::LONGEST).collect();
            Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("\"{}\" is not a position", shown.escape_debug()))
                .with_hint("A position is system:timeline:commit:sequence:end, and inside a transaction :numbering, as in 7560123456789012345:1:0/16B3748:3:0/0:1F.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(commit: u64, sequence: u64, end: u64) -> Position {
        let (commit_lsn, end_lsn) = (Lsn(commit), Lsn(end));
        Position { system_identifier: 7, timeline: 1, commit_lsn, sequence, end_lsn, numbering: 0 }
    }

    #[test]
    fn a_position_has_one_text_and_a_text_one_position() {
        let highest = Position {
            system_identifier: u64::MAX,
            timeline: u32::MAX,
            commit_lsn: Lsn(u64::MAX),
            sequence: u64::MAX,
            end_lsn: Lsn(u64::MAX),
            numbering: u32::MAX,
        };
        assert_eq!(highest.to_string().len(), Position::LONGEST);
        let numbered = Position { numbering: 0x1F, ..at(0x16B_3748, 3, 0) };
        assert_eq!(numbered.to_string(), "7:1:0/16B3748:3:0/0:1F");
        for position in [Position::default(), at(0x16B_3748, 3, 0), at(0, 0, 0x16B_3748), numbered, highest] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert_eq!(at(0x16B_3748, 3, 0).to_string(), "7:1:0/16B3748:3:0/0");
        let long = "7".repeat(1 << 20);
        for bad in [
            "",
            ":",
            "7:1:0/1:3",
            "7:1:0/1:3:0/0:",
            "7:1:0/1:3:0/0:0",
            "7:1:0/1:3:0/0:1f",
            "7:1:0/1:3:0/0:01",
            "7:1:0/1:3:0/0:1:",
            "7:1:0/1:3:0/0:100000000",
            "7:1:0/1:3:0/0 ",
            "07:1:0/1:3:0/0",
            "+7:1:0/1:3:0/0",
            "7:1:0/01:3:0/0",
            "7:1:0/a:3:0/0",
            "7:-1:0/1:3:0/0",
            "7:4294967296:0/1:3:0/0",
            "7:1:1:3:0/0",
            "7:1:0/1:3:0/0\0",
            &long,
        ] {
            let error = bad.parse::<Position>().unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_INVALID_ARGUMENT, "{bad}");
            assert!(error.message().len() < 200);
        }
    }

    #[test]
    fn positions_are_ordered_as_the_stream_delivers() {
        // A transaction at 100 that ends at 150, another whose record begins there, progress, a message that ends at 340, and a
        // transaction whose record begins there.
        let order = [
            at(100, 0, 0),
            at(100, 1, 0),
            at(100, 2, 150),
            at(150, 0, 0),
            at(150, 1, 190),
            at(0, 0, 250),
            at(339, 0, 340),
            at(340, 0, 0),
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(a.compare(b), Ok(i.cmp(&j)), "{a} {b}");
            }
        }
        assert_eq!(at(100, 2, 150).compare(&at(0, 0, 150)), Ok(Ordering::Equal), "both leave the same to do");
        // While a prepared transaction is kept, the end stays behind it.
        assert_eq!(at(100, 2, 150).compare(&at(200, 5, 120)), Ok(Ordering::Less));
        assert_eq!(at(200, 5, 120).compare(&at(200, 4, 0)), Ok(Ordering::Greater));
        assert_eq!(at(200, 5, 120).compare(&at(230, 0, 120)), Ok(Ordering::Less));
        assert_eq!(at(200, 5, 120).compare(&at(0, 0, 240)), Ok(Ordering::Less));
    }

    #[test]
    fn p12_positions_of_two_histories_have_no_order() {
        let here = at(100, 0, 150);
        for other in [Position { system_identifier: 8, ..here }, Position { timeline: 2, ..here }] {
            for (a, b) in [(here, other), (other, here)] {
                assert_eq!(a.compare(&b).unwrap_err().status(), Status::WAL_E_SYSTEM_MISMATCH);
            }
        }
    }

    #[test]
    fn a_position_tells_what_is_had() {
        let told =
            |it: Position| (it.start().0, it.whole_until(), it.reach().0, it.is_inside(), it.is_none());
        assert_eq!(told(Position::default()), (0, 0, 0, false, true));
        assert_eq!(told(at(100, 3, 0)), (100, 100, 101, true, false));
        assert_eq!(told(at(100, 3, 150)), (150, 150, 150, false, false));
        assert_eq!(told(at(0, 0, 150)), (150, 150, 150, false, false));
        assert_eq!(told(at(200, 5, 120)), (120, 201, 201, false, false));
        assert_eq!(told(at(u64::MAX, u64::MAX, 0)).2, u64::MAX);
    }
}
