//! What can be chosen of a rendering. It must never ignore a name or a word that it does not know.

use crate::error::{Error, Result, Status};

/// The choices of a renderer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    pub(super) numbers: Numbers,
    pub(super) bytes: Bytes,
    pub(super) unchanged: Unchanged,
    pub(super) line_separators: LineSeparators,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $choice:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(super) enum $choice { $($(#[$of])* $variant,)* }
        )*

        /// Each name with its words, the first of which is the default.
        const TABLE: &[(&str, &[&str])] = &[$((stringify!($name), &[$($word),*])),*];

        impl Settings {
            /// Sets one. False: there is no such name, or no such word.
            fn take(&mut self, name: &str, word: &str) -> bool {
                match (name, word) {
                    $($((stringify!($name), $word) => self.$name = $choice::$variant,)*)*
                    _ => return false,
                }
                true
            }
        }
    };
}

settings! {
    /// Which numbers are JSON's.
    numbers: Numbers {
        /// All that to_json() writes as such.
        #[default]
        Exact = "exact",
        /// Those that a double holds: others are strings, and so is every numeric.
        Js = "js",
        /// None: all are strings.
        String = "string",
    }

    /// How a bytea is written, and what has no text.
    bytes: Bytes {
        /// `\x` and hexadecimal digits, as to_json() does.
        #[default]
        Hex = "hex",
        /// RFC 4648, with padding.
        Base64 = "base64",
    }

    /// What stands for a large value that an UPDATE did not touch, and no old row has.
    unchanged: Unchanged {
        /// Nothing, and its column is listed beside the row.
        #[default]
        List = "list",
        /// Nothing.
        Omit = "omit",
        /// `null`, and its column is listed beside the row.
        Null = "null",
    }

    /// How U+2028 and U+2029 are written, at which some readers break lines.
    line_separators: LineSeparators {
        /// As they are, as to_json() does.
        #[default]
        Plain = "plain",
        /// As `\u2028` and `\u2029`.
        Escaped = "escaped",
    }
}

impl Settings {
    /// Sets a choice by its name, where the format has it: `has` holds the names of those.
    pub(super) fn set(&mut self, name: &str, word: &str, has: &[&str]) -> Result<()> {
        if has.contains(&name) && self.take(name, word) {
            return Ok(());
        }
        match TABLE.iter().find(|known| known.0 == name) {
            Some(_) if !has.contains(&name) => {
                let what = format!("option {name} of a renderer changes nothing in this format");
                Err(Error::new(Status::WAL_E_UNKNOWN_OPTION, what))
            }
            Some((_, words)) => {
                let what = format!(
                    "option {name} of a renderer: invalid value {word:?}, expected {}",
                    either(words)
                );
                Err(Error::new(Status::WAL_E_BAD_OPTION, what))
            }
            None => {
                let names: Vec<&str> = TABLE.iter().map(|known| known.0).collect();
                let what = format!("a renderer has no option {name:?}, it has {}", names.join(", "));
                Err(Error::new(Status::WAL_E_UNKNOWN_OPTION, what))
            }
        }
    }
}

/// What JSON can be like: all there is.
pub(super) const OF_JSON: &[&str] = &["numbers", "bytes", "unchanged", "line_separators"];

/// As wal2json's: what was not sent is left out there without a mark.
pub(super) const OF_WAL2JSON: &[&str] = &["numbers", "bytes", "line_separators"];

/// `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_taken_and_no_other() {
        for (name, words) in TABLE {
            let mut settings = Settings::default();
            for word in *words {
                settings.set(name, word, OF_JSON).unwrap();
                let error = settings.set(name, word, &[]).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION);
            }
            let error = settings.set(name, "surely not", OF_JSON).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
            assert!(
                error.to_string().contains(words[0]) && error.to_string().contains("surely not"),
                "{error}"
            );
        }
        let error = Settings::default().set("number", "js", OF_JSON).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION);
        assert!(error.to_string().contains("numbers, bytes, unchanged, line_separators"), "{error}");
    }
}
