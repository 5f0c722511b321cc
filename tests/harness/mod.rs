//! What the tests share: real servers, the C API, programs built by the C compiler, a proxy that tampers.

pub mod abi;
pub mod admin;
pub mod authority;
pub mod backend;
#[cfg(feature = "libpq")]
pub mod kerberos;
pub mod parts;
pub mod program;
pub mod prometheus;
pub mod proxy;
pub mod random;
#[allow(dead_code, reason = "only the scenarios read records")]
pub mod records;
pub mod renderer;
pub mod server;
pub mod stream;
pub mod view;

pub use admin::Admin;
pub use authority::Authority;
pub use program::Program;
pub use prometheus::Metrics;
pub use proxy::Proxy;
pub use random::Random;
pub use server::{Database, Server};
pub use stream::{Failure, Next, Options, Stream};
pub use view::{Cell, Kind, Seen};

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The versions that the library promises to work with.
pub const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

/// The major version of the server that stands for a version: `script/test --long next` puts the next one in the place of the
/// newest.
pub fn major(version: u32) -> u32 {
    let next = || std::env::var("PGWALSTREAM_NEXT").ok()?.parse().ok();
    if version == VERSIONS[VERSIONS.len() - 1] { next().unwrap_or(version) } else { version }
}

/// How values are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

impl Format {
    /// The value of the option `binary`.
    pub fn option(self) -> &'static str {
        if self == Self::Binary { "on" } else { "off" }
    }
}

/// Nothing here takes this long on a machine that is alive.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` says so. Panics with `what` after `PATIENCE`.
#[track_caller]
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "in {PATIENCE:?} it did not come to pass: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends the writers of a scope however the scope ends: threads that nobody stops would keep it for ever.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One test for each function and version, with a name of its own: `mod name { v14, v18, … }`. The first version and the last
/// are in the gate; those between are ignored there and run by `script/test --long matrix`.
#[macro_export]
macro_rules! on_every_version {
    ($($function:ident)*) => { $(
        $crate::on_versions! { $function v14 14, v18 18; v15 15, v16 16, v17 17 }
    )* };
}

/// The same in the gate on each version: for what speaks another SQL or another command to each.
#[macro_export]
macro_rules! on_every_version_in_the_gate {
    ($($function:ident)*) => { $(
        $crate::on_versions! { $function v14 14, v15 15, v16 16, v17 17, v18 18 }
    )* };
}

/// The same in text and in binary: in the gate both on the last version, text on the first, binary on one between.
#[macro_export]
macro_rules! on_every_version_and_format {
    ($($function:ident)*) => { $(
        $crate::on_versions! { $function
            v14_text (14, Text), v16_binary (16, Binary), v18_text (18, Text), v18_binary (18, Binary);
            v14_binary (14, Binary), v15_text (15, Text), v15_binary (15, Binary), v16_text (16, Text),
            v17_text (17, Text), v17_binary (17, Binary)
        }
    )* };
}

/// One test for each version that is named. What stands behind a semicolon runs in the long part `matrix` only.
#[macro_export]
macro_rules! on_versions {
    ($function:ident $($name:ident $version:tt),* $(; $($long:ident $long_version:tt),*)?) => {
        mod $function {
            #[allow(unused_imports, reason = "for those who take a format")]
            use $crate::harness::Format::{Binary, Text};
            $(
                #[test]
                fn $name() {
                    $crate::call_with!(super::$function, $version);
                }
            )*
            $($(
                #[test]
                #[ignore = "script/test --long matrix"]
                fn $long() {
                    $crate::call_with!(super::$function, $long_version);
                }
            )*)?
        }
    };
}

/// Calls a function with a version, or with a version and a format in parentheses.
#[macro_export]
macro_rules! call_with {
    ($function:path, ($($argument:expr),*)) => { $function($($argument),*) };
    ($function:path, $version:literal) => { $function($version) };
}
