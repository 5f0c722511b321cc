// The options of a stream, and who hears its log.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_OPTIONS_HPP
#define PGWALSTREAM_OPTIONS_HPP

#include <pgwalstream/lsn.hpp>
#include <pgwalstream/span.hpp>
#include <pgwalstream/time.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * Hears log messages: which part of the library speaks ("connect", "stream", "feedback"), and what it says.
 * Neither holds a password, and both end with the call.
 *
 * Called on the engine's thread, or on one that is inside a call: it must not block for long, use a stream or
 * a connection, or throw (which ends the program). Destroyed after the last stream, connection, decoder and
 * options that know it.
 */
using log_function = std::function<void(log_level level, std::string_view target, std::string_view message)>;

/** Who wants to log in where. The texts end with the call. */
struct password_request {
    std::string_view host;             ///< the server as the connection string names it
    std::string_view user;             ///< the role
    std::uint16_t port = 0;            ///< the server's port
    std::chrono::milliseconds timeout; ///< how long the answer is waited for: option password_timeout
};

/** What a password_function gives. */
struct password {
    /** For lifetime: it may be used again until a server refuses it. */
    static constexpr std::chrono::milliseconds until_refused{-1};

    std::string text;                      ///< the password; wiped once it is copied
    std::chrono::milliseconds lifetime{0}; ///< for how long it may be used again
    std::string fault;                     ///< why there is none; "" where there is one
};

/**
 * Gives a password when a connection is made. Where it throws, what() becomes part of the error.
 *
 * Called on a helper thread, by several at once, and may block. It must not use a stream or a connection.
 * Destroyed, on whatever thread, once nothing can call it any more.
 */
using password_function = std::function<password(const password_request &)>;

/** What an option is set to, from what a program has: text, switch, number, position or duration. */
class option_value {
  public:
    /** A text as it is. */
    option_value(std::string_view text) : text_(text) {}
    /** A text as it is. */
    option_value(const std::string &text) : text_(text) {}
    /** A text as it is. */
    option_value(const char *text) : text_(text) {}
    /** "on" or "off". */
    template <class T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
    option_value(T on) : text_(on ? "on" : "off") {}
    /** A count, or a size in bytes. */
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    option_value(T number) : text_(std::to_string(number)) {}
    /** As PostgreSQL writes it. */
    option_value(lsn position) : text_(position.to_string()) {}
    /** In milliseconds; a part of one counts as a whole. */
    template <class Rep, class Period>
    option_value(std::chrono::duration<Rep, Period> length)
        : text_(std::to_string(std::chrono::ceil<std::chrono::milliseconds>(length).count()) + "ms") {}

    /** As the C API takes it. */
    const std::string &text() const noexcept { return text_; }

  private:
    std::string text_;
};

/** What is known of one option. The texts are static. */
struct option_info {
    std::string_view name;          ///< its name
    std::string_view type_name;     ///< what it takes: text, names, choice, switch, LSN, size, duration
    std::string_view default_value; ///< what holds when it is not set; "" where there is no default
    std::string_view range;         ///< what it accepts
    std::string_view sentence;      ///< what it does
};

/**
 * The options of a stream, by name; docs/options.md lists them. They are copied when a stream is
 * made of them. May be moved, not copied; one thread at a time.
 */
class options {
  public:
    /** All at their defaults. */
    options() noexcept {
        wal_options *handle = nullptr;
        if (wal_options_new(&handle, nullptr) == WAL_OK)
            handle_.reset(handle);
    }
#if PGWALSTREAM_EXCEPTIONS
    /** These, the others at their defaults: `options{{"slot", "shop_slot"}, {"binary", true}}`. Throws as
     * set. */
    options(std::initializer_list<std::pair<std::string_view, option_value>> settings) : options() {
        for (const auto &[key, value] : settings)
            set(key, value);
    }
    /** As try_set; throws `error`. */
    options &set(std::string_view key, const option_value &value) & {
        detail::take(try_set(key, value));
        return *this;
    }
    /** As try_set; throws `error`. */
    options &&set(std::string_view key, const option_value &value) && {
        return std::move(set(key, value));
    }
    /** As try_reset; throws `error`. */
    options &reset(std::string_view key) {
        detail::take(try_reset(key));
        return *this;
    }
    /** As try_get; throws `error`. */
    std::string get(std::string_view key) const {
        return detail::take(try_get(key));
    }
    /** As try_passwords; throws `error`. */
    options &passwords(password_function gives) {
        detail::take(try_passwords(std::move(gives)));
        return *this;
    }
    /** As try_log; throws `error`. */
    options &log(log_level most_detail, log_function hears) {
        detail::take(try_log(most_detail, std::move(hears)));
        return *this;
    }
#endif

    /**
     * Sets an option. Nothing is ever ignored: status unknown_option, bad_option or conninfo, with a hint
     * that names the nearest option or the accepted form; invalid_argument for a text with a NUL inside.
     */
    result<void> try_set(std::string_view key, const option_value &value) {
        const detail::c_text name(key), text(value.text());
        if (text.get() == nullptr)
            return detail::fail(status::invalid_argument,
                                "the value of option \"" + std::string(key) + "\" has a NUL inside");
        return detail::attempt([&](wal_error **reason) {
            return wal_options_set(handle_.get(), name.get(), text.get(), reason);
        });
    }
    /** Sets an option back to its default. */
    result<void> try_reset(std::string_view key) {
        const detail::c_text name(key);
        return detail::attempt(
            [&](wal_error **reason) { return wal_options_set(handle_.get(), name.get(), nullptr, reason); });
    }
    /** What an option is set to, or its default. A connection string is shown without its password. */
    result<std::string> try_get(std::string_view key) const {
        const detail::c_text name(key);
        return detail::attempt_for<std::string, const char *>([&](const char **out, wal_error **reason) {
            return wal_options_get(handle_.get(), name.get(), out, reason);
        });
    }
    /** Has a function hear the log, up to a level; an empty one for none. */
    result<void> try_log(log_level most_detail, log_function hears) {
        auto next = hears ? std::make_shared<log_function>(std::move(hears)) : nullptr;
        auto set = detail::attempt([&](wal_error **reason) {
            return wal_options_set_log(handle_.get(), static_cast<std::int32_t>(most_detail),
                                       next ? &options::hear : nullptr, next.get(), reason);
        });
        if (set)
            log_ = std::move(next);
        return set;
    }

    /**
     * Has a function give the passwords of all connections, before what the connection string and a password
     * file say; an empty one takes that back. What it gives is used again while its lifetime lasts, until a
     * server refuses it.
     */
    result<void> try_passwords(password_function gives) {
        auto *const kept = gives ? new password_function(std::move(gives)) : nullptr;
        return detail::attempt([&](wal_error **reason) {
            return wal_options_set_password(handle_.get(), kept ? &options::give : nullptr, kept,
                                            kept ? &options::forget : nullptr, reason);
        });
    }

    /** All options, in the order of the documentation. */
    static std::vector<option_info> describe() {
        std::vector<option_info> all;
        wal_option_info one;
        while (wal_options_describe(all.size(), &one, sizeof one) == WAL_OK)
            all.push_back({one.name, one.type_name, one.default_value, one.range, one.sentence});
        return all;
    }

    /** The same of the C API. */
    const wal_options *capi() const noexcept {
        return handle_.get();
    }
    /** Keeps alive who hears the log: whoever is made of these options holds it. */
    std::shared_ptr<const void> log_owner() const noexcept {
        return log_;
    }

  private:
    static void forget(void *userdata) noexcept {
        delete static_cast<password_function *>(userdata);
    }
    static void give(void *userdata, const wal_password_request *request, wal_password *answer) noexcept {
        const password_request asked{request->host, request->user, static_cast<std::uint16_t>(request->port),
                                     std::chrono::milliseconds(request->timeout_ms)};
#if PGWALSTREAM_EXCEPTIONS
        try {
#endif
            password given = (*static_cast<password_function *>(userdata))(asked);
            if (!given.fault.empty())
                wal_password_fail(answer, given.fault.c_str());
            else if (wal_password_set(answer, given.text.c_str(), given.lifetime.count()) != WAL_OK)
                wal_password_fail(answer, "its password is not UTF-8, or its lifetime is none");
            for (volatile char *at = given.text.data(), *end = at + given.text.size(); at != end; ++at)
                *at = '\0';
#if PGWALSTREAM_EXCEPTIONS
        } catch (const std::exception &thrown) {
            wal_password_fail(answer, thrown.what());
        } catch (...) {
            wal_password_fail(answer, "it threw");
        }
#endif
    }
    static void hear(void *userdata, std::int32_t level, const char *target, const char *message) noexcept {
        (*static_cast<log_function *>(userdata))(static_cast<log_level>(level), target, message);
    }

    std::shared_ptr<log_function> log_; // outlives the handle: it stands before it
    detail::owned<wal_options, wal_options_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
