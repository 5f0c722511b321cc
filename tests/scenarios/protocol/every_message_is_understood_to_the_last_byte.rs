//! Every message that a server sends, in every form, decoded and encoded again, is the same bytes: nothing in it is lost
//! or taken for something else.

use std::collections::{HashMap, HashSet};

use super::a_captured_session_replays_as_it_was::{capture, folder};
use super::encoder::Encoder;
use super::forms::{Form, highest};
use super::workload;
use crate::harness::{Database, Next, Options, PATIENCE, Server, view};
use pgwalstream::batch::{EventKind as K, Pool};
use pgwalstream::capi;
use pgwalstream::error::Status;
use pgwalstream::pgoutput::{Decoder, Effect, Step};

/// A message with the position that the server gave it.
type Message = (u64, Vec<u8>);

/// What a random workload lacks: origins, messages outside transactions, truncates of several tables.
fn more(db: &mut Database<'_>) {
    let origin = crate::harness::server::unique("origin");
    let mut other = db.server.client(&db.name);
    let mut run = |statement: &str| other.batch_execute(statement).unwrap();
    run("CREATE DOMAIN short AS varchar(20); CREATE SCHEMA \"Odd \"\"one\"");
    run("CREATE TABLE \"Odd \"\"one\".\"t.1\" (k short, b bytea, m mood[], PRIMARY KEY (k)); \
         CREATE TABLE e1 (id int PRIMARY KEY); CREATE TABLE e2 (id serial PRIMARY KEY, r int REFERENCES e1)");
    run(&format!(
        "SELECT pg_replication_origin_create('{origin}'); SELECT pg_replication_origin_session_setup('{origin}')"
    ));
    run("BEGIN; SELECT pg_replication_origin_xact_setup('16/B374D848', now()); \
         INSERT INTO \"Odd \"\"one\".\"t.1\" VALUES ('\u{e4}', '\\x00ff', '{sad}'), ('', NULL, NULL); COMMIT");
    run("SELECT pg_replication_origin_session_reset()");
    run(
        "BEGIN; INSERT INTO e1 SELECT generate_series(1, 3000); SAVEPOINT a; INSERT INTO e2 (r) VALUES (1); \
         ROLLBACK TO a; SELECT pg_logical_emit_message(true, 'inside', E'\\\\x0001'::bytea); COMMIT",
    );
    run("TRUNCATE e1, e2 RESTART IDENTITY CASCADE");
    run("BEGIN; INSERT INTO e1 VALUES (1); SELECT pg_logical_emit_message(false, 'p\u{e4}', ''); ROLLBACK");
    run("UPDATE \"Odd \"\"one\".\"t.1\" SET k = 'new' WHERE k = ''; DELETE FROM \"Odd \"\"one\".\"t.1\"");
}

/// The messages of a capture, as they came.
fn messages(path: &std::path::Path) -> Vec<Message> {
    let mut stream = Options::new().with("decode", "off").replay(path).unwrap();
    let mut all = vec![];
    loop {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            // SAFETY: a live event, whose bytes live as long.
            Next::Event(event) => unsafe {
                all.push((event.fields().lsn, view::bytes(capi::wal_event_raw(event.raw())).to_vec()));
            },
            Next::Nothing(status) => {
                assert_eq!(status, Status::WAL_END);
                return all;
            }
        }
    }
}

/// How many messages of each kind were compared, and how many have no event.
#[derive(Debug, Default)]
struct Seen {
    compared: HashMap<char, usize>,
    without_event: HashMap<char, usize>,
}

impl Seen {
    fn count(map: &mut HashMap<char, usize>, message: &[u8]) {
        *map.entry(char::from(message[0])).or_default() += 1;
    }
}

fn compare(messages: &[Message], form: Form) -> Seen {
    let pool = Pool::new(2);
    let (mut decoder, mut encoder, mut seen) = (Decoder::new(), Encoder::default(), Seen::default());
    // A transaction's beginning is told with its first change.
    let mut held: Vec<Message> = vec![];
    // Definitions are told once.
    let mut definitions: HashSet<Vec<u8>> = HashSet::new();
    for (lsn, message) in messages {
        // In a streamed block an id stands behind the kind.
        let body = if decoder.is_in_block() { 5 } else { 1 };
        let mut batch = pool.take(1, 64).unwrap();
        // SAFETY: the messages outlive the batch.
        let Step::Done(effect) = unsafe { decoder.decode(*lsn, message, &mut batch.arrays) }.unwrap() else {
            panic!("an empty batch is never full")
        };
        let mut got: Vec<Vec<u8>> = batch.arrays.events().iter().map(|event| encoder.encode(event)).collect();
        pool.give(batch);
        if got.is_empty() {
            match (message[0], effect) {
                (b'B', Effect::Began { .. }) => held.push((*lsn, message.clone())),
                (b'O', _) if !held.is_empty() => held.push((*lsn, message.clone())),
                (b'R' | b'Y', _) => {
                    assert!(
                        definitions.contains(&message[body..]),
                        "{form:?}: a definition is lost: {message:?}"
                    );
                    Seen::count(&mut seen.without_event, message);
                }
                (b'C', Effect::Empty { .. }) => {
                    held.drain(..).for_each(|(_, message)| Seen::count(&mut seen.without_event, &message));
                    Seen::count(&mut seen.without_event, message);
                }
                (b'A', Effect::Ignored) => Seen::count(&mut seen.without_event, message),
                other => panic!("{form:?}: no event of {other:?}: {message:?}"),
            }
            continue;
        }
        if message[0] == b'P' && got.len() == 2 {
            // Prepared without having begun: the beginning is made up (Decoder::prepare).
            assert_eq!(got.remove(0)[0], b'b');
        }
        if got.len() == 1 && message[0] == b'M' {
            // One outside transactions does not begin the one that is held.
            assert_eq!(got[0], *message, "{form:?} at {lsn}");
        } else {
            let expected: Vec<Vec<u8>> =
                held.drain(..).chain([(*lsn, message.clone())]).map(|(_, message)| message).collect();
            assert_eq!(got, expected, "{form:?} at {lsn}");
        }
        if matches!(message[0], b'R' | b'Y') {
            definitions.insert(message[body..].to_vec());
        }
        got.iter().for_each(|message| Seen::count(&mut seen.compared, message));
    }
    assert!(held.is_empty(), "{held:?}");
    seen
}

fn the_same_bytes_again(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    let slot = db.slot();
    more(&mut db);
    workload::run(&mut db, 2, 3_000, 23, true);
    let highest = highest(version);
    let mut kinds = HashSet::new();
    for form in Form::all().filter(|form| form.proto_version == "auto" && form.needs() <= highest) {
        let (_folder, path) = folder();
        capture(&mut db, &slot, form, &path);
        let messages = messages(&path);
        let seen = compare(&messages, form);
        let without: usize = seen.without_event.values().sum();
        let compared: usize = seen.compared.values().sum();
        assert_eq!(compared + without, messages.len(), "{form:?}: {seen:?}");
        assert!(compared > 3_000, "{form:?}: {seen:?}");
        let may_lack: &[char] =
            if version == 14 { &['B', 'C', 'O', 'A', 'R', 'Y'] } else { &['A', 'R', 'Y'] };
        assert!(seen.without_event.keys().all(|kind| may_lack.contains(kind)), "{form:?}: {seen:?}");
        kinds.extend(seen.compared.into_keys());
    }
    let wanted = match highest {
        2 => "BCORYIUDTMSEcA",
        _ => "BCORYIUDTMSEcAbPKrp",
    };
    let missing: Vec<char> = wanted.chars().filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "never sent: {missing:?}");
}

on_every_version! { the_same_bytes_again }

/// The encoder is no mirror: what differs in one byte of a change does not come out the same.
#[test]
fn a_changed_byte_is_a_changed_event() {
    let message = [&b"M\x01"[..], &7_u64.to_be_bytes(), b"p\0", &3_u32.to_be_bytes(), b"abc"].concat();
    let begin = [&b"B"[..], &9_u64.to_be_bytes(), &1_i64.to_be_bytes(), &5_u32.to_be_bytes()].concat();
    let encoded = |message: &[u8]| {
        let (pool, mut decoder) = (Pool::new(1), Decoder::new());
        let mut batch = pool.take(1, 16).unwrap();
        // SAFETY: both messages outlive what is read of the batch.
        unsafe { decoder.decode(1, &begin, &mut batch.arrays) }.unwrap();
        // SAFETY: as above.
        unsafe { decoder.decode(2, message, &mut batch.arrays) }.ok()?;
        let event = batch.arrays.events().iter().find(|it| it.kind == K::WAL_EVENT_MESSAGE as u32)?;
        Some(Encoder::default().encode(event))
    };
    assert_eq!(encoded(&message).as_ref(), Some(&message));
    for at in 2..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert!(encoded(&changed).is_none_or(|encoded| encoded != message), "byte {at}");
    }
}
