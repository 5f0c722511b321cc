//! What comes from a walsender that sends WAL: pieces of it, keepalives, notices, the end of a timeline.
//!
//! It must never let a piece pass that does not follow the one before, and never copy one.

use super::{Place, Positions, explain};
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::wire::{ReplicationMessage, Reply, ServerMessage, into_error};

/// The longest message that is believed: a walsender sends 128 KiB of WAL at most.
pub const LONGEST: usize = 16 << 20;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Done.
    Done,
    /// The server waits for a status update.
    ReplyDue,
    /// `Receiver::take_remark` has what the log should hold.
    Remark,
    /// The batch has no room: seal it and offer the same frame again. Nothing was changed.
    Full,
    /// Nothing more comes: `Receiver::end` says why.
    End,
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The timeline ends, and the server waits for our half of COPY to end.
    Timeline,
    /// The end that was asked for is reached.
    Stop,
}

/// What was counted since the stream began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Keepalives.
    pub keepalives: u64,
    /// Messages of a kind that is not known (P33).
    pub unknown_frames: u64,
    /// Notices and warnings.
    pub notices: u64,
    /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
    pub last_message_time: i64,
    /// The server's position in the last message.
    pub server_wal_end: u64,
}

/// The receiving half of one stream.
#[derive(Debug)]
pub struct Receiver {
    /// How far it has come.
    pub positions: Positions,
    /// What was counted.
    pub counters: Counters,
    timeline: u32,
    slot: String,
    stop: Option<u64>,
    end: Option<End>,
    remark: Option<String>,
    remarked: Vec<u8>,
}

impl Receiver {
    /// One that begins on a timeline, and ends at a position if there is one.
    pub fn new(slot: &str, timeline: u32, positions: Positions, stop: Option<Lsn>) -> Self {
        Self {
            positions,
            counters: Counters::default(),
            timeline,
            slot: slot.to_owned(),
            stop: stop.map(|lsn| lsn.0),
            end: reached(stop.map(|lsn| lsn.0), positions.received()),
            remark: None,
            remarked: Vec::new(),
        }
    }

    /// Goes on at a place, over a connection of which the slot stands at `floor`, or 0.
    pub fn restart(&mut self, place: Place, floor: u64) {
        self.timeline = place.timeline;
        self.positions.restart(place.lsn.0, floor);
        self.end = reached(self.stop, place.lsn.0);
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { timeline: self.timeline, lsn: Lsn(self.positions.received()) }
    }

    /// Why nothing more comes, if so.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// What the last `Taken::Remark` was about.
    pub fn take_remark(&mut self) -> Option<String> {
        self.remark.take()
    }

    /// Takes one backend message.
    ///
    /// # Safety
    /// `body` lives and stays as it is until `out` is cleared or dropped.
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
    unsafe fn copy_data(&mut self, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        match ReplicationMessage::parse(body)? {
            // SAFETY: the caller's promise.
            ReplicationMessage::XLogData { start, end, clock, body } => unsafe {
                self.piece(start, end, clock, body, out)
            },
            ReplicationMessage::Keepalive { end, clock, reply } => {
                self.counters.keepalives += 1;
                self.heard(end, clock);
                Ok(if reply == Reply::AtOnce { Taken::ReplyDue } else { Taken::Done })
            }
            ReplicationMessage::Unknown { tag, .. } => Ok(self.unknown("replication message", tag)),
        }
    }

    /// # Safety
    /// As `frame`.
    unsafe fn piece(
        &mut self,
        start: Lsn,
        end: Lsn,
        clock: i64,
        bytes: &[u8],
        out: &mut Arrays,
    ) -> Result<Taken> {
        let expected = self.positions.received();
        if start.0 != expected {
            return Err(self.torn(start));
        }
        let left = self.stop.map_or(u64::MAX, |stop| stop.saturating_sub(expected));
        let wanted = bytes.get(..usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let bytes = wanted.unwrap_or_default();
        let Some(behind) = expected.checked_add(bytes.len() as u64) else { return Err(self.torn(start)) };
        if !bytes.is_empty() {
            if !out.reserve(1, 1) {
                return Ok(Taken::Full);
            }
            let mark = out.value_count();
            out.push_value(Value::view(ValueKind::WAL_VALUE_BINARY, bytes));
            let extra = out.values_from(mark);
            let kind = EventKind::WAL_EVENT_WAL;
            let event = Event { lsn: start.0, ack_lsn: behind, extra, n_extra: 1, ..Event::new(kind) };
            // SAFETY: it points at the value before it, which points into the body: the caller's promise.
            unsafe { out.push_event(event) };
        }
        self.positions.take(behind);
        self.heard(end, clock);
        self.end = reached(self.stop, behind);
        Ok(if self.end.is_some() { Taken::End } else { Taken::Done })
    }

    fn heard(&mut self, end: Lsn, clock: i64) {
        self.counters.last_message_time = clock;
        self.counters.server_wal_end = self.counters.server_wal_end.max(end.0);
    }

    #[cold]
    fn torn(&self, start: Lsn) -> Error {
        let text = format!("the server sent WAL from {start} on, and {} was to come", self.place());
        Error::new(Status::WAL_E_PROTOCOL, text)
    }

    /// Takes the beginning of a message that is no piece of COPY and longer than anybody wants to know.
    #[cold]
    pub fn beginning(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        match tag {
            b'N' => Ok(self.notice(&ServerMessage::parse_beginning(body))),
            b'E' => Err(self.error(ServerMessage::parse_beginning(body))),
            _ => self.aside(tag, body),
        }
    }

    #[cold]
    fn aside(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        match tag {
            b'N' => Ok(self.notice(&ServerMessage::parse(body)?)),
            b'E' => Err(self.error(ServerMessage::parse(body)?)),
            b'c' => {
                self.end = Some(End::Timeline);
                Ok(Taken::End)
            }
            // A server that stops says that the command is complete, and nothing of COPY.
            b'C' | b'Z' => Err(Error::new(Status::WAL_E_SERVER_SHUTDOWN, "the server ended the stream")
                .with_hint("It is shutting down or was told to stop: connect again once it is back.")),
            b'S' | b'A' => Ok(Taken::Done),
            _ => Ok(self.unknown("message", tag)),
        }
    }

    fn error(&self, message: ServerMessage) -> Error {
        explain(into_error(message, "streaming"), &self.slot, self.place())
    }

    fn unknown(&mut self, what: &str, tag: u8) -> Taken {
        self.counters.unknown_frames += 1;
        if self.remarked.contains(&tag) {
            return Taken::Done;
        }
        self.remarked.push(tag);
        let tag = char::from(tag).escape_default();
        self.remark = Some(format!(
            "ignored a {what} of the unknown kind '{tag}', and will ignore further ones silently"
        ));
        Taken::Remark
    }

    fn notice(&mut self, notice: &ServerMessage) -> Taken {
        self.counters.notices += 1;
        self.remark = Some(format!("the server says near {}: {}", self.place(), notice.told()));
        Taken::Remark
    }
}

/// Whether the end that was asked for is reached.
fn reached(stop: Option<u64>, lsn: u64) -> Option<End> {
    stop.is_some_and(|stop| lsn >= stop).then_some(End::Stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ReportApply;

    fn receiver(stop: Option<u64>) -> Receiver {
        Receiver::new("s", 1, Positions::new(ReportApply::Off, 100, 0), stop.map(Lsn))
    }

    fn piece(start: u64, bytes: &[u8]) -> Vec<u8> {
        let end = start + bytes.len() as u64 + 50;
        [b"w".as_slice(), &start.to_be_bytes(), &end.to_be_bytes(), &7_i64.to_be_bytes(), bytes].concat()
    }

    fn keepalive(end: u64, reply: u8) -> Vec<u8> {
        [b"k".as_slice(), &end.to_be_bytes(), &8_i64.to_be_bytes(), &[reply]].concat()
    }

    fn take(it: &mut Receiver, tag: u8, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        // SAFETY: the bodies of these tests outlive the arrays.
        unsafe { it.frame(tag, body, out) }
    }

    #[test]
    fn pieces_follow_each_other_where_they_lie() {
        let (mut it, mut out) = (receiver(None), Arrays::new(16, 16));
        let (first, second) = (piece(100, b"abc"), piece(103, b"defg"));
        for body in [&first, &second] {
            assert_eq!(take(&mut it, b'd', body, &mut out), Ok(Taken::Done));
        }
        let told: Vec<_> = out.events().iter().map(|event| (event.lsn, event.ack_lsn)).collect();
        assert_eq!((told, it.positions.received()), (vec![(100, 103), (103, 107)], 107));
        assert!(std::ptr::eq(out.values()[0].data, &raw const first[25]), "nothing is copied");
        assert_eq!((it.counters.server_wal_end, it.counters.last_message_time), (157, 7));
        for start in [0, 106, 108, u64::MAX] {
            let wrong = piece_of(start);
            let error = take(&mut it, b'd', &wrong, &mut out).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_PROTOCOL, "{error:?}");
        }
        assert_eq!(it.positions.received(), 107);
    }

    fn piece_of(start: u64) -> Vec<u8> {
        [b"w".as_slice(), &start.to_be_bytes(), &[0; 16], b"xyz"].concat()
    }

    #[test]
    fn a_batch_without_room_changes_nothing() {
        let (mut it, mut out) = (receiver(None), Arrays::new(1, 16));
        let (first, second) = (piece(100, b"abc"), piece(103, b"d"));
        assert_eq!(take(&mut it, b'd', &first, &mut out), Ok(Taken::Done));
        assert_eq!(take(&mut it, b'd', &second, &mut out), Ok(Taken::Full));
        assert_eq!((it.positions.received(), out.events().len()), (103, 1));
    }

    #[test]
    fn the_end_that_was_asked_for_cuts_a_piece() {
        let (mut it, mut out) = (receiver(Some(105)), Arrays::new(16, 16));
        let (first, second) = (piece(100, b"abc"), piece(103, b"defg"));
        assert_eq!(take(&mut it, b'd', &first, &mut out), Ok(Taken::Done));
        assert_eq!(take(&mut it, b'd', &second, &mut out), Ok(Taken::End));
        assert_eq!((it.end(), it.positions.received()), (Some(End::Stop), 105));
        assert_eq!(out.values()[1].len, 2);
        // Nothing has to come where it lies at the start, or before.
        assert_eq!((receiver(Some(100)).end(), receiver(Some(7)).end()), (Some(End::Stop), Some(End::Stop)));
        assert_eq!(receiver(Some(101)).end(), None);
    }

    #[test]
    fn keepalives_notices_and_the_ends_are_told_apart() {
        let (mut it, mut out) = (receiver(None), Arrays::new(16, 16));
        assert_eq!(take(&mut it, b'd', &keepalive(200, 0), &mut out), Ok(Taken::Done));
        assert_eq!(take(&mut it, b'd', &keepalive(200, 1), &mut out), Ok(Taken::ReplyDue));
        assert_eq!((it.counters.keepalives, it.counters.server_wal_end), (2, 200));
        assert_eq!(take(&mut it, b'd', b"s1", &mut out), Ok(Taken::Remark));
        assert_eq!(take(&mut it, b'd', b"s2", &mut out), Ok(Taken::Done));
        assert_eq!(it.counters.unknown_frames, 2);
        let stopped = take(&mut it, b'C', b"COPY 0\0", &mut out).unwrap_err();
        assert!(stopped.status() == Status::WAL_E_SERVER_SHUTDOWN && stopped.is_retriable());
        let gone = b"SERROR\0VERROR\0C58P01\0Mrequested WAL segment x has already been removed\0\0";
        let error = take(&mut it, b'E', gone, &mut out).unwrap_err();
        assert!(error.status() == Status::WAL_E_GAP && !error.is_retriable(), "{error:?}");
        assert_eq!(take(&mut it, b'c', b"", &mut out), Ok(Taken::End));
        assert_eq!(it.end(), Some(End::Timeline));
        it.restart(Place { timeline: 2, lsn: Lsn(64) }, 0);
        assert_eq!((it.end(), it.place()), (None, Place { timeline: 2, lsn: Lsn(64) }));
    }

    #[test]
    fn every_truncation_is_an_error_and_no_event() {
        let whole = piece(100, b"");
        for cut in 0..whole.len() {
            let (mut it, mut out) = (receiver(None), Arrays::new(16, 16));
            assert!(take(&mut it, b'd', &whole[..cut], &mut out).is_err(), "{cut}");
            assert!(out.events().is_empty());
        }
        let (mut it, mut out) = (receiver(None), Arrays::new(16, 16));
        assert_eq!(take(&mut it, b'd', &whole, &mut out), Ok(Taken::Done));
        assert!(out.events().is_empty(), "an empty piece is none");
    }

    proptest::proptest! {
        /// Whatever comes, it is an answer or an error, and what was taken follows what came before.
        #[test]
        fn ph20_no_bytes_bring_it_down(
            frames in proptest::collection::vec(
                (proptest::prelude::any::<u8>(), proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)),
                0..20,
            ),
            start in proptest::prelude::any::<u64>(),
        ) {
            let positions = Positions::new(ReportApply::Flush, start, 0);
            let (mut it, mut out) = (Receiver::new("s", 1, positions, None), Arrays::new(64, 64));
            for (tag, body) in &frames {
                let tag = if tag % 2 == 0 { b'd' } else { *tag };
                let before = it.positions.received();
                if take(&mut it, tag, body, &mut out).is_err() {
                    assert_eq!(it.positions.received(), before);
                }
                let _ = it.beginning(tag, body);
            }
            let (mut it, whole) = (Receiver::new("s", 1, positions, None), piece_of(start));
            let taken = take(&mut it, b'd', &whole, &mut out);
            assert_eq!(taken.is_err(), start > u64::MAX - 3);
        }
    }
}
