// A row, and reading it into a struct or a tuple.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_ROW_HPP
#define PGWALSTREAM_ROW_HPP

#include <pgwalstream/value.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A member of a struct, and the column that it is read from: see member(). */
template <class T, class M> struct member_of {
    std::string_view column; ///< the column's name, borrowed
    M T::*pointer;           ///< the member
};
/** Says from which column a member of a struct is read: `member("id", &account::id)`. The name is borrowed.
 */
template <class T, class M>
constexpr member_of<T, M> member(std::string_view column, M T::*pointer) noexcept {
    return {column, pointer};
}
/**
 * From which columns a struct is read, said once for all rows: specialise it with a tuple of its members.
 *
 *     struct account { std::int64_t id; std::string owner; std::optional<double> limit; };
 *     template <> struct pgwalstream::members<account> {
 *         static constexpr auto list = std::make_tuple(pgwalstream::member("id", &account::id),
 *                                                      pgwalstream::member("owner", &account::owner),
 *                                                      pgwalstream::member("limit", &account::limit));
 *     };
 *     …
 *     auto one = event.new_row().as<account>();
 */
template <class T> struct members;

namespace detail {
struct value_source {
    const wal_value *values = nullptr;
    const wal_relation *relation = nullptr;
    value operator()(std::size_t index) const noexcept {
        return value(values + index, relation, static_cast<std::uint32_t>(index));
    }
};
template <class T> struct row_shape;
} // namespace detail

/**
 * The values of a row, in the order of the relation's columns: a view, good as long as its event. A range of
 * values. Where an event has no such row it is empty, which is tested like a pointer.
 */
class row {
  public:
    using iterator = detail::position<detail::value_source>;
    using value_type = value;

    /** The view of a row of the C API; values and relation may be NULL. */
    row(const wal_value *values, std::uint32_t count, const wal_relation *relation) noexcept
        : source_{values, relation}, count_(values == nullptr ? 0 : count) {}

    /** Whether there is one. */
    explicit operator bool() const noexcept { return source_.values != nullptr; }
    iterator begin() const noexcept { return iterator(source_, 0); }
    iterator end() const noexcept { return iterator(source_, count_); }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    /** The relation that the row is of. */
    pgwalstream::relation relation() const noexcept { return pgwalstream::relation(source_.relation); }

    /** The value at a place, which is below size(). A template, lest `row[0]` may mean a null pointer to a
     * name. */
    template <class Index, std::enable_if_t<std::is_integral_v<Index>, int> = 0>
    value operator[](Index index) const noexcept {
        return source_(static_cast<std::size_t>(index));
    }
    /** The value of a column; nothing where the row has no such column. */
    std::optional<value> find(std::string_view column) const { return at_index(relation().find(column)); }
    /** The same, the column looked up once for each definition of the table. */
    std::optional<value> find(named_column &column) const { return at_index(column.index_in(relation())); }
    /** The value of a column; status invalid_argument where the row has no such column. */
    result<value> try_at(std::string_view column) const { return found(find(column), column); }
    /** The same, the column looked up once for each definition of the table. */
    result<value> try_at(named_column &column) const { return found(find(column), column.name()); }
    /** As a tuple, by position, or as a struct, by its members<T>. Fails as value::try_as and try_at do. */
    template <class T> result<T> try_as() const { return detail::row_shape<T>::read(*this); }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_at; throws `error`. */
    value operator[](std::string_view column) const {
        return detail::take(try_at(column));
    }
    /** As try_at; throws `error`. */
    value operator[](named_column &column) const {
        return detail::take(try_at(column));
    }
    /** As try_as; throws `error`. */
    template <class T> T as() const {
        return detail::take(try_as<T>());
    }
#endif

  private:
    std::optional<value> at_index(std::optional<std::size_t> index) const noexcept {
        return index && *index < count_ ? std::optional<value>(source_(*index)) : std::nullopt;
    }
    result<value> found(std::optional<value> some, std::string_view column) const {
        if (some)
            return *some;
        return detail::fail(status::invalid_argument, *this ? "table \"" + std::string(relation().schema()) +
                                                                  "." + std::string(relation().name()) +
                                                                  "\" has no published column \"" +
                                                                  std::string(column) + "\""
                                                            : "the event has no such row");
    }

    detail::value_source source_;
    std::size_t count_;
};

namespace detail {

/** Reads a value into a place; false, with the reason, where that fails. */
template <class M> bool read_into(const result<value> &from, M &to, std::optional<error> &reason) {
    if (reason)
        return false;
    if (!from) {
        reason = from.error();
        return false;
    }
    auto some = from->template try_as<M>();
    if (some)
        to = *std::move(some);
    else
        reason = some.error();
    return !reason;
}

template <class... M> struct row_shape<std::tuple<M...>> {
    static result<std::tuple<M...>> read(const row &from) {
        if (from.size() < sizeof...(M))
            return fail(status::out_of_range, "the row has " + std::to_string(from.size()) + " values, and " +
                                                  std::to_string(sizeof...(M)) + " are asked for");
        return read(from, std::index_sequence_for<M...>());
    }
    template <std::size_t... I>
    static result<std::tuple<M...>> read(const row &from, std::index_sequence<I...>) {
        std::tuple<M...> to;
        std::optional<error> reason;
        if (!(read_into(result<value>(from[I]), std::get<I>(to), reason) && ...))
            return failure(*reason);
        return to;
    }
};

template <class T> struct row_shape {
    static result<T> read(const row &from) {
        T to{};
        std::optional<error> reason;
        const bool done = std::apply(
            [&](const auto &...each) {
                return (read_into(from.try_at(each.column), to.*each.pointer, reason) && ...);
            },
            members<T>::list);
        if (!done)
            return failure(*reason);
        return to;
    }
};

} // namespace detail

/**
 * Reads rows into a struct, and looks each column up once for each definition of the table:
 *
 *     pgwalstream::row_reader reader(pgwalstream::member("id", &account::id),
 *                                    pgwalstream::member("owner", &account::owner));
 *     account one = reader(event.new_row());
 *
 * Columns without a member are left out; a member whose column is missing is an error. For one stream, and
 * from one thread at a time, as named_column.
 */
template <class T, class... M> class row_reader {
  public:
    /** Of these members. */
    explicit row_reader(member_of<T, M>... members)
        : pointers_(members.pointer...), columns_{named_column(std::string(members.column))...} {}

    /** A row as a T; fails as value::try_as and row::try_at do. */
    result<T> try_read(const row &from) { return read(from, std::index_sequence_for<M...>()); }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_read; throws `error`. */
    T operator()(const row &from) {
        return detail::take(try_read(from));
    }
#endif

  private:
    template <std::size_t... I> result<T> read(const row &from, std::index_sequence<I...>) {
        T to{};
        std::optional<error> reason;
        if (!(detail::read_into(from.try_at(columns_[I]), to.*std::get<I>(pointers_), reason) && ...))
            return detail::failure(*reason);
        return to;
    }

    std::tuple<M T::*...> pointers_;
    std::array<named_column, sizeof...(M)> columns_;
};

/** A row_reader of a struct that has its members<T>. */
template <class T> auto reader_of() {
    return std::apply([](const auto &...each) { return row_reader(each...); }, members<T>::list);
}

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
