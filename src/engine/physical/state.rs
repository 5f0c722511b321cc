//! What of a physical stream outlives its connections, and what the program is told where it goes from one connection or timeline
//! to the next. It must never hold anything of the connection that is up.

use std::sync::Arc;
use std::time::Instant;

use super::join::{Joined, Left, Purpose, Stand, join};
use crate::batch::{Arrays, Event, EventKind, Provenance, Telling, TimelineNumbers, Value, ValueKind};
use crate::engine::intake::{Intake, Takes};
use crate::engine::reconnect::{Recovery, Resumable};
use crate::engine::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{self, End, History, Place, Positions, Receiver, SegmentSize};
use crate::session::Session;
use crate::statistics::Counts;
use crate::stream::{Identity, Outstanding, Taken};

/// What of a physical stream outlives its connections.
pub(super) struct State {
    pub(super) shared: Arc<Shared>,
    pub(super) receiver: Receiver,
    pub(super) intake: Intake,
    pub(super) size: SegmentSize,
    /// Up to where the program was asked to make everything safe.
    pub(super) wanted: u64,
    identity: Identity,
    /// The history of the server, as it was seen last.
    history: History,
}

impl State {
    pub(super) fn new(shared: &Arc<Shared>, joined: &Joined) -> Self {
        let config = &shared.config;
        let start = joined.start;
        let positions = Positions::new(config.report_apply, start.lsn.0, joined.stand.floor());
        // 15 and later say where it stands, or that it keeps nothing.
        let is_old = joined.session.server_version() < 150_000;
        let positions = positions.of_unknown_slot(is_old && joined.stand == Stand::Unknown);
        let mut it = Self {
            shared: Arc::clone(shared),
            receiver: Receiver::new(&config.slot, start.timeline, positions, config.stop_lsn),
            intake: Intake::new(Arc::clone(shared)),
            size: joined.size,
            wanted: 0,
            identity: joined.identity,
            history: joined.history.clone(),
        };
        it.come_from(start.timeline);
        it
    }

    /// Asks the program to make safe what it was given, once for each position.
    pub(super) fn want_flush(&mut self) -> Result<()> {
        let received = self.receiver.positions.received();
        if self.wanted >= received || self.receiver.positions.is_settled(self.shared.acks.acked()) {
            return Ok(());
        }
        self.wanted = received;
        let kind = EventKind::WAL_EVENT_FLUSH_WANTED;
        self.intake.tell(vec![Event { lsn: received, ack_lsn: received, ..Event::new(kind) }])
    }

    /// Goes on over another connection, and tells the program.
    pub(super) fn reconnected(&mut self, recovery: &mut Recovery, joined: &Joined) -> Result<()> {
        let lost = self.receiver.place();
        let timelines = (lost.timeline, joined.identity.timeline);
        let Some(how) = recovery.mended(timelines, joined.start.lsn) else { return Ok(()) };
        Counts::add(&self.shared.counts.reconnects, 1);
        self.seen(joined.identity, joined.history.clone());
        self.intake.flush()?;
        self.intake.reconnected();
        self.come_from(lost.timeline);
        if let Some(at) = joined.rewound {
            self.branch(at);
        }
        let ack_lsn = joined.rewound.unwrap_or_default().0;
        self.intake
            .tell_with(|arrays| how.tell(arrays, joined.start.lsn, lost.lsn.0, joined.rewound, ack_lsn))?;
        // Before the slot's position is taken in.
        self.follow(&joined.switches)?;
        self.receiver.restart(joined.start, joined.stand.floor());
        if joined.rewound.is_some() {
            recovery.rewound(self.reached());
        }
        Ok(())
    }

    /// Tells the program of timelines that are left.
    pub(super) fn follow(&mut self, switches: &[Left]) -> Result<()> {
        for Left { switch, history } in switches {
            self.intake.flush()?;
            self.branch(switch.at);
            self.come_from(switch.to);
            let numbers =
                TimelineNumbers { before: switch.from, timeline: switch.to, switchpoint: switch.at.0 };
            let start = self.size.start_of(switch.at);
            let mut is_told = false;
            self.intake.tell_with(|arrays| is_told = tell(arrays, numbers, start, history))?;
            if !is_told {
                // The WAL would go back to the beginning of a segment, and nobody would know why.
                return Err(Error::new(
                    Status::WAL_E_NO_MEMORY,
                    "no memory for the event of a timeline's end",
                ));
            }
        }
        Ok(())
    }

    /// What a server says of itself.
    pub(super) fn seen(&mut self, identity: Identity, history: History) {
        (self.identity, self.history) = (identity, history);
    }

    /// Goes on at a place, on the connection that is up.
    pub(super) fn restart(&mut self, start: Place) {
        self.receiver.restart(start, 0);
        self.wanted = 0;
    }

    /// Nothing that the program says of what came before counts beyond a switchpoint.
    fn branch(&mut self, at: Lsn) {
        self.shared.acks.branched(self.intake.next_number(), at.0);
        self.shared.owed.rewind(at.0);
        self.receiver.positions.branch(at.0);
        self.wanted = 0;
    }

    fn come_from(&mut self, timeline: u32) {
        let telling = Telling::Ends;
        self.intake.come_from(Provenance { system: self.identity.system, timeline, telling });
    }

    /// Shows what was counted, and what is owed for.
    pub(super) fn publish(&self) {
        let (from, counts) = (&self.receiver.counters, &self.shared.counts);
        let mut outstanding = Outstanding::default();
        let received = self.receiver.positions.received();
        let acked = self.shared.acks.acked();
        if !self.receiver.positions.is_settled(acked) {
            outstanding.push(received, from.last_message_time);
        }
        self.shared.owed.append(&mut outstanding, acked);
        for (counter, value) in [
            (&counts.keepalives, from.keepalives),
            (&counts.unknown_frames, from.unknown_frames),
            (&counts.notices, from.notices),
            (&counts.server_wal_end, from.server_wal_end),
            (&counts.received_lsn, received),
        ] {
            Counts::set(counter, value);
        }
        counts.last_message_time.store(from.last_message_time, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Resumable for State {
    type Connection = Joined;

    fn reached(&self) -> (u64, u64) {
        let Place { timeline, lsn } = self.receiver.place();
        (timeline.into(), lsn.0)
    }

    fn has_ended(&self) -> bool {
        self.receiver.end() == Some(End::Stop)
    }

    async fn connect_again(&self, shared: &Shared, end: Option<Instant>) -> Result<Joined> {
        let again = Purpose::Again {
            before: self.identity,
            known: self.history.clone(),
            place: self.receiver.place(),
            ended: self.receiver.end() == Some(End::Timeline),
        };
        join(shared, end, again).await
    }
}

impl Takes for Receiver {
    const LONGEST: usize = physical::LONGEST;

    #[inline]
    unsafe fn frame(&mut self, tag: u8, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        // SAFETY: the caller's promise.
        unsafe { Self::frame(self, tag, body, out) }.map(taken)
    }

    fn beginning(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        Self::beginning(self, tag, body).map(taken)
    }

    fn take_remark(&mut self) -> Option<String> {
        Self::take_remark(self)
    }
}

fn taken(what: physical::Taken) -> Taken {
    match what {
        physical::Taken::Done => Taken::Done,
        physical::Taken::ReplyDue => Taken::ReplyDue,
        physical::Taken::Remark => Taken::Remark,
        physical::Taken::Full => Taken::Full,
        physical::Taken::End => Taken::End,
    }
}

/// The event of a switch. False: there is no memory for it.
fn tell(arrays: &mut Arrays, numbers: TimelineNumbers, start: Lsn, history: &str) -> bool {
    let mark = arrays.value_count();
    if !arrays.reserve_values(2) {
        return false;
    }
    for bytes in [history.as_bytes(), &numbers.to_bytes()] {
        let bytes: Arc<[u8]> = bytes.into();
        let data = arrays.keep_text(&bytes);
        arrays.push_value(Value { data, ..Value::view(ValueKind::WAL_VALUE_BINARY, &bytes) });
    }
    let extra = arrays.values_from(mark);
    let event = Event { lsn: start.0, extra, n_extra: 2, ..Event::new(EventKind::WAL_EVENT_TIMELINE) };
    // SAFETY: it points at the values before it, which point at texts that the arrays keep.
    unsafe { arrays.push_event(event) };
    true
}

/// What is not an end of COPY where one was to come.
pub(super) fn not_over() -> Error {
    Error::new(Status::WAL_E_PROTOCOL, "the server ended a timeline and did not end the command")
}
