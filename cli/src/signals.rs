//! SIGINT and SIGTERM as something to wait for. It must never let one end the command before what it made is gone.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::trouble::Trouble;

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
