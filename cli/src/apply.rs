//! `pgwalstream apply`: changes into another PostgreSQL. It must never acknowledge what the target has not committed.

use std::time::Duration;

use pgwalstream::{AckMode, Connection, Options, Progress, SlotCreate, Stream};
use tokio::time::{Instant, sleep};

use crate::args::Apply;
use crate::connect::{exactly_once, of_name};
use crate::lines::is_change;
use crate::metrics::Metrics;
use crate::progress::{self, Shown};
use crate::signals::{Ends, Signals};
use crate::target::{self, Target};
use crate::trouble::{Trouble, say};

/// The longest wait before it is tried again.
const MOST: Duration = Duration::from_secs(10);

/// `logged`: options that have nothing of the source.
pub async fn run(options: Options, logged: &Options, apply: Apply, is_quiet: bool) -> Result<(), Trouble> {
    let target = logged.clone().conninfo(of_name(&apply.to));
    let mut options = options.slot(&apply.slot).ack(AckMode::Manual).progress(Progress::Acknowledged);
    for name in &apply.publications {
        options = options.publication(name);
    }
    if apply.create_slot {
        options = options.slot_create(SlotCreate::IfMissing);
    }
    if let Some(lsn) = apply.until_lsn {
        options = options.stop_lsn(lsn);
    }
    exactly_once(&options)?;
    let mut runs = Runs {
        options,
        target,
        slot: apply.slot.clone(),
        metrics: Metrics::serve(&apply.serving)?,
        shown: Shown::new(is_quiet),
        applied: false,
    };
    let mut signals = Signals::new()?;
    let mut ends = Ends::new(&mut signals, apply.timeout.map(|most| Instant::now() + most));
    tokio::select! {
        fits = runs.fit(&apply.publications) => fits?,
        () = ends.wait() => return Ok(()),
    }
    let mut wait = Duration::from_millis(200);
    loop {
        runs.applied = false;
        match runs.once(&mut ends).await {
            // The first connections must work: else it is a mistake in an argument.
            Err(trouble) if trouble.is_retriable() && runs.metrics.has_watched() => {
                runs.shown.end();
                say(format_args!("{trouble}; it is tried again"));
            }
            done => return done,
        }
        wait = if runs.applied { Duration::from_millis(200) } else { (wait * 2).min(MOST) };
        tokio::select! {
            () = sleep(wait) => {}
            () = ends.wait() => return Ok(()),
        }
    }
}

/// What the runs have in common, each of which goes on where the target is.
struct Runs {
    options: Options,
    target: Options,
    slot: String,
    metrics: Metrics,
    shown: Shown,
    /// Whether anything was applied.
    applied: bool,
}

impl Runs {
    /// Looks whether the target can be one, before anything is changed.
    async fn fit(&self, publications: &[String]) -> Result<(), Trouble> {
        let mut source = Connection::connect(&self.options).await?;
        let mut tables = Vec::new();
        for publication in publications {
            for table in source.published_tables(publication.as_str()).await? {
                tables.push((table.namespace().to_owned(), table.name().to_owned()));
            }
        }
        let identity = target::identity(&mut source).await?;
        target::fits(&self.target, &identity, &tables).await
    }

    /// Applies until an end that was asked for, a signal, or an error. Whatever the target is doing when the end comes is given
    /// up, and comes again.
    async fn once(&mut self, ends: &mut Ends<'_>) -> Result<(), Trouble> {
        let mut target = tokio::select! {
            target = Target::open(&self.target, &self.slot) => target?,
            () = ends.wait() => return Ok(()),
        };
        let mut options = self.options.clone();
        if let Some(position) = target.position()? {
            options = options.resume_after(position);
        }
        let mut stream = tokio::select! {
            stream = Stream::connect(&options) => stream?,
            () = ends.wait() => return Ok(()),
        };
        self.metrics.watch(stream.acker());
        let mut changes = 0;
        loop {
            let batch = tokio::select! {
                batch = stream.next_batch() => batch?,
                () = ends.wait() => break,
                () = self.shown.wait() => {
                    self.shown.show(&progress::of_stream(changes, &stream.stats()));
                    continue;
                }
            };
            let Some(batch) = batch else { break };
            let ack = tokio::select! {
                made = target.make(&batch) => made?,
                () = ends.wait() => break,
            };
            stream.ack(ack)?;
            changes += batch.iter().filter(|event| is_change(*event)).count() as u64;
            self.applied |= ack.is_some();
        }
        self.shown.end();
        Ok(stream.close().await?)
    }
}
