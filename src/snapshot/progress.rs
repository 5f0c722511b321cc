//! How far a snapshot is, for whoever asks from any thread. It must never decide when something is counted.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Whether a snapshot is being copied.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum SnapshotStage {
    /// The stream takes none.
    #[default]
    WAL_SNAPSHOT_STAGE_NONE = 0,
    /// Rows come.
    WAL_SNAPSHOT_STAGE_COPYING = 1,
    /// All rows came.
    WAL_SNAPSHOT_STAGE_COMPLETE = 2,
    /// It was given up, and so was the stream.
    WAL_SNAPSHOT_STAGE_FAILED = 3,
}

/// The numbers of a snapshot. Each is right; together they may straddle an update.
#[derive(Debug, Default)]
pub struct SnapshotProgress {
    stage: AtomicU32,
    /// When it began and ended: microseconds since 2000-01-01 UTC, or 0.
    pub began_at: AtomicI64,
    /// See there.
    pub ended_at: AtomicI64,
    /// The position that the rows are of.
    pub consistent: AtomicU64,
    /// How many rows came.
    pub rows: AtomicU64,
    /// How many bytes they took on the wire.
    pub bytes: AtomicU64,
    /// How many tables there are.
    pub tables: AtomicU64,
    /// Of how many all rows came.
    pub tables_done: AtomicU64,
    /// How many items there are.
    pub items: AtomicU64,
    /// Of how many all rows came.
    pub items_done: AtomicU64,
    /// How many blocks of the server's disk there are.
    pub blocks: AtomicU64,
    /// How many those items have of which all rows came.
    pub blocks_done: AtomicU64,
    /// How often a worker's connection was lost and made again.
    pub lost_workers: AtomicU64,
}

impl SnapshotProgress {
    /// Where it stands.
    pub fn stage(&self) -> SnapshotStage {
        use SnapshotStage::*;
        let all = [WAL_SNAPSHOT_STAGE_COPYING, WAL_SNAPSHOT_STAGE_COMPLETE, WAL_SNAPSHOT_STAGE_FAILED];
        let stage = self.stage.load(Ordering::Acquire);
        all.into_iter().find(|it| *it as u32 == stage).unwrap_or_default()
    }

    /// It stands there from now on. What was set before is seen by whoever sees this.
    pub fn enter(&self, stage: SnapshotStage) {
        self.stage.store(stage as u32, Ordering::Release);
    }
}
