//! Why a connection is made, and where a stream goes on that lost one. It must never name a position that was only
//! received.

use super::Identity;
use crate::lsn::Lsn;

/// Why a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
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
    /// What the slot can have confirmed by this stream's doing: where it stood at first, or what was reported since.
    pub confirmed: Lsn,
    /// The server before.
    pub before: Identity,
    /// The end of all that was told.
    pub told: Lsn,
}

impl Occasion {
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
