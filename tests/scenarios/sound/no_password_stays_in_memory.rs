//! Once streams and options are freed, no password of theirs is left in the process's memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::ptr;

use crate::harness::Server;
use crate::harness::abi;
use pgwalstream::error::Status;

const CHILD: &str = "PGWALSTREAM_TEST_SECRET_CONNINFO";
const NAME: &str = "sound::no_password_stays_in_memory::s59_a_freed_password_is_wiped";

/// The password with each bit turned over, so that looking for it does not find itself.
fn turned() -> Vec<u8> {
    b"s59 wiped hunter2".iter().map(|byte| !byte).collect()
}

/// A connection string that ends with the password in quotes and a NUL, in one allocation.
fn conninfo(base: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(base.len() + 64);
    text.extend_from_slice(base.as_bytes());
    text.extend_from_slice(b" password='");
    text.extend(turned().iter().map(|byte| !byte));
    text.extend_from_slice(b"'\0");
    text
}

/// How often the password stands in these bytes. Looked for by its first bytes, which the C library is quick at.
fn places(mut bytes: &[u8], turned: &[u8]) -> usize {
    let first: Vec<u8> = turned[..4].iter().map(|byte| !byte).collect();
    let mut count = 0;
    loop {
        // SAFETY: both are live slices of these lengths.
        let hit =
            unsafe { libc::memmem(bytes.as_ptr().cast(), bytes.len(), first.as_ptr().cast(), first.len()) };
        if hit.is_null() {
            return count;
        }
        let at = hit as usize - bytes.as_ptr() as usize;
        let whole = bytes.get(at..at + turned.len());
        count +=
            usize::from(whole.is_some_and(|it| it.iter().zip(turned).all(|(byte, turned)| *byte == !turned)));
        bytes = &bytes[at + 1..];
    }
}

/// How often the password stands in the process's writable memory.
fn found() -> usize {
    let turned = turned();
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut count = 0;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let range = line.split(' ').next().unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap().min(64 << 20)];
        if memory.read_at(&mut bytes, from).is_ok() {
            count += places(&bytes, &turned);
        }
        // What was read holds what it found.
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    count
}

fn child(base: &str) {
    let mut text = conninfo(base);
    let at = base.len() + b" password='".len();
    assert!(found() >= 1, "the search finds what there is");
    let mut options = ptr::null_mut();
    let mut stream = ptr::null_mut();
    let mut connection = ptr::null_mut();
    // SAFETY: out-parameters of this frame, terminated texts, each handle freed once.
    unsafe {
        assert_eq!(abi::wal_options_new(&raw mut options, ptr::null_mut()), 0);
        let set = |key: &std::ffi::CStr, value: *const std::ffi::c_char| {
            assert_eq!(abi::wal_options_set(options, key.as_ptr(), value, ptr::null_mut()), 0);
        };
        set(c"conninfo", text.as_ptr().cast());
        set(c"slot", c"none".as_ptr());
        set(c"publication", c"none".as_ptr());
        text.get_mut(at..).unwrap().fill(0);
        let opened = abi::wal_connection_open(options, 60_000, &raw mut connection, ptr::null_mut());
        assert_eq!(opened, 0);
        // It gets in, and finds no slot.
        let opened = abi::wal_stream_open(options, &raw mut stream, ptr::null_mut());
        assert!(
            opened == Status::WAL_E_SLOT_MISSING as i32 || opened == Status::WAL_E_PUBLICATION_MISSING as i32
        );
        assert!(found() >= 1, "the options have it");
        abi::wal_connection_free(connection);
        abi::wal_options_free(options);
    }
    assert_eq!(found(), 0);
}

#[test]
fn s59_a_freed_password_is_wiped() {
    if let Ok(base) = std::env::var(CHILD) {
        return child(&base);
    }
    let server = Server::start(18, &[]);
    let password = String::from_utf8(turned().iter().map(|byte| !byte).collect()).unwrap();
    let mut client = server.client("postgres");
    for (role, how) in [("scrammed", "scram-sha-256"), ("hashed", "md5"), ("clear", "scram-sha-256")] {
        client
            .batch_execute(&format!(
                "SET password_encryption = '{how}'; CREATE ROLE {role} LOGIN REPLICATION PASSWORD '{password}'"
            ))
            .unwrap();
    }
    server
        .admit("host all scrammed all scram-sha-256\nhost all hashed all md5\nhost all clear all password\n");
    for role in ["scrammed", "hashed", "clear"] {
        let base = format!("host=127.0.0.1 port={} user={role} dbname=postgres", server.port);
        let mut run = Command::new(std::env::current_exe().unwrap());
        let run = run.args(["--exact", NAME, "--nocapture"]).env(CHILD, &base).output().unwrap();
        assert!(run.status.success(), "{role}: {}", String::from_utf8_lossy(&run.stderr));
    }
}
