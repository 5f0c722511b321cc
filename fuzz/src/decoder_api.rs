//! The decoder's C functions, and all that can be asked of what comes out: every accessor, every type, clones that outlive
//! their batch. No call may panic, and none may read what is not there.
use std::hint::black_box;
use std::ptr;

use super::messages;
use pgwalstream::batch::{Batch, Event, Relation, Type, Value};
use pgwalstream::capi::*;
use pgwalstream::error::Status;

/// Does not come back from a panic or a defect.
fn check(status: wal_status) -> wal_status {
    let defects = [Status::WAL_E_PANIC, Status::WAL_E_INTERNAL, Status::WAL_E_INVALID_ARGUMENT];
    assert!(defects.iter().all(|defect| *defect as i32 != status), "status {status}");
    status
}

/// One input.
pub fn run(input: &[u8]) {
    // SAFETY: live handles, out-parameters of this frame, each freed once.
    unsafe {
        // Small batches: more of them, and quicker made.
        let mut options = ptr::null_mut();
        check(wal_options_new(&raw mut options, ptr::null_mut()));
        for (key, value) in [(c"batch_events", c"16"), (c"batch_bytes", c"4kB")] {
            check(wal_options_set(options, key.as_ptr(), value.as_ptr(), ptr::null_mut()));
        }
        let mut decoder = ptr::null_mut();
        check(wal_decoder_new(options, &raw mut decoder, ptr::null_mut()));
        let mut in_place = ptr::null_mut();
        check(wal_decoder_new(options, &raw mut in_place, ptr::null_mut()));
        wal_options_free(options);
        let (mut fed, mut clones) = (0, vec![]);
        for (at, message) in messages(input).enumerate() {
            let mut error = ptr::null_mut();
            let status = check(wal_decoder_feed(
                decoder,
                at as u64 * 8,
                message.as_ptr(),
                message.len(),
                &raw mut error,
            ));
            assert_eq!(status < 0, !error.is_null());
            wal_error_free(error);
            if at % 3 == 2 {
                fed += take(decoder, &mut clones);
            }
        }
        fed += take(decoder, &mut clones);
        wal_decoder_free(decoder);
        assert_eq!(decode(in_place, input, &mut clones), fed);
        wal_decoder_free(in_place);
        for clone in clones {
            ask(&*clone);
            wal_event_free(clone);
        }
    }
}

/// Decodes all messages where they are, past those that are refused, looks at all that comes of them, and tells how many
/// events that is.
unsafe fn decode(decoder: *mut wal_decoder, input: &[u8], clones: &mut Vec<*mut Event>) -> usize {
    let of = |(at, message): (usize, &[u8])| wal_message {
        lsn: at as u64 * 8,
        data: message.as_ptr(),
        len: message.len(),
    };
    let messages: Vec<_> = messages(input).enumerate().map(of).collect();
    let (mut at, mut events) = (0, 0);
    while at < messages.len() {
        let (mut taken, mut batch) = (0, ptr::null_mut());
        // SAFETY: a live decoder and live messages, out-parameters of this frame.
        unsafe {
            let rest = &messages[at..];
            let status = check(wal_decoder_decode(
                decoder,
                rest.as_ptr(),
                rest.len(),
                &raw mut taken,
                &raw mut batch,
                ptr::null_mut(),
            ));
            assert_eq!((status < 0, status < 0), (batch.is_null(), taken == 0));
            at += taken.max(1);
            if !batch.is_null() {
                events += look_at(batch, clones);
            }
        }
    }
    events
}

/// Takes all batches, looks at all of them, and tells how many events they hold.
unsafe fn take(decoder: *mut wal_decoder, clones: &mut Vec<*mut Event>) -> usize {
    let mut events = 0;
    loop {
        let mut batch: *mut Batch = ptr::null_mut();
        // SAFETY: a live decoder.
        let status = unsafe { check(wal_decoder_next_batch(decoder, &raw mut batch, ptr::null_mut())) };
        if status != Status::WAL_OK as i32 {
            return events;
        }
        // SAFETY: a live batch.
        events += unsafe { look_at(batch, clones) };
    }
}

/// Looks at a batch, frees it, and tells how many events it held.
unsafe fn look_at(batch: *mut Batch, clones: &mut Vec<*mut Event>) -> usize {
    let mut count = 0;
    // SAFETY: the caller's promise: a live batch; `count` events follow each other.
    unsafe {
        let first = wal_batch_events(batch, &raw mut count);
        for at in 0..count {
            let event = &*first.add(at);
            ask(event);
            if at % 4 == 0 && clones.len() < 64 {
                let mut clone = ptr::null_mut();
                check(wal_event_clone(event, &raw mut clone, ptr::null_mut()));
                clones.push(clone);
            }
        }
        render(first, count);
        black_box(wal_batch_ack_lsn(batch));
        wal_batch_free(batch);
    }
    count
}

/// Whatever the events hold, in JSON each is a line of text, and in other formats of JSON each message is one.
unsafe fn render(first: *const Event, count: usize) {
    // SAFETY: the caller's promise: `count` live events follow each other; out-parameters of this frame, freed once.
    unsafe {
        for (format, options) in [
            (c"json", &[(c"numbers", c"exact"), (c"bytes", c"base64"), (c"line_separators", c"escaped")][..]),
            (c"wal2json", &[(c"numbers", c"js")]),
            (c"wal2json2", &[(c"numbers", c"exact"), (c"line_separators", c"escaped")]),
            (c"csv", &[]),
            (c"sql", &[]),
            (c"debezium", &[(c"transactions", c"on"), (c"schemas", c"on"), (c"decimals", c"precise")]),
            (c"debezium", &[(c"compatible", c"3.6"), (c"decimals", c"double")]),
        ] {
            let mut renderer = ptr::null_mut();
            check(wal_renderer_new(format.as_ptr(), &raw mut renderer, ptr::null_mut()));
            for (name, word) in options {
                check(wal_renderer_set(renderer, name.as_ptr(), word.as_ptr(), ptr::null_mut()));
            }
            if format == c"json" {
                assert_eq!(lines(renderer, first, count, true), Some(count));
            } else {
                // What it refuses is not committed, or stands outside of a transaction.
                (0..count).for_each(|at| {
                    _ = lines(renderer, first.add(at), 1, format.to_bytes().starts_with(b"wal2json"))
                });
            }
            wal_renderer_free(renderer);
        }
    }
}

/// Renders events: how many messages they give, or None if one is refused.
unsafe fn lines(
    renderer: *mut wal_renderer,
    first: *const Event,
    count: usize,
    is_json: bool,
) -> Option<usize> {
    // SAFETY: the caller's promise: a live renderer, and `count` live events follow each other; out-parameters of this frame.
    unsafe {
        let (mut out, mut messages): (*const wal_rendered, usize) = (ptr::null(), 0);
        let status = check(wal_renderer_events(
            renderer,
            first,
            count,
            &raw mut out,
            &raw mut messages,
            ptr::null_mut(),
        ));
        if status != Status::WAL_OK as i32 {
            assert_eq!((status, messages), (Status::WAL_E_STATE as i32, 0));
            return None;
        }
        let lines = wal_renderer_lines(renderer);
        let lines = if lines.len == 0 { &[][..] } else { std::slice::from_raw_parts(lines.data, lines.len) };
        // Rows and statements have the bytes that came, and those may be lines.
        if !is_json {
            return Some(messages);
        }
        assert!(std::str::from_utf8(lines).is_ok());
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), messages);
        Some(messages)
    }
}

unsafe fn ask(event: &Event) {
    // SAFETY: the caller's promise: a live event.
    unsafe {
        for bytes in [
            wal_event_message_prefix(event),
            wal_event_message_content(event),
            wal_event_origin_name(event),
            wal_event_type_namespace(event),
            wal_event_type_name(event),
            wal_event_gid(event),
            wal_event_raw(event),
        ] {
            read(bytes);
        }
        black_box((
            wal_event_origin_lsn(event),
            wal_event_type_oid(event),
            wal_event_prepare_lsn(event),
            wal_event_prepare_end_lsn(event),
            wal_event_abort_lsn(event),
            wal_event_position(event),
        ));
        for at in 0..wal_event_truncate_count(event).min(100) {
            relation(wal_event_truncate_relation(event, at));
        }
        assert!(wal_event_truncate_relation(event, u32::MAX).is_null());
        relation(event.relation);
        for column in 0..event.n_new.max(event.n_old).min(100) {
            value(wal_event_new_value(event, column), event.relation, column);
            value(wal_event_old_value(event, column), event.relation, column);
        }
        assert!(wal_event_new_value(event, event.n_new).is_null());
        black_box(wal_event_new_by_name(event, c"id".as_ptr()));
        black_box(wal_event_old_by_name(event, c"".as_ptr()));
    }
}

unsafe fn relation(it: *const Relation) {
    // SAFETY: the caller's promise: NULL or a live relation, kept for a moment; out-parameters of this frame.
    unsafe {
        read(wal_relation_namespace(it));
        read(wal_relation_name(it));
        black_box((wal_relation_oid(it), wal_relation_generation(it), wal_relation_replica_identity(it)));
        for column in 0..wal_relation_column_count(it) {
            read(wal_relation_column_name(it, column));
            black_box((wal_relation_column_type(it, column), wal_relation_column_typmod(it, column)));
            black_box(wal_relation_column_is_key(it, column));
            data_type(wal_relation_column_type_info(it, column));
        }
        black_box(wal_relation_column_index(it, c"id".as_ptr()));
        for at in 0..u32::try_from(wal_relation_change_count(it)).unwrap_or(0) {
            let mut change = std::mem::MaybeUninit::<wal_relation_change>::uninit();
            check(wal_relation_change_at(it, at, change.as_mut_ptr(), ptr::null_mut()));
            read(change.assume_init().name_before);
        }
        if !it.is_null() {
            let mut kept = ptr::null_mut();
            check(wal_relation_retain(it, &raw mut kept, ptr::null_mut()));
            read(wal_relation_name(kept));
            wal_relation_free(kept);
        }
    }
}

unsafe fn data_type(it: *const Type) {
    // SAFETY: the caller's promise: NULL or a live type.
    unsafe {
        read(wal_type_namespace(it));
        read(wal_type_name(it));
        read(wal_type_sql_name(it));
        black_box((wal_type_oid(it), wal_type_kind(it), wal_type_source(it), wal_type_is_resolved(it)));
        for part in [wal_type_base(it), wal_type_element(it)] {
            if !part.is_null() {
                read(wal_type_name(part));
            }
        }
    }
}

macro_rules! ask_all {
    ($value:expr, $relation:expr, $column:expr, $($function:ident $type:ty),*) => { $({
        let mut out = std::mem::MaybeUninit::<$type>::uninit();
        check($function($value, $relation, $column, out.as_mut_ptr().cast(), ptr::null_mut()));
        black_box(out.assume_init());
    })* };
}

unsafe fn value(it: *const Value, of: *const Relation, column: u32) {
    if it.is_null() {
        return;
    }
    // SAFETY: the caller's promise: a live value and its relation; each output is written on every path.
    unsafe {
        ask_all!(
            it, of, column,
            wal_value_as_bool i32, wal_value_as_int16 i16, wal_value_as_int32 i32, wal_value_as_int64 i64,
            wal_value_as_uint32 u32, wal_value_as_float32 f32, wal_value_as_float64 f64, wal_value_as_uuid [u8; 16],
            wal_value_as_date i32, wal_value_as_time i64, wal_value_as_timestamp i64, wal_value_as_timestamptz i64,
            wal_value_as_uint64 u64, wal_value_as_money i64, wal_value_as_lsn u64, wal_value_as_inet wal_inet,
            wal_value_as_numeric wal_numeric
        );
        let mut text = wal_bytes { data: ptr::null(), len: 0 };
        check(wal_value_as_text(it, of, column, &raw mut text, ptr::null_mut()));
        read(text);
        let mut buffer = [0_u8; 32];
        let mut needed = 0;
        for size in [0, buffer.len()] {
            let data = if size == 0 { ptr::null_mut() } else { buffer.as_mut_ptr() };
            check(wal_value_as_bytea(it, of, column, data, size, &raw mut needed, ptr::null_mut()));
            check(wal_value_as_bits(it, of, column, data, size, &raw mut needed, ptr::null_mut()));
            let type_info = wal_relation_column_type_info(of, column);
            black_box((wal_type_kind(type_info), wal_type_is_resolved(type_info)));
            check(wal_value_format(it, type_info, data.cast(), size, &raw mut needed, ptr::null_mut()));
        }
        parts(it, of, column);
        let mut reader = ptr::null_mut();
        check(wal_nested_new(&raw mut reader, ptr::null_mut()));
        for shape in 0..=9 {
            take_apart(reader, it, of, column, shape);
        }
        wal_nested_free(reader);
    }
}

/// One level of a value, and what its items are as text.
unsafe fn take_apart(
    reader: *mut wal_nested,
    it: *const Value,
    of: *const Relation,
    column: u32,
    shape: u32,
) {
    // SAFETY: the caller's promise: a live reader, a live value and its relation.
    unsafe {
        let mut error = ptr::null_mut();
        let status = check(wal_nested_read(reader, it, of, column, shape, &raw mut error));
        wal_error_free(error);
        let mut count = usize::MAX;
        let items = wal_nested_items(reader, &raw mut count);
        assert!(status == 0 || count == 0);
        let items_count = count;
        let mut inner = ptr::null_mut();
        check(wal_nested_new(&raw mut inner, ptr::null_mut()));
        let relation = wal_nested_relation(reader);
        for at in 0..count {
            let (item, column) = (items.add(at), wal_nested_column(reader, at));
            let mut needed = 0;
            let of = wal_relation_column_type_info(relation, column);
            check(wal_value_format(item, of, ptr::null_mut(), 0, &raw mut needed, ptr::null_mut()));
            read(wal_bytes { data: (*item).data, len: (*item).len as usize });
            // One level deeper, and no item with the reader that holds it.
            let mut own = count;
            assert_ne!(check(wal_nested_read(reader, item, relation, column, shape, ptr::null_mut())), 0);
            assert!(wal_nested_items(reader, &raw mut own) == items && own == count);
            for shape in [0, 1, 2] {
                check(wal_nested_read(inner, item, relation, column, shape, ptr::null_mut()));
                let mut parts = 0;
                let part = wal_nested_items(inner, &raw mut parts);
                for at in 0..parts {
                    read(wal_bytes { data: (*part.add(at)).data, len: (*part.add(at)).len as usize });
                }
            }
            check(wal_nested_read_as(
                inner,
                item,
                of,
                1,
                wal_type_built_in(25),
                b';'.into(),
                ptr::null_mut(),
            ));
        }
        wal_nested_free(inner);
        let mut product = 1_usize;
        let dimensions = wal_nested_dimensions(reader, &raw mut count);
        for at in 0..count {
            black_box(((*dimensions.add(at)).size, (*dimensions.add(at)).lower));
            product = product.checked_mul(usize::try_from((*dimensions.add(at)).size).unwrap()).unwrap();
        }
        // Who makes lists of lists by them makes no more than there are items.
        assert!(wal_nested_shape(reader) != 1 || count == 0 || product == items_count);
        black_box((wal_nested_shape(reader), wal_nested_flags(reader)));
    }
}

/// What has several parts.
unsafe fn parts(it: *const Value, of: *const Relation, column: u32) {
    let (mut a, mut b, mut c, mut d) = (0_i32, 0_i32, 0_i64, 0_u64);
    let (mut block, mut place, mut x, mut y) = (0_u32, 0_u16, 0.0_f64, 0.0_f64);
    let mut numeric = std::mem::MaybeUninit::<wal_numeric>::uninit();
    let none = ptr::null_mut();
    // SAFETY: the caller's promise: a live value and its relation; each output is written on every path.
    unsafe {
        check(wal_value_as_interval(it, of, column, &raw mut a, &raw mut b, &raw mut c, none));
        check(wal_value_as_timetz(it, of, column, &raw mut c, &raw mut a, none));
        check(wal_value_as_tid(it, of, column, &raw mut block, &raw mut place, none));
        check(wal_value_as_point(it, of, column, &raw mut x, &raw mut y, none));
        if wal_value_as_numeric(it, of, column, numeric.as_mut_ptr(), none) == 0 {
            let numeric = numeric.as_ptr();
            let mut length = 0;
            check(wal_numeric_text(numeric, ptr::null_mut(), 0, &raw mut length, none));
            check(wal_numeric_int128(numeric, 4, &raw mut c, &raw mut d, none));
            check(wal_numeric_float64(numeric, &raw mut x, none));
        }
    }
    black_box((a, b, c, d, block, place, x, y));
}

unsafe fn read(it: wal_bytes) {
    if !it.data.is_null() {
        // SAFETY: the caller's promise: `len` bytes are there.
        let bytes = unsafe { std::slice::from_raw_parts(it.data, it.len) };
        black_box(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    }
}
