//! What it costs to make a struct of a row: by serde, by names looked up for each row, and by places looked up once. It must
//! never measure decoding, which `decode` does.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgwalstream::{Batch, Decoder, EventKind, Lsn, Result, Row};
use serde::Deserialize;

const ROWS: u64 = 256;
const OID: u32 = 16_385;
const INT8: u32 = 20;
const TEXT: u32 = 25;

#[derive(Deserialize)]
struct Order<'a> {
    id: i64,
    #[serde(borrow)]
    customer: &'a str,
    amount: i64,
    note: Option<&'a str>,
}

fn by_name(row: Row<'_>) -> Result<Order<'_>> {
    Ok(Order {
        id: row.get("id")?.as_i64()?,
        customer: row.get("customer")?.as_str()?,
        amount: row.get("amount")?.as_i64()?,
        note: row.get("note")?.nullable()?.map(|note| note.as_str()).transpose()?,
    })
}

fn by_place<'a>(row: Row<'a>, [id, customer, amount, note]: [usize; 4]) -> Option<Order<'a>> {
    Some(Order {
        id: row.at(id)?.as_i64().ok()?,
        customer: row.at(customer)?.as_str().ok()?,
        amount: row.at(amount)?.as_i64().ok()?,
        note: row.at(note)?.nullable().ok()?.map(|note| note.as_str()).transpose().ok()?,
    })
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS));
    for columns in [4, 20] {
        let batch = batch(columns);
        let rows: Vec<Row<'_>> = batch
            .iter()
            .filter(|event| event.kind() == EventKind::Insert)
            .map(|event| event.new_row().unwrap())
            .collect();
        let places = ["id", "customer", "amount", "note"]
            .map(|name| rows.first().unwrap().relation().column_index(name).unwrap());
        let sum = |order: Order<'_>| {
            order.id + order.amount + (order.customer.len() + order.note.map_or(0, str::len)) as i64
        };
        group.bench_function(BenchmarkId::new("serde", columns), |bencher| {
            bencher.iter(|| rows.iter().map(|row| sum(black_box(*row).deserialize().unwrap())).sum::<i64>());
        });
        group.bench_function(BenchmarkId::new("names", columns), |bencher| {
            bencher.iter(|| rows.iter().map(|row| sum(by_name(black_box(*row)).unwrap())).sum::<i64>());
        });
        group.bench_function(BenchmarkId::new("places", columns), |bencher| {
            bencher
                .iter(|| rows.iter().map(|row| sum(by_place(black_box(*row), places).unwrap())).sum::<i64>());
        });
    }
    group.finish();
}

/// Inserts into a table whose first columns are the struct's; the others are texts.
fn batch(columns: u16) -> Batch {
    let known = [("id", INT8), ("customer", TEXT), ("amount", INT8), ("note", TEXT)];
    let mut relation = vec![b'R'];
    relation.extend(OID.to_be_bytes());
    relation.extend(b"public\0orders\0d");
    relation.extend(columns.to_be_bytes());
    let mut insert = vec![b'I'];
    insert.extend(OID.to_be_bytes());
    insert.push(b'N');
    insert.extend(columns.to_be_bytes());
    for at in 0..columns {
        let (name, type_oid) =
            known.get(usize::from(at)).map_or((format!("other_column_{at}"), TEXT), |it| (it.0.into(), it.1));
        relation.push(u8::from(at == 0));
        relation.extend(name.as_bytes());
        relation.push(0);
        relation.extend(type_oid.to_be_bytes());
        relation.extend((-1_i32).to_be_bytes());
        let value: &[u8] = if type_oid == INT8 { b"123456" } else { b"twelve bytes" };
        insert.push(b't');
        insert.extend((value.len() as u32).to_be_bytes());
        insert.extend(value);
    }
    let mut begin = vec![b'B'];
    begin.extend([0; 20]);
    let mut decoder = Decoder::with_batches(1024, 1 << 20);
    for message in [&begin, &relation].into_iter().chain(std::iter::repeat_n(&insert, ROWS as usize)) {
        decoder.feed(Lsn(1), message).unwrap();
    }
    decoder.next_batch().unwrap()
}

criterion_group!(benches, rows);
criterion_main!(benches);
