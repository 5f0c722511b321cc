// What is known of a failure.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_ERROR_HPP
#define PGWALSTREAM_ERROR_HPP

#include <pgwalstream/status.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

namespace detail {
template <auto Free> struct freer {
    template <class T> void operator()(T *handle) const noexcept { Free(handle); }
};
/** Owns a handle of the C API. */
template <class T, auto Free> using owned = std::unique_ptr<T, freer<Free>>;
} // namespace detail

/**
 * A failure: thrown, or in the `result` of a function `try_…`.
 *
 * A value that may be kept, copied (which never fails) and given to another thread; the texts live as long as
 * it or a copy of it. None of them ever holds a password.
 */
class error : public std::exception {
  public:
    /** A failure that a program, or this binding, makes up itself. */
    error(pgwalstream::status code, std::string message)
        : known_(std::make_shared<const known>(known{code, nullptr, std::move(message)})) {}
    /** Takes over an error of the C API; NULL leaves the status alone to tell what happened. */
    error(wal_status code, wal_error *owned)
        : known_(std::make_shared<const known>(
              known{static_cast<pgwalstream::status>(code), owner(owned),
                    owned == nullptr ? std::string(wal_status_sentence(code)) : std::string()})) {}
    error(const error &) noexcept = default;
    error &operator=(const error &) noexcept = default;
    ~error() override = default;

    /** What the call came to; never `ok`. */
    pgwalstream::status status() const noexcept { return known_->code; }
    /** The status by name, as in "WAL_E_SLOT_MISSING". */
    std::string_view name() const noexcept { return pgwalstream::name(known_->code); }
    /** One sentence: what happened, where, with which value. */
    std::string_view message() const noexcept { return what(); }
    /** The same, ended by NUL. */
    const char *what() const noexcept override {
        return known_->c == nullptr ? known_->text.c_str() : wal_error_message(known_->c.get());
    }
    /** What explains the sentence, or "". */
    std::string_view detail() const noexcept { return wal_error_detail(known_->c.get()); }
    /** What to do about it, or "". */
    std::string_view hint() const noexcept { return wal_error_hint(known_->c.get()); }
    /** The server's SQLSTATE, five characters, or "" where the error is not the server's. */
    std::string_view sqlstate() const noexcept { return wal_error_sqlstate(known_->c.get()); }
    /** `errno` of the system call that failed, or 0. */
    int os_errno() const noexcept { return wal_error_os_errno(known_->c.get()); }
    /** Whether the same may succeed later without anyone changing anything. */
    bool retriable() const noexcept { return wal_error_is_retriable(known_->c.get()) != 0; }
    /** Whether the stream does not go on after this: it ended, or did not connect. */
    bool fatal() const noexcept { return wal_error_is_fatal(known_->c.get()) != 0; }

  private:
    using owner = detail::owned<wal_error, wal_error_free>;
    struct known {
        pgwalstream::status code;
        owner c;
        std::string text;
    };

    std::shared_ptr<const known> known_; // never empty: there is no move
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
