//! The names of resource managers and of what each does, by release. It must never fail: what is unknown has a name too.

use std::ffi::CStr;

use super::header::{FIRST_CUSTOM, Record};
use super::wal_version::WalVersion;

/// How a manager writes its kind into the upper four bits of `info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// All of them.
    Plain,
    /// The three lower ones; the upper one says something else.
    Masked,
    /// The three lower ones; the upper one says that the page is made anew, which is a part of the name.
    Init,
}

/// A manager of PostgreSQL's own (`access/rmgrlist.h`).
struct Manager {
    name: &'static CStr,
    form: Form,
    kinds: &'static [Kind],
}

/// A kind: its bits, its name, the name with "+INIT" where there is one, and the releases that have it.
struct Kind(u8, &'static CStr, Option<&'static CStr>, WalVersion, WalVersion);

const FIRST: WalVersion = WalVersion::V14;
const LAST: WalVersion = WalVersion::V18;

/// The kinds of one manager. `from` and `to` name the first and the last release where not all have it; `or` is the name of the
/// kind that makes its page anew.
macro_rules! kinds {
    ($($bits:literal $name:literal $(or $init:literal)? $(from $from:ident)? $(to $to:ident)?,)*) => {
        &[$(Kind($bits, $name, kinds!(@init $($init)?), kinds!(@from $($from)?), kinds!(@to $($to)?)),)*]
    };
    (@init) => { None };
    (@init $init:literal) => { Some($init) };
    (@from) => { FIRST };
    (@from $version:ident) => { WalVersion::$version };
    (@to) => { LAST };
    (@to $version:ident) => { WalVersion::$version };
}

const MANAGERS: [Manager; 22] = [
    plain(
        c"XLOG",
        kinds! {
            0x00 c"CHECKPOINT_SHUTDOWN",
            0x10 c"CHECKPOINT_ONLINE",
            0x20 c"NOOP",
            0x30 c"NEXTOID",
            0x40 c"SWITCH",
            0x50 c"BACKUP_END",
            0x60 c"PARAMETER_CHANGE",
            0x70 c"RESTORE_POINT",
            0x80 c"FPW_CHANGE",
            0x90 c"END_OF_RECOVERY",
            0xA0 c"FPI_FOR_HINT",
            0xB0 c"FPI",
            0xD0 c"OVERWRITE_CONTRECORD",
            0xE0 c"CHECKPOINT_REDO" from V17,
        },
    ),
    Manager {
        name: c"Transaction",
        form: Form::Masked,
        kinds: kinds! {
            0x00 c"COMMIT",
            0x10 c"PREPARE",
            0x20 c"ABORT",
            0x30 c"COMMIT_PREPARED",
            0x40 c"ABORT_PREPARED",
            0x50 c"ASSIGNMENT",
            0x60 c"INVALIDATION",
        },
    },
    plain(c"Storage", kinds! { 0x10 c"CREATE", 0x20 c"TRUNCATE", }),
    plain(c"CLOG", kinds! { 0x00 c"ZEROPAGE", 0x10 c"TRUNCATE", }),
    plain(
        c"Database",
        kinds! {
            0x00 c"CREATE" to V14,
            0x10 c"DROP" to V14,
            0x00 c"CREATE_FILE_COPY" from V15,
            0x10 c"CREATE_WAL_LOG" from V15,
            0x20 c"DROP" from V15,
        },
    ),
    plain(c"Tablespace", kinds! { 0x00 c"CREATE", 0x10 c"DROP", }),
    plain(
        c"MultiXact",
        kinds! {
            0x00 c"ZERO_OFF_PAGE",
            0x10 c"ZERO_MEM_PAGE",
            0x20 c"CREATE_ID",
            0x30 c"TRUNCATE_ID",
        },
    ),
    plain(c"RelMap", kinds! { 0x00 c"UPDATE", }),
    plain(c"Standby", kinds! { 0x00 c"LOCK", 0x10 c"RUNNING_XACTS", 0x20 c"INVALIDATIONS", }),
    Manager {
        name: c"Heap2",
        form: Form::Init,
        kinds: kinds! {
            0x00 c"REWRITE",
            0x10 c"PRUNE" to V16,
            0x20 c"VACUUM" to V16,
            0x30 c"FREEZE_PAGE" to V16,
            0x10 c"PRUNE_ON_ACCESS" from V17,
            0x20 c"PRUNE_VACUUM_SCAN" from V17,
            0x30 c"PRUNE_VACUUM_CLEANUP" from V17,
            0x40 c"VISIBLE",
            0x50 c"MULTI_INSERT" or c"MULTI_INSERT+INIT",
            0x60 c"LOCK_UPDATED",
            0x70 c"NEW_CID",
        },
    },
    Manager {
        name: c"Heap",
        form: Form::Init,
        kinds: kinds! {
            0x00 c"INSERT" or c"INSERT+INIT",
            0x10 c"DELETE",
            0x20 c"UPDATE" or c"UPDATE+INIT",
            0x30 c"TRUNCATE",
            0x40 c"HOT_UPDATE" or c"HOT_UPDATE+INIT",
            0x50 c"HEAP_CONFIRM",
            0x60 c"LOCK",
            0x70 c"INPLACE",
        },
    },
    plain(
        c"Btree",
        kinds! {
            0x00 c"INSERT_LEAF",
            0x10 c"INSERT_UPPER",
            0x20 c"INSERT_META",
            0x30 c"SPLIT_L",
            0x40 c"SPLIT_R",
            0x50 c"INSERT_POST",
            0x60 c"DEDUP",
            0x70 c"DELETE",
            0x80 c"UNLINK_PAGE",
            0x90 c"UNLINK_PAGE_META",
            0xA0 c"NEWROOT",
            0xB0 c"MARK_PAGE_HALFDEAD",
            0xC0 c"VACUUM",
            0xD0 c"REUSE_PAGE",
            0xE0 c"META_CLEANUP",
        },
    ),
    plain(
        c"Hash",
        kinds! {
            0x00 c"INIT_META_PAGE",
            0x10 c"INIT_BITMAP_PAGE",
            0x20 c"INSERT",
            0x30 c"ADD_OVFL_PAGE",
            0x40 c"SPLIT_ALLOCATE_PAGE",
            0x50 c"SPLIT_PAGE",
            0x60 c"SPLIT_COMPLETE",
            0x70 c"MOVE_PAGE_CONTENTS",
            0x80 c"SQUEEZE_PAGE",
            0x90 c"DELETE",
            0xA0 c"SPLIT_CLEANUP",
            0xB0 c"UPDATE_META_PAGE",
            0xC0 c"VACUUM_ONE_PAGE",
        },
    ),
    plain(
        c"Gin",
        kinds! {
            0x10 c"CREATE_PTREE",
            0x20 c"INSERT",
            0x30 c"SPLIT",
            0x40 c"VACUUM_PAGE",
            0x50 c"DELETE_PAGE",
            0x60 c"UPDATE_META_PAGE",
            0x70 c"INSERT_LISTPAGE",
            0x80 c"DELETE_LISTPAGE",
            0x90 c"VACUUM_DATA_LEAF_PAGE",
        },
    ),
    plain(
        c"Gist",
        kinds! {
            0x00 c"PAGE_UPDATE",
            0x10 c"DELETE",
            0x20 c"PAGE_REUSE",
            0x30 c"PAGE_SPLIT",
            0x60 c"PAGE_DELETE",
            0x70 c"ASSIGN_LSN",
        },
    ),
    plain(c"Sequence", kinds! { 0x00 c"LOG", }),
    plain(
        c"SPGist",
        kinds! {
            0x10 c"ADD_LEAF",
            0x20 c"MOVE_LEAFS",
            0x30 c"ADD_NODE",
            0x40 c"SPLIT_TUPLE",
            0x50 c"PICKSPLIT",
            0x60 c"VACUUM_LEAF",
            0x70 c"VACUUM_ROOT",
            0x80 c"VACUUM_REDIRECT",
        },
    ),
    Manager {
        name: c"BRIN",
        form: Form::Init,
        kinds: kinds! {
            0x00 c"CREATE_INDEX",
            0x10 c"INSERT" or c"INSERT+INIT",
            0x20 c"UPDATE" or c"UPDATE+INIT",
            0x30 c"SAMEPAGE_UPDATE",
            0x40 c"REVMAP_EXTEND",
            0x50 c"DESUMMARIZE",
        },
    },
    plain(c"CommitTs", kinds! { 0x00 c"ZEROPAGE", 0x10 c"TRUNCATE", }),
    plain(c"ReplicationOrigin", kinds! { 0x00 c"SET", 0x10 c"DROP", }),
    Manager { name: c"Generic", form: Form::Masked, kinds: &[] },
    plain(c"LogicalMessage", kinds! { 0x00 c"MESSAGE", }),
];

const fn plain(name: &'static CStr, kinds: &'static [Kind]) -> Manager {
    Manager { name, form: Form::Plain, kinds }
}

/// What an unknown kind is called.
pub const UNKNOWN: &CStr = c"UNKNOWN";
/// Generic records have one kind, whatever the bits.
const GENERIC: u8 = 20;

/// The name of a manager, as in "Heap". An extension's is "custom128" to "custom255": its own name is only the server's to know.
pub fn manager_name(number: u8) -> &'static CStr {
    if let Some(manager) = MANAGERS.get(usize::from(number)) {
        return manager.name;
    }
    let custom = number.checked_sub(FIRST_CUSTOM).and_then(|at| CUSTOM.get(usize::from(at)));
    custom.and_then(|name| CStr::from_bytes_with_nul(name).ok()).unwrap_or(UNKNOWN)
}

/// The name of what a record does, as in "INSERT+INIT"; "UNKNOWN" where the release or the manager is.
pub fn kind_name(record: &Record) -> &'static CStr {
    let known = WalVersion::of(record.magic).zip(MANAGERS.get(usize::from(record.rmgr)));
    let Some((version, manager)) = known else { return UNKNOWN };
    if record.rmgr == GENERIC {
        return c"Generic";
    }
    let bits = record.info & if manager.form == Form::Plain { 0xF0 } else { 0x70 };
    let found = manager.kinds.iter().find(|kind| kind.0 == bits && (kind.3..=kind.4).contains(&version));
    let is_init = manager.form == Form::Init && record.info & 0x80 != 0;
    match found {
        Some(kind) if is_init => kind.2.unwrap_or(UNKNOWN),
        Some(kind) => kind.1,
        None => UNKNOWN,
    }
}

/// "custom128" to "custom255", each with a NUL.
const CUSTOM: [[u8; 10]; 128] = {
    let mut names = [*b"custom000\0"; 128];
    let mut left: &mut [[u8; 10]] = &mut names;
    let mut number = FIRST_CUSTOM;
    while let Some((name, rest)) = left.split_first_mut() {
        let [.., hundreds, tens, ones, _] = name;
        *hundreds = b'0' + number / 100;
        *tens = b'0' + number / 10 % 10;
        *ones = b'0' + number % 10;
        number = number.wrapping_add(1);
        left = rest;
    }
    names
};
