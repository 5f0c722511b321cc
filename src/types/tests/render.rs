//! What is rendered is what the server writes, and reads back as the same.

use super::*;

fn numeric(count: u16, weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
    [count, weight as u16, sign, scale].iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
}

fn shown(bytes: &[u8]) -> Read<String> {
    let mut out = String::new();
    write_numeric_to(binary(bytes, oid::NUMERIC), &mut out).map(|()| out)
}

type Read<T> = Result<T, ReadError>;

#[test]
fn p20_a_numeric_keeps_every_digit() {
    for (bytes, text) in [
        (numeric(0, 0, 0, 0, &[]), "0"),
        (numeric(0, 0, 0, 5, &[]), "0.00000"),
        (numeric(3, 1, 0, 5, &[1, 2345, 6780]), "12345.67800"),
        (numeric(1, 2, 0x4000, 0, &[7]), "-700000000"),
        (numeric(1, -1, 0, 4, &[1]), "0.0001"),
        (numeric(1, -3, 0, 12, &[1234]), "0.000000001234"),
        (numeric(2, 0, 0, 1, &[12, 5000]), "12.5"),
        (numeric(0, 0, 0xC000, 0, &[]), "NaN"),
        (numeric(0, 0, 0xD000, 0, &[]), "Infinity"),
        (numeric(0, 0, 0xF000, 0, &[]), "-Infinity"),
    ] {
        assert_eq!(shown(&bytes).unwrap(), text);
        let mut out = String::new();
        write_numeric_to(super::text(text, oid::NUMERIC), &mut out).unwrap();
        assert_eq!(out, text);
    }
    for bad in [
        numeric(1, 0, 0, 0, &[]),
        numeric(0, 0, 0, 0, &[1]),
        numeric(1, 0, 0, 0, &[10_000]),
        numeric(0, 0, 0x1234, 0, &[]),
        vec![0; 7],
        vec![0; 9],
        vec![],
    ] {
        assert_eq!(shown(&bad), Err(ReadError::Malformed), "{bad:?}");
    }
}

fn time(field: Field<'_>, style: Style) -> Read<String> {
    let mut out = String::new();
    write_time(field, style, &mut out).map(|()| out)
}

#[test]
fn p19_what_rfc_3339_cannot_say_is_out_of_range() {
    use Style::{Postgres, Rfc3339};
    for (type_oid, ours, rfc) in [
        (oid::DATE, "2026-02-28", Ok("2026-02-28")),
        (oid::DATE, "0044-03-15 BC", Err(ReadError::OutOfRange)),
        (oid::DATE, "10000-01-01", Err(ReadError::OutOfRange)),
        (oid::DATE, "-infinity", Err(ReadError::OutOfRange)),
        (oid::TIMESTAMP, "2026-02-28 12:34:56.5", Ok("2026-02-28T12:34:56.5")),
        (oid::TIMESTAMP, "infinity", Err(ReadError::OutOfRange)),
        (oid::TIMESTAMPTZ, "1969-12-31 23:59:59.000001+00", Ok("1969-12-31T23:59:59.000001Z")),
        (oid::TIMESTAMPTZ, "0001-01-01 00:00:00+00", Ok("0001-01-01T00:00:00Z")),
        (oid::TIMESTAMPTZ, "4714-11-24 00:00:00+00 BC", Err(ReadError::OutOfRange)),
        (oid::TIME, "24:00:00", Ok("24:00:00")),
        (oid::TIMETZ, "12:34:56.789-05:30", Ok("12:34:56.789-05:30")),
        (oid::TIMETZ, "00:00:00+15:59:59", Ok("00:00:00+15:59:59")),
    ] {
        assert_eq!(time(text(ours, type_oid), Postgres).as_deref(), Ok(ours));
        assert_eq!(time(text(ours, type_oid), Rfc3339).as_deref().map_err(|error| *error), rfc, "{ours}");
    }
    assert_eq!(time(text("1", oid::INT4), Rfc3339), Err(ReadError::OtherType));
}

/// A commit's time is what the server says: any 8 bytes. The year 294276 is PostgreSQL's last.
#[test]
fn s47_any_8_bytes_are_a_time_that_can_be_shown() {
    for (micros, shown) in [
        (i64::MIN, Some("-infinity")),
        (i64::MAX, Some("infinity")),
        (9_223_371_331_199_999_999, Some("294276-12-31T23:59:59.999999+00:00")),
        (-211_813_488_000_000_000, Some("4714-11-24T00:00:00+00:00 BC")),
        (i64::MAX - 1, None),
        (i64::MIN + 1, None),
    ] {
        let text = time(binary(&micros.to_be_bytes(), oid::TIMESTAMPTZ), Style::Json);
        assert!(text.as_ref().is_ok_and(|text| !text.is_empty()), "{micros}: {text:?}");
        if let Some(shown) = shown {
            assert_eq!(text.as_deref(), Ok(shown));
        }
    }
}

proptest! {
    #[test]
    fn every_timestamp_reads_back(micros in -211_813_488_000_000_000..9_223_371_331_200_000_000_i64) {
        let bytes = micros.to_be_bytes();
        for type_oid in [oid::TIMESTAMP, oid::TIMESTAMPTZ] {
            let shown = time(binary(&bytes, type_oid), Style::Postgres).unwrap();
            let field = text(&shown, type_oid);
            let back = if type_oid == oid::TIMESTAMP { as_timestamp(field) } else { as_timestamptz(field) };
            prop_assert_eq!(back, Ok(micros));
        }
    }

    #[test]
    fn every_date_reads_back(days in -2_451_545..2_145_031_949_i32) {
        let shown = time(binary(&days.to_be_bytes(), oid::DATE), Style::Postgres).unwrap();
        prop_assert_eq!(as_date(text(&shown, oid::DATE)), Ok(days));
    }

    #[test]
    fn any_bytes_are_a_numeric_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = shown(&bytes);
    }
}
