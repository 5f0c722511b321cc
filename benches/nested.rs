//! What it costs to take a value with parts apart: one level, by a reader that is used again, and each item as a number or a text.
//! It must never measure how the value came.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pgwalstream::types::{Field, Nested, Shape, as_int32, as_text, oid};

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// `int4[10]` in binary.
fn ints() -> Vec<u8> {
    let head = [1, 0, 23, 10, 1].into_iter().chain((0..10).flat_map(|number| [4, number]));
    head.flat_map(i32::to_be_bytes).collect()
}

fn nested(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nested");
    let ints = ints();
    let mut reader = Nested::new();
    let binary = Field::new(BINARY, &ints, oid::INT4_ARRAY);
    group.bench_function("int4[10], binary, taken apart", |bencher| {
        bencher.iter(|| reader.read(black_box(binary), None).unwrap().len());
    });
    let mut sum = |field: Field<'_>| {
        let items = reader.read(black_box(field), None).unwrap();
        items.iter().map(|item| as_int32(item.field()).unwrap()).sum::<i32>()
    };
    group.bench_function("int4[10], binary, each read", |bencher| bencher.iter(|| sum(binary)));
    let text = Field::new(TEXT, b"{0,1,2,3,4,5,6,7,8,9}", oid::INT4_ARRAY);
    group.bench_function("int4[10], text, each read", |bencher| bencher.iter(|| sum(text)));
    let mut reader = Nested::new();
    let mut lengths = |field: Field<'_>, claim| {
        let items = reader.read(black_box(field), claim).unwrap();
        items.iter().map(|item| as_text(item.field()).map_or(0, <[u8]>::len)).sum::<usize>()
    };
    let quoted = Field::new(TEXT, br#"{"two words","q\"u",plain,NULL}"#, oid::TEXT_ARRAY);
    group.bench_function("text[4], text, quoted", |bencher| bencher.iter(|| lengths(quoted, None)));
    let row = Field::new(TEXT, br#"(1,"two words",2026-01-01,)"#, 0);
    let claim = Some(Shape::WAL_SHAPE_COMPOSITE);
    group.bench_function("composite of 4, text", |bencher| bencher.iter(|| lengths(row, claim)));
    group.finish();
}

criterion_group!(benches, nested);
criterion_main!(benches);
