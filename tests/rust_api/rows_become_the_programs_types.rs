//! A row of thirty types becomes a struct of the program by serde: the same one from text and from binary, on the oldest and
//! the newest server. So do tuples, maps and newtypes; and what does not fit is refused with an error that names the column
//! and its type, and never shows the value.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::harness::{Database, Format, Server};
use crate::table::{one_thread, within};
use pgwalstream::{ErrorCode, Event, EventKind, Options, Stream};

const TABLE: &str = "
    CREATE TYPE mood AS ENUM ('happy', 'so-so');
    CREATE DOMAIN cents AS int8;
    CREATE TABLE t (
        id int4 PRIMARY KEY, \"bool\" bool, \"int2\" int2, \"int8\" int8, \"oid\" oid, \"xid\" xid, \"float4\" float4,
        \"float8\" float8, \"numeric\" numeric(20, 5), \"text\" text, \"varchar\" varchar(20), \"bpchar\" char(5),
        \"char\" \"char\", \"name\" name, bytea bytea, uuid uuid, date date, time time, timetz timetz, timestamp timestamp,
        timestamptz timestamptz, json json, jsonb jsonb, mood mood, cents cents, \"array\" int4[], inet inet, money money,
        \"interval\" interval, \"range\" int4range);
    CREATE PUBLICATION pub FOR TABLE t";

const ORDINARY: &str = "INSERT INTO t VALUES (
    1, true, -7, 5000000000, 26, '731', 0.1, 0.1, 12345.678, E'two\\nlines, \u{1F600}', 'twenty', 'ab', 'x', 'pg_class',
    '\\x00ff5c27', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-02-28', '12:34:56.789012', '12:34:56+05:30',
    '2026-02-28 12:34:56.5', '2026-02-28 12:34:56+02', '{\"a\": [1, null]}', '{\"n\": 5, \"tags\": [\"x\"]}', 'happy', 99,
    '{1,NULL,3}', '192.168.1.5/24', '-1.50', '1 year', '[1,10)')";

const EDGES: &str = "INSERT INTO t VALUES (
    2, false, -32768, -9223372036854775808, 4294967295, '4294967295', '-Infinity', 5e-324, 'NaN', '', '12345678901234567890',
    '', '', '', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0001-01-01', '23:59:59.999999', '00:00:00-15:59:59',
    '9999-12-31 23:59:59.999999', '0001-01-01 00:00:00+00', 'null', '[]', 'so-so', -1, '{}', '::1', '0', '0', 'empty')";

const NULLS: &str = "INSERT INTO t (id) VALUES (3)";

/// What serde cannot see in a binary value: it says so.
const TEXT_ONLY: [&str; 5] = ["array", "inet", "money", "interval", "range"];

#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    id: i32,
    bool: Option<bool>,
    int2: Option<i16>,
    int8: Option<i64>,
    oid: Option<u32>,
    #[serde(rename = "xid")]
    renamed: Option<u64>,
    float4: Option<f32>,
    float8: Option<f64>,
    numeric: Option<String>,
    text: Option<String>,
    varchar: Option<String>,
    bpchar: Option<String>,
    char: Option<String>,
    name: Option<String>,
    bytea: Option<Vec<u8>>,
    uuid: Option<uuid::Uuid>,
    date: Option<chrono::NaiveDate>,
    time: Option<chrono::NaiveTime>,
    timetz: Option<String>,
    timestamp: Option<chrono::NaiveDateTime>,
    timestamptz: Option<chrono::DateTime<chrono::Utc>>,
    json: Option<serde_json::Value>,
    jsonb: Option<Nested>,
    mood: Option<Mood>,
    cents: Option<Cents>,
    #[serde(default)]
    no_such_column: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Nested {
    Object { n: u8, tags: Vec<String> },
    List(Vec<u8>),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Mood {
    Happy,
    SoSo,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Cents(i64);

/// The same moments as jiff has them.
#[derive(Debug, Deserialize, PartialEq)]
struct Moments {
    date: jiff::civil::Date,
    time: jiff::civil::Time,
    timestamp: jiff::civil::DateTime,
    timestamptz: jiff::Timestamp,
}

struct Read {
    ordinary: Event,
    edges: Event,
    nulls: Event,
}

fn read(db: &mut Database<'_>, format: Format) -> Read {
    db.run(TABLE);
    let slot = db.slot();
    for insert in [ORDINARY, EDGES, NULLS] {
        db.run(insert);
    }
    let mut rows = inserts(&options(db, &slot, format), 3).into_iter();
    let mut next = || rows.next().unwrap();
    Read { ordinary: next(), edges: next(), nulls: next() }
}

fn options(db: &Database<'_>, slot: &str, format: Format) -> Options {
    Options::new().conninfo(db.conninfo()).slot(slot).publication("pub").binary(format == Format::Binary)
}

fn inserts(options: &Options, count: usize) -> Vec<Event> {
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(options)).await.unwrap();
        let mut rows = Vec::new();
        while rows.len() < count {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if event.kind() == EventKind::Insert {
                rows.push(event);
            }
        }
        rows
    })
}

fn structs(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    let read = read(&mut db, format);
    let ordinary: Row = read.ordinary.deserialize_new().unwrap();
    let day = chrono::NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
    assert_eq!(
        ordinary,
        Row {
            id: 1,
            bool: Some(true),
            int2: Some(-7),
            int8: Some(5_000_000_000),
            oid: Some(26),
            renamed: Some(731),
            float4: Some(0.1),
            float8: Some(0.1),
            numeric: Some("12345.67800".into()),
            text: Some("two\nlines, \u{1F600}".into()),
            varchar: Some("twenty".into()),
            bpchar: Some("ab   ".into()),
            char: Some("x".into()),
            name: Some("pg_class".into()),
            bytea: Some(vec![0, 255, 0x5c, 0x27]),
            uuid: Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".parse().unwrap()),
            date: Some(day),
            time: chrono::NaiveTime::from_hms_micro_opt(12, 34, 56, 789_012),
            timetz: Some("12:34:56+05:30".into()),
            timestamp: day.and_hms_milli_opt(12, 34, 56, 500),
            timestamptz: day.and_hms_opt(10, 34, 56).map(|it| it.and_utc()),
            json: Some(serde_json::json!({"a": [1, null]})),
            jsonb: Some(Nested::Object { n: 5, tags: vec!["x".into()] }),
            mood: Some(Mood::Happy),
            cents: Some(Cents(99)),
            no_such_column: 0,
        }
    );
    let edges: Row = read.edges.deserialize_new().unwrap();
    assert_eq!((edges.int2, edges.int8), (Some(i16::MIN), Some(i64::MIN)));
    assert_eq!((edges.oid, edges.renamed), (Some(u32::MAX), Some(u32::MAX.into())));
    assert_eq!((edges.float4, edges.float8), (Some(f32::NEG_INFINITY), Some(f64::from_bits(1))));
    assert_eq!((edges.numeric.as_deref(), edges.text.as_deref()), (Some("NaN"), Some("")));
    assert_eq!((edges.bytea, edges.jsonb), (Some(vec![]), Some(Nested::List(vec![]))));
    assert_eq!((edges.json, edges.mood), (Some(serde_json::Value::Null), Some(Mood::SoSo)));
    assert_eq!(edges.timetz.as_deref(), Some("00:00:00-15:59:59"));
    let nulls: Row = read.nulls.deserialize_new().unwrap();
    assert_eq!((nulls.id, nulls.bool, nulls.text, nulls.json), (3, None, None, None));

    // Without serde, by the readers and conversions: the same.
    let row = read.ordinary.new_row().unwrap();
    let get = |column| row.get(column).unwrap();
    assert_eq!(uuid::Uuid::try_from(get("uuid")).unwrap(), ordinary.uuid.unwrap());
    assert_eq!(chrono::DateTime::try_from(get("timestamptz")).unwrap(), ordinary.timestamptz.unwrap());
    assert_eq!(chrono::NaiveDateTime::try_from(get("timestamp")).unwrap(), ordinary.timestamp.unwrap());
    assert_eq!(chrono::NaiveDate::try_from(get("date")).unwrap(), day);
    assert_eq!(chrono::NaiveTime::try_from(get("time")).unwrap(), ordinary.time.unwrap());
    assert_eq!(get("bytea").as_bytea().unwrap(), ordinary.bytea.unwrap());
    assert_eq!((get("mood").as_str().unwrap(), get("id").as_i32().unwrap()), ("happy", 1));
    for event in [&read.ordinary, &read.edges] {
        let moments: Moments = event.deserialize_new().unwrap();
        let row = event.new_row().unwrap();
        assert_eq!(jiff::Timestamp::try_from(row.get("timestamptz").unwrap()).unwrap(), moments.timestamptz);
        assert_eq!(
            jiff::civil::DateTime::try_from(row.get("timestamp").unwrap()).unwrap(),
            moments.timestamp
        );
        assert_eq!(jiff::civil::Date::try_from(row.get("date").unwrap()).unwrap(), moments.date);
        assert_eq!(jiff::civil::Time::try_from(row.get("time").unwrap()).unwrap(), moments.time);
        let parsed: Row = event.deserialize_new().unwrap();
        assert_eq!(parsed.timestamptz.unwrap().timestamp_micros(), moments.timestamptz.as_microsecond());
    }
    others(&read, format);
    refusals(&read);
}

/// Other shapes than structs.
fn others(read: &Read, format: Format) {
    let row = read.ordinary.new_row().unwrap();
    // One of the columns, others passed over whatever they are.
    #[derive(Debug, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(with = "serde_bytes")]
        bytea: Vec<u8>,
        #[serde(flatten)]
        rest: Rest,
    }
    #[derive(Debug, Deserialize)]
    struct Rest {
        id: i64,
        int8: i64,
    }
    if format == Format::Text {
        let it: Borrowed<'_> = row.deserialize().unwrap();
        assert_eq!(
            (it.text, it.bytea.len(), it.rest.id, it.rest.int8),
            ("two\nlines, \u{1F600}", 4, 1, 5_000_000_000)
        );
        let all: BTreeMap<String, serde_json::Value> = row.deserialize().unwrap_or_default();
        assert!(all.is_empty(), "json has no bytes");
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Text<'a>(#[serde(borrow)] &'a str);
    assert_eq!(row.get("text").unwrap().deserialize::<Text<'_>>().unwrap(), Text("two\nlines, \u{1F600}"));
    for column in TEXT_ONLY {
        let value = row.get(column).unwrap();
        match format {
            Format::Text => {
                assert_eq!(value.deserialize::<&str>().unwrap().as_bytes(), value.bytes().unwrap())
            }
            // What has no text in binary, as money, is refused.
            Format::Binary => match value.format() {
                Ok(text) => assert_eq!(value.deserialize::<String>().unwrap(), text),
                Err(error) => {
                    assert_eq!((column, error.code()), ("money", ErrorCode::Type));
                    assert_eq!(value.deserialize::<String>().unwrap_err().code(), ErrorCode::Type);
                }
            },
        }
    }
    assert_eq!(row.get("jsonb").unwrap().deserialize::<String>().unwrap(), r#"{"n": 5, "tags": ["x"]}"#);
    assert_eq!(row.get("int8").unwrap().deserialize::<i128>().unwrap(), 5_000_000_000);
    assert_eq!(row.get("char").unwrap().deserialize::<char>().unwrap(), 'x');
    assert_eq!(row.iter().count(), 30);
    assert_eq!(row.relation().columns().len(), 30);
}

/// The error of reading a column as a type, which never shows `secret`.
#[track_caller]
fn refused<T: DeserializeOwned + Debug>(event: &Event, column: &str, secret: &str) -> (ErrorCode, String) {
    let error = event.new_row().unwrap().get(column).unwrap().deserialize::<T>().unwrap_err();
    let all = format!("{error} {error:?}");
    assert!(all.contains(&format!("column \"{column}\" (")), "{all}");
    assert!(secret.is_empty() || !all.contains(secret), "{all}");
    (error.code(), all)
}

fn refusals(read: &Read) {
    let (ordinary, edges, nulls) = (&read.ordinary, &read.edges, &read.nulls);
    assert_eq!(refused::<bool>(ordinary, "int8", "5000000000").0, ErrorCode::Type);
    assert_eq!(refused::<i32>(ordinary, "int8", "5000000000").0, ErrorCode::OutOfRange);
    assert_eq!(refused::<u8>(ordinary, "int2", "-7").0, ErrorCode::OutOfRange);
    assert_eq!(refused::<i8>(edges, "int2", "32768").0, ErrorCode::OutOfRange);
    assert_eq!(refused::<f64>(ordinary, "numeric", "12345").0, ErrorCode::Type);
    assert_eq!(refused::<i64>(ordinary, "text", "lines").0, ErrorCode::Type);
    assert_eq!(refused::<String>(nulls, "text", "").0, ErrorCode::NoValue);
    assert_eq!(refused::<Vec<i32>>(ordinary, "array", "{1").0, ErrorCode::NoValue);
    assert_eq!(refused::<Vec<String>>(ordinary, "int8", "5000000000").0, ErrorCode::Type);
    assert_eq!(refused::<char>(ordinary, "text", "lines").0, ErrorCode::OutOfRange);
    #[derive(Debug, Deserialize)]
    enum Other {
        Sad,
    }
    let (code, said) = refused::<Other>(ordinary, "mood", "happy");
    assert!(code == ErrorCode::Type && said.contains("Sad"), "{said}");
    let _ = Other::Sad;
    let (code, said) = refused::<BTreeMap<String, bool>>(ordinary, "jsonb", "tags");
    assert!(code == ErrorCode::Type && said.contains("line 1"), "{said}");
    #[derive(Debug, Deserialize)]
    struct Named {
        #[allow(dead_code, reason = "it is never made")]
        nam: String,
    }
    let missing = ordinary.deserialize_new::<Named>().unwrap_err();
    assert!(missing.message().contains("\"nam\"") && missing.code() == ErrorCode::Type, "{missing:?}");
    let tuple = ordinary.deserialize_new::<(i32, bool)>().unwrap_err();
    assert!(tuple.message().contains("30 columns, and 2"), "{tuple}");
    let none = ordinary.deserialize_old::<Row>().unwrap_err();
    assert_eq!(none.code(), ErrorCode::NoValue);
    assert_eq!(ordinary.new_row().unwrap().get("nam").unwrap_err().code(), ErrorCode::InvalidArgument);
}

/// P19: what the types of others cannot say is an error that says so; a String takes PostgreSQL's own words.
fn times_beyond(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, d date, t timestamp, z timestamptz); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(
        "INSERT INTO t VALUES (1, 'infinity', '-infinity', 'infinity'),
        (2, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC'),
        (3, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00')",
    );
    let texts = [
        ["infinity", "-infinity", "infinity"],
        ["0044-03-15 BC", "0044-03-15 12:00:00 BC", "0044-03-15 12:00:00+00 BC"],
        ["5874897-12-31", "294276-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999+00"],
    ];
    for (at, (event, texts)) in inserts(&options(&db, &slot, format), 3).iter().zip(texts).enumerate() {
        let (_, d, t, z): (i32, String, String, String) = event.deserialize_new().unwrap();
        assert_eq!([d.as_str(), &t, &z], texts);
        for (column, text) in ["d", "t", "z"].into_iter().zip(texts) {
            let (code, said) = refused::<chrono::DateTime<chrono::Utc>>(
                event,
                column,
                text.trim_start_matches("-").replace("infinity", "").as_str(),
            );
            assert!(code == ErrorCode::OutOfRange && said.contains("RFC 3339"), "{said}");
        }
        let row = event.new_row().unwrap();
        let z = chrono::DateTime::<chrono::Utc>::try_from(row.get("z").unwrap());
        let j = jiff::Timestamp::try_from(row.get("z").unwrap());
        let days = chrono::NaiveDate::try_from(row.get("d").unwrap());
        // chrono goes to the year 262142 and knows those before Christ; neither knows infinity.
        assert_eq!(
            (z.is_ok(), j.is_ok(), days.is_ok()),
            [(false, false, false), (true, true, true), (false, false, false)][at]
        );
    }
}

/// Tuples and arrays go by the columns' places.
#[test]
fn by_place() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (a int PRIMARY KEY, b int, c int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1, NULL, 3)");
    let rows = inserts(&options(&db, &slot, Format::Text), 1);
    assert_eq!(rows[0].deserialize_new::<(i64, Option<i8>, String)>().unwrap(), (1, None, "3".into()));
    assert_eq!(rows[0].deserialize_new::<[Option<i32>; 3]>().unwrap(), [Some(1), None, Some(3)]);
    assert_eq!(rows[0].deserialize_new::<Vec<Option<i32>>>().unwrap(), [Some(1), None, Some(3)]);
    let map: BTreeMap<&str, serde_json::Value> = rows[0].deserialize_new().unwrap();
    assert_eq!(serde_json::json!(map), serde_json::json!({"a": 1, "b": null, "c": 3}));
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[allow(dead_code, reason = "it is never made")]
        a: i32,
    }
    let error = rows[0].deserialize_new::<Strict>().unwrap_err();
    assert!(error.message().contains("column \"b\""), "{error}");
}

/// On the oldest and the newest server.
macro_rules! on_both_ends {
    ($($function:ident)*) => { $(
        mod $function {
            use crate::harness::Format::{Binary, Text};

            #[test]
            fn v14_text() { super::$function(14, Text); }
            #[test]
            fn v14_binary() { super::$function(14, Binary); }
            #[test]
            fn v18_text() { super::$function(18, Text); }
            #[test]
            fn v18_binary() { super::$function(18, Binary); }
        }
    )* };
}

on_both_ends! { structs times_beyond }
