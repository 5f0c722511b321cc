// How far a program has come.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_POSITION_HPP
#define PGWALSTREAM_POSITION_HPP

#include <pgwalstream/lsn.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * How far a program has come: everything up to here is safe with it, and what follows is not. Store it as
 * text, in the same step as the data, and give it to stream::resume_after() at the next start. One of all 0
 * is none: `if (auto position = event.position())`.
 */
struct position {
    std::uint64_t system_identifier = 0; ///< of the cluster, and of its standbys
    std::uint32_t timeline = 0;          ///< of the server that sent it
    lsn commit_lsn;                      ///< the transaction; 0 where it is of none
    std::uint64_t sequence = 0;          ///< the last change that is safe; means nothing where end_lsn is set
    lsn end_lsn;                         ///< 0 inside the transaction, its end once it is whole
    std::uint32_t numbering = 0;         ///< inside a transaction, of the options that number its changes

    /** None. */
    position() noexcept = default;
    /** The same of the C API. */
    explicit position(const wal_position &raw) noexcept
        : system_identifier(raw.system_identifier), timeline(raw.timeline), commit_lsn(raw.commit_lsn),
          sequence(raw.sequence), end_lsn(raw.end_lsn), numbering(raw.numbering) {}

    /** Reads one as to_string() writes it; status invalid_argument for any other text. */
    static result<position> try_parse(std::string_view text) {
        const detail::c_text terminated(text);
        return detail::attempt_for<position, wal_position>([&](wal_position *out, wal_error **reason) {
            return wal_position_parse(terminated.get(), out, reason);
        });
    }
    /**
     * Below 0 if this comes before the other, 0 where both leave the same to do, above 0 if it comes behind.
     * Status system_mismatch: they are of two systems or two timelines, and have no order of their own.
     */
    result<int> try_compare(const position &other) const {
        const wal_position here = capi(), there = other.capi();
        return detail::attempt_for<int, std::int32_t>([&](std::int32_t *out, wal_error **reason) {
            return wal_position_compare(&here, &there, out, reason);
        });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_parse; throws `error`. */
    static position parse(std::string_view text) {
        return detail::take(try_parse(text));
    }
    /** As try_compare; throws `error`. */
    int compare(const position &other) const {
        return detail::take(try_compare(other));
    }
#endif

    /** Whether it is a position. */
    explicit operator bool() const noexcept {
        return commit_lsn || end_lsn;
    }
    /** In a form that is stable: "system:timeline:commit:sequence:end", and ":numbering" inside. */
    std::string to_string() const {
        char text[98];
        const wal_position raw = capi();
        return std::string(text, wal_position_format(&raw, text, sizeof text));
    }
    /** The same of the C API. */
    wal_position capi() const noexcept {
        return {system_identifier, commit_lsn.value(), sequence, end_lsn.value(), timeline, numbering};
    }

    friend bool operator==(const position &a, const position &b) noexcept {
        return a.system_identifier == b.system_identifier && a.timeline == b.timeline &&
               a.commit_lsn == b.commit_lsn && a.sequence == b.sequence && a.end_lsn == b.end_lsn &&
               a.numbering == b.numbering;
    }
    friend bool operator!=(const position &a, const position &b) noexcept {
        return !(a == b);
    }
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
