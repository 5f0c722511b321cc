//! Hooks for the project's own tests (feature `test-hooks`). The symbol check refuses them in a release.

use super::boundary::boundary;
use super::stream::{exclusive_use, wal_stream};
use super::{wal_error, wal_status};

/// Panics inside a call, as a defect would.
///
/// @since 0.1
#[unsafe(no_mangle)]
#[allow(clippy::panic, reason = "that is what it is for")]
pub unsafe extern "C" fn wal_test_panic(stream: *mut wal_stream, err: *mut *mut wal_error) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { exclusive_use(stream, |_| panic!("injected by a test")) }
    }))
}
