//! Servers that a thread plays, and their messages: for the tests of every session. It must never decide anything; a test
//! says what is played.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::conninfo::Conninfo;

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &(u32::try_from(body.len()).unwrap() + 4).to_be_bytes()[..], body].concat()
}

/// Reads the start-up message; gives its parameters.
pub(super) fn startup(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).unwrap();
    assert!(body.starts_with(&[0, 3, 0, 0]));
    body.split_off(4)
}

/// Reads one message.
pub(super) fn hear(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut header = [0; 5];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; u32::from_be_bytes(header[1..].try_into().unwrap()) as usize - 4];
    stream.read_exact(&mut body).unwrap();
    (header[0], body)
}

/// A server on a Unix socket: `play` runs with each connection, for as long as the directory lives.
pub(super) fn server(play: impl Fn(UnixStream) + Send + 'static) -> (tempfile::TempDir, Conninfo) {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            play(stream.unwrap());
        }
    });
    let conninfo = format!("host={} user=u password=hunter2", directory.path().display());
    (directory, Conninfo::parse(&conninfo).unwrap())
}

pub(super) fn columns(names: &[&str]) -> Vec<u8> {
    let count = u16::try_from(names.len()).unwrap().to_be_bytes();
    let each = names.iter().map(|name| [name.as_bytes(), b"\0", &[0; 18]].concat());
    message(b'T', &[count.to_vec(), each.collect::<Vec<_>>().concat()].concat())
}
