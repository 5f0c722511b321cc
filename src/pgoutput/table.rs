//! Definitions that are valid together: those of the connection, or those that one streamed transaction made for itself.
//! It must never answer with a definition of another connection.

use std::sync::{Arc, Weak};

use super::definition::Definition;
use super::fault::{Fault, Read};
use super::generations::Trace;
use super::leaves::{Leaves, Sent};
use super::oids::OidMap;
use super::tuple::Shape;
use crate::batch::{Arrays, Column, Relation};

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
    /// In a streamed transaction, all that came, in order, and the subtransactions that made it known.
    log: Vec<(u32, Described)>,
    replaced: Replaced,
}

/// Definitions that were replaced, and that somebody has still: open transactions share them.
#[derive(Debug, Default)]
struct Replaced {
    held: Vec<Weak<Relation>>,
    weight: usize,
    /// At how many those go that nobody has any more.
    most: usize,
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
    /// What of its memory counts here.
    own: usize,
    relation: Arc<Relation>,
    trace: Trace,
    /// How its columns' values look, one for each.
    shapes: Box<[Shape]>,
    /// The partitions whose changes come as its own.
    leaves: Leaves,
}

/// A definition as it came.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) relation: Arc<Relation>,
    pub(super) trace: Trace,
    /// The connection that sent it.
    pub(super) epoch: u64,
    /// Its number among all descriptions.
    pub(super) at: u64,
    /// How much memory it takes that nothing else counts: nothing where it is shared.
    pub(super) own: usize,
}

impl Table {
    /// How much memory the definitions take, about.
    pub(super) fn weight(&self) -> usize {
        self.weight + self.replaced.weight + self.log.len() * size_of::<(u32, Described)>()
    }

    /// Which definitions they are.
    pub(super) fn traces(self) -> impl Iterator<Item = (u32, Trace)> {
        self.entries.into_iter().map(|entry| (entry.oid, entry.trace))
    }

    /// The definitions themselves.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.entries.into_iter()
    }

    /// Which definition a relation has here.
    pub(super) fn trace(&self, oid: u32) -> Option<Trace> {
        self.entry(oid).map(|entry| entry.trace)
    }

    /// The definition that a relation has here.
    pub(super) fn relation(&self, oid: u32) -> Option<&Relation> {
        self.entry(oid).map(|entry| &*entry.relation)
    }

    /// The relation that a definition makes, if it stands here.
    pub(super) fn same(&self, definition: &Definition<'_>, generation: u32) -> Option<Arc<Relation>> {
        let relation = &self.entry(definition.oid())?.relation;
        let is_same = relation.generation == generation && definition.is(relation);
        is_same.then(|| Arc::clone(relation))
    }

    /// The relation of a change, if it is that of the change before.
    #[inline(always)]
    pub(super) fn last(&mut self, oid: u32) -> Option<&mut Entry> {
        self.last.and_then(|at| self.entries.get_mut(at)).filter(|entry| entry.oid == oid)
    }

    /// The relation of a change, if the connection described it.
    #[inline]
    pub(super) fn find(&mut self, oid: u32, epoch: u64) -> Read<&mut Entry> {
        let hit = self.last.filter(|at| self.entries.get(*at).is_some_and(|entry| entry.oid == oid));
        let at = match hit {
            Some(at) => at,
            None => self.look_up(oid, epoch)?,
        };
        self.entries.get_mut(at).ok_or(Fault::UnknownRelation(oid))
    }

    /// What comes refers to several relations.
    pub(super) fn several(&mut self) {
        self.fresh = None;
    }

    /// A subtransaction of a streamed transaction described a relation.
    pub(super) fn note(&mut self, subxid: u32, described: Described) {
        self.log.push((subxid, described));
    }

    /// Makes a definition the valid one. The next change has to look: if it is another relation's, then this is a partition
    /// of that one.
    pub(super) fn describe(&mut self, described: Described) -> Read<&mut Entry> {
        let oid = described.relation.oid;
        let at = self.set(described);
        (self.last, self.fresh) = (None, Some(at));
        self.entries.get_mut(at).ok_or(Fault::UnknownRelation(oid))
    }

    /// Whether the relation was described after that.
    pub(super) fn is_newer_than(&self, other: &Entry) -> bool {
        self.entry(other.oid).is_some_and(|known| known.described > other.described)
    }

    /// Makes another table's definition the valid one, with what is known of its partitions.
    pub(super) fn adopt(&mut self, entry: Entry, epoch: u64) {
        let Entry { relation, trace, described, leaves, .. } = entry;
        // The transaction counted it, or shared one that may be replaced by now.
        let own = relation.weight();
        let at = self.set(Described { relation, trace, epoch, at: described, own });
        if let Some(known) = self.entries.get_mut(at) {
            known.leaves = leaves;
        }
    }

    /// A subtransaction was rolled back: nothing holds that was described since it first described something, as
    /// worker.c cuts the transaction's changes off there.
    pub(super) fn roll_back(&mut self, subxid: u32) {
        let Some(first) = self.log.iter().position(|(by, _)| *by == subxid) else { return };
        let Self { mut log, entries, .. } = std::mem::take(self);
        log.truncate(first);
        for (by, described) in log {
            self.log.push((by, described.clone()));
            self.set(described);
        }
        for old in entries {
            let still = self.index.get(&old.oid).and_then(|at| self.entries.get_mut(*at));
            if let Some(entry) = still.filter(|entry| Arc::ptr_eq(&entry.relation, &old.relation)) {
                entry.leaves = old.leaves;
            }
        }
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
    fn set(&mut self, described: Described) -> usize {
        let Described { relation, trace, epoch, at: described, own } = described;
        let entries = &mut self.entries;
        let oid = relation.oid;
        let at = *self.index.entry(oid).or_insert(entries.len());
        match entries.get_mut(at) {
            None => {
                self.weight += own + beside(&relation);
                let shapes = shapes_of(&relation);
                entries.push(Entry {
                    oid,
                    epoch,
                    described,
                    kept: 0,
                    uncounted: relation.weight(),
                    own,
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
                    let mut less = beside(&entry.relation);
                    if self.log.is_empty() {
                        // Else the log keeps it.
                        less += entry.own;
                        self.replaced.note(&entry.relation);
                    }
                    self.weight = (self.weight + own + beside(&relation)).saturating_sub(less);
                    entry.own = own;
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

/// How much memory that takes which is known beside the definition.
fn beside(relation: &Relation) -> usize {
    size_of::<Entry>() + relation.columns.len() * size_of::<Shape>()
}

impl Replaced {
    /// A definition is replaced, whose owner drops it next.
    fn note(&mut self, relation: &Arc<Relation>) {
        if Arc::strong_count(relation) == 1 {
            return;
        }
        if self.held.len() >= self.most.max(LEAST_REPLACED) {
            self.held.retain(|held| held.strong_count() > 0);
            self.weight = self.held.iter().filter_map(Weak::upgrade).map(|held| held.weight()).sum();
            self.most = self.held.len() * 2;
        }
        self.weight += relation.weight();
        self.held.push(Arc::downgrade(relation));
    }
}

/// How many replaced definitions are noted in any case.
const LEAST_REPLACED: usize = 16;

fn shapes_of(relation: &Relation) -> Box<[Shape]> {
    vec![Shape::NEW; relation.columns.len()].into_boxed_slice()
}

impl Entry {
    pub(super) fn oid(&self) -> u32 {
        self.oid
    }

    pub(super) fn trace(&self) -> Trace {
        self.trace
    }

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
