//! In the steady state no event costs an allocation: not in the engine, not in the reader, not in a renderer. Counted by the allocator of
//! this process, in which nothing else runs meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[path = "harness/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "this test needs a part of it only")]
#[macro_use]
mod harness;

use harness::renderer::Renderer;
use harness::view::Event;
use harness::{Kind, Next, Options, Server, Stream};

/// Counts while it is told to.
struct Counting;

static COUNT: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// The sizes of the first allocations, to tell what they were.
static SIZES: [AtomicU64; 100] = [const { AtomicU64::new(0) }; 100];

fn count(size: usize) {
    if COUNT.load(Ordering::Relaxed) {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = SIZES.get(number as usize) {
            place.store(size as u64, Ordering::Relaxed);
        }
    }
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rows before counting begins, by which everything has found its size, and while it goes on.
const WARM: u64 = 400_000;
const COUNTED: u64 = 400_000;

/// A batch may bring more than was wanted.
const SPARE: u64 = 20_000;

/// Allocations that may happen in the counted part: those that belong to the clock and not to an event or a batch, such as
/// a status update's buffer, a progress event, and the two of the reactor each time that the socket is watched again
/// behind windows or a full queue.
const BY_THE_CLOCK: u64 = 800;

#[derive(Clone, Copy)]
enum By {
    Event,
    Batch,
}

/// Reads so many rows and every value of them, acknowledging all commits. Batches are rendered, too.
fn read(stream: &mut Stream, renderers: &mut [Renderer], by: By, rows: u64) {
    let mut left = rows as i64;
    while left > 0 {
        match by {
            By::Event => {
                let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
                left -= i64::from(event.kind() == Kind::Insert);
                look_at(event);
                let ack_lsn = event.fields().ack_lsn;
                if ack_lsn != 0 {
                    stream.ack(ack_lsn).unwrap();
                }
            }
            By::Batch => {
                let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
                for event in batch.events() {
                    left -= i64::from(event.kind() == Kind::Insert);
                    look_at(event);
                }
                let (first, count) = batch.raw_events();
                for renderer in &mut *renderers {
                    // SAFETY: the events of a live batch.
                    let messages = unsafe { renderer.render(first, count) };
                    // Of definitions Debezium's format tells nothing.
                    assert!(messages > 0 && messages <= count);
                }
                stream.ack(batch.ack_lsn()).unwrap();
            }
        }
    }
}

fn look_at(event: Event<'_>) {
    if event.kind() == Kind::Insert {
        assert!(event.new_value(0).as_int64().is_ok());
        assert!(event.new_value(1).as_text().is_ok_and(|text| text.len() > 4));
        assert!(event.new_value(2).as_timestamptz().is_ok());
    }
}

fn measure(by: By, transaction: u64) {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id bigint, v text, at timestamptz); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(&format!(
        "DO $$ BEGIN FOR i IN 1..{} LOOP
         INSERT INTO t SELECT i * {transaction} + g, 'value ' || g, now() FROM generate_series(1, {transaction}) g;
         COMMIT; END LOOP; END $$",
        (WARM + COUNTED + SPARE) / transaction + 1
    ));
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    // The queue once full, so that there are as many batches as there will ever be.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let transactions = ("transactions", "on");
    let mut renderers =
        [Renderer::new("json", &[]), Renderer::new("debezium", &[transactions, ("schemas", "on")])];
    read(&mut stream, &mut renderers, by, WARM);
    CALLS.store(0, Ordering::SeqCst);
    COUNT.store(true, Ordering::SeqCst);
    read(&mut stream, &mut renderers, by, COUNTED);
    COUNT.store(false, Ordering::SeqCst);
    let calls = CALLS.load(Ordering::SeqCst);
    let sizes: Vec<u64> = SIZES.iter().take(calls as usize).map(|size| size.load(Ordering::SeqCst)).collect();
    assert!(calls <= BY_THE_CLOCK, "{calls} allocations for {COUNTED} rows, of these sizes: {sizes:?}");
    println!("{calls} allocations for {COUNTED} rows, of these sizes: {sizes:?}");
}

/// Values with parts, of many types in turn, by one reader.
fn take_apart() {
    use pgwalstream::types::{Field, Nested, Shape, oid};

    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    let ints: Vec<u8> = [1, 0, 23, 2, 1, 4, 7, 4, 8].into_iter().flat_map(i32::to_be_bytes).collect();
    let fields = [
        (Field::new(BINARY, &ints, oid::INT4_ARRAY), None),
        (Field::new(TEXT, br#"{"q\"u",NULL}"#, oid::TEXT_ARRAY), None),
        (Field::new(TEXT, b"[2026-01-01,infinity)", oid::DATERANGE), None),
        (Field::new(TEXT, b"{[1,2),[3,4)}", oid::INT4MULTIRANGE), None),
        (Field::new(TEXT, br#"(1,"x ""y""",)"#, 0), Some(Shape::WAL_SHAPE_COMPOSITE)),
        (Field::new(TEXT, br#""a"=>"q\"u", "b"=>NULL"#, oid::HSTORE), None),
        (Field::new(TEXT, b"((1,2),(3,4))", oid::PATH), None),
    ];
    let mut reader = Nested::new();
    let mut read = |turns: usize| {
        let mut items = 0;
        for _ in 0..turns {
            for (field, claim) in &fields {
                items += reader.read(*field, *claim).map_or(0, |items| items.iter().count());
            }
        }
        items
    };
    read(1);
    CALLS.store(0, Ordering::SeqCst);
    COUNT.store(true, Ordering::SeqCst);
    let items = read(1000);
    COUNT.store(false, Ordering::SeqCst);
    let calls = CALLS.load(Ordering::SeqCst);
    let sizes: Vec<u64> = SIZES.iter().take(calls as usize).map(|size| size.load(Ordering::SeqCst)).collect();
    assert_eq!((calls, items), (0, 17_000), "of these sizes: {sizes:?}");
}

/// One test, since what is counted is the process's.
#[test]
fn steady_state_allocates_nothing() {
    // The counter works.
    COUNT.store(true, Ordering::SeqCst);
    drop(std::hint::black_box(Box::new(7_u64)));
    COUNT.store(false, Ordering::SeqCst);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);

    measure(By::Batch, 10_000);
    measure(By::Event, 10_000);
    measure(By::Batch, 20);
    measure(By::Event, 20);
    // Last: what runs the tests has found its peace by now.
    take_apart();
}
