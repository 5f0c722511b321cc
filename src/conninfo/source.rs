//! Where a connection string was read from, so that it can be read again: the files that it names change while a stream
//! lives (P46).
//!
//! It must never look at the environment a second time: the program may change that meanwhile, and getenv(3) is not safe
//! against it.

use std::ffi::OsString;

use zeroize::Zeroizing;

/// What a connection string was read from.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// As it was given, secrets and all.
    pub(super) text: Zeroizing<String>,
    /// The variables as they were then; `None` where the environment was not read.
    pub(super) variables: Option<Vec<(String, OsString)>>,
    pub(super) files: Files,
}

/// Whether files were read whose words are in the result.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Files {
    #[default]
    None,
    Some,
}

impl Source {
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.iter().flatten().find(|(of, _)| of == name).map(|(_, value)| value.clone())
    }
}
