//! Records of the manager XLOG (`catalog/pg_control.h`, `access/xlog_internal.h`).

use super::super::wal_version::WalVersion;
use super::fields::Fields;
use super::text::Text;

pub fn describe(info: u8, main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    match info {
        0x00 => {
            checkpoint(main, version, out)?;
            out.str("shutdown");
        }
        0x10 => {
            checkpoint(main, version, out)?;
            out.str("online");
        }
        0x30 => {
            out.number(main.u32(0)?.into());
        }
        0x50 => {
            out.lsn(main.u64(0)?);
        }
        0x60 => parameters(main, out)?,
        0x70 => {
            out.bytes(main.from(8)?.text());
        }
        0x80 => {
            out.str(boolean(main.is(0)?));
        }
        0x90 => {
            out.str("tli ").number(main.u32(8)?.into()).str("; prev tli ").number(main.u32(12)?.into());
            out.str("; time ").time(main.i64(0)?);
            if version >= WalVersion::V17 {
                out.str("; wal_level ").str(wal_level(main.i32(16)?));
            }
        }
        0xD0 => {
            out.str("lsn ").lsn(main.u64(0)?).str("; time ").time(main.i64(8)?);
        }
        0xE0 if version >= WalVersion::V17 => {
            out.str("wal_level ").str(wal_level(main.i32(0)?));
        }
        _ => {}
    }
    Some(())
}

/// `CheckPoint`, up to the last word.
fn checkpoint(main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    out.str("redo ").lsn(main.u64(0)?).str("; tli ").number(main.u32(8)?.into());
    out.str("; prev tli ").number(main.u32(12)?.into()).str("; fpw ").str(boolean(main.is(16)?));
    if version >= WalVersion::V17 {
        out.str("; wal_level ").str(wal_level(main.i32(20)?));
    }
    out.str("; xid ").number(main.u32(28)?.into()).str(":").number(main.u32(24)?.into());
    out.str("; oid ").number(main.u32(32)?.into()).str("; multi ").number(main.u32(36)?.into());
    out.str("; offset ").number(main.u32(40)?.into()).str("; oldest xid ").number(main.u32(44)?.into());
    out.str(" in DB ").number(main.u32(48)?.into()).str("; oldest multi ").number(main.u32(52)?.into());
    out.str(" in DB ").number(main.u32(56)?.into()).str("; oldest/newest commit timestamp xid: ");
    out.number(main.u32(72)?.into()).str("/").number(main.u32(76)?.into());
    out.str("; oldest running xid ").number(main.u32(80)?.into()).str("; ");
    Some(())
}

/// `xl_parameter_change`.
fn parameters(main: Fields<'_>, out: &mut Text<'_>) -> Option<()> {
    const NAMES: [&str; 5] = [
        "max_connections=",
        " max_worker_processes=",
        " max_wal_senders=",
        " max_prepared_xacts=",
        " max_locks_per_xact=",
    ];
    for (at, name) in NAMES.into_iter().enumerate() {
        out.str(name).signed(main.i32(at * 4)?.into());
    }
    let switch = |on| if on { "on" } else { "off" };
    out.str(" wal_level=").str(wal_level(main.i32(20)?));
    out.str(" wal_log_hints=").str(switch(main.is(24)?));
    out.str(" track_commit_timestamp=").str(switch(main.is(25)?));
    Some(())
}

fn boolean(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

fn wal_level(number: i32) -> &'static str {
    match number {
        0 => "minimal",
        1 => "replica",
        2 => "logical",
        _ => "?",
    }
}
