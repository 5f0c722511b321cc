//! How far a command is, on a terminal. It must never write to what is no terminal, nor when nothing is to be said.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use pgwalstream::Stats;
use tokio::time::Instant;

use crate::table::size;

/// How often it changes.
const PACE: Duration = Duration::from_millis(500);

/// A line of stderr that is written again and again.
pub struct Shown {
    is_on: bool,
    next: Instant,
    is_there: bool,
}

impl Shown {
    /// `is_silent`: nothing is shown.
    pub fn new(is_silent: bool) -> Self {
        Self { is_on: !is_silent && io::stderr().is_terminal(), next: Instant::now(), is_there: false }
    }

    /// Whether it is time.
    pub fn is_due(&self) -> bool {
        self.is_on && Instant::now() >= self.next
    }

    /// Waits until it is time; without a terminal for ever.
    pub async fn wait(&self) {
        if self.is_on {
            tokio::time::sleep_until(self.next).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    pub fn show(&mut self, text: &str) {
        if self.is_on {
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
            self.is_there = true;
            self.next = Instant::now() + PACE;
        }
    }

    /// The line stays, and the next thing stands below.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.is_there) {
            let _ = writeln!(io::stderr());
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end();
    }
}

/// Of a stream.
pub fn of_stream(changes: u64, stats: &Stats) -> String {
    let (received, lag) = (size(stats.counters.bytes_received), size(stats.counters.lag_bytes));
    format!("{changes} changes, {received} received, at {}, {lag} behind", stats.delivered_lsn)
}
