//! Values as numbers, bytes and times, from text and binary alike. It must never allocate, guess, or round: what
//! does not fit is an error, and infinity stays infinity (P19).
//!
//! Which types an accessor reads is listed with it. A type of PostgreSQL's own that is not in the list is refused, even where
//! its text would parse. A domain is read as its base type, which the stream names.
//!
//! Of enums, composites and types of extensions the stream tells the name only. Their text is taken where it parses as what
//! is asked for. Their binary form is refused: what it is cannot be seen from its length. OID 0 is the caller's word that the
//! type is the one that is asked for.
//!
//! A numeric is read as text, which loses nothing (P20); no other accessor takes it. Text is what the output
//! functions write under the settings that a session forces (P22): ISO dates, bytea in hex or escape form.

mod advice;
mod bytes;
mod calendar;
mod cursor;
mod datetime;
mod field;
mod format;
mod nested;
mod number;
mod numeric;
pub mod oid;
mod place;
mod render;
mod scalar;
#[cfg(test)]
mod tests;

pub use bytes::{as_bytea, as_text, as_uuid};
pub use calendar::{DAY, stamp, year_month_day};
pub use datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, TimeTz,
};
pub use datetime::{as_date, as_time, as_timestamp, as_timestamptz, as_timetz};
pub use field::{Field, ReadError};
pub use format::{Buffer, Sink, format, write_hex, write_numeric_to};
pub(crate) use nested::let_go;
pub use nested::{Claim, Dimension, Fault, Item, Items, Nested, Shape, flags, shape_of};
pub use number::{as_bool, as_float32, as_float64, as_int16, as_int32, as_int64, as_uint32, as_uint64};
pub use numeric::{Numeric, NumericSpecial, as_numeric};
pub use place::{is_resolved, label, place};
pub use render::{Style, is_time, write_time};
pub use scalar::{Inet, Interval, as_bits, as_inet, as_interval, as_lsn, as_money, as_point, as_tid};
