//! What comes from the server while streaming: XLogData, keepalives, notices, the end.
//!
//! It feeds the decoder and the positions, and must never pass over a message that could hold a change.

use std::sync::Arc;

use super::assembled::assembler;
use super::continuation::{Branch, Continuation, Restart, discarded};
use super::ending::stream_error;
use super::{Outstanding, Positions};
use crate::batch::{Arrays, Batch, Event, EventKind, Relation, Value, ValueKind, flags};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, GapPolicy, Progress, Streaming};
use crate::pgoutput::{Decoder, Effect, Step};
use crate::transaction::{Assembler, Offered};
use crate::wire::{ReplicationMessage, Reply, ServerMessage};

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Done.
    Done,
    /// The server waits for a status update.
    ReplyDue,
    /// Something was skipped or said that the log should hold: `Receiver::take_remark` has it.
    Remark,
    /// The batch has no room: seal it and offer the same frame again. Nothing was changed.
    Full,
    /// A transaction that was kept ended, and comes before all else: `Receiver::deliver` gives it.
    Deliver,
    /// The end that was asked for is reached: whatever else comes is not looked at. `Receiver::discarded` tells what
    /// is left open.
    End,
}

/// What was counted since the stream began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Transactions that ended with at least one event.
    pub transactions: u64,
    /// Transactions without a change, which are not delivered.
    pub empty_transactions: u64,
    /// Keepalives.
    pub keepalives: u64,
    /// Stream Aborts of transactions that were never announced (P1).
    pub ignored_aborts: u64,
    /// Messages of the COPY stream whose kind this library does not know (P33).
    pub unknown_frames: u64,
    /// Notices and warnings.
    pub notices: u64,
    /// Notices that changes were skipped (P17).
    pub gaps: u64,
    /// Events that came again after a reconnect and were dropped.
    pub repeated: u64,
    /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
    pub last_message_time: i64,
    /// The server's position in the last message.
    pub server_wal_end: u64,
}

/// The receiving half of one stream.
#[derive(Debug)]
pub struct Receiver {
    /// Which positions may be reported.
    pub positions: Positions,
    /// What was counted.
    pub counters: Counters,
    /// What came since it was last taken from here, and is to be acknowledged.
    pub outstanding: Outstanding,
    pub(super) decoder: Decoder,
    pub(super) way: Way,
    pub(super) continuation: Continuation,
    /// Where a bounded stream ends.
    pub(super) stop: Option<u64>,
    on_gap: GapPolicy,
    streaming: Streaming,
    remark: Option<String>,
    /// Kinds of unknown messages that were remarked on already.
    remarked: Vec<u8>,
}

/// What becomes of a payload.
#[derive(Debug)]
pub(super) enum Way {
    /// It is decoded.
    Decode,
    /// It is given as it is.
    Raw,
    /// It is kept until its transaction ends, unless that is not streamed, and then decoded.
    Assemble(Box<Assembler>),
}

impl Way {
    #[inline(always)]
    fn decodes(&self) -> bool {
        matches!(self, Self::Decode)
    }

    fn of(config: &Config) -> Self {
        match config.streaming {
            _ if !config.decode => Self::Raw,
            _ if config.assembles() => Self::Assemble(Box::new(assembler(config))),
            Streaming::Off | Streaming::On | Streaming::Parallel | Streaming::Assembled => Self::Decode,
        }
    }
}

impl Receiver {
    /// A receiver that has seen nothing.
    pub fn new(config: &Config) -> Self {
        let stop = config.stop_lsn.map(|lsn| lsn.0);
        let mut positions = Positions::limited(stop).held(config.progress == Progress::Acknowledged);
        positions.resume(config.resume_after.map_or(0, |position| position.whole_until()));
        Self {
            positions,
            counters: Counters::default(),
            outstanding: Outstanding::default(),
            decoder: Decoder::new(),
            way: Way::of(config),
            continuation: Continuation::new(config),
            stop,
            on_gap: config.on_gap,
            streaming: config.streaming,
            remark: None,
            remarked: Vec::new(),
        }
    }

    /// Whether a transaction, or a block of one, is being received.
    pub fn is_inside(&self) -> bool {
        self.continuation.has_partial()
            || self.positions.in_transaction()
            || self.decoder.is_in_block()
            || self.is_delivering()
    }

    /// Whether nothing is begun: a new connection that starts at what is acknowledged by then repeats nothing.
    pub fn is_at_rest(&self) -> bool {
        let keeps = self.assembling().is_some_and(|kept| kept.open > 0);
        !self.continuation.repeats()
            && !self.is_inside()
            && !keeps
            && self.decoder.open_streams().next().is_none()
    }

    /// How much memory definitions take.
    pub fn definitions_weight(&self) -> usize {
        let kept = match &self.way {
            Way::Assemble(assembler) => assembler.definitions_weight(),
            Way::Decode | Way::Raw => 0,
        };
        self.decoder.definitions_weight() + kept
    }

    /// How much memory all takes that a server can make grow without end: definitions, streamed transactions that are open,
    /// and prepared ones that may come again.
    pub fn remembered_weight(&self) -> usize {
        self.definitions_weight() + self.decoder.streamed_weight() + self.continuation.weight()
    }

    /// At the end of a bounded stream, or of a connection: what tells the consumer of the streamed transactions that
    /// are open. Nobody knows yet what becomes of them.
    pub fn discarded(&self) -> Vec<Event> {
        discarded(&self.decoder)
    }

    /// The end of all that was delivered, and of the transaction that was delivered in part.
    pub fn delivered(&self) -> u64 {
        self.continuation.delivered(&self.decoder, &self.positions)
    }

    /// A new connection: what was delivered since its start comes again, as far as it happened on the server, whose history
    /// may have left that of the server before. Gives what tells the consumer of transactions that come from their
    /// beginning, or never, after they came in part.
    pub fn restart(&mut self, restart: Restart) -> Vec<Event> {
        if let Some(Branch { at, .. }) = restart.branch {
            self.positions.branched(at.0);
            self.counters.server_wal_end = self.counters.server_wal_end.min(at.0);
        }
        match &mut self.way {
            // Only the plugin knows where in them a transaction begins and ends.
            Way::Raw => {
                self.positions.reconnected_raw(restart.start.0);
                return Vec::new();
            }
            Way::Assemble(assembler) => assembler.reconnected(),
            Way::Decode => {}
        }
        self.continuation.restart(restart, &mut self.decoder, &mut self.positions)
    }

    /// Takes the definition of a type or of a table that is the newest part of the batch's bytes, as if the connection had
    /// sent it. `None`: the batch has no room, and nothing was changed. Gives the table's definition, if it is one's.
    pub fn describe_beside(
        &mut self,
        batch: &mut Batch,
        length: usize,
    ) -> Result<Option<Vec<Arc<Relation>>>> {
        let Batch { chunk, arrays, .. } = batch;
        let all = chunk.filled();
        let message = all.get(all.len().saturating_sub(length)..).unwrap_or_default();
        let before = arrays.relations().len();
        // SAFETY: the message lies in the batch's own chunk, whose filled part stays as it is.
        match unsafe { self.decoder.decode(0, message, arrays) }? {
            Step::Full => Ok(None),
            Step::Done(_) => Ok(Some(arrays.relations().get(before..).unwrap_or_default().to_vec())),
        }
    }

    /// What the last `Taken::Remark` was about.
    pub fn take_remark(&mut self) -> Option<String> {
        self.remark.take()
    }

    /// Takes one backend message.
    ///
    /// # Safety
    /// As `Decoder::decode`: `body` lives and stays as it is until `out` is cleared or dropped.
    #[inline]
    pub unsafe fn frame(&mut self, tag: u8, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        match tag {
            // SAFETY: the caller's promise.
            b'd' => unsafe { self.copy_data(body, out) },
            _ => self.aside(tag, body),
        }
    }

    /// # Safety
    /// As `frame`.
    #[inline]
    unsafe fn copy_data(&mut self, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        match ReplicationMessage::parse(body)? {
            ReplicationMessage::XLogData { start, end, clock, body } => {
                if self.stop.is_some() && self.is_beyond(start.0, body) {
                    return Ok(Taken::End);
                }
                let step = match self.continuation.repeats() {
                    // SAFETY: the caller's promise.
                    false if self.way.decodes() => unsafe { self.decoder.decode(start.0, body, out) }?,
                    // SAFETY: as above.
                    _ if matches!(self.way, Way::Raw) => unsafe { self.raw(start.0, body, clock, out) },
                    _ => match self.offer(start.0, body)? {
                        // SAFETY: as above.
                        Offered::Pass => unsafe { self.decode_again(start.0, body, out) }?,
                        Offered::Describe => match self.describe(out)? {
                            // SAFETY: as above.
                            Step::Done(_) => unsafe { self.decode_again(start.0, body, out) }?,
                            Step::Full => Step::Full,
                        },
                        Offered::Kept => Step::Done(Effect::None),
                        Offered::Deliver => {
                            self.came(end, clock);
                            return Ok(Taken::Deliver);
                        }
                    },
                };
                let effect = match step {
                    Step::Full => return Ok(Taken::Full),
                    Step::Done(effect) => effect,
                };
                self.apply(effect, clock, out);
                self.came(end, clock);
                Ok(if self.stop.is_some() && self.ends(effect) { Taken::End } else { Taken::Done })
            }
            ReplicationMessage::Keepalive { end, clock, reply } => {
                self.counters.keepalives += 1;
                self.counters.last_message_time = clock;
                self.counters.server_wal_end = self.counters.server_wal_end.max(end.0);
                self.positions.passed(end.0);
                self.continuation.passed(end.0);
                if self.stop.is_some_and(|stop| end.0 >= stop) && !self.is_inside() {
                    return Ok(Taken::End);
                }
                Ok(if reply == Reply::AtOnce { Taken::ReplyDue } else { Taken::Done })
            }
            ReplicationMessage::Unknown { tag, .. } => Ok(self.unknown("replication message", tag)),
        }
    }

    #[inline(always)]
    fn came(&mut self, end: Lsn, clock: i64) {
        self.positions.received(end.0);
        self.counters.last_message_time = clock;
        self.counters.server_wal_end = self.counters.server_wal_end.max(end.0);
    }

    /// Decodes what may have been delivered before.
    ///
    /// # Safety
    /// As `frame`.
    #[cold]
    pub(super) unsafe fn decode_again(&mut self, lsn: u64, message: &[u8], out: &mut Arrays) -> Result<Step> {
        let late = self.continuation.is_late().then(|| out.mark());
        // SAFETY: the caller's promise.
        let (step, again) = unsafe { self.continuation.decode(&mut self.decoder, lsn, message, out) }?;
        self.counters.repeated += again;
        if let Some(mark) = late {
            out.untell(&mark);
        }
        Ok(step)
    }

    /// Passes a payload on as it is. Its position acknowledges it: for a commit it is the end of its record, for a
    /// change it lies before that, so that the server sends the transaction again.
    ///
    /// # Safety
    /// As `frame`.
    unsafe fn raw(&mut self, lsn: u64, payload: &[u8], clock: i64, out: &mut Arrays) -> Step {
        if !out.reserve(1, 1) {
            return Step::Full;
        }
        let mark = out.value_count();
        out.push_value(Value::view(ValueKind::WAL_VALUE_BINARY, payload));
        let ack_lsn = self.positions.pin_raw(lsn);
        self.outstanding.push(ack_lsn, clock);
        let extra = out.values_from(mark);
        let event = Event { lsn, ack_lsn, extra, n_extra: 1, ..Event::new(EventKind::WAL_EVENT_RAW) };
        // SAFETY: it points at the value before it, which points into the payload: the caller's promise.
        unsafe { out.push_event(event) };
        Step::Done(Effect::None)
    }

    /// Whether a message belongs to what is not wanted any more: it is not decoded then.
    #[cold]
    fn is_beyond(&self, lsn: u64, message: &[u8]) -> bool {
        let place = if self.is_in_kept_block() { Some(lsn) } else { self.decoder.place(lsn, message) };
        self.stop.zip(place).is_some_and(|(stop, place)| place >= stop)
    }

    /// Whether a message was the last that is wanted: what comes next lies behind its end.
    #[cold]
    pub(super) fn ends(&self, effect: Effect) -> bool {
        let end = match effect {
            Effect::Outstanding { ack_lsn } | Effect::StreamEnded { ack_lsn } => ack_lsn,
            Effect::Empty { end_lsn } => end_lsn,
            Effect::None | Effect::Began { .. } | Effect::Ignored => return false,
        };
        self.stop.is_some_and(|stop| end >= stop) && !self.is_inside()
    }

    #[inline]
    pub(super) fn apply(&mut self, effect: Effect, clock: i64, out: &mut Arrays) {
        match effect {
            Effect::None => {}
            Effect::Began { final_lsn } => {
                self.continuation.begins(final_lsn, self.positions.had());
                self.positions.transaction(Some(final_lsn));
            }
            Effect::Outstanding { ack_lsn } => {
                let ack_lsn = self.pin(ack_lsn, clock, out);
                self.note(ack_lsn, out);
                self.end_of_transaction();
            }
            Effect::StreamEnded { ack_lsn } => {
                let ack_lsn = self.pin(ack_lsn, clock, out);
                self.note(ack_lsn, out);
                self.counters.transactions += 1;
            }
            Effect::Empty { end_lsn } => {
                self.counters.empty_transactions += 1;
                self.continuation.ends();
                self.positions.transaction(None);
                self.positions.passed(end_lsn);
            }
            Effect::Ignored => self.counters.ignored_aborts += 1,
        }
    }

    /// The newest event is to be acknowledged. One that tells no time, such as a message outside transactions, counts
    /// from when the server sent it.
    ///
    /// Gives the position that acknowledges it, which lies before its end while something is kept back that came before.
    fn pin(&mut self, end: u64, clock: i64, out: &mut Arrays) -> u64 {
        if self.continuation.repeats() && out.events().last().is_none_or(|event| event.ack_lsn != end) {
            // It is left out. Whoever was given it, here or in an earlier life, may not have been given what acknowledges
            // it: then that is told by itself.
            self.positions.pin_capped(self.positions.outstanding(), end);
            return end;
        }
        if end <= self.positions.had() {
            // It comes late, or again: the position of the event before says more.
            out.untell_newest();
        }
        let ack_lsn = self.positions.capped(end);
        if ack_lsn < end {
            self.cap(ack_lsn, end, out);
        }
        self.positions.pin(ack_lsn);
        let time = out.events().last().map_or(0, |event| event.commit_time);
        self.outstanding.push(ack_lsn, if time == 0 { clock } else { time });
        ack_lsn
    }

    #[cold]
    #[inline(never)]
    fn cap(&mut self, ack_lsn: u64, end: u64, out: &mut Arrays) {
        self.positions.pin_capped(ack_lsn, end);
        // Unless it was told before, and is left out.
        if let Some(event) = out.events().last().copied().filter(|event| event.ack_lsn == end) {
            out.cap(ack_lsn);
            if event.commit_lsn == 0 {
                // What may be acknowledged lies before what is had, and it does not say where that ends.
                out.untell_newest();
            }
        }
    }

    #[inline]
    fn note(&mut self, ack_lsn: u64, out: &mut Arrays) {
        if let Some(event) = out.events().last().filter(|event| event.ack_lsn == ack_lsn)
            && !self.continuation.note(event, self.positions.reported())
        {
            out.flag(flags::UNKNOWN_PREPARE);
        }
    }

    fn end_of_transaction(&mut self) {
        let still_open = self.decoder.in_transaction();
        if still_open.is_none() {
            self.continuation.ends();
        }
        if self.positions.in_transaction() && still_open.is_none() {
            self.counters.transactions += 1;
        }
        self.positions.transaction(still_open);
    }

    /// Takes the beginning of a backend message that is no piece of COPY and longer than anybody wants to know.
    #[cold]
    pub fn beginning(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        match tag {
            b'N' => self.notice(&ServerMessage::parse_beginning(body)),
            b'E' => Err(stream_error(ServerMessage::parse_beginning(body), self.streaming)),
            _ => self.aside(tag, body),
        }
    }

    #[cold]
    fn aside(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        match tag {
            b'N' => self.notice(&ServerMessage::parse(body)?),
            b'E' => Err(stream_error(ServerMessage::parse(body)?, self.streaming)),
            // CopyDone, and the two CommandComplete with ReadyForQuery after it: the walsender stops by itself only
            // when the server shuts down.
            b'c' | b'C' | b'Z' => {
                Err(Error::new(Status::WAL_E_SERVER_SHUTDOWN, "the server ended the stream")
                    .with_hint("It is shutting down or was told to stop: connect again once it is back."))
            }
            b'S' | b'A' => Ok(Taken::Done),
            _ => Ok(self.unknown("message", tag)),
        }
    }

    fn unknown(&mut self, what: &str, tag: u8) -> Taken {
        self.counters.unknown_frames += 1;
        if self.remarked.contains(&tag) {
            return Taken::Done;
        }
        self.remarked.push(tag);
        self.remark = Some(format!(
            "ignored a {what} of the unknown kind '{}', and will ignore further ones silently",
            char::from(tag).escape_default()
        ));
        Taken::Remark
    }

    fn notice(&mut self, notice: &ServerMessage) -> Result<Taken> {
        self.counters.notices += 1;
        let place = Lsn(self.positions.end_of_received());
        // PostgreSQL 18 goes on without a publication that did not exist yet (P17). The text is translated and the
        // SQLSTATE a general one, so that the C function that said it decides.
        let is_gap = notice.sqlstate == *b"55000" && notice.routine == "LoadPublications";
        if is_gap {
            self.counters.gaps += 1;
        }
        if is_gap && self.on_gap == GapPolicy::Error {
            return Err(Error::new(Status::WAL_E_GAP, format!("changes were skipped near {place}: {}", notice.message))
                .with_sqlstate(notice.sqlstate)
                .with_detail("The server decodes with the catalog as it was at that position, where the publication did not exist, and went on without its changes.")
                .with_hint("Create the publication before the slot. To go on without these changes set on_gap to \"warn\"; to have them all, recreate the slot and copy the tables again."));
        }
        self.remark = Some(format!("the server says near {place}: {}", notice.told()));
        Ok(Taken::Remark)
    }
}
