//! PH1: a server that stops waits until its receivers have made safe all that it sent. They are asked, and answer within a moment,
//! whatever part of a segment they are in.

use std::thread;
use std::time::Duration;

use super::{Got, next, options};
use crate::harness::server::Stop;
use crate::harness::{PATIENCE, Server, Stream};
use pgwalstream::error::Status;

/// Reads, makes safe only what it is asked to, and tells how it ended.
fn receive(mut stream: Stream) -> (u64, Status, u64) {
    let mut received = 0;
    loop {
        match next(&mut stream, PATIENCE.as_millis() as i32) {
            Ok(Got::Wal { ack_lsn, .. }) => received = ack_lsn,
            Ok(Got::Wanted(lsn)) => {
                assert_eq!(lsn, received, "what came before is all that is asked for");
                stream.ack(lsn).unwrap();
            }
            Ok(other) => panic!("{other:?}"),
            Err(failure) => return (received, failure.status, stream.stats().keepalives),
        }
    }
}

fn ph1_twenty_receivers_in_the_middle_of_a_segment_release_a_stopping_server(version: u32) {
    let server = Server::start(version, &[]);
    let mut tries = 0;
    loop {
        let mut db = server.database();
        db.run("CREATE TABLE t (id int)");
        let stop = |receivers: Vec<thread::JoinHandle<(u64, Status, u64)>>, server: &Server| {
            let took = server.stop(Stop::Fast);
            let ends: Vec<_> = receivers.into_iter().map(|it| it.join().unwrap()).collect();
            (took, ends)
        };
        let receivers = (0..20).map(|number| {
            let options = options(&server)
                .with("slot", &format!("receiver_{number}"))
                .with("slot_create", "if_missing")
                .with("status_interval", "1h")
                .with("reconnect", "off");
            let stream = options.open().unwrap();
            thread::spawn(move || receive(stream))
        });
        let receivers: Vec<_> = receivers.collect();
        db.run("INSERT INTO t SELECT generate_series(1, 20000); CHECKPOINT");
        let (took, ends) = stop(receivers, &server);
        for (received, status, keepalives) in &ends {
            assert!(*received > 0);
            assert!(
                [Status::WAL_E_SERVER_SHUTDOWN, Status::WAL_E_CONNECTION_LOST].contains(status),
                "{status:?}"
            );
            assert!(*keepalives < 10, "{keepalives} keepalives");
        }
        println!("{version}: {took:?}");
        // A busy machine may delay one stop, or two, but not each.
        tries += 1;
        if took < Duration::from_secs(1) {
            return;
        }
        assert!(tries < 3, "thrice more than a second: {took:?}");
        drop(db);
        server.restart();
    }
}

on_versions! { ph1_twenty_receivers_in_the_middle_of_a_segment_release_a_stopping_server v14 14, v18 18 }

/// One that makes nothing safe holds the server up, is asked again, but not without end.
#[test]
fn ph1_a_receiver_that_makes_nothing_safe_is_not_asked_without_end() {
    let server = Server::start(18, &["wal_sender_timeout=1h"]);
    let mut stream = options(&server).with("slot", "s").with("slot_create", "if_missing").open().unwrap();
    let mut db = server.database();
    db.run("CREATE TABLE t (id int)");
    let mut received = 0;
    while let Got::Wal { ack_lsn, .. } = next(&mut stream, 500).unwrap() {
        received = ack_lsn;
    }
    assert!(!server.stop_within(Stop::Fast, Duration::from_secs(2)), "nothing is safe: it waits");
    let mut wanted = 0;
    while let Ok(Got::Wal { ack_lsn: lsn, .. } | Got::Wanted(lsn)) = next(&mut stream, 300).inspect(|got| {
        wanted += u32::from(matches!(got, Got::Wanted(_)));
    }) {
        received = lsn;
    }
    assert!((1..10).contains(&wanted), "it is asked once for each position: {wanted}");
    assert!(stream.stats().keepalives < 60, "{} keepalives", stream.stats().keepalives);
    stream.ack(received).unwrap();
    assert!(server.stop_within(Stop::Fast, Duration::from_secs(5)), "all is safe: it stops");
}
