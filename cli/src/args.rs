//! What the command takes. Help, completions and man pages are made from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser, Subcommand, ValueEnum};
use pgwalstream::Lsn;

use crate::trouble::Trouble;

/// Stream PostgreSQL's changes, and look after slots and publications.
///
/// Connection parameters that are not given come from libpq's environment variables (PGHOST, PGUSER, PGPASSWORD, …) and the
/// password file. Exit status: 0 done, 1 error, 2 wrong usage, 4 changes were lost, or the server's history is another.
#[derive(Debug, Parser)]
#[command(name = "pgwalstream", version, propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// Database name, connection string or URI
    #[arg(short, long, global = true, value_name = "DBNAME|CONNINFO")]
    pub dbname: Option<String>,
    /// Host name, address, or folder of the server's socket
    #[arg(short = 'H', long, global = true)]
    pub host: Option<String>,
    /// Port of the server
    #[arg(short, long, global = true)]
    pub port: Option<u16>,
    /// Role to connect as; for streams and slots it needs REPLICATION
    #[arg(short = 'U', long, global = true, value_name = "ROLE")]
    pub username: Option<String>,
    /// Set an option of the library, as docs/options.md lists them; may be repeated
    #[arg(long = "option", global = true, value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub options: Vec<String>,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say what happens; twice for every step
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print changes as they are committed, one JSON object a line
    Tail(Tail),
    /// Print the changes of capture files
    Replay(Replay),
    /// List, make, change and drop replication slots
    #[command(subcommand)]
    Slot(Slot),
    /// List, make and drop publications
    #[command(subcommand)]
    Publication(Publication),
    /// Look for what keeps streams from working, or will hurt one day, and say the remedy
    Check(Check),
    /// Print the records of WAL files, a line each
    Waldump(Waldump),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
    },
    /// Write the man pages
    #[command(hide = true)]
    Man {
        /// Folder to write them to
        folder: PathBuf,
    },
}

/// Print changes as they are committed, one JSON object a line.
///
/// Without --slot a temporary slot is made, so that the stream begins now and leaves nothing behind; with it the stream goes on
/// where it was acknowledged. --table makes a publication and drops it at the end; a slot that lasts needs one that lasts.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["publications", "tables", "cleanup"]))]
pub struct Tail {
    /// Slot to read from; it goes on where it was acknowledged
    #[arg(short, long)]
    pub slot: Option<String>,
    /// Make the slot if it does not exist
    #[arg(long, requires = "slot")]
    pub create_slot: bool,
    /// Publication to read; may be repeated
    #[arg(short = 'P', long = "publication", value_name = "NAME")]
    pub publications: Vec<String>,
    /// Table to read from now on, as SQL writes it; a publication is made for it and dropped at the end. May be repeated
    #[arg(short, long = "table", value_name = "TABLE", conflicts_with = "slot")]
    pub tables: Vec<String>,
    /// Only drop the publications that a killed tail left behind; not while another tail is starting
    #[arg(long, conflicts_with_all = ["slot", "publications", "tables", "output", "until_lsn", "count", "timeout"])]
    pub cleanup: bool,
    /// Write to a file, which is appended to, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What is acknowledged to the server, so that it never comes again
    #[arg(long, value_enum, default_value_t = Ack::Written)]
    pub ack: Ack,
    /// End before the first transaction that commits at or after this position
    #[arg(long, value_name = "LSN")]
    pub until_lsn: Option<Lsn>,
    /// End after this many changes, at the end of their transaction
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Print BEGIN and COMMIT too, and whatever else comes
    #[arg(long)]
    pub transactions: bool,
}

/// What is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ack {
    /// Nothing: the slot stays where it is
    None,
    /// What was written to stdout or the file
    Written,
    /// What the file's disk has; needs --output
    Fsynced,
}

#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Capture files, the oldest first
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print BEGIN and COMMIT too, and whatever else comes
    #[arg(long)]
    pub transactions: bool,
}

/// Look for what keeps streams from working, or will hurt one day, and say the remedy.
///
/// Settings, rights, what is left of slots and senders, slots that are lost or unread, publications, tables without a replica
/// identity. Nothing is changed. What the role may not see is "unknown". Exit status 1 if something keeps streams from working.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Look at this slot alone; it must be there, and fit
    #[arg(short, long)]
    pub slot: Option<String>,
    /// Look at this publication alone; it must be there. May be repeated
    #[arg(short = 'P', long = "publication", value_name = "NAME")]
    pub publications: Vec<String>,
    /// Print a JSON object for each finding
    #[arg(long)]
    pub json: bool,
}

/// Print the records of WAL files, a line each, as pg_waldump does.
///
/// It reads the WAL of PostgreSQL 14 to 18 without knowing which one wrote it. The checksum of each record is checked. Exit status 1 if the
/// WAL is damaged, or ends before --end; zeros or older pages behind the last record of the last file are no damage.
#[derive(Debug, clap::Args)]
pub struct Waldump {
    /// Segment, or folder of segments such as pg_wal
    #[arg(value_name = "FILE|DIR")]
    pub path: PathBuf,
    /// Begin with the first record at or after this position
    #[arg(short, long, value_name = "LSN")]
    pub start: Option<Lsn>,
    /// End before this position
    #[arg(short, long, value_name = "LSN")]
    pub end: Option<Lsn>,
    /// Print records of this resource manager alone, such as Heap; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub rmgr: Vec<String>,
    /// Print records of this transaction alone
    #[arg(short, long)]
    pub xid: Option<u32>,
    /// End after this many lines
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// Read no segment of a later timeline, in a folder
    #[arg(short, long, value_name = "N")]
    pub timeline: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub enum Slot {
    /// List the slots with their lag, the WAL that they hold back, and what is wrong
    List {
        /// Print a JSON object for each
        #[arg(long)]
        json: bool,
    },
    /// Make a slot
    Create {
        /// Name of the slot
        name: String,
        /// Output plugin
        #[arg(long, default_value = "pgoutput", conflicts_with = "physical")]
        plugin: String,
        /// Make a slot for the WAL itself
        #[arg(long)]
        physical: bool,
        /// Hold WAL back from now on, with --physical
        #[arg(long, requires = "physical")]
        reserve_wal: bool,
        /// Send prepared transactions when they are prepared
        #[arg(long)]
        two_phase: bool,
        /// Let standbys keep a copy (PostgreSQL 17)
        #[arg(long)]
        failover: bool,
    },
    /// Drop slots: the server forgets what their consumers have not seen
    Drop {
        /// Names of the slots
        #[arg(required = true)]
        names: Vec<String>,
        /// Wait until the consumer has let go of it
        #[arg(long)]
        wait: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Change what a slot does
    Alter {
        /// Name of the slot
        name: String,
        /// Let standbys keep a copy (PostgreSQL 17)
        #[arg(long, value_name = "on|off", value_parser = switch)]
        failover: Option<bool>,
        /// Send prepared transactions when they are prepared (PostgreSQL 18)
        #[arg(long, value_name = "on|off", value_parser = switch)]
        two_phase: Option<bool>,
    },
    /// Move a slot forward: its consumer never sees what lies between
    Advance {
        /// Name of the slot
        name: String,
        /// Where to
        lsn: Lsn,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Make a slot that stands where another one does
    Copy {
        /// Slot to copy
        source: String,
        /// Name of the new slot
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Publication {
    /// List the publications of the database
    List {
        /// Print a JSON object for each
        #[arg(long)]
        json: bool,
    },
    /// Make a publication
    Create {
        /// Name of the publication
        name: String,
        /// Table to publish, as SQL writes it; may be repeated
        #[arg(
            short,
            long = "table",
            value_name = "TABLE",
            required_unless_present = "all_tables",
            conflicts_with = "all_tables"
        )]
        tables: Vec<String>,
        /// Publish all tables, those to come too
        #[arg(long)]
        all_tables: bool,
        /// Let the changes of partitions come as those of the table at their root
        #[arg(long)]
        via_partition_root: bool,
    },
    /// Drop publications
    Drop {
        /// Names of the publications
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// List the tables of a publication, and which updates and deletes cannot be told apart
    Tables {
        /// Name of the publication
        name: String,
        /// Print a JSON object for each
        #[arg(long)]
        json: bool,
    },
}

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "pgwalstream", &mut script);
    crate::output::print(&script)
}

/// Writes a man page for each command.
pub fn man(folder: &Path) -> Result<(), Trouble> {
    clap_mangen::generate_to(Args::command(), folder).map_err(|error| {
        Trouble::other(format!("cannot write the man pages to {}: {error}", folder.display()))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds, such as 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Args::command().debug_assert();
    }
}
