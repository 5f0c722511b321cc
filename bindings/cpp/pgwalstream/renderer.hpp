// Events as messages for others.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_RENDERER_HPP
#define PGWALSTREAM_RENDERER_HPP

#include <pgwalstream/event.hpp>
#include <pgwalstream/result.hpp>
#include <pgwalstream/span.hpp>

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** One message of a renderer: a view, good until that is used again. Never made by a program. */
class rendered {
  public:
    rendered(rendered &&) = delete;
    rendered &operator=(const rendered &) = delete;

    /** Which of the events it is of, from 0. */
    std::size_t event() const noexcept { return raw_.event; }
    /** What the event is. */
    event_kind kind() const noexcept { return static_cast<event_kind>(raw_.kind); }
    /** `schema.table` of a change, ambiguous where one has a dot; nothing for an event without one table. In
     * "debezium" the whole name of the topic. */
    std::optional<std::string_view> topic() const noexcept { return part(raw_.topic); }
    /** What identifies the row, in format "debezium" where the table has a key. Other formats have none. */
    std::optional<std::string_view> key() const noexcept { return part(raw_.key); }
    /** The message, without a line feed behind it. In csv and sql a value in quotes may hold some. Nothing
     * says that the key is gone, in formats that have keys. */
    std::optional<std::string_view> value() const noexcept { return part(raw_.value); }
    /** The same of the C API. */
    const wal_rendered *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND { return &raw_; }

  private:
    // Never made here: the library lays messages out, as wal_rendered says.
    rendered(const rendered &) = default;

    static std::optional<std::string_view> part(wal_bytes bytes) noexcept {
        return bytes.data == nullptr ? std::nullopt : std::optional(detail::text_of(bytes));
    }

    wal_rendered raw_;
};
static_assert(sizeof(rendered) == sizeof(wal_rendered) && std::is_standard_layout_v<rendered>);

/**
 * Makes messages of events: lines of JSON, whose values are what the server's to_json() gives. It needs no
 * connection. May be moved, not copied; one thread at a time. What it gives is its own, and ends when it is
 * used again.
 */
class renderer {
  public:
    /** Options by name, as wal_renderer_set lists them. */
    using settings = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    /** Takes over a renderer of the C API. */
    explicit renderer(wal_renderer *handle) noexcept : handle_(handle) {}

    /**
     * One for a format.
     *
     * @param format "json": an object for each event, on one line; "wal2json" and "wal2json2": what
     * wal2json gives with format versions 1 and 2; "csv": rows as COPY writes them; "sql": statements that
     * apply the changes; "debezium": what Debezium's connector gives, with keys and tombstones
     * @param options by name; the others keep their defaults
     * @return or status invalid_argument, unknown_option, bad_option
     */
    static result<renderer> try_make(std::string_view format, settings options = {}) {
        const detail::c_text text(format);
        auto made =
            detail::attempt_for<renderer, wal_renderer *>([&](wal_renderer **out, wal_error **reason) {
                return wal_renderer_new(text.get(), out, reason);
            });
        for (const auto &[name, value] : options) {
            if (!made)
                break;
            if (auto set = made->try_set(name, value); !set)
                return detail::failure(set.error());
        }
        return made;
    }
    /** Sets an option, for the events that follow. What was given out ends. */
    result<void> try_set(std::string_view name, std::string_view value) {
        const detail::c_text of(name), word(value);
        return detail::attempt([&](wal_error **reason) {
            return wal_renderer_set(handle_.get(), of.get(), word.get(), reason);
        });
    }
    /**
     * Renders an event.
     *
     * @return its messages, good until the next call; or status no_memory; state: it is not committed, which
     * only "json" can say
     */
    result<span<const rendered>> try_render(const event &one) { return render_all(one.capi(), 1); }
    /** Renders all events of a batch, in their order. */
    result<span<const rendered>> try_render(const batch &all) {
        return render_all(all.empty() ? nullptr : all.begin()->capi(), all.size());
    }
    /** The values of the messages that were given last, with a line feed behind each: to be written at once.
     */
    std::string_view lines() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return detail::text_of(wal_renderer_lines(handle_.get()));
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit renderer(std::string_view format, settings options = {})
        : renderer(detail::take(try_make(format, options))) {}
    /** As try_set; throws `error`. */
    void set(std::string_view name, std::string_view value) {
        detail::take(try_set(name, value));
    }
    /** As try_render; throws `error`. */
    span<const rendered> render(const event &one) PGWALSTREAM_LIFETIMEBOUND {
        return detail::take(try_render(one));
    }
    /** As try_render; throws `error`. */
    span<const rendered> render(const batch &all) PGWALSTREAM_LIFETIMEBOUND {
        return detail::take(try_render(all));
    }
#endif

  private:
    result<span<const rendered>> render_all(const wal_event *events, std::size_t count) {
        const wal_rendered *out = nullptr;
        std::size_t messages = 0;
        wal_error *reason = nullptr;
        const wal_status code = wal_renderer_events(handle_.get(), events, count, &out, &messages, &reason);
        if (code != WAL_OK)
            return detail::fail(code, reason);
        return span<const rendered>(reinterpret_cast<const rendered *>(out), messages);
    }

    detail::owned<wal_renderer, wal_renderer_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
