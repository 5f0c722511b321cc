//! How far a program has a snapshot, as bytes that it stores with the rows. Their form is versioned and checked, and part of
//! what later releases must read.

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// How far a snapshot came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Rows are missing.
    Begun,
    /// All rows came.
    Complete,
}

/// Which snapshot it is, and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotState {
    /// How far it came.
    pub extent: Extent,
    /// The number that initdb gave the server's cluster.
    pub system: u64,
    /// Where the slot was made: the rows are those of this position.
    pub consistent: Lsn,
    /// How many items came.
    pub items_done: u32,
    /// How many there are.
    pub items: u32,
}

const MAGIC: &[u8; 4] = b"WSNP";
const VERSION: u8 = 1;
const BODY: usize = 32;

/// How long the bytes are.
const LENGTH: usize = BODY + 4;

impl SnapshotState {
    /// The bytes: all numbers big-endian, and their CRC-32C at the end.
    pub fn to_bytes(self) -> [u8; LENGTH] {
        let extent = match self.extent {
            Extent::Begun => 1,
            Extent::Complete => 2,
        };
        let mut out = [0; LENGTH];
        let parts = [
            &MAGIC[..],
            &[VERSION, extent, 0, 0],
            &self.system.to_be_bytes(),
            &self.consistent.0.to_be_bytes(),
            &self.items_done.to_be_bytes(),
            &self.items.to_be_bytes(),
        ];
        fill(&mut out, parts.into_iter().flatten());
        let crc = crc32c::crc32c(out.get(..BODY).unwrap_or_default());
        fill(out.get_mut(BODY..).unwrap_or_default(), &crc.to_be_bytes());
        out
    }

    /// What the bytes say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).ok_or_else(|| {
            Error::new(
                Status::WAL_E_BAD_OPTION,
                "snapshot_state is no state of a snapshot that this version reads",
            )
            .with_hint("Give the bytes of wal_event_snapshot_state in base64, whole and unchanged.")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (body, crc) = bytes.split_first_chunk::<BODY>()?;
        if crc32c::crc32c(body).to_be_bytes() != *crc {
            return None;
        }
        let (head, rest) = body.split_first_chunk::<8>()?;
        let extent = match head.strip_prefix(MAGIC)? {
            [VERSION, 1, 0, 0] => Extent::Begun,
            [VERSION, 2, 0, 0] => Extent::Complete,
            _ => return None,
        };
        let (system, rest) = rest.split_first_chunk()?;
        let (consistent, rest) = rest.split_first_chunk()?;
        let (items_done, rest) = rest.split_first_chunk()?;
        Some(Self {
            extent,
            system: u64::from_be_bytes(*system),
            consistent: Lsn(u64::from_be_bytes(*consistent)),
            items_done: u32::from_be_bytes(*items_done),
            items: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

fn fill<'a>(out: &mut [u8], bytes: impl IntoIterator<Item = &'a u8>) {
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_from_its_bytes_and_from_no_others() {
        for extent in [Extent::Begun, Extent::Complete] {
            let state = SnapshotState {
                extent,
                system: 0x0102_0304_0506_0708,
                consistent: Lsn(0x16_B374_D848),
                items_done: 3,
                items: u32::MAX,
            };
            let bytes = state.to_bytes();
            assert_eq!(SnapshotState::from_bytes(&bytes), Ok(state));
            for at in 0..bytes.len() {
                let mut other = bytes;
                other[at] ^= 1;
                let error = SnapshotState::from_bytes(&other).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_BAD_OPTION, "byte {at}");
                assert!(SnapshotState::from_bytes(&bytes[..at]).is_err());
            }
        }
    }

    #[test]
    fn the_form_is_the_one_that_programs_have_stored() {
        let state = SnapshotState {
            extent: Extent::Complete,
            system: 1,
            consistent: Lsn(2),
            items_done: 3,
            items: 3,
        };
        let body = b"WSNP\x01\x02\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0\x03";
        assert_eq!(state.to_bytes()[..BODY], body[..]);
    }
}
