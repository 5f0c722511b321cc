//! A connection for commands: each is a call that waits, whose I/O the engine's thread does.
//!
//! It must never end an exported snapshot by a command that the caller did not mean to do that (P18).

mod copy;
mod encoding;

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::asking::{Ended, ask};
use super::connect::explain_refusal;
use super::creation::{self, Made, Making, until};
use super::log::{Level, Logger};
use super::thread::{self, Engine};
use super::{Next, panics};
use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};
use crate::options::{Backend, Options};
use crate::session::{AnySession, Rows, SearchPath, Session, StartupSettings, Unasked};
use crate::sys::{self, EventFd, PollFd};
pub use encoding::embedding;

use copy::Copied;

/// The oldest version whose commands are known.
const OLDEST: u32 = 140_000;

/// What any thread may do to a connection at any time.
#[derive(Debug)]
pub struct Control {
    ready: EventFd,
    interrupted: AtomicBool,
    closing: AtomicBool,
    socket: AtomicI32,
    version: AtomicU32,
}

impl Control {
    /// Makes the call that waits, or else the next one, return at once. Async-signal-safe.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
        self.ready.signal();
    }

    /// Takes an interrupt back that nobody consumed.
    pub fn interrupt_clear(&self) {
        self.interrupted.store(false, Ordering::SeqCst);
    }

    /// Ends what goes on, for good.
    pub fn begin_close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.ready.signal();
    }

    /// The server's version, 0 before connecting.
    pub fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    fn take_interrupt(&self) -> bool {
        self.interrupted.swap(false, Ordering::SeqCst)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

/// A connection, used by one caller at a time.
#[derive(Debug)]
pub struct Connection {
    control: Arc<Control>,
    /// Dropped before the engine, whose reactor watches its socket.
    session: Option<AnySession>,
    /// What it copies, with the session while it does: dropped before the engine too.
    copied: Copied,
    engine: Option<Arc<Engine>>,
    conninfo: Arc<Conninfo>,
    backend: Backend,
    publications: Vec<String>,
    logger: Logger,
    /// The snapshot that lives until the next command.
    snapshot: Option<String>,
    limits: Limits,
    /// How often it copied.
    copies: u64,
}

/// Whether a setting of the session is still what creating a slot needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limits {
    Usual,
    OfCreation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Deadline,
    Interrupted,
}

impl Connection {
    /// One that is not connected yet.
    pub fn new(options: &Options, logger: Logger) -> Result<Self> {
        let system = |error| Error::os(Status::WAL_E_SYSTEM, "cannot make an eventfd", &error);
        let (conninfo, backend, publications) = options.connection()?;
        Ok(Self {
            control: Arc::new(Control {
                ready: EventFd::new().map_err(system)?,
                interrupted: AtomicBool::new(false),
                closing: AtomicBool::new(false),
                socket: AtomicI32::new(-1),
                version: AtomicU32::new(0),
            }),
            session: None,
            engine: None,
            conninfo: Arc::new(conninfo),
            backend,
            publications,
            logger,
            snapshot: None,
            limits: Limits::Usual,
            copied: Copied::Nothing,
            copies: 0,
        })
    }

    /// What needs no exclusive access.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The server's version, 0 before connecting.
    pub fn version(&self) -> u32 {
        self.control.version()
    }

    /// The publications that the options name.
    pub fn publications(&self) -> &[String] {
        &self.publications
    }

    /// The exported snapshot, while it lives.
    pub fn snapshot(&self) -> Option<&str> {
        self.snapshot.as_deref()
    }

    /// Lets the next command end the exported snapshot.
    pub fn release_snapshot(&mut self) {
        self.snapshot = None;
    }

    /// Remembers a snapshot that the last command exported.
    pub(super) fn hold_snapshot(&mut self, name: &str) {
        self.snapshot = Some(name.to_owned()).filter(|name| self.session.is_some() && !name.is_empty());
    }

    /// Connects. After an error, or once the connection is lost, it can be done again.
    pub fn connect(&mut self, timeout: Option<Duration>) -> Result<Next<()>> {
        if self.session.is_some() || matches!(self.copied, Copied::Open(_)) {
            return Err(Error::new(Status::WAL_E_STATE, "the connection is open already"));
        }
        let deadline = deadline(timeout);
        let (conninfo, backend) = (Arc::clone(&self.conninfo), self.backend);
        self.logger
            .log(Level::WAL_LOG_DEBUG, "connection", || format!("connecting to {}", conninfo.redacted()));
        if self.control.take_interrupt() {
            return Ok(Next::Interrupted);
        }
        let (session, told) = self.perform(|stop| async move {
            tokio::select! {
                session = open(backend, &conninfo, deadline) => session.map(Some),
                () = stop.notified() => Ok(None),
            }
        })?;
        let Some(session) = session else { return Ok(self.given_up()) };
        self.pass_on(told);
        self.control.version.store(session.server_version(), Ordering::Release);
        self.control.socket.store(session.fd(), Ordering::Release);
        self.session = Some(session);
        self.snapshot = None;
        self.limits = Limits::Usual;
        Ok(Next::Ready(()))
    }

    /// Runs SQL of the user's own.
    pub fn query(&mut self, sql: &str, timeout: Option<Duration>) -> Result<Next<Rows>> {
        self.ask(sql, deadline(timeout))
    }

    /// Runs one command.
    pub(super) fn ask(&mut self, sql: &str, deadline: Option<Instant>) -> Result<Next<Rows>> {
        let Some(mut session) = self.take_session()? else { return Ok(Next::Interrupted) };
        let (conninfo, sql) = (Arc::clone(&self.conninfo), sql.to_owned());
        let limits = std::mem::replace(&mut self.limits, Limits::Usual);
        let done = self.perform(move |stop| async move {
            let why = async {
                tokio::select! {
                    () = stop.notified() => Why::Interrupted,
                    () = until(deadline) => Why::Deadline,
                }
            };
            let ended = match limits {
                Limits::OfCreation => match session.query("RESET lock_timeout").await {
                    // In a transaction that failed it is refused, and rolled back with it.
                    Err(error) if !session.is_idle() => Ended::Answered(Err(error)),
                    _ => ask(&mut session, &conninfo, &sql, why).await,
                },
                Limits::Usual => ask(&mut session, &conninfo, &sql, why).await,
            };
            Ok((session, ended))
        });
        let ((session, ended), told) = done?;
        self.keep(session);
        match ended {
            Ended::Answered(answer) => {
                self.pass_on(told);
                answer.map(Next::Ready)
            }
            Ended::Cancelled(Why::Deadline) => Ok(Next::TimedOut),
            Ended::Cancelled(Why::Interrupted) => Ok(self.given_up()),
            Ended::InDoubt(_) => Err(Error::new(
                Status::WAL_E_CONNECTION_LOST,
                "a command was given up, and the server did not say whether it ended it",
            )
            .with_hint(
                "The connection was closed: look at what the command was to change, and connect again.",
            )),
        }
    }

    /// Runs a command that makes a slot.
    pub fn create(&mut self, slot: &str, command: &str, deadline: Option<Instant>) -> Result<Next<Rows>> {
        let Some(mut session) = self.take_session()? else { return Ok(Next::Interrupted) };
        let (conninfo, slot, command) = (Arc::clone(&self.conninfo), slot.to_owned(), command.to_owned());
        let done = self.perform(move |stop| async move {
            let making = Making { slot: &slot, command: &command, deadline };
            let made = creation::create(&mut session, &conninfo, making, stop.notified()).await;
            Ok((session, made))
        });
        let ((session, made), told) = done?;
        self.limits = Limits::OfCreation;
        self.keep(session);
        match made? {
            Made::Yes(rows) => {
                self.pass_on(told);
                Ok(Next::Ready(rows))
            }
            Made::Interrupted => Ok(self.given_up()),
        }
    }

    /// Whether the server still keeps the session, as far as that can be seen without asking: asking would end an
    /// exported snapshot.
    pub fn check(&mut self) -> Result<()> {
        if let Copied::Open(_) = self.copied {
            return Ok(());
        }
        match self.session.as_mut().map(AnySession::unasked) {
            Some(Unasked::Nothing) => Ok(()),
            None => Err(not_open()),
            Some(Unasked::End) => {
                self.lose();
                Err(Error::new(Status::WAL_E_CONNECTION_LOST, "the server ended the connection")
                    .with_hint("A snapshot that it exported, and its temporary slots, are gone with it. See the server's log."))
            }
        }
    }

    /// In a forked child: closes the child's copies of the descriptors and touches nothing else.
    pub fn abandon(self) {
        let socket: RawFd = self.control.socket.load(Ordering::Acquire);
        for fd in [self.control.ready.fd(), socket].into_iter().filter(|fd| *fd >= 0) {
            // SAFETY: the owners are forgotten below.
            unsafe { sys::close(fd) };
        }
        std::mem::forget(self);
    }

    /// The session, to be given to the engine; `None`: an interrupt was waiting.
    fn take_session(&mut self) -> Result<Option<AnySession>> {
        if let Some(name) = &self.snapshot {
            return Err(Error::new(
                Status::WAL_E_STATE,
                format!("the connection holds the exported snapshot {name}, which any command ends"),
            )
            .with_hint("Copy what is to be copied, then release the snapshot; or use another connection."));
        }
        if let Copied::Open(_) = self.copied {
            return Err(Error::new(
                Status::WAL_E_STATE,
                "the rows of a COPY are being read over the connection",
            )
            .with_hint("Read them to the end, or free the COPY; or use another connection."));
        }
        if self.session.is_none() {
            return Err(not_open());
        }
        if self.control.take_interrupt() {
            return Ok(None);
        }
        Ok(self.session.take())
    }

    /// A session that cannot be asked again is of no use.
    fn keep(&mut self, session: AnySession) {
        if session.is_idle() {
            self.session = Some(session);
        } else {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.session = None;
        self.snapshot = None;
        self.control.socket.store(-1, Ordering::Release);
    }

    /// What a call comes to that was given up.
    fn given_up<T>(&self) -> Next<T> {
        if self.control.is_closing() { Next::Ended } else { Next::Interrupted }
    }

    /// An interrupt that came too late is the next call's.
    fn pass_on(&self, told: Told) {
        if told == Told::Yes && !self.control.is_closing() {
            self.control.interrupt();
        }
    }

    /// Has the engine do a piece of work, and waits for it. Work that is interrupted is told so, once, and says itself
    /// what came of that.
    fn perform<T, F>(&mut self, work: impl FnOnce(Arc<Notify>) -> F) -> Result<(T, Told)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let engine = match &self.engine {
            Some(engine) => Arc::clone(engine),
            None => thread::acquire()?,
        };
        let stop = Arc::new(Notify::new());
        let promise = Promise { outcome: Arc::new(Mutex::new(None)), control: Arc::clone(&self.control) };
        let outcome = Arc::clone(&promise.outcome);
        let task = work(Arc::clone(&stop));
        engine.spawn(async move {
            promise.keep(match tokio::spawn(task).await {
                Ok(outcome) => outcome,
                Err(join) if join.is_panic() => Err(panics::error(&*join.into_panic())),
                Err(_) => Err(Error::new(Status::WAL_E_INTERNAL, "the command's task was cancelled")),
            });
        });
        self.engine = Some(engine);
        let mut told = Told::No;
        loop {
            self.control.ready.clear();
            if let Some(outcome) = lock(&outcome).take() {
                return outcome.map(|outcome| (outcome, told));
            }
            if told == Told::No && (self.control.is_closing() || self.control.take_interrupt()) {
                told = Told::Yes;
                stop.notify_one();
            }
            sys::poll(&mut [PollFd::readable(self.control.ready.fd())], -1)
                .map_err(|error| Error::os(Status::WAL_E_SYSTEM, "poll", &error))?;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.as_mut().or(self.copied.session()) {
            // Whatever becomes of it: the server sees the end of the connection too.
            let _ = session.say_goodbye();
        }
    }
}

/// Whether work was told that it is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

/// The engine's side of a piece of work: the caller hears of its end however it ends.
struct Promise<T> {
    outcome: Arc<Mutex<Option<Result<T>>>>,
    control: Arc<Control>,
}

impl<T> Promise<T> {
    fn keep(self, outcome: Result<T>) {
        *lock(&self.outcome) = Some(outcome);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        lock(&self.outcome)
            .get_or_insert_with(|| Err(Error::new(Status::WAL_E_INTERNAL, "the command's task was lost")));
        self.control.ready.signal();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session that stays: what would end it while a snapshot is copied is turned off, but for what the user's own
/// `options` say. A transaction is open for as long as the snapshot lives.
async fn open(backend: Backend, conninfo: &Conninfo, deadline: Option<Instant>) -> Result<AnySession> {
    let off = |name: &str| (name.to_owned(), "0".to_owned());
    let server_settings = vec![off("idle_in_transaction_session_timeout"), off("idle_session_timeout")];
    let settings =
        StartupSettings { server_settings, search_path: SearchPath::OfUser, ..StartupSettings::default() };
    let connecting = AnySession::connect(backend, conninfo, &settings, deadline);
    let mut session = connecting.await.map_err(explain_refusal)?;
    let version = session.server_version();
    if version < OLDEST {
        return Err(Error::new(
            Status::WAL_E_SERVER_VERSION,
            format!("the server is PostgreSQL {}, which is older than 14", version / 10_000),
        )
        .with_hint("PostgreSQL 14 is the oldest version that this library works with."));
    }
    if version >= 170_000 {
        session.query("SET transaction_timeout = 0").await?;
    }
    // A standby refuses serializable transactions, a role's default or not; the next best is what it suggests.
    if session.parameter("in_hot_standby") == Some("on") {
        let level = session.query("SHOW default_transaction_isolation").await?;
        if level.get(0, "default_transaction_isolation") == Some("serializable") {
            session.query("SET default_transaction_isolation = 'repeatable read'").await?;
        }
    }
    Ok(session)
}

/// When a call that may take so long is over.
pub(super) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

fn not_open() -> Error {
    Error::new(Status::WAL_E_STATE, "the connection is not open")
        .with_hint("Connect first, and again after the connection is lost.")
}
