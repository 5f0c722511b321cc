//! Accessors of events: what the public struct does not show.

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{boundary, reference, text};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Event, EventKind, Relation, Value};
use crate::error::{Error, Result, Status};
use crate::pgoutput::TRUNCATED_RELATION;

/// A column of the new row.
///
/// @param event may be NULL
/// @param[in] column from 0, in the order of the relation's columns
/// @return the value, borrowed from the event; NULL if the event has no such value
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_new_value(event: *const Event, column: u32) -> *const Value {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(std::ptr::null(); { unsafe { row(event, Row::New) }.map_or(std::ptr::null(), |row| at(row, column)) }))
}

/// A column of the old row or key.
///
/// @param event may be NULL
/// @param[in] column from 0, in the order of the relation's columns
/// @return the value, borrowed from the event; NULL if the event has no such value
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_old_value(event: *const Event, column: u32) -> *const Value {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(std::ptr::null(); { unsafe { row(event, Row::Old) }.map_or(std::ptr::null(), |row| at(row, column)) }))
}

/// A column of the new row by its name. In a loop, look the column up once for each relation and generation:
/// wal_relation_column_index.
///
/// @param event may be NULL
/// @param[in] column its name, terminated by NUL
/// @return the value, borrowed from the event; NULL if the event has no such value
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_new_by_name(event: *const Event, column: *const c_char) -> *const Value {
    // SAFETY: the contract: NULL or a live event, NULL or a NUL-terminated text.
    boundary!(neutral(std::ptr::null(); { unsafe { by_name(event, Row::New, column) } }))
}

/// A column of the old row or key by its name.
///
/// @param event may be NULL
/// @param[in] column its name, terminated by NUL
/// @return the value, borrowed from the event; NULL if the event has no such value
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_old_by_name(event: *const Event, column: *const c_char) -> *const Value {
    // SAFETY: the contract: NULL or a live event, NULL or a NUL-terminated text.
    boundary!(neutral(std::ptr::null(); { unsafe { by_name(event, Row::Old, column) } }))
}

/// The prefix of a MESSAGE event; nothing for other kinds.
///
/// @return the text, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_message_prefix(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_MESSAGE, 0) } }))
}

/// The content of a MESSAGE event, as it was stored: the server converts it to no client_encoding. Nothing for other
/// kinds.
///
/// @return the bytes, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_message_content(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_MESSAGE, 1) } }))
}

/// The name of the replication origin of an ORIGIN event; nothing for other kinds.
///
/// @return the text, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_origin_name(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_ORIGIN, 0) } }))
}

/// The commit's position on the origin of an ORIGIN event; 0 for other kinds.
///
/// @return the position, or 0
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_origin_lsn(event: *const Event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { of_kind(event, EventKind::WAL_EVENT_ORIGIN) }.map_or(0, |event| event.number) }))
}

/// The OID of a TYPE event; 0 for other kinds.
///
/// @return the OID, or 0
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_type_oid(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { of_kind(event, EventKind::WAL_EVENT_TYPE) }.map_or(0, |event| event.number as u32) }))
}

/// The schema of a TYPE event; nothing for other kinds.
///
/// @return the text, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_type_namespace(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_TYPE, 0) } }))
}

/// The name of a TYPE event; nothing for other kinds.
///
/// @return the text, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_type_name(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_TYPE, 1) } }))
}

/// How many tables a TRUNCATE event is about; 0 for other kinds.
///
/// @return the number, or 0
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_truncate_count(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { of_kind(event, EventKind::WAL_EVENT_TRUNCATE) }.map_or(0, |event| event.n_extra) }))
}

/// One of the tables of a TRUNCATE event.
///
/// @param event may be NULL
/// @param[in] index from 0
/// @return the relation, borrowed from the event; NULL if there is none
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_truncate_relation(event: *const Event, index: u32) -> *const Relation {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live event, whose extra values are live too.
        let value = unsafe { of_kind(event, EventKind::WAL_EVENT_TRUNCATE).map(|event| extras(event)) };
        let value = value.and_then(|values| values.get(index as usize)).filter(|value| value.kind == TRUNCATED_RELATION);
        value.map_or(std::ptr::null(), |value| value.data.cast())
    }))
}

/// Copies an event with its values and their bytes, compactly, into memory of its own: it outlives batch and stream.
///
/// @param[in] event to copy
/// @param[out] out the copy, owned by the caller: wal_event_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_clone(
    event: *const Event,
    out: *mut *mut Event,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live event.
        let clone = unsafe { Copied::of(reference(event, "event")?)? };
        // SAFETY: checked not to be NULL. The event is the first field of the clone.
        unsafe { out.write(Box::into_raw(clone).cast()) };
        Ok(Status::WAL_OK)
    }))
}

/// Frees what wal_event_clone made. Never for an event of a batch or of wal_stream_next.
///
/// @param event may be NULL
/// @par Thread safety
/// once, from any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_free(event: *mut Event) {
    boundary!(neutral((); {
        if !event.is_null() {
            // SAFETY: made by `wal_event_clone`, whose event is the first field; the contract: freed once.
            drop(unsafe { Box::from_raw(event.cast::<Copied>()) });
        }
    }));
}

/// An event with all that it points at.
#[repr(C)]
struct Copied {
    event: Event,
    values: Box<[Value]>,
    bytes: Vec<u8>,
    relations: Vec<Arc<Relation>>,
}

impl Copied {
    /// # Safety
    /// `event` and all that it points at are live.
    unsafe fn of(event: &Event) -> Result<Box<Self>> {
        // SAFETY: the caller's promise.
        let rows = unsafe {
            [values(event.new_values, event.n_new), values(event.old_values, event.n_old), extras(event)]
        };
        let all = || rows.into_iter().flatten();
        let total =
            all().filter(|value| value.kind != TRUNCATED_RELATION).map(|value| value.len as usize).sum();
        let mut bytes: Vec<u8> = Vec::new();
        bytes.try_reserve_exact(total).map_err(|_| Error::no_memory("a copy of bytes", total))?;
        let mut relations = Vec::new();
        // SAFETY: the caller's promise: a relation that an event points at was made by an Arc that is still alive.
        unsafe { keep(event.relation, &mut relations) };
        let mut copied = Vec::new();
        let count = all().count();
        copied
            .try_reserve_exact(count)
            .map_err(|_| Error::no_memory("a copy of values", count * size_of::<Value>()))?;
        for value in all() {
            let mut copy = *value;
            if value.kind == TRUNCATED_RELATION {
                // SAFETY: as above.
                unsafe { keep(value.data.cast(), &mut relations) };
            } else if !value.data.is_null() {
                // The buffer has its final size: it does not move any more.
                copy.data = bytes.as_ptr().wrapping_add(bytes.len());
                // SAFETY: the caller's promise: `len` bytes are live at `data`.
                bytes
                    .extend_from_slice(unsafe { std::slice::from_raw_parts(value.data, value.len as usize) });
            }
            copied.push(copy);
        }
        let mut clone =
            Box::new(Self { event: *event, values: copied.into_boxed_slice(), bytes: Vec::new(), relations });
        clone.bytes = bytes;
        let first = clone.values.as_ptr();
        // A row without columns is a row: only what was not there is NULL.
        let place = |there: *const Value, before: usize| {
            if there.is_null() { std::ptr::null() } else { first.wrapping_add(before) }
        };
        let (new, old) = (event.n_new as usize, event.n_old as usize);
        clone.event.new_values = place(event.new_values, 0);
        clone.event.old_values = place(event.old_values, new);
        clone.event.extra = place(event.extra, new + old);
        Ok(clone)
    }
}

/// # Safety
/// `relation` is NULL or the pointer of a live `Arc`.
unsafe fn keep(relation: *const Relation, kept: &mut Vec<Arc<Relation>>) {
    if !relation.is_null() {
        // SAFETY: the caller's promise; the count is raised before the new owner is made.
        kept.push(unsafe {
            Arc::increment_strong_count(relation);
            Arc::from_raw(relation)
        });
    }
}

#[derive(Clone, Copy)]
enum Row {
    New,
    Old,
}

/// # Safety
/// `event` is NULL or live, with its values.
unsafe fn row<'a>(event: *const Event, which: Row) -> Option<&'a [Value]> {
    // SAFETY: the caller's promise.
    let event = unsafe { event.as_ref() }?;
    let (first, n) = match which {
        Row::New => (event.new_values, event.n_new),
        Row::Old => (event.old_values, event.n_old),
    };
    // SAFETY: the caller's promise.
    Some(unsafe { values(first, n) })
}

fn at(row: &[Value], column: u32) -> *const Value {
    row.get(column as usize).map_or(std::ptr::null(), std::ptr::from_ref)
}

/// # Safety
/// As `row`, and `column` is NULL or NUL-terminated.
unsafe fn by_name(event: *const Event, which: Row, column: *const c_char) -> *const Value {
    // SAFETY: the caller's promise.
    let found = unsafe {
        event.as_ref().and_then(|event| event.relation.as_ref()).and_then(|relation| {
            let name = text(column, "column").ok()?;
            let index = relation.columns.iter().position(|column| &*column.name == name.as_bytes())?;
            row(event, which)?.get(index)
        })
    };
    found.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// # Safety
/// `event` is NULL or live.
pub(super) unsafe fn of_kind<'a>(event: *const Event, kind: EventKind) -> Option<&'a Event> {
    // SAFETY: the caller's promise.
    unsafe { event.as_ref() }.filter(|event| event.kind == kind as u32)
}

/// # Safety
/// `event` is NULL or live, with its extra values.
pub(super) unsafe fn extra(event: *const Event, kind: EventKind, index: usize) -> wal_bytes {
    // SAFETY: the caller's promise.
    let value = unsafe { extra_value(event, kind, index) };
    value.map_or(wal_bytes::NOTHING, |value| wal_bytes { data: value.data, len: value.len as usize })
}

/// # Safety
/// As `extra`.
pub(super) unsafe fn extra_value<'a>(
    event: *const Event,
    kind: EventKind,
    index: usize,
) -> Option<&'a Value> {
    // SAFETY: the caller's promise.
    unsafe { of_kind(event, kind).and_then(|event| extras(event).get(index)) }
}

/// # Safety
/// The event's extra values are live.
unsafe fn extras<'a>(event: &Event) -> &'a [Value] {
    // SAFETY: the caller's promise.
    unsafe { values(event.extra, event.n_extra) }
}

/// # Safety
/// `n` values are live at `first`, or `first` is NULL.
unsafe fn values<'a>(first: *const Value, n: u32) -> &'a [Value] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(first, n as usize) }
}
