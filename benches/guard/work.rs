//! The work that is timed (benches/pipeline.rs) and counted (benches/guard): a committed capture of what a walsender of
//! PostgreSQL 18 sent, through the layers that every event passes. It must never measure how the capture is read.

use std::ptr;
use std::sync::Arc;

use pgwalstream::batch::{Batch, Event, Pool};
use pgwalstream::capi;
use pgwalstream::options::{Config, Options};
use pgwalstream::stream::{Receiver, Taken};
use pgwalstream::wire::{Frame, ReplicationMessage, split};

/// CopyData messages, one behind the other. `script/guard --capture` makes it.
const CAPTURE: &[u8] = include_bytes!("capture.bin");

/// What a batch of the capture takes.
const EVENTS: usize = 4096;

/// Everything the work needs, made before it is measured.
pub struct Work {
    config: Config,
    pool: Pool,
    stream: *mut capi::wal_stream,
}

impl Work {
    pub fn new() -> Self {
        let settings =
            [(c"conninfo", c"host=/nowhere user=u dbname=d"), (c"slot", c"s"), (c"publication", c"p")];
        let mut options = Options::new();
        let (mut handle, mut stream) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: out-parameters of this frame, terminated texts, live options.
        unsafe {
            assert_eq!(capi::wal_options_new(&raw mut handle, ptr::null_mut()), 0);
            for (key, value) in settings {
                options.set(key.to_str().unwrap(), value.to_str().ok()).unwrap();
                assert_eq!(capi::wal_options_set(handle, key.as_ptr(), value.as_ptr(), ptr::null_mut()), 0);
            }
            assert_eq!(capi::wal_stream_new(handle, &raw mut stream, ptr::null_mut()), 0);
            capi::wal_options_free(handle);
        }
        Self { config: options.config().unwrap(), pool: Pool::new(2), stream }
    }

    /// Finds the messages and takes XLogData apart. Gives how many there are.
    pub fn framing(&self) -> usize {
        let (mut rest, mut messages) = (CAPTURE, 0);
        while let Frame::Complete { body, total, .. } = split(rest).unwrap() {
            assert!(matches!(ReplicationMessage::parse(body), Ok(ReplicationMessage::XLogData { .. })));
            rest = &rest[total..];
            messages += 1;
        }
        messages
    }

    /// The same, decoded into one batch, with the positions kept.
    pub fn receive(&self) -> Box<Batch> {
        let mut batch = self.pool.take(CAPTURE.len(), EVENTS).unwrap();
        batch.chunk.append(CAPTURE);
        let mut receiver = Receiver::new(&self.config);
        let Batch { chunk, arrays, .. } = batch.as_mut();
        let mut rest = chunk.filled();
        while let Frame::Complete { tag, body, total } = split(rest).unwrap() {
            // SAFETY: the capture outlives the arrays.
            assert_eq!(unsafe { receiver.frame(tag, body, arrays) }.unwrap(), Taken::Done);
            rest = &rest[total..];
        }
        batch
    }

    /// Gives a batch back that nobody was handed.
    pub fn recycle(&self, batch: Box<Batch>) {
        self.pool.give(batch);
    }

    /// Queues a batch for the consumer, as the engine does.
    pub fn push(&self, mut batch: Box<Batch>) {
        // SAFETY: a live handle.
        let shared = unsafe { &*self.stream }.shared();
        batch.home = Some(Arc::clone(shared) as _);
        shared.push(batch);
    }

    /// Takes the queued events one by one, through the C API. Gives how many there were.
    pub fn by_event(&mut self) -> usize {
        let (mut events, mut event) = (0, ptr::null());
        // SAFETY: a live handle, out-parameters of this frame.
        while unsafe { capi::wal_stream_next(self.stream, 0, &raw mut event, ptr::null_mut()) } == 0 {
            std::hint::black_box(event);
            events += 1;
        }
        events
    }

    /// Takes the queued batch at once, looks at each of its events, and frees it, through the C API.
    pub fn by_batch(&mut self) -> usize {
        let (mut batch, mut events) = (ptr::null_mut(), 0);
        // SAFETY: a live handle, out-parameters of this frame; `events` events follow each other from there, and the batch
        // is freed once.
        unsafe {
            if capi::wal_stream_next_batch(self.stream, 0, &raw mut batch, ptr::null_mut()) != 0 {
                return 0;
            }
            let first = capi::wal_batch_events(batch, &raw mut events);
            let owed: u64 = std::slice::from_raw_parts(first, events).iter().map(ack_lsn).max().unwrap_or(0);
            std::hint::black_box(owed);
            capi::wal_batch_free(batch);
        }
        events
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { capi::wal_stream_free(self.stream) };
    }
}

fn ack_lsn(event: &Event) -> u64 {
    event.ack_lsn
}
