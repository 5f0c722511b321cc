// tail: prints the changes of a PostgreSQL database, one a line, and acknowledges each transaction once it is
// printed.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
//
//     c++ -std=c++17 tail.cpp $(pkg-config --cflags --libs pgwalstream) -o tail
//     ./tail CONNINFO SLOT PUBLICATION [OPTION=VALUE…]
//
// Ctrl-C ends it: what was acknowledged is reported to the server first.
#include <pgwalstream.hpp>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <string>

namespace wal = pgwalstream;

static const wal::stream *running;

static void print(std::string_view what, const wal::row &row) {
    if (!row)
        return;
    std::cout << ' ' << what << '(';
    for (const wal::value value : row) {
        if (value.is_absent())
            continue;
        std::cout << ' ' << value.column().name() << '=';
        if (const auto text = value.text())
            std::cout << '\'' << *text << '\'';
        else // null, unchanged, or binary
            std::cout << name(value.kind());
    }
    std::cout << " )";
}

static void print(const wal::event &event) {
    std::cout << event.lsn() << ' ' << event.kind();
    if (event.relation())
        std::cout << ' ' << event.relation().schema() << '.' << event.relation().name();
    for (const auto &table : event.truncated())
        std::cout << ' ' << table.schema() << '.' << table.name();
    print("old", event.old_row());
    print("new", event.new_row());
    std::cout << '\n';
}

int main(int argc, char **argv) {
    if (argc < 4) {
        std::cerr << "Usage: tail CONNINFO SLOT PUBLICATION [OPTION=VALUE...]\n";
        return 2;
    }
    try {
        wal::options options{{"conninfo", argv[1]}, {"slot", argv[2]}, {"publication", argv[3]}};
        for (int i = 4; i < argc; i++) {
            const std::string pair = argv[i];
            const auto equals = std::min(pair.find('='), pair.size() - 1);
            options.set(pair.substr(0, equals), pair.substr(equals + 1));
        }
        wal::stream stream(options);
        running = &stream;
        std::signal(SIGINT, [](int) { running->interrupt(); });
        std::signal(SIGTERM, [](int) { running->interrupt(); });
        stream.connect();
        for (const auto &event : stream.events()) {
            print(event);
            if (!event.ack_lsn())
                continue;
            if (!std::cout.flush()) // first the lines, then the acknowledgement
                throw std::runtime_error("stdout cannot be written");
            stream.ack(event.ack_lsn());
        }
        std::signal(SIGINT, SIG_DFL);
        std::signal(SIGTERM, SIG_DFL);
    } catch (const wal::error &error) {
        std::cerr << "tail: " << error << '\n';
        return error.status() == wal::status::interrupted ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << "tail: " << error.what() << '\n';
        return 1;
    }
}
