// Times of the library as std::chrono's, and how long a call may wait.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_TIME_HPP
#define PGWALSTREAM_TIME_HPP

#include <pgwalstream/config.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <ratio>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A moment: PostgreSQL's timestamp with time zone. Its max() is infinity, its min() is -infinity. */
using timestamptz = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/** The clock of times without a time zone, counted from 1970-01-01 00:00:00, wherever that is. It has no
 * now(). */
struct local_clock {
    /// @cond
    using rep = std::int64_t;
    using period = std::micro;
    using duration = std::chrono::microseconds;
    using time_point = std::chrono::time_point<local_clock>;
    static constexpr bool is_steady = false;
    /// @endcond
};
/** PostgreSQL's timestamp without time zone. Its max() is infinity, its min() is -infinity. */
using timestamp = local_clock::time_point;
/** Days. */
using days = std::chrono::duration<std::int32_t, std::ratio<86400>>;
/** PostgreSQL's date. Its max() is infinity, its min() is -infinity. */
using date = std::chrono::time_point<local_clock, days>;

/** How long a call may wait: any std::chrono::duration, or `forever`. */
class timeout {
  public:
    /**
     * A part of a millisecond counts as a whole one. Zero and less do not wait, so that what is left until a
     * deadline may be given; what is longer than 24 days waits for ever.
     */
    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> wait) noexcept : ms_(rounded(wait)) {}
    /** As the C API takes it: -1 waits for ever. */
    constexpr std::int32_t milliseconds() const noexcept { return ms_; }
    /** Waits as long as it takes. */
    static constexpr timeout never() noexcept { return timeout(); }

  private:
    constexpr timeout() noexcept = default;
    template <class Duration> static constexpr std::int32_t rounded(Duration wait) noexcept {
        const double ms = std::chrono::duration<double, std::milli>(wait).count();
        if (!(ms > 0))
            return 0;
        if (ms > static_cast<double>(std::numeric_limits<std::int32_t>::max()))
            return -1;
        const auto whole = static_cast<std::int32_t>(ms);
        return static_cast<double>(whole) < ms ? whole + 1 : whole;
    }
    std::int32_t ms_ = -1;
};
/** Waits as long as it takes. */
inline constexpr timeout forever = timeout::never();

namespace detail {
/** From PostgreSQL's epoch, 2000, to Unix's; nothing where the type does not reach so far. */
template <class TimePoint> std::optional<TimePoint> since_1970(std::int64_t since_2000) noexcept {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    if (since_2000 == least)
        return TimePoint::min();
    if (since_2000 == most)
        return TimePoint::max();
    if (since_2000 >= most - WAL_UNIX_EPOCH_US)
        return std::nullopt;
    return TimePoint(std::chrono::microseconds(since_2000 + WAL_UNIX_EPOCH_US));
}
/** A time of an event or a counter, where 0 is none. */
inline std::optional<timestamptz> moment(std::int64_t since_2000) noexcept {
    return since_2000 == 0 ? std::nullopt : since_1970<timestamptz>(since_2000);
}
} // namespace detail

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
