//! What the engine and the consumer of one stream share: the queue, its descriptor, the acknowledgements.
//!
//! A lock is held for the time of a push or a pop, never across I/O, decoding or a callback.

mod awaiting;
mod settings;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::acks::Acks;
use super::capture::Capture;
use super::creation::Creation;
use super::health::LastHealth;
use super::lifecycle::{Came, Lifecycle, Phase, Rest, Step, Wanted};
use super::log::Logger;
use super::registry;
use super::snapshot::Sockets;
use super::source::KnownSource;
use super::standby::StandbyFeedback;
use super::stats::Owed;
use super::wakers::Wakers;
use crate::batch::{Batch, EventKind, Home, Pool};
use crate::error::{Error, Result, Status};
use crate::options::Config;
use crate::snapshot::SnapshotProgress;
use crate::statistics::Counts;
use crate::sys::{EventFd, ForkGuard, PerProcess};
use settings::Settings;

/// What a batch takes, however little is in it.
const BATCH: usize = 4096;

/// Freed batches of all streams of the process, kept for the next: as many of the usual size as fill the usual queue. One that
/// must be made anew costs a page fault for each 4 KiB of it.
static POOL: PerProcess<Pool> = PerProcess::new(|| Pool::new(32));

/// One stream, seen from both sides.
#[derive(Debug)]
pub struct Shared {
    /// The stream's number in this process.
    pub id: u64,
    /// The options.
    pub config: Settings,
    /// Where messages go.
    pub logger: Logger,
    /// The counters.
    pub counts: Counts,
    /// What was delivered and acknowledged.
    pub acks: Acks,
    /// Since when what is outstanding is.
    pub owed: Owed,
    /// Whose WAL it gives, once that is known.
    pub source: KnownSource,
    /// What a hot standby's transactions need, as the program says it.
    pub standby: StandbyFeedback,
    /// What comes and goes on the wire is written to it.
    pub capture: Capture,
    /// Wakes the stream's task.
    pub engine: Notify,
    /// Wakes those that copy a snapshot.
    room: Notify,
    /// Whether some of them wait.
    room_awaited: AtomicBool,
    /// How far the snapshot is.
    pub snapshot: SnapshotProgress,
    /// The creation of the slot, while it goes on.
    pub creation: Creation,
    /// What was last seen of the slot.
    pub health: LastHealth,
    /// The connection's descriptor, -1 without one: a forked child closes its copy by hand.
    pub socket: AtomicI32,
    /// The descriptors of a snapshot's sessions, likewise.
    pub snapshot_sockets: Sockets,
    /// The spill file's descriptor, likewise.
    pub spill_fd: Arc<AtomicI32>,
    /// When the oldest prepared transaction that is held was prepared.
    pub prepared_since: AtomicI64,
    /// Whether the next connections do without streaming, for what it cannot tell.
    pub unstreamed: AtomicBool,
    process: ForkGuard,
    pool: &'static Pool,
    /// The number of the next batch.
    batches: AtomicU64,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Who waits as a future, for the same as `changed` and `ready` tell.
    wakers: Wakers,
    ready: EventFd,
    signaled: AtomicBool,
    interrupted: AtomicBool,
    ack_awaited: AtomicBool,
}

#[derive(Debug)]
struct Queue {
    batches: VecDeque<Box<Batch>>,
    weight: usize,
    reading: Reading,
    life: Lifecycle,
}

/// Counts a task as running for as long as it lives.
#[derive(Debug)]
pub struct TaskLife(Arc<Shared>);

impl Drop for TaskLife {
    fn drop(&mut self) {
        self.0.lock().life.task_ended();
        self.0.changed.notify_all();
        self.0.signal();
    }
}

/// Whether the engine reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    On,
    /// The queue is full; the consumer wakes the engine when half of it is gone.
    Paused,
}

/// What a consumer finds.
#[derive(Debug)]
pub enum Found {
    /// The oldest batch.
    Batch(Box<Batch>),
    /// Nothing, and nothing has ended.
    Nothing,
    /// Somebody interrupted.
    Interrupted,
    /// The queue is empty and the stream has ended.
    Ended(Error),
    /// The queue is empty and the stream is being freed, or has come to the end that was asked for.
    Closed,
}

impl Shared {
    /// A stream that is not connected.
    pub fn new(config: Config, logger: Logger) -> Result<Self> {
        let system =
            |error: std::io::Error| Error::os(Status::WAL_E_SYSTEM, "cannot make an eventfd", &error);
        Ok(Self {
            id: registry::next_id(),
            acks: Acks::new(config.ack),
            owed: Owed::default(),
            source: KnownSource::default(),
            standby: StandbyFeedback::default(),
            capture: Capture::new(&config),
            config: Settings::new(config),
            logger,
            counts: Counts::default(),
            engine: Notify::new(),
            room: Notify::new(),
            room_awaited: AtomicBool::new(false),
            snapshot: SnapshotProgress::default(),
            batches: AtomicU64::new(0),
            creation: Creation::default(),
            health: LastHealth::default(),
            socket: AtomicI32::new(-1),
            snapshot_sockets: Sockets::default(),
            spill_fd: Arc::new(AtomicI32::new(-1)),
            prepared_since: AtomicI64::new(0),
            unstreamed: AtomicBool::new(false),
            process: ForkGuard::enter().map_err(system)?,
            pool: POOL.get().map_err(system)?,
            queue: Mutex::new(Queue {
                batches: VecDeque::with_capacity(64),
                weight: 0,
                reading: Reading::On,
                life: Lifecycle::new(),
            }),
            changed: Condvar::new(),
            wakers: Wakers::default(),
            ready: EventFd::new().map_err(system)?,
            signaled: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            ack_awaited: AtomicBool::new(false),
        })
    }

    // ---- the engine's side ----

    /// An empty batch with room for a message of `bytes`.
    pub fn take_batch(&self, bytes: usize) -> Result<Box<Batch>> {
        self.pool.take(bytes.max(self.config.batch_bytes), self.config.batch_events)
    }

    /// A batch for little.
    pub fn take_small_batch(&self, bytes: usize) -> Result<Box<Batch>> {
        self.pool.take_small(bytes.min(self.config.batch_bytes), self.config.batch_events)
    }

    /// Puts back a batch that nobody was given.
    pub fn discard(&self, batch: Box<Batch>) {
        self.pool.give(batch);
    }

    /// Numbers a batch in the order of the stream, and counts what is new in it.
    pub fn number(self: &Arc<Self>, batch: &mut Batch, new_events: usize) {
        if batch.home.is_none() {
            batch.home = Some(Arc::clone(self) as _);
            batch.number = self.batches.fetch_add(1, Ordering::Relaxed);
            Counts::add(&self.counts.batches, 1);
        }
        Counts::add(&self.counts.events, new_events as u64);
    }

    /// The number of the next batch.
    pub fn next_number(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Puts a batch where the consumer finds it. `signal` tells one that waits; it comes once behind any number.
    pub fn push(&self, mut batch: Box<Batch>) {
        {
            let mut queue = self.lock();
            if queue.life.takes_batches() {
                queue.weight += batch.weight();
                queue.batches.push_back(batch);
                return;
            }
        }
        // Closing was given up: a batch in the queue would keep the stream alive for ever.
        batch.home = None;
        self.discard(batch);
    }

    /// Takes back the newest batch if all that it holds is one progress event, which a newer one makes obsolete.
    pub fn take_back_progress(&self) -> Option<Box<Batch>> {
        let mut queue = self.lock();
        let newest = queue.batches.back().map_or(&[][..], |batch| batch.events());
        let is_progress = matches!(newest, [event] if event.kind == EventKind::WAL_EVENT_PROGRESS as u32);
        let batch = if is_progress { queue.batches.pop_back() } else { None };
        if let Some(batch) = &batch {
            queue.weight -= batch.weight();
        }
        batch
    }

    /// Takes the newest batch back to fill it up, if it has room and the consumer has another to go on with:
    /// without this, a consumer that is behind would wait in front of many small batches in large chunks.
    pub fn take_back(&self, room: usize) -> Option<Box<Batch>> {
        let mut queue = self.lock();
        if queue.batches.len() < 2 {
            return None;
        }
        let fits = queue.batches.back_mut().is_some_and(|batch| {
            batch.chunk.tail_mut().len() >= room && batch.arrays.event_room() >= self.config.batch_events / 4
        });
        let batch = if fits { queue.batches.pop_back() } else { None };
        if let Some(batch) = &batch {
            queue.weight -= batch.weight();
        }
        batch
    }

    /// Takes the newest batch back if it has room for one more event.
    pub fn take_back_for_one(&self) -> Option<Box<Batch>> {
        let mut queue = self.lock();
        if queue.batches.len() < 2 {
            return None;
        }
        let fits = queue.batches.back_mut().is_some_and(|batch| batch.arrays.event_room() > 0);
        let batch = if fits { queue.batches.pop_back() } else { None };
        if let Some(batch) = &batch {
            queue.weight -= batch.weight();
        }
        batch
    }

    /// Whether the queue takes more, `pending` bytes of which are decoded already. If not, the consumer wakes the
    /// engine once it does.
    pub fn has_room(&self, pending: usize) -> bool {
        let mut queue = self.lock();
        let room = queue.weight + pending < self.config.queue_bytes;
        queue.reading = if room { Reading::On } else { Reading::Paused };
        room
    }

    /// Waits, as one of several, until the queue takes more.
    pub async fn room(&self) {
        let is_there = || self.has_room(0) && self.of_batches() < self.config.queue_bytes;
        // Whoever asks to be woken makes the consumer look for it.
        while !is_there() {
            let more = self.room.notified();
            tokio::pin!(more);
            // Before looking again: what is taken out in between counts.
            more.as_mut().enable();
            self.room_awaited.store(true, Ordering::SeqCst);
            if is_there() {
                return;
            }
            more.await;
        }
    }

    /// What many small batches take beside what they weigh.
    fn of_batches(&self) -> usize {
        self.lock().batches.len() * BATCH
    }

    /// Wakes all that wait for room, where half of the queue is free: which of them find it full is theirs to see.
    #[cold]
    fn make_room_known(&self) {
        let half = self.config.queue_bytes / 2;
        if self.lock().weight <= half
            && self.of_batches() <= half
            && self.room_awaited.swap(false, Ordering::SeqCst)
        {
            self.room.notify_waiters();
        }
    }

    /// Something happens to an attempt. False: it was given up, nobody waits for it.
    pub fn enter(&self, attempt: u64, step: Step) -> bool {
        if !self.lock().life.step_of(attempt, step) {
            return false;
        }
        self.changed.notify_all();
        self.signal();
        true
    }

    /// Whether somebody still waits for this attempt to connect.
    pub fn is_attempt(&self, attempt: u64) -> bool {
        self.lock().life.is_attempt(attempt)
    }

    /// What the consumer wants.
    pub fn wanted(&self) -> Wanted {
        self.lock().life.wanted()
    }

    /// Nothing more comes than what is in the queue, as was asked for.
    pub fn finish(&self) {
        self.lock().life.finish();
        self.signal();
    }

    /// Whether the end that was asked for is reached.
    pub fn is_finished(&self) -> bool {
        self.lock().life.is_finished()
    }

    /// Whether the program frees the stream.
    pub fn is_closing(&self) -> bool {
        matches!(self.lock().life.phase(), Phase::Closing)
    }

    /// Requests up to this number are done.
    pub fn flushed(&self, number: u64) {
        self.lock().life.flushed(number);
        self.changed.notify_all();
        self.wakers.wake();
    }

    /// Whether the next acknowledgement shall wake the engine at once.
    pub fn await_ack(&self, awaited: bool) {
        self.ack_awaited.store(awaited, Ordering::SeqCst);
    }

    // ---- the consumer's side ----

    /// The oldest batch, if there is one. An interrupt comes first and is consumed.
    pub fn find(&self) -> Found {
        if self.is_interrupted() && self.take_interrupt() {
            return Found::Interrupted;
        }
        let (found, wake) = {
            let mut queue = self.lock();
            match queue.batches.pop_front() {
                Some(batch) => {
                    queue.weight -= batch.weight();
                    let wake =
                        queue.reading == Reading::Paused && queue.weight <= self.config.queue_bytes / 2;
                    if wake {
                        queue.reading = Reading::On;
                    }
                    (Found::Batch(batch), wake)
                }
                None => (Found::behind(queue.life.rest()), false),
            }
        };
        if wake {
            self.engine.notify_one();
        }
        if self.room_awaited.load(Ordering::SeqCst) {
            self.make_room_known();
        }
        if let Found::Batch(batch) = &found {
            Counts::add(&self.counts.batches_live, 1);
            Counts::add(&self.counts.live_bytes, batch.weight() as u64);
            self.acks.hand_over(batch.number);
        }
        found
    }

    /// Clears the descriptor. Whoever clears must look again after: what came in between did not signal.
    pub fn clear_ready(&self) {
        self.ready.clear();
        self.signaled.store(false, Ordering::SeqCst);
    }

    /// Makes the descriptor readable, with one system call at most and none while it is, and wakes futures.
    pub fn signal(&self) {
        if !self.signaled.swap(true, Ordering::SeqCst) {
            self.ready.signal();
        }
        self.wakers.wake();
    }

    /// The descriptor that is readable while a call would not wait.
    pub fn ready_fd(&self) -> i32 {
        self.ready.fd()
    }

    /// Makes the next call that waits, or the one that does, return at once. Async-signal-safe.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
        self.ready.signal();
    }

    /// Consumes an interrupt, if one is pending.
    pub fn take_interrupt(&self) -> bool {
        self.interrupted.swap(false, Ordering::SeqCst)
    }

    /// Takes an interrupt back that nobody consumed.
    pub fn interrupt_clear(&self) {
        self.interrupted.store(false, Ordering::SeqCst);
    }

    /// Whether an interrupt waits to be consumed.
    #[inline]
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Acknowledges.
    pub fn ack(&self, lsn: u64) -> Result<()> {
        if self.acks.ack(lsn)? {
            self.acked();
        }
        Ok(())
    }

    /// The acknowledged position moved.
    pub fn acked(&self) {
        if self.ack_awaited.swap(false, Ordering::SeqCst) {
            self.engine.notify_one();
        }
    }

    /// Waits until the present acknowledgement was written to the connection. False: the time passed.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let number = self.ask_flush();
        let mut queue = self.lock();
        loop {
            if queue.life.is_flushed(number)? {
                return Ok(true);
            }
            queue = match deadline {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Asks for a flush and gives the request's number.
    fn ask_flush(&self) -> u64 {
        let number = self.lock().life.ask_flush();
        self.engine.notify_one();
        number
    }

    /// Begins an attempt to connect and gives its number, with what its task lives by.
    pub fn begin_attempt(self: &Arc<Self>) -> Result<(u64, TaskLife)> {
        let attempt = self.lock().life.connect()?;
        Ok((attempt, TaskLife(Arc::clone(self))))
    }

    /// Ends an attempt that failed or was given up, unless it succeeded in the meantime.
    pub fn end_attempt(&self) -> Phase {
        let mut queue = self.lock();
        let phase = queue.life.phase().clone();
        if queue.life.step(Step::GiveUp) {
            self.engine.notify_one();
        }
        phase
    }

    /// What became of the attempt to connect.
    pub fn came(&self) -> Came {
        self.lock().life.came()
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        self.lock().life.phase().clone()
    }

    /// Asks the task to say good-bye, and wakes whoever waits.
    pub fn begin_close(&self) {
        self.lock().life.step(Step::Close);
        self.changed.notify_all();
        self.signal();
        self.engine.notify_one();
    }

    /// Waits for the good-bye, at most `timeout`. False: it was not said in time.
    pub fn close(&self, timeout: Duration) -> bool {
        self.begin_close();
        let deadline = Instant::now() + timeout;
        let mut queue = self.lock();
        while !queue.life.is_over() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                queue.life.step(Step::Overdue);
                return false;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Puts all waiting batches back.
    pub fn empty(&self) {
        let batches = {
            let mut queue = self.lock();
            queue.weight = 0;
            std::mem::take(&mut queue.batches)
        };
        for mut batch in batches {
            batch.home = None;
            self.discard(batch);
        }
    }

    /// Memory of the batches that wait.
    pub fn queue_weight(&self) -> usize {
        self.lock().weight
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that runs under the lock can panic halfway through a change.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home for Shared {
    fn give_back(&self, batch: Box<Batch>) {
        if self.process.is_forked_child() {
            // The engine's thread may have held any of the locks as the process was forked.
            std::mem::forget(batch);
            return;
        }
        // The pool's batches hold no stream: `home` was taken out by `release`.
        self.counts.batches_live.fetch_sub(1, Ordering::Relaxed);
        self.counts.live_bytes.fetch_sub(batch.weight() as u64, Ordering::Relaxed);
        if self.acks.done(batch.number, batch.arrays.last_ack(), true) {
            self.acked();
        }
        self.discard(batch);
    }
}

impl Found {
    fn behind(rest: Rest) -> Self {
        match rest {
            Rest::More => Self::Nothing,
            Rest::Ended(error) => Self::Ended(error),
            Rest::Closed => Self::Closed,
        }
    }
}
