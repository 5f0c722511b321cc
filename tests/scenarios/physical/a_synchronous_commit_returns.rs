//! PH11: a receiver that is a synchronous standby lets commits return once their WAL is safe with it, and no sooner.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Got, next, options};
use crate::harness::{Options, Server, Stream, eventually};

fn server(version: u32) -> Server {
    let server = Server::start(version, &[]);
    server.client("postgres").batch_execute("CREATE TABLE t (id int)").unwrap();
    server.configure(&[("synchronous_standby_names", "archiver")]);
    server
}

fn archiver(server: &Server) -> Options {
    let conninfo = format!("{} application_name=archiver", server.conninfo("postgres"));
    options(server).with("conninfo", &conninfo).with("status_interval", "1h")
}

/// Commits in another session, and tells when it returns.
fn commit(server: &Server, how: &str) -> mpsc::Receiver<()> {
    let mut sql = server.client("postgres");
    let statement = format!("SET synchronous_commit = {how}; INSERT INTO t VALUES (1)");
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        sql.batch_execute(&statement).unwrap();
        let _ = send.send(());
    });
    receive
}

/// Reads until nothing comes for a while, and gives the end.
fn drain(stream: &mut Stream) -> u64 {
    let mut end = 0;
    loop {
        match next(stream, 300).unwrap() {
            Got::Wal { ack_lsn, .. } => end = ack_lsn,
            Got::Wanted(_) => {}
            Got::Nothing(_) if end != 0 => return end,
            other => assert!(matches!(other, Got::Nothing(_)), "{other:?}"),
        }
    }
}

fn returns(commit: &mpsc::Receiver<()>, within: Duration) -> bool {
    commit.recv_timeout(within).is_ok()
}

fn ph11_a_commit_returns_when_its_wal_is_safe(version: u32) {
    let server = server(version);
    let mut stream = archiver(&server).open().unwrap();
    let mut sql = server.client("postgres");
    eventually("it is the synchronous standby", || {
        let query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        sql.query_one(query, &[]).unwrap().get::<_, i64>(0) == 1
    });
    let soon = Duration::from_secs(20);
    let never = Duration::from_millis(300);
    let waiting = commit(&server, "on");
    let end = drain(&mut stream);
    assert!(!returns(&waiting, never), "nothing is safe yet");
    stream.ack(end).unwrap();
    assert!(returns(&waiting, soon), "all is safe");
    // What was received is enough here.
    let waiting = commit(&server, "remote_write");
    assert!(returns(&waiting, soon));
    let end = drain(&mut stream);
    stream.ack(end).unwrap();
    // Nothing is applied, and it says so.
    let waiting = commit(&server, "remote_apply");
    let end = drain(&mut stream);
    stream.ack(end).unwrap();
    assert!(!returns(&waiting, never));
    drop(stream);
    let mut stream = archiver(&server).with("report_apply", "flush").open().unwrap();
    drop(waiting);
    let waiting = commit(&server, "remote_apply");
    let end = drain(&mut stream);
    stream.ack(end).unwrap();
    assert!(returns(&waiting, soon));
}

on_versions! { ph11_a_commit_returns_when_its_wal_is_safe v14 14, v18 18 }
