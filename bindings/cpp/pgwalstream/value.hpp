// One column's value, and reading it as a type of C++.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_VALUE_HPP
#define PGWALSTREAM_VALUE_HPP

#include <pgwalstream/relation.hpp>
#include <pgwalstream/time.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** PostgreSQL's uuid. */
struct uuid {
    std::array<std::uint8_t, 16> bytes{}; ///< in the order in which they are written

    /** As PostgreSQL writes it: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11". */
    std::string to_string() const {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        text.reserve(36);
        for (std::size_t i = 0; i < bytes.size(); i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10)
                text += '-';
            text += digits[bytes[i] >> 4];
            text += digits[bytes[i] & 15];
        }
        return text;
    }
    friend bool operator==(const uuid &a, const uuid &b) noexcept { return a.bytes == b.bytes; }
    friend bool operator!=(const uuid &a, const uuid &b) noexcept { return a.bytes != b.bytes; }
    friend bool operator<(const uuid &a, const uuid &b) noexcept { return a.bytes < b.bytes; }
};

/**
 * How a value is read as a T: specialise it for types of your own, with `static result<T> read(const value
 * &)`. What the library reads: bool; integers; float, double; std::string_view (borrowed), std::string;
 * std::vector<std::byte> (bytea); uuid; date, timestamp, timestamptz; std::chrono::microseconds (time);
 * std::optional<T> (nothing for NULL); cell<T>; of scalar.hpp numeric, interval, timetz, money, inet,
 * bit_string, tid, point, lsn; and of nested.hpp std::vector<T> (arrays, multiranges, vectors, points),
 * range<T>, std::tuple<Ts...> (composites, and the text "(1,5)" of a range that the stream only names),
 * std::map<K, V> and its like (hstore).
 */
template <class T, class = void> struct value_reader;

/**
 * One column's value: a view, good as long as its event. NULL, unchanged TOAST and not-sent are three
 * different things. Small: pass it by value. Read by any thread.
 */
class value {
  public:
    /** The view of a value of the C API, with its relation (which may be NULL) and its place in the row. */
    value(const wal_value *raw, const wal_relation *relation, std::uint32_t index) noexcept
        : raw_(raw), relation_(relation), index_(index) {}

    /** What it is. */
    value_kind kind() const noexcept { return static_cast<value_kind>(raw_->kind); }
    /** Whether it is SQL NULL. */
    bool is_null() const noexcept { return kind() == value_kind::null; }
    /** Whether it is a TOASTed value that the UPDATE did not touch: not NULL, and not sent. */
    bool is_unchanged() const noexcept { return kind() == value_kind::unchanged; }
    /** Whether it was not sent, as a column of an old row that is not of its key. */
    bool is_absent() const noexcept { return kind() == value_kind::absent; }
    /** Whether there is something to read: text or binary. */
    explicit operator bool() const noexcept { return raw_->data != nullptr; }
    /** The bytes as they came, text or binary; empty where there is nothing. */
    bytes_view bytes() const noexcept {
        return bytes_view(reinterpret_cast<const std::byte *>(raw_->data), raw_->len);
    }
    /** The text; nothing for NULL, unchanged and not-sent, and for a binary value whose binary form is not
     * its text. */
    std::optional<std::string_view> text() const noexcept {
        wal_bytes out{};
        if (wal_value_as_text(raw_, relation_, index_, &out, nullptr) != WAL_OK)
            return std::nullopt;
        return detail::text_of(out);
    }
    /** Its column. */
    pgwalstream::column column() const noexcept { return pgwalstream::column(relation_, index_); }

    /**
     * Reads it as a T (see value_reader). Status no_value: NULL, unchanged or not sent; type: the column is
     * of another type; out_of_range: it does not fit. A std::string_view lives as long as the event.
     */
    template <class T> result<T> try_as() const { return value_reader<T>::read(*this); }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_as; throws `error`. */
    template <class T> T as() const {
        return detail::take(try_as<T>());
    }
#endif

    /**
     * The text that the server's output function writes: of a binary value of any built-in type, or a domain
     * over one, too. Status type: money in binary, whose decimals are a setting of the server, and what has
     * no readable binary form.
     */
    result<std::string> try_format() const {
        const wal_type *type = wal_relation_column_type_info(relation_, index_);
        std::string text(32, '\0');
        std::size_t length = 0;
        const auto call = [&](wal_error **reason) {
            return wal_value_format(raw_, type, text.data(), text.size() + 1, &length, reason);
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
#if PGWALSTREAM_EXCEPTIONS
    /** As try_format; throws `error`. */
    std::string format() const {
        return detail::take(try_format());
    }
#endif

    /** The same of the C API. */
    const wal_value *capi() const noexcept {
        return raw_;
    }
    /** The relation of the C API that the value's row is of; may be NULL. */
    const wal_relation *capi_relation() const noexcept {
        return relation_;
    }
    /** Its place in the row. */
    std::uint32_t index() const noexcept {
        return index_;
    }

  private:
    const wal_value *raw_;
    const wal_relation *relation_;
    std::uint32_t index_;
};

/** A T where one was sent, and else what came instead: for columns that may be unchanged or not sent. */
template <class T> class cell {
  public:
    /** Not sent. */
    cell() noexcept = default;
    /** What came in the place of a T. */
    explicit cell(value_kind kind) noexcept : kind_(kind) {}
    /** A T, and how it came. */
    cell(value_kind kind, T value) : value_(std::move(value)), kind_(kind) {}

    /** What came. */
    value_kind kind() const noexcept { return kind_; }
    /** Whether it is SQL NULL. */
    bool is_null() const noexcept { return kind_ == value_kind::null; }
    /** Whether it is a TOASTed value that the UPDATE did not touch. */
    bool is_unchanged() const noexcept { return kind_ == value_kind::unchanged; }
    /** Whether it was not sent. */
    bool is_absent() const noexcept { return kind_ == value_kind::absent; }
    /** Whether there is a T. */
    bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    const T &operator*() const noexcept { return *value_; }
    T &operator*() noexcept { return *value_; }
    const T *operator->() const noexcept { return &*value_; }

  private:
    std::optional<T> value_;
    value_kind kind_ = value_kind::absent;
};

namespace detail {

/** Reads with a function of the C API that writes an Out. */
template <class Out, auto Read> result<Out> read_value(const value &from) {
    return attempt_for<Out, Out>([&](Out *out, wal_error **reason) {
        return Read(from.capi(), from.capi_relation(), from.index(), out, reason);
    });
}
/** Nothing that a T can be. */
inline failure not_in_range(const value &from) {
    return fail(status::out_of_range, "the value of column \"" + std::string(from.column().name()) +
                                          "\" does not fit the type that was asked for");
}
/** The status alone, for a value that is not of the size that was asked for. */
template <class To, class From> result<To> narrowed(const value &from, result<From> wide) {
    if (!wide)
        return failure(wide.error());
    if (*wide < 0 || static_cast<std::uint64_t>(*wide) > std::numeric_limits<To>::max())
        return not_in_range(from);
    return static_cast<To>(*wide);
}
template <class TimePoint, auto Read> result<TimePoint> read_time(const value &from) {
    const auto raw = read_value<std::int64_t, Read>(from);
    if (!raw)
        return failure(raw.error());
    const auto time = since_1970<TimePoint>(*raw);
    if (!time)
        return not_in_range(from);
    return *time;
}
template <class T>
inline constexpr bool is_number =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> &&
    !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t>;

} // namespace detail

/// @cond
template <> struct value_reader<bool> {
    static result<bool> read(const value &from) {
        const auto number = detail::read_value<std::int32_t, wal_value_as_bool>(from);
        if (!number)
            return detail::failure(number.error());
        return *number != 0;
    }
};
template <class T> struct value_reader<T, std::enable_if_t<detail::is_number<T>>> {
    static_assert(sizeof(T) >= 2, "PostgreSQL has no integer of 8 bits");
    static result<T> read(const value &from) {
        if constexpr (std::is_same_v<T, std::int16_t>)
            return detail::read_value<T, wal_value_as_int16>(from);
        else if constexpr (std::is_same_v<T, std::int32_t>)
            return detail::read_value<T, wal_value_as_int32>(from);
        else if constexpr (std::is_same_v<T, std::int64_t>)
            return detail::read_value<T, wal_value_as_int64>(from);
        else if constexpr (std::is_same_v<T, std::uint32_t>)
            return detail::read_value<T, wal_value_as_uint32>(from);
        else if constexpr (std::is_signed_v<T> && sizeof(T) == 8) { // the other one of long and long long
            const auto number = detail::read_value<std::int64_t, wal_value_as_int64>(from);
            if (!number)
                return detail::failure(number.error());
            return static_cast<T>(*number);
        } else if constexpr (sizeof(T) == 8) {
            const auto number = detail::read_value<std::uint64_t, wal_value_as_uint64>(from);
            if (!number)
                return detail::failure(number.error());
            return static_cast<T>(*number);
        } else // unsigned of 16 bits
            return detail::narrowed<T>(from, detail::read_value<std::int64_t, wal_value_as_int64>(from));
    }
};
template <> struct value_reader<float> {
    static result<float> read(const value &from) {
        return detail::read_value<float, wal_value_as_float32>(from);
    }
};
template <> struct value_reader<double> {
    static result<double> read(const value &from) {
        return detail::read_value<double, wal_value_as_float64>(from);
    }
};
template <> struct value_reader<std::string_view> {
    static result<std::string_view> read(const value &from) {
        const auto bytes = detail::read_value<wal_bytes, wal_value_as_text>(from);
        if (!bytes)
            return detail::failure(bytes.error());
        return detail::text_of(*bytes);
    }
};
template <> struct value_reader<std::string> {
    static result<std::string> read(const value &from) {
        const auto text = value_reader<std::string_view>::read(from);
        if (!text)
            return detail::failure(text.error());
        return std::string(*text);
    }
};
template <> struct value_reader<std::vector<std::byte>> {
    static result<std::vector<std::byte>> read(const value &from) {
        std::vector<std::byte> bytes;
        std::size_t length = 0;
        const auto call = [&](wal_error **reason) {
            return wal_value_as_bytea(from.capi(), from.capi_relation(), from.index(),
                                      reinterpret_cast<std::uint8_t *>(bytes.data()), bytes.size(), &length,
                                      reason);
        };
        auto asked = detail::attempt(call); // for the length
        if (asked && length > 0) {
            bytes.resize(length);
            asked = detail::attempt(call);
        }
        if (!asked)
            return detail::failure(asked.error());
        return bytes;
    }
};
template <> struct value_reader<uuid> {
    static result<uuid> read(const value &from) {
        uuid out;
        const auto done = detail::attempt([&](wal_error **reason) {
            return wal_value_as_uuid(from.capi(), from.capi_relation(), from.index(), out.bytes.data(),
                                     reason);
        });
        if (!done)
            return detail::failure(done.error());
        return out;
    }
};
template <> struct value_reader<timestamptz> {
    static result<timestamptz> read(const value &from) {
        return detail::read_time<timestamptz, wal_value_as_timestamptz>(from);
    }
};
template <> struct value_reader<timestamp> {
    static result<timestamp> read(const value &from) {
        return detail::read_time<timestamp, wal_value_as_timestamp>(from);
    }
};
template <> struct value_reader<date> {
    static result<date> read(const value &from) {
        const auto raw = detail::read_value<std::int32_t, wal_value_as_date>(from);
        if (!raw)
            return detail::failure(raw.error());
        constexpr std::int32_t days_to_2000 = 10957;
        if (*raw == std::numeric_limits<std::int32_t>::min())
            return date::min();
        if (*raw == std::numeric_limits<std::int32_t>::max())
            return date::max();
        if (*raw >= std::numeric_limits<std::int32_t>::max() - days_to_2000)
            return detail::not_in_range(from);
        return date(days(*raw + days_to_2000));
    }
};
template <> struct value_reader<std::chrono::microseconds> {
    static result<std::chrono::microseconds> read(const value &from) {
        const auto raw = detail::read_value<std::int64_t, wal_value_as_time>(from);
        if (!raw)
            return detail::failure(raw.error());
        return std::chrono::microseconds(*raw);
    }
};
template <class T> struct value_reader<std::optional<T>> {
    static result<std::optional<T>> read(const value &from) {
        if (from.is_null())
            return std::optional<T>();
        auto some = from.try_as<T>();
        if (!some)
            return detail::failure(some.error());
        return std::optional<T>(*std::move(some));
    }
};
template <class T> struct value_reader<cell<T>> {
    static result<cell<T>> read(const value &from) {
        if (!from)
            return cell<T>(from.kind());
        auto some = from.try_as<T>();
        if (!some)
            return detail::failure(some.error());
        return cell<T>(from.kind(), *std::move(some));
    }
};
/// @endcond

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
