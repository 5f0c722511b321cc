//! `pgwalstream`: PostgreSQL's changes, slots and publications on the command line, by the library's public API alone.
//!
//! It must never print anything but data to stdout, nor acknowledge what is not written.

#![forbid(unsafe_code)]

mod args;
mod check;
mod connect;
mod json;
mod leftovers;
mod output;
mod publication;
mod replay;
mod slot;
mod table;
mod tail;
mod trouble;
mod waldump;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use trouble::Trouble;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(Trouble::other(format!("cannot start: {error}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(),
    }
}

async fn run(args: Args) -> Result<(), Trouble> {
    let options = connect::options(&args);
    let quiet = args.quiet;
    match args.command {
        Command::Tail(tail) => tail::run(options?, tail).await,
        Command::Replay(replay) => replay::run(options?, replay).await,
        Command::Slot(slot) => slot::run(options?, slot).await,
        Command::Publication(publication) => publication::run(options?, publication).await,
        Command::Check(check) => check::run(options?, check).await,
        Command::Waldump(waldump) => waldump::run(&waldump, quiet),
        Command::Completions { shell } => args::completions(shell),
        Command::Man { folder } => args::man(&folder),
    }
}
