//! A connection for commands, for a Rust program: slots, publications, health and SQL.
//!
//! It must never block the program's runtime: what waits for the server is done on a helper thread.

use std::sync::{Arc, Mutex, PoisonError};

use super::copy::{CopyFormat, CopyOut};
use super::options::Options;
use super::publication::{NewPublication, Publication, PublishedTable};
use super::slot::{NewSlot, Slot, SlotHealth};
use crate::engine::{self, Control, Next, aside};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::session::Rows;
use crate::stream::slot_commands::InUse;
use crate::sys::ForkGuard;

/// A connection beside the streams, for commands: one at a time, each a future.
///
/// It is a replication connection to a database, so that it takes the replication commands and SQL alike. Dropping a
/// future gives its command up: the server is asked to cancel it, and the next command waits until that is over. A command
/// that was given up may have been done.
///
/// ```no_run
/// # async fn run() -> Result<(), pgwalstream::Error> {
/// use pgwalstream::{Connection, NewSlot, Options};
///
/// let mut connection = Connection::connect(&Options::new().conninfo("dbname=shop")).await?;
/// let slot = connection.create_slot(NewSlot::logical("shop_slot").failover(true)).await?;
/// println!("{} sends from {} on", slot.name(), slot.consistent_point().unwrap_or_default());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    /// None only while it is being dropped.
    inner: Option<Arc<Mutex<engine::Connection>>>,
    control: Arc<Control>,
    process: ForkGuard,
}

/// What to do while somebody uses the slot that is to be dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropSlot {
    /// Give up: [`ErrorCode::SlotActive`](crate::ErrorCode::SlotActive).
    #[default]
    IfFree,
    /// Wait until it is released.
    WhenFree,
}

impl Connection {
    /// Connects. Of the options it takes `conninfo`, `env`, `backend` and `publication`, which [`create_slot`](Self::create_slot)
    /// looks for; slot and publication are not needed. Dropping the future gives the attempt up.
    pub async fn connect(options: &Options) -> Result<Self> {
        let process = engine::process()?;
        let inner = options.connection()?;
        let control = Arc::clone(inner.control());
        let mut it = Self { inner: Some(Arc::new(Mutex::new(inner))), control, process };
        it.run(|connection| connection.connect(None)).await?;
        Ok(it)
    }

    /// The server's version as a number: 180004 for 18.4.
    pub fn server_version(&self) -> u32 {
        self.control.version()
    }

    /// Begins a `COPY … TO STDOUT`, whose rows come in batches, as the program asks for them: memory stays flat. The format
    /// must be the statement's.
    ///
    /// ```no_run
    /// # async fn run(mut connection: pgwalstream::Connection) -> Result<(), pgwalstream::Error> {
    /// use pgwalstream::CopyFormat;
    ///
    /// let mut copy = connection.copy_out("COPY orders TO STDOUT (FORMAT binary)", CopyFormat::Binary).await?;
    /// while let Some(rows) = copy.next_batch().await? {
    ///     println!("{} rows of {} columns", rows.len(), rows.columns());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn copy_out(&mut self, sql: impl Into<String>, format: CopyFormat) -> Result<CopyOut<'_>> {
        let sql = sql.into();
        let number = self.run(move |connection| connection.copy_open(&sql, format.into(), None)).await?;
        Ok(CopyOut::new(self, number))
    }

    /// Cancels a COPY whose rows nobody wants any more.
    pub(super) async fn end_copy(&mut self) -> Result<()> {
        self.run(|_| Ok(Next::Ready(()))).await
    }

    /// Runs SQL, and gives the rows of its last statement as text. `COPY` is refused: see [`copy_out`](Self::copy_out).
    pub async fn query(&mut self, sql: impl Into<String>) -> Result<Rows> {
        let sql = sql.into();
        self.run(move |connection| connection.query(&sql, None)).await
    }

    /// Makes a replication slot. Making a logical one waits for the transactions that are running.
    pub async fn create_slot(&mut self, new: NewSlot) -> Result<Slot> {
        self.run(move |connection| connection.create_slot(new.borrow(), None)).await.map(Slot::new)
    }

    /// Makes a slot that stands where another one does.
    pub async fn copy_slot(&mut self, source: impl Into<String>, new: NewSlot) -> Result<Slot> {
        let source = source.into();
        self.run(move |connection| connection.copy_slot(&source, new.borrow(), None)).await.map(Slot::new)
    }

    /// Turns the properties `two_phase` (PostgreSQL 18) and `failover` (17) of a slot on or off; `None` leaves one alone.
    pub async fn alter_slot(
        &mut self,
        name: impl Into<String>,
        two_phase: Option<bool>,
        failover: Option<bool>,
    ) -> Result<()> {
        let (name, on, off) = (
            name.into(),
            NewSlot::bits(two_phase, failover, true),
            NewSlot::bits(two_phase, failover, false),
        );
        self.run(move |connection| connection.alter_slot(&name, on, off, None)).await
    }

    /// Drops a slot: the server forgets what its consumer has not seen.
    pub async fn drop_slot(&mut self, name: impl Into<String>, how: DropSlot) -> Result<()> {
        let in_use = if how == DropSlot::WhenFree { InUse::Wait } else { InUse::Refuse };
        let name = name.into();
        self.run(move |connection| connection.drop_slot(&name, in_use, None)).await
    }

    /// What is known of a slot.
    pub async fn slot(&mut self, name: impl Into<String>) -> Result<Slot> {
        let name = name.into();
        self.run(move |connection| connection.read_slot(&name, None)).await.map(Slot::new)
    }

    /// All slots of the server.
    pub async fn slots(&mut self) -> Result<Vec<Slot>> {
        let rows = self.run(|connection| connection.list_slots(None)).await?;
        Ok(rows.into_iter().map(Slot::new).collect())
    }

    /// Moves a slot forward, at most to where the server is, and gives where it came to.
    pub async fn advance_slot(&mut self, name: impl Into<String>, to: Lsn) -> Result<Lsn> {
        let name = name.into();
        self.run(move |connection| connection.advance_slot(&name, to, None)).await.map(Lsn)
    }

    /// How a slot is doing: how far its consumer is behind, and how much more WAL may be written before it is lost.
    pub async fn slot_health(&mut self, name: impl Into<String>) -> Result<SlotHealth> {
        let name = name.into();
        let (at, health) = self.run(move |connection| connection.slot_health(&name, None)).await?;
        Ok(SlotHealth::new(at, health))
    }

    /// Makes a publication.
    pub async fn create_publication(&mut self, new: NewPublication) -> Result<()> {
        self.run(move |connection| connection.create_publication(&new.name, &new.tables, new.flags, None))
            .await
    }

    /// Drops a publication.
    pub async fn drop_publication(&mut self, name: impl Into<String>) -> Result<()> {
        let name = name.into();
        self.run(move |connection| connection.drop_publication(&name, None)).await
    }

    /// The publications of the database.
    pub async fn publications(&mut self) -> Result<Vec<Publication>> {
        let rows = self.run(|connection| connection.list_publications(None)).await?;
        Ok(rows.into_iter().map(Publication::new).collect())
    }

    /// The tables of a publication, with what is wrong with their replica identities.
    pub async fn published_tables(&mut self, publication: impl Into<String>) -> Result<Vec<PublishedTable>> {
        let name = publication.into();
        let rows = self.run(move |connection| connection.published_tables(&name, None)).await?;
        Ok(rows.into_iter().map(PublishedTable::new).collect())
    }

    /// Whether the server still keeps the session, as far as that can be seen without asking: asking would end an exported
    /// snapshot.
    pub async fn check(&mut self) -> Result<()> {
        self.run(|connection| connection.check().map(Next::Ready)).await
    }

    /// Lets the next command end the snapshot that [`create_slot`](Self::create_slot) exported. Before this every command is
    /// refused with [`ErrorCode::State`](crate::ErrorCode::State).
    pub async fn release_snapshot(&mut self) -> Result<()> {
        let release = |connection: &mut engine::Connection| {
            connection.release_snapshot();
            Ok(Next::Ready(()))
        };
        self.run(release).await
    }

    /// A command. A COPY that was dropped is ended first.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut engine::Connection) -> Result<Next<T>> + Send + 'static,
    ) -> Result<T> {
        // Whoever reads a COPY borrows the connection: now nobody does, even if the future that opened it was dropped.
        self.go_on(move |connection| {
            connection.copy_end()?;
            work(connection)
        })
        .await
    }

    /// The same in the middle of a COPY.
    pub(super) async fn go_on<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut engine::Connection) -> Result<Next<T>> + Send + 'static,
    ) -> Result<T> {
        if self.process.is_forked_child() {
            return Err(Error::new(Status::WAL_E_FORKED, "the connection belongs to the parent process"));
        }
        let Some(inner) = &self.inner else {
            return Err(Error::new(Status::WAL_E_STATE, "the connection is closed"));
        };
        let inner = Arc::clone(inner);
        let interest = Interest(Command::new(&self.control));
        let command = Arc::clone(&interest.0);
        let done = aside(move || {
            // The command before, if it was given up, is over once the lock is free.
            let mut connection = inner.lock().unwrap_or_else(PoisonError::into_inner);
            if !command.begin() {
                return Ok(Next::Interrupted);
            }
            let done = work(&mut connection);
            command.end();
            done
        });
        match done.await?? {
            Next::Ready(value) => Ok(value),
            Next::TimedOut | Next::Interrupted | Next::Ended => {
                Err(Error::new(Status::WAL_E_STATE, "the command was given up, since its future was dropped"))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.process.is_forked_child() {
            // A thread of the parent may be inside it: without one the child closes its copies of the descriptors.
            match Arc::try_unwrap(inner).map(Mutex::into_inner) {
                Ok(Ok(connection)) => connection.abandon(),
                Ok(Err(poisoned)) => poisoned.into_inner().abandon(),
                Err(shared) => std::mem::forget(shared),
            }
            return;
        }
        self.control.begin_close();
    }
}

/// A command, as its future and the helper thread both see it.
struct Command {
    stage: Mutex<Stage>,
    control: Arc<Control>,
}

enum Stage {
    Waiting,
    Running,
    Over,
}

impl Command {
    fn new(control: &Arc<Control>) -> Arc<Self> {
        Arc::new(Self { stage: Mutex::new(Stage::Waiting), control: Arc::clone(control) })
    }

    /// On the helper thread; false if the command was given up before. Then it must not run: nobody would cancel it.
    fn begin(&self) -> bool {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Over = *stage {
            return false;
        }
        self.control.interrupt_clear();
        *stage = Stage::Running;
        true
    }

    fn end(&self) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Over;
    }

    /// The future's. A command that is over leaves no interrupt behind for the next one.
    fn give_up(&self) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Running = std::mem::replace(&mut *stage, Stage::Over) {
            self.control.interrupt();
        }
    }
}

/// The future's: once it is dropped before its command is done, the command is given up.
struct Interest(Arc<Command>);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
