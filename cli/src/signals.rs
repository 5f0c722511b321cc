//! SIGINT and SIGTERM as something to wait for. It must never let one end the command before what it made is gone.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use crate::trouble::Trouble;

/// How long what is under way may take once the end has come.
const GRACE: Duration = Duration::from_secs(2);

/// What ends a stream from outside: a signal, or the time that was given.
pub struct Ends<'s> {
    signals: &'s mut Signals,
    at: Option<Instant>,
    came: bool,
}

impl<'s> Ends<'s> {
    pub fn new(signals: &'s mut Signals, at: Option<Instant>) -> Self {
        Self { came: signals.came(), signals, at }
    }

    /// Whether one came.
    pub fn came(&self) -> bool {
        self.came
    }

    /// Waits for one.
    pub async fn wait(&mut self) {
        if self.came {
            return;
        }
        let at = self.at;
        let time = async {
            match at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.wait() => {}
            () = time => {}
        }
        self.came = true;
    }

    /// What some work gives. None: the end came, and the work did not come to its own within a grace, or before a second signal.
    pub async fn allow<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = self.wait() => {}
        }
        tokio::select! {
            done = timeout(GRACE, work) => done.ok(),
            () = self.signals.wait() => None,
        }
    }
}

/// SIGINT and SIGTERM.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    came: bool,
}

impl Signals {
    pub fn new() -> Result<Self, Trouble> {
        let listen =
            |kind| signal(kind).map_err(|error| Trouble::other(format!("cannot wait for signals: {error}")));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, came: false })
    }

    /// Whether one came.
    pub fn came(&self) -> bool {
        self.came
    }

    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.came = true;
    }

    /// Finishes what would leave something behind. A signal while another has been noted ends the process all the same.
    pub async fn outlast<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            let noted = self.came;
            tokio::select! {
                done = &mut work => return done,
                () = self.wait() => if noted { std::process::exit(130) },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is nearly done when the end comes is done, and what is stuck is given up.
    #[test]
    fn work_has_a_grace_and_no_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut signals = Signals::new().unwrap();
            let mut ends = Ends::new(&mut signals, Some(Instant::now()));
            let short = tokio::time::sleep(Duration::from_millis(50));
            assert_eq!(ends.allow(short).await, Some(()));
            assert!(ends.came());
            assert_eq!(ends.allow(std::future::pending::<()>()).await, None);
        });
    }
}
