//! Which release wrote a page, by its magic number, and what differs by release. It must never guess: an unknown number is none.

/// A release whose records are known in full. Later releases compare as greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalVersion {
    /// PostgreSQL 14.
    V14,
    /// PostgreSQL 15.
    V15,
    /// PostgreSQL 16.
    V16,
    /// PostgreSQL 17.
    V17,
    /// PostgreSQL 18.
    V18,
}

/// Each release with the magic number of its pages (`XLOG_PAGE_MAGIC`) and its catalog's version, which is in the names of
/// tablespaces' folders.
const TABLE: [(WalVersion, u16, u32); 5] = [
    (WalVersion::V14, 0xD10D, 202_107_181),
    (WalVersion::V15, 0xD110, 202_209_061),
    (WalVersion::V16, 0xD113, 202_307_071),
    (WalVersion::V17, 0xD116, 202_406_281),
    (WalVersion::V18, 0xD118, 202_506_291),
];

impl WalVersion {
    /// The release of a magic number, where it is known.
    #[inline]
    pub fn of(magic: u16) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == magic).map(|row| row.0)
    }

    /// Its number, as in 18.
    pub fn major(self) -> u32 {
        self as u32 + 14
    }

    /// The version of its catalog (`CATALOG_VERSION_NO`).
    pub fn catalog(self) -> u32 {
        TABLE.iter().find(|row| row.0 == self).map_or(0, |row| row.2)
    }
}

/// Whether a number looks like the magic of some release, known or not: all have been of this form since 2000.
pub fn is_plausible(magic: u16) -> bool {
    (0xD050..0xD300).contains(&magic)
}
