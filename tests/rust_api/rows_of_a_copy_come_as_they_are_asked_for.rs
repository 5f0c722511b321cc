//! The rows of a COPY in batches, over a connection that is free for the next command whatever becomes of them.

use std::time::Duration;

use crate::harness::Server;
use crate::table::{one_thread, within};
use pgwalstream::{Connection, CopyFormat, ErrorCode, Options};

#[test]
fn a_copy_is_read_to_its_end_dropped_or_closed() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    one_thread().block_on(async {
        let mut connection = within(Connection::connect(&Options::new().conninfo(&conninfo))).await.unwrap();
        let sql = "COPY (SELECT g, NULL FROM generate_series(1, 30000) g) TO STDOUT (FORMAT binary)";
        let mut copy = within(connection.copy_out(sql, CopyFormat::Binary)).await.unwrap();
        let mut count = 0_i32;
        while let Some(rows) = within(copy.next_batch()).await.unwrap() {
            assert!(!rows.is_empty() && rows.columns() == 2);
            for row in 0..rows.len() {
                count += 1;
                assert_eq!((rows.get(row, 0), rows.get(row, 1)), (Some(&count.to_be_bytes()[..]), None));
            }
        }
        assert_eq!(count, 30_000);
        within(copy.close()).await.unwrap();
        let endless = "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT";
        for closes in [true, false] {
            let mut copy = within(connection.copy_out(endless, CopyFormat::Text)).await.unwrap();
            let first = within(copy.next_batch()).await.unwrap().unwrap();
            assert_eq!(first.get(0, 0), Some(&b"1"[..]));
            if closes {
                within(copy.close()).await.unwrap();
            }
            let rows = within(connection.query("SELECT 1")).await.unwrap();
            assert_eq!(rows.rows, [[Some("1".to_owned())]]);
        }
        let refused = within(connection.copy_out("SELECT 1", CopyFormat::Text)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
        let mut lines =
            within(connection.copy_out("COPY (SELECT 1, 2) TO STDOUT (FORMAT csv)", CopyFormat::Lines))
                .await
                .unwrap();
        assert_eq!(within(lines.next_batch()).await.unwrap().unwrap().get(0, 0), Some(&b"1,2\n"[..]));
    });
}

/// A future that is dropped takes no row along, wherever it stands.
#[test]
fn no_row_is_lost_to_a_future_that_is_dropped() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    one_thread().block_on(async {
        let mut connection = within(Connection::connect(&Options::new().conninfo(&conninfo))).await.unwrap();
        let sql = "COPY (SELECT g FROM generate_series(1, 400000) g) TO STDOUT (FORMAT binary)";
        let mut copy = within(connection.copy_out(sql, CopyFormat::Binary)).await.unwrap();
        let (mut count, mut dropped) = (0_i32, 0_u64);
        loop {
            let patience = Duration::from_micros(dropped * 37 % 1500);
            let came = tokio::select! {
                biased;
                () = tokio::time::sleep(patience) => None,
                came = copy.next_batch() => Some(came.unwrap()),
            };
            let Some(came) = came else {
                dropped += 1;
                // The rows come meanwhile, and nobody takes them.
                std::thread::sleep(Duration::from_micros(500));
                continue;
            };
            let Some(rows) = came else { break };
            for row in 0..rows.len() {
                count += 1;
                assert_eq!(rows.get(row, 0), Some(&count.to_be_bytes()[..]), "after {dropped}");
            }
        }
        assert!(count == 400_000 && dropped > 0, "{count} rows, {dropped} futures dropped");
    });
}

/// The COPY had begun when the future was dropped, and nobody has its rows: the next command ends it.
#[test]
fn a_copy_that_nobody_got_is_ended() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    one_thread().block_on(async {
        let mut connection = within(Connection::connect(&Options::new().conninfo(&conninfo))).await.unwrap();
        for milliseconds in [0, 5, 50] {
            let sql = "COPY (SELECT g FROM generate_series(1, 400000) g) TO STDOUT";
            let mut opening = Box::pin(connection.copy_out(sql, CopyFormat::Text));
            tokio::select! {
                biased;
                _ = &mut opening => panic!("it was not to be waited for"),
                () = std::future::ready(()) => {}
            }
            std::thread::sleep(Duration::from_millis(milliseconds));
            drop(opening);
            let rows = within(connection.query("SELECT 1 AS one")).await.unwrap();
            let one = rows.value(0, 0).unwrap();
            assert_eq!((one.as_i64().unwrap(), rows.relation().unwrap().columns().len()), (1, 1));
            assert!(rows.value(1, 0).is_none() && rows.value(0, 1).is_none());
            assert_eq!(rows.get(0, "one"), Some("1"));
        }
    });
}
