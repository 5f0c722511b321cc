//! Which server it is, and on which history of the WAL: the same position on another one is another place (P12).
//!
//! It must never let a stream go on over a server whose history does not hold all that was delivered.

use crate::batch::{Provenance, Telling};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, FailoverPolicy};
use crate::position::Position;

/// What IDENTIFY_SYSTEM says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number that initdb gave the cluster; its standbys have it too.
    pub system: u64,
    /// The timeline that the server writes, or replays.
    pub timeline: u32,
    /// How far it has WAL: what is flushed, or on a standby received or replayed.
    pub end: Lsn,
    /// Whether it was a standby when it was asked. It may have been promoted since.
    pub role: Role,
    /// When its postmaster started, in microseconds since 1970, 0 if that is not known: with `system` it tells a
    /// running server from every other.
    pub started: u64,
}

/// Whether a server writes WAL or follows another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It writes.
    #[default]
    Primary,
    /// It follows.
    Standby,
}

/// How a server's history relates to that of the server before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// It is the same: the same timeline, or the same running server, which lost nothing when it was promoted.
    Same,
    /// It is a later one, whose branching off has to be looked at.
    Later,
}

/// Where a server's history left that of the server before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The position: what the server before had beyond it is not there.
    pub at: Lsn,
    /// Whether any of that was delivered.
    pub loss: Loss,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Come {
    /// The end of all that was delivered.
    pub delivered: Lsn,
    /// The end of what was acknowledged or reported.
    pub confirmed: Lsn,
}

/// How a server's history parted from that of the server before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Where, if it did.
    pub branch: Option<Branch>,
    /// What speaks for another answer.
    pub doubt: Option<Doubt>,
}

/// Nobody knows whether the standby that a stream came from was promoted after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// If it was not, what was delivered beyond this position is lost.
    pub at: Lsn,
    /// If it was, it went on to this timeline, and nothing is lost.
    pub timeline: u32,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, timeline } = self;
        write!(
            f,
            "the stream came from a standby, and goes on at another server as if that standby had been promoted to timeline {timeline}: if it was not, what was delivered beyond {at} is lost there"
        )
    }
}

/// Whether something was delivered that a server lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It has all that was delivered.
    Nothing,
    /// What was delivered beyond the branch never happened there, and new transactions have its positions.
    Delivered,
}

impl Identity {
    /// The server that a position is of, as far as it tells.
    pub fn of_position(position: &Position) -> Self {
        let (system, timeline) = (position.system_identifier, position.timeline);
        Self { system, timeline, ..Self::default() }
    }

    /// What events say of where they come from. A standby may be promoted while it sends, and does not say so: then nobody
    /// could tell of which history a position is.
    pub fn provenance(self, config: &Config) -> Provenance {
        let telling = match self.role {
            Role::Primary if config.decode => config.numbering().map_or(Telling::Ends, Telling::Each),
            // Only the plugin knows what its payloads are.
            Role::Primary | Role::Standby => Telling::Nothing,
        };
        Provenance { system: self.system, timeline: self.timeline, telling }
    }

    /// The question.
    pub const QUERY: &'static str = "IDENTIFY_SYSTEM";

    /// Understands the answer.
    pub fn parse(rows: &[Vec<Option<String>>]) -> Result<Self> {
        let cell = |at| rows.first().and_then(|row| row.get(at)).and_then(Option::as_deref).unwrap_or("");
        match (cell(0).parse(), cell(1).parse()) {
            (Ok(system), Ok(timeline)) => {
                // One that does not say it is believed to have everything.
                let end = cell(2).parse().unwrap_or(Lsn(u64::MAX));
                Ok(Self { system, timeline, end, ..Self::default() })
            }
            _ => Err(Error::new(Status::WAL_E_PROTOCOL, "the server does not say which system it is")),
        }
    }

    /// The same, as the server says of itself beyond that.
    #[must_use]
    pub fn known(self, role: Role, started: u64) -> Self {
        Self { role, started, ..self }
    }

    /// Whether a stream that came from the server `before` may look at this one at all.
    pub fn belongs_with(self, before: Self) -> Result<()> {
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
        Ok(())
    }

    /// How the history of this server, which belongs with the one `before`, relates to it.
    pub fn after(self, before: Self) -> Result<Lineage> {
        if self.started != 0 && self.started == before.started {
            return Ok(Lineage::Same);
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

    /// Where the history left that of `before`, which was delivered up to `come.delivered` and has confirmed up to
    /// `come.confirmed`. What was delivered beyond never happened on this server, and new transactions have its positions.
    pub fn branches_off(
        self,
        before: Self,
        history: &str,
        come: Come,
        policy: FailoverPolicy,
    ) -> Result<Parting> {
        let Come { delivered, confirmed } = come;
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
        // A standby may have been promoted since it was asked, and what it sent then is of the timeline that follows.
        if before.role == Role::Standby && delivered.max(confirmed) > at {
            let next = following(history, before.timeline).unwrap_or(self.timeline);
            let doubt = Some(Doubt { at, timeline: next });
            match parse_history(history, next) {
                None => return Ok(Parting { branch: None, doubt }),
                Some(at) if delivered <= at => {
                    return Ok(Parting { branch: Some(Branch { at, loss: Loss::Nothing }), doubt });
                }
                Some(_) => {}
            }
        }
        if delivered <= at {
            return Ok(Parting { branch: Some(Branch { at, loss: Loss::Nothing }), doubt: None });
        }
        if policy == FailoverPolicy::Rewind {
            return Ok(Parting { branch: Some(Branch { at, loss: Loss::Delivered }), doubt: None });
        }
        Err(Error::new(
            Status::WAL_E_DELIVERED_BEYOND,
            format!(
                "the server was promoted to timeline {} at {at}, and changes up to {delivered} were delivered: what lies between is lost on it",
                self.timeline
            ),
        )
        .with_hint("Undo what was delivered beyond that position, or copy the tables again. Option failover_policy=rewind goes on and says so. From PostgreSQL 17 on, synchronized_standby_slots on the primary keeps this from happening."))
    }
}

/// The timeline that comes after another in a history file; none if that is the last.
fn following(history: &str, timeline: u32) -> Option<u32> {
    let numbers = history.lines().filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok());
    numbers.skip_while(|number| *number != timeline).nth(1)
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
    use crate::options::Options;

    const HISTORY: &str =
        "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2026-01-01\n";

    fn identity(timeline: u32) -> Identity {
        Identity { system: 7, timeline, ..Identity::default() }
    }

    fn delivered(delivered: u64) -> Come {
        Come { delivered: Lsn(delivered), confirmed: Lsn(0) }
    }

    fn left(at: Lsn, loss: Loss) -> Parting {
        Parting { branch: Some(Branch { at, loss }), doubt: None }
    }

    #[test]
    fn p12_another_system_and_an_older_timeline_are_not_followed() {
        let rows = |a: &str, b: &str| vec![vec![Some(a.to_owned()), Some(b.to_owned()), None, None]];
        let now = Identity::parse(&rows("7560123456789012345", "3")).unwrap();
        assert_eq!((now.system, now.timeline, now.end), (7_560_123_456_789_012_345, 3, Lsn(u64::MAX)));
        assert_eq!(Identity::parse(&[]).unwrap_err().status(), Status::WAL_E_PROTOCOL);
        assert_eq!(now.belongs_with(identity(3)).unwrap_err().status(), Status::WAL_E_SYSTEM_MISMATCH);
        assert_eq!(identity(3).after(identity(3)), Ok(Lineage::Same));
        assert_eq!(identity(4).after(identity(3)), Ok(Lineage::Later));
        let older = identity(2).after(identity(3)).unwrap_err();
        assert!(older.status() == Status::WAL_E_NOT_READY && older.is_retriable());
    }

    #[test]
    fn p12_what_was_told_beyond_the_branch_is_never_passed_over() {
        let branch = Lsn(0x0300_0148);
        for (end, fits) in [(0, true), (0x0300_0148, true), (0x0300_0149, false), (u64::MAX, false)] {
            let rewound =
                identity(3).branches_off(identity(1), HISTORY, delivered(end), FailoverPolicy::Rewind);
            let loss = if fits { Loss::Nothing } else { Loss::Delivered };
            assert_eq!(rewound, Ok(left(branch, loss)));
            match identity(3).branches_off(identity(1), HISTORY, delivered(end), FailoverPolicy::Fail) {
                Ok(found) => assert!(fits && found == left(branch, loss)),
                Err(error) => {
                    assert!(
                        !fits && error.status() == Status::WAL_E_DELIVERED_BEYOND && !error.is_retriable()
                    );
                }
            }
        }
        let second = identity(3).branches_off(identity(2), HISTORY, delivered(5), FailoverPolicy::Fail);
        assert_eq!(second, Ok(left(Lsn(0x0500_0000), Loss::Nothing)));
        for history in ["", "x", "9\t0/1\tr", "1\tnowhere\tr"] {
            for policy in [FailoverPolicy::Fail, FailoverPolicy::Rewind] {
                let error = identity(3).branches_off(identity(1), history, delivered(0), policy).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_SYSTEM_MISMATCH);
            }
        }
    }

    /// It may be promoted at any time, and what it sends then is of another timeline.
    #[test]
    fn p12_what_a_standby_sends_tells_no_position() {
        let config = |pairs: &[(&str, &str)]| {
            let mut options = Options::new();
            let needed = [("conninfo", "host=h user=u dbname=d"), ("slot", "s"), ("publication", "p")];
            needed.iter().chain(pairs).for_each(|(key, value)| options.set(key, Some(value)).unwrap());
            options.config().unwrap()
        };
        let usual = config(&[]);
        let telling = |role, config: &Config| identity(1).known(role, 9).provenance(config).telling;
        assert_eq!(telling(Role::Standby, &usual), Telling::Nothing);
        assert_eq!(telling(Role::Primary, &usual), Telling::Each(usual.numbering().unwrap()));
        assert_eq!(
            telling(Role::Primary, &config(&[("publication", "p,p")])),
            telling(Role::Primary, &usual)
        );
        assert_ne!(telling(Role::Primary, &config(&[("messages", "on")])), telling(Role::Primary, &usual));
        assert_eq!(telling(Role::Primary, &config(&[("streaming", "on")])), Telling::Ends);
    }

    #[test]
    fn s11_the_same_running_server_is_the_same_on_any_timeline() {
        let was = identity(1).known(Role::Standby, 99);
        assert_eq!(identity(2).known(Role::Primary, 99).after(was), Ok(Lineage::Same));
        assert_eq!(identity(2).known(Role::Primary, 98).after(was), Ok(Lineage::Later));
        assert_eq!(identity(2).after(identity(1)), Ok(Lineage::Later), "what is not known is not the same");
    }

    #[test]
    fn s11_a_standby_may_have_been_promoted_since_it_was_asked() {
        let (standby, fail) = (identity(1).known(Role::Standby, 99), FailoverPolicy::Fail);
        let (first, second) = (Lsn(0x0300_0148), Lsn(0x0500_0000));
        let of = |timeline, delivered, confirmed| {
            let come = Come { delivered: Lsn(delivered), confirmed: Lsn(confirmed) };
            identity(timeline).branches_off(standby, HISTORY, come, fail)
        };
        // Nothing was delivered or confirmed that either answer would lose.
        assert_eq!(of(3, first.0, first.0), Ok(left(first, Loss::Nothing)));
        let doubt = Some(Doubt { at: first, timeline: 2 });
        let branch = Some(Branch { at: second, loss: Loss::Nothing });
        assert_eq!(of(3, first.0 + 1, 0), Ok(Parting { branch, doubt }));
        assert_eq!(of(3, 0, first.0 + 1), Ok(Parting { branch, doubt }), "a slot that went on by itself");
        // Lost, whichever it was.
        assert_eq!(of(3, second.0 + 1, 0).unwrap_err().status(), Status::WAL_E_DELIVERED_BEYOND);
        // The server is on the timeline that the standby would have gone on to.
        let one = "1\t0/3000148\tr\n";
        let come = Come { delivered: Lsn(u64::MAX), confirmed: Lsn(0) };
        let found = identity(2).branches_off(standby, one, come, fail);
        assert_eq!(found, Ok(Parting { branch: None, doubt }));
    }
}
