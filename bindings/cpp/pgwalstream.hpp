/**
 * @file
 * @brief libpgwalstream for C++17 and later: streams the changes of a PostgreSQL database into a program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Header only, over pgwalstream.h, whose chapters (acknowledging, reconnecting, streamed transactions, slots)
 * hold here too.
 *
 *     pgwalstream::options options{{"conninfo", "host=/run/postgresql dbname=shop"},
 *                                  {"slot", "shop_slot"},
 *                                  {"publication", "shop_pub"}};
 *     auto stream = pgwalstream::stream::open(options);
 *     for (const auto &event : stream.events()) {
 *         store(event);
 *         if (auto position = event.ack_lsn())
 *             stream.ack(position);
 *     }
 *
 * OWNERS (options, stream, batch, owned_event, owned_relation, owned_slot, the lists, rows, connection,
 * decoder, renderer, acker, record_reader, record_batch) are moved and never copied. Any order of destruction
 * is right.
 *
 * VIEWS (event, relation, column, row, value, slot, publication, table, std::string_view, span) show what an
 * owner holds, and end with it. An owner that is about to go gives none: `connection.read_slot("s")->name()`
 * does not compile.
 *
 * ERRORS: a function throws `error`, and has a twin `try_…` that gives a result<T>: std::expected<T, error>
 * where there is one, and as much of it as is needed where there is none. With -fno-exceptions only the twins
 * are there. A call that reads says in its outcome<T> why there is nothing, which is no error: timeout, end,
 * interrupted.
 *
 * THREADS: as the C API. What is `const` in stream and connection is for any thread at any time; what is not,
 * for one thread at a time. Views and owners of data are plain memory.
 *
 * Names of this library alone are in namespace pgwalstream; what is in its namespace `detail` may change at
 * any time.
 */
#ifndef PGWALSTREAM_HPP
#define PGWALSTREAM_HPP

#include <pgwalstream/acker.hpp>
#include <pgwalstream/archive.hpp>
#include <pgwalstream/change.hpp>
#include <pgwalstream/config.hpp>
#include <pgwalstream/connection.hpp>
#include <pgwalstream/decoder.hpp>
#include <pgwalstream/error.hpp>
#include <pgwalstream/event.hpp>
#include <pgwalstream/format.hpp>
#include <pgwalstream/lsn.hpp>
#include <pgwalstream/nested.hpp>
#include <pgwalstream/options.hpp>
#include <pgwalstream/position.hpp>
#include <pgwalstream/publication.hpp>
#include <pgwalstream/record.hpp>
#include <pgwalstream/relation.hpp>
#include <pgwalstream/renderer.hpp>
#include <pgwalstream/result.hpp>
#include <pgwalstream/row.hpp>
#include <pgwalstream/scalar.hpp>
#include <pgwalstream/slot.hpp>
#include <pgwalstream/snapshot.hpp>
#include <pgwalstream/span.hpp>
#include <pgwalstream/stats.hpp>
#include <pgwalstream/status.hpp>
#include <pgwalstream/stream.hpp>
#include <pgwalstream/time.hpp>
#include <pgwalstream/type.hpp>
#include <pgwalstream/value.hpp>
#include <pgwalstream/version.hpp>

#endif
