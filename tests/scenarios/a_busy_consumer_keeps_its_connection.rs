//! P8: a consumer that is busy with a batch makes no call for a long time. Its connection stays, although the server's
//! patience is much shorter and 200 MB wait in front of a full queue; then it gets every row.

use std::thread;
use std::time::Duration;

use crate::harness::{Kind, Options, Server};

const ROWS: u64 = 200_000;

fn p8_no_call_for_six_seconds(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let before = db.position();
    for part in 0..10 {
        let rows = ROWS / 10;
        db.run(&format!(
            "INSERT INTO t SELECT {part} * {rows} + g, repeat(md5(g::text), 31) FROM generate_series(1, {rows}) g"
        ));
    }
    assert!(db.position() - before > 200_000_000, "200 MB are pending");

    let conninfo = format!("{} options='-c wal_sender_timeout=4s'", db.conninfo());
    let stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    let pid = stream.stats().backend_pid;
    let walsender = |db: &mut crate::harness::Database<'_>| {
        db.text(&format!("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{slot}'"))
    };
    assert_eq!(walsender(&mut db), pid.to_string());
    thread::sleep(Duration::from_secs(6));
    let waiting = stream.stats();
    assert_eq!(walsender(&mut db), pid.to_string(), "the connection is still the same");
    // Reading stopped when the queue was full, with at most one read more than it holds.
    assert!(waiting.queue_bytes >= 3_500_000 && waiting.queue_bytes < 8 << 20, "{waiting:?}");
    assert!(waiting.bytes_received < 20 << 20, "{waiting:?}");

    let mut next = 1;
    while next <= ROWS {
        let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?} before row {next}"));
        for event in batch.events().filter(|event| event.kind() == Kind::Insert) {
            assert_eq!(event.new_value(0).as_int64(), Ok(next as i64));
            assert_eq!(event.new_value(1).bytes().len(), 31 * 32);
            next += 1;
        }
    }
    let after = stream.stats();
    assert_eq!((after.backend_pid, walsender(&mut db)), (pid, pid.to_string()));
}

on_versions! { p8_no_call_for_six_seconds v18 18; v14 14 }
