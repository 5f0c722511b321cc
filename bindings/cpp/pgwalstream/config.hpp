// What the compiler offers: standard, exceptions, library features.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef PGWALSTREAM_CONFIG_HPP
#define PGWALSTREAM_CONFIG_HPP

#include <pgwalstream.h>

#if __cplusplus < 201703L
#error "pgwalstream.hpp needs C++17 or later"
#endif
#if !WAL_VERSION_AT_LEAST(0, 1, 0)
#error "pgwalstream.hpp needs the pgwalstream.h that was installed with it"
#endif
#if __has_include(<version>)
#include <version>
#endif

/** 1 where functions may throw; else (-fno-exceptions) only their twins `try_…` are there. */
#if defined(__cpp_exceptions)
#define PGWALSTREAM_EXCEPTIONS 1
#else
#define PGWALSTREAM_EXCEPTIONS 0
#endif

/** Tells clang that what a function returns points into an argument, so that it warns of what dangles. */
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define PGWALSTREAM_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#if !defined(PGWALSTREAM_LIFETIMEBOUND)
#define PGWALSTREAM_LIFETIMEBOUND
#endif

// Types differ with what the compiler offers (std::span, std::expected, exceptions). Therefore the inline
// namespace differs too: units that disagree and pass these types to each other do not link, rather than
// misbehave.
#if defined(__cpp_lib_expected) && defined(__cpp_lib_span)
#define PGWALSTREAM_EXPECTED 1
#define PGWALSTREAM_SPAN 1
#if PGWALSTREAM_EXCEPTIONS
#define PGWALSTREAM_ABI v0_expected
#else
#define PGWALSTREAM_ABI v0_expected_try
#endif
#elif defined(__cpp_lib_span)
#define PGWALSTREAM_EXPECTED 0
#define PGWALSTREAM_SPAN 1
#if PGWALSTREAM_EXCEPTIONS
#define PGWALSTREAM_ABI v0_span
#else
#define PGWALSTREAM_ABI v0_span_try
#endif
#else
#define PGWALSTREAM_EXPECTED 0
#define PGWALSTREAM_SPAN 0
#if PGWALSTREAM_EXCEPTIONS
#define PGWALSTREAM_ABI v0
#else
#define PGWALSTREAM_ABI v0_try
#endif
#endif

#endif
