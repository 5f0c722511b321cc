//! Snapshots as a Rust program sees them. It must never show a name of the C API.

use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use super::event::system_time;
use crate::batch;
use crate::lsn::Lsn;
use crate::snapshot as layer;

/// What a SNAPSHOT event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotStep {
    /// The rows of the event's relation follow, between those of other tables.
    TableBegin,
    /// All rows of an item of the relation came.
    ItemEnd,
    /// All rows of the relation came.
    TableEnd,
    /// All rows of all tables came, and changes follow. Acknowledge it once the rows are safe.
    End,
    /// The snapshot of an earlier life is gone, and another one begins: drop all rows that came of it.
    Restart,
}

impl SnapshotStep {
    pub(super) fn of(step: batch::SnapshotStep) -> Option<Self> {
        use batch::SnapshotStep::*;
        match step {
            WAL_SNAPSHOT_NONE => None,
            WAL_SNAPSHOT_TABLE_BEGIN => Some(Self::TableBegin),
            WAL_SNAPSHOT_ITEM_END => Some(Self::ItemEnd),
            WAL_SNAPSHOT_TABLE_END => Some(Self::TableEnd),
            WAL_SNAPSHOT_END => Some(Self::End),
            WAL_SNAPSHOT_RESTART => Some(Self::Restart),
        }
    }
}

/// What a SNAPSHOT event tells, with [`Options::snapshot`](crate::Options::snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotEvent<'a> {
    /// Where the snapshot stands.
    pub step: SnapshotStep,
    /// Which item of its table ended, from 0.
    pub item: u32,
    /// How many rows the item, the table or the snapshot has, at its end.
    pub rows: u64,
    /// How far the snapshot is: bytes to store with the rows, for
    /// [`Options::snapshot_state`](crate::Options::snapshot_state).
    pub state: &'a [u8],
}

/// Whether a snapshot is being copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotStage {
    /// The stream takes none.
    None,
    /// Rows come.
    Copying,
    /// All rows came.
    Complete,
    /// It was given up, and so was the stream.
    Failed,
}

/// How far the snapshot of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotProgress {
    /// Whether rows come.
    pub stage: SnapshotStage,
    /// How many rows came.
    pub rows: u64,
    /// How many bytes they took on the wire.
    pub bytes: u64,
    /// Of how many tables all rows came, and how many there are.
    pub tables: (u64, u64),
    /// Of how many items all rows came, and how many there are.
    pub items: (u64, u64),
    /// How many blocks of the server's disk those items have, and how many there are: an estimate of what is left.
    pub blocks: (u64, u64),
    /// The position that the rows are of, and where the changes begin.
    pub consistent_lsn: Lsn,
    /// When copying began.
    pub began_at: Option<SystemTime>,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    /// How often a worker lost its connection and began again.
    pub lost_workers: u64,
}

impl SnapshotProgress {
    pub(super) fn of(at: &layer::SnapshotProgress) -> Self {
        use layer::SnapshotStage::*;
        let stage = match at.stage() {
            WAL_SNAPSHOT_STAGE_NONE => SnapshotStage::None,
            WAL_SNAPSHOT_STAGE_COPYING => SnapshotStage::Copying,
            WAL_SNAPSHOT_STAGE_COMPLETE => SnapshotStage::Complete,
            WAL_SNAPSHOT_STAGE_FAILED => SnapshotStage::Failed,
        };
        Self {
            stage,
            rows: at.rows.load(Relaxed),
            bytes: at.bytes.load(Relaxed),
            tables: (at.tables_done.load(Relaxed), at.tables.load(Relaxed)),
            items: (at.items_done.load(Relaxed), at.items.load(Relaxed)),
            blocks: (at.blocks_done.load(Relaxed), at.blocks.load(Relaxed)),
            consistent_lsn: Lsn(at.consistent.load(Relaxed)),
            began_at: system_time(at.began_at.load(Relaxed)),
            ended_at: system_time(at.ended_at.load(Relaxed)),
            lost_workers: at.lost_workers.load(Relaxed),
        }
    }
}
