//! What a SNAPSHOT event tells in numbers, and which of its values holds the state. It must never say anything of a row: an
//! event of its own does.

use super::{Event, EventKind, flags};

/// Where a snapshot stands.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum SnapshotStep {
    /// The event tells of no snapshot.
    #[default]
    WAL_SNAPSHOT_NONE = 0,
    /// The rows of `relation` follow, between those of other tables.
    WAL_SNAPSHOT_TABLE_BEGIN = 1,
    /// All rows of an item of `relation` came.
    WAL_SNAPSHOT_ITEM_END = 2,
    /// All rows of `relation` came.
    WAL_SNAPSHOT_TABLE_END = 3,
    /// All rows of all tables came, and changes follow.
    WAL_SNAPSHOT_END = 4,
    /// The snapshot of an earlier life is gone, and another one begins: drop all rows that came of it.
    WAL_SNAPSHOT_RESTART = 5,
}

impl SnapshotStep {
    const ALL: [Self; 5] = [
        Self::WAL_SNAPSHOT_TABLE_BEGIN,
        Self::WAL_SNAPSHOT_ITEM_END,
        Self::WAL_SNAPSHOT_TABLE_END,
        Self::WAL_SNAPSHOT_END,
        Self::WAL_SNAPSHOT_RESTART,
    ];
}

/// What the numbers of a SNAPSHOT event, or of a row of a snapshot, say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotMark {
    /// Where the snapshot stands; none for a row.
    pub step: SnapshotStep,
    /// Which item of its table it is.
    pub item: u32,
}

impl SnapshotMark {
    /// Which of the event's values holds the state.
    pub const STATE_AT: usize = 0;

    /// As `Event::number` has it.
    pub fn number(self) -> u64 {
        u64::from(self.step as u32) << 32 | u64::from(self.item)
    }

    /// What an event says; `None` where it is of no snapshot.
    pub fn of(event: &Event) -> Option<Self> {
        let is_row = event.flags & flags::SNAPSHOT != 0;
        if event.kind != EventKind::WAL_EVENT_SNAPSHOT as u32 && !is_row {
            return None;
        }
        let step = SnapshotStep::ALL.into_iter().find(|step| *step as u64 == event.number >> 32);
        Some(Self { step: step.unwrap_or_default(), item: event.number as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_what_was_put_into_it() {
        for step in SnapshotStep::ALL {
            for item in [0, 1, u32::MAX] {
                let mark = SnapshotMark { step, item };
                let event = Event { number: mark.number(), ..Event::new(EventKind::WAL_EVENT_SNAPSHOT) };
                assert_eq!(SnapshotMark::of(&event), Some(mark));
            }
        }
        let row = Event { number: 7, flags: flags::SNAPSHOT, ..Event::new(EventKind::WAL_EVENT_INSERT) };
        assert_eq!(SnapshotMark::of(&row), Some(SnapshotMark { item: 7, ..SnapshotMark::default() }));
        assert_eq!(SnapshotMark::of(&Event::new(EventKind::WAL_EVENT_INSERT)), None);
    }
}
