//! The version that runs, which may be newer than the header a program was compiled with.

use std::ffi::c_char;

use super::boundary::boundary;

/// The version of the library that runs: major * 1000000 + minor * 1000 + patch, as WAL_VERSION_NUMBER is of the
/// header.
///
/// @return the number
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_version() -> u32 {
    boundary!(neutral(0; { NUMBER }))
}

/// The version of the library that runs, as in "0.1.0".
///
/// @return a static text
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_version_string() -> *const c_char {
    boundary!(neutral(c"".as_ptr(); { concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast() }))
}

const NUMBER: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
    + number(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
    + number(env!("CARGO_PKG_VERSION_PATCH"));

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_number_is_that_of_the_package() {
        assert_eq!(super::wal_version(), 1_000);
    }
}
