//! A stream of WAL on the engine thread: one connection after the other, one timeline after the other.
//!
//! It must never touch a file: making bytes safe is the program's, and the engine answers the server meanwhile.

mod join;
mod state;
mod streaming;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::lifecycle::Step;
use super::reconnect::{Recovery, patiently};
use super::shared::Shared;
use super::source::Source;
use super::task::{given_up, unless_leaving};
use crate::error::Result;
use crate::session::Session;
use join::{Joined, Purpose, join};
use state::State;
use streaming::Streaming;

/// One attempt to connect, and the stream that comes of it.
pub async fn work(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>) -> Result<()> {
    let joining = patiently(&shared, deadline, |end| join(&shared, end, Purpose::First));
    let joined = tokio::select! {
        joined = joining => joined?,
        () = given_up(&shared, attempt) => return Ok(()),
    };
    let (Joined { identity, size, begin, .. }, histories) = (&joined, Arc::clone(&joined.archived));
    shared.source.set(Source { system: identity.system, size: *size, start: *begin, histories });
    // Before the program can acknowledge.
    shared.acks.begin(joined.start.lsn.0);
    if !shared.enter(attempt, Step::Stream) {
        return Ok(());
    }
    let outcome = stream(&shared, joined).await;
    unless_leaving(&shared, outcome)
}

/// Streams over one connection after the other.
async fn stream(shared: &Arc<Shared>, mut joined: Joined) -> Result<()> {
    let mut state = State::new(shared, &joined);
    let mut recovery = Recovery::new(shared);
    state.follow(&joined.switches)?;
    loop {
        let socket = joined.session.fd();
        let (rest, outcome) = Streaming::new(Arc::clone(shared), joined, state).run().await;
        state = rest;
        // Unless another attempt has a connection by now.
        let _ = shared.socket.compare_exchange(socket, -1, Ordering::AcqRel, Ordering::Relaxed);
        let Err(reason) = outcome else { return Ok(()) };
        joined = match recovery.connect(reason, &state).await? {
            Some(joined) => joined,
            None => return Ok(()),
        };
        state.reconnected(&mut recovery, &joined)?;
    }
}
