// The version of the library that runs, and what is set for the whole process.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_VERSION_HPP
#define PGWALSTREAM_VERSION_HPP

#include <pgwalstream/result.hpp>

#include <cstdint>
#include <string_view>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

/** The version that the program was compiled with: major * 1000000 + minor * 1000 + patch. */
inline constexpr std::uint32_t header_version = WAL_VERSION_NUMBER;
/** The version of the library that runs, as the same number. */
inline std::uint32_t library_version() noexcept {
    return wal_version();
}
/** The version of the library that runs, as in "0.1.0". */
inline std::string_view version_text() noexcept {
    return wal_version_string();
}

/** Over how many engine threads (1 to 64) the streams are spread that are opened from now on. Any thread. */
inline result<void> try_set_engine_threads(std::uint32_t threads) {
    return detail::attempt([&](wal_error **reason) { return wal_engine_set_threads(threads, reason); });
}
#if PGWALSTREAM_EXCEPTIONS
/** As try_set_engine_threads; throws `error`. */
inline void set_engine_threads(std::uint32_t threads) {
    detail::take(try_set_engine_threads(threads));
}
#endif

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
