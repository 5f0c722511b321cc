//! The config file: arguments by their long names. What stands on the command line counts before it, and it must never hold a
//! name that no argument has.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory};
use toml::{Table, Value};

use crate::args::Args;
use crate::connect::warn_of_password;
use crate::trouble::Trouble;

/// Names the file where no argument does.
const VARIABLE: &str = "PGWALSTREAM_CONFIG";

/// The words of the command line, and behind the words of each command what the file has for it.
pub fn with_file(words: Vec<OsString>) -> Result<Vec<OsString>, Trouble> {
    warn_of_password(words.get(1..).unwrap_or_default());
    // A mistake is told when all is there.
    let given = Args::command().ignore_errors(true).try_get_matches_from(words.clone()).ok();
    let named =
        given.as_ref().and_then(|given| given.try_get_one::<PathBuf>("config").ok().flatten().cloned());
    let path =
        named.or_else(|| std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
    let (Some(given), Some(path)) = (given, path) else { return Ok(words) };
    let wrong = |why: String| Trouble::Usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(format!("cannot read it: {error}")))?;
    // The error shows the line, which may hold a password.
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        wrong(format!("line {line}: {}", error.message()))
    })?;
    let mut command = Args::command();
    command.build();
    let mut more = Vec::new();
    collect(&table, &command, Some(&given), &mut more).map_err(wrong)?;
    // What follows -- is no option.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (before, behind) = words.split_at_checked(end).unwrap_or_default();
    Ok([before, &more, behind].concat())
}

/// The words that a table has for a command, and its tables for the commands below it. `given`: what the command line has for the
/// command, if it is the one that runs.
fn collect(
    table: &Table,
    command: &Command,
    given: Option<&ArgMatches>,
    words: &mut Vec<OsString>,
) -> Result<(), String> {
    for (name, value) in table {
        if let Value::Table(below) = value {
            let sub = command
                .find_subcommand(name)
                .ok_or_else(|| format!("[{name}]: {} has no such command", command.get_name()))?;
            let chosen = given.and_then(ArgMatches::subcommand).filter(|(chosen, _)| *chosen == name);
            collect(below, sub, chosen.map(|(_, given)| given), words)?;
            continue;
        }
        let argument = command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(name.as_str()))
            .filter(|_| !matches!(name.as_str(), "config" | "help" | "version"))
            .ok_or_else(|| format!("{}: {} has no such option", name.escape_debug(), command.get_name()))?;
        let takes_value = argument.get_action().takes_values();
        let texts = texts(name, value, takes_value)?;
        let Some(given) = given else { continue };
        let excludes = |one: &Arg, other: &Arg| {
            command.get_arg_conflicts_with(one).iter().any(|it| it.get_id() == other.get_id())
        };
        // What the command line has does not go with it.
        let is_excluded = command.get_arguments().any(|other| {
            is_given(given, other.get_id().as_str())
                && (excludes(argument, other) || excludes(other, argument))
        });
        if !is_excluded && !is_given(given, argument.get_id().as_str()) {
            words.extend(texts.into_iter().map(OsString::from));
        }
    }
    Ok(())
}

/// Whether the command line has an argument, be it for a command further below.
fn is_given(given: &ArgMatches, id: &str) -> bool {
    let is_here =
        given.try_contains_id(id).is_ok() && given.value_source(id) == Some(ValueSource::CommandLine);
    is_here || given.subcommand().is_some_and(|(_, below)| is_given(below, id))
}

/// A value as words of the command line.
fn texts(name: &str, value: &Value, takes_value: bool) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) if takes_value => Ok(format!("--{name}={text}")),
        Value::Integer(number) if takes_value => Ok(format!("--{name}={number}")),
        Value::Float(number) if takes_value => Ok(format!("--{name}={number}")),
        _ if takes_value => Err(format!("{name}: expected a text, a number, or a list of such")),
        _ => Err(format!("{name}: expected true or false")),
    };
    match value {
        Value::Boolean(true) if !takes_value => Ok(vec![format!("--{name}")]),
        Value::Boolean(false) if !takes_value => Ok(Vec::new()),
        Value::Array(all) if takes_value => all.iter().map(one).collect(),
        other => one(other).map(|word| vec![word]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What a file adds to a command line.
    fn added(file: &str, line: &str) -> Result<String, String> {
        let words = ["pgwalstream"].into_iter().chain(line.split(' '));
        let given = Args::command().ignore_errors(true).try_get_matches_from(words).unwrap();
        let mut command = Args::command();
        command.build();
        let mut more = Vec::new();
        collect(&file.parse().unwrap(), &command, Some(&given), &mut more)?;
        Ok(more.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_file_has_what_the_command_line_lacks() {
        let file = "dbname = 'shop'\nport = 5433\nquiet = true\noption = ['a=b', 'c=d']\n\
            [tail]\nslot = 's'\npublication = ['p', 'q']\n[slot.list]\njson = true";
        assert_eq!(
            added(file, "tail").unwrap(),
            "--dbname=shop --option=a=b --option=c=d --port=5433 --quiet --publication=p --publication=q --slot=s"
        );
        assert_eq!(
            added(file, "-d x tail -s t -q --option e=f").unwrap(),
            "--port=5433 --publication=p --publication=q"
        );
        assert_eq!(
            added(file, "tail --cleanup").unwrap(),
            "--dbname=shop --option=a=b --option=c=d --port=5433 --quiet"
        );
        assert_eq!(added("[slot.list]\njson = true", "slot list").unwrap(), "--json");
        assert_eq!(added("quiet = false", "tail").unwrap(), "");
    }

    #[test]
    fn what_no_argument_has_is_refused_wherever_it_stands() {
        for (file, word) in [
            ("dbnam = 'x'", "dbnam"),
            ("config = 'x'", "config"),
            ("[tial]\nslot = 's'", "tial"),
            ("[slot.lst]\njson = true", "lst"),
            ("[replay]\nslot = 's'", "slot"),
            ("quiet = 'yes'", "true or false"),
            ("dbname = true", "expected a text"),
            ("port = [[1]]", "expected a text"),
        ] {
            let error = added(file, "tail").unwrap_err();
            assert!(error.contains(word), "{file}: {error}");
        }
    }
}
