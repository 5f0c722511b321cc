//! How changes are printed, and where. It must never depend on where they come from.

use std::path::PathBuf;
use std::time::Duration;

/// How changes are printed.
#[derive(Debug, clap::Args)]
pub struct Printing {
    /// How changes are written; without it as "pretty" on a terminal, and as "json" elsewhere
    #[arg(short = 'F', long, value_enum)]
    pub format: Option<Format>,
    /// Set an option of the format, as docs/rendering.md lists them; may be repeated
    #[arg(long = "render", value_name = "NAME=VALUE")]
    pub render: Vec<String>,
    /// When "pretty" has colours; "auto" obeys NO_COLOR
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    /// Leave the changes of such tables out: NAME or SCHEMA.NAME, with * and ?; may be repeated
    #[arg(short = 'T', long = "exclude-table", value_name = "PATTERN")]
    pub excluded: Vec<String>,
    /// Print BEGIN and COMMIT too, and whatever else comes, in json and pretty
    #[arg(long)]
    pub transactions: bool,
    /// Write to a file, which is appended to, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Begin another file at this size, such as 100MB; the one before gets the positions that it holds into its name
    #[arg(long, value_name = "SIZE", value_parser = bytes, requires = "output")]
    pub rotate_size: Option<u64>,
    /// The same at this age, such as 10min or 1h
    #[arg(long, value_name = "DURATION", value_parser = age, requires = "output")]
    pub rotate_time: Option<Duration>,
}

/// How a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A JSON object a line
    Json,
    /// A document of wal2json a transaction, on one line (its format version 1)
    Wal2json,
    /// A JSON object of wal2json a line (its format version 2)
    Wal2json2,
    /// Rows as COPY writes them, with columns that tell the change
    Csv,
    /// Statements that apply the changes
    Sql,
    /// A message of Debezium's connector for PostgreSQL a line, without its key; tombstones have no line
    Debezium,
    /// For people to read
    Pretty,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Format {
    /// Its name in the library; None: this command's own.
    pub fn renderer(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("json"),
            Self::Wal2json => Some("wal2json"),
            Self::Wal2json2 => Some("wal2json2"),
            Self::Csv => Some("csv"),
            Self::Sql => Some("sql"),
            Self::Debezium => Some("debezium"),
            Self::Pretty => None,
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(digits.len()..).unwrap_or_default() {
        "" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return Err("expected a size such as 100MB: a number with kB, MB or GB".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size such as 100MB".to_owned())?;
    match number.checked_mul(unit) {
        Some(0) | None => Err("expected a size from 1 byte to 16 EB".to_owned()),
        Some(size) => Ok(size),
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let age =
        humantime::parse_duration(text).map_err(|error| format!("{error}, expected such as 10min or 1h"))?;
    if age.is_zero() { Err("expected more than nothing".to_owned()) } else { Ok(age) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_and_ages_have_units() {
        assert_eq!(["7", "3kB", "100MB", "2GB"].map(bytes), [7, 3 << 10, 100 << 20, 2 << 30].map(Ok));
        for wrong in ["", "0", "0MB", "MB", "1mb", "1.5MB", "-1", "99999999999GB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(age("10min"), Ok(Duration::from_secs(600)));
        assert!(age("0s").is_err() && age("7").is_err());
    }
}
