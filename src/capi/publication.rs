//! Publications as C sees them.

use std::ffi::c_char;

use super::boundary::{boundary, text};
use super::connection::{alone, owned, release, wal_connection};
use super::stream::{duration, outcome};
use super::{wal_bytes, wal_error, wal_status, wal_tables};
use crate::stream::Publication;

/// A publication, borrowed from its list.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_publication {
    publication: Publication,
}

/// The publications of a database, by name. Owned by whoever got them: wal_publications_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_publications {
    publications: Vec<wal_publication>,
}

impl wal_publications {
    fn of(publications: Vec<Publication>) -> Self {
        let publications = publications.into_iter().map(|publication| wal_publication { publication });
        Self { publications: publications.collect() }
    }
}

/// Makes a publication in the connection's database. Make it before the slot: a slot never sees a publication that is
/// younger than itself.
///
/// @param[in,out] connection to use
/// @param[in] name of the publication, as it is; the library quotes it
/// @param[in] tables a list as SQL writes it: names, with their schemas where that is wanted, separated by commas, and in
/// double quotes where they hold other than lower-case letters, digits and underscores; NULL or "" for no table, or for all
/// of them with WAL_PUBLICATION_ALL_TABLES
/// @param[in] flags WAL_PUBLISH_INSERT, _UPDATE, _DELETE, _TRUNCATE (none of them publishes all four),
/// WAL_PUBLICATION_VIA_ROOT, WAL_PUBLICATION_ALL_TABLES, or-ed
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: it was not made; WAL_E_PUBLICATION_EXISTS;
/// WAL_E_INVALID_ARGUMENT; WAL_E_PRIVILEGE; WAL_E_SERVER, as where a table does not exist
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_create(
    connection: *mut wal_connection,
    name: *const c_char,
    tables: *const c_char,
    flags: u32,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle, terminated texts.
        unsafe {
            let name = text(name, "name")?;
            let tables = if tables.is_null() { "" } else { text(tables, "tables")? };
            alone(connection, |connection| {
                Ok(outcome(&connection.create_publication(name, tables, flags, duration(timeout_ms))?))
            })
        }
    }))
}

/// Ends a publication. A stream that uses it ends with an error soon after.
///
/// @param[in,out] connection to use
/// @param[in] name of the publication, as it is
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: it was not dropped; WAL_E_PUBLICATION_MISSING; WAL_E_PRIVILEGE
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_drop(
    connection: *mut wal_connection,
    name: *const c_char,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle, a terminated text.
        unsafe {
            let name = text(name, "name")?;
            alone(connection, |connection| Ok(outcome(&connection.drop_publication(name, duration(timeout_ms))?)))
        }
    }))
}

/// All publications of the connection's database.
///
/// @param[in,out] connection to use
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] out the list, owned by the caller: wal_publications_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_INTERRUPTED; WAL_END; what went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_list(
    connection: *mut wal_connection,
    timeout_ms: i32,
    out: *mut *mut wal_publications,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle; `out` is not NULL.
        unsafe { owned(connection, out, |connection| connection.list_publications(duration(timeout_ms)), wal_publications::of) }
    }))
}

/// The tables of a publication, each with what is published of it, and whether its updates and deletes can be (see
/// wal_table_identity()). With WAL_PUBLICATION_VIA_ROOT partitioned tables, without it their partitions.
///
/// @param[in,out] connection to use
/// @param[in] name of the publication, as it is
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] out the list, owned by the caller: wal_tables_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_INTERRUPTED; WAL_END; WAL_E_PUBLICATION_MISSING; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_tables(
    connection: *mut wal_connection,
    name: *const c_char,
    timeout_ms: i32,
    out: *mut *mut wal_tables,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, a terminated text; `out` is not NULL.
        unsafe {
            let name = text(name, "name")?;
            owned(connection, out, |connection| connection.published_tables(name, duration(timeout_ms)), wal_tables::of)
        }
    }))
}

/// SAFETY of the accessors below: the contract: `publication` is NULL or borrowed from a list that was not freed yet.
unsafe fn field<T>(
    publication: *const wal_publication,
    neutral: T,
    get: impl FnOnce(&Publication) -> T,
) -> T {
    // SAFETY: see above.
    unsafe { publication.as_ref() }.map_or(neutral, |it| get(&it.publication))
}

/// Its name.
///
/// @param publication may be NULL
/// @return borrowed from the list
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_name(publication: *const wal_publication) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(publication, wal_bytes::NOTHING, |it| wal_bytes::of(it.name.as_bytes())) } }))
}

/// WAL_PUBLISH_INSERT, _UPDATE, _DELETE, _TRUNCATE, WAL_PUBLICATION_VIA_ROOT, WAL_PUBLICATION_ALL_TABLES, or-ed.
///
/// @param publication may be NULL
/// @return the flags
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publication_flags(publication: *const wal_publication) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(publication, 0, |it| it.flags) } }))
}

/// How many publications the list has.
///
/// @param publications may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publications_count(publications: *const wal_publications) -> usize {
    // SAFETY: the contract: NULL or a live list.
    boundary!(neutral(0; { unsafe { publications.as_ref() }.map_or(0, |it| it.publications.len()) }))
}

/// One of the list.
///
/// @param publications may be NULL
/// @param index from 0
/// @return borrowed from the list; NULL where there is none of this index
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publications_at(
    publications: *const wal_publications,
    index: usize,
) -> *const wal_publication {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live list.
        unsafe { publications.as_ref() }.and_then(|it| it.publications.get(index)).map_or(std::ptr::null(), std::ptr::from_ref)
    }))
}

/// Frees a list with all that is borrowed from it.
///
/// @param publications may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_publications_free(publications: *mut wal_publications) {
    // SAFETY: the contract: given out, and freed once.
    boundary!(neutral((); { unsafe { release(publications) } }));
}
