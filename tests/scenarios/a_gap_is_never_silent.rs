//! P17: a publication must exist at the position that is being decoded. From 14 to 17 the server refuses to go on;
//! 18 drops the changes and says so in a notice only. Here both end the stream with an error that names the fix, and
//! only a user who chose so goes on with a gap.

use crate::harness::stream::lines;
use crate::harness::{Database, Kind, Options, Server};
use pgwalstream::error::Status;

/// A slot, a row, then the publication, and another row.
fn publication_after_the_slot(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let slot = db.slot();
    db.script("INSERT INTO t VALUES (1);\nCREATE PUBLICATION pub FOR TABLE t;\nINSERT INTO t VALUES (2)");
    slot
}

fn p17_a_publication_made_after_the_slot(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = publication_after_the_slot(&mut db);
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let (seen, failure) = stream.read_to_error();
    assert!(!seen.iter().any(|event| event.kind == Kind::Insert), "no row behind a gap: {}", lines(&seen));
    let expected = if version < 18 {
        (Status::WAL_E_PUBLICATION_MISSING, "42704")
    } else {
        (Status::WAL_E_GAP, "55000")
    };
    assert_eq!((failure.status, failure.sqlstate.as_str()), expected, "{failure:?}");
    assert!(failure.message.contains("pub"), "{failure:?}");
    assert!(failure.hint.contains("before the slot") && failure.is_fatal, "{failure:?}");
    assert_eq!(stream.stats().gaps, u64::from(version == 18));
    // It stays ended, with the same reason.
    let again = stream.next_status(0).unwrap_err();
    assert_eq!(again.status, expected.0);
    // Nothing behind the gap was confirmed.
    drop(stream);
    db.released(&slot);
    let mut second = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    assert_eq!(second.read_to_error().1.status, expected.0, "the same again");
}

on_every_version! { p17_a_publication_made_after_the_slot }

#[test]
fn p17_who_asks_for_it_goes_on_with_a_gap() {
    let mut db = Server::shared(18).database();
    let slot = publication_after_the_slot(&mut db);
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").with("on_gap", "warn").open().unwrap();
    let seen = stream.read_transactions(1);
    assert!(seen.iter().any(|event| event.line == "INSERT public.t new id=2"), "{}", lines(&seen));
    let stats = stream.stats();
    assert!(stats.gaps == 1 && stats.notices >= 1, "{stats:?}");
}

/// A role's setting may keep notices from being sent at all; ours must win.
#[test]
fn p17_the_role_cannot_hush_the_notice() {
    let mut db = Server::shared(18).database();
    let slot = publication_after_the_slot(&mut db);
    db.run("CREATE ROLE p17_hushed LOGIN SUPERUSER REPLICATION; ALTER ROLE p17_hushed SET client_min_messages = error");
    let conninfo = db.conninfo().replace("user=postgres", "user=p17_hushed");
    let mut stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    assert_eq!(stream.read_to_error().1.status, Status::WAL_E_GAP);
}
