//! `pgwalstream apply`: changes into another PostgreSQL. It must never acknowledge what the target has not committed.

use std::time::Duration;

use pgwalstream::{AckMode, Options, Progress, SlotCreate};
use tokio::time::{Instant, sleep, sleep_until};

use crate::args::Apply;
use crate::connect::of_name;
use crate::lines::is_change;
use crate::metrics::Metrics;
use crate::progress::{self, Shown};
use crate::signals::Signals;
use crate::source::connect;
use crate::target::Target;
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
    let mut runs = Runs {
        options,
        target,
        slot: apply.slot.clone(),
        end: apply.timeout.map(|most| Instant::now() + most),
        metrics: Metrics::serve(&apply.serving)?,
        shown: Shown::new(is_quiet),
        applied: false,
    };
    let mut signals = Signals::new()?;
    let mut wait = Duration::from_millis(200);
    loop {
        runs.applied = false;
        match runs.once(&mut signals).await {
            // The first connections must work: else it is a mistake in an argument.
            Err(Trouble::Library(error)) if error.is_retriable() && runs.metrics.has_watched() => {
                runs.shown.end();
                say(format_args!("{}; it is tried again", error.message()));
            }
            done => return done,
        }
        wait = if runs.applied { Duration::from_millis(200) } else { (wait * 2).min(MOST) };
        tokio::select! {
            () = sleep(wait) => {}
            () = signals.wait() => return Ok(()),
        }
    }
}

/// What the runs have in common, each of which goes on where the target is.
struct Runs {
    options: Options,
    target: Options,
    slot: String,
    end: Option<Instant>,
    metrics: Metrics,
    shown: Shown,
    /// Whether anything was applied.
    applied: bool,
}

impl Runs {
    /// Applies until an end that was asked for, a signal, or an error.
    async fn once(&mut self, signals: &mut Signals) -> Result<(), Trouble> {
        let mut target = Target::open(&self.target, &self.slot).await?;
        let mut options = self.options.clone();
        if let Some(position) = target.position()? {
            options = options.resume_after(position);
        }
        let Some(mut stream) = connect(&options, signals).await? else { return Ok(()) };
        self.metrics.watch(stream.acker());
        let end = self.end;
        let end = async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(end);
        let mut changes = 0;
        loop {
            let batch = tokio::select! {
                batch = stream.next_batch() => batch?,
                () = signals.wait() => break,
                () = &mut end => break,
                () = self.shown.wait() => {
                    self.shown.show(&progress::of_stream(changes, &stream.stats()));
                    continue;
                }
            };
            let Some(batch) = batch else { break };
            let ack = target.make(&batch).await?;
            stream.ack(ack)?;
            changes += batch.iter().filter(|event| is_change(*event)).count() as u64;
            self.applied |= ack.is_some();
        }
        self.shown.end();
        Ok(stream.close().await?)
    }
}
