//! Environment variables: the weakest source, and only where it is asked for.
//!
//! It must never be read unless the program said so: a library in a larger program has no business there.

use std::ffi::OsString;
use std::path::PathBuf;

use super::bad;
use super::parameter::{self, Key};
use super::settings::{Settings, Source};
use crate::error::{Error, Result};
use crate::sys;

/// What becomes of the session's settings (libpq, `EnvironmentOptions`).
const SETTINGS: [(&str, &str); 3] = [("PGDATESTYLE", "datestyle"), ("PGTZ", "timezone"), ("PGGEQO", "geqo")];

/// What is looked at beside those and the table's.
const OTHERS: [&str; 5] = ["PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIRESSL", "HOME"];

type LookUp<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// How a variable is looked up; `None` where the environment is not read.
#[derive(Clone, Copy)]
pub struct Environment<'a>(Option<LookUp<'a>>);

impl<'a> Environment<'a> {
    /// No variable is set.
    pub fn ignored() -> Self {
        Self(None)
    }

    /// That of the process.
    pub fn of_process() -> Self {
        Self(Some(&|name| std::env::var_os(name)))
    }

    /// Any other.
    pub fn new(look_up: LookUp<'a>) -> Self {
        Self(Some(look_up))
    }

    /// Whether variables and the files in their usual places are read.
    pub(super) fn is_read(self) -> bool {
        self.0.is_some()
    }

    /// A variable; an empty one is as good as none.
    pub(super) fn variable(self, name: &str) -> Result<Option<String>> {
        let found = self.0.and_then(|look_up| look_up(name)).filter(|it| !it.is_empty());
        found.map(|it| it.into_string().map_err(|_| not_text(name))).transpose()
    }

    /// A variable that names a file or folder.
    pub(super) fn path(self, name: &str) -> Option<PathBuf> {
        self.0.and_then(|look_up| look_up(name)).filter(|it| !it.is_empty()).map(PathBuf::from)
    }

    /// The user's folder: `HOME`, else what the system knows.
    pub(super) fn home(self) -> Option<PathBuf> {
        self.path("HOME").or_else(|| sys::home_directory().ok())
    }

    /// All variables that are ever looked at, as they are now; `None` where the environment is not read.
    pub(super) fn all(self) -> Option<Vec<(String, OsString)>> {
        let look_up = self.0?;
        let settings = SETTINGS.iter().map(|(variable, _)| *variable);
        let parameters = parameter::TABLE.iter().map(|row| row.variable).filter(|name| !name.is_empty());
        let names = OTHERS.iter().copied().chain(settings).chain(parameters);
        Some(names.filter_map(|name| Some((name.to_owned(), look_up(name)?))).collect())
    }

    /// Fills in what no stronger source has given.
    pub(super) fn fill(self, settings: &mut Settings) -> Result<()> {
        for row in parameter::TABLE.iter().filter(|row| !row.variable.is_empty()) {
            if let Some(value) = self.variable(row.variable)? {
                settings.fill(row, value, Source::Environment);
            }
        }
        let require = self.variable("PGREQUIRESSL")?.is_some_and(|it| it.starts_with('1'));
        if let Some(row) = parameter::find("sslmode").filter(|_| require && !settings.has(Key::Sslmode)) {
            settings.fill(row, "require".to_owned(), Source::Environment);
        }
        Ok(())
    }

    /// Settings of the session.
    pub(super) fn server_settings(self) -> Result<Vec<(&'static str, String)>> {
        let mut all = Vec::new();
        for (variable, setting) in SETTINGS {
            match self.variable(variable)? {
                Some(value) if value.eq_ignore_ascii_case("default") => (),
                Some(value) if setting == "datestyle" && !is_iso(&value) => return Err(other_dates()),
                Some(value) => all.push((setting, value)),
                None => (),
            }
        }
        Ok(all)
    }
}

/// Whether dates come in the one form that they are read in, in whatever order they are written.
fn is_iso(style: &str) -> bool {
    let mut words = style.split(',').map(|word| word.trim_ascii().to_ascii_lowercase());
    !words.any(|word| ["sql", "postgres", "german"].iter().any(|other| word.starts_with(other)))
}

#[cold]
fn other_dates() -> Error {
    bad("the environment variable PGDATESTYLE asks for dates that this library does not read")
        .with_hint("Unset it, or set it to ISO.")
}

#[cold]
fn not_text(name: &str) -> Error {
    bad(format!("the environment variable {name} is not UTF-8")).with_hint("Unset it, or write it in UTF-8.")
}
