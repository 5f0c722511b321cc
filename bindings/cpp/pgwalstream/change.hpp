// What made a generation of a table's definition.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_CHANGE_HPP
#define PGWALSTREAM_CHANGE_HPP

#include <pgwalstream/result.hpp>
#include <pgwalstream/sequence.hpp>
#include <pgwalstream/span.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** One difference between a definition and the one that held before it: a view, good as long as the relation.
 */
class change {
  public:
    /** The change of a number, from 0; one that is not there has the kind 0. */
    change(const wal_relation *relation, std::uint32_t index) noexcept {
        wal_relation_change_at(relation, index, &it_, nullptr);
    }

    /** What is different. */
    change_kind kind() const noexcept { return static_cast<change_kind>(it_.kind); }
    /** The column's place in this definition; nothing where it is gone, or the table changed. */
    std::optional<std::size_t> column() const noexcept { return place(it_.column); }
    /** The column's place in the definition before. */
    std::optional<std::size_t> column_before() const noexcept { return place(it_.column_before); }
    /** The name before: of the column, the schema or the table. */
    std::string_view name_before() const noexcept { return detail::text_of(it_.name_before); }
    /** OID of the column's type before; 0 where there was no column. */
    std::uint32_t type_before() const noexcept { return it_.type_before; }
    /** Modifier of the column's type before; -1 where there was none. */
    std::int32_t typmod_before() const noexcept { return it_.typmod_before; }
    /** The letter of the replica identity before, where that is what changed. */
    char identity_before() const noexcept { return static_cast<char>(it_.identity_before); }

  private:
    static std::optional<std::size_t> place(std::int32_t at) noexcept {
        return at < 0 ? std::nullopt : std::optional<std::size_t>(static_cast<std::size_t>(at));
    }

    wal_relation_change it_;
};

/** The name of a kind of change, as in "COLUMN_ADDED". */
inline std::string_view name(change_kind kind) noexcept {
    return wal_change_kind_name(static_cast<std::uint32_t>(kind));
}

namespace detail {
struct change_source {
    const wal_relation *relation = nullptr;
    change operator()(std::size_t index) const noexcept {
        return change(relation, static_cast<std::uint32_t>(index));
    }
};
} // namespace detail

/** The changes that made a generation: first those of the table, then those of columns by their places. */
using changes = detail::sequence<detail::change_source>;

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
