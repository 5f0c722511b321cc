//! A server's side of start-up, authentication and one query, whatever it says: connecting ends with a session or with
//! an error that has a status, and never with what was secret.
//!
//! An input is one byte that chooses how the client is to log in, and then pieces, each behind its length. Between two
//! the client is heard; `$N` in a piece becomes the nonce that it named.
use std::hint::black_box;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{check_error, messages};
use pgwalstream::conninfo::Conninfo;
use pgwalstream::error::Error;
use pgwalstream::session::{NativeSession, Session, StartupSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const SECRET: &str = "hunter2-and-more";
/// Of 32 bytes; with them nothing is hashed for long.
const KEYS: &str = "scram_client_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
                    scram_server_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// How the client logs in.
const WAYS: [&str; 6] = [
    KEYS,
    "password=hunter2-and-more",
    "",
    "password=hunter2-and-more require_auth=scram-sha-256",
    "password=hunter2-and-more require_auth=!password target_session_attrs=primary",
    "password=hunter2-and-more target_session_attrs=standby",
];

/// Where the server listens: a name without a file, which is gone with its listener.
static HOST: LazyLock<String> = LazyLock::new(|| format!("@pgwalstream-fuzz-{}", std::process::id()));

fn listen() -> std::io::Result<UnixListener> {
    let name = format!("{}/.s.PGSQL.5432", HOST.trim_start_matches('@'));
    let address = SocketAddr::from_abstract_name(name)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// One input.
pub fn run(input: &[u8]) {
    let Some((way, script)) = input.split_first() else { return };
    let way = WAYS[usize::from(*way) % WAYS.len()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = listen().expect("a socket");
        let client = client(way);
        tokio::pin!(client);
        tokio::select! {
            biased;
            () = serve(&listener, script) => client.await,
            () = &mut client => (),
        }
    });
}

async fn client(way: &str) {
    let text = format!("host={} user=u dbname=d {way}", *HOST);
    let conninfo = Conninfo::parse(&text).expect("a connection string");
    let deadline = Instant::now() + Duration::from_millis(200);
    match NativeSession::connect(&conninfo, &StartupSettings::default(), Some(deadline)).await {
        Err(error) => check(&error),
        Ok(mut session) => {
            black_box((session.server_version(), session.parameter("server_version").is_some()));
            let query = tokio::time::timeout(Duration::from_millis(200), session.query("SELECT"));
            match query.await {
                Ok(Err(error)) => check(&error),
                Ok(Ok(rows)) => drop(black_box(rows)),
                Err(_) => (),
            }
            black_box(session.take_notices().len());
        }
    }
}

fn check(error: &Error) {
    check_error(error);
    // The server may say the word itself, but it never learns the password where this looks.
    let shown = format!("{} {} {}", error.message(), error.detail(), error.hint());
    assert!(!shown.contains(SECRET) && !shown.contains("AAAAAAAAAAAAAAAAAAAAAAAA"), "{shown}");
}

/// Says every piece to one client after the other, then nothing more.
async fn serve(listener: &UnixListener, script: &[u8]) {
    let Ok((mut stream, _)) = listener.accept().await else { return };
    let mut nonce = Vec::new();
    hear(&mut stream, &mut nonce).await;
    for (at, piece) in messages(script).take(8).enumerate() {
        if at > 0 {
            hear(&mut stream, &mut nonce).await;
        }
        if stream.write_all(&with_nonce(piece, &nonce)).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
    // Closing over unread bytes would reset the connection, and what was said be lost.
    let _ = tokio::time::timeout(Duration::from_millis(200), stream.read_to_end(&mut Vec::new())).await;
}

/// What the client says; a nonce in it is kept. Not for long: it may be the server's turn again.
async fn hear(stream: &mut UnixStream, nonce: &mut Vec<u8>) {
    let mut buf = [0; 4096];
    let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut buf)).await;
    let Ok(Ok(count)) = read else { return };
    let said = &buf[..count];
    if let Some(at) = said.windows(2).position(|two| two == b"r=") {
        let rest = &said[at + 2..];
        let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
        *nonce = rest[..end].to_vec();
    }
}

/// The piece with the nonce in it, and the lengths of its first message made right.
fn with_nonce(piece: &[u8], nonce: &[u8]) -> Vec<u8> {
    let Some(at) = piece.windows(2).position(|two| two == b"$N") else { return piece.to_vec() };
    let mut all = [&piece[..at], nonce, &piece[at + 2..]].concat();
    if all.len() > 5 {
        let length = u32::try_from(all.len() - 1).unwrap_or(u32::MAX);
        all[1..5].copy_from_slice(&length.to_be_bytes());
    }
    all
}
