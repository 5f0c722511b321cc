// Memory that somebody else owns: std::span where there is one, and what is needed of it where there is none.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_SPAN_HPP
#define PGWALSTREAM_SPAN_HPP

#include <pgwalstream/config.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#if PGWALSTREAM_SPAN
#include <span>
#endif

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {

#if PGWALSTREAM_SPAN
/** Elements in a row that somebody else owns. */
template <class T> using span = std::span<T>;
#else
/** Elements in a row that somebody else owns: a part of C++20's std::span, under the same names. */
template <class T> class span {
  public:
    /// @cond
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using pointer = T *;
    using reference = T &;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *first, std::size_t count) noexcept : data_(first), size_(count) {}
    /** From a container that has data() and size(); from one that is about to go only to look at. */
    template <class Container,
              class = std::enable_if_t<
                  !std::is_same_v<std::remove_cv_t<std::remove_reference_t<Container>>, span> &&
                  (std::is_lvalue_reference_v<Container> || std::is_const_v<T>)&&std::is_convertible_v<
                      decltype(std::declval<Container &>().data()), T *> &&
                  std::is_convertible_v<decltype(std::declval<Container &>().size()), std::size_t>>>
    constexpr span(Container &&container) noexcept : data_(container.data()), size_(container.size()) {}

    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
    constexpr T &front() const noexcept { return data_[0]; }
    constexpr T &back() const noexcept { return data_[size_ - 1]; }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
    /// @endcond
};
#endif

/** Bytes that somebody else owns. */
using bytes_view = span<const std::byte>;

namespace detail {
inline std::string_view text_of(wal_bytes bytes) noexcept {
    return bytes.data == nullptr ? std::string_view()
                                 : std::string_view(reinterpret_cast<const char *>(bytes.data), bytes.len);
}
inline bytes_view bytes_of(wal_bytes bytes) noexcept {
    return bytes_view(reinterpret_cast<const std::byte *>(bytes.data), bytes.len);
}
} // namespace detail

} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
