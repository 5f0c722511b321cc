//! A table with thirty columns of thirty types: what a reader gets is, byte for byte, what the server's output or send
//! function gives for the same row, and what the typed accessors say is the value itself, from text and from binary.
//!
//! Three rows: ordinary values, the edges of each type, and NULL in every column.

use crate::harness::stream::Clone;
use crate::harness::view::{Event, Value};
use crate::harness::{Cell, Database, Format, Kind, Next, Options, Server};
use pgwalstream::error::Status;

type Column = (&'static str, &'static str, &'static str, &'static str);

/// Name, type, an ordinary value, a value at the edge.
const COLUMNS: [Column; 30] = [
    ("id", "int4", "1", "2"),
    ("bool", "bool", "true", "false"),
    ("int2", "int2", "-7", "-32768"),
    ("int8", "int8", "5000000000", "-9223372036854775808"),
    ("oid", "oid", "26", "4294967295"),
    ("xid", "xid", "'731'", "'4294967295'"),
    ("float4", "float4", "0.1", "'-Infinity'"),
    ("float8", "float8", "0.1", "5e-324"),
    ("numeric", "numeric(20, 5)", "12345.678", "'NaN'"),
    ("money", "money", "'-1.50'", "'92233720368547758.07'"),
    ("text", "text", "E'two\\nlines, \\U0001F600'", "''"),
    ("varchar", "varchar(20)", "'twenty'", "'12345678901234567890'"),
    ("bpchar", "char(5)", "'ab'", "''"),
    ("char", "\"char\"", "'x'", "''"),
    ("name", "name", "'pg_class'", "repeat('n', 63)"),
    ("bytea", "bytea", "'\\x00ff5c27'", "''"),
    ("uuid", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    ("date", "date", "'2026-02-28'", "'4714-11-24 BC'"),
    ("time", "time", "'12:34:56.789012'", "'24:00:00'"),
    ("timetz", "timetz", "'12:34:56+05:30'", "'24:00:00-15:59:59'"),
    ("timestamp", "timestamp", "'2026-02-28 12:34:56.5'", "'294276-12-31 23:59:59.999999'"),
    ("timestamptz", "timestamptz", "'2026-02-28 12:34:56+02'", "'-infinity'"),
    ("interval", "interval", "'1 year 2 mons -3 days 04:05:06.7'", "'-178000000 years'"),
    ("jsonb", "jsonb", "'{\"a\": [1, null, \"x\"]}'", "'[]'"),
    ("inet", "inet", "'192.168.1.5/24'", "'::1'"),
    ("macaddr", "macaddr", "'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"),
    ("array", "int4[]", "'{1,NULL,3}'", "'{}'"),
    ("range", "int4range", "'[1,10)'", "'empty'"),
    ("bits", "bit(8)", "'10100101'", "'00000000'"),
    ("mood", "mood", "'happy'", "'so-so'"),
];

fn thirty_types(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    // The settings whose output the library promises.
    db.run(
        "SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3; SET timezone = UTC;
         SET bytea_output = hex; SET client_encoding = UTF8;
         CREATE TYPE mood AS ENUM ('happy', 'so-so')",
    );
    let list = |part: fn(&Column) -> String| COLUMNS.iter().map(part).collect::<Vec<_>>().join(", ");
    db.run(&format!("CREATE TABLE t ({}, PRIMARY KEY (id))", list(|it| format!("\"{}\" {}", it.0, it.1))));
    db.run("ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(&format!("INSERT INTO t VALUES ({})", list(|it| it.2.into())));
    db.run(&format!("INSERT INTO t VALUES ({})", list(|it| it.3.into())));
    db.run("INSERT INTO t (id) VALUES (3)");
    let expected: Vec<Vec<Cell>> = (1..=3).map(|id| row(&mut db, id, format)).collect();
    db.run("UPDATE t SET id = id + 3 WHERE id = 1");
    db.run("DELETE FROM t WHERE id = 2");

    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let mut kept: Vec<Clone> = Vec::new();
    while kept.len() < 5 {
        match stream.next(60_000).unwrap() {
            Next::Event(event) if matches!(event.kind(), Kind::Insert | Kind::Update | Kind::Delete) => {
                if event.kind() != Kind::Delete {
                    assert_eq!(event.copy().new.len(), 30);
                }
                kept.push(Clone::of(event));
            }
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
    // What follows reads copies, which need neither the batches nor the stream.
    drop(stream);
    for (kept, expected) in kept.iter().zip(&expected) {
        assert_eq!(&kept.event().copy().new, expected);
    }
    let (update, delete) = (kept[3].event().copy(), kept[4].event().copy());
    assert_eq!(update.old, expected[0]);
    assert_eq!(update.new[1..], expected[0][1..]);
    assert_ne!(update.new[0], expected[0][0]);
    assert_eq!(delete.old, expected[1]);
    assert!(delete.new.is_empty());

    ordinary_values(kept[0].event());
    edge_values(kept[1].event());
    for column in 1..30 {
        let null = kept[2].event().new_value(column);
        assert_eq!(null.cell(), Cell::Null);
        assert_eq!(null.as_text().unwrap_err().status, Status::WAL_E_NO_VALUE);
        assert_eq!(null.as_bool().unwrap_err().status, Status::WAL_E_NO_VALUE);
    }
}

/// A row as the server's own functions put it: the simple query protocol gives the text of the output functions.
fn row(db: &mut Database<'_>, id: i32, format: Format) -> Vec<Cell> {
    let columns = COLUMNS.map(|(name, ..)| name);
    columns
        .map(|name| {
            if db.text(&format!("SELECT \"{name}\" IS NULL FROM t WHERE id = {id}")) == "t" {
                return Cell::Null;
            }
            if format == Format::Text {
                return Cell::Text(
                    db.text(&format!("SELECT \"{name}\" FROM t WHERE id = {id}")).into_bytes(),
                );
            }
            let send = db.text(&format!(
                "SELECT typsend::regproc FROM pg_type JOIN pg_attribute ON pg_type.oid = atttypid
                 WHERE attrelid = 't'::regclass AND attname = '{name}'"
            ));
            Cell::Binary(unhex(&db.text(&format!("SELECT {send}(\"{name}\") FROM t WHERE id = {id}"))))
        })
        .to_vec()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// Days from 2000-01-01 to 2026-02-28.
const DAYS: i32 = 9555;

fn ordinary_values(event: Event<'_>) {
    let v = |name| -> Value<'_> { event.new_named(name) };
    assert_eq!(v("id").as_int32(), Ok(1));
    assert_eq!(v("bool").as_bool(), Ok(1));
    assert_eq!(v("int2").as_int16(), Ok(-7));
    assert_eq!((v("int2").as_int32(), v("int2").as_int64()), (Ok(-7), Ok(-7)));
    assert_eq!(v("int8").as_int64(), Ok(5_000_000_000));
    assert_eq!(v("int8").as_int32().unwrap_err().status, Status::WAL_E_OUT_OF_RANGE);
    assert_eq!(v("int2").as_uint32().unwrap_err().status, Status::WAL_E_OUT_OF_RANGE);
    assert_eq!(v("oid").as_uint32(), Ok(26));
    assert_eq!(v("xid").as_uint32(), Ok(731));
    assert_eq!(v("float4").as_float32(), Ok(0.1));
    assert_eq!(v("float4").as_float64(), Ok(f64::from(0.1_f32)));
    assert_eq!(v("float8").as_float64(), Ok(0.1));
    assert_eq!(v("text").as_text(), Ok("two\nlines, 😀".as_bytes()));
    assert_eq!(v("varchar").as_text(), Ok(&b"twenty"[..]));
    assert_eq!(v("bpchar").as_text(), Ok(&b"ab   "[..]));
    assert_eq!(v("char").as_text(), Ok(&b"x"[..]));
    assert_eq!(v("name").as_text(), Ok(&b"pg_class"[..]));
    assert_eq!(v("mood").as_text(), Ok(&b"happy"[..]));
    assert_eq!(v("jsonb").as_text(), Ok(&br#"{"a": [1, null, "x"]}"#[..]));
    assert_eq!(v("bytea").as_bytea(), Ok(vec![0x00, 0xff, 0x5c, 0x27]));
    let uuid =
        [0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11];
    assert_eq!(v("uuid").as_uuid(), Ok(uuid));
    assert_eq!(v("date").as_date(), Ok(DAYS));
    let second = 1_000_000_i64;
    assert_eq!(v("time").as_time(), Ok((12 * 3600 + 34 * 60 + 56) * second + 789_012));
    let noon = i64::from(DAYS) * 86_400 * second + (12 * 3600 + 34 * 60 + 56) * second;
    assert_eq!(v("timestamp").as_timestamp(), Ok(noon + second / 2));
    assert_eq!(v("timestamptz").as_timestamptz(), Ok(noon - 2 * 3600 * second));
    // An accessor of another type is refused, whatever the bytes look like.
    assert_eq!(v("text").as_int32().unwrap_err().status, Status::WAL_E_TYPE);
    assert_eq!(v("id").as_date().unwrap_err().status, Status::WAL_E_TYPE);
    assert_eq!(v("timestamp").as_timestamptz().unwrap_err().status, Status::WAL_E_TYPE);
    assert_eq!(v("numeric").as_float64().unwrap_err().status, Status::WAL_E_TYPE);
}

fn edge_values(event: Event<'_>) {
    let v = |name| -> Value<'_> { event.new_named(name) };
    assert_eq!(v("bool").as_bool(), Ok(0));
    assert_eq!(v("int2").as_int16(), Ok(i16::MIN));
    assert_eq!(v("int8").as_int64(), Ok(i64::MIN));
    assert_eq!(v("oid").as_uint32(), Ok(u32::MAX));
    assert_eq!(v("oid").as_int32().unwrap_err().status, Status::WAL_E_OUT_OF_RANGE);
    assert_eq!(v("xid").as_int64(), Ok(i64::from(u32::MAX)));
    assert_eq!(v("float4").as_float32(), Ok(f32::NEG_INFINITY));
    assert_eq!(v("float8").as_float64(), Ok(f64::from_bits(1)));
    assert_eq!(v("text").as_text(), Ok(&b""[..]));
    assert_eq!(v("bytea").as_bytea(), Ok(vec![]));
    assert_eq!(v("uuid").as_uuid(), Ok([0xff; 16]));
    assert_eq!(v("date").as_date(), Ok(-2_451_545));
    assert_eq!(v("time").as_time(), Ok(86_400_000_000));
    assert_eq!(v("timestamp").as_timestamp(), Ok(9_223_371_331_199_999_999));
    assert_eq!(v("timestamptz").as_timestamptz(), Ok(i64::MIN));
    assert_eq!(v("name").as_text().unwrap().len(), 63);
}

on_every_version_and_format! { thirty_types }
