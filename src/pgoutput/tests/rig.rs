//! A decoder, arrays, and the messages that they view; and events as plain values that can be compared.

use super::super::{Decoder, Effect, Step, TRUNCATED_RELATION};
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind};
use crate::error::{Error, Status};

/// Feeds messages, seals the arrays when they are full, and keeps what was seen.
pub struct Rig {
    pub decoder: Decoder,
    pub arrays: Arrays,
    bounds: (usize, usize),
    sealed: Vec<Seen>,
    /// No boxes: whoever moves a box claims what is in it for himself, and the arrays point into these.
    messages: Vec<Vec<u8>>,
}

/// An event, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: u32,
    pub flags: u32,
    pub lsn: u64,
    pub commit_lsn: u64,
    pub ack_lsn: u64,
    pub commit_time: i64,
    pub xid: u32,
    pub subxid: u32,
    pub sequence: u64,
    /// OID and generation.
    pub relation: Option<(u32, u32)>,
    pub new: Option<Vec<Val>>,
    pub old: Option<Vec<Val>>,
    pub extra: Vec<Val>,
    pub number: u64,
}

/// A value, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Val {
    Null,
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Unchanged,
    Absent,
    Relation(u32, u32),
}

/// Every place is tried; under Miri, which takes a thousand times as long, some.
pub const EACH: usize = if cfg!(miri) { 9 } else { 1 };

/// The same where each takes long.
pub const SOME: usize = if cfg!(miri) { 5 } else { 1 };

impl Rig {
    pub fn new() -> Self {
        Self::bounded(1000, 10_000)
    }

    pub fn bounded(events: usize, values: usize) -> Self {
        Self {
            decoder: Decoder::new(),
            arrays: Arrays::new(events, values),
            bounds: (events, values),
            sealed: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// Decodes one message; full arrays are replaced.
    pub fn feed(&mut self, lsn: u64, message: &[u8]) -> Result<Effect, Error> {
        let message = message.to_vec();
        for _ in 0..2 {
            // SAFETY: the rig keeps the message, on the heap, for longer than the arrays.
            match unsafe { self.decoder.decode(lsn, &message, &mut self.arrays) }? {
                Step::Done(effect) => {
                    self.messages.push(message);
                    return Ok(effect);
                }
                Step::Full => {
                    self.sealed = self.seen();
                    self.arrays = Arrays::new(self.bounds.0, self.bounds.1);
                }
            }
        }
        panic!("an empty batch is full");
    }

    pub fn feed_all(&mut self, messages: &[Vec<u8>]) -> &mut Self {
        for message in messages {
            self.feed(1, message).unwrap();
        }
        self
    }

    /// The status of the error, after a check that the arrays are as before.
    pub fn refuse(&mut self, lsn: u64, message: &[u8]) -> Error {
        let before = (self.arrays.value_count(), self.seen());
        let error = self.feed(lsn, message).unwrap_err();
        assert_eq!((self.arrays.value_count(), self.seen()), before);
        error
    }

    pub fn refuse_all(&mut self, messages: &[Vec<u8>], status: Status) {
        for message in messages {
            assert_eq!(self.refuse(1, message).status(), status, "{message:?}");
        }
    }

    /// All events so far.
    pub fn seen(&self) -> Vec<Seen> {
        let now = self.arrays.events().iter().map(Seen::of);
        self.sealed.iter().cloned().chain(now).collect()
    }

    pub fn kinds(&self) -> Vec<u32> {
        self.seen().iter().map(|event| event.kind).collect()
    }

    pub fn last(&self) -> Seen {
        let last = self.arrays.events().last().map(Seen::of);
        last.or_else(|| self.sealed.last().cloned()).unwrap()
    }
}

impl Seen {
    /// An event of a kind with everything else empty.
    pub fn new(kind: EventKind) -> Self {
        Self::of(&Event::new(kind))
    }

    fn of(event: &Event) -> Self {
        let values = |data: *const Value, n: u32| {
            // SAFETY: the rig keeps the arrays and all messages, and the decoder gave pointer and count.
            (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data, n as usize) })
        };
        let copied = |data, n| values(data, n).map(|values| values.iter().map(Val::of).collect());
        // SAFETY: the arrays keep the relation alive.
        let relation = unsafe { event.relation.as_ref() };
        Self {
            kind: event.kind,
            flags: event.flags,
            lsn: event.lsn,
            commit_lsn: event.commit_lsn,
            ack_lsn: event.ack_lsn,
            commit_time: event.commit_time,
            xid: event.xid,
            subxid: event.subxid,
            sequence: event.sequence,
            relation: relation.map(|relation| (relation.oid, relation.generation)),
            new: copied(event.new_values, event.n_new),
            old: copied(event.old_values, event.n_old),
            extra: copied(event.extra, event.n_extra).unwrap_or_default(),
            number: event.number,
        }
    }
}

impl Val {
    fn of(value: &Value) -> Self {
        if value.kind == TRUNCATED_RELATION {
            // SAFETY: the arrays keep the relation alive.
            let relation = unsafe { &*value.data.cast::<crate::batch::Relation>() };
            return Self::Relation(relation.oid, relation.generation);
        }
        // SAFETY: the rig keeps all messages.
        let bytes = unsafe { value.bytes() }.to_vec();
        let kinds = [
            (ValueKind::WAL_VALUE_NULL, Self::Null),
            (ValueKind::WAL_VALUE_TEXT, Self::Text(bytes.clone())),
            (ValueKind::WAL_VALUE_BINARY, Self::Binary(bytes)),
            (ValueKind::WAL_VALUE_UNCHANGED, Self::Unchanged),
            (ValueKind::WAL_VALUE_ABSENT, Self::Absent),
        ];
        kinds.into_iter().find(|(kind, _)| *kind as u8 == value.kind).unwrap().1
    }

    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}
