//! Hot standby feedback holds back vacuum while the stream lives, and is taken back at its end: through a slot it would stay for
//! ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{next, options};
use crate::harness::server::Stop;
use crate::harness::stream::call;
use crate::harness::{Options, PATIENCE, Proxy, Server, abi, eventually};
use pgwalstream::error::Status;

fn feedback_is_told_and_withdrawn(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    let with_slot = |options: Options| options.with("slot", "feedback").with("slot_create", "if_missing");
    let stream = with_slot(options(&server)).open().unwrap();
    let current: u64 = db.text("SELECT txid_current()").parse().unwrap();
    let tell = |stream: &crate::harness::Stream, xmin, catalog| {
        // SAFETY: a live stream.
        call(|err| unsafe { abi::wal_stream_standby_feedback(stream.raw(), xmin, catalog, err) })
    };
    tell(&stream, current, current - 1).unwrap();
    let mut held = |column: &str, id: u64| {
        let query = format!("SELECT {column} FROM pg_replication_slots WHERE slot_name = 'feedback'");
        let id = if id == 0 { String::new() } else { (id as u32).to_string() };
        eventually("the slot has it", || db.text(&query) == id);
    };
    held("xmin", current);
    held("catalog_xmin", current - 1);
    tell(&stream, current, 0).unwrap();
    held("catalog_xmin", 0);
    held("xmin", current);
    let wrong = tell(&stream, 2, 0).unwrap_err();
    assert_eq!(wrong.status, Status::WAL_E_INVALID_ARGUMENT, "{wrong:?}");
    drop(stream);
    held("xmin", 0);
    drop(db);
}

on_versions! { feedback_is_told_and_withdrawn v14 14, v18 18 }

/// What a process told that was killed is taken back by the next stream of the slot, which says nothing of it.
#[test]
fn what_the_slot_was_left_with_is_taken_back() {
    let server = Server::start(18, &[]);
    let current: u64 = {
        let mut db = server.database();
        db.text("SELECT txid_current()").parse().unwrap()
    };
    let query = "SELECT coalesce(xmin::text, '') FROM pg_replication_slots WHERE slot_name = 'left'";
    let with_slot = || options(&server).with("slot", "left").with("slot_create", "if_missing");
    let stream = with_slot().with("reconnect", "off").open().unwrap();
    // SAFETY: a live stream.
    call(|err| unsafe { abi::wal_stream_standby_feedback(stream.raw(), current, 0, err) }).unwrap();
    {
        let mut db = server.database();
        eventually("the slot has it", || db.text(query) == (current as u32).to_string());
        db.run("CHECKPOINT");
    }
    server.stop(Stop::Immediate);
    drop(stream);
    server.restart();
    let mut db = server.database();
    assert_eq!(db.text(query), (current as u32).to_string(), "the server has kept it");
    let stream = with_slot().open().unwrap();
    eventually("it is taken back", || db.text(query).is_empty());
    drop(stream);
}

/// A stream that an error ended takes it back as well, if the server still listens.
#[test]
fn feedback_is_withdrawn_by_an_error_too() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let spoil = Arc::new(AtomicBool::new(false));
    let when = Arc::clone(&spoil);
    let proxy = Proxy::start(server.port, move |tag, body, outlet| {
        let mut body = body.to_vec();
        if tag == b'd' && body[0] == b'w' && when.load(Ordering::SeqCst) {
            // It does not follow what came before.
            body[8] ^= 1;
        }
        outlet.send(tag, &body);
    });
    let options = options(&server).with("conninfo", &proxy.conninfo("postgres"));
    let mut stream = options.with("slot", "torn").with("slot_create", "if_missing").open().unwrap();
    let current: u64 = db.text("SELECT txid_current()").parse().unwrap();
    // SAFETY: a live stream.
    call(|err| unsafe { abi::wal_stream_standby_feedback(stream.raw(), current, 0, err) }).unwrap();
    let query = "SELECT coalesce(xmin::text, '') FROM pg_replication_slots WHERE slot_name = 'torn'";
    eventually("the slot has it", || db.text(query) == (current as u32).to_string());
    spoil.store(true, Ordering::SeqCst);
    db.run("CREATE TABLE t (id int)");
    let failure = loop {
        match next(&mut stream, PATIENCE.as_millis() as i32) {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.status, Status::WAL_E_PROTOCOL, "{failure:?}");
    eventually("it is taken back", || db.text(query).is_empty());
}

/// Another connection has to be told again, without a word of the program's.
#[test]
fn feedback_is_told_again_over_each_connection() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let stream = options(&server).with("reconnect_initial", "20ms").open().unwrap();
    let current: u64 = db.text("SELECT txid_current()").parse().unwrap();
    // SAFETY: a live stream.
    call(|err| unsafe { abi::wal_stream_standby_feedback(stream.raw(), current, 0, err) }).unwrap();
    let mut held = |reconnects: u64| {
        let query = "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL";
        eventually("the server knows", || stream.stats().reconnects == reconnects && db.text(query) == "1");
        db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    };
    held(0);
    held(1);
    let logical = {
        let mut db = server.database();
        db.run("CREATE PUBLICATION p");
        let slot = db.slot();
        let stream = Options::stream(&db.conninfo(), &slot, "p").open().unwrap();
        // SAFETY: a live stream.
        call(|err| unsafe { abi::wal_stream_standby_feedback(stream.raw(), current, 0, err) }).unwrap_err()
    };
    assert_eq!(logical.status, Status::WAL_E_STATE);
}
