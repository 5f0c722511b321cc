// What the server knows of a publication and its tables, and the rows of a query.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_PUBLICATION_HPP
#define PGWALSTREAM_PUBLICATION_HPP

#include <pgwalstream/row.hpp>
#include <pgwalstream/sequence.hpp>
#include <pgwalstream/span.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A publication: a view, good as long as its list. */
class publication {
  public:
    /** The view of a publication of the C API, which may be NULL. */
    explicit publication(const wal_publication *handle) noexcept : handle_(handle) {}

    /** Its name. */
    std::string_view name() const noexcept { return detail::text_of(wal_publication_name(handle_)); }
    /** What it publishes, and how. */
    publish flags() const noexcept { return static_cast<publish>(wal_publication_flags(handle_)); }

  private:
    const wal_publication *handle_;
};

/** A table of a publication: a view, good as long as its list. */
class table {
  public:
    /** The view of a table of the C API, which may be NULL. */
    explicit table(const wal_table *handle) noexcept : handle_(handle) {}

    /** Its schema. */
    std::string_view schema() const noexcept { return detail::text_of(wal_table_namespace(handle_)); }
    /** Its name. */
    std::string_view name() const noexcept { return detail::text_of(wal_table_name(handle_)); }
    /** Its OID. */
    std::uint32_t oid() const noexcept { return wal_table_oid(handle_); }
    /** Its replica identity: 'd' default, 'n' nothing, 'f' full, 'i' index. */
    char replica_identity() const noexcept { return wal_table_replica_identity(handle_); }
    /** Whether updates and deletes can say which row they are about; else the server refuses them. */
    pgwalstream::identity identity() const noexcept {
        return static_cast<pgwalstream::identity>(wal_table_identity(handle_));
    }
    /** The published columns, as SQL; empty before PostgreSQL 15, which publishes all. */
    std::string_view columns() const noexcept { return detail::text_of(wal_table_columns(handle_)); }
    /** The condition on the rows that are published, as SQL; empty if all are. */
    std::string_view row_filter() const noexcept { return detail::text_of(wal_table_row_filter(handle_)); }

  private:
    const wal_table *handle_;
};

/** The publications of a database, by name: owned, a range of publications. */
using publication_list = detail::owned_list<publication, wal_publications, wal_publications_count,
                                            wal_publications_at, wal_publications_free>;
/** The tables of a publication, by schema and name: owned, a range of tables. */
using table_list = detail::owned_list<table, wal_tables, wal_tables_count, wal_tables_at, wal_tables_free>;

/** The rows that a query gave, as text. Owned: may be moved, not copied; read by any thread. */
class rows {
  public:
    /** Takes over rows of the C API. */
    explicit rows(wal_rows *handle) noexcept : handle_(handle) {}

    /** How many there are. */
    std::size_t size() const noexcept { return wal_rows_count(handle_.get()); }
    bool empty() const noexcept { return size() == 0; }
    /** How many columns each has. */
    std::size_t column_count() const noexcept { return wal_rows_column_count(handle_.get()); }
    /** The name of a column, from 0. */
    std::string_view column_name(std::size_t column) const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_rows_column_name(handle_.get(), column));
    }
    std::string_view column_name(std::size_t) const && = delete;
    /** A value, by row and column from 0; nothing for NULL, and where there is none. */
    std::optional<std::string_view> value(std::size_t index,
                                          std::size_t column) const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        const wal_bytes bytes = wal_rows_value(handle_.get(), index, column);
        return bytes.data == nullptr ? std::nullopt : std::optional<std::string_view>(detail::text_of(bytes));
    }
    std::optional<std::string_view> value(std::size_t, std::size_t) const && = delete;
    /** A row, from 0, whose values are read as those of an event: `rows.at(0)["id"].as<int>()`. Empty where
     * there is none, and for rows of a COPY, whose types nobody tells. */
    row at(std::size_t index) const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        return row(wal_rows_values(handle_.get(), index), static_cast<std::uint32_t>(column_count()),
                   wal_rows_relation(handle_.get()));
    }
    row at(std::size_t) const && = delete;

  private:
    detail::owned<wal_rows, wal_rows_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
