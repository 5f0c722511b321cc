//! What a RECONNECTED event says in numbers. It stands as bytes behind one of the event's values, so that a copy of the
//! event has it too. It must never go on the wire or into a file: its form is this library's own.

/// The numbers of a RECONNECTED event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconnectNumbers {
    /// How many attempts the connection took.
    pub attempts: u32,
    /// Why the one before was lost, as a status.
    pub status: i32,
    /// The timeline of the server before.
    pub lost_timeline: u32,
    /// The timeline of the server now.
    pub timeline: u32,
    /// Where the history of the server now left that of the server before, if something is lost on it; else 0.
    pub switchpoint: u64,
}

impl ReconnectNumbers {
    /// Which of the event's values holds the message.
    pub const MESSAGE_AT: usize = 0;
    /// Which of the event's values holds these.
    pub const AT: usize = 1;

    /// The bytes.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut out = [0; 24];
        let all = [
            &self.attempts.to_ne_bytes()[..],
            &self.status.to_ne_bytes(),
            &self.lost_timeline.to_ne_bytes(),
            &self.timeline.to_ne_bytes(),
            &self.switchpoint.to_ne_bytes(),
        ];
        for (to, from) in out.iter_mut().zip(all.into_iter().flatten()) {
            *to = *from;
        }
        out
    }

    /// What the bytes say; nothing where they are not these.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (attempts, rest) = bytes.split_first_chunk()?;
        let (status, rest) = rest.split_first_chunk()?;
        let (lost_timeline, rest) = rest.split_first_chunk()?;
        let (timeline, rest) = rest.split_first_chunk()?;
        let (switchpoint, rest) = rest.split_first_chunk()?;
        rest.is_empty().then(|| Self {
            attempts: u32::from_ne_bytes(*attempts),
            status: i32::from_ne_bytes(*status),
            lost_timeline: u32::from_ne_bytes(*lost_timeline),
            timeline: u32::from_ne_bytes(*timeline),
            switchpoint: u64::from_ne_bytes(*switchpoint),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_come_back_from_their_bytes_and_from_no_others() {
        let numbers = ReconnectNumbers {
            attempts: 3,
            status: -44,
            lost_timeline: 1,
            timeline: u32::MAX,
            switchpoint: 0x16_B374_D848,
        };
        let bytes = numbers.to_bytes();
        assert_eq!(ReconnectNumbers::from_bytes(&bytes), Some(numbers));
        assert_eq!(ReconnectNumbers::from_bytes(&bytes[..23]), None);
        assert_eq!(ReconnectNumbers::from_bytes(&[0; 25]), None);
    }
}
