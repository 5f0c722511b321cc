//! Where nobody set the walsender's memory, server_tuning sets it: little where transactions are streamed, so that they
//! leave sooner; more where they wait for their commit, if the server was given memory, so that they need no disk. What
//! a person set, in conninfo or for the role or the database, stays, and so does everything with server_tuning=off (P24).

use pgwalstream::batch::EventKind as K;

use crate::harness::server::{Database, unique};
use crate::harness::stream::Stream;
use crate::harness::{Options, PATIENCE, Server, VERSIONS, eventually};

/// The built-in setting, in kB.
const USUAL: u64 = 65_536;
/// What streaming gets.
const STREAMED: u64 = 8_192;

/// Reads one transaction and tells whether it came in blocks.
fn came_in_blocks(stream: &mut Stream) -> bool {
    let mut blocks = 0;
    loop {
        let Ok(batch) = stream.batch(PATIENCE.as_millis() as i32) else {
            panic!("the transaction does not come")
        };
        let mut kinds = batch.events().map(|event| event.fields().kind);
        let ended = kinds.any(|kind| {
            blocks += usize::from(kind == K::WAL_EVENT_STREAM_START as u32);
            kind == K::WAL_EVENT_COMMIT as u32 || kind == K::WAL_EVENT_STREAM_COMMIT as u32
        });
        if ended {
            return blocks > 0;
        }
    }
}

#[test]
fn a_streamed_transaction_leaves_as_soon_as_it_fills_the_chosen_memory() {
    for version in VERSIONS {
        let mut db = Server::shared(version).database();
        db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
        let role = unique("role");
        db.run(&format!(
            "CREATE ROLE {role} SUPERUSER REPLICATION LOGIN; ALTER ROLE {role} SET logical_decoding_work_mem = '64MB'"
        ));
        let usual = db.conninfo();
        let forms = [
            (usual.clone(), "auto", STREAMED),
            (usual.clone(), "off", USUAL),
            (format!("{usual} options='-c logical_decoding_work_mem=64MB'"), "auto", USUAL),
            (format!("{usual} user={role}"), "auto", USUAL),
            (format!("{usual} options='-c logical_decoding_work_mem=1MB'"), "off", 1_024),
        ];
        let slots: Vec<String> = forms.iter().map(|_| db.slot()).collect();
        // Some 20 MB in the server's memory: above what is chosen, below what is usual.
        db.run("INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 30000) g");
        for ((conninfo, tuning, kb), slot) in forms.iter().zip(&slots) {
            let options =
                Options::stream(conninfo, slot, "pub").with("streaming", "on").with("server_tuning", tuning);
            let mut stream = options.open().unwrap();
            assert_eq!(stream.stats().server_work_mem_kb, *kb, "{version}: {conninfo} {tuning}");
            assert_eq!(came_in_blocks(&mut stream), *kb < USUAL, "{version}: {conninfo} {tuning}");
        }
    }
}

#[test]
fn a_transaction_that_waits_for_its_commit_needs_no_disk() {
    // An eighth of it is 128 MB.
    let server = Server::start(18, &["shared_buffers=1GB", "max_wal_size=4GB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let (tuned, untuned, theirs) = (db.slot(), db.slot(), db.slot());
    // Some 90 MB in the server's memory.
    db.run("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 80000) g");
    let plain = db.conninfo();
    let own = format!("{plain} options='-c logical_decoding_work_mem=32MB'");
    for (slot, conninfo, tuning, kb) in
        [(&tuned, &plain, "auto", 131_072), (&untuned, &plain, "off", USUAL), (&theirs, &own, "auto", 32_768)]
    {
        let options = Options::stream(conninfo, slot, "pub").with("server_tuning", tuning);
        let mut stream = options.open().unwrap();
        assert_eq!(stream.stats().server_work_mem_kb, kb, "{tuning}");
        assert!(!came_in_blocks(&mut stream));
        let figures = |db: &mut Database<'_>, column: &str| {
            db.text(&format!("SELECT {column} FROM pg_stat_replication_slots WHERE slot_name = '{slot}'"))
        };
        eventually("the server has counted the transaction", || figures(&mut db, "total_txns") != "0");
        let spilled = figures(&mut db, "spill_txns");
        assert_eq!(spilled, if kb < 100_000 { "1" } else { "0" }, "{tuning} {kb}");
    }
}
