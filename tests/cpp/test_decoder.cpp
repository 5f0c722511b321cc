// Without a stream: messages that come from elsewhere, and a session that was captured.
#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>
#include <vector>

static const std::string name = "cpp_decoder";

static std::vector<std::byte> from_hex(std::string_view text) { // "\x00ff"
    std::vector<std::byte> bytes;
    for (std::size_t i = 2; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

static std::vector<int> ids_of(const wal::batch &batch) {
    std::vector<int> ids;
    for (const auto &event : batch)
        if (event.kind() == wal::event_kind::insert)
            ids.push_back(event.new_row()["id"].as<int>());
    return ids;
}

/** `batch` has the relation and the rows 1 to 3. */
static void rendered(const wal::batch &batch) {
    wal::renderer made("json", {{"numbers", "string"}});
    wal::renderer renderer = std::move(made);
    const auto messages = renderer.render(batch);
    REQUIRE(messages.size() == batch.size());
    std::string lines;
    std::size_t at = 0, rows = 0;
    for (const auto &message : messages) {
        CHECK_EQ(message.event(), at++);
        REQUIRE(message.value());
        CHECK(!message.key());
        lines.append(*message.value()).append("\n");
        if (message.kind() == wal::event_kind::insert) {
            CHECK(message.topic() == "public.cpp_decoder");
            const auto id = "\"new\":{\"id\":\"" + std::to_string(++rows) + "\"";
            CHECK(message.value()->find(id) != std::string_view::npos);
        }
    }
    CHECK_EQ(rows, 3u);
    CHECK(renderer.lines() == lines);
    CHECK_THROWS(renderer.set("numbers", "few"), wal::status::bad_option);
    CHECK_THROWS(wal::renderer("yaml"), wal::status::invalid_argument);
    CHECK(!wal::renderer::try_make("json", {{"numbers", "js"}, {"number", "js"}}));
    renderer.set("numbers", "exact");
    const auto &last = *(batch.end() - 2);
    CHECK(renderer.render(last)[0].value()->find("\"new\":{\"id\":3") != std::string_view::npos);

    wal::renderer keyed("debezium", {{"topic_prefix", "p"}, {"processed", "commit"}});
    std::size_t found = 0;
    for (const auto &message : keyed.render(batch)) {
        CHECK(message.topic() == "p.public.cpp_decoder");
        CHECK(message.key() == "{\"id\":" + std::to_string(++found) + "}");
        CHECK(message.value()->find("\"op\":\"c\"") != std::string_view::npos);
    }
    CHECK_EQ(found, 3u);
    CHECK_THROWS(keyed.set("numbers", "js"), wal::status::unknown_option);
}

static void peeked() {
    auto connection = wal::connection::open(check::options_for(name), check::patience);
    const auto rows =
        connection.query("SELECT lsn, data FROM pg_logical_slot_peek_binary_changes('cpp_decoder', NULL, "
                         "NULL, 'proto_version', '1', 'publication_names', 'cpp_decoder')");
    wal::decoder made;
    CHECK(!made.next_batch());
    CHECK_THROWS(made.feed(wal::lsn(), from_hex("\\x4a")), wal::status::unknown_message);
    CHECK_THROWS(made.feed(wal::lsn(), wal::bytes_view()), wal::status::decode);
    for (std::size_t i = 0; i < rows.size(); i++)
        made.feed(wal::lsn::parse(*rows.value(i, 0)), from_hex(*rows.value(i, 1)));
    std::optional<wal::batch> batch;
    {
        auto decoder = std::move(made);
        batch = decoder.next_batch();
    }
    REQUIRE(batch); // and it outlives its decoder
    CHECK_EQ(batch->size(), rows.size());
    CHECK(ids_of(*batch) == std::vector<int>({1, 2, 3}));
    rendered(*batch);

    // The same where the messages are.
    std::vector<std::vector<std::byte>> bytes;
    std::vector<wal_message> messages;
    for (std::size_t i = 0; i < rows.size(); i++)
        bytes.push_back(from_hex(*rows.value(i, 1)));
    for (std::size_t i = 0; i < rows.size(); i++)
        messages.push_back({wal::lsn::parse(*rows.value(i, 0)).value(),
                            reinterpret_cast<const std::uint8_t *>(bytes[i].data()), bytes[i].size()});
    wal::decoder fresh;
    std::size_t taken = 0;
    const auto in_place = fresh.decode(messages.data(), messages.size(), taken);
    CHECK_EQ(taken, rows.size());
    CHECK_EQ(in_place.size(), rows.size());
    CHECK(ids_of(in_place) == std::vector<int>({1, 2, 3}));
    CHECK_THROWS(fresh.decode(messages.data() + 2, 1, taken), wal::status::decode);
    CHECK_EQ(taken, 0u);
}

static std::vector<std::string> told(wal::stream &stream, std::size_t wanted) {
    std::vector<std::string> lines;
    for (const auto &event : stream.events(check::patience)) {
        if (event.kind() == wal::event_kind::progress)
            continue;
        std::string line(wal::name(event.kind()));
        line += " " + to_string(event.commit_lsn());
        for (const auto &value : event.new_row())
            line.append(" ").append(value.text().value_or("-"));
        lines.push_back(std::move(line));
        if (lines.size() == wanted)
            break;
    }
    return lines;
}

static void captured() {
    const std::string path = "cpp_capture_" + std::to_string(getpid());
    std::vector<std::string> live;
    {
        auto stream = check::open(std::move(check::options_for(name).set("capture_file", path)));
        live = told(stream, 6); // BEGIN RELATION INSERT INSERT INSERT COMMIT
    }
    auto replay = wal::stream::replay(path);
    CHECK(told(replay, 1000) == live);
    CHECK_EQ(replay.next(check::patience).status(), wal::status::end);
    replay.flush();
    CHECK_THROWS(replay.connect(), wal::status::state);
    auto slow = wal::stream::replay(path, wal::options{{"replay_pace", "recorded"}});
    CHECK(told(slow, 1000) == live);
    CHECK_EQ(live.size(), 6u);
    auto files = wal::stream::replay_files(std::vector<std::string>{path});
    CHECK(told(files, 1000) == live);
    CHECK_THROWS(wal::stream::replay_files(std::vector<std::string>{}), wal::status::invalid_argument);
    CHECK_THROWS(wal::stream::replay_files(std::vector<std::string>{std::string("a\0b", 3)}),
                 wal::status::invalid_argument);
    CHECK_EQ(std::remove(path.c_str()), 0);
    CHECK_THROWS(wal::stream::replay(path), wal::status::capture);
    CHECK_THROWS(wal::stream::replay(std::string_view("a\0b", 3)), wal::status::invalid_argument);
}

/** Records of the server's own WAL, in two cuts. */
static void recorded() {
    auto connection = wal::connection::open(check::options_for(name), check::patience);
    const auto value = [&](const std::string &query) {
        const auto rows = connection.query(query);
        return std::string(*rows.value(0, 0));
    };
    connection.query("CHECKPOINT");
    const auto begin =
        wal::lsn::parse(value("SELECT pg_current_wal_insert_lsn()")).value() & ~std::uint64_t{8191};
    connection.query("INSERT INTO cpp_decoder SELECT i, 'record' FROM generate_series(100, 200) i");
    const auto end = wal::lsn::parse(value("SELECT pg_current_wal_insert_lsn()")).value();
    connection.query("SELECT pg_switch_wal()");
    const auto where = wal::lsn(begin + 1).to_string();
    const auto bytes =
        from_hex(value("SELECT pg_read_binary_file('pg_wal/' || pg_walfile_name('" + where + "'), " +
                       std::to_string(begin % (16u << 20)) + ", " + std::to_string(end - begin) + ")"));
    std::vector<std::string> lines;
    std::size_t images = 0;
    wal::record_reader made(wal::lsn(), 16u << 20);
    wal::record_reader reader = std::move(made);
    reader.read(wal::lsn(begin), bytes, [&](const wal::record &record) {
        lines.push_back(record.describe());
        CHECK(lines.back().find(std::string(record.kind_name())) != std::string::npos);
        CHECK(record.end_lsn() > record.lsn() && record.data().size() > record.main_data().size());
        for (const auto &block : record.blocks())
            images += block.has_image() && block.page().size() == 8192;
    });
    CHECK(lines.size() > 100);
    CHECK(images > 0);
    CHECK(reader.position().value() <= end + 7);

    wal::record_reader cut;
    std::optional<wal::record_batch> kept;
    std::size_t at = 0;
    for (std::size_t done = 0; done < bytes.size(); done += 1000) {
        const auto size = std::min<std::size_t>(1000, bytes.size() - done);
        CHECK_EQ(cut.feed(wal::lsn(begin + done), wal::bytes_view(bytes.data() + done, size)), size);
        while (auto batch = cut.next_batch()) {
            for (const auto &record : *batch)
                CHECK(at < lines.size() && record.describe() == lines[at++]);
            kept = std::move(batch);
        }
    }
    CHECK_EQ(at, lines.size());
    CHECK(!(*kept)[0].describe().empty());
    CHECK_THROWS(cut.feed(wal::lsn(1), bytes), wal::status::invalid_argument);
    CHECK_THROWS(wal::record_reader(wal::lsn(), 5), wal::status::invalid_argument);
    const std::vector<std::byte> zeros(8192);
    wal::record_reader none;
    none.feed(wal::lsn(8192), zeros);
    CHECK_THROWS(none.next_batch(), wal::status::record);
    CHECK(none.at_end() && !cut.at_end());
    wal::record_batch moved = std::move(*kept);
    CHECK(!moved.empty() && kept->empty() && kept->begin() == kept->end());
}

int main() {
    check::set_up(name);
    sql("INSERT INTO cpp_decoder VALUES (1, 'a'), (2, 'b'), (3, NULL)");
    peeked();
    captured();
    recorded();
    return check::finish();
}
