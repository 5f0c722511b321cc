//! S45: each status is met on a real server here, with the hint that it gives followed, or in a test that is named here
//! and that names it. A status in neither list fails.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

use crate::harness::admin::failure;
use crate::harness::server::{free_port, unique};
use crate::harness::stream::call;
use crate::harness::{Admin, Database, Failure, Kind, Next, Options, Server, Stream, abi};
use pgwalstream::error::Status::{self, *};

/// Where what is met elsewhere is: the file, and the function that names the status.
const ELSEWHERE: &[(Status, &str, &str)] = &[
    (WAL_E_BUSY, "tests/scenarios/sound/credentials_change_while_a_stream_lives.rs", ""),
    (WAL_E_FORKED, "tests/c/test_fork.c", "FORKED"),
    (WAL_E_NOT_BUILT, "tests/the_backends_have_one_table.rs", ""),
    (WAL_E_AUTH, "tests/scenarios/sound/each_hint_was_tried.rs", "s35_a_proxy_that_ends_tls"),
    (WAL_E_AUTH_METHOD, "tests/scenarios/sound/nobody_comes_in_without_what_was_required.rs", ""),
    (WAL_E_CONNECTION_LOST, "tests/scenarios/sound/a_message_that_drips_is_silence.rs", ""),
    (WAL_E_TOO_MANY_CONNECTIONS, "tests/scenarios/a_wrong_setup_is_named.rs", ""),
    (WAL_E_NOT_READY, "tests/scenarios/connection/an_error_is_known_by_its_code.rs", ""),
    (WAL_E_TLS_CERTIFICATE, "tests/scenarios/connection/a_stream_flows_through_tls.rs", ""),
    (WAL_E_NO_HBA_ENTRY, "tests/scenarios/sound/each_hint_was_tried.rs", "s34_the_word_replication"),
    (WAL_E_PROTOCOL, "tests/scenarios/sound/each_hint_was_tried.rs", "s44_an_answer_that_is_none"),
    (WAL_E_DECODE, "tests/scenarios/a_wrong_message_ends_the_stream.rs", ""),
    (WAL_E_UNKNOWN_RELATION, "tests/scenarios/a_wrong_message_ends_the_stream.rs", ""),
    (WAL_E_UNKNOWN_MESSAGE, "tests/scenarios/a_wrong_message_ends_the_stream.rs", ""),
    (WAL_E_CAPTURE, "tests/scenarios/sound/each_hint_was_tried.rs", "s36_each_reason"),
    (WAL_E_SERVER, "tests/scenarios/sound/each_hint_was_tried.rs", "s38_bytes_without"),
    (WAL_E_WAL_LEVEL, "tests/scenarios/a_wrong_setup_is_named.rs", ""),
    (WAL_E_SLOT_INVALIDATED, "tests/scenarios/slots/an_invalidated_slot_is_named_and_never_retried.rs", ""),
    (WAL_E_SERVER_SHUTDOWN, "tests/scenarios/a_stopping_server_does_not_wait.rs", ""),
    (WAL_E_SLOT_TIMEOUT, "tests/scenarios/slots/making_a_slot_never_hangs.rs", "names_the_blockers"),
    (WAL_E_SLOT_IN_DOUBT, "tests/scenarios/slots/making_a_slot_never_hangs.rs", ""),
    (WAL_E_SYSTEM_MISMATCH, "tests/scenarios/reconnect/a_standby_takes_over.rs", ""),
    (WAL_E_DELIVERED_BEYOND, "tests/scenarios/reconnect/a_standby_lacks_what_was_delivered.rs", ""),
    (WAL_E_FORK, "tests/scenarios/physical/a_promotion_is_followed.rs", ""),
    (WAL_NOT_FOUND, "tests/scenarios/physical/an_archive_is_the_servers.rs", ""),
    (WAL_E_ARCHIVE, "tests/scenarios/physical/an_archive_is_the_servers.rs", ""),
    (WAL_E_ARCHIVE_IDENTITY, "tests/scenarios/physical/an_archive_is_the_servers.rs", ""),
    (WAL_E_ARCHIVE_CONFLICT, "tests/scenarios/physical/an_archive_is_the_servers.rs", ""),
    (WAL_E_DISK_FULL, "src/archive/crash.rs", ""),
    (WAL_E_FSYNC, "src/archive/crash.rs", ""),
    (WAL_E_SPILL, "tests/scenarios/protocol/large_transactions_are_kept_in_bounds.rs", ""),
    (WAL_E_AMBIGUOUS, "tests/scenarios/protocol/large_transactions_are_kept_in_bounds.rs", ""),
    (
        WAL_E_SNAPSHOT,
        "tests/scenarios/snapshot/what_was_begun_is_gone_on_with.rs",
        "p18_each_way_to_start_again",
    ),
    (WAL_E_RECORD, "tests/scenarios/records/damage_is_named_with_its_place.rs", ""),
    (WAL_E_UNSUPPORTED_WAL, "src/record/tests/images.rs", "a_damaged_image"),
    (WAL_E_NO_MEMORY, "tests/scenarios/sound/what_a_server_sends_costs_little_memory.rs", ""),
    (WAL_E_SYSTEM, "tests/scenarios/sound/each_hint_was_tried.rs", "s45_an_engine_without_descriptors"),
    (WAL_E_PANIC, "tests/c/test_panic.c", ""),
];

/// What no test may bring about.
const NEVER: &[(Status, &str)] = &[(WAL_E_INTERNAL, "it is what a defect of the library would be")];

/// A situation, the hint's words, and what the hint says to do, which must help.
struct Situation<'a> {
    status: Status,
    failure: Failure,
    hint: &'a str,
    follow: Box<dyn FnOnce() + 'a>,
}

fn situation<'a>(
    status: Status,
    failure: Failure,
    hint: &'a str,
    follow: impl FnOnce() + 'a,
) -> Situation<'a> {
    Situation { status, failure, hint, follow: Box::new(follow) }
}

fn refused(options: &Options) -> Failure {
    options.open().map(drop).unwrap_err()
}

#[test]
fn s45_every_status_is_met_and_its_hint_followed() {
    let mut met: BTreeMap<i32, &str> = [WAL_OK, WAL_TIMEOUT, WAL_END, WAL_INTERRUPTED]
        .into_iter()
        .map(|status| (status as i32, "no error"))
        .collect();
    for (status, why) in NEVER {
        assert!(met.insert(*status as i32, why).is_none(), "{status:?} stands twice");
    }
    for (status, path, function) in ELSEWHERE {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let from = text.find(function).unwrap_or_else(|| panic!("{path} has no {function}"));
        assert!(text[from..].contains(status.name()), "{path} {function} does not name {status:?}");
        assert!(met.insert(*status as i32, path).is_none(), "{status:?} stands twice");
    }
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let inside = inside(&mut db);
    let mut wrong = Vec::new();
    for it in connecting(&db, &slot).into_iter().chain(settings(&db)).chain(inside) {
        assert_eq!(it.failure.status, it.status, "{:?}", it.failure);
        if !it.failure.hint.contains(it.hint) || it.failure.hint.is_empty() {
            wrong.push(format!("{:?}", it.failure));
        }
        (it.follow)();
        // One status may be met in several situations.
        met.insert(it.status as i32, "here");
    }
    assert_eq!(wrong, Vec::<String>::new(), "a hint is missing, or says something else");
    let left =
        (-200..=200).filter_map(Status::from_code).filter(|status| !met.contains_key(&(*status as i32)));
    assert_eq!(left.collect::<Vec<_>>(), [], "a status has neither a situation nor a test that is named");
}

/// What keeps a stream from opening.
fn connecting<'a>(db: &'a Database<'_>, slot: &'a str) -> Vec<Situation<'a>> {
    let admin = || Admin::open(&db.conninfo());
    let opens = move |conninfo: &str, slot: &str, publication: &str| {
        drop(Options::stream(conninfo, slot, publication).open().unwrap());
        let active = format!("SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}' AND active");
        crate::harness::eventually("the slot is released", || admin().query(&active).unwrap().is_empty());
    };
    let good = move || opens(&db.conninfo(), slot, "pub");
    let with = |conninfo: &str| refused(&Options::stream(conninfo, slot, "pub"));
    let here = |from: &str, to: &str| db.conninfo().replace(from, to);
    let port = format!("port={}", db.server.port);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap().port(), silent);
    let role = unique("plain");
    admin().query(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let of_role = here("user=postgres", &format!("user={role}"));
    let other = unique("other");
    admin().query(&format!("SELECT pg_create_logical_replication_slot('{other}', 'test_decoding')")).unwrap();
    let holder = Options::stream(&db.conninfo(), slot, "pub").open().unwrap();
    let taken = with(&db.conninfo());
    drop(holder);
    good();
    let made = unique("made");
    let old = Server::shared(14).database();
    let old_slot = unique("old");
    Admin::open(&old.conninfo()).query("CREATE PUBLICATION pub FOR ALL TABLES").unwrap();
    let parallel = Options::stream(&old.conninfo(), &old_slot, "pub").with("slot_create", "temporary");
    let parallel = parallel.with("streaming", "parallel");
    vec![
        situation(WAL_E_RESOLVE, with(&here("127.0.0.1", "no-such-host.invalid")), "spelling of host", good),
        situation(WAL_E_CONNECT, with(&here(&port, &format!("port={}", free_port()))), "on that port", good),
        situation(
            WAL_E_CONNECT_TIMEOUT,
            with(&format!("{} connect_timeout=1", here(&port, &format!("port={}", silent.0)))),
            "host and port",
            good,
        ),
        situation(
            WAL_E_TLS,
            with(&format!("{} sslmode=require", db.conninfo())),
            "sslmode=prefer",
            move || {
                opens(&format!("{} sslmode=prefer", db.conninfo()), slot, "pub");
            },
        ),
        situation(WAL_E_NO_DATABASE, with(&here(&db.name, "no_such_db")), "correct dbname", good),
        situation(WAL_E_PRIVILEGE, with(&of_role), "ALTER ROLE … REPLICATION", move || {
            admin().query(&format!("ALTER ROLE {role} REPLICATION")).unwrap();
            opens(&of_role, slot, "pub");
        }),
        situation(WAL_E_SLOT_ACTIVE, taken, "Stop the other consumer", good),
        situation(
            WAL_E_SLOT_MISSING,
            refused(&Options::stream(&db.conninfo(), &made, "pub")),
            "slot_create",
            move || {
                drop(
                    Options::stream(&db.conninfo(), &made, "pub")
                        .with("slot_create", "if_missing")
                        .open()
                        .unwrap(),
                )
            },
        ),
        situation(
            WAL_E_SLOT_MISMATCH,
            refused(&Options::stream(&db.conninfo(), &other, "pub")),
            "Use another slot name",
            good,
        ),
        situation(
            WAL_E_PUBLICATION_MISSING,
            refused(&Options::stream(&db.conninfo(), slot, "later")),
            "CREATE PUBLICATION",
            move || {
                admin().query("CREATE PUBLICATION later FOR TABLE t").unwrap();
                opens(&db.conninfo(), slot, "later");
            },
        ),
        situation(WAL_E_SERVER_VERSION, refused(&parallel), "Leave the option out", move || {
            drop(parallel.with("streaming", "on").open().unwrap());
            drop(old);
        }),
        situation(
            WAL_E_GAP,
            refused(&Options::stream(&db.conninfo(), slot, "pub").with("start_lsn", "FF/0")),
            "Without it the stream starts where the slot stands",
            good,
        ),
        situation(WAL_E_SLOT_EXISTS, failure(admin().create(slot, 0)), "another name", move || {
            admin().create(&unique("fresh"), 0).unwrap();
        }),
        situation(
            WAL_E_PUBLICATION_EXISTS,
            admin().create_publication("pub", None, 0).unwrap_err(),
            "another name",
            move || {
                admin().create_publication("fresh", None, 0).unwrap();
            },
        ),
    ]
}

/// What is wrong before anything is connected.
fn settings<'a>(db: &'a Database<'_>) -> Vec<Situation<'a>> {
    let wrong = |key: &str, value: &str| Options::new().set(key, Some(value)).unwrap_err();
    let right =
        |key: &'static str, value: &'static str| move || Options::new().set(key, Some(value)).unwrap();
    vec![
        situation(
            WAL_E_UNKNOWN_OPTION,
            wrong("publicatoin", "x"),
            "\"publication\"",
            right("publication", "x"),
        ),
        situation(WAL_E_BAD_OPTION, wrong("streaming", "maybe"), "Default: off", right("streaming", "off")),
        situation(WAL_E_CONNINFO, wrong("conninfo", "hots=x"), "host", right("conninfo", "host=x")),
        situation(
            WAL_E_INVALID_ARGUMENT,
            failure(Admin::open(&db.conninfo()).query("COPY t TO STDOUT")),
            "Open a COPY to have its rows in batches",
            || {
                let (admin, mut copy) = (Admin::open(&db.conninfo()), std::ptr::null_mut());
                // SAFETY: a live connection, a terminated text, an out-parameter of this frame; freed once.
                let opened = call(|err| unsafe {
                    abi::wal_copy_open(
                        admin.raw(),
                        c"COPY t TO STDOUT".as_ptr(),
                        0,
                        30_000,
                        &raw mut copy,
                        err,
                    )
                });
                // SAFETY: as above.
                unsafe { abi::wal_copy_free(copy) };
                assert_eq!(opened, Ok(WAL_OK));
            },
        ),
    ]
}

/// What is wrong with a call on a stream or a value.
fn inside(db: &mut Database<'_>) -> Vec<Situation<'static>> {
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (70000, NULL)");
    let options = Options::stream(&db.conninfo(), &slot, "pub");
    let mut stream = options.new_stream().unwrap();
    let early = stream.next_status(0).unwrap_err();
    let connected = stream.connect(20_000);
    let beyond = stream.ack(u64::MAX >> 1).unwrap_err();
    let mut all = Vec::new();
    let insert = |stream: &mut Stream, all: &mut Vec<Situation<'static>>| loop {
        match stream.next(20_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Insert => {
                let (id, v) = (event.new_named("id"), event.new_named("v"));
                let [small, typed, none] =
                    [id.as_int16().unwrap_err(), id.as_bool().unwrap_err(), v.as_text().unwrap_err()];
                let (wide, text) = (id.as_int32(), id.format());
                let number = move || assert_eq!(wide, Ok(70_000));
                let words = move || assert_eq!(text.as_deref(), Ok("70000"));
                let kind = v.cell();
                all.push(situation(WAL_E_OUT_OF_RANGE, small, "wider type", words));
                all.push(situation(WAL_E_TYPE, typed, "Read it as an integer", number));
                all.push(situation(WAL_E_NO_VALUE, none, "Look at the value's kind", move || {
                    assert_eq!(kind, crate::harness::Cell::Null);
                }));
                return;
            }
            Next::Event(_) => (),
            Next::Nothing(status) => panic!("{status:?}"),
        }
    };
    insert(&mut stream, &mut all);
    let commit = stream.read_transactions(1).last().unwrap().ack_lsn;
    let acked = stream.ack(commit);
    all.push(situation(WAL_E_STATE, early, "onnect", move || assert!(connected.is_ok())));
    all.push(situation(WAL_E_ACK_BEYOND, beyond, "ack_lsn", move || assert_eq!(acked, Ok(()))));
    all
}
