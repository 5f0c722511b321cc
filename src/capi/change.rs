//! What made a relation's generation, as C sees it. Immutable: every accessor may be called on any thread, several at once.

use std::ffi::c_char;

use super::boundary::{boundary, not_null};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Change, ChangeKind, Relation};
use crate::error::{Error, Status};

/// One difference between two definitions of a table. Places are from 0, and -1 where there is no column.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wal_relation_change {
    /// A wal_change_kind_code.
    pub kind: u32,
    /// The column's place in this definition.
    pub column: i32,
    /// The column's place in the definition before.
    pub column_before: i32,
    /// OID of the column's type before; 0 where there was no column.
    pub type_before: u32,
    /// Modifier of the column's type before; -1 where there was none.
    pub typmod_before: i32,
    /// For WAL_CHANGE_REPLICA_IDENTITY the letter before, as wal_relation_replica_identity() has it; else 0.
    pub identity_before: u32,
    /// The name before: of the column, the schema or the table. Borrowed from the relation.
    pub name_before: wal_bytes,
    /// Kept for later releases; 0.
    pub spare: [u64; 3],
}

impl wal_relation_change {
    const NONE: Self = Self {
        kind: 0,
        column: -1,
        column_before: -1,
        type_before: 0,
        typmod_before: -1,
        identity_before: 0,
        name_before: wal_bytes::NOTHING,
        spare: [0; 3],
    };

    fn of(change: &Change) -> Self {
        let place = |place: Option<u32>| place.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1);
        Self {
            kind: change.kind as u32,
            column: place(change.place),
            column_before: place(change.place_before),
            type_before: change.type_before,
            typmod_before: change.typmod_before,
            identity_before: change.identity_before.into(),
            name_before: wal_bytes::of(&change.name_before),
            spare: [0; 3],
        }
    }
}

/// How much a definition differs from the one that held before it: the number of changes that wal_relation_change_at() gives.
/// It is the same for every event of a generation. A first definition has none.
///
/// After a reconnect the definition before may not be known any more: then the answer is -1, and the program compares
/// with what it remembers. DDL that leaves no trace in the definition is not seen (docs/limits.md).
///
/// @param relation may be NULL, which gives -1
/// @return the number, or -1 where the definition before is not known
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_change_count(relation: *const Relation) -> i32 {
    boundary!(neutral(-1; {
        // SAFETY: the contract: NULL, or a live relation.
        let changes = unsafe { relation.as_ref() }.and_then(|relation| relation.changes.as_ref());
        changes.and_then(|changes| i32::try_from(changes.len()).ok()).unwrap_or(-1)
    }))
}

/// One change: first those of the table, then those of its columns, in the order of their places. A column that changed in several
/// ways comes once for each. `docs/values.md` has an example.
///
/// @param[in] relation whose changes they are
/// @param[in] index from 0
/// @param[out] out the change; its name is borrowed from the relation
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, or WAL_E_INVALID_ARGUMENT if there is no such change
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_change_at(
    relation: *const Relation,
    index: u32,
    out: *mut wal_relation_change,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = wal_relation_change::NONE; {
        not_null(relation, "relation")?;
        // SAFETY: the contract: a live relation.
        let changes = unsafe { relation.as_ref() }.and_then(|relation| relation.changes.as_ref());
        let Some(change) = changes.and_then(|changes| changes.get(index as usize)) else {
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("there is no change {index}"))
                .with_hint("wal_relation_change_count() says how many there are."));
        };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(wal_relation_change::of(change)) };
        Ok(Status::WAL_OK)
    }))
}

/// The name of a kind of change, as in "COLUMN_ADDED"; "UNKNOWN" for a number without one.
///
/// @param[in] kind a wal_change_kind_code
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub extern "C" fn wal_change_kind_name(kind: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        super::names::name!(kind; ChangeKind;
            WAL_CHANGE_COLUMN_ADDED: c"COLUMN_ADDED",
            WAL_CHANGE_COLUMN_DROPPED: c"COLUMN_DROPPED",
            WAL_CHANGE_COLUMN_REPLACED: c"COLUMN_REPLACED",
            WAL_CHANGE_COLUMN_TYPE: c"COLUMN_TYPE",
            WAL_CHANGE_COLUMN_TYPMOD: c"COLUMN_TYPMOD",
            WAL_CHANGE_COLUMN_KEY: c"COLUMN_KEY",
            WAL_CHANGE_SCHEMA: c"SCHEMA",
            WAL_CHANGE_NAME: c"NAME",
            WAL_CHANGE_REPLICA_IDENTITY: c"REPLICA_IDENTITY",
        )
    }))
}
