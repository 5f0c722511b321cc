//! What a hot standby's transactions need of the primary, as the program says it. It must never outlive the stream on the server:
//! what was told is taken back at the end.

use std::sync::{Mutex, PoisonError};

use super::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::options::Mode;

/// The oldest transactions whose rows are needed, as full ids; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// Of the standby's transactions.
    pub xmin: u64,
    /// Of its logical slots.
    pub catalog_xmin: u64,
}

/// What the program said last.
#[derive(Debug, Default)]
pub struct StandbyFeedback(Mutex<Option<Needed>>);

impl StandbyFeedback {
    /// The program says it.
    pub fn set(&self, needed: Needed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(needed);
    }

    /// What it said, if it ever did.
    pub fn get(&self) -> Option<Needed> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The program says what a hot standby needs. The stream's task tells the server.
    pub fn need(&self, needed: Needed) -> Result<()> {
        if self.config.mode != Mode::Physical {
            let text = "a logical stream gives no feedback of a standby";
            return Err(Error::new(Status::WAL_E_STATE, text).with_hint("Set mode to \"physical\"."));
        }
        // 0 is none; 1 and 2 are what the server itself writes with.
        let is_id = |id: u64| id == 0 || id & u64::from(u32::MAX) >= 3;
        if !is_id(needed.xmin) || !is_id(needed.catalog_xmin) {
            let Needed { xmin, catalog_xmin } = needed;
            let text =
                format!("xmin {xmin} and catalog_xmin {catalog_xmin} are not both 0 or ids of transactions");
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, text));
        }
        self.standby.set(needed);
        self.engine.notify_one();
        Ok(())
    }
}
