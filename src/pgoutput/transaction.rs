//! Where the stream stands between Begin and Commit: what is held back, and the number of the next change.
//! It must never let an empty transaction become events (P2: PostgreSQL 14 sends Begin and Commit for each one).

use std::sync::Arc;

use super::decoder::push;
use super::fault::{Fault, Read};
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind, flags};

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
    /// The same for a transaction that ends with Prepare.
    Prepared(Begin, u64),
    /// Inside a block of a streamed transaction.
    Block(Block),
}

/// A block of a streamed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The transaction's id.
    pub(super) xid: u32,
    /// That of the subtransaction which the message at hand belongs to; 0 where the message does not say.
    pub(super) subxid: u32,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With Commit.
    Commit,
    /// With Prepare.
    Prepare,
}

/// What Begin says of its transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// Position of the message.
    pub(super) lsn: u64,
    /// Position of the record of the commit, or of the PREPARE TRANSACTION.
    pub(super) final_lsn: u64,
    /// When it committed or was prepared.
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
            Self::None | Self::Block(_) => None,
            Self::Held(begin, _) | Self::Open(begin, _) | Self::Prepared(begin, _) => Some(begin),
        }
    }

    /// Whether a change with so many values fits, and what goes out before it.
    #[inline(always)]
    pub(super) fn reserve(&self, values: usize, out: &mut Arrays) -> bool {
        if matches!(self, Self::Open(..)) { out.reserve(1, values) } else { self.reserve_held(values, out) }
    }

    #[inline(never)]
    fn reserve_held(&self, values: usize, out: &mut Arrays) -> bool {
        let (held, held_values) = self.held();
        out.reserve(held + 1, held_values + values)
    }

    /// Whether a message that comes now is one of an ordinary transaction, or between transactions.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::None | Self::Held(..) | Self::Open(..))
    }

    /// Begins and ends of transactions may come only between them.
    pub(super) fn must_be_none(&self) -> Read<()> {
        if matches!(self, Self::None) { Ok(()) } else { Err(NESTED) }
    }

    /// The subtransaction of the message at hand, inside a streamed block.
    pub(super) fn subxid(&self) -> u32 {
        if let Self::Block(block) = self { block.subxid } else { 0 }
    }

    /// A change may come only inside a transaction.
    #[inline]
    pub(super) fn must_be_open(&self) -> Read<()> {
        if matches!(self, Self::None) { Err(OUTSIDE) } else { Ok(()) }
    }

    /// The end of a transaction must be that of the one that is open (apply_handle_commit, apply_handle_prepare).
    pub(super) fn must_end(&self, ending: Ending, final_lsn: u64) -> Read<()> {
        self.must_be_open()?;
        let ends = match (self, ending) {
            (Self::Held(begin, _) | Self::Open(begin, _), Ending::Commit)
            | (Self::Prepared(begin, _), Ending::Prepare) => begin.final_lsn == final_lsn,
            _ => false,
        };
        if ends { Ok(()) } else { Err(OTHER_END) }
    }

    /// How many events and values go out before the next event does.
    #[inline]
    pub(super) fn held(&self) -> (usize, usize) {
        match self {
            Self::None | Self::Open(..) | Self::Prepared(..) | Self::Block(_) => (0, 0),
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

    /// As `event`, inside a block and a transaction that is to be prepared too.
    #[inline(never)]
    pub(super) fn event_anywhere(
        &mut self,
        kind: EventKind,
        lsn: u64,
        numbering: Numbering,
        out: &mut Arrays,
    ) -> Event {
        match self {
            Self::Block(Block { xid, subxid }) => {
                let flags = flags::STREAMED;
                Event { flags, lsn, xid: *xid, subxid: *subxid, ..Event::new(kind) }
            }
            Self::Prepared(begin, next) => {
                let sequence = *next;
                *next += u64::from(numbering == Numbering::Counted);
                begin.event(kind, lsn, sequence)
            }
            Self::None | Self::Held(..) | Self::Open(..) => self.event(kind, lsn, numbering, out),
        }
    }

    /// The event of a change. Whether it is in an ordinary transaction is known before: what a version 1 stream goes
    /// through is compiled without a thought of the others, which is measurable.
    #[inline(always)]
    pub(super) fn change<const PLAIN: bool>(&mut self, kind: EventKind, lsn: u64, out: &mut Arrays) -> Event {
        match PLAIN {
            true => self.event(kind, lsn, Numbering::Counted, out),
            false => self.event_anywhere(kind, lsn, Numbering::Counted, out),
        }
    }

    /// Delivers what is held.
    #[inline(never)]
    fn release(&mut self, out: &mut Arrays) {
        if let Self::Held(begin, origin) = self {
            let (begin, origin) = (*begin, origin.take());
            push(out, begin.event(EventKind::WAL_EVENT_BEGIN, begin.lsn, 0));
            if let Some(origin) = origin {
                let event = begin.event(EventKind::WAL_EVENT_ORIGIN, origin.lsn, 0);
                origin.deliver(event, out);
            }
            *self = Self::Open(begin, 0);
        }
    }
}

impl Begin {
    /// An event of the transaction.
    #[inline(always)]
    pub(super) fn event(&self, kind: EventKind, lsn: u64, sequence: u64) -> Event {
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
        push(out, Event { extra: out.values_from(mark), n_extra: 1, number: self.commit_lsn, ..event });
    }
}

const OUTSIDE: Fault = Fault::Malformed("it comes outside a transaction");
const OTHER_END: Fault = Fault::Malformed("it does not end the transaction that is open");
const NESTED: Fault = Fault::Malformed("it comes inside a transaction or a streamed block");
