//! What of a stream outlives its connections. It must never hold anything of the one that is up.

use std::sync::Arc;
use std::time::Instant;

use super::connect::Connected;
use super::intake::Intake;
use super::shared::Shared;
use super::snapshot::{Copying, Taken};
use super::task::remembers_little;
use crate::batch::Provenance;
use crate::error::Result;
use crate::lsn::Lsn;
use crate::stream::{Identity, Receiver, ToldProgress, Tolerance};
use crate::sys::Alarm;

/// What of a stream outlives its connections.
pub(super) struct StreamState {
    pub(super) receiver: Receiver,
    pub(super) intake: Intake,
    /// What the consumer was last told of progress.
    pub(super) progress: ToldProgress,
    /// The end that was asked for is reached.
    pub(super) ended: bool,
    /// Where the stream began.
    pub(super) began: Lsn,
    /// Which server the last connection was to.
    pub(super) server: Identity,
    /// When a connection was last given up for the memory of its definitions.
    pub(super) shed: Option<Instant>,
    /// What earlier connections taught of the server's silence.
    pub(super) tolerance: Tolerance,
    /// What copies the rows that are there, while it does.
    pub(super) snapshot: Option<Copying>,
    /// Made when a stream is first gathered; tokio's own clock is too coarse for that.
    pub(super) alarm: Option<Alarm>,
}

impl StreamState {
    pub(super) fn new(shared: &Arc<Shared>, connected: &Connected) -> Self {
        let mut receiver = Receiver::new(&shared.config).showing(&shared.spill_fd);
        receiver.positions.begin(connected.start.0, connected.slot.0);
        let mut intake = Intake::new(Arc::clone(shared));
        intake.come_from(connected.identity.provenance(&shared.config));
        Self {
            receiver,
            intake,
            progress: ToldProgress::new(connected.start.0, Instant::now()),
            ended: false,
            began: connected.start,
            server: connected.identity,
            tolerance: Tolerance::default(),
            shed: None,
            snapshot: None,
            alarm: None,
        }
    }

    /// Has the rows copied that are there, before anything is read of the changes. Nothing is settled before the end of it is
    /// acknowledged.
    pub(super) fn copy_first(
        &mut self,
        shared: &Arc<Shared>,
        taken: Taken,
        server: Provenance,
    ) -> Result<()> {
        self.receiver.positions.pin(taken.consistent().0);
        let relations = self.intake.describe(&mut self.receiver, &taken.definitions())?;
        // Before a row is copied: the stream that comes behind would end with it.
        remembers_little(&self.receiver, shared.config.relations_bytes)?;
        self.snapshot = Some(Copying::start(shared, taken, relations, server)?);
        Ok(())
    }

    /// What has to grow for a connection to be worth anything.
    pub(super) fn reached(&self) -> (u64, u64) {
        (self.receiver.counters.server_wal_end, self.receiver.positions.outstanding())
    }
}
