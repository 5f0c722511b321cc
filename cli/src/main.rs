//! `pgwalstream`: PostgreSQL's changes, slots and publications on the command line, by the library's public API alone.
//!
//! It must never print anything but data to stdout, nor acknowledge what is not written.

#![forbid(unsafe_code)]

mod apply;
mod args;
mod capture;
mod check;
mod config;
mod connect;
mod filter;
mod journal;
mod json;
mod leftovers;
mod lines;
mod metrics;
mod output;
mod pipe;
mod pretty;
mod progress;
mod publication;
mod replay;
mod signals;
mod slot;
mod source;
mod sql;
mod table;
mod tail;
mod target;
mod trouble;
mod waldump;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use trouble::Trouble;

fn main() -> ExitCode {
    let args = match config::with_file(std::env::args_os().collect()) {
        Ok(words) => Args::parse_from(words),
        Err(trouble) => return trouble.tell(),
    };
    let done = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(run(args));
            // A thread may wait for a reader that reads no more.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(Trouble::other(format!("cannot start: {error}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(),
    }
}

async fn run(args: Args) -> Result<(), Trouble> {
    let (logged, is_quiet) = (connect::logged(&args), args.quiet);
    let options = match args.command {
        // They need no server, and no password.
        Command::Completions { .. } | Command::Man { .. } | Command::Waldump(_) => Ok(logged.clone()),
        _ => connect::options(&args),
    };
    match args.command {
        Command::Tail(tail) => tail::run(options?, tail, is_quiet).await,
        Command::Capture(capture) => capture::run(options?, capture, is_quiet).await,
        Command::Replay(replay) => replay::run(options?, replay).await,
        Command::Apply(apply) => apply::run(options?, &logged, apply, is_quiet).await,
        Command::Slot(slot) => slot::run(options?, slot).await,
        Command::Publication(publication) => publication::run(options?, publication).await,
        Command::Check(check) => check::run(options?, check).await,
        Command::Waldump(waldump) => waldump::run(&waldump, is_quiet),
        Command::Completions { shell, folder } => args::completions(shell, folder.as_deref()),
        Command::Man { folder } => args::man(&folder),
    }
}
