//! A program stores a position with its data, is started again, and goes on behind it: each change once, also from the middle
//! of a transaction. Where that is not possible it is told, and by which fact.

use std::collections::HashSet;

use crate::harness::{Database, Kind, Next, Options, Seen, Server, Stream, abi, eventually};
use abi::wal_position;
use pgwalstream::error::Status;

/// Blocks come on every version.
const SMALL: &str = " options='-c logical_decoding_work_mem=64kB'";

fn table(db: &mut Database<'_>) -> String {
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE noise (n int); CREATE PUBLICATION pub FOR TABLE t",
    );
    db.slot()
}

fn options(db: &Database<'_>, slot: &str) -> Options {
    Options::stream(&db.conninfo(), slot, "pub")
        .with("progress", "acknowledged")
        .with("status_interval", "20ms")
}

fn in_form(db: &Database<'_>, slot: &str, streaming: &str) -> Options {
    let options = Options::stream(&(db.conninfo() + SMALL), slot, "pub").with("status_interval", "20ms");
    options
        .with("progress", "acknowledged")
        .with("server_tuning", "off")
        .with("streaming", streaming)
        .with("messages", "on")
}

fn is_none(position: wal_position) -> bool {
    position == wal_position::default()
}

/// What a program stores: the changes, and the ends.
fn stored(seen: Vec<Seen>) -> Vec<(String, u64, u64, u64, wal_position)> {
    let seen = seen.into_iter().filter(|event| !is_none(event.position));
    seen.map(|it| (it.line, it.commit_lsn, it.sequence, it.ack_lsn, it.position)).collect()
}

/// To the end of the transaction of the last row.
fn read_to_end(stream: &mut Stream) -> Vec<Seen> {
    let mut last = false;
    stream.read_until(|event| {
        last |= event.line.contains("id=1001");
        last && event.kind == Kind::Commit
    })
}

fn compare(a: wal_position, b: wal_position) -> i32 {
    let mut order = 7;
    // SAFETY: positions and an out-parameter of this frame.
    let status = unsafe {
        abi::wal_position_compare(&raw const a, &raw const b, &raw mut order, std::ptr::null_mut())
    };
    assert_eq!(status, 0);
    order
}

/// Stored as text and read again.
fn through_text(position: wal_position) -> wal_position {
    let mut buffer = [0; 98];
    let mut read = wal_position::default();
    // SAFETY: a buffer of the size that is told, an out-parameter of this frame.
    let (length, status) = unsafe {
        let length = abi::wal_position_format(&raw const position, buffer.as_mut_ptr(), buffer.len());
        (length, abi::wal_position_parse(buffer.as_ptr(), &raw mut read, std::ptr::null_mut()))
    };
    assert!(length < buffer.len() && status == 0);
    read
}

fn a_program_goes_on_from_everywhere(version: u32) {
    let mut db = Server::shared(version).database();
    // To resume after a position is to confirm it: a slot for each round.
    let slots = [("off", table(&mut db)), ("assembled", db.slot())];
    db.run("INSERT INTO t VALUES (0, 'before')");
    // Large enough to come in blocks.
    db.run(
        "BEGIN; INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 400) g;
         SELECT pg_logical_emit_message(false, 'p', 'alone'); SELECT pg_logical_emit_message(true, 'p', 'inside'); UPDATE t SET v = 'y' WHERE id < 3; COMMIT",
    );
    db.run("TRUNCATE t; INSERT INTO t VALUES (1000, 'last')");
    db.run("INSERT INTO t VALUES (1001, 'end')");
    for (streaming, slot) in slots {
        let mut stream = in_form(&db, &slot, streaming).open().unwrap();
        let whole = stored(read_to_end(&mut stream));
        assert_eq!(whole.len(), 413);
        assert!(stream.stats().assembled_transactions > 0 || streaming == "off", "it came in blocks");
        drop(stream);
        db.released(&slot);
        assert!(whole.windows(2).all(|two| compare(two[0].4, two[1].4) == -1), "they are in order");
        let server = whole[0].4;
        assert!(
            whole.iter().all(|it| it.4.timeline == 1 && it.4.system_identifier == server.system_identifier)
        );

        // The message alone comes before the transaction that it is written in.
        for at in [0, 1, 2, 3, 4, 200, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411] {
            let position = through_text(whole[at].4);
            assert_eq!(position, whole[at].4);
            let mut stream = in_form(&db, &slot, streaming).open_after(&position).unwrap();
            let seen = if at == 411 { stream.read_transactions(1) } else { read_to_end(&mut stream) };
            let described = seen.iter().position(|event| event.kind == Kind::Relation);
            let changed = seen.iter().position(|event| matches!(event.kind, Kind::Insert | Kind::Update));
            assert!(
                changed.is_none() || described < changed && described.is_some(),
                "described in each life"
            );
            assert_eq!(stored(seen), whole[at + 1..], "behind {at}, {streaming}");
            drop(stream);
            db.released(&slot);
        }
    }
}

on_versions! { a_program_goes_on_from_everywhere v14 14, v18 18 }

/// Killed anywhere, over and over: what it stores is each change once, and the slot follows.
fn a_program_that_is_killed_anywhere_has_each_change_once(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    for from in (0..500).step_by(50) {
        db.run(&format!(
            "INSERT INTO t SELECT g, repeat('x', 300) FROM generate_series({from}, {from} + 49) g"
        ));
    }
    let mut kept: Vec<String> = vec![];
    let mut position: Option<wal_position> = None;
    let mut lives = 0_usize;
    while kept.len() < 500 {
        let options = in_form(&db, &slot, if lives.is_multiple_of(2) { "assembled" } else { "off" });
        let mut stream = position.map_or_else(|| options.open(), |at| options.open_after(&at)).unwrap();
        if lives % 3 == 1 {
            // The connection too, before anything came.
            db.run(&format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid));
        }
        let mut left = 7 + 13 * (lives % 5);
        while left > 0 && kept.len() < 500 {
            let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("after {}", kept.len()) };
            if event.kind() == Kind::Insert {
                kept.push(event.line());
                left -= 1;
            }
            if !is_none(event.position()) {
                position = Some(event.position());
            }
            let ack_lsn = event.fields().ack_lsn;
            if ack_lsn != 0 {
                stream.ack(ack_lsn).unwrap();
                if lives.is_multiple_of(2) {
                    stream.flush(30_000).unwrap();
                }
            }
        }
        drop(stream);
        db.released(&slot);
        lives += 1;
    }
    assert!(lives > 10, "{lives}");
    let distinct: HashSet<&String> = kept.iter().collect();
    assert_eq!((kept.len(), distinct.len()), (500, 500));
}

on_versions! { a_program_that_is_killed_anywhere_has_each_change_once v14 14, v18 18 }

#[track_caller]
fn next_progress(stream: &mut Stream) -> Seen {
    loop {
        match stream.next(30_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Progress => return event.copy(),
            // Each life is told what it does not know.
            Next::Event(event) if event.kind() == Kind::Relation => {}
            Next::Event(event) => panic!("{}", event.line()),
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

#[test]
fn progress_is_a_position_and_nothing_but_acknowledgements_moves_the_slot() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    db.run("INSERT INTO t VALUES (1, 'a')");
    let mut stream = options(&db, &slot).open().unwrap();
    let commit = stream.read_transactions(1).pop().unwrap();
    stream.ack(commit.ack_lsn).unwrap();
    drop(stream);
    db.released(&slot);
    // It implies progress=acknowledged.
    let auto = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "20ms");
    let mut stream = auto.open_after(&commit.position).unwrap();
    db.run("INSERT INTO noise SELECT generate_series(1, 1000)");
    let end = db.position();
    let mut progress = next_progress(&mut stream);
    while progress.ack_lsn < end {
        progress = next_progress(&mut stream);
    }
    assert_eq!((progress.position.end_lsn, progress.position.commit_lsn), (progress.ack_lsn, 0));
    assert_eq!(compare(commit.position, progress.position), -1);
    assert!(db.confirmed(&slot) <= commit.ack_lsn, "the server's own position moves nothing");
    drop(stream);
    db.released(&slot);
    let mut stream = auto.open_after(&progress.position).unwrap();
    db.run("INSERT INTO t VALUES (2, 'b')");
    let seen = stream.read_transactions(1);
    assert!(
        seen.iter().any(|event| event.line.contains("id=2"))
            && stored(seen.clone()).iter().all(|it| compare(progress.position, it.4) == -1)
    );
    let last = seen.last().unwrap();
    assert_eq!(compare(progress.position, last.position), -1);
    stream.ack(last.ack_lsn).unwrap();
    eventually("it is confirmed", || db.confirmed(&slot) == last.ack_lsn);
}

fn a_slot_beyond_the_position_is_a_gap_and_one_at_it_is_none(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    for id in 0..3 {
        db.run(&format!("INSERT INTO t VALUES ({id}, 'a'), (1{id}, 'b')"));
    }
    let mut stream = options(&db, &slot).open().unwrap();
    let all: Vec<Seen> = stream.read_transactions(3).into_iter().filter(|it| !is_none(it.position)).collect();
    // Two changes and an end each.
    let at = |transaction: usize, event: usize| &all[3 * transaction + event];
    stream.ack(at(1, 2).ack_lsn).unwrap();
    drop(stream);
    db.released(&slot);
    assert_eq!(db.confirmed(&slot), at(1, 2).ack_lsn);
    for event in [at(0, 0), at(0, 2), at(1, 0), at(1, 1)] {
        let failure = options(&db, &slot).open_after(&event.position).map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_GAP, "{failure:?}");
        assert!(
            !failure.is_retriable
                && failure.message.contains(&slot)
                && failure.message.contains("resume after")
        );
    }
    for (event, left) in [(at(1, 2), 3), (at(2, 0), 2), (at(2, 2), 0)] {
        let mut stream = options(&db, &slot).open_after(&event.position).unwrap();
        if left > 0 {
            assert_eq!(stored(stream.read_transactions(1)).len(), left);
        }
        stream.expect_quiet(50);
        drop(stream);
        db.released(&slot);
    }
    // A slot that is gone holds nothing back.
    let made = options(&db, "resume_never_made").with("slot_create", "if_missing");
    assert_eq!(made.open_after(&at(2, 2).position).map(drop).unwrap_err().status, Status::WAL_E_GAP);
    // A server that was put back to an older state lacks it.
    let beyond = wal_position { end_lsn: 0xFF << 32, ..at(2, 2).position };
    let failure = options(&db, &slot).open_after(&beyond).map(drop).unwrap_err();
    assert!(
        failure.status == Status::WAL_E_GAP && failure.message.contains("end of the server's WAL"),
        "{failure:?}"
    );
}

on_versions! { a_slot_beyond_the_position_is_a_gap_and_one_at_it_is_none v14 14, v18 18 }

#[test]
fn p12_another_system_and_a_later_timeline_are_refused() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    db.run("INSERT INTO t VALUES (1, 'a')");
    let position = options(&db, &slot).open().unwrap().read_transactions(1).pop().unwrap().position;
    let other = Server::start_apart(18, &[]);
    let mut there = other.database();
    let slot = table(&mut there);
    let failure = options(&there, &slot).open_after(&position).map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_SYSTEM_MISMATCH, "{failure:?}");
    assert!(failure.message.contains(&position.system_identifier.to_string()) && !failure.is_retriable);
    there.run("INSERT INTO t VALUES (1, 'a')");
    let here = options(&there, &slot).open().unwrap().read_transactions(1).pop().unwrap().position;
    there.released(&slot);
    let later = wal_position { timeline: 2, ..here };
    let failure = options(&there, &slot).open_after(&later).map(drop).unwrap_err();
    assert!(failure.status == Status::WAL_E_NOT_READY && failure.is_retriable, "{failure:?}");
    options(&there, &slot).open_after(&here).map(drop).unwrap();
}

#[test]
fn what_does_not_go_with_a_position_is_refused() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    db.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    let seen = options(&db, &slot).open().unwrap().read_transactions(1);
    db.released(&slot);
    let inside = seen.iter().find(|event| event.kind == Kind::Insert).unwrap().position;
    let end = seen.last().unwrap().position;
    let refused = |options: Options, position: &wal_position| {
        let failure = options.new_stream().unwrap().resume_after(position).unwrap_err();
        assert!(failure.status == Status::WAL_E_BAD_OPTION && !failure.hint.is_empty(), "{failure:?}");
    };
    let conninfo = db.conninfo();
    let base = || Options::stream(&conninfo, &slot, "pub").with("progress", "acknowledged");
    refused(base(), &wal_position::default());
    refused(base(), &wal_position { system_identifier: 0, ..end });
    refused(base(), &wal_position { timeline: 0, ..end });
    refused(base().with("start_lsn", "0/1"), &end);
    for streaming in ["on", "parallel"] {
        refused(base().with("streaming", streaming), &inside);
        base().with("streaming", streaming).new_stream().unwrap().resume_after(&end).unwrap();
    }
    refused(base().with("decode", "off"), &inside);
    refused(base().with("decode", "off"), &end);
    // Others would number its changes otherwise.
    for (name, value) in [("messages", "on"), ("publication", "pub,other"), ("origin", "none")] {
        refused(base().with(name, value), &inside);
        base().with(name, value).new_stream().unwrap().resume_after(&end).unwrap();
    }
    refused(base(), &wal_position { numbering: 0, ..inside });
    let flagged = base().with("streaming", "assembled").with("on_ambiguous", "flag").with("messages", "on");
    refused(flagged, &inside);
    base().with("streaming", "assembled").new_stream().unwrap().resume_after(&inside).unwrap();
    refused(base().with("two_phase", "join"), &inside);
    // The option says the same.
    let text = format!("{}:1:0/10:0:0/0", end.system_identifier);
    let failure =
        base().with("streaming", "on").with("resume_after", &text).new_stream().map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_BAD_OPTION);
    assert_eq!(base().set("resume_after", Some("0/10")).unwrap_err().status, Status::WAL_E_BAD_OPTION);
    // Once, and before connecting.
    let text = format!("{}:1:0/0:0:0/10", end.system_identifier);
    let stream = base().with("resume_after", &text).new_stream().unwrap();
    assert_eq!(stream.resume_after(&end).unwrap_err().status, Status::WAL_E_STATE);
    let stream = base().new_stream().unwrap();
    stream.resume_after(&end).unwrap();
    assert_eq!(stream.resume_after(&end).unwrap_err().status, Status::WAL_E_STATE);
    stream.connect(-1).unwrap();
    drop(stream);
    db.released(&slot);
    let stream = base().open().unwrap();
    assert_eq!(stream.resume_after(&end).unwrap_err().status, Status::WAL_E_STATE);
}

/// While a prepared transaction is kept, what may be acknowledged stays before it, and the position knows more.
#[test]
fn p27_what_was_had_while_a_prepared_transaction_was_kept_does_not_come_again() {
    let server = Server::start(18, &["max_prepared_transactions=4"]);
    let mut db = server.database();
    let slot = table(&mut db);
    let join = |db: &Database<'_>| options(db, &slot).with("two_phase", "join");
    let mut stream = join(&db).open().unwrap();
    db.run("BEGIN; INSERT INTO t VALUES (1, 'held'); PREPARE TRANSACTION 'held'");
    db.run("INSERT INTO t VALUES (2, 'meanwhile')");
    let commit = stream.read_transactions(1).pop().unwrap();
    assert!(commit.position.end_lsn < commit.position.commit_lsn, "{:?}", commit.position);
    stream.ack(commit.ack_lsn).unwrap();
    drop(stream);
    db.released(&slot);

    let mut stream = join(&db).open_after(&commit.position).unwrap();
    db.run("INSERT INTO t VALUES (3, 'next')");
    db.run("COMMIT PREPARED 'held'");
    let ids = |seen: &[Seen]| -> Vec<String> {
        seen.iter().filter(|it| it.kind == Kind::Insert).map(|it| it.line.clone()).collect()
    };
    let seen = stream.read_transactions(2);
    let lines = ids(&seen);
    assert!(lines.len() == 2 && lines[0].contains("id=3") && lines[1].contains("id=1"), "{lines:?}");
    stream.ack(seen.last().unwrap().ack_lsn).unwrap();
    drop(stream);
    db.released(&slot);

    // One that is rolled back while nobody listens: the end of what was had is told by itself.
    let mut stream = join(&db).open_after(&seen.last().unwrap().position).unwrap();
    db.run("BEGIN; INSERT INTO t VALUES (4, 'never'); PREPARE TRANSACTION 'never'");
    db.run("INSERT INTO t VALUES (5, 'meanwhile')");
    let commit = stream.read_transactions(1).pop().unwrap();
    drop(stream);
    db.released(&slot);
    db.run("ROLLBACK PREPARED 'never'");
    let end = db.position();
    let mut stream = join(&db).open_after(&commit.position).unwrap();
    let mut progress = next_progress(&mut stream);
    while progress.ack_lsn < end {
        assert!(
            compare(commit.position, progress.position) <= 0,
            "no position goes back: {:?}",
            progress.position
        );
        stream.ack(progress.ack_lsn).unwrap();
        progress = next_progress(&mut stream);
    }
}

/// What is given can always be resumed after.
#[test]
fn what_could_not_be_resumed_after_is_no_position() {
    let mut db = Server::shared(18).database();
    let table = table(&mut db);
    let slots = [table, db.slot(), db.slot(), db.slot()];
    db.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    let assembled = ("streaming", "assembled");
    let ways: [&[(&str, &str)]; 3] = [
        &[("streaming", "on")],
        &[("two_phase", "join")],
        &[assembled, ("on_ambiguous", "flag"), ("messages", "on")],
    ];
    for (slot, pairs) in slots.iter().zip(ways) {
        let made = |db: &Database<'_>| {
            pairs.iter().fold(options(db, slot), |made, (name, value)| made.with(name, value))
        };
        let seen = made(&db).open().unwrap().read_transactions(1);
        db.released(slot);
        for event in &seen {
            assert_eq!(is_none(event.position), event.ack_lsn == 0, "{pairs:?}: {}", event.line);
        }
        made(&db).open_after(&seen.last().unwrap().position).map(drop).unwrap();
        db.released(slot);
    }
    let raw = options(&db, &slots[3]).with("decode", "off");
    let mut stream = raw.open().unwrap();
    for _ in 0..3 {
        let Next::Event(event) = stream.next(30_000).unwrap() else { panic!("nothing came") };
        assert!(event.fields().ack_lsn != 0 && is_none(event.position()), "{}", event.line());
    }
}

#[test]
fn a_batch_has_the_position_of_its_last_event_that_has_one() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    db.run("INSERT INTO t SELECT g, 'a' FROM generate_series(1, 100) g");
    let stream = options(&db, &slot).with("batch_events", "16").open().unwrap();
    let mut last = wal_position::default();
    while last.end_lsn == 0 {
        let batch = stream.batch(30_000).unwrap();
        let of_events = batch.events().map(|event| event.position()).filter(|it| !is_none(*it)).last();
        // One may hold nothing but the BEGIN.
        assert_eq!(batch.position(), of_events.unwrap_or_default());
        assert_eq!(batch.position().end_lsn, batch.ack_lsn());
        if of_events.is_some() {
            assert!(is_none(last) || compare(last, batch.position()) == -1);
            last = batch.position();
        }
    }
    assert_eq!(last.sequence, 100);
}

#[test]
fn a_capture_of_a_program_that_resumed_replays_what_it_was_given() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    db.run("INSERT INTO t SELECT g, 'a' FROM generate_series(1, 9) g");
    let seen = options(&db, &slot).open().unwrap().read_transactions(1);
    db.released(&slot);
    let inside = seen.iter().filter(|event| event.kind == Kind::Insert).nth(4).unwrap().position;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let mut stream =
        options(&db, &slot).with("capture_file", path.to_str().unwrap()).open_after(&inside).unwrap();
    let given = stored(stream.read_transactions(1));
    drop(stream);
    assert_eq!(given.len(), 5);
    let replayed = Options::new().replay(&path).unwrap().read_transactions(1);
    assert_eq!(stored(replayed), given);
}
