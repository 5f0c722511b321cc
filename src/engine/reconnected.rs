//! From one connection to the next as the consumer sees it, whether a server or a capture brings it: what begins anew, and
//! the event between them.
//!
//! A replay must tell of it as the stream did, so that what the event says is written into the capture.

use std::sync::Arc;

use super::intake::Intake;
use super::log::Level;
use super::shared::Shared;
use crate::batch::{Arrays, Event, EventKind, ReconnectNumbers, Value, ValueKind, flags};
use crate::capture::Epoch;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::statistics::Counts;
use crate::stream::{Branch, Loss, Receiver, Restart};

/// What the event says of how the last connection was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnected {
    /// Why, in one sentence.
    pub message: String,
    /// Why, as a status.
    pub status: i32,
    /// How many attempts the next connection took.
    pub attempts: u32,
    /// The timelines of the two servers.
    pub timelines: (u32, u32),
}

impl Reconnected {
    /// What a capture says of it. One that an older library wrote says nothing: then `reason` is why, if it is known.
    pub fn read(epoch: &Epoch, reason: Option<Error>, timelines: (u32, u32)) -> Self {
        let number = |name: &str| epoch.get(name).and_then(|text| text.parse().ok());
        let unknown = || Error::new(Status::WAL_E_CONNECTION_LOST, "the connection was lost");
        let reason = reason.unwrap_or_else(unknown);
        Self {
            message: epoch.get("lost_message").unwrap_or(reason.message()).to_owned(),
            status: number("lost_status").unwrap_or(reason.status() as i32),
            attempts: number("attempts").map_or(1, i32::cast_unsigned),
            timelines,
        }
    }

    /// Puts it into the description of the connection that comes next.
    pub fn write(&self, epoch: Epoch) -> Epoch {
        epoch
            .with("lost_message", &self.message)
            .with("lost_status", self.status)
            .with("attempts", self.attempts)
    }

    /// What a capture says of where a connection begins.
    pub fn restart(epoch: &Epoch) -> Restart {
        let at = |name: &str| epoch.get(name).and_then(|text| text.parse().ok());
        let branch = |name, loss| at(name).map(|at| Branch { at, loss });
        let branch = branch("rewound_lsn", Loss::Delivered).or_else(|| branch("branch_lsn", Loss::Nothing));
        Restart { start: at("start_lsn").unwrap_or_default(), branch }
    }

    /// Puts where the server's history left that of the server before into the description of its connection.
    pub fn write_branch(epoch: Epoch, branch: Option<Branch>) -> Epoch {
        match branch {
            Some(Branch { at, loss: Loss::Delivered }) => epoch.with("rewound_lsn", at),
            Some(Branch { at, loss: Loss::Nothing }) => epoch.with("branch_lsn", at),
            None => epoch,
        }
    }

    /// Goes on with the next connection, and tells the consumer between what the old one brought and what it will bring.
    pub fn go_on(
        &self,
        shared: &Shared,
        receiver: &mut Receiver,
        intake: &mut Intake,
        restart: Restart,
    ) -> Result<()> {
        Counts::add(&shared.counts.reconnects, 1);
        let lost = receiver.positions.end_of_received();
        // What is kept comes again: no acknowledgement of the switch may cover it.
        let kept = receiver.positions.ceiling().unwrap_or(u64::MAX);
        let discarded = receiver.restart(restart);
        intake.reconnected();
        let rewound = restart.branch.and_then(|branch| branched(shared, intake, branch));
        // All payloads come again, and acknowledge themselves.
        let ack_lsn = if shared.config.decode { rewound.unwrap_or_default().0.min(kept) } else { 0 };
        intake.tell_with(|arrays| {
            // SAFETY: they point at nothing.
            discarded.into_iter().for_each(|event| unsafe { arrays.push_event(event) });
            self.tell(arrays, restart.start, lost, rewound, ack_lsn);
        })
    }

    /// The event.
    pub(super) fn tell(
        &self,
        arrays: &mut Arrays,
        start: Lsn,
        lost: u64,
        rewound: Option<Lsn>,
        ack_lsn: u64,
    ) {
        let (lost_timeline, timeline) = self.timelines;
        let (attempts, status) = (self.attempts, self.status);
        let switchpoint = rewound.unwrap_or_default().0;
        let numbers = ReconnectNumbers { attempts, status, lost_timeline, timeline, switchpoint };
        let mark = arrays.value_count();
        if !arrays.reserve_values(2) {
            return;
        }
        for (kind, bytes) in [
            (ValueKind::WAL_VALUE_TEXT, self.message.as_bytes()),
            (ValueKind::WAL_VALUE_BINARY, &numbers.to_bytes()),
        ] {
            let bytes: Arc<[u8]> = bytes.into();
            let data = arrays.keep_text(&bytes);
            arrays.push_value(Value { data, ..Value::view(kind, &bytes) });
        }
        let event = Event {
            flags: if rewound.is_some() { flags::REWOUND } else { 0 },
            lsn: start.0,
            ack_lsn,
            number: lost,
            extra: arrays.values_from(mark),
            n_extra: 2,
            ..Event::new(EventKind::WAL_EVENT_RECONNECTED)
        };
        // SAFETY: it points at the values before it, which point at texts that the arrays keep.
        unsafe { arrays.push_event(event) };
        if ack_lsn < switchpoint {
            // All up to the switchpoint is had, and a position would say less: the next one says it.
            arrays.untell_newest();
        }
    }
}

/// The history goes another way from `branch` on: nothing that the consumer says of what came before counts beyond.
/// Gives the position where something was delivered that is lost.
fn branched(shared: &Shared, intake: &Intake, branch: Branch) -> Option<Lsn> {
    let at = branch.at;
    // Before the event can be seen: what is acknowledged from then on is meant for the new history.
    shared.acks.branched(intake.next_number(), at.0);
    if branch.loss == Loss::Nothing {
        return None;
    }
    shared.owed.rewind(at.0);
    shared.logger.log(Level::WAL_LOG_WARN, "reconnect", || {
        format!("the server was promoted at {at}: what was delivered beyond that position is lost on it")
    });
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever copies the event takes memory for the lengths of its values.
    #[test]
    fn the_event_is_as_long_as_what_it_says() {
        let mut arrays = Arrays::new(16, 16);
        let how = Reconnected { message: "gone".into(), status: -24, attempts: 3, timelines: (1, 2) };
        how.tell(&mut arrays, Lsn(5), 9, Some(Lsn(0x16_B374_D848)), 0x16_B374_D848);
        let values = arrays.values();
        assert_eq!(values.iter().map(|value| value.len).collect::<Vec<_>>(), [4, 24]);
        // SAFETY: the arrays live.
        let numbers = ReconnectNumbers::from_bytes(unsafe { values[ReconnectNumbers::AT].bytes() });
        let (lost_timeline, timeline, switchpoint) = (1, 2, 0x16_B374_D848);
        let expected = ReconnectNumbers { attempts: 3, status: -24, lost_timeline, timeline, switchpoint };
        assert_eq!(numbers, Some(expected));
        assert_eq!((arrays.last_ack(), arrays.events()[0].number), (0x16_B374_D848, 9));
    }
}
