//! Records of the manager Heap (`access/heapam_xlog.h`). From 16 on each field is told with a colon.

use super::super::wal_version::WalVersion;
use super::fields::{Fields, count};
use super::invalidation::{self, Of};
use super::text::Text;

const OLD_TEXT_UNTIL: WalVersion = WalVersion::V15;

pub fn describe(op: u8, main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let is_old = version <= OLD_TEXT_UNTIL;
    match op {
        0x00 if is_old => {
            out.str("off ").number(main.u16(0)?.into()).str(" flags ").byte(main.u8(2)?);
        }
        0x00 => {
            out.str("off: ").number(main.u16(0)?.into()).str(", flags: ").byte(main.u8(2)?);
        }
        0x10 if is_old => {
            out.str("off ").number(main.u16(4)?.into()).str(" flags ").byte(main.u8(7)?).str(" ");
            old_bits(main.u8(6)?, out);
        }
        0x10 => {
            out.str("xmax: ").number(main.u32(0)?.into()).str(", off: ").number(main.u16(4)?.into());
            bits(", infobits: [", main.u8(6)?, out);
            out.str(", flags: ").byte(main.u8(7)?);
        }
        0x20 | 0x40 => update(main, is_old, out)?,
        0x30 => truncate(main, is_old, out)?,
        0x50 => {
            out.str(if is_old { "off " } else { "off: " }).number(main.u16(0)?.into());
        }
        0x60 => lock("xid", main, is_old, out)?,
        0x70 => inplace(main, is_old, version, out)?,
        _ => {}
    }
    Some(())
}

/// `xl_heap_update`.
fn update(main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    let (old_xmax, old_off, infobits, flags) = (main.u32(0)?, main.u16(4)?, main.u8(6)?, main.u8(7)?);
    let (new_xmax, new_off) = (main.u32(8)?, main.u16(12)?);
    if is_old {
        out.str("off ").number(old_off.into()).str(" xmax ").number(old_xmax.into());
        out.str(" flags ").byte(flags).str(" ");
        old_bits(infobits, out);
        out.str("; new off ").number(new_off.into()).str(" xmax ").number(new_xmax.into());
    } else {
        out.str("old_xmax: ").number(old_xmax.into()).str(", old_off: ").number(old_off.into());
        bits(", old_infobits: [", infobits, out);
        out.str(", flags: ").byte(flags);
        out.str(", new_xmax: ").number(new_xmax.into()).str(", new_off: ").number(new_off.into());
    }
    Some(())
}

/// `xl_heap_truncate`.
fn truncate(main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    let (relations, flags) = (main.u32(4)?, main.u8(8)?);
    let words = [(1, "CASCADE", "cascade "), (2, "RESTART_SEQS", "restart_seqs ")];
    if is_old {
        for (_, _, word) in words.iter().filter(|word| flags & word.0 != 0) {
            out.str(word);
        }
        out.str("nrelids ").number(relations.into()).str(" relids");
    } else {
        out.str("flags: [");
        let names = words.iter().filter(|word| flags & word.0 != 0).map(|word| word.1);
        joined(names, out);
        out.str("], nrelids: ").number(relations.into()).str(", relids:");
    }
    let mut table = main.from(12)?;
    let table = table.rows(relations as usize, 4)?;
    if is_old {
        table.for_each(|row| {
            out.str(" ").number(row.u32(0).unwrap_or(0).into());
        });
    } else {
        array(table, |row, out| Some(out.number(row.u32(0)?.into())).map(|_| ()), out)?;
    }
    Some(())
}

/// `xl_heap_lock` and `xl_heap_lock_updated`, which have one layout.
pub fn lock(old_name: &str, main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    let (xmax, off, infobits, flags) = (main.u32(0)?, main.u16(4)?, main.u8(6)?, main.u8(7)?);
    if is_old {
        out.str("off ").number(off.into()).str(": ").str(old_name).str(" ").number(xmax.into());
        out.str(": flags ").byte(flags).str(" ");
        old_bits(infobits, out);
    } else {
        out.str("xmax: ").number(xmax.into()).str(", off: ").number(off.into());
        bits(", infobits: [", infobits, out);
        out.str(", flags: ").byte(flags);
    }
    Some(())
}

/// `xl_heap_inplace`, which has invalidations from 18 on.
fn inplace(main: Fields<'_>, is_old: bool, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    out.str(if is_old { "off " } else { "off: " }).number(main.u16(0)?.into());
    if version < WalVersion::V18 {
        return Some(());
    }
    let of = Of { database: main.u32(4)?, tablespace: main.u32(8)?, ends_init_file: main.is(12)? };
    invalidation::describe(&mut main.from(20)?, count(main.i32(16)?), of, out)
}

/// The bits of a locked row (`XLHL_…`).
const BITS: [(u8, &str); 5] = [
    (0x01, "IS_MULTI"),
    (0x02, "LOCK_ONLY"),
    (0x04, "EXCL_LOCK"),
    (0x08, "KEYSHR_LOCK"),
    (0x10, "KEYS_UPDATED"),
];

fn old_bits(infobits: u8, out: &mut Text<'_>) {
    for (_, name) in BITS.iter().filter(|bit| infobits & bit.0 != 0) {
        out.str(name).str(" ");
    }
}

fn bits(label: &str, infobits: u8, out: &mut Text<'_>) {
    out.str(label);
    joined(BITS.iter().filter(|bit| infobits & bit.0 != 0).map(|bit| bit.1), out);
    out.str("]");
}

fn joined<'a>(names: impl Iterator<Item = &'a str>, out: &mut Text<'_>) {
    for (at, name) in names.enumerate() {
        out.str(if at > 0 { ", " } else { "" }).str(name);
    }
}

/// A list in brackets (`array_desc`).
pub fn array<'a>(
    rows: impl ExactSizeIterator<Item = Fields<'a>>,
    mut element: impl FnMut(Fields<'a>, &mut Text<'_>) -> Option<()>,
    out: &mut Text<'_>,
) -> Option<()> {
    out.str(" [");
    for (at, row) in rows.enumerate() {
        out.str(if at > 0 { ", " } else { "" });
        element(row, out)?;
    }
    out.str("]");
    Some(())
}

/// A list of places on a page, taken off the front.
pub fn offsets(fields: &mut Fields<'_>, count: usize, out: &mut Text<'_>) -> Option<()> {
    array(
        fields.rows(count, 2)?,
        |row, out| row.u16(0).map(|offset| out.number(offset.into())).map(|_| ()),
        out,
    )
}
