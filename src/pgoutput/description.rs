//! What the server tells of relations, types and origins before the changes that need it.
//! It must never tell the program twice of a definition that is as it was.

use super::decoder::{DONE, Decoder, Step, push, push_with_texts};
use super::definition::Definition;
use super::fault::{Fault, Read};
use super::reader::Reader;
use super::transaction::{Numbering, Origin, Transaction};
use crate::batch::{Arrays, Event, EventKind};

impl Decoder {
    pub(super) fn relation(&mut self, lsn: u64, body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        let definition = Definition::read(body, &self.types)?;
        let subxid = self.transaction.subxid();
        if self.relations.knows(&definition) {
            self.relations.define(&definition, subxid)?;
            return Ok(DONE);
        }
        let (events, values) = self.transaction.held();
        if !out.reserve(events + 1, values) {
            return Ok(Step::Full);
        }
        let relation = self.relations.define(&definition, subxid)?.keep(out);
        let event =
            self.transaction.event_anywhere(EventKind::WAL_EVENT_RELATION, lsn, Numbering::Uncounted, out);
        push(out, Event { relation, ..event });
        Ok(DONE)
    }

    /// The name is that of the base type where the OID is a domain's (logicalrep_write_typ).
    pub(super) fn type_name(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        must_be_name(body, LONGEST)?;
        let oid = body.u32()?;
        let namespace = body.namespace()?;
        let name = body.text()?;
        body.end()?;
        // As relations: what a streamed transaction describes is its own.
        let is_streamed = matches!(self.transaction, Transaction::Block(_));
        if !is_streamed && self.types.knows(oid, namespace, name) {
            self.types.describe(oid, namespace, name);
            return Ok(DONE);
        }
        let (events, values) = self.transaction.held();
        if !out.reserve(events + 1, values + 2) {
            return Ok(Step::Full);
        }
        self.types.describe(oid, namespace, name);
        if !is_streamed {
            self.types.define(oid, namespace, name);
        }
        let event =
            self.transaction.event_anywhere(EventKind::WAL_EVENT_TYPE, lsn, Numbering::Uncounted, out);
        push_with_texts(Event { number: u64::from(oid), ..event }, [namespace, name], out);
        Ok(DONE)
    }

    pub(super) fn origin(&mut self, lsn: u64, mut body: Reader<'_>, out: &mut Arrays) -> Read<Step> {
        must_be_name(body, LONGEST_ORIGIN)?;
        let commit_lsn = body.u64()?;
        let name = body.text()?;
        body.end()?;
        self.transaction.must_be_open()?;
        // In a streamed block it comes before any subtransaction.
        let (events, values) = self.transaction.held();
        let holds = matches!(self.transaction, Transaction::Held(_, None));
        if !holds && !out.reserve(events + 1, values + 1) {
            return Ok(Step::Full);
        }
        let origin = Origin { lsn, commit_lsn, name: self.origins.intern(name) };
        match &mut self.transaction {
            Transaction::Held(_, held @ None) => *held = Some(origin),
            other => {
                self.origin_delivered = other.current().map(|begin| begin.final_lsn);
                let event = other.event_anywhere(EventKind::WAL_EVENT_ORIGIN, lsn, Numbering::Uncounted, out);
                origin.deliver(event, out);
            }
        }
        Ok(DONE)
    }
}

/// What is kept of a type's name is no longer than this: the server has names below NAMEDATALEN.
const LONGEST: usize = 64 << 10;

/// What is kept of an origin's name is no longer than this. Up to 17 the index on names is the limit: a third of a page, and no
/// compression of the server's makes it less than 1/255 of what it was.
const LONGEST_ORIGIN: usize = 1 << 20;

fn must_be_name(body: Reader<'_>, longest: usize) -> Read<()> {
    if body.rest().len() <= longest { Ok(()) } else { Err(TOO_LONG) }
}

const TOO_LONG: Fault = Fault::Malformed("it is longer than any name");
