//! Publications are made, listed and dropped, whatever their names; and a published table whose updates and deletes the server
//! will refuse, for want of a replica identity, is reported before it does (P26).

use std::sync::{Arc, Mutex};

use crate::harness::admin::{Table, failure, flag};
use crate::harness::{Admin, Options, Server};
use pgwalstream::error::Status;
use pgwalstream::stream::ReplicaIdentity::{self, *};

const ALL: u32 = flag::INSERT | flag::UPDATE | flag::DELETE | flag::TRUNCATE;

fn publications(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let admin = Admin::open(&db.conninfo());
    db.run(r#"CREATE SCHEMA "S; x"; CREATE TABLE "S; x"."T ""q""" (id int PRIMARY KEY); CREATE TABLE plain (id int PRIMARY KEY)"#);
    let odd = r#"p"; DROP TABLE plain; --"#;
    for (name, tables, flags, published) in [
        (odd, Some(r#""S; x"."T ""q""", Public.PLAIN"#), 0, ALL),
        ("part", Some("plain"), flag::INSERT | flag::TRUNCATE, flag::INSERT | flag::TRUNCATE),
        ("root", Some("plain"), flag::VIA_ROOT | flag::UPDATE, flag::VIA_ROOT | flag::UPDATE),
        ("everything", None, flag::ALL_TABLES, ALL | flag::ALL_TABLES),
        ("nothing", None, 0, ALL),
    ] {
        assert_eq!(admin.create_publication(name, tables, flags), Ok(Status::WAL_OK), "{name}");
        assert!(admin.publications().unwrap().contains(&(name.to_owned(), published)), "{name}");
    }
    assert_eq!(db.text("SELECT count(*) FROM pg_class WHERE relname = 'plain'"), "1");
    let names: Vec<_> =
        admin.tables(odd).unwrap().into_iter().map(|table| (table.namespace, table.name)).collect();
    assert_eq!(names, [("S; x".into(), "T \"q\"".into()), ("public".into(), "plain".into())]);
    assert_eq!(admin.tables("nothing").unwrap(), []);

    let again = admin.create_publication(odd, None, 0).unwrap_err();
    assert_eq!(
        (again.status, again.sqlstate.as_str()),
        (Status::WAL_E_PUBLICATION_EXISTS, "42710"),
        "{again:?}"
    );
    let missing = admin.create_publication("x", Some("no_such_table"), 0).unwrap_err();
    assert_eq!((missing.status, missing.sqlstate.as_str()), (Status::WAL_E_SERVER, "42P01"), "{missing:?}");
    assert_eq!(
        admin.create_publication("x", Some("a b"), 0).unwrap_err().status,
        Status::WAL_E_INVALID_ARGUMENT
    );
    for name in [odd, "part", "root", "everything", "nothing"] {
        assert_eq!(admin.drop_publication(name), Ok(Status::WAL_OK));
    }
    assert_eq!(admin.publications().unwrap(), []);
    assert_eq!(admin.drop_publication(odd).unwrap_err().status, Status::WAL_E_PUBLICATION_MISSING);
    assert_eq!(failure(admin.tables(odd)).status, Status::WAL_E_PUBLICATION_MISSING);
}

on_every_version_in_the_gate! { publications }

const TABLES: &str = "
    CREATE TABLE good_key (id int PRIMARY KEY, v text);
    CREATE TABLE good_full (v text); ALTER TABLE good_full REPLICA IDENTITY FULL;
    CREATE TABLE good_index (id int NOT NULL UNIQUE, v text); ALTER TABLE good_index REPLICA IDENTITY USING INDEX good_index_id_key;
    CREATE TABLE bad_keyless (v text);
    CREATE TABLE bad_nothing (id int PRIMARY KEY); ALTER TABLE bad_nothing REPLICA IDENTITY NOTHING;
    CREATE TABLE bad_index (id int NOT NULL UNIQUE); ALTER TABLE bad_index REPLICA IDENTITY USING INDEX bad_index_id_key;
    ALTER TABLE bad_index DROP CONSTRAINT bad_index_id_key;
    CREATE TABLE good_parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE good_part PARTITION OF good_parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE bad_parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE bad_part PARTITION OF bad_parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE bad_leaf (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE bad_leaf_part PARTITION OF bad_leaf FOR VALUES FROM (0) TO (10);
    ALTER TABLE bad_leaf_part REPLICA IDENTITY NOTHING;
";

/// What the server itself does with an update decides whether the answer is right.
fn p26_every_table_that_fails_is_reported(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(TABLES);
    db.run("CREATE PUBLICATION leaves FOR ALL TABLES; CREATE PUBLICATION inserts FOR ALL TABLES WITH (publish = 'insert, truncate')");
    let admin = Admin::open(&db.conninfo());
    let expected = |table: &str| -> ReplicaIdentity {
        match table {
            "bad_keyless" | "bad_part" => WAL_IDENTITY_NO_PRIMARY_KEY,
            "bad_nothing" | "bad_leaf_part" => WAL_IDENTITY_NOTHING,
            "bad_index" => WAL_IDENTITY_INDEX_MISSING,
            "bad_parts" | "bad_leaf" => WAL_IDENTITY_PARTITION,
            "bad_list" | "bad_full_list" => WAL_IDENTITY_COLUMN_LIST,
            good => {
                assert!(good.starts_with("good"), "{good}");
                WAL_IDENTITY_USABLE
            }
        }
    };
    let check = |tables: &[Table]| {
        for table in tables {
            assert_eq!(table.identity, expected(&table.name) as u32, "{table:?}");
        }
    };
    let tables = admin.tables("leaves").unwrap();
    assert_eq!(tables.len(), 9, "{tables:?}");
    check(&tables);
    for table in &tables {
        db.run(&format!("INSERT INTO {} DEFAULT VALUES", table.name).replace(
            "DEFAULT VALUES",
            if table.name == "good_full" || table.name == "bad_keyless" {
                "VALUES ('x')"
            } else {
                "VALUES (1)"
            },
        ));
        let column = if table.name == "good_full" || table.name == "bad_keyless" { "v" } else { "id" };
        let update = format!("UPDATE {0} SET {column} = {column}", table.name);
        match table.identity {
            0 => db.run(&update),
            _ => assert_eq!(db.fail(&update), "55000", "{}", table.name),
        }
        assert_ne!(table.oid, 0);
        assert_eq!(table.columns.is_empty(), version < 15, "{table:?}");
    }
    let letter = |name: &str| tables.iter().find(|table| table.name == name).unwrap().replica_identity;
    assert_eq!((letter("good_key"), letter("good_full"), letter("good_index")), ('d', 'f', 'i'));
    // Where neither updates nor deletes are published, nothing fails.
    assert!(admin.tables("inserts").unwrap().iter().all(|table| table.identity == 0));
    // Seen from the root, a leaf decides.
    db.run("DROP PUBLICATION leaves; CREATE PUBLICATION roots FOR TABLE good_parts, bad_parts, bad_leaf WITH (publish_via_partition_root)");
    let tables = admin.tables("roots").unwrap();
    assert_eq!(tables.len(), 3);
    check(&tables);

    if version >= 15 {
        db.run("CREATE TABLE bad_list (id int PRIMARY KEY, v text); CREATE TABLE good_list (id int PRIMARY KEY, \"V w\" text);
                CREATE TABLE bad_full_list (id int, v text); ALTER TABLE bad_full_list REPLICA IDENTITY FULL;
                CREATE PUBLICATION lists FOR TABLE bad_list (v), good_list (id, \"V w\") WHERE (id > 5), bad_full_list (v)");
        let tables = admin.tables("lists").unwrap();
        assert_eq!(tables.len(), 3);
        check(&tables);
        let good = tables.iter().find(|table| table.name == "good_list").unwrap();
        assert_eq!((good.columns.as_str(), good.row_filter.as_str()), ("id, \"V w\"", "(id > 5)"));
        for (table, fails) in [("bad_list", true), ("good_list", false), ("bad_full_list", true)] {
            let update = format!("INSERT INTO {table} VALUES (7, 'x'); UPDATE {table} SET id = id");
            if fails { assert_eq!(db.fail(&update), "42P10", "{table}") } else { db.run(&update) }
        }
    }
}

on_every_version_in_the_gate! { p26_every_table_that_fails_is_reported }

fn p26_a_stream_warns_of_each(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(TABLES);
    db.run("CREATE PUBLICATION pub FOR TABLE good_key, good_full, bad_keyless, bad_nothing");
    let slot = db.slot();
    let log = Arc::new(Mutex::new(Vec::new()));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with_log(&log);
    options.open().unwrap();
    let log = log.lock().unwrap();
    let warnings: Vec<_> =
        log.iter().filter(|(level, _)| *level == 2).map(|(_, text)| text.as_str()).collect();
    for (table, reason) in [("bad_keyless", "no primary key"), ("bad_nothing", "NOTHING")] {
        let of = warnings
            .iter()
            .filter(|text| text.contains(&format!("\"public\".\"{table}\"")))
            .collect::<Vec<_>>();
        assert!(of.len() == 1 && of[0].contains(reason), "{table}: {warnings:?}");
    }
    assert!(!warnings.iter().any(|text| text.contains("good_")), "{warnings:?}");
}

on_every_version! { p26_a_stream_warns_of_each }
