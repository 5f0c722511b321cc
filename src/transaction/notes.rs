//! What the events of an assembled transaction say beyond its messages: where it was prepared, and what is in doubt.
//! It must never change what a message itself says.

use crate::batch::{Event, EventKind};

/// What the events of the transaction that is being delivered have to say beyond its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Where it was prepared, if it was.
    pub(super) prepare_lsn: u64,
    /// What its ends, and its logical messages, have.
    pub(super) flags: u32,
}

impl Notes {
    /// Whether there is anything to say.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Says it in an event of the transaction.
    pub fn note(self, event: &mut Event) {
        use EventKind::{
            WAL_EVENT_BEGIN, WAL_EVENT_BEGIN_PREPARE, WAL_EVENT_COMMIT, WAL_EVENT_MESSAGE, WAL_EVENT_PREPARE,
        };
        let is = |kinds: &[EventKind]| kinds.iter().any(|kind| event.kind == *kind as u32);
        let (bounds, prepares) =
            (is(&[WAL_EVENT_BEGIN, WAL_EVENT_COMMIT]), is(&[WAL_EVENT_BEGIN_PREPARE, WAL_EVENT_PREPARE]));
        if bounds {
            event.number = self.prepare_lsn;
        }
        if bounds || prepares || is(&[WAL_EVENT_MESSAGE]) {
            event.flags |= self.flags;
        }
    }
}
