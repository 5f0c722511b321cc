//! Changes without rows: TRUNCATE and logical messages.
//! It must never believe a count or a length that the message does not bear out.

use super::decoder::{DONE, Decoder, Effect, Step, TRUNCATED_RELATION, push, push_with_texts};
use super::fault::{Fault, Read};
use super::reader::Reader;
use super::transaction::Numbering;
use crate::batch::{Arrays, Event, EventKind, Relation, Value, flags};

impl Decoder {
    pub(super) fn truncate(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let count = body.u32()?;
        let options = body.u8()?;
        let (oids, rest) = body.rest().as_chunks::<4>();
        if oids.len() != count as usize || !rest.is_empty() {
            return Err(TRUNCATE_COUNT);
        }
        self.transaction.must_be_open()?;
        self.relations.several();
        for oid in oids {
            self.relations.find(u32::from_be_bytes(*oid))?;
        }
        let (events, values) = self.transaction.held();
        if !out.reserve(events + 1, values + oids.len()) {
            return Ok(Step::Full);
        }
        let mark = out.value_count();
        for oid in oids {
            let relation = self.relations.find(u32::from_be_bytes(*oid))?.keep(out);
            out.push_value(relation_value(relation));
        }
        let event =
            self.transaction.event_anywhere(EventKind::WAL_EVENT_TRUNCATE, lsn, Numbering::Counted, out);
        push(
            out,
            Event {
                flags: event.flags | truncate_flags(options),
                extra: out.values_from(mark),
                n_extra: count,
                ..event
            },
        );
        Ok(DONE)
    }

    /// A message outside transactions has its own position for an identity, and acknowledges by it: that is the end
    /// of its record (logicalmsg_decode queues it with buf->endptr), where the next record begins. One byte more
    /// would skip a transaction whose commit record that is.
    pub(super) fn message(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let transactional = body.u8()? & MESSAGE_TRANSACTIONAL != 0;
        let lsn = body.u64()?;
        let prefix = body.text()?;
        let length = body.u32()?;
        let content = body.rest();
        if content.len() != length as usize {
            return Err(MESSAGE_LENGTH);
        }
        let (events, values) = if transactional {
            self.transaction.must_be_open()?;
            self.transaction.held()
        } else {
            (0, 0)
        };
        if !out.reserve(events + 1, values + 2) {
            return Ok(Step::Full);
        }
        if transactional {
            let event =
                self.transaction.event_anywhere(EventKind::WAL_EVENT_MESSAGE, lsn, Numbering::Counted, out);
            let flags = event.flags | flags::TRANSACTIONAL;
            push_with_texts(Event { flags, ..event }, [prefix, content], out);
            return Ok(DONE);
        }
        let event = Event { lsn, commit_lsn: lsn, ack_lsn: lsn, ..Event::new(EventKind::WAL_EVENT_MESSAGE) };
        push_with_texts(event, [prefix, content], out);
        Ok(Step::Done(Effect::Outstanding { ack_lsn: lsn }))
    }
}

fn relation_value(relation: *const Relation) -> Value {
    Value { data: relation.cast(), len: 0, kind: TRUNCATED_RELATION, reserved: [0; 3] }
}

fn truncate_flags(options: u8) -> u32 {
    let flag = |option, flag| if options & option != 0 { flag } else { 0 };
    flag(TRUNCATE_CASCADE, flags::CASCADE) | flag(TRUNCATE_RESTART_SEQS, flags::RESTART_IDENTITY)
}

/// TRUNCATE_CASCADE, TRUNCATE_RESTART_SEQS and MESSAGE_TRANSACTIONAL of logicalproto.h and proto.c.
const TRUNCATE_CASCADE: u8 = 1;
const TRUNCATE_RESTART_SEQS: u8 = 2;
const MESSAGE_TRANSACTIONAL: u8 = 1;

const TRUNCATE_COUNT: Fault = Fault::Malformed("the number of relations is not as it says");
const MESSAGE_LENGTH: Fault = Fault::Malformed("the content is not as long as it says");
