// A table's definition, its columns, and finding a column by its name.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_RELATION_HPP
#define PGWALSTREAM_RELATION_HPP

#include <pgwalstream/change.hpp>
#include <pgwalstream/result.hpp>
#include <pgwalstream/sequence.hpp>
#include <pgwalstream/span.hpp>
#include <pgwalstream/type.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** A column of a relation: a view, good as long as the relation. */
class column {
  public:
    /** The column at a place, from 0; of no relation and of a place that is not there everything is 0 or
     * empty. */
    column(const wal_relation *relation, std::uint32_t index) noexcept : relation_(relation), index_(index) {}

    /** Its place in a row, from 0. */
    std::size_t index() const noexcept { return index_; }
    /** Its name. */
    std::string_view name() const noexcept {
        return detail::text_of(wal_relation_column_name(relation_, index_));
    }
    /** OID of its type. */
    std::uint32_t type_oid() const noexcept { return wal_relation_column_type(relation_, index_); }
    /** What is known of its type. */
    pgwalstream::type_info type_info() const noexcept {
        return pgwalstream::type_info(wal_relation_column_type_info(relation_, index_));
    }
    /** Its type modifier, such as the length of a varchar plus 4; -1 where there is none. */
    std::int32_t typmod() const noexcept { return wal_relation_column_typmod(relation_, index_); }
    /** Whether it is part of the replica identity. */
    bool is_key() const noexcept { return wal_relation_column_is_key(relation_, index_) != 0; }

  private:
    const wal_relation *relation_;
    std::uint32_t index_;
};

namespace detail {
struct column_source {
    const wal_relation *relation = nullptr;
    column operator()(std::size_t index) const noexcept {
        return column(relation, static_cast<std::uint32_t>(index));
    }
};
} // namespace detail

/** The columns of a relation, in the order of a row's values. */
using columns = detail::sequence<detail::column_source>;

/**
 * One definition of a table: a view, good as long as the event, or the owned_relation, that it came from.
 * Read by any thread. Where an event has none it is empty, which is tested like a pointer.
 */
class relation {
  public:
    /** The view of a relation of the C API, which may be NULL. */
    explicit relation(const wal_relation *handle) noexcept : handle_(handle) {}

    /** Whether there is one. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** The table's OID. */
    std::uint32_t oid() const noexcept { return wal_relation_oid(handle_); }
    /**
     * Which definition of the table this is, counted from 1 within the stream. OID and generation are a key
     * for what a program remembers of a table: the same definition sent again keeps its generation.
     */
    std::uint32_t generation() const noexcept { return wal_relation_generation(handle_); }
    /** The schema's name. */
    std::string_view schema() const noexcept { return detail::text_of(wal_relation_namespace(handle_)); }
    /** The table's name. */
    std::string_view name() const noexcept { return detail::text_of(wal_relation_name(handle_)); }
    /** What identifies an old row: 'd' the primary key, 'n' nothing, 'f' the full row, 'i' an index. */
    char replica_identity() const noexcept { return wal_relation_replica_identity(handle_); }
    /** The published columns: as many values has a row. */
    pgwalstream::columns columns() const noexcept {
        return pgwalstream::columns(detail::column_source{handle_}, wal_relation_column_count(handle_));
    }
    /** What this definition differs in from the one that held before it; nothing where that one is not known,
     * as after a reconnect. A first definition has no change. */
    std::optional<pgwalstream::changes> changes() const noexcept {
        const std::int32_t count = wal_relation_change_count(handle_);
        return count < 0 ? std::nullopt
                         : std::optional<pgwalstream::changes>(pgwalstream::changes(
                               detail::change_source{handle_}, static_cast<std::size_t>(count)));
    }
    /** The place of a column, from 0. In a loop, use a named_column. */
    std::optional<std::size_t> find(std::string_view column) const {
        const detail::c_text terminated(column);
        const std::int32_t index = wal_relation_column_index(handle_, terminated.get());
        return index < 0 ? std::nullopt : std::optional<std::size_t>(static_cast<std::size_t>(index));
    }
    /** The same of the C API. */
    const wal_relation *capi() const noexcept { return handle_; }

    /** Keeps it beyond its event: what this gives outlives batch and stream. Any thread. */
    result<detail::owned_view<relation, wal_relation, wal_relation_free>> try_retain() const {
        return detail::attempt_for<detail::owned_view<relation, wal_relation, wal_relation_free>,
                                   wal_relation *>([&](wal_relation **out, wal_error **reason) {
            return wal_relation_retain(handle_, out, reason);
        });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_retain; throws `error`. */
    detail::owned_view<relation, wal_relation, wal_relation_free> retain() const {
        return detail::take(try_retain());
    }
#endif

  private:
    const wal_relation *handle_;
};

/** A relation that outlives batch and stream; used like a pointer to a relation. */
using owned_relation = detail::owned_view<relation, wal_relation, wal_relation_free>;

/**
 * A column that is found by its name once for each definition of the table, and not for each row:
 *
 *     pgwalstream::named_column id("id");
 *     for (const auto &event : stream.events())
 *         if (auto row = event.new_row(); event.is_change())
 *             use(row[id]);
 *
 * It remembers the last definition that it was asked for, by OID and generation, which are a stream's own:
 * use one for one stream, from one thread at a time. It holds nothing of a batch.
 */
class named_column {
  public:
    /** Of this name; nothing is looked up yet. */
    explicit named_column(std::string name) noexcept : name_(std::move(name)) {}

    /** The name that is looked for. */
    const std::string &name() const noexcept { return name_; }
    /** The place of the column in a relation, from 0; nothing where it has no such column. */
    std::optional<std::size_t> index_in(relation table) {
        const std::uint32_t oid = table.oid(), generation = table.generation();
        if (oid != oid_ || generation != generation_ || generation == 0) {
            index_ = table.find(name_);
            oid_ = oid;
            generation_ = generation;
        }
        return index_;
    }

  private:
    std::string name_;
    std::optional<std::size_t> index_;
    std::uint32_t oid_ = 0;
    std::uint32_t generation_ = 0;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
