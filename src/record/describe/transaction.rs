//! Records of the manager Transaction (`access/xact.h`).

use super::super::header::Record;
use super::super::wal_version::WalVersion;
use super::fields::{Fields, count};
use super::invalidation::{self, Of};
use super::text::Text;

const HAS_XINFO: u8 = 0x80;

const HAS_DATABASE: u32 = 1;
const HAS_SUBXACTS: u32 = 1 << 1;
const HAS_RELATIONS: u32 = 1 << 2;
const HAS_INVALIDATIONS: u32 = 1 << 3;
const HAS_TWO_PHASE: u32 = 1 << 4;
const HAS_ORIGIN: u32 = 1 << 5;
const HAS_GID: u32 = 1 << 7;
const HAS_STATISTICS: u32 = 1 << 8;
const APPLY_FEEDBACK: u32 = 1 << 29;
const ENDS_INIT_FILE: u32 = 1 << 30;
const FORCE_SYNC: u32 = 1 << 31;

/// How long a relation's file is told (`RelFileLocator`).
const RELATION: usize = 12;

pub fn describe(plain: &Record, main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    match plain.info & 0x70 {
        0x00 | 0x30 => Ending::read(plain, main, version)?.commit(plain.origin, version, out),
        0x20 | 0x40 => Ending::read(plain, main, version)?.abort(plain.origin, version, out),
        0x10 => prepare(plain.origin, main, version, out),
        0x50 => {
            out.str("xtop ").number(main.u32(0)?.into()).str(": subxacts:");
            ids(main.from(8)?, count(main.i32(4)?), out)
        }
        0x60 => invalidation::describe(&mut main.from(4)?, count(main.i32(0)?), Of::default(), out),
        _ => Some(()),
    }
}

/// What ends a transaction: a COMMIT or an ABORT, taken apart.
struct Ending<'a> {
    time: i64,
    xinfo: u32,
    of: Of,
    /// Tables, each with how many rows it has.
    subxacts: (usize, Fields<'a>),
    relations: (usize, Fields<'a>),
    statistics: (usize, Fields<'a>),
    messages: (usize, Fields<'a>),
    prepared: u32,
    origin: Option<(u64, i64)>,
}

impl<'a> Ending<'a> {
    fn read(plain: &Record, main: Fields<'a>, version: WalVersion) -> Option<Self> {
        let (time, mut rest) = (main.i64(0)?, main.from(8)?);
        let none = (0, Fields(&[]));
        let mut it = Self {
            time,
            xinfo: 0,
            of: Of::default(),
            subxacts: none,
            relations: none,
            statistics: none,
            messages: none,
            prepared: 0,
            origin: None,
        };
        if plain.info & HAS_XINFO != 0 {
            it.xinfo = rest.u32(0)?;
            rest = rest.from(4)?;
        }
        let is_commit = matches!(plain.info & 0x70, 0x00 | 0x30);
        if it.has(HAS_DATABASE) {
            it.of = Of {
                database: rest.u32(0)?,
                tablespace: rest.u32(4)?,
                ends_init_file: it.has(ENDS_INIT_FILE),
            };
            rest = rest.from(8)?;
        }
        it.of.ends_init_file = it.has(ENDS_INIT_FILE);
        if it.has(HAS_SUBXACTS) {
            it.subxacts = table(&mut rest, 4)?;
        }
        if it.has(HAS_RELATIONS) {
            it.relations = table(&mut rest, RELATION)?;
        }
        if it.has(HAS_STATISTICS) {
            it.statistics = table(&mut rest, statistics_size(version))?;
        }
        if is_commit && it.has(HAS_INVALIDATIONS) {
            it.messages = table(&mut rest, 16)?;
        }
        if it.has(HAS_TWO_PHASE) {
            it.prepared = rest.u32(0)?;
            rest = rest.from(4)?;
            if it.has(HAS_GID) {
                rest = rest.from(rest.text().len() + 1)?;
            }
        }
        if it.has(HAS_ORIGIN) {
            it.origin = Some((rest.u64(0)?, rest.i64(8)?));
        }
        Some(it)
    }

    fn has(&self, bit: u32) -> bool {
        self.xinfo & bit != 0
    }

    fn begin(&self, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
        if self.prepared != 0 {
            out.number(self.prepared.into()).str(": ");
        }
        out.time(self.time);
        relations("rels", self.relations, version, out)?;
        subxacts(self.subxacts, out)
    }

    fn commit(&self, origin: u16, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
        self.begin(version, out)?;
        statistics("", self.statistics, version, out)?;
        let (count, mut messages) = self.messages;
        invalidation::describe(&mut messages, count, self.of, out)?;
        if self.has(APPLY_FEEDBACK) {
            out.str("; apply_feedback");
        }
        if self.has(FORCE_SYNC) {
            out.str("; sync");
        }
        told_origin(origin, self.origin, out);
        Some(())
    }

    fn abort(&self, origin: u16, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
        self.begin(version, out)?;
        if tells_every_origin(version) {
            told_origin(origin, self.origin, out);
        }
        statistics("", self.statistics, version, out)
    }
}

/// A table behind its count, both taken off the front.
fn table<'a>(rest: &mut Fields<'a>, size: usize) -> Option<(usize, Fields<'a>)> {
    let rows = count(rest.i32(0)?);
    let (found, behind) = rest.0.get(4..)?.split_at_checked(rows.checked_mul(size)?)?;
    *rest = Fields(behind);
    Some((rows, Fields(found)))
}

/// `xl_xact_prepare` and what follows it, each part aligned.
fn prepare(origin: u16, main: Fields<'_>, version: WalVersion, out: &mut Text<'_>) -> Option<()> {
    let has_statistics = version >= WalVersion::V15;
    let at = if has_statistics { 48 } else { 40 };
    let (database, time) = (main.u32(12)?, main.i64(16)?);
    let [subs, commit_rels, abort_rels] = [main.i32(24 + 4)?, main.i32(32)?, main.i32(36)?].map(count);
    let [commit_stats, abort_stats] =
        if has_statistics { [main.i32(40)?, main.i32(44)?].map(count) } else { [0, 0] };
    let (messages, ends_init_file) = (count(main.i32(at)?), main.is(at + 4)?);
    let mut rest = main.from(at + 24)?;
    let gid = rest.aligned(main.u16(at + 6)?.into())?;
    let size = statistics_size(version);
    let subs = (subs, rest.aligned(subs.checked_mul(4)?)?);
    let commit_rels = (commit_rels, rest.aligned(commit_rels.checked_mul(RELATION)?)?);
    let abort_rels = (abort_rels, rest.aligned(abort_rels.checked_mul(RELATION)?)?);
    let commit_stats = (commit_stats, rest.aligned(commit_stats.checked_mul(size)?)?);
    let abort_stats = (abort_stats, rest.aligned(abort_stats.checked_mul(size)?)?);

    out.str("gid ").bytes(gid.text()).str(": ").time(time);
    relations("rels(commit)", commit_rels, version, out)?;
    relations("rels(abort)", abort_rels, version, out)?;
    statistics("commit ", commit_stats, version, out)?;
    statistics("abort ", abort_stats, version, out)?;
    subxacts(subs, out)?;
    invalidation::describe(&mut rest, messages, Of { database, tablespace: 0, ends_init_file }, out)?;
    if origin != 0 && tells_every_origin(version) {
        told_origin(origin, Some((main.u64(at + 8)?, main.i64(at + 16)?)), out);
    }
    Some(())
}

/// The paths of files (`relpathperm`).
fn relations(
    label: &str,
    (rows, mut table): (usize, Fields<'_>),
    version: WalVersion,
    out: &mut Text<'_>,
) -> Option<()> {
    /// Two tablespaces have folders of their own.
    const DEFAULT: u32 = 1663;
    const GLOBAL: u32 = 1664;
    if rows == 0 {
        return Some(());
    }
    out.str("; ").str(label).str(":");
    for row in table.rows(rows, RELATION)? {
        let (tablespace, database, relation) = (row.u32(0)?, row.u32(4)?, row.u32(8)?);
        match tablespace {
            GLOBAL => out.str(" global"),
            DEFAULT => out.str(" base/").number(database.into()),
            _ => out
                .str(" pg_tblspc/")
                .number(tablespace.into())
                .str("/PG_")
                .number(version.major().into())
                .str("_")
                .number(version.catalog().into())
                .str("/")
                .number(database.into()),
        };
        out.str("/").number(relation.into());
    }
    Some(())
}

fn subxacts((rows, table): (usize, Fields<'_>), out: &mut Text<'_>) -> Option<()> {
    if rows == 0 {
        return Some(());
    }
    out.str("; subxacts:");
    ids(table, rows, out)
}

fn ids(mut table: Fields<'_>, rows: usize, out: &mut Text<'_>) -> Option<()> {
    for id in table.rows(rows, 4)? {
        out.str(" ").number(id.u32(0)?.into());
    }
    Some(())
}

/// How long a dropped object of the statistics is told: its id has 64 bits from 18 on.
fn statistics_size(version: WalVersion) -> usize {
    if version < WalVersion::V18 { 12 } else { 16 }
}

fn statistics(
    label: &str,
    (rows, mut table): (usize, Fields<'_>),
    version: WalVersion,
    out: &mut Text<'_>,
) -> Option<()> {
    if rows == 0 {
        return Some(());
    }
    out.str("; ").str(label).str("dropped stats:");
    for row in table.rows(rows, statistics_size(version))? {
        let high = if version < WalVersion::V18 { 0 } else { u64::from(row.u32(12)?) };
        let object = high << 32 | u64::from(row.u32(8)?);
        out.str(" ").signed(row.i32(0)?.into()).str("/").number(row.u32(4)?.into()).str("/").number(object);
    }
    Some(())
}

/// 14 tells the origin of a commit alone.
fn tells_every_origin(version: WalVersion) -> bool {
    version >= WalVersion::V15
}

fn told_origin(node: u16, origin: Option<(u64, i64)>, out: &mut Text<'_>) {
    if let Some((lsn, time)) = origin {
        out.str("; origin: node ").number(node.into()).str(", lsn ").lsn(lsn).str(", at ").time(time);
    }
}
