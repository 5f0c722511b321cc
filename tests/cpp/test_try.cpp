// Compiled with -fno-exceptions -fno-rtti: everything by its twin try_…, from options to the end of a stream.
#include "check.hpp"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this is to be compiled without exceptions and without run-time types"
#endif

static const std::string name = "cpp_try";

struct pair_of {
    int id = 0;
    std::string v;
};
template <> struct pgwalstream::members<pair_of> {
    static constexpr auto list =
        std::make_tuple(pgwalstream::member("id", &pair_of::id), pgwalstream::member("v", &pair_of::v));
};

static wal::status failing(const wal::result<void> &result) {
    return check::status_of(result);
}

static void a_stream() {
    auto made = wal::stream::try_make(check::options_for(name));
    REQUIRE(made);
    CHECK_EQ(failing(made->try_flush(0ms)), wal::status::state);
    CHECK(made->try_connect(check::patience));
    wal::stream stream = *std::move(made);
    sql("INSERT INTO cpp_try VALUES (1, 'one')");
    auto loop = stream.try_events(check::patience);
    wal::named_column v("v");
    bool done = false;
    for (const auto &event : loop) {
        if (event.kind() == wal::event_kind::insert) {
            const auto row = event.new_row();
            CHECK(row.find(v) && row.find(v)->text() == "one");
            CHECK_EQ(check::status_of(row.try_at("none")), wal::status::invalid_argument);
            const auto number = row[0].try_as<int>();
            CHECK(number && *number == 1);
            CHECK_EQ(check::status_of(row[1].try_as<int>()), wal::status::type);
            const auto whole = row.try_as<pair_of>();
            CHECK(whole && whole->v == "one");
            const auto clone = event.try_clone();
            CHECK(clone && (*clone)->sequence() == 0);
            auto kept = event.relation().try_retain();
            CHECK(kept && (*kept)->name() == name);
        }
        if (event.ack_lsn()) {
            CHECK_EQ(failing(stream.try_ack(wal::lsn(UINT64_MAX))), wal::status::ack_beyond);
            CHECK(stream.try_ack(event.ack_lsn()) && stream.try_flush(check::patience));
            done = true;
            break;
        }
    }
    CHECK(done && !loop.failed());
    const auto batch = stream.try_next_batch(0ms);
    CHECK(batch && !*batch && batch->status() == wal::status::timeout);
    const auto stats = stream.try_stats();
    CHECK(stats && stats->events > 0);
    CHECK(wal::try_prometheus());
    const auto health = stream.try_slot_health();
    CHECK(!health && health.error().status() == wal::status::state);
}

static void commands() {
    auto made = wal::connection::try_open(check::options_for(name), check::patience);
    REQUIRE(made);
    auto connection = *std::move(made);
    const auto slot = connection.try_create_logical_slot("cpp_try_temporary", wal::slot_flags::temporary);
    CHECK(slot && (*slot)->name() == "cpp_try_temporary");
    CHECK(!connection.try_create_logical_slot("cpp_try_temporary"));
    CHECK_EQ(check::status_of(connection.try_read_slot("none")), wal::status::slot_missing);
    const auto rows = connection.try_query("SELECT 1");
    CHECK(rows && rows->value(0, 0) == "1");
    CHECK_EQ(failing(connection.try_drop_slot("none")), wal::status::slot_missing);
}

static void mistakes() {
    wal::options options;
    const auto wrong = options.try_set("bianry", true);
    CHECK(!wrong && wrong.error().status() == wal::status::unknown_option && !wrong.error().hint().empty());
    CHECK(!wal::lsn::try_parse("x"));
    CHECK_EQ(wal::lsn::try_parse("x").value_or(wal::lsn(7)), wal::lsn(7));
    CHECK_EQ(wal::lsn::try_parse("0/8").value_or(wal::lsn(7)), wal::lsn(8));
    auto decoder = wal::decoder::try_make();
    CHECK(decoder && !decoder->try_feed(wal::lsn(), wal::bytes_view()));
    CHECK(decoder->try_next_batch() && !*decoder->try_next_batch());
    CHECK_EQ(check::status_of(wal::stream::try_replay("/nonexistent")), wal::status::capture);
}

int main() {
    check::set_up(name);
    mistakes();
    commands();
    a_stream();
    return check::finish();
}
