//! Numerics: as they came, and as text, integers of 128 bits and doubles once they are asked for.

use std::ffi::c_char;

use super::boundary::{boundary, not_null, reference};
use super::value::read;
use super::{wal_error, wal_status};
use crate::batch::{Relation, Value, ValueKind};
use crate::error::{Error, Result, Status};
use crate::types::{self, Buffer, Field, Numeric, ReadError, oid};

/// A numeric as it came: a view, good as long as its event. 32 bytes, which never grow. Nothing is converted until
/// wal_numeric_text(), wal_numeric_int128() or wal_numeric_float64() is asked.
///
/// In binary the digits are 16-bit numbers in network order to the base of 10000, at `data` + 8, the first of which counts
/// 10000^weight (numeric_send).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_numeric {
    /// The value's bytes.
    pub data: *const u8,
    /// How many bytes.
    pub len: u32,
    /// WAL_VALUE_TEXT or WAL_VALUE_BINARY.
    pub form: u8,
    /// A wal_numeric_special_code.
    pub special: u8,
    /// 1 below 0, also for -infinity; else 0.
    pub is_negative: u8,
    /// Kept for later releases; 0.
    pub reserved: u8,
    /// How many digits to the base of 10000 there are; 0 for text.
    pub ndigits: u32,
    /// The power of 10000 that the first digit counts; 0 for text.
    pub weight: i32,
    /// How many decimals the server shows behind the point, which is a part of the value; 0 for what is no number.
    pub scale: u32,
    /// Kept for later releases; 0.
    pub spare: u32,
}

const _: () = assert!(size_of::<wal_numeric>() == 32);

impl wal_numeric {
    const NOTHING: Self = Self {
        data: std::ptr::null(),
        len: 0,
        form: 0,
        special: 0,
        is_negative: 0,
        reserved: 0,
        ndigits: 0,
        weight: 0,
        scale: 0,
        spare: 0,
    };

    fn of(it: Numeric<'_>) -> Self {
        let (bytes, form) = it.raw();
        let shape = it.shape();
        Self {
            data: bytes.as_ptr(),
            len: bytes.len() as u32,
            form: form as u8,
            special: shape.special as u8,
            is_negative: shape.is_negative.into(),
            ndigits: shape.ndigits.into(),
            weight: shape.weight.into(),
            scale: shape.scale,
            ..Self::NOTHING
        }
    }

    /// # Safety
    /// The bytes live as long as the result.
    unsafe fn view<'a>(&self) -> Result<Numeric<'a>> {
        let form = if self.form == ValueKind::WAL_VALUE_TEXT as u8 {
            ValueKind::WAL_VALUE_TEXT
        } else {
            ValueKind::WAL_VALUE_BINARY
        };
        not_null(self.data, "numeric->data")?;
        let value = Value { data: self.data, len: self.len, kind: form as u8, reserved: [0; 3] };
        // SAFETY: the caller's promise.
        let field = Field::new(form as u8, unsafe { value.bytes() }, oid::NUMERIC);
        types::as_numeric(field).map_err(|error| error.explain(field, "a numeric"))
    }
}

/// Reads a numeric, without converting it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out a view of the value, borrowed from the event; all 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_numeric(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut wal_numeric,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = wal_numeric::NOTHING; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "a numeric", |field| types::as_numeric(field).map(wal_numeric::of)) }
    }))
}

/// Writes a numeric as the server does, with every digit: "12.50", "NaN", "-Infinity".
///
/// @param[in] numeric of wal_value_as_numeric(), whose event is still good
/// @param[out] buffer where to, with a NUL behind the text; NULL with size 0 asks for the length only
/// @param[in] size of the buffer: the text needs its length and 1
/// @param[out] length of the text without the NUL, also when it does not fit; 0 on other errors
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, also where only the length was asked for; WAL_E_OUT_OF_RANGE: the buffer is too small, and holds nothing of
/// use; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_numeric_text(
    numeric: *const wal_numeric,
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; length = 0; {
        // SAFETY: the contract: a numeric whose event lives.
        let it = unsafe { reference(numeric, "numeric")?.view()? };
        if size > 0 {
            not_null(buffer.cast_const(), "buffer")?;
        }
        // SAFETY: the contract: `buffer` holds `size` bytes, or is NULL.
        let room = if buffer.is_null() { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) } };
        let mut text = Buffer::new(room);
        it.write(&mut text).map_err(|error| refused(error, "text"))?;
        let n = text.length();
        // SAFETY: checked not to be NULL.
        unsafe { length.write(n) };
        super::format::terminate(room, n, buffer.is_null())
    }))
}

fn refused(error: ReadError, wanted: &str) -> Error {
    error.explain(Field::new(ValueKind::WAL_VALUE_TEXT as u8, &[], oid::NUMERIC), wanted)
}

/// A numeric times 10^scale as an integer of 128 bits, exactly: what Arrow calls decimal128. 12.50 at scale 2 is 1250.
///
/// @param[in] numeric of wal_value_as_numeric(), whose event is still good
/// @param[in] scale how many decimals are kept; below 0 digits before the point are left out
/// @param[out] hi the upper 64 bits, with the sign; 0 on an error
/// @param[out] lo the lower 64 bits; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_OUT_OF_RANGE: digits would be lost, it does not fit, or it is NaN or an infinity;
/// WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_numeric_int128(
    numeric: *const wal_numeric,
    scale: i32,
    hi: *mut i64,
    lo: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; hi = 0, lo = 0; {
        // SAFETY: the contract: a numeric whose event lives.
        let it = unsafe { reference(numeric, "numeric")?.view()? };
        let whole = it.i128_at(scale).map_err(|error| refused(error, &format!("a 128-bit integer at scale {scale}")))?;
        // SAFETY: checked not to be NULL.
        unsafe {
            hi.write((whole >> 64) as i64);
            lo.write(whole as u64);
        }
        Ok(Status::WAL_OK)
    }))
}

/// The double that is nearest to a numeric: digits may be lost, which wal_numeric_text() and wal_numeric_int128() never do.
///
/// @param[in] numeric of wal_value_as_numeric(), whose event is still good
/// @param[out] out the number; NaN and the infinities stay; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_OUT_OF_RANGE: it is greater than any double; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_numeric_float64(
    numeric: *const wal_numeric,
    out: *mut f64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0.0; {
        // SAFETY: the contract: a numeric whose event lives.
        let it = unsafe { reference(numeric, "numeric")?.view()? };
        let number = it.nearest_f64().map_err(|error| refused(error, "a double"))?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(number) };
        Ok(Status::WAL_OK)
    }))
}
