//! Text, bytea, uuid.

use super::*;

#[test]
fn text_is_what_the_server_sent() {
    for type_oid in [oid::TEXT, oid::NUMERIC, oid::JSONB, oid::UUID, 9_999, 0, DOMAIN] {
        assert_eq!(as_text(text("NaN", type_oid)), Ok(&b"NaN"[..]));
        assert_eq!(as_text(text("", type_oid)), Ok(&b""[..]));
    }
}

#[test]
fn p21_binary_is_text_only_where_it_is() {
    for type_oid in [oid::TEXT, oid::VARCHAR, oid::BPCHAR, oid::NAME, oid::JSON, oid::XML, DOMAIN] {
        assert_eq!(as_text(binary("é".as_bytes(), type_oid)), Ok("é".as_bytes()));
    }
    assert_eq!(as_text(binary(b"\x01{}", oid::JSONB)), Ok(&b"{}"[..]));
    assert_eq!(as_text(binary(b"\x02{}", oid::JSONB)), Err(ReadError::Malformed));
    assert_eq!(as_text(binary(b"", oid::JSONPATH)), Err(ReadError::Malformed));
    assert_eq!(as_text(binary(&[b'a'; 16], oid::UUID)), Err(ReadError::OtherType));
    assert_eq!(as_text(binary(&[0, 0, 0, 1], oid::INT4)), Err(ReadError::OtherType));
    for other in [&[0, 0, 0, 1][..], &[0xff], b"a\0b"] {
        assert_eq!(as_text(binary(other, DOMAIN)), Err(ReadError::Unresolved));
    }
}

fn bytea(field: Field<'_>) -> Result<Vec<u8>, ReadError> {
    let mut out = vec![0xEE; as_bytea(field, &mut [])? + 1];
    let length = as_bytea(field, &mut out)?;
    assert_eq!(out.pop(), Some(0xEE));
    assert_eq!(length, out.len());
    Ok(out)
}

#[test]
fn bytea_in_hex_and_escape_and_binary() {
    let cases = [
        (r"\x", &b""[..]),
        (r"\x00ff7f", &[0, 255, 127]),
        (r"\xDEadBE", &[0xDE, 0xAD, 0xBE]),
        ("", b""),
        ("abc", b"abc"),
        (r"a\\b\000\377", &[b'a', b'\\', b'b', 0, 255]),
        (r"\\x41", br"\x41"),
    ];
    for (said, bytes) in cases {
        assert_eq!(bytea(text(said, oid::BYTEA)), Ok(bytes.to_vec()), "{said}");
        assert_eq!(bytea(binary(bytes, oid::BYTEA)), Ok(bytes.to_vec()));
        assert_eq!(bytea(text(said, DOMAIN)), Ok(bytes.to_vec()), "{said}");
    }
    for bad in [r"\x0", r"\xgg", r"\x 00", r"\", r"a\1", r"\400", r"\08", r"\08x", r"\q"] {
        assert_eq!(bytea(text(bad, oid::BYTEA)), Err(ReadError::Malformed), "{bad}");
    }
    assert_eq!(bytea(text("abc", oid::TEXT)), Err(ReadError::OtherType));
}

#[test]
fn bytea_writes_all_or_nothing() {
    for field in [text(r"\x010203", oid::BYTEA), text(r"a\\b", oid::BYTEA), binary(b"abc", oid::BYTEA)] {
        let mut small = [7; 2];
        assert_eq!(as_bytea(field, &mut small), Ok(3));
        assert_eq!(small, [7; 2]);
    }
    let mut out = [7; 3];
    assert_eq!(as_bytea(text(r"\x0102gg", oid::BYTEA), &mut out), Err(ReadError::Malformed));
    assert_eq!(out, [7; 3]);
}

#[test]
fn uuids() {
    let uuid =
        [0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11];
    assert_eq!(as_uuid(text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", oid::UUID)), Ok(uuid));
    assert_eq!(as_uuid(text("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", DOMAIN)), Ok(uuid));
    assert_eq!(as_uuid(binary(&uuid, oid::UUID)), Ok(uuid));
    for bad in [
        "",
        "a0eebc99-9c0b-4ef8-bb6d",
        "a0eebc99-9c0b-4ef8-bb6d-",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
        "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1}",
    ] {
        assert_eq!(as_uuid(text(bad, oid::UUID)), Err(ReadError::Malformed), "{bad}");
    }
    assert_eq!(as_uuid(binary(&uuid[1..], oid::UUID)), Err(ReadError::Malformed));
    assert_eq!(as_uuid(text("x", oid::TEXT)), Err(ReadError::OtherType));
}
