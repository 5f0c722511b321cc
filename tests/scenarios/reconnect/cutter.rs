//! A proxy that cuts every connection after so many bytes of the stream, and what a consumer saw in spite of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::{Kind, Options, Proxy, Seen, Server, Stream};

/// Cuts connections. Each has its number, from 0.
pub struct Cutter {
    proxy: Proxy,
    connections: Arc<AtomicU64>,
}

impl Cutter {
    /// Cuts the n-th connection behind `after(n)` bytes of its stream.
    pub fn start(server: &Server, after: impl Fn(u64) -> u64 + Send + 'static) -> Self {
        let connections = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&connections);
        let mut left = u64::MAX;
        let proxy = Proxy::start(server.port, move |tag, body, out| {
            // CopyBothResponse: the stream begins.
            if tag == b'W' {
                left = after(counter.fetch_add(1, Ordering::SeqCst));
                return out.send(tag, body);
            }
            if tag == b'R' {
                left = u64::MAX;
            }
            let mut message = vec![tag];
            message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
            message.extend_from_slice(body);
            let passes = usize::try_from(left).unwrap().min(message.len());
            out.raw(&message[..passes]);
            left -= passes as u64;
            if left == 0 {
                out.cut();
            }
        });
        Self { proxy, connections }
    }

    /// How often a stream was begun.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// A stream through the proxy, which comes back at once.
    pub fn options(&self, database: &str, slot: &str) -> Options {
        quick(Options::stream(&self.proxy.conninfo(database), slot, "pub"))
    }
}

/// Comes back at once, however often.
pub fn quick(options: Options) -> Options {
    options.with("reconnect_initial", "2ms").with("reconnect_max", "20ms").with("messages", "on")
}

/// What happens to what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    Never,
    EveryCommit,
}

/// Reads until `is_last`, with the reconnects left out.
pub fn read(stream: &mut Stream, acks: Acks, mut is_last: impl FnMut(&Seen) -> bool) -> Vec<Seen> {
    let mut all = Vec::new();
    loop {
        let mut batch = stream.read_until(|event| event.ack_lsn != 0 || is_last(event));
        let last = batch.last().unwrap();
        if acks == Acks::EveryCommit && last.ack_lsn != 0 {
            stream.ack(last.ack_lsn).unwrap();
        }
        let done = is_last(last);
        all.append(&mut batch);
        if done {
            all.retain(|event| event.kind != Kind::Reconnected);
            return all;
        }
    }
}

/// Everything that identifies and makes up an event.
pub fn essence(seen: &[Seen]) -> Vec<String> {
    let line = |it: &Seen| {
        let Seen { kind, flags, lsn, commit_lsn, ack_lsn, commit_time, xid, sequence, line, .. } = it;
        format!("{kind:?} {flags} {lsn:X} {commit_lsn:X} {ack_lsn:X} {commit_time} {xid} {sequence} {line}")
    };
    seen.iter().map(line).collect()
}

/// Panics at the first difference.
#[track_caller]
pub fn assert_same(got: &[Seen], expected: &[Seen]) {
    let (got, expected) = (essence(got), essence(expected));
    for (at, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(got, expected, "event {at}");
    }
    assert_eq!(got.len(), expected.len(), "{:#?}", &got[got.len().min(expected.len())..]);
}
