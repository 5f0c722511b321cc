//! Transactions that the server sends while they run (version 2 and later): blocks, and what becomes of them.
//! It must never let anything of one that is still open be taken for committed, nor lose track of one (P6).

use std::collections::HashMap;

use super::decoder::{DONE, Decoder, Effect, Step, push};
use super::fault::{Fault, Read};
use super::reader::Reader;
use super::table::Table;
use super::transaction::{Block, Transaction};
use crate::batch::{Arrays, Event, EventKind, flags};

/// The streamed transactions that are open. A server may have as many as it has connections and prepared transactions.
#[derive(Debug, Default)]
pub(super) struct Streamed {
    open: Vec<Open>,
    /// Where each is, by its id.
    places: HashMap<u32, usize>,
}

/// One of them, and the definitions that are valid in it alone.
#[derive(Debug)]
struct Open {
    xid: u32,
    definitions: Table,
}

impl Streamed {
    /// A new connection sends all of them again, from their beginning.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.places.clear();
    }

    /// The ids.
    pub(super) fn xids(&self) -> impl Iterator<Item = u32> {
        self.open.iter().map(|open| open.xid)
    }

    fn find(&mut self, xid: u32) -> Option<&mut Open> {
        self.places.get(&xid).and_then(|at| self.open.get_mut(*at))
    }

    /// The one of this id, which begins unless it is open.
    fn begin(&mut self, xid: u32) -> Option<&mut Open> {
        let at = *self.places.entry(xid).or_insert(self.open.len());
        if at == self.open.len() {
            self.open.push(Open { xid, definitions: Table::default() });
        }
        self.open.get_mut(at)
    }

    /// Ends one and gives its definitions.
    pub(super) fn remove(&mut self, xid: u32) -> Table {
        let Some(at) = self.places.remove(&xid) else { return Table::default() };
        let removed = self.open.swap_remove(at);
        if let Some(moved) = self.open.get(at) {
            self.places.insert(moved.xid, at);
        }
        removed.definitions
    }

    /// One that ends, or goes on, has begun.
    pub(super) fn must_be_open(&mut self, xid: u32) -> Read<()> {
        if self.find(xid).is_some() { Ok(()) } else { Err(NEVER_BEGUN) }
    }
}

impl Decoder {
    /// A block begins. One that goes on without having begun would be a part of a transaction without the rest.
    pub(super) fn stream_start(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let xid = body.u32()?;
        let is_first = body.u8()? == 1;
        body.end()?;
        self.transaction.must_be_none()?;
        if !is_first {
            self.streamed.must_be_open(xid)?;
        }
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        let definitions = self.streamed.begin(xid).map(|open| std::mem::take(&mut open.definitions));
        self.relations.enter(definitions.unwrap_or_default());
        self.transaction = Transaction::Block(Block { xid, subxid: 0 });
        let flags = if is_first { flags::FIRST_SEGMENT } else { 0 };
        push(out, Event { lsn, xid, flags, ..Event::new(EventKind::WAL_EVENT_STREAM_START) });
        Ok(DONE)
    }

    /// The block ends.
    pub(super) fn stream_stop(&mut self, lsn: u64, body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        body.end()?;
        let Transaction::Block(Block { xid, .. }) = self.transaction else { return Err(NO_BLOCK) };
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        self.transaction = Transaction::None;
        let definitions = self.relations.leave();
        if let Some(open) = self.streamed.find(xid) {
            open.definitions = definitions;
        }
        push(out, Event { lsn, xid, ..Event::new(EventKind::WAL_EVENT_STREAM_STOP) });
        Ok(DONE)
    }

    /// The transaction committed, and its definitions with it.
    pub(super) fn stream_commit(&mut self, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let xid = body.u32()?;
        body.no_flags()?;
        let commit_lsn = body.u64()?;
        let ack_lsn = body.u64()?;
        let commit_time = body.i64()?;
        body.end()?;
        self.transaction.must_be_none()?;
        self.streamed.must_be_open(xid)?;
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        let definitions = self.streamed.remove(xid);
        self.relations.merge(definitions);
        push(
            out,
            Event {
                lsn: commit_lsn,
                commit_lsn,
                ack_lsn,
                commit_time,
                xid,
                ..Event::new(EventKind::WAL_EVENT_STREAM_COMMIT)
            },
        );
        Ok(Step::Done(Effect::StreamEnded { ack_lsn }))
    }

    /// A subtransaction was rolled back, or all of the transaction. `streaming=parallel` adds position and time.
    ///
    /// PostgreSQL 18 sends this at any version for a subtransaction that it had spilled (P1): without any block of
    /// the transaction it means nothing.
    pub(super) fn stream_abort(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let (xid, subxid) = (body.u32()?, body.u32()?);
        let has_more = !body.rest().is_empty();
        let (abort_lsn, abort_time) = if has_more { (body.u64()?, body.i64()?) } else { (0, 0) };
        body.end()?;
        let is_block = matches!(self.transaction, Transaction::Block(_));
        let Some(open) = self.streamed.find(xid) else { return Ok(Step::Done(Effect::Ignored)) };
        if is_block {
            return Err(ABORT_IN_BLOCK);
        }
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        open.definitions.roll_back(subxid);
        if xid == subxid {
            self.streamed.remove(xid);
        }
        push(
            out,
            Event {
                lsn,
                xid,
                subxid,
                commit_time: abort_time,
                number: abort_lsn,
                ..Event::new(EventKind::WAL_EVENT_STREAM_ABORT)
            },
        );
        Ok(DONE)
    }
}

const NEVER_BEGUN: Fault = Fault::Malformed("the streamed transaction never began");
const NO_BLOCK: Fault = Fault::Malformed("it ends a streamed block, and none is open");
const ABORT_IN_BLOCK: Fault = Fault::Malformed("a streamed transaction is rolled back inside a block");
