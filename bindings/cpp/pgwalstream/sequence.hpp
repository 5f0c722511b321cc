// Ranges whose elements are made when they are looked at: columns, values, slots. Of the binding itself.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_SEQUENCE_HPP
#define PGWALSTREAM_SEQUENCE_HPP

#include <pgwalstream/error.hpp>

#include <cstddef>
#include <iterator>
#include <utility>

namespace pgwalstream {
inline namespace PGWALSTREAM_ABI {
namespace detail {

/**
 * Goes through a Source, which is small, copied, and gives element `i` by value: `source(i)`. For C++20 a
 * random access iterator; for C++17 an input iterator, because what it gives is no reference.
 */
template <class Source> class position {
  public:
    using value_type = decltype(std::declval<const Source &>()(std::size_t{}));
    using reference = value_type;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
#if PGWALSTREAM_SPAN
    using iterator_concept = std::random_access_iterator_tag;
#endif
    class pointer {
      public:
        explicit pointer(value_type value) : value_(std::move(value)) {}
        const value_type *operator->() const noexcept { return &value_; }

      private:
        value_type value_;
    };

    position() = default;
    position(Source source, std::size_t index) noexcept
        : source_(source), index_(static_cast<difference_type>(index)) {}

    reference operator*() const {
        return source_(static_cast<std::size_t>(index_));
    }
    pointer operator->() const {
        return pointer(**this);
    }
    reference operator[](difference_type n) const {
        return *(*this + n);
    }
    position &operator++() noexcept {
        return *this += 1;
    }
    position &operator--() noexcept {
        return *this += -1;
    }
    position operator++(int) noexcept {
        position before = *this;
        ++*this;
        return before;
    }
    position operator--(int) noexcept {
        position before = *this;
        --*this;
        return before;
    }
    position &operator+=(difference_type n) noexcept {
        index_ += n;
        return *this;
    }
    position &operator-=(difference_type n) noexcept {
        return *this += -n;
    }
    friend position operator+(position at, difference_type n) noexcept {
        return at += n;
    }
    friend position operator+(difference_type n, position at) noexcept {
        return at += n;
    }
    friend position operator-(position at, difference_type n) noexcept {
        return at -= n;
    }
    friend difference_type operator-(const position &a, const position &b) noexcept {
        return a.index_ - b.index_;
    }
    friend bool operator==(const position &a, const position &b) noexcept {
        return a.index_ == b.index_;
    }
    friend bool operator!=(const position &a, const position &b) noexcept {
        return a.index_ != b.index_;
    }
    friend bool operator<(const position &a, const position &b) noexcept {
        return a.index_ < b.index_;
    }
    friend bool operator>(const position &a, const position &b) noexcept {
        return a.index_ > b.index_;
    }
    friend bool operator<=(const position &a, const position &b) noexcept {
        return a.index_ <= b.index_;
    }
    friend bool operator>=(const position &a, const position &b) noexcept {
        return a.index_ >= b.index_;
    }

  private:
    Source source_{};
    difference_type index_ = 0;
};

/** A range of what a Source gives. Copied as cheaply as the Source. */
template <class Source> class sequence {
  public:
    using iterator = position<Source>;
    using value_type = typename iterator::value_type;

    sequence() = default;
    sequence(Source source, std::size_t count) noexcept : source_(source), count_(count) {}
    iterator begin() const noexcept { return iterator(source_, 0); }
    iterator end() const noexcept { return iterator(source_, count_); }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    /** One of them; `index` is below size(). */
    value_type operator[](std::size_t index) const { return source_(index); }

  private:
    Source source_{};
    std::size_t count_ = 0;
};

/** What a list of the C API has at a place, as a View. */
template <class View, class List, auto At> struct list_source {
    const List *list = nullptr;
    View operator()(std::size_t index) const noexcept { return View(At(list, index)); }
};

/**
 * A list of the C API: owns it, may be moved and not copied. The elements are views into it, and end with it;
 * therefore a list that is about to go does not give them.
 */
template <class View, class List, auto Count, auto At, auto Free> class owned_list {
    using source = list_source<View, List, At>;

  public:
    using iterator = position<source>;
    using value_type = View;

    /** Takes over a list of the C API. */
    explicit owned_list(List *list) noexcept : list_(list) {}

    iterator begin() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return iterator(source{list_.get()}, 0); }
    iterator end() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return iterator(source{list_.get()}, size()); }
    View operator[](std::size_t index) const &noexcept PGWALSTREAM_LIFETIMEBOUND {
        return View(At(list_.get(), index));
    }
    iterator begin() const && = delete;
    iterator end() const && = delete;
    View operator[](std::size_t) const && = delete;
    std::size_t size() const noexcept { return Count(list_.get()); }
    bool empty() const noexcept { return size() == 0; }

  private:
    owned<List, Free> list_;
};

/**
 * Owns what a View shows; used like a pointer to it: `slot->name()`. May be moved and not copied. What is
 * about to go does not lead anywhere.
 */
template <class View, class Handle, auto Free> class owned_view {
  public:
    class arrow {
      public:
        explicit arrow(View view) noexcept : view_(view) {}
        const View *operator->() const noexcept { return &view_; }

      private:
        View view_;
    };

    /** Takes over a handle of the C API. */
    explicit owned_view(Handle *handle) noexcept : handle_(handle) {}

    View operator*() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return View(handle_.get()); }
    arrow operator->() const &noexcept PGWALSTREAM_LIFETIMEBOUND { return arrow(View(handle_.get())); }
    View operator*() const && = delete;
    arrow operator->() const && = delete;

  private:
    owned<Handle, Free> handle_;
};

} // namespace detail
} // namespace PGWALSTREAM_ABI
} // namespace pgwalstream

#endif
