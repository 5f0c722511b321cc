//! Events back into pgoutput's messages, as the documentation of PostgreSQL describes them ("Logical Replication
//! Message Formats"). For tests only: nothing that the messages hold may be missing from the events.

use std::collections::HashMap;

use crate::harness::view;
use pgwalstream::batch::{Event, EventKind as K, Relation, Value, ValueKind, flags};
use pgwalstream::capi;

/// What an event alone does not say: a ROLLBACK PREPARED repeats the time of its PREPARE.
#[derive(Debug, Default)]
pub struct Encoder {
    prepared: HashMap<Vec<u8>, i64>,
}

impl Encoder {
    /// The message that an event came from.
    pub fn encode(&mut self, event: &Event) -> Vec<u8> {
        let mut out = Out::default();
        let is = |kind: K| event.kind == kind as u32;
        // In a streamed block what belongs to the transaction bears a subtransaction's id.
        let id = (event.flags & flags::STREAMED != 0).then_some(event.subxid);
        // SAFETY: a live event throughout, and what it leads to.
        unsafe {
            if is(K::WAL_EVENT_BEGIN) {
                out.kind(b'B', None).u64(event.commit_lsn).i64(event.commit_time).u32(event.xid);
            } else if is(K::WAL_EVENT_COMMIT) {
                out.kind(b'C', None).u8(0).u64(event.commit_lsn).u64(event.ack_lsn).i64(event.commit_time);
            } else if is(K::WAL_EVENT_ORIGIN) {
                out.kind(b'O', None).u64(capi::wal_event_origin_lsn(event));
                out.text(view::bytes(capi::wal_event_origin_name(event)));
            } else if is(K::WAL_EVENT_RELATION) {
                out.kind(b'R', id).relation(&*event.relation);
            } else if is(K::WAL_EVENT_TYPE) {
                out.kind(b'Y', id).u32(capi::wal_event_type_oid(event));
                out.namespace(view::bytes(capi::wal_event_type_namespace(event)));
                out.text(view::bytes(capi::wal_event_type_name(event)));
            } else if is(K::WAL_EVENT_INSERT) {
                out.kind(b'I', id).u32((*event.relation).oid()).new_row(event);
            } else if is(K::WAL_EVENT_UPDATE) {
                out.kind(b'U', id).u32((*event.relation).oid()).old_row(event).new_row(event);
            } else if is(K::WAL_EVENT_DELETE) {
                out.kind(b'D', id).u32((*event.relation).oid()).old_row(event);
            } else if is(K::WAL_EVENT_TRUNCATE) {
                let count = capi::wal_event_truncate_count(event);
                let bit = |flag, bit| if event.flags & flag == 0 { 0 } else { bit };
                let options = bit(flags::CASCADE, 1) | bit(flags::RESTART_IDENTITY, 2);
                out.kind(b'T', id).u32(count).u8(options);
                (0..count).for_each(|at| {
                    out.u32((*capi::wal_event_truncate_relation(event, at)).oid());
                });
            } else if is(K::WAL_EVENT_MESSAGE) {
                let transactional = u8::from(event.flags & flags::TRANSACTIONAL != 0);
                let content = view::bytes(capi::wal_event_message_content(event));
                out.kind(b'M', id).u8(transactional).u64(event.lsn);
                out.text(view::bytes(capi::wal_event_message_prefix(event)));
                out.u32(content.len() as u32).0.extend(content);
            } else {
                self.streamed_or_prepared(event, &mut out);
            }
        }
        out.0
    }

    unsafe fn streamed_or_prepared(&mut self, event: &Event, out: &mut Out) {
        let is = |kind: K| event.kind == kind as u32;
        // SAFETY: the caller's promise: a live event.
        let (gid, end) =
            unsafe { (view::bytes(capi::wal_event_gid(event)), capi::wal_event_prepare_end_lsn(event)) };
        let prepared = |out: &mut Out| {
            out.u64(event.commit_lsn).u64(end).i64(event.commit_time).u32(event.xid).text(gid);
        };
        if is(K::WAL_EVENT_STREAM_START) {
            out.kind(b'S', Some(event.xid)).u8(u8::from(event.flags & flags::FIRST_SEGMENT != 0));
        } else if is(K::WAL_EVENT_STREAM_STOP) {
            out.kind(b'E', None);
        } else if is(K::WAL_EVENT_STREAM_COMMIT) {
            out.kind(b'c', Some(event.xid)).u8(0);
            out.u64(event.commit_lsn).u64(event.ack_lsn).i64(event.commit_time);
        } else if is(K::WAL_EVENT_STREAM_ABORT) {
            out.kind(b'A', Some(event.xid)).u32(event.subxid);
            // SAFETY: a live event.
            let lsn = unsafe { capi::wal_event_abort_lsn(event) };
            if (lsn, event.commit_time) != (0, 0) {
                out.u64(lsn).i64(event.commit_time);
            }
        } else if is(K::WAL_EVENT_BEGIN_PREPARE) {
            prepared(out.kind(b'b', None));
        } else if is(K::WAL_EVENT_PREPARE) || is(K::WAL_EVENT_STREAM_PREPARE) {
            self.prepared.insert(gid.to_vec(), event.commit_time);
            prepared(out.kind(if is(K::WAL_EVENT_PREPARE) { b'P' } else { b'p' }, None).u8(0));
        } else if is(K::WAL_EVENT_COMMIT_PREPARED) {
            out.kind(b'K', None).u8(0).u64(event.commit_lsn).u64(event.ack_lsn);
            out.i64(event.commit_time).u32(event.xid).text(gid);
        } else if is(K::WAL_EVENT_ROLLBACK_PREPARED) {
            let time = self.prepared.get(gid).copied().unwrap_or(i64::MIN);
            out.kind(b'r', None).u8(0).u64(end).u64(event.ack_lsn).i64(time);
            out.i64(event.commit_time).u32(event.xid).text(gid);
        } else {
            panic!("an event of the unknown kind {}", event.kind);
        }
    }
}

/// A message being put together.
#[derive(Debug, Default)]
struct Out(Vec<u8>);

impl Out {
    fn kind(&mut self, kind: u8, id: Option<u32>) -> &mut Self {
        self.0.push(kind);
        if let Some(id) = id {
            self.u32(id);
        }
        self
    }

    fn u8(&mut self, n: u8) -> &mut Self {
        self.0.push(n);
        self
    }

    fn u32(&mut self, n: u32) -> &mut Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    fn u64(&mut self, n: u64) -> &mut Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    fn i64(&mut self, n: i64) -> &mut Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.0.extend(text);
        self.u8(0)
    }

    fn namespace(&mut self, name: &[u8]) -> &mut Self {
        self.text(if name == b"pg_catalog" { b"" } else { name })
    }

    fn relation(&mut self, it: &Relation) {
        let (namespace, name) = (it.namespace(), it.name());
        self.u32(it.oid()).namespace(namespace.as_bytes()).text(name.as_bytes());
        self.u8(it.replica_identity() as u8);
        self.0.extend((it.columns().len() as u16).to_be_bytes());
        for column in it.columns() {
            self.u8(u8::from(column.is_key())).text(column.name().as_bytes()).u32(column.type_oid());
            self.0.extend(column.typmod().to_be_bytes());
        }
    }

    unsafe fn old_row(&mut self, event: &Event) -> &mut Self {
        if event.n_old > 0 {
            self.u8(if event.flags & flags::OLD_FULL == 0 { b'K' } else { b'O' });
            // SAFETY: a live event.
            unsafe { self.row(event.old_values, event.n_old) };
        }
        self
    }

    unsafe fn new_row(&mut self, event: &Event) -> &mut Self {
        self.u8(b'N');
        // SAFETY: a live event.
        unsafe { self.row(event.new_values, event.n_new) };
        self
    }

    unsafe fn row(&mut self, values: *const Value, count: u32) {
        self.0.extend((count as u16).to_be_bytes());
        for at in 0..count as usize {
            // SAFETY: `count` values follow each other, and their bytes live as long.
            let (value, bytes) = unsafe {
                let value = &*values.add(at);
                (value, value.bytes())
            };
            let is = |kind: ValueKind| value.kind == kind as u8;
            if is(ValueKind::WAL_VALUE_TEXT) || is(ValueKind::WAL_VALUE_BINARY) {
                self.u8(if is(ValueKind::WAL_VALUE_TEXT) { b't' } else { b'b' });
                self.u32(bytes.len() as u32).0.extend(bytes);
            } else {
                self.u8(if is(ValueKind::WAL_VALUE_UNCHANGED) { b'u' } else { b'n' });
            }
        }
    }
}
