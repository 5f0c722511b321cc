//! Tests of the accessors: text and binary say the same, edges are kept (P19), and what does not fit is refused.

mod bytes;
mod datetime;
mod number;
mod render;

use proptest::prelude::*;

use super::*;
use crate::batch::ValueKind;
use crate::error::Status;

/// The first OID that a user's type can have (FirstNormalObjectId).
const DOMAIN: u32 = 16_384;

fn text(text: &str, type_oid: u32) -> Field<'_> {
    Field::new(ValueKind::WAL_VALUE_TEXT as u8, text.as_bytes(), type_oid)
}

fn binary(bytes: &[u8], type_oid: u32) -> Field<'_> {
    Field::new(ValueKind::WAL_VALUE_BINARY as u8, bytes, type_oid)
}

/// Every accessor, its answer thrown away.
fn statuses(field: Field<'_>) -> Vec<Option<ReadError>> {
    vec![
        as_bool(field).err(),
        as_int16(field).err(),
        as_int32(field).err(),
        as_int64(field).err(),
        as_uint32(field).err(),
        as_float32(field).err(),
        as_float64(field).err(),
        as_text(field).err(),
        as_bytea(field, &mut []).err(),
        as_uuid(field).err(),
        as_date(field).err(),
        as_time(field).err(),
        as_timetz(field).err(),
        as_timestamp(field).err(),
        as_timestamptz(field).err(),
    ]
}

#[test]
fn what_is_not_there_is_no_value() {
    for kind in [
        ValueKind::WAL_VALUE_NULL as u8,
        ValueKind::WAL_VALUE_UNCHANGED as u8,
        ValueKind::WAL_VALUE_ABSENT as u8,
        200,
    ] {
        for type_oid in [0, oid::INT4, oid::NUMERIC, DOMAIN] {
            let field = Field::new(kind, b"", type_oid);
            assert!(statuses(field).iter().all(|error| *error == Some(ReadError::NoValue)));
        }
    }
}

#[test]
fn another_built_in_type_is_refused_in_both_forms_even_where_the_text_would_parse() {
    for type_oid in [oid::NUMERIC, oid::MONEY, oid::INT4_ARRAY, oid::INTERVAL, oid::POINT, 9_999] {
        for (at, error) in statuses(text("1", type_oid)).into_iter().enumerate() {
            // Text can be had of everything.
            assert_eq!(error, (at != 7).then_some(ReadError::OtherType), "{at} of {type_oid}");
        }
        assert!(statuses(binary(b"1", type_oid)).iter().all(|error| *error == Some(ReadError::OtherType)));
    }
}

#[test]
fn errors_name_both_types_and_never_the_value() {
    let cases = [
        (text("secret", oid::TEXT), Status::WAL_E_TYPE, "text cannot be read as int64"),
        (text("x", 999), Status::WAL_E_TYPE, "the type with OID 999 cannot be read as int64"),
        (text("secret", oid::INT4), Status::WAL_E_TYPE, "the 6 bytes of integer are not int64"),
        (
            text("9223372036854775808", oid::XID8),
            Status::WAL_E_OUT_OF_RANGE,
            "the value of xid8 does not fit int64",
        ),
        (
            Field::new(ValueKind::WAL_VALUE_NULL as u8, b"", oid::INT4),
            Status::WAL_E_NO_VALUE,
            "there is nothing to read as int64: the value is NULL",
        ),
    ];
    for (field, status, sentence) in cases {
        let error = as_int64(field).unwrap_err().explain(field, "int64");
        assert_eq!((error.status(), error.message()), (status, sentence));
    }
}

#[test]
fn the_bounds_of_what_is_built_in() {
    assert_eq!(as_int32(text("5", 9_999)), Err(ReadError::OtherType));
    for type_oid in [0, 10_000, 13_000, DOMAIN, u32::MAX] {
        assert_eq!(as_int32(text("5", type_oid)), Ok(5));
        assert_eq!(as_int32(binary(&[0, 0, 0, 5], type_oid)), Ok(5));
        assert_eq!(as_int32(binary(&[0, 0, 5], type_oid)), Err(ReadError::Malformed));
    }
    assert_eq!(oid::name(oid::TIMESTAMPTZ), Some("timestamp with time zone"));
    assert_eq!(oid::name(DOMAIN), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_read_or_refused(
        bytes: Vec<u8>,
        kind in 0_u8..5,
        type_oid in prop_oneof![Just(0), Just(DOMAIN), 16_u32..30, 700_u32..702, 1080_u32..1300, Just(oid::UUID)],
    ) {
        statuses(Field::new(kind, &bytes, type_oid));
    }

    #[test]
    fn anything_that_looks_like_a_date_is_read_or_refused(value in "-?[0-9]{1,8}-[0-9]{2}-[0-9]{2}( [0-9:.]{0,16}([+-][0-9:]{0,8})?)?( BC)?") {
        statuses(text(&value, 0));
    }
}
