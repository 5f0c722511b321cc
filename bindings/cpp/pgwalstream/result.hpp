// What a call gives: a result (done or failed), and an outcome (something, or why there is nothing).
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_RESULT_HPP
#define PGWALSTREAM_RESULT_HPP

#include <pgwalstream/error.hpp>

#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#if PGWALSTREAM_EXPECTED
#include <expected>
#endif

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

#if PGWALSTREAM_EXPECTED
/** What was asked for, or the error: std::expected where there is one. */
template <class T> using result = std::expected<T, error>;
namespace detail {
using failure = std::unexpected<error>;
}
#else
namespace detail {
/** An error on its way into a result. */
class failure {
  public:
    explicit failure(pgwalstream::error reason) noexcept : error_(std::move(reason)) {}
    const pgwalstream::error &error() const noexcept { return error_; }

  private:
    pgwalstream::error error_;
};
} // namespace detail

namespace detail {
/** A value or an error. A std::variant would do the same, and costs programs that include this a second of
 * compiling. */
template <class T> class result_storage {
  protected:
    explicit result_storage(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
        : value_(std::move(value)), done_(true) {}
    explicit result_storage(const failure &failed) noexcept : error_(failed.error()), done_(false) {}
    result_storage(const result_storage &other) : none_(), done_(other.done_) { put(other); }
    result_storage(result_storage &&other) noexcept(std::is_nothrow_move_constructible_v<T>)
        : none_(), done_(other.done_) {
        put(std::move(other));
    }
    result_storage &operator=(const result_storage &other) { return *this = result_storage(other); }
    result_storage &operator=(result_storage &&other) noexcept {
        static_assert(std::is_nothrow_move_constructible_v<T>, "assigning must not fail half way");
        if (this != &other) {
            drop();
            done_ = other.done_;
            put(std::move(other));
        }
        return *this;
    }
    ~result_storage() { drop(); }

    union {
        char none_;
        T value_;
        pgwalstream::error error_;
    };
    bool done_;

  private:
    template <class Other> void put(Other &&other) {
        if (done_)
            ::new (static_cast<void *>(std::addressof(value_))) T(std::forward<Other>(other).value_);
        else
            ::new (static_cast<void *>(std::addressof(error_))) pgwalstream::error(other.error_);
    }
    void drop() noexcept {
        using failed = pgwalstream::error;
        if (done_)
            value_.~T();
        else
            error_.~failed();
    }
};

/** What a result of T must not be copied for. */
template <bool Copied> struct copied_as {};
template <> struct copied_as<false> {
    copied_as() = default;
    copied_as(const copied_as &) = delete;
    copied_as(copied_as &&) = default;
    copied_as &operator=(const copied_as &) = delete;
    copied_as &operator=(copied_as &&) = default;
};
} // namespace detail

/**
 * What was asked for, or the error: a part of C++23's std::expected<T, error>, under the same names. Looking
 * at the value where there is none, or at the error where there is none, is the program's mistake.
 */
template <class T>
class [[nodiscard]] result : private detail::result_storage<T>,
                             private detail::copied_as<std::is_copy_constructible_v<T>> {
    using storage = detail::result_storage<T>;

  public:
    /// @cond
    using value_type = T;
    using error_type = pgwalstream::error;

    result(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : storage(std::move(value)) {}
    result(detail::failure failed) noexcept : storage(failed) {}

    bool has_value() const noexcept { return this->done_; }
    explicit operator bool() const noexcept { return this->done_; }
    T &operator*() &noexcept { return this->value_; }
    const T &operator*() const &noexcept { return this->value_; }
    T operator*() && { return std::move(this->value_); }
    T *operator->() &noexcept { return &this->value_; }
    const T *operator->() const &noexcept { return &this->value_; }
    const T *operator->() const && = delete;
    const pgwalstream::error &error() const &noexcept { return this->error_; }
    pgwalstream::error error() &&noexcept { return this->error_; }
    template <class U> T value_or(U &&other) const & {
        return has_value() ? **this : static_cast<T>(std::forward<U>(other));
    }
    template <class U> T value_or(U &&other) && {
        return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(other));
    }
    /// @endcond
};

/** Done, or the error. */
template <> class [[nodiscard]] result<void> {
  public:
    /// @cond
    using value_type = void;
    using error_type = pgwalstream::error;

    result() noexcept = default;
    result(detail::failure failed) : error_(failed.error()) {}

    bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    const pgwalstream::error &error() const &noexcept { return *error_; }
    pgwalstream::error error() &&noexcept { return *error_; }

  private:
    std::optional<pgwalstream::error> error_;
    /// @endcond
};
#endif

/**
 * What a call that waits came to: a value, or a status above `ok` that says why there is none: the time
 * passed, the stream ended, somebody interrupted. Used like a std::optional:
 * look whether there is a value before you look at it.
 */
template <class T> class [[nodiscard]] outcome {
  public:
    /** With a value. */
    explicit outcome(T value) : value_(std::move(value)) {}
    /** Without one. */
    explicit outcome(pgwalstream::status reason) noexcept : status_(reason) {}

    /** Whether there is a value. */
    bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    /** `ok` if there is a value; else why there is none. */
    pgwalstream::status status() const noexcept { return status_; }
    T &operator*() &noexcept { return *value_; }
    const T &operator*() const &noexcept { return *value_; }
    /** By value: a reference would lead into the outcome, which is gone before a loop over it begins. */
    T operator*() && { return std::move(*value_); }
    T *operator->() &noexcept { return &*value_; }
    const T *operator->() const &noexcept { return &*value_; }
    const T *operator->() const && = delete; // what it leads to would be gone

  private:
    std::optional<T> value_;
    pgwalstream::status status_ = pgwalstream::status::ok;
};

/** The same of something borrowed: it lives as long as its owner says, and not as long as the outcome. */
template <class T> class [[nodiscard]] outcome<T &> {
  public:
    /** With a value, which is borrowed. */
    explicit outcome(T &value) noexcept : value_(std::addressof(value)) {}
    /** Without one. */
    explicit outcome(pgwalstream::status reason) noexcept : status_(reason) {}

    /** Whether there is a value. */
    bool has_value() const noexcept { return value_ != nullptr; }
    explicit operator bool() const noexcept { return has_value(); }
    /** `ok` if there is a value; else why there is none. */
    pgwalstream::status status() const noexcept { return status_; }
    T &operator*() const noexcept { return *value_; }
    T *operator->() const noexcept { return value_; }

  private:
    T *value_ = nullptr;
    pgwalstream::status status_ = pgwalstream::status::ok;
};

namespace detail {

inline failure fail(wal_status code, wal_error *owned) {
    return failure(error(code, owned));
}
inline failure fail(status code, std::string message) {
    return failure(error(code, std::move(message)));
}

/** Done, or why not: `call` gets the place for the error. */
template <class Call> result<void> attempt(Call &&call) {
    wal_error *reason = nullptr;
    const wal_status code = call(&reason);
    if (code != WAL_OK)
        return fail(code, reason);
    return {};
}

/** What a call wrote into a variable of type Out, turned into a T, or why there is none. */
template <class T, class Out, class Call> result<T> attempt_for(Call &&call) {
    Out out{};
    wal_error *reason = nullptr;
    const wal_status code = call(&out, &reason);
    if (code != WAL_OK)
        return fail(code, reason);
    return result<T>(T(out));
}

#if PGWALSTREAM_EXCEPTIONS
/** The value; throws the error. */
template <class T> T take(result<T> &&from) {
    if (!from)
        throw error(from.error());
    if constexpr (!std::is_void_v<T>)
        return *std::move(from);
}
#endif

/** A text ended by NUL, from one that may not be: most are short. */
class c_text {
  public:
    explicit c_text(std::string_view text) : whole_(text.find('\0') == std::string_view::npos) {
        if (text.size() < sizeof short_) {
            text.copy(short_, text.size());
            short_[text.size()] = '\0';
        } else {
            long_.assign(text);
        }
    }
    c_text(const c_text &) = delete;
    c_text &operator=(const c_text &) = delete;
    /** NULL if there is a NUL inside: the C API refuses that, rather than to cut the text. */
    const char *get() const noexcept { return !whole_ ? nullptr : long_.empty() ? short_ : long_.c_str(); }

  private:
    char short_[64] = {};
    std::string long_;
    bool whole_;
};

} // namespace detail

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
