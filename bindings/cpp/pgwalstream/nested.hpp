// Values that have parts: a reader of one level, and arrays, ranges, composites and maps as types of C++.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_NESTED_HPP
#define PGWALSTREAM_NESTED_HPP

#include <pgwalstream/scalar.hpp>
#include <pgwalstream/sequence.hpp>
#include <pgwalstream/span.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A dimension of an array: `size` elements, the first of which has the index `lower`. */
using dimension = wal_dimension;

namespace detail {
struct item_source {
    const wal_nested *reader = nullptr;
    const wal_value *first = nullptr;
    value operator()(std::size_t at) const noexcept {
        return value(first + at, wal_nested_relation(reader), wal_nested_column(reader, at));
    }
};
} // namespace detail

/** The items of a value. */
using items = detail::sequence<detail::item_source>;

/**
 * Reads values that have parts, one level at a time, from text and binary alike: arrays, composites, ranges,
 * multiranges, hstore, pgvector's types, paths and other geometry, tsvector. What it finds are values again.
 *
 *     pgwalstream::nested parts; // keep it
 *     parts.read(row["tags"]);
 *     for (const pgwalstream::value tag : parts.items())
 *         if (!tag.is_null())
 *             use(tag.as<std::string_view>());
 *
 * Keep a reader and use it again: it allocates nothing once it has found its size. Items live in it and in
 * the value, until it reads again. A value in a value takes a second reader. May be moved, not copied; one
 * thread at a time. Where speed does not count, value::as gives containers at once.
 */
class nested {
  public:
    /** Takes over a reader of the C API. */
    explicit nested(wal_nested *handle) noexcept : handle_(handle) {}

    /** One that holds nothing yet. */
    static result<nested> try_make() {
        return detail::attempt_for<nested, wal_nested *>(
            [](wal_nested **out, wal_error **reason) { return wal_nested_new(out, reason); });
    }
    /**
     * Reads one level of a value.
     *
     * @param from the value; no item of this very reader
     * @param what `any`: as its type says. Of a type that the stream only names, such as an enum's array or a
     * composite, name the shape: it is read so if the bytes bear it out
     * @return or status no_value; type: it has no parts, is not known, or its bytes are not of it;
     * invalid_argument, as for an item of this very reader: what was read before stays
     */
    result<void> try_read(const value &from, pgwalstream::shape what = pgwalstream::shape::any) {
        return detail::attempt([&](wal_error **reason) {
            return wal_nested_read(handle_.get(), from.capi(), from.capi_relation(), from.index(),
                                   static_cast<std::uint32_t>(what), reason);
        });
    }
    /**
     * Reads one level of a value of which you know more than its shape. What is known of it must agree.
     *
     * @param from the value; no item of this very reader
     * @param what its shape
     * @param element the type of an array's elements, a range's bounds or a multirange's ranges: a built-in
     * type, or a domain over one; an empty type_info: not known
     * @param delimiter between the elements of an array in text, where that is not a comma: typdelim in
     * pg_type
     * @return as the other; invalid_argument for a type that is not built in, or no delimiter
     */
    result<void> try_read(const value &from, pgwalstream::shape what, type_info element,
                          char delimiter = '\0') {
        const wal_type *type = wal_relation_column_type_info(from.capi_relation(), from.index());
        return detail::attempt([&](wal_error **reason) {
            return wal_nested_read_as(handle_.get(), from.capi(), type, static_cast<std::uint32_t>(what),
                                      element.capi(), static_cast<unsigned char>(delimiter), reason);
        });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    nested() : nested(detail::take(try_make())) {}
    /** As try_read; throws `error`. */
    void read(const value &from, pgwalstream::shape what = pgwalstream::shape::any) {
        detail::take(try_read(from, what));
    }
    /** As try_read; throws `error`. */
    void read(const value &from, pgwalstream::shape what, type_info element, char delimiter = '\0') {
        detail::take(try_read(from, what, element, delimiter));
    }
#endif

    /** The items that were read last. Of an array of several dimensions the last index runs first. */
    pgwalstream::items items() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        std::size_t count = 0;
        const wal_value *first = wal_nested_items(handle_.get(), &count);
        return pgwalstream::items(detail::item_source{handle_.get(), first}, count);
    }
    /** How many items there are. */
    std::size_t size() const noexcept {
        std::size_t count = 0;
        wal_nested_items(handle_.get(), &count);
        return count;
    }
    /** The item at a place, from 0, which must be there. */
    value operator[](std::size_t at) const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::item_source{handle_.get(), wal_nested_items(handle_.get(), nullptr)}(at);
    }
    /** What the value is that was read last. */
    pgwalstream::shape shape() const noexcept {
        return static_cast<pgwalstream::shape>(wal_nested_shape(handle_.get()));
    }
    /** The dimensions of an array; none of an array without elements. Of a vector one. */
    span<const dimension> dimensions() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        std::size_t count = 0;
        const wal_dimension *first = wal_nested_dimensions(handle_.get(), &count);
        return span<const dimension>(first, count);
    }
    /** Whether the range is empty. */
    bool is_empty_range() const noexcept {
        return has(WAL_NESTED_EMPTY);
    }
    /** Whether the lower bound belongs to the range. */
    bool is_lower_inclusive() const noexcept {
        return has(WAL_NESTED_LOWER_INCLUSIVE);
    }
    /** Whether the upper bound belongs to the range. */
    bool is_upper_inclusive() const noexcept {
        return has(WAL_NESTED_UPPER_INCLUSIVE);
    }
    /** Whether the path is closed. */
    bool is_closed() const noexcept {
        return has(WAL_NESTED_CLOSED);
    }
    /** The same of the C API. */
    const wal_nested *capi() const noexcept {
        return handle_.get();
    }

  private:
    bool has(std::uint32_t flag) const noexcept {
        return (wal_nested_flags(handle_.get()) & flag) != 0;
    }

    detail::owned<wal_nested, wal_nested_free> handle_;
};

/** A range. A bound that is not there is infinite, which is another thing than the bound "infinity". */
template <class T> struct range {
    bool is_empty = false;        ///< it holds nothing
    std::optional<T> lower;       ///< from here
    std::optional<T> upper;       ///< to here
    bool lower_inclusive = false; ///< whether `lower` belongs to it
    bool upper_inclusive = false; ///< whether `upper` belongs to it

    friend bool operator==(const range &a, const range &b) {
        return a.is_empty == b.is_empty && a.lower == b.lower && a.upper == b.upper &&
               a.lower_inclusive == b.lower_inclusive && a.upper_inclusive == b.upper_inclusive;
    }
};

/// @cond
namespace detail {

/** What would lead into a reader that is gone. */
template <class T> struct is_view : std::false_type {};
template <> struct is_view<std::string_view> : std::true_type {};
template <> struct is_view<numeric> : std::true_type {};
template <class T> struct is_view<std::optional<T>> : is_view<T> {};
template <class T> struct is_view<cell<T>> : is_view<T> {};

/** A reader that has read a value. */
inline result<nested> parts_of(const value &from, shape what) {
    auto reader = nested::try_make();
    if (!reader)
        return reader;
    const auto done = reader->try_read(from, what);
    if (!done)
        return failure(done.error());
    return reader;
}

/** Reads what stands at a place of an array, with so many dimensions within it. */
template <class T> struct element_reader {
    static_assert(!is_view<T>::value, "the text lives in the reader: take std::string, or a nested reader");
    static result<T> read(const nested &from, std::size_t at, const dimension *, std::size_t more) {
        if (more != 0)
            return fail(status::type, "the array has " + std::to_string(more) +
                                          " more dimensions than the type that was asked for");
        return from[at].template try_as<T>();
    }
};
template <class T> struct element_reader<std::vector<T>> {
    static result<std::vector<T>> read(const nested &from, std::size_t at, const dimension *inner,
                                       std::size_t more) {
        if (more == 0)
            return from[at].template try_as<std::vector<T>>();
        std::size_t step = 1;
        for (std::size_t i = 1; i < more; i++)
            step *= static_cast<std::size_t>(inner[i].size);
        std::vector<T> out;
        const auto count = static_cast<std::size_t>(inner->size);
        out.reserve(count);
        for (std::size_t i = 0; i < count; i++) {
            auto element = element_reader<T>::read(from, at + i * step, inner + 1, more - 1);
            if (!element)
                return failure(element.error());
            out.push_back(*std::move(element));
        }
        return out;
    }
};
template <> struct element_reader<std::vector<std::byte>> {
    static result<std::vector<std::byte>> read(const nested &from, std::size_t at, const dimension *,
                                               std::size_t) {
        return from[at].try_as<std::vector<std::byte>>();
    }
};

/** The shape that a container of elements is read as: as the type says, if it is not an array. */
inline shape shape_of_list(const value &from) {
    const type_info type = from.column().type_info();
    const type_info built_in = type.base() ? type.base() : type;
    if (built_in.kind() != type_kind::unknown && built_in.kind() != type_kind::array)
        return shape::any;
    const std::string_view name = type.is_resolved() ? type.name() : std::string_view();
    return name == "vector" || name == "halfvec" ? shape::any : shape::array;
}

/** Whether all items are alike, and all that the value says. A range is no list, nor is a circle. */
inline bool is_list(const nested &parts) {
    switch (parts.shape()) {
    case shape::array:
    case shape::multirange:
    case shape::vector:
    case shape::geometry:
        return wal_relation_column_count(wal_nested_relation(parts.capi())) == 1;
    default:
        return false;
    }
}

} // namespace detail

template <class T> struct value_reader<std::vector<T>> {
    static result<std::vector<T>> read(const value &from) {
        const auto parts = detail::parts_of(from, detail::shape_of_list(from));
        if (!parts)
            return detail::failure(parts.error());
        if (!detail::is_list(*parts))
            return detail::fail(status::type, "a vector is for an array, a multirange, a vector or points: "
                                              "the value has parts of other kinds");
        const auto dimensions = parts->dimensions();
        if (!dimensions.empty())
            return detail::element_reader<std::vector<T>>::read(*parts, 0, dimensions.data(),
                                                                dimensions.size());
        const dimension all = {static_cast<std::int32_t>(parts->size()), 1};
        return detail::element_reader<std::vector<T>>::read(*parts, 0, &all, 1);
    }
};

template <class T> struct value_reader<range<T>> {
    static_assert(!detail::is_view<T>::value, "the text lives in the reader: take std::string");
    static result<range<T>> read(const value &from) {
        const auto parts = detail::parts_of(from, shape::range);
        if (!parts)
            return detail::failure(parts.error());
        range<T> out;
        out.is_empty = parts->is_empty_range();
        if (out.is_empty)
            return out;
        auto lower = (*parts)[0].template try_as<std::optional<T>>();
        if (!lower)
            return detail::failure(lower.error());
        auto upper = (*parts)[1].template try_as<std::optional<T>>();
        if (!upper)
            return detail::failure(upper.error());
        out.lower = *std::move(lower);
        out.upper = *std::move(upper);
        out.lower_inclusive = parts->is_lower_inclusive();
        out.upper_inclusive = parts->is_upper_inclusive();
        return out;
    }
};

/** A composite with as many fields. */
template <class... Ts> struct value_reader<std::tuple<Ts...>> {
    static_assert(!(detail::is_view<Ts>::value || ...), "the text lives in the reader: take std::string");
    static result<std::tuple<Ts...>> read(const value &from) {
        const auto parts = detail::parts_of(from, shape::composite);
        if (!parts)
            return detail::failure(parts.error());
        if (parts->size() != sizeof...(Ts))
            return detail::fail(status::type, "the composite has " + std::to_string(parts->size()) +
                                                  " fields, the tuple " + std::to_string(sizeof...(Ts)));
        return fields(*parts, std::index_sequence_for<Ts...>());
    }

  private:
    template <std::size_t... I>
    static result<std::tuple<Ts...>> fields(const nested &from, std::index_sequence<I...>) {
        std::tuple<result<Ts>...> all{from[I].template try_as<Ts>()...};
        const error *failed = nullptr;
        ((failed == nullptr && !std::get<I>(all) ? static_cast<void>(failed = &std::get<I>(all).error())
                                                 : static_cast<void>(0)),
         ...);
        if (failed != nullptr)
            return detail::failure(*failed);
        return std::tuple<Ts...>(*std::move(std::get<I>(all))...);
    }
};

/** An hstore, into std::map and what is like it. */
template <class T> struct value_reader<T, std::void_t<typename T::key_type, typename T::mapped_type>> {
    using key = typename T::key_type;
    using mapped = typename T::mapped_type;
    static_assert(!detail::is_view<key>::value && !detail::is_view<mapped>::value,
                  "the text lives in the reader: take std::string");
    static result<T> read(const value &from) {
        const auto parts = detail::parts_of(from, shape::hstore);
        if (!parts)
            return detail::failure(parts.error());
        T out;
        for (std::size_t i = 0; i + 1 < parts->size(); i += 2) {
            auto name = (*parts)[i].template try_as<key>();
            if (!name)
                return detail::failure(name.error());
            auto item = (*parts)[i + 1].template try_as<mapped>();
            if (!item)
                return detail::failure(item.error());
            out.emplace(*std::move(name), *std::move(item));
        }
        return out;
    }
};
/// @endcond

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
