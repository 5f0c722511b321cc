//! What a renderer writes in the format `csv` is what COPY of the server writes of the same rows, behind the columns that are ours.

use std::io::Read;

use super::text_is_the_servers::{Column, SETTINGS, columns, insert};
use crate::harness::renderer::Renderer;
use crate::harness::{Database, Format, Kind, Next, Options, Server};

/// What COPY writes, header and all.
fn copied(db: &mut Database<'_>, query: &str) -> String {
    let mut text = String::new();
    let copy = format!("COPY ({query}) TO STDOUT (FORMAT csv, HEADER)");
    db.sql.copy_out(&copy).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The messages of so many changes, without the headers of definitions if `count` is more than there are.
fn messages(db: &Database<'_>, slot: &str, format: Format, changes: usize) -> Vec<String> {
    let options = Options::stream(&db.conninfo(), slot, "pub").with("binary", format.option());
    let (mut stream, mut renderer) = (options.open().unwrap(), Renderer::new("csv", &[]));
    let (mut all, mut seen) = (Vec::new(), 0);
    while seen < changes {
        match stream.next(60_000).unwrap() {
            Next::Event(event) => {
                all.extend(renderer.messages(event));
                seen += usize::from(matches!(
                    event.kind(),
                    Kind::Insert | Kind::Update | Kind::Delete | Kind::Truncate
                ));
            }
            Next::Nothing(status) => panic!("{status:?} after {seen} of {changes}"),
        }
    }
    all
}

fn every_type_is_written_as_copy_does(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(SETTINGS);
    let every: Vec<Column> = columns(&mut db).into_iter().filter(|column| column.instead.is_none()).collect();
    let types: Vec<String> =
        every.iter().enumerate().map(|(at, column)| format!("c{at} {}", column.sql_type)).collect();
    db.run(&format!("CREATE TABLE t (id int, {}, \"Odd, \"\"name\" text)", types.join(", ")));
    db.run("CREATE PUBLICATION pub FOR TABLE t");
    let slots = [(db.slot(), Format::Text), (db.slot(), Format::Binary)];
    insert(&mut db, "t", &every);
    let wanted = copied(&mut db, "SELECT * FROM t ORDER BY id");
    let rows: usize = db.text("SELECT count(*) FROM t").parse().unwrap();
    for (slot, format) in &slots {
        let found: String = messages(&db, slot, *format, rows)
            .iter()
            .map(|message| {
                // Behind the five columns of ours, none of which is quoted here.
                let own = message.splitn(6, ',').nth(5).unwrap();
                format!("{own}\n")
            })
            .collect();
        if found != wanted {
            let at = found.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                let bytes = &text.as_bytes()[at.saturating_sub(60)..(at + 60).min(text.len())];
                String::from_utf8_lossy(bytes).into_owned()
            };
            panic!("{format:?}: found\n  …{}…\nnot\n  …{}…", part(&found), part(&wanted));
        }
    }
}

fn changes_say_what_they_are(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, \"a,b\" text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.run(
        "INSERT INTO t VALUES (1, '', repeat('x', 9000)), (2, NULL, 'y'); UPDATE t SET \"a,b\" = 'q\"' WHERE id = 1;
         UPDATE t SET id = 3 WHERE id = 2; DELETE FROM t; TRUNCATE t",
    );
    let all = messages(&db, &slot, Format::Text, 7);
    // Without position and transaction.
    let shown: Vec<String> = all
        .iter()
        .map(|message| {
            let parts: Vec<&str> = message.splitn(4, ',').collect();
            format!("{},{}", parts[0], parts[3]).replace(&"x".repeat(9000), "xxx")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "_kind,_sequence,_not_sent,id,\"a,b\",big",
            "INSERT,0,,1,\"\",xxx",
            "INSERT,1,,2,,y",
            "UPDATE,2,\"big\",1,\"q\"\"\",",
            "OLD,3,\"a,b,big\",2,,",
            "UPDATE,3,,3,,y",
            "DELETE,4,\"a,b,big\",1,,",
            "DELETE,5,\"a,b,big\",3,,",
            "TRUNCATE,6,,,,",
        ]
    );
}

on_every_version! { every_type_is_written_as_copy_does changes_say_what_they_are }
