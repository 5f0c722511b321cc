// Acknowledging what is finished out of order.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_ACKER_HPP
#define PGWALSTREAM_ACKER_HPP

#include <pgwalstream/stream.hpp>

#include <cstddef>
#include <cstdint>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * Keeps the order of work that is finished in any, for a program that has several workers, or sends without
 * waiting for each answer. Whoever reads the stream begins a unit of work with each event, in the order of
 * delivery. Whoever finishes one says so, in any order. All up to the first unit that is not done is safe.
 *
 * May be moved, not copied. `const` functions may be called by any thread at any time. It may outlive its
 * stream.
 */
class acker {
  public:
    /** What done() takes. */
    using token = std::uint64_t;

    /** Takes over an acker of the C API. */
    explicit acker(wal_acker *handle) noexcept : handle_(handle) {}

    /** One that acknowledges to a stream; keeps at most so many units at once (0: 65536). */
    static result<acker> try_make(const stream &of, std::uint32_t most = 0) { return made(of.capi(), most); }
    /** One that only tells position(), for a program that stores it before it acknowledges. */
    static result<acker> try_make(std::uint32_t most = 0) { return made(nullptr, most); }
    /**
     * Begins a unit that ends with an event, behind all that were begun before. Status state, which is
     * retriable: as many units as may be are kept.
     */
    result<token> try_begin(const event &last) const {
        return detail::attempt_for<token, std::uint64_t>([&](std::uint64_t *out, wal_error **reason) {
            return wal_acker_begin(handle_.get(), last.capi(), out, reason);
        });
    }
    /** The same of a unit that ends at a position, as batch::position() is one. */
    result<token> try_begin(const pgwalstream::position &last) const {
        const wal_position raw = last.capi();
        return detail::attempt_for<token, std::uint64_t>([&](std::uint64_t *out, wal_error **reason) {
            return wal_acker_begin_at(handle_.get(), &raw, out, reason);
        });
    }
    /** Ends a unit: its changes are safe. Status state: it was done before; invalid_argument: it was never
     * begun. */
    result<void> try_done(token unit) const {
        return detail::attempt(
            [&](wal_error **reason) { return wal_acker_done(handle_.get(), unit, reason); });
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit acker(const stream &of, std::uint32_t most = 0) : acker(detail::take(try_make(of, most))) {}
    /** As try_begin; throws `error`. */
    token begin(const event &last) const {
        return detail::take(try_begin(last));
    }
    /** As try_begin; throws `error`. */
    token begin(const pgwalstream::position &last) const {
        return detail::take(try_begin(last));
    }
    /** As try_done; throws `error`. */
    void done(token unit) const {
        detail::take(try_done(unit));
    }
#endif

    /** How far all work is done without a gap: what to store, and to resume after. */
    pgwalstream::position position() const noexcept {
        return pgwalstream::position(wal_acker_position(handle_.get()));
    }
    /** How many units are kept: those not done, and those that wait for an earlier one. */
    std::size_t kept() const noexcept {
        return wal_acker_kept(handle_.get());
    }
    /** The same of the C API, which lives as long as this. */
    wal_acker *capi() const noexcept PGWALSTREAM_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    static result<acker> made(const wal_stream *of, std::uint32_t most) {
        return detail::attempt_for<acker, wal_acker *>(
            [&](wal_acker **out, wal_error **reason) { return wal_acker_new(of, most, out, reason); });
    }

    detail::owned<wal_acker, wal_acker_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
