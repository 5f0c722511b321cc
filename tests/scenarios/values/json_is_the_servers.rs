//! What a renderer writes of a value is what the server's `to_json(x)` gives, from text and from binary: two slots over the same WAL,
//! for every type of pg_type and for domains over them. What differs stands in one list, and a type that is nowhere fails.

use super::samples::Instead;
use super::text_is_the_servers::{Column, SETTINGS, columns, insert, unhex};
use crate::harness::renderer::Renderer;
use crate::harness::stream::Clone;
use crate::harness::{Database, Format, Kind, Next, Options, Server, Stream};

/// The server's JSON of a column, row by row.
fn expected(db: &mut Database<'_>, table: &str, at: usize, json: &str) -> Vec<String> {
    let list = db.text(&format!(
        "SELECT string_agg(CASE WHEN c{at} IS NULL THEN 'null' ELSE encode(convert_to(({json})::text, 'UTF8'), 'hex') END, ',' ORDER BY id)
         FROM {table}"
    ));
    list.split(',').map(|text| if text == "null" { text.to_owned() } else { unhex(text) }).collect()
}

/// What stands for a column's value: `to_json()`, but for the exceptions in binary.
fn json(at: usize, column: &Column, format: Format) -> String {
    let (of, is_array) = (&column.sql_type, column.sql_type.ends_with("[]"));
    match (format, column.instead) {
        (Format::Binary, Some(Instead::Oid)) if is_array => format!("to_json(c{at}::{of}::oid[])"),
        (Format::Binary, Some(Instead::Oid)) => format!("to_json(c{at}::{of}::oid)"),
        // Of each element the bytes.
        (Format::Binary, Some(Instead::Refused)) if is_array => format!(
            "regexp_replace(to_json(c{at})::text, '\"[^\"]*\"', '{{\"$binary\":\"' || encode(cash_send('-12.34'), 'hex') || '\"}}', 'g')"
        ),
        (Format::Binary, Some(Instead::Refused)) => {
            format!("'{{\"$binary\":\"' || encode(cash_send(c{at}), 'hex') || '\"}}'")
        }
        _ => format!("to_json(c{at})"),
    }
}

/// The rows of a table as objects.
fn rows(db: &mut Database<'_>, table: &str, columns: &[Column], format: Format) -> Vec<String> {
    let all: Vec<Vec<String>> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| expected(db, table, at, &json(at, column, format)))
        .collect();
    let object = |row: usize| {
        let members = all.iter().enumerate().map(|(at, values)| format!(",\"c{at}\":{}", values[row]));
        format!("{{\"id\":{row}{}}}", members.collect::<String>())
    };
    (0..all[0].len()).map(object).collect()
}

/// The next change.
fn change(stream: &mut Stream) -> Clone {
    loop {
        match stream.next(60_000).unwrap() {
            Next::Event(event) if matches!(event.kind(), Kind::Insert | Kind::Update | Kind::Delete) => {
                return Clone::of(event);
            }
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

/// What is behind `"new":` in a line.
fn new_row(line: &str) -> &str {
    line.split_once(",\"new\":")
        .unwrap_or_else(|| panic!("no new row in {line}"))
        .1
        .strip_suffix('}')
        .unwrap()
}

/// Reads the rows of a table, and holds each against what is expected.
fn compare(stream: &mut Stream, renderer: &mut Renderer, table: &str, expected: &[String]) {
    for row in expected {
        let (line, topic) = renderer.message(change(stream).event());
        assert_eq!(topic.as_deref(), Some(&*format!("public.{table}")));
        assert!(line.contains(&format!(",\"schema\":\"public\",\"table\":\"{table}\"")), "{line}");
        let found = new_row(&line);
        if found != row {
            let at = found.bytes().zip(row.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                let bytes = &text.as_bytes()[at.saturating_sub(60)..(at + 60).min(text.len())];
                String::from_utf8_lossy(bytes).into_owned()
            };
            panic!("{table}: found\n  …{}…\nnot\n  …{}…", part(found), part(row));
        }
    }
}

fn every_type_is_rendered_as_the_server_does(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(SETTINGS);
    let columns = columns(&mut db);
    let list = |name: &dyn Fn(usize, &Column) -> String| -> String {
        let all = columns.iter().enumerate().map(|(at, column)| format!("c{at} {}", name(at, column)));
        all.collect::<Vec<_>>().join(", ")
    };
    db.run(&format!("CREATE TABLE t (id int, {})", list(&|_, column| column.sql_type.clone())));
    for (at, column) in columns.iter().enumerate() {
        db.run(&format!("CREATE DOMAIN d{at} AS {}", column.sql_type));
    }
    db.run(&format!("CREATE TABLE d (id int, {})", list(&|at, _| format!("d{at}"))));
    db.run("CREATE PUBLICATION pub FOR TABLE t, d");
    let slots = [(db.slot(), Format::Text), (db.slot(), Format::Binary)];
    insert(&mut db, "t", &columns);
    insert(&mut db, "d", &columns);
    for (slot, format) in &slots {
        let wanted = rows(&mut db, "t", &columns, *format);
        assert!(wanted.len() > 10 && columns.len() > 140, "{} columns", columns.len());
        let options = Options::stream(&db.conninfo(), slot, "pub").with("binary", format.option());
        let (mut stream, mut renderer) = (options.open().unwrap(), Renderer::new("json", &[]));
        compare(&mut stream, &mut renderer, "t", &wanted);
        // to_json() looks through a domain too.
        compare(&mut stream, &mut renderer, "d", &wanted);
    }
}

/// What a user makes, and what extensions bring: all that the stream tells of it is a name.
fn types_that_the_stream_only_names(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(SETTINGS);
    db.run(
        "CREATE TYPE mood AS ENUM ('able', 'q\"uote'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN d_mood AS mood;
         CREATE DOMAIN d_json AS json; CREATE EXTENSION ltree; CREATE EXTENSION citext; CREATE EXTENSION hstore;
         CREATE TABLE t (id int, c0 mood, c1 d_mood, c2 ltree, c3 citext, c4 json, c5 d_json, c6 xml, c7 hstore, c8 pair, c9 mood[]);
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.run(
        "INSERT INTO t VALUES (0, 'q\"uote', 'able', 'a.b', 'A\"b', E'{\"a\":\\n 1,\\r\\n\"b\\\\n\":[2]}', E'[1,\\n2]', E'<a>\\n</a>',
             '\"k\"=>\"v\\\"\", \"n\"=>NULL', '(1,\"x y\")', '{able,\"q\\\"uote\"}')",
    );
    let mut wanted = vec!["0".to_owned()];
    for at in 0..8 {
        wanted.push(expected(&mut db, "t", at, &format!("to_json(c{at})")).remove(0));
    }
    // A document keeps its spaces, and its lines become one.
    for at in [5, 6] {
        assert!(wanted[at].contains('\n'));
        wanted[at] = wanted[at].replace(['\n', '\r'], " ");
    }
    let hex = |db: &mut Database<'_>, sql: &str| db.text(&format!("SELECT encode({sql}, 'hex') FROM t"));
    wanted.extend(match format {
        Format::Text => ["\"(1,\\\"x y\\\")\"".to_owned(), "\"{able,\\\"q\\\\\\\"uote\\\"}\"".to_owned()],
        Format::Binary => ["record_send(c8)", "array_send(c9)"]
            .map(|sql| format!("{{\"$binary\":\"{}\"}}", hex(&mut db, sql))),
    });
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let line = Renderer::new("json", &[]).line(change(&mut options.open().unwrap()).event());
    let members = wanted[1..].iter().enumerate().map(|(at, value)| format!(",\"c{at}\":{value}"));
    assert_eq!(new_row(&line), format!("{{\"id\":0{}}}", members.collect::<String>()));
}

/// Big numbers, bytes, unchanged values, and the old row.
fn options_change_what_they_say(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, i8 bigint, n numeric, f real, b bytea, a bigint[], \"U\u{2028}\" text, big text, other text);
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; ALTER TABLE t ALTER other SET STORAGE EXTERNAL;
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.run(
        "INSERT INTO t VALUES (1, 9007199254740993, 1.50, 0.5, '\\x00ff', '{1,-9007199254740992,NULL}', U&'\\2028', repeat('x', 9000), repeat('y', 9000));
         UPDATE t SET f = 'NaN'; ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET other = 'z'; DELETE FROM t",
    );
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let [insert, update, full, delete] = std::array::from_fn(|_| change(&mut stream));
    let line = |set: &[(&str, &str)], of: &Clone| Renderer::new("json", set).line(of.event());
    let starts =
        |line: &str, wanted: &str| assert!(new_row(line).starts_with(wanted), "{line}\nnot {wanted}");

    starts(
        &line(&[], &insert),
        "{\"id\":1,\"i8\":9007199254740993,\"n\":1.50,\"f\":0.5,\"b\":\"\\\\x00ff\",\"a\":[1,-9007199254740992,null],\"U\u{2028}\":\"\u{2028}\",\"big\":\"xxx",
    );
    starts(
        &line(&[("numbers", "js"), ("bytes", "base64"), ("line_separators", "escaped")], &insert),
        "{\"id\":1,\"i8\":\"9007199254740993\",\"n\":\"1.50\",\"f\":0.5,\"b\":\"AP8=\",\"a\":[1,\"-9007199254740992\",null],\"U\\u2028\":\"\\u2028\",",
    );
    starts(
        &line(&[("numbers", "string")], &insert),
        "{\"id\":\"1\",\"i8\":\"9007199254740993\",\"n\":\"1.50\",\"f\":\"0.5\",\"b\":\"\\\\x00ff\",\"a\":[\"1\",\"-9007199254740992\",null],",
    );
    // A large value that was not touched is not there, and never null without a mark.
    let listed = "\"f\":\"NaN\",\"b\":\"\\\\x00ff\",\"a\":[1,-9007199254740992,null],\"U\u{2028}\":\"\u{2028}\"},\"unchanged\":[\"big\",\"other\"]}";
    assert!(line(&[], &update).ends_with(listed), "{}", line(&[], &update));
    let omitted = line(&[("unchanged", "omit")], &update);
    assert!(omitted.ends_with("\"U\u{2028}\":\"\u{2028}\"}}"), "{omitted}");
    let nulls = line(&[("unchanged", "null")], &update);
    assert!(nulls.ends_with(",\"big\":null,\"other\":null},\"unchanged\":[\"big\",\"other\"]}"), "{nulls}");
    // The full old row has it.
    let full = line(&[], &full);
    let x = "x".repeat(9000);
    assert!(
        full.contains(",\"old\":{\"id\":1,")
            && full.ends_with(&format!("\"big\":\"{x}\",\"other\":\"z\"}}}}")),
        "{full}"
    );
    let delete = line(&[], &delete);
    assert!(
        delete.contains(",\"old\":{\"id\":1,")
            && !delete.contains("\"new\"")
            && delete.ends_with("\"other\":\"z\"}}")
    );
}

on_every_version! { every_type_is_rendered_as_the_server_does }
on_every_version_and_format! { types_that_the_stream_only_names options_change_what_they_say }
