//! A server's side of the request for TLS and of the handshake, whatever it says: connecting ends with an error that has a
//! status, and what is secret is never said.
//!
//! An input is one byte that chooses the client's settings, and then pieces, each behind its length. Between two the client is
//! heard.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{check_error, messages};
use pgwalstream::conninfo::Conninfo;
use pgwalstream::session::{NativeSession, StartupSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "hunter2-and-more";

const SETTINGS: [&str; 6] = [
    "sslmode=prefer",
    "sslmode=require sslrootcert=none-such",
    "sslmode=require sslnegotiation=direct sslrootcert=none-such",
    "sslmode=verify-full sslrootcert=system",
    "sslmode=require ssl_max_protocol_version=TLSv1.2 sslrootcert=none-such",
    "sslmode=require channel_binding=require sslrootcert=none-such",
];

/// One input.
pub fn run(input: &[u8]) {
    let Some((choice, script)) = input.split_first() else { return };
    let settings = SETTINGS[usize::from(*choice) % SETTINGS.len()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let client = client(settings, listener.local_addr().expect("an address"));
        tokio::pin!(client);
        tokio::select! {
            biased;
            () = serve(&listener, script, settings) => client.await,
            () = &mut client => (),
        }
    });
}

async fn client(settings: &str, server: SocketAddr) {
    let text = format!("host=127.0.0.1 port={} user=u dbname=d password={SECRET} {settings}", server.port());
    let conninfo = Conninfo::parse(&text).expect("a connection string");
    let deadline = Instant::now() + Duration::from_millis(200);
    let connected = NativeSession::connect(&conninfo, &StartupSettings::default(), Some(deadline)).await;
    if let Err(error) = connected {
        check_error(&error);
        let shown = format!("{} {} {}", error.message(), error.detail(), error.hint());
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

/// Says every piece to one client, then nothing more. Only where TLS is a mere preference may the password be in what the
/// client says.
async fn serve(listener: &TcpListener, script: &[u8], settings: &str) {
    let Ok((mut stream, _)) = listener.accept().await else { return };
    let hear = async |stream: &mut TcpStream| {
        let said = hear(stream).await;
        let open = String::from_utf8_lossy(&said).contains(SECRET);
        assert!(!open || settings == SETTINGS[0], "the password was sent without TLS");
    };
    hear(&mut stream).await;
    for piece in messages(script).take(8) {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        hear(&mut stream).await;
    }
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_millis(50), stream.read_to_end(&mut Vec::new())).await;
}

/// What the client says, for a moment: it may be the server's turn again.
async fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_millis(10), stream.read(&mut bytes)).await;
    bytes.truncate(read.ok().and_then(Result::ok).unwrap_or(0));
    bytes
}
