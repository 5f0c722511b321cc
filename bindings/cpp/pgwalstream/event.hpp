// One event, and a batch of them.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_EVENT_HPP
#define PGWALSTREAM_EVENT_HPP

#include <pgwalstream/position.hpp>
#include <pgwalstream/row.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

class owned_event;

/** What identifies a change of a timeline for ever, across reconnects and restarts. Ordered as the changes
 * are. */
struct change_id {
    lsn commit_lsn;             ///< of the transaction's commit record
    std::uint64_t sequence = 0; ///< the change's number in its transaction

    friend bool operator==(change_id a, change_id b) noexcept {
        return a.commit_lsn == b.commit_lsn && a.sequence == b.sequence;
    }
    friend bool operator!=(change_id a, change_id b) noexcept { return !(a == b); }
    friend bool operator<(change_id a, change_id b) noexcept {
        return a.commit_lsn != b.commit_lsn ? a.commit_lsn < b.commit_lsn : a.sequence < b.sequence;
    }
};

namespace detail {
struct truncated_source {
    const wal_event *event = nullptr;
    relation operator()(std::size_t index) const noexcept {
        return relation(wal_event_truncate_relation(event, static_cast<std::uint32_t>(index)));
    }
};
} // namespace detail
/** The tables of a truncate event. */
using truncated_relations = detail::sequence<detail::truncated_source>;

/**
 * One event. It lies in its batch, and lives as long as that; the one of stream::next lives until the stream
 * is read on. It is only ever referred to, never copied: clone() keeps one. What it gives lives as long as
 * it. Read by any thread, several at once.
 */
class event {
  public:
    event(event &&) = delete;
    event &operator=(const event &) = delete;

    /** What it is. New kinds may come: skip what you do not know. */
    event_kind kind() const noexcept { return static_cast<event_kind>(raw_.kind); }
    /** Whether it changes a row: insert, update or delete. */
    bool is_change() const noexcept {
        return kind() == event_kind::insert || kind() == event_kind::update || kind() == event_kind::delete_;
    }
    /** What else is to be known of it; see has(). */
    event_flags flags() const noexcept { return static_cast<event_flags>(raw_.flags); }
    /** Position of this event's own WAL record. Not unique: never use it to recognise an event. */
    pgwalstream::lsn lsn() const noexcept { return pgwalstream::lsn(raw_.lsn); }
    /** Position of the transaction's commit record; 0 where the commit has not come yet
     * (wal_event.commit_lsn). */
    pgwalstream::lsn commit_lsn() const noexcept { return pgwalstream::lsn(raw_.commit_lsn); }
    /** The position to acknowledge once this event and all before it are safe; 0 where there is none. */
    pgwalstream::lsn ack_lsn() const noexcept { return pgwalstream::lsn(raw_.ack_lsn); }
    /** The timeline of the server that sent it, which is part of what identifies a change; 0 for a decoder.
     */
    std::uint32_t timeline() const noexcept { return static_cast<std::uint32_t>(raw_.spare[1]); }
    /**
     * How far a program has come that has this event and all before it. A change that has a number has a
     * position, and what has an ack_lsn(); for the others that of the event before holds.
     */
    pgwalstream::position position() const noexcept {
        return pgwalstream::position(wal_event_position(&raw_));
    }
    /** When the transaction committed, was prepared or rolled back; nothing inside streamed blocks. */
    std::optional<timestamptz> commit_time() const noexcept { return detail::moment(raw_.commit_time); }
    /** The transaction's id, 0 outside transactions. */
    std::uint32_t xid() const noexcept { return raw_.xid; }
    /** In a streamed block, and for stream_abort, the subtransaction's id; else 0. */
    std::uint32_t subxid() const noexcept { return raw_.subxid; }
    /** The number of the change in its transaction, from 0. */
    std::uint64_t sequence() const noexcept { return raw_.sequence; }
    /** commit_lsn() and sequence(): which change this is. Not inside streamed blocks, where nobody knows yet.
     */
    change_id id() const noexcept { return {commit_lsn(), sequence()}; }

    /** The relation of a change; empty for other kinds. */
    pgwalstream::relation relation() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return pgwalstream::relation(raw_.relation);
    }
    /** The new row of an insert or update; empty for other kinds. */
    row new_row() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return row(raw_.new_values, raw_.n_new, raw_.relation);
    }
    /** The old row, or its key (event_flags::old_key), of an update or delete; empty where it was not sent.
     */
    row old_row() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return row(raw_.old_values, raw_.n_old, raw_.relation);
    }
    /** truncate: the tables. */
    truncated_relations truncated() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return truncated_relations(detail::truncated_source{&raw_}, wal_event_truncate_count(&raw_));
    }

    /** message: its prefix. */
    std::string_view message_prefix() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_message_prefix(&raw_));
    }
    /** message: its content. */
    bytes_view message_content() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::bytes_of(wal_event_message_content(&raw_));
    }
    /** message: its content as text, as it was written if it was written as text. */
    std::string_view message_text() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_message_content(&raw_));
    }
    /** origin: the name of the replication origin. */
    std::string_view origin_name() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_origin_name(&raw_));
    }
    /** origin: the commit's position there. */
    pgwalstream::lsn origin_lsn() const noexcept { return pgwalstream::lsn(wal_event_origin_lsn(&raw_)); }
    /** type: its OID. */
    std::uint32_t type_oid() const noexcept { return wal_event_type_oid(&raw_); }
    /** type: its schema. */
    std::string_view type_schema() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_type_namespace(&raw_));
    }
    /** type: its name. */
    std::string_view type_name() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_type_name(&raw_));
    }
    /** A prepared transaction's identifier, as PREPARE TRANSACTION gave it. */
    std::string_view gid() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_gid(&raw_));
    }
    /** begin_prepare, prepare, stream_prepare: the position of PREPARE TRANSACTION, which identifies the
     * changes. begin, commit: the same of a transaction that was prepared, with option two_phase "join"; else
     * 0. */
    pgwalstream::lsn prepare_lsn() const noexcept { return pgwalstream::lsn(wal_event_prepare_lsn(&raw_)); }
    /** The same and rollback_prepared: its end, which with gid() tells which prepared transaction it is. */
    pgwalstream::lsn prepare_end_lsn() const noexcept {
        return pgwalstream::lsn(wal_event_prepare_end_lsn(&raw_));
    }
    /** stream_abort: where it was rolled back; 0 unless option streaming is "parallel". */
    pgwalstream::lsn abort_lsn() const noexcept { return pgwalstream::lsn(wal_event_abort_lsn(&raw_)); }
    /** timeline: the one that ended; timeline() is the one that follows. */
    std::uint32_t timeline_before() const noexcept { return wal_event_timeline_before(&raw_); }
    /** timeline: where it ended. What follows begins at lsn(). */
    pgwalstream::lsn switchpoint() const noexcept { return pgwalstream::lsn(wal_event_switchpoint(&raw_)); }
    /** raw: the payload, as the output plugin made it. wal: its bytes. timeline: the history file. */
    bytes_view raw() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::bytes_of(wal_event_raw(&raw_));
    }

    /** reconnected: how far the lost connection had come. Where the new one begins is lsn(). */
    pgwalstream::lsn reconnect_lost_lsn() const noexcept {
        return pgwalstream::lsn(wal_event_reconnect_lost_lsn(&raw_));
    }
    /** reconnected: how many attempts it took; 0 for other kinds. */
    std::uint32_t reconnect_attempts() const noexcept { return wal_event_reconnect_attempts(&raw_); }
    /** reconnected: why the connection was lost; ok for other kinds. */
    status reconnect_status() const noexcept {
        return static_cast<status>(wal_event_reconnect_status(&raw_));
    }
    /** reconnected: the same in one sentence. */
    std::string_view reconnect_message() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_event_reconnect_message(&raw_));
    }
    /** reconnected: the timeline of the changes before it. */
    std::uint32_t reconnect_lost_timeline() const noexcept {
        return wal_event_reconnect_lost_timeline(&raw_);
    }
    /** reconnected: the timeline of the changes behind it. */
    std::uint32_t reconnect_timeline() const noexcept { return wal_event_reconnect_timeline(&raw_); }
    /** reconnected with event_flags::rewound: what was delivered beyond it is lost. */
    pgwalstream::lsn reconnect_switchpoint() const noexcept {
        return pgwalstream::lsn(wal_event_reconnect_switchpoint(&raw_));
    }

    /** snapshot: where the snapshot stands; none for other kinds. relation() is its table, sequence() a
     * number of rows. */
    pgwalstream::snapshot_step snapshot_step() const noexcept {
        return static_cast<pgwalstream::snapshot_step>(wal_event_snapshot_step(&raw_));
    }
    /** A row with event_flags::snapshot, and snapshot at an item_end: which item of its table it is; else 0.
     * With relation() and sequence() it identifies the row in this snapshot. */
    std::uint32_t snapshot_item() const noexcept { return wal_event_snapshot_item(&raw_); }
    /** snapshot: how far it is, to be stored with the rows; option snapshot_state takes it in base64. */
    bytes_view snapshot_state() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::bytes_of(wal_event_snapshot_state(&raw_));
    }

    /** Copies it with all its values into memory of its own, which outlives batch and stream. */
    result<owned_event> try_clone() const;
#if PGWALSTREAM_EXCEPTIONS
    /** As try_clone; throws `error`. */
    owned_event clone() const;
#endif

    /** The same of the C API. */
    const wal_event *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return &raw_;
    }
    /** The event that a wal_event is: lives as long as that. */
    static const event &from_capi(const wal_event &raw) noexcept {
        return reinterpret_cast<const event &>(raw);
    }

  private:
    // Never made here: the library lays events out, as wal_event says. Trivial, so that what it lays out is
    // an event.
    event(const event &) = default;

    wal_event raw_;
};
static_assert(sizeof(event) == sizeof(wal_event) && std::is_standard_layout_v<event> &&
                  std::is_trivially_destructible_v<event>,
              "an event is a wal_event");

/** A copy of an event, which outlives batch and stream; used like a pointer to it. May be moved, not copied.
 */
class owned_event {
  public:
    /** Takes over what wal_event_clone gave. */
    explicit owned_event(wal_event *handle) noexcept : handle_(handle) {}

    const event &operator*() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return event::from_capi(*handle_); }
    const event *operator->() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return &**this; }
    const event &operator*() const && = delete;
    const event *operator->() const && = delete;

  private:
    detail::owned<wal_event, wal_event_free> handle_;
};

inline result<owned_event> event::try_clone() const {
    return detail::attempt_for<owned_event, wal_event *>(
        [&](wal_event **out, wal_error **reason) { return wal_event_clone(&raw_, out, reason); });
}
#if PGWALSTREAM_EXCEPTIONS
inline owned_event event::clone() const {
    return detail::take(try_clone());
}
#endif

/**
 * Events that came together, with their values and bytes. A range of events, which lie in a row. Owned: it
 * may be moved, not copied, outlives its stream, is read by any thread, several at once, and ends on any.
 * With option ack "auto" everything in it counts as safe once it has ended, as soon as all batches before it
 * have.
 */
class batch {
  public:
    using value_type = event;
    using iterator = const event *;

    /** None. */
    batch() noexcept = default;
    /** Takes over a batch of the C API. */
    explicit batch(wal_batch *handle) noexcept : handle_(handle) {
        std::size_t count = 0;
        const wal_event *first = wal_batch_events(handle, &count);
        events_ = span<const event>(reinterpret_cast<const event *>(first), count);
    }
    batch(batch &&other) noexcept
        : handle_(std::move(other.handle_)), events_(std::exchange(other.events_, span<const event>())) {}
    batch &operator=(batch &&other) noexcept {
        handle_ = std::move(other.handle_);
        events_ = std::exchange(other.events_, span<const event>());
        return *this;
    }

    /** Its events, good as long as the batch: therefore not of one that is about to go. */
    span<const event> events() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return events_; }
    span<const event> events() const && = delete;
    iterator begin() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return events_.data(); }
    iterator begin() const && = delete;
    iterator end() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return events_.data() + events_.size(); }
    iterator end() const && = delete;
    const event &operator[](std::size_t index) const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        return events_[index];
    }
    const event &operator[](std::size_t) const && = delete;
    std::size_t size() const noexcept { return events_.size(); }
    bool empty() const noexcept { return events_.empty(); }
    /** What to acknowledge once all of it is safe; 0 if it ends no transaction. */
    lsn ack_lsn() const noexcept { return lsn(wal_batch_ack_lsn(handle_.get())); }
    /** How far a program has come that has all of it: the position of the last event that has one. */
    pgwalstream::position position() const noexcept {
        return pgwalstream::position(wal_batch_position(handle_.get()));
    }
    /** The same of the C API. */
    const wal_batch *capi() const noexcept { return handle_.get(); }

  private:
    detail::owned<wal_batch, wal_batch_free> handle_;
    span<const event> events_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
