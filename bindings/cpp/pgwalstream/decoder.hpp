// Decoding without a connection.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_DECODER_HPP
#define PGWALSTREAM_DECODER_HPP

#include <pgwalstream/event.hpp>
#include <pgwalstream/options.hpp>

#include <optional>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/**
 * Decodes pgoutput's messages that come from elsewhere: from pg_logical_slot_peek_binary_changes(), from a
 * file, or from a connection of the program's own. May be moved, not copied; one thread at a time. Batches
 * outlive it.
 */
class decoder {
  public:
    /** Takes over a decoder of the C API. */
    explicit decoder(wal_decoder *handle) noexcept : handle_(handle) {}

    /** One that knows no relation yet. Of the options, batch_events and batch_bytes count. */
    static result<decoder> try_make(const options &settings = options()) {
        return detail::attempt_for<decoder, wal_decoder *>([&](wal_decoder **out, wal_error **reason) {
            return wal_decoder_new(settings.capi(), out, reason);
        });
    }
    /**
     * Decodes one message, which is copied. They come in the order in which the server sent them, each whole.
     *
     * @param position where the message starts; lsn() where it has no position
     * @param message from its kind on
     * @return or status decode, unknown_relation, unknown_message: it was refused and changed nothing
     */
    result<void> try_feed(lsn position, bytes_view message) {
        const std::uint8_t none = 0; // an empty message is malformed, and not a NULL pointer
        const auto *data = message.empty() ? &none : reinterpret_cast<const std::uint8_t *>(message.data());
        return detail::attempt([&](wal_error **reason) {
            return wal_decoder_feed(handle_.get(), position.value(), data, message.size(), reason);
        });
    }
    /**
     * Decodes messages where they are, into one batch: for a caller that has many at once, and keeps them.
     * Nothing is copied: what each message points at must stay as it is until the batch is gone. A message's
     * data is never NULL, not even that of an empty one.
     *
     * @param messages in the order in which the server sent them; the array is read during the call only
     * @param count how many
     * @param[out] taken how many the batch took, at least one: go on with the next
     * @return or status decode, unknown_relation, unknown_message, invalid_argument: the first was refused
     * and changed nothing; state: next_batch has something to give
     */
    result<batch> try_decode(const wal_message *messages, std::size_t count, std::size_t &taken) {
        return detail::attempt_for<batch, wal_batch *>([&](wal_batch **out, wal_error **reason) {
            return wal_decoder_decode(handle_.get(), messages, count, &taken, out, reason);
        });
    }
    /** A batch of what was decoded, the oldest first; nothing: feed more. */
    result<std::optional<batch>> try_next_batch() {
        wal_batch *out = nullptr;
        wal_error *reason = nullptr;
        const wal_status code = wal_decoder_next_batch(handle_.get(), &out, &reason);
        if (code < WAL_OK)
            return detail::fail(code, reason);
        return out == nullptr ? std::nullopt : std::optional<batch>(batch(out));
    }
#if PGWALSTREAM_EXCEPTIONS
    /** As try_make; throws `error`. */
    explicit decoder(const options &settings = options()) : decoder(detail::take(try_make(settings))) {}
    /** As try_feed; throws `error`. */
    void feed(lsn position, bytes_view message) {
        detail::take(try_feed(position, message));
    }
    /** As try_decode; throws `error`. */
    batch decode(const wal_message *messages, std::size_t count, std::size_t &taken) {
        return detail::take(try_decode(messages, count, taken));
    }
    /** As try_next_batch; throws `error`. */
    std::optional<batch> next_batch() {
        return detail::take(try_next_batch());
    }
#endif

  private:
    detail::owned<wal_decoder, wal_decoder_free> handle_;
};

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
