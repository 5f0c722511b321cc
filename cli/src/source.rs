//! What a stream reads, and what is made for it alone. It must never leave behind what it made.

use pgwalstream::{Connection, Options, SlotCreate, Stream};

use crate::args::Source;
use crate::leftovers::LEFT_BEHIND;
use crate::publication;
use crate::signals::Signals;
use crate::trouble::Trouble;

/// A source whose publication and slot have names.
pub struct Ready {
    options: Options,
    made: Option<Made>,
}

impl Source {
    /// Makes what is wanted for this command alone.
    pub async fn prepare(&self, options: &Options, signals: &mut Signals) -> Result<Ready, Trouble> {
        let makes = self.publications.is_empty() && !self.tables.is_empty();
        if makes && self.slot.is_some() {
            let why = "--slot and --table alone: a slot that lasts needs a publication that lasts";
            return Err(Trouble::Usage(format!(
                "{why}: give --publication too, and --table chooses from it"
            )));
        }
        let made = match makes {
            true => Some(signals.outlast(Made::new(options, &self.tables)).await?),
            false => None,
        };
        let mut options = options.clone();
        let names = self.publications.iter().chain(made.as_ref().map(|made| &made.name));
        for name in names {
            options = options.publication(name);
        }
        let options = match &self.slot {
            Some(name) if self.create_slot => options.slot(name).slot_create(SlotCreate::IfMissing),
            Some(name) => options.slot(name),
            None => {
                // The publication's own name says that its command runs, as long as the slot is there.
                let name = made.as_ref().map_or_else(unique, |made| Ok(made.name.clone()))?;
                options.slot(name).slot_create(SlotCreate::Temporary)
            }
        };
        Ok(Ready { options, made })
    }

    /// The tables that are chosen of what comes: a publication that was made has no others.
    pub fn chosen(&self) -> &[String] {
        if self.publications.is_empty() { &[] } else { &self.tables }
    }

    /// What an error of the stream means: a temporary slot is gone with its connection.
    pub fn ended(&self, error: pgwalstream::Error) -> Trouble {
        if self.slot.is_none() && error.is_retriable() { Trouble::Lost(error) } else { error.into() }
    }
}

impl Ready {
    /// The options of the stream.
    pub fn options(&self) -> Options {
        self.options.clone()
    }

    /// Removes what was made. Of two things that went wrong the first is told.
    pub async fn end(self, streamed: Result<(), Trouble>, signals: &mut Signals) -> Result<(), Trouble> {
        let dropped = match self.made {
            Some(made) => signals.outlast(made.drop()).await,
            None => Ok(()),
        };
        streamed.and(dropped)
    }
}

/// Connects. None: a signal came first.
pub async fn connect(options: &Options, signals: &mut Signals) -> Result<Option<Stream>, Trouble> {
    if signals.came() {
        return Ok(None);
    }
    tokio::select! {
        stream = Stream::connect(options) => Ok(Some(stream?)),
        () = signals.wait() => Ok(None),
    }
}

/// The publication that was made for this command.
struct Made {
    name: String,
    options: Options,
}

impl Made {
    async fn new(options: &Options, tables: &[String]) -> Result<Self, Trouble> {
        let mut connection = Connection::connect(options).await?;
        let made = Self { name: unique()?, options: options.clone() };
        publication::create(&mut connection, &made.name, tables, false).await?;
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

/// A name that nobody else has.
fn unique() -> Result<String, Trouble> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|error| Trouble::other(format!("no random bytes: {error}")))?;
    Ok(format!("pgwalstream_tail_{}", bytes.map(|byte| format!("{byte:02x}")).concat()))
}
