//! The cost of decoding alone: messages as PostgreSQL sends them, already framed, into batches that are recycled.
//! It must never measure the making of the messages.
//!
//! The messages of one batch lie in one buffer, as in a chunk, and batches are small enough to stay in cache.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgwalstream::batch::Pool;
use pgwalstream::pgoutput::{Decoder, Step};

const ROWS: usize = 256;
const OID: u32 = 16_385;
const TABLES: u32 = 16;
const COMMIT: u64 = 0x16B_3748;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    let cases = [
        ("insert, text", 3, Rows::Insert, 12),
        ("insert, text", 8, Rows::Insert, 12),
        ("insert, text", 20, Rows::Insert, 12),
        ("insert, 50 bytes each", 20, Rows::Insert, 50),
        ("update, full old row", 20, Rows::Update, 12),
        ("insert, half of it NULL", 20, Rows::Sparse, 12),
        ("insert, 16 tables in turn", 3, Rows::Tables, 12),
        ("delete, key", 3, Rows::DeleteKey, 12),
        ("begin, insert, commit", 3, Rows::Alone, 12),
    ];
    for (name, columns, rows, width) in cases {
        let stream = Stream::new(columns, rows, width);
        let pool = Pool::new(2);
        let mut decoder = stream.decoder(&pool, columns, rows);
        group.bench_function(BenchmarkId::new(name, columns), |bencher| {
            bencher.iter_custom(|events| {
                let batches = events.div_ceil(ROWS as u64);
                let start = Instant::now();
                for _ in 0..batches {
                    one_batch(&pool, &mut decoder, &stream);
                }
                per_event(start.elapsed(), events, batches)
            });
        });
    }
    group.finish();
}

/// The share of the time that `events` took of all that the batches hold: criterion then prints time per event.
fn per_event(elapsed: Duration, events: u64, batches: u64) -> Duration {
    elapsed.mul_f64(events as f64 / (batches * ROWS as u64) as f64)
}

/// Fills one batch and gives it back.
fn one_batch(pool: &Pool, decoder: &mut Decoder, stream: &Stream) {
    let mut batch = pool.take(1, 3 * ROWS).unwrap();
    for (start, end) in &stream.messages {
        let message = black_box(&stream.bytes[*start..*end]);
        // SAFETY: the messages outlive the batch.
        let step = unsafe { decoder.decode(*start as u64, message, &mut batch.arrays) }.unwrap();
        assert!(matches!(step, Step::Done(_)));
    }
    assert_eq!(batch.arrays.events().len(), stream.messages.len());
    pool.give(black_box(batch));
}

#[derive(Clone, Copy)]
enum Rows {
    Insert,
    /// Which columns are NULL changes from row to row.
    Sparse,
    /// Each row is another table's.
    Tables,
    Update,
    DeleteKey,
    /// Each row is a transaction.
    Alone,
}

/// The messages of one batch, one behind the other.
struct Stream {
    bytes: Vec<u8>,
    messages: Vec<(usize, usize)>,
}

impl Stream {
    fn new(columns: usize, rows: Rows, width: usize) -> Self {
        let mut stream = Self { bytes: Vec::new(), messages: Vec::new() };
        for row in 0..ROWS {
            let row_of = |part| tuple(part, columns, row, width);
            match rows {
                Rows::Insert => stream.push(&change(b'I', OID, &[row_of(b'N')])),
                Rows::Sparse => stream.push(&change(b'I', OID, &[sparse(columns, row)])),
                Rows::Tables => stream.push(&change(b'I', OID + row as u32 % TABLES, &[row_of(b'N')])),
                Rows::Update => stream.push(&change(b'U', OID, &[row_of(b'O'), row_of(b'N')])),
                Rows::DeleteKey => stream.push(&change(b'D', OID, &[key(columns, row)])),
                Rows::Alone => {
                    stream.push(&begin());
                    stream.push(&change(b'I', OID, &[row_of(b'N')]));
                    stream.push(&commit());
                }
            }
        }
        stream
    }

    /// Appends a message behind what the framing of XLogData takes: 5 bytes of CopyData, 25 of XLogData.
    fn push(&mut self, message: &[u8]) {
        self.bytes.extend([0; 30]);
        let start = self.bytes.len();
        self.bytes.extend(message);
        self.messages.push((start, self.bytes.len()));
    }

    /// A decoder that knows the relations, inside a transaction unless the stream begins its own.
    fn decoder(&self, pool: &Pool, columns: usize, rows: Rows) -> Decoder {
        let mut decoder = Decoder::new();
        let mut batch = pool.take(1, ROWS).unwrap();
        let described = (OID..OID + TABLES).map(|oid| relation(oid, columns));
        let alone = matches!(rows, Rows::Alone).then(commit);
        for message in std::iter::once(begin()).chain(described).chain(alone) {
            // SAFETY: nothing of the batch is read once the message is gone.
            unsafe { decoder.decode(0, &message, &mut batch.arrays) }.unwrap();
        }
        pool.give(batch);
        decoder
    }
}

fn change(kind: u8, oid: u32, tuples: &[Vec<u8>]) -> Vec<u8> {
    [&[kind][..], &oid.to_be_bytes(), &tuples.concat()].concat()
}

/// A row whose values differ in length from row to row, as rows do.
fn tuple(part: u8, columns: usize, row: usize, width: usize) -> Vec<u8> {
    let values = (0..columns).flat_map(|column| value(width - (row * 7 + column * 3) % 5));
    head(part, columns).chain(values).collect()
}

/// A row half of which is NULL, in no order that a branch predictor could learn.
fn sparse(columns: usize, row: usize) -> Vec<u8> {
    let noise = |column: usize| ((row * 1000 + column) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 & 1;
    let values = (0..columns).flat_map(|at| if noise(at) == 0 { vec![b'n'] } else { value(8) });
    head(b'N', columns).chain(values).collect()
}

fn key(columns: usize, row: usize) -> Vec<u8> {
    head(b'K', columns).chain(value(1 + row % 5)).chain(std::iter::repeat_n(b'n', columns - 1)).collect()
}

fn head(part: u8, columns: usize) -> impl Iterator<Item = u8> {
    std::iter::once(part).chain((columns as u16).to_be_bytes())
}

fn value(length: usize) -> Vec<u8> {
    [&b"t"[..], &(length as u32).to_be_bytes(), &vec![b'7'; length]].concat()
}

fn begin() -> Vec<u8> {
    let time = 800_000_000_000_000_i64.to_be_bytes();
    [&b"B"[..], &COMMIT.to_be_bytes(), &time, &750_u32.to_be_bytes()].concat()
}

fn commit() -> Vec<u8> {
    let time = 800_000_000_000_000_i64.to_be_bytes();
    [&b"C\0"[..], &COMMIT.to_be_bytes(), &(COMMIT + 48).to_be_bytes(), &time].concat()
}

fn relation(oid: u32, columns: usize) -> Vec<u8> {
    let head =
        [&b"R"[..], &oid.to_be_bytes(), b"public\0events\0d", &(columns as u16).to_be_bytes()].concat();
    let column = |at: usize| {
        let name = format!("column_{at}\0");
        [&[u8::from(at == 0)][..], name.as_bytes(), &25_u32.to_be_bytes(), &(-1_i32).to_be_bytes()].concat()
    };
    head.into_iter().chain((0..columns).flat_map(column)).collect()
}

criterion_group!(benches, decode);
criterion_main!(benches);
