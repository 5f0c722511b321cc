//! Whose WAL an archive has: a small file of its own, so that WAL of another system never comes beside it (PH8). It must never be
//! believed where the segments say otherwise.

use crate::error::{Error, Result, Status};
use crate::physical::SegmentSize;

/// The file's name.
pub const FILE: &str = ".pgwalstream-archive";

const HEAD: &str = "pgwalstream archive 1";

/// Whose WAL it is, and how long its segments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The system identifier.
    pub system: u64,
    /// The size of segments.
    pub size: SegmentSize,
}

impl Identity {
    /// The file.
    pub fn text(self) -> String {
        format!("{HEAD}\nsystem_identifier {}\nsegment_size {}\n", self.system, self.size.bytes())
    }

    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self> {
        let read = || {
            let mut lines = text.lines();
            let head = lines.next()?;
            let system = lines.next()?.strip_prefix("system_identifier ")?.parse().ok()?;
            let size = lines.next()?.strip_prefix("segment_size ")?.parse().ok()?;
            (head == HEAD && lines.next().is_none()).then_some(Self { system, size: SegmentSize::of(size)? })
        };
        read().ok_or_else(|| {
            Error::new(Status::WAL_E_ARCHIVE, format!("the archive's file {FILE} is damaged"))
                .with_hint("Remove it: it is made again from the segments.")
        })
    }

    /// The same, from the first page of a segment (XLogLongPageHeaderData); nothing where it is none.
    pub fn of_segment(head: &[u8]) -> Option<Self> {
        let long = u16::from_le_bytes(*head.get(2..4)?.first_chunk()?) & 2 != 0;
        let system = u64::from_le_bytes(*head.get(24..32)?.first_chunk()?);
        let size = u32::from_le_bytes(*head.get(32..36)?.first_chunk()?);
        let size = SegmentSize::of(size.into())?;
        (long && system != 0).then_some(Self { system, size })
    }

    /// Whether a server's WAL belongs here.
    pub fn takes(self, server: Self) -> Result<()> {
        if self == server {
            return Ok(());
        }
        let text = if self.system == server.system {
            format!(
                "the archive has segments of {} bytes, the server of {}",
                self.size.bytes(),
                server.size.bytes()
            )
        } else {
            format!("the archive is of system {}, the server is system {}", self.system, server.system)
        };
        Err(Error::new(Status::WAL_E_ARCHIVE_IDENTITY, text)
            .with_hint("Give each system a directory of its own."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ph8_an_archive_takes_the_wal_of_one_system() {
        let it = Identity { system: 7_560_123_456_789_012_345, size: SegmentSize::USUAL };
        assert_eq!(Identity::parse(&it.text()), Ok(it));
        for text in ["", "pgwalstream archive 2\n", &it.text().replace("16777216", "3"), &(it.text() + "x\n")]
        {
            assert_eq!(Identity::parse(text).unwrap_err().status(), Status::WAL_E_ARCHIVE);
        }
        assert_eq!(it.takes(it), Ok(()));
        let other = Identity { system: 9, ..it };
        assert_eq!(it.takes(other).unwrap_err().status(), Status::WAL_E_ARCHIVE_IDENTITY);
        let longer = Identity { size: SegmentSize::of(64 << 20).unwrap(), ..it };
        assert_eq!(it.takes(longer).unwrap_err().status(), Status::WAL_E_ARCHIVE_IDENTITY);
    }
}
