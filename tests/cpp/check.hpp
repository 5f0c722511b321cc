// What the C++ tests share: checks that count, and a server to test against. As tests/c/check.h; nothing is
// skipped.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef CHECK_HPP
#define CHECK_HPP

#include <pgwalstream.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

namespace check {

using namespace std::chrono_literals;
namespace wal = pgwalstream;

/** How long a test waits for what must come. */
inline constexpr auto patience = 30s;

inline unsigned passed, failed;

inline bool report(bool good, const char *file, int line, const std::string &what) {
    (good ? passed : failed)++;
    if (!good)
        std::cerr << file << ':' << line << ": failed: " << what << std::endl;
    return good;
}

inline int finish() {
    std::cout << passed << " passed, " << failed << " failed" << std::endl;
    return failed == 0 && passed > 0 ? 0 : 1;
}

[[noreturn]] inline void give_up() {
    finish();
    std::exit(1);
}

template <class T> std::string shown(const T &value) {
    std::ostringstream out;
    if constexpr (std::is_enum_v<T>)
        out << name(value);
    else
        out << std::boolalpha << value;
    return out.str();
}

template <class A, class B> bool equal(const A &a, const B &b, const char *file, int line, const char *what) {
    const bool good = a == b;
    return report(good, file, line,
                  good ? what : std::string(what) + ": " + shown(a) + " is not " + shown(b));
}

/** Whether a result, or the error in it, has a status. */
template <class Result> wal::status status_of(const Result &result) {
    return result ? wal::status::ok : result.error().status();
}

#define CHECK(condition) check::report(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(a, b) check::equal(a, b, __FILE__, __LINE__, #a " == " #b)
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!CHECK(condition))                                                                               \
            check::give_up();                                                                                \
    } while (0)
/** A call that throws an error of this status. */
#define CHECK_THROWS(call, wanted)                                                                           \
    do {                                                                                                     \
        auto came = pgwalstream::status::ok;                                                                 \
        try {                                                                                                \
            static_cast<void>(call);                                                                         \
        } catch (const pgwalstream::error &caught) {                                                         \
            came = caught.status();                                                                          \
        }                                                                                                    \
        check::equal(came, wanted, __FILE__, __LINE__, #call);                                               \
    } while (0)

// --- The server
// ----------------------------------------------------------------------------------------------

inline std::string environment(const char *name) {
    const char *value = std::getenv(name);
    if (value == nullptr || *value == '\0') {
        std::cerr << name << " is not set: run this with tests/c/with-server.sh\n";
        failed++;
        give_up();
    }
    return value;
}

inline std::string quoted(std::string_view word) {
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

/** Runs SQL with psql, each statement by itself, and gives all it prints without the last newline. */
inline std::string sql(std::string_view statements) {
    const std::string command = quoted(environment("PGWALSTREAM_PSQL")) + " -XqAt -v ON_ERROR_STOP=1 -d " +
                                quoted(environment("PGWALSTREAM_TEST_CONNINFO")) + " -c " +
                                quoted(statements);
    std::FILE *pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    for (int c = std::getc(pipe); c != EOF; c = std::getc(pipe))
        text += static_cast<char>(c);
    if (pclose(pipe) != 0) {
        std::cerr << "psql failed: " << statements << '\n';
        failed++;
        give_up();
    }
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

/** A slot of this name, new. */
inline void new_slot(const std::string &name) {
    sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '" + name +
        "'");
    sql("SELECT pg_create_logical_replication_slot('" + name + "', 'pgoutput')");
}

/** A table of these columns, a publication and a slot, all of one name. */
inline void set_up(const std::string &name, const std::string &columns = "id int PRIMARY KEY, v text") {
    sql("CREATE TABLE " + name + " (" + columns + ")");
    sql("CREATE PUBLICATION " + name + " FOR TABLE " + name);
    new_slot(name);
}

inline wal::options options_for(const std::string &name) {
    wal::options options;
    CHECK(options.try_set("conninfo", environment("PGWALSTREAM_TEST_CONNINFO")));
    CHECK(options.try_set("slot", name));
    CHECK(options.try_set("publication", name));
    return options;
}

/** A connected stream. A slot that a connection still holds that is ending is asked for again. */
inline wal::stream open(const wal::options &options) {
    for (;;) {
        auto stream = wal::stream::try_open(options, patience);
        if (stream)
            return *std::move(stream);
        if (stream.error().status() != wal::status::slot_active) {
            std::cerr << to_string(stream.error()) << '\n';
            failed++;
            give_up();
        }
        std::this_thread::sleep_for(50ms);
    }
}
inline wal::stream open(const std::string &name) {
    return open(options_for(name));
}

/** The next event of a kind; those before it are skipped. */
inline const wal::event &next_of(wal::stream &stream, wal::event_kind kind) {
    for (;;) {
        const auto next = stream.try_next(patience);
        if (!next || !*next) {
            std::cerr << "no " << name(kind) << ": "
                      << (next ? std::string(name(next->status())) : to_string(next.error())) << '\n';
            failed++;
            give_up();
        }
        if ((*next)->kind() == kind)
            return **next;
    }
}

} // namespace check

using namespace std::chrono_literals;
namespace wal = pgwalstream;
using check::sql;

#endif
