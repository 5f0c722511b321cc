//! The vectors that a server made, which the tests of every language read.

use super::*;

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

/// Both forms read as the same, or neither.
fn is_read<T: std::fmt::Debug>(
    read: impl Fn(Field<'_>) -> Result<T, ReadError>,
    forms: [Field<'_>; 2],
) -> bool {
    let [first, second] = forms.map(|field| read(field).ok().map(|value| format!("{value:?}")));
    assert_eq!(first, second, "type {}", forms[0].type_oid);
    first.is_some()
}

fn float(text: &str) -> Option<u32> {
    text.parse().ok().map(f32::to_bits)
}

fn double(text: &str) -> Option<u64> {
    text.parse().ok().map(f64::to_bits)
}

#[test]
fn every_vector_of_the_server_is_read_from_both_forms() {
    let file = include_str!("../../../tests/vectors/values.tsv");
    let (mut vectors, mut read) = (0, 0);
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [name, oid, bytes, wanted] = parts[..] else { panic!("{line}") };
        let (type_oid, bytes, wanted) = (oid.parse().unwrap(), unhex(bytes), unhex(wanted));
        let kinds = [(ValueKind::WAL_VALUE_BINARY, &bytes), (ValueKind::WAL_VALUE_TEXT, &wanted)];
        let forms = kinds.map(|(kind, bytes)| Field::new(kind as u8, bytes, type_oid));
        for field in forms {
            let mut written = Vec::new();
            super::super::format(field, &mut written).unwrap();
            assert_eq!(written, wanted, "{name}");
        }
        let text = String::from_utf8(wanted.clone()).unwrap();
        match name {
            "int2" | "int4" | "int8" | "oid" => {
                assert_eq!(as_int64(forms[0]).ok(), text.parse().ok(), "{text}")
            }
            "float4" => assert_eq!(as_float32(forms[0]).ok().map(f32::to_bits), float(&text), "{text}"),
            "float8" => assert_eq!(as_float64(forms[0]).ok().map(f64::to_bits), double(&text), "{text}"),
            "bool" => assert_eq!(as_bool(forms[0]).ok(), Some(text == "t")),
            "numeric" => assert_eq!(as_numeric(forms[0]).unwrap().to_string(), text),
            _ => {}
        }
        let all = [
            is_read(as_bool, forms),
            is_read(as_int16, forms),
            is_read(as_int64, forms),
            is_read(as_uint32, forms),
            is_read(as_uint64, forms),
            is_read(as_float32, forms),
            is_read(as_float64, forms),
            is_read(as_date, forms),
            is_read(as_time, forms),
            is_read(as_timetz, forms),
            is_read(as_timestamp, forms),
            is_read(as_timestamptz, forms),
            is_read(as_interval, forms),
            is_read(as_inet, forms),
            is_read(as_tid, forms),
            is_read(as_point, forms),
            is_read(as_lsn, forms),
            is_read(|field| as_numeric(field).map(|number| number.to_string()), forms),
        ];
        vectors += 1;
        read += all.iter().filter(|is_read| **is_read).count();
    }
    // An accessor that refused both forms would make it less; new vectors make it more.
    assert_eq!((vectors, read), (584, 229));
}
