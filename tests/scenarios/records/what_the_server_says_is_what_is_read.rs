//! PH19: what pg_walinspect of each version says of its WAL is what is read. 14 has none: there the checksums and the chain, which
//! the reader checks, and the names must do.

use postgres::SimpleQueryMessage;

use super::workload;
use crate::harness::records::{Records, SeenBlock, SeenRecord, wal_between};
use crate::harness::{Database, Server};

on_every_version_in_the_gate! { ph19_every_record_is_read_as_the_server_reads_it }

fn ph19_every_record_is_read_as_the_server_reads_it(version: u32) {
    let compression = if version == 14 { "on" } else { "pglz" };
    let server: Server = workload::server(version, compression);
    let mut db = server.database();
    if version > 14 {
        db.run("CREATE EXTENSION pg_walinspect");
    }
    let (begin, end) = workload::run(&mut db);
    let (at, bytes) = wal_between(&mut db, begin, end);
    let mut reader = Records::new(begin, 0);
    let (mut seen, _) = reader.feed(at, &bytes);
    assert!(reader.position() >= end);
    let system = db.text("SELECT system_identifier FROM pg_control_system()");
    assert_eq!(reader.system_id().to_string(), system);
    seen.retain(|record| record.lsn < end);

    assert!(seen.len() > 30_000, "{} records", seen.len());
    for pair in seen.windows(2) {
        assert_eq!((pair[1].prev, pair[0].end <= pair[1].lsn), (pair[0].lsn, true));
        assert!(pair[1].lsn - pair[0].end <= 40, "{:?}", pair[0]);
    }
    let unknown = seen.iter().find(|record| record.kind == "UNKNOWN" || record.manager == "UNKNOWN");
    assert!(unknown.is_none(), "{unknown:?}");
    for kind in ["COMMIT_PREPARED", "MULTI_INSERT+INIT", "SWITCH", "PICKSPLIT", "DEDUP", "CREATE_PTREE"] {
        assert!(seen.iter().any(|record| record.kind == kind), "no {kind}");
    }
    if version > 14 {
        agree(&mut db, &seen, begin, end);
    }
    // A part of it, for each record is looked at in full.
    the_same_in_pieces(&seen, at, &bytes[..2 << 20]);
}

/// Cut anywhere, the records are the same.
fn the_same_in_pieces(whole: &[SeenRecord], at: u64, bytes: &[u8]) {
    let mut reader = Records::new(whole[0].lsn, 0);
    let (mut seen, mut lsn) = (Vec::new(), at);
    for (number, piece) in bytes.chunks(10_007).enumerate() {
        let (first, second) = piece.split_at(number % piece.len());
        for part in [first, second] {
            let (more, outcome) = reader.feed(lsn, part);
            outcome.unwrap();
            seen.extend(more);
            lsn += part.len() as u64;
        }
    }
    let complete: Vec<_> = whole.iter().filter(|record| record.end <= lsn).cloned().collect();
    assert!(seen.starts_with(&complete) || complete.starts_with(&seen));
    assert!(seen.len() + 1 >= complete.len());
}

/// What pg_walinspect says of each record is what we say.
fn agree(db: &mut Database<'_>, seen: &[SeenRecord], begin: u64, end: u64) {
    let lsn = |at: u64| pgwalstream::lsn::Lsn(at).to_string();
    let rows = db
        .sql
        .simple_query(&format!(
            "SELECT start_lsn, end_lsn, prev_lsn, xid, resource_manager, record_type, record_length, main_data_length,
                fpi_length, coalesce(block_ref, ''), coalesce(description, '')
            FROM pg_get_wal_records_info('{}', '{}')",
            lsn(begin),
            lsn(end)
        ))
        .unwrap();
    let rows = rows.iter().filter_map(|row| match row {
        SimpleQueryMessage::Row(row) => {
            Some((0..11).map(|at| row.get(at).unwrap().to_owned()).collect::<Vec<_>>())
        }
        _ => None,
    });
    let mut count = 0;
    for (row, record) in rows.zip(seen) {
        let ours = [
            lsn(record.lsn),
            lsn(record.end),
            lsn(record.prev),
            record.xid.to_string(),
            record.manager.clone(),
            record.kind.clone(),
            (record.total_len).to_string(),
            record.main_len.to_string(),
            record.image_len.to_string(),
            record.blocks.iter().map(told).collect(),
        ];
        assert_eq!(row[..10], ours, "{}", record.line);
        if record.is_described() {
            assert_eq!(record.description(), in_utc(&row[10]), "{}", record.line);
        }
        count += 1;
    }
    assert!(count + 5 > seen.len(), "{count} of {}", seen.len());
}

/// A block as pg_walinspect tells it.
fn told(block: &SeenBlock) -> String {
    let (tablespace, database, relation) = block.relation;
    let fork = ["main", "fsm", "vm", "init"][usize::from(block.fork)];
    let SeenBlock { id, block: number, .. } = block;
    // The server puts a space before each but that of id 0.
    let space = if *id > 0 { " " } else { "" };
    let mut text =
        format!("{space}blkref #{id}: rel {tablespace}/{database}/{relation} fork {fork} blk {number}");
    if block.flags & 1 != 0 {
        let applied = if block.flags & 2 != 0 { "" } else { " for WAL verification" };
        let (offset, length) = block.hole;
        text += &format!(" (FPW{applied}); hole: offset: {offset}, length: {length}");
        if block.compression != 0 {
            let method = ["", "pglz", "lz4", "zstd"][usize::from(block.compression)];
            let saved = 8192 - u32::from(length) - u32::from(block.image_len);
            text += &format!(", compression saved: {saved}, method: {method}");
        }
    }
    text
}

/// The server's times, which end in +00 and leave zeros out, as pg_waldump prints them.
fn in_utc(text: &str) -> String {
    let mut parts = text.split("+00").peekable();
    let mut out = String::new();
    while let Some(part) = parts.next() {
        out += part;
        if parts.peek().is_some() {
            let digits = part.len() - part.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
            let has_fraction = part[..part.len() - digits].ends_with('.');
            let (dot, digits) = if has_fraction { ("", digits) } else { (".", 0) };
            out += &format!("{dot}{} UTC", "0".repeat(6 - digits));
        }
    }
    out
}
