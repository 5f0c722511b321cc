//! Where the stream stands between Begin and Commit: what is held back, and the number of the next change.
//! It must never let an empty transaction become events (P2: PostgreSQL 14 sends Begin and Commit for each one).

use std::sync::Arc;

use super::fault::{Fault, Read};
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind};

/// The state between two messages.
#[derive(Debug, Default)]
pub(super) enum Transaction {
    /// Between transactions.
    #[default]
    None,
    /// Begin came, and perhaps an origin, but nothing to deliver yet.
    Held(Begin, Option<Origin>),
    /// BEGIN is delivered; the number is that of the next change.
    Open(Begin, u64),
}

/// What Begin says of its transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// Position of the message.
    pub(super) lsn: u64,
    /// Position of the commit record.
    pub(super) final_lsn: u64,
    /// When it committed.
    pub(super) commit_time: i64,
    /// Its id.
    pub(super) xid: u32,
}

/// Where the changes of a transaction were made first.
#[derive(Debug)]
pub(super) struct Origin {
    /// Position of the message.
    pub(super) lsn: u64,
    /// Position of the commit on the origin.
    pub(super) commit_lsn: u64,
    /// The origin's name.
    pub(super) name: Arc<[u8]>,
}

/// Whether an event has a number of its own in the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// A change: it takes the next number.
    Counted,
    /// It carries the number of the change that comes next.
    Uncounted,
}

impl Transaction {
    /// The transaction that is open, if any.
    pub(super) fn current(&self) -> Option<&Begin> {
        match self {
            Self::None => None,
            Self::Held(begin, _) | Self::Open(begin, _) => Some(begin),
        }
    }

    /// A change may come only inside a transaction.
    #[inline]
    pub(super) fn must_be_open(&self) -> Read<()> {
        if matches!(self, Self::None) { Err(OUTSIDE) } else { Ok(()) }
    }

    /// How many events and values go out before the next event does.
    #[inline]
    pub(super) fn held(&self) -> (usize, usize) {
        match self {
            Self::None | Self::Open(..) => (0, 0),
            Self::Held(_, None) => (1, 0),
            Self::Held(_, Some(_)) => (2, 1),
        }
    }

    /// The next event of the transaction with its position and number; what was held goes out before it. Outside a
    /// transaction only a description may come (apply_handle_relation checks no state), and belongs to none.
    #[inline(always)]
    pub(super) fn event(
        &mut self,
        kind: EventKind,
        lsn: u64,
        numbering: Numbering,
        out: &mut Arrays,
    ) -> Event {
        if let Self::Held(..) = self {
            self.release(out);
        }
        let Self::Open(begin, next) = self else { return Event { lsn, ..Event::new(kind) } };
        let sequence = *next;
        *next += u64::from(numbering == Numbering::Counted);
        begin.event(kind, lsn, sequence)
    }

    /// Delivers what is held.
    #[cold]
    #[inline(never)]
    fn release(&mut self, out: &mut Arrays) {
        if let Self::Held(begin, origin) = std::mem::take(self) {
            out.push_event(begin.event(EventKind::WAL_EVENT_BEGIN, begin.lsn, 0));
            if let Some(origin) = origin {
                let event = begin.event(EventKind::WAL_EVENT_ORIGIN, origin.lsn, 0);
                origin.deliver(event, out);
            }
            *self = Self::Open(begin, 0);
        }
    }
}

impl Begin {
    #[inline(always)]
    fn event(&self, kind: EventKind, lsn: u64, sequence: u64) -> Event {
        Event {
            lsn,
            commit_lsn: self.final_lsn,
            commit_time: self.commit_time,
            xid: self.xid,
            sequence,
            ..Event::new(kind)
        }
    }
}

impl Origin {
    /// Completes the event and appends it. The name outlives the message that brought it, which may be in a batch
    /// that is long gone.
    pub(super) fn deliver(&self, event: Event, out: &mut Arrays) {
        let mark = out.value_count();
        let mut name = Value::view(ValueKind::WAL_VALUE_TEXT, &self.name);
        name.data = out.keep_text(&self.name);
        out.push_value(name);
        out.push_event(Event { extra: out.values_from(mark), n_extra: 1, number: self.commit_lsn, ..event });
    }
}

const OUTSIDE: Fault = Fault::Malformed("it comes outside a transaction");
