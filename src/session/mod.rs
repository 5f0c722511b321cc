//! A connection to a server: queries before COPY, bytes after. Nothing above knows what carries it.
//!
//! It must never decide what replication messages mean, and never wait anywhere but in its futures.

mod answer;
mod any;
mod credentials;
mod helper;
#[cfg(feature = "libpq")]
pub mod libpq;
pub mod native;
mod progress;
mod rows;
#[cfg(test)]
mod scripted;
mod settings;

use std::future::Future;
use std::os::fd::RawFd;

pub use answer::Unasked;
pub use any::{AnyCanceller, AnySession};
pub use helper::command;
#[cfg(feature = "libpq")]
pub use libpq::LibpqSession;
pub use native::{Canceller, NativeSession};
pub use rows::Rows;
pub use settings::{Replication, SearchPath, StartupSettings};

use crate::error::Result;
use crate::wire::{CopyOut, ServerMessage};

/// What `fill` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// So many bytes were put at the start of the buffer; at least 1.
    Bytes(usize),
    /// Nothing is there now.
    WouldBlock,
    /// The server closed the connection; nothing more will come.
    Eof,
}

/// What `send` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The socket took everything.
    All,
    /// So many bytes are queued; `poll_io` writes them.
    Queued(usize),
}

/// What `poll_io` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// `fill` can make progress: data, end of file or an error to be fetched. May be wrong as long as `fill` has not
    /// said `WouldBlock`.
    Readable,
    /// What was queued is written.
    Flushed,
}

impl Readiness {
    /// Whether it is time to `fill`.
    pub fn is_readable(self) -> bool {
        self == Self::Readable
    }
}

/// Whether what comes wakes the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// As soon as something comes, `poll_io` tells.
    On,
    /// Nothing that comes wakes anybody: `fill` is called when the time has come. `poll_io` waits for ever.
    Off,
}

/// A connection that went through start-up and authentication.
pub trait Session: Send {
    /// Sends a simple query and collects the rows of its last statement. Only outside COPY. Not cancel-safe: after
    /// dropping the future half-way the session answers only errors.
    fn query(&mut self, sql: &str) -> impl Future<Output = Result<Rows>> + Send;

    /// Sends START_REPLICATION and waits for CopyBothResponse. An error of the server leaves the session usable.
    /// Not cancel-safe, as `query`.
    fn start_copy(&mut self, sql: &str) -> impl Future<Output = Result<()>> + Send;

    /// Sends a `COPY … TO STDOUT` and waits for CopyOutResponse: what comes then is had with `fill`. An error of the server, or a
    /// statement that is none, leaves the session usable. Not cancel-safe, as `query`.
    fn start_copy_out(&mut self, sql: &str) -> impl Future<Output = Result<CopyOut>> + Send;

    /// `fill` gave ReadyForQuery: COPY is over, and the server waits for the next query. `rest` is what `fill` gave behind that.
    fn end_copy(&mut self, rest: &[u8]) -> Result<()>;

    /// Moves bytes into `buf` without waiting: backend messages exactly as on the wire, cut anywhere. Asks the
    /// kernel each time, whatever `poll_io` knows. An empty `buf` gives `WouldBlock`.
    ///
    /// After `send` failed, what the server said last can still be read here.
    fn fill(&mut self, buf: &mut [u8]) -> Result<Fill>;

    /// Whether the last `fill` took all that had come by then, so that another one at once would be in vain. What is not
    /// known is a no.
    fn is_drained(&self) -> bool {
        false
    }

    /// Takes `bytes`, whole messages, and writes what the socket takes; the rest is queued, so that no message is
    /// ever torn. On an error everything queued is gone.
    fn send(&mut self, bytes: &[u8]) -> Result<Sent>;

    /// Waits for what may come first: `Readable` (if `want_read`), or everything queued being written (if anything
    /// is). With neither it waits for ever. One borrow, so it fits beside a timer in `select!`. Cancel-safe.
    fn poll_io(&mut self, want_read: bool) -> impl Future<Output = Result<Readiness>> + Send;

    /// Turns wake-ups on or off; cheap where nothing changes. Must be on while bytes are queued.
    fn watch(&mut self, how: Watch) -> Result<()>;

    /// Whether bytes are queued.
    fn has_unsent(&self) -> bool;

    /// The socket, for its options and for a forked child's close(2). It stays the property of the session.
    fn fd(&self) -> RawFd;

    /// The last value of a setting that the server reports by itself, such as `server_version`. Not updated in COPY.
    fn parameter(&self, name: &str) -> Option<&str>;

    /// The server's version as a number: 180004 for 18.4; 0 where it is not known.
    fn server_version(&self) -> u32;

    /// The notices since the last call, at most `MAX_NOTICES`; those during COPY come through `fill`.
    fn take_notices(&mut self) -> Vec<ServerMessage>;

    /// Says good-bye as far as that goes without waiting. Then `fill` until end of file lets what was sent before
    /// arrive: closing over unread data would reset the connection.
    fn say_goodbye(&mut self) -> Result<()>;
}

/// How many notices are kept; during start-up, more are an error.
pub const MAX_NOTICES: usize = 100;

/// So many reads or messages that did not have to wait, and others have their turn.
const TURN: u32 = 16;

/// The turns of a loop that a peer can feed. A socket that always has something never makes its reader wait, and would
/// keep the thread from timers, deadlines and the other streams.
#[derive(Debug, Default)]
struct Turns(u32);

impl Turns {
    /// One piece of work is done. Nothing may be half-done: the future may be dropped here.
    async fn give_way(&mut self) {
        self.0 += 1;
        if self.0 >= TURN {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// `server_version` as a number, as libpq's `PQserverVersion` has it: 150018 for "15.18 (Debian 15.18-1)".
fn version_number(text: &str) -> u32 {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    let mut parts =
        numbers.split('.').map(|part| part.parse::<u32>().ok().filter(|n| *n < 1_000).unwrap_or(0));
    let major = parts.next().unwrap_or(0);
    let (minor, patch) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if major >= 10 { major * 10_000 + minor } else { major * 10_000 + minor * 100 + patch }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        for (text, number) in [
            ("18.4", 180_004),
            ("15.18 (Debian 15.18-0+deb12u1)", 150_018),
            ("19devel", 190_000),
            ("18beta1", 180_000),
            ("9.6.3", 90_603),
            ("", 0),
            ("x", 0),
            ("99999999999.1", 100),
        ] {
            assert_eq!(version_number(text), number, "{text}");
        }
    }
}
