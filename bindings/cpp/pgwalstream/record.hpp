// WAL records.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_RECORD_HPP
#define PGWALSTREAM_RECORD_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/result.hpp>
#include <pgwalstream/span.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** How a page image is compressed. New ways may come. */
enum class page_compression : std::uint8_t {
    /** It is not. */
    none = WAL_COMPRESSION_NONE,
    /** PostgreSQL's own way. */
    pglz = WAL_COMPRESSION_PGLZ,
    /** LZ4. */
    lz4 = WAL_COMPRESSION_LZ4,
    /** Zstandard. */
    zstd = WAL_COMPRESSION_ZSTD,
    /** A way that the library does not know. */
    unknown = WAL_COMPRESSION_UNKNOWN,
};

/** A page of a relation. */
using page_bytes = std::array<std::byte, 8192>;

/** A block that a record refers to: a view, as long as its batch. Never made by a program. */
class record_block {
  public:
    record_block(record_block &&) = delete;
    record_block &operator=(const record_block &) = delete;

    /** The id within the record. Never derive a meaning from how many there are: minor releases add some. */
    std::uint8_t id() const noexcept { return raw_.id; }
    /** The tablespace's oid. */
    std::uint32_t tablespace() const noexcept { return raw_.tablespace; }
    /** The database's oid; 0 for what all databases share. */
    std::uint32_t database() const noexcept { return raw_.database; }
    /** The relation's file number (pg_class.relfilenode), which is not its oid. */
    std::uint32_t relation() const noexcept { return raw_.relation; }
    /** The fork: 0 main, 1 fsm, 2 vm, 3 init. */
    std::uint8_t fork() const noexcept { return raw_.fork; }
    /** The number of the block. */
    std::uint32_t block() const noexcept { return raw_.block; }
    /** What the record says of the block; empty if nothing. */
    bytes_view data() const noexcept { return bytes(raw_.data, raw_.data_len); }
    /** The page image as it is in the record; empty if there is none. */
    bytes_view image() const noexcept { return bytes(raw_.image, raw_.image_len); }
    /** Whether there is an image. */
    bool has_image() const noexcept { return raw_.image != nullptr; }
    /** Whether the image is to be applied, and not only for checking. */
    bool is_image_applied() const noexcept { return (raw_.flags & 2u) != 0; }
    /** Whether the page is initialised anew. */
    bool is_initialised() const noexcept { return (raw_.flags & 8u) != 0; }
    /** How the image is compressed. */
    page_compression compression() const noexcept { return static_cast<page_compression>(raw_.compression); }
    /**
     * The page of the image: what compression and the hole left out is put back. Its header has the LSN and
     * the checksum from before.
     *
     * @return or status no_value: there is no image; record: it is damaged; not_built, unsupported_wal: its
     * compression is not known
     */
    result<page_bytes> try_page() const {
        page_bytes page;
        wal_error *reason = nullptr;
        auto *to = reinterpret_cast<std::uint8_t *>(page.data());
        const wal_status code = wal_record_block_image(&raw_, to, &reason);
        if (code != WAL_OK)
            return detail::fail(code, reason);
        return page;
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_page; throws `error`. */
    page_bytes page() const {
        return detail::take(try_page());
    }
#endif
    /** The same of the C API. */
    const wal_record_block *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return &raw_;
    }

  private:
    // Never made here: the library lays blocks out, as wal_record_block says.
    record_block(const record_block &) = default;

    static bytes_view bytes(const std::uint8_t *data, std::size_t size) noexcept {
        return bytes_view(reinterpret_cast<const std::byte *>(data), size);
    }

    wal_record_block raw_;
};
static_assert(sizeof(record_block) == sizeof(wal_record_block) && std::is_standard_layout_v<record_block>);

/** A record of the WAL: a view, as long as its batch. Never made by a program. */
class record {
  public:
    record(record &&) = delete;
    record &operator=(const record &) = delete;

    /** Where it begins, which is its name. */
    pgwalstream::lsn lsn() const noexcept { return pgwalstream::lsn(raw_.lsn); }
    /** Where the next one may begin; behind a SWITCH the end of the segment. */
    pgwalstream::lsn end_lsn() const noexcept { return pgwalstream::lsn(raw_.end_lsn); }
    /** Where the record before it begins. */
    pgwalstream::lsn prev_lsn() const noexcept { return pgwalstream::lsn(raw_.prev_lsn); }
    /** The transaction, or 0. */
    std::uint32_t xid() const noexcept { return raw_.xid; }
    /** The transaction at the top, where the record says so; else 0. */
    std::uint32_t top_xid() const noexcept { return raw_.top_xid; }
    /** The replication origin, or 0. */
    std::uint16_t origin() const noexcept { return raw_.origin; }
    /** The timeline of the page on which it begins. */
    std::uint32_t timeline() const noexcept { return raw_.timeline; }
    /** How many of its bytes are page images. */
    std::uint32_t image_size() const noexcept { return raw_.image_len; }
    /** The number of its resource manager. */
    std::uint8_t rmgr() const noexcept { return raw_.rmgr; }
    /** The name of its resource manager, as in "Heap". */
    std::string_view rmgr_name() const noexcept { return wal_rmgr_name(raw_.rmgr); }
    /** What the manager makes of it, in the upper four bits. */
    std::uint8_t info() const noexcept { return raw_.info; }
    /** The name of what it does, as in "INSERT+INIT"; "UNKNOWN" where nobody knows. */
    std::string_view kind_name() const noexcept { return wal_record_kind_name(&raw_); }
    /** Whether the release is unknown: data() is all there is. */
    bool is_opaque() const noexcept { return (raw_.flags & 1u) != 0; }
    /** The whole record, from its header on. */
    bytes_view data() const noexcept { return bytes(raw_.data, raw_.total_len); }
    /** What it says besides the blocks. */
    bytes_view main_data() const noexcept { return bytes(raw_.main_data, raw_.main_len); }
    /** The blocks that it refers to, in the order of their ids. */
    span<const record_block> blocks() const noexcept {
        return span<const record_block>(reinterpret_cast<const record_block *>(raw_.blocks), raw_.n_blocks);
    }
    /** The line that pg_waldump prints for it with TZ=UTC; wal_record_describe says what it may lack. */
    std::string describe() const {
        std::string line(256, '\0');
        const std::size_t size = wal_record_describe(&raw_, line.data(), line.size() + 1);
        const bool is_whole = size <= line.size();
        line.resize(size);
        if (!is_whole)
            wal_record_describe(&raw_, line.data(), line.size() + 1);
        return line;
    }
    /** The same of the C API. */
    const wal_record *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND { return &raw_; }

  private:
    // Never made here: the library lays records out, as wal_record says.
    record(const record &) = default;

    static bytes_view bytes(const std::uint8_t *data, std::size_t size) noexcept {
        return bytes_view(reinterpret_cast<const std::byte *>(data), size);
    }

    wal_record raw_;
};
static_assert(sizeof(record) == sizeof(wal_record) && std::is_standard_layout_v<record>);

/** Records with the memory behind them: a range. May be moved, not copied; it outlives its reader. */
class record_batch {
  public:
    /** Takes over a batch of the C API. */
    explicit record_batch(wal_record_batch *handle) noexcept : handle_(handle) {
        first_ = reinterpret_cast<const record *>(wal_record_batch_records(handle, &size_));
    }

    /** Takes over what another holds, which is empty then. */
    record_batch(record_batch &&other) noexcept
        : handle_(std::move(other.handle_)), first_(std::exchange(other.first_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    /** Takes over what another holds, which is empty then. */
    record_batch &operator=(record_batch &&other) noexcept {
        handle_ = std::move(other.handle_);
        first_ = std::exchange(other.first_, nullptr);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    /** How many records it has. */
    std::size_t size() const noexcept { return size_; }
    /** Whether it has none. */
    bool empty() const noexcept { return size_ == 0; }
    /** The first, and behind the last. */
    const record *begin() const &noexcept { return first_; }
    const record *end() const &noexcept { return first_ + size_; }
    const record *begin() const && = delete;
    const record *end() const && = delete;
    /** One of them, from 0. */
    const record &operator[](std::size_t index) const &noexcept { return first_[index]; }

  private:
    detail::owned<wal_record_batch, wal_record_batch_free> handle_;
    const record *first_ = nullptr;
    std::size_t size_ = 0;
};

/**
 * Finds the records in WAL: in the segments of a server or of an archive, or as a walsender sends it. It
 * opens no file. May be moved, not copied; one thread at a time. Batches outlive it.
 */
class record_reader {
  public:
    /** Takes over a reader of the C API. */
    explicit record_reader(wal_records *handle) noexcept : handle_(handle) {}

    /**
     * One that gives records which begin at `start` or later.
     *
     * @param start lsn() gives all; feed from the beginning of its page, or from before
     * @param segment_size in bytes; 0: the first page of a segment tells it
     * @return or status invalid_argument
     */
    static result<record_reader> try_make(lsn start = lsn(), std::uint32_t segment_size = 0) {
        return detail::attempt_for<record_reader, wal_records *>([&](wal_records **out, wal_error **reason) {
            return wal_records_new(start.value(), segment_size, out, reason);
        });
    }
    /**
     * Takes bytes, which are copied: as many as fit a batch, of 128 KiB. Cut them anywhere.
     *
     * @param position where they stand; behind the first they follow those that were taken before
     * @param data the bytes; the array is read during the call only
     * @return how many were taken, 0 if next_batch has something to give first; or status invalid_argument,
     * no_memory, record
     */
    result<std::size_t> try_feed(lsn position, bytes_view data) {
        return detail::attempt_for<std::size_t, std::size_t>([&](std::size_t *taken, wal_error **reason) {
            const auto *bytes = reinterpret_cast<const std::uint8_t *>(data.data());
            return wal_records_feed(handle_.get(), position.value(), bytes, data.size(), taken, reason);
        });
    }
    /**
     * The records that ended in what was taken; nothing: feed more.
     *
     * @return or status record: the WAL is damaged, or at its end; no_memory
     */
    result<std::optional<record_batch>> try_next_batch() {
        wal_record_batch *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_records_next_batch(handle_.get(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return out == nullptr ? std::nullopt : std::optional<record_batch>(record_batch(out));
    }
    /** Where the last record ended that was whole; none before the first. */
    lsn position() const noexcept { return lsn(wal_records_position(handle_.get())); }
    /** Whether the error of next_batch is the end of the WAL, and no damage: wal_records_at_end. */
    bool at_end() const noexcept { return wal_records_at_end(handle_.get()) != 0; }
    /** The size of a segment; 0 as long as it is not known. */
    std::uint32_t segment_size() const noexcept { return wal_records_segment_size(handle_.get()); }
    /** The identifier of the system that wrote the WAL; 0 as long as it is not known. */
    std::uint64_t system_id() const noexcept { return wal_records_system_id(handle_.get()); }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit record_reader(lsn start = lsn(), std::uint32_t segment_size = 0)
        : record_reader(detail::take(try_make(start, segment_size))) {}
    /** As try_feed; throws `error`. */
    std::size_t feed(lsn position, bytes_view data) {
        return detail::take(try_feed(position, data));
    }
    /** As try_next_batch; throws `error`. */
    std::optional<record_batch> next_batch() {
        return detail::take(try_next_batch());
    }
    /** Takes all of `data`, and gives each record to `use`; throws `error`. */
    template <class Use> void read(lsn position, bytes_view data, Use &&use) {
        for (std::size_t done = 0; done < data.size();) {
            const bytes_view rest(data.data() + done, data.size() - done);
            done += feed(lsn(position.value() + done), rest);
            while (const auto batch = next_batch())
                for (const record &one : *batch)
                    use(one);
        }
    }
#endif

  private:
    detail::owned<wal_records, wal_records_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
