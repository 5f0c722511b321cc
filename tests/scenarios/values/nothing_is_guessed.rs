//! S14: what a value is read as is known from the stream, or it is not read. In binary a domain reads as its base type; of an
//! enum, which the stream only names, the label is given as text, and no accessor makes a number of its length.

use crate::harness::abi;
use crate::harness::stream::Clone;
use crate::harness::view::{Event, Value, bytes};
use crate::harness::{Format, Kind, Next, Options, Server, Stream};
use pgwalstream::error::Status;

const TYPES: &str = "CREATE DOMAIN d_int AS int; CREATE DOMAIN d_deep AS d_int CHECK (VALUE <> 0); CREATE DOMAIN d_big AS bigint;
    CREATE DOMAIN d_oid AS oid; CREATE DOMAIN d_jsonb AS jsonb; CREATE DOMAIN d_num AS numeric(10, 2);
    CREATE TYPE mood AS ENUM ('able', 'happy', 'gr\u{fc}n'); CREATE DOMAIN d_mood AS mood; CREATE TYPE pair AS (a int, b text);
    CREATE EXTENSION ltree; CREATE EXTENSION citext";

/// Name, type, value.
const COLUMNS: [(&str, &str, &str); 16] = [
    ("id", "int", "1"),
    ("word", "d_int", "1633837924"),
    ("big", "d_big", "42"),
    ("minus", "d_deep", "-1"),
    ("highest", "d_oid", "4294967295"),
    ("doc", "d_jsonb", "'{\"a\": 1}'"),
    ("num", "d_num", "1.50"),
    ("enum", "mood", "'able'"),
    ("green", "mood", "'gr\u{fc}n'"),
    ("dmood", "d_mood", "'happy'"),
    ("tree", "ltree", "'a.b'"),
    ("ci", "citext", "'AbC'"),
    ("ch", "\"char\"", "'x'"),
    ("empty", "\"char\"", "''"),
    ("row", "pair", "'(1,x)'"),
    ("enums", "mood[]", "'{able}'"),
];

/// The next change, copied.
fn change(stream: &mut Stream) -> Clone {
    loop {
        match stream.next(60_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Insert => return Clone::of(event),
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

fn s14_nothing_is_guessed(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(TYPES);
    let list =
        |part: fn(&(&str, &str, &str)) -> String| COLUMNS.iter().map(part).collect::<Vec<_>>().join(", ");
    db.run(&format!("CREATE TABLE t ({}, PRIMARY KEY (id))", list(|it| format!("\"{}\" {}", it.0, it.1))));
    db.run("CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(&format!("INSERT INTO t VALUES ({})", list(|it| it.2.into())));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let kept = change(&mut stream);
    let event = kept.event();
    let v = |name| -> Value<'_> { event.new_named(name) };

    // The base type's answer.
    assert_eq!((v("word").as_int32(), v("word").as_int64()), (Ok(1_633_837_924), Ok(1_633_837_924)));
    assert_eq!((v("big").as_int64(), v("big").as_float64()), (Ok(42), Ok(42.0)));
    assert_eq!((v("minus").as_int32(), v("minus").as_float32()), (Ok(-1), Ok(-1.0)));
    assert_eq!((v("highest").as_int64(), v("highest").as_uint32()), (Ok(4_294_967_295), Ok(u32::MAX)));
    // Text, the same in both forms.
    for (name, text) in [
        ("doc", "{\"a\": 1}"),
        ("enum", "able"),
        ("green", "gr\u{fc}n"),
        ("dmood", "happy"),
        ("tree", "a.b"),
        ("ci", "AbC"),
        ("ch", "x"),
        ("empty", ""),
    ] {
        assert_eq!(v(name).as_text(), Ok(text.as_bytes()), "{name}");
    }
    if format == Format::Text {
        // What came as text reads as text always.
        for (name, text) in [("word", "1633837924"), ("num", "1.50"), ("row", "(1,x)"), ("enums", "{able}")] {
            assert_eq!(v(name).as_text(), Ok(text.as_bytes()), "{name}");
        }
        assert_eq!(v("num").as_float64(), Ok(1.5));
        return;
    }
    // Or an error that says which value it was, what it is, and what to do.
    let refused = |name: &str, message: &str, hint: &str| {
        let v = |name: &str| event.new_named(name);
        for (accessor, failure) in [
            ("a 32-bit integer", v(name).as_int32().unwrap_err()),
            ("a 64-bit integer", v(name).as_int64().unwrap_err()),
            ("a double", v(name).as_float64().unwrap_err()),
            ("a date", v(name).as_date().unwrap_err()),
        ] {
            assert_eq!(failure.status, Status::WAL_E_TYPE, "{name}");
            let oid = v(name).type_oid();
            let wanted = message.replace("OID)", &format!("OID {oid})")) + " " + accessor;
            assert_eq!(failure.message, wanted);
            assert!(failure.hint.contains(hint), "{}", failure.hint);
        }
    };
    let not_known = |oid: u32, n: usize| {
        format!("what the type with OID {oid} is made of is not known, so that its {n} bytes are not read as")
    };
    let oid = |name: &str| event.new_named(name).type_oid();
    refused(
        "enum",
        &format!("column \"enum\" of public.t (public.mood, OID): {}", not_known(oid("enum"), 4)),
        "binary to off",
    );
    refused(
        "dmood",
        &format!("column \"dmood\" of public.t (public.mood, OID): {}", not_known(oid("dmood"), 5)),
        "binary to off",
    );
    refused(
        "row",
        &format!("column \"row\" of public.t (public.pair, OID): {}", not_known(oid("row"), 25)),
        "binary to off",
    );
    refused("num", "column \"num\" of public.t (a domain over numeric, OID): numeric cannot be read as", "");
    let text = v("word").as_text().unwrap_err();
    assert_eq!(text.status, Status::WAL_E_TYPE);
    assert!(
        text.message.contains("column \"word\" of public.t (a domain over integer")
            && text.hint.contains("integer"),
        "{text:?}"
    );
    for name in ["row", "enums", "num"] {
        assert_eq!(v(name).as_text().unwrap_err().status, Status::WAL_E_TYPE, "{name}");
    }
    assert_eq!(v("doc").as_bytea().unwrap_err().status, Status::WAL_E_TYPE);
    assert_eq!(v("enums").as_bytea().unwrap_err().status, Status::WAL_E_TYPE);
}

/// What the C API tells of a column's type: kind, source, whether it is resolved, schema, name, base and element.
fn told(event: Event<'_>, name: &str) -> String {
    let relation = event.relation();
    // SAFETY: borrowed from what lives as long as the event.
    let text = |it| String::from_utf8_lossy(unsafe { bytes(it) }).into_owned();
    // SAFETY: a live relation, and types that live as long.
    unsafe {
        let it = abi::wal_relation_column_type_info(relation.raw(), relation.column(name));
        assert_eq!(abi::wal_type_oid(it), event.new_named(name).type_oid());
        let word = |it| std::ffi::CStr::from_ptr(it).to_str().unwrap().to_owned();
        format!(
            "{} {} {} {}.{} {:?} base={} element={}",
            word(abi::wal_type_kind_name(abi::wal_type_kind(it))),
            word(abi::wal_type_source_name(abi::wal_type_source(it))),
            abi::wal_type_is_resolved(it),
            text(abi::wal_type_namespace(it)),
            text(abi::wal_type_name(it)),
            text(abi::wal_type_sql_name(it)),
            text(abi::wal_type_name(abi::wal_type_base(it))),
            text(abi::wal_type_name(abi::wal_type_element(it))),
        )
    }
}

fn the_stream_tells_the_types(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(TYPES);
    db.run(
        "CREATE SCHEMA other; CREATE TYPE other.int4 AS ENUM ('one'); CREATE DOMAIN d_array AS int4[];
         CREATE TABLE t (id int, word d_deep, arr d_array, mood mood, dmood d_mood, moods mood[], fake other.int4, tree ltree,
             plain int[], r daterange, cat information_schema.sql_identifier);
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let kept = change(&mut stream);
    let event = kept.event();
    for (name, expected) in [
        ("id", "BASE BUILT_IN 1 pg_catalog.int4 \"integer\" base= element="),
        ("word", "DOMAIN STREAM 1 . \"\" base=int4 element="),
        ("arr", "DOMAIN STREAM 1 . \"\" base=_int4 element="),
        ("mood", "UNKNOWN STREAM 0 public.mood \"\" base= element="),
        ("dmood", "UNKNOWN STREAM 0 public.mood \"\" base= element="),
        ("moods", "UNKNOWN STREAM 0 public._mood \"\" base= element="),
        ("fake", "UNKNOWN STREAM 0 other.int4 \"\" base= element="),
        ("tree", "UNKNOWN STREAM 1 public.ltree \"\" base= element="),
        ("plain", "ARRAY BUILT_IN 1 pg_catalog._int4 \"integer[]\" base= element=int4"),
        ("r", "RANGE BUILT_IN 1 pg_catalog.daterange \"daterange\" base= element=date"),
        ("cat", "DOMAIN STREAM 1 . \"\" base=name element="),
    ] {
        assert_eq!(told(event, name), expected, "{name}");
    }
    // The type of a row is what it was when the row was written.
    let old = {
        let relation = event.relation();
        let mut kept = std::ptr::null_mut();
        // SAFETY: a live relation; freed below.
        unsafe { abi::wal_relation_retain(relation.raw(), &raw mut kept, std::ptr::null_mut()) };
        kept
    };
    db.run("ALTER TYPE mood RENAME TO spirit; ALTER TABLE t ADD more int; INSERT INTO t VALUES (2)");
    let kept = change(&mut stream);
    let event = kept.event();
    assert_eq!(told(event, "mood"), "UNKNOWN STREAM 0 public.spirit \"\" base= element=");
    assert_eq!(event.relation().generation(), 2);
    drop((stream, kept));
    // SAFETY: a relation that was retained, and is freed once.
    unsafe {
        assert_eq!(bytes(abi::wal_type_name(abi::wal_relation_column_type_info(old, 3))), b"mood");
        abi::wal_relation_free(old);
    }
}

/// The table of built-in types is the server's.
fn the_built_in_types_are_the_servers(version: u32) {
    let mut db = Server::shared(version).database();
    let known = db.text(
        "SELECT string_agg(concat_ws('|', t.oid, typname, format_type(t.oid, NULL),
             CASE WHEN typtype = 'p' AND typelem = 0 THEN 'PSEUDO' WHEN typtype = 'c' THEN 'COMPOSITE' WHEN typtype = 'r' THEN 'RANGE'
                  WHEN typtype = 'm' THEN 'MULTIRANGE' WHEN typcategory = 'A' OR typname = '_record' THEN 'ARRAY' ELSE 'BASE' END,
             CASE WHEN typcategory = 'A' OR typname = '_record' THEN typelem ELSE coalesce(r.rngsubtype, m.rngtypid, 0) END), E'\\n' ORDER BY t.oid)
         FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid WHERE t.oid < 10000",
    );
    let mut ours = Vec::new();
    for oid in 0..10_000 {
        // SAFETY: static types, or NULL.
        unsafe {
            let it = abi::wal_type_built_in(oid);
            if !it.is_null() {
                let text = |it| String::from_utf8_lossy(bytes(it)).into_owned();
                let kind = std::ffi::CStr::from_ptr(abi::wal_type_kind_name(abi::wal_type_kind(it)));
                let element = abi::wal_type_oid(abi::wal_type_element(it));
                let names = (text(abi::wal_type_name(it)), text(abi::wal_type_sql_name(it)));
                ours.push(format!("{oid}|{}|{}|{}|{element}", names.0, names.1, kind.to_str().unwrap()));
            }
        }
    }
    assert_eq!(ours, known.lines().collect::<Vec<_>>());
}

on_every_version_and_format! { s14_nothing_is_guessed }
on_every_version! { the_stream_tells_the_types the_built_in_types_are_the_servers }
