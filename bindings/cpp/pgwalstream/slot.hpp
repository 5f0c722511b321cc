// What the server knows of a slot.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_SLOT_HPP
#define PGWALSTREAM_SLOT_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/sequence.hpp>
#include <pgwalstream/span.hpp>
#include <pgwalstream/time.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A slot as it was when it was looked at: a view, good as long as its owned_slot or slot_list. Read by any
 * thread. */
class slot {
  public:
    /** The view of a slot of the C API, which may be NULL. */
    explicit slot(const wal_slot *handle) noexcept : handle_(handle) {}

    /** Its name. */
    std::string_view name() const noexcept { return detail::text_of(wal_slot_name(handle_)); }
    /** What it is for. */
    slot_kind kind() const noexcept { return static_cast<slot_kind>(wal_slot_kind(handle_)); }
    /** The output plugin of a logical slot; empty for a physical one. */
    std::string_view plugin() const noexcept { return detail::text_of(wal_slot_plugin(handle_)); }
    /** The database of a logical slot; empty for a physical one, and for one made just now. */
    std::string_view database() const noexcept { return detail::text_of(wal_slot_database(handle_)); }
    /** What it is made for, and how it stands. */
    slot_flags flags() const noexcept { return static_cast<slot_flags>(wal_slot_flags(handle_)); }
    /** The server's process that uses it, or 0. */
    std::uint32_t active_pid() const noexcept { return wal_slot_active_pid(handle_); }
    /** The oldest transaction whose rows it keeps from VACUUM, or 0. */
    std::uint32_t xmin() const noexcept { return wal_slot_xmin(handle_); }
    /** The oldest transaction whose catalog rows it keeps from VACUUM, or 0. */
    std::uint32_t catalog_xmin() const noexcept { return wal_slot_catalog_xmin(handle_); }
    /** The oldest WAL that it may still need, and holds back. */
    lsn restart_lsn() const noexcept { return lsn(wal_slot_restart_lsn(handle_)); }
    /** Up to where its consumer acknowledged everything; 0 for a physical slot. */
    lsn confirmed_flush_lsn() const noexcept { return lsn(wal_slot_confirmed_flush_lsn(handle_)); }
    /** Whether the WAL that it needs is there. */
    wal_availability wal() const noexcept { return static_cast<wal_availability>(wal_slot_wal(handle_)); }
    /**
     * How many more bytes of WAL may be written before it is lost; below 0 it is about to be. Nothing without
     * a limit (max_slot_wal_keep_size).
     */
    std::optional<std::int64_t> safe_wal_size() const noexcept {
        const std::int64_t bytes = wal_slot_safe_wal_size(handle_);
        return bytes == -1 ? std::nullopt : std::optional<std::int64_t>(bytes);
    }
    /** Why the server gave it up for good: it can only be dropped then. */
    pgwalstream::invalidation invalidation() const noexcept {
        return static_cast<pgwalstream::invalidation>(wal_slot_invalidation(handle_));
    }
    /** The same in the server's word (PostgreSQL 17). */
    std::string_view invalidation_reason() const noexcept {
        return detail::text_of(wal_slot_invalidation_reason(handle_));
    }
    /** Since when nobody uses it (PostgreSQL 17). */
    std::optional<timestamptz> inactive_since() const noexcept {
        return detail::moment(wal_slot_inactive_since(handle_));
    }
    /** From which position on it sends prepared transactions (PostgreSQL 18). */
    lsn two_phase_at() const noexcept { return lsn(wal_slot_two_phase_at(handle_)); }
    /** The timeline of the restart_lsn() of a physical slot that was read (PostgreSQL 15), or 0. */
    std::uint32_t timeline() const noexcept { return wal_slot_timeline(handle_); }
    /** Of a logical slot made just now: transactions that commit behind it are sent. */
    lsn consistent_point() const noexcept { return lsn(wal_slot_consistent_point(handle_)); }
    /** Of one made with slot_flags::export_snapshot: what other sessions give to SET TRANSACTION SNAPSHOT. */
    std::string_view snapshot_name() const noexcept {
        return detail::text_of(wal_slot_snapshot_name(handle_));
    }

  private:
    const wal_slot *handle_;
};

/** A slot's description that is owned; used like a pointer to a slot. */
using owned_slot = detail::owned_view<slot, wal_slot, wal_slot_free>;
/** Slots, in the order of their names: owned, a range of slots. */
using slot_list = detail::owned_list<slot, wal_slots, wal_slots_count, wal_slots_at, wal_slots_free>;

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
