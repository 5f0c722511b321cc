//! The statements of the format `sql`, run in another database, make the same rows there; and what is not committed is refused.

use super::text_is_the_servers::{Column, SETTINGS, columns, insert};
use crate::harness::renderer::Renderer;
use crate::harness::{Database, Format, Kind, Next, Options, Server};
use pgwalstream::batch::EventKind;
use pgwalstream::error::Status;

/// Runs what comes in the copy, until so many transactions are there.
fn apply(db: &Database<'_>, slot: &str, format: Format, transactions: usize, copy: &mut Database<'_>) {
    let options = Options::stream(&db.conninfo(), slot, "pub").with("binary", format.option());
    let (mut stream, mut renderer) = (options.open().unwrap(), Renderer::new("sql", &[]));
    let (mut script, mut seen) = (String::new(), 0);
    while seen < transactions {
        match stream.next(60_000).unwrap() {
            Next::Event(event) => {
                for statement in renderer.messages(event) {
                    script.push_str(&statement);
                    script.push('\n');
                }
                seen += usize::from(event.kind() == Kind::Commit);
            }
            Next::Nothing(status) => panic!("{status:?} after {seen} of {transactions}"),
        }
    }
    // Without the script in what is said of an error.
    if let Err(error) = copy.sql.batch_execute(&script) {
        panic!("{error:?}");
    }
}

/// All rows of a table, as text.
fn rows(db: &mut Database<'_>, table: &str) -> String {
    db.text(&format!("SELECT count(*) || E'\\n' || coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t"))
}

fn every_row_is_the_same_in_the_copy(version: u32, format: Format) {
    let server = Server::shared(version);
    let (mut db, mut copy) = (server.database(), server.database());
    let every: Vec<Column> = {
        db.run(SETTINGS);
        copy.run(SETTINGS);
        columns(&mut db).into_iter().filter(|column| column.instead.is_none()).collect()
    };
    let types: Vec<String> =
        every.iter().enumerate().map(|(at, column)| format!("c{at} {}", column.sql_type)).collect();
    let tables = format!(
        "CREATE TABLE every (id int, {types});
         CREATE TABLE keyed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \"Odd \"\"name\" text, big text);
         ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
         CREATE TABLE moved (id int PRIMARY KEY, v text);
         CREATE TABLE whole (a int, b text, c bool, d char(5), e inet, f float8);
         CREATE TABLE gone (a int); ALTER TABLE whole REPLICA IDENTITY FULL; ALTER TABLE every REPLICA IDENTITY FULL",
        types = types.join(", ")
    );
    db.run(&tables);
    copy.run(&tables);
    db.run("CREATE PUBLICATION pub FOR ALL TABLES");
    let slot = db.slot();
    insert(&mut db, "every", &every);
    let inserted: usize = db.text("SELECT count(*) FROM every").parse().unwrap();
    db.run(
        "BEGIN; INSERT INTO keyed (\"Odd \"\"name\", big) VALUES (E'it''s \\\\ \"', repeat('x', 9000)), (NULL, 'y'), ('', ''); COMMIT;
         UPDATE keyed SET \"Odd \"\"name\" = 'new' WHERE id = 1; DELETE FROM keyed WHERE id = 3;
         INSERT INTO moved VALUES (1, 'a'), (2, NULL); UPDATE moved SET id = id + 10; UPDATE moved SET id = id;
         INSERT INTO whole SELECT 1, NULL, true, 'ab', '10.0.0.1', 'NaN' FROM generate_series(1, 3); INSERT INTO whole DEFAULT VALUES;
         INSERT INTO gone VALUES (1)",
    );
    // One of three that are the same.
    db.run("DELETE FROM whole WHERE ctid = (SELECT min(ctid) FROM whole)");
    db.run("UPDATE whole SET b = E'\\\\' WHERE ctid = (SELECT min(ctid) FROM whole)");
    db.run("UPDATE every SET id = -id WHERE id % 2 = 1");
    db.run("DELETE FROM every WHERE id % 3 = 0");
    db.run("TRUNCATE gone RESTART IDENTITY");
    apply(&db, &slot, format, inserted + 7, &mut copy);
    for table in ["every", "keyed", "moved", "whole", "gone"] {
        let (wanted, found) = (rows(&mut db, table), rows(&mut copy, table));
        assert!(found == wanted, "{table}: found\n{found:.2000}\nnot\n{wanted:.2000}");
    }
    assert!(rows(&mut db, "whole").starts_with("3\n") && rows(&mut db, "gone").starts_with("0\n"));
}

/// A place in one partition is a place in each: only one row changes. And what is left of an identity may be true of others.
#[test]
fn a_statement_changes_one_row_of_one_partition() {
    let server = Server::shared(18);
    let (mut db, mut copy) = (server.database(), server.database());
    let tables = "CREATE TABLE p (id int NOT NULL, v text) PARTITION BY LIST (id); ALTER TABLE p REPLICA IDENTITY FULL;
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); ALTER TABLE p1 REPLICA IDENTITY FULL;
         CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); ALTER TABLE p2 REPLICA IDENTITY FULL";
    db.run(tables);
    copy.run(tables);
    db.run("CREATE PUBLICATION pub FOR TABLE p WITH (publish_via_partition_root)");
    let slot = db.slot();
    db.run("INSERT INTO p VALUES (1, 'a'), (2, 'b'); DELETE FROM p WHERE id = 1; UPDATE p SET v = 'c' WHERE id = 2");
    db.run("INSERT INTO p VALUES (1, 'd')");
    db.run("UPDATE p SET v = 'e' WHERE id = 1");
    let transactions = if rows(&mut db, "p") == "2\n(1,e)\n(2,c)" { 3 } else { panic!() };
    apply(&db, &slot, Format::Text, transactions, &mut copy);
    assert_eq!(rows(&mut copy, "p"), rows(&mut db, "p"));

    db.run("ALTER TABLE p2 ADD PRIMARY KEY (id); ALTER TABLE p2 REPLICA IDENTITY DEFAULT");
    let slot = db.slot();
    db.run("DELETE FROM p WHERE id = 2");
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    loop {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
        if event.kind() == Kind::Delete {
            let failure = Renderer::new("sql", &[]).try_messages(event).unwrap_err();
            assert!(
                failure.status == Status::WAL_E_STATE && failure.message.contains("public.p"),
                "{failure:?}"
            );
            break;
        }
    }
}

/// Who reads SQL takes each statement for one that counts.
#[test]
fn what_is_not_committed_is_refused_but_in_json() {
    let server = Server::start(18, &["max_prepared_transactions=5", "logical_decoding_work_mem=64kB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("BEGIN; INSERT INTO t SELECT generate_series(1, 10000); ROLLBACK");
    db.run("INSERT INTO t SELECT generate_series(1, 10000)");
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("streaming", "on");
    let mut stream = options.open().unwrap();
    let mut refused = 0;
    while refused < 3 {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
        if event.fields().kind == EventKind::WAL_EVENT_INSERT as u32 {
            for format in ["sql", "csv", "wal2json", "wal2json2"] {
                let failure = Renderer::new(format, &[]).try_messages(event).unwrap_err();
                assert_eq!(failure.status, Status::WAL_E_STATE);
                assert!(failure.hint.contains("assembled"), "{failure:?}");
            }
            assert!(Renderer::new("json", &[]).line(event).contains("\"streamed\":true"));
            refused += 1;
        }
    }
}

on_every_version_and_format! { every_row_is_the_same_in_the_copy }
