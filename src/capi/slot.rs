//! What can be done to slots, as C sees it.

use std::ffi::c_char;

use super::boundary::{boundary, text};
use super::connection::{alone, owned, wal_connection};
use super::stream::{duration, outcome};
use super::{wal_error, wal_slot, wal_slots, wal_status};
use crate::engine::Next;
use crate::lsn::Lsn;
use crate::stream::slot_commands::{InUse, NewSlot};

/// Makes a logical slot in the connection's database. It waits for every transaction that is running on the server; an
/// old one makes it wait for long. When timeout_ms is over, or at an interrupt, the server is told to give up. The call
/// returns once that is sure, within a few seconds. If it cannot be known, the error says so and names the slot.
///
/// With WAL_SLOT_EXPORT_SNAPSHOT the slot comes with a snapshot (wal_slot_snapshot_name) that shows exactly what the
/// slot's stream does not send: other sessions read it after BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION
/// SNAPSHOT '...'. It lives until the next command over this connection, or its end. Therefore the connection refuses every
/// further command with WAL_E_STATE until wal_connection_release_snapshot; wal_connection_check tells whether it still stands.
/// With WAL_SLOT_USE_SNAPSHOT a transaction (REPEATABLE READ, READ ONLY) is begun over this connection first, and what
/// wal_connection_query reads in it is that snapshot, until COMMIT; one session alone can read it so.
///
/// Where the connection's options name publications and the plugin is pgoutput, they must exist: a slot that is older
/// than its publication never sends it.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] plugin the output plugin; NULL for pgoutput
/// @param[in] flags WAL_SLOT_TEMPORARY, WAL_SLOT_TWO_PHASE (PostgreSQL 15), WAL_SLOT_FAILOVER (17),
/// WAL_SLOT_EXPORT_SNAPSHOT or WAL_SLOT_USE_SNAPSHOT, or-ed
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the slot, owned by the caller: wal_slot_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_INTERRUPTED, WAL_END: there is no slot; WAL_E_SLOT_TIMEOUT: likewise, and the detail names the
/// transactions that were waited for; WAL_E_SLOT_IN_DOUBT: the server may still make it; WAL_TIMEOUT: the time was over before
/// it was begun; WAL_E_SLOT_EXISTS; WAL_E_PUBLICATION_MISSING; WAL_E_SERVER_VERSION, which names the version that can;
/// WAL_E_WAL_LEVEL; WAL_E_PRIVILEGE; WAL_E_INVALID_ARGUMENT; WAL_E_STATE; WAL_E_CONNECTION_LOST; WAL_E_SERVER
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_create_logical(
    connection: *mut wal_connection,
    name: *const c_char,
    plugin: *const c_char,
    flags: u32,
    timeout_ms: i32,
    out: *mut *mut wal_slot,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, terminated texts; `out` is not NULL.
        unsafe {
            let name = text(name, "name")?;
            let plugin = Some(if plugin.is_null() { "pgoutput" } else { text(plugin, "plugin")? });
            let new = NewSlot { name, plugin, flags };
            owned(connection, out, |connection| connection.create_slot(new, duration(timeout_ms)), wal_slot::of)
        }
    }))
}

/// Makes a physical slot.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] flags WAL_SLOT_TEMPORARY, WAL_SLOT_RESERVE_WAL, or-ed
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the slot, owned by the caller: wal_slot_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: there is no slot;
/// WAL_E_SLOT_EXISTS; WAL_E_PRIVILEGE; WAL_E_INVALID_ARGUMENT; WAL_E_STATE; WAL_E_CONNECTION_LOST; WAL_E_SERVER
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_create_physical(
    connection: *mut wal_connection,
    name: *const c_char,
    flags: u32,
    timeout_ms: i32,
    out: *mut *mut wal_slot,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, a terminated text; `out` is not NULL.
        unsafe {
            let new = NewSlot { name: text(name, "name")?, plugin: None, flags };
            owned(connection, out, |connection| connection.create_slot(new, duration(timeout_ms)), wal_slot::of)
        }
    }))
}

/// Turns on and off what a logical slot that nobody uses does: WAL_SLOT_FAILOVER (PostgreSQL 17), WAL_SLOT_TWO_PHASE
/// (18). What neither names stays.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] on the flags to turn on
/// @param[in] off the flags to turn off
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: nothing was changed; WAL_E_SERVER_VERSION;
/// WAL_E_SLOT_MISSING; WAL_E_SLOT_ACTIVE; WAL_E_SLOT_INVALIDATED; WAL_E_INVALID_ARGUMENT; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_alter(
    connection: *mut wal_connection,
    name: *const c_char,
    on: u32,
    off: u32,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle, a terminated text.
        unsafe {
            let name = text(name, "name")?;
            alone(connection, |connection| Ok(outcome(&connection.alter_slot(name, on, off, duration(timeout_ms))?)))
        }
    }))
}

/// Ends a slot. What it held back is free to go.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] wait 1 waits until nobody uses it, 0 gives WAL_E_SLOT_ACTIVE while somebody does
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: the slot is still there; WAL_E_SLOT_MISSING;
/// WAL_E_SLOT_ACTIVE; WAL_E_INVALID_ARGUMENT; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_drop(
    connection: *mut wal_connection,
    name: *const c_char,
    wait: i32,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle, a terminated text.
        unsafe {
            let name = text(name, "name")?;
            let in_use = if wait == 0 { InUse::Refuse } else { InUse::Wait };
            alone(connection, |connection| Ok(outcome(&connection.drop_slot(name, in_use, duration(timeout_ms))?)))
        }
    }))
}

/// Looks at one slot of the server, whatever its database.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the slot, owned by the caller: wal_slot_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END; WAL_E_SLOT_MISSING; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_read(
    connection: *mut wal_connection,
    name: *const c_char,
    timeout_ms: i32,
    out: *mut *mut wal_slot,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, a terminated text; `out` is not NULL.
        unsafe {
            let name = text(name, "name")?;
            owned(connection, out, |connection| connection.read_slot(name, duration(timeout_ms)), wal_slot::of)
        }
    }))
}

/// Looks at all slots of the server.
///
/// @param[in,out] connection to use
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the list, owned by the caller: wal_slots_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END; what went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_list(
    connection: *mut wal_connection,
    timeout_ms: i32,
    out: *mut *mut wal_slots,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle; `out` is not NULL.
        unsafe { owned(connection, out, |connection| connection.list_slots(duration(timeout_ms)), wal_slots::of) }
    }))
}

/// Moves a slot that nobody uses forward without reading. What lies before the new position is never sent by it. A logical
/// slot must be of the connection's database.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] lsn where to; beyond the end of the WAL means its end
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out where the slot stands now
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: ask wal_slot_read where it stands;
/// WAL_E_SLOT_MISSING; WAL_E_SLOT_ACTIVE; WAL_E_SLOT_INVALIDATED; WAL_E_SERVER, as for a position before the slot's own
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_advance(
    connection: *mut wal_connection,
    name: *const c_char,
    lsn: u64,
    timeout_ms: i32,
    out: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: a live handle, a terminated text; `out` is not NULL.
        unsafe {
            let name = text(name, "name")?;
            alone(connection, |connection| {
                let next = connection.advance_slot(name, Lsn(lsn), duration(timeout_ms))?;
                if let Next::Ready(at) = next {
                    out.write(at);
                }
                Ok(outcome(&next))
            })
        }
    }))
}

/// Makes a slot of the same kind that stands where another one does. A logical slot must be of the connection's database;
/// two_phase and failover are not copied.
///
/// @param[in,out] connection to use
/// @param[in] source the slot to copy
/// @param[in] name of the new slot
/// @param[in] plugin of the new slot; NULL for the source's
/// @param[in] flags WAL_SLOT_TEMPORARY or 0
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the slot, owned by the caller: wal_slot_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED, WAL_END: look for it with wal_slot_read;
/// WAL_E_SLOT_MISSING; WAL_E_SLOT_EXISTS; WAL_E_SLOT_INVALIDATED; WAL_E_INVALID_ARGUMENT; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_copy(
    connection: *mut wal_connection,
    source: *const c_char,
    name: *const c_char,
    plugin: *const c_char,
    flags: u32,
    timeout_ms: i32,
    out: *mut *mut wal_slot,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, terminated texts; `out` is not NULL.
        unsafe {
            let source = text(source, "source")?;
            let plugin = if plugin.is_null() { None } else { Some(text(plugin, "plugin")?) };
            let new = NewSlot { name: text(name, "name")?, plugin, flags };
            owned(connection, out, |connection| connection.copy_slot(source, new, duration(timeout_ms)), wal_slot::of)
        }
    }))
}
