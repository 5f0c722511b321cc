//! Futures of a stream are dropped at every moment, thousands of times, by timers of no time: every row is still seen, once
//! and in order. Connecting that is given up leaves the slot free, and dropping a stream in the middle of a batch leaves what was
//! not acknowledged to the next.

use std::time::Duration;

use crate::harness::eventually;
use crate::table::{Table, aside, many_threads, number, one_thread, pause, within};
use pgwalstream::{AckMode, Event, EventKind, Stream};

const ROWS: i32 = 3000;

/// How the next thing is read.
#[derive(Clone, Copy)]
enum By {
    Event,
    Batch,
    /// Now the one, now the other.
    Turns,
}

async fn read_through_a_hail_of_timers(table: &Table, by: By) -> u64 {
    let mut stream = table.connect().await;
    let (mut seen, mut dropped, mut turn) = (Vec::new(), 0_u64, 0_u32);
    let mut last = None;
    while seen.len() < ROWS as usize || last != Some(EventKind::Commit) {
        turn += 1;
        let one = matches!(by, By::Event) || matches!(by, By::Turns) && turn % 3 != 0;
        let mut take = |event: Event| {
            seen.extend(number(&event));
            last = Some(event.kind());
        };
        // A timer of tokio's takes a millisecond at least: most futures are given up after some turns of the runtime.
        let patience = async {
            if turn.is_multiple_of(50) {
                tokio::time::sleep(Duration::ZERO).await;
            }
            for _ in 0..turn % 7 {
                tokio::task::yield_now().await;
            }
        };
        if one {
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::ZERO), if turn % 2 == 0 => dropped += 1,
                next = stream.next_event() => take(next.unwrap().unwrap()),
                () = patience => dropped += 1,
            }
        } else {
            tokio::select! {
                biased;
                next = stream.next_batch() => next.unwrap().unwrap().into_iter().for_each(take),
                () = patience => dropped += 1,
            }
        }
    }
    assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>());
    let acker = stream.acker();
    acker.ack(acker.stats().delivered_lsn).unwrap();
    for _ in 0..200 {
        // A flush that is given up is done all the same, and does no harm.
        tokio::select! {
            biased;
            done = stream.flush() => done.unwrap(),
            () = tokio::time::sleep(Duration::ZERO) => dropped += 1,
        }
    }
    within(stream.flush()).await.unwrap();
    within(stream.close()).await.unwrap();
    dropped
}

#[test]
fn at_any_moment() {
    let mut all = 0;
    for (runtime, by) in [
        (one_thread(), By::Event),
        (many_threads(), By::Batch),
        (one_thread(), By::Turns),
        (many_threads(), By::Event),
    ] {
        let mut table = Table::new(18);
        let slot = table.slot.clone();
        let writer = table.db.server.client(&table.db.name);
        let write = std::thread::spawn(move || {
            let mut writer = writer;
            for id in 1..=ROWS {
                writer.batch_execute(&format!("INSERT INTO t VALUES ({id}, 'x')")).unwrap();
            }
        });
        let dropped = runtime.block_on(read_through_a_hail_of_timers(&table, by));
        write.join().unwrap();
        all += dropped;
        table.db.released(&slot);
        let end = table.db.confirmed(&slot);
        assert!(end > 0);
        let left = table.db.text(&format!(
            "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('{slot}', NULL, NULL, 'proto_version', '1', 'publication_names', 'pub')"
        ));
        assert_eq!(left, "0", "what was flushed does not come again");
    }
    assert!(all > 10_000, "only {all} futures were dropped");
}

#[test]
fn connecting_that_is_given_up_leaves_the_slot_free() {
    let mut table = Table::new(18);
    let slot = table.slot.clone();
    let options = table.options();
    one_thread().block_on(async {
        let mut connected = 0;
        for micros in (0..8000).step_by(50) {
            let attempt = tokio::time::timeout(Duration::from_micros(micros), Stream::connect(&options));
            match attempt.await {
                // The one before may still be saying good-bye.
                Ok(Err(error)) => assert_eq!(error.code(), pgwalstream::ErrorCode::SlotActive, "{error:?}"),
                Ok(Ok(stream)) => {
                    connected += 1;
                    stream.close().await.unwrap();
                }
                Err(_) => {}
            }
        }
        println!("{connected} attempts came through");
    });
    table.db.released(&slot);
    table.insert(1, 3);
    let seen = one_thread().block_on(async {
        let mut stream = table.connect().await;
        crate::table::numbers(&mut stream, 3).await
    });
    assert_eq!(seen, [1, 2, 3]);
}

/// With automatic acknowledgement, what a batch holds beyond the last event that the program got is not acknowledged.
#[test]
fn a_stream_that_is_dropped_in_the_middle() {
    for mode in [AckMode::Manual, AckMode::Auto] {
        let mut table = Table::new(18);
        table.insert(1, 100);
        let slot = table.slot.clone();
        let options = table.options().ack(mode);
        let kept = one_thread().block_on(async {
            let mut stream = within(Stream::connect(&options)).await.unwrap();
            loop {
                let event = within(stream.next_event()).await.unwrap().unwrap();
                if number(&event) == Some(30) {
                    return event;
                }
            }
        });
        // The event outlives its stream and the runtime.
        assert_eq!(number(&kept), Some(30));
        drop(kept);
        table.db.released(&slot);
        let first = one_thread().block_on(async {
            let mut stream = table.connect().await;
            loop {
                let event = within(stream.next_event()).await.unwrap().unwrap();
                if let Some(number) = number(&event) {
                    return number;
                }
            }
        });
        assert!(first <= 30, "{first} comes first: what nobody has read was acknowledged");
        if mode == AckMode::Manual {
            assert_eq!(first, 1);
        }
    }
}

#[test]
fn automatic_acknowledgement_waits_for_the_last_handle() {
    let mut table = Table::new(18);
    table.insert(1, 50);
    let options = table.options().ack(AckMode::Auto).status_interval(Duration::from_millis(10));
    let slot = table.slot.clone();
    many_threads().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let (mut kept, mut seen, mut end) = (Vec::new(), 0, None);
        while seen < 50 || end.is_none() {
            let batch = within(stream.next_batch()).await.unwrap().unwrap();
            seen += batch.iter().filter(|event| event.kind() == EventKind::Insert).count();
            end = batch
                .iter()
                .filter(|event| seen >= 50 && event.kind() == EventKind::Commit)
                .last()
                .and_then(|it| it.ack_lsn());
            kept.push(batch.into_iter().next().unwrap());
        }
        pause(100).await;
        assert_eq!(stream.stats().acked_lsn.0, 0, "an event is left of the first batch");
        drop(kept);
        assert!(stream.stats().acked_lsn >= end.unwrap());
        within(stream.flush()).await.unwrap();
        aside(|| eventually("it is confirmed", || table.db.confirmed(&slot) >= end.unwrap().0));
    });
}
