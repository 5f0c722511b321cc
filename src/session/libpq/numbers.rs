//! What libpq tells as an enumeration, taken as a number: a newer libpq knows more values than the headers that this was
//! built with, and one that is not in a Rust enum must never come to be.

use std::ffi::c_int;

use libpq_sys::{PGconn, PGresult};

unsafe extern "C" {
    /// `ConnStatusType`.
    pub(super) fn PQstatus(connection: *const PGconn) -> c_int;
    /// `ExecStatusType`.
    pub(super) fn PQresultStatus(result: *const PGresult) -> c_int;
}
