//! Booleans, integers, floating-point numbers.

use super::*;

#[test]
fn booleans() {
    assert_eq!(as_bool(text("t", oid::BOOL)), Ok(true));
    assert_eq!(as_bool(text("f", oid::BOOL)), Ok(false));
    assert_eq!(as_bool(binary(&[1], oid::BOOL)), Ok(true));
    assert_eq!(as_bool(binary(&[0], oid::BOOL)), Ok(false));
    for bad in ["", "true", "1", "T"] {
        assert_eq!(as_bool(text(bad, oid::BOOL)), Err(ReadError::Malformed));
    }
    for bad in [&[][..], &[2], &[0, 1]] {
        assert_eq!(as_bool(binary(bad, oid::BOOL)), Err(ReadError::Malformed));
    }
}

#[test]
fn integers_are_exact_and_checked() {
    let cases: &[(&str, u32, &[u8], i128)] = &[
        ("-32768", oid::INT2, &[0x80, 0], -32768),
        ("32767", oid::INT2, &[0x7f, 0xff], 32767),
        ("-2147483648", oid::INT4, &[0x80, 0, 0, 0], i32::MIN as i128),
        ("2147483647", oid::INT4, &[0x7f, 0xff, 0xff, 0xff], i32::MAX as i128),
        ("-9223372036854775808", oid::INT8, &[0x80, 0, 0, 0, 0, 0, 0, 0], i64::MIN as i128),
        ("9223372036854775807", oid::INT8, &[0x7f, 255, 255, 255, 255, 255, 255, 255], i64::MAX as i128),
        ("4294967295", oid::OID, &[255; 4], u32::MAX as i128),
        ("4294967295", oid::XID, &[255; 4], u32::MAX as i128),
        ("18446744073709551615", oid::XID8, &[255; 8], u64::MAX as i128),
        ("0", oid::CID, &[0; 4], 0),
        ("-1", oid::INT4, &[255; 4], -1),
    ];
    for (said, type_oid, bytes, number) in cases {
        for field in [text(said, *type_oid), binary(bytes, *type_oid)] {
            assert_eq!(as_int16(field), i16::try_from(*number).map_err(|_| ReadError::OutOfRange), "{said}");
            assert_eq!(as_int32(field), i32::try_from(*number).map_err(|_| ReadError::OutOfRange), "{said}");
            assert_eq!(as_int64(field), i64::try_from(*number).map_err(|_| ReadError::OutOfRange), "{said}");
            assert_eq!(as_uint32(field), u32::try_from(*number).map_err(|_| ReadError::OutOfRange), "{said}");
        }
    }
}

#[test]
fn integers_that_are_none() {
    for bad in ["", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "--1", "1-", "\u{661}"] {
        assert_eq!(as_int64(text(bad, oid::INT8)), Err(ReadError::Malformed), "{bad:?}");
    }
    for bad in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999999999999999999999999"]
    {
        assert_eq!(as_int64(text(bad, oid::INT8)), Err(ReadError::OutOfRange), "{bad:?}");
    }
    assert_eq!(as_int64(text("99999999999999999999x", oid::INT8)), Err(ReadError::Malformed));
    assert_eq!(as_int64(binary(&[0; 4], oid::INT8)), Err(ReadError::Malformed));
    assert_eq!(as_int64(binary(&[0; 8], oid::INT4)), Err(ReadError::Malformed));
    assert_eq!(as_int64(binary(&[], oid::INT2)), Err(ReadError::Malformed));
    assert_eq!(as_int64(text("1", oid::NUMERIC)), Err(ReadError::OtherType));
    assert_eq!(as_int64(text("1", oid::FLOAT8)), Err(ReadError::OtherType));
}

#[test]
fn integers_for_whose_type_the_caller_answers() {
    assert_eq!(as_int64(binary(&[255; 2], 0)), Ok(-1));
    assert_eq!(as_int64(binary(&[255; 4], 0)), Ok(-1));
    assert_eq!(as_int64(binary(&[255; 8], 0)), Ok(-1));
    assert_eq!(as_uint32(binary(&[255; 4], 0)), Ok(u32::MAX));
    assert_eq!(as_uint32(binary(&[255; 8], 0)), Err(ReadError::OutOfRange));
    assert_eq!(as_int64(binary(&[0; 3], 0)), Err(ReadError::Malformed));
}

#[test]
fn doubles() {
    let cases = [
        ("0", 0.0),
        ("-0", -0.0),
        ("0.1", 0.1),
        ("1e+300", 1e300),
        ("-1.7976931348623157e+308", f64::MIN),
        ("1.7976931348623157e+308", f64::MAX),
        ("5e-324", 5e-324),
        ("2.2250738585072014e-308", f64::MIN_POSITIVE),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("NaN", f64::NAN),
    ];
    for (said, number) in cases {
        let same = |read: f64| read.to_bits() == number.to_bits() || read.is_nan() && number.is_nan();
        for type_oid in [oid::FLOAT8, 0] {
            assert!(same(as_float64(text(said, type_oid)).unwrap()), "{said}");
            assert!(same(as_float64(text(said, DOMAIN)).unwrap()), "{said}");
            assert!(same(as_float64(binary(&number.to_be_bytes(), type_oid)).unwrap()), "{said}");
        }
    }
    for bad in ["", "inf", "infinity", "nan", "+1", ".5", "1,5", "0x1p3", "1e", " 1", "-"] {
        assert_eq!(as_float64(text(bad, oid::FLOAT8)), Err(ReadError::Malformed), "{bad:?}");
    }
    for bad in ["1e309", "-1e309", "1e-400"] {
        assert_eq!(as_float64(text(bad, oid::FLOAT8)), Err(ReadError::OutOfRange), "{bad:?}");
    }
    assert_eq!(as_float64(text("0e-400", oid::FLOAT8)), Ok(0.0));
    assert_eq!(as_float64(binary(&[0; 4], oid::FLOAT8)), Err(ReadError::Malformed));
}

#[test]
fn a_real_is_the_same_number_in_both_forms_and_both_widths() {
    for number in [0.1_f32, 1e-45, f32::MAX, f32::MIN_POSITIVE, -0.0, 16_777_216.0] {
        let said = format!("{number}");
        for field in [text(&said, oid::FLOAT4), binary(&number.to_be_bytes(), oid::FLOAT4)] {
            assert_eq!(as_float32(field).unwrap().to_bits(), number.to_bits(), "{number}");
            assert_eq!(as_float64(field).unwrap().to_bits(), f64::from(number).to_bits(), "{number}");
        }
    }
    assert!(as_float32(text("NaN", oid::FLOAT4)).unwrap().is_nan());
    assert_eq!(as_float64(text("-Infinity", oid::FLOAT4)), Ok(f64::NEG_INFINITY));
    assert_eq!(as_float32(text("1e39", oid::FLOAT4)), Err(ReadError::OutOfRange));
}

#[test]
fn floats_from_elsewhere_only_where_exact() {
    assert_eq!(as_float32(text("0.5", oid::FLOAT8)), Ok(0.5));
    assert_eq!(as_float32(text("0.1", oid::FLOAT8)), Err(ReadError::OutOfRange));
    assert_eq!(as_float32(text("1e39", oid::FLOAT8)), Err(ReadError::OutOfRange));
    assert_eq!(as_float32(text("Infinity", oid::FLOAT8)), Ok(f32::INFINITY));
    assert!(as_float32(text("NaN", oid::FLOAT8)).unwrap().is_nan());
    assert_eq!(as_float32(text("0.1", DOMAIN)), Ok(0.1));
    assert_eq!(as_float64(text("9007199254740992", oid::INT8)), Ok(9_007_199_254_740_992.0));
    assert_eq!(as_float64(text("9007199254740993", oid::INT8)), Err(ReadError::OutOfRange));
    assert_eq!(as_float64(text("-9223372036854775808", oid::INT8)), Ok(-9_223_372_036_854_775_808.0));
    assert_eq!(as_float64(text("9223372036854775807", oid::INT8)), Err(ReadError::OutOfRange));
    assert_eq!(as_float32(text("16777217", oid::INT4)), Err(ReadError::OutOfRange));
    assert_eq!(as_float32(binary(&[0, 7], oid::INT2)), Ok(7.0));
    assert_eq!(as_float64(text("1", oid::NUMERIC)), Err(ReadError::OtherType));
}

proptest! {
    #[test]
    fn p20_integers_and_floats_come_back(whole: i64, bits: u64) {
        prop_assert_eq!(as_int64(text(&whole.to_string(), oid::INT8)), Ok(whole));
        prop_assert_eq!(as_int64(binary(&whole.to_be_bytes(), oid::INT8)), Ok(whole));
        let float = f64::from_bits(bits);
        if float.is_finite() {
            let said = format!("{float:e}");
            prop_assert_eq!(as_float64(text(&said, oid::FLOAT8)).map(f64::to_bits), Ok(bits));
        }
    }
}
