//! What the server says in passing. Without a receiver libpq would print it to the host's stderr.
//!
//! It must never lose the place of a notice among the messages of COPY (P17), nor let them grow without bound before.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libpq_sys as pq;

use super::outcome::body_of;
use crate::session::MAX_NOTICES;
use crate::wire::{ServerMessage, frame};

/// The notices that nobody has taken yet.
#[derive(Default)]
pub(super) struct Notices(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    bodies: Vec<Vec<u8>>,
    room: Room,
}

/// How many are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Room {
    /// `MAX_NOTICES`, none of them of a size that nobody reads.
    #[default]
    Little,
    /// All: in COPY each is taken before more is read.
    All,
}

impl Notices {
    /// In COPY none may be lost.
    pub(super) fn keep_all(&self) {
        self.lock().room = Room::All;
    }

    /// COPY is over.
    pub(super) fn keep_few(&self) {
        self.lock().room = Room::Little;
    }

    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<ServerMessage> {
        let bodies = std::mem::take(&mut self.lock().bodies);
        bodies.iter().filter_map(|body| ServerMessage::parse(body).ok()).collect()
    }

    /// Those since the last call, as the messages that they came in.
    pub(super) fn take_frames(&self, frames: &mut Vec<u8>) {
        for body in std::mem::take(&mut self.lock().bodies) {
            super::copy::push_frame(frames, b'N', &body);
        }
    }

    fn keep(&self, body: Vec<u8>) {
        let mut kept = self.lock();
        let fits = kept.bodies.len() < MAX_NOTICES && body.len() < frame::MAX_EARLY_MESSAGE;
        if fits || kept.room == Room::All {
            kept.bodies.push(body);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What libpq calls.
///
/// SAFETY: `notices` is what was given to PQsetNoticeReceiver, and `result` lives for this call.
pub(super) unsafe extern "C" fn receive(notices: *mut c_void, result: *const pq::PGresult) {
    // A panic must not pass through C.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the connection holds the notices for longer than libpq calls.
        let notices = unsafe { &*notices.cast::<Notices>() };
        // SAFETY: libpq clears the result after this.
        notices.keep(unsafe { body_of(result) });
    }));
}
