// A position in the server's write-ahead log.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_LSN_HPP
#define PGWALSTREAM_LSN_HPP

#include <pgwalstream/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A position, in bytes. The position 0 is none: `if (auto position = event.ack_lsn())`. */
class lsn {
  public:
    /** None. */
    constexpr lsn() noexcept = default;
    /** The position of this number. */
    constexpr explicit lsn(std::uint64_t bytes) noexcept : bytes_(bytes) {}

    /** Reads one as PostgreSQL writes it, as in "0/1A2B3C4"; status invalid_argument if it is none. */
    static result<lsn> try_parse(std::string_view text) {
        const detail::c_text terminated(text);
        return detail::attempt_for<lsn, std::uint64_t>([&](std::uint64_t *out, wal_error **reason) {
            return wal_lsn_parse(terminated.get(), out, reason);
        });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_parse; throws `error`. */
    static lsn parse(std::string_view text) {
        return detail::take(try_parse(text));
    }
#endif

    /** The number. */
    constexpr std::uint64_t value() const noexcept {
        return bytes_;
    }
    /** Whether it is a position. */
    constexpr explicit operator bool() const noexcept {
        return bytes_ != 0;
    }
    /** As PostgreSQL writes it, as in "0/1A2B3C4". */
    std::string to_string() const {
        char text[18];
        return std::string(text, wal_lsn_format(bytes_, text, sizeof text));
    }

    friend constexpr bool operator==(lsn a, lsn b) noexcept {
        return a.bytes_ == b.bytes_;
    }
    friend constexpr bool operator!=(lsn a, lsn b) noexcept {
        return a.bytes_ != b.bytes_;
    }
    friend constexpr bool operator<(lsn a, lsn b) noexcept {
        return a.bytes_ < b.bytes_;
    }
    friend constexpr bool operator>(lsn a, lsn b) noexcept {
        return a.bytes_ > b.bytes_;
    }
    friend constexpr bool operator<=(lsn a, lsn b) noexcept {
        return a.bytes_ <= b.bytes_;
    }
    friend constexpr bool operator>=(lsn a, lsn b) noexcept {
        return a.bytes_ >= b.bytes_;
    }

  private:
    std::uint64_t bytes_ = 0;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

/** A position as the key of an unordered container. */
template <> struct std::hash<pgwalstream::lsn> {
    std::size_t operator()(pgwalstream::lsn position) const noexcept {
        return std::hash<std::uint64_t>()(position.value());
    }
};

#endif
