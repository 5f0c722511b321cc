//! `pgwalstream replay`: capture files as a stream. It must never print what was not committed.

use pgwalstream::{ErrorCode, Options, Stream, Streaming};

use crate::args::Replay;
use crate::lines::Lines;
use crate::output::{Output, Plan, Sure};
use crate::signals::{Ends, Signals};
use crate::trouble::Trouble;

pub async fn run(options: Options, command: Replay) -> Result<(), Trouble> {
    let is_terminal = Output::is_terminal(&command.printing);
    let mut lines = Lines::new(&command.printing, &command.tables, command.count, is_terminal)?;
    let plan = Plan::new(&command.printing, Sure::No, None, &options)?;
    // A capture may hold streamed transactions, and of these only what was committed is a change.
    let assembled = options.clone().streaming(Streaming::Assembled);
    let mut stream = match Stream::replay_files(command.files.clone(), &assembled) {
        // What is not decoded cannot be assembled.
        Err(error) if error.code() == ErrorCode::BadOption => Stream::replay_files(command.files, &options)?,
        opened => opened?,
    };
    let mut signals = Signals::new()?;
    let mut ends = Ends::new(&mut signals, None);
    let Some(output) = ends.allow(plan.open()).await else { return Ok(()) };
    let mut output = output?;
    while !lines.is_enough() && !ends.came() {
        let batch = tokio::select! {
            batch = stream.next_batch() => batch?,
            () = ends.wait() => break,
        };
        let Some(batch) = batch else { break };
        lines.take(&batch)?;
        match ends.allow(output.put(&mut lines)).await {
            Some(written) => written?,
            None => break,
        }
    }
    Ok(())
}
