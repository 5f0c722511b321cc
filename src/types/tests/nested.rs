//! Values with parts: text and binary have equal items, every edge of the server's forms is read, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::batch::Type;

/// What a value is: shape, flags, dimensions, items as text (None for NULL) with the OIDs of their types.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    shape: Shape,
    flags: u32,
    dimensions: Vec<(i32, i32)>,
    items: Vec<(Option<String>, u32)>,
}

fn told(field: Field<'_>, claim: Option<Shape>) -> Result<Told, Fault> {
    let mut reader = Nested::new();
    let items = reader.read(field, claim)?;
    assert_eq!(items.len(), items.iter().count());
    let one = |item: Item<'_>| {
        let mut text = Vec::new();
        let written = format(item.field(), &mut text);
        let is_null = item.kind() == ValueKind::WAL_VALUE_NULL as u8;
        assert_eq!(written.is_err(), is_null, "{item:?}: {written:?}");
        ((!is_null).then(|| String::from_utf8(text).unwrap()), item.column().type_oid)
    };
    Ok(Told {
        shape: items.shape(),
        flags: items.flags(),
        dimensions: items.dimensions().iter().map(|it| (it.size, it.lower)).collect(),
        items: items.iter().map(one).collect(),
    })
}

fn texts(text_of: &str, of: u32) -> Vec<Option<String>> {
    texts_of(text(text_of, of))
}

pub(super) fn texts_of(field: Field<'_>) -> Vec<Option<String>> {
    told(field, None).unwrap().items.into_iter().map(|item| item.0).collect()
}

pub(super) fn some(items: &[&str]) -> Vec<Option<String>> {
    items.iter().map(|item| (*item != "NULL").then(|| (*item).to_owned())).collect()
}

pub(super) fn error(field: Field<'_>, claim: Option<Shape>) -> ReadError {
    told(field, claim).unwrap_err().error
}

/// Numbers in network order.
pub(super) fn words(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A value with its length in front.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [&words(&[bytes.len() as i32])[..], bytes].concat()
}

/// hstore, vector and so on, as the stream describes them.
pub(super) fn named<'a>(form: Field<'a>, name: &str) -> (Type, Field<'a>) {
    let of = oid::described(DOMAIN, b"public", name.as_bytes());
    let field = Field::of(form.kind, form.bytes, &of);
    (of, field)
}

/// `{{1,NULL},{3,4}}` with the lower bounds 2 and -1.
pub(super) fn matrix() -> Vec<u8> {
    let mut bytes = words(&[2, 1, 23, 2, 2, 2, -1]);
    for element in [Some(1), None, Some(3), Some(4)] {
        match element {
            Some(number) => bytes.extend(words(&[4, number])),
            None => bytes.extend(words(&[-1])),
        }
    }
    bytes
}

#[test]
fn an_array_is_the_same_from_text_and_binary() {
    let from_binary = told(binary(&matrix(), oid::INT4_ARRAY), None).unwrap();
    assert_eq!(from_binary, told(text("[2:3][-1:0]={{1,NULL},{3,4}}", oid::INT4_ARRAY), None).unwrap());
    assert_eq!(from_binary.dimensions, [(2, 2), (2, -1)]);
    let items = [Some("1"), None, Some("3"), Some("4")].map(|it| (it.map(str::to_owned), oid::INT4));
    assert_eq!(from_binary.items, items);
    let empty = told(binary(&words(&[0, 0, 23]), oid::INT4_ARRAY), None).unwrap();
    assert_eq!((&empty.items[..], &empty.dimensions[..]), (&[][..], &[][..]));
    assert_eq!(empty, told(text("{}", oid::INT4_ARRAY), None).unwrap());
    // An int2vector counts from 0, also where there is nothing to count.
    for (numbers, shown) in [(&[][..], ""), (&[7][..], "7"), (&[1, -2, 3][..], "1 -2 3")] {
        let mut bytes = words(&[1, 0, 21, numbers.len() as i32, 0]);
        for number in numbers {
            bytes.extend(sized(&i16::to_be_bytes(*number)));
        }
        let vector = told(binary(&bytes, oid::INT2VECTOR), None).unwrap();
        assert_eq!(vector, told(text(shown, oid::INT2VECTOR), None).unwrap());
        assert_eq!(vector.dimensions, [(numbers.len() as i32, 0)]);
    }
}

#[test]
fn the_text_of_arrays_is_unquoted() {
    for (shown, items) in [
        (r#"{a,"",NULL,"NULL",null}"#, &["a", "", "NULL", "\u{0}NULL", "null"][..]),
        (r#"{"two words","a,b","{}","q\"u\\o","\\\""}"#, &["two words", "a,b", "{}", r#"q"u\o"#, r#"\""#]),
        ("{{{{{{x}}}}}}", &["x"]),
        (r#"{"{1,2}"}"#, &["{1,2}"]),
        ("{grün €}", &["grün €"]),
    ] {
        let expected: Vec<Option<String>> = items
            .iter()
            .map(|item| (*item != "NULL").then(|| item.trim_start_matches('\0').to_owned()))
            .collect();
        assert_eq!(texts(shown, oid::TEXT_ARRAY), expected, "{shown}");
    }
    assert_eq!(texts("{(1,1),(0,0);(3,4),(-1,2)}", oid::BOX_ARRAY), some(&["(1,1),(0,0)", "(3,4),(-1,2)"]));
    assert_eq!(told(text("{{{{{{x}}}}}}", oid::TEXT_ARRAY), None).unwrap().dimensions, [(1, 1); 6]);
    for wrong in [
        "",
        "{",
        "}",
        "{}}",
        "{a",
        "{a,}",
        "{,a}",
        "{a}b",
        "{{a}",
        "{{a},b}",
        "{a,{b}}",
        "{{a},{b,c}}",
        "{{}}",
        "{{a},{}}",
        "{{{{{{{x}}}}}}}",
        "{\"a}",
        "{\"a\"b}",
        "{a\"b}",
        "{a\\b}",
        "[1:2]={a}",
        "[2:1]={a}",
        "[1:1]{a}",
        "[1:1]=",
        "[1:1]={}",
        "[1:1][1:1]={a}",
        "[1:1]={{a}}",
        "[x:1]={a}",
        "[1]={a}",
        "[-2147483648:2147483647]={a}",
        "{a}{b}",
        "[1:1]=a",
    ] {
        let read = told(text(wrong, oid::TEXT_ARRAY), None);
        assert_eq!(read.map_err(|fault| fault.error), Err(ReadError::Malformed), "{wrong}");
    }
}

#[test]
fn a_composite_is_the_same_from_text_and_binary_but_for_its_types() {
    let bytes = [
        words(&[5, oid::INT4 as i32, 4, 1, oid::TEXT as i32]),
        sized(br#"x "y"\"#),
        words(&[oid::TEXT as i32, 0, oid::TEXT as i32, -1, oid::BOOL as i32]),
        sized(&[1]),
    ]
    .concat();
    let from_binary = told(binary(&bytes, DOMAIN), Some(Shape::Composite)).unwrap();
    let from_text = told(text(r#"(1,"x ""y""\\","",,t)"#, DOMAIN), Some(Shape::Composite)).unwrap();
    let items = |told: &Told| told.items.iter().map(|item| item.0.clone()).collect::<Vec<_>>();
    let expected = [Some("1"), Some(r#"x "y"\"#), Some(""), None, Some("t")].map(|it| it.map(str::to_owned));
    assert_eq!((items(&from_binary), items(&from_text)), (expected.to_vec(), expected.to_vec()));
    let types: Vec<u32> = from_binary.items.iter().map(|item| item.1).collect();
    assert_eq!(types, [oid::INT4, oid::TEXT, oid::TEXT, oid::TEXT, oid::BOOL]);
    assert!(from_text.items.iter().all(|item| item.1 == 0));
    // What nobody knows the type of is read as what is asked for.
    let mut reader = Nested::new();
    let items = reader.read(text("(1,t)", DOMAIN), Some(Shape::Composite)).unwrap();
    assert_eq!(as_int32(items.get(0).unwrap().field()), Ok(1));
    assert_eq!(as_bool(items.get(1).unwrap().field()), Ok(true));
    assert_eq!(items.get(1).unwrap().column().name(), "f2");
    assert_eq!(told(text("()", DOMAIN), Some(Shape::Composite)).unwrap().items, [(None, 0)]);
    assert_eq!(told(binary(&words(&[0]), DOMAIN), Some(Shape::Composite)).unwrap().items, []);
    for wrong in [
        "",
        "(",
        ")",
        "1",
        "(1",
        "(1,",
        "(1)2",
        "(\"1)",
        "(\"1\"2)",
        "(a\"b)",
        "((1))",
        "(a\\b)",
        "(\"a\\b\")",
    ] {
        assert_eq!(error(text(wrong, DOMAIN), Some(Shape::Composite)), ReadError::Malformed, "{wrong}");
    }
    let many = format!("({})", ",".repeat(2000));
    assert_eq!(error(text(&many, DOMAIN), Some(Shape::Composite)), ReadError::Malformed);
}

#[test]
fn an_infinite_bound_is_not_the_bound_infinity() {
    use flags::{EMPTY, LOWER_INCLUSIVE, LOWER_INFINITE, UPPER_INCLUSIVE, UPPER_INFINITE};
    let date = |days: i32| sized(&days.to_be_bytes());
    for (bytes, shown, flags, items) in [
        (
            [vec![6], date(0), date(i32::MAX)].concat(),
            "[2000-01-01,infinity]",
            6,
            some(&["2000-01-01", "infinity"]),
        ),
        (
            [vec![2 | 16], date(0)].concat(),
            "[2000-01-01,)",
            LOWER_INCLUSIVE | UPPER_INFINITE,
            some(&["2000-01-01", "NULL"]),
        ),
        ([vec![8], date(1)].concat(), "(,2000-01-02)", LOWER_INFINITE, some(&["NULL", "2000-01-02"])),
        (vec![24], "(,)", LOWER_INFINITE | UPPER_INFINITE, some(&["NULL", "NULL"])),
        (vec![1], "empty", EMPTY, vec![]),
    ] {
        let from_binary = told(binary(&bytes, oid::DATERANGE), None).unwrap();
        assert_eq!(from_binary, told(text(shown, oid::DATERANGE), None).unwrap(), "{shown}");
        assert_eq!(from_binary.flags, flags, "{shown}");
        assert_eq!(from_binary.items.into_iter().map(|item| item.0).collect::<Vec<_>>(), items);
    }
    let quoted = told(text(r#"["a ""b""\\",""]"#, DOMAIN), Some(Shape::Range)).unwrap();
    assert_eq!(quoted.flags, LOWER_INCLUSIVE | UPPER_INCLUSIVE);
    assert_eq!(quoted.items, [(Some(r#"a "b"\"#.to_owned()), 0), (Some(String::new()), 0)]);
    for wrong in
        ["", "[", "[1", "[1,", "[1,2", "1,2]", "[1,2]]", "[1]", "emptyx", "[1,2,3]", "[[1,2]", "[\"1\"2,3]"]
    {
        assert_eq!(error(text(wrong, oid::INT4RANGE), None), ReadError::Malformed, "{wrong}");
    }
}

#[test]
fn a_multirange_is_ranges() {
    let range = |from: i32, to: i32| sized(&[vec![2], words(&[4, from, 4, to])].concat());
    let bytes = [words(&[2]), range(1, 3), range(5, 7)].concat();
    let from_binary = told(binary(&bytes, oid::INT4MULTIRANGE), None).unwrap();
    assert_eq!(from_binary, told(text("{[1,3),[5,7)}", oid::INT4MULTIRANGE), None).unwrap());
    assert_eq!(from_binary.items, ["[1,3)", "[5,7)"].map(|it| (Some(it.to_owned()), oid::INT4RANGE)));
    assert_eq!(texts("{}", oid::INT4MULTIRANGE), some(&[]));
    let tricky = r#"{[a,"b)"),["c""]\\",d]}"#;
    let tricky = told(text(tricky, DOMAIN), Some(Shape::Multirange)).unwrap();
    assert_eq!(tricky.items.len(), 2);
    assert_eq!(tricky.items[1].0.as_deref(), Some(r#"["c""]\\",d]"#));
    for wrong in ["", "{", "{[1,2)", "{[1,2),}", "{1}", "{[1,2)x}", "{[1,2)}}", "{[\"1,2)}"] {
        assert_eq!(error(text(wrong, oid::INT4MULTIRANGE), None), ReadError::Malformed, "{wrong}");
    }
}

#[test]
fn extensions_are_known_by_their_names() {
    let float = |number: f32| number.to_be_bytes();
    let pairs = [words(&[2, 1]), b"a".to_vec(), sized(br#"q"u\o"#), words(&[1]), b"b".to_vec(), words(&[-1])]
        .concat();
    let half = [&[0, 3, 0, 0][..], &[0x3C, 0, 0xC0, 0, 0x00, 0x01]].concat();
    let sparse = [words(&[5, 2, 0, 0, 2]), [float(0.5), float(-2.0)].concat()].concat();
    for (name, bytes, shown, items, dimension) in [
        ("hstore", &pairs, r#""a"=>"q\"u\\o", "b"=>NULL"#, some(&["a", r#"q"u\o"#, "b", "NULL"]), None),
        ("hstore", &words(&[0]), "", some(&[]), None),
        (
            "vector",
            &[&[0, 2, 0, 0][..], &float(1.5), &float(-0.1)].concat(),
            "[1.5,-0.1]",
            some(&["1.5", "-0.1"]),
            Some(2),
        ),
        ("halfvec", &half, "[1,-2,5.9604645e-08]", some(&["1", "-2", "5.9604645e-08"]), Some(3)),
        ("sparsevec", &sparse, "{1:0.5,3:-2}/5", some(&["1", "0.5", "3", "-2"]), Some(5)),
        ("sparsevec", &words(&[3, 0, 0]), "{}/3", some(&[]), Some(3)),
    ] {
        let (of, field) = named(binary(bytes, 0), name);
        let from_binary = told(field, None).unwrap();
        let from_text = told(named(text(shown, 0), name).1, None).unwrap();
        assert_eq!(from_binary, from_text, "{name}");
        assert_eq!(from_binary.items.iter().map(|item| item.0.clone()).collect::<Vec<_>>(), items);
        assert_eq!(from_binary.dimensions, dimension.map(|size| (size, 1)).into_iter().collect::<Vec<_>>());
        let mut written = Vec::new();
        format(field, &mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), shown);
        assert!(is_resolved(&of));
    }
    for (name, wrong) in [
        ("sparsevec", "{9:1}/5"),
        ("sparsevec", "{0:1}/5"),
        ("sparsevec", "{-1:1}/5"),
        ("sparsevec", "{x:y}/5"),
        ("sparsevec", "{1x:1}/5"),
        ("sparsevec", "{1:1}/-5"),
        ("sparsevec", "{}/0"),
        ("sparsevec", "{1:1,}/5"),
    ] {
        assert_eq!(error(named(text(wrong, 0), name).1, None), ReadError::Unresolved, "{wrong}");
    }
    // The name says how large the numbers are, and not the length.
    let four = [&[0, 2, 0, 0][..], &[0x3C, 0, 0x3C, 0]].concat();
    assert_eq!(error(named(binary(&four, 0), "vector").1, None), ReadError::Unresolved);
    assert_eq!(texts_of(named(binary(&four, 0), "halfvec").1), some(&["1", "1"]));
    let eight = [&[0, 2, 0, 0][..], &float(1.0), &float(2.0)].concat();
    assert_eq!(error(named(binary(&eight, 0), "halfvec").1, None), ReadError::Unresolved);
    assert_eq!(format(named(binary(&eight, 0), "halfvec").1, &mut Vec::new()), Err(ReadError::Unresolved));
    // An enum, a composite and a domain may be named so.
    assert_eq!(as_text(named(binary(b"label", 0), "vector").1), Ok(&b"label"[..]));
    assert_eq!(error(named(binary(b"label", 0), "vector").1, None), ReadError::Unresolved);
    assert_eq!(error(named(text("label", 0), "hstore").1, None), ReadError::Unresolved);
    let pair = [words(&[1, oid::INT4 as i32]), sized(&words(&[7]))].concat();
    let claimed = told(named(binary(&pair, 0), "vector").1, Some(Shape::Composite)).unwrap();
    assert_eq!(claimed.items, [(Some("7".to_owned()), oid::INT4)]);
}

#[test]
fn geometry_and_lexemes_have_items_too() {
    let point = |x: f64, y: f64| [x.to_be_bytes(), y.to_be_bytes()].concat();
    let two = [point(1.0, 2.0), point(3.0, 4.5)].concat();
    let number = 5_f64.to_be_bytes().to_vec();
    for (of, bytes, shown, items, flags) in [
        (
            oid::PATH,
            [vec![1], words(&[2]), two.clone()].concat(),
            "((1,2),(3,4.5))",
            &["(1,2)", "(3,4.5)"][..],
            flags::CLOSED,
        ),
        (
            oid::PATH,
            [vec![0], words(&[2]), two.clone()].concat(),
            "[(1,2),(3,4.5)]",
            &["(1,2)", "(3,4.5)"],
            0,
        ),
        (oid::POLYGON, [words(&[2]), two.clone()].concat(), "((1,2),(3,4.5))", &["(1,2)", "(3,4.5)"], 0),
        (oid::LSEG, two.clone(), "[(1,2),(3,4.5)]", &["(1,2)", "(3,4.5)"], 0),
        (oid::BOX, two.clone(), "(1,2),(3,4.5)", &["(1,2)", "(3,4.5)"], 0),
        (oid::CIRCLE, [point(1.0, 2.0), number.clone()].concat(), "<(1,2),5>", &["(1,2)", "5"], 0),
        (oid::LINE, [point(1.0, 2.0), number.clone()].concat(), "{1,2,5}", &["1", "2", "5"], 0),
        (
            oid::TSVECTOR,
            [words(&[2]), b"a b\0\0\x02\xC0\x01\0\x03it's\\\0\0\0".to_vec()].concat(),
            r"'a b':1A,3 'it''s\\'",
            &["a b", "1A,3", r"it's\", "NULL"],
            0,
        ),
        (oid::TSVECTOR, words(&[0]), "", &[], 0),
    ] {
        let from_binary = told(binary(&bytes, of), None).unwrap();
        assert_eq!(from_binary, told(text(shown, of), None).unwrap(), "{shown}");
        let only: Vec<_> = from_binary.items.iter().map(|item| item.0.clone()).collect();
        assert_eq!((only, from_binary.flags), (some(items), flags), "{shown}");
    }
    let circle = told(text("<(1,2),5>", oid::CIRCLE), None).unwrap();
    assert_eq!((circle.items[0].1, circle.items[1].1), (oid::POINT, oid::FLOAT8));
    for (of, wrong) in [
        (oid::PATH, "(1,2)"),
        (oid::PATH, "((1,2)"),
        (oid::LSEG, "((1,2),(3,4))"),
        (oid::CIRCLE, "<(1,2)>"),
        (oid::LINE, "{}"),
        (oid::LINE, "{1,2}"),
        (oid::LINE, "{1,2,3,4}"),
        (oid::CIRCLE, "<(0,0),1,2,3>"),
        (oid::BOX, "(1,1)"),
        (oid::BOX, "(1,1),(0,0),(2,2)"),
        (oid::LSEG, "[(1,1)]"),
        (oid::LSEG, "[(1,1),(2,2),(3,3)]"),
        (oid::TSVECTOR, "'a"),
        (oid::TSVECTOR, "a"),
        (oid::TSVECTOR, "'a'x"),
        (oid::TSVECTOR, "'a':"),
        (oid::TSVECTOR, "'a'  'b'"),
    ] {
        assert_eq!(error(text(wrong, of), None), ReadError::Malformed, "{wrong}");
    }
}

#[test]
fn what_is_not_known_is_read_on_the_callers_word_and_what_is_known_is_not() {
    let bytes = matrix();
    assert_eq!(error(binary(&bytes, DOMAIN), None), ReadError::Unresolved);
    assert_eq!(error(text("{1}", DOMAIN), None), ReadError::Unresolved);
    assert_eq!(told(binary(&bytes, DOMAIN), Some(Shape::Array)).unwrap().items.len(), 4);
    assert_eq!(told(binary(&bytes, 0), Some(Shape::Array)).unwrap().items.len(), 4);
    assert_eq!(error(binary(&bytes, oid::INT4_ARRAY), Some(Shape::Composite)), ReadError::OtherType);
    assert_eq!(error(binary(&bytes, oid::INT4), Some(Shape::Array)), ReadError::OtherType);
    assert_eq!(error(text("{1}", oid::TEXT), None), ReadError::OtherType);
    assert_eq!(error(text("((1,2))", DOMAIN), Some(Shape::Geometry)), ReadError::Unresolved);
    // Elements of another type than the array's.
    assert_eq!(error(binary(&bytes, oid::INT8_ARRAY), None), ReadError::Malformed);
    // The claim of a moment ago counts for that value only.
    let mut reader = Nested::new();
    assert!(reader.read(text("{1}", DOMAIN), Some(Shape::Array)).is_ok());
    assert_eq!(reader.read(text("{1}", DOMAIN), None).unwrap_err().error, ReadError::Unresolved);
    assert!(reader.read(text("{1}", oid::INT4_ARRAY), None).is_ok());
    assert_eq!(
        reader.read(text("{1}", oid::INT4_ARRAY), Some(Shape::Range)).unwrap_err().error,
        ReadError::OtherType
    );
    for kind in [ValueKind::WAL_VALUE_NULL, ValueKind::WAL_VALUE_UNCHANGED, ValueKind::WAL_VALUE_ABSENT] {
        assert_eq!(error(Field::new(kind as u8, b"", oid::INT4_ARRAY), None), ReadError::NoValue);
    }
    // A domain over an array, and what an item of an unknown type is.
    assert_eq!(told(domain(text("{1,2}", 0), "_int4"), None).unwrap().items.len(), 2);
    let enums = [words(&[1, 0, DOMAIN as i32, 1, 1]), sized(b"able")].concat();
    let mut reader = Nested::new();
    let items = reader.read(binary(&enums, DOMAIN + 1), Some(Shape::Array)).unwrap();
    let item = items.get(0).unwrap().field();
    assert_eq!((as_text(item), as_int32(item)), (Ok(&b"able"[..]), Err(ReadError::Unresolved)));
}

#[test]
fn errors_name_the_item_and_the_byte_and_never_the_value() {
    let mut bytes = matrix();
    bytes[40] = 0x7F;
    let field = binary(&bytes, oid::INT4_ARRAY);
    let fault = Nested::new().read(field, None).unwrap_err();
    let error = fault.explain(field);
    assert_eq!(error.status(), Status::WAL_E_TYPE);
    assert_eq!(error.message(), "the 56 bytes of integer[] are not an array: item 2 is wrong at byte 44");
    let field = text("{1}", DOMAIN);
    let error = Nested::new().read(field, None).unwrap_err().explain(field);
    assert_eq!(
        error.message(),
        "what the type with OID 16384 is made of is not known, so that its 3 bytes are not read as a value with parts"
    );
    let hint = error.hint();
    assert!(hint.contains("name the shape"), "{hint}");
    // Who is named like a type of an extension may be somebody else, or wrong at a byte.
    let (_, pairs) = named(text("\"a\"=>\"b\", x", 0), "hstore");
    let error = Nested::new().read(pairs, None).unwrap_err().explain(pairs);
    assert!(error.message().ends_with("an hstore: item 2 is wrong at byte 10"), "{}", error.message());
    let mut reader = Nested::new();
    let items = reader.read(text("{x}", oid::INT4_ARRAY), None).unwrap();
    assert_eq!(
        place(items.relation().unwrap(), items.get(0).unwrap().column()),
        "integer[], item \"element\" (integer)"
    );
}

#[test]
fn every_cut_and_every_byte_too_many_is_refused() {
    let range = [vec![6], words(&[4, 1, 4, 2])].concat();
    let multirange = [words(&[1]), sized(&range)].concat();
    let record = [words(&[2, 23, 4, 1, 25]), sized(b"x")].concat();
    let pairs = [words(&[1, 1]), b"a".to_vec(), sized(b"b")].concat();
    let vector = [&[0, 2, 0, 0][..], &[0; 8]].concat();
    let path = [vec![1], words(&[1]), vec![0; 16]].concat();
    let lexemes = [words(&[1]), b"a\0\0\x01\0\x01".to_vec()].concat();
    let sparse = [words(&[5, 1, 0, 2]), vec![0; 4]].concat();
    for (bytes, of, claim) in [
        (&matrix(), oid::INT4_ARRAY, None),
        (&range, oid::INT4RANGE, None),
        (&multirange, oid::INT4MULTIRANGE, None),
        (&record, 0, Some(Shape::Composite)),
        (&pairs, 0, Some(Shape::Hstore)),
        (&vector, 0, Some(Shape::Vector)),
        (&sparse, 0, Some(Shape::Sparse)),
        (&path, oid::PATH, None),
        (&lexemes, oid::TSVECTOR, None),
    ] {
        assert!(told(binary(bytes, of), claim).is_ok(), "{of}");
        for length in 0..bytes.len() {
            // Eight bytes of numbers are two of four bytes, and four of two.
            if claim == Some(Shape::Vector) && length == 8 {
                continue;
            }
            assert_eq!(
                error(binary(&bytes[..length], of), claim),
                ReadError::Malformed,
                "{length} bytes of {of}"
            );
        }
        assert_eq!(error(binary(&[bytes, &[0][..]].concat(), of), claim), ReadError::Malformed);
    }
    for (shown, of) in [
        (r#"[2:3]={"a\"b",NULL}"#, oid::TEXT_ARRAY),
        ("{{1,2},{3,4}}", oid::INT4_ARRAY),
        ("[1,10)", oid::INT4RANGE),
        ("{[1,3),[5,7)}", oid::INT4MULTIRANGE),
        ("((1,2),(3,4))", oid::PATH),
    ] {
        for length in 0..shown.len() {
            assert_eq!(error(text(&shown[..length], of), None), ReadError::Malformed, "{}", &shown[..length]);
        }
    }
}

#[test]
fn lengths_and_counts_that_lie_are_refused_at_once() {
    const MOST: i32 = i32::MAX;
    for (bytes, of, claim) in [
        (words(&[1, 0, 23, MOST, 1]), oid::INT4_ARRAY, None),
        (words(&[2, 0, 23, MOST, 1, MOST, 1]), oid::INT4_ARRAY, None),
        (words(&[1, 0, 23, -1, 1]), oid::INT4_ARRAY, None),
        (words(&[-1, 0, 23]), oid::INT4_ARRAY, None),
        (words(&[7, 0, 23, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]), oid::INT4_ARRAY, None),
        (words(&[1, 0, 23, 1, 1, MOST]), oid::INT4_ARRAY, None),
        (words(&[1, 0, 23, 1, 1, -2]), oid::INT4_ARRAY, None),
        (words(&[0, 2, 23]), oid::INT4_ARRAY, None),
        // Nothing, so many times.
        (words(&[2, 1, 23, MOST, 1, 0, 1]), oid::INT4_ARRAY, None),
        (words(&[4, 1, 23, 0, 1, MOST, 1, MOST, 1, MOST, 1]), 0, Some(Shape::Array)),
        (words(&[2, 0, 21, 0, 0, 0, 0]), oid::INT2VECTOR, None),
        (words(&[0, 0, 0]), 0, Some(Shape::Array)),
        (words(&[MOST]), oid::INT4MULTIRANGE, None),
        (words(&[MOST, 23, 4, 1]), 0, Some(Shape::Composite)),
        (words(&[1, 0, 4, 1]), 0, Some(Shape::Composite)),
        (words(&[-1]), 0, Some(Shape::Composite)),
        (words(&[MOST, 0, 0]), 0, Some(Shape::Hstore)),
        (words(&[1, -1, 0]), 0, Some(Shape::Hstore)),
        (words(&[5, MOST, 0]), 0, Some(Shape::Sparse)),
        (words(&[5, 1, 0, 5, 0]), 0, Some(Shape::Sparse)),
        (words(&[0, 0, 0]), 0, Some(Shape::Sparse)),
        (vec![0xFF, 0xFF, 0, 0], 0, Some(Shape::Vector)),
        (vec![0, 0, 0, 0], 0, Some(Shape::Vector)),
        (words(&[MOST]), oid::POLYGON, None),
        (words(&[MOST]), oid::TSVECTOR, None),
    ] {
        assert_eq!(error(binary(&bytes, of), claim), ReadError::Malformed, "{bytes:?}");
    }
    let rows = [words(&[1665]), words(&[23, -1]).repeat(1665)].concat();
    assert_eq!(error(binary(&rows, 0), Some(Shape::Composite)), ReadError::Malformed);
    assert_eq!(
        told(binary(&[words(&[1664]), words(&[23, -1]).repeat(1664)].concat(), 0), Some(Shape::Composite))
            .unwrap()
            .items
            .len(),
        1664
    );
}

#[test]
fn types_of_items_are_made_once() {
    let mut reader = Nested::new();
    let mut row = |field| std::sync::Arc::as_ptr(reader.read(field, None).unwrap().relation().unwrap());
    let (first, other) = (row(text("{1}", oid::INT4_ARRAY)), row(text("{a}", oid::TEXT_ARRAY)));
    assert_ne!(first, other);
    for _ in 0..3 {
        assert_eq!(row(text("{2,3}", oid::INT4_ARRAY)), first);
        assert_eq!(row(text("{b}", oid::TEXT_ARRAY)), other);
    }
    // More types than are kept.
    for of in [
        oid::BOOL_ARRAY,
        oid::INT2_ARRAY,
        oid::INT8_ARRAY,
        oid::OID_ARRAY,
        oid::XID_ARRAY,
        oid::CID_ARRAY,
        oid::FLOAT4_ARRAY,
        oid::FLOAT8_ARRAY,
        oid::NAME_ARRAY,
        oid::CHAR_ARRAY,
        oid::UUID_ARRAY,
        oid::DATE_ARRAY,
        oid::TIME_ARRAY,
        oid::JSON_ARRAY,
        oid::JSONB_ARRAY,
        oid::XML_ARRAY,
        oid::MONEY_ARRAY,
        oid::POINT_ARRAY,
        oid::BIT_ARRAY,
    ] {
        row(text("{}", of));
    }
    let items = reader.read(text("{1}", oid::INT4_ARRAY), None).unwrap();
    assert_eq!(as_int32(items.get(0).unwrap().field()), Ok(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 2048 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0_u8..8, 0..64), noise: Vec<u8>, words in "[\\[\\]{}()\",\\\\:;=> '0-9aNUL/<]{0,24}", of in 16_u32..7000) {
        let mut reader = Nested::new();
        let claims = (0..10).map(|number| Shape::of_number(number).unwrap());
        for claim in claims {
            for of in [of, 0, DOMAIN, oid::INT4_ARRAY, oid::PATH, oid::CIRCLE, oid::TSVECTOR, oid::TSRANGE, oid::INT2VECTOR] {
                for field in [binary(&bytes, of), binary(&noise, of), text(&words, of)] {
                    if let Ok(items) = reader.read(field, claim) {
                        prop_assert_eq!(items.iter().count(), items.len());
                        // Who makes lists of lists by the dimensions makes no more than there are items.
                        let rows: usize = items.dimensions().iter().map(|it| it.size as usize).product();
                        prop_assert!(items.shape() != Shape::Array || items.dimensions().is_empty() || items.len() == rows);
                    }
                }
            }
        }
    }

    /// What array_out and record_out write of any texts is these texts.
    #[test]
    fn any_texts_come_back(items in prop::collection::vec(prop::option::of("[ -~äß\"\\\\,{}()NULl]{0,8}"), 1..8)) {
        let quote = |item: &str, doubled: bool| {
            let mut quoted = String::from("\"");
            for letter in item.chars() {
                if matches!(letter, '"' | '\\') {
                    quoted.push(if doubled { letter } else { '\\' });
                }
                quoted.push(letter);
            }
            quoted + "\""
        };
        let list = |doubled: bool, null: &str| {
            let all: Vec<String> =
                items.iter().map(|item| item.as_ref().map_or(null.to_owned(), |item| quote(item, doubled))).collect();
            all.join(",")
        };
        prop_assert_eq!(texts(&format!("{{{}}}", list(false, "NULL")), oid::TEXT_ARRAY), items.clone());
        let composite = told(text(&format!("({})", list(true, "")), DOMAIN), Some(Shape::Composite)).unwrap();
        prop_assert_eq!(composite.items.into_iter().map(|item| item.0).collect::<Vec<_>>(), items);
    }
}
