//! What can be chosen of a rendering. It must never ignore a name or a word that it does not know.

use std::collections::HashSet;

use crate::error::{Error, Result, Status};

/// The choices of a renderer.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) numbers: Numbers,
    pub(super) bytes: Bytes,
    pub(super) unchanged: Unchanged,
    pub(super) line_separators: LineSeparators,
    pub(super) compatible: Compatible,
    pub(super) schemas: Schemas,
    pub(super) decimals: Decimals,
    pub(super) tombstones: Tombstones,
    pub(super) truncates: Truncates,
    pub(super) transactions: Transactions,
    pub(super) processed: Processed,
    pub(super) names: Names,
}

/// What a program calls things.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// What topics begin with.
    pub(super) topic_prefix: String,
    /// The database that the changes are of.
    pub(super) database: String,
    /// What stands for a large value that was not sent.
    pub(super) placeholder: String,
    /// What identifies rows of tables whose replica identity does not say it.
    pub(super) key_columns: KeyColumns,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            topic_prefix: "pgwalstream".to_owned(),
            database: String::new(),
            placeholder: "__debezium_unavailable_value".to_owned(),
            key_columns: KeyColumns::default(),
        }
    }
}

/// Tables with the columns that identify their rows.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyColumns(Vec<(String, Vec<String>)>);

impl KeyColumns {
    /// Of `schema.table:column,column;…`. None: it is not that.
    fn of(text: &str) -> Option<Self> {
        let tables = text.split(';').filter(|part| !part.trim().is_empty()).map(|part| {
            let (table, columns) = part.split_once(':')?;
            let columns: Vec<String> = columns.split(',').map(|column| column.trim().to_owned()).collect();
            let is_whole = table.contains('.') && columns.iter().all(|column| !column.is_empty());
            is_whole.then(|| (table.trim().to_owned(), columns))
        });
        let tables: Vec<(String, Vec<String>)> = tables.collect::<Option<_>>()?;
        let is_once = has_no_double(tables.iter().map(|(table, _)| table))
            && tables.iter().all(|(_, columns)| has_no_double(columns.iter()));
        is_once.then_some(Self(tables))
    }

    /// Of a table, `schema.table`; None: it is not named.
    pub(super) fn of_table(&self, table: &[u8]) -> Option<&[String]> {
        self.0.iter().find(|known| known.0.as_bytes() == table).map(|known| &*known.1)
    }
}

fn has_no_double<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut known = HashSet::new();
    names.into_iter().all(|name| known.insert(name))
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $choice:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(super) enum $choice { $($(#[$of])* $variant,)* }
        )*

        /// Each choice with its words, the first of which is the default.
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

    /// Whether what Debezium gets wrong is copied.
    compatible: Compatible {
        /// Nothing is: a value is exact.
        #[default]
        Exact = "off",
        /// As Debezium 3.6.1 writes it with its defaults.
        Debezium36 = "3.6",
    }

    /// Whether each message brings the schema of what it holds.
    schemas: Schemas {
        /// None does.
        #[default]
        Without = "off",
        /// Each does.
        With = "on",
    }

    /// How numeric and money are written.
    decimals: Decimals {
        /// As strings, and precise where `compatible` is on.
        #[default]
        Auto = "auto",
        /// The digits as a string.
        String = "string",
        /// The number without its point as bytes, big-endian two's complement.
        Precise = "precise",
        /// The nearest double.
        Double = "double",
    }

    /// Whether a DELETE is followed by a message without a value.
    tombstones: Tombstones {
        /// It is.
        #[default]
        Emit = "on",
        /// It is not.
        Skip = "off",
    }

    /// Whether a TRUNCATE is told.
    truncates: Truncates {
        /// With a message for each table.
        #[default]
        Emit = "on",
        /// It is not.
        Skip = "off",
    }

    /// Whether transactions are told: their begin, their end with counts, and in each change its place.
    transactions: Transactions {
        /// They are not.
        #[default]
        Skip = "off",
        /// They are.
        Emit = "on",
    }

    /// What the time is at which a message says it was made.
    processed: Processed {
        /// The clock's.
        #[default]
        Clock = "clock",
        /// The commit's: the same event gives the same bytes.
        Commit = "commit",
    }
}

/// The names of what takes any text.
const TEXTS: &[&str] = &["topic_prefix", "database", "placeholder", "key_columns"];

impl Settings {
    /// Sets a choice by its name, where the format has it: `has` holds the names of those.
    pub(super) fn set(&mut self, name: &str, word: &str, has: &[&str]) -> Result<()> {
        let choice = TABLE.iter().find(|known| known.0 == name);
        let is_known = choice.is_some() || TEXTS.contains(&name);
        if !is_known {
            let what = format!("a renderer has no option {name:?}, it has {}", all_names().join(", "));
            return Err(Error::new(Status::WAL_E_UNKNOWN_OPTION, what));
        }
        if !has.contains(&name) {
            let what = format!("option {name} of a renderer changes nothing in this format");
            return Err(Error::new(Status::WAL_E_UNKNOWN_OPTION, what));
        }
        if self.take(name, word) || choice.is_none() && self.names.take(name, word) {
            return Ok(());
        }
        let expected = match choice {
            Some((_, words)) => either(words),
            None if name == "key_columns" => "schema.table:column,column;… or nothing".to_owned(),
            None => "a text that is not empty".to_owned(),
        };
        let what = format!("option {name} of a renderer: invalid value {word:?}, expected {expected}");
        Err(Error::new(Status::WAL_E_BAD_OPTION, what))
    }

    /// How numeric and money are written: never `Auto`.
    pub(super) fn decimals(&self) -> Decimals {
        match (self.decimals, self.compatible) {
            (Decimals::Auto, Compatible::Exact) => Decimals::String,
            (Decimals::Auto, Compatible::Debezium36) => Decimals::Precise,
            (chosen, _) => chosen,
        }
    }
}

impl Names {
    /// Sets one. False: the text is not one that it takes.
    fn take(&mut self, name: &str, text: &str) -> bool {
        match name {
            "topic_prefix" if !text.is_empty() => self.topic_prefix = text.to_owned(),
            "database" => self.database = text.to_owned(),
            "placeholder" if !text.is_empty() => self.placeholder = text.to_owned(),
            "key_columns" => match KeyColumns::of(text) {
                Some(columns) => self.key_columns = columns,
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// The names of all options.
fn all_names() -> Vec<&'static str> {
    TABLE.iter().map(|known| known.0).chain(TEXTS.iter().copied()).collect()
}

/// What JSON can be like: all there is.
pub(super) const OF_JSON: &[&str] = &["numbers", "bytes", "unchanged", "line_separators"];

/// As wal2json's: what was not sent is left out there without a mark.
pub(super) const OF_WAL2JSON: &[&str] = &["numbers", "bytes", "line_separators"];

/// As Debezium's. Its bytes are base64, and what was not sent has a placeholder.
pub(super) const OF_DEBEZIUM: &[&str] = &[
    "line_separators",
    "compatible",
    "schemas",
    "decimals",
    "tombstones",
    "truncates",
    "transactions",
    "processed",
    "topic_prefix",
    "database",
    "placeholder",
    "key_columns",
];

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
        let all = all_names();
        for (name, words) in TABLE {
            let mut settings = Settings::default();
            for word in *words {
                settings.set(name, word, &all).unwrap();
                let error = settings.set(name, word, &[]).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION);
            }
            let error = settings.set(name, "surely not", &all).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
            assert!(
                error.to_string().contains(words[0]) && error.to_string().contains("surely not"),
                "{error}"
            );
        }
        let error = Settings::default().set("number", "js", OF_JSON).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION);
        assert!(error.to_string().contains("numbers, bytes, unchanged, line_separators"), "{error}");
        let known: Vec<&&str> = OF_JSON.iter().chain(OF_WAL2JSON).chain(OF_DEBEZIUM).collect();
        assert!(all.iter().all(|name| known.contains(&name)) && known.iter().all(|name| all.contains(name)));
    }

    #[test]
    fn names_are_taken_where_they_can_be_names() {
        let mut settings = Settings::default();
        for (name, good, bad) in [
            ("topic_prefix", "p", Some("")),
            ("database", "", None),
            ("placeholder", "x", Some("")),
            ("key_columns", "s.t: a, b ;s.u:c;", Some("t:a")),
            ("key_columns", "s.t:a,b;s.u:c", Some("s.t:a,b,a")),
            ("key_columns", "s.t:a,b;s.u:a", Some("s.t:a;s.t:b")),
            ("key_columns", "s.t:a,b;s.u:c", Some("s.t:a,")),
        ] {
            settings.set(name, good, OF_DEBEZIUM).unwrap();
            assert_eq!(settings.set(name, good, OF_JSON).unwrap_err().status(), Status::WAL_E_UNKNOWN_OPTION);
            if let Some(bad) = bad {
                let error = settings.set(name, bad, OF_DEBEZIUM).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        let columns = &settings.names.key_columns;
        assert_eq!(columns.of_table(b"s.t").unwrap(), ["a", "b"]);
        assert!(columns.of_table(b"s.v").is_none());
    }

    #[test]
    fn decimals_are_precise_only_where_debezium_is_copied() {
        let mut settings = Settings::default();
        assert_eq!(settings.decimals(), Decimals::String);
        settings.set("compatible", "3.6", OF_DEBEZIUM).unwrap();
        assert_eq!(settings.decimals(), Decimals::Precise);
        settings.set("decimals", "double", OF_DEBEZIUM).unwrap();
        assert_eq!(settings.decimals(), Decimals::Double);
    }
}
