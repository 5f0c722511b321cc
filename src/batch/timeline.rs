//! What a TIMELINE event says in numbers. It stands as bytes behind one of the event's values, so that a copy of the event has
//! it too. It must never go on the wire or into a file: its form is this library's own.

/// The numbers of a TIMELINE event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimelineNumbers {
    /// The timeline that ended.
    pub before: u32,
    /// The one that follows.
    pub timeline: u32,
    /// Where the first ended.
    pub switchpoint: u64,
}

impl TimelineNumbers {
    /// Which of the event's values holds the history file.
    pub const HISTORY_AT: usize = 0;
    /// Which of the event's values holds these.
    pub const AT: usize = 1;

    /// The bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        let words =
            u128::from(self.before) | u128::from(self.timeline) << 32 | u128::from(self.switchpoint) << 64;
        words.to_ne_bytes()
    }

    /// What the bytes say; nothing where they are not these.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let words = u128::from_ne_bytes(bytes.try_into().ok()?);
        Some(Self { before: words as u32, timeline: (words >> 32) as u32, switchpoint: (words >> 64) as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_come_back_from_their_bytes_and_from_no_others() {
        let numbers = TimelineNumbers { before: 1, timeline: u32::MAX, switchpoint: 0x16_B374_D848 };
        let bytes = numbers.to_bytes();
        assert_eq!(TimelineNumbers::from_bytes(&bytes), Some(numbers));
        assert_eq!(TimelineNumbers::from_bytes(&bytes[..15]), None);
    }
}
