//! The C ABI: the only `extern "C"` functions, and nothing else. It must never hold logic that a Rust user would miss.
//!
//! The contract stands in prose at the head of the header (`prologue.h`). Every exported function is declared in
//! plain sight, since cbindgen does not look into macros, and has its body inside `boundary`'s macro.

#![allow(clippy::missing_safety_doc, reason = "the header's contract says what callers owe, once")]
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, reason = "the comments are doxygen's")]

// The order of the header: along the way of use. Blank lines keep rustfmt from sorting the modules.
mod boundary;
mod gate;

mod version;

mod error;

mod options;

mod password;

mod stream;

mod replay;

mod batch;

mod event;

mod ending;

mod reconnect;

mod physical;

mod archive;
mod snapshot;

mod relation;

mod change;

mod data_type;

mod value;

mod format;

mod numeric;

mod scalar;

mod nested;

mod stats;

mod connection;

mod rows;

mod copy;

mod slot;

mod slot_info;

mod health;

mod publication;

mod table;

mod decoder;

mod renderer;

mod record;

mod lsn;

mod position;

mod acker;

mod names;

#[cfg(feature = "test-hooks")]
mod testing;

#[cfg(test)]
mod tests;

pub use acker::*;
pub use archive::*;
pub use batch::*;
pub use change::*;
pub use connection::*;
pub use copy::*;
pub use data_type::*;
pub use decoder::*;
pub use ending::*;
pub use error::*;
pub use event::*;
pub use format::*;
pub use health::*;
pub use lsn::*;
pub use names::*;
pub use nested::*;
pub use numeric::*;
pub use options::*;
pub use password::*;
pub use physical::*;
pub use position::*;
pub use publication::*;
pub use reconnect::*;
pub use record::*;
pub use relation::*;
pub use renderer::*;
pub use replay::*;
pub use rows::*;
pub use scalar::*;
pub use slot::*;
pub use slot_info::*;
pub use snapshot::*;
pub use stats::*;
pub use stream::*;
pub use table::*;
#[cfg(feature = "test-hooks")]
pub use testing::*;
pub use value::*;
pub use version::*;

use crate::error::Status;

/// What a call came to: a `wal_status_code`. 0 is done, above 0 a normal outcome without data, below 0 an error.
/// Treat an unknown positive status as "call again" and an unknown negative one as an error.
#[allow(non_camel_case_types)]
pub type wal_status = i32;

/// Bytes that somebody else owns: not terminated by NUL. `data` is never NULL where there is something, even when
/// `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_bytes {
    /// The first byte, or NULL where there is nothing.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

impl wal_bytes {
    const NOTHING: Self = Self { data: std::ptr::null(), len: 0 };

    fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

impl From<Status> for i32 {
    fn from(status: Status) -> Self {
        status as Self
    }
}

/// A name without the prefix would be in the way of a program's own, and could never go again.
#[test]
fn the_header_names_no_type_of_others() {
    let header = include_str!("../../include/pgwalstream.h");
    let words = ["struct", "enum", "union"];
    let of = |line: &'static str| {
        let rest = line.strip_prefix("typedef ").unwrap_or(line);
        let (kind, rest) = rest.split_once(' ')?;
        words.contains(&kind).then(|| rest.trim_end_matches(['{', ';', ' ']))
    };
    let names: Vec<&str> = header.lines().filter_map(of).collect();
    assert!(names.len() > 20, "{names:?}");
    let strange: Vec<&&str> = names.iter().filter(|name| !name.starts_with("wal_")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
