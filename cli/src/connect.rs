//! From the arguments to the library's options.

use pgwalstream::{LogLevel, Options};

use crate::args::Args;
use crate::trouble::{Trouble, say};

/// The options that all commands share.
pub fn options(args: &Args) -> Result<Options, Trouble> {
    let level = match (args.quiet, args.verbose) {
        (true, _) => LogLevel::Error,
        (_, 0) => LogLevel::Warn,
        (_, 1) => LogLevel::Info,
        _ => LogLevel::Debug,
    };
    let mut options = Options::new()
        .conninfo(conninfo(args)?)
        .env(true)
        .on_log(level, |level, part, text| say(format_args!("{}: {part}: {text}", word(level))));
    for given in &args.options {
        let Some((name, value)) = given.split_once('=') else {
            return Err(Trouble::Usage(format!("--option {given}: expected NAME=VALUE")));
        };
        let instead = match (name, value) {
            ("streaming", "on" | "parallel") => Some("streaming=assembled"),
            ("two_phase", "on") => Some("two_phase=join"),
            _ => None,
        };
        if let Some(instead) = instead {
            let why = "what is printed is committed, and this gives changes before they are";
            return Err(Trouble::Usage(format!("--option {given}: {why}: use {instead}")));
        }
        options = options.set(name, value);
    }
    Ok(options)
}

/// What -d, -H, -p and -U come to.
fn conninfo(args: &Args) -> Result<String, Trouble> {
    let dbname = args.dbname.as_deref().unwrap_or_default();
    let is_uri = dbname.starts_with("postgres://") || dbname.starts_with("postgresql://");
    let port = args.port.map(|port| port.to_string());
    let more =
        [("host", args.host.as_deref()), ("port", port.as_deref()), ("user", args.username.as_deref())];
    if is_uri {
        if more.iter().any(|(_, value)| value.is_some()) {
            return Err(Trouble::Usage("-d has a URI: put host, port and user into it".to_owned()));
        }
        return Ok(dbname.to_owned());
    }
    let mut whole = match dbname {
        "" => String::new(),
        _ if dbname.contains('=') => dbname.to_owned(),
        _ => format!("dbname={}", quoted(dbname)),
    };
    for (keyword, value) in more {
        if let Some(value) = value {
            // What comes later counts, as with psql.
            whole.push_str(&format!(" {keyword}={}", quoted(value)));
        }
    }
    Ok(whole)
}

/// A value as a connection string writes it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warning",
        LogLevel::Info => "info",
        _ => "debug",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[test]
    fn what_is_given_becomes_a_connection_string() {
        let of = |line: &str| {
            let words = ["pgwalstream"].into_iter().chain(line.split(' ')).chain(["slot", "list"]);
            conninfo(&Args::try_parse_from(words).unwrap()).map_err(|_| ())
        };
        assert_eq!(
            of("-d shop -H db -p 5433 -U o'k"),
            Ok(r"dbname='shop' host='db' port='5433' user='o\'k'".into())
        );
        assert_eq!(of("-d dbname=a -H b"), Ok("dbname=a host='b'".into()));
        assert_eq!(of("-d postgres://h/d"), Ok("postgres://h/d".into()));
        assert_eq!(of("-d postgres://h/d -U me"), Err(()));
        assert_eq!(of("-q"), Ok(String::new()));
    }
}
