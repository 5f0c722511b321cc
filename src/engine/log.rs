//! Logging through the program's own callback; without one there is silence. It must never be given a secret.

use std::fmt;
use std::sync::Arc;

use crate::sys::within_callback;

/// How much a message matters.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(non_camel_case_types)]
pub enum Level {
    /// The stream ends.
    WAL_LOG_ERROR = 1,
    /// Something needs attention, or changes may be lost; the stream goes on.
    WAL_LOG_WARN = 2,
    /// Connecting, connected, ended.
    WAL_LOG_INFO = 3,
    /// Every step.
    WAL_LOG_DEBUG = 4,
}

/// Where messages go: level, target (the part of the library), text.
pub type Sink = dyn Fn(Level, &str, &str) + Send + Sync;

/// A sink with a bound on the level.
#[derive(Clone, Default)]
pub struct Logger {
    to: Option<(Level, Arc<Sink>)>,
}

impl Logger {
    /// Messages of `most` and of what matters more go to `sink`.
    pub fn new(most: Level, sink: Arc<Sink>) -> Self {
        Self { to: Some((most, sink)) }
    }

    /// Logs what `text` gives, which is not asked when nobody listens.
    pub fn log<T: fmt::Display>(&self, level: Level, target: &str, text: impl FnOnce() -> T) {
        let Some((most, sink)) = &self.to else { return };
        if level <= *most {
            let text = harmless(text().to_string());
            within_callback("log", || sink(level, target, &text));
        }
    }

    /// Whether anybody listens to messages of a level.
    pub fn listens(&self, level: Level) -> bool {
        self.to.as_ref().is_some_and(|(most, _)| level <= *most)
    }
}

/// One line, whatever a server said: control characters, and those that turn the direction of a text, are escaped, so that
/// nobody outside can write lines of a log or to the terminal that shows it.
fn harmless(text: String) -> String {
    let is_harmful =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_harmful) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("most", &self.to.as_ref().map(|to| to.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn s58_what_a_server_says_is_one_harmless_line() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let logger = Logger::new(
            Level::WAL_LOG_WARN,
            Arc::new(move |_, _, text| sink.lock().unwrap().push(text.to_owned())),
        );
        logger.log(Level::WAL_LOG_WARN, "stream", || "a\nb\x1b[2J\r\u{202e}\u{9b}é日\t\"'\\");
        logger.log(Level::WAL_LOG_WARN, "stream", || "plain");
        let expected = ["a\\nb\\u{1b}[2J\\r\\u{202e}\\u{9b}é日\\t\"'\\", "plain"];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}
