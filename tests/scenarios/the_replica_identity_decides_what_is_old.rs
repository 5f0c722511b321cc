//! What an UPDATE or DELETE tells of the old row depends on the table's replica identity, and only on that: its key,
//! the whole row, the columns of an index, or nothing at all.
//!
//! P10: a TOASTed value that an UPDATE did not touch is neither NULL nor missing: it has a kind of its own.

use crate::harness::{Cell, Format, Kind, Options, Seen, Server};

fn old_rows(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE d (id int PRIMARY KEY, a int, b text);
         CREATE TABLE f (id int PRIMARY KEY, a int, b text);
         CREATE TABLE i (id int PRIMARY KEY, a int NOT NULL, b text);
         CREATE UNIQUE INDEX by_a ON i (a);
         CREATE TABLE n (id int PRIMARY KEY, a int, b text);
         ALTER TABLE f REPLICA IDENTITY FULL;
         ALTER TABLE i REPLICA IDENTITY USING INDEX by_a;
         ALTER TABLE n REPLICA IDENTITY NOTHING;
         CREATE PUBLICATION pub FOR TABLE d, f, i;
         CREATE PUBLICATION inserts FOR TABLE n WITH (publish = 'insert, truncate')",
    );
    let slot = db.slot();
    db.run("BEGIN");
    for table in ["d", "f", "i", "n"] {
        db.run(&format!(
            "INSERT INTO {table} VALUES (1, 10, 'x');
             UPDATE {table} SET b = NULL WHERE id = 1;
             UPDATE {table} SET id = 2 WHERE id = 1;
             UPDATE {table} SET a = 20 WHERE id = 2;
             DELETE FROM {table} WHERE id = 2;"
        ));
    }
    db.run("COMMIT; TRUNCATE n");
    // Where updates are published, the server refuses one that has no identity.
    db.run("CREATE PUBLICATION everything FOR TABLE n; INSERT INTO n VALUES (5, 5, '')");
    assert_eq!(db.fail("UPDATE n SET a = 6"), "55000");

    let options = Options::stream(&db.conninfo(), &slot, "pub,inserts").with("binary", format.option());
    let seen = options.open().unwrap().read_until(|event| event.line.contains("id=5"));
    let lines: Vec<&str> = seen.iter().map(|event| event.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "BEGIN",
            "RELATION public.d (id:23* a:23 b:25) d#1",
            "INSERT public.d new id=1 a=10 b=x",
            "UPDATE public.d new id=1 a=10 b=NULL",
            "UPDATE public.d key id=1 a=<absent> b=<absent> new id=2 a=10 b=NULL",
            "UPDATE public.d new id=2 a=20 b=NULL",
            "DELETE public.d key id=2 a=<absent> b=<absent>",
            "RELATION public.f (id:23* a:23* b:25*) f#1",
            "INSERT public.f new id=1 a=10 b=x",
            "UPDATE public.f old id=1 a=10 b=x new id=1 a=10 b=NULL",
            "UPDATE public.f old id=1 a=10 b=NULL new id=2 a=10 b=NULL",
            "UPDATE public.f old id=2 a=10 b=NULL new id=2 a=20 b=NULL",
            "DELETE public.f old id=2 a=20 b=NULL",
            "RELATION public.i (id:23 a:23* b:25) i#1",
            "INSERT public.i new id=1 a=10 b=x",
            "UPDATE public.i new id=1 a=10 b=NULL",
            "UPDATE public.i new id=2 a=10 b=NULL",
            "UPDATE public.i key id=<absent> a=10 b=<absent> new id=2 a=20 b=NULL",
            "DELETE public.i key id=<absent> a=20 b=<absent>",
            "RELATION public.n (id:23 a:23 b:25) n#1",
            "INSERT public.n new id=1 a=10 b=x",
            "COMMIT",
            "BEGIN",
            "TRUNCATE public.n",
            "COMMIT",
            "BEGIN",
            "INSERT public.n new id=5 a=5 b=",
        ]
    );
}

on_every_version_and_format! { old_rows }

fn p10_an_untouched_toasted_value_is_not_null(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE d (id int PRIMARY KEY, n int, big text);
         CREATE TABLE f (id int PRIMARY KEY, n int, big text);
         ALTER TABLE d ALTER big SET STORAGE EXTERNAL;
         ALTER TABLE f ALTER big SET STORAGE EXTERNAL;
         ALTER TABLE f REPLICA IDENTITY FULL;
         CREATE PUBLICATION pub FOR TABLE d, f",
    );
    let slot = db.slot();
    for table in ["d", "f"] {
        db.script(&format!(
            "INSERT INTO {table} VALUES (1, 1, repeat('0123456789', 2000));
             UPDATE {table} SET n = 2;
             UPDATE {table} SET big = NULL;
             UPDATE {table} SET n = NULL, big = repeat('z', 20000);
             UPDATE {table} SET id = 2;"
        ));
    }
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let seen = options.open().unwrap().read_transactions(10);
    let changes: Vec<&Seen> =
        seen.iter().filter(|event| matches!(event.kind, Kind::Insert | Kind::Update)).collect();
    let value = |bytes: Vec<u8>| if format == Format::Text { Cell::Text(bytes) } else { Cell::Binary(bytes) };
    let (digits, zs) = (value("0123456789".repeat(2000).into()), value(vec![b'z'; 20_000]));
    assert_eq!(changes.len(), 10);
    for changes in changes.chunks(5) {
        let [insert, other, null, back, key] = changes else { panic!("five changes") };
        assert_eq!(insert.new[2], digits);
        assert_eq!(other.new[2], Cell::Unchanged);
        assert_ne!(other.new[1], insert.new[1]);
        assert_eq!(null.new[2], Cell::Null);
        assert_eq!((&back.new[1], &back.new[2]), (&Cell::Null, &zs));
        assert_eq!((&key.new[1], &key.new[2]), (&Cell::Null, &Cell::Unchanged));
    }
    // DEFAULT tells of the old row its key, and that only when it changed; what was not sent is not NULL.
    assert!(changes[1].old.is_empty() && changes[2].old.is_empty() && changes[3].old.is_empty());
    assert_eq!(changes[4].old[1..], [Cell::Absent, Cell::Absent]);
    // FULL has all of it, also what the new row leaves out.
    assert_eq!(changes[6].old[2], digits);
    assert_eq!(changes[7].old[2], digits);
    assert_eq!(changes[8].old[2], Cell::Null);
    assert_eq!((&changes[9].old[1], &changes[9].old[2]), (&Cell::Null, &zs));
}

on_every_version_and_format! { p10_an_untouched_toasted_value_is_not_null }
