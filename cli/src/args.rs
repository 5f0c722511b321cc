//! What the command takes. Help, completions and man pages are made from it.

mod printing;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use pgwalstream::Lsn;

use crate::trouble::Trouble;

pub use printing::{Color, Format, Printing};
pub use source::{Ends, Serving, Source};

/// Stream PostgreSQL's changes, and look after slots and publications.
///
/// Connection parameters that are not given come from libpq's environment variables (PGHOST, PGUSER, PGPASSWORD and others) and the
/// password file. Exit status: 0 done, 1 error, 2 wrong usage, 4 changes were lost, or the server's history is another.
#[derive(Debug, Parser)]
#[command(
    name = "pgwalstream",
    version,
    propagate_version = true,
    max_term_width = 100,
    disable_help_flag = true
)]
pub struct Args {
    /// Database name, connection string or URI
    #[arg(short, long, global = true, value_name = "DBNAME|CONNINFO", help_heading = "Connecting")]
    pub dbname: Option<String>,
    /// Host name, address, or folder of the server's socket
    #[arg(short = 'h', long, global = true, help_heading = "Connecting")]
    pub host: Option<String>,
    /// Port of the server
    #[arg(short, long, global = true, help_heading = "Connecting")]
    pub port: Option<u16>,
    /// Role to connect as; for streams and slots it needs REPLICATION
    #[arg(short = 'U', long, global = true, value_name = "ROLE", help_heading = "Connecting")]
    pub username: Option<String>,
    /// Ask for the password before connecting
    #[arg(short = 'W', long, global = true, help_heading = "Connecting")]
    pub password: bool,
    /// Read arguments from this file too; without it from the one that PGWALSTREAM_CONFIG names
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connecting")]
    pub config: Option<PathBuf>,
    /// Set an option of the library, as docs/options.md lists them; may be repeated
    #[arg(long = "option", global = true, value_name = "NAME=VALUE", action = ArgAction::Append, help_heading = "Connecting")]
    pub options: Vec<String>,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = "General")]
    pub quiet: bool,
    /// Say what happens; twice for every step
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "General")]
    pub verbose: u8,
    /// Print help: short with -?, all of it with --help
    #[arg(short = '?', long, global = true, action = ArgAction::Help, help_heading = "General")]
    pub help: Option<bool>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Tail(Tail),
    Capture(Capture),
    Replay(Replay),
    Apply(Apply),
    /// List, make, change and drop replication slots
    #[command(subcommand)]
    Slot(Slot),
    /// List, make and drop publications
    #[command(subcommand)]
    Publication(Publication),
    Check(Check),
    /// Print the records of WAL files, a line each
    Waldump(Waldump),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
        /// Write it to this folder, under the name by which the shell finds it
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Write the man pages
    #[command(hide = true)]
    Man {
        /// Folder to write them to
        folder: PathBuf,
    },
}

/// Print changes as they are committed.
///
/// Without --slot a temporary slot is made, so that the stream begins now and leaves nothing behind; with it the stream goes on
/// where it was acknowledged. --table alone makes a publication and drops it at the end; a slot that lasts needs one that lasts.
///
/// With --slot and --output each change is in the file once, whatever ended the command: FILE.position tells how far the file is.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["publications", "tables", "cleanup"]))]
pub struct Tail {
    #[command(flatten)]
    pub source: Source,
    /// Only drop the publications that a killed tail left behind; not while another tail is starting
    #[arg(long, conflicts_with_all = ["slot", "publications", "tables", "output", "until_lsn", "count", "timeout", "metrics"])]
    pub cleanup: bool,
    #[command(flatten)]
    pub printing: Printing,
    /// What is acknowledged to the server, so that it never comes again
    #[arg(long, value_enum, default_value_t = Ack::Written)]
    pub ack: Ack,
    #[command(flatten)]
    pub ends: Ends,
    #[command(flatten)]
    pub serving: Serving,
}

/// What is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ack {
    /// Nothing: the slot stays where it is
    None,
    /// What was written to stdout or the file
    Written,
    /// What the file's disk has; needs --output with an ordinary file
    Fsynced,
}

/// Keep what a server sends in capture files, for a replay.
///
/// A capture holds the data of the changes, and no password. Nothing is acknowledged unless it is asked for: a slot that lasts
/// stays where it is, and its consumer gets everything.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["publications", "tables"]))]
pub struct Capture {
    #[command(flatten)]
    pub source: Source,
    /// Name of the file, in which %n is a number, %t the time, %p the process; one that is there is never overwritten
    #[arg(short, long, value_name = "FILE")]
    pub output: String,
    /// Go on in another file at this size or age, such as 100MB or 1h; the name needs %n or %t
    #[arg(long, value_name = "SIZE|DURATION")]
    pub rotate: Option<String>,
    /// Acknowledge what is in the file, so that it never comes again
    #[arg(long)]
    pub acknowledge: bool,
    #[command(flatten)]
    pub ends: Ends,
    #[command(flatten)]
    pub serving: Serving,
}

/// Print the changes of capture files.
///
/// What a server would send is in the files: no slot, no publication, nothing to acknowledge.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Capture files, the oldest first
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print the changes of such tables only: NAME or SCHEMA.NAME, with * and ?; may be repeated
    #[arg(short, long = "table", value_name = "PATTERN")]
    pub tables: Vec<String>,
    #[command(flatten)]
    pub printing: Printing,
    /// End after this many changes, at the end of their transaction
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
}

/// Make the changes in another PostgreSQL, each exactly once.
///
/// How far it is stands in the target, in the same transactions as the changes: whatever ends the command, the next one goes on there.
/// The target must have the tables, with the rows that they had when the slot was made; nothing is copied yet. A change that does not
/// fit ends the command and is named. The role needs REPLICATION in the target too, and may set session_replication_role.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// Target: database name, connection string or URI
    #[arg(long, value_name = "DBNAME|CONNINFO")]
    pub to: String,
    /// Slot to read from
    #[arg(short, long)]
    pub slot: String,
    /// Make the slot if it does not exist
    #[arg(long)]
    pub create_slot: bool,
    /// Publication to read; may be repeated
    #[arg(short = 'P', long = "publication", value_name = "NAME", required = true)]
    pub publications: Vec<String>,
    /// End before the first transaction that commits at or after this position
    #[arg(long, value_name = "LSN")]
    pub until_lsn: Option<Lsn>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub serving: Serving,
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
    Watch(Watch),
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
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
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
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
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
        /// Only print the replication command that does the same
        #[arg(long)]
        dry_run: bool,
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
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
    },
    /// Make a slot that stands where another one does
    Copy {
        /// Slot to copy
        source: String,
        /// Name of the new slot
        name: String,
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
    },
}

/// List slots again and again.
///
/// On a terminal each list replaces the one before. Exit status 4 as soon as a slot that was named is lost.
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// Names of the slots; without any all are shown
    pub names: Vec<String>,
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, default_value = "2")]
    pub interval: Duration,
    /// End after this many looks
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// Print a JSON object for each slot and look
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub serving: Serving,
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
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
    },
    /// Drop publications
    Drop {
        /// Names of the publications
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Only print the SQL that does the same
        #[arg(long)]
        dry_run: bool,
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

/// Prints a completion script, or writes it to a folder.
pub fn completions(shell: clap_complete::Shell, folder: Option<&Path>) -> Result<(), Trouble> {
    if let Some(folder) = folder {
        let made = clap_complete::generate_to(shell, &mut Args::command(), "pgwalstream", folder);
        return made.map(drop).map_err(|error| {
            Trouble::other(format!("cannot write the completion script to {}: {error}", folder.display()))
        });
    }
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

    /// The words of a command as a shell without variables sees them.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for character in line.chars() {
            match (character, quote) {
                ('\'' | '"', None) => quote = Some(character),
                (_, Some(end)) if end == character => quote = None,
                (' ', None) => words.push(std::mem::take(&mut word)),
                _ => word.push(character),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    /// What a page tells to type is understood, but for what it leaves out by "…".
    #[test]
    fn the_commands_of_the_pages_are_understood() {
        for (page, least) in
            [(include_str!("../../docs/migrating.md"), 45), (include_str!("../../docs/command.md"), 10)]
        {
            let lines = page.lines().filter(|line| line.starts_with("pgwalstream "));
            let in_lines =
                page.split('`').filter(|text| text.starts_with("pgwalstream ") && !text.contains('\n'));
            let commands: Vec<&str> = lines
                .chain(in_lines)
                .filter(|line| !line.contains('…') && !line.ends_with(&[',', ':'][..]))
                .collect();
            assert!(commands.len() >= least, "{commands:?}");
            for line in commands {
                // A command that is only named has no arguments.
                let is_named = words(line).len() <= 3 && !line.contains(" -");
                if let Err(error) = Args::try_parse_from(words(line)) {
                    assert!(is_named, "{line}: {error}");
                }
            }
        }
    }
}
