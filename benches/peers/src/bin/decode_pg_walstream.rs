//! Decodes a file of pgoutput messages (each behind its length, 4 bytes, big-endian) over and over with pg_walstream
//! and prints the best time per row: `parse` is its parser alone, `event` also makes the events that its users get.
//! The bytes are sliced out of one shared buffer, as its connection does.
//!
//! decode_pg_walstream FILE SECONDS parse|event

use std::time::{Duration, Instant};
use std::{env, fs};

use bytes::Bytes;
use pg_walstream::{
    EventType, LogicalReplicationMessage, LogicalReplicationParser, Lsn, PgOutputDecoder, RowData, TupleData,
};

fn messages(file: &[u8]) -> Vec<Bytes> {
    let whole = Bytes::copy_from_slice(file);
    let mut at = 0;
    let mut all = Vec::new();
    while at < whole.len() {
        let length = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
        all.push(whole.slice(at + 4..at + 4 + length));
        at += 4 + length;
    }
    all
}

fn tuple(it: &TupleData) -> u64 {
    it.columns.iter().map(|column| column.as_bytes().len() as u64).sum()
}

fn row(it: &RowData) -> u64 {
    it.iter().map(|(_, value)| value.as_bytes().len() as u64).sum()
}

fn parse(messages: &[Bytes]) -> (u64, u64) {
    let mut parser = LogicalReplicationParser::with_protocol_version(1);
    let (mut rows, mut bytes) = (0, 0);
    for message in messages {
        let length = match parser.parse_wal_message_bytes(message.clone()).unwrap().message {
            LogicalReplicationMessage::Insert { tuple: new, .. } => tuple(&new),
            LogicalReplicationMessage::Update { old_tuple, new_tuple, .. } => {
                tuple(&new_tuple) + old_tuple.as_ref().map_or(0, tuple)
            }
            LogicalReplicationMessage::Delete { old_tuple, .. } => tuple(&old_tuple),
            _ => continue,
        };
        rows += 1;
        bytes += length;
    }
    (rows, bytes)
}

fn event(messages: &[Bytes]) -> (u64, u64) {
    let mut decoder = PgOutputDecoder::with_protocol_version(1);
    let (mut rows, mut bytes) = (0, 0);
    for message in messages {
        let Some(event) = decoder.decode_message(message.clone(), Lsn::new(0)).unwrap() else { continue };
        let length = match &event.event_type {
            EventType::Insert { data, .. } => row(data),
            EventType::Update { old_data, new_data, .. } => row(new_data) + old_data.as_ref().map_or(0, row),
            EventType::Delete { old_data, .. } => row(old_data),
            _ => continue,
        };
        rows += 1;
        bytes += length;
    }
    (rows, bytes)
}

fn main() {
    let given: Vec<String> = env::args().skip(1).collect();
    let [path, seconds, what] = given.as_slice() else { panic!("FILE SECONDS parse|event") };
    let messages = messages(&fs::read(path).unwrap());
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse().unwrap());
    let mut best = Duration::MAX;
    let (rows, bytes) = loop {
        let begin = Instant::now();
        let seen = if what == "parse" { parse(&messages) } else { event(&messages) };
        best = best.min(begin.elapsed());
        if Instant::now() >= end {
            break seen;
        }
    };
    let ns = best.as_nanos() as f64 / rows as f64;
    println!("{{\"rows\":{rows},\"bytes\":{bytes},\"ns_per_row\":{ns:.2}}}");
}
