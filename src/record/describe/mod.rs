//! A record as a line of text, as `pg_waldump` of the release that wrote it does. It must never fail, whatever the record holds: a
//! body that is too short is told as far as it goes.
//!
//! Facts from PostgreSQL's source, 14 to 18: `bin/pg_waldump/pg_waldump.c` (the line), `access/rmgrdesc/` (the descriptions) and the
//! headers that say what the bodies are.

mod btree;
mod fields;
mod heap;
mod heap2;
mod invalidation;
mod prune;
mod standby;
mod text;
mod transaction;
mod xlog;

pub use text::Text;

use fields::Fields;

use super::block::RecordBlock;
use super::header::{FIRST_CUSTOM, Record};
use super::kind::{UNKNOWN, kind_name, manager_name};
use super::view::RecordView;
use super::wal_version::WalVersion;

/// The names of the forks (`forkNames`).
const FORKS: [&str; 4] = ["main", "fsm", "vm", "init"];

/// Writes the line of a record, without an end of line.
///
/// It is `pg_waldump`'s with TZ=UTC for the managers Transaction, XLOG, Standby, Heap, Heap2 and Btree. Of the others it lacks what
/// stands between the kind and the block references. For a release that is not known it ends behind the kind.
pub fn describe(record: RecordView<'_>, out: &mut Text<'_>) {
    let plain = record.plain();
    head(plain, out);
    let kind = kind_name(plain);
    if kind == UNKNOWN {
        out.str("UNKNOWN (").hex((plain.info & 0xF0).into()).str(") ");
    } else {
        out.c_str(kind).str(" ");
    }
    if let Some(version) = record.version() {
        // What is cut ends where it is cut.
        let _ = body(record, version, out);
    }
    for block in record.blocks() {
        reference(block.plain(), out);
    }
}

fn head(plain: &Record, out: &mut Text<'_>) {
    let without_images = plain.total_len.saturating_sub(plain.image_len);
    out.str("rmgr: ").left(manager_name(plain.rmgr), 11);
    out.str(" len (rec/tot): ").right(without_images.into(), 6).str("/").right(plain.total_len.into(), 6);
    out.str(", tx: ").right(plain.xid.into(), 10);
    out.str(", lsn: ").wide_lsn(plain.lsn).str(", prev ").wide_lsn(plain.prev_lsn).str(", desc: ");
}

/// What a manager says of its record (`rm_desc`). None where the record is too short for it.
fn body(record: RecordView<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let (plain, main) = (record.plain(), Fields(record.main_data()));
    let op = plain.info & 0x70;
    match plain.rmgr {
        0 => xlog::describe(plain.info & 0xF0, main, version, out),
        1 => transaction::describe(plain, main, version, out),
        8 => standby::describe(plain.info & 0xF0, main, version, out),
        9 => heap2::describe(record, op, main, version, out),
        10 => heap::describe(op, main, version, out),
        11 => btree::describe(record, plain.info & 0xF0, main, version, out),
        FIRST_CUSTOM.. => {
            out.str("rmid: ").number(plain.rmgr.into());
            Some(())
        }
        _ => Some(()),
    }
}

/// A block reference, as pg_waldump tells it without -b (`XLogRecGetBlockRefInfo`).
fn reference(block: &RecordBlock, out: &mut Text<'_>) {
    out.str(", blkref #").number(block.id.into()).str(": rel ").number(block.tablespace.into());
    out.str("/").number(block.database.into()).str("/").number(block.relation.into());
    if block.fork != 0 {
        out.str(" fork ").str(FORKS.get(usize::from(block.fork)).unwrap_or(&"?"));
    }
    out.str(" blk ").number(block.block.into());
    if block.flags & RecordBlock::IMAGE != 0 {
        out.str(if block.flags & RecordBlock::APPLY != 0 { " FPW" } else { " FPW for WAL verification" });
    }
}
