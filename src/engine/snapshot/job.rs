//! What the workers of a snapshot share: the items that are left, what of each table came, and how the program is told.
//!
//! It must never tell that something came before all of it is in the queue.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::shared::Shared;
use crate::batch::{
    Arrays, Batch, Event, EventKind, Provenance, Relation, SnapshotMark, SnapshotStep, Value, ValueKind,
};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::snapshot::{Extent, Item, Plan, SnapshotState, Source};

/// How much little is.
pub(super) const LITTLE: usize = 16 << 10;

/// A snapshot that is being copied.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: Plan,
    /// The definition of each table of the plan.
    pub(super) relations: Vec<Arc<Relation>>,
    pub(super) origin: Origin,
    left: Mutex<Left>,
}

/// Where the rows come from.
#[derive(Debug)]
pub(super) struct Origin {
    /// The name by which the holder's snapshot is taken over.
    pub(super) lent: String,
    /// The position that the rows are of.
    pub(super) consistent: Lsn,
    /// Which cluster it is.
    pub(super) system: u64,
    /// When the server was started.
    pub(super) started: u64,
    /// Which server, as events say it.
    pub(super) server: Provenance,
}

#[derive(Debug)]
struct Left {
    items: VecDeque<Item>,
    /// Of each table how many items have not come, whether it was told to begin, and how many rows came.
    tables: Vec<TableLeft>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TableLeft {
    items: usize,
    begun: bool,
    rows: u64,
}

/// An item in the hands of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) item: Item,
    /// How many of its first rows the program was given.
    pub(super) delivered: u64,
}

impl Job {
    pub(super) fn new(
        shared: &Arc<Shared>,
        plan: Plan,
        relations: Vec<Arc<Relation>>,
        items: Vec<Item>,
        origin: Origin,
    ) -> Result<Self> {
        if relations.len() != plan.tables.len() {
            return Err(Error::new(Status::WAL_E_INTERNAL, "a table of the snapshot has no definition"));
        }
        let mut tables = vec![TableLeft::default(); plan.tables.len()];
        for item in &items {
            if let Some(table) = tables.get_mut(item.table) {
                table.items += 1;
            }
        }
        let progress = &shared.snapshot;
        progress.tables.store(tables.len() as u64, Relaxed);
        progress.items.store(items.len() as u64, Relaxed);
        progress.blocks.store(items.iter().map(|item| item.blocks).sum(), Relaxed);
        Ok(Self {
            shared: Arc::clone(shared),
            plan,
            relations,
            origin,
            left: Mutex::new(Left { items: items.into(), tables }),
        })
    }

    /// The next item, whose table has begun by then.
    pub(super) fn next(&self) -> Result<Option<Work>> {
        let (item, begins) = {
            let mut left = self.lock();
            let Some(item) = left.items.pop_front() else { return Ok(None) };
            let table = left.tables.get_mut(item.table);
            (item, table.is_some_and(|table| !std::mem::replace(&mut table.begun, true)))
        };
        if begins {
            self.tell(SnapshotStep::WAL_SNAPSHOT_TABLE_BEGIN, Some(item.table), 0, 0)?;
        }
        Ok(Some(Work { item, delivered: 0 }))
    }

    /// All rows of an item are in the queue.
    pub(super) fn done(&self, work: &Work) -> Result<()> {
        let Work { item, delivered } = *work;
        let progress = &self.shared.snapshot;
        progress.items_done.fetch_add(1, Relaxed);
        progress.blocks_done.fetch_add(item.blocks, Relaxed);
        let whole = {
            let mut left = self.lock();
            left.tables.get_mut(item.table).and_then(|table| {
                table.items = table.items.saturating_sub(1);
                table.rows += delivered;
                (table.items == 0).then_some(table.rows)
            })
        };
        self.tell(SnapshotStep::WAL_SNAPSHOT_ITEM_END, Some(item.table), item.number, delivered)?;
        match whole {
            Some(rows) => self.end_of_table(item.table, rows),
            None => Ok(()),
        }
    }

    /// Tables without any place where rows could be: a partitioned one that has no partitions.
    pub(super) async fn tell_of_empty_ones(&self) -> Result<()> {
        let empty = |left: &Left| {
            let all = left.tables.iter().enumerate();
            all.filter(|(_, table)| table.items == 0 && !table.begun).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let empty = empty(&self.lock());
        for table in empty {
            self.shared.room().await;
            self.tell(SnapshotStep::WAL_SNAPSHOT_TABLE_BEGIN, Some(table), 0, 0)?;
            self.end_of_table(table, 0)?;
        }
        Ok(())
    }

    fn end_of_table(&self, table: usize, rows: u64) -> Result<()> {
        self.shared.snapshot.tables_done.fetch_add(1, Relaxed);
        self.tell(SnapshotStep::WAL_SNAPSHOT_TABLE_END, Some(table), 0, rows)
    }

    /// Tells the program where the snapshot stands, behind all that is in the queue.
    pub(super) fn tell(&self, step: SnapshotStep, table: Option<usize>, item: u32, rows: u64) -> Result<()> {
        let mut batch = self.batch_behind()?;
        self.event(&mut batch.arrays, step, table, item, rows)?;
        self.push(batch, 1);
        self.shared.signal();
        Ok(())
    }

    fn event(
        &self,
        arrays: &mut Arrays,
        step: SnapshotStep,
        table: Option<usize>,
        item: u32,
        rows: u64,
    ) -> Result<()> {
        if !arrays.reserve(1, 1) {
            return Err(Error::no_memory("an event", size_of::<Event>()));
        }
        let is_end = step == SnapshotStep::WAL_SNAPSHOT_END;
        let state: Arc<[u8]> = self.state(if is_end { Extent::Complete } else { Extent::Begun })[..].into();
        let data = arrays.keep_text(&state);
        let at = arrays.value_count();
        arrays.push_value(Value { data, ..Value::view(ValueKind::WAL_VALUE_BINARY, &state) });
        let relation = table.and_then(|table| self.relations.get(table));
        if let Some(relation) = relation {
            arrays.keep_relation(relation, 0);
        }
        let event = Event {
            commit_lsn: self.origin.consistent.0,
            ack_lsn: if is_end { self.origin.consistent.0 } else { 0 },
            sequence: rows,
            relation: relation.map_or(std::ptr::null(), Arc::as_ptr),
            extra: arrays.values_from(at),
            n_extra: 1,
            number: SnapshotMark { step, item }.number(),
            ..Event::new(EventKind::WAL_EVENT_SNAPSHOT)
        };
        // SAFETY: it points at the value before it, which points at a text that the arrays keep, and at a relation that they
        // keep.
        unsafe { arrays.push_event(event) };
        Ok(())
    }

    fn state(&self, extent: Extent) -> [u8; 36] {
        let progress = &self.shared.snapshot;
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let state = SnapshotState {
            extent,
            system: self.origin.system,
            consistent: self.origin.consistent,
            items_done: count(progress.items_done.load(Relaxed)),
            items: count(progress.items.load(Relaxed)),
        };
        state.to_bytes()
    }

    /// What a reader of an item's rows is made of.
    pub(super) fn source(&self, work: &Work) -> Source {
        Source { item: work.item.number, consistent: self.origin.consistent.0, skip: work.delivered }
    }

    /// The newest batch in the queue where it has room, for a word alone is not worth one; else another. Nobody on this
    /// thread may push one before it is back.
    fn batch_behind(&self) -> Result<Box<Batch>> {
        if let Some(mut newest) = self.shared.take_back_for_one() {
            if newest.arrays.reserve(1, 1) {
                newest.arrays.come_from(self.origin.server);
                return Ok(newest);
            }
            self.push(newest, 0);
        }
        self.take_small_batch()
    }

    /// An empty batch with room for a message of `bytes`.
    pub(super) fn take_batch(&self, bytes: usize) -> Result<Box<Batch>> {
        let mut batch = self.shared.take_batch(bytes)?;
        batch.arrays.come_from(self.origin.server);
        Ok(batch)
    }

    /// An empty batch for an item that has little.
    pub(super) fn take_small_batch(&self) -> Result<Box<Batch>> {
        let mut batch = self.shared.take_small_batch(LITTLE)?;
        batch.arrays.come_from(self.origin.server);
        Ok(batch)
    }

    /// Hands a batch over. The consumer is told by `Shared::signal`.
    pub(super) fn push(&self, mut batch: Box<Batch>, events: usize) {
        self.shared.number(&mut batch, events);
        self.shared.push(batch);
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        // Nothing that runs under the lock can panic halfway through a change.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
