//! `pgwalstream replay`: capture files as a stream.

use pgwalstream::{ErrorCode, Options, Stream, Streaming};

use crate::args::Replay;
use crate::json;
use crate::output::Output;
use crate::trouble::Trouble;

pub async fn run(options: Options, command: Replay) -> Result<(), Trouble> {
    let mut output = Output::open(None)?;
    let mut renderer = json::renderer()?;
    // A capture may hold streamed transactions, and of these only what was committed is a change.
    let assembled = options.clone().streaming(Streaming::Assembled);
    let mut stream = match Stream::replay_files(command.files.clone(), &assembled) {
        // What is not decoded cannot be assembled.
        Err(error) if error.code() == ErrorCode::BadOption => Stream::replay_files(command.files, &options)?,
        opened => opened?,
    };
    while let Some(batch) = stream.next_batch().await? {
        renderer.clear();
        for event in &batch {
            if command.transactions || json::is_change(event) {
                renderer.push(event)?;
            }
        }
        output.write(renderer.lines())?;
    }
    Ok(())
}
