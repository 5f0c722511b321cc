// Events one by one: what each kind tells, and how they are acknowledged.
#include "check.hpp"

#include <vector>

static const std::string name = "cpp_events";

static void a_transaction() {
    auto stream = check::open(name);
    sql("BEGIN; INSERT INTO cpp_events VALUES (1, 'one'); UPDATE cpp_events SET v = 'eins'; "
        "UPDATE cpp_events SET id = 2; DELETE FROM cpp_events; COMMIT");
    std::vector<wal::event_kind> kinds;
    std::optional<wal::change_id> last;
    wal::lsn commit_lsn, ack_lsn;
    for (const auto &event : stream.events(check::patience)) {
        kinds.push_back(event.kind());
        if (event.kind() == wal::event_kind::begin) {
            commit_lsn = event.commit_lsn();
            CHECK(commit_lsn && event.xid() != 0 && event.subxid() == 0);
            const auto age = std::chrono::system_clock::now() - event.commit_time().value();
            CHECK(age < 1h && age > -1h);
        }
        CHECK_EQ(event.commit_lsn(), commit_lsn);
        if (event.is_change()) {
            CHECK(event.relation() && event.relation().name() == name);
            CHECK(!last || *last < event.id());
            last = event.id();
        }
        if (event.kind() == wal::event_kind::insert) {
            CHECK(event.new_row() && !event.old_row());
            CHECK_EQ(event.new_row().size(), 2u);
            CHECK_EQ(event.sequence(), 0u);
        }
        if (event.kind() == wal::event_kind::delete_) {
            CHECK(!event.new_row() && event.old_row() && has(event.flags(), wal::event_flags::old_key));
            CHECK(event.old_row()["v"].is_absent());
        }
        CHECK_EQ(static_cast<bool>(event.ack_lsn()), event.kind() == wal::event_kind::commit);
        if ((ack_lsn = event.ack_lsn())) {
            // A cursor beyond what was delivered is refused, and changes nothing.
            CHECK_THROWS(stream.ack(wal::lsn(ack_lsn.value() + 1)), wal::status::ack_beyond);
            CHECK(stream.stats().acked_lsn < ack_lsn);
            stream.ack(ack_lsn);
            stream.flush(check::patience);
            CHECK(stream.stats().reported_lsn >= ack_lsn);
            CHECK_EQ(event.kind(), wal::event_kind::commit); // alive yet
            break;
        }
    }
    using kind = wal::event_kind;
    CHECK(kinds == std::vector<kind>({kind::begin, kind::relation, kind::insert, kind::update, kind::update,
                                      kind::delete_, kind::commit}));
    CHECK(stream.stats().delivered_lsn >= ack_lsn && stream.stats().events >= kinds.size());
}

static void the_other_kinds() {
    sql("CREATE TYPE cpp_mood AS ENUM ('sad', 'happy')");
    sql("CREATE TABLE cpp_events_2 (id int PRIMARY KEY, mood cpp_mood)");
    sql("ALTER PUBLICATION cpp_events ADD TABLE cpp_events_2");
    sql("SELECT pg_replication_origin_create('cpp_origin')");
    auto stream = check::open(std::move(check::options_for(name).set("messages", true)));
    sql("SELECT pg_logical_emit_message(false, 'alone', E'\\\\x00ff'::bytea)");
    {
        const auto &event = check::next_of(stream, wal::event_kind::message);
        CHECK_EQ(event.message_prefix(), "alone");
        CHECK_EQ(event.message_content().size(), 2u);
        CHECK(event.message_content()[1] == std::byte{0xff});
        CHECK(!has(event.flags(), wal::event_flags::transactional) && event.ack_lsn());
    }
    sql("BEGIN; SELECT pg_replication_origin_session_setup('cpp_origin'); "
        "SELECT pg_replication_origin_xact_setup('0/ABC', now()); "
        "SELECT pg_logical_emit_message(true, 'within', 'text'); INSERT INTO cpp_events_2 VALUES (1, "
        "'happy'); "
        "COMMIT");
    const auto &origin = check::next_of(stream, wal::event_kind::origin);
    CHECK_EQ(origin.origin_name(), "cpp_origin");
    CHECK_EQ(origin.origin_lsn(), wal::lsn(0xabc));
    const auto &message = check::next_of(stream, wal::event_kind::message);
    CHECK_EQ(message.message_text(), "text");
    CHECK(has(message.flags(), wal::event_flags::transactional));
    const auto &type = check::next_of(stream, wal::event_kind::type);
    CHECK_EQ(type.type_name(), "cpp_mood");
    CHECK_EQ(type.type_schema(), "public");
    CHECK(type.type_oid() >= 16384);
    const auto &insert = check::next_of(stream, wal::event_kind::insert);
    CHECK_EQ(insert.new_row()["mood"].as<std::string>(), "happy");
    sql("TRUNCATE cpp_events, cpp_events_2 RESTART IDENTITY CASCADE");
    const auto &truncate = check::next_of(stream, wal::event_kind::truncate);
    CHECK_EQ(truncate.truncated().size(), 2u);
    std::string names;
    for (const auto &table : truncate.truncated())
        names.append(table.name()).append(" ");
    CHECK(names == "cpp_events cpp_events_2 " || names == "cpp_events_2 cpp_events ");
    CHECK(has(truncate.flags(), wal::event_flags::cascade | wal::event_flags::restart_identity));
    // What an event is not, it has not.
    CHECK(truncate.gid().empty() && !truncate.prepare_lsn() && !truncate.prepare_end_lsn() &&
          !truncate.abort_lsn());
    CHECK(truncate.raw().empty() && truncate.message_prefix().empty() && !truncate.relation());
    CHECK(truncate.reconnect_status() == wal::status::ok && truncate.reconnect_attempts() == 0);
    CHECK(truncate.reconnect_message().empty() && !truncate.reconnect_lost_lsn() &&
          !truncate.reconnect_switchpoint());
    CHECK(truncate.reconnect_timeline() == 0 && truncate.reconnect_lost_timeline() == 0);
    stream.ack(check::next_of(stream, wal::event_kind::commit).ack_lsn());
    stream.flush(check::patience);
}

// What is kept outlives its stream.
static void kept() {
    std::optional<wal::owned_event> clone;
    std::optional<wal::owned_relation> relation;
    {
        auto stream = check::open(name);
        sql("INSERT INTO cpp_events VALUES (77, 'lives on')");
        const auto &event = check::next_of(stream, wal::event_kind::insert);
        clone = event.clone();
        relation = event.relation().retain();
        CHECK((*clone)->id() == event.id());
    }
    CHECK_EQ((*clone)->new_row()["v"].as<std::string_view>(), "lives on");
    CHECK_EQ((*clone)->relation().name(), name);
    const wal::owned_event moved = std::move(*clone);
    clone.reset();
    CHECK_EQ(moved->new_row()[0].as<int>(), 77);
    CHECK_EQ((*relation)->schema(), "public");
    CHECK_EQ((*relation)->columns().size(), 2u);
    CHECK_EQ((*relation)->replica_identity(), 'd');
    CHECK((*relation)->oid() != 0 && (*relation)->generation() == 1);
}

static void the_loop_ends() {
    auto stream = check::open(name);
    auto drained = stream.events(1s);
    std::uint64_t seen = 0;
    for (const auto &event : drained) {
        seen++;
        if (event.ack_lsn())
            stream.ack(event.ack_lsn());
    }
    CHECK(seen > 0);
    CHECK_EQ(drained.ended_by(), wal::status::timeout);
    CHECK(!drained.failed());

    // By another thread, once.
    std::thread other([&stream] {
        std::this_thread::sleep_for(200ms);
        stream.interrupt();
    });
    auto interrupted = stream.events();
    for (const auto &event : interrupted)
        CHECK_EQ(event.kind(), wal::event_kind::progress);
    other.join();
    CHECK_EQ(interrupted.ended_by(), wal::status::interrupted);
    stream.interrupt();
    stream.interrupt_clear();
    CHECK_EQ(stream.next(0ms).status(), wal::status::timeout);

    // Left early, nothing is lost.
    sql("INSERT INTO cpp_events SELECT g, 'left' FROM generate_series(1001, 1100) g");
    int next = 1001;
    while (next <= 1100)
        for (const auto &event : stream.events(check::patience))
            if (event.kind() == wal::event_kind::insert) {
                CHECK_EQ(event.new_row()["id"].as<int>(), next);
                if (++next % 10 == 0 || next > 1100)
                    break;
            }

    // By an error: thrown, or told.
    stream = wal::stream(check::options_for("cpp_none")); // the old one ends
    auto alone = check::open(std::move(check::options_for(name).set("reconnect", false)));
    sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'cpp_events'");
    auto loop = alone.try_events(check::patience);
    for (const auto &event : loop)
        static_cast<void>(event);
    CHECK(loop.failed() && loop.error().fatal());
    CHECK_EQ(loop.ended_by(), wal::status::server_shutdown);
    CHECK_EQ(loop.error().sqlstate(), "57P01");
    bool thrown = false;
    try {
        for (const auto &event : alone.events(check::patience))
            static_cast<void>(event);
    } catch (const wal::error &caught) {
        thrown = caught.status() == wal::status::server_shutdown && caught.retriable();
    }
    CHECK(thrown);
}

// The end is an outcome.
static void stop_lsn() {
    sql("INSERT INTO cpp_events VALUES (5000, 'before')");
    const auto stop = wal::lsn::parse(sql("SELECT pg_current_wal_insert_lsn()"));
    auto stream = check::open(std::move(check::options_for(name).set("stop_lsn", stop)));
    sql("INSERT INTO cpp_events VALUES (5001, 'behind')");
    auto loop = stream.events();
    int last = 0;
    for (const auto &event : loop)
        if (event.kind() == wal::event_kind::insert)
            last = event.new_row()["id"].as<int>();
    CHECK_EQ(last, 5000);
    CHECK_EQ(loop.ended_by(), wal::status::end);
    CHECK_EQ(stream.next().status(), wal::status::end);
}

// Stored as text, resumed after in the middle of a transaction, and acknowledged by what was finished last.
static void positions() {
    sql("BEGIN; INSERT INTO cpp_events SELECT g, 'p' FROM generate_series(6001, 6004) g; COMMIT");
    std::string stored;
    wal::position end;
    {
        auto stream = check::open(name);
        wal::position last;
        for (const auto &event : stream.events(check::patience)) {
            const auto position = event.position();
            if (event.kind() == wal::event_kind::begin)
                CHECK(!position && position == wal::position());
            if (!position)
                continue;
            CHECK(position.timeline == event.timeline() && position.commit_lsn == event.commit_lsn());
            CHECK(!last || last.compare(position) < 0);
            last = position;
            if (event.kind() == wal::event_kind::insert && event.new_row()["id"].as<int>() == 6002)
                stored = position.to_string();
            end = position;
            if (event.ack_lsn() && !stored.empty())
                break;
        }
    }
    const auto position = wal::position::parse(stored);
    CHECK(position.to_string() == stored && !position.end_lsn && end.end_lsn);
    CHECK_EQ(check::status_of(wal::position::try_parse("7:1:0/1")), wal::status::invalid_argument);
    auto elsewhere = position;
    elsewhere.system_identifier++;
    CHECK_THROWS(elsewhere.compare(position), wal::status::system_mismatch);
    {
        wal::stream stream(check::options_for(name));
        stream.resume_after(elsewhere);
        CHECK_THROWS(stream.connect(check::patience), wal::status::system_mismatch);
    }
    wal::stream stream(check::options_for(name));
    stream.resume_after(position);
    CHECK_THROWS(stream.resume_after(position), wal::status::state);
    stream.connect(check::patience);
    const wal::acker acker(stream, 100);
    std::vector<wal::acker::token> tokens;
    int first = 0;
    for (const auto &event : stream.events(check::patience)) {
        tokens.push_back(acker.begin(event));
        if (event.kind() == wal::event_kind::insert && first == 0)
            first = event.new_row()["id"].as<int>();
        if (event.ack_lsn())
            break;
    }
    CHECK_EQ(first, 6003);
    CHECK_EQ(acker.kept(), tokens.size());
    for (std::size_t i = tokens.size(); i-- > 1;)
        acker.done(tokens[i]);
    CHECK(!acker.position() && stream.stats().acked_lsn < end.end_lsn);
    CHECK_THROWS(acker.done(tokens.back()), wal::status::state);
    acker.done(tokens.front());
    CHECK(acker.position() == end && acker.kept() == 0 && stream.stats().acked_lsn == end.end_lsn);
    stream.flush(check::patience);
    const auto alone = wal::acker::try_make();
    CHECK(alone && alone->try_done(*alone->try_begin(end)) && alone->position() == end);
    CHECK_EQ(check::status_of(alone->try_done(7)), wal::status::invalid_argument);
}

static void rows_first() {
    sql("CREATE TABLE cpp_first (id int PRIMARY KEY)");
    sql("CREATE PUBLICATION cpp_first FOR TABLE cpp_first");
    sql("INSERT INTO cpp_first VALUES (1), (2)");
    auto options = check::options_for("cpp_first");
    CHECK(options.try_set("snapshot", "initial") && options.try_set("slot_create", "if_missing"));
    auto stream = check::open(options);
    std::vector<wal::snapshot_step> steps;
    int rows = 0;
    for (const auto &event : stream.events(check::patience)) {
        if (has(event.flags(), wal::event_flags::snapshot)) {
            CHECK_EQ(event.new_row()["id"].as<int>(), ++rows);
            CHECK(event.snapshot_item() == 0 && event.snapshot_step() == wal::snapshot_step::none);
            CHECK(!event.position() && event.snapshot_state().empty());
        }
        if (event.kind() == wal::event_kind::snapshot) {
            steps.push_back(event.snapshot_step());
            const auto kept = event.clone();
            CHECK_EQ(kept->snapshot_state().size(), event.snapshot_state().size());
            CHECK(!event.snapshot_state().empty());
        }
        if (event.ack_lsn()) {
            CHECK_EQ(stream.snapshot_progress().consistent_lsn, event.ack_lsn());
            break;
        }
    }
    using step = wal::snapshot_step;
    CHECK(steps == std::vector<step>({step::table_begin, step::item_end, step::table_end, step::end}));
    const auto progress = stream.snapshot_progress();
    CHECK(progress.stage == wal::snapshot_stage::complete && progress.rows == 2 && rows == 2);
    CHECK(progress.items == progress.items_done && progress.tables_done == 1 && progress.ended_at);
}

int main() {
    check::set_up(name);
    a_transaction();
    the_other_kinds();
    kept();
    the_loop_ends();
    stop_lsn();
    positions();
    rows_first();
    return check::finish();
}
