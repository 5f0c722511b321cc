// What is known of a type.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_TYPE_HPP
#define PGWALSTREAM_TYPE_HPP

#include <pgwalstream/result.hpp>
#include <pgwalstream/span.hpp>

#include <cstdint>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * What is known of a column's type, from the stream alone: a view, good as long as the relation; a built-in
 * one for ever. Where there is none it is empty, which is tested like a pointer. Read by any thread.
 */
class type_info {
  public:
    /** The view of a type of the C API, which may be NULL. */
    explicit type_info(const wal_type *handle) noexcept : handle_(handle) {}
    /** One of PostgreSQL's own types; empty for an OID that is none of theirs. */
    static type_info built_in(std::uint32_t oid) noexcept { return type_info(wal_type_built_in(oid)); }

    /** Whether there is one. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** Its OID, which of other than built-in types is of one database only. */
    std::uint32_t oid() const noexcept { return wal_type_oid(handle_); }
    /** What it is made of. */
    type_kind kind() const noexcept { return static_cast<type_kind>(wal_type_kind(handle_)); }
    /** Where this comes from. */
    type_source source() const noexcept { return static_cast<type_source>(wal_type_source(handle_)); }
    /**
     * Whether it is known how the binary form of its values is read. If not, only what is UTF-8 can be read,
     * as text: an enum's label is right, and of another type nobody can tell.
     */
    bool is_resolved() const noexcept { return wal_type_is_resolved(handle_) != 0; }
    /** Its schema; empty where it is not known, as of domains, which the stream does not name. */
    std::string_view schema() const noexcept { return detail::text_of(wal_type_namespace(handle_)); }
    /** Its name in pg_type, as in "int4"; empty where it is not known. */
    std::string_view name() const noexcept { return detail::text_of(wal_type_name(handle_)); }
    /** The name of a built-in type as SQL shows it, as in "integer"; else empty. */
    std::string_view sql_name() const noexcept { return detail::text_of(wal_type_sql_name(handle_)); }
    /** The type that a domain is over, which is no domain; else empty. */
    type_info base() const noexcept { return type_info(wal_type_base(handle_)); }
    /** The element of an array, the subtype of a range, the range of a multirange; else empty. */
    type_info element() const noexcept { return type_info(wal_type_element(handle_)); }
    /** The same of the C API. */
    const wal_type *capi() const noexcept { return handle_; }

  private:
    const wal_type *handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
