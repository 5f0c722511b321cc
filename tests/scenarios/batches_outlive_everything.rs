//! Memory belongs to whom the header says: a batch, a cloned event, a relation and an error live on when the stream is
//! gone and in whatever order they are freed; next and next_batch walk the same queue.

use crate::harness::stream::{Batch, Clone, call};
use crate::harness::{Database, Kind, Next, Options, Server, abi, eventually};
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>, rows: u32) -> Options {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for part in 0..rows / 100 {
        db.run(&format!(
            "INSERT INTO t SELECT g, 'row ' || g FROM generate_series({part} * 100 + 1, {part} * 100 + 100) g"
        ));
    }
    Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "100ms")
}

fn ids(batch: &Batch) -> Vec<i32> {
    let inserts = batch.events().filter(|event| event.kind() == Kind::Insert);
    inserts
        .map(|event| {
            let id = event.new_value(0).as_int32().unwrap();
            assert_eq!(event.new_value(1).as_text().unwrap(), format!("row {id}").as_bytes());
            assert_eq!(event.relation().full_name(), "public.t");
            id
        })
        .collect()
}

#[test]
fn batches_are_read_and_freed_after_their_stream() {
    let mut db = Server::shared(18).database();
    let options = table(&mut db, 5000).with("batch_events", "64");
    let stream = options.open().unwrap();
    let mut batches: Vec<Batch> = Vec::new();
    let mut rows = 0;
    while rows < 5000 {
        let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        rows += ids(&batch).len();
        assert!(batch.events().count() <= 64, "batch_events bounds a batch");
        batches.push(batch);
    }
    let stats = stream.stats();
    assert_eq!(stats.batches_live, batches.len() as u64);
    assert!(stats.live_bytes > 5000 * 10);
    drop(stream);
    drop(options);
    // Other streams come and go meanwhile and use memory that was given back.
    drop(batches.drain(..batches.len() / 2).collect::<Vec<_>>());
    let mut second_db = Server::shared(18).database();
    let second = table(&mut second_db, 1000).open().unwrap();
    let mut others = Vec::new();
    while others.iter().flat_map(ids).next().is_none() {
        others.push(second.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}")));
    }
    let left: Vec<i32> = batches.iter().flat_map(ids).collect();
    assert!(
        left.len() > 1000 && left.windows(2).all(|pair| pair[0] + 1 == pair[1]) && left.last() == Some(&5000)
    );
    assert_eq!(others.iter().flat_map(ids).next(), Some(1));
    // Any thread, any order.
    std::thread::scope(|scope| {
        let (front, back) = batches.split_at(batches.len() / 2);
        scope.spawn(move || front.iter().map(ids).map(|ids| ids.len()).sum::<usize>());
        scope.spawn(move || back.iter().map(ids).map(|ids| ids.len()).sum::<usize>());
    });
    std::thread::spawn(move || drop(batches)).join().unwrap();
    drop(second);
    drop(others);
}

#[test]
fn clones_and_relations_outlive_their_batch() {
    let mut db = Server::shared(18).database();
    let options = table(&mut db, 100).with("messages", "on");
    db.run("BEGIN; SELECT pg_logical_emit_message(true, 'prefix', 'content'); TRUNCATE t; COMMIT");
    let mut stream = options.open().unwrap();
    let mut clones = Vec::new();
    let mut lines = Vec::new();
    let mut relation = std::ptr::null_mut();
    let mut commits = 0;
    while commits < 2 {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
        commits += usize::from(event.kind() == Kind::Commit);
        lines.push(event.line());
        let clone = Clone::of(event);
        // A clone of a clone is as good.
        clones.push(if lines.len() % 2 == 0 { Clone::of(clone.event()) } else { clone });
        if event.kind() == Kind::Relation {
            let borrowed = event.relation().raw();
            // SAFETY: a live relation, an out-parameter of this frame.
            call(|err| unsafe { abi::wal_relation_retain(borrowed, &raw mut relation, err) }).unwrap();
        }
    }
    // The stream goes on: its memory is filled anew.
    db.run("INSERT INTO t SELECT g, repeat('other', 20) FROM generate_series(1, 3000) g");
    stream.read_transactions(1);
    drop(stream);
    let again: Vec<String> = clones.iter().map(|clone| clone.event().line()).collect();
    assert_eq!(again, lines);
    assert!(
        lines.iter().any(|line| line == "MESSAGE prefix: content")
            && lines.contains(&"TRUNCATE public.t".into())
    );
    drop(clones);
    // SAFETY: owned since it was retained, and freed once.
    unsafe {
        assert_eq!(abi::wal_relation_column_count(relation), 2);
        abi::wal_relation_free(relation);
    }
}

/// next walks a batch, next_batch gives what is left of it: nothing is lost between them, nothing comes twice.
#[test]
fn both_ways_of_reading_mix() {
    let mut db = Server::shared(18).database();
    let mut stream = table(&mut db, 3000).with("batch_events", "50").open().unwrap();
    let mut seen = Vec::new();
    let mut turn = 0;
    while seen.len() < 3000 {
        turn += 1;
        if turn % 3 == 0 {
            seen.extend(ids(&stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}"))));
            continue;
        }
        for _ in 0..turn % 7 {
            if seen.len() == 3000 {
                break;
            }
            let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
            if event.kind() == Kind::Insert {
                seen.push(event.new_value(0).as_int32().unwrap());
            }
        }
    }
    assert!(seen.iter().copied().eq(1..=3000));
}

/// ack=auto: a batch is acknowledged as it is freed, and only once all before it are.
#[test]
fn automatic_acknowledgement_goes_in_order() {
    let mut db = Server::shared(18).database();
    let options = table(&mut db, 1000).with("ack", "auto").with("batch_events", "16");
    let stream = options.open().unwrap();
    let mut batches = Vec::new();
    while batches.iter().flat_map(ids).count() < 1000 {
        batches.push(stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}")));
    }
    let positions: Vec<u64> = batches.iter().map(Batch::ack_lsn).filter(|lsn| *lsn != 0).collect();
    assert!(positions.len() >= 9, "ten transactions of a hundred rows");
    assert_eq!(stream.stats().acked_lsn, 0, "none is freed yet");
    // The first stays, all others go: nothing may be acknowledged.
    let first = batches.remove(0);
    while let Some(batch) = batches.pop() {
        drop(batch);
        assert_eq!(stream.stats().acked_lsn, 0);
    }
    drop(first);
    assert_eq!(stream.stats().acked_lsn, positions[positions.len() - 1]);
    let slot = options.get("slot").unwrap();
    eventually("the server knows", || db.confirmed(&slot) >= positions[positions.len() - 1]);
}

/// With next, the call after an event acknowledges it: an event is in the program's hands until then.
#[test]
fn automatic_acknowledgement_waits_for_the_next_call() {
    let mut db = Server::shared(18).database();
    let mut stream = table(&mut db, 200).with("ack", "auto").open().unwrap();
    let first = stream.read_transactions(1).pop().unwrap().ack_lsn;
    assert!(stream.stats().acked_lsn < first);
    let second = stream.read_transactions(1).pop().unwrap().ack_lsn;
    assert_eq!(stream.stats().acked_lsn, first);
    assert_eq!(stream.next_status(0), Ok(Status::WAL_TIMEOUT));
    assert_eq!(stream.stats().acked_lsn, second);
}
