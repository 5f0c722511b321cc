//! Where changes come from, and when to end. It must never say two things about one argument: all streams share it.

use std::net::SocketAddr;
use std::time::Duration;

use pgwalstream::Lsn;

/// What a stream reads.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// Slot to read from; it goes on where it was acknowledged
    #[arg(short, long)]
    pub slot: Option<String>,
    /// Make the slot if it does not exist
    #[arg(long, requires = "slot")]
    pub create_slot: bool,
    /// Publication to read; may be repeated
    #[arg(short = 'P', long = "publication", value_name = "NAME")]
    pub publications: Vec<String>,
    /// Table to read from now on, as SQL writes it; a publication is made for it and dropped at the end. With --publication a
    /// pattern: only such tables of it are printed. May be repeated
    #[arg(short, long = "table", value_name = "TABLE")]
    pub tables: Vec<String>,
}

/// When a stream ends.
#[derive(Debug, clap::Args)]
pub struct Ends {
    /// End before the first transaction that commits at or after this position
    #[arg(long, value_name = "LSN")]
    pub until_lsn: Option<Lsn>,
    /// End after this many changes, at the end of their transaction
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    pub timeout: Option<Duration>,
}

/// What a command that runs for long tells others.
#[derive(Debug, clap::Args)]
pub struct Serving {
    /// Serve Prometheus's metrics at http://ADDRESS/metrics, and /healthz
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
}
