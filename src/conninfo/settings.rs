//! What was given, by key: the meeting point of all sources of parameters.
//!
//! A value enters only through the table; it must never come out in an error.

use super::parameter::{self, Key, Use};
use super::{bad, nearest::nearest};
use crate::error::{Error, Result, Status};

/// Parameters and their values; the last one given holds. An empty value counts as not given, as with libpq.
#[derive(Default)]
pub(super) struct Settings {
    given: Vec<(Key, String)>,
    /// Whether a password was among them: what follows it in a badly quoted string may be its other half.
    has_secret: bool,
}

impl Settings {
    /// Takes one parameter.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<()> {
        let Some(row) = parameter::find(name) else {
            return Err(self.unknown(name));
        };
        let fits = |accepted: &[&str]| value.is_empty() || accepted.contains(&value.as_str());
        let key = match row.what {
            Use::Read(key) => key,
            Use::Choice { key, accepted, .. } if fits(accepted) => key,
            Use::Choice { accepted, unbuilt, hint, .. } => {
                return Err(if unbuilt.contains(&value.as_str()) {
                    not_built(&format!("the value that the conninfo gives {name}"), hint)
                } else {
                    bad(format!("the conninfo parameter {name} does not take this value"))
                        .with_hint(format!("It takes {}.", accepted.join(", ")))
                });
            }
            Use::Only { accepted, .. } if fits(accepted) => return Ok(()),
            Use::Only { hint, .. } => {
                return Err(not_built(&format!("the value that the conninfo gives {name}"), hint));
            }
            Use::NotBuilt { hint } => {
                return Err(not_built(&format!("the conninfo parameter {name}"), hint));
            }
            Use::Ours { hint } => {
                return Err(bad(format!("the conninfo parameter {name} cannot be set")).with_hint(hint));
            }
        };
        self.has_secret |= key == Key::Password;
        self.given.retain(|(other, _)| *other != key);
        self.given.push((key, value));
        Ok(())
    }

    /// The text of a parameter, if one was given.
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        let found = self.given.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The number that a parameter was set to; blanks around it are allowed.
    pub(super) fn number(&self, key: Key, least: i32, most: i32) -> Result<Option<i32>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match text.trim_ascii().parse::<i32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(bad(format!(
                "the conninfo parameter {} is not a number that it takes",
                parameter::name_of(key)
            ))
            .with_hint(format!("It takes a whole number from {least} to {most}."))),
        }
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

#[cold]
pub(super) fn not_built(what: &str, hint: &str) -> Error {
    Error::new(Status::WAL_E_NOT_BUILT, format!("{what} is not built into this library")).with_hint(hint)
}
