//! Values as text.

use std::ffi::c_char;

use super::boundary::{boundary, not_null, reference};
use super::{wal_error, wal_status};
use crate::batch::{Type, Value, ValueKind};
use crate::error::{Error, Result, Status};
use crate::types::{self, Buffer, Field};

/// Writes a value as the server's output function for its type does, so that both forms give the same text. A text value is
/// written as it came, a binary one as the library's sessions would have it. Its type is built in, or a domain over such a type.
/// These sessions have dates in ISO form, timestamps with time zone in UTC, and intervals in the style postgres. Their bytea is in hex,
/// and floating-point numbers have the fewest digits that read back the same.
///
/// Use wal_value_as_text() where the text is borrowed and nothing is to be written: text values, and binary ones of types whose
/// binary form is their text.
///
/// Of binary values, money is refused (its decimals are a setting of the server), and so is what has no readable binary form:
/// pg_ndistinct and its kin, the summaries of BRIN, row types. regclass and its like give the OID. An enum, or
/// another type that is not resolved, gives its bytes if they are UTF-8.
///
/// @param[in] value of an event
/// @param[in] data_type of the value, as wal_relation_column_type_info() gives it; NULL only for text values
/// @param[out] buffer where to, with a NUL behind the text; NULL with size 0 asks for the length only
/// @param[in] size of the buffer: the text needs its length and 1
/// @param[out] length of the text without the NUL, also when it does not fit; 0 on other errors
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, also where only the length was asked for; WAL_E_OUT_OF_RANGE: the buffer is too small, and holds nothing of
/// use; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_format(
    value: *const Value,
    data_type: *const Type,
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; length = 0; {
        // SAFETY: the contract: a live value, a live type or NULL.
        let (value, of) = unsafe { (reference(value, "value")?, data_type.as_ref()) };
        if of.is_none() && value.kind == ValueKind::WAL_VALUE_BINARY as u8 {
            not_null(data_type, "data_type")?;
        }
        if size > 0 {
            not_null(buffer.cast_const(), "buffer")?;
        }
        // SAFETY: the contract: `len` bytes are live at `data`.
        let bytes = unsafe { value.bytes() };
        let field = of.map_or(Field::new(value.kind, bytes, 0), |of| Field::of(value.kind, bytes, of));
        // SAFETY: the contract: `buffer` holds `size` bytes, or is NULL.
        let room = if buffer.is_null() { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) } };
        let mut text = Buffer::new(room);
        types::format(field, &mut text).map_err(|error| {
            let explained = error.explain(field, "text");
            match of { Some(of) => explained.within(types::label(of)), None => explained }
        })?;
        let n = text.length();
        // SAFETY: checked not to be NULL.
        unsafe { length.write(n) };
        terminate(room, n, buffer.is_null())
    }))
}

/// Puts a NUL behind a text of `n` bytes, if it is there.
pub(super) fn terminate(room: &mut [u8], n: usize, only_asked: bool) -> Result<Status> {
    let size = room.len();
    match room.get_mut(n) {
        Some(end) => *end = 0,
        None if only_asked => {}
        None => {
            let what = format!("the buffer holds {size} bytes, the text needs {n} and 1");
            return Err(Error::new(Status::WAL_E_OUT_OF_RANGE, what));
        }
    }
    Ok(Status::WAL_OK)
}
