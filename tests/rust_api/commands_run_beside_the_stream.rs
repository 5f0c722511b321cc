//! Slots, publications, health and SQL through a connection of the crate, which waits in no thread of the program; a capture is
//! replayed, and tells of a lost connection what the stream told.

use std::time::{Duration, Instant};

use crate::harness::server::{new_folder, unique};
use crate::harness::{Server, eventually};
use crate::table::{Table, aside, many_threads, numbers, one_thread, within};
use pgwalstream::{
    Connection, DropSlot, ErrorCode, EventKind, IdentityFault, Lsn, NewPublication, NewSlot, Operation,
    Options, SlotKind, SlotSnapshot, Stream, WalStatus, prometheus,
};

async fn connect(conninfo: &str) -> Connection {
    within(Connection::connect(&Options::new().conninfo(conninfo))).await.unwrap()
}

fn slots_are_made_read_moved_and_dropped(version: u32) {
    let mut table = Table::new(version);
    let conninfo = table.db.conninfo();
    one_thread().block_on(async {
        let mut connection = connect(&conninfo).await;
        assert_eq!(connection.server_version() / 10_000, version);
        let name = unique("made");
        let made =
            within(connection.create_slot(NewSlot::logical(&name).two_phase(version >= 15))).await.unwrap();
        assert_eq!((made.name(), made.plugin()), (name.as_str(), Some("pgoutput")));
        assert!(made.consistent_point().is_some() && made.snapshot_name().is_none());

        let slot = within(connection.slot(&name)).await.unwrap();
        assert_eq!((slot.kind(), slot.wal_status()), (SlotKind::Logical, WalStatus::Reserved));
        assert_eq!(slot.is_two_phase(), version >= 15);
        assert!(!slot.is_active() && !slot.is_temporary() && slot.invalidation().is_none(), "{slot:?}");
        assert_eq!(slot.database(), Some(table.db.name.as_str()));
        assert!(within(connection.slots()).await.unwrap().iter().any(|found| found.name() == name));

        aside(|| table.insert(1, 20));
        let behind = within(connection.slot_health(&name)).await.unwrap();
        assert!(behind.lag_bytes() > 0 && behind.retained_bytes() >= behind.lag_bytes(), "{behind:?}");
        let came_to = within(connection.advance_slot(&name, behind.server_lsn())).await.unwrap();
        assert!(came_to > slot.confirmed_flush_lsn().unwrap() && came_to <= behind.server_lsn());

        let copy = unique("copy");
        let copied =
            within(connection.copy_slot(&name, NewSlot::logical(&copy).temporary(true))).await.unwrap();
        assert!(copied.is_temporary() && copied.confirmed_flush_lsn() == Some(came_to), "{copied:?}");
        within(connection.drop_slot(&name, DropSlot::IfFree)).await.unwrap();
        let gone = within(connection.slot(&name)).await.unwrap_err();
        assert_eq!(gone.code(), ErrorCode::SlotMissing);
    });
}

on_versions! { slots_are_made_read_moved_and_dropped v14 14, v18 18 }

#[test]
fn publications_tell_what_cannot_be_told_apart() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE bad (v text)");
    let conninfo = db.conninfo();
    one_thread().block_on(async {
        let mut connection = connect(&conninfo).await;
        let new = NewPublication::of_tables("made", "good, bad")
            .operation(Operation::Insert)
            .operation(Operation::Delete);
        within(connection.create_publication(new.clone())).await.unwrap();
        let twice = within(connection.create_publication(new)).await.unwrap_err();
        assert_eq!(twice.code(), ErrorCode::PublicationExists);
        let all = within(connection.publications()).await.unwrap();
        let made = all.iter().find(|found| found.name() == "made").unwrap();
        assert!(made.publishes(Operation::Delete) && !made.publishes(Operation::Update));
        let tables = within(connection.published_tables("made")).await.unwrap();
        let fault = |name: &str| tables.iter().find(|table| table.name() == name).unwrap().identity_fault();
        assert_eq!((fault("good"), fault("bad")), (None, Some(IdentityFault::NoPrimaryKey)));
        within(connection.drop_publication("made")).await.unwrap();
    });
}

/// The runtime has one thread: were it blocked, the timer would not end the command. The first ten are given up before
/// the helper thread has begun them.
#[test]
fn a_dropped_future_cancels_its_command_and_the_connection_goes_on() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    one_thread().block_on(async {
        let mut connection = connect(&conninfo).await;
        for round in 0..20u64 {
            let begin = Instant::now();
            let sleep = connection.query("SELECT pg_sleep(600)");
            let cut = tokio::time::timeout(Duration::from_millis(round.saturating_sub(10) * 20), sleep).await;
            assert!(cut.is_err(), "{cut:?}");
            let rows = within(connection.query(format!("SELECT {round} AS n"))).await.unwrap();
            assert_eq!(rows.get(0, "n"), Some(round.to_string().as_str()));
            assert!(begin.elapsed() < Duration::from_secs(30), "the sleep was cancelled");
        }
        let mistake = within(connection.query("SELECT 1 +")).await.unwrap_err();
        assert_eq!((mistake.code(), mistake.sqlstate()), (ErrorCode::Server, "42601"));
        within(connection.check()).await.unwrap();
        // Dropped while a command runs, as by a task that is aborted.
        let _ =
            tokio::time::timeout(Duration::from_millis(50), connection.query("SELECT pg_sleep(601)")).await;
    });
    let mut watcher = Server::shared(18).database();
    eventually("no command is left", || {
        watcher.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60%' AND state = 'active'") == "0"
    });
}

#[test]
fn an_exported_snapshot_lives_until_it_is_released() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    many_threads().block_on(async {
        let (mut connection, mut copier) = (connect(&conninfo).await, connect(&conninfo).await);
        let new = NewSlot::logical(unique("snapshot")).temporary(true).snapshot(SlotSnapshot::Export);
        let slot = within(connection.create_slot(new)).await.unwrap();
        let snapshot = slot.snapshot_name().unwrap();
        let refused = within(connection.query("SELECT 1")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::State);
        let copy =
            format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}'; COMMIT");
        within(copier.query(copy)).await.unwrap();
        within(connection.release_snapshot()).await.unwrap();
        within(connection.query("SELECT 1")).await.unwrap();
    });
}

#[test]
fn a_replay_gives_what_the_stream_gave() {
    let mut table = Table::new(18);
    let folder = new_folder();
    let capture = folder.join("capture");
    aside(|| table.insert(1, 3));
    let options =
        table.options().set("capture_file", capture.to_str().unwrap()).set("reconnect_initial", "1ms");
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        assert_eq!(numbers(&mut stream, 3).await, [1, 2, 3]);
        within(stream.flush()).await.unwrap();
        let text = prometheus().unwrap();
        assert!(text.contains(&format!("slot=\"{}\"", table.slot)), "{text}");
        let pid = stream.stats().counters.backend_pid;
        aside(|| {
            table.db.run(&format!("SELECT pg_terminate_backend({pid})"));
            table.insert(4, 5);
        });
        let mut told = None;
        let mut seen = 0;
        while seen < 2 {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if let Some(reconnected) = event.reconnected() {
                assert_eq!(reconnected.code, ErrorCode::ServerShutdown, "{reconnected:?}");
                assert!(reconnected.attempts >= 1 && reconnected.timelines == (1, 1), "{reconnected:?}");
                assert!(reconnected.lost_lsn > Lsn(0) && reconnected.switchpoint.is_none());
                told = Some((reconnected.message.into_owned(), reconnected.attempts));
            }
            seen += usize::from(event.kind() == EventKind::Insert);
        }
        within(stream.close()).await.unwrap();

        let mut replay = Stream::replay(&capture, &Options::new()).unwrap();
        let (mut ids, mut again) = (Vec::new(), None);
        while let Some(event) = within(replay.next_event()).await.unwrap() {
            ids.extend(crate::table::number(&event));
            again = again.or(event.reconnected().map(|it| (it.message.into_owned(), it.attempts)));
        }
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        assert_eq!(again, told);
        assert!(told.is_some());
    });
}
