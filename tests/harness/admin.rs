//! A connection for commands and what it gives, owned. Safe to use, and otherwise as thin as can be.

use std::ffi::CString;
use std::ptr;

use super::abi::{
    self, wal_bytes, wal_connection, wal_health, wal_publications, wal_rows, wal_slot, wal_slots, wal_tables,
};
use super::stream::{Failure, Options, Outcome, call};
use pgwalstream::error::Status;

/// What the constants of the header are.
pub mod flag {
    pub use pgwalstream::stream::publication_flag::*;
    pub use pgwalstream::stream::slot_flag::*;
}

/// How long a command may take that nothing holds up.
const SOON: i32 = 60_000;

/// A connection.
pub struct Admin(*mut wal_connection);

// SAFETY: the header, "Threads": any thread may call, one at a time; the library detects a second one.
unsafe impl Send for Admin {}
// SAFETY: as above.
unsafe impl Sync for Admin {}

/// A slot, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub name: String,
    pub kind: u32,
    pub plugin: String,
    pub database: String,
    pub flags: u32,
    pub active_pid: u32,
    pub catalog_xmin: u32,
    pub restart_lsn: u64,
    pub confirmed_flush_lsn: u64,
    pub wal: u32,
    pub safe_wal_size: i64,
    pub invalidation: u32,
    pub invalidation_reason: String,
    pub inactive_since: i64,
    pub two_phase_at: u64,
    pub timeline: u32,
    pub consistent_point: u64,
    pub snapshot_name: String,
}

/// A published table, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub namespace: String,
    pub name: String,
    pub oid: u32,
    pub replica_identity: char,
    pub identity: u32,
    pub columns: String,
    pub row_filter: String,
}

/// A status above 0 in place of what was wanted.
pub type Maybe<T> = Result<T, Outcome<Status>>;

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn bytes(bytes: wal_bytes) -> String {
    if bytes.data.is_null() {
        return String::new();
    }
    // SAFETY: the header, "Text": `len` bytes are readable.
    String::from_utf8(unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) }.to_vec()).unwrap()
}

/// The outcome of a call that gives an object.
fn given<O>(work: impl FnOnce(*mut *mut O, *mut *mut abi::wal_error) -> abi::wal_status) -> Maybe<*mut O> {
    let mut out = ptr::dangling_mut();
    match call(|err| work(&raw mut out, err)) {
        Ok(Status::WAL_OK) => {
            assert!(!out.is_null());
            Ok(out)
        }
        other => {
            assert!(out.is_null(), "without an object the out-parameter is NULL");
            Err(other)
        }
    }
}

/// The failure of a call that had to fail.
#[track_caller]
pub fn failure<T: std::fmt::Debug>(outcome: Maybe<T>) -> Failure {
    match outcome {
        Err(Err(failure)) => failure,
        other => panic!("an error was expected: {other:?}"),
    }
}

impl Admin {
    /// Opens one to a database.
    #[track_caller]
    pub fn open(conninfo: &str) -> Self {
        Self::with(&Options::new().with("conninfo", conninfo))
    }

    /// Opens one with options.
    #[track_caller]
    pub fn with(options: &Options) -> Self {
        // SAFETY: live options.
        let opened = given(|out, err| unsafe { abi::wal_connection_open(options.raw(), SOON, out, err) });
        Self(opened.unwrap_or_else(|outcome| panic!("cannot open: {outcome:?}")))
    }

    /// One that is not open.
    pub fn new(conninfo: &str) -> Self {
        let options = Options::new().with("conninfo", conninfo);
        // SAFETY: live options.
        Self(given(|out, err| unsafe { abi::wal_connection_new(options.raw(), out, err) }).unwrap())
    }

    pub fn raw(&self) -> *mut wal_connection {
        self.0
    }

    pub fn connect(&self, timeout_ms: i32) -> Outcome<Status> {
        // SAFETY: a live handle.
        call(|err| unsafe { abi::wal_connection_connect(self.0, timeout_ms, err) })
    }

    pub fn interrupt(&self) {
        // SAFETY: a live handle.
        unsafe { abi::wal_connection_interrupt(self.0) };
    }

    pub fn check(&self) -> Outcome<Status> {
        // SAFETY: a live handle.
        call(|err| unsafe { abi::wal_connection_check(self.0, err) })
    }

    pub fn release_snapshot(&self) -> Outcome<Status> {
        // SAFETY: a live handle.
        call(|err| unsafe { abi::wal_connection_release_snapshot(self.0, err) })
    }

    pub fn version(&self) -> u32 {
        // SAFETY: a live handle.
        unsafe { abi::wal_connection_server_version(self.0) }
    }

    /// The rows of a query; NULL is `None`.
    pub fn query_within(&self, sql: &str, timeout_ms: i32) -> Maybe<Vec<Vec<Option<String>>>> {
        let sql = c(sql);
        let rows: *mut wal_rows =
            // SAFETY: a live handle and a terminated text.
            given(|out, err| unsafe { abi::wal_connection_query(self.0, sql.as_ptr(), timeout_ms, out, err) })?;
        // SAFETY: live rows, freed once.
        unsafe {
            let value = |row, column| {
                let value = abi::wal_rows_value(rows, row, column);
                (!value.data.is_null()).then(|| bytes(value))
            };
            let columns = abi::wal_rows_column_count(rows);
            for column in 0..columns {
                assert!(!bytes(abi::wal_rows_column_name(rows, column)).is_empty());
            }
            let all = (0..abi::wal_rows_count(rows))
                .map(|row| (0..columns).map(|column| value(row, column)).collect())
                .collect();
            abi::wal_rows_free(rows);
            Ok(all)
        }
    }

    pub fn query(&self, sql: &str) -> Maybe<Vec<Vec<Option<String>>>> {
        self.query_within(sql, SOON)
    }

    pub fn create_within(
        &self,
        name: &str,
        plugin: Option<&str>,
        flags: u32,
        timeout_ms: i32,
    ) -> Maybe<Slot> {
        let (name, plugin) = (c(name), plugin.map(c));
        let plugin = plugin.as_ref().map_or(ptr::null(), |plugin| plugin.as_ptr());
        // SAFETY: a live handle and terminated texts.
        take(given(|out, err| unsafe {
            abi::wal_slot_create_logical(self.0, name.as_ptr(), plugin, flags, timeout_ms, out, err)
        })?)
    }

    pub fn create(&self, name: &str, flags: u32) -> Maybe<Slot> {
        self.create_within(name, None, flags, SOON)
    }

    pub fn create_physical(&self, name: &str, flags: u32) -> Maybe<Slot> {
        let name = c(name);
        // SAFETY: a live handle and a terminated text.
        take(given(|out, err| unsafe {
            abi::wal_slot_create_physical(self.0, name.as_ptr(), flags, SOON, out, err)
        })?)
    }

    pub fn alter(&self, name: &str, on: u32, off: u32) -> Outcome<Status> {
        let name = c(name);
        // SAFETY: a live handle and a terminated text.
        call(|err| unsafe { abi::wal_slot_alter(self.0, name.as_ptr(), on, off, SOON, err) })
    }

    pub fn drop_slot(&self, name: &str, wait: i32, timeout_ms: i32) -> Outcome<Status> {
        let name = c(name);
        // SAFETY: a live handle and a terminated text.
        call(|err| unsafe { abi::wal_slot_drop(self.0, name.as_ptr(), wait, timeout_ms, err) })
    }

    pub fn read(&self, name: &str) -> Maybe<Slot> {
        let name = c(name);
        // SAFETY: a live handle and a terminated text.
        take(given(|out, err| unsafe { abi::wal_slot_read(self.0, name.as_ptr(), SOON, out, err) })?)
    }

    pub fn list(&self) -> Maybe<Vec<Slot>> {
        // SAFETY: a live handle.
        let slots: *mut wal_slots = given(|out, err| unsafe { abi::wal_slot_list(self.0, SOON, out, err) })?;
        // SAFETY: a live list, freed once.
        unsafe {
            let count = abi::wal_slots_count(slots);
            assert!(abi::wal_slots_at(slots, count).is_null());
            let all = (0..count).map(|at| slot(abi::wal_slots_at(slots, at))).collect();
            abi::wal_slots_free(slots);
            Ok(all)
        }
    }

    pub fn advance(&self, name: &str, lsn: u64) -> Outcome<u64> {
        let (name, mut at) = (c(name), 7);
        // SAFETY: a live handle, a terminated text, an out-parameter of this frame.
        let outcome =
            call(|err| unsafe { abi::wal_slot_advance(self.0, name.as_ptr(), lsn, SOON, &raw mut at, err) });
        assert!(outcome.is_ok() || at == 0);
        outcome.map(|_| at)
    }

    pub fn copy(&self, source: &str, name: &str, plugin: Option<&str>, flags: u32) -> Maybe<Slot> {
        let (source, name, plugin) = (c(source), c(name), plugin.map(c));
        let plugin = plugin.as_ref().map_or(ptr::null(), |plugin| plugin.as_ptr());
        // SAFETY: a live handle and terminated texts.
        take(given(|out, err| unsafe {
            abi::wal_slot_copy(self.0, source.as_ptr(), name.as_ptr(), plugin, flags, SOON, out, err)
        })?)
    }

    pub fn health(&self, name: &str) -> Outcome<wal_health> {
        let (name, mut out) = (c(name), wal_health::default());
        // SAFETY: a live handle, a terminated text, a struct of the size that is told.
        call(|err| unsafe {
            abi::wal_slot_health(self.0, name.as_ptr(), SOON, &raw mut out, size_of_val(&out), err)
        })
        .map(|status| {
            assert_eq!(status, Status::WAL_OK);
            out
        })
    }

    pub fn create_publication(&self, name: &str, tables: Option<&str>, flags: u32) -> Outcome<Status> {
        let (name, tables) = (c(name), tables.map(c));
        let tables = tables.as_ref().map_or(ptr::null(), |tables| tables.as_ptr());
        // SAFETY: a live handle and terminated texts.
        call(|err| unsafe { abi::wal_publication_create(self.0, name.as_ptr(), tables, flags, SOON, err) })
    }

    pub fn drop_publication(&self, name: &str) -> Outcome<Status> {
        let name = c(name);
        // SAFETY: a live handle and a terminated text.
        call(|err| unsafe { abi::wal_publication_drop(self.0, name.as_ptr(), SOON, err) })
    }

    /// Names and flags.
    pub fn publications(&self) -> Maybe<Vec<(String, u32)>> {
        let list: *mut wal_publications =
            // SAFETY: a live handle.
            given(|out, err| unsafe { abi::wal_publication_list(self.0, SOON, out, err) })?;
        // SAFETY: a live list, freed once.
        unsafe {
            let one = |at| {
                let it = abi::wal_publications_at(list, at);
                (bytes(abi::wal_publication_name(it)), abi::wal_publication_flags(it))
            };
            let all = (0..abi::wal_publications_count(list)).map(one).collect();
            abi::wal_publications_free(list);
            Ok(all)
        }
    }

    pub fn tables(&self, publication: &str) -> Maybe<Vec<Table>> {
        let name = c(publication);
        let list: *mut wal_tables =
            // SAFETY: a live handle and a terminated text.
            given(|out, err| unsafe { abi::wal_publication_tables(self.0, name.as_ptr(), SOON, out, err) })?;
        // SAFETY: a live list, freed once.
        unsafe {
            let one = |at| {
                let it = abi::wal_tables_at(list, at);
                Table {
                    namespace: bytes(abi::wal_table_namespace(it)),
                    name: bytes(abi::wal_table_name(it)),
                    oid: abi::wal_table_oid(it),
                    replica_identity: abi::wal_table_replica_identity(it) as u8 as char,
                    identity: abi::wal_table_identity(it),
                    columns: bytes(abi::wal_table_columns(it)),
                    row_filter: bytes(abi::wal_table_row_filter(it)),
                }
            };
            let all = (0..abi::wal_tables_count(list)).map(one).collect();
            abi::wal_tables_free(list);
            Ok(all)
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_connection_free(self.0) };
    }
}

fn take(owned: *mut wal_slot) -> Maybe<Slot> {
    let copied = slot(owned);
    // SAFETY: owned, and freed once.
    unsafe { abi::wal_slot_free(owned) };
    Ok(copied)
}

fn slot(it: *const wal_slot) -> Slot {
    // SAFETY: a live slot.
    unsafe {
        Slot {
            name: bytes(abi::wal_slot_name(it)),
            kind: abi::wal_slot_kind(it),
            plugin: bytes(abi::wal_slot_plugin(it)),
            database: bytes(abi::wal_slot_database(it)),
            flags: abi::wal_slot_flags(it),
            active_pid: abi::wal_slot_active_pid(it),
            catalog_xmin: abi::wal_slot_catalog_xmin(it),
            restart_lsn: abi::wal_slot_restart_lsn(it),
            confirmed_flush_lsn: abi::wal_slot_confirmed_flush_lsn(it),
            wal: abi::wal_slot_wal(it),
            safe_wal_size: abi::wal_slot_safe_wal_size(it),
            invalidation: abi::wal_slot_invalidation(it),
            invalidation_reason: bytes(abi::wal_slot_invalidation_reason(it)),
            inactive_since: abi::wal_slot_inactive_since(it),
            two_phase_at: abi::wal_slot_two_phase_at(it),
            timeline: abi::wal_slot_timeline(it),
            consistent_point: abi::wal_slot_consistent_point(it),
            snapshot_name: bytes(abi::wal_slot_snapshot_name(it)),
        }
    }
}
