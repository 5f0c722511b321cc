//! Size changes nothing: a transaction of 200,000 rows, a value of 300 MB, a row of 1,600 columns.
//!
//! P23: a large value costs no second copy, its neighbours stay right, and what the server itself cannot send (a row
//! over 1 GB) is an error that says so, not a stream that tries for ever.

use crate::harness::{Cell, Format, Kind, Next, Options, Server};
use pgwalstream::error::Status;

const ROWS: u64 = 200_000;

fn two_hundred_thousand_rows(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text, w bigint); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(&format!("INSERT INTO t SELECT g, 'row ' || g, g::bigint * g FROM generate_series(1, {ROWS}) g"));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let stream = options.open().unwrap();
    let (mut rows, mut acked) = (0, 0);
    let mut commit_lsn = 0;
    while acked == 0 {
        let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?} after {rows} rows"));
        for event in batch.events() {
            let fields = event.fields();
            match event.kind() {
                Kind::Begin => commit_lsn = fields.commit_lsn,
                Kind::Insert => {
                    assert_eq!((fields.sequence, fields.commit_lsn), (rows, commit_lsn));
                    rows += 1;
                    assert_eq!(event.new_value(0).as_int64(), Ok(rows as i64));
                    assert_eq!(event.new_value(1).as_text(), Ok(format!("row {rows}").as_bytes()));
                    assert_eq!(event.new_value(2).as_int64(), Ok((rows * rows) as i64));
                }
                Kind::Commit => acked = fields.ack_lsn,
                Kind::Relation | Kind::Progress => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(batch.ack_lsn(), acked, "only a commit can be acknowledged");
        // Freed with the connection still open, so that the next can use its memory.
        drop(batch);
    }
    assert_eq!(rows, ROWS);
    stream.ack(acked).unwrap();
    stream.flush(10_000).unwrap();
    assert_eq!(stream.stats().acked_lsn, acked);
}

on_every_version_and_format! { two_hundred_thousand_rows }

const BIG: usize = 300_000_000;

/// Three rows: a small one, one with a value of 300 MB between two small ones, and a small one.
fn p23_a_value_of_300_mb(format: Format) {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, before text, big text, after text);
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.script(&format!(
        "INSERT INTO t VALUES (1, 'a', 'small', 'b');
         INSERT INTO t VALUES (2, 'c', repeat('0123456789abcde', {BIG} / 15), 'd');
         INSERT INTO t VALUES (3, 'e', 'small again', 'f')"
    ));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let mut ids = Vec::new();
    while ids.len() < 3 {
        let Next::Event(event) = stream.next(120_000).unwrap() else { panic!("nothing after {ids:?}") };
        if event.kind() != Kind::Insert {
            continue;
        }
        let id = event.new_value(0).as_int32().unwrap();
        let neighbours = (event.new_value(1).as_text().unwrap(), event.new_value(3).as_text().unwrap());
        let big = event.new_value(2).as_text().unwrap();
        match id {
            1 => assert_eq!((neighbours, big), ((&b"a"[..], &b"b"[..]), &b"small"[..])),
            2 => {
                assert_eq!(neighbours, (&b"c"[..], &b"d"[..]));
                assert_eq!(big.len(), BIG);
                // The buffer grew on the way: every part must be in its place.
                assert!(big.chunks(15).all(|part| part == b"0123456789abcde"));
            }
            _ => assert_eq!((neighbours, big), ((&b"e"[..], &b"f"[..]), &b"small again"[..])),
        }
        ids.push(id);
    }
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn p23_a_value_of_300_mb_in_text() {
    p23_a_value_of_300_mb(Format::Text);
}

#[test]
#[ignore = "script/test --long matrix"]
fn p23_a_value_of_300_mb_in_binary() {
    p23_a_value_of_300_mb(Format::Binary);
}

/// bytea doubles in text: 540 MB of it do not fit the server's own limit of 1 GB.
#[test]
#[ignore = "script/test --long matrix"]
fn p23_what_the_server_cannot_send_is_an_error_that_does_not_pass() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, big bytea);
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.script(
        "INSERT INTO t VALUES (1, 'fits');
         INSERT INTO t VALUES (2, convert_to(repeat('x', 540000000), 'SQL_ASCII'))",
    );
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let (seen, failure) = stream.read_to_error();
    assert!(seen.iter().any(|event| event.line.contains("id=1")), "what came before is delivered");
    assert_eq!((failure.status, failure.sqlstate.as_str()), (Status::WAL_E_SERVER, "XX000"), "{failure:?}");
    assert!(failure.message.contains("invalid memory alloc request size"), "{failure:?}");
    assert!(!failure.is_retriable && failure.is_fatal && !failure.hint.is_empty(), "{failure:?}");
}

/// The most columns that PostgreSQL allows, in a text and in a binary stream.
#[test]
fn sixteen_hundred_columns() {
    let mut db = Server::shared(18).database();
    let columns: Vec<String> = (0..1600).map(|at| format!("c{at} int2")).collect();
    db.run(&format!("CREATE TABLE wide ({}); CREATE PUBLICATION pub FOR TABLE wide", columns.join(", ")));
    let slots = [(Format::Text, db.slot()), (Format::Binary, db.slot())];
    // Every seventh is NULL; enough rows that they do not fit one batch.
    let row = |row: i64| -> Vec<Option<i64>> {
        (0..1600).map(|at| (at % 7 != 3).then_some((row * 31 + at) % 30_000 - 9_999)).collect()
    };
    for number in 0..50 {
        let values: Vec<String> =
            row(number).iter().map(|value| value.map_or("NULL".into(), |value| value.to_string())).collect();
        db.run(&format!("INSERT INTO wide VALUES ({})", values.join(", ")));
    }
    for (format, slot) in slots {
        let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
        let mut stream = options.with("batch_bytes", "4kB").open().unwrap();
        let mut rows = 0;
        while rows < 50 {
            let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing after {rows}") };
            if event.kind() != Kind::Insert {
                continue;
            }
            assert_eq!(event.fields().n_new, 1600);
            for (at, expected) in row(rows).into_iter().enumerate() {
                let value = event.new_value(at as u32);
                match expected {
                    Some(expected) => assert_eq!(value.as_int64(), Ok(expected), "row {rows}, column {at}"),
                    None => assert_eq!(value.cell(), Cell::Null, "row {rows}, column {at}"),
                }
            }
            let named = event.new_named("c1599").as_int64().ok();
            assert_eq!(named, row(rows)[1599]);
            rows += 1;
        }
    }
}
