//! Records of the manager Heap2 (`access/heapam_xlog.h`).

use super::super::view::RecordView;
use super::super::wal_version::WalVersion;
use super::fields::Fields;
use super::heap::{lock, offsets};
use super::prune;
use super::text::Text;

pub fn describe(
    record: RecordView<'_>,
    op: u8,
    main: Fields<'_>,
    version: WalVersion,
    out: &mut Text<'_>,
) -> Option<()> {
    let is_old = version <= WalVersion::V15;
    match op {
        0x10..=0x30 => prune::describe(record, op, main, version, out),
        0x40 => {
            let label = if is_old { "cutoff xid " } else { "snapshotConflictHorizon: " };
            out.str(label).number(main.u32(0)?.into());
            out.str(if is_old { " flags " } else { ", flags: " }).byte(main.u8(4)?);
            Some(())
        }
        0x50 => multi_insert(record, main, is_old, out),
        0x60 => lock("xmax", main, is_old, out),
        0x70 => new_cid(main, is_old, out),
        _ => Some(()),
    }
}

/// `xl_heap_multi_insert`.
fn multi_insert(record: RecordView<'_>, main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    let (flags, tuples) = (main.u8(0)?, main.u16(2)?);
    if is_old {
        out.number(tuples.into()).str(" tuples flags ").byte(flags);
        return Some(());
    }
    out.str("ntuples: ").number(tuples.into()).str(", flags: ").byte(flags);
    let makes_page = record.plain().info & 0x80 != 0;
    if makes_page || record.block(0).and_then(|block| block.data()).is_none() {
        return Some(());
    }
    out.str(", offsets:");
    offsets(&mut main.from(4)?, tuples.into(), out)
}

/// `xl_heap_new_cid`.
fn new_cid(main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    out.str(if is_old { "rel " } else { "rel: " }).number(main.u32(16)?.into()).str("/");
    out.number(main.u32(20)?.into()).str("/").number(main.u32(24)?.into());
    let block = u64::from(main.u16(28)?) << 16 | u64::from(main.u16(30)?);
    out.str(if is_old { "; tid " } else { ", tid: " }).number(block).str("/").number(main.u16(32)?.into());
    out.str(if is_old { "; cmin: " } else { ", cmin: " }).number(main.u32(4)?.into());
    out.str(", cmax: ").number(main.u32(8)?.into()).str(", combo: ").number(main.u32(12)?.into());
    Some(())
}
