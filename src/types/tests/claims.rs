//! Values with parts of which the type does not tell all: what nobody tells is not guessed, what the caller says must agree with
//! what is known.

use super::nested::{error, matrix, named, sized, some, texts_of, words};
use super::*;

#[test]
fn binary_items_of_a_type_that_nobody_tells_are_not_read_as_what_is_asked_for() {
    let bound = sized(&1.5_f64.to_be_bytes());
    let bytes = [&[6][..], &bound, &bound].concat();
    let mut reader = Nested::new();
    let items = reader.read(binary(&bytes, DOMAIN), Some(Shape::Range)).unwrap();
    let item = items.get(0).unwrap();
    assert_eq!((item.column().type_oid, is_resolved(&item.column().data_type)), (0, false));
    let field = item.field();
    assert_eq!(as_int64(field), Err(ReadError::Unresolved));
    assert_eq!(as_float64(field), Err(ReadError::Unresolved));
    assert_eq!(as_timestamp(field), Err(ReadError::Unresolved));
    assert_eq!(as_money(field), Err(ReadError::Unresolved));
    assert_eq!(format(field, &mut Vec::new()), Err(ReadError::Unresolved));
    let told =
        "what a type that is not told is made of is not known, so that its 8 bytes are not read as a number";
    assert_eq!(ReadError::Unresolved.explain(field, "a number").message(), told);
    // Text is text, in both forms; and a text is what it parses as.
    let texts = [&[6][..], &sized(b"a"), &sized(b"b")].concat();
    let items = reader.read(binary(&texts, DOMAIN), Some(Shape::Range)).unwrap();
    assert_eq!(as_text(items.get(1).unwrap().field()), Ok(&b"b"[..]));
    let items = reader.read(text("[1.5,2]", DOMAIN), Some(Shape::Range)).unwrap();
    assert_eq!(as_float64(items.get(0).unwrap().field()), Ok(1.5));
    // The caller's word is another thing.
    let claim = Claim { shape: Shape::Range, item: oid::FLOAT8, delimiter: 0 };
    let items = reader.read_claimed(binary(&bytes, DOMAIN), claim).unwrap();
    assert_eq!(as_float64(items.get(0).unwrap().field()), Ok(1.5));
    assert_eq!(as_int64(items.get(0).unwrap().field()), Err(ReadError::OtherType));
}

/// How many items, and their types.
fn claimed(field: Field<'_>, claim: Claim) -> Result<(usize, Vec<u32>), ReadError> {
    let mut reader = Nested::new();
    let items = reader.read_claimed(field, claim).map_err(|fault| fault.error)?;
    let types = items.relation().unwrap().columns.iter().map(|column| column.type_oid).collect();
    Ok((items.len(), types))
}

const ARRAY: Claim = Claim { shape: Shape::Array, item: 0, delimiter: 0 };

#[test]
fn an_array_of_a_domain_over_box_is_never_split_at_commas() {
    let boxes = "{(1,1),(0,0);(2,2),(0,0)}";
    assert_eq!(claimed(text(boxes, DOMAIN), ARRAY), Err(ReadError::Unresolved));
    assert_eq!(claimed(text("{(1,1),(0,0)}", DOMAIN), ARRAY), Err(ReadError::Unresolved));
    assert_eq!(claimed(text(boxes, DOMAIN), Claim { delimiter: b';', ..ARRAY }), Ok((2, vec![0])));
    assert_eq!(claimed(text(boxes, DOMAIN), Claim { item: oid::BOX, ..ARRAY }), Ok((2, vec![oid::BOX])));
    // What looks like one, and is not.
    assert_eq!(claimed(text("{(a,b)}", DOMAIN), Claim { delimiter: b',', ..ARRAY }), Ok((2, vec![0])));
    assert_eq!(claimed(text("{(,b}", DOMAIN), ARRAY), Ok((2, vec![0])));
}

#[test]
fn a_claim_must_agree_with_what_is_known() {
    let wrong = [
        (oid::INT4_ARRAY, Claim { delimiter: b';', ..ARRAY }),
        (oid::BOX_ARRAY, Claim { delimiter: b',', ..ARRAY }),
        (oid::INT4_ARRAY, Claim { item: oid::INT8, ..ARRAY }),
        (DOMAIN, Claim { item: oid::BOX, delimiter: b',', ..ARRAY }),
        (DOMAIN, Claim { shape: Shape::Composite, item: oid::INT4, delimiter: 0 }),
        (DOMAIN, Claim { shape: Shape::Range, item: 0, delimiter: b',' }),
    ];
    for (of, claim) in wrong {
        assert_eq!(claimed(text("{1}", of), claim), Err(ReadError::OtherType), "{of} {claim:?}");
    }
    assert_eq!(claimed(text("{1}", oid::INT4_ARRAY), Claim { delimiter: b',', ..ARRAY }), Ok((1, vec![23])));
    // Elements of a domain are what the caller says; those of a type that is known are what they are.
    let bytes = [words(&[1, 0, DOMAIN as i32, 1, 1]), sized(&words(&[7]))].concat();
    assert_eq!(claimed(binary(&bytes, DOMAIN + 1), Claim { item: oid::INT4, ..ARRAY }), Ok((1, vec![23])));
    let other = claimed(binary(&matrix(), DOMAIN), Claim { item: oid::INT8, ..ARRAY });
    assert_eq!(other, Err(ReadError::Malformed));
    assert_eq!(claimed(binary(&matrix(), DOMAIN), Claim { item: oid::INT4, ..ARRAY }), Ok((4, vec![23])));
    // The claim of a moment ago counts for that value only.
    let mut reader = Nested::new();
    let semicolon = Claim { delimiter: b';', ..ARRAY };
    assert_eq!(reader.read_claimed(text("{a;b}", DOMAIN), semicolon).unwrap().len(), 2);
    assert_eq!(reader.read_claimed(text("{a;b}", DOMAIN), ARRAY).unwrap().len(), 1);
    // A type of a PostgreSQL that is newer than this library.
    assert_eq!(error(binary(&matrix(), 8_000), None), ReadError::Unresolved);
    assert_eq!(claimed(binary(&matrix(), 8_000), ARRAY), Ok((4, vec![23])));
}

#[test]
fn arrays_of_geometry_have_colons_between_them() {
    for name in ["_geometry", "_geography"] {
        let (of, field) = named(text("{0101000000:0102000000}", 0), name);
        assert_eq!(texts_of(field), some(&["0101000000", "0102000000"]), "{name}");
        // Of their binary form nothing is known but what the array says.
        assert!(!is_resolved(&of));
        let bytes = [words(&[1, 0, DOMAIN as i32, 1, 1]), sized(&[1, 2])].concat();
        let mut reader = Nested::new();
        let items = reader.read(named(binary(&bytes, 0), name).1, None).unwrap();
        assert_eq!(as_text(items.get(0).unwrap().field()), Err(ReadError::Unresolved));
        assert_eq!(format(named(binary(&bytes, 0), name).1, &mut Vec::new()), Err(ReadError::Unresolved));
        // Somebody else's enum.
        assert_eq!(as_text(named(binary(b"label", 0), name).1), Ok(&b"label"[..]));
        assert_eq!(as_int32(named(text("7", 0), name).1), Ok(7));
    }
}

#[test]
fn a_list_is_of_items_that_are_alike_and_say_all() {
    let is_list = |field| Nested::new().read(field, None).unwrap().is_list();
    for (shown, of) in [
        ("{1,2}", oid::INT4_ARRAY),
        ("{}", oid::INT4_ARRAY),
        ("1 2", oid::INT2VECTOR),
        ("{[1,2)}", oid::INT4MULTIRANGE),
        ("((1,2),(3,4))", oid::PATH),
        ("{1,2,3}", oid::LINE),
    ] {
        assert!(is_list(text(shown, of)), "{shown}");
    }
    for (shown, of) in [
        ("[1,2)", oid::INT4RANGE),
        ("empty", oid::INT4RANGE),
        ("<(1,2),3>", oid::CIRCLE),
        ("'a'", oid::TSVECTOR),
    ] {
        assert!(!is_list(text(shown, of)), "{shown}");
    }
    assert!(is_list(named(text("[1,2]", 0), "vector").1));
    assert!(!is_list(named(text("{1:1}/5", 0), "sparsevec").1));
    assert!(!is_list(named(text("\"a\"=>\"b\"", 0), "hstore").1));
}

#[test]
fn the_relation_of_items_has_the_oid_of_the_values_own_type() {
    let mut reader = Nested::new();
    let mut oid_of = |field| reader.read(field, None).unwrap().relation().unwrap().oid;
    assert_eq!(oid_of(named(text("", 0), "hstore").1), DOMAIN);
    assert_eq!(oid_of(domain(text("{1}", 0), "_int4")), DOMAIN);
    assert_eq!(oid_of(text("{1}", oid::INT4_ARRAY)), oid::INT4_ARRAY);
    let (_, pairs) = named(text("", 0), "hstore");
    let mut reader = Nested::new();
    let relation = reader.read(pairs, None).unwrap().relation().unwrap();
    assert_eq!(place(relation, &relation.columns[0]), "hstore, item \"key\" (text)");
}

#[test]
fn much_memory_is_let_go_of_when_little_is_used() {
    let mut reader = Nested::new();
    let many = std::format!("{{{}}}", vec![r#""\"x""#; 200_000].join(","));
    assert_eq!(reader.read(text(&many, oid::TEXT_ARRAY), None).unwrap().len(), 200_000);
    let kept = reader.memory();
    assert!(kept > 2 << 20, "{kept}");
    // The same again takes none anew.
    assert_eq!(reader.read(text(&many, oid::TEXT_ARRAY), None).unwrap().len(), 200_000);
    assert_eq!(reader.memory(), kept);
    for _ in 0..2 {
        assert_eq!(reader.read(text("{a}", oid::TEXT_ARRAY), None).unwrap().len(), 1);
    }
    assert!(reader.memory() < 1 << 20, "{}", reader.memory());
}
