//! A session of a snapshot. What a fork copied of it must not keep the server's side of it alive, with its locks.
//!
//! It must never outlast its descriptor's place in the list of those that a forked child closes.

use std::ops::{Deref, DerefMut};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};

use crate::session::{AnySession, Session};
use crate::sys;

/// The sockets of a stream's snapshot.
pub type Sockets = Arc<Mutex<Vec<RawFd>>>;

/// The session.
#[derive(Debug)]
pub struct Kept {
    session: AnySession,
    all: Sockets,
    fd: RawFd,
    has_left: bool,
}

impl Kept {
    pub(super) fn new(session: AnySession, all: &Sockets) -> Self {
        let fd = session.fd();
        all.lock().unwrap_or_else(PoisonError::into_inner).push(fd);
        Self { session, all: Arc::clone(all), fd, has_left: false }
    }

    /// Ends it with a word to the server. Whatever becomes of that: the server sees the end of the connection too.
    pub(super) fn leave(mut self) {
        self.has_left = self.session.say_goodbye().is_ok();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|fd| *fd != self.fd);
        if !self.has_left {
            sys::hang_up(self.session.fd());
        }
    }
}

impl Deref for Kept {
    type Target = AnySession;

    fn deref(&self) -> &AnySession {
        &self.session
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut AnySession {
        &mut self.session
    }
}
