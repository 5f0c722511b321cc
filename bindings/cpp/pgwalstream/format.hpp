// Printing: operator<< of std::ostream, and std::format where there is one.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_FORMAT_HPP
#define PGWALSTREAM_FORMAT_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/value.hpp>

#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#if defined(__cpp_lib_format)
#include <format>
#endif

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** In one line: "WAL_E_SLOT_MISSING: there is no slot "x" (detail; hint)". */
inline std::string to_string(const error &failure) {
    std::string line(failure.name());
    line.append(": ").append(failure.message());
    const std::string_view why = failure.detail(), what_to_do = failure.hint();
    if (!why.empty() || !what_to_do.empty())
        line.append(" (")
            .append(why)
            .append(why.empty() || what_to_do.empty() ? "" : "; ")
            .append(what_to_do)
            .append(")");
    return line;
}
/** "0/1A2B3C4". */
inline std::string to_string(lsn position) {
    return position.to_string();
}
/** "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11". */
inline std::string to_string(const uuid &id) {
    return id.to_string();
}

namespace detail {
/** Enumerations with names: what name() takes. */
template <class E, class = void> struct is_named : std::false_type {};
template <class E>
struct is_named<E, std::enable_if_t<std::is_enum_v<E> &&
                                    std::is_same_v<decltype(name(std::declval<E>())), std::string_view>>>
    : std::true_type {};
} // namespace detail

/** Prints as to_string does. */
template <class Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, const error &failure) {
    return out << to_string(failure);
}
/** Prints as "0/1A2B3C4". */
template <class Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, lsn position) {
    return out << position.to_string();
}
/** Prints as PostgreSQL does. */
template <class Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, const uuid &id) {
    return out << id.to_string();
}
/** Prints the name: "INSERT", "WAL_E_SLOT_MISSING". */
template <class Traits, class E, std::enable_if_t<detail::is_named<E>::value, int> = 0>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, E value) {
    return out << name(value);
}

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#if defined(__cpp_lib_format)
/** `std::format("{}", position)`, with the options of a string. */
template <> struct std::formatter<pgwalstream::lsn> : std::formatter<std::string_view> {
    template <class Context> auto format(pgwalstream::lsn position, Context &context) const {
        return std::formatter<std::string_view>::format(position.to_string(), context);
    }
};
/** `std::format("{}", failure)`, with the options of a string. */
template <> struct std::formatter<pgwalstream::error> : std::formatter<std::string_view> {
    template <class Context> auto format(const pgwalstream::error &failure, Context &context) const {
        return std::formatter<std::string_view>::format(pgwalstream::to_string(failure), context);
    }
};
/** `std::format("{}", id)`, with the options of a string. */
template <> struct std::formatter<pgwalstream::uuid> : std::formatter<std::string_view> {
    template <class Context> auto format(const pgwalstream::uuid &id, Context &context) const {
        return std::formatter<std::string_view>::format(id.to_string(), context);
    }
};
/** `std::format("{}", event.kind())`, with the options of a string. */
template <class E>
requires pgwalstream::detail::is_named<E>::value struct std::formatter<E> : std::formatter<std::string_view> {
    template <class Context> auto format(E value, Context &context) const {
        return std::formatter<std::string_view>::format(name(value), context);
    }
};
#endif

#endif
