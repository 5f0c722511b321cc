//! What was given, by parameter: the meeting point of all sources.
//!
//! A value enters only under a name of the table; it must never come out in an error.

use zeroize::Zeroizing;

use super::parameter::{self, Key, Parameter, Use};
use super::{bad, nearest::nearest};
use crate::error::{Error, Result, Status};

/// Where a value came from. A stronger source has been asked before a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The connection string.
    Conninfo,
    /// A service file.
    Service,
    /// An environment variable.
    Environment,
}

/// Parameters and their values. An empty value counts as not given, but no weaker source replaces it.
#[derive(Default)]
pub(super) struct Settings {
    given: Vec<Given>,
    /// Whether a secret was among them: what follows it in a badly quoted string may be its other half.
    has_secret: bool,
}

struct Given {
    row: &'static Parameter,
    value: Zeroizing<String>,
    source: Source,
}

impl Settings {
    /// Takes one parameter of the connection string; the last one given holds.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<()> {
        // What sslmode was before 2005; libpq still takes it.
        let (name, value) = match name {
            "requiressl" if value.starts_with('1') => ("sslmode", "require".to_owned()),
            "requiressl" => ("sslmode", "prefer".to_owned()),
            _ => (name, value),
        };
        let Some(row) = parameter::find(name) else {
            return Err(self.unknown(name));
        };
        self.has_secret |= row.is_secret();
        self.given.retain(|other| other.row.name != row.name);
        self.given.push(Given { row, value: Zeroizing::new(value), source: Source::Conninfo });
        Ok(())
    }

    /// Takes a parameter of a weaker source, unless a stronger one gave it.
    pub(super) fn fill(&mut self, row: &'static Parameter, value: String, source: Source) {
        if !self.given.iter().any(|it| it.row.name == row.name) {
            self.given.push(Given { row, value: Zeroizing::new(value), source });
        }
    }

    /// Whether a parameter was given, if only as empty.
    pub(super) fn has(&self, key: Key) -> bool {
        self.given.iter().any(|it| it.row.key() == Some(key))
    }

    /// All names and values, in the order in which they came.
    pub(super) fn into_pairs(self) -> Vec<(&'static str, String)> {
        self.given.into_iter().map(|mut it| (it.row.name, std::mem::take(&mut *it.value))).collect()
    }

    /// Replaces what nobody may see.
    pub(super) fn hide_secrets(&mut self) {
        for it in self.given.iter_mut().filter(|it| it.row.is_secret() && !it.value.is_empty()) {
            it.value = Zeroizing::new("***".to_owned());
        }
    }

    /// Forgets what is acted upon by libpq alone.
    #[cfg(feature = "libpq")]
    pub(super) fn leave_to_libpq(&mut self) {
        self.given.retain(|it| match (it.row.key(), it.check()) {
            (Some(key), _) if key.is_of_tls_or_authentication() => false,
            (_, Err(error)) => error.status() != Status::WAL_E_NOT_BUILT,
            (_, Ok(())) => true,
        });
    }

    /// Whether everything that was given is acted upon.
    pub(super) fn check(&self) -> Result<()> {
        self.given.iter().filter(|it| !it.value.is_empty()).try_for_each(Given::check)
    }

    /// The text of a parameter, if one was given.
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        self.find(key).map(|it| it.value.as_str())
    }

    /// The number that a parameter was set to; blanks around it are allowed.
    pub(super) fn number(&self, key: Key, least: i32, most: i32) -> Result<Option<i32>> {
        self.find(key).map(|it| it.number(&it.value, least, most)).transpose()
    }

    /// The list of ports, with `None` for an empty place.
    pub(super) fn ports(&self) -> Result<Vec<Option<u16>>> {
        let Some(given) = self.find(Key::Port) else { return Ok(Vec::new()) };
        let port = |text: &str| match text {
            "" => Ok(None),
            text if text.contains(':') => {
                Err(bad(format!("{} is not a number that it takes", given.place())).with_hint(
                    "In a URI write an IPv6 address in brackets: postgresql://[::1]:5432/database.",
                ))
            }
            text => given.number(text, 1, 65_535).map(|port| u16::try_from(port).ok()),
        };
        given.value.split(',').map(port).collect()
    }

    /// The parameter, as errors name it.
    pub(super) fn place(&self, key: Key) -> String {
        self.find(key).map_or_else(|| format!("the conninfo parameter {key:?}"), Given::place)
    }

    /// What was given, and is not empty.
    fn find(&self, key: Key) -> Option<&Given> {
        self.given.iter().find(|it| it.row.key() == Some(key)).filter(|it| !it.value.is_empty())
    }

    #[cold]
    fn unknown(&self, name: &str) -> Error {
        let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let message = if plain && !self.has_secret {
            format!("\"{name}\" is not a conninfo parameter")
        } else {
            "the conninfo has a parameter that is not known, after a password or with odd characters"
                .to_owned()
        };
        let hint = match nearest(name) {
            Some(near) => format!("Did you mean {near}? Quote values that contain blanks with '...'."),
            None => "See the list of parameters in libpq's documentation; quote values that contain blanks."
                .into(),
        };
        bad(message).with_hint(hint)
    }
}

impl Given {
    fn check(&self) -> Result<()> {
        let has = |words: &[&str]| words.contains(&self.value.as_str());
        match self.row.what {
            Use::Read(_) => Ok(()),
            Use::Choice { accepted, .. } | Use::Only { accepted, .. } if has(accepted) => Ok(()),
            Use::Choice { accepted, unbuilt, .. } if !has(unbuilt) => {
                Err(bad(format!("{} does not take this value", self.place()))
                    .with_hint(format!("It takes {}.", accepted.join(", "))))
            }
            Use::Choice { hint, .. } | Use::Only { hint, .. } => {
                Err(not_built(&format!("the value of {}", self.place()), hint))
            }
            Use::NotBuilt { hint } => Err(not_built(&self.place(), hint)),
            Use::Ours { hint } => Err(bad(format!("{} cannot be set", self.place())).with_hint(hint)),
        }
    }

    fn number(&self, text: &str, least: i32, most: i32) -> Result<i32> {
        match text.trim_ascii().parse::<i32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(bad(format!("{} is not a number that it takes", self.place()))
                .with_hint(format!("It takes a whole number from {least} to {most}."))),
        }
    }

    /// The parameter, as errors name it.
    fn place(&self) -> String {
        match self.source {
            Source::Conninfo => format!("the conninfo parameter {}", self.row.name),
            Source::Service => format!("the service's parameter {}", self.row.name),
            Source::Environment => format!("the environment variable {}", self.row.variable),
        }
    }
}

#[cold]
pub(super) fn not_built(what: &str, hint: &str) -> Error {
    Error::new(Status::WAL_E_NOT_BUILT, format!("{what} is not built into this library")).with_hint(hint)
}
