//! What of a stream outlives its connections. It must never hold anything of the one that is up.

use std::sync::Arc;
use std::time::Instant;

use super::connect::Connected;
use super::intake::Intake;
use super::shared::Shared;
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
            alarm: None,
        }
    }

    /// What has to grow for a connection to be worth anything.
    pub(super) fn reached(&self) -> (u64, u64) {
        (self.receiver.counters.server_wal_end, self.receiver.positions.outstanding())
    }
}
