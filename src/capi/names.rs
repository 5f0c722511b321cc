//! The numbers of enums by name, for logs and for bindings. A number that is not known has a name too: it must never fail.

use std::ffi::c_char;

use super::boundary::boundary;
use crate::batch::{EventKind, TypeKind, TypeSource, ValueKind};
use crate::engine::Level;
use crate::stream::{Invalidation, ReplicaIdentity, SlotKind, WalKept};

/// The name of a number, or "UNKNOWN". A variant without a name does not compile.
macro_rules! name {
    ($number:expr; $kind:ident; $($variant:ident: $name:literal,)*) => {{
        const _: fn($kind) = |kind| match kind { $($kind::$variant => (),)* };
        let number = i64::from($number);
        let known = [$(($kind::$variant as i64, $name)),*];
        known.iter().find(|row| row.0 == number).map_or(c"UNKNOWN", |row| row.1).as_ptr()
    }};
}

pub(super) use name;

/// The name of a kind of event, as in "INSERT"; "UNKNOWN" for a number without one.
///
/// @param[in] kind a wal_event_kind
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_event_kind_name(kind: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        EventKind::of(kind).map_or(c"UNKNOWN", EventKind::name).as_ptr()
    }))
}

/// The name of a kind of value, as in "UNCHANGED"; "UNKNOWN" for a number without one.
///
/// @param[in] kind a wal_value_kind
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_value_kind_name(kind: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(kind; ValueKind;
            WAL_VALUE_NULL: c"NULL",
            WAL_VALUE_TEXT: c"TEXT",
            WAL_VALUE_BINARY: c"BINARY",
            WAL_VALUE_UNCHANGED: c"UNCHANGED",
            WAL_VALUE_ABSENT: c"ABSENT",
        )
    }))
}

/// The name of a level of log messages, as in "WARN"; "UNKNOWN" for a number without one.
///
/// @param[in] level a wal_log_level
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_log_level_name(level: i32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(level; Level;
            WAL_LOG_ERROR: c"ERROR",
            WAL_LOG_WARN: c"WARN",
            WAL_LOG_INFO: c"INFO",
            WAL_LOG_DEBUG: c"DEBUG",
        )
    }))
}

/// The name of what a slot is for, as in "LOGICAL"; "UNKNOWN" for WAL_SLOT_KIND_UNKNOWN and for a number without one.
///
/// @param[in] kind a wal_slot_kind_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_slot_kind_name(kind: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(kind; SlotKind;
            WAL_SLOT_KIND_UNKNOWN: c"UNKNOWN",
            WAL_SLOT_KIND_LOGICAL: c"LOGICAL",
            WAL_SLOT_KIND_PHYSICAL: c"PHYSICAL",
        )
    }))
}

/// The name of how a slot's WAL stands, as in "RESERVED"; "UNKNOWN" for a number without one.
///
/// @param[in] wal a wal_slot_wal_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_slot_wal_name(wal: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(wal; WalKept;
            WAL_SLOT_WAL_NONE: c"NONE",
            WAL_SLOT_WAL_RESERVED: c"RESERVED",
            WAL_SLOT_WAL_EXTENDED: c"EXTENDED",
            WAL_SLOT_WAL_UNRESERVED: c"UNRESERVED",
            WAL_SLOT_WAL_LOST: c"LOST",
        )
    }))
}

/// The name of why a slot was given up, as in "WAL_REMOVED"; "UNKNOWN" for a number without one.
///
/// @param[in] invalidation a wal_invalidation_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_invalidation_name(invalidation: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(invalidation; Invalidation;
            WAL_INVALIDATION_NONE: c"NONE",
            WAL_INVALIDATION_WAL_REMOVED: c"WAL_REMOVED",
            WAL_INVALIDATION_ROWS_REMOVED: c"ROWS_REMOVED",
            WAL_INVALIDATION_WAL_LEVEL: c"WAL_LEVEL",
            WAL_INVALIDATION_IDLE_TIMEOUT: c"IDLE_TIMEOUT",
            WAL_INVALIDATION_CONFLICT: c"CONFLICT",
            WAL_INVALIDATION_OTHER: c"OTHER",
        )
    }))
}

/// The name of whether a table's updates and deletes can be published, as in "NO_PRIMARY_KEY"; "UNKNOWN" for a number
/// without one.
///
/// @param[in] identity a wal_identity_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_identity_name(identity: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(identity; ReplicaIdentity;
            WAL_IDENTITY_USABLE: c"USABLE",
            WAL_IDENTITY_NO_PRIMARY_KEY: c"NO_PRIMARY_KEY",
            WAL_IDENTITY_NOTHING: c"NOTHING",
            WAL_IDENTITY_INDEX_MISSING: c"INDEX_MISSING",
            WAL_IDENTITY_COLUMN_LIST: c"COLUMN_LIST",
            WAL_IDENTITY_PARTITION: c"PARTITION",
        )
    }))
}

/// The name of a kind of type, as in "DOMAIN"; "UNKNOWN" for WAL_TYPE_KIND_UNKNOWN and for a number without one.
///
/// @param[in] kind a wal_type_kind_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub extern "C" fn wal_type_kind_name(kind: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(kind; TypeKind;
            WAL_TYPE_KIND_UNKNOWN: c"UNKNOWN",
            WAL_TYPE_KIND_BASE: c"BASE",
            WAL_TYPE_KIND_ARRAY: c"ARRAY",
            WAL_TYPE_KIND_COMPOSITE: c"COMPOSITE",
            WAL_TYPE_KIND_RANGE: c"RANGE",
            WAL_TYPE_KIND_MULTIRANGE: c"MULTIRANGE",
            WAL_TYPE_KIND_ENUM: c"ENUM",
            WAL_TYPE_KIND_DOMAIN: c"DOMAIN",
            WAL_TYPE_KIND_PSEUDO: c"PSEUDO",
        )
    }))
}

/// The name of where the knowledge of a type comes from, as in "STREAM"; "UNKNOWN" for a number without one.
///
/// @param[in] source a wal_type_source_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub extern "C" fn wal_type_source_name(source: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        name!(source; TypeSource;
            WAL_TYPE_SOURCE_NONE: c"NONE",
            WAL_TYPE_SOURCE_BUILT_IN: c"BUILT_IN",
            WAL_TYPE_SOURCE_STREAM: c"STREAM",
        )
    }))
}
