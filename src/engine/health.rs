//! A slot's health beside its stream: looked at every `health_interval` on a short connection of its own.
//!
//! It must never disturb the stream: what goes wrong here is logged and tried again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::beside::Beside;
use super::log::Level;
use super::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::options::Config;
use crate::stream::{Concern, Health, health_query, validity, validity_query};
use crate::sys::pg_micros;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// How long a stream that ended waits to know whether its slot was invalidated.
const VERDICT: Duration = Duration::from_secs(2);

/// How often, and after how long each time, to look whether a slot that was taken away is invalidated.
const LOOKS: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(100);

/// The last look, and when it was, in microseconds since 2000.
#[derive(Debug, Default)]
pub struct LastHealth(Mutex<Option<(i64, Health)>>);

impl LastHealth {
    /// What was seen last.
    pub fn get(&self) -> Option<(i64, Health)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, health: Health) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((pg_micros(), health));
    }
}

/// Looks for as long as it is polled. Never ends.
pub async fn watch(shared: &Shared) {
    let interval = shared.config.health_interval;
    if interval.is_zero() {
        return std::future::pending().await;
    }
    let slot = &shared.config.slot;
    // Said once for as long as it lasts.
    let mut said = (Concern::None, None);
    loop {
        sleep(interval).await;
        let now = match Box::pin(look(&shared.config, slot)).await {
            Ok(Some(health)) => {
                shared.health.set(health);
                let concern = health.concern(shared.config.health_safe_wal as u64);
                if concern != said.0
                    && let Some(warning) = concern.warning(slot, &health)
                {
                    shared.logger.log(Level::WAL_LOG_WARN, "health", || warning);
                }
                (concern, None)
            }
            Ok(None) => (said.0, Some(Status::WAL_E_SLOT_MISSING)),
            Err(error) => {
                if said.1 != Some(error.status()) {
                    let text = || format!("cannot look at slot {slot}: {error:?}");
                    shared.logger.log(Level::WAL_LOG_WARN, "health", text);
                }
                (said.0, Some(error.status()))
            }
        };
        said = now;
    }
}

async fn look(config: &Config, slot: &str) -> Result<Option<Health>> {
    let deadline = Instant::now() + LOOK;
    let look = async {
        let mut session = Beside::open(config.backend, &config.conninfo, deadline).await?;
        let rows = session.ask(&health_query(session.version(), slot)).await?.rows;
        session.close();
        Ok(Health::read(&rows))
    };
    timeout_at(deadline.into(), look).await.unwrap_or_else(|_| {
        Err(Error::new(Status::WAL_E_CONNECT_TIMEOUT, "the server did not answer in time"))
    })
}

/// The better reason for the end of a stream, if its slot was invalidated: the server says no more than that the
/// process was terminated (P13).
pub async fn verdict(shared: &Shared, error: Error) -> Error {
    use Status::{WAL_E_CONNECTION_LOST, WAL_E_SERVER, WAL_E_SERVER_SHUTDOWN};
    if !matches!(error.status(), WAL_E_CONNECTION_LOST | WAL_E_SERVER | WAL_E_SERVER_SHUTDOWN) {
        return error;
    }
    let deadline = Instant::now() + VERDICT;
    let slot = &shared.config.slot;
    let look = async {
        let config = &shared.config;
        let mut session = Beside::open(config.backend, &config.conninfo, deadline).await.ok()?;
        let query = validity_query(session.version(), slot);
        // The process is terminated first, and the slot invalidated once it has let go of it.
        for _ in 0..LOOKS {
            let found = validity(slot, &session.ask(&query).await.ok()?.rows);
            if found.is_some() || error.status() == WAL_E_CONNECTION_LOST {
                return found;
            }
            sleep(BETWEEN).await;
        }
        session.close();
        None
    };
    match timeout_at(deadline.into(), look).await {
        Ok(Some(invalidated)) => {
            let detail = format!("{}\n{}", invalidated.detail(), error.message());
            invalidated.with_detail(detail)
        }
        _ => error,
    }
}
