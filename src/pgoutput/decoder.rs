//! One message at a time into events: which kind it is, what must hold where it comes, what it becomes.
//! It must never leave a trace of a message that it refused: all is read and checked before anything changes.

use std::ptr;

use super::fault::{Fault, Read};
use super::kind::MessageKind;
use super::names::{Origins, Types};
use super::reader::Reader;
use super::relations::Relations;
use super::streamed::Streamed;
use super::table::Entry;
use super::transaction::{Begin, Ending, Numbering, Transaction};
use super::tuple;
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind, flags};
use crate::error::Result;

pub use crate::batch::TRUNCATED_RELATION;

/// Decodes the messages of one stream, whose relations, types and origins it remembers.
#[derive(Debug, Default)]
pub struct Decoder {
    pub(super) transaction: Transaction,
    pub(super) relations: Relations,
    /// The streamed transactions that are open.
    pub(super) streamed: Streamed,
    pub(super) types: Types,
    pub(super) origins: Origins,
    /// The transaction whose origin was told last outside of its BEGIN, by the position of its end.
    pub(super) origin_delivered: Option<u64>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The batch has not the room. Nothing was consumed or changed: seal the batch and come again with the same
    /// message. An empty batch is never too full.
    Full,
    /// The message was consumed.
    Done(Effect),
}

/// What a message means for the position of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// A transaction began; nothing of it is delivered before its first change.
    Began {
        /// Position of its commit record.
        final_lsn: u64,
    },
    /// The end of a transaction, what becomes of a prepared one, or a message outside transactions: outstanding until
    /// it is acknowledged. Blocks of a streamed transaction are not: the server keeps what it needs to send them
    /// again until the transaction ends.
    Outstanding {
        /// The position that acknowledges it.
        ack_lsn: u64,
    },
    /// The end of a transaction that came in blocks: outstanding likewise.
    StreamEnded {
        /// The position that acknowledges it.
        ack_lsn: u64,
    },
    /// A transaction without changes ended: there is nothing to deliver or to wait for.
    Empty {
        /// Its end.
        end_lsn: u64,
    },
    /// A Stream Abort of a transaction that was never streamed (P1): to be counted, else without meaning.
    Ignored,
}

impl Decoder {
    /// A decoder that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one message. `lsn` is where XLogData says it starts, 0 for some kinds (OutputPluginPrepareWrite with
    /// `last_write` false).
    ///
    /// Events and values point into `message`. After an error `out` and the decoder are as they were.
    ///
    /// # Safety
    /// `message` lives and stays as it is until `out` is cleared or dropped, wherever that is read until then.
    #[inline(always)]
    pub unsafe fn decode(&mut self, lsn: u64, message: &[u8], out: &mut Arrays) -> Result<Step> {
        match self.insert_at_once(lsn, message, out) {
            Some(()) => Ok(DONE),
            None => self.decode_any(lsn, message, out),
        }
    }

    /// What most messages are: an INSERT of an ordinary transaction, of the relation that was used last, into a batch with
    /// room. For whatever else it is, and whatever is wrong with it, nothing is changed but what columns are expected to look
    /// like, and `decode_any` says what it is.
    #[inline(always)]
    fn insert_at_once(&mut self, lsn: u64, message: &[u8], out: &mut Arrays) -> Option<()> {
        let [b'I', a, b, c, d, b'N', e, f, tuple @ ..] = message else { return None };
        let held = match &self.transaction {
            Transaction::Open(..) => 0,
            Transaction::Held(_, None) => 1,
            _ => return None,
        };
        let relation = self.relations.last(u32::from_be_bytes([*a, *b, *c, *d]))?;
        let shapes = relation.shapes();
        let columns = shapes.len();
        if usize::from(u16::from_be_bytes([*e, *f])) != columns {
            return None;
        }
        let row = out.row_at_once(held + 1, columns)?;
        if !tuple::values(tuple, shapes, row)?.is_empty() {
            return None;
        }
        // Behind the writing, as in `tuple::read`.
        let new_values = row.as_ptr();
        out.commit_row(columns);
        let event = self.transaction.change::<true>(EventKind::WAL_EVENT_INSERT, lsn, out);
        let relation = relation.keep(out);
        push(out, Event { relation, new_values, n_new: columns as u32, ..event });
        Some(())
    }

    #[inline(never)]
    fn decode_any(&mut self, lsn: u64, message: &[u8], out: &mut Arrays) -> Result<Step> {
        let mark = out.value_count();
        let Some((kind, body)) = message.split_first() else { return Err(EMPTY.explain(lsn, message)) };
        let body = Reader::new(body);
        let refuse = |fault, out| refuse(fault, lsn, message, mark, out);
        // Each frequent kind returns by itself: a shared exit would have to tell the kinds apart again.
        if self.transaction.is_plain() {
            match kind {
                b'B' => return self.begin(lsn, body).or_else(|fault| refuse(fault, out)),
                b'I' => return self.insert::<true>(lsn, body, out).or_else(|fault| refuse(fault, out)),
                b'C' => return self.commit(body, out).or_else(|fault| refuse(fault, out)),
                b'U' => return self.update::<true>(lsn, body, out).or_else(|fault| refuse(fault, out)),
                b'D' => return self.delete::<true>(lsn, body, out).or_else(|fault| refuse(fault, out)),
                _ => {}
            }
        }
        self.dispatch(*kind, lsn, body, out).or_else(|fault| refuse(fault, out))
    }

    /// Whether the next message belongs to a block of a streamed transaction.
    pub fn is_in_block(&self) -> bool {
        self.block().is_some()
    }

    /// The streamed transaction of which a block is open.
    pub fn block(&self) -> Option<u32> {
        if let Transaction::Block(block) = &self.transaction { Some(block.xid) } else { None }
    }

    /// The ids of the streamed transactions that are open.
    pub fn open_streams(&self) -> impl Iterator<Item = u32> {
        self.streamed.xids()
    }

    /// The position of the record that will end the transaction that is open, if one is. A streamed one has none yet.
    pub fn in_transaction(&self) -> Option<u64> {
        self.transaction.current().map(|begin| begin.final_lsn)
    }

    #[inline(never)]
    fn dispatch(&mut self, kind: u8, lsn: u64, body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        // `decode_any` has seen to the frequent kinds of plain transactions.
        if !self.transaction.is_plain() {
            return self.dispatch_aside(kind, lsn, body, out);
        }
        match kind {
            b'R' => self.relation(lsn, body, out),
            b'Y' => self.type_name(lsn, body, out),
            b'O' => self.origin(lsn, body, out),
            b'T' => self.truncate(lsn, body, out),
            b'M' => self.message(body, out),
            _ => self.dispatch_rest(kind, lsn, body, out),
        }
    }

    /// A message inside a transaction that is to be prepared, or inside a streamed block: what belongs to the block's
    /// transaction bears an id before its body, a subtransaction's, but the whole transaction's in messages.
    #[cold]
    #[inline(never)]
    fn dispatch_aside(&mut self, kind: u8, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let has_subxid = MessageKind::of(kind).is_some_and(MessageKind::has_id_in_block);
        if let Transaction::Block(block) = &mut self.transaction {
            block.subxid = if has_subxid { body.u32()? } else { 0 };
        }
        match kind {
            b'I' => self.insert::<false>(lsn, body, out),
            b'U' => self.update::<false>(lsn, body, out),
            b'D' => self.delete::<false>(lsn, body, out),
            b'R' => self.relation(lsn, body, out),
            b'Y' => self.type_name(lsn, body, out),
            b'O' => self.origin(lsn, body, out),
            b'T' => self.truncate(lsn, body, out),
            b'M' => self.message(body, out),
            b'B' => self.begin(lsn, body),
            b'C' => self.commit(body, out),
            _ => self.dispatch_rest(kind, lsn, body, out),
        }
    }

    /// What is neither a change nor frames one in version 1. A slot made with two_phase sends its kinds at any
    /// version (measured on 18.4), so that no kind depends on the version.
    #[inline(never)]
    fn dispatch_rest(&mut self, kind: u8, lsn: u64, body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        use MessageKind as K;
        match MessageKind::of(kind) {
            Some(K::StreamStart) => self.stream_start(lsn, body, out),
            Some(K::StreamStop) => self.stream_stop(lsn, body, out),
            Some(K::StreamCommit) => self.stream_commit(body, out),
            Some(K::StreamAbort) => self.stream_abort(lsn, body, out),
            Some(K::BeginPrepare) => self.begin_prepare(lsn, body, out),
            Some(K::Prepare) => self.prepare(body, out),
            Some(K::CommitPrepared) => self.commit_prepared(body, out),
            Some(K::RollbackPrepared) => self.rollback_prepared(lsn, body, out),
            Some(K::StreamPrepare) => self.stream_prepare(body, out),
            // Seen to before.
            Some(
                K::Begin
                | K::Commit
                | K::Origin
                | K::Relation
                | K::Type
                | K::Insert
                | K::Update
                | K::Delete
                | K::Truncate
                | K::Message,
            )
            | None => Err(Fault::UnknownKind),
        }
    }

    #[inline(always)]
    fn insert<const PLAIN: bool>(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let oid = body.u32()?;
        if body.u8()? != b'N' {
            return Err(NO_NEW_ROW);
        }
        self.transaction.must_be_open()?;
        let relation = self.relations.find(oid)?;
        let columns = relation.shapes().len();
        if !self.transaction.reserve(columns, out) {
            return Ok(Step::Full);
        }
        let new = tuple::read(body, relation.shapes(), out)?;
        new.behind.end()?;

        let event = self.transaction.change::<PLAIN>(EventKind::WAL_EVENT_INSERT, lsn, out);
        let relation = relation.keep(out);
        push(out, Event { relation, new_values: new.first, n_new: columns as u32, ..event });
        Ok(DONE)
    }

    #[inline]
    fn update<const PLAIN: bool>(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let oid = body.u32()?;
        let mut part = body.u8()?;
        self.transaction.must_be_open()?;
        let relation = self.relations.find(oid)?;
        let columns = relation.shapes().len();
        if !self.transaction.reserve(2 * columns, out) {
            return Ok(Step::Full);
        }
        let (mut old_values, mut n_old, mut old_row) = (ptr::null(), 0, 0);
        if part != b'N' {
            let old;
            (old, old_row) = read_old(part, body, relation, out)?;
            (old_values, n_old, body) = (old.first, columns as u32, old.behind);
            part = body.u8()?;
        }
        if part != b'N' {
            return Err(NO_NEW_ROW);
        }
        let new = tuple::read(body, relation.shapes(), out)?;
        new.behind.end()?;

        let event = self.transaction.change::<PLAIN>(EventKind::WAL_EVENT_UPDATE, lsn, out);
        let relation = relation.keep(out);
        push(
            out,
            Event {
                flags: event.flags | old_row,
                relation,
                new_values: new.first,
                n_new: columns as u32,
                old_values,
                n_old,
                ..event
            },
        );
        Ok(DONE)
    }

    #[inline]
    fn delete<const PLAIN: bool>(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let oid = body.u32()?;
        let part = body.u8()?;
        self.transaction.must_be_open()?;
        let relation = self.relations.find(oid)?;
        let columns = relation.shapes().len();
        if !self.transaction.reserve(columns, out) {
            return Ok(Step::Full);
        }
        let (old, old_row) = read_old(part, body, relation, out)?;
        old.behind.end()?;

        let event = self.transaction.change::<PLAIN>(EventKind::WAL_EVENT_DELETE, lsn, out);
        let relation = relation.keep(out);
        push(
            out,
            Event {
                flags: event.flags | old_row,
                relation,
                old_values: old.first,
                n_old: columns as u32,
                ..event
            },
        );
        Ok(DONE)
    }

    #[inline(always)]
    fn begin(&mut self, lsn: u64, mut body: Reader<'_>) -> Read<Step> {
        let (final_lsn, commit_time, xid) = (body.u64()?, body.i64()?, body.u32()?);
        let begin = Begin { lsn, final_lsn, commit_time, xid };
        body.end()?;
        self.transaction.must_be_none()?;
        self.transaction = Transaction::Held(begin, None);
        Ok(Step::Done(Effect::Began { final_lsn: begin.final_lsn }))
    }

    #[inline(always)]
    fn commit(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        body.no_flags()?;
        let commit_lsn = body.u64()?;
        let end_lsn = body.u64()?;
        let commit_time = body.i64()?;
        body.end()?;
        self.transaction.must_end(Ending::Commit, commit_lsn)?;
        if let Transaction::Held(..) = self.transaction {
            self.transaction = Transaction::None;
            return Ok(Step::Done(Effect::Empty { end_lsn }));
        }
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        let event =
            self.transaction.event(EventKind::WAL_EVENT_COMMIT, commit_lsn, Numbering::Uncounted, out);
        push(out, Event { ack_lsn: end_lsn, commit_time, ..event });
        self.transaction = Transaction::None;
        Ok(Step::Done(Effect::Outstanding { ack_lsn: end_lsn }))
    }
}

/// The error of a message, of which no value stays.
#[cold]
#[inline(never)]
fn refuse(fault: Fault, lsn: u64, message: &[u8], mark: usize, out: &mut Arrays) -> Result<Step> {
    out.truncate_values(mark);
    Err(fault.explain(lsn, message))
}

/// Reads the old row of an UPDATE or DELETE and says with a flag which it is.
#[inline]
fn read_old<'a>(
    part: u8,
    body: Reader<'a>,
    relation: &mut Entry,
    out: &mut Arrays,
) -> Read<(tuple::Row<'a>, u32)> {
    if !relation.sent().is_empty() {
        return read_old_of_partition(part, body, relation, out);
    }
    match part {
        b'O' => Ok((tuple::read(body, relation.shapes(), out)?, flags::OLD_FULL)),
        b'K' => Ok((tuple::read_key(body, relation.columns(), out)?, flags::OLD_KEY)),
        _ => Err(NO_OLD_ROW),
    }
}

/// The same where partitions send less than the relation's identity says: which of them it was is not told.
#[cold]
#[inline(never)]
fn read_old_of_partition<'a>(
    part: u8,
    body: Reader<'a>,
    relation: &Entry,
    out: &mut Arrays,
) -> Read<(tuple::Row<'a>, u32)> {
    let mark = match part {
        b'O' => tuple::Mark::Full,
        b'K' => tuple::Mark::Key,
        _ => return Err(NO_OLD_ROW),
    };
    let (row, mark) = tuple::read_of_partition(body, mark, relation.columns(), relation.sent(), out)?;
    Ok((row, if mark == tuple::Mark::Full { flags::OLD_FULL } else { flags::OLD_KEY }))
}

/// Appends two texts and the event that they belong to.
pub(super) fn push_with_texts(event: Event, texts: [&[u8]; 2], out: &mut Arrays) {
    let mark = out.value_count();
    for text in texts {
        out.push_value(Value::view(ValueKind::WAL_VALUE_TEXT, text));
    }
    push(out, Event { extra: out.values_from(mark), n_extra: 2, ..event });
}

/// Appends an event of the decoder's.
#[inline(always)]
pub(super) fn push(out: &mut Arrays, event: Event) {
    // SAFETY: an event of the decoder's points at values of these arrays, at relations and texts that they keep, and
    // through its values into the message, which lives as long: that is what the caller of `decode` promises.
    unsafe { out.push_event(event) };
}

pub(super) const DONE: Step = Step::Done(Effect::None);

const EMPTY: Fault = Fault::Malformed("it has no bytes");
const NO_NEW_ROW: Fault = Fault::Malformed("the new row is missing");
const NO_OLD_ROW: Fault = Fault::Malformed("the old row is missing");
