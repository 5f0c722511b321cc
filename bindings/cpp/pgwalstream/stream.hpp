// A stream of changes: from a server, or from a capture.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_STREAM_HPP
#define PGWALSTREAM_STREAM_HPP

#include <pgwalstream/event.hpp>
#include <pgwalstream/options.hpp>
#include <pgwalstream/snapshot.hpp>
#include <pgwalstream/stats.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

template <class Reader> class reading;
namespace detail {
struct event_reader;
struct batch_reader;
} // namespace detail

/**
 * A stream of the changes of a database.
 *
 * Made in memory, then connected; open() is both. Data is pulled: next() gives event by event, next_batch()
 * what is ready, and events() and batches() are loops over them. The four may be mixed, and none loses what
 * another left.
 *
 * A call that reads says by its outcome why there is nothing: timeout, end, interrupted. Any other call that
 * does not do what it is for fails, with these status values too.
 *
 * May be moved, not copied. `const` functions may be called by any thread at any time, also while another
 * waits in the stream, and never end the life of an event. The others are for one thread at a time; a second
 * one gets status busy. A stream is moved and destroyed when no other thread uses it.
 */
class stream {
  public:
    /** Takes over a stream of the C API, and keeps alive who hears its log. */
    explicit stream(wal_stream *handle, std::shared_ptr<const void> log = nullptr) noexcept
        : log_(std::move(log)), handle_(handle) {}
    stream(stream &&) noexcept = default;
    stream &operator=(stream &&other) noexcept {
        handle_ = std::move(other.handle_); // first: until then the log may be heard
        log_ = std::move(other.log_);
        return *this;
    }

    /** A stream that is not connected yet, so that another thread can interrupt connecting. */
    static result<stream> try_make(const options &settings) {
        return made(settings, [&](wal_stream **out, wal_error **reason) {
            return wal_stream_new(settings.capi(), out, reason);
        });
    }
    /** A connected stream: try_make and try_connect. */
    static result<stream> try_open(const options &settings, timeout wait = forever) {
        auto made = try_make(settings);
        if (made) {
            const auto connected = made->try_connect(wait);
            if (!connected)
                return detail::failure(connected.error());
        }
        return made;
    }
    /**
     * A capture (option capture_file) as a stream that needs no server: the same events, and then the end.
     * Options of a connection do not count. Status capture: it cannot be opened, or is damaged;
     * wal_replay_open says more.
     */
    static result<stream> try_replay(std::string_view path, const options &settings = options()) {
        const detail::c_text terminated(path);
        return made(settings, [&](wal_stream **out, wal_error **reason) {
            return wal_replay_open(terminated.get(), settings.capi(), out, reason);
        });
    }

    /** A capture that is in several files (option capture_rotate), in the order in which they were written.
     */
    static result<stream> try_replay_files(const std::vector<std::string> &paths,
                                           const options &settings = options()) {
        std::vector<const char *> terminated;
        for (const auto &path : paths) // NULL where there is a NUL inside, which is refused
            terminated.push_back(path.find('\0') == std::string::npos ? path.c_str() : nullptr);
        const char *none = nullptr;
        const char *const *first = terminated.empty() ? &none : terminated.data();
        return made(settings, [&](wal_stream **out, wal_error **reason) {
            return wal_replay_open_files(first, terminated.size(), settings.capi(), out, reason);
        });
    }

    /**
     * Has a stream that is not connected yet go on behind a position that the program stored with its data:
     * what is not beyond it is left out. Implies option progress "acknowledged". Connecting tells what is
     * wrong: status gap, system_mismatch, delivered_beyond (see wal_stream_resume_after).
     */
    result<void> try_resume_after(const position &stored) {
        const wal_position raw = stored.capi();
        return detail::attempt(
            [&](wal_error **reason) { return wal_stream_resume_after(handle_.get(), &raw, reason); });
    }
    /**
     * Connects, checks that server, slot and publications are as they must be, and starts the stream. Each
     * reason to fail has its status, and a hint that names the fix. After an error or an interrupt it can be
     * done again.
     */
    result<void> try_connect(timeout wait = forever) {
        return detail::attempt([&](wal_error **reason) {
            return wal_stream_connect(handle_.get(), wait.milliseconds(), reason);
        });
    }
    /** The next event, in the order of the commits: good until the stream is read on. */
    result<outcome<const event &>> try_next(timeout wait = forever) {
        using some = outcome<const event &>;
        const wal_event *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_stream_next(handle_.get(), wait.milliseconds(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return code == WAL_OK ? some(event::from_capi(*out)) : some(static_cast<status>(code));
    }
    /**
     * All that is ready, as one batch. It ends anywhere, unless option batch_boundary is "transaction": then
     * behind an event with an ack_lsn wherever the transaction fits (see wal_stream_next_batch).
     */
    result<outcome<batch>> try_next_batch(timeout wait = forever) {
        wal_batch *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_stream_next_batch(handle_.get(), wait.milliseconds(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return code == WAL_OK ? outcome<batch>(batch(out)) : outcome<batch>(static_cast<status>(code));
    }
    /**
     * Says that everything up to a position is safe: the server may forget it, and will not send it again.
     * Cumulative. Status ack_beyond: it was not delivered yet, and nothing changed.
     */
    result<void> try_ack(lsn position) const {
        return detail::attempt(
            [&](wal_error **reason) { return wal_stream_ack(handle_.get(), position.value(), reason); });
    }
    /** Reports the acknowledged position now, and waits until it was written. interrupt() does not end this
     * wait. */
    result<void> try_flush(timeout wait = forever) const {
        return detail::attempt(
            [&](wal_error **reason) { return wal_stream_flush(handle_.get(), wait.milliseconds(), reason); });
    }
    /**
     * Tells the primary which rows a hot standby still needs, with option mode "physical": ids of
     * transactions with their epoch in the upper half. 0 and 0 take it back, and so does the
     * stream's end while it is connected. Else the next stream of the slot does.
     */
    result<void> try_standby_feedback(std::uint64_t xmin, std::uint64_t catalog_xmin) const {
        return detail::attempt([&](wal_error **reason) {
            return wal_stream_standby_feedback(handle_.get(), xmin, catalog_xmin, reason);
        });
    }
    /** The counters at this moment. */
    result<pgwalstream::stats> try_stats() const {
        return detail::attempt_for<pgwalstream::stats, wal_stats>([&](wal_stats *out, wal_error **reason) {
            return wal_stream_stats(handle_.get(), out, sizeof *out, reason);
        });
    }
    /** What option health_interval last saw of the slot; nothing before that. Status state: it is 0. */
    result<std::optional<health>> try_slot_health() const {
        auto seen = detail::attempt_for<health, wal_health>([&](wal_health *out, wal_error **reason) {
            return wal_stream_slot_health(handle_.get(), out, sizeof *out, reason);
        });
        if (!seen && seen.error().status() != status::timeout)
            return detail::failure(seen.error());
        return seen ? std::optional<health>(*seen) : std::nullopt;
    }

    /** How far the snapshot is, with option snapshot "initial"; all 0 where none is taken. */
    result<pgwalstream::snapshot_progress> try_snapshot_progress() const {
        return detail::attempt_for<pgwalstream::snapshot_progress, wal_snapshot_progress>(
            [&](wal_snapshot_progress *out, wal_error **reason) {
                return wal_stream_snapshot_progress(handle_.get(), out, sizeof *out, reason);
            });
    }

    /**
     * A loop over the events. It ends where the stream ends, is interrupted, or gives nothing for so long,
     * and by an error: `ended_by()` and `failed()` tell. Leaving the loop early loses nothing: a next one
     * goes on behind it.
     */
    reading<detail::event_reader> try_events(timeout wait = forever) &noexcept PGWALSTREAM_LIFETIMEBOUND;
    reading<detail::event_reader> try_events(timeout = forever) && = delete;
    /** The same over batches. A batch may be moved out of the loop; the others end with their turn. */
    reading<detail::batch_reader> try_batches(timeout wait = forever) &noexcept PGWALSTREAM_LIFETIMEBOUND;
    reading<detail::batch_reader> try_batches(timeout = forever) && = delete;

#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit stream(const options &settings) : stream(detail::take(try_make(settings))) {}
    /** As try_open; throws `error`. */
    static stream open(const options &settings, timeout wait = forever) {
        return detail::take(try_open(settings, wait));
    }
    /** As try_replay; throws `error`. */
    static stream replay(std::string_view path, const options &settings = options()) {
        return detail::take(try_replay(path, settings));
    }
    /** As try_replay_files; throws `error`. */
    static stream replay_files(const std::vector<std::string> &paths, const options &settings = options()) {
        return detail::take(try_replay_files(paths, settings));
    }
    /** As try_resume_after; throws `error`. */
    void resume_after(const position &stored) {
        detail::take(try_resume_after(stored));
    }
    /** As try_connect; throws `error`. */
    void connect(timeout wait = forever) {
        detail::take(try_connect(wait));
    }
    /** As try_next; throws `error`. */
    outcome<const event &> next(timeout wait = forever) {
        return detail::take(try_next(wait));
    }
    /** As try_next_batch; throws `error`. */
    outcome<batch> next_batch(timeout wait = forever) {
        return detail::take(try_next_batch(wait));
    }
    /** As try_ack; throws `error`. */
    void ack(lsn position) const {
        detail::take(try_ack(position));
    }
    /** As try_flush; throws `error`. */
    void flush(timeout wait = forever) const {
        detail::take(try_flush(wait));
    }
    /** As try_standby_feedback; throws `error`. */
    void standby_feedback(std::uint64_t xmin, std::uint64_t catalog_xmin) const {
        detail::take(try_standby_feedback(xmin, catalog_xmin));
    }
    /** As try_stats; throws `error`. */
    pgwalstream::stats stats() const {
        return detail::take(try_stats());
    }
    /** As try_slot_health; throws `error`. */
    std::optional<health> slot_health() const {
        return detail::take(try_slot_health());
    }
    /** As try_snapshot_progress; throws `error`. */
    pgwalstream::snapshot_progress snapshot_progress() const {
        return detail::take(try_snapshot_progress());
    }
    /** As try_events, but an error is thrown in the loop: `for (const auto &event : stream.events())`. */
    reading<detail::event_reader> events(timeout wait = forever) &noexcept PGWALSTREAM_LIFETIMEBOUND;
    reading<detail::event_reader> events(timeout = forever) && = delete;
    /** As try_batches, but an error is thrown in the loop. */
    reading<detail::batch_reader> batches(timeout wait = forever) &noexcept PGWALSTREAM_LIFETIMEBOUND;
    reading<detail::batch_reader> batches(timeout = forever) && = delete;
#endif

    /**
     * For poll, epoll or a library on top of them: readable while an event is ready, an interrupt is pending
     * or the stream has ended. The same for the life of the stream. Never read it, write it or close it.
     */
    int fd() const noexcept {
        return wal_stream_fd(handle_.get());
    }
    /** Makes the call that waits, or else the next one, come out as interrupted once. Signal handlers too. */
    void interrupt() const noexcept {
        wal_stream_interrupt(handle_.get());
    }
    /** Takes back an interrupt that no call has consumed. */
    void interrupt_clear() const noexcept {
        wal_stream_interrupt_clear(handle_.get());
    }
    /** The same of the C API, which lives as long as this. */
    wal_stream *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    template <class Make> static result<stream> made(const options &settings, Make &&make) {
        wal_stream *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = make(&out, &reason);
        if (code != WAL_OK)
            return detail::fail(code, reason);
        return stream(out, settings.log_owner());
    }

    std::shared_ptr<const void> log_; // outlives the handle: it stands before it
    detail::owned<wal_stream, wal_stream_free> handle_;
};

namespace detail {

/** Holds the event that a loop is at. */
struct event_reader {
    using item = const event;
    const event *current = nullptr;
    result<status> read(stream &from, timeout wait) {
        const auto next = from.try_next(wait);
        if (!next)
            return failure(next.error());
        current = *next ? &**next : nullptr;
        return next->status();
    }
    const event &get() const noexcept { return *current; }
};
/** Holds the batch that a loop is at. */
struct batch_reader {
    using item = batch;
    batch current;
    result<status> read(stream &from, timeout wait) {
        auto next = from.try_next_batch(wait);
        if (!next)
            return failure(next.error());
        current = *next ? std::move(**next) : batch();
        return next->status();
    }
    batch &get() noexcept { return current; }
};

} // namespace detail

/**
 * A loop over what a stream gives: an input range (C++20), gone through once. It refers to the stream, which
 * outlives it and is not moved meanwhile. While it is at one item, acknowledging and the stream's other
 * `const` functions are for everybody. May be moved before it is begun, not copied.
 */
template <class Reader> class reading {
  public:
    /// @cond
    class sentinel {};
    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::remove_const_t<typename Reader::item>;
        using difference_type = std::ptrdiff_t;
        using reference = typename Reader::item &;
        using pointer = typename Reader::item *;

        explicit iterator(reading &loop) noexcept : loop_(&loop) {}
        reference operator*() const noexcept { return loop_->reader_.get(); }
        pointer operator->() const noexcept { return &loop_->reader_.get(); }
        iterator &operator++() {
            loop_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator &at, sentinel) noexcept { return at.done(); }
        friend bool operator==(sentinel, const iterator &at) noexcept { return at.done(); }
        friend bool operator!=(const iterator &at, sentinel) noexcept { return !at.done(); }
        friend bool operator!=(sentinel, const iterator &at) noexcept { return !at.done(); }

      private:
        bool done() const noexcept { return loop_->ended(); }
        reading *loop_;
    };
    /// @endcond

    /** Of a stream; `throws`: an error is thrown, and does not just end the loop. */
    reading(stream &from, timeout wait, bool throws) noexcept : from_(&from), wait_(wait), throws_(throws) {}
    reading(reading &&) noexcept = default;
    reading &operator=(reading &&) noexcept = default;

    /** Reads the first item. */
    iterator begin() {
        advance();
        return iterator(*this);
    }
    sentinel end() const noexcept { return {}; }
    /** Why the loop ended: timeout, end, interrupted, or the status of error(); ok before that. */
    status ended_by() const noexcept { return status_; }
    /** Whether an error ended it. */
    bool failed() const noexcept { return error_.has_value(); }
    /** That error; there must be one. */
    const pgwalstream::error &error() const &noexcept { return *error_; }

  private:
    bool ended() const noexcept { return status_ != status::ok; }
    void advance() {
        error_.reset();
        auto read = reader_.read(*from_, wait_);
        status_ = read ? *read : read.error().status();
        if (read)
            return;
#if PGWALSTREAM_EXCEPTIONS
        if (throws_)
            throw pgwalstream::error(read.error());
#endif
        error_ = read.error();
    }

    stream *from_;
    timeout wait_;
    bool throws_;
    status status_ = status::ok;
    std::optional<pgwalstream::error> error_;
    Reader reader_;
};

inline reading<detail::event_reader> stream::try_events(timeout wait) &noexcept {
    return {*this, wait, false};
}
inline reading<detail::batch_reader> stream::try_batches(timeout wait) &noexcept {
    return {*this, wait, false};
}
#if PGWALSTREAM_EXCEPTIONS
inline reading<detail::event_reader> stream::events(timeout wait) &noexcept {
    return {*this, wait, true};
}
inline reading<detail::batch_reader> stream::batches(timeout wait) &noexcept {
    return {*this, wait, true};
}
#endif

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
