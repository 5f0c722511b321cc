//! wal_decoder_*: what pg_logical_slot_peek_binary_changes gives, decoded without a connection, is what a stream gives.

use std::ptr;

use super::forms::{PLAIN, copy_of};
use super::reassembly::Reassembly;
use super::workload;
use crate::harness::Server;
use crate::harness::stream::call;
use crate::harness::view::Event;
use pgwalstream::capi;
use pgwalstream::error::Status;

/// A decoder, freed at its end.
struct Decoder(*mut capi::wal_decoder);

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { capi::wal_decoder_free(self.0) };
    }
}

impl Decoder {
    fn new() -> Self {
        let mut it = ptr::null_mut();
        // SAFETY: out-parameters of this frame.
        call(|err| unsafe { capi::wal_decoder_new(ptr::null(), &raw mut it, err) }).unwrap();
        Self(it)
    }

    fn feed(&self, lsn: u64, message: &[u8]) -> Result<Status, crate::harness::stream::Failure> {
        // SAFETY: a live decoder and a live slice.
        call(|err| unsafe { capi::wal_decoder_feed(self.0, lsn, message.as_ptr(), message.len(), err) })
    }

    /// Everything that is ready, given to a reassembly.
    fn take(&self, into: &mut Reassembly) {
        loop {
            let mut batch = ptr::null_mut();
            // SAFETY: a live decoder, out-parameters of this frame.
            let status = call(|err| unsafe { capi::wal_decoder_next_batch(self.0, &raw mut batch, err) });
            if status.unwrap() == Status::WAL_TIMEOUT {
                return assert!(batch.is_null());
            }
            read(batch, into);
        }
    }

    /// Decodes messages where they are, as many a call as it takes, and gives them to a reassembly.
    fn decode(&self, messages: &[capi::wal_message], into: &mut Reassembly) {
        let mut rest = messages;
        while !rest.is_empty() {
            let (mut taken, mut batch) = (0, ptr::null_mut());
            // SAFETY: a live decoder, messages that outlive the batch, out-parameters of this frame.
            let status = call(|err| unsafe {
                capi::wal_decoder_decode(
                    self.0,
                    rest.as_ptr(),
                    rest.len(),
                    &raw mut taken,
                    &raw mut batch,
                    err,
                )
            });
            assert_eq!(status.unwrap(), Status::WAL_OK);
            assert!(taken > 0);
            read(batch, into);
            rest = &rest[taken..];
        }
    }
}

/// Gives a batch's events to a reassembly, and frees it.
fn read(batch: *mut pgwalstream::batch::Batch, into: &mut Reassembly) {
    let mut count = 0;
    // SAFETY: a live batch; `count` events follow each other.
    unsafe {
        let first = capi::wal_batch_events(batch, &raw mut count);
        (0..count).for_each(|at| into.take(Event::new(first.add(at))));
        capi::wal_batch_free(batch);
    }
}

fn peeked_messages_decode_as_streamed_ones(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20", "logical_decoding_work_mem=64kB"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    let slot = db.slot();
    workload::run(&mut db, 2, 3_000, 5, false);
    let copy = copy_of(&mut db, &slot);
    let mut streamed = Reassembly::default();
    let is_last =
        |it: &super::reassembly::Transaction| it.changes.iter().any(|c| c.line.contains("public.done"));
    streamed.read(&mut PLAIN.options(&db, &copy).open().unwrap(), is_last);

    for more in ["'proto_version', '1'", "'proto_version', '2', 'streaming', 'on'"] {
        let query = format!(
            "SELECT (lsn - '0/0')::text, data FROM pg_logical_slot_peek_binary_changes('{slot}', NULL, NULL, {more}, \
             'publication_names', 'pub', 'messages', 'true')"
        );
        let rows = db.sql.query(&query, &[]).unwrap();
        let decoder = Decoder::new();
        let mut it = Reassembly::default();
        for (at, row) in rows.iter().enumerate() {
            let lsn = row.get::<_, String>(0).parse().unwrap();
            decoder.feed(lsn, row.get(1)).unwrap();
            if at % 1000 == 0 {
                decoder.take(&mut it);
            }
        }
        let failure = decoder.feed(1, b"I\0").unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_DECODE);
        decoder.take(&mut it);
        let whole =
            |it: &Reassembly| it.done.iter().filter(|it| !it.changes.is_empty()).cloned().collect::<Vec<_>>();
        assert_eq!(whole(&it), whole(&streamed), "{more}");

        let message = |row: &postgres::Row| {
            let data: &[u8] = row.get(1);
            let lsn = row.get::<_, String>(0).parse().unwrap();
            capi::wal_message { lsn, data: data.as_ptr(), len: data.len() }
        };
        let mut it = Reassembly::default();
        Decoder::new().decode(&rows.iter().map(message).collect::<Vec<_>>(), &mut it);
        assert_eq!(whole(&it), whole(&streamed), "in place, {more}");
    }
}

on_every_version! { peeked_messages_decode_as_streamed_ones }

#[test]
fn null_is_refused() {
    // SAFETY: NULL is what is tried.
    unsafe {
        let new = call(|err| capi::wal_decoder_new(ptr::null(), ptr::null_mut(), err)).unwrap_err();
        assert_eq!(new.status, Status::WAL_E_INVALID_ARGUMENT);
        let feed = call(|err| capi::wal_decoder_feed(ptr::null_mut(), 0, b"x".as_ptr(), 1, err)).unwrap_err();
        assert_eq!(feed.status, Status::WAL_E_INVALID_ARGUMENT);
        let decoder = Decoder::new();
        let feed = call(|err| capi::wal_decoder_feed(decoder.0, 0, ptr::null(), 0, err)).unwrap_err();
        assert_eq!(feed.status, Status::WAL_E_INVALID_ARGUMENT);
        let next = call(|err| capi::wal_decoder_next_batch(decoder.0, ptr::null_mut(), err)).unwrap_err();
        assert_eq!(next.status, Status::WAL_E_INVALID_ARGUMENT);
        let mut batch = ptr::null_mut();
        let decode = |decoder, messages, count, out| {
            call(|err| capi::wal_decoder_decode(decoder, messages, count, ptr::null_mut(), out, err))
        };
        let nowhere = capi::wal_message { lsn: 0, data: ptr::null(), len: 0 };
        let long = capi::wal_message { lsn: 0, data: b"I".as_ptr(), len: (1 << 30) + 1 };
        for bad in [
            decode(ptr::null_mut(), ptr::null(), 0, &raw mut batch),
            decode(decoder.0, ptr::null(), 1, &raw mut batch),
            decode(decoder.0, &raw const nowhere, 1, &raw mut batch),
            decode(decoder.0, &raw const long, 1, &raw mut batch),
            decode(decoder.0, ptr::null(), 0, ptr::null_mut()),
        ] {
            assert_eq!(bad.unwrap_err().status, Status::WAL_E_INVALID_ARGUMENT);
            assert!(batch.is_null());
        }
        assert_eq!(decode(decoder.0, ptr::null(), 0, &raw mut batch).unwrap(), Status::WAL_OK);
        capi::wal_batch_free(batch);
        capi::wal_decoder_free(ptr::null_mut());
    }
}

/// Messages that were fed come first, and a refused message is told only once what came before it is out.
#[test]
fn messages_in_place_keep_their_order() {
    let decoder = Decoder::new();
    let outside = b"M\x00\x00\x00\x00\x00\x01\x6b\x37\x48hi\x00\x00\x00\x00\x05there";
    let of = |data: &[u8]| capi::wal_message { lsn: 1, data: data.as_ptr(), len: data.len() };
    let messages = [of(outside), of(b"I\0"), of(outside)];
    let (mut taken, mut batch) = (7, ptr::null_mut());
    let mut decode = |from: usize| {
        // SAFETY: a live decoder and messages of this frame, out-parameters too.
        let status = call(|err| unsafe {
            let rest = &messages[from..];
            capi::wal_decoder_decode(
                decoder.0,
                rest.as_ptr(),
                rest.len(),
                &raw mut taken,
                &raw mut batch,
                err,
            )
        });
        (status.map_err(|it| it.status), taken, batch)
    };
    decoder.feed(1, outside).unwrap();
    assert_eq!(decode(0), (Err(Status::WAL_E_STATE), 0, ptr::null_mut()));
    decoder.take(&mut Reassembly::default());
    let (status, taken, batch) = decode(0);
    assert_eq!((status, taken), (Ok(Status::WAL_OK), 1));
    // SAFETY: owned.
    unsafe { capi::wal_batch_free(batch) };
    assert_eq!(decode(1), (Err(Status::WAL_E_DECODE), 0, ptr::null_mut()));
    let (status, taken, batch) = decode(2);
    assert_eq!((status, taken), (Ok(Status::WAL_OK), 1));
    // SAFETY: owned.
    unsafe { capi::wal_batch_free(batch) };
}
