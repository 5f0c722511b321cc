//! One thread serves all streams of the process: none starves, none sees another's rows, and each can end while the
//! others go on.

use crate::harness::{Kind, Next, Options, Server, Stream};
use pgwalstream::error::Status;

const STREAMS: usize = 16;
const ROWS: usize = 20_000;

#[test]
fn sixteen_streams_at_once() {
    let server = Server::start(18, &[]);
    let mut databases: Vec<_> = (0..2).map(|_| server.database()).collect();
    let mut options = Vec::new();
    for (number, db) in databases.iter_mut().enumerate() {
        db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
        for _ in 0..STREAMS / 2 {
            let slot = db.slot();
            options
                .push((number, Options::stream(&db.conninfo(), &slot, "pub").with("queue_bytes", "256kB")));
        }
        db.run(&format!("INSERT INTO t SELECT g, 'database {number}' FROM generate_series(1, {ROWS}) g"));
    }
    let mut streams: Vec<(usize, Stream)> =
        options.iter().map(|(number, options)| (*number, options.open().unwrap())).collect();
    // One is never read: its queue fills, and nobody else notices.
    let (_, silent) = streams.pop().unwrap();
    // Half are read by threads of their own, half by this one in turn, and one ends in the middle.
    let own: Vec<_> = streams
        .drain(..STREAMS / 2)
        .map(|(number, mut stream)| {
            std::thread::spawn(move || {
                let mut ids = 0;
                while ids < ROWS {
                    ids += take(&mut stream, number, ids, 60_000);
                }
                stream
            })
        })
        .collect();
    let mut counts = vec![0; streams.len()];
    let mut ended = false;
    while counts.iter().any(|count| *count < ROWS) {
        for (at, (number, stream)) in streams.iter_mut().enumerate() {
            for _ in 0..500 {
                counts[at] += take(stream, *number, counts[at], 0);
            }
        }
        if !ended && counts[0] > ROWS / 2 {
            ended = true;
            drop(streams.remove(0));
            counts.remove(0);
        }
    }
    assert!(ended);
    for thread in own {
        drop(thread.join().unwrap());
    }
    let waiting = silent.stats();
    assert!(waiting.queue_bytes > 128 << 10 && waiting.queue_bytes < 2 << 20, "{waiting:?}");
}

/// Takes an event, checks it, and says whether it was the next row.
fn take(stream: &mut Stream, number: usize, ids: usize, timeout_ms: i32) -> usize {
    match stream.next(timeout_ms).unwrap() {
        Next::Event(event) if event.kind() == Kind::Insert => {
            assert_eq!(event.new_value(0).as_int64(), Ok(ids as i64 + 1));
            assert_eq!(event.new_value(1).as_text().unwrap(), format!("database {number}").as_bytes());
            1
        }
        Next::Event(_) => 0,
        Next::Nothing(status) => {
            assert!(status == Status::WAL_TIMEOUT && timeout_ms == 0, "{status:?}");
            0
        }
    }
}
