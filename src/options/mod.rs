//! The options of a stream. One table knows their names, types, defaults, ranges and sentences; whatever is said of
//! an option anywhere is made from it. Nothing is ever silently ignored.

mod choices;
mod config;
mod document;
mod parse;
mod physical;
mod table;

pub use choices::{
    AckMode, ArchiveSync, BackendName, BatchBoundary, Choice, FailoverPolicy, GapPolicy, Mode, OnAmbiguous,
    OriginFilter, Progress, ProtoVersion, ReplayPace, ReportApply, ServerTuning, SlotCreate, Snapshot,
    Streaming, TwoPhase,
};
pub use config::{Backend, Config, Reconnect, Rotate};
pub use document::markdown;
pub use parse::{Kind, qualified_names, slot_name};
pub use table::{Id, Spec, TABLE};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::conninfo::{Conninfo, Passwords};
use crate::error::{Error, Result, Status};

/// What a user set, checked when it was set.
#[derive(Clone, Default)]
pub struct Options {
    values: Vec<(Id, Zeroizing<String>)>,
    passwords: Option<Arc<Passwords>>,
}

/// The most events and bytes of a batch where nothing is set.
pub const USUAL_BATCH: (usize, usize) = (4096, 128 << 10);

/// How long a value may be: whatever is made of it takes memory in proportion.
const LONGEST: usize = 1 << 20;

impl Options {
    /// No option set: every one has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option, or takes it back to its default.
    pub fn set(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let spec = table::find(key)?;
        if let Some(value) = value {
            if value.len() > LONGEST {
                let text = format!("option {}: a value of {} bytes is too long", spec.name, value.len());
                return Err(Error::new(Status::WAL_E_BAD_OPTION, text)
                    .with_hint(format!("No value is longer than {LONGEST} bytes.")));
            }
            spec.kind.check(value).map_err(|why| bad_value(spec, value, &why))?;
            if spec.id == Id::Conninfo && !value.is_empty() {
                refuse_unreadable(value)?;
            }
        }
        // A refused value changes nothing.
        self.values.retain(|(id, _)| *id != spec.id);
        self.values.extend(value.map(|value| (spec.id, Zeroizing::new(value.to_owned()))));
        Ok(())
    }

    /// Passwords come from the program, and only then from the connection string. `None` takes that back.
    pub fn set_passwords(&mut self, passwords: Option<Arc<Passwords>>) {
        self.passwords = passwords;
    }

    /// What an option is set to, or its default. A connection string comes without its password.
    pub fn get(&self, key: &str) -> Result<String> {
        let spec = table::find(key)?;
        let text = self.text(spec.id);
        Ok(if spec.id == Id::Conninfo { parse::without_secrets(text) } else { text.to_owned() })
    }

    /// The options as the engine wants them. What one option alone cannot know is checked here.
    pub fn config(&self) -> Result<Config> {
        Config::new(self)
    }

    /// What an archive's stream needs, the archive's directory, and when what it has is made to last.
    pub fn archive_config(&self) -> Result<(Config, std::path::PathBuf, ArchiveSync)> {
        physical::archive(self)
    }

    /// What a connection without a stream needs: where to connect, and the publications that are named.
    pub fn connection(&self) -> Result<(Conninfo, Backend, Vec<String>)> {
        let publications = match self.text(Id::Publication) {
            "" => Vec::new(),
            text => parse::names(text).map_err(|why| Error::new(Status::WAL_E_BAD_OPTION, why))?,
        };
        let (conninfo, backend) = config::destination(self)?;
        Ok((conninfo, backend, publications))
    }

    /// The options as a replay wants them: those of a connection do not count, and none is required.
    pub fn replay_config(&self) -> Result<Config> {
        Config::replay(self)
    }

    /// Whether an option of this name was set, be it to its default.
    pub fn is_given(&self, key: &str) -> bool {
        table::find(key).is_ok_and(|spec| self.is_set(spec.id))
    }

    /// Whether changes are decoded.
    pub fn decodes(&self) -> Result<bool> {
        self.switch(Id::Decode)
    }

    /// Whether streamed transactions are kept until they end.
    pub fn assembles(&self) -> Result<bool> {
        Ok(self.choice::<Streaming>(Id::Streaming)? == Streaming::Assembled)
    }

    /// The most events and bytes of a batch.
    pub fn batch_bounds(&self) -> Result<(usize, usize)> {
        let number = |id| Ok::<_, Error>(usize::try_from(self.size(id)?).unwrap_or(usize::MAX));
        Ok((number(Id::BatchEvents)?, number(Id::BatchBytes)?))
    }

    /// Which of its words an option is set to.
    fn choice<T: Choice>(&self, id: Id) -> Result<T> {
        self.read(id, T::of_word)
    }

    fn switch(&self, id: Id) -> Result<bool> {
        self.read(id, parse::switch)
    }

    fn size(&self, id: Id) -> Result<u64> {
        self.read(id, parse::size)
    }

    fn duration(&self, id: Id) -> Result<Duration> {
        self.read(id, parse::duration)
    }

    /// Values were checked when they were set: one that cannot be read is of an option whose row has another kind.
    fn read<T>(&self, id: Id, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text(id);
        parse(text).ok_or_else(|| bad_value(table::spec(id), text, ""))
    }

    /// The durations that are set to a number alone, which is one of milliseconds; 0 needs no unit.
    fn without_unit(&self) -> Vec<(&'static str, String)> {
        let named = |(id, text): &(Id, Zeroizing<String>)| {
            let spec = table::spec(*id);
            let is_bare = matches!(spec.kind, Kind::Duration { .. })
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && parse::millis(text) != Some(0);
            is_bare.then(|| (spec.name, text.to_string()))
        };
        self.values.iter().filter_map(named).collect()
    }

    /// Whether an option was set, be it to its default.
    pub(crate) fn is_set(&self, id: Id) -> bool {
        self.values.iter().any(|(of, _)| *of == id)
    }

    pub(crate) fn text(&self, id: Id) -> &str {
        let set = self.values.iter().find(|(of, _)| *of == id).map(|(_, text)| text.as_str());
        set.unwrap_or_else(|| table::spec(id).default)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(id, _)| id)).finish()
    }
}

/// What cannot be read is refused at once; what only cannot be done is for the stream to say.
fn refuse_unreadable(conninfo: &str) -> Result<()> {
    match Conninfo::check(conninfo) {
        Err(error) if error.status() == Status::WAL_E_CONNINFO => Err(error),
        _ => Ok(()),
    }
}

fn bad_value(spec: &Spec, value: &str, why: &str) -> Error {
    // A connection string holds a password, so that its value is never repeated.
    let shown = if spec.id == Id::Conninfo { "…" } else { value };
    let colon = if why.is_empty() { "" } else { ": " };
    Error::new(
        Status::WAL_E_BAD_OPTION,
        format!(
            "option {}: invalid value \"{shown}\", expected {}{colon}{why}",
            spec.name,
            spec.kind.expected()
        ),
    )
    .with_hint(format!(
        "{} Default: {}.",
        spec.sentence,
        if spec.default.is_empty() { "none" } else { spec.default }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let error = Options::new().set("publicatoin", Some("x")).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION);
        assert!(error.hint().contains("\"publication\""), "{error:?}");
    }

    #[test]
    fn a_bad_value_names_the_value_and_what_was_expected() {
        for (name, value, message) in [
            ("ack", "x", "option ack: invalid value \"x\", expected manual or auto"),
            (
                "streaming",
                "yes",
                "option streaming: invalid value \"yes\", expected off, on, parallel or assembled",
            ),
            ("binary", "maybe", "option binary: invalid value \"maybe\", expected on or off"),
            ("queue_bytes", "1", "option queue_bytes: invalid value \"1\", expected 64kB to 64GB"),
            ("start_lsn", "5", "option start_lsn: invalid value \"5\", expected an LSN such as 0/16B3748"),
            (
                "publication",
                "a,,b",
                "option publication: invalid value \"a,,b\", expected names separated by commas: a name is empty",
            ),
        ] {
            let error = Options::new().set(name, Some(value)).unwrap_err();
            assert_eq!((error.status(), error.message()), (Status::WAL_E_BAD_OPTION, message));
            assert!(!error.hint().is_empty());
        }
    }

    /// The style guide in CONTRIBUTING.md: readers may have English as a second language.
    #[test]
    fn option_sentences_are_short_and_begin_with_what_to_do() {
        for spec in TABLE {
            let first = spec.sentence.split(' ').next().unwrap();
            assert!(
                !["Whether", "How", "What", "Where", "Who", "Which", "The", "A", "With"].contains(&first),
                "option {} begins with {first}",
                spec.name
            );
            for sentence in spec.sentence.split(". ") {
                let words = sentence.split_whitespace().count();
                assert!(words <= 25, "option {}: {words} words: {sentence}", spec.name);
            }
        }
    }

    #[test]
    fn every_default_is_a_value_that_its_option_takes() {
        for spec in TABLE {
            if !spec.default.is_empty() {
                assert_eq!(spec.kind.check(spec.default), Ok(()), "{}", spec.name);
            }
            assert!(spec.sentence.ends_with('.') && spec.sentence.len() > 20, "{}", spec.name);
        }
    }

    #[test]
    fn a_usual_batch_is_what_the_table_says() {
        assert_eq!(Options::new().batch_bounds().unwrap(), USUAL_BATCH);
    }

    /// A default that its option's kind does not read would be an error at each connect.
    #[test]
    fn every_default_is_read() {
        Options::new().replay_config().unwrap();
        let mut options = Options::new();
        for spec in TABLE {
            if let Kind::Choice(words) = spec.kind {
                for word in words {
                    options.set(spec.name, Some(word)).unwrap();
                    let read = options.replay_config();
                    // Words that need other options say so.
                    assert!(
                        read.map_or_else(|it| !it.message().contains("invalid value"), |_| true),
                        "{word}"
                    );
                }
                options.set(spec.name, None).unwrap();
            }
        }
    }

    #[test]
    fn no_password_is_shown() {
        let mut options = Options::new();
        for conninfo in [
            "host=h password=s3cret user=u",
            "postgresql://u:s3cret@h/db",
            "host=h password = 's3 s3cret'",
            "postgres://h/db?password=s3cret&user=x",
        ] {
            options.set("conninfo", Some(conninfo)).unwrap();
            let shown = options.get("conninfo").unwrap();
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn a_conninfo_is_checked_when_it_is_set_and_completed_when_it_is_used() {
        let mut options = Options::new();
        for (key, value) in
            [("slot", "s"), ("publication", "p"), ("conninfo", "service=x servicefile=/no/such/file")]
        {
            options.set(key, Some(value)).unwrap();
        }
        assert_eq!(options.get("conninfo").unwrap(), "service=x servicefile=/no/such/file");
        assert_eq!(options.config().unwrap_err().status(), Status::WAL_E_CONNINFO);
    }

    #[test]
    fn s51_a_value_without_bounds_is_refused() {
        let mut options = Options::new();
        for key in ["slot", "publication", "conninfo", "capture_file", "plugin_options"] {
            let error = options.set(key, Some(&"a".repeat(LONGEST + 1))).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_BAD_OPTION, "{key}");
            assert!(error.message().len() < 100 && error.hint().contains("1048576"), "{error:?}");
        }
        options.set("capture_file", Some(&"a".repeat(LONGEST))).unwrap();
    }

    #[test]
    fn taking_back_gives_the_default() {
        let mut options = Options::new();
        options.set("queue_bytes", Some("64kB")).unwrap();
        assert_eq!(options.get("queue_bytes").unwrap(), "64kB");
        options.set("queue_bytes", None).unwrap();
        assert_eq!(options.get("queue_bytes").unwrap(), "4MB");
    }
}
