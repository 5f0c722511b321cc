//! A capture is a regular file: whatever else bears its name is refused at once.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::Options;
use crate::harness::server::new_folder;
use pgwalstream::error::Status;

#[test]
fn s60_what_is_no_file_is_refused_at_once() {
    let folder = new_folder();
    let pipe = folder.join("pipe");
    let name = std::ffi::CString::new(pipe.as_os_str().as_bytes()).unwrap();
    // SAFETY: a terminated text.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    for path in [pipe.as_path(), &folder, Path::new("/dev/zero"), Path::new("/dev/null")] {
        let begin = Instant::now();
        let failure = Options::new().replay(path).err().unwrap();
        assert_eq!(failure.status, Status::WAL_E_CAPTURE, "{path:?}: {failure:?}");
        assert!(failure.message.contains("no regular file"), "{failure:?}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{path:?}");
    }
}
