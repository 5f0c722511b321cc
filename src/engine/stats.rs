//! What a stream counts. Written by the engine and by readers of batches, read by anyone at any time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: AtomicU64,)*
            /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
            pub last_message_time: AtomicI64,
        }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
            pub last_message_time: i64,
        }

        impl Counts {
            /// The counters as they are now; each is right, together they may straddle an update.
            pub fn snapshot(&self) -> Snapshot {
                Snapshot {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    last_message_time: self.last_message_time.load(Ordering::Relaxed),
                }
            }
        }
    };
}

stats! {
    /// Events made ready for the program.
    events,
    /// Batches made ready for the program.
    batches,
    /// Transactions received that have at least one event.
    transactions,
    /// Transactions without a change, which are not delivered.
    empty_transactions,
    /// Bytes received while streaming.
    bytes_received,
    /// Reads from the connection that gave data.
    reads,
    /// Times the engine woke for this stream.
    wakeups,
    /// Status updates sent.
    status_updates,
    /// Keepalives received.
    keepalives,
    /// Stream Aborts of transactions that were never announced.
    ignored_aborts,
    /// Messages of an unknown kind that were passed over.
    unknown_frames,
    /// Notices and warnings from the server.
    notices,
    /// Notices that changes were skipped.
    gaps,
    /// The end of what was received.
    received_lsn,
    /// The flush position last reported to the server.
    reported_lsn,
    /// The server's position in its last message.
    server_wal_end,
    /// The server's version, as in server_version_num.
    server_version,
    /// The walsender's process id.
    backend_pid,
    /// Batches in the program's hands.
    batches_live,
    /// Memory of the batches in the program's hands, in bytes.
    live_bytes,
    /// What the walsender may decode in, in kB.
    server_work_mem_kb,
}

impl Counts {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a counter.
    pub fn set(counter: &AtomicU64, n: u64) {
        counter.store(n, Ordering::Relaxed);
    }
}
