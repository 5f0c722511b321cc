//! The engine: threads that do all the I/O, and the streams that consumers read from.
//!
//! A consumer never waits with a lock held, and the engine never waits for a consumer.

mod acker;
mod acks;
mod archived;
mod archiver;
mod asking;
mod beside;
mod capture;
mod capture_file;
mod connect;
mod connection;
mod creation;
#[cfg(test)]
mod cuts;
mod feedback;
#[cfg(test)]
mod handover;
mod health;
mod intake;
mod lifecycle;
mod log;
mod panics;
mod physical;
mod prometheus;
mod publications;
mod reconnect;
mod reconnected;
mod registry;
mod remembered;
mod replay;
mod shared;
mod slots;
mod snapshot;
mod source;
mod standby;
mod state;
mod stats;
mod task;
mod thread;
mod wakers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use acker::Acker;
pub use archived::{check_archive, fetch_archived};
pub use archiver::{ArchiveEventKind, Archiver, Standing, Told};
pub use connection::{Connection, Control};
pub use log::{Level, Logger, Sink};
pub use panics::guard;
pub use prometheus::prometheus;
pub use shared::{Found, Shared};
pub use standby::Needed;
pub use thread::set_threads;

use tokio::sync::oneshot;

use crate::batch::{Batch, Event};
use crate::error::{Error, Result, Status};
use crate::options::{Config, Options};
use crate::position::Position;
use crate::stream::assemble_options;
use crate::sys::{self, ForkGuard, PollFd};
use crate::transaction::try_directory;
use lifecycle::{Came, Phase, Step};
use shared::TaskLife;
use thread::Engine;

/// How much longer closing may take than its option says.
const GRACE: Duration = Duration::from_millis(500);

/// A stream of changes, read by one consumer at a time.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    engine: Option<Arc<Engine>>,
    /// The batch that `next_event` walks through; its `walked` tells how far.
    current: Option<Box<Batch>>,
    /// The `ack_lsn` of the event given last, while acknowledging is automatic.
    given: u64,
}

/// What waiting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// What was waited for.
    Ready(T),
    /// The time passed.
    TimedOut,
    /// Somebody interrupted.
    Interrupted,
    /// Nothing more will come.
    Ended,
}

impl<T> Next<T> {
    /// Makes something else of what was waited for.
    pub fn try_map<O>(self, make: impl FnOnce(T) -> Result<O>) -> Result<Next<O>> {
        Ok(match self {
            Self::Ready(value) => Next::Ready(make(value)?),
            Self::TimedOut => Next::TimedOut,
            Self::Interrupted => Next::Interrupted,
            Self::Ended => Next::Ended,
        })
    }
}

impl Stream {
    /// A stream that is not connected yet.
    pub fn new(options: &Options, logger: Logger) -> Result<Self> {
        Self::of(options.config()?, logger)
    }

    /// The same of options that are read.
    fn of(config: Config, logger: Logger) -> Result<Self> {
        let shared = Arc::new(Shared::new(config, logger)?);
        registry::add(&shared)?;
        Ok(Self { shared, engine: None, current: None, given: 0 })
    }

    /// A stream that a capture, given by its files in their order, feeds instead of a server. It is connected from the
    /// beginning.
    pub fn replay(paths: &[PathBuf], options: &Options, logger: Logger) -> Result<Self> {
        let source = replay::Source::open(paths)?;
        let mut it = Self {
            shared: Arc::new(Shared::new(source.config(options)?, logger)?),
            engine: None,
            current: None,
            given: 0,
        };
        it.shared.acks.begin(source.start()?.0);
        let (attempt, life) = it.shared.begin_attempt()?;
        let engine = thread::acquire()?;
        it.shared.enter(attempt, Step::Stream);
        engine.spawn(task::supervise(Arc::clone(&it.shared), attempt, life, |shared| {
            replay::work(shared, source)
        }));
        it.engine = Some(engine);
        Ok(it)
    }

    /// The program has everything up to a position: the stream, which is not connected yet, goes on behind it.
    pub fn resume_after(&self, position: Position) -> Result<()> {
        if self.engine.is_some() {
            let text = "the stream was connected: where it goes on is said before";
            return Err(Error::new(Status::WAL_E_STATE, text));
        }
        self.shared.config.resume_after(position)
    }

    /// Connects, checks the server and starts streaming. `None` waits as long as it takes. After an error, or when
    /// interrupted, the stream can be connected again.
    pub fn connect(&mut self, timeout: Option<Duration>) -> Result<Next<()>> {
        let (attempt, life) = self.shared.begin_attempt()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let started = self.start(attempt, deadline, life);
        let outcome = started.and_then(|()| self.await_connected(deadline));
        if matches!(outcome, Ok(Next::Ready(())))
            || !matches!(self.shared.end_attempt(), Phase::Streaming | Phase::Ended(_))
        {
            if !matches!(outcome, Ok(Next::Ready(()))) {
                self.shared.capture.forsake();
            }
            return self.given_up(outcome);
        }
        // It was ready at the very moment that the waiting ended: the next call is the one to be interrupted.
        if matches!(outcome, Ok(Next::Interrupted)) {
            self.shared.interrupt();
        }
        Ok(Next::Ready(()))
    }

    /// The next event, good until the next call on this stream.
    #[inline]
    pub fn next_event(&mut self, timeout: Option<Duration>) -> Result<Next<&Event>> {
        match self.ready(timeout)? {
            Next::Ready(()) => {}
            Next::TimedOut => return Ok(Next::TimedOut),
            Next::Interrupted => return Ok(Next::Interrupted),
            Next::Ended => return Ok(Next::Ended),
        }
        let Some(batch) = &mut self.current else { return Ok(Next::Ended) };
        let at = batch.walked;
        batch.walked += 1;
        match batch.arrays.events().get(at) {
            Some(event) => {
                if event.ack_lsn != 0 {
                    self.shared.acks.deliver(event.ack_lsn);
                    self.given = if self.shared.acks.is_automatic() { event.ack_lsn } else { 0 };
                }
                Ok(Next::Ready(event))
            }
            None => Ok(Next::Ended),
        }
    }

    /// All that is ready, as one batch; first of all what is left of the one that `next_event` walks through.
    pub fn next_batch(&mut self, timeout: Option<Duration>) -> Result<Next<Box<Batch>>> {
        match self.ready(timeout)? {
            Next::Ready(()) => {}
            Next::TimedOut => return Ok(Next::TimedOut),
            Next::Interrupted => return Ok(Next::Interrupted),
            Next::Ended => return Ok(Next::Ended),
        }
        match self.current.take() {
            Some(batch) => {
                self.shared.acks.deliver(batch.arrays.last_ack());
                Ok(Next::Ready(batch))
            }
            None => Ok(Next::Ended),
        }
    }

    /// What both sides share: acknowledging, interrupting and counting need no exclusive access.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Reports the last acknowledgement, ends the session and stops the engine if this was its last stream. Dropping
    /// does the same.
    pub fn close(self) {}

    /// Begins to connect, for a future: `Shared::poll_connected` tells what becomes of it.
    pub fn begin_connect(&mut self) -> Result<()> {
        let (attempt, life) = self.shared.begin_attempt()?;
        self.start(attempt, None, life)
    }

    /// Waits for what becomes of the attempt that `begin_connect` began, which goes on where the time is over.
    fn begun(&self, timeout: Option<Duration>) -> Result<Next<()>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        match self.await_connected(deadline) {
            Err(error)
                if error.status() == Status::WAL_E_CONNECT_TIMEOUT
                    && matches!(self.shared.came(), Came::Connecting) =>
            {
                Ok(Next::TimedOut)
            }
            other => other,
        }
    }

    /// Ends the stream without waiting for the good-bye, which the engine's thread says. The receiver hears when that is
    /// done, or when it took longer than it may.
    pub fn leave(mut self) -> oneshot::Receiver<()> {
        let (done, heard) = oneshot::channel();
        if let Some(engine) = self.engine.take() {
            let shared = Arc::clone(&self.shared);
            shared.begin_close();
            shared.capture.forsake();
            let runs_on = Arc::clone(&engine);
            runs_on.spawn(async move {
                let closed = shared.closed();
                if tokio::time::timeout(shared.config.close_timeout + GRACE, closed).await.is_err() {
                    shared.give_up_closing();
                }
                shared.empty();
                // The last stream's end stops the thread that this runs on, once it has told.
                let _ = done.send(());
                drop(engine);
            });
        }
        heard
    }

    fn end(&mut self) {
        registry::remove(&self.shared);
        // A stream that was never connected, or that was left, has nothing to say.
        if self.engine.is_none() {
            return;
        }
        // What the consumer did not come back for after the last event is not acknowledged.
        if let Some(mut batch) = self.current.take() {
            batch.home = None;
            self.shared.discard(batch);
        }
        if !self.shared.close(self.shared.config.close_timeout + GRACE) {
            self.shared.give_up_closing();
        }
        self.shared.empty();
        self.engine.take();
    }

    /// In a forked child: closes the child's copies of the descriptors and touches nothing else, since the engine's
    /// thread is not here and its epoll set is the parent's.
    pub fn abandon(self) {
        let socket = self.shared.socket.load(std::sync::atomic::Ordering::Acquire);
        let spill = self.shared.spill_fd.load(std::sync::atomic::Ordering::Acquire);
        let all = [self.shared.ready_fd(), socket, self.shared.capture.fd(), spill];
        // Where another thread had the lock at the moment of the fork, it has it for ever here.
        let of_snapshot = self.shared.snapshot_sockets.try_lock().map(|all| all.clone()).unwrap_or_default();
        for fd in all.into_iter().chain(of_snapshot).filter(|fd| *fd >= 0) {
            // SAFETY: the owners are forgotten below.
            unsafe { sys::close(fd) };
        }
        std::mem::forget(self);
    }

    /// A slot that was being made is taken back first, so that the caller knows that there is none.
    fn given_up(&self, outcome: Result<Next<()>>) -> Result<Next<()>> {
        let is_late = matches!(&outcome, Err(error) if error.status() == Status::WAL_E_CONNECT_TIMEOUT);
        match (outcome, self.shared.creation.settle()) {
            (Ok(Next::Interrupted), Some(error)) if error.status() == Status::WAL_E_SLOT_IN_DOUBT => {
                Err(error)
            }
            (Err(_), Some(error)) if is_late => Err(error),
            (outcome, _) => outcome,
        }
    }

    fn start(&mut self, attempt: u64, deadline: Option<Instant>, life: TaskLife) -> Result<()> {
        if self.shared.config.assembles() {
            // Now, and not hours later when the first large transaction comes.
            try_directory(&assemble_options(&self.shared.config).spill)?;
        }
        self.shared.capture.open()?;
        let engine = match &self.engine {
            Some(engine) => Arc::clone(engine),
            None => thread::acquire()?,
        };
        engine.spawn(task::run(Arc::clone(&self.shared), attempt, deadline, life));
        self.engine = Some(engine);
        Ok(())
    }

    fn await_connected(&self, deadline: Option<Instant>) -> Result<Next<()>> {
        loop {
            self.shared.clear_ready();
            match self.shared.came() {
                Came::Connecting => {}
                Came::Failed(error) => {
                    self.shared.signal();
                    return Err(error);
                }
                Came::Connected => {
                    self.shared.signal();
                    return Ok(Next::Ready(()));
                }
                Came::Closed => return Ok(Next::Ended),
            }
            if self.shared.take_interrupt() {
                return Ok(Next::Interrupted);
            }
            if !self.wait(deadline)? {
                return Err(Error::new(
                    Status::WAL_E_CONNECT_TIMEOUT,
                    "connecting took longer than the timeout",
                ));
            }
        }
    }

    fn done_with_given(&mut self) {
        if self.given != 0
            && let Some(batch) = &self.current
            && self.shared.acks.done(batch.number, self.given, false)
        {
            self.shared.acked();
        }
        self.given = 0;
    }

    /// Makes sure that the walked batch has an event left. An interrupt comes first, and is consumed here and
    /// nowhere else: what an interrupt that is taken back leaves behind must be a walk that goes on.
    #[inline]
    fn ready(&mut self, timeout: Option<Duration>) -> Result<Next<()>> {
        if self.given != 0 {
            self.done_with_given();
        }
        if self.shared.is_interrupted() && self.shared.take_interrupt() {
            return Ok(Next::Interrupted);
        }
        match &self.current {
            Some(batch) if !batch.events().is_empty() => Ok(Next::Ready(())),
            _ => self.advance(timeout),
        }
    }

    /// Replaces the walked batch, which is read to its end, by the next.
    fn advance(&mut self, timeout: Option<Duration>) -> Result<Next<()>> {
        if let Some(done) = self.current.take() {
            done.release();
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut found = self.shared.find();
        loop {
            if matches!(found, Found::Nothing) {
                self.shared.clear_ready();
                found = self.shared.find();
                if !matches!(found, Found::Nothing) {
                    // What came in between did not make the descriptor readable.
                    self.shared.signal();
                }
            }
            match found {
                Found::Batch(batch) => {
                    self.current = Some(batch);
                    return Ok(Next::Ready(()));
                }
                Found::Interrupted => return Ok(Next::Interrupted),
                Found::Ended(error) => return Err(error),
                Found::Closed => return Ok(Next::Ended),
                Found::Nothing if timeout == Some(Duration::ZERO) => return Ok(Next::TimedOut),
                Found::Nothing => {}
            }
            if !self.wait(deadline)? {
                return Ok(Next::TimedOut);
            }
            found = self.shared.find();
        }
    }

    /// Waits in poll(2), which a signal handler may end, until the descriptor is readable. False: the time passed.
    fn wait(&self, deadline: Option<Instant>) -> Result<bool> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let millis =
            left.map_or(-1, |left| i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
        match sys::poll(&mut [PollFd::readable(self.shared.ready_fd())], millis) {
            Ok(_) => Ok(true),
            Err(error) => Err(Error::os(Status::WAL_E_SYSTEM, "poll", &error)),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs what blocks on a helper thread, for a caller that must not block and has no runtime that is known.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let engine = thread::acquire()?;
    let (send, receive) = oneshot::channel();
    engine.spawn(async move {
        // Nobody listens any more where the caller lost interest.
        let _ = send.send(crate::session::command(work).await);
    });
    let lost = |_| Error::new(Status::WAL_E_INTERNAL, "the engine ended before a command did");
    receive.await.map_err(lost)?
}

/// The guard of the calling process, for handles.
pub fn process() -> Result<ForkGuard> {
    ForkGuard::enter().map_err(|error| Error::os(Status::WAL_E_SYSTEM, "cannot map a page", &error))
}
