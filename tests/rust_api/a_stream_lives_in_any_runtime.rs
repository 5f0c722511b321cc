//! Two streams in one runtime, of one thread and of several, as loops, as `futures` streams and moved to tasks of their own;
//! and in no runtime at all. A busy stream lets the other tasks of its thread run. The types are `Send` and `Sync`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::{StreamExt, TryStreamExt};

use crate::harness::{PATIENCE, eventually};
use crate::table::{Table, aside, many_threads, number, numbers, one_thread, within};
use pgwalstream::{
    Acker, Batch, Decoder, Error, ErrorCode, Event, EventKind, EventRef, Options, Row, Stats, Stream, Value,
};

const ROWS: i32 = 500;

#[test]
fn types_go_where_threads_do() {
    fn go<T: Send + Sync + 'static>() {}
    fn go_borrowed<'a, T: Send + Sync + 'a>() {}
    fn future<T: Send>(_: T) {}
    go::<Stream>();
    go::<Options>();
    go::<Batch>();
    go::<Event>();
    go::<Acker>();
    go::<Error>();
    go::<Stats>();
    go::<Decoder>();
    go_borrowed::<EventRef<'_>>();
    go_borrowed::<Row<'_>>();
    go_borrowed::<Value<'_>>();
    let options = Options::new();
    future(Stream::connect(&options));
    let _ = |stream: &'static mut Stream| future(stream.next_event());
    let _ = |stream: &'static mut Stream| future(stream.next_batch());
    let _ = |stream: &'static Stream| future(stream.flush());
    let _ = |stream: Stream| future(stream.close());
}

#[test]
fn two_streams_in_one_runtime() {
    for runtime in [one_thread(), many_threads()] {
        let (mut one, mut other) = (Table::new(18), Table::new(14));
        one.insert(1, ROWS);
        other.insert(1, ROWS);
        runtime.block_on(async {
            let (mut a, mut b) = (one.connect().await, other.connect().await);
            let (a_seen, b_seen) =
                tokio::join!(numbers(&mut a, ROWS as usize), numbers(&mut b, ROWS as usize));
            assert_eq!(a_seen, (1..=ROWS).collect::<Vec<_>>());
            assert_eq!(b_seen, a_seen);
            within(a.close()).await.unwrap();
            within(b.close()).await.unwrap();
        });
        // What was acknowledged before closing is reported: nothing comes again.
        for table in [&mut one, &mut other] {
            let slot = table.slot.clone();
            table.db.released(&slot);
            table.insert(ROWS + 1, ROWS + 1);
            let seen = runtime.block_on(async {
                let mut stream = table.connect().await;
                numbers(&mut stream, 1).await
            });
            assert_eq!(seen, [ROWS + 1]);
        }
    }
}

#[test]
fn as_streams_of_futures() {
    for runtime in [one_thread(), many_threads()] {
        let (mut one, mut other) = (Table::new(18), Table::new(18));
        one.insert(1, ROWS);
        other.insert(1, ROWS);
        let seen = runtime.block_on(async {
            let (mut a, b) = (one.connect().await, other.connect().await);
            let acker = b.acker();
            // By value, in a task of its own.
            let task = tokio::spawn(async move {
                let mut batches = b.into_batches();
                let mut seen = Vec::new();
                while seen.len() < ROWS as usize {
                    let batch = within(batches.next()).await.unwrap().unwrap();
                    seen.extend(
                        batch
                            .iter()
                            .filter(|event| event.kind() == EventKind::Insert)
                            .map(|event| event.new_row().unwrap().at(0).unwrap().as_i32().unwrap()),
                    );
                    acker.ack(batch.ack_lsn()).unwrap();
                }
                seen
            });
            // By reference, with a combinator: the events keep their batches alive.
            let events = a.events().try_filter(|event| std::future::ready(event.kind() == EventKind::Insert));
            let events: Vec<Event> = within(events.take(ROWS as usize).try_collect()).await.unwrap();
            assert!(events.iter().map(|event| number(event).unwrap()).eq(1..=ROWS));
            // And the stream goes on where that left it.
            let next = within(a.next_event()).await.unwrap().unwrap();
            assert_eq!(next.kind(), EventKind::Commit);
            within(task).await.unwrap()
        });
        assert!(seen.into_iter().eq(1..=ROWS));
    }
}

/// The commit record that holds `stop_lsn` is delivered whole; no report goes beyond `stop_lsn`, and closing knows that.
#[test]
fn a_stream_that_ends_inside_a_commit_closes_without_complaint() {
    let mut table = Table::new(18);
    table.insert(1, 1);
    let (options, slot) = (table.options(), table.slot.clone());
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let commit = loop {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if event.kind() == EventKind::Commit {
                break event.commit_lsn().unwrap();
            }
        };
        within(stream.close()).await.unwrap();
        aside(|| table.db.released(&slot));
        let options = options.stop_lsn(pgwalstream::Lsn(commit.0 + 1));
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let mut rows = 0;
        while let Some(event) = within(stream.next_event()).await.unwrap() {
            rows += usize::from(event.kind() == EventKind::Insert);
            stream.ack(event.ack_lsn()).unwrap();
        }
        assert_eq!(rows, 1);
        within(stream.close()).await.unwrap();
    });
}

#[test]
fn an_end_and_an_error_are_told_once_by_streams_of_futures() {
    let mut table = Table::new(18);
    table.insert(1, 3);
    let stop = pgwalstream::Lsn(table.db.position());
    table.insert(4, 5);
    let options = table.options().stop_lsn(stop);
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        {
            let mut events = stream.events();
            let mut rows = 0;
            while let Some(event) = within(events.next()).await {
                rows += usize::from(event.unwrap().kind() == EventKind::Insert);
            }
            assert_eq!(rows, 3);
            assert!(within(events.next()).await.is_none());
        }
        assert!(within(stream.next_event()).await.unwrap().is_none());
        assert!(within(stream.next_batch()).await.unwrap().is_none());
        within(stream.close()).await.unwrap();

        let slot = table.slot.clone();
        aside(|| table.db.released(&slot));
        let options = table.options().set("reconnect", "off");
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let pid = stream.stats().counters.backend_pid;
        aside(|| table.db.run(&format!("SELECT pg_terminate_backend({pid})")));
        let mut batches = stream.batches();
        let error = loop {
            match within(batches.next()).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("an end without an error"),
            }
        };
        assert_eq!(error.code(), ErrorCode::ServerShutdown, "{error:?}");
        assert_eq!((error.sqlstate(), error.is_retriable()), ("57P01", true));
        assert!(within(batches.next()).await.is_none());
        // Asked directly it says the same again.
        assert_eq!(within(stream.next_event()).await.unwrap_err(), error);
        assert_eq!(within(stream.flush()).await.unwrap_err(), error);
    });
}

#[test]
fn errors_say_what_to_do() {
    let table = Table::new(18);
    one_thread().block_on(async {
        let fails = async |options: Options| within(Stream::connect(&options)).await.unwrap_err();
        let missing = fails(Options::new().conninfo(table.db.conninfo()).publication("pub")).await;
        assert_eq!(missing.code(), ErrorCode::BadOption);
        let typo = fails(table.options().set("queue_byts", "4MB")).await;
        assert_eq!(typo.code(), ErrorCode::UnknownOption);
        assert!(typo.hint().contains("queue_bytes"), "{typo:?}");
        let slot = fails(table.options().slot("no_such_slot")).await;
        assert_eq!(slot.code(), ErrorCode::SlotMissing);
        assert!(!slot.hint().is_empty() && !slot.is_retriable());
        let publication = fails(table.options().publication("No \"such\"")).await;
        assert_eq!(publication.code(), ErrorCode::PublicationMissing);
        assert!(publication.message().contains("No \"such\""), "{publication:?}");
        let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(publication);
        assert!(!boxed.to_string().is_empty());

        let stream = table.connect().await;
        let beyond = stream.ack(pgwalstream::Lsn(u64::MAX)).unwrap_err();
        assert_eq!(beyond.code(), ErrorCode::AckBeyond);
        let active = fails(table.options()).await;
        assert_eq!((active.code(), active.is_retriable()), (ErrorCode::SlotActive, true));
        let acker = stream.acker();
        drop(stream);
        eventually("the stream is gone", || {
            pollster(acker.flush()).is_err_and(|error| error.code() == ErrorCode::State)
        });
    });
}

/// A stream that always has something gives way: a ticker of the same thread ticks on.
#[test]
fn a_busy_stream_lets_others_run() {
    let mut table = Table::new(18);
    table.db.run("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 200000) g");
    let ticks = Arc::new(AtomicU64::new(0));
    one_thread().block_on(async {
        let mut stream = table.connect().await;
        let ticking = Arc::clone(&ticks);
        let ticker = tokio::spawn(async move {
            loop {
                tokio::task::yield_now().await;
                ticking.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut rows = 0;
        while rows < 200_000 {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            rows += usize::from(event.kind() == EventKind::Insert);
        }
        ticker.abort();
    });
    let ticks = ticks.load(Ordering::Relaxed);
    assert!(ticks > 500, "{ticks} turns in 200000 events");
}

/// The least that an executor can be.
fn pollster<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        assert!(std::time::Instant::now() < end, "nobody woke the future in {PATIENCE:?}");
        std::thread::park_timeout(PATIENCE);
    }
}

#[test]
fn without_a_runtime() {
    let mut table = Table::new(18);
    table.insert(1, ROWS);
    let seen = pollster(async {
        let mut stream = Stream::connect(&table.options()).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < ROWS as usize {
            let event = stream.next_event().await.unwrap().unwrap();
            seen.extend(number(&event));
            stream.ack(event.ack_lsn()).unwrap();
        }
        stream.flush().await.unwrap();
        stream.close().await.unwrap();
        seen
    });
    assert!(seen.into_iter().eq(1..=ROWS));
}
