//! Records of Heap2 that clean a page: pruned, frozen, vacuumed. 16 moved their lists to the block's data, 17 merged their kinds.

use super::super::view::RecordView;
use super::super::wal_version::WalVersion;
use super::fields::Fields;
use super::heap::{array, offsets};
use super::text::Text;

/// Of a record of 17 and later (`XLHP_…`).
const IS_CATALOG: u8 = 1 << 1;
const HAS_HORIZON: u8 = 1 << 3;
const HAS_PLANS: u8 = 1 << 4;
const HAS_REDIRECTIONS: u8 = 1 << 5;
const HAS_DEAD: u8 = 1 << 6;
const HAS_UNUSED: u8 = 1 << 7;

/// How long a freeze plan is.
const PLAN: usize = 12;

pub fn describe(
    record: RecordView<'_>,
    op: u8,
    main: Fields<'_>,
    version: WalVersion,
    out: &mut Text<'_>,
) -> Option<()> {
    let data = record.block(0).and_then(|block| block.data()).map(Fields);
    match (version, op) {
        (WalVersion::V14 | WalVersion::V15, _) => old(op, main, out),
        (WalVersion::V16, 0x10) => pruned(main, data, out),
        (WalVersion::V16, 0x20) => vacuumed(main, data, out),
        (WalVersion::V16, _) => frozen(main, data, out),
        (_, _) => merged(main, data, out),
    }
}

fn old(op: u8, main: Fields<'_>, out: &mut Text<'_>) -> Option<()> {
    match op {
        0x10 => {
            out.str("latestRemovedXid ").number(main.u32(0)?.into());
            out.str(" nredirected ").number(main.u16(4)?.into()).str(" ndead ").number(main.u16(6)?.into());
        }
        0x20 => {
            out.str("nunused ").number(main.u16(0)?.into());
        }
        _ => {
            out.str("cutoff xid ").number(main.u32(0)?.into()).str(" ntuples ").number(main.u16(4)?.into());
        }
    }
    Some(())
}

fn pruned(main: Fields<'_>, data: Option<Fields<'_>>, out: &mut Text<'_>) -> Option<()> {
    let (redirected, dead) = (main.u16(4)?, main.u16(6)?);
    out.str("snapshotConflictHorizon: ").number(main.u32(0)?.into());
    out.str(", nredirected: ").number(redirected.into()).str(", ndead: ").number(dead.into());
    let Some(mut data) = data else { return Some(()) };
    let unused = (data.0.len() / 2).checked_sub(2 * usize::from(redirected) + usize::from(dead))?;
    out.str(", nunused: ").number(unused as u64).str(", redirected:");
    redirections(&mut data, redirected.into(), out)?;
    out.str(", dead:");
    offsets(&mut data, dead.into(), out)?;
    out.str(", unused:");
    offsets(&mut data, unused, out)
}

fn vacuumed(main: Fields<'_>, data: Option<Fields<'_>>, out: &mut Text<'_>) -> Option<()> {
    let unused = main.u16(0)?;
    out.str("nunused: ").number(unused.into());
    let Some(mut data) = data else { return Some(()) };
    out.str(", unused:");
    offsets(&mut data, unused.into(), out)
}

fn frozen(main: Fields<'_>, data: Option<Fields<'_>>, out: &mut Text<'_>) -> Option<()> {
    let plans = main.u16(4)?;
    out.str("snapshotConflictHorizon: ").number(main.u32(0)?.into()).str(", nplans: ").number(plans.into());
    let Some(mut data) = data else { return Some(()) };
    let table = data.rows(plans.into(), PLAN)?;
    out.str(", plans:");
    array(table, |row, out| plan(row, &mut data, out), out)
}

fn merged(main: Fields<'_>, data: Option<Fields<'_>>, out: &mut Text<'_>) -> Option<()> {
    let flags = main.u8(1)?;
    if flags & HAS_HORIZON != 0 {
        out.str("snapshotConflictHorizon: ").number(main.u32(2)?.into());
    }
    out.str(", isCatalogRel: ").str(if flags & IS_CATALOG != 0 { "T" } else { "F" });
    let Some(mut data) = data else { return Some(()) };
    let mut plans = (0, Fields(&[]));
    if flags & HAS_PLANS != 0 {
        let count = usize::from(data.u16(0)?);
        plans = (count, data.from(4)?);
        data = data.from(4 + count * PLAN)?;
    }
    let mut lists = [(0, Fields(&[])); 3];
    let widths = [(HAS_REDIRECTIONS, 4), (HAS_DEAD, 2), (HAS_UNUSED, 2)];
    for (list, (bit, width)) in lists.iter_mut().zip(widths) {
        if flags & bit != 0 {
            let count = usize::from(data.u16(0)?);
            *list = (count, data.from(2)?);
            data = data.from(2 + count * width)?;
        }
    }
    let [redirected, dead, unused] = &mut lists;
    out.str(", nplans: ").number(plans.0 as u64).str(", nredirected: ").number(redirected.0 as u64);
    out.str(", ndead: ").number(dead.0 as u64).str(", nunused: ").number(unused.0 as u64);
    if plans.0 > 0 {
        out.str(", plans:");
        array(plans.1.rows(plans.0, PLAN)?, |row, out| plan(row, &mut data, out), out)?;
    }
    if redirected.0 > 0 {
        out.str(", redirected:");
        redirections(&mut redirected.1, redirected.0, out)?;
    }
    for (label, list) in [(", dead:", dead), (", unused:", unused)] {
        if list.0 > 0 {
            out.str(label);
            offsets(&mut list.1, list.0, out)?;
        }
    }
    Some(())
}

fn redirections(data: &mut Fields<'_>, count: usize, out: &mut Text<'_>) -> Option<()> {
    let pair = |row: Fields<'_>, out: &mut Text<'_>| {
        out.number(row.u16(0)?.into()).str("->").number(row.u16(2)?.into());
        Some(())
    };
    array(data.rows(count, 4)?, pair, out)
}

/// A freeze plan; the rows that it is of are taken off the front of the offsets.
fn plan(row: Fields<'_>, rows: &mut Fields<'_>, out: &mut Text<'_>) -> Option<()> {
    let tuples = row.u16(10)?;
    out.str("{ xmax: ").number(row.u32(0)?.into()).str(", infomask: ").number(row.u16(6)?.into());
    out.str(", infomask2: ").number(row.u16(4)?.into()).str(", ntuples: ").number(tuples.into());
    out.str(", offsets:");
    offsets(rows, tuples.into(), out)?;
    out.str(" }");
    Some(())
}
