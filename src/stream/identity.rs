//! Which server it is, and on which history of the WAL: the same position on another one is another place (P12).
//!
//! It must never let a stream go on over a server whose history does not hold all that was told.

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::FailoverPolicy;

/// What IDENTIFY_SYSTEM says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number that initdb gave the cluster; its standbys have it too.
    pub system: u64,
    /// The timeline that the server writes, or replays.
    pub timeline: u32,
}

/// How a server's history relates to that of the server before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// It is the same.
    Same,
    /// It is a later one, whose branching off has to be looked at.
    Later,
}

/// Where a server's history left that of the server before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The position: what the server before had beyond it is not there.
    pub at: Lsn,
    /// Whether any of that was told.
    pub loss: Loss,
}

/// Whether something was told that a server lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It has all that was told.
    Nothing,
    /// What was told beyond the branch never happened there, and new transactions have its positions.
    Told,
}

impl Identity {
    /// The question.
    pub const QUERY: &'static str = "IDENTIFY_SYSTEM";

    /// Understands the answer.
    pub fn parse(rows: &[Vec<Option<String>>]) -> Result<Self> {
        let cell = |at| rows.first().and_then(|row| row.get(at)).and_then(Option::as_deref).unwrap_or("");
        match (cell(0).parse(), cell(1).parse()) {
            (Ok(system), Ok(timeline)) => Ok(Self { system, timeline }),
            _ => Err(Error::new(Status::WAL_E_PROTOCOL, "the server does not say which system it is")),
        }
    }

    /// Whether a stream that came from the server `before` may look at this one.
    pub fn after(self, before: Self) -> Result<Lineage> {
        if self.system != before.system {
            return Err(Error::new(
                Status::WAL_E_SYSTEM_MISMATCH,
                format!(
                    "the server is another one than before: its system identifier is {}, and was {}",
                    self.system, before.system
                ),
            )
            .with_hint(
                "Its positions mean nothing to this stream. Correct the conninfo, or copy the tables again.",
            ));
        }
        if self.timeline < before.timeline {
            return Err(Error::new(
                Status::WAL_E_NOT_READY,
                format!(
                    "the server is on timeline {}, and the stream has followed a later one, {}",
                    self.timeline, before.timeline
                ),
            )
            .with_hint("It is an old primary, or a standby that is behind: stop it, or let it follow the new primary."));
        }
        Ok(if self.timeline == before.timeline { Lineage::Same } else { Lineage::Later })
    }

    /// The question for the history of this timeline.
    pub fn history_query(self) -> String {
        format!("TIMELINE_HISTORY {}", self.timeline)
    }

    /// Where the history left that of `before`. What was `told` beyond never happened on this server, and new
    /// transactions have its positions.
    pub fn branches_off(
        self,
        before: Self,
        history: &str,
        told: Lsn,
        policy: FailoverPolicy,
    ) -> Result<Branch> {
        let at = parse_history(history, before.timeline).ok_or_else(|| {
            Error::new(
                Status::WAL_E_SYSTEM_MISMATCH,
                format!(
                    "the server's timeline {} does not come from timeline {}",
                    self.timeline, before.timeline
                ),
            )
            .with_hint("It was restored or promoted beside the server before: copy the tables again.")
        })?;
        if told <= at {
            return Ok(Branch { at, loss: Loss::Nothing });
        }
        if policy == FailoverPolicy::Rewind {
            return Ok(Branch { at, loss: Loss::Told });
        }
        Err(Error::new(
            Status::WAL_E_DELIVERED_BEYOND,
            format!(
                "the server was promoted to timeline {} at {at}, and changes up to {told} were delivered: what lies between is lost on it",
                self.timeline
            ),
        )
        .with_hint("Undo what was delivered beyond that position, or copy the tables again. Option failover_policy=rewind goes on and says so. From PostgreSQL 17 on, synchronized_standby_slots on the primary keeps this from happening."))
    }
}

/// Where a timeline ended, by the history file of one of its descendants (readTimeLineHistory): lines of timeline,
/// position and reason, and comments.
fn parse_history(history: &str, timeline: u32) -> Option<Lsn> {
    history.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let number: u32 = words.next()?.parse().ok()?;
        let end = words.next()?.parse().ok()?;
        (number == timeline).then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str =
        "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2026-01-01\n";

    fn identity(timeline: u32) -> Identity {
        Identity { system: 7, timeline }
    }

    #[test]
    fn p12_another_system_and_an_older_timeline_are_not_followed() {
        let rows = |a: &str, b: &str| vec![vec![Some(a.to_owned()), Some(b.to_owned()), None, None]];
        let now = Identity::parse(&rows("7560123456789012345", "3")).unwrap();
        assert_eq!(now, Identity { system: 7_560_123_456_789_012_345, timeline: 3 });
        assert_eq!(Identity::parse(&[]).unwrap_err().status(), Status::WAL_E_PROTOCOL);
        assert_eq!(now.after(identity(3)).unwrap_err().status(), Status::WAL_E_SYSTEM_MISMATCH);
        assert_eq!(identity(3).after(identity(3)), Ok(Lineage::Same));
        assert_eq!(identity(4).after(identity(3)), Ok(Lineage::Later));
        let older = identity(2).after(identity(3)).unwrap_err();
        assert!(older.status() == Status::WAL_E_NOT_READY && older.is_retriable());
    }

    #[test]
    fn p12_what_was_told_beyond_the_branch_is_never_passed_over() {
        let branch = Lsn(0x0300_0148);
        for (told, fits) in [(0, true), (0x0300_0148, true), (0x0300_0149, false), (u64::MAX, false)] {
            let rewound = identity(3).branches_off(identity(1), HISTORY, Lsn(told), FailoverPolicy::Rewind);
            let loss = if fits { Loss::Nothing } else { Loss::Told };
            assert_eq!(rewound, Ok(Branch { at: branch, loss }));
            match identity(3).branches_off(identity(1), HISTORY, Lsn(told), FailoverPolicy::Fail) {
                Ok(found) => assert!(fits && found == Branch { at: branch, loss }),
                Err(error) => {
                    assert!(
                        !fits && error.status() == Status::WAL_E_DELIVERED_BEYOND && !error.is_retriable()
                    );
                }
            }
        }
        let second = identity(3).branches_off(identity(2), HISTORY, Lsn(5), FailoverPolicy::Fail);
        assert_eq!(second, Ok(Branch { at: Lsn(0x0500_0000), loss: Loss::Nothing }));
        for history in ["", "x", "9\t0/1\tr", "1\tnowhere\tr"] {
            for policy in [FailoverPolicy::Fail, FailoverPolicy::Rewind] {
                let error = identity(3).branches_off(identity(1), history, Lsn(0), policy).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_SYSTEM_MISMATCH);
            }
        }
    }
}
