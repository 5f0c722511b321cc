// Types of PostgreSQL that C++ has none for: numerics, intervals, networks, bit strings and the like.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_SCALAR_HPP
#define PGWALSTREAM_SCALAR_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/value.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** An integer of 128 bits in two halves. */
struct int128 {
    std::int64_t high = 0; ///< the upper half, with the sign
    std::uint64_t low = 0; ///< the lower half

    friend bool operator==(int128 a, int128 b) noexcept { return a.high == b.high && a.low == b.low; }
    friend bool operator!=(int128 a, int128 b) noexcept { return !(a == b); }
};

/** A numeric as it came: a view, good as long as its event. Nothing is converted until it is asked. */
class numeric {
  public:
    /** The view of a numeric of the C API. */
    explicit numeric(const wal_numeric &raw) noexcept : raw_(raw) {}

    /** Whether it is a number, neither NaN nor an infinity. */
    bool is_finite() const noexcept { return raw_.special == WAL_NUMERIC_FINITE; }
    /** Whether it is NaN. */
    bool is_nan() const noexcept { return raw_.special == WAL_NUMERIC_NAN; }
    /** Whether it is below 0, -infinity too. */
    bool is_negative() const noexcept { return raw_.is_negative != 0; }
    /** How many decimals the server shows, which is a part of the value. */
    std::uint32_t scale() const noexcept { return raw_.scale; }
    /** As the server writes it, with every digit. */
    result<std::string> try_text() const {
        std::string text(64, '\0');
        std::size_t length = 0;
        const auto call = [&](wal_error **reason) {
            return wal_numeric_text(&raw_, text.data(), text.size() + 1, &length, reason);
        };
        auto done = detail::attempt(call);
        if (!done && length > text.size()) {
            text.resize(length);
            done = detail::attempt(call);
        }
        if (!done)
            return detail::failure(done.error());
        text.resize(length);
        return text;
    }
    /** The value times 10^scale, exactly. Status out_of_range: digits would be lost, or it does not fit. */
    result<int128> try_int128_at(std::int32_t scale) const {
        int128 out;
        const auto done = detail::attempt([&](wal_error **reason) {
            return wal_numeric_int128(&raw_, scale, &out.high, &out.low, reason);
        });
        if (!done)
            return detail::failure(done.error());
        return out;
    }
    /** The double that is nearest: digits may be lost. Status out_of_range: it is greater than any double. */
    result<double> try_float64() const {
        return detail::attempt_for<double, double>(
            [&](double *out, wal_error **reason) { return wal_numeric_float64(&raw_, out, reason); });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_text; throws `error`. */
    std::string text() const {
        return detail::take(try_text());
    }
    /** As try_int128_at; throws `error`. */
    int128 int128_at(std::int32_t scale) const {
        return detail::take(try_int128_at(scale));
    }
    /** As try_float64; throws `error`. */
    double float64() const {
        return detail::take(try_float64());
    }
#endif

    /** The same of the C API. */
    const wal_numeric &capi() const noexcept {
        return raw_;
    }

  private:
    wal_numeric raw_;
};

/** Three numbers that are no one number. All at their highest are infinity (17), at their lowest -infinity.
 */
struct interval {
    std::int32_t months = 0;            ///< months
    std::int32_t days = 0;              ///< days
    std::chrono::microseconds micros{}; ///< the rest

    friend bool operator==(const interval &a, const interval &b) noexcept {
        return a.months == b.months && a.days == b.days && a.micros == b.micros;
    }
};

/** A time with time zone, as it was written. */
struct timetz {
    std::chrono::microseconds time{}; ///< since midnight, there; 24 hours included
    std::chrono::seconds offset{};    ///< east of Greenwich
};

/** An amount of money in its smallest unit; how many decimals that has is the server's setting lc_monetary.
 */
struct money {
    std::int64_t units = 0; ///< 1234 for $12.34
};

/** An inet or a cidr. */
struct inet {
    std::array<std::uint8_t, 16> address{}; ///< in network order: 4 bytes for IPv4
    int version = 0;                        ///< 4 or 6
    int bits = 0;                           ///< how many of the address are the network's
    bool is_cidr = false;                   ///< whether the type is cidr
};

/** A bit or bit varying. */
struct bit_string {
    std::vector<std::byte> bytes; ///< the first bit in the highest place
    std::size_t count = 0;        ///< how many bits
};

/** A row's place in its table. */
struct tid {
    std::uint32_t block = 0;  ///< the block
    std::uint16_t offset = 0; ///< in it
};

/** A point. */
struct point {
    double x = 0; ///< may be NaN or an infinity
    double y = 0; ///< likewise
};

/// @cond
namespace detail {
/** Reads with a function of the C API that writes several numbers. */
template <class T, class Call> result<T> read_parts(T &out, Call &&call) {
    const auto done = attempt(std::forward<Call>(call));
    if (!done)
        return failure(done.error());
    return out;
}
} // namespace detail

template <> struct value_reader<numeric> {
    static result<numeric> read(const value &from) {
        const auto raw = detail::read_value<wal_numeric, wal_value_as_numeric>(from);
        if (!raw)
            return detail::failure(raw.error());
        return numeric(*raw);
    }
};
template <> struct value_reader<interval> {
    static result<interval> read(const value &from) {
        std::int64_t micros = 0;
        interval out;
        const auto done = detail::attempt([&](wal_error **reason) {
            return wal_value_as_interval(from.capi(), from.capi_relation(), from.index(), &out.months,
                                         &out.days, &micros, reason);
        });
        if (!done)
            return detail::failure(done.error());
        out.micros = std::chrono::microseconds(micros);
        return out;
    }
};
template <> struct value_reader<timetz> {
    static result<timetz> read(const value &from) {
        std::int64_t micros = 0;
        std::int32_t offset = 0;
        const auto done = detail::attempt([&](wal_error **reason) {
            return wal_value_as_timetz(from.capi(), from.capi_relation(), from.index(), &micros, &offset,
                                       reason);
        });
        if (!done)
            return detail::failure(done.error());
        return timetz{std::chrono::microseconds(micros), std::chrono::seconds(offset)};
    }
};
template <> struct value_reader<money> {
    static result<money> read(const value &from) {
        const auto units = detail::read_value<std::int64_t, wal_value_as_money>(from);
        if (!units)
            return detail::failure(units.error());
        return money{*units};
    }
};
template <> struct value_reader<inet> {
    static result<inet> read(const value &from) {
        const auto raw = detail::read_value<wal_inet, wal_value_as_inet>(from);
        if (!raw)
            return detail::failure(raw.error());
        inet out;
        for (std::size_t i = 0; i < out.address.size(); i++)
            out.address[i] = raw->address[i];
        out.version = raw->version;
        out.bits = raw->bits;
        out.is_cidr = raw->is_cidr != 0;
        return out;
    }
};
template <> struct value_reader<bit_string> {
    static result<bit_string> read(const value &from) {
        bit_string out;
        const auto call = [&](wal_error **reason) {
            return wal_value_as_bits(from.capi(), from.capi_relation(), from.index(),
                                     reinterpret_cast<std::uint8_t *>(out.bytes.data()), out.bytes.size(),
                                     &out.count, reason);
        };
        auto asked = detail::attempt(call); // for the number
        if (asked && out.count > 0) {
            out.bytes.resize((out.count + 7) / 8);
            asked = detail::attempt(call);
        }
        if (!asked)
            return detail::failure(asked.error());
        return out;
    }
};
template <> struct value_reader<tid> {
    static result<tid> read(const value &from) {
        tid out;
        return detail::read_parts(out, [&](wal_error **reason) {
            return wal_value_as_tid(from.capi(), from.capi_relation(), from.index(), &out.block, &out.offset,
                                    reason);
        });
    }
};
template <> struct value_reader<point> {
    static result<point> read(const value &from) {
        point out;
        return detail::read_parts(out, [&](wal_error **reason) {
            return wal_value_as_point(from.capi(), from.capi_relation(), from.index(), &out.x, &out.y,
                                      reason);
        });
    }
};
template <> struct value_reader<lsn> {
    static result<lsn> read(const value &from) {
        const auto raw = detail::read_value<std::uint64_t, wal_value_as_lsn>(from);
        if (!raw)
            return detail::failure(raw.error());
        return lsn(*raw);
    }
};
/// @endcond

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
