//! The WAL's bytes as a stream, and an archive of them, by their Rust names.

use std::time::Duration;

use crate::harness::Server;
use crate::harness::server::new_folder;
use crate::table::{one_thread, within};
use pgwalstream::{
    ArchiveEvent, ArchiveSync, Archiver, ErrorCode, EventKind, Lsn, Mode, Options, ReportApply, Stream,
    check_archive, fetch_archived,
};

fn physical(server: &Server) -> Options {
    Options::new().conninfo(server.conninfo("postgres")).mode(Mode::Physical)
}

#[test]
fn a_stream_gives_bytes_and_takes_what_a_standby_needs() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()");
    db.run("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 1000)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    one_thread().block_on(async {
        let options =
            physical(&server).start_lsn(Lsn(begin)).stop_lsn(Lsn(end)).report_apply(ReportApply::Flush);
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        stream.standby_feedback(1000, 0).unwrap();
        assert_eq!(stream.standby_feedback(1, 0).unwrap_err().code(), ErrorCode::InvalidArgument);
        let mut at = begin;
        while let Some(event) = within(stream.next_event()).await.unwrap() {
            if event.kind() == EventKind::Wal {
                assert_eq!((event.lsn(), event.timeline()), (Lsn(at), Some(1)));
                at += event.raw().unwrap().len() as u64;
                assert!(event.timeline_switch().is_none());
                stream.ack(event.ack_lsn()).unwrap();
            }
        }
        assert_eq!(at, end);
        within(stream.close()).await.unwrap();
    });
}

#[test]
fn an_archive_is_filled_checked_and_fetched_from() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let folder = new_folder();
    let directory = folder.join("archive");
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let first = db.text("SELECT pg_walfile_name(pg_current_wal_flush_lsn())");
    db.run("CREATE TABLE t (id int); SELECT pg_switch_wal()");
    db.run("INSERT INTO t VALUES (1)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let options = physical(&server).start_lsn(Lsn(begin)).stop_lsn(Lsn(end));
    let options = options.archive_directory(&directory).archive_sync(ArchiveSync::Always);
    let mut archiver = Archiver::new(&options).unwrap();
    let mut names = Vec::new();
    archiver.interrupter().interrupt();
    assert_eq!(archiver.next(Some(Duration::from_secs(60))).unwrap(), Some(ArchiveEvent::Interrupted));
    while let Some(event) = archiver.next(Some(Duration::from_secs(60))).unwrap() {
        match event {
            ArchiveEvent::Segment { name, start, end, .. } => {
                assert_eq!(end.0 - start.0, 16 << 20);
                names.push(name);
            }
            ArchiveEvent::TimedOut => panic!("nothing came"),
            _ => {}
        }
    }
    assert_eq!((archiver.standing().durable, archiver.standing().segments), (Lsn(end), 1));
    archiver.close();
    assert_eq!(names, std::slice::from_ref(&first));
    assert_eq!(check_archive(&directory).unwrap(), (1, vec![]));
    let target = folder.join("target");
    assert!(fetch_archived(&directory, &first, &target).unwrap());
    assert!(std::fs::read(&target).unwrap() == server.wal_file(&first));
    assert!(!fetch_archived(&directory, "00000002.history", &target).unwrap());
}
