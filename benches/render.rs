//! What it costs to make a message of a row, as JSON or in Debezium's envelope: ns of processor time an event. It must never measure decoding, which `decode` does.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pgwalstream::{Batch, Decoder, Lsn, Renderer};

const ROWS: u64 = 256;
const OID: u32 = 16_385;

/// Name, type, text, binary.
type Column = (&'static str, u32, &'static [u8], &'static [u8]);

const LONG: &[u8] = b"one hundred bytes of plain text, as a note or an address has them, no quote in it, and nothing behind it";
const DOCUMENT: &[u8] =
    b"{\"customer\": \"Ada\", \"lines\": [{\"sku\": \"a-1\", \"n\": 2}, {\"sku\": \"b-2\", \"n\": 1}], \"paid\": true, \"note\": null}";

const PLAIN: [Column; 3] = [
    ("id", 20, b"123456", &[0, 0, 0, 0, 0, 1, 0xE2, 0x40]),
    ("customer", 25, b"twelve bytes", b"twelve bytes"),
    ("at", 1184, b"2026-02-28 12:34:56.789012+00", &[0, 2, 0xEE, 0xAB, 0xCD, 0xEF, 0x12, 0x34]),
];
const LARGE: [Column; 3] = [PLAIN[0], ("note", 25, LONG, LONG), ("document", 114, DOCUMENT, DOCUMENT)];

/// Name, format, options.
type Format = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const FORMATS: [Format; 3] = [
    ("json", "json", &[]),
    ("debezium", "debezium", &[]),
    ("debezium with schemas", "debezium", &[("schemas", "on"), ("compatible", "3.6")]),
];

fn render(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(ROWS));
    for (name, columns) in [("three columns", PLAIN), ("three columns of 100 bytes", LARGE)] {
        for (form, kind) in [("text", b't'), ("binary", b'b')] {
            let batch = batch(&columns, kind);
            for (title, format, options) in FORMATS {
                let mut renderer = Renderer::new(format).unwrap();
                options.iter().for_each(|(name, word)| renderer.set(name, word).unwrap());
                group.bench_function(format!("{title}, {name}, {form}"), |bencher| {
                    bencher.iter_custom(|times| {
                        let start = processor_time();
                        for _ in 0..times {
                            renderer.render_batch(black_box(&batch)).unwrap();
                            black_box(renderer.lines().len());
                        }
                        processor_time() - start
                    });
                });
            }
        }
    }
    group.finish();
}

/// The time that this thread had a processor: others on the machine do not count.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: an out-parameter of this frame.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(outcome, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Inserts into a table of these columns.
fn batch(columns: &[Column], kind: u8) -> Batch {
    let mut relation = vec![b'R'];
    relation.extend(OID.to_be_bytes());
    relation.extend(b"public\0orders\0d");
    relation.extend((columns.len() as u16).to_be_bytes());
    let mut insert = vec![b'I'];
    insert.extend(OID.to_be_bytes());
    insert.push(b'N');
    insert.extend((columns.len() as u16).to_be_bytes());
    for (at, (name, type_oid, text, binary)) in columns.iter().enumerate() {
        relation.push(u8::from(at == 0));
        relation.extend(name.as_bytes());
        relation.push(0);
        relation.extend(type_oid.to_be_bytes());
        relation.extend((-1_i32).to_be_bytes());
        let value = if kind == b't' { text } else { binary };
        insert.push(kind);
        insert.extend((value.len() as u32).to_be_bytes());
        insert.extend(*value);
    }
    let mut begin = vec![b'B'];
    begin.extend(0x16B_3748_u64.to_be_bytes());
    begin.extend(825_000_000_000_000_u64.to_be_bytes());
    begin.extend(742_u32.to_be_bytes());
    let mut decoder = Decoder::with_batches(1024, 1 << 20);
    for message in [&begin, &relation].into_iter().chain(std::iter::repeat_n(&insert, ROWS as usize)) {
        decoder.feed(Lsn(0x16B_3700), message).unwrap();
    }
    decoder.next_batch().unwrap()
}

criterion_group!(benches, render);
criterion_main!(benches);
