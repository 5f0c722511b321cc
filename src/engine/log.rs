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
    /// Something is lost, or will be if nobody looks.
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
            let text = text().to_string();
            within_callback("log", || sink(level, target, &text));
        }
    }

    /// Whether anybody listens to messages of a level.
    pub fn listens(&self, level: Level) -> bool {
        self.to.as_ref().is_some_and(|(most, _)| level <= *most)
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("most", &self.to.as_ref().map(|to| to.0)).finish()
    }
}
