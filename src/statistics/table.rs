//! The table: one row for each statistic, in the order of `wal_stats`. A new row comes at the end, since programs that
//! are compiled know where the others are. docs/adding.md lists what else a statistic needs.

/// Calls a macro with all rows. A row is a text, whose first sentence is the help of the metric; the name; where the
/// number comes from (`counted`: an atomic that the layers write; `derived`: computed when somebody asks); its unit; and
/// the name of the metric without `pgwalstream_` and `_total`, or "". The name of a metric, once released, is never
/// given to anything else: dashboards hold on to it.
macro_rules! rows {
    ($make:ident) => {
        $make! {
            /// Events made ready for the program.
            events: counted Count "events";
            /// Batches made ready for the program.
            batches: counted Count "batches";
            /// Transactions received that have at least one event.
            transactions: counted Count "transactions";
            /// Transactions without a change, which are not delivered.
            empty_transactions: counted Count "empty_transactions";
            /// Bytes received while streaming.
            bytes_received: counted Count "received_bytes";
            /// Reads from the connection that gave data.
            reads: counted Count "reads";
            /// Times the engine woke for this stream.
            wakeups: counted Count "wakeups";
            /// Status updates sent to the server.
            status_updates: counted Count "status_updates";
            /// Keepalives received from the server.
            keepalives: counted Count "keepalives";
            /// Stream Aborts of transactions that were never announced.
            ignored_aborts: counted Count "ignored_aborts";
            /// Messages of an unknown kind that were passed over.
            unknown_frames: counted Count "unknown_messages";
            /// Notices and warnings from the server.
            notices: counted Count "notices";
            /// Notices that changes were skipped. See option on_gap.
            gaps: counted Count "gaps";
            /// The end of what was received.
            received_lsn: counted Lsn "received_position_bytes";
            /// The highest position that was given to the program and may be acknowledged.
            delivered_lsn: derived Lsn "delivered_position_bytes";
            /// The acknowledged position.
            acked_lsn: derived Lsn "acknowledged_position_bytes";
            /// The flush position last reported to the server.
            reported_lsn: counted Lsn "reported_position_bytes";
            /// The server's position in its last message. It tells how far the server had decoded. While the server
            /// catches up, that lies before the end of what it has written (pg_current_wal_lsn()).
            server_wal_end: counted Lsn "server_position_bytes";
            /// Memory of the batches that wait for the program, in bytes. It counts received bytes, events and values.
            /// It is less than option queue_bytes plus one batch, or one message where that is longer.
            queue_bytes: derived Gauge "queue_bytes";
            /// Batches in the program's hands. They were handed out and are not freed; the one that the stream walks
            /// through is one of them.
            batches_live: counted Gauge "held_batches";
            /// Memory of the batches in the program's hands, in bytes.
            live_bytes: counted Gauge "held_bytes";
            /// The server's clock in its last message.
            last_message_time: counted Time "last_message_timestamp_seconds";
            /// The server's version, as in server_version_num. 0 before connecting.
            server_version: counted Number "";
            /// Process id of the walsender. 0 before connecting.
            backend_pid: counted Number "";
            /// Times the connection was made anew.
            reconnects: counted Count "reconnects";
            /// From what is known to be safe to the server's position in its last message, in bytes. Safe is what the
            /// program acknowledged and, while nothing was outstanding, what was reported without it; before either, the
            /// slot's confirmed position. WAL that the server has not decoded yet is not in it.
            lag_bytes: derived Gauge "lag_bytes";
            /// Age of the oldest commit that was received and is not acknowledged. 0 while there is none. The clocks of
            /// this machine and of the server must agree. A message outside transactions, and a raw payload, count from
            /// when the server sent them. Exact while at most 256 are outstanding; with more, it may be the age of a
            /// transaction that is a few hundredths of them later.
            lag_microseconds: derived Micros "lag_seconds";
            /// The stream's number in this process, from 1. It is the label "stream" of the metrics.
            stream_id: derived Gauge "";
            /// Events that came again after a reconnect and were left out. See option dedupe.
            repeated_events: counted Count "";
            /// The timeline that the server writes. Timeline, position of the commit and sequence identify a change. 0
            /// before connecting.
            timeline: counted Gauge "";
            /// The walsender's logical_decoding_work_mem in kB. Option server_tuning chose it, or it was found so. 0
            /// before connecting.
            server_work_mem_kb: counted Gauge "";
            /// The slot's confirmed position, as far as the stream knows. It is where the slot stood when the connection
            /// was made, or what was reported since. 0 before connecting.
            confirmed_lsn: counted Lsn "confirmed_position_bytes";
            /// Starts before the slot's position, which began there instead. A start_lsn asked for them; see option
            /// progress.
            late_starts: counted Count "late_starts";
            /// Streamed transactions that have not ended, or are being delivered (streaming=assembled).
            kept_transactions: counted Gauge "kept_transactions";
            /// Memory that these take.
            kept_bytes: counted Gauge "kept_bytes";
            /// How much of these is on disk.
            spilled_bytes: counted Gauge "spilled_bytes";
            /// Streamed transactions that ended and were delivered whole.
            assembled_transactions: counted Count "assembled_transactions";
            /// Streamed transactions of which something went to disk.
            spilled_transactions: counted Count "spilled_transactions";
            /// Subtransactions of streamed transactions that were rolled back and cut out.
            rolled_back_parts: counted Count "rolled_back_parts";
            /// What of streamed transactions was received and thrown away since it was rolled back, in bytes.
            rolled_back_bytes: counted Count "rolled_back_bytes";
            /// Prepared transactions that are held until their fate is known (two_phase=join). They pin WAL on the server,
            /// and hold every position to acknowledge back.
            prepared_transactions: counted Gauge "prepared_transactions";
            /// How long ago the oldest of these was prepared. 0 while there is none. The clocks of this machine and of the
            /// server must agree.
            prepared_microseconds: derived Micros "prepared_seconds";
        }
    };
}
pub(super) use rows;
