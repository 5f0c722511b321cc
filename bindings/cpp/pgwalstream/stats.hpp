// What a stream counts, and how a slot is doing.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_STATS_HPP
#define PGWALSTREAM_STATS_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

// ---- generated from src/statistics/table.rs ----
/** The counters of a stream since it was made. */
struct stats {
    /** Events made ready for the program. */
    std::uint64_t events = 0;
    /** Batches made ready for the program. */
    std::uint64_t batches = 0;
    /** Transactions received that have at least one event. */
    std::uint64_t transactions = 0;
    /** Transactions without a change, which are not delivered. */
    std::uint64_t empty_transactions = 0;
    /** Bytes received while streaming. */
    std::uint64_t bytes_received = 0;
    /** Reads from the connection that gave data. */
    std::uint64_t reads = 0;
    /** Times the engine woke for this stream. */
    std::uint64_t wakeups = 0;
    /** Status updates sent to the server. */
    std::uint64_t status_updates = 0;
    /** Keepalives received from the server. */
    std::uint64_t keepalives = 0;
    /** Stream Aborts of transactions that were never announced. */
    std::uint64_t ignored_aborts = 0;
    /** Messages of an unknown kind that were passed over. */
    std::uint64_t unknown_frames = 0;
    /** Notices and warnings from the server. */
    std::uint64_t notices = 0;
    /** Notices that changes were skipped. See option on_gap. */
    std::uint64_t gaps = 0;
    /** The end of what was received. */
    lsn received_lsn;
    /** The highest position that was given to the program and may be acknowledged. */
    lsn delivered_lsn;
    /** The acknowledged position. */
    lsn acked_lsn;
    /** The flush position last reported to the server. */
    lsn reported_lsn;
    /**
     * The server's position in its last message. It tells how far the server had decoded. While the server
     * catches up, that lies before the end of what it has written (pg_current_wal_lsn()).
     */
    lsn server_wal_end;
    /**
     * Memory of the batches that wait for the program, in bytes. It counts received bytes, events and values.
     * It is less than option queue_bytes plus one batch, or one message where that is longer.
     */
    std::uint64_t queue_bytes = 0;
    /**
     * Batches in the program's hands. They were handed out and are not freed; the one that the stream walks
     * through is one of them.
     */
    std::uint64_t batches_live = 0;
    /** Memory of the batches in the program's hands, in bytes. */
    std::uint64_t live_bytes = 0;
    /** The server's clock in its last message. */
    std::optional<timestamptz> last_message_time;
    /** The server's version, as in server_version_num. 0 before connecting. */
    std::uint32_t server_version = 0;
    /** Process id of the walsender. 0 before connecting. */
    std::uint32_t backend_pid = 0;
    /** Times the connection was made anew. */
    std::uint64_t reconnects = 0;
    /**
     * From what is known to be safe to the server's position in its last message, in bytes. Safe is what the
     * program acknowledged and, while nothing was outstanding, what was reported without it; before either,
     * the slot's confirmed position. WAL that the server has not decoded yet is not in it.
     */
    std::uint64_t lag_bytes = 0;
    /**
     * Age of the oldest commit that was received and is not acknowledged. 0 while there is none. The clocks
     * of this machine and of the server must agree. A message outside transactions, and a raw payload, count
     * from when the server sent them. Exact while at most 256 are outstanding; with more, it may be the age
     * of a transaction that is a few hundredths of them later.
     */
    std::chrono::microseconds lag_time{0};
    /** The stream's number in this process, from 1. It is the label "stream" of the metrics. */
    std::uint64_t stream_id = 0;
    /** Events that came again after a reconnect and were left out. See option dedupe. */
    std::uint64_t repeated_events = 0;
    /**
     * The timeline that the server writes. Timeline, position of the commit and sequence identify a change. 0
     * before connecting.
     */
    std::uint64_t timeline = 0;
    /**
     * The walsender's logical_decoding_work_mem in kB. Option server_tuning chose it, or it was found so. 0
     * before connecting.
     */
    std::uint64_t server_work_mem_kb = 0;
    /**
     * The slot's confirmed position, as far as the stream knows. It is where the slot stood when the
     * connection was made, or what was reported since. 0 before connecting.
     */
    lsn confirmed_lsn;
    /**
     * Starts before the slot's position, which began there instead. A start_lsn asked for them; see option
     * progress.
     */
    std::uint64_t late_starts = 0;
    /** Streamed transactions that have not ended, or are being delivered (streaming=assembled). */
    std::uint64_t kept_transactions = 0;
    /** Memory that these take. */
    std::uint64_t kept_bytes = 0;
    /** How much of these is on disk. */
    std::uint64_t spilled_bytes = 0;
    /** Streamed transactions that ended and were delivered whole. */
    std::uint64_t assembled_transactions = 0;
    /** Streamed transactions of which something went to disk. */
    std::uint64_t spilled_transactions = 0;
    /** Subtransactions of streamed transactions that were rolled back and cut out. */
    std::uint64_t rolled_back_parts = 0;
    /** What of streamed transactions was received and thrown away since it was rolled back, in bytes. */
    std::uint64_t rolled_back_bytes = 0;
    /**
     * Prepared transactions that are held until their fate is known (two_phase=join). They pin WAL on the
     * server, and hold every position to acknowledge back.
     */
    std::uint64_t prepared_transactions = 0;
    /**
     * How long ago the oldest of these was prepared. 0 while there is none. The clocks of this machine and of
     * the server must agree.
     */
    std::chrono::microseconds prepared_time{0};

    /** All 0. */
    stats() = default;
    /** From those of the C API. */
    explicit stats(const wal_stats &raw) noexcept {
        events = raw.events;
        batches = raw.batches;
        transactions = raw.transactions;
        empty_transactions = raw.empty_transactions;
        bytes_received = raw.bytes_received;
        reads = raw.reads;
        wakeups = raw.wakeups;
        status_updates = raw.status_updates;
        keepalives = raw.keepalives;
        ignored_aborts = raw.ignored_aborts;
        unknown_frames = raw.unknown_frames;
        notices = raw.notices;
        gaps = raw.gaps;
        received_lsn = lsn(raw.received_lsn);
        delivered_lsn = lsn(raw.delivered_lsn);
        acked_lsn = lsn(raw.acked_lsn);
        reported_lsn = lsn(raw.reported_lsn);
        server_wal_end = lsn(raw.server_wal_end);
        queue_bytes = raw.queue_bytes;
        batches_live = raw.batches_live;
        live_bytes = raw.live_bytes;
        last_message_time = detail::moment(raw.last_message_time);
        server_version = raw.server_version;
        backend_pid = raw.backend_pid;
        reconnects = raw.reconnects;
        lag_bytes = raw.lag_bytes;
        lag_time = std::chrono::microseconds(static_cast<std::int64_t>(raw.lag_microseconds));
        stream_id = raw.stream_id;
        repeated_events = raw.repeated_events;
        timeline = raw.timeline;
        server_work_mem_kb = raw.server_work_mem_kb;
        confirmed_lsn = lsn(raw.confirmed_lsn);
        late_starts = raw.late_starts;
        kept_transactions = raw.kept_transactions;
        kept_bytes = raw.kept_bytes;
        spilled_bytes = raw.spilled_bytes;
        assembled_transactions = raw.assembled_transactions;
        spilled_transactions = raw.spilled_transactions;
        rolled_back_parts = raw.rolled_back_parts;
        rolled_back_bytes = raw.rolled_back_bytes;
        prepared_transactions = raw.prepared_transactions;
        prepared_time = std::chrono::microseconds(static_cast<std::int64_t>(raw.prepared_microseconds));
    }
};
// ---- end of what is generated ----

/** How a slot was doing when it was looked at: wal_health. */
struct health {
    std::optional<timestamptz> sampled_at;     ///< when it was looked at, by this machine's clock
    std::optional<std::int64_t> safe_wal_size; ///< how many more bytes may be written before it is lost
    lsn server_lsn;                            ///< where the server is
    lsn restart_lsn;                           ///< the oldest WAL that the slot holds back
    lsn confirmed_flush_lsn;                   ///< up to where its consumer acknowledged everything
    std::uint64_t lag_bytes = 0;               ///< how far the consumer is behind server_lsn
    std::uint64_t retained_bytes = 0;          ///< how much WAL the slot holds back
    std::optional<std::int64_t> xmin_age; ///< how many transactions ago the oldest row died that it keeps
    std::optional<std::int64_t> catalog_xmin_age;  ///< the same for the rows of the catalogs
    std::optional<timestamptz> inactive_since;     ///< since when nobody uses it (PostgreSQL 17)
    std::uint64_t spill_txns = 0;                  ///< transactions that went to the server's disk
    std::uint64_t spill_count = 0;                 ///< how often that happened
    std::uint64_t spill_bytes = 0;                 ///< how many bytes of changes went there
    std::uint64_t stream_txns = 0;                 ///< transactions that were streamed while they ran
    std::uint64_t stream_count = 0;                ///< how often that happened
    std::uint64_t stream_bytes = 0;                ///< how many bytes of changes were streamed
    std::uint64_t total_txns = 0;                  ///< transactions that were sent
    std::uint64_t total_bytes = 0;                 ///< how many bytes of changes were decoded
    wal_availability wal = wal_availability::none; ///< whether the WAL that it needs is there
    pgwalstream::invalidation invalidation{};      ///< why the server gave it up for good
    slot_flags flags = slot_flags::none;           ///< what it is made for, and how it stands
    std::uint32_t active_pid = 0;                  ///< the server's process that uses it, or 0

    /** All 0. */
    health() = default;
    /** From that of the C API. */
    explicit health(const wal_health &raw) noexcept
        : sampled_at(detail::moment(raw.sampled_at)), safe_wal_size(known(raw.safe_wal_size)),
          server_lsn(raw.server_lsn), restart_lsn(raw.restart_lsn),
          confirmed_flush_lsn(raw.confirmed_flush_lsn), lag_bytes(raw.lag_bytes),
          retained_bytes(raw.retained_bytes), xmin_age(known(raw.xmin_age)),
          catalog_xmin_age(known(raw.catalog_xmin_age)), inactive_since(detail::moment(raw.inactive_since)),
          spill_txns(raw.spill_txns), spill_count(raw.spill_count), spill_bytes(raw.spill_bytes),
          stream_txns(raw.stream_txns), stream_count(raw.stream_count), stream_bytes(raw.stream_bytes),
          total_txns(raw.total_txns), total_bytes(raw.total_bytes),
          wal(static_cast<wal_availability>(raw.wal)),
          invalidation(static_cast<pgwalstream::invalidation>(raw.invalidation)),
          flags(static_cast<slot_flags>(raw.flags)), active_pid(raw.active_pid) {}

  private:
    static std::optional<std::int64_t> known(std::int64_t number) noexcept {
        return number == -1 ? std::nullopt : std::optional<std::int64_t>(number);
    }
};

/**
 * The counters of all streams of this process, in Prometheus's text format, version 0.0.4: serve it with the
 * content type "text/plain; version=0.0.4". Any thread, any time.
 */
inline result<std::string> try_prometheus() {
    std::string text;
    for (;;) { // streams come and go between two calls
        std::size_t length = 0;
        wal_error *reason = nullptr;
        const wal_status code =
            wal_stats_prometheus(text.empty() ? nullptr : text.data(), text.size(), &length, &reason);
        if (code == WAL_OK && !text.empty()) {
            text.resize(length);
            return text;
        }
        if (code != WAL_OK && code != WAL_E_OUT_OF_RANGE)
            return detail::fail(code, reason);
        wal_error_free(reason);
        text.resize(length + 1024);
    }
}
#if PGWALSTREAM_EXCEPTIONS
/** As try_prometheus; throws `error`. */
inline std::string prometheus() {
    return detail::take(try_prometheus());
}
#endif

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
