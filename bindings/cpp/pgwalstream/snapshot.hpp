// How far the snapshot of a stream is.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_SNAPSHOT_HPP
#define PGWALSTREAM_SNAPSHOT_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/status.hpp>
#include <pgwalstream/time.hpp>

#include <cstdint>
#include <optional>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** How far the snapshot of a stream is: wal_snapshot_progress. */
struct snapshot_progress {
    snapshot_stage stage = snapshot_stage::none; ///< whether rows come
    std::uint64_t rows = 0;                      ///< how many rows came
    std::uint64_t bytes = 0;                     ///< how many bytes they took on the wire
    std::uint64_t tables = 0;                    ///< how many tables there are
    std::uint64_t tables_done = 0;               ///< of how many all rows came
    std::uint64_t items = 0;                     ///< how many items there are
    std::uint64_t items_done = 0;                ///< of how many all rows came
    std::uint64_t blocks = 0;                    ///< how many blocks the tables have on the server's disk
    std::uint64_t blocks_done = 0;               ///< how many of them belong to items that came
    lsn consistent_lsn;                          ///< the position that the rows are of
    std::optional<timestamptz> began_at;         ///< when copying began
    std::optional<timestamptz> ended_at;         ///< when it ended
    std::uint64_t lost_workers = 0;              ///< how often a worker lost its connection and began again

    /** All 0. */
    snapshot_progress() = default;
    /** From that of the C API. */
    explicit snapshot_progress(const wal_snapshot_progress &raw) noexcept
        : stage(static_cast<snapshot_stage>(raw.stage)), rows(raw.rows), bytes(raw.bytes), tables(raw.tables),
          tables_done(raw.tables_done), items(raw.items), items_done(raw.items_done), blocks(raw.blocks),
          blocks_done(raw.blocks_done), consistent_lsn(raw.consistent_lsn),
          began_at(detail::moment(raw.began_at)), ended_at(detail::moment(raw.ended_at)),
          lost_workers(raw.lost_workers) {}
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
