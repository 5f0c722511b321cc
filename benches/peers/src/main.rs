//! Runs the clients side by side over the same WAL and tells what each costs. Started by `benches/peers/run`, `live`,
//! `latency`, `large`, `slow-disk` and `decode`, which build what it needs.

mod aims;
mod arguments;
mod chart;
mod clients;
mod decode;
mod docs;
mod large;
mod latency;
mod measure;
mod report;
mod scenario;
mod server;
mod slow;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use arguments::{Arguments, What};

/// Whatever went wrong, said to whoever started the run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What can go wrong.
pub type Result<T> = std::result::Result<T, Failure>;

/// Where things are.
#[derive(Debug)]
pub struct Paths {
    /// `…/14/bin/postgres`, `…/client-18/bin/pgbench` and so on.
    pub servers: PathBuf,
    /// The built clients: `c/`, `go/`, `release/`.
    pub built: PathBuf,
    /// Removed afterwards by whoever started us.
    pub temp: PathBuf,
    /// Where the reports go.
    pub out: PathBuf,
    /// The project, whose documents are written if that is wanted.
    pub root: PathBuf,
}

impl Paths {
    /// One of PostgreSQL's own client programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.servers.join("client-18/bin").join(name)
    }
}

fn run() -> Result<()> {
    let given = Arguments::read(std::env::args().skip(1))?;
    report::machine(""); // before the runs bring a load of their own
    match given.what {
        What::List => {
            for it in scenario::all(given.size) {
                println!("{:18} {}", it.name, it.what);
            }
            Ok(())
        }
        What::Run | What::Live => suite::run(&given),
        What::Latency => latency::run(&given),
        What::Large => large::run(&given),
        What::SlowDisk => slow::run(&given),
        What::Decode => decode::run(&given),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
