//! Service files: parameters under a name (libpq documentation, "The Connection Service File").
//!
//! It must never show a line of the file: it may hold a password.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::bad;
use super::environment::Environment;
use super::parameter::{self, Key};
use super::settings::{Settings, Source};
use crate::error::{Error, Result, Status};

const FILE: &str = "pg_service.conf";

/// Where packagers put the system's file: Debian, the PostgreSQL project's own packages, a build from source.
const SYSTEM: [&str; 3] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/usr/local/pgsql/etc"];

/// No file of this kind is larger.
const MAX_FILE: u64 = 1 << 20;

/// Whether a service is named.
pub(super) fn is_named(settings: &Settings, environment: Environment<'_>) -> Result<bool> {
    name(settings, environment).map(|name| name.is_some())
}

fn name(settings: &Settings, environment: Environment<'_>) -> Result<Option<String>> {
    match settings.text(Key::Service) {
        Some(service) => Ok(Some(service.to_owned())),
        None if settings.has(Key::Service) => Ok(None),
        None => environment.variable("PGSERVICE"),
    }
}

/// Fills in what the service says and the connection string does not.
pub(super) fn fill(settings: &mut Settings, environment: Environment<'_>) -> Result<()> {
    let Some(service) = name(settings, environment)? else { return Ok(()) };
    let mut looked = Vec::new();
    for (path, must_exist) in files(settings, environment) {
        match read(&path)? {
            Some(text) => {
                if section(&text, &service, &path, settings)? {
                    return Ok(());
                }
                looked.push(path.display().to_string());
            }
            None if must_exist => {
                return Err(bad(format!("the service file \"{}\" does not exist", path.display()))
                    .with_hint("Correct servicefile or PGSERVICEFILE, or remove it."));
            }
            None => (),
        }
    }
    let message = format!("no service file defines the service \"{}\"", service.escape_debug());
    let hint = match looked.as_slice() {
        [] => "There is none: write ~/.pg_service.conf, or name one with servicefile.".to_owned(),
        all => format!("Looked in {}.", all.join(", ")),
    };
    Err(bad(message).with_hint(hint))
}

/// The user's file, which must exist if it was named; then the system's.
fn files(settings: &Settings, environment: Environment<'_>) -> Vec<(PathBuf, bool)> {
    let named =
        settings.text(Key::Servicefile).map(PathBuf::from).or_else(|| environment.path("PGSERVICEFILE"));
    let own = match named {
        Some(path) => Some((path, true)),
        None => environment.home().map(|home| (home.join(".pg_service.conf"), false)),
    };
    let system = match environment.path("PGSYSCONFDIR") {
        Some(folder) => vec![folder],
        None => SYSTEM.map(PathBuf::from).to_vec(),
    };
    own.into_iter().chain(system.into_iter().map(|folder| (folder.join(FILE), false))).collect()
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let failed = |error: &std::io::Error| {
        Error::os(
            Status::WAL_E_CONNINFO,
            format!("cannot read the service file \"{}\"", path.display()),
            error,
        )
        .with_hint("See its permissions.")
    };
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
        // Opening a pipe would wait for its writer.
        Ok(of) if !of.is_file() || of.len() > MAX_FILE => {
            return Err(bad(format!(
                "the service file \"{}\" is no plain file of a usual size",
                path.display()
            ))
            .with_hint("Name another one."));
        }
        Ok(_) => (),
    }
    fs::read(path).map(|it| Some(Zeroizing::new(it))).map_err(|error| failed(&error))
}

/// Takes the parameters of the first section of that name; tells whether there is one.
fn section(text: &[u8], service: &str, path: &Path, settings: &mut Settings) -> Result<bool> {
    let mut found = false;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let wrong = |what: &str, hint: &str| {
            bad(format!("line {} of the service file \"{}\" {what}", at + 1, path.display())).with_hint(hint)
        };
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if let Some(name) = line.strip_prefix(b"[") {
            if found {
                return Ok(true);
            }
            // What follows the bracket is of no account.
            found = name.strip_prefix(service.as_bytes()).is_some_and(|rest| rest.starts_with(b"]"));
            continue;
        }
        if !found {
            continue;
        }
        let line = std::str::from_utf8(line).map_err(|_| wrong("is not UTF-8", "Write it in UTF-8."))?;
        if line.starts_with("ldap:") {
            return Err(wrong(
                "asks an LDAP server",
                "LDAP is not built in: write the parameters themselves.",
            ));
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong("has no '='", "Write name=value, without blanks around the '='."));
        };
        match parameter::find(name) {
            Some(row) if matches!(row.key(), Some(Key::Service | Key::Servicefile)) => {
                return Err(wrong("names a service again", "Remove it: services are not nested."));
            }
            Some(row) => settings.fill(row, value.to_owned(), Source::Service),
            None => {
                return Err(wrong(
                    "has a parameter that is not known",
                    "Write name=value, without blanks around the '='.",
                ));
            }
        }
    }
    Ok(found)
}
