//! batch_boundary=transaction: whole transactions, wherever they fit, with the same events as ever.

use super::forms::{Form, copy_of, drop_slot};
use super::workload;
use crate::harness::{Database, Kind, Options, Server};

/// One event of a batch: what it shows, and the position that it ends something at.
type Told = (String, u64);

fn read(db: &mut Database<'_>, slot: &str, form: Form, more: &[(&str, &str)]) -> Vec<Vec<Told>> {
    let copy = copy_of(db, slot);
    let options = more.iter().fold(form.options(db, &copy), |options, (key, value)| options.with(key, value));
    let stream = options.open().unwrap();
    let mut batches = vec![];
    let mut last = false;
    loop {
        let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        let mut told: Vec<Told> = vec![];
        let mut ended = false;
        for event in batch.events().filter(|event| event.kind() != Kind::Progress) {
            let seen = event.copy();
            last |= seen.line.starts_with("INSERT public.done");
            ended = last && seen.kind == Kind::Commit;
            let line = format!("{} {:X} {:X} {}", seen.line, seen.lsn, seen.commit_lsn, seen.sequence);
            told.push((line, seen.ack_lsn));
        }
        if !told.is_empty() {
            batches.push(told);
        }
        if ended {
            break;
        }
    }
    drop(stream);
    drop_slot(db, &copy);
    batches
}

fn batches_end_where_transactions_do(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    db.run("CREATE TABLE w (id int, v text)");
    let slot = db.slot();
    let insert = |from, to, length| {
        format!("INSERT INTO w SELECT g, repeat('w', {length}) FROM generate_series({from}, {to}) g")
    };
    for n in 0..60 {
        db.run(&insert(n * 50, n * 50 + n % 40, 30));
    }
    // More events than fit, and more bytes than fit.
    db.run(&insert(5_000, 5_200, 10));
    db.run(&insert(6_000, 6_004, 5_000));
    workload::run(&mut db, 2, 400, u64::from(version), true);

    for (streaming, two_phase) in
        [("off", false), ("off", true), ("assembled", false)].into_iter().filter(|it| !it.1 || version >= 15)
    {
        let form = Form { proto_version: "auto", streaming, two_phase, binary: false };
        let bounds = [("batch_events", "64"), ("batch_bytes", "16kB"), ("spill_min_free", "0")];
        let anywhere = read(&mut db, &slot, form, &bounds);
        let whole = read(&mut db, &slot, form, &[&bounds[..], &[("batch_boundary", "transaction")]].concat());
        let all = anywhere.concat();
        assert_eq!(whole.concat().len(), all.len());
        for (n, (got, expected)) in whole.concat().iter().zip(&all).enumerate() {
            assert_eq!(got, expected, "{form:?}: event {n}");
        }
        let open = |batch: &&Vec<Told>| batch.last().is_some_and(|(_, ack)| *ack == 0);
        // One that was kept begins a batch of its own either way.
        assert!(streaming != "off" || anywhere.iter().filter(open).count() > 5, "{form:?}: nothing is shown");
        for batch in whole.iter().filter(open) {
            // All of it is of one transaction, and that fills a batch.
            assert!(batch.iter().all(|(_, ack)| *ack == 0), "{form:?}: {batch:?}");
            let bytes: usize = batch.iter().map(|(line, _)| line.len()).sum();
            assert!(batch.len() > 32 || bytes > 8_000, "{form:?}: {} events, {bytes} bytes", batch.len());
        }
        // Several fit into one.
        let several = whole.iter().any(|batch| batch.iter().filter(|(_, ack)| *ack != 0).count() > 1);
        assert!(streaming != "off" || several, "{form:?}");
    }
}

on_every_version! { batches_end_where_transactions_do }

/// What is left behind the end of a transaction may be more than a small queue takes: nobody may wait for it then.
#[test]
fn a_small_queue_never_waits_for_what_is_left_behind_an_end() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for round in 0..20 {
        db.run(&format!("INSERT INTO t VALUES ({round}, 'small')"));
        db.run("INSERT INTO t SELECT g, repeat('v', 300) FROM generate_series(1000, 2000) g");
    }
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("batch_boundary", "transaction");
    let options =
        options.with("queue_bytes", "64kB").with("batch_bytes", "1MB").with("batch_events", "100000");
    assert_eq!(
        options.open().unwrap().read_transactions(40).iter().filter(|it| it.kind == Kind::Insert).count(),
        20 * 1002
    );
}
