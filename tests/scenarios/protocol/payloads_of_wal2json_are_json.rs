//! Option decode=off with a plugin that PostgreSQL does not bring: Debian's wal2json on Debian's server. Each payload
//! is one JSON document, and its position holds the slot until it is acknowledged.

use super::forms::copy_of;
use crate::harness::{Database, Next, Options, PATIENCE, Server, Stream, eventually, server, view};
use pgwalstream::batch::EventKind as K;
use pgwalstream::capi;
use pgwalstream::error::Status;

/// A payload and what acknowledges it.
type Payload = (u64, String);

fn options(db: &Database<'_>, slot: &str, more: &str) -> Options {
    Options::new()
        .with("conninfo", &db.conninfo())
        .with("slot", slot)
        .with("decode", "off")
        .with("plugin", "wal2json")
        .with("plugin_options", more)
        .with("status_interval", "50ms")
}

fn read(stream: &mut Stream, count: usize) -> Vec<Payload> {
    let mut all = vec![];
    while all.len() < count {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) if event.fields().kind == K::WAL_EVENT_PROGRESS as u32 => {}
            Next::Event(event) => {
                assert_eq!(event.fields().kind, K::WAL_EVENT_RAW as u32);
                // SAFETY: a live event, whose bytes live as long.
                let bytes = unsafe { view::bytes(capi::wal_event_raw(event.raw())) };
                all.push((event.fields().ack_lsn, String::from_utf8(bytes.to_vec()).expect("UTF-8")));
            }
            Next::Nothing(status) => panic!("{status:?} after {} of {count}", all.len()),
        }
    }
    all
}

/// What a path into a payload leads to. The server is the one that parses it.
fn ask(db: &mut Database<'_>, payload: &Payload, path: &str) -> String {
    let row = db.sql.query_one("SELECT $1::text::jsonb #>> $2::text::text[]", &[&payload.1, &path]);
    let row = row.unwrap_or_else(|error| panic!("no JSON: {error:?}: {}", payload.1));
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

#[test]
fn each_is_a_document_and_holds_the_slot() {
    let allowed: &[&str] =
        if Server::debian_lists_plugins() { &["output_plugin_libraries=pgoutput,wal2json"] } else { &[] };
    let server = Server::start_debian(allowed);
    let mut db = server.database();
    assert!(db.text("SELECT version()").contains("Debian"));
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let slot = server::unique("slot");
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'wal2json')"));
    for id in 1..=4 {
        db.run(&format!("BEGIN; INSERT INTO t VALUES ({id}, E'quo\"te \\\\ \u{e4}\\n'); UPDATE t SET v = v WHERE id = {id}; COMMIT"));
    }

    // Version 1 of its format: a document for each transaction.
    let copy = copy_of(&mut db, &slot);
    let all = read(&mut options(&db, &copy, "include-lsn=1").open().unwrap(), 4);
    for (at, payload) in all.iter().enumerate() {
        assert_eq!(ask(&mut db, payload, "{change,0,kind}"), "insert");
        assert_eq!(ask(&mut db, payload, "{change,0,columnvalues,0}"), (at + 1).to_string());
        assert_eq!(ask(&mut db, payload, "{change,0,columnvalues,1}"), "quo\"te \\ \u{e4}\n");
        assert_eq!(ask(&mut db, payload, "{change,1,kind}"), "update");
    }

    // It writes a transaction under the position where it began: what is acknowledged by that comes again, nothing
    // before it does.
    for acknowledged in 0..4 {
        let from = acknowledged.max(1) - 1;
        holds_the_slot(&mut db, &slot, "include-lsn=1", &all, acknowledged, from);
    }

    // Version 2: one for each change, and for each beginning and end, which has its own position.
    let copy = copy_of(&mut db, &slot);
    let all = read(&mut options(&db, &copy, "format-version=2").open().unwrap(), 16);
    let actions: String = all.iter().map(|payload| ask(&mut db, payload, "{action}")).collect();
    assert_eq!(actions, "BIUC".repeat(4));
    assert!(all.is_sorted_by_key(|payload| payload.0));
    for (acknowledged, from) in [(0, 0), (3, 0), (4, 4), (8, 8), (10, 8), (12, 12)] {
        holds_the_slot(&mut db, &slot, "format-version=2", &all, acknowledged, from);
    }
}

/// A server that lists the plugins it allows says where to add one, and so do we.
#[test]
fn a_plugin_the_server_does_not_allow_is_named() {
    let server = Server::start_debian(&[]);
    let db = server.database();
    let opened = options(&db, &server::unique("slot"), "").with("slot_create", "temporary").open();
    if !Server::debian_lists_plugins() {
        assert!(opened.is_ok());
        return;
    }
    let Err(failure) = opened else { panic!("the server took a plugin it does not list") };
    assert_eq!(failure.status, Status::WAL_E_PRIVILEGE, "{failure:?}");
    assert!(failure.message.contains("\"wal2json\" may not be used"), "{failure:?}");
    assert!(failure.hint.contains("output_plugin_libraries"), "{failure:?}");
}

/// After so many payloads were acknowledged, a restart gives those from `from` on.
fn holds_the_slot(
    db: &mut Database<'_>,
    slot: &str,
    format: &str,
    all: &[Payload],
    acknowledged: usize,
    from: usize,
) {
    let copy = copy_of(db, slot);
    let before = db.confirmed(&copy);
    let mut stream = options(db, &copy, format).open().unwrap();
    assert_eq!(read(&mut stream, all.len()), all);
    let position = acknowledged.checked_sub(1).map_or(before, |last| all[last].0);
    if acknowledged > 0 {
        stream.ack(position).unwrap();
    }
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    // The time of several reports: the position must not move beyond it.
    std::thread::sleep(std::time::Duration::from_millis(200));
    eventually("the report arrives", || db.confirmed(&copy) >= position);
    assert_eq!(db.confirmed(&copy), position.max(before), "{format}: {acknowledged}");
    drop(stream);
    db.released(&copy);
    let rest = &all[from..];
    let mut stream = options(db, &copy, format).open().unwrap();
    let texts = |all: &[Payload]| all.iter().map(|it| it.1.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&read(&mut stream, rest.len())), texts(rest), "{format}: {acknowledged}");
}
