//! Where in a transaction the events are, for formats whose readers take each change for one that happened. It must never let pass
//! what is not committed, nor a transaction that was begun and does not go on.

use crate::batch::{Event, EventKind, flags};
use crate::error::{Error, Result, Status};

/// What a format's readers count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// On nothing: each message says what it is.
    Told,
    /// That everything is committed.
    Committed,
    /// That a transaction ends before the next one begins, too.
    Whole,
    /// That no change stands outside of one, too.
    Enclosed,
    /// That no TRUNCATE does, too.
    Counted,
}

/// Where events are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// Behind a BEGIN.
    Begun,
    /// Behind a change of a transaction.
    Changed,
}

/// Follows transactions.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    place: Place,
    /// Of the one that was begun last.
    xid: u32,
    /// Where it was at `mark`, and in which.
    marked: (Place, u32),
}

/// Why an event is refused, and what helps.
type Fault = (&'static str, &'static str);

const UNCOMMITTED: &str = "what is not committed when it comes can be rendered in the format json only";
const STREAMED: Fault = (UNCOMMITTED, "Set option streaming to assembled or off.");
const PREPARED: Fault = (UNCOMMITTED, "Set option two_phase to join or off.");
const UNDECODED: Fault =
    ("a payload that was not decoded can be rendered in the format json only", "Set option decode to on.");
const CUT: Fault = (
    "the transaction that was begun before gets no end",
    "Render the events before it, drop what was rendered of that transaction, and render this event twice: the first call ends it.",
);
const ALONE: Fault = (
    "it stands outside of a transaction",
    "Render all events of a transaction from its BEGIN on, in their order.",
);

const A_ROW: Fault = (
    "a row of a snapshot is part of no transaction, and each document of wal2json is one",
    "Render the rows of the snapshot in another format, such as wal2json2.",
);

impl Transaction {
    /// What follows is thrown away together.
    pub(super) fn mark(&mut self) {
        self.marked = (self.place, self.xid);
    }

    /// All since `mark` was thrown away.
    pub(super) fn go_back(&mut self) {
        (self.place, self.xid) = self.marked;
    }

    /// Whether the transaction has a change already.
    pub(super) fn has_changes(&self) -> bool {
        self.place == Place::Changed
    }

    /// Takes an event, the `at`-th since `mark`, or says why the format cannot: if it was the first, it is outside of any transaction then.
    pub(super) fn take(&mut self, rule: Rule, event: &Event, kind: EventKind, at: usize) -> Result<()> {
        if let Some((why, hint)) = self.fault(rule, event, kind) {
            // What the call rendered before it is thrown away, and is yet to come.
            if at == 0 {
                (self.place, self.marked) = (Place::Outside, (Place::Outside, self.xid));
            }
            let what = format!("event {at} of those to render, {}: {why}", kind.name().to_string_lossy());
            return Err(Error::new(Status::WAL_E_STATE, what).with_hint(hint));
        }
        self.place = match kind {
            EventKind::WAL_EVENT_BEGIN => Place::Begun,
            EventKind::WAL_EVENT_COMMIT => Place::Outside,
            _ if is_change(event, kind) => Place::Changed,
            _ => self.place,
        };
        if kind == EventKind::WAL_EVENT_BEGIN {
            self.xid = event.xid;
        }
        Ok(())
    }

    fn fault(&self, rule: Rule, event: &Event, kind: EventKind) -> Option<Fault> {
        use EventKind::*;
        let has = |flag| event.flags & flag != 0;
        let is_open = self.place != Place::Outside;
        match kind {
            _ if rule == Rule::Told => None,
            _ if has(flags::STREAMED) => Some(STREAMED),
            WAL_EVENT_STREAM_START | WAL_EVENT_STREAM_COMMIT | WAL_EVENT_STREAM_PREPARE => Some(STREAMED),
            WAL_EVENT_BEGIN_PREPARE | WAL_EVENT_PREPARE => Some(PREPARED),
            // Its changes were not given. With the flag there may have been none, or they were acknowledged.
            WAL_EVENT_COMMIT_PREPARED if !has(flags::UNKNOWN_PREPARE) => Some(PREPARED),
            WAL_EVENT_RAW => Some(UNDECODED),
            WAL_EVENT_STREAM_ABORT if is_open && has(flags::DISCARDED) && event.xid == self.xid => Some(CUT),
            WAL_EVENT_BEGIN if is_open && rule >= Rule::Whole => Some(CUT),
            _ if has(flags::SNAPSHOT) => (rule == Rule::Enclosed).then_some(A_ROW),
            WAL_EVENT_COMMIT if !is_open && rule >= Rule::Enclosed => Some(ALONE),
            WAL_EVENT_TRUNCATE if !is_open && rule >= Rule::Counted => Some(ALONE),
            _ if is_change(event, kind) && !is_open && rule >= Rule::Enclosed => Some(ALONE),
            _ => None,
        }
    }
}

/// Whether it is a part of a transaction that wal2json shows in version 1. A row of a snapshot is of none.
fn is_change(event: &Event, kind: EventKind) -> bool {
    use EventKind::*;
    matches!(kind, WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE)
        && event.flags & flags::SNAPSHOT == 0
        || kind == WAL_EVENT_MESSAGE && event.flags & flags::TRANSACTIONAL != 0
}

#[cfg(test)]
mod tests {
    use super::EventKind::*;
    use super::*;

    fn event(kind: EventKind, flags: u32, xid: u32) -> Event {
        Event { flags, xid, ..Event::new(kind) }
    }

    /// The first of some events that is refused.
    fn refused(rule: Rule, events: &[(EventKind, u32, u32)]) -> Option<usize> {
        let mut transaction = Transaction::default();
        events.iter().enumerate().position(|(at, (kind, flags, xid))| {
            transaction.take(rule, &event(*kind, *flags, *xid), *kind, at).is_err()
        })
    }

    const RULES: [Rule; 3] = [Rule::Committed, Rule::Whole, Rule::Enclosed];

    #[test]
    fn what_is_not_committed_is_refused() {
        for events in [
            [(WAL_EVENT_INSERT, flags::STREAMED, 7)],
            [(WAL_EVENT_TRUNCATE, flags::STREAMED, 7)],
            [(WAL_EVENT_STREAM_START, flags::FIRST_SEGMENT, 7)],
            [(WAL_EVENT_STREAM_COMMIT, 0, 7)],
            [(WAL_EVENT_STREAM_PREPARE, 0, 7)],
            [(WAL_EVENT_BEGIN_PREPARE, 0, 7)],
            [(WAL_EVENT_COMMIT_PREPARED, 0, 7)],
            [(WAL_EVENT_RAW, 0, 0)],
        ] {
            for rule in RULES {
                assert_eq!(refused(rule, &events), Some(0), "{events:?}");
            }
            assert_eq!(refused(Rule::Told, &events), None);
        }
        let nothing = [
            (WAL_EVENT_COMMIT_PREPARED, flags::UNKNOWN_PREPARE, 7),
            (WAL_EVENT_ROLLBACK_PREPARED, 0, 7),
            (WAL_EVENT_STREAM_ABORT, flags::DISCARDED, 7),
            (WAL_EVENT_PROGRESS, 0, 0),
        ];
        assert_eq!(refused(Rule::Enclosed, &nothing), None);
    }

    #[test]
    fn a_transaction_that_gets_no_end_is_an_error() {
        let begun = [(WAL_EVENT_BEGIN, 0, 7), (WAL_EVENT_INSERT, 0, 7)];
        let with = |event| [begun[0], begun[1], event];
        for rule in RULES {
            assert_eq!(refused(rule, &with((WAL_EVENT_STREAM_ABORT, flags::DISCARDED, 7))), Some(2));
            assert_eq!(refused(rule, &with((WAL_EVENT_STREAM_ABORT, flags::DISCARDED, 8))), None);
            // It may go on.
            assert_eq!(refused(rule, &with((WAL_EVENT_RECONNECTED, 0, 0))), None);
            assert_eq!(refused(rule, &with((WAL_EVENT_COMMIT, 0, 7))), None);
        }
        let again = with((WAL_EVENT_BEGIN, 0, 7));
        assert_eq!(RULES.map(|rule| refused(rule, &again)), [None, Some(2), Some(2)]);
        assert_eq!(RULES.map(|rule| refused(rule, &begun[1..])), [None, None, Some(0)]);
        let truncate = [(WAL_EVENT_TRUNCATE, 0, 7)];
        assert_eq!([Rule::Enclosed, Rule::Counted].map(|rule| refused(rule, &truncate)), [None, Some(0)]);
        assert_eq!(refused(Rule::Counted, &[begun[0], truncate[0]]), None);
        // A transaction follows the rows of a snapshot.
        let rows = [(WAL_EVENT_INSERT, flags::SNAPSHOT, 0), begun[0], begun[1]];
        assert_eq!(RULES.map(|rule| refused(rule, &rows)), [None, None, Some(0)]);
        assert_eq!(refused(Rule::Counted, &rows), None);
        // Behind the error the event is the first of all.
        let mut transaction = Transaction::default();
        let mut take = |kind| transaction.take(Rule::Enclosed, &event(kind, 0, 7), kind, 0);
        take(WAL_EVENT_BEGIN).unwrap();
        let error = take(WAL_EVENT_BEGIN).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_STATE);
        take(WAL_EVENT_BEGIN).unwrap();
    }

    #[test]
    fn what_is_thrown_away_did_not_happen() {
        let mut transaction = Transaction::default();
        for kind in [WAL_EVENT_BEGIN, WAL_EVENT_INSERT] {
            transaction.take(Rule::Enclosed, &event(kind, 0, 7), kind, 0).unwrap();
            if kind == WAL_EVENT_BEGIN {
                transaction.mark();
            }
        }
        assert!(transaction.has_changes());
        transaction.go_back();
        assert!(!transaction.has_changes());
        transaction.take(Rule::Enclosed, &event(WAL_EVENT_INSERT, 0, 7), WAL_EVENT_INSERT, 0).unwrap();
        // Nor did another transaction begin, so that this one can still be dropped.
        transaction.mark();
        transaction.take(Rule::Enclosed, &event(WAL_EVENT_COMMIT, 0, 7), WAL_EVENT_COMMIT, 0).unwrap();
        transaction.take(Rule::Enclosed, &event(WAL_EVENT_BEGIN, 0, 8), WAL_EVENT_BEGIN, 1).unwrap();
        transaction.go_back();
        let dropped = event(WAL_EVENT_STREAM_ABORT, flags::DISCARDED, 7);
        transaction.take(Rule::Enclosed, &dropped, WAL_EVENT_STREAM_ABORT, 0).unwrap_err();
    }
}
