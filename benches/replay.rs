//! The cost of replaying a capture: blocks checked, frames split, three-column rows decoded into batches and handed
//! over. One core decodes, another reads the batches, as in a program.
//!
//! Beside criterion's time it prints rows per second of processor time of the engine's thread: what one core can do,
//! also on a machine that others use.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgwalstream::batch::EventKind;
use pgwalstream::capture::{Epoch, Writer};
use pgwalstream::engine::{Logger, Next, Stream};
use pgwalstream::options::Options;

const ROWS: u64 = 2_000_000;
const ROWS_OF_A_TRANSACTION: u64 = 1000;

fn replay(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    write(&path);
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(ROWS)).sample_size(10);
    let mut of_engine = Vec::new();
    group.bench_function(BenchmarkId::new("three columns", ROWS), |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                of_engine.push(read(&path));
            }
            start.elapsed()
        });
    });
    group.finish();
    of_engine.sort();
    if let Some(median) = of_engine.get(of_engine.len() / 2) {
        println!(
            "one core: {:.1} million rows/s ({} bytes for {ROWS} rows)",
            ROWS as f64 / median.as_secs_f64() / 1e6,
            std::fs::metadata(&path).unwrap().len()
        );
    }
}

/// Replays everything, and tells how much time the engine's thread took for it.
fn read(path: &Path) -> Duration {
    let mut options = Options::new();
    // Enough for the engine never to wait long for this thread.
    options.set("queue_bytes", Some("8MB")).unwrap();
    let mut stream = Stream::replay(&[path.to_owned()], &options, Logger::default()).unwrap();
    let mut rows = 0;
    let mut used = Duration::ZERO;
    while let Next::Ready(batch) = stream.next_batch(None).unwrap() {
        let inserts = batch.events().iter().filter(|it| it.kind == EventKind::WAL_EVENT_INSERT as u32);
        rows += inserts.count() as u64;
        batch.release();
        if rows == ROWS {
            used = used.max(time_of_engine());
        }
    }
    assert_eq!(rows, ROWS);
    used
}

/// Processor time of the thread named pgwalstream, which lives as long as the stream (proc(5), schedstat).
fn time_of_engine() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let engine = threads.map(|thread| thread.path()).find(|path| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "pgwalstream")
    });
    let schedstat = std::fs::read_to_string(engine.unwrap().join("schedstat")).unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

/// Writes a capture of transactions of inserts, as PostgreSQL sends them.
fn write(path: &Path) {
    let mut writer = Writer::new(BufWriter::new(File::create(path).unwrap())).unwrap();
    writer.epoch(Duration::ZERO, &Epoch::new(0).with("decode", "on")).unwrap();
    let mut bytes = Vec::new();
    let mut lsn = 0x16B_3748_u64;
    frame(&mut bytes, 0, &relation());
    for transaction in 0..ROWS / ROWS_OF_A_TRANSACTION {
        let end = lsn + ROWS_OF_A_TRANSACTION * 64;
        let time = 800_000_000_000_000_i64.to_be_bytes();
        frame(&mut bytes, lsn, &[&b"B"[..], &end.to_be_bytes(), &time, &750_u32.to_be_bytes()].concat());
        for row in 0..ROWS_OF_A_TRANSACTION {
            frame(&mut bytes, lsn, &insert(transaction * ROWS_OF_A_TRANSACTION + row));
            lsn += 64;
        }
        lsn = end + 48;
        frame(&mut bytes, end, &[&b"C\0"[..], &end.to_be_bytes(), &lsn.to_be_bytes(), &time].concat());
        writer.received(Duration::ZERO, &bytes).unwrap();
        bytes.clear();
    }
    writer.finish(Duration::ZERO).unwrap();
}

/// A message in XLogData in CopyData.
fn frame(out: &mut Vec<u8>, lsn: u64, message: &[u8]) {
    let length = 4 + 25 + message.len() as u32;
    out.push(b'd');
    out.extend(length.to_be_bytes());
    out.push(b'w');
    out.extend([lsn.to_be_bytes(), lsn.to_be_bytes(), 800_000_000_000_000_i64.to_be_bytes()].concat());
    out.extend(message);
}

fn insert(row: u64) -> Vec<u8> {
    let mut out = [&b"I"[..], &16_385_u32.to_be_bytes(), b"N\0\x03"].concat();
    for value in [row.to_string(), format!("name {}", row % 1000), "2026-01-01 12:34:56".to_owned()] {
        out.push(b't');
        out.extend((value.len() as u32).to_be_bytes());
        out.extend(value.as_bytes());
    }
    out
}

fn relation() -> Vec<u8> {
    let mut out = [&b"R"[..], &16_385_u32.to_be_bytes(), b"public\0events\0d\0\x03"].concat();
    for (key, name, oid) in [(1, "id\0", 20_u32), (0, "name\0", 25), (0, "at\0", 1114)] {
        out.push(key);
        out.extend(name.as_bytes());
        out.extend([oid.to_be_bytes(), (-1_i32).to_be_bytes()].concat());
    }
    out
}

criterion_group!(benches, replay);
criterion_main!(benches);
