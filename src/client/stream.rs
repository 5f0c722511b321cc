//! The stream of a Rust program. Waiting is by the waker of the task that waits: no thread, no descriptor, no runtime in
//! particular. It must never lose a batch when a future is dropped: what was taken from the queue is in the stream.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop;

use super::acker::{Acker, Stats};
use super::batch::{Batch, Held};
use super::event::Event;
use super::options::Options;
use super::snapshot::SnapshotProgress;
use crate::engine::{self, Needed, Shared};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// A stream of changes.
///
/// It works in any asynchronous runtime: the engine has a thread of its own. Every future of it may be dropped at any
/// moment, as by `select!` or a timeout, and nothing is lost. Dropping the stream ends it in the background;
/// [`close`](Self::close) waits for that.
#[derive(Debug)]
pub struct Stream {
    /// None only while it is being dropped.
    inner: Option<engine::Stream>,
    shared: Arc<Shared>,
    acker: Acker,
    /// The batch that `next_event` walks through, and the place of its next event.
    walked: Option<(Arc<Held>, usize)>,
}

impl Stream {
    /// Connects, checks that server, slot and publications are as they must be, and starts the stream. Dropping the future
    /// gives the attempt up.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), pgwalstream::Error> {
    /// let options = pgwalstream::Options::new().conninfo("dbname=shop").slot("s").publication("p");
    /// let stream = pgwalstream::Stream::connect(&options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn connect(options: &Options) -> Result<Self> {
        let inner = options.stream()?;
        let shared = Arc::clone(inner.shared());
        let acker = Acker::new(Arc::clone(&shared))?;
        let mut it = Self { inner: Some(inner), shared, acker, walked: None };
        if let Some(inner) = &mut it.inner {
            inner.begin_connect()?;
        }
        poll_fn(|context| it.shared.poll_connected(context)).await?;
        Ok(it)
    }

    /// A capture file (option `capture_file`) as a stream that needs no server: the same events each time, and then `None`. Of
    /// the options only `replay_pace`, `ack`, `queue_bytes`, `batch_events`, `batch_bytes`, `batch_boundary` and the log count;
    /// what the others were is in the capture.
    ///
    /// ```no_run
    /// # fn replay() -> Result<(), pgwalstream::Error> {
    /// let stream = pgwalstream::Stream::replay("shop.capture", &pgwalstream::Options::new())?;
    /// # Ok(()) }
    /// ```
    pub fn replay(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        Self::replay_files([path.as_ref()], options)
    }

    /// The same of the files that `capture_rotate` made, in the order in which they were written.
    pub fn replay_files<P: Into<PathBuf>>(
        paths: impl IntoIterator<Item = P>,
        options: &Options,
    ) -> Result<Self> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        let inner = options.replay(&paths)?;
        let shared = Arc::clone(inner.shared());
        let acker = Acker::new(Arc::clone(&shared))?;
        Ok(Self { inner: Some(inner), shared, acker, walked: None })
    }

    /// The next event, in the order of the commits; `None` where `stop_lsn` ended the stream. An error comes after everything
    /// that came before it, and again at each further call.
    ///
    /// Cancel-safe. For speed read batches: [`next_batch`](Self::next_batch).
    pub async fn next_event(&mut self) -> Result<Option<Event>> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// All that is ready, as one batch; first of all what is left of the one that [`next_event`](Self::next_event) walks
    /// through. `None` and errors as there.
    ///
    /// It ends anywhere, also inside a transaction, unless [`Options::batch_boundary`](crate::Options::batch_boundary) is set:
    /// then behind an event with a position to acknowledge, wherever the transaction fits.
    ///
    /// Cancel-safe.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>> {
        poll_fn(|context| self.poll_batch(context)).await
    }

    /// Says that everything up to a position is safe: [`Acker::ack`].
    pub fn ack(&self, lsn: impl Into<Option<Lsn>>) -> Result<()> {
        self.acker.ack(lsn)
    }

    /// Reports the acknowledged position to the server now: [`Acker::flush`].
    pub async fn flush(&self) -> Result<()> {
        self.acker.flush().await
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.acker.stats()
    }

    /// Tells the primary which rows a hot standby still needs, as the ids of the oldest transactions with their epoch in the upper
    /// half. Sent at once and over each new connection; 0 and 0 take it back, and so does the stream's end
    /// while it is connected; else the next stream of the slot does. With [`Mode::Physical`](crate::Mode::Physical) only.
    pub fn standby_feedback(&self, xmin: u64, catalog_xmin: u64) -> Result<()> {
        self.acker.inside()?.need(Needed { xmin, catalog_xmin })
    }

    /// How far the snapshot is: [`Options::snapshot`](crate::Options::snapshot).
    pub fn snapshot_progress(&self) -> SnapshotProgress {
        SnapshotProgress::of(&self.shared.snapshot)
    }

    /// A handle that acknowledges while the stream is being read, from any task.
    pub fn acker(&self) -> Acker {
        self.acker.clone()
    }

    /// Ends the stream: reports what was acknowledged last, says good-bye to the server and waits for that, at most as
    /// long as `close_timeout` says. An error: the last acknowledgement could not be reported, so that what it covers comes
    /// again. Batches and events live on.
    pub async fn close(mut self) -> Result<()> {
        self.acker.inside()?;
        if let Some(inner) = self.inner.take() {
            // An engine that is gone has dropped the sender: there is nothing to wait for.
            let _ = inner.leave().await;
        }
        let Stats { acked_lsn, reported_lsn, .. } = self.stats();
        // No report goes beyond the end that was asked for, which may lie inside a commit.
        let due = self.shared.config.stop_lsn.map_or(acked_lsn, |stop| acked_lsn.min(stop));
        if due <= reported_lsn {
            return Ok(());
        }
        Err(Error::new(
            Status::WAL_E_CONNECTION_LOST,
            format!(
                "the stream is closed, but not all is reported: acknowledged is {acked_lsn}, reported {reported_lsn}"
            ),
        ))
    }

    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Event>>> {
        // A stream that always has something must let the other tasks of the runtime have their turn.
        let turn = ready!(coop::poll_proceed(context));
        loop {
            if let Some(event) = self.walk() {
                turn.made_progress();
                return Poll::Ready(Ok(Some(event)));
            }
            self.walked = match ready!(self.poll_held(context))? {
                Some(held) => Some((held, 0)),
                None => return Poll::Ready(Ok(None)),
            };
        }
    }

    pub(super) fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Batch>>> {
        let turn = ready!(coop::poll_proceed(context));
        if let Some((held, next)) = self.walked.take()
            && next < held.len()
        {
            turn.made_progress();
            return Poll::Ready(Ok(Some(Batch::rest(held, next))));
        }
        let held = ready!(self.poll_held(context))?;
        turn.made_progress();
        Poll::Ready(Ok(held.map(|held| Batch::rest(held, 0))))
    }

    /// The next event of the walked batch, which is let go of when it is read to its end.
    #[inline]
    fn walk(&mut self) -> Option<Event> {
        let (held, next) = self.walked.as_mut()?;
        let Some(event) = Event::new(held, *next) else {
            self.walked = None;
            return None;
        };
        *next += 1;
        held.give(*next, event.ack_lsn().map_or(0, |lsn| lsn.0));
        Some(event)
    }

    fn poll_held(&self, context: &mut Context<'_>) -> Poll<Result<Option<Arc<Held>>>> {
        let shared = self.acker.inside()?;
        Poll::Ready(match ready!(shared.poll_find(context)) {
            engine::Found::Batch(batch) => Ok(Some(Held::new(batch, Some(Arc::clone(shared))))),
            engine::Found::Ended(error) => Err(error),
            engine::Found::Closed => Ok(None),
            // Nobody has a way to interrupt this stream, and nothing is no answer of `poll_find`.
            engine::Found::Interrupted | engine::Found::Nothing => {
                Err(Error::new(Status::WAL_E_INTERNAL, "a stream was interrupted that cannot be"))
            }
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.acker.is_forked_child() {
            inner.abandon();
        } else {
            drop(inner.leave());
        }
    }
}
