//! Before anything is streamed the server, the role, the slot and the publication are looked at, and what is not as it
//! must be is an error of its own that names the thing and the way out.

use crate::harness::{Database, Failure, Options, Server, server};
use pgwalstream::error::Status;

#[track_caller]
fn refused(options: &Options, status: Status, mentions: &[&str]) -> Failure {
    let failure = options.open().map(drop).expect_err("it must be refused");
    assert_eq!(failure.status, status, "{failure:?}");
    assert!(!failure.hint.is_empty(), "the way out is missing: {failure:?}");
    for text in mentions {
        let all = format!("{}\n{}\n{}", failure.message, failure.detail, failure.hint);
        assert!(all.contains(text), "{text:?} is not in {failure:?}");
    }
    failure
}

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    db.slot()
}

fn wrong_slots_and_publications(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = table(&mut db);
    let conninfo = db.conninfo();
    let with = |slot: &str, publication: &str| Options::stream(&conninfo, slot, publication);

    let failure = refused(
        &with("no_such_slot", "pub"),
        Status::WAL_E_SLOT_MISSING,
        &["no_such_slot", "pg_create_logical_replication_slot", &db.name, "slot_create"],
    );
    assert!(!failure.is_retriable);
    refused(
        &with(&slot, "no_pub"),
        Status::WAL_E_PUBLICATION_MISSING,
        &["no_pub", "CREATE PUBLICATION", &db.name],
    );
    // Of several, the one that is missing; names as SQL writes them.
    refused(&with(&slot, "pub, \"No Pub\""), Status::WAL_E_PUBLICATION_MISSING, &["No Pub"]);
    // Without quotes case does not matter, as in SQL.
    with(&slot, "PUB").open().unwrap();
    db.released(&slot);
    refused(&with(&slot, "\"PUB\""), Status::WAL_E_PUBLICATION_MISSING, &["PUB"]);

    let others = [server::unique("other"), server::unique("physical")];
    let elsewhere = server.database();
    let mut other_sql = server.client(&elsewhere.name);
    let foreign = server::unique("foreign");
    other_sql
        .batch_execute(&format!("SELECT pg_create_logical_replication_slot('{foreign}', 'pgoutput')"))
        .unwrap();
    server
        .client(&db.name)
        .batch_execute(&format!(
            "SELECT pg_create_logical_replication_slot('{}', 'test_decoding'); SELECT pg_create_physical_replication_slot('{}')",
            others[0], others[1]
        ))
        .unwrap();
    refused(
        &with(&others[0], "pub"),
        Status::WAL_E_SLOT_MISMATCH,
        &[&others[0], "test_decoding", "pgoutput"],
    );
    refused(&with(&others[1], "pub"), Status::WAL_E_SLOT_MISMATCH, &[&others[1], "physical"]);
    refused(&with(&foreign, "pub"), Status::WAL_E_SLOT_MISMATCH, &[&foreign, &elsewhere.name, &db.name]);
    let drop_physical = format!("SELECT pg_drop_replication_slot('{}')", others[1]);
    other_sql.batch_execute(&drop_physical).unwrap();

    // In use: by whom.
    let first = with(&slot, "pub").open().unwrap();
    let pid = first.stats().backend_pid.to_string();
    let failure = refused(&with(&slot, "pub"), Status::WAL_E_SLOT_ACTIVE, &[&slot, &pid]);
    assert!(failure.is_retriable, "it may pass: {failure:?}");
    drop(first);
    db.released(&slot);
    with(&slot, "pub").open().unwrap();
}

on_every_version_in_the_gate! { wrong_slots_and_publications }

#[test]
fn no_slot_is_made_that_was_not_asked_for() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let count = |db: &mut Database<'_>, name: &str| {
        db.text(&format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}'"))
    };
    let made = server::unique("made");
    assert!(Options::stream(&db.conninfo(), &made, "pub").open().is_err());
    assert_eq!(count(&mut db, &made), "0");
    // A missing publication is found before the slot is made.
    assert!(Options::stream(&db.conninfo(), &made, "nope").with("slot_create", "if_missing").open().is_err());
    assert_eq!(count(&mut db, &made), "0");
    // Asked for, it is made, once, and stays.
    for round in 0..2 {
        let options = Options::stream(&db.conninfo(), &made, "pub").with("slot_create", "if_missing");
        let mut stream = options.open().unwrap();
        db.run(&format!("INSERT INTO t VALUES ({round})"));
        let seen = stream.read_transactions(1);
        assert!(seen.iter().any(|event| event.line.ends_with(&format!("id={round}"))));
        stream.ack(seen[seen.len() - 1].ack_lsn).unwrap();
        drop(stream);
        db.released(&made);
        assert_eq!(count(&mut db, &made), "1");
    }
    // A temporary one goes with its connection, and does not take the place of one that exists.
    let temporary = server::unique("temporary");
    let options = Options::stream(&db.conninfo(), &temporary, "pub").with("slot_create", "temporary");
    let mut stream = options.open().unwrap();
    assert_eq!(count(&mut db, &temporary), "1");
    db.run("INSERT INTO t VALUES (10)");
    stream.read_transactions(1);
    drop(stream);
    crate::harness::eventually("the temporary slot is gone", || count(&mut db, &temporary) == "0");
    let taken = Options::stream(&db.conninfo(), &slot, "pub").with("slot_create", "temporary");
    refused(&taken, Status::WAL_E_SLOT_MISMATCH, &[&slot]);
}

#[test]
fn a_server_without_logical_wal() {
    let server = Server::start(17, &["wal_level=replica"]);
    let conninfo = server.conninfo("postgres");
    refused(
        &Options::stream(&conninfo, "s", "p"),
        Status::WAL_E_WAL_LEVEL,
        &["replica", "logical", "restart"],
    );
}

#[test]
fn a_server_without_a_free_walsender() {
    let server = Server::start(18, &["max_wal_senders=1"]);
    let mut db = server.database();
    let slots = [table(&mut db), db.slot()];
    let _first = Options::stream(&db.conninfo(), &slots[0], "pub").open().unwrap();
    let second = Options::stream(&db.conninfo(), &slots[1], "pub");
    let failure = refused(&second, Status::WAL_E_TOO_MANY_CONNECTIONS, &["max_wal_senders"]);
    assert!(failure.is_retriable && failure.sqlstate == "53300", "{failure:?}");
}

fn roles_and_databases(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = table(&mut db);
    let role = server::unique("plain");
    db.run(&format!("CREATE ROLE {role} LOGIN"));
    let as_user = |user: &str, database: &str| {
        let conninfo = format!("host=127.0.0.1 port={} user={user} dbname={database}", server.port);
        Options::stream(&conninfo, &slot, "pub")
    };
    let failure = refused(&as_user(&role, &db.name), Status::WAL_E_PRIVILEGE, &["REPLICATION"]);
    assert_eq!(failure.sqlstate, "42501");
    refused(&as_user("postgres", "no_such_db"), Status::WAL_E_NO_DATABASE, &["no_such_db"]);
    let nobody = as_user("no_such_role", &db.name).open().map(drop).unwrap_err();
    assert!([Status::WAL_E_AUTH, Status::WAL_E_NO_DATABASE].contains(&nobody.status), "{nobody:?}");
    // With the right, and nothing more, it works: the library reads nothing that needs more.
    db.run(&format!("ALTER ROLE {role} REPLICATION"));
    as_user(&role, &db.name).open().unwrap();
}

on_every_version! { roles_and_databases }

/// Three ways to ask for a password; each takes the right one and refuses a wrong one and none.
fn passwords(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = table(&mut db);
    let name = db.name.clone();
    for (role, encryption) in
        [("md5_role", "md5"), ("scram_role", "scram-sha-256"), ("clear_role", "scram-sha-256")]
    {
        let password = "pässwörd 'quoted' \\ ∑";
        let literal = password.replace('\'', "''");
        let create = format!(
            "SET password_encryption = '{encryption}'; CREATE ROLE {role} LOGIN SUPERUSER REPLICATION PASSWORD '{literal}'"
        );
        db.run(&create);
        let conninfo = |password: &str| {
            let value = password.replace('\\', "\\\\").replace('\'', "\\'");
            format!("host=127.0.0.1 port={} user={role} dbname={name} password='{value}'", server.port)
        };
        Options::stream(&conninfo(password), &slot, "pub")
            .open()
            .unwrap_or_else(|failure| panic!("{role}: {failure:?}"));
        db.released(&slot);
        let wrong = Options::stream(&conninfo("s3cret-and-wrong"), &slot, "pub");
        let failure = refused(&wrong, Status::WAL_E_AUTH, &[role]);
        assert_eq!((failure.sqlstate.as_str(), failure.is_retriable), ("28P01", false), "{failure:?}");
        assert!(!format!("{failure:?}").contains("s3cret"), "an error never holds a password");
        let none = format!("host=127.0.0.1 port={} user={role} dbname={}", server.port, db.name);
        let failure = Options::stream(&none, &slot, "pub").open().map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_AUTH, "{failure:?}");
        // As a URI, too.
        let uri = format!(
            "postgresql://{role}:p%C3%A4ssw%C3%B6rd%20%27quoted%27%20%5C%20%E2%88%91@127.0.0.1:{}/{}",
            server.port, db.name
        );
        Options::stream(&uri, &slot, "pub").open().unwrap_or_else(|failure| panic!("{uri}: {failure:?}"));
        db.released(&slot);
        db.run(&format!("DROP ROLE {role}"));
    }
    let reject = format!("host=127.0.0.1 port={} user=refused_role dbname={}", server.port, db.name);
    db.run("CREATE ROLE refused_role LOGIN REPLICATION");
    let failure =
        refused(&Options::stream(&reject, &slot, "pub"), Status::WAL_E_NO_HBA_ENTRY, &["pg_hba.conf"]);
    assert_eq!(failure.sqlstate, "28000");
    db.run("DROP ROLE refused_role");
}

on_every_version! { passwords }

#[test]
fn both_ways_to_the_server() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    db.run("INSERT INTO t VALUES (1)");
    let socket = server.unix_conninfo(&db.name);
    let host = socket.split("host=").nth(1).unwrap().split(' ').next().unwrap().replace('/', "%2F");
    for conninfo in [
        db.conninfo(),
        socket,
        format!("postgresql://postgres@127.0.0.1:{}/{}", server.port, db.name),
        format!("postgres://{host}:{}/{}?user=postgres&application_name=by%20uri", server.port, db.name),
    ] {
        let mut stream =
            Options::stream(&conninfo, &slot, "pub").open().unwrap_or_else(|it| panic!("{conninfo}: {it:?}"));
        assert!(stream.read_transactions(1).iter().any(|event| event.line.contains("id=1")), "{conninfo}");
        drop(stream);
        db.released(&slot);
    }
    for (conninfo, status) in [
        ("host=127.0.0.1 port=1 user=u dbname=d", Status::WAL_E_CONNECT),
        ("host=/nowhere user=u dbname=d", Status::WAL_E_CONNECT),
        ("host=no-such-host.invalid user=u dbname=d", Status::WAL_E_RESOLVE),
    ] {
        let failure = Options::stream(conninfo, "s", "p").open().map(drop).unwrap_err();
        assert_eq!(failure.status, status, "{failure:?}");
        assert!(failure.is_retriable);
    }
    for mode in ["require", "verify-ca sslrootcert=/no/such/file", "verify-full"] {
        let options = Options::stream(&format!("{} sslmode={mode}", db.conninfo()), &slot, "pub");
        refused(&options, Status::WAL_E_TLS, &["TLS"]);
    }
}
