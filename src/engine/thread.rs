//! The engine threads: started by the first open, stopped with the last close. All signals are blocked in them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::panics;
use crate::error::{Error, Result, Status};
use crate::sys::{PerProcess, block_all_signals};

/// A running engine thread. Dropping the last reference stops it.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Registry {
    wanted: usize,
    running: Vec<Weak<Engine>>,
}

static REGISTRY: PerProcess<Mutex<Registry>> =
    PerProcess::new(|| Mutex::new(Registry { wanted: 1, running: Vec::new() }));

/// Over how many threads the streams opened from now on are spread.
pub fn set_threads(wanted: usize) -> Result<()> {
    with_registry(|registry| {
        registry.wanted = wanted;
        Ok(())
    })
}

/// The thread with the fewest streams, or a new one while fewer run than are wanted.
pub fn acquire() -> Result<Arc<Engine>> {
    with_registry(|registry| {
        let mut alive: Vec<Arc<Engine>> = registry.running.iter().filter_map(Weak::upgrade).collect();
        if alive.len() >= registry.wanted.max(1) {
            alive.sort_by_key(Arc::strong_count);
            if let Some(engine) = alive.into_iter().next() {
                return Ok(engine);
            }
        }
        let engine = Arc::new(Engine::start()?);
        registry.running.retain(|weak| weak.strong_count() > 0);
        registry.running.push(Arc::downgrade(&engine));
        Ok(engine)
    })
}

impl Engine {
    /// Runs a stream's task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    fn start() -> Result<Self> {
        let failed =
            |error: std::io::Error| Error::os(Status::WAL_E_SYSTEM, "cannot start the engine thread", &error);
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        // A new thread inherits the mask: blocked before, restored after, no signal ever finds it unblocked.
        let mask = block_all_signals().map_err(failed)?;
        let thread = std::thread::Builder::new().name("pgwalstream".into()).spawn(move || {
            panics::mark_thread();
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        });
        mask.restore();
        Ok(Self { handle, stop: Some(stop), thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn with_registry<T>(work: impl FnOnce(&mut Registry) -> Result<T>) -> Result<T> {
    let registry =
        REGISTRY.get().map_err(|error| Error::os(Status::WAL_E_SYSTEM, "cannot map a page", &error))?;
    work(&mut registry.lock().unwrap_or_else(PoisonError::into_inner))
}
