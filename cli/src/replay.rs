//! `pgwalstream replay`: capture files as a stream.

use pgwalstream::{Options, Stream};

use crate::args::Replay;
use crate::json;
use crate::output::Output;
use crate::trouble::Trouble;

pub async fn run(options: Options, command: Replay) -> Result<(), Trouble> {
    let mut output = Output::open(None)?;
    let mut lines = String::new();
    let mut stream = Stream::replay_files(command.files, &options)?;
    while let Some(batch) = stream.next_batch().await? {
        lines.clear();
        for event in &batch {
            if command.transactions || json::is_change(event) {
                json::write_event(event, &mut lines)?;
            }
        }
        output.write(lines.as_bytes())?;
    }
    Ok(())
}
