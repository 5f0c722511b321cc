//! `--metrics`: Prometheus's numbers and the state of the stream over HTTP. It must never make the stream wait, nor keep more
//! than a few kilobytes for whoever connects.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pgwalstream::Acker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::args::Serving;
use crate::trouble::Trouble;

/// The longest head of a request.
const MOST: usize = 8 << 10;
/// So many are served at once; others wait.
const AT_ONCE: usize = 16;
/// A request and its answer take no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that is there says something in less time: it asks every half of wal_sender_timeout, which is 30 s.
const SILENCE: Duration = Duration::from_secs(120);

/// Serves the numbers, if it was asked to, on a thread of its own.
pub struct Metrics(Arc<Mutex<Watched>>);

/// What is known of the stream, or of what is looked at instead.
struct Watched {
    acker: Option<Acker>,
    /// Numbers of the command's own; None before there are any.
    own: Option<String>,
    reads: u64,
    /// When something came last.
    heard: Instant,
    /// How long nothing may come.
    patience: Duration,
}

impl Metrics {
    /// Listens, if there is an address.
    pub fn serve(serving: &Serving) -> Result<Self, Trouble> {
        let watched = Arc::new(Mutex::new(Watched {
            acker: None,
            own: None,
            reads: 0,
            heard: Instant::now(),
            patience: SILENCE,
        }));
        if let Some(address) = serving.metrics {
            let listener = listen(address)
                .map_err(|error| Trouble::other(format!("cannot listen at {address}: {error}")))?;
            let watched = Arc::clone(&watched);
            std::thread::Builder::new()
                .name("metrics".to_owned())
                .spawn(move || answer_all(listener, &watched))
                .map_err(|error| Trouble::other(format!("cannot start a thread: {error}")))?;
        }
        Ok(Self(watched))
    }

    /// Whether a stream was there.
    pub fn has_watched(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).acker.is_some()
    }

    /// Numbers in Prometheus's text format, in place of those that were told before; the next come after `interval`.
    pub fn tell(&self, own: String, interval: Duration) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (watched.own, watched.heard) = (Some(own), Instant::now());
        watched.patience = SILENCE.max(interval.saturating_mul(3));
    }

    /// The stream is there.
    pub fn watch(&self, acker: Acker) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (watched.acker, watched.heard) = (Some(acker), Instant::now());
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves for as long as the process lives.
fn answer_all(listener: TcpListener, watched: &Arc<Mutex<Watched>>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let watched = Arc::clone(watched);
    runtime.block_on(async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut pace = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = pace.tick() => listen_to(&watched),
                accepted = accept(&listener, &room) => {
                    let Some((mut stream, place)) = accepted else {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    let watched = Arc::clone(&watched);
                    tokio::spawn(async move {
                        let _ = timeout(PATIENCE, answer(&mut stream, &watched)).await;
                        drop(place);
                    });
                }
            }
        }
    });
}

/// Somebody who connected, and the place that is kept for him.
async fn accept(
    listener: &tokio::net::TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    Some((listener.accept().await.ok()?.0, place))
}

/// Notes whether anything came.
fn listen_to(watched: &Mutex<Watched>) {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(reads) = watched.acker.as_ref().map(|acker| acker.stats().counters.reads) else { return };
    if reads != watched.reads {
        (watched.reads, watched.heard) = (reads, Instant::now());
    }
}

async fn answer(stream: &mut tokio::net::TcpStream, watched: &Mutex<Watched>) -> std::io::Result<()> {
    let Some(path) = read_path(stream).await? else {
        return stream
            .write_all(response("400 Bad Request", "text/plain", "expected GET\n").as_bytes())
            .await;
    };
    let text = match path.split('?').next().unwrap_or_default() {
        "/metrics" => match pgwalstream::prometheus() {
            Ok(text) => {
                let own =
                    watched.lock().unwrap_or_else(PoisonError::into_inner).own.clone().unwrap_or_default();
                response("200 OK", "text/plain; version=0.0.4", &format!("{text}{own}"))
            }
            Err(error) => response("500 Internal Server Error", "text/plain", &format!("{error}\n")),
        },
        "/healthz" => {
            let (is_well, text) = health(&watched.lock().unwrap_or_else(PoisonError::into_inner));
            response(if is_well { "200 OK" } else { "503 Service Unavailable" }, "application/json", &text)
        }
        _ => response("404 Not Found", "text/plain", "there are /metrics and /healthz\n"),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// The path of a GET; None: something else came.
async fn read_path(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = from.read(&mut piece).await?;
        if read == 0 || head.len() + read > MOST {
            return Ok(None);
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    Ok(match (words.next(), words.next(), words.next()) {
        (Some("GET"), Some(path), Some(version)) if version.starts_with("HTTP/1.") => Some(path.to_owned()),
        _ => None,
    })
}

fn response(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Whether the stream lives, and what is known of it.
fn health(watched: &Watched) -> (bool, String) {
    let silence = watched.heard.elapsed();
    let is_well = silence < watched.patience;
    let Some(acker) = &watched.acker else {
        let (is_well, state) = match watched.own {
            None => (false, "connecting"),
            Some(_) => (is_well, if is_well { "watching" } else { "silent" }),
        };
        return (is_well, format!("{{\"state\":\"{state}\",\"silent_seconds\":{}}}\n", silence.as_secs()));
    };
    let stats = acker.stats();
    let text = format!(
        "{{\"state\":\"{}\",\"silent_seconds\":{},\"lag_bytes\":{},\"reconnects\":{},\"acknowledged\":\"{}\"}}\n",
        if is_well { "streaming" } else { "silent" },
        silence.as_secs(),
        stats.counters.lag_bytes,
        stats.counters.reconnects,
        stats.acked_lsn,
    );
    (is_well, text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(request: &[u8]) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut request = request;
        runtime.block_on(read_path(&mut request)).unwrap()
    }

    #[test]
    fn only_a_short_get_is_answered() {
        assert_eq!(path(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").as_deref(), Some("/metrics"));
        for wrong in [
            &b"POST /metrics HTTP/1.1\r\n\r\n"[..],
            b"GET /metrics\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n",
            b"\r\n\r\n",
            b"",
        ] {
            assert_eq!(path(wrong), None, "{wrong:?}");
        }
        let long = [&b"GET /"[..], &[b'x'; MOST], b" HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(path(&long), None);
    }
}
