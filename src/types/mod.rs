//! Values as numbers, bytes and times, from text and binary alike. It must never allocate, guess, or round: what
//! does not fit is an error, and infinity stays infinity (P19).
//!
//! Which types an accessor reads is listed with it. A type of PostgreSQL's own (OID below 10000, FirstGenbkiObjectId)
//! that is not in the list is refused, even where its text would parse. What a user's type is made of the stream does
//! not say (pgoutput sends a domain's own OID), so there the accessor that was called decides: text must parse as
//! what is asked for, binary must have its length. The same goes for OID 0, "I do not know".
//!
//! A numeric is read as text, which loses nothing (P20); no other accessor takes it. Text is what the output
//! functions write under the settings that a session forces (P22): ISO dates, bytea in hex or escape form.

mod bytes;
mod calendar;
mod datetime;
mod field;
mod number;
pub mod oid;
mod render;
#[cfg(test)]
mod tests;

pub use bytes::{as_bytea, as_text, as_uuid};
pub use calendar::stamp;
pub use datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, TimeTz,
};
pub use datetime::{as_date, as_time, as_timestamp, as_timestamptz, as_timetz};
pub use field::{Field, ReadError};
pub use number::{as_bool, as_float32, as_float64, as_int16, as_int32, as_int64, as_uint32};
pub use render::{Style, is_time, write_numeric, write_time};
