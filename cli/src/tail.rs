//! `pgwalstream tail`. It must never acknowledge what is not written, nor leave behind what it made for itself.

use std::time::Duration;

use pgwalstream::{
    AckMode, Batch, Connection, EventKind, Lsn, NewPublication, Options, Progress, Renderer, SlotCreate,
    Stream,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Ack, Tail};
use crate::json;
use crate::leftovers::{self, LEFT_BEHIND};
use crate::output::Output;
use crate::trouble::Trouble;

pub async fn run(options: Options, tail: Tail) -> Result<(), Trouble> {
    if tail.ack == Ack::Fsynced && tail.output.is_none() {
        return Err(Trouble::Usage("--ack fsynced needs --output: stdout has no disk".to_owned()));
    }
    if tail.cleanup {
        return leftovers::drop_all(&options).await;
    }
    let mut signals = Signals::new()?;
    let made = match tail.tables.join(", ") {
        none if none.is_empty() => None,
        tables => Some(signals.outlast(Made::new(&options, &tables)).await?),
    };
    let streamed =
        if signals.came { Ok(()) } else { stream(&options, &tail, made.as_ref(), &mut signals).await };
    let dropped = match made {
        Some(made) => signals.outlast(made.drop()).await,
        None => Ok(()),
    };
    streamed.and(dropped)
}

/// Connects and prints until one of the ends that were asked for, or a signal.
async fn stream(
    options: &Options,
    tail: &Tail,
    made: Option<&Made>,
    signals: &mut Signals,
) -> Result<(), Trouble> {
    let mut output = Output::open(tail.output.as_deref())?;
    let mut options = options.clone().ack(AckMode::Manual);
    if tail.ack == Ack::None {
        // Else the slot would follow the server over what this publication leaves out.
        options = options.progress(Progress::Acknowledged);
    }
    for name in tail.publications.iter().map(String::as_str).chain(made.map(|made| made.name.as_str())) {
        options = options.publication(name);
    }
    options = match &tail.slot {
        Some(name) if tail.create_slot => options.slot(name).slot_create(SlotCreate::IfMissing),
        Some(name) => options.slot(name),
        None => {
            // The publication's own name says that its command runs, as long as the slot is there.
            let name = made.map_or_else(unique, |made| Ok(made.name.clone()))?;
            options.slot(name).slot_create(SlotCreate::Temporary)
        }
    };
    if let Some(lsn) = tail.until_lsn {
        options = options.stop_lsn(lsn);
    }
    let mut stream = tokio::select! {
        stream = Stream::connect(&options) => stream?,
        () = signals.wait() => return Ok(()),
    };
    let mut printer = Printer { tail, renderer: json::renderer()?, changes: 0, ack: None };
    let end = tail.timeout.map_or(Duration::MAX, |timeout| timeout);
    let end = tokio::time::sleep(end.min(Duration::from_secs(u64::from(u32::MAX))));
    tokio::pin!(end);
    loop {
        let batch = tokio::select! {
            batch = stream.next_batch() => batch,
            () = signals.wait() => break,
            () = &mut end => break,
        };
        let batch = match batch {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) if tail.slot.is_none() && error.is_retriable() => return Err(Trouble::Lost(error)),
            Err(error) => return Err(error.into()),
        };
        let enough = printer.take(&batch)?;
        output.write(printer.renderer.lines())?;
        if tail.ack == Ack::Fsynced {
            output.sync()?;
        }
        if tail.ack != Ack::None {
            stream.ack(printer.ack)?;
        }
        if enough {
            break;
        }
    }
    Ok(stream.close().await?)
}

/// Turns batches into lines, and knows when it is enough.
struct Printer<'a> {
    tail: &'a Tail,
    renderer: Renderer,
    changes: u64,
    ack: Option<Lsn>,
}

impl Printer<'_> {
    /// The lines of a batch. True: no more is wanted.
    fn take(&mut self, batch: &Batch) -> Result<bool, Trouble> {
        self.renderer.clear();
        for event in batch {
            let is_change = json::is_change(event);
            if is_change || self.tail.transactions && event.kind() != EventKind::Progress {
                self.renderer.push(event)?;
            }
            self.changes += u64::from(is_change);
            if let Some(lsn) = event.ack_lsn() {
                self.ack = Some(lsn);
                if self.tail.count.is_some_and(|most| self.changes >= most) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The publication that was made for this command.
struct Made {
    name: String,
    options: Options,
}

impl Made {
    async fn new(options: &Options, tables: &str) -> Result<Self, Trouble> {
        let mut connection = Connection::connect(options).await?;
        let made = Self { name: unique()?, options: options.clone() };
        connection.create_publication(NewPublication::of_tables(&made.name, tables)).await?;
        // For those who find it after a kill.
        let comment = format!("COMMENT ON PUBLICATION {} IS '{LEFT_BEHIND}'", made.name);
        match connection.query(comment).await {
            Ok(_) => Ok(made),
            Err(error) => made.drop().await.and(Err(error.into())),
        }
    }

    /// Over a connection of its own: one from the beginning might be lost by now.
    async fn drop(self) -> Result<(), Trouble> {
        let mut connection = Connection::connect(&self.options).await?;
        connection.drop_publication(&self.name).await.map_err(|error| {
            let why = error.message();
            Trouble::other(format!("publication {} stays behind: {why}\n  hint: drop it", self.name))
        })
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    came: bool,
}

impl Signals {
    fn new() -> Result<Self, Trouble> {
        let listen =
            |kind| signal(kind).map_err(|error| Trouble::other(format!("cannot wait for signals: {error}")));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, came: false })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.came = true;
    }

    /// Finishes what would leave something behind. A signal while another has been noted ends the process all the same.
    async fn outlast<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            let noted = self.came;
            tokio::select! {
                done = &mut work => return done,
                () = self.wait() => if noted { std::process::exit(130) },
            }
        }
    }
}

/// A name that nobody else has.
fn unique() -> Result<String, Trouble> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|error| Trouble::other(format!("no random bytes: {error}")))?;
    Ok(format!("pgwalstream_tail_{}", bytes.map(|byte| format!("{byte:02x}")).concat()))
}
