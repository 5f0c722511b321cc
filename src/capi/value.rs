//! Values as C types: from text and binary alike, exact, range-checked, infinity kept.

use super::boundary::{boundary, not_null, reference};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Column, Relation, Value};
use crate::error::{Error, Result, Status};
use crate::types::{self, Field, ReadError};

/// Reads a value as bool. Reads: bool; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out 1 or 0; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_bool(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "bool", |field| types::as_bool(field).map(i32::from)) }
    }))
}

/// Reads a value as a 16-bit integer. Reads: smallint; integer and bigint if the number fits; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_int16(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i16,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a 16-bit integer", |field| types::as_int16(field)) }
    }))
}

/// Reads a value as a 32-bit integer. Reads: smallint, integer; bigint and oid if the number fits; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_int32(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a 32-bit integer", |field| types::as_int32(field)) }
    }))
}

/// Reads a value as a 64-bit integer. Reads: smallint, integer, bigint, oid; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_int64(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a 64-bit integer", |field| types::as_int64(field)) }
    }))
}

/// Reads a value as an unsigned 32-bit integer. Reads: oid, xid and their like; integers if the number fits; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_uint32(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut u32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "an unsigned 32-bit integer", |field| types::as_uint32(field)) }
    }))
}

/// Reads a value as a float. Reads: real; what else is exact in it; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number, NaN and infinities kept; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_float32(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut f32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0.0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a float", |field| types::as_float32(field)) }
    }))
}

/// Reads a value as a double. Reads: real, double precision; integers that are exact in it. A numeric is read as text, which loses nothing; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number, NaN and infinities kept; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_float64(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut f64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0.0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a double", |field| types::as_float64(field)) }
    }))
}

/// Reads a value as a date. Reads: date; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out days since 2000-01-01; INT32_MIN is -infinity, INT32_MAX infinity; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_date(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a date", |field| types::as_date(field)) }
    }))
}

/// Reads a value as a time. Reads: time; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out microseconds since midnight, up to 24:00:00; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_time(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a time", |field| types::as_time(field)) }
    }))
}

/// Reads a value as a timestamp. Reads: timestamp without time zone; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out microseconds since 2000-01-01 00:00:00; INT64_MIN is -infinity, INT64_MAX infinity; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_timestamp(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a timestamp", |field| types::as_timestamp(field)) }
    }))
}

/// Reads a value as a timestamp with time zone. Reads: timestamp with time zone; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out microseconds since 2000-01-01 00:00:00 UTC; INT64_MIN is -infinity, INT64_MAX infinity; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_OUT_OF_RANGE;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_timestamptz(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a timestamp with time zone", |field| types::as_timestamptz(field)) }
    }))
}

/// Reads a value as text: the bytes of a text value, and of a binary one of a type whose binary form is its text.
/// Every value that came as text can be read so, numeric among them. A version byte, as jsonb and ltree have in binary, is
/// no part of it, and the "char" of byte 0 is empty.
///
/// A binary value of a type that is not resolved, as an enum, gives its bytes if they are UTF-8 without NUL: ask
/// wal_type_is_resolved() of wal_relation_column_type_info() where that matters.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the type is not known
/// @param[in] column the value's place in the row
/// @param[out] out the text, borrowed from the event, not terminated by NUL; nothing on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_text(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut wal_bytes,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = wal_bytes::NOTHING; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "text", |field| types::as_text(field).map(wal_bytes::of)) }
    }))
}

/// Reads a bytea into a buffer. A text value is decoded, so that both forms give the same bytes.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the type is not known
/// @param[in] column the value's place in the row
/// @param[out] buffer where to; NULL with size 0 asks for the length only
/// @param[in] size of the buffer
/// @param[out] length of the bytes, also when they do not fit; 0 on other errors
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, also where only the length was asked for; WAL_E_OUT_OF_RANGE: the buffer is too small;
/// else as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_bytea(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    buffer: *mut u8,
    size: usize,
    length: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; length = 0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        if size > 0 {
            not_null(buffer.cast_const(), "buffer")?;
        }
        // SAFETY: the contract: `buffer` holds `size` bytes, or is NULL.
        let room = if buffer.is_null() { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(buffer, size) } };
        let n = place.read("bytea", |field| types::as_bytea(field, room))?;
        // SAFETY: checked not to be NULL.
        unsafe { length.write(n) };
        if n > room.len() && !buffer.is_null() {
            return Err(Error::new(Status::WAL_E_OUT_OF_RANGE, format!("the buffer holds {size} bytes, the value has {n}")));
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads a uuid.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the type is not known
/// @param[in] column the value's place in the row
/// @param[out] out 16 bytes; all 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_uuid(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut u8,
    err: *mut *mut wal_error,
) -> wal_status {
    let out = out.cast::<[u8; 16]>();
    boundary!(fallible(err; out = [0; 16]; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked and holds 16 bytes.
        unsafe { read(value, relation, column, out, "uuid", types::as_uuid) }
    }))
}

/// # Safety
/// `value` is NULL or live with its bytes, `relation` NULL or live, `out` may be written to.
pub(super) unsafe fn read<'a, T>(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut T,
    wanted: &str,
    as_wanted: impl FnOnce(Field<'a>) -> std::result::Result<T, ReadError>,
) -> Result<Status> {
    // SAFETY: the caller's promise.
    let place = unsafe { Place::of(value, relation, column) }?;
    let read = place.read(wanted, as_wanted)?;
    // SAFETY: the caller's promise.
    unsafe { out.write(read) };
    Ok(Status::WAL_OK)
}

/// A value, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) field: Field<'a>,
    of: Option<(&'a Relation, &'a Column)>,
}

impl<'a> Place<'a> {
    /// # Safety
    /// As `read`.
    pub(super) unsafe fn of(value: *const Value, relation: *const Relation, column: u32) -> Result<Self> {
        // SAFETY: the caller's promise.
        let (value, relation) = unsafe { (reference(value, "value")?, relation.as_ref()) };
        let bytes = if value.data.is_null() {
            &[]
        } else {
            // SAFETY: the caller's promise: `len` bytes are live at `data`.
            unsafe { std::slice::from_raw_parts(value.data, value.len as usize) }
        };
        let Some(relation) = relation else {
            return Ok(Self { field: Field::new(value.kind, bytes, 0), of: None });
        };
        let column = relation.columns.get(column as usize).ok_or_else(|| {
            let count = relation.columns.len();
            Error::new(
                Status::WAL_E_INVALID_ARGUMENT,
                format!("there is no column {column}: the relation has {count}"),
            )
        })?;
        let field = Field::of(value.kind, bytes, &column.data_type);
        Ok(Self { field, of: Some((relation, column)) })
    }

    /// What a reader makes of the value.
    pub(super) fn read<T>(
        self,
        wanted: &str,
        as_wanted: impl FnOnce(Field<'a>) -> std::result::Result<T, ReadError>,
    ) -> Result<T> {
        as_wanted(self.field).map_err(|error| self.explain(error, wanted))
    }

    /// The error of a reader, with table, column and type in front.
    #[cold]
    pub(super) fn explain(self, error: ReadError, wanted: &str) -> Error {
        let explained = error.explain(self.field, wanted);
        match self.of {
            Some((relation, column)) => explained.within(types::place(relation, column)),
            None => explained,
        }
    }
}
