//! From the arguments to the library's options.

use std::ffi::OsString;

use pgwalstream::{LogLevel, Options, Password};

use crate::args::Args;
use crate::trouble::{Trouble, say};

/// Options that know the environment, and say what happens as it was asked for.
pub fn logged(args: &Args) -> Options {
    let level = match (args.quiet, args.verbose) {
        (true, _) => LogLevel::Error,
        (_, 0) => LogLevel::Warn,
        (_, 1) => LogLevel::Info,
        _ => LogLevel::Debug,
    };
    Options::new().env(true).on_log(level, |level, part, text| {
        // What ends a stream is told once: as the error that it gives.
        if level != LogLevel::Error {
            say(format_args!("{}: {part}: {text}", word(level)));
        }
    })
}

/// The options that all commands share.
pub fn options(args: &Args) -> Result<Options, Trouble> {
    let mut options = logged(args).conninfo(conninfo(args)?);
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
    if args.password {
        let password = rpassword::prompt_password("Password: ")
            .map_err(|error| Trouble::other(format!("cannot ask for the password: {error}")))?;
        options = options.on_password(move |_| Ok(Password::new(password.clone())));
    }
    Ok(options)
}

/// Refuses what lets changes that were had come again, or be taken back: who counts on each coming once cannot do that.
pub fn exactly_once(options: &Options) -> Result<(), Trouble> {
    for (name, wrong) in [("failover_policy", "rewind"), ("dedupe", "off")] {
        if options.get(name)? == wrong {
            let why = "each change must come once, and stay";
            return Err(Trouble::Usage(format!("--option {name}={wrong}: {why}")));
        }
    }
    Ok(())
}

/// Says that others can read a password which stands among the arguments.
pub fn warn_of_password(words: &[OsString]) {
    if words.iter().any(|word| holds_password(&word.to_string_lossy())) {
        say(format_args!(
            "a password among the arguments can be read by every user of this machine\n  \
             hint: use -W, PGPASSWORD, a password file or a config file"
        ));
    }
}

/// Whether a word is a connection string with a password.
fn holds_password(word: &str) -> bool {
    let is_uri = word.contains("postgres://") || word.contains("postgresql://");
    let is_keyword = |at: usize| {
        let before = word.get(..at).unwrap_or_default();
        let before = before.strip_suffix("ssl").unwrap_or(before);
        let is_begun = before.is_empty()
            || before.ends_with(|c: char| c.is_whitespace() || matches!(c, '?' | '&' | '='));
        is_begun && word.get(at + 8..).unwrap_or_default().trim_start().starts_with('=')
    };
    if word.match_indices("password").any(|(at, _)| is_keyword(at)) {
        return true;
    }
    let authority =
        word.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    is_uri && authority.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'))
}

/// A database name as a connection string; connection strings and URIs stay as they are.
pub fn of_name(name: &str) -> String {
    match name {
        "" => String::new(),
        _ if is_uri(name) || name.contains('=') => name.to_owned(),
        _ => format!("dbname={}", quoted(name)),
    }
}

fn is_uri(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// What -d, -h, -p and -U come to.
fn conninfo(args: &Args) -> Result<String, Trouble> {
    let dbname = args.dbname.as_deref().unwrap_or_default();
    let port = args.port.map(|port| port.to_string());
    let more =
        [("host", args.host.as_deref()), ("port", port.as_deref()), ("user", args.username.as_deref())];
    if is_uri(dbname) {
        if more.iter().any(|(_, value)| value.is_some()) {
            return Err(Trouble::Usage("-d has a URI: put host, port and user into it".to_owned()));
        }
        return Ok(dbname.to_owned());
    }
    let mut whole = of_name(dbname);
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
    fn what_may_come_twice_is_refused() {
        assert!(exactly_once(&Options::new().set("failover_policy", "fail")).is_ok());
        for (name, value) in [("failover_policy", "rewind"), ("dedupe", "off")] {
            let refused = exactly_once(&Options::new().set(name, value));
            assert!(matches!(refused, Err(Trouble::Usage(why)) if why.contains(name)), "{name}");
        }
    }

    #[test]
    fn a_password_among_the_arguments_is_seen() {
        for word in [
            "host=h password=x",
            "password = x",
            "host=h sslpassword=x",
            "postgres://me:x@h/d",
            "postgresql://me@h/d?password=x",
            "--dbname=password=x",
        ] {
            assert!(holds_password(word), "{word}");
        }
        for word in [
            "-W",
            "--password",
            "passfile=x",
            "nopassword=x",
            "postgres://me@h:5432/d",
            "host=password",
            "http://a:b@c",
        ] {
            assert!(!holds_password(word), "{word}");
        }
    }

    #[test]
    fn what_is_given_becomes_a_connection_string() {
        let of = |line: &str| {
            let words = ["pgwalstream"].into_iter().chain(line.split(' ')).chain(["slot", "list"]);
            conninfo(&Args::try_parse_from(words).unwrap()).map_err(|_| ())
        };
        assert_eq!(
            of("-d shop -h db -p 5433 -U o'k"),
            Ok(r"dbname='shop' host='db' port='5433' user='o\'k'".into())
        );
        assert_eq!(of("-d dbname=a -h b"), Ok("dbname=a host='b'".into()));
        assert_eq!(of("-d postgres://h/d"), Ok("postgres://h/d".into()));
        assert_eq!(of("-d postgres://h/d -U me"), Err(()));
        assert_eq!(of("-q"), Ok(String::new()));
    }
}
