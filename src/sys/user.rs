//! The operating system's users: the effective one is libpq's default for the role (libpq, `pg_fe_getauthname`).
//!
//! It must never read the environment.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The most memory that a passwd entry may take.
const MAX_ENTRY: usize = 1 << 20;

/// The name of the effective user, as the passwd database has it.
pub fn user_name() -> io::Result<String> {
    user_name_of(effective_uid())
}

/// The name of a user.
pub fn user_name_of(uid: u32) -> io::Result<String> {
    entry(uid).map(|(name, _)| name)
}

/// The folder of the effective user, as the passwd database has it.
pub fn home_directory() -> io::Result<PathBuf> {
    entry(effective_uid()).map(|(_, home)| home)
}

/// Who the process is to the file system.
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Name and folder of a user.
fn entry(uid: u32) -> io::Result<(String, PathBuf)> {
    let mut buf = vec![0_u8; 1024];
    loop {
        match entry_in(uid, &mut buf) {
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && buf.len() < MAX_ENTRY => {
                buf.resize(buf.len() * 4, 0);
            }
            other => return other,
        }
    }
}

fn entry_in(uid: u32, buf: &mut [u8]) -> io::Result<(String, PathBuf)> {
    // SAFETY: `entry` is plain pointers and integers, for which zero is a value; getpwuid_r writes it, `found`
    // and at most `buf.len()` bytes of `buf`.
    let (result, texts) = unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        let result =
            libc::getpwuid_r(uid, &raw mut entry, buf.as_mut_ptr().cast(), buf.len(), &raw mut found);
        let whole = result == 0 && !found.is_null() && !entry.pw_name.is_null() && !entry.pw_dir.is_null();
        // What was found are NUL-terminated strings inside `buf`, copied before `buf` goes.
        let texts = whole
            .then(|| (CStr::from_ptr(entry.pw_name).to_owned(), CStr::from_ptr(entry.pw_dir).to_owned()));
        (result, texts)
    };
    match (result, texts) {
        (0, Some((name, home))) => {
            Ok((name.to_string_lossy().into_owned(), OsStr::from_bytes(home.as_bytes()).into()))
        }
        (0, None) => Err(io::Error::new(io::ErrorKind::NotFound, format!("no user has the id {uid}"))),
        (errno, _) => Err(io::Error::from_raw_os_error(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_id() {
        let id = std::process::Command::new("id").arg("-un").output().unwrap();
        assert_eq!(user_name().unwrap(), String::from_utf8(id.stdout).unwrap().trim());
        assert_eq!(entry_in(4_000_000_123, &mut [0; 4096]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(entry_in(0, &mut [0; 1]).unwrap_err().raw_os_error(), Some(libc::ERANGE));
    }
}
