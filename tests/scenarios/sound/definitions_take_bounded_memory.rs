//! S27, S54: what a connection described of tables is forgotten where it becomes too much, and nothing is told twice.

use crate::harness::{Kind, Options, Seen, Server, eventually};

/// Tables of 50 columns: about 4 kB a definition.
const TABLES: usize = 60;

#[test]
fn s54_a_stream_forgets_the_tables_that_nobody_changes() {
    let mut db = Server::shared(18).database();
    let columns: Vec<String> = (0..50).map(|number| format!("a_column_{number} int")).collect();
    let make: String =
        (0..TABLES).map(|t| format!("CREATE TABLE t{t} (id int, {});", columns.join(", "))).collect();
    db.run(&format!("{make} CREATE PUBLICATION pub FOR ALL TABLES WITH (publish = 'insert')"));
    let slot = db.slot();
    let log = Default::default();
    let options =
        Options::stream(&db.conninfo(), &slot, "pub").with("relations_bytes", "64kB").with_log(&log);
    let mut stream =
        options.with("status_interval", "100ms").with("reconnect_initial", "10ms").open().unwrap();
    let insert = |from: usize, to: usize| -> String {
        (from..to).map(|t| format!("INSERT INTO t{t} VALUES ({t});")).collect()
    };
    db.run(&insert(0, TABLES));
    let first = stream.read_transactions(1);
    let of = |seen: &[Seen], kind| seen.iter().filter(|event| event.kind == kind).count();
    assert_eq!((of(&first, Kind::Relation), of(&first, Kind::Insert)), (TABLES, TABLES));
    // Before all is acknowledged nothing happens.
    stream.expect_quiet(300);
    assert_eq!(stream.stats().reconnects, 0);
    stream.ack(first.last().unwrap().ack_lsn).unwrap();
    eventually("it connects anew", || stream.stats().reconnects == 1);
    assert!(
        log.lock().unwrap().iter().any(|(_, text): &(i32, String)| text.contains("relations_bytes is 65536"))
    );
    // What is described again is the same generation, and is not told again; what is new is.
    db.run("ALTER TABLE t1 ADD another int");
    db.run(&format!("{} {}", insert(0, 3), insert(0, 1)));
    let again = stream.read_transactions(1);
    assert_eq!((of(&again, Kind::Reconnected), of(&again, Kind::Insert)), (1, 4));
    let told: Vec<&Seen> = again.iter().filter(|event| event.kind == Kind::Relation).collect();
    assert!(told.len() == 1 && told[0].line.contains("t1"), "{}", crate::harness::stream::lines(&again));
    stream.ack(again.last().unwrap().ack_lsn).unwrap();
    stream.expect_quiet(300);
    assert_eq!(stream.stats().reconnects, 1);
    drop(stream);
    // A temporary slot would be gone with its connection.
    let temporary = Options::stream(&db.conninfo(), "s54_temporary", "pub").with("slot_create", "temporary");
    let mut stream =
        temporary.with("relations_bytes", "64kB").with("status_interval", "100ms").open().unwrap();
    db.run(&insert(0, TABLES));
    let seen = stream.read_transactions(1);
    assert_eq!(of(&seen, Kind::Insert), TABLES);
    stream.ack(seen.last().unwrap().ack_lsn).unwrap();
    stream.expect_quiet(300);
    db.run(&insert(0, 1));
    assert_eq!(of(&stream.read_transactions(1), Kind::Insert), 1);
    assert_eq!(stream.stats().reconnects, 0);
}
