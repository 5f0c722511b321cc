//! The vectors that the tests of every language read (tests/vectors/values.tsv) are what a server writes: of each type some values, in
//! binary and as text. UPDATE_VECTORS=1 writes the file anew.

use std::path::Path;

use super::text_is_the_servers::{Column, SETTINGS, columns};
use crate::harness::{Database, Server};

const HEADER: &str = "# Values of every type that is built in, as PostgreSQL 18 writes them: the type's name, its OID, the bytes of its send function and\n\
    # the text of its output function, both in hexadecimal digits. Made by tests/scenarios/values/vectors_are_the_servers.rs.\n";

/// A line for each value of a type; none of one without a binary form. That of a row has 12 bytes in front.
fn lines(db: &mut Database<'_>, column: &Column) -> String {
    let has_form = db.text(&format!(
        "SELECT t.typsend <> 0 AND coalesce(e.typsend, 1) <> 0 FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
         WHERE t.oid = '{}'::regtype",
        column.sql_type
    ));
    if has_form == "f" {
        return String::new();
    }
    let rows = column.values.iter().map(|value| {
        db.text(&format!(
            "SELECT concat_ws(E'\\t', t.typname, t.oid, encode(substring(record_send(ROW(v)) FROM 13), 'hex'),
                 encode(convert_to(format('%s', v), 'UTF8'), 'hex'))
             FROM (SELECT ({value})::{} AS v) s, pg_type t WHERE t.oid = '{}'::regtype",
            column.sql_type, column.sql_type
        )) + "\n"
    });
    rows.collect()
}

#[test]
fn every_vector_is_what_the_server_writes() {
    let mut db = Server::shared(18).database();
    db.run(SETTINGS);
    let known: Vec<Column> = columns(&mut db).into_iter().filter(|column| column.instead.is_none()).collect();
    let all: String = known.iter().map(|column| lines(&mut db, column)).collect();
    let all = HEADER.to_owned() + &all;
    assert!(all.lines().count() > 500);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/values.tsv");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    for (found, wanted) in found.lines().zip(all.lines()) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.lines().count(), all.lines().count());
}
