//! Two-phase commit (version 3 and later): transactions that end with PREPARE TRANSACTION, and their fates.
//! It must never hold a prepared transaction back, even an empty one: its COMMIT PREPARED refers to it.

use super::decoder::{Decoder, Effect, Step, push};
use super::fault::Read;
use super::reader::Reader;
use super::transaction::{Begin, Ending, Numbering, Transaction};
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind};

/// The common body of Begin Prepare, Prepare and Stream Prepare (logicalrep_write_prepare_common).
struct Prepared<'a> {
    prepare_lsn: u64,
    end_lsn: u64,
    time: i64,
    xid: u32,
    gid: &'a [u8],
}

impl<'a> Prepared<'a> {
    fn read(mut body: Reader<'a>) -> Read<Self> {
        let it = Self {
            prepare_lsn: body.u64()?,
            end_lsn: body.u64()?,
            time: body.i64()?,
            xid: body.u32()?,
            gid: body.text()?,
        };
        body.end()?;
        Ok(it)
    }

    fn begin(&self, lsn: u64) -> Begin {
        Begin { lsn, final_lsn: self.prepare_lsn, commit_time: self.time, xid: self.xid }
    }
}

impl Decoder {
    /// The transaction begins: it is told at once.
    pub(super) fn begin_prepare(&mut self, lsn: u64, body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let prepared = Prepared::read(body)?;
        self.transaction.must_be_none()?;
        if !out.reserve(1, 1) {
            return Ok(Step::Full);
        }
        self.tell_begin_prepare(&prepared, lsn, out);
        Ok(Step::Done(Effect::Began { final_lsn: prepared.prepare_lsn }))
    }

    fn tell_begin_prepare(&mut self, prepared: &Prepared<'_>, lsn: u64, out: &mut Arrays) {
        let begin = prepared.begin(lsn);
        let event = begin.event(EventKind::WAL_EVENT_BEGIN_PREPARE, lsn, 0);
        push_with_gid(Event { number: prepared.end_lsn, ..event }, prepared.gid, out);
        self.transaction = Transaction::Prepared(begin, 0);
    }

    /// The transaction is complete. One that was rolled back before the server came to decode it is prepared without
    /// having begun (ReorderBufferPrepare after a concurrent abort; seen on 18.4): it is told as an empty one.
    pub(super) fn prepare(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        body.no_flags()?;
        let prepared = Prepared::read(body)?;
        let (prepare_lsn, ack_lsn, gid) = (prepared.prepare_lsn, prepared.end_lsn, prepared.gid);
        let has_begun = !matches!(self.transaction, Transaction::None);
        if has_begun {
            self.transaction.must_end(Ending::Prepare, prepare_lsn)?;
        }
        let events = 1 + usize::from(!has_begun);
        if !out.reserve(events, events) {
            return Ok(Step::Full);
        }
        if !has_begun {
            self.tell_begin_prepare(&prepared, prepare_lsn, out);
        }
        let event = self.transaction.event_anywhere(
            EventKind::WAL_EVENT_PREPARE,
            prepare_lsn,
            Numbering::Uncounted,
            out,
        );
        push_with_gid(Event { ack_lsn, number: ack_lsn, ..event }, gid, out);
        self.transaction = Transaction::None;
        Ok(Step::Done(Effect::Outstanding { ack_lsn }))
    }

    /// A streamed transaction is complete. Its definitions are dropped, for it may still be rolled back: the server
    /// describes relations again after it (pgoutput_stream_prepare_txn does not count them as sent).
    pub(super) fn stream_prepare(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        body.no_flags()?;
        let prepared = Prepared::read(body)?;
        self.transaction.must_be_none()?;
        self.streamed.must_be_open(prepared.xid)?;
        if !out.reserve(1, 1) {
            return Ok(Step::Full);
        }
        self.streamed.remove(prepared.xid);
        let (lsn, ack_lsn) = (prepared.prepare_lsn, prepared.end_lsn);
        let event = prepared.begin(lsn).event(EventKind::WAL_EVENT_STREAM_PREPARE, lsn, 0);
        push_with_gid(Event { ack_lsn, number: ack_lsn, ..event }, prepared.gid, out);
        Ok(Step::Done(Effect::StreamEnded { ack_lsn }))
    }

    /// A prepared transaction committed. It may have been prepared before anything was sent (P27), so that nothing
    /// is asked of what came before.
    pub(super) fn commit_prepared(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        body.no_flags()?;
        let (commit_lsn, ack_lsn, commit_time) = (body.u64()?, body.u64()?, body.i64()?);
        let (xid, gid) = (body.u32()?, body.text()?);
        body.end()?;
        self.transaction.must_be_none()?;
        if !out.reserve(1, 1) {
            return Ok(Step::Full);
        }
        let event = Event {
            lsn: commit_lsn,
            commit_lsn,
            ack_lsn,
            commit_time,
            xid,
            ..Event::new(EventKind::WAL_EVENT_COMMIT_PREPARED)
        };
        push_with_gid(event, gid, out);
        Ok(Step::Done(Effect::Outstanding { ack_lsn }))
    }

    /// A prepared transaction was rolled back. The message has the end of its PREPARE, by which it is recognised, and
    /// no position of its own record.
    pub(super) fn rollback_prepared(
        &mut self,
        lsn: u64,
        mut body: Reader<'_>,
        out: &mut Arrays,
    ) -> Read<Step> {
        body.no_flags()?;
        let (number, ack_lsn) = (body.u64()?, body.u64()?);
        let _prepare_time = body.i64()?;
        let (commit_time, xid, gid) = (body.i64()?, body.u32()?, body.text()?);
        body.end()?;
        self.transaction.must_be_none()?;
        if !out.reserve(1, 1) {
            return Ok(Step::Full);
        }
        let event = Event {
            lsn,
            ack_lsn,
            commit_time,
            xid,
            number,
            ..Event::new(EventKind::WAL_EVENT_ROLLBACK_PREPARED)
        };
        push_with_gid(event, gid, out);
        Ok(Step::Done(Effect::Outstanding { ack_lsn }))
    }
}

/// Appends the event with the transaction's global identifier.
fn push_with_gid(event: Event, gid: &[u8], out: &mut Arrays) {
    let mark = out.value_count();
    out.push_value(Value::view(ValueKind::WAL_VALUE_TEXT, gid));
    push(out, Event { extra: out.values_from(mark), n_extra: 1, ..event });
}
