// An archive of WAL: filled by a stream, fetched from, checked.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_ARCHIVE_HPP
#define PGWALSTREAM_ARCHIVE_HPP

#include <pgwalstream/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** What an archive tells: wal_archive_event_code. */
enum class archive_event_kind : std::uint32_t {
    started = WAL_ARCHIVE_STARTED,         ///< it goes on at start()
    segment = WAL_ARCHIVE_SEGMENT,         ///< a segment lasts: name()
    timeline = WAL_ARCHIVE_TIMELINE,       ///< a timeline ended at end(); name() is the next one's history
    hole = WAL_ARCHIVE_HOLE,               ///< segments are missing from start() to end()
    disk_full = WAL_ARCHIVE_DISK_FULL,     ///< the disk is full; the server keeps the WAL
    space = WAL_ARCHIVE_SPACE,             ///< there is room again
    reconnected = WAL_ARCHIVE_RECONNECTED, ///< the connection was made again; nothing is missing
};

/** What is wrong with an archive: wal_archive_fault_code. */
enum class archive_fault_kind : std::uint32_t {
    hole = WAL_FAULT_HOLE,           ///< segments are missing between others
    length = WAL_FAULT_LENGTH,       ///< a segment of a wrong length
    page = WAL_FAULT_PAGE,           ///< a page that is none of its segment
    system = WAL_FAULT_SYSTEM,       ///< a segment of another system
    history = WAL_FAULT_HISTORY,     ///< a history file that is missing or damaged
    divergent = WAL_FAULT_DIVERGENT, ///< WAL that the newest timeline does not have
};

/** What an archive tells: a view, which ends with the next call of its archiver. */
class archive_event {
  public:
    /** The event of the C API. */
    explicit archive_event(const wal_archive_event *raw) noexcept : raw_(raw) {}
    /** What it is. New kinds may come: skip what you do not know. */
    archive_event_kind kind() const noexcept {
        return static_cast<archive_event_kind>(wal_archive_event_kind(raw_));
    }
    /** The timeline that it is about. */
    std::uint32_t timeline() const noexcept { return wal_archive_event_timeline(raw_); }
    /** Where it begins. */
    lsn start() const noexcept { return lsn(wal_archive_event_start_lsn(raw_)); }
    /** Where it ends. */
    lsn end() const noexcept { return lsn(wal_archive_event_end_lsn(raw_)); }
    /** The file, by its name in the directory; empty where there is none. */
    std::string_view name() const noexcept { return wal_archive_event_name(raw_); }

  private:
    const wal_archive_event *raw_;
};

/**
 * Fills an archive, in the thread that calls next(). May be moved, not copied. `const` functions may be
 * called by any thread at any time, the others by one at a time.
 */
class archiver {
  public:
    /** Takes over an archiver of the C API. */
    explicit archiver(wal_archive *handle) noexcept : handle_(handle) {}
    /** Takes option archive_directory for this process, and finds where its WAL ends. */
    static result<archiver> try_make(const options &settings) {
        return detail::attempt_for<archiver, wal_archive *>([&](wal_archive **out, wal_error **reason) {
            return wal_archive_new(settings.capi(), out, reason);
        });
    }
    /** Fills the archive until there is something to tell; see wal_archive_next. */
    result<outcome<archive_event>> try_next(timeout wait = forever) {
        const wal_archive_event *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_archive_next(handle_.get(), wait.milliseconds(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return code == WAL_OK ? outcome<archive_event>(archive_event(out))
                              : outcome<archive_event>(static_cast<status>(code));
    }
    /** How it stands. */
    result<wal_archive_standing> try_standing() const {
        return detail::attempt_for<wal_archive_standing, wal_archive_standing>(
            [&](wal_archive_standing *out, wal_error **reason) {
                return wal_archive_status(handle_.get(), out, sizeof *out, reason);
            });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit archiver(const options &settings) : archiver(detail::take(try_make(settings))) {}
    /** As try_next; throws `error`. */
    outcome<archive_event> next(timeout wait = forever) {
        return detail::take(try_next(wait));
    }
    /** As try_standing; throws `error`. */
    wal_archive_standing standing() const {
        return detail::take(try_standing());
    }
#endif
    /** A descriptor that is readable while next() would not wait. */
    int fd() const noexcept {
        return wal_archive_fd(handle_.get());
    }
    /** Makes the next() that waits, or the next one, give interrupted. Also from a signal handler. */
    void interrupt() const noexcept {
        wal_archive_interrupt(handle_.get());
    }
    /** Takes an interrupt back. */
    void interrupt_clear() const noexcept {
        wal_archive_interrupt_clear(handle_.get());
    }
    /** The same of the C API, which lives as long as this. */
    wal_archive *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    detail::owned<wal_archive, wal_archive_free> handle_;
};

/** Something that is wrong with an archive: a view of its report. */
class archive_fault {
  public:
    /** The fault at a place of a report of the C API. */
    archive_fault(const wal_archive_report *report, std::size_t index) noexcept
        : report_(report), index_(index) {}
    /** What it is. */
    archive_fault_kind kind() const noexcept {
        return static_cast<archive_fault_kind>(wal_archive_report_kind(report_, index_));
    }
    /** The file; empty where there is none. */
    std::string_view name() const noexcept { return wal_archive_report_name(report_, index_); }
    /** Where it begins in the WAL. */
    lsn start() const noexcept { return lsn(wal_archive_report_start_lsn(report_, index_)); }
    /** Where it ends. */
    lsn end() const noexcept { return lsn(wal_archive_report_end_lsn(report_, index_)); }
    /** What is wrong, in one sentence. */
    std::string_view message() const noexcept { return wal_archive_report_message(report_, index_); }

  private:
    const wal_archive_report *report_;
    std::size_t index_;
};

namespace detail {
struct fault_source {
    const wal_archive_report *report = nullptr;
    archive_fault operator()(std::size_t index) const noexcept { return {report, index}; }
};
} // namespace detail

/** What an archive has, and what is wrong with it. May be moved, not copied. */
class archive_report {
  public:
    /** Takes over a report of the C API. */
    explicit archive_report(wal_archive_report *handle) noexcept : handle_(handle) {}
    /** How many complete segments were read. */
    std::uint64_t segments() const noexcept { return wal_archive_report_segments(handle_.get()); }
    /** What is wrong: empty for an archive that is sound. */
    detail::sequence<detail::fault_source> faults() const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        return {detail::fault_source{handle_.get()}, wal_archive_report_faults(handle_.get())};
    }
    detail::sequence<detail::fault_source> faults() const && = delete;

  private:
    detail::owned<wal_archive_report, wal_archive_report_free> handle_;
};

/** Looks at all files of an archive; see wal_archive_check. */
inline result<archive_report> try_check_archive(std::string_view directory) {
    const detail::c_text terminated(directory);
    return detail::attempt_for<archive_report, wal_archive_report *>(
        [&](wal_archive_report **out, wal_error **reason) {
            return wal_archive_check(terminated.get(), out, reason);
        });
}

/** Fetches a file from an archive, as restore_command does. False: it is not there. See wal_archive_fetch. */
inline result<bool> try_fetch_archived(std::string_view directory, std::string_view name,
                                       std::string_view target) {
    const detail::c_text from(directory), file(name), to(target);
    wal_error *reason = nullptr;
    const wal_status code = wal_archive_fetch(from.get(), file.get(), to.get(), &reason);
    if (code < WAL_OK)
        return detail::fail(code, reason);
    return code == WAL_OK;
}

#if PGWALSTREAM_EXCEPTIONS
/** As try_check_archive; throws `error`. */
inline archive_report check_archive(std::string_view directory) {
    return detail::take(try_check_archive(directory));
}
/** As try_fetch_archived; throws `error`. */
inline bool fetch_archived(std::string_view directory, std::string_view name, std::string_view target) {
    return detail::take(try_fetch_archived(directory, name, target));
}
#endif

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
