//! Renderers as C sees them.

use std::ffi::c_char;

use super::boundary::{boundary, not_null, text};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Event, EventView};
use crate::error::{Error, Result, Status};
use crate::render::Renderer;
use crate::sys::pg_micros;

/// Makes messages of events, in one of several formats. It needs no connection, starts no thread, and is told nothing by streams.
///
/// A value is what to_json() of the server gives for it: the same text, from text and from binary. docs/rendering.md lists
/// what each kind of event gives.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_renderer {
    renderer: Renderer,
    /// What was given out last.
    rendered: Vec<wal_rendered>,
}

/// One message. 96 bytes; the layout is part of the ABI. All that it points at is the renderer's: good until the next call of
/// wal_renderer_events, wal_renderer_set or wal_renderer_free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_rendered {
    /// `schema.table` of a change, as they are: where one of them has a dot, two tables may have one topic. Nothing for an event
    /// without one table. In "debezium" it is the topic's whole name, which every message has.
    pub topic: wal_bytes,
    /// What identifies the row, in "debezium" where the table has a key; else nothing.
    pub key: wal_bytes,
    /// The message, without a line feed behind it. In csv and sql a value in quotes may hold some. Nothing says that the key is gone, in formats that have keys.
    pub value: wal_bytes,
    /// Which of the events it is of, from 0.
    pub event: usize,
    /// The event's `wal_event_kind`.
    pub kind: u32,
    /// Kept for later releases; 0.
    pub reserved: u32,
    /// Kept for later releases; 0.
    pub spare: [u64; 4],
}

const _: () = assert!(size_of::<wal_rendered>() == 96 || size_of::<usize>() != 8);

/// Makes a renderer.
///
/// | format | what it gives |
/// |---|---|
/// | json | an object for each event, on one line |
/// | wal2json2 | what wal2json 2.5 gives with format version 2: an object for each BEGIN, COMMIT, change and message |
/// | wal2json | what it gives with format version 1: a document for each transaction, a piece for each of its events |
/// | csv | rows as COPY writes them, behind _kind, _commit_lsn, _xid, _sequence and _not_sent; a RELATION gives the header |
/// | sql | statements that apply the changes to tables of the same definition |
/// | debezium | what Debezium's connector for PostgreSQL gives: an envelope with key and topic for each change, and tombstones |
///
/// @param[in] format one of these
/// @param[out] out the renderer, owned by the caller: wal_renderer_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT: there is no such format
/// @par Thread safety
/// one thread at a time for one wal_renderer, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_renderer_new(
    format: *const c_char,
    out: *mut *mut wal_renderer,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: NULL or a text that ends with NUL.
        let format = unsafe { text(format, "format")? };
        let made = wal_renderer { renderer: Renderer::new(format)?, rendered: Vec::new() };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Sets an option of a renderer, for the events that follow. Each has a default, and none is required.
///
/// | option | words, the default first |
/// |---|---|
/// | numbers | "exact": as to_json() gives them; "js": as strings where a double cannot hold them, and each numeric; "string": all as strings |
/// | bytes | "hex": `\x` and digits, as to_json() does; "base64" |
/// | unchanged | "list": a large value that an UPDATE did not touch is left out and its column listed; "omit"; "null": null and listed |
/// | line_separators | "plain": U+0085, U+2028 and U+2029 as they are; "escaped" |
///
/// "wal2json" and "wal2json2" have no option unchanged, "csv" and "sql" have none at all. "debezium" has line_separators, and these:
///
/// | option | words, the default first, or a text |
/// |---|---|
/// | topic_prefix | what topics begin with, and the source's name; "pgwalstream" |
/// | database | the source's database; "" |
/// | schemas | "off"; "on": each message brings the schemas of its value and key |
/// | decimals | "auto": "string", but "precise" with compatible "3.6"; "string"; "precise": bytes in base64; "double" |
/// | compatible | "off"; "3.6": what Debezium 3.6.1 writes, also where that is less than the value; docs/rendering.md lists the types |
/// | tombstones | "on": a DELETE is followed by a message with its key and without a value; "off" |
/// | truncates | "on": a TRUNCATE gives a message for each table; "off" |
/// | transactions | "off"; "on": BEGIN and COMMIT give messages, and changes their place |
/// | processed | "clock": messages tell the time of the call; "commit": that of the commit. Then an event gives the same bytes but for source.sequence, and messages outside of a transaction |
/// | key_columns | `schema.table:column,column;schema.table:column`: keys of tables, in place of the replica identity; each table and column once; "" |
/// | placeholder | stands for a large value that an UPDATE did not touch; "__debezium_unavailable_value" |
///
/// @param[in,out] renderer to change; what it gave out ends
/// @param[in] name of the option
/// @param[in] value one of its words, or the text
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_UNKNOWN_OPTION: there is none of that name, or not in this format; WAL_E_BAD_OPTION;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// one thread at a time for one wal_renderer, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_renderer_set(
    renderer: *mut wal_renderer,
    name: *const c_char,
    value: *const c_char,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(renderer.cast_const(), "renderer")?;
        // SAFETY: the contract: a live renderer that no other thread uses; texts that end with NUL.
        let (it, name, value) = unsafe { (&mut *renderer, text(name, "name")?, text(value, "value")?) };
        it.rendered.clear();
        it.renderer.set(name, value)?;
        Ok(Status::WAL_OK)
    }))
}

/// Renders events. Give it those of a batch, a single one of wal_stream_next, or a copy of wal_event_clone.
///
/// In format "json" each event gives one message. In "wal2json2" a TRUNCATE gives one for each table, and what wal2json does not
/// know gives none. In "wal2json" an event gives a piece of a document, or none. In
/// "csv" a change gives a row or two, in "sql" a statement. In "debezium" a change gives up to three messages, which have keys: a
/// tombstone has a key and no value, and nothing in wal_renderer_lines. The renderer's memory grows with what is rendered in one call and is
/// used again by the next one. A call that needs little gives back what a huge one before it took, beyond some 16 MiB for each buffer.
///
/// WAL_E_STATE says that an event cannot be told in a format other than "json":
///
/// - it is not committed: a streamed block, a prepared transaction; or it was not decoded;
/// - it begins a transaction, or drops one, while the one before has no end. So it is with option dedupe "off" or
///   failover_policy "rewind". Render the events before it, which are not given out, alone. Drop what was rendered of the one that
///   was cut. Render the event, which fails again and ends that one, and then once more with those behind it;
/// - in "debezium" with transactions "on" it stands outside of a transaction, or the one before has no end;
/// - in "debezium", a part of the key was not sent: so it is with an UPDATE or a DELETE where a column of key_columns is not in the
///   replica identity;
/// - in "debezium", a value of the key can only be null: with compatible "3.6" the column's type has none, with decimals "precise"
///   it is NaN;
/// - in "sql", of an old row a part of the replica identity was not sent, as of a partition with a lesser one;
/// - in "wal2json", a change stands outside of a transaction.
///
/// @param[in,out] renderer what it gave out before ends
/// @param[in] events an array; may be NULL if n is 0
/// @param[in] n how many
/// @param[out] out the messages in the order of the events, owned by the renderer: good until it is used again; NULL on errors
/// @param[out] count how many messages there are
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_INVALID_ARGUMENT: an argument is NULL, or an event's kind is none; WAL_E_STATE, which says why;
/// WAL_E_BAD_OPTION: a table has not the columns that key_columns names. So it is for each event of the table until that is set anew;
/// WAL_E_NO_MEMORY: also where a call would give more than 16 GiB. After an error nothing is given out.
/// @par Thread safety
/// one thread at a time for one wal_renderer, any thread; the events may be read by others meanwhile
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_renderer_events(
    renderer: *mut wal_renderer,
    events: *const Event,
    n: usize,
    out: *mut *const wal_rendered,
    count: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null(), count = 0; {
        not_null(renderer.cast_const(), "renderer")?;
        // SAFETY: the contract: a live renderer that no other thread uses.
        let it = unsafe { &mut *renderer };
        it.clear();
        let events = if n == 0 { &[][..] } else {
            not_null(events, "events")?;
            // SAFETY: the contract: `n` live events.
            unsafe { std::slice::from_raw_parts(events, n) }
        };
        it.render(events)?;
        // SAFETY: checked not to be NULL.
        unsafe {
            out.write(it.rendered.as_ptr());
            count.write(it.rendered.len());
        }
        Ok(Status::WAL_OK)
    }))
}

/// The values of all messages that wal_renderer_events gave last, with a line feed behind each: to be written at once. What has no
/// value has no line.
///
/// @param renderer may be NULL, which gives nothing
/// @return borrowed from the renderer: good until it is used again
/// @par Thread safety
/// one thread at a time for one wal_renderer, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_renderer_lines(renderer: *const wal_renderer) -> wal_bytes {
    // SAFETY: the contract: NULL or a live renderer that no other thread changes.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { renderer.as_ref() }.map_or(wal_bytes::NOTHING, |it| wal_bytes::of(it.renderer.lines())) }))
}

/// Frees a renderer and what it gave out.
///
/// @param renderer may be NULL
/// @par Thread safety
/// once, from any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_renderer_free(renderer: *mut wal_renderer) {
    boundary!(neutral((); {
        if !renderer.is_null() {
            // SAFETY: made by `wal_renderer_new`; the contract: freed once.
            drop(unsafe { Box::from_raw(renderer) });
        }
    }));
}

impl wal_renderer {
    fn clear(&mut self) {
        /// How many are kept in any case.
        const KEPT: usize = 1 << 16;
        let used = self.rendered.len();
        self.rendered.clear();
        if self.rendered.capacity() > KEPT && self.rendered.capacity() / 4 > used {
            self.rendered.shrink_to(KEPT.max(used));
        }
        self.renderer.clear();
        if self.renderer.tells_time() {
            self.renderer.set_clock(pg_micros());
        }
    }

    fn render(&mut self, events: &[Event]) -> Result<()> {
        for event in events {
            // SAFETY: the contract: events of the library's, or copies, which live with what they point at during the call.
            let view = unsafe { EventView::of_caller(event) };
            self.renderer.push(view)?;
        }
        let count = self.renderer.messages().len();
        if self.rendered.try_reserve(count).is_err() {
            self.renderer.take_back();
            return Err(Error::no_memory("messages", count * size_of::<wal_rendered>()));
        }
        let messages = self.renderer.messages();
        let bytes = |part: Option<&[u8]>| part.map_or(wal_bytes::NOTHING, wal_bytes::of);
        self.rendered.extend(messages.map(|message| wal_rendered {
            topic: bytes(message.topic),
            key: bytes(message.key),
            value: bytes(message.value),
            event: message.event,
            kind: message.kind,
            reserved: 0,
            spare: [0; 4],
        }));
        Ok(())
    }
}
