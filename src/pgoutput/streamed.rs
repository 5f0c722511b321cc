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
    /// How much memory their definitions take, about; not those of the block that is open.
    definitions: usize,
}

/// What one takes beside its definitions. Hash maps keep free places.
const ITSELF: usize = size_of::<Open>() + 2 * size_of::<(u32, usize)>();

/// One of them, and the definitions that are valid in it alone.
#[derive(Debug)]
struct Open {
    xid: u32,
    definitions: Table,
}

impl Streamed {
    /// A new connection sends all of them again, from their beginning.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The ids.
    pub(super) fn xids(&self) -> impl Iterator<Item = u32> {
        self.open.iter().map(|open| open.xid)
    }

    fn find(&mut self, xid: u32) -> Option<&mut Open> {
        self.places.get(&xid).and_then(|at| self.open.get_mut(*at))
    }

    /// How much memory they take, about.
    pub(super) fn weight(&self) -> usize {
        self.open.len() * ITSELF + self.definitions
    }

    /// A block of one begins, which is open from now on: gives its definitions.
    fn enter(&mut self, xid: u32) -> Read<Table> {
        if let Some(open) = self.find(xid) {
            let definitions = std::mem::take(&mut open.definitions);
            self.definitions = self.definitions.saturating_sub(definitions.weight());
            return Ok(definitions);
        }
        let lacking = |_| Fault::NoMemory("a streamed transaction", ITSELF as u16);
        self.open.try_reserve(1).map_err(lacking)?;
        self.places.try_reserve(1).map_err(lacking)?;
        self.places.insert(xid, self.open.len());
        self.open.push(Open { xid, definitions: Table::default() });
        Ok(Table::default())
    }

    /// The block ends, with these definitions.
    fn leave(&mut self, xid: u32, definitions: Table) {
        let weight = definitions.weight();
        if let Some(open) = self.find(xid) {
            open.definitions = definitions;
            self.definitions += weight;
        }
    }

    /// Nothing holds any more that came since a subtransaction began.
    fn roll_back(&mut self, xid: u32, subxid: u32) {
        if let Some(open) = self.find(xid) {
            let before = open.definitions.weight();
            open.definitions.roll_back(subxid);
            let after = open.definitions.weight();
            self.definitions = self.definitions.saturating_sub(before) + after;
        }
    }

    /// Ends one and gives its definitions.
    pub(super) fn remove(&mut self, xid: u32) -> Table {
        let Some(at) = self.places.remove(&xid) else { return Table::default() };
        let removed = self.open.swap_remove(at);
        if let Some(moved) = self.open.get(at) {
            self.places.insert(moved.xid, at);
        }
        self.definitions = self.definitions.saturating_sub(removed.definitions.weight());
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
        let definitions = self.streamed.enter(xid)?;
        self.relations.enter(definitions);
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
        self.streamed.leave(xid, definitions);
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
        if self.streamed.must_be_open(xid).is_err() {
            return Ok(Step::Done(Effect::Ignored));
        }
        if is_block {
            return Err(ABORT_IN_BLOCK);
        }
        if !out.reserve(1, 0) {
            return Ok(Step::Full);
        }
        if xid == subxid {
            self.streamed.remove(xid);
        } else {
            self.streamed.roll_back(xid, subxid);
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
