//! Tests of the accessors (S14): text and binary say the same, edges are kept (P19), and what does not fit is refused.

mod bytes;
mod claims;
mod datetime;
mod format;
mod nested;
mod number;
mod render;
mod scalar;
mod vectors;

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
    for type_oid in [10_000, 13_000, DOMAIN, u32::MAX] {
        assert_eq!(as_int32(text("5", type_oid)), Ok(5));
        assert_eq!(as_int32(binary(&[0, 0, 0, 5], type_oid)), Err(ReadError::Unresolved));
    }
    // The caller answers for the type.
    assert_eq!(as_int32(text("5", 0)), Ok(5));
    assert_eq!(as_int32(binary(&[0, 0, 0, 5], 0)), Ok(5));
    assert_eq!(as_int32(binary(&[0, 0, 5], 0)), Err(ReadError::Malformed));
    assert_eq!(oid::name(oid::TIMESTAMPTZ), Some("timestamp with time zone"));
    assert_eq!(oid::name(DOMAIN), None);
}

/// A field of a domain, as the stream describes it.
fn domain<'a>(form: Field<'a>, base: &str) -> Field<'a> {
    Field::of(form.kind, form.bytes, &oid::described(DOMAIN, b"pg_catalog", base.as_bytes()))
}

#[test]
fn s14_a_domain_is_read_as_its_base() {
    let four = 1_633_837_924_u32.to_be_bytes();
    let int = domain(binary(&four, 0), "int4");
    assert_eq!(as_int32(int), Ok(1_633_837_924));
    assert_eq!(as_text(int), Err(ReadError::OtherType));
    let big = domain(binary(&[0, 0, 0, 0, 0, 0, 0, 42], 0), "int8");
    assert_eq!((as_int64(big), as_float64(big)), (Ok(42), Ok(42.0)));
    let minus = domain(binary(&[0xFF; 4], 0), "int4");
    assert_eq!((as_int64(minus), as_float32(minus)), (Ok(-1), Ok(-1.0)));
    assert_eq!(as_uint32(minus), Err(ReadError::OutOfRange));
    let oids = domain(binary(&[0xFF; 4], 0), "oid");
    assert_eq!((as_int64(oids), as_uint32(oids)), (Ok(4_294_967_295), Ok(u32::MAX)));
    assert_eq!(as_text(domain(binary(b"\x01{}", 0), "jsonb")), Ok(&b"{}"[..]));
    assert_eq!(as_date(domain(binary(&four, 0), "int4")), Err(ReadError::OtherType));
    // Text of a domain is read by its base's rules, and where the base is of no use, what parses is taken as before.
    assert_eq!(as_float64(domain(text("0.1", 0), "float4")), Ok(f64::from(0.1_f32)));
    assert_eq!(as_float64(domain(text("1.5", 0), "numeric")), Ok(1.5));
    assert_eq!(as_text(domain(text("1.5", 0), "numeric")), Ok(&b"1.5"[..]));
    // A name that is not known in pg_catalog, and a built-in's name elsewhere, resolve to nothing.
    assert_eq!(as_int32(domain(binary(&four, 0), "int5")), Err(ReadError::Unresolved));
    let other = oid::described(DOMAIN, b"public", b"int4");
    assert_eq!(as_int32(Field::of(int.kind, int.bytes, &other)), Err(ReadError::Unresolved));
}

#[test]
fn s14_what_is_not_known_is_never_guessed_from_its_length() {
    let all: Vec<u8> = (0..32).map(|byte| byte ^ 0x80).collect();
    for length in 0..all.len() {
        let field = binary(&all[..length], DOMAIN);
        let read: Vec<usize> = statuses(field)
            .into_iter()
            .enumerate()
            .filter(|(_, error)| *error != Some(ReadError::Unresolved))
            .map(|(at, _)| at)
            .collect();
        // No bytes at all are an empty text.
        assert_eq!(read, if length == 0 { vec![7] } else { vec![] }, "{length} bytes");
    }
    assert_eq!(as_text(binary(b"able", DOMAIN)), Ok(&b"able"[..]));
    // An empty range of a user's type, and one without bounds (range_send).
    for flags in [1, 24] {
        assert_eq!(as_text(binary(&[flags], DOMAIN)), Err(ReadError::Unresolved));
    }
    assert_eq!(as_int32(binary(b"able", DOMAIN)), Err(ReadError::Unresolved));
}

#[test]
fn s14_version_bytes_and_the_empty_char_are_not_shown() {
    let named = |name: &str, bytes: &'static [u8]| {
        Field::of(
            ValueKind::WAL_VALUE_BINARY as u8,
            bytes,
            &oid::described(DOMAIN, b"public", name.as_bytes()),
        )
    };
    for name in ["ltree", "lquery", "ltxtquery"] {
        assert_eq!(as_text(named(name, b"\x01a.b")), Ok(&b"a.b"[..]));
        // An enum of that name.
        assert_eq!(as_text(named(name, b"label")), Ok(&b"label"[..]));
        assert_eq!(as_int32(named(name, b"\x01abc")), Err(ReadError::OtherType));
    }
    assert_eq!(as_text(named("citext", b"AbC")), Ok(&b"AbC"[..]));
    assert_eq!(as_text(binary(&[0], oid::CHAR)), Ok(&b""[..]));
    assert_eq!(as_text(binary(b"x", oid::CHAR)), Ok(&b"x"[..]));
    assert_eq!(as_text(binary(&[0x80], oid::CHAR)), Ok(&br"\200"[..]));
    assert_eq!(as_text(binary(&[0xFF], oid::CHAR)), Ok(&br"\377"[..]));
    assert_eq!(as_text(binary(b"", oid::CHAR)), Err(ReadError::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

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
