//! What to do about a value that cannot be read as was asked. It must never name a function of one language.

use super::field::{Field, ReadError};
use super::nested::shape_of;
use super::oid;
use crate::batch::ValueKind;

/// Of a value whose parts are asked for.
pub(super) const NAME_THE_SHAPE: &str =
    "Say what it is: name the shape, such as an array or a composite, and it is read as that.";

/// The hint of an error.
pub(super) fn of(error: ReadError, field: Field<'_>) -> Option<&'static str> {
    const NULL: u8 = ValueKind::WAL_VALUE_NULL as u8;
    const UNCHANGED: u8 = ValueKind::WAL_VALUE_UNCHANGED as u8;
    const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
    const ABSENT: u8 = ValueKind::WAL_VALUE_ABSENT as u8;
    match (error, field.kind) {
        (ReadError::NoValue, NULL) => {
            Some("Look at the value's kind first, or read it as one that may be NULL.")
        }
        (ReadError::NoValue, UNCHANGED) => Some(
            "The UPDATE left the large value alone: keep what you have, or set REPLICA IDENTITY FULL and read the old row.",
        ),
        (ReadError::NoValue, ABSENT) => Some("Set REPLICA IDENTITY FULL to get every column of old rows."),
        // Only what takes a text apart has to know what it is.
        (ReadError::Unresolved, TEXT) => Some(NAME_THE_SHAPE),
        (ReadError::Unresolved, _) => Some(
            "Read it as text or as bytes, or set option binary to off: then the server writes every type as text.",
        ),
        (ReadError::OtherType, _) => right_reading(field.type_oid),
        (ReadError::OutOfRange, _) => Some("Read it as a wider type, or format it as text."),
        _ => None,
    }
}

/// How values of a type are read.
fn right_reading(type_oid: u32) -> Option<&'static str> {
    let advice = match type_oid {
        oid::BOOL => "Read it as a boolean.",
        oid::INT2 | oid::INT4 | oid::INT8 => "Read it as an integer.",
        oid::OID | oid::XID | oid::CID => "Read it as an unsigned integer.",
        oid::XID8 => "Read it as an integer of 64 bits.",
        oid::FLOAT4 | oid::FLOAT8 => "Read it as a number of 64 bits.",
        oid::BYTEA => "Read it as bytea.",
        oid::UUID => "Read it as a uuid.",
        oid::NUMERIC => "Read it as a numeric, or format it as text.",
        oid::INTERVAL => "Read it as an interval.",
        oid::TIMETZ => "Read it as a time with time zone.",
        oid::MONEY => "Read it as money, in its smallest unit.",
        oid::INET | oid::CIDR => "Read it as an inet.",
        oid::BIT | oid::VARBIT => "Read it as a bit string.",
        oid::TID => "Read it as a tid.",
        oid::POINT => "Read it as a point.",
        oid::PG_LSN => "Read it as an LSN.",
        oid::DATE => "Read it as a date.",
        oid::TIME => "Read it as a time.",
        oid::TIMESTAMP => "Read it as a timestamp.",
        oid::TIMESTAMPTZ => "Read it as a timestamp with time zone.",
        _ if shape_of(Field::new(0, &[], type_oid)).is_some() => "Read its items, or format it as text.",
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR => "Read it as text.",
        oid::JSON | oid::JSONB | oid::XML => "Read it as text.",
        _ if oid::is_built_in(type_oid) => {
            "Format it as text, or set option binary to off: then the server writes every type as text."
        }
        _ => return None,
    };
    Some(advice)
}
