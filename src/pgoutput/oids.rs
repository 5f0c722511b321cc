//! Maps whose keys are OIDs.
//! It must never be used for keys that a stranger chooses: the hash is quick, and easy to collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(super) type OidMap<T> = HashMap<u32, T, BuildHasherDefault<OidHasher>>;

/// Spreads OIDs by one multiplication. They come from the server the user chose to trust with the data itself.
#[derive(Debug, Default)]
pub(super) struct OidHasher(u64);

impl Hasher for OidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, oid: u32) {
        // 2^64 divided by the golden ratio; hashbrown looks at the upper bits too.
        self.0 = (self.0 ^ u64::from(oid)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
