//! Work that is begun in the order of delivery and finished in any: how far all of it is finished (P25).
//!
//! It must never count anything as safe that lies behind what is not finished, nor say of one history what was meant for
//! another (P12).

use std::collections::VecDeque;

use crate::batch::Event;
use crate::error::{Error, Result, Status};
use crate::position::Position;

/// The units of work that are begun, from the first that is not finished on.
#[derive(Debug)]
pub struct Ledger {
    units: VecDeque<Unit>,
    /// The number of the first of them.
    first: u64,
    most: usize,
    /// Where all that was finished without a gap has come to.
    safe: Option<Position>,
    /// What of it may be acknowledged.
    acknowledged: u64,
    /// The timeline of the unit that was begun last.
    timeline: u32,
}

/// What a unit of work says as it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Where it ends, if that can be resumed after.
    position: Option<Position>,
    /// What acknowledges it, 0 where nothing does.
    ack_lsn: u64,
    timeline: u32,
}

impl From<Option<Position>> for Begun {
    fn from(position: Option<Position>) -> Self {
        let (ack_lsn, timeline) = position.map_or((0, 0), |it| (it.end_lsn.0, it.timeline));
        Self { position, ack_lsn, timeline }
    }
}

impl From<&Event> for Begun {
    /// It may be acknowledged where it tells no position.
    fn from(event: &Event) -> Self {
        Self { position: event.position(), ack_lsn: event.ack_lsn, timeline: event.timeline() }
    }
}

#[derive(Debug)]
struct Unit {
    position: Option<Position>,
    /// What acknowledges it, 0 where nothing does.
    ack_lsn: u64,
    work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Open,
    Done,
}

impl Ledger {
    /// As many units as nobody chose a number for.
    pub const USUAL: usize = 1 << 16;

    /// Nothing begun yet; at most `most` units are kept at once.
    pub fn new(most: usize) -> Self {
        Self { units: VecDeque::new(), first: 1, most, safe: None, acknowledged: 0, timeline: 0 }
    }

    /// A unit begins, behind all that were begun before. Gives its number.
    pub fn begin(&mut self, unit: impl Into<Begun>) -> Result<u64> {
        let begun @ Begun { position, ack_lsn, .. } = unit.into();
        if self.units.len() >= self.most {
            return Err(Error::new(
                Status::WAL_E_STATE,
                format!("{} units of work are kept, and no more may be: the first is not done", self.most),
            )
            .with_retriable(true)
            .with_hint("Wait until some of the work is done, the oldest first, and begin again."));
        }
        self.enter(begun);
        self.units.try_reserve(1).map_err(|_| Error::no_memory("a unit of work", size_of::<Unit>()))?;
        self.units.push_back(Unit { position, ack_lsn, work: Work::Open });
        Ok(self.first + (self.units.len() as u64 - 1))
    }

    /// A unit is finished. Tells whether more may be acknowledged now.
    pub fn done(&mut self, number: u64) -> Result<bool> {
        let place = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some(place) = place else {
            return Err(if number == 0 { unknown(number) } else { done_twice(number) });
        };
        match self.units.get_mut(place) {
            None => return Err(unknown(number)),
            Some(unit) if unit.work == Work::Done => return Err(done_twice(number)),
            Some(unit) => unit.work = Work::Done,
        }
        let before = self.acknowledged;
        while self.units.front().is_some_and(|unit| unit.work == Work::Done) {
            let Some(unit) = self.units.pop_front() else { break };
            self.first += 1;
            self.safe = unit.position.or(self.safe);
            self.acknowledged = self.acknowledged.max(unit.ack_lsn);
        }
        Ok(self.acknowledged > before)
    }

    /// Where all that was finished without a gap has come to.
    pub fn position(&self) -> Option<Position> {
        self.safe
    }

    /// What may be acknowledged; 0 is nothing.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many units are kept: those that are open, and those behind the first of them.
    pub fn kept(&self) -> usize {
        self.units.len()
    }

    /// On another timeline the same positions are other places: what lies beyond its first may not be said of it.
    fn enter(&mut self, Begun { position, ack_lsn, timeline }: Begun) {
        if position.is_none() && ack_lsn == 0 {
            return;
        }
        let before = std::mem::replace(&mut self.timeline, timeline);
        if before == 0 || before == timeline {
            return;
        }
        let commit_lsn = position.map_or(0, |position| position.commit_lsn.0);
        let begins = [commit_lsn, ack_lsn].into_iter().filter(|at| *at != 0).min();
        let most = begins.unwrap_or(u64::MAX);
        self.acknowledged = self.acknowledged.min(most);
        self.units.iter_mut().for_each(|unit| unit.ack_lsn = unit.ack_lsn.min(most));
    }
}

fn unknown(number: u64) -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("no unit of work was begun with the number {number}"))
        .with_hint("Give back what beginning gave.")
}

fn done_twice(number: u64) -> Error {
    Error::new(Status::WAL_E_STATE, format!("the unit of work {number} was done before"))
        .with_hint("Each is done once: two parts of the program believe that they own it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Arrays, EventKind};
    use crate::lsn::Lsn;

    fn at(timeline: u32, commit: u64, sequence: u64, end: u64) -> Option<Position> {
        let (commit_lsn, end_lsn) = (Lsn(commit), Lsn(end));
        Some(Position { system_identifier: 7, timeline, commit_lsn, sequence, end_lsn, numbering: 0 })
    }

    #[test]
    fn p25_nothing_is_safe_behind_what_is_not_finished() {
        let mut it = Ledger::new(10);
        let begun: Vec<u64> =
            [at(1, 100, 0, 0), None, at(1, 100, 1, 0), at(1, 100, 2, 150), at(1, 0, 0, 180)]
                .into_iter()
                .map(|position| it.begin(position).unwrap())
                .collect();
        assert_eq!(begun, [1, 2, 3, 4, 5]);
        for number in [5, 4, 2] {
            assert!(!it.done(number).unwrap());
            assert_eq!((it.position(), it.acknowledged(), it.kept()), (None, 0, 5));
        }
        assert!(!it.done(1).unwrap());
        assert_eq!((it.position(), it.acknowledged(), it.kept()), (at(1, 100, 0, 0), 0, 3));
        assert!(it.done(3).unwrap());
        assert_eq!((it.position(), it.acknowledged(), it.kept()), (at(1, 0, 0, 180), 180, 0));
        assert_eq!(it.begin(None).unwrap(), 6);
    }

    #[test]
    fn p25_what_tells_no_position_is_acknowledged_all_the_same() {
        let mut it = Ledger::new(10);
        let place = it.begin(at(1, 100, 2, 150)).unwrap();
        let raw = Event { ack_lsn: 180, ..Event::new(EventKind::WAL_EVENT_RAW) };
        let late = {
            let mut late = Arrays::new(1, 0);
            // SAFETY: it points at nothing.
            unsafe { late.push_event(raw) };
            late.untell_newest();
            it.begin(&late.events()[0]).unwrap()
        };
        assert!(it.done(place).unwrap());
        assert!(it.done(late).unwrap());
        assert_eq!((it.position(), it.acknowledged()), (at(1, 100, 2, 150), 180));
    }

    #[test]
    fn misuse_is_refused_and_changes_nothing() {
        let mut it = Ledger::new(2);
        assert_eq!(it.done(0).unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        assert_eq!(it.done(1).unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        let (first, second) = (it.begin(at(1, 100, 0, 0)).unwrap(), it.begin(at(1, 100, 0, 150)).unwrap());
        let full = it.begin(None).unwrap_err();
        assert!(full.status() == Status::WAL_E_STATE && full.is_retriable());
        assert!(!it.done(second).unwrap());
        let twice = it.done(second).unwrap_err();
        assert!(twice.status() == Status::WAL_E_STATE && !twice.is_retriable());
        assert!(it.begin(None).is_err(), "what waits for the first is kept too");
        assert!(it.done(first).unwrap());
        for number in [first, second] {
            assert_eq!(it.done(number).unwrap_err().status(), Status::WAL_E_STATE);
        }
        assert_eq!(it.done(u64::MAX).unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        assert_eq!((it.acknowledged(), it.begin(None).unwrap()), (150, 3));
    }

    #[test]
    fn p12_what_is_finished_of_the_old_history_acknowledges_nothing_of_the_new() {
        let mut it = Ledger::new(10);
        let lost = it.begin(at(1, 120, 0, 130)).unwrap();
        // The server was promoted at 100; the new history has other things up to 130.
        let rewound = it.begin(at(2, 0, 0, 100)).unwrap();
        let fresh = it.begin(at(2, 105, 0, 125)).unwrap();
        assert!(it.done(lost).unwrap());
        assert_eq!(it.acknowledged(), 100);
        assert!(!it.done(rewound).unwrap());
        assert!(it.done(fresh).unwrap());
        assert_eq!((it.acknowledged(), it.position()), (125, at(2, 105, 0, 125)));
        // The same where nobody began the event that tells of it, and the old was finished already.
        let mut it = Ledger::new(10);
        let lost = it.begin(at(1, 120, 0, 130)).unwrap();
        assert!(it.done(lost).unwrap());
        let fresh = it.begin(at(2, 105, 0, 0)).unwrap();
        assert_eq!(it.acknowledged(), 105);
        assert!(!it.done(fresh).unwrap());
    }
}
