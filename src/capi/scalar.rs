//! Values of types that no number of C says: intervals, networks, bit strings and the like, from text and binary alike.

use std::net::IpAddr;

use super::boundary::{boundary, not_null};
use super::value::{Place, read};
use super::{wal_error, wal_status};
use crate::batch::{Relation, Value};
use crate::error::{Error, Status};
use crate::types;

/// An inet or a cidr. 24 bytes, which never grow.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_inet {
    /// The address in network order: 4 bytes for IPv4, 16 for IPv6; the rest is 0.
    pub address: [u8; 16],
    /// 4 or 6.
    pub version: u8,
    /// How many bits of the address are the network's.
    pub bits: u8,
    /// 1 for a cidr, 0 for an inet.
    pub is_cidr: u8,
    /// Kept for later releases; 0.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<wal_inet>() == 24);

/// Reads an interval as its three numbers, which are no one number: a month has no fixed days, and a day no fixed hours. Infinity
/// (17) has all three at their highest, -infinity at their lowest.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] months 0 on an error
/// @param[out] days 0 on an error
/// @param[out] micros microseconds; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_interval(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    months: *mut i32,
    days: *mut i32,
    micros: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; months = 0, days = 0, micros = 0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        let it = place.read("an interval", types::as_interval)?;
        // SAFETY: checked not to be NULL.
        unsafe {
            months.write(it.months);
            days.write(it.days);
            micros.write(it.micros);
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads a time with time zone, as it was written: 24:00:00 included, and never turned to UTC.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] micros microseconds since midnight, there; 0 on an error
/// @param[out] offset seconds east of Greenwich, as ISO counts them; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_timetz(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    micros: *mut i64,
    offset: *mut i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; micros = 0, offset = 0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        let it = place.read("a time with time zone", types::as_timetz)?;
        // SAFETY: checked not to be NULL.
        unsafe {
            micros.write(it.micros);
            offset.write(it.offset);
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads an amount of money in its smallest unit: 1234 for $12.34. How many decimals that unit has is the server's setting
/// lc_monetary, and neither form of the value says it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the units; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_money(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut i64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "money", types::as_money) }
    }))
}

/// Reads an inet or a cidr.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out address and mask; all 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_inet(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut wal_inet,
    err: *mut *mut wal_error,
) -> wal_status {
    const NOTHING: wal_inet =
        wal_inet { address: [0; 16], version: 0, bits: 0, is_cidr: 0, reserved: [0; 5] };
    boundary!(fallible(err; out = NOTHING; {
        let as_inet = |field| {
            let it = types::as_inet(field)?;
            let mut address = [0; 16];
            let version = match it.address {
                IpAddr::V4(four) => {
                    let [a, b, c, d] = four.octets();
                    address = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                    4
                }
                IpAddr::V6(six) => {
                    address.copy_from_slice(&six.octets());
                    6
                }
            };
            Ok(wal_inet { address, version, bits: it.bits, is_cidr: it.is_cidr.into(), reserved: [0; 5] })
        };
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "an inet", as_inet) }
    }))
}

/// Reads a bit or bit varying into a buffer: the first bit in the highest place of the first byte, the rest of the last byte 0.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] buffer where to; NULL with size 0 asks for the number of bits only
/// @param[in] size of the buffer in bytes
/// @param[out] bits how many there are, also when they do not fit; 0 on other errors
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, also where only the number was asked for; WAL_E_OUT_OF_RANGE: the buffer is too small; else as
/// wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_bits(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    buffer: *mut u8,
    size: usize,
    bits: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; bits = 0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        if size > 0 {
            not_null(buffer.cast_const(), "buffer")?;
        }
        // SAFETY: the contract: `buffer` holds `size` bytes, or is NULL.
        let room = if buffer.is_null() { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(buffer, size) } };
        let n = place.read("a bit string", |field| types::as_bits(field, room))?;
        // SAFETY: checked not to be NULL.
        unsafe { bits.write(n) };
        if n.div_ceil(8) > room.len() && !buffer.is_null() {
            return Err(Error::new(Status::WAL_E_OUT_OF_RANGE, format!("the buffer holds {size} bytes, the value has {n} bits")));
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads a tid.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] block 0 on an error
/// @param[out] offset in the block; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_tid(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    block: *mut u32,
    offset: *mut u16,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; block = 0, offset = 0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        let it = place.read("a tid", types::as_tid)?;
        // SAFETY: checked not to be NULL.
        unsafe {
            block.write(it.0);
            offset.write(it.1);
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads a point.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] x may be NaN or an infinity; 0 on an error
/// @param[out] y may be NaN or an infinity; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_point(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    x: *mut f64,
    y: *mut f64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; x = 0.0, y = 0.0; {
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        let it = place.read("a point", types::as_point)?;
        // SAFETY: checked not to be NULL.
        unsafe {
            x.write(it.0);
            y.write(it.1);
        }
        Ok(Status::WAL_OK)
    }))
}

/// Reads a pg_lsn.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the position; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_lsn(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "an LSN", |field| types::as_lsn(field).map(|lsn| lsn.0)) }
    }))
}

/// Reads a value as an unsigned 64-bit integer, as xid8 is. Reads every integer type, if the number fits; a domain as its base
/// type; of other types that are not built in, text that parses as it.
///
/// @param[in] value of an event
/// @param[in] relation the event's; NULL: the caller answers for the type, and what parses is taken
/// @param[in] column the value's place in the row
/// @param[out] out the number; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_value_as_int64
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_value_as_uint64(
    value: *const Value,
    relation: *const Relation,
    column: u32,
    out: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live value, its relation or NULL; `out` is checked.
        unsafe { read(value, relation, column, out, "an unsigned 64-bit integer", types::as_uint64) }
    }))
}
