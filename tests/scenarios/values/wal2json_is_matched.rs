//! What a renderer writes in the formats `wal2json` and `wal2json2` is what Debian's wal2json writes of the same WAL with format
//! versions 1 and 2 and its defaults, byte for byte.

use super::text_is_the_servers::{Column, SETTINGS, columns, insert, unhex};
use crate::harness::renderer::Renderer;
use crate::harness::{Database, Kind, Next, Options, Server, view};

/// Types with modifiers, and a value.
const MODIFIED: &[(&str, &str)] = &[
    ("varchar(10)", "'a\"b'"),
    ("varchar", "'a'"),
    ("char(3)", "'a'"),
    ("bpchar", "'a'"),
    ("numeric(10,2)", "1.5"),
    ("numeric(5,-2)", "12345"),
    ("numeric(3,5)", "0.00123"),
    ("timestamp(3)", "'2024-02-29 12:00:00.5'"),
    ("timestamptz(0)", "'2024-02-29 12:00:00+00'"),
    ("time(2)", "'12:00:00.25'"),
    ("timetz(1)", "'12:00:00.5+01'"),
    ("interval", "'1 day'"),
    ("interval year", "'1 year'"),
    ("interval day to second(3)", "'1 day 00:00:01.5'"),
    ("interval year to month", "'14 mons'"),
    ("interval hour to minute", "'01:02'"),
    ("interval(2)", "'00:00:01.25'"),
    ("bit(5)", "'10101'"),
    ("bit varying(7)", "'101'"),
    ("\"char\"", "'x'"),
    ("\"char\"[]", "'{x,NULL}'"),
    ("varchar(10)[]", "'{a,\"b c\"}'"),
    ("numeric(8,3)[]", "'{1.5}'"),
    ("timestamp(3)[]", "'{2024-02-29}'"),
    ("float8", "'NaN'"),
    ("float4", "'-Infinity'"),
    ("bytea", "'\\x00ff'"),
    ("json", "E'{\"a\":\\n1}'"),
    ("mood", "'able'"),
    ("other.\"Odd kind\"", "'x'"),
    ("citext", "'A\"b'"),
    ("hstore", "'\"k\"=>\"v\\\"\", \"n\"=>NULL'"),
];

/// What wal2json gives; what was peeked at stays.
fn expected(db: &mut Database<'_>, slot: &str, version: u32) -> Vec<String> {
    let list = db.text(&format!(
        "SELECT string_agg(encode(convert_to(data, 'UTF8'), 'hex'), ',')
         FROM pg_logical_slot_peek_changes('{slot}', NULL, NULL, 'format-version', '{version}')"
    ));
    list.split(',').map(unhex).collect()
}

/// What we give: as many lines in version 2, and the documents of version 1.
fn found(db: &Database<'_>, slot: &str, binary: &str, count: usize) -> (Vec<String>, Vec<String>) {
    let options = Options::stream(&db.conninfo(), slot, "pub").with("messages", "on").with("binary", binary);
    let mut stream = options.open().unwrap();
    let (mut of_lines, mut of_documents) = (Renderer::new("wal2json2", &[]), Renderer::new("wal2json", &[]));
    let (mut lines, mut documents, mut document) = (Vec::new(), Vec::new(), String::new());
    while lines.len() < count {
        match stream.next(60_000).unwrap() {
            Next::Event(event) => {
                lines.extend(of_lines.messages(event));
                document.extend(of_documents.messages(event));
                let is_alone =
                    event.kind() == Kind::Message && event.fields().flags & view::TRANSACTIONAL == 0;
                if is_alone || event.kind() == Kind::Commit {
                    documents.push(std::mem::take(&mut document));
                }
            }
            Next::Nothing(status) => panic!("{status:?} after {} of {count} lines", lines.len()),
        }
    }
    assert_eq!(document, "");
    (lines, documents)
}

fn assert_same(found: &[String], expected: &[String]) {
    for (found, expected) in found.iter().zip(expected) {
        let at = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
        let part = |text: &str| {
            String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(90)..(at + 90).min(text.len())])
                .into_owned()
        };
        assert!(found == expected, "found\n  …{}…\nnot\n  …{}…", part(found), part(expected));
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn both_formats_are_wal2jsons_byte_for_byte() {
    let allowed: &[&str] =
        if Server::debian_lists_plugins() { &["output_plugin_libraries=pgoutput,wal2json"] } else { &[] };
    let server = Server::start_debian(allowed);
    let mut db = server.database();
    db.run(SETTINGS);
    // What binary does not tell stands in a table of its own.
    let (mut every, mut told): (Vec<Column>, Vec<Column>) =
        columns(&mut db).into_iter().partition(|column| column.instead.is_none());
    told.push(Column { sql_type: "mood[]".into(), values: vec!["'{able}'".into()], instead: None });
    let list = |columns: &[Column]| -> String {
        let all = columns.iter().enumerate().map(|(at, column)| format!(", c{at} {}", column.sql_type));
        all.collect()
    };
    let modified = MODIFIED.iter().map(|(of, value)| Column {
        sql_type: (*of).into(),
        values: vec![(*value).into()],
        instead: None,
    });
    every.extend(modified);
    db.run("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('able'); CREATE SCHEMA other; CREATE TYPE other.\"Odd kind\" AS ENUM ('x')");
    db.run(&format!(
        "CREATE TABLE every (id int{}); CREATE TABLE told (id int{})",
        list(&every),
        list(&told)
    ));
    db.run(
        "CREATE TABLE \"Odd \"\"name\" (id int PRIMARY KEY, \"Col \"\"x\" text, big text); CREATE TABLE other.whole (a int, b text);
         ALTER TABLE \"Odd \"\"name\" ALTER big SET STORAGE EXTERNAL; ALTER TABLE other.whole ALTER b SET STORAGE EXTERNAL;
         ALTER TABLE other.whole REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR ALL TABLES",
    );
    let slots = [db.slot(), db.slot()];
    db.run("SELECT pg_create_logical_replication_slot('theirs', 'wal2json')");
    insert(&mut db, "every", &every);
    insert(&mut db, "told", &told);
    db.run(
        "BEGIN; INSERT INTO \"Odd \"\"name\" VALUES (1, E'a\\n\\t\"\\\\\\u0001€', repeat('x', 9000)); UPDATE \"Odd \"\"name\" SET \"Col \"\"x\" = NULL; COMMIT;
         UPDATE \"Odd \"\"name\" SET id = 2; DELETE FROM \"Odd \"\"name\";
         INSERT INTO other.whole VALUES (1, repeat('y', 9000)); UPDATE other.whole SET a = 2; UPDATE other.whole SET b = NULL; DELETE FROM other.whole;
         SELECT pg_logical_emit_message(true, 'p\"', 'inside'); SELECT pg_logical_emit_message(false, 'p', '\\x610062'::bytea);
         TRUNCATE \"Odd \"\"name\", other.whole; INSERT INTO other.whole VALUES (3, 'the last')",
    );
    let wanted = expected(&mut db, "theirs", 2);
    assert!(wanted.len() > 60, "{wanted:?}");
    let (lines, documents) = found(&db, &slots[0], "off", wanted.len());
    assert_same(&lines, &wanted);
    // It writes a comma before a message outside a transaction that follows one with two changes.
    let wanted_documents: Vec<String> = expected(&mut db, "theirs", 1)
        .into_iter()
        .map(|document| document.replace("\"change\":[,{", "\"change\":[{"))
        .collect();
    assert_same(&documents, &wanted_documents);
    let is_told = |line: &&String| line.contains("\"table\":\"told\"");
    let (binary, documents) = found(&db, &slots[1], "on", wanted.len());
    let but_told = |lines: &[String]| lines.iter().filter(|line| !is_told(line)).cloned().collect::<Vec<_>>();
    assert_same(&but_told(&binary), &but_told(&wanted));
    assert_same(&but_told(&documents), &but_told(&wanted_documents));
}
