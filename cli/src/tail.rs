//! `pgwalstream tail`. It must never acknowledge what is not written.

use std::time::Duration;

use pgwalstream::{AckMode, Batch, BatchBoundary, Options, Progress, Stream};
use tokio::time::Instant;

use crate::args::{Ack, Tail};
use crate::lines::Lines;
use crate::metrics::Metrics;
use crate::output::{Output, Plan, Sure};
use crate::progress::Shown;
use crate::signals::{Ends, Signals};
use crate::source::{Ready, connect};
use crate::trouble::Trouble;
use crate::{leftovers, progress};

/// As good as never: a timer takes no more.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

pub async fn run(options: Options, tail: Tail, is_quiet: bool) -> Result<(), Trouble> {
    if tail.cleanup {
        return leftovers::drop_all(&options).await;
    }
    let is_terminal = Output::is_terminal(&tail.printing);
    let printer = Printer {
        lines: Lines::new(&tail.printing, tail.source.chosen(), tail.ends.count, is_terminal)?,
        shown: Shown::new(is_quiet || is_terminal),
        metrics: Metrics::serve(&tail.serving)?,
        tail,
    };
    let slot = printer.tail.source.slot.as_deref();
    let plan = Plan::new(&printer.tail.printing, printer.tail.ack.sure(), slot, &options)?;
    let mut signals = Signals::new()?;
    let ready = printer.tail.source.prepare(&options, &mut signals).await?;
    let streamed = printer.stream(&ready, plan, &mut signals).await;
    ready.end(streamed, &mut signals).await
}

impl Ack {
    fn sure(self) -> Sure {
        match self {
            Self::None => Sure::No,
            Self::Written => Sure::Written,
            Self::Fsynced => Sure::Durable,
        }
    }
}

/// Prints a stream.
struct Printer {
    tail: Tail,
    lines: Lines,
    shown: Shown,
    metrics: Metrics,
}

impl Printer {
    /// Connects and prints until one of the ends that were asked for, or a signal.
    async fn stream(mut self, ready: &Ready, plan: Plan, signals: &mut Signals) -> Result<(), Trouble> {
        let connected = connect(&self.options(ready, &plan), signals).await;
        let Some(mut stream) = connected.map_err(|trouble| plan.explain(trouble))? else { return Ok(()) };
        self.metrics.watch(stream.acker());
        let at = self.tail.ends.timeout.map(|most| Instant::now() + most.min(NEVER));
        let mut ends = Ends::new(signals, at);
        let Some(output) = ends.allow(plan.open()).await else { return Ok(stream.close().await?) };
        let mut output = output?;
        while !ends.came() {
            let next_file = output.next_file().unwrap_or(NEVER).min(NEVER);
            let batch = tokio::select! {
                batch = stream.next_batch() => batch,
                () = ends.wait() => break,
                () = tokio::time::sleep(next_file) => {
                    output.look(&mut self.lines)?;
                    continue;
                }
                () = self.shown.wait() => {
                    self.show(&stream);
                    continue;
                }
            };
            match batch {
                Ok(Some(batch)) => self.print(&batch, &mut output, &stream, &mut ends).await?,
                Ok(None) => break,
                Err(error) => return Err(self.tail.source.ended(error)),
            }
            if self.lines.is_enough() {
                break;
            }
        }
        self.shown.end();
        output.end()?;
        Ok(stream.close().await?)
    }

    fn options(&self, ready: &Ready, plan: &Plan) -> Options {
        let mut options = ready.options().ack(AckMode::Manual);
        if self.tail.ack == Ack::None || plan.has_journal() {
            // Else the slot would follow the server over what this publication leaves out, and what the journal does not tell.
            options = options.progress(Progress::Acknowledged);
        }
        if let Some(position) = plan.position() {
            options = options.resume_after(position);
        }
        if plan.rotates() {
            options = options.batch_boundary(BatchBoundary::Transaction);
        }
        match self.tail.ends.until_lsn {
            Some(lsn) => options.stop_lsn(lsn),
            None => options,
        }
    }

    /// A reader that reads no more keeps nobody from ending: what it did not take is not acknowledged.
    async fn print(
        &mut self,
        batch: &Batch,
        output: &mut Output,
        stream: &Stream,
        ends: &mut Ends<'_>,
    ) -> Result<(), Trouble> {
        self.lines.take(batch)?;
        let Some(written) = ends.allow(output.put(&mut self.lines)).await else { return Ok(()) };
        written?;
        if let Some(mark) = self.lines.mark().filter(|_| self.tail.ack != Ack::None) {
            stream.ack(mark.ack)?;
        }
        if self.shown.is_due() {
            self.show(stream);
        }
        Ok(())
    }

    fn show(&mut self, stream: &Stream) {
        self.shown.show(&progress::of_stream(self.lines.changes(), &stream.stats()));
    }
}
