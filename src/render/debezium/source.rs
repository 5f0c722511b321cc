//! The source of a message: which change of which transaction it is of. It must never be made anew for each change of a
//! transaction.

use super::super::out::Out;
use super::super::settings::{Compatible, Settings};
use super::super::text;
use crate::error::Result;

/// What all changes of a transaction have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Common {
    /// Microseconds since 2000.
    pub(super) commit_time: i64,
    pub(super) xid: u32,
    /// Whether it is a row of a snapshot and no change.
    pub(super) is_snapshot: bool,
    /// Where the transaction before it ended; 0: not known.
    pub(super) last_commit: u64,
    /// The position at the transaction's origin.
    pub(super) origin_lsn: u64,
}

/// Writes sources.
#[derive(Debug, Default)]
pub(super) struct Source {
    of: Common,
    /// The name of the origin; empty: there is none. And that at `mark`.
    origin: Out,
    marked: Out,
    /// Up to the position, from there to the table, from there to the position again, and the rest.
    pieces: [Out; 4],
    is_made: bool,
}

/// Microseconds from 1970 to 2000.
pub(super) const EPOCH: i64 = 946_684_800_000_000;

impl Source {
    /// What follows is thrown away together.
    pub(super) fn mark(&mut self) {
        if self.marked.bytes() != self.origin.bytes() {
            self.marked.clear();
            self.marked.put(self.origin.bytes());
        }
    }

    /// All since `mark` was thrown away.
    pub(super) fn go_back(&mut self) {
        if self.marked.bytes() != self.origin.bytes() {
            std::mem::swap(&mut self.marked, &mut self.origin);
            self.is_made = false;
        }
    }

    /// What follows was first made elsewhere; with an empty name it was not.
    pub(super) fn set_origin(&mut self, name: &[u8]) {
        if self.origin.bytes() != name {
            self.origin.clear();
            self.origin.put(name);
            self.is_made = false;
        }
    }

    /// Options changed.
    pub(super) fn forget(&mut self) {
        self.is_made = false;
    }

    /// `"source":{…}` of a change at a position; `names` are `,"schema":…,"table":…`.
    #[inline]
    pub(super) fn write(
        &mut self,
        of: Common,
        lsn: u64,
        names: &[u8],
        settings: &Settings,
        out: &mut Out,
    ) -> Result<()> {
        if self.of != of || !self.is_made {
            self.make(of, settings)?;
        }
        let [head, times, xid, rest] = &self.pieces;
        out.put(head.bytes());
        out.number(lsn);
        out.pieces([times.bytes(), names, xid.bytes()]);
        out.number(lsn);
        out.put(rest.bytes());
        Ok(())
    }

    fn make(&mut self, of: Common, settings: &Settings) -> Result<()> {
        (self.of, self.is_made) = (of, false);
        let [head, times, xid, rest] = &mut self.pieces;
        [&mut *head, &mut *times, &mut *xid, &mut *rest].into_iter().for_each(Out::clear);
        let copied = settings.compatible == Compatible::Debezium36;
        let micros = of.commit_time.saturating_add(EPOCH);
        head.put(b"\"source\":{\"version\":\"");
        head.put(if copied { b"3.6.1.Final" } else { env!("CARGO_PKG_VERSION").as_bytes() });
        head.put(b"\",\"connector\":\"postgresql\",\"name\":");
        text::string(settings.names.topic_prefix.as_bytes(), settings, head);
        head.put(b",\"ts_ms\":");
        signed(micros.div_euclid(1000), head);
        head.put(b",\"snapshot\":\"");
        head.put(if of.is_snapshot { b"true" } else { b"false" });
        head.put(b"\",\"db\":");
        text::string(settings.names.database.as_bytes(), settings, head);
        head.put(b",\"sequence\":\"[");
        if of.last_commit == 0 {
            head.put(b"null");
        } else {
            head.put(b"\\\"");
            head.number(of.last_commit);
            head.put(b"\\\"");
        }
        head.put(b",\\\"");
        times.put(b"\\\"]\",\"ts_us\":");
        signed(micros, times);
        times.put(b",\"ts_ns\":");
        nanos(micros, times);
        xid.put(b",\"txId\":");
        if of.xid == 0 {
            xid.put(b"null");
        } else {
            xid.number(of.xid.into());
        }
        xid.put(b",\"lsn\":");
        rest.put(b",\"xmin\":null,\"origin\":");
        if self.origin.bytes().is_empty() {
            rest.put(b"null,\"origin_lsn\":null}");
        } else {
            text::string(self.origin.bytes(), settings, rest);
            rest.put(b",\"origin_lsn\":");
            rest.number(of.origin_lsn);
            rest.byte(b'}');
        }
        self.pieces.iter().try_for_each(Out::check)?;
        self.origin.check()?;
        self.marked.check()?;
        self.is_made = true;
        Ok(())
    }
}

/// When messages are made.
#[derive(Debug, Default)]
pub(super) struct Clock {
    micros: i64,
    /// `"ts_ms":…,"ts_us":…,"ts_ns":…}`
    text: Out,
}

impl Clock {
    /// The time of messages in microseconds since 2000.
    #[inline]
    pub(super) fn at(&mut self, micros: i64) -> &[u8] {
        if self.micros != micros || self.text.bytes().is_empty() {
            self.micros = micros;
            let unix = micros.saturating_add(EPOCH);
            self.text.clear();
            self.text.put(b"\"ts_ms\":");
            signed(unix.div_euclid(1000), &mut self.text);
            self.text.put(b",\"ts_us\":");
            signed(unix, &mut self.text);
            self.text.put(b",\"ts_ns\":");
            nanos(unix, &mut self.text);
            self.text.byte(b'}');
        }
        self.text.bytes()
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(micros: i64, out: &mut Out) {
        signed(micros.saturating_add(EPOCH).div_euclid(1000), out);
    }
}

fn nanos(micros: i64, out: &mut Out) {
    signed(micros, out);
    out.put(if micros == 0 { b"" } else { b"000" });
}

fn signed(number: i64, out: &mut Out) {
    if number < 0 {
        out.byte(b'-');
    }
    out.number(number.unsigned_abs());
}
