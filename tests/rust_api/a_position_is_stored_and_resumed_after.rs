//! A program stores a position as text, goes on behind it in another life, and acknowledges what it finishes out of order.

use std::cmp::Ordering;

use crate::harness::eventually;
use crate::table::{Table, aside, number, numbers, one_thread, within};
use pgwalstream::{ErrorCode, EventKind, Position, Stream};

#[test]
fn a_stream_goes_on_in_the_middle_of_a_transaction() {
    let mut table = Table::new(18);
    table.db.run("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 6) g");
    one_thread().block_on(async {
        let options = || table.options().resume_after(Position::default());
        assert_eq!(options().check().unwrap_err().code(), ErrorCode::BadOption, "it is none");
        let mut stream = table.connect().await;
        let (mut inside, mut end): (Option<String>, Option<Position>) = (None, None);
        while end.is_none() {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if number(&event) == Some(4) {
                assert_eq!(event.timeline(), Some(1));
                inside = event.position().map(|it| it.to_string());
            }
            assert!(event.kind() != EventKind::Begin || event.position().is_none());
            end = event.ack_lsn().and(event.position());
        }
        drop(stream);
        let (inside, end): (Position, Position) = (inside.unwrap().parse().unwrap(), end.unwrap());
        assert_eq!((inside.sequence, inside.is_inside(), end.is_inside()), (3, true, false));
        assert_eq!(inside.compare(&end), Ok(Ordering::Less));
        let elsewhere = Position { system_identifier: inside.system_identifier ^ 1, ..inside };
        assert_eq!(elsewhere.compare(&inside).unwrap_err().code(), ErrorCode::SystemMismatch);
        aside(|| eventually("the slot is free", || {
            table.db.text("SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()") == "0"
        }));
        let failed = within(Stream::connect(&table.options().resume_after(elsewhere))).await.unwrap_err();
        assert_eq!(failed.code(), ErrorCode::SystemMismatch);
        let mut stream = within(Stream::connect(&table.options().resume_after(inside))).await.unwrap();
        assert_eq!(numbers(&mut stream, 2).await, [5, 6]);
        within(stream.close()).await.unwrap();
    });
}

#[test]
fn p25_what_is_finished_is_acknowledged_up_to_what_is_not() {
    let mut table = Table::new(18);
    table.insert(1, 10);
    one_thread().block_on(async {
        let mut stream = table.connect().await;
        let acker = stream.acker().bounded(1000).unwrap();
        let (mut tickets, mut last) = (vec![], None);
        while tickets.len() < 10 {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if event.kind() == EventKind::Commit {
                tickets.push(acker.begin(event.position()).unwrap());
                last = event.position();
            }
        }
        let first = tickets.remove(0);
        let lanes = tickets.into_iter().rev().map(|ticket| tokio::spawn(async move { ticket.done() }));
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.unwrap().unwrap();
        }
        assert_eq!((acker.position().unwrap(), stream.stats().acked_lsn.0), (None, 0));
        first.done().unwrap();
        assert_eq!(acker.position().unwrap(), last);
        assert_eq!(stream.stats().acked_lsn, last.unwrap().end_lsn);
        let one = stream.acker().bounded(1).unwrap();
        let held = one.begin(last).unwrap();
        let full = one.begin(None).unwrap_err();
        assert!(full.code() == ErrorCode::State && full.is_retriable());
        held.done().unwrap();
        one.begin(None).unwrap().done().unwrap();
        within(stream.close()).await.unwrap();
    });
}
