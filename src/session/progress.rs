//! What an attempt to connect waits for, so that one that takes too long can say so.
//!
//! It must never cost more than a word: nothing decides by it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::helper::Kind;
use crate::error::{Error, Status};

/// What is waited for now. Shared by the attempt and by whoever ends it.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Wait>);

/// What can be waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing in particular.
    #[default]
    Nothing,
    /// A connection to be accepted.
    Reaching,
    /// The answer to the request for TLS, and the handshake.
    Tls,
    /// The server's side of authentication.
    Server,
    /// The first ReadyForQuery.
    Ready,
    /// Work on a helper thread.
    Work(Kind),
    /// A helper thread to be free.
    Turn(Kind),
    /// The system to allow a thread.
    Thread,
}

impl Progress {
    pub(super) fn wait_for(&self, what: Wait) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    pub(super) fn get(&self) -> Wait {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    /// The end of a sentence that says what took too long; may be "".
    pub(super) fn phrase(self) -> String {
        let what = match self {
            Self::Nothing => return String::new(),
            Self::Reaching => "for the connection to be accepted",
            Self::Tls => "for the server's side of the TLS handshake",
            Self::Server => "for the server's answer in authentication",
            Self::Ready => "for the server to be ready for queries",
            Self::Work(kind) => kind.phrase(),
            Self::Turn(kind) => {
                return format!(
                    ", waiting for one of the {} helper threads, all of which wait {}",
                    kind.threads(),
                    kind.phrase()
                );
            }
            Self::Thread => "for the system to allow a thread",
        };
        format!(", waiting {what}")
    }

    /// What the user can do.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Nothing | Self::Reaching => {
                "Check host and port, the network and firewalls between, or allow more time."
            }
            Self::Tls | Self::Server | Self::Ready => {
                "Something accepts connections there and does not answer. Check host and port, and whether the server hangs, or \
                 allow more time."
            }
            Self::Work(kind) | Self::Turn(kind) => kind.hint(),
            Self::Thread => {
                "The process or the user has too many threads: raise RLIMIT_NPROC or the cgroup's pids.max."
            }
        }
    }
}

/// An attempt that took longer than `limit`, or than its caller waits.
#[cold]
pub(super) fn late(place: &str, limit: Option<Duration>, wait: Wait) -> Error {
    let message = match limit {
        Some(limit) => {
            let seconds = limit.as_secs();
            format!("connecting to {place} took longer than connect_timeout, {seconds} s{}", wait.phrase())
        }
        None => format!("connecting to {place} took longer than the caller waits{}", wait.phrase()),
    };
    Error::new(Status::WAL_E_CONNECT_TIMEOUT, message).with_hint(wait.hint())
}
