//! `pgwalstream replay`: capture files as a stream. It must never print what was not committed.

use pgwalstream::{ErrorCode, Options, Stream, Streaming};

use crate::args::Replay;
use crate::lines::Lines;
use crate::output::{Output, Plan, Sure};
use crate::signals::Signals;
use crate::trouble::Trouble;

pub async fn run(options: Options, command: Replay) -> Result<(), Trouble> {
    let is_terminal = Output::is_terminal(&command.printing);
    let mut lines = Lines::new(&command.printing, &command.tables, command.count, is_terminal)?;
    let plan = Plan::new(&command.printing, Sure::No, false)?;
    // A capture may hold streamed transactions, and of these only what was committed is a change.
    let assembled = options.clone().streaming(Streaming::Assembled);
    let mut stream = match Stream::replay_files(command.files.clone(), &assembled) {
        // What is not decoded cannot be assembled.
        Err(error) if error.code() == ErrorCode::BadOption => Stream::replay_files(command.files, &options)?,
        opened => opened?,
    };
    let mut signals = Signals::new()?;
    let mut output = plan.open()?;
    while !lines.is_enough() {
        let batch = tokio::select! {
            batch = stream.next_batch() => batch?,
            () = signals.wait() => break,
        };
        let Some(batch) = batch else { break };
        lines.take(&batch)?;
        output.put(&mut lines)?;
    }
    Ok(())
}
