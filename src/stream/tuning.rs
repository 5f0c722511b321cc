//! How much memory the walsender may decode in: what is asked of the server, and what is chosen (pitfall P24).
//!
//! It must never overrule a person: whatever is set in conninfo, for the role, the database or the server stays.

use super::sql::EQ;
use crate::options::{Config, ServerTuning, Streaming};

/// Streamed transactions leave the server as soon as they fill this. Measured on 14, 16 and 18: the walsender's CPU is
/// the same from 4 to 64 MB, its memory follows the setting, and below 2 MB the many blocks begin to cost.
const STREAMED_KIB: u64 = 8 * 1024;

/// Beyond this a transaction that is sent at its commit goes through the server's disk all the same.
const MOST_KIB: u64 = 256 * 1024;

/// The share of shared_buffers that one walsender may take: a server that nobody gave memory keeps its default.
const SHARE: u64 = 8;

/// The server's `logical_decoding_work_mem` as a connection finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodingMemory {
    /// In kB.
    pub kib: u64,
    /// Who set it.
    pub source: Source,
    /// The server's `shared_buffers`, in kB: what it is sized for.
    pub shared_buffers_kib: u64,
}

/// Who set a server's setting (`source` of pg_settings).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody.
    BuiltIn,
    /// A person, anywhere; or it is not known.
    #[default]
    Somebody,
}

impl DecodingMemory {
    /// The columns to ask for, in the order of `read`.
    pub(super) fn columns() -> String {
        format!(
            "(SELECT setting FROM pg_catalog.pg_settings WHERE name {EQ} 'logical_decoding_work_mem'), \
             (SELECT source FROM pg_catalog.pg_settings WHERE name {EQ} 'logical_decoding_work_mem'), \
             pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) OPERATOR(pg_catalog./) 1024"
        )
    }

    /// Understands them.
    pub(super) fn read(setting: &str, source: &str, shared_buffers: &str) -> Self {
        Self {
            kib: setting.parse().unwrap_or(0),
            source: if source == "default" { Source::BuiltIn } else { Source::Somebody },
            shared_buffers_kib: shared_buffers.parse().unwrap_or(0),
        }
    }

    /// What it shall be, in kB, if that is another than it is.
    pub fn choose(&self, config: &Config) -> Option<u64> {
        if config.server_tuning == ServerTuning::Off || self.source == Source::Somebody {
            return None;
        }
        let chosen = match config.streaming {
            Streaming::On | Streaming::Parallel | Streaming::Assembled => STREAMED_KIB.min(self.kib),
            Streaming::Off => (self.shared_buffers_kib / SHARE).min(MOST_KIB).max(self.kib),
        };
        Some(chosen).filter(|it| *it != self.kib)
    }

    /// The statement that sets it for this connection.
    pub fn command(kib: u64) -> String {
        format!("SELECT pg_catalog.set_config('logical_decoding_work_mem', '{kib}kB', false)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    const DEFAULT: u64 = 64 * 1024;

    fn chosen(pairs: &[(&str, &str)], memory: DecodingMemory) -> Option<u64> {
        let mut options = Options::new();
        for (key, value) in
            [("conninfo", "host=h user=u dbname=d"), ("slot", "s"), ("publication", "p")].iter().chain(pairs)
        {
            options.set(key, Some(value)).unwrap();
        }
        memory.choose(&options.config().unwrap())
    }

    fn memory(shared_buffers_mib: u64) -> DecodingMemory {
        DecodingMemory::read(&DEFAULT.to_string(), "default", &(shared_buffers_mib * 1024).to_string())
    }

    #[test]
    fn streaming_needs_little_and_waiting_takes_what_the_server_can_spare() {
        for streaming in ["on", "parallel"] {
            assert_eq!(chosen(&[("streaming", streaming)], memory(128)), Some(STREAMED_KIB));
            assert_eq!(chosen(&[("streaming", streaming)], memory(16_384)), Some(STREAMED_KIB));
        }
        for (shared_buffers_mib, expected) in
            [(0, None), (128, None), (512, None), (1024, Some(128)), (2048, Some(256)), (65_536, Some(256))]
        {
            assert_eq!(chosen(&[], memory(shared_buffers_mib)), expected.map(|mib: u64| mib * 1024));
        }
    }

    #[test]
    fn what_somebody_set_stays() {
        for source in ["client", "user", "database", "configuration file", "session", ""] {
            let set = DecodingMemory::read(&DEFAULT.to_string(), source, "16777216");
            assert_eq!((chosen(&[], set), chosen(&[("streaming", "on")], set)), (None, None), "{source}");
        }
        let off = ("server_tuning", "off");
        assert_eq!(chosen(&[off], memory(16_384)), None);
        assert_eq!(chosen(&[off, ("streaming", "on")], memory(16_384)), None);
    }
}
