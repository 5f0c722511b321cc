//! Why a connection is made, and where a stream goes on that lost one. It must never name a position that was only
//! received.

use super::Identity;
use crate::lsn::Lsn;

/// Why a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The stream begins.
    First,
    /// A connection was lost.
    Again(Resume),
}

/// Where a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The acknowledged position; 0 if nothing was acknowledged.
    pub acked: Lsn,
    /// What the slot can have confirmed by this stream's doing: where the stream began, or what was reported since.
    pub confirmed: Lsn,
    /// The server before.
    pub before: Identity,
    /// The end of all that was delivered.
    pub delivered: Lsn,
}

impl Purpose {
    /// Where streaming begins; `first` is where the program wants it to. The server goes to the slot's position by itself
    /// where that is later. After a crash the slot may stand before what it had confirmed: what was confirmed is safe, and
    /// does not come again.
    pub fn start(&self, first: Lsn) -> Lsn {
        match self {
            Self::First => first,
            Self::Again(Resume { acked, confirmed, .. }) => (*acked).max(*confirmed),
        }
    }

    /// The same on a server whose history left that of the server before at `branch`: what was acknowledged or
    /// confirmed beyond means nothing there.
    #[must_use]
    pub fn branched(self, branch: Lsn) -> Self {
        match self {
            Self::First => self,
            Self::Again(resume) => Self::Again(Resume {
                acked: resume.acked.min(branch),
                confirmed: resume.confirmed.min(branch),
                ..resume
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p32_a_reconnect_never_goes_back_before_what_was_confirmed() {
        let again = |acked, confirmed| {
            let before = Identity::default();
            Purpose::Again(Resume {
                acked: Lsn(acked),
                confirmed: Lsn(confirmed),
                before,
                delivered: Lsn(0x900),
            })
        };
        assert_eq!(Purpose::First.start(Lsn(0x50)), Lsn(0x50));
        // Just started, nothing acknowledged: a slot that a crash put back must not send again what it had confirmed.
        assert_eq!(again(0, 0x200).start(Lsn(0)), Lsn(0x200));
        assert_eq!(again(0x300, 0x200).start(Lsn(0)), Lsn(0x300));
        // On another history nothing counts beyond the branch, nor does what the program wanted at first.
        assert_eq!(again(0x300, 0x200).branched(Lsn(0x100)).start(Lsn(0x400)), Lsn(0x100));
    }
}
