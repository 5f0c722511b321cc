//! The name of the operating system's user: libpq's default for the role (libpq, `pg_fe_getauthname`).
//!
//! It must never read the environment.

use std::io;

/// The most memory that a passwd entry may take.
const MAX_ENTRY: usize = 1 << 20;

/// The name of the effective user, as the passwd database has it.
pub fn user_name() -> io::Result<String> {
    // SAFETY: geteuid has no preconditions and cannot fail.
    let uid = unsafe { libc::geteuid() };
    let mut buf = vec![0_u8; 1024];
    loop {
        match name_of(uid, &mut buf) {
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && buf.len() < MAX_ENTRY => {
                buf.resize(buf.len() * 4, 0);
            }
            other => return other,
        }
    }
}

fn name_of(uid: libc::uid_t, buf: &mut [u8]) -> io::Result<String> {
    // SAFETY: `entry` is plain pointers and integers, for which zero is a value; getpwuid_r writes it, `found`
    // and at most `buf.len()` bytes of `buf`.
    let (result, name) = unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        let result =
            libc::getpwuid_r(uid, &raw mut entry, buf.as_mut_ptr().cast(), buf.len(), &raw mut found);
        let has_name = result == 0 && !found.is_null() && !entry.pw_name.is_null();
        // A name that was found is a NUL-terminated string inside `buf`, copied before `buf` goes.
        let name = has_name.then(|| std::ffi::CStr::from_ptr(entry.pw_name).to_string_lossy().into_owned());
        (result, name)
    };
    match (result, name) {
        (0, Some(name)) => Ok(name),
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
        assert_eq!(name_of(4_000_000_123, &mut [0; 4096]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(name_of(0, &mut [0; 1]).unwrap_err().raw_os_error(), Some(libc::ERANGE));
    }
}
