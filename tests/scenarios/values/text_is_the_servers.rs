//! What wal_value_format writes is what the server's output function writes (`format('%s', x)`), from text and from binary: two
//! slots over the same WAL, for every type of pg_type and for domains over them. A type that is in neither list below fails.
//! And what has parts comes apart, and its parts put together are the server's text again.

use std::collections::BTreeMap;

use super::samples::{EXCEPTIONS, Instead, SAMPLES};
use crate::harness::parts::{put_together, take_apart};
use crate::harness::view::{Event, Value};
use crate::harness::{Cell, Database, Format, Kind, Next, Options, Server};
use pgwalstream::error::Status;

/// The settings that the library promises.
pub const SETTINGS: &str =
    "SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3; SET timezone = UTC;
    SET bytea_output = hex; SET lc_monetary = 'C'; SET client_encoding = UTF8; SET search_path = public";

/// What the column of a table holds.
#[derive(Clone, Debug)]
pub struct Column {
    pub sql_type: String,
    pub values: Vec<String>,
    /// What there is instead of the text in binary.
    pub instead: Option<Instead>,
}

/// A table, its columns, and what the server writes of each, row by row.
type Table<'a> = (&'a str, &'a [Column], &'a [Vec<Option<String>>]);

/// A column for each type that the server has. Panics for a type that nobody thought of.
pub fn columns(db: &mut Database<'_>) -> Vec<Column> {
    let list = db.text(
        "SELECT string_agg(concat_ws('|', typname, CASE WHEN typcategory = 'A' AND typname ~ '^_' THEN typelem::regtype::oid ELSE 0 END,
             (SELECT typname FROM pg_type e WHERE e.oid = t.typelem), typtype), ',' ORDER BY oid)
         FROM pg_type t WHERE typtype IN ('b', 'r', 'm', 'c') AND oid < 10000",
    );
    let samples: BTreeMap<&str, &[&str]> = SAMPLES.iter().copied().collect();
    let mut columns = Vec::new();
    let quoted = |value: &str| format!("'{}'", value.replace('\'', "''"));
    for entry in list.split(',') {
        let mut parts = entry.split('|');
        let (name, element_oid, element) =
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let is_array = element_oid != "0";
        let of = if is_array { element } else { name };
        let exception = EXCEPTIONS.iter().find(|exception| exception.0 == name || exception.0 == of);
        let values: Vec<&str> = match (samples.get(of), exception) {
            (_, Some((.., Instead::NoValue, _))) => continue,
            (Some(values), None) => values.to_vec(),
            (None, Some((_, value, ..))) => vec![value],
            (Some(_), Some(_)) => panic!("{of} is in both lists"),
            (None, None) => panic!("the type {name} is in neither list: say how it looks, or why it cannot"),
        };
        let instead = exception.map(|exception| exception.2);
        let quote = |value: &&str| format!("{}::pg_catalog.\"{of}\"", quoted(value));
        let values = if is_array {
            let all: Vec<String> = values.iter().map(quote).collect();
            let all = all.join(", ");
            let first = quote(&values[0]);
            let of = format!("pg_catalog.\"{of}\"[]");
            let bound = format!("array_fill({first}, ARRAY[2, 1, 2], ARRAY[-1, 0, 5])");
            vec![
                format!("'{{}}'::{of}"),
                format!("ARRAY[{all}]"),
                format!("ARRAY[NULL, {first}, NULL]::{of}"),
                format!("ARRAY[ARRAY[{first}, NULL], ARRAY[NULL, {first}]]"),
                bound,
            ]
        } else {
            values.iter().map(quote).collect()
        };
        let sql_type =
            if is_array { format!("pg_catalog.\"{of}\"[]") } else { format!("pg_catalog.\"{of}\"") };
        columns.push(Column { sql_type, values, instead });
    }
    columns
}

/// Fills a table, and gives what the server writes of each column, row by row.
fn fill(db: &mut Database<'_>, table: &str, columns: &[Column]) -> Vec<Vec<Option<String>>> {
    insert(db, table, columns);
    (0..columns.len()).map(|at| expected(db, table, at, &columns[at])).collect()
}

/// Fills a table, a row for each value.
pub fn insert(db: &mut Database<'_>, table: &str, columns: &[Column]) {
    let rows = columns.iter().map(|column| column.values.len()).max().unwrap();
    for row in 0..rows {
        let values: Vec<&str> =
            columns.iter().map(|it| it.values.get(row).map_or("NULL", String::as_str)).collect();
        db.run(&format!("INSERT INTO {table} VALUES ({row}, {})", values.join(", ")));
    }
}

/// The server's own text of a column. Or the OIDs in its place.
fn expected(db: &mut Database<'_>, table: &str, at: usize, column: &Column) -> Vec<Option<String>> {
    let sql_type = &column.sql_type;
    let cast = match (column.instead, sql_type.ends_with("[]")) {
        (Some(Instead::Oid), true) => format!("c{at}::{sql_type}::oid[]"),
        (Some(Instead::Oid), false) => format!("c{at}::{sql_type}::oid"),
        _ => format!("c{at}"),
    };
    let list = db.text(&format!(
        "SELECT string_agg(CASE WHEN c{at} IS NULL THEN 'null' ELSE encode(convert_to(format('%s', {cast}), 'UTF8'), 'hex') END, ',' ORDER BY id)
         FROM {table}"
    ));
    list.split(',').map(|text| (text != "null").then(|| unhex(text))).collect()
}

pub fn unhex(digits: &str) -> String {
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

/// Reads so many rows, and holds each value against the server's text.
fn compare(db: &Database<'_>, slot: &str, format: Format, tables: &[Table<'_>]) -> usize {
    let options = Options::stream(&db.conninfo(), slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let mut left: usize = tables.iter().map(|table| table.2[0].len()).sum();
    let mut compared = 0;
    while left > 0 {
        match stream.next(60_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Insert => {
                left -= 1;
                let name = event.relation().full_name();
                let table = tables.iter().find(|table| format!("public.{}", table.0) == name).unwrap();
                compared += compare_row(event, table.1, table.2);
            }
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
    compared
}

fn compare_row(event: Event<'_>, columns: &[Column], expected: &[Vec<Option<String>>]) -> usize {
    let row = event.new_value(0).as_int32().unwrap() as usize;
    let mut compared = 0;
    for (at, (column, expected)) in columns.iter().zip(expected).enumerate() {
        let value = event.new_value(at as u32 + 1);
        let text = value.format();
        let place = || format!("{} in row {row}, {:?}", column.sql_type, value.cell());
        let has_parts = has_parts(value, &column.sql_type);
        if let Some(expected) = expected[row].as_ref().filter(|_| has_parts) {
            let together = put_together(value, 0);
            match (value.cell(), column.instead) {
                (Cell::Binary(_), Some(Instead::Refused)) if expected != "{}" => {
                    assert_eq!(together.unwrap_err().status, Status::WAL_E_TYPE, "{}", place());
                }
                (Cell::Text(_), Some(_)) => {
                    assert_eq!(together.unwrap().as_bytes(), value.bytes(), "{}", place())
                }
                _ => assert_eq!(together.as_ref(), Ok(expected), "{}", place()),
            }
        }
        match (&expected[row], value.cell(), column.instead) {
            (None, ..) => assert_eq!(text.unwrap_err().status, Status::WAL_E_NO_VALUE, "{}", place()),
            // An array without any of them has a text.
            (Some(expected), Cell::Binary(_), Some(Instead::Refused)) if expected != "{}" => {
                assert_eq!(text.unwrap_err().status, Status::WAL_E_TYPE, "{}", place());
            }
            (Some(_), Cell::Text(_), Some(_)) => {
                assert_eq!(text.unwrap().as_bytes(), value.bytes(), "{}", place())
            }
            (Some(expected), ..) => {
                assert_eq!(
                    text.as_ref().unwrap_or_else(|error| panic!("{}: {error:?}", place())),
                    expected,
                    "{}",
                    place()
                );
                compared += 1;
            }
        }
    }
    compared
}

/// Whether a type has parts, which must then come apart; what has none must not.
fn has_parts(value: Value<'_>, sql_type: &str) -> bool {
    let name = sql_type.trim_start_matches("pg_catalog.").replace('"', "");
    let has = name.ends_with("[]")
        || name.ends_with("range")
        || matches!(
            &*name,
            "int2vector" | "oidvector" | "path" | "polygon" | "lseg" | "box" | "line" | "circle" | "tsvector"
        );
    match (take_apart(value, 0).map(drop), value.cell()) {
        (Ok(()), _) => assert!(has, "{sql_type} comes apart"),
        (Err(error), Cell::Null) => assert_eq!(error.status, Status::WAL_E_NO_VALUE, "{sql_type}"),
        (Err(error), _) => {
            assert!(!has && error.status == Status::WAL_E_TYPE, "{sql_type} does not come apart: {error:?}")
        }
    }
    has
}

fn every_type_is_written_as_the_server_does(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(SETTINGS);
    let columns = columns(&mut db);
    let list = |name: fn(usize, &Column) -> String| -> String {
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("c{at} {}", name(at, column)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    db.run(&format!("CREATE TABLE t (id int, {})", list(|_, column| column.sql_type.clone())));
    for (at, column) in columns.iter().enumerate() {
        db.run(&format!("CREATE DOMAIN d{at} AS {}", column.sql_type));
    }
    db.run(&format!("CREATE TABLE d (id int, {})", list(|at, _| format!("d{at}"))));
    db.run("CREATE PUBLICATION pub FOR TABLE t, d");
    let slots = [(db.slot(), Format::Text), (db.slot(), Format::Binary)];
    let plain = fill(&mut db, "t", &columns);
    let domains = fill(&mut db, "d", &columns);
    assert_eq!(plain, domains);
    for (slot, format) in &slots {
        let compared = compare(&db, slot, *format, &[("t", &columns, &plain), ("d", &columns, &domains)]);
        assert!(compared > 1000, "{compared} values of {} types in {format:?}", columns.len());
    }
}

/// All powers of two and of ten, and whatever comes at random.
fn numbers_and_times_are_written_as_the_server_does(version: u32, rows: u32) {
    let mut db = Server::shared(version).database();
    db.run(SETTINGS);
    let types = [
        "float8",
        "float8",
        "float4",
        "numeric",
        "interval",
        "timestamp",
        "date",
        "timetz",
        "inet",
        "varbit",
        "float8",
        "float4",
    ];
    let column = |name: &&str| Column { sql_type: (*name).to_owned(), values: Vec::new(), instead: None };
    let columns: Vec<Column> = types.iter().map(column).collect();
    let list: Vec<String> = types.iter().enumerate().map(|(at, name)| format!("c{at} {name}")).collect();
    db.run(&format!("CREATE TABLE r (id int, {}); CREATE PUBLICATION pub FOR TABLE r", list.join(", ")));
    let slots = [(db.slot(), Format::Text), (db.slot(), Format::Binary)];
    db.run(&format!(
        "SELECT setseed(0.5);
         INSERT INTO r SELECT n,
             CASE WHEN n < 2098 THEN 2::float8 ^ (n - 1074) ELSE random() END, ('1e' || (n % 632 - 323))::float8,
             ((random() * 2 - 1) * 10::float8 ^ (random() * 70 - 36))::float4,
             ((random() - 0.5)::numeric * 10::numeric ^ (n % 60 - 30))::numeric,
             make_interval((random() * 200 - 100)::int, (random() * 40 - 20)::int, 0, (random() * 400 - 200)::int, 0, 0, random() * 2e5 - 1e5),
             timestamp '2000-01-01' + (random() * 2e5 - 1e5) * interval '1 day 0.000001 s', date '2000-01-01' + (random() * 3e6 - 7e5)::int,
             (lpad((n % 24)::text, 2, '0') || ':01:02.' || n || '+' || lpad((n % 16)::text, 2, '0') || ':30')::timetz,
             (concat_ws(':', VARIADIC ARRAY(SELECT to_hex(CASE WHEN random() < 0.5 THEN 0 ELSE (random() * 65535)::int END) FROM generate_series(1, 8) WHERE n >= 0))
                 || '/' || n % 129)::inet,
             (n * 7919)::bit(40)::varbit, (random() * 2 - 1) * 10::float8 ^ (random() * 600 - 300),
             CASE WHEN n < 277 THEN (2::float8 ^ (n - 149))::float4 ELSE n::float4 * 1.7 END
         FROM generate_series(0, {rows} - 1) n"
    ));
    let expected: Vec<Vec<Option<String>>> =
        (0..types.len()).map(|at| expected(&mut db, "r", at, &columns[at])).collect();
    for (slot, format) in &slots {
        assert_eq!(compare(&db, slot, *format, &[("r", &columns, &expected)]), types.len() * rows as usize);
    }
}

on_every_version! { every_type_is_written_as_the_server_does }
on_versions! { numbers_and_times_are_written_as_the_server_does
    v18 (18, 2200); v14 (14, 2200), v15 (15, 2200), v16 (16, 2200), v17 (17, 2200), v18_more (18, 20000)
}
