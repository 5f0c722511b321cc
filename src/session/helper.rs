//! Short-lived threads for what blocks: getaddrinfo and SCRAM's hashing.
//!
//! At most four in the process. Nobody ever waits for one to end: whoever loses interest drops the future, and the
//! thread ends by itself.

use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result, Status};
use crate::sys::{PerProcess, block_all_signals};

const THREADS: usize = 4;

/// Per process, for in a forked child the permits of the parent's threads would never come back.
static PERMITS: PerProcess<Semaphore> = PerProcess::new(|| Semaphore::new(THREADS));

/// Runs `work` on a helper thread, after waiting for one of the four.
pub(super) async fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let permits = PERMITS.get().map_err(|error| Error::os(Status::WAL_E_SYSTEM, "mmap", &error))?;
    let permit = permits.acquire().await.map_err(|_| lost(name))?;
    let (send, receive) = oneshot::channel();
    let thread = move || {
        // The permit goes back as soon as the work is done, wanted or not.
        let result = work();
        drop(permit);
        let _ = send.send(result);
    };
    start(name, thread).map_err(|error| Error::os(Status::WAL_E_SYSTEM, "cannot start a thread", &error))?;
    receive.await.map_err(|_| lost(name))
}

/// Starts a thread that no signal of the host can hit.
fn start(name: &str, thread: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let before = block_all_signals()?;
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(thread);
    before.restore();
    started.map(drop)
}

#[cold]
fn lost(name: &str) -> Error {
    Error::new(Status::WAL_E_INTERNAL, format!("the helper thread {name} ended without a result"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn at_most_four_run_and_lost_interest_gives_the_permit_back() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let work = || {
            MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(30));
            NOW.fetch_sub(1, Ordering::SeqCst);
            7
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let local = tokio::task::LocalSet::new();
            let tasks: Vec<_> = (0..10).map(|_| local.spawn_local(run("test", work))).collect();
            // Those whose future is dropped while their thread runs.
            for _ in 0..4 {
                let _ = tokio::time::timeout(Duration::from_millis(1), run("test", work)).await;
            }
            local.await;
            for task in tasks {
                assert_eq!(task.await.unwrap().unwrap(), 7);
            }
            assert_eq!(run("test", || 8).await.unwrap(), 8);
        });
        assert!(MOST.load(Ordering::SeqCst) <= THREADS);
    }

    #[test]
    fn shutting_down_does_not_wait() {
        let (stop, stopped) = mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = std::time::Instant::now();
        runtime.block_on(async {
            let wait = run("test", move || stopped.recv());
            assert!(tokio::time::timeout(Duration::from_millis(20), wait).await.is_err());
        });
        drop(runtime);
        assert!(start.elapsed() < Duration::from_secs(1));
        drop(stop);
    }
}
