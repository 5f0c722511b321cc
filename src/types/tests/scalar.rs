//! Typed scalars: both forms give the same, and the edges are kept.

use super::*;

#[test]
fn intervals_keep_their_three_numbers() {
    let cases = [
        ("00:00:00", (0, 0, 0)),
        ("1 year 2 mons -3 days +04:05:06.7", (14, -3, 14_706_700_000)),
        ("-1 years", (-12, 0, 0)),
        ("-1 mons +1 day", (-1, 1, 0)),
        ("-00:00:00.000001", (0, 0, -1)),
        ("2562047788:00:54.775807", (0, 0, i64::MAX)),
        ("-2562047788:00:54.775808", (0, 0, i64::MIN)),
        ("infinity", (i32::MAX, i32::MAX, i64::MAX)),
        ("-infinity", (i32::MIN, i32::MIN, i64::MIN)),
    ];
    for (said, (months, days, micros)) in cases {
        let interval = Interval { months, days, micros };
        assert_eq!(as_interval(text(said, oid::INTERVAL)), Ok(interval), "{said}");
        let sent = [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat();
        assert_eq!(as_interval(binary(&sent, oid::INTERVAL)), Ok(interval));
        assert_eq!(as_interval(binary(&sent[1..], oid::INTERVAL)), Err(ReadError::Malformed));
        assert_eq!(as_interval(binary(&sent, DOMAIN)), Err(ReadError::Unresolved));
    }
    for bad in [
        "",
        "1",
        "1 year 2",
        "x days",
        "1 week",
        "00:00:00 1 day",
        "00:60:00",
        "00:00",
        "--1:00:00",
        "1 day ",
        "00:00:00.1234567890123456",
    ] {
        assert_eq!(as_interval(text(bad, oid::INTERVAL)), Err(ReadError::Malformed), "{bad:?}");
    }
    assert_eq!(as_interval(text("99999999999 days", oid::INTERVAL)), Err(ReadError::OutOfRange));
    assert_eq!(as_interval(text("2562047788:00:54.775808", oid::INTERVAL)), Err(ReadError::OutOfRange));
}

#[test]
fn money_is_in_its_smallest_unit_whatever_its_text() {
    for (said, units) in [
        ("-$12.34", -1234),
        ("($12.34)", -1234),
        ("$0.00", 0),
        ("1.234,56 €", 123_456),
        ("¥1,234", 1234),
        ("$92,233,720,368,547,758.07", i64::MAX),
        ("-$92,233,720,368,547,758.08", i64::MIN),
    ] {
        assert_eq!(as_money(text(said, oid::MONEY)), Ok(units), "{said}");
        assert_eq!(as_money(binary(&units.to_be_bytes(), oid::MONEY)), Ok(units));
    }
    assert_eq!(as_money(text("$", oid::MONEY)), Err(ReadError::Malformed));
    assert_eq!(as_money(text("$92,233,720,368,547,758.08", oid::MONEY)), Err(ReadError::OutOfRange));
    assert_eq!(as_int64(text("1", oid::MONEY)), Err(ReadError::OtherType));
}

#[test]
fn networks() {
    let six = [3, 64, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let cases: [(&str, &[u8], u32); 4] = [
        ("10.0.0.1/24", &[2, 24, 0, 4, 10, 0, 0, 1], oid::INET),
        ("10.0.0.1", &[2, 32, 0, 4, 10, 0, 0, 1], oid::INET),
        ("10.0.0.0/8", &[2, 8, 1, 4, 10, 0, 0, 0], oid::CIDR),
        ("2001:db8::1/64", &six, oid::INET),
    ];
    for (said, sent, of) in cases {
        let inet = as_inet(text(said, of)).unwrap();
        assert_eq!(as_inet(binary(sent, of)), Ok(inet), "{said}");
        assert_eq!(inet.is_cidr, of == oid::CIDR);
    }
    for bad in ["", "10.0.0.1/33", "10.0.0/24", "::1/129", "::1/-1", "::1/x"] {
        assert_eq!(as_inet(text(bad, oid::INET)), Err(ReadError::Malformed), "{bad}");
    }
    for bad in [
        &[2, 33, 0, 4, 1, 2, 3, 4][..],
        &[3, 1, 0, 4, 1, 2, 3, 4],
        &[4, 1, 0, 4, 1, 2, 3, 4],
        &[2, 8, 0, 4, 1, 2, 3],
    ] {
        assert_eq!(as_inet(binary(bad, oid::INET)), Err(ReadError::Malformed), "{bad:?}");
    }
}

#[test]
fn bits_are_written_whole_or_not_at_all() {
    let sent = [0, 0, 0, 10, 0b1010_1111, 0b0100_0000];
    for field in [text("1010111101", oid::VARBIT), binary(&sent, oid::BIT)] {
        let mut out = [0xEE; 3];
        assert_eq!(as_bits(field, &mut out), Ok(10));
        assert_eq!(out, [0b1010_1111, 0b0100_0000, 0xEE]);
        let mut small = [0xEE; 1];
        assert_eq!((as_bits(field, &mut small), small), (Ok(10), [0xEE]));
    }
    assert_eq!(as_bits(text("", oid::VARBIT), &mut []), Ok(0));
    assert_eq!(as_bits(text("102", oid::VARBIT), &mut []), Err(ReadError::Malformed));
    assert_eq!(as_bits(binary(&[0, 0, 0, 9, 1], oid::VARBIT), &mut []), Err(ReadError::Malformed));
    assert_eq!(as_bits(binary(&[0xFF, 0xFF, 0xFF, 0xFF], oid::VARBIT), &mut []), Err(ReadError::Malformed));
}

#[test]
fn tids_points_positions_and_long_numbers() {
    assert_eq!(as_tid(text("(4294967295,7)", oid::TID)), Ok((u32::MAX, 7)));
    assert_eq!(as_tid(binary(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 7], oid::TID)), Ok((u32::MAX, 7)));
    assert_eq!(as_tid(text("(1,65536)", oid::TID)), Err(ReadError::OutOfRange));
    assert_eq!(as_tid(text("1,2", oid::TID)), Err(ReadError::Malformed));
    let sent = [(-1.5_f64).to_be_bytes(), f64::INFINITY.to_be_bytes()].concat();
    for field in [text("(-1.5,Infinity)", oid::POINT), binary(&sent, oid::POINT)] {
        assert_eq!(as_point(field), Ok((-1.5, f64::INFINITY)));
    }
    assert_eq!(as_point(text("(1)", oid::POINT)), Err(ReadError::Malformed));
    for field in [text("16/B374D848", oid::PG_LSN), binary(&0x16_B374_D848_u64.to_be_bytes(), oid::PG_LSN)] {
        assert_eq!(as_lsn(field).unwrap().0, 0x16_B374_D848);
    }
    assert_eq!(as_lsn(text("16", oid::PG_LSN)).map(|lsn| lsn.0), Err(ReadError::Malformed));
    for field in [text("18446744073709551615", oid::XID8), binary(&[0xFF; 8], oid::XID8)] {
        assert_eq!(as_uint64(field), Ok(u64::MAX));
    }
    assert_eq!(as_uint64(text("-1", oid::INT8)), Err(ReadError::OutOfRange));
}

/// Sign, weight, scale and digits as numeric_send writes them.
fn numeric(sign: u16, weight: i16, scale: u16, digits: &[u16]) -> Vec<u8> {
    let head = [digits.len() as u16, weight as u16, sign, scale];
    head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn numerics_become_integers_exactly_or_not_at_all() {
    let cases: [(&str, Vec<u8>); 8] = [
        ("0.00", numeric(0, 0, 2, &[])),
        ("12345.6789", numeric(0, 1, 4, &[1, 2345, 6789])),
        ("-0.0001", numeric(0x4000, -1, 4, &[1])),
        ("-0.00012", numeric(0x4000, -1, 5, &[1, 2000])),
        ("100000000", numeric(0, 2, 0, &[1])),
        ("0.5", numeric(0, -1, 1, &[5000])),
        (
            "170141183460469231731687303715884105727",
            numeric(0, 9, 0, &[170, 1411, 8346, 469, 2317, 3168, 7303, 7158, 8410, 5727]),
        ),
        (
            "-170141183460469231731687303715884105728",
            numeric(0x4000, 9, 0, &[170, 1411, 8346, 469, 2317, 3168, 7303, 7158, 8410, 5728]),
        ),
    ];
    for (said, sent) in &cases {
        let (a, b) =
            (as_numeric(text(said, oid::NUMERIC)).unwrap(), as_numeric(binary(sent, oid::NUMERIC)).unwrap());
        assert_eq!((a.to_string(), b.to_string()), ((*said).to_owned(), (*said).to_owned()));
        for scale in -12..45 {
            assert_eq!(a.i128_at(scale), b.i128_at(scale), "{said} at {scale}");
        }
        assert_eq!(
            (a.nearest_f64(), b.nearest_f64()),
            (Ok(said.parse().unwrap()), Ok(said.parse().unwrap()))
        );
        assert!(a.is_finite() && b.is_finite());
    }
    let of = |said, scale| as_numeric(text(said, oid::NUMERIC)).unwrap().i128_at(scale);
    assert_eq!((of("12345.6789", 4), of("12345.6789", 6)), (Ok(123_456_789), Ok(12_345_678_900)));
    assert_eq!(
        (of("12345.6789", 3), of("12000", -3), of("12500", -3)),
        (Err(ReadError::OutOfRange), Ok(12), Err(ReadError::OutOfRange))
    );
    assert_eq!((of(cases[6].0, 0), of(cases[7].0, 0)), (Ok(i128::MAX), Ok(i128::MIN)));
    assert_eq!(of("170141183460469231731687303715884105728", 0), Err(ReadError::OutOfRange));
    for (said, sign, scale) in [("NaN", 0xC000, 0), ("Infinity", 0xD000, 0x20), ("-Infinity", 0xF000, 0x20)] {
        let sent = numeric(sign, 0, scale, &[]);
        for field in [text(said, oid::NUMERIC), binary(&sent, oid::NUMERIC)] {
            let it = as_numeric(field).unwrap();
            assert_eq!((it.to_string().as_str(), it.i128_at(0)), (said, Err(ReadError::OutOfRange)));
            assert!(!it.is_finite() && !it.nearest_f64().unwrap().is_finite());
        }
    }
    assert_eq!(
        as_numeric(text(&format!("1{}", "0".repeat(400)), oid::NUMERIC)).unwrap().nearest_f64(),
        Err(ReadError::OutOfRange)
    );
    for bad in ["", "-", "1.", ".5", "1e5", "1.2.3", "nan", "+1"] {
        assert!(as_numeric(text(bad, oid::NUMERIC)).is_err(), "{bad}");
    }
    for bad in [
        numeric(1, 0, 0, &[]),
        numeric(0, 0, 0, &[10_000]),
        numeric(0, 0, 0, &[1])[1..].to_vec(),
        b"\0\x02\0\0\0\0\0\0\0\x01".to_vec(),
    ] {
        assert!(as_numeric(binary(&bad, oid::NUMERIC)).is_err(), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_a_scalar_or_refused(bytes: Vec<u8>, said in "[-+0-9.:,()a-z/ ]{0,24}", scale in -100_i32..100) {
        for field in [binary(&bytes, 0), text(&said, 0)] {
            let _ = (as_interval(field), as_money(field), as_inet(field), as_bits(field, &mut [0; 4]), as_tid(field), as_point(field));
            let _ = (as_lsn(field), as_uint64(field));
            if let Ok(numeric) = as_numeric(field) {
                let _ = (numeric.i128_at(scale), numeric.nearest_f64(), numeric.to_string());
            }
        }
    }
}
