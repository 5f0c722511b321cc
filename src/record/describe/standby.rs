//! Records of the manager Standby (`storage/standbydefs.h`).

use super::super::wal_version::WalVersion;
use super::fields::{Fields, count};
use super::invalidation::{self, Of};
use super::text::Text;

pub fn describe(info: u8, main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    match info {
        0x00 => locks(main, out),
        0x10 => running(main, version, out),
        0x20 => {
            let of = Of { database: main.u32(0)?, tablespace: main.u32(4)?, ends_init_file: main.is(8)? };
            invalidation::describe(&mut main.from(16)?, count(main.i32(12)?), of, out)
        }
        _ => Some(()),
    }
}

fn locks(main: Fields<'_>, out: &mut Text<'_>) -> Option<()> {
    for lock in main.from(4)?.rows(count(main.i32(0)?), 12)? {
        out.str("xid ").number(lock.u32(0)?.into()).str(" db ").number(lock.u32(4)?.into());
        out.str(" rel ").number(lock.u32(8)?.into()).str(" ");
    }
    Some(())
}

/// `xl_running_xacts`.
fn running(main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let (xacts, subxacts) = (count(main.i32(0)?), count(main.i32(4)?));
    out.str("nextXid ").number(main.u32(12)?.into());
    out.str(" latestCompletedXid ").number(main.u32(20)?.into());
    out.str(" oldestRunningXid ").number(main.u32(16)?.into());
    let mut ids = main.from(24)?;
    list(&mut ids, xacts, " xacts:", out)?;
    if main.is(8)? {
        out.str(if version < WalVersion::V16 { "; subxid ovf" } else { "; subxid overflowed" });
    }
    if version < WalVersion::V16 { Some(()) } else { list(&mut ids, subxacts, " subxacts:", out) }
}

fn list(ids: &mut Fields<'_>, count: usize, what: &str, out: &mut Text<'_>) -> Option<()> {
    if count > 0 {
        out.str("; ").number(count as u64).str(what);
        for id in ids.rows(count, 4)? {
            out.str(" ").number(id.u32(0)?.into());
        }
    }
    Some(())
}
