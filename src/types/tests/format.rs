//! Text from binary: what is malformed is refused, whatever it is. That it is the server's text, the scenarios show.

use super::*;

fn formatted(bytes: &[u8], type_oid: u32) -> Result<String, ReadError> {
    let mut text = Vec::new();
    format(binary(bytes, type_oid), &mut text)?;
    // A buffer is told the same length, and never written behind its end.
    for room in [0, 1, text.len().saturating_sub(1), text.len(), text.len() + 3] {
        let mut buffer = vec![0xEE; room + 1];
        let (part, guard) = buffer.split_at_mut(room);
        let mut out = Buffer::new(part);
        format(binary(bytes, type_oid), &mut out)?;
        assert_eq!((out.length(), &*guard), (text.len(), &[0xEE][..]));
        if room >= text.len() {
            assert_eq!(buffer[..text.len()], text);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn what_is_cut_or_too_long_is_refused() {
    let two = [
        &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1][..],
        &[0, 0, 0, 4, 0, 0, 0, 7],
        &[0xFF; 4],
    ];
    let array = two.concat();
    assert_eq!(formatted(&array, oid::INT4_ARRAY).unwrap(), "{7,NULL}");
    let query = b"\0\0\0\x03\x02\x02\x01\0\0b\0\x01\x08\x01a\0";
    assert_eq!(formatted(query, oid::TSQUERY).unwrap(), "'a':*A & 'b'");
    let range = [0x02, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 5];
    assert_eq!(formatted(&range, oid::INT4RANGE).unwrap(), "[1,5)");
    let inet = [2, 24, 0, 4, 10, 0, 0, 1];
    assert_eq!(formatted(&inet, oid::INET).unwrap(), "10.0.0.1/24");
    for (whole, of) in
        [(&array[..], oid::INT4_ARRAY), (query, oid::TSQUERY), (&range, oid::INT4RANGE), (&inet, oid::INET)]
    {
        for length in 0..whole.len() {
            assert!(formatted(&whole[..length], of).is_err(), "{length} bytes of {of}");
        }
        assert_eq!(formatted(&[whole, &[0]].concat(), of), Err(ReadError::Malformed));
    }
}

#[test]
fn counts_and_depths_that_lie_are_refused_at_once() {
    let huge = [
        0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 23, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF, 0,
        0, 0, 1,
    ];
    assert_eq!(formatted(&huge, oid::INT4_ARRAY), Err(ReadError::Malformed));
    for of in [
        oid::PATH,
        oid::POLYGON,
        oid::TSVECTOR,
        oid::TSQUERY,
        oid::PG_SNAPSHOT,
        oid::VARBIT,
        oid::INT4MULTIRANGE,
    ] {
        assert!(formatted(&[0x7F; 24], of).is_err(), "{of}");
    }
    let mut deep = vec![0, 0, 0x27, 0x11];
    deep.extend([2, 1].repeat(10_000));
    deep.extend(*b"\x01\0\0a\0");
    assert_eq!(formatted(&deep, oid::TSQUERY), Err(ReadError::OutOfRange));
    // An array that says that its elements are arrays.
    let mut nested = vec![0, 0, 0, 4, 0, 0, 0, 1];
    for _ in 0..40 {
        let length = nested.len() as u32 + 20;
        let head =
            [&length.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0xEF, 0, 0, 0, 1, 0, 0, 0, 1]]
                .concat();
        nested = [head, nested].concat();
    }
    assert_eq!(formatted(&nested[4..], oid::INT4_ARRAY), Err(ReadError::OutOfRange));
}

#[test]
fn what_the_caller_does_not_know_is_not_written() {
    assert_eq!(formatted(&[0, 0, 0, 1], 0), Err(ReadError::Unresolved));
    assert_eq!(formatted(&[0, 0, 0, 1], DOMAIN), Err(ReadError::Unresolved));
    assert_eq!(formatted(b"label", DOMAIN).unwrap(), "label");
    assert_eq!(formatted(&[0; 8], oid::MONEY), Err(ReadError::OtherType));
    assert_eq!(formatted(&[0; 8], oid::PG_NDISTINCT), Err(ReadError::OtherType));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 2048 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_of_any_type_are_written_or_refused(bytes in prop::collection::vec(0_u8..8, 0..64), noise: Vec<u8>, type_oid in 16_u32..7000) {
        let _ = formatted(&bytes, type_oid);
        let _ = formatted(&noise, type_oid);
        for of in [oid::NUMERIC, oid::TSQUERY, oid::TSVECTOR, oid::INT4_ARRAY, oid::NUMMULTIRANGE_ARRAY, oid::INET, oid::PATH] {
            let _ = formatted(&bytes, of);
            let _ = formatted(&noise, of);
        }
    }

    #[test]
    fn any_float_reads_back_the_same(bits: u64) {
        let double = f64::from_bits(bits);
        let text = formatted(&bits.to_be_bytes(), oid::FLOAT8).unwrap();
        prop_assert!(double.is_nan() || text.parse::<f64>().unwrap().to_bits() == bits, "{text}");
        let single = f32::from_bits(bits as u32);
        let text = formatted(&(bits as u32).to_be_bytes(), oid::FLOAT4).unwrap();
        prop_assert!(single.is_nan() || text.parse::<f32>().unwrap().to_bits() == bits as u32, "{text}");
    }
}
