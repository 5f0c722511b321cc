//! A stream of WAL: its bytes are the server's, timelines are followed, nobody waits for it in vain, and what is gone is said.

mod a_lost_connection_goes_on_where_it_stood;
mod a_promotion_is_followed;
mod a_stopping_server_is_released;
mod a_synchronous_commit_returns;
mod an_archive_is_the_servers;
mod the_bytes_are_the_servers;
mod what_a_standby_needs_is_taken_back;
mod what_is_gone_is_a_gap;

use std::slice;

use crate::harness::{Failure, Next, Options, PATIENCE, Server, Stream, abi};
use pgwalstream::batch::EventKind;
use pgwalstream::error::Status;

/// What came of a physical stream, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Wal { timeline: u32, lsn: u64, ack_lsn: u64, bytes: Vec<u8> },
    Timeline { before: u32, timeline: u32, start: u64, switchpoint: u64, history: String },
    Wanted(u64),
    Reconnected { lsn: u64, lost: u64, timelines: (u32, u32), rewound: u64 },
    Nothing(Status),
}

/// A stream of WAL from a server.
pub fn options(server: &Server) -> Options {
    Options::new().with("conninfo", &server.conninfo("postgres")).with("mode", "physical")
}

/// A position as PostgreSQL writes it.
pub fn text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)
}

/// The next event.
pub fn next(stream: &mut Stream, timeout_ms: i32) -> Result<Got, Failure> {
    let event = match stream.next(timeout_ms)? {
        Next::Nothing(status) => return Ok(Got::Nothing(status)),
        Next::Event(event) => event,
    };
    let (raw, fields) = (event.raw(), event.fields());
    // SAFETY: a live event, whose bytes live as long.
    let (bytes, timeline, before, switchpoint) = unsafe {
        let bytes = abi::wal_event_raw(raw);
        let bytes = if bytes.data.is_null() { &[][..] } else { slice::from_raw_parts(bytes.data, bytes.len) };
        (
            bytes,
            abi::wal_event_timeline(raw),
            abi::wal_event_timeline_before(raw),
            abi::wal_event_switchpoint(raw),
        )
    };
    let (lsn, ack_lsn) = (fields.lsn, fields.ack_lsn);
    Ok(match EventKind::of(fields.kind).unwrap() {
        EventKind::WAL_EVENT_WAL => {
            assert_eq!(lsn + bytes.len() as u64, ack_lsn);
            let position = event.position();
            assert_eq!((position.timeline, position.end_lsn), (timeline, ack_lsn));
            Got::Wal { timeline, lsn, ack_lsn, bytes: bytes.to_vec() }
        }
        EventKind::WAL_EVENT_TIMELINE => {
            let history = String::from_utf8(bytes.to_vec()).unwrap();
            Got::Timeline { before, timeline, start: lsn, switchpoint, history }
        }
        EventKind::WAL_EVENT_FLUSH_WANTED => {
            assert_eq!(lsn, ack_lsn);
            Got::Wanted(lsn)
        }
        // SAFETY: as above.
        EventKind::WAL_EVENT_RECONNECTED => unsafe {
            Got::Reconnected {
                lsn,
                lost: abi::wal_event_reconnect_lost_lsn(raw),
                timelines: (
                    abi::wal_event_reconnect_lost_timeline(raw),
                    abi::wal_event_reconnect_timeline(raw),
                ),
                rewound: abi::wal_event_reconnect_switchpoint(raw),
            }
        },
        other => panic!("an event of kind {other:?}"),
    })
}

/// The WAL that came, on one timeline.
#[derive(Debug, Default)]
pub struct Wal {
    pub timeline: u32,
    pub start: u64,
    pub bytes: Vec<u8>,
}

impl Wal {
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Takes a piece, which must follow.
    pub fn take(&mut self, timeline: u32, lsn: u64, bytes: &[u8]) {
        if self.bytes.is_empty() {
            (self.start, self.timeline) = (lsn, timeline);
        }
        assert_eq!((self.timeline, self.end()), (timeline, lsn), "a piece follows the one before");
        self.bytes.extend_from_slice(bytes);
    }
}

/// Reads until the WAL reaches `end`, or something else comes than WAL.
#[track_caller]
pub fn read_to(stream: &mut Stream, wal: &mut Wal, end: u64) -> Option<Got> {
    while wal.bytes.is_empty() || wal.end() < end {
        match next(stream, PATIENCE.as_millis() as i32) {
            Ok(Got::Wal { timeline, lsn, bytes, .. }) => wal.take(timeline, lsn, &bytes),
            Ok(Got::Wanted(_)) => {}
            Ok(other) => return Some(other),
            Err(failure) => panic!("{failure:?} at {}", text(wal.end())),
        }
    }
    None
}

/// Reads until something else comes than WAL and wishes to flush, acknowledging all.
#[track_caller]
pub fn read_on(stream: &mut Stream, wal: &mut Wal) -> Result<Got, Failure> {
    loop {
        match next(stream, PATIENCE.as_millis() as i32)? {
            Got::Wal { timeline, lsn, ack_lsn, bytes } => {
                wal.take(timeline, lsn, &bytes);
                stream.ack(ack_lsn).unwrap();
            }
            Got::Wanted(lsn) => stream.ack(lsn).unwrap(),
            other => return Ok(other),
        }
    }
}

/// The name of a segment.
pub fn segment(timeline: u32, number: u64, size: u64) -> String {
    let each = (1_u64 << 32) / size;
    format!("{timeline:08X}{:08X}{:08X}", number / each, number % each)
}
