//! The relations that the stream described. The same definition sent again is the same generation. Those that the present
//! connection described are kept whole, for the server sends each once; of others only a trace is left.
//! It must never answer with a definition that this connection did not send: DDL may have come in between (P11).
//!
//! A streamed transaction has definitions of its own until it commits (P6): DDL in it is not valid for anybody else,
//! and never will be if it is rolled back.

use std::sync::Arc;

use super::definition::Definition;
use super::fault::Read;
use super::generations::{Generations, Trace};
use super::table::{Described, Entry, Table};
use crate::batch::Relation;

/// The definitions that are valid where the stream stands.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// Those that the message at hand refers to.
    here: Table,
    /// Inside a streamed block, those outside of it.
    outside: Option<Table>,
    generations: Generations,
    /// Which connection it is.
    epoch: u64,
    /// How many descriptions came.
    described: u64,
}

impl Relations {
    /// A new connection: nothing is described in it yet.
    pub(super) fn reconnected(&mut self) {
        self.leave();
        self.epoch += 1;
        // Each is described anew before the first change of its own: of those that are not, little is left.
        self.generations.reconnected(std::mem::take(&mut self.here).traces());
    }

    /// What was told last may never have been valid where the new connection is. Only the numbers of generations go on.
    pub(super) fn rewound(&mut self) {
        self.here = Table::default();
        self.generations.rewound();
    }

    /// How much memory they take, about; those of streamed transactions that are open do not count.
    pub(super) fn weight(&self) -> usize {
        self.here.weight() + self.outside.as_ref().map_or(0, Table::weight) + self.generations.weight()
    }

    /// From here on what comes is new.
    pub(super) fn caught_up(&mut self) {
        self.generations.caught_up();
    }

    /// The relation of a change, if it is that of the change before.
    #[inline(always)]
    pub(super) fn last(&mut self, oid: u32) -> Option<&mut Entry> {
        self.here.last(oid)
    }

    /// The relation of a change.
    #[inline]
    pub(super) fn find(&mut self, oid: u32) -> Read<&mut Entry> {
        self.here.find(oid, self.epoch)
    }

    /// What comes refers to several relations, so that none is known for another one's partition.
    pub(super) fn several(&mut self) {
        self.here.several();
    }

    /// Whether this very definition is the one that is valid here, and was told. What a streamed transaction
    /// describes is always told, for it may be rolled back.
    pub(super) fn knows(&self, definition: &Definition<'_>) -> bool {
        self.outside.is_none() && self.generations.knows(definition, self.here.trace(definition.oid()))
    }

    /// Notes that the connection described a relation; a definition that is not known is the next generation.
    /// `subxid` is that of the subtransaction inside a streamed block.
    pub(super) fn define(&mut self, definition: &Definition<'_>, subxid: u32) -> Read<&mut Entry> {
        let (oid, is_new) = (definition.oid(), !self.knows(definition));
        let (relation, trace, own) = self.intern(definition);
        self.described += 1;
        let described = Described { relation, trace, epoch: self.epoch, at: self.described, own };
        if self.outside.is_some() {
            self.here.note(subxid, described.clone());
        } else {
            self.generations.tell(oid, trace, is_new);
            self.generations.replace(oid, self.here.trace(oid), trace);
        }
        self.here.describe(described)
    }

    /// A streamed block begins, with the definitions of its transaction.
    pub(super) fn enter(&mut self, table: Table) {
        self.outside = Some(std::mem::replace(&mut self.here, table));
    }

    /// The block ends; gives the definitions of its transaction back.
    pub(super) fn leave(&mut self) -> Table {
        match self.outside.take() {
            Some(outside) => std::mem::replace(&mut self.here, outside),
            None => Table::default(),
        }
    }

    /// A streamed transaction committed: its definitions are valid for everybody, unless another one was described
    /// since, which is then the newer (pgoutput's cleanup_rel_sync_cache counts on the first, and its
    /// get_rel_sync_entry forgets the transaction before the second).
    pub(super) fn merge(&mut self, table: Table) {
        for entry in table.into_entries() {
            let (oid, trace) = (entry.oid(), entry.trace());
            if self.here.is_newer_than(&entry) {
                continue;
            }
            self.generations.told_by_commit(oid, trace);
            self.generations.replace(oid, self.here.trace(oid), trace);
            self.here.adopt(entry, self.epoch);
        }
    }

    /// The definition as a relation: one that is known, or else the next generation. Tells too how much memory it takes anew.
    fn intern(&mut self, definition: &Definition<'_>) -> (Arc<Relation>, Trace, usize) {
        let oid = definition.oid();
        let (in_block, valid) = match &self.outside {
            Some(outside) => (self.here.trace(oid), outside.trace(oid)),
            None => (None, self.here.trace(oid)),
        };
        let trace = self.generations.of(definition, in_block, valid);
        // As it is here, or made anew.
        let tables = || [Some(&self.here), self.outside.as_ref()].into_iter().flatten();
        let same = tables().find_map(|table| table.same(definition, trace.generation));
        let before = || tables().find_map(|table| table.relation(oid));
        if let Some(relation) = same {
            return (relation, trace, 0);
        }
        let relation = Arc::new(definition.to_relation(trace.generation, before()));
        let own = relation.weight();
        (relation, trace, own)
    }
}
