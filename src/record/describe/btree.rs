//! Records of the manager Btree (`access/nbtxlog.h`). From 16 on each field is told with a colon.

use super::super::view::RecordView;
use super::super::wal_version::WalVersion;
use super::fields::Fields;
use super::heap::offsets;
use super::text::Text;

pub fn describe(
    record: RecordView<'_>,
    info: u8,
    main: Fields<'_>,
    version: WalVersion,
    out: &mut Text<'_>,
) -> Option<()> {
    let is_old = version <= WalVersion::V15;
    let data = record.block(0).and_then(|block| block.data()).map(Fields);
    match info {
        0x00..=0x20 | 0x50 => listed(is_old, &[("off", main.u16(0)?.into())], ", ", out),
        0x30 | 0x40 => {
            let fields = [
                ("level", main.u32(0)?.into()),
                ("firstrightoff", main.u16(4)?.into()),
                ("newitemoff", main.u16(6)?.into()),
                ("postingoff", main.u16(8)?.into()),
            ];
            listed(is_old, &fields, ", ", out);
        }
        0x60 => listed(is_old, &[("nintervals", main.u16(0)?.into())], ", ", out),
        0x70 => delete(main, data, version, out)?,
        0x80 | 0x90 => unlink(main, is_old, out)?,
        0xA0 => {
            out.str(if is_old { "lev " } else { "level: " }).number(main.u32(4)?.into());
        }
        0xB0 => {
            let fields = [
                ("topparent", main.u32(16)?.into()),
                ("leaf", main.u32(4)?.into()),
                ("left", main.u32(8)?.into()),
                ("right", main.u32(12)?.into()),
            ];
            listed(is_old, &fields, "; ", out);
        }
        0xC0 => {
            let counts = (main.u16(0)?, main.u16(2)?);
            listed(is_old, &[("ndeleted", counts.0.into()), ("nupdated", counts.1.into())], "; ", out);
            if !is_old {
                deleted(data, counts, out)?;
            }
        }
        0xD0 => reuse(main, version, out)?,
        0xE0 => {
            listed(is_old, &[("last_cleanup_num_delpages", data?.u32(20)?.into())], ", ", out);
        }
        _ => {}
    }
    Some(())
}

/// Names and numbers; before 16 without colons, and separated by `old_separator`.
fn listed(is_old: bool, fields: &[(&str, u64)], old_separator: &str, out: &mut Text<'_>) {
    for (at, (name, number)) in fields.iter().enumerate() {
        if at > 0 {
            out.str(if is_old { old_separator } else { ", " });
        }
        out.str(name).str(if is_old { " " } else { ": " }).number(*number);
    }
}

/// `xl_btree_delete`.
fn delete(main: Fields<'_>, data: Option<Fields<'_>>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let is_old = version <= WalVersion::V15;
    let counts = (main.u16(4)?, main.u16(6)?);
    let horizon = if is_old { "latestRemovedXid" } else { "snapshotConflictHorizon" };
    let fields =
        [(horizon, main.u32(0)?.into()), ("ndeleted", counts.0.into()), ("nupdated", counts.1.into())];
    listed(is_old, &fields, "; ", out);
    if is_old {
        return Some(());
    }
    catalog(main.is(8)?, version, out);
    deleted(data, counts, out)
}

/// What was taken off a page, and what of posting lists (`xl_btree_update`).
fn deleted(data: Option<Fields<'_>>, (gone, updated): (u16, u16), out: &mut Text<'_>) -> Option<()> {
    let Some(mut data) = data else { return Some(()) };
    out.str(", deleted:");
    offsets(&mut data, gone.into(), out)?;
    out.str(", updated: [");
    let places = data.rows(updated.into(), 2)?;
    for (at, place) in places.enumerate() {
        let count = data.u16(0)?;
        data = data.from(2)?;
        out.str(if at > 0 { ", " } else { "" }).str("{ off: ").number(place.u16(0)?.into());
        out.str(", nptids: ").number(count.into()).str(", ptids: [");
        for (at, tid) in data.rows(count.into(), 2)?.enumerate() {
            out.str(if at > 0 { ", " } else { "" }).number(tid.u16(0)?.into());
        }
        out.str("] }");
    }
    out.str("]");
    Some(())
}

/// `xl_btree_unlink_page`.
fn unlink(main: Fields<'_>, is_old: bool, out: &mut Text<'_>) -> Option<()> {
    let fields =
        [("left", main.u32(0)?.into()), ("right", main.u32(4)?.into()), ("level", main.u32(8)?.into())];
    listed(is_old, &fields, "; ", out);
    out.str(if is_old { "; safexid " } else { ", safexid: " });
    out.number(main.u32(20)?.into()).str(":").number(main.u32(16)?.into());
    out.str(if is_old { "; " } else { ", " });
    let leaf = [
        ("leafleft", main.u32(24)?.into()),
        ("leafright", main.u32(28)?.into()),
        ("leaftopparent", main.u32(32)?.into()),
    ];
    listed(is_old, &leaf, "; ", out);
    Some(())
}

/// `xl_btree_reuse_page`.
fn reuse(main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let is_old = version <= WalVersion::V15;
    out.str(if is_old { "rel " } else { "rel: " }).number(main.u32(0)?.into()).str("/");
    out.number(main.u32(4)?.into()).str("/").number(main.u32(8)?.into());
    out.str(if is_old { "; latestRemovedXid " } else { ", snapshotConflictHorizon: " });
    out.number(main.u32(20)?.into()).str(":").number(main.u32(16)?.into());
    // Before 16 a record is too short to say it.
    catalog(main.is(24).unwrap_or(false), version, out);
    Some(())
}

/// 16 has this and does not tell it.
fn catalog(is: bool, version: WalVersion, out: &mut Text<'_>) {
    if version >= WalVersion::V17 {
        out.str(", isCatalogRel: ").str(if is { "T" } else { "F" });
    }
}
