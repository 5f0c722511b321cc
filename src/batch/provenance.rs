//! Which server events come from, and which of them tell a position there: two words that each event of a stream bears.
//!
//! It must never let an event tell a position that a later stream could not go on behind without losing or repeating something.

/// Which server events come from. All 0 where there is none, as for a decoder without a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The number that initdb gave the cluster.
    pub system: u64,
    /// The timeline that it was on when it was asked.
    pub timeline: u32,
    /// Which events tell a position.
    pub telling: Telling,
}

/// Which events tell a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Each change, and each end. Changes are numbered by the options that this is made of.
    Each(u32),
    /// Ends alone: a change has no number that another life of the program would find again.
    Ends,
    /// None: nobody could tell later which place is meant.
    Nothing,
}

impl Default for Telling {
    fn default() -> Self {
        Self::Each(0)
    }
}

/// Ends alone.
const ENDS: u32 = 1 << 30;
/// No position.
const NOTHING: u32 = 1 << 31;
/// What is left for how changes are numbered.
const NUMBERING: u32 = ENDS - 1;

impl Telling {
    /// As a number, which a capture has too.
    pub fn word(self) -> u32 {
        match self {
            Self::Each(numbering) => numbering & NUMBERING,
            Self::Ends => ENDS,
            Self::Nothing => NOTHING,
        }
    }

    /// What the number says.
    pub fn of_word(word: u32) -> Self {
        match word {
            _ if word & NOTHING != 0 => Self::Nothing,
            _ if word & ENDS != 0 => Self::Ends,
            numbering => Self::Each(numbering),
        }
    }
}

impl Provenance {
    /// As an event has it. Both words at once: each event of a stream is given them.
    #[inline]
    pub(super) fn words(self) -> [u64; 2] {
        [self.system, u64::from(self.timeline) | u64::from(self.telling.word()) << 32]
    }

    #[inline]
    pub(super) fn of([system, more]: [u64; 2]) -> Self {
        Self { system, timeline: more as u32, telling: Telling::of_word((more >> 32) as u32) }
    }

    /// The words of the same place, of which nothing is told.
    #[inline]
    pub(super) fn untold([system, more]: [u64; 2]) -> [u64; 2] {
        [system, more | u64::from(NOTHING) << 32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_say_all_of_it() {
        for telling in
            [Telling::Each(0), Telling::Each(9), Telling::Each(NUMBERING), Telling::Ends, Telling::Nothing]
        {
            for timeline in [0, 1, u32::MAX] {
                let it = Provenance { system: u64::MAX, timeline, telling };
                assert_eq!(Provenance::of(it.words()), it);
                let untold = Provenance::of(Provenance::untold(it.words()));
                assert_eq!(untold, Provenance { telling: Telling::Nothing, ..it });
            }
        }
    }
}
