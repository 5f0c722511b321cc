//! The relations that the stream described. The same definition sent again is the same generation. Those that the present
//! connection described are kept whole, for the server sends each once; of others only a trace is left.
//! It must never answer with a definition that this connection did not send: DDL may have come in between (P11).
//!
//! A streamed transaction has definitions of its own until it commits (P6): DDL in it is not valid for anybody else,
//! and never will be if it is rolled back.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::Arc;

use super::fault::{Fault, Read};
use super::leaves::{Leaves, Sent};
use super::names::Types;
use super::reader::Reader;
use super::tuple::Shape;
use crate::batch::{Arrays, Column, Relation, Serial};

/// How many replaced definitions of one table are remembered: more often nobody changes it between an
/// acknowledgement and the loss of a connection.
const PAST: usize = 32;

type OidMap<T> = HashMap<u32, T, BuildHasherDefault<OidHasher>>;

/// The definitions that are valid where the stream stands.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// Those that the message at hand refers to.
    here: Table,
    /// Inside a streamed block, those outside of it.
    outside: Option<Table>,
    /// The newest generation of each relation, valid or not: what the next number and a repetition are seen by.
    newest: OidMap<Trace>,
    /// Those that were valid and were replaced, the last ones of each relation: a new connection begins in the past.
    past: OidMap<Vec<Trace>>,
    /// Those that were told last before a new connection began in the past, until it has caught up with each.
    told: OidMap<Trace>,
    /// What makes traces: a server cannot know it.
    keys: RandomState,
    coming: Coming,
    epoch: u64,
    described: u64,
}

/// What is left of a definition that this connection did not send: which it is, so that it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    generation: u32,
    hash: u64,
}

/// What the connection sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coming {
    /// What no connection sent before.
    #[default]
    New,
    /// What an earlier connection may have sent.
    Again,
}

/// Definitions that are valid together.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// How much memory they take, about.
    weight: usize,
    entries: Vec<Entry>,
    index: OidMap<usize>,
    /// The entry used last; changes of one table follow each other, so the map is seldom asked.
    last: Option<usize>,
    /// What was described by the message before, until a change comes: then `last` is empty.
    fresh: Option<usize>,
    /// In a streamed transaction, all that came, in order.
    log: Vec<Described>,
}

/// One relation's definition.
#[derive(Debug)]
pub(super) struct Entry {
    oid: u32,
    /// The connection that described it last.
    epoch: u64,
    /// When it was described last, among all descriptions.
    described: u64,
    /// The filling of the arrays that keeps it alive already; 0 is none.
    kept: u64,
    /// What of its memory no batch has counted yet.
    uncounted: usize,
    relation: Arc<Relation>,
    trace: Trace,
    /// How its columns' values look, one for each.
    shapes: Box<[Shape]>,
    /// The partitions whose changes come as its own.
    leaves: Leaves,
}

/// A definition inside a streamed transaction, and the subtransaction that made it known.
#[derive(Debug)]
struct Described {
    subxid: u32,
    at: u64,
    relation: Arc<Relation>,
    trace: Trace,
}

impl Relations {
    /// A new connection: nothing is described in it yet.
    pub(super) fn reconnected(&mut self) {
        self.leave();
        self.epoch += 1;
        self.coming = Coming::Again;
        // Each is described anew before the first change of its own: of those that are not, little is left.
        for entry in std::mem::take(&mut self.here).entries {
            let told = *self.told.entry(entry.oid).or_insert(entry.trace);
            if told != entry.trace {
                self.note_past(entry.oid, entry.trace);
            }
        }
    }

    /// What was told last may never have been valid where the new connection is. Only the numbers of generations go on.
    pub(super) fn rewound(&mut self) {
        self.here = Table::default();
        self.told.clear();
        self.past.clear();
    }

    /// How much memory they take, about; those of streamed transactions that are open do not count.
    pub(super) fn weight(&self) -> usize {
        let tables = self.here.weight + self.outside.as_ref().map_or(0, |table| table.weight);
        tables + (self.newest.len() + self.told.len() + self.past.len()) * size_of::<(u32, Trace)>()
    }

    /// From here on what comes is new.
    pub(super) fn caught_up(&mut self) {
        self.coming = Coming::New;
    }

    /// The relation of a change, if it is that of the change before.
    #[inline(always)]
    pub(super) fn last(&mut self, oid: u32) -> Option<&mut Entry> {
        self.here.last.and_then(|at| self.here.entries.get_mut(at)).filter(|entry| entry.oid == oid)
    }

    /// The relation of a change.
    #[inline]
    pub(super) fn find(&mut self, oid: u32) -> Read<&mut Entry> {
        let here = &mut self.here;
        let hit = here.last.filter(|at| here.entries.get(*at).is_some_and(|entry| entry.oid == oid));
        let at = match hit {
            Some(at) => at,
            None => here.look_up(oid, self.epoch)?,
        };
        here.entries.get_mut(at).ok_or(Fault::UnknownRelation(oid))
    }

    /// What comes refers to several relations, so that none is known for another one's partition.
    pub(super) fn several(&mut self) {
        self.here.fresh = None;
    }

    /// Whether this very definition is the one that is valid here, and was told. What a streamed transaction
    /// describes is always told, for it may be rolled back.
    pub(super) fn knows(&self, definition: &Definition<'_>) -> bool {
        self.outside.is_none()
            && (self.told_last(definition.oid).is_some_and(|told| told.hash == self.hash(definition))
                || self.repeated(definition).is_some())
    }

    fn hash(&self, definition: &Definition<'_>) -> u64 {
        self.keys.hash_one(definition)
    }

    /// The definition that was told last outside of streamed blocks.
    fn told_last(&self, oid: u32) -> Option<Trace> {
        let here = self.outside.as_ref().unwrap_or(&self.here);
        self.told.get(&oid).copied().or_else(|| here.entry(oid).map(|entry| entry.trace))
    }

    /// A definition that was valid before, while what comes may be what came before.
    fn repeated(&self, definition: &Definition<'_>) -> Option<Trace> {
        let past = self.past.get(&definition.oid).filter(|_| self.coming == Coming::Again)?;
        let hash = self.hash(definition);
        past.iter().rev().find(|trace| trace.hash == hash).copied()
    }

    /// Remembers the definition that another one replaces outside of streamed blocks.
    fn replaced_by(&mut self, oid: u32, trace: Trace) {
        let old = self.here.entry(oid).map(|entry| entry.trace);
        if let Some(old) = old.filter(|old| *old != trace) {
            self.note_past(oid, old);
        }
    }

    fn note_past(&mut self, oid: u32, old: Trace) {
        let past = self.past.entry(oid).or_default();
        past.retain(|known| *known != old);
        if past.len() >= PAST {
            past.remove(0);
        }
        past.push(old);
    }

    /// Notes that the connection described a relation; a definition that is not known is the next generation.
    /// `subxid` is that of the subtransaction inside a streamed block.
    pub(super) fn define(&mut self, definition: &Definition<'_>, subxid: u32) -> Read<&mut Entry> {
        let is_new = !self.knows(definition);
        let (relation, trace) = self.intern(definition);
        if self.outside.is_none()
            && (is_new || self.coming == Coming::New)
            && let Some(told) = self.told.remove(&definition.oid).filter(|told| *told != trace)
        {
            self.note_past(definition.oid, told);
        }
        self.described += 1;
        if self.outside.is_some() {
            let relation = Arc::clone(&relation);
            self.here.log.push(Described { subxid, at: self.described, relation, trace });
        } else {
            self.replaced_by(definition.oid, trace);
        }
        let at = self.here.set((relation, trace), self.epoch, self.described);
        // The next change has to look: if it is another relation's, then this is a partition of that one.
        (self.here.last, self.here.fresh) = (None, Some(at));
        self.here.entries.get_mut(at).ok_or(Fault::UnknownRelation(definition.oid))
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
        for entry in table.entries {
            let newer = self.here.entry(entry.oid).is_some_and(|known| known.described > entry.described);
            if !newer {
                if let Some(told) = self.told.remove(&entry.oid).filter(|told| *told != entry.trace) {
                    self.note_past(entry.oid, told);
                }
                self.replaced_by(entry.oid, entry.trace);
                let at = self.here.set((entry.relation, entry.trace), self.epoch, entry.described);
                if let Some(known) = self.here.entries.get_mut(at) {
                    known.leaves = entry.leaves;
                }
            }
        }
    }

    /// The definition as a relation: one that is known, or else the next generation.
    fn intern(&mut self, definition: &Definition<'_>) -> (Arc<Relation>, Trace) {
        let (oid, hash) = (definition.oid, self.hash(definition));
        let in_block = self.here.entry(oid).filter(|_| self.outside.is_some()).map(|entry| entry.trace);
        let newest = self.newest.get(&oid).copied();
        let known = [in_block, self.told_last(oid), newest];
        let known = known.into_iter().flatten().find(|known| known.hash == hash);
        if let Some(same) = known.or_else(|| self.repeated(definition)) {
            return (self.whole(definition, same), same);
        }
        let generation = newest.map_or(1, |known| known.generation.saturating_add(1));
        let trace = Trace { generation, hash };
        self.newest.insert(oid, trace);
        (Arc::new(definition.to_relation(generation)), trace)
    }

    /// A definition that is known: as it is here, or made anew.
    fn whole(&self, definition: &Definition<'_>, trace: Trace) -> Arc<Relation> {
        let here = [Some(&self.here), self.outside.as_ref()];
        let entry = here.into_iter().flatten().filter_map(|table| table.entry(definition.oid));
        let same = entry
            .map(|entry| &entry.relation)
            .find(|relation| relation.generation == trace.generation && definition.is(relation));
        same.map_or_else(|| Arc::new(definition.to_relation(trace.generation)), Arc::clone)
    }
}

impl Table {
    /// A subtransaction was rolled back: nothing holds that was described since it first described something, as
    /// worker.c cuts the transaction's changes off there.
    pub(super) fn roll_back(&mut self, subxid: u32, relations: &Relations) {
        let Some(first) = self.log.iter().position(|described| described.subxid == subxid) else { return };
        let Self { mut log, entries, .. } = std::mem::take(self);
        log.truncate(first);
        for described in &log {
            self.set((Arc::clone(&described.relation), described.trace), relations.epoch, described.at);
        }
        for old in entries {
            let still = self.index.get(&old.oid).and_then(|at| self.entries.get_mut(*at));
            if let Some(entry) = still.filter(|entry| Arc::ptr_eq(&entry.relation, &old.relation)) {
                entry.leaves = old.leaves;
            }
        }
        self.log = log;
    }

    #[inline(never)]
    fn look_up(&mut self, oid: u32, epoch: u64) -> Read<usize> {
        let described = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.epoch == epoch);
        let at = self.index.get(&oid).copied().filter(described).ok_or(Fault::UnknownRelation(oid))?;
        self.last = Some(at);
        if let Some(leaf) = self.fresh.take() {
            self.link(leaf, at);
        }
        Ok(at)
    }

    /// The relation that was described just now is the one whose change comes as that of `root`, if they are two: the
    /// server describes both before the first change of a partition (maybe_send_schema).
    fn link(&mut self, leaf: usize, root: usize) {
        let leaf = self.entries.get(leaf).filter(|_| leaf != root).map(|entry| Arc::clone(&entry.relation));
        if let (Some(leaf), Some(root)) = (leaf, self.entries.get_mut(root)) {
            root.leaves.note(&leaf, &root.relation);
        }
    }

    fn entry(&self, oid: u32) -> Option<&Entry> {
        self.index.get(&oid).and_then(|at| self.entries.get(*at))
    }

    /// Makes a definition the valid one and tells where it is.
    fn set(&mut self, (relation, trace): (Arc<Relation>, Trace), epoch: u64, described: u64) -> usize {
        let entries = &mut self.entries;
        let oid = relation.oid;
        let at = *self.index.entry(oid).or_insert(entries.len());
        match entries.get_mut(at) {
            None => {
                self.weight += weight_of(&relation);
                let shapes = shapes_of(&relation);
                entries.push(Entry {
                    oid,
                    epoch,
                    described,
                    kept: 0,
                    uncounted: relation.weight(),
                    relation,
                    trace,
                    shapes,
                    leaves: Leaves::default(),
                });
            }
            Some(entry) => {
                entry.epoch = epoch;
                entry.described = described;
                if !Arc::ptr_eq(&entry.relation, &relation) {
                    self.weight += weight_of(&relation);
                    self.weight = self.weight.saturating_sub(weight_of(&entry.relation));
                    entry.shapes = shapes_of(&relation);
                    entry.uncounted = relation.weight();
                    (entry.relation, entry.trace) = (relation, trace);
                    entry.kept = 0;
                    entry.leaves.clear();
                }
            }
        }
        at
    }
}

/// What the definition takes, with what is known of it beside.
fn weight_of(relation: &Relation) -> usize {
    size_of::<Entry>() + relation.weight() + relation.columns.len() * size_of::<Shape>()
}

fn shapes_of(relation: &Relation) -> Box<[Shape]> {
    vec![Shape::NEW; relation.columns.len()].into_boxed_slice()
}

impl Entry {
    /// The columns of the definition.
    #[inline(always)]
    pub(super) fn columns(&self) -> &[Column] {
        &self.relation.columns
    }

    /// What partitions send of an old row whose identity is less than this one's; empty if there are none.
    #[inline(always)]
    pub(super) fn sent(&self) -> &[Sent] {
        self.leaves.sent()
    }

    /// How their values look, one for each column.
    #[inline(always)]
    pub(super) fn shapes(&mut self) -> &mut [Shape] {
        &mut self.shapes
    }

    /// The definition, kept alive by the batch that is being filled.
    #[inline(always)]
    pub(super) fn keep(&mut self, out: &mut Arrays) -> *const Relation {
        if self.kept != out.serial() {
            out.keep_relation(&self.relation, std::mem::take(&mut self.uncounted));
            self.kept = out.serial();
        }
        Arc::as_ptr(&self.relation)
    }
}

/// A Relation message, checked to its end and not copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition<'a> {
    oid: u32,
    namespace: &'a [u8],
    name: &'a [u8],
    replica_identity: u8,
    n_columns: u16,
    columns: Reader<'a>,
    /// What was described of their types.
    types: &'a Types,
}

/// One column of a Relation message.
#[derive(Clone, Copy, Debug)]
struct ColumnDefinition<'a> {
    name: &'a [u8],
    type_oid: u32,
    typmod: i32,
    is_key: bool,
}

/// LOGICALREP_IS_REPLICA_IDENTITY
const KEY_FLAG: u8 = 1;

impl<'a> Definition<'a> {
    /// Reads the body of a Relation message (logicalrep_write_rel).
    pub(super) fn read(mut reader: Reader<'a>, types: &'a Types) -> Read<Self> {
        let oid = reader.u32()?;
        let namespace = reader.namespace()?;
        let name = reader.text()?;
        let replica_identity = reader.u8()?;
        let n_columns = reader.u16()?;
        let definition = Self { oid, namespace, name, replica_identity, n_columns, columns: reader, types };
        for _ in 0..n_columns {
            ColumnDefinition::read(&mut reader)?;
        }
        reader.end()?;
        Ok(definition)
    }

    /// The columns, which `read` has found well-formed.
    fn columns(&self) -> impl Iterator<Item = ColumnDefinition<'a>> + use<'a> {
        let mut reader = self.columns;
        (0..self.n_columns).map_while(move |_| ColumnDefinition::read(&mut reader).ok())
    }

    /// Whether it says the same as a relation that is known. Everything counts, typmod too (P11).
    fn is(&self, relation: &Relation) -> bool {
        *self.namespace == *relation.namespace
            && *self.name == *relation.name
            && self.replica_identity == relation.replica_identity
            && usize::from(self.n_columns) == relation.columns.len()
            && self.columns().zip(&relation.columns).all(|(new, known)| new.is(known, self.types))
    }

    fn to_relation(self, generation: u32) -> Relation {
        Relation {
            oid: self.oid,
            generation,
            namespace: self.namespace.into(),
            name: self.name.into(),
            replica_identity: self.replica_identity,
            columns: self.columns().map(|column| column.to_column(self.types)).collect(),
            serial: Serial::next(),
        }
    }
}

/// Everything counts, as in `Definition::is`.
impl Hash for Definition<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.namespace, self.name, self.replica_identity, self.n_columns).hash(state);
        for column in self.columns() {
            let kind = (column.type_oid, self.types.trace(column.type_oid), column.typmod);
            (column.name, kind, column.is_key).hash(state);
        }
    }
}

impl<'a> ColumnDefinition<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        let is_key = reader.u8()? & KEY_FLAG != 0;
        Ok(Self { is_key, name: reader.text()?, type_oid: reader.u32()?, typmod: reader.i32()? })
    }

    fn is(&self, known: &Column, types: &Types) -> bool {
        *self.name == *known.name
            && self.type_oid == known.type_oid
            && types.is(self.type_oid, &known.data_type)
            && self.typmod == known.typmod
            && self.is_key == known.is_key
    }

    fn to_column(self, types: &Types) -> Column {
        Column {
            name: self.name.into(),
            type_oid: self.type_oid,
            typmod: self.typmod,
            is_key: self.is_key,
            data_type: types.find(self.type_oid),
        }
    }
}

/// Spreads OIDs by one multiplication. They come from the server the user chose to trust with the data itself.
#[derive(Debug, Default)]
struct OidHasher(u64);

impl Hasher for OidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, oid: u32) {
        // 2^64 divided by the golden ratio; hashbrown looks at the upper bits too.
        self.0 = (self.0 ^ u64::from(oid)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
