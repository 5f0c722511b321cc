//! Where a stream begins is the least that it reports, tells of and counts from: nothing below is news, and nothing is
//! thrown away that the server has yet to write.

use crate::harness::{Database, Kind, Metrics, Next, Options, Proxy, Server, Stream, eventually};
use pgwalstream::Lsn;
use pgwalstream::engine::prometheus;
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    db.slot()
}

/// Many transactions of one row.
fn commits(db: &mut Database<'_>, from: i32, to: i32) {
    db.run("SET synchronous_commit = off");
    db.run(&format!("DO 'BEGIN FOR i IN {from}..{to} LOOP INSERT INTO t VALUES (i); COMMIT; END LOOP; END'"));
    db.run("RESET synchronous_commit");
    db.run(&format!("INSERT INTO t VALUES ({})", to + 1));
}

fn hurried(db: &Database<'_>, slot: &str) -> Options {
    Options::stream(&db.conninfo(), slot, "pub").with("status_interval", "10ms")
}

fn s4_a_start_beyond_the_servers_end_is_a_gap(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    let (confirmed, end) = (db.confirmed(&slot), db.position());
    let failure = hurried(&db, &slot).with("start_lsn", "FF/0").open().map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_GAP, "{failure:?}");
    assert!(
        failure.message.contains("FF/0") && !failure.is_retriable && !failure.hint.is_empty(),
        "{failure:?}"
    );
    let named = failure.message.split([' ', ',', ':']).filter_map(|word| word.parse::<Lsn>().ok());
    let server = named.filter(|lsn| lsn.0 < 0xFF << 32).max().expect("the server's end is named");
    assert!(server.0 >= end - 8192, "{failure:?}, the server was at {}", Lsn(end));
    // It must not leave a slot behind that nobody moves, either.
    let made = hurried(&db, "s4_never_made").with("start_lsn", "FF/0").with("slot_create", "if_missing");
    assert_eq!(made.open().map(drop).unwrap_err().status, Status::WAL_E_GAP);
    assert_eq!(db.text("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's4_never_made'"), "0");
    db.run("INSERT INTO t VALUES (1)");
    assert_eq!(db.confirmed(&slot), confirmed);
    let rows = hurried(&db, &slot).open().unwrap().read_transactions(1);
    assert!(rows.iter().any(|event| event.kind == Kind::Insert), "{rows:?}");
}

on_versions! { s4_a_start_beyond_the_servers_end_is_a_gap v14 14, v18 18 }

/// A slot that somebody moved beyond the end of the WAL, which no server refuses.
#[test]
fn s4_a_slot_beyond_the_servers_end_is_a_gap() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let mut stream = hurried(&db, &slot).open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    stream.read_transactions(1);
    drop(stream);
    db.released(&slot);
    confirm(&db, &slot, 0xFF << 32);
    db.released(&slot);
    assert_eq!(db.confirmed(&slot), 0xFF << 32, "the server takes what it is told");
    let failure = hurried(&db, &slot).open().map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_GAP, "{failure:?}");
    assert!(failure.message.contains("FF/0") && failure.message.contains(&slot), "{failure:?}");
}

/// Moves a slot by a keepalive that no server sent.
fn confirm(db: &Database<'_>, slot: &str, lsn: u64) {
    let proxy = Proxy::start(db.server.port, move |tag, body, out| {
        out.send(tag, body);
        if tag == b'W' {
            let keepalive = [&b"k"[..], &lsn.to_be_bytes(), &[0; 8], &[1]].concat();
            out.send(b'd', &keepalive);
        }
    });
    let options = Options::stream(&proxy.conninfo(&db.name), slot, "pub").with("status_interval", "10ms");
    let stream = options.open().unwrap();
    eventually("the position is reported", || stream.stats().reported_lsn >= lsn);
}

/// Reads for a while, and gives what progress was told.
fn progress(stream: &mut Stream, last: i32) -> Vec<u64> {
    let (mut told, end) = (Vec::new(), format!("INSERT public.t new id={last}"));
    loop {
        match stream.next(30_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Progress => told.push(event.fields().ack_lsn),
            Next::Event(event) if event.line() == end => return told,
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

fn s7_progress_never_lies_below_the_start(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    commits(&mut db, 1, 5_000);
    let start = db.position();
    // The server writes further than it has flushed, where others do not wait for their commits.
    let options = hurried(&db, &slot).with("start_lsn", &Lsn(start).to_string());
    let mut stream = options.open().unwrap();
    let mut reported = 0;
    eventually("it reports", || {
        reported = stream.stats().reported_lsn;
        reported != 0
    });
    assert!(reported >= start, "reported {} under the start {}", Lsn(reported), Lsn(start));
    db.run("INSERT INTO t VALUES (900000)");
    let told = progress(&mut stream, 900_000);
    assert!(told.iter().all(|lsn| *lsn > start), "{told:x?} under the start {start:x}");
    assert!(told.is_sorted_by(|a, b| a < b), "{told:x?}");
}

on_versions! { s7_progress_never_lies_below_the_start v14 14, v18 18 }

/// A graceful stop right after a restart acknowledges what the program has stored, which is where it began.
#[test]
fn s10_where_a_stream_began_can_be_acknowledged() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let confirmed = db.confirmed(&slot);
    // The slot's own position.
    let stream = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "1h").open().unwrap();
    assert_eq!(stream.ack(confirmed + 1).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
    stream.ack(confirmed).unwrap();
    assert_eq!(stream.stats().acked_lsn, confirmed);
    drop(stream);
    db.released(&slot);
    // The program's.
    commits(&mut db, 1, 3);
    let start = db.position();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "1h");
    let options = options.with("start_lsn", &Lsn(start).to_string());
    let stream = options.new_stream().unwrap();
    assert_eq!(stream.ack(start).unwrap_err().status, Status::WAL_E_ACK_BEYOND, "it has not begun");
    stream.connect(-1).unwrap();
    stream.ack(start).unwrap();
    assert_eq!(stream.ack(start + 1).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
    stream.flush(10_000).unwrap();
    // Or more, where the server had nothing for the stream beyond.
    eventually("it is confirmed", || db.confirmed(&slot) >= start);
}

/// From the first message on, without a report or an acknowledgement.
fn s6_lag_counts_from_the_slots_position(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    let confirmed = db.confirmed(&slot);
    commits(&mut db, 1, 100);
    let mut stream =
        Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "1h").open().unwrap();
    stream.read_transactions(50);
    let at = stream.stats();
    assert_eq!(at.acked_lsn, 0);
    assert!(at.server_wal_end > confirmed);
    assert_eq!(at.confirmed_lsn, confirmed, "where the slot stands");
    assert_eq!(at.lag_bytes, at.server_wal_end - confirmed);
    let metrics = Metrics::parse(&prometheus().unwrap());
    let id = at.stream_id.to_string();
    let value = |name: &str| metrics.get(&format!("pgwalstream_{name}"), &[("stream", &id), ("slot", &slot)]);
    assert_eq!(value("confirmed_position_bytes"), confirmed as f64);
    assert_eq!(value("lag_bytes"), value("server_position_bytes") - confirmed as f64);
}

on_versions! { s6_lag_counts_from_the_slots_position v14 14, v18 18 }
