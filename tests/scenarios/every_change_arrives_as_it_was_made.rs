//! A workload with every kind of change of protocol version 1 comes out event by event as it was made: on every
//! version, in text and in binary.
//!
//! What was rolled back does not come; what frames the changes (positions, transaction ids, sequence numbers) is
//! checked for every event.

use crate::harness::view::{CASCADE, OLD_FULL, OLD_KEY, RESTART_IDENTITY, TRANSACTIONAL};
use crate::harness::{Format, Kind, Options, Seen, Server, major, server};

const SCHEMA: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text, note text);
    CREATE TABLE pets (id int PRIMARY KEY, name text);
    ALTER TABLE pets REPLICA IDENTITY FULL;
    CREATE TYPE mood AS ENUM ('happy', 'sad');
    CREATE TABLE moods (id int PRIMARY KEY, mood mood);
    CREATE TABLE \"Odd \"\"name\" (\"Id\" int PRIMARY KEY, \"a b\" text);
    CREATE TABLE secret (id int PRIMARY KEY);
    CREATE PUBLICATION pub FOR TABLE people, pets, moods, \"Odd \"\"name\";";

/// Statements, and the events that come of them. Each entry is one transaction unless it says otherwise.
const SCRIPT: &[(&str, &[&str])] = &[
    (
        "BEGIN;
         INSERT INTO people VALUES (1, 'Ada', NULL);
         INSERT INTO people VALUES (2, '', 'empty name');
         UPDATE people SET name = 'Ada L.' WHERE id = 1;
         UPDATE people SET id = 20, note = NULL WHERE id = 2;
         DELETE FROM people WHERE id = 20;
         COMMIT",
        &[
            "BEGIN",
            "RELATION public.people (id:23* name:25 note:25) d#1",
            "INSERT public.people new id=1 name=Ada note=NULL",
            "INSERT public.people new id=2 name= note=empty name",
            "UPDATE public.people new id=1 name=Ada L. note=NULL",
            "UPDATE public.people key id=2 name=<absent> note=<absent> new id=20 name= note=NULL",
            "DELETE public.people key id=20 name=<absent> note=<absent>",
            "COMMIT",
        ],
    ),
    ("BEGIN; INSERT INTO people VALUES (3, 'never', NULL); ROLLBACK", &[]),
    ("INSERT INTO secret VALUES (1)", &[]),
    (
        "BEGIN;
         INSERT INTO pets VALUES (1, 'cat');
         SAVEPOINT s;
         INSERT INTO pets VALUES (2, 'rolled back');
         ROLLBACK TO s;
         UPDATE pets SET name = NULL WHERE id = 1;
         UPDATE pets SET name = 'dog' WHERE id = 1;
         DELETE FROM pets;
         COMMIT",
        &[
            "BEGIN",
            "RELATION public.pets (id:23* name:25*) f#1",
            "INSERT public.pets new id=1 name=cat",
            "UPDATE public.pets old id=1 name=cat new id=1 name=NULL",
            "UPDATE public.pets old id=1 name=NULL new id=1 name=dog",
            "DELETE public.pets old id=1 name=dog",
            "COMMIT",
        ],
    ),
    (
        "INSERT INTO moods VALUES (1, 'happy'), (2, NULL)",
        &[
            "BEGIN",
            "TYPE public.mood",
            "RELATION public.moods (id:23* mood:MOOD) d#1",
            "INSERT public.moods new id=1 mood=happy",
            "INSERT public.moods new id=2 mood=NULL",
            "COMMIT",
        ],
    ),
    (
        "INSERT INTO \"Odd \"\"name\" VALUES (7, E'line\\nbreak \\u00e9\\U0001F600')",
        &[
            "BEGIN",
            "RELATION public.Odd \"name (Id:23* a b:25) d#1",
            "INSERT public.Odd \"name new Id=7 a b=line\nbreak é😀",
            "COMMIT",
        ],
    ),
    (
        "BEGIN;
         INSERT INTO people VALUES (4, 'Grace', NULL);
         SELECT pg_logical_emit_message(true, 'inside', 'with the transaction');
         INSERT INTO people VALUES (5, 'Joan', NULL);
         COMMIT",
        &[
            "BEGIN",
            "INSERT public.people new id=4 name=Grace note=NULL",
            "MESSAGE inside: with the transaction",
            "INSERT public.people new id=5 name=Joan note=NULL",
            "COMMIT",
        ],
    ),
    // A message outside transactions comes at once, even from a transaction that is rolled back.
    (
        "BEGIN; SELECT pg_logical_emit_message(false, 'outside', ''); INSERT INTO people VALUES (6, '', ''); ROLLBACK",
        &["MESSAGE alone outside: "],
    ),
    (
        "SELECT pg_logical_emit_message(true, '', 'only a message')",
        &["BEGIN", "MESSAGE : only a message", "COMMIT"],
    ),
    ("TRUNCATE people", &["BEGIN", "TRUNCATE public.people", "COMMIT"]),
    (
        "TRUNCATE moods, pets, secret RESTART IDENTITY CASCADE",
        &["BEGIN", "TRUNCATE public.moods public.pets CASCADE RESTART IDENTITY", "COMMIT"],
    ),
    // From another node: the session says where the changes were made first.
    (
        "SELECT pg_replication_origin_session_setup('ORIGIN');
         BEGIN;
         SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2026-01-02 03:04:05+00');
         INSERT INTO people VALUES (8, 'from afar', NULL);
         COMMIT;
         SELECT pg_replication_origin_session_reset()",
        &["BEGIN", "ORIGIN ORIGIN", "INSERT public.people new id=8 name=from afar note=NULL", "COMMIT"],
    ),
    (
        "BEGIN; SELECT pg_logical_emit_message(true, 'last', 'of all'); COMMIT",
        &["BEGIN", "MESSAGE last: of all", "COMMIT"],
    ),
];

fn every_kind_of_change(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    let origin = server::unique("origin");
    db.run(SCHEMA);
    db.run(&format!("SELECT pg_replication_origin_create('{origin}')"));
    let slot = db.slot();
    let mood = db.text("SELECT 'mood'::regtype::oid::int");
    let before = db.position();
    let mut expected = Vec::new();
    for (statements, events) in SCRIPT {
        db.script(&statements.replace("ORIGIN", &origin));
        expected.extend(
            events.iter().map(|line| {
                line.replace("ORIGIN ORIGIN", &format!("ORIGIN {origin}")).replace("MOOD", &mood)
            }),
        );
    }
    let after = db.position();

    let options =
        Options::stream(&db.conninfo(), &slot, "pub").with("messages", "on").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let mut inside_last = false;
    let seen = stream.read_until(|event| {
        inside_last |= event.line == "MESSAGE last: of all";
        inside_last && event.kind == Kind::Commit
    });
    stream.expect_quiet(300);
    let lines: Vec<&str> = seen.iter().map(|event| event.line.as_str()).collect();
    assert_eq!(lines, expected);
    check_flags(&seen);
    check_frames(&seen, before, after);

    let stats = stream.stats();
    let count = |kinds: &[Kind]| seen.iter().filter(|event| kinds.contains(&event.kind)).count() as u64;
    assert_eq!(stats.transactions, count(&[Kind::Commit]));
    assert_eq!(stats.server_version / 10_000, major(version));
    if version > 14 {
        assert_eq!(stats.empty_transactions, 0, "from 15 on the server skips them");
    } else {
        assert!(stats.empty_transactions >= 1, "the insert into a table outside the publication");
    }
    assert_eq!((stats.ignored_aborts, stats.unknown_frames, stats.notices), (0, 0, 0));
}

fn check_flags(seen: &[Seen]) {
    for event in seen {
        let expected = match (event.kind, event.line.as_str()) {
            (Kind::Message, line) if !line.contains("alone") => TRANSACTIONAL,
            (Kind::Update | Kind::Delete, line) if line.contains(" key ") => OLD_KEY,
            (Kind::Update | Kind::Delete, line) if line.contains(" old ") => OLD_FULL,
            (Kind::Truncate, line) if line.contains("CASCADE") => CASCADE | RESTART_IDENTITY,
            _ => 0,
        };
        assert_eq!(event.flags, expected, "{}", event.line);
    }
}

/// Positions, transaction ids and sequence numbers, as the header's chapter on positions has them.
fn check_frames(seen: &[Seen], before: u64, after: u64) {
    let mut open: Option<(&Seen, u64)> = None;
    let mut last_ack = before;
    for event in seen {
        match event.kind {
            Kind::Begin => {
                assert!(open.is_none());
                assert!(event.xid != 0 && event.commit_lsn > before && event.commit_lsn < after);
                assert!(event.commit_lsn >= last_ack, "commits come in their order");
                // Some time this century.
                assert!(event.commit_time > 0 && event.commit_time < 100 * 366 * 86_400 * 1_000_000);
                open = Some((event, 0));
            }
            Kind::Message if event.flags & TRANSACTIONAL == 0 => {
                assert!(open.is_none());
                assert_eq!((event.commit_lsn, event.sequence, event.xid), (event.lsn, 0, 0));
                assert!(event.ack_lsn == event.lsn && event.ack_lsn <= after);
                continue;
            }
            _ => {}
        }
        let (begin, next) = open.as_mut().unwrap_or_else(|| panic!("outside a transaction: {}", event.line));
        assert_eq!(
            (event.xid, event.commit_lsn, event.commit_time, event.sequence),
            (begin.xid, begin.commit_lsn, begin.commit_time, *next),
            "{}",
            event.line
        );
        match event.kind {
            Kind::Insert | Kind::Update | Kind::Delete | Kind::Truncate | Kind::Message => {
                *next += 1;
                assert!(event.lsn >= before && event.lsn <= event.commit_lsn, "{}", event.line);
                assert_eq!(event.ack_lsn, 0);
            }
            Kind::Commit => {
                assert_eq!(event.lsn, event.commit_lsn);
                assert!(event.ack_lsn > event.commit_lsn && event.ack_lsn <= after);
                last_ack = event.ack_lsn;
                open = None;
            }
            _ => assert_eq!(event.ack_lsn, 0),
        }
    }
    assert!(open.is_none());
}

on_every_version_and_format! { every_kind_of_change }
