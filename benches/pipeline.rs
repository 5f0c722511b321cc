//! The cost of what surrounds decoding: framing, taking the server's messages, and the hand-over of events, one by one and
//! as batches. Per message or event, over a capture of a real walsender.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "guard/work.rs"]
mod work;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use work::Work;

fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    let mut work = Work::new();
    group.throughput(Throughput::Elements(work.framing() as u64));
    group.bench_function("framing", |bencher| bencher.iter(|| work.framing()));
    group.bench_function("receive", |bencher| bencher.iter(|| work.recycle(work.receive())));
    group.bench_function("next", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| timed(&mut work, Work::by_event)).sum())
    });
    group.bench_function("next_batch", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| timed(&mut work, Work::by_batch)).sum())
    });
    group.finish();
}

/// The time to take one queued batch.
fn timed(work: &mut Work, take: fn(&mut Work) -> usize) -> Duration {
    work.push(work.receive());
    let begin = Instant::now();
    assert!(take(work) > 0);
    begin.elapsed()
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
