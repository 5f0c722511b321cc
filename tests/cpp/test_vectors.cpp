// The vectors that a server made (tests/vectors/values.tsv): both forms of a value have the server's text,
// and are read alike. Its argument is the file.
#include "check.hpp"

#include <cstring>
#include <fstream>
#include <vector>

namespace {

using message = std::vector<std::byte>;

void add(message &to, std::string_view bytes) {
    for (const char of : bytes)
        to.push_back(static_cast<std::byte>(of));
}

void add(message &to, std::uint32_t number, unsigned bytes) {
    while (bytes-- > 0)
        to.push_back(static_cast<std::byte>(number >> (8 * bytes) & 0xff));
}

std::string unhex(std::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return bytes;
}

// Both forms read as the same, or neither.
template <class T> unsigned same(const wal::value &first, const wal::value &second) {
    const auto a = first.try_as<T>();
    const auto b = second.try_as<T>();
    CHECK_EQ(a.has_value(), b.has_value());
    if (!a || !b)
        return 0;
    CHECK(*a == *b);
    return 1;
}

unsigned one(std::uint32_t oid, const std::string &binary, const std::string &text) {
    wal::decoder decoder;
    message begin, relation, insert;
    add(begin, "B");
    for (int i = 0; i < 5; i++)
        add(begin, 7, 4);
    add(relation, "R");
    add(relation, 20000, 4);
    add(relation, std::string_view("public\0t\0d", 10));
    add(relation, 2, 2);
    for (const auto *column : {"\0b", "\0t"}) {
        add(relation, std::string_view(column, 3));
        add(relation, oid, 4);
        add(relation, UINT32_MAX, 4);
    }
    add(insert, "I");
    add(insert, 20000, 4);
    add(insert, "N");
    add(insert, 2, 2);
    add(insert, "b");
    add(insert, static_cast<std::uint32_t>(binary.size()), 4);
    add(insert, binary);
    add(insert, "t");
    add(insert, static_cast<std::uint32_t>(text.size()), 4);
    add(insert, text);
    for (const auto *each : {&begin, &relation, &insert})
        decoder.feed(wal::lsn(8), wal::bytes_view(each->data(), each->size()));
    const auto batch = decoder.next_batch();
    REQUIRE(batch && batch->size() == 3);
    unsigned read = 0;
    for (const auto &event : *batch) {
        if (event.kind() != wal::event_kind::insert)
            continue;
        const auto row = event.new_row();
        CHECK_EQ(row[0].format(), text);
        CHECK_EQ(row[1].format(), text);
        read += same<bool>(row[0], row[1]) + same<std::int64_t>(row[0], row[1]) +
                same<std::uint32_t>(row[0], row[1]) + same<wal::date>(row[0], row[1]) +
                same<wal::timestamp>(row[0], row[1]) + same<wal::timestamptz>(row[0], row[1]) +
                same<std::vector<std::optional<std::int32_t>>>(row[0], row[1]);
    }
    return read;
}

} // namespace

int main(int argc, char **argv) {
    std::ifstream file(argc == 2 ? argv[1] : "");
    std::string line;
    std::size_t vectors = 0, read = 0;
    REQUIRE(file);
    while (std::getline(file, line)) {
        if (line[0] == '#')
            continue;
        std::vector<std::string> parts;
        std::istringstream of(line + '\t');
        for (std::string part; std::getline(of, part, '\t');)
            parts.push_back(part);
        REQUIRE(parts.size() == 4);
        read += one(static_cast<std::uint32_t>(std::stoul(parts[1])), unhex(parts[2]), unhex(parts[3]));
        vectors++;
    }
    CHECK_EQ(vectors, 584U);
    // An accessor that refused both forms would make it less; new vectors make it more.
    CHECK_EQ(read, 132U);
    return check::finish();
}
