// Slots, publications, health and SQL over a connection.
#include "check.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>

static const std::string name = "cpp_connection";

static void publications(wal::connection &connection) {
    connection.create_publication(name, "public.cpp_connection", wal::publish::insert | wal::publish::update,
                                  check::patience);
    CHECK_THROWS(connection.create_publication(name, "", wal::publish::all_tables),
                 wal::status::publication_exists);
    CHECK_THROWS(connection.create_publication("x", std::string_view("a\0b", 3)),
                 wal::status::invalid_argument);
    const auto list = connection.publications(check::patience);
    int found = 0;
    for (const auto &publication : list)
        if (publication.name() == name) {
            CHECK(publication.flags() == (wal::publish::insert | wal::publish::update));
            found++;
        }
    CHECK_EQ(found, 1);
    CHECK_EQ(list[0].name(), list.begin()->name());
    const auto tables = connection.tables(name);
    REQUIRE(tables.size() == 1);
    CHECK_EQ(tables[0].schema(), "public");
    CHECK_EQ(tables[0].name(), name);
    CHECK_EQ(tables[0].replica_identity(), 'd');
    CHECK_EQ(tables[0].identity(), wal::identity::usable);
    CHECK(tables[0].oid() != 0 && tables[0].row_filter().empty());
    CHECK_EQ(tables[0].columns().empty(), connection.server_version() < 150000);
    CHECK_THROWS(connection.tables("none"), wal::status::publication_missing);
}

static void slots(wal::connection &connection) {
    const auto slot = connection.create_logical_slot(name, wal::slot_flags::none, check::patience);
    CHECK_EQ(slot->name(), name);
    CHECK_EQ(slot->plugin(), "pgoutput");
    CHECK_EQ(slot->kind(), wal::slot_kind::logical);
    CHECK(slot->consistent_point() && slot->snapshot_name().empty());
    CHECK_THROWS(connection.create_logical_slot(name), wal::status::slot_exists);
    CHECK_THROWS(connection.create_logical_slot(std::string_view("a\0b", 3)), wal::status::invalid_argument);
}

static void more_slots(wal::connection &connection) {
    const auto physical = connection.create_physical_slot("cpp_physical", wal::slot_flags::reserve_wal);
    CHECK_EQ(physical->kind(), wal::slot_kind::physical);
    const auto list = connection.slots();
    CHECK(list.size() >= 2 && !list.empty());
    sql("INSERT INTO cpp_connection VALUES (1)");
    const auto before = connection.read_slot(name);
    const auto at = connection.advance_slot(name, wal::lsn(UINT64_MAX));
    CHECK(at > before->confirmed_flush_lsn());
    const auto read = connection.read_slot(name);
    CHECK_EQ(read->confirmed_flush_lsn(), at);
    CHECK_EQ(read->wal(), wal::wal_availability::reserved);
    CHECK_EQ(read->invalidation(), wal::invalidation::none);
    CHECK(read->flags() == wal::slot_flags::none && read->active_pid() == 0 && read->restart_lsn());
    CHECK(!read->safe_wal_size() && read->catalog_xmin() != 0 && read->xmin() == 0);
    CHECK(read->invalidation_reason().empty() && !read->two_phase_at());
    CHECK_EQ(read->database(), sql("SELECT current_database()"));
    const auto copy = connection.copy_slot(name, "cpp_copy", wal::slot_flags::temporary);
    CHECK_EQ(copy->confirmed_flush_lsn(), at);
    const auto again = connection.read_slot("cpp_copy");
    CHECK(has(again->flags(), wal::slot_flags::temporary));
}

static void health(wal::connection &connection) {
    const auto health = connection.slot_health(name, check::patience);
    CHECK(health.server_lsn >= health.confirmed_flush_lsn && health.confirmed_flush_lsn);
    const auto age = std::chrono::system_clock::now() - health.sampled_at.value();
    CHECK(age < 1h && age > -1h);
    CHECK(!health.safe_wal_size && !health.xmin_age && health.catalog_xmin_age);
    CHECK_EQ(health.wal, wal::wal_availability::reserved);
    CHECK_THROWS(connection.slot_health("none"), wal::status::slot_missing);
    if (connection.server_version() >= 170000)
        connection.alter_slot(name, wal::slot_flags::failover, wal::slot_flags::none);
    else
        CHECK_THROWS(connection.alter_slot(name, wal::slot_flags::failover, wal::slot_flags::none),
                     wal::status::server_version);
    const auto altered = connection.read_slot(name);
    CHECK_EQ(has(altered->flags(), wal::slot_flags::failover), connection.server_version() >= 170000);
}

static void queries(wal::connection &connection) {
    const auto rows = connection.query("SELECT 7 AS seven, NULL AS none", check::patience);
    CHECK_EQ(rows.size(), 1u);
    CHECK_EQ(rows.column_count(), 2u);
    CHECK_EQ(rows.column_name(0), "seven");
    CHECK(rows.value(0, 0) == "7" && !rows.value(0, 1) && !rows.value(1, 0));
    const auto typed =
        connection.query("SELECT 7 AS seven, 1.50::numeric(5,2) AS price, ARRAY[1, NULL] AS list, "
                         "'2026-02-28'::date AS day, NULL::int AS none, 'x' AS word");
    const auto row = typed.at(0);
    CHECK_EQ(row.size(), 6u);
    CHECK_EQ(row["seven"].as<int>(), 7);
    CHECK_EQ(row["price"].format(), "1.50");
    CHECK(row["list"].as<std::vector<std::optional<int>>>() ==
          std::vector<std::optional<int>>({1, std::nullopt}));
    CHECK_EQ(row["day"].as<wal::date>().time_since_epoch().count(), 20512);
    CHECK(row["none"].is_null());
    CHECK_EQ(row["word"].as<std::string>(), "x");
    CHECK_THROWS(row["word"].as<int>(), wal::status::type);
    CHECK(!typed.at(1));
    const auto wrong = connection.try_query("SELECT nonsense");
    CHECK(!wrong && wrong.error().sqlstate() == "42703");
    CHECK_THROWS(connection.query(std::string_view("SELECT 1\0", 9)), wal::status::invalid_argument);
    // Given up: the server cancels it, and the connection goes on.
    CHECK_THROWS(connection.query("SELECT pg_sleep(60)", 200ms), wal::status::timeout);
    std::thread other([&connection] {
        std::this_thread::sleep_for(300ms);
        connection.interrupt();
    });
    CHECK_THROWS(connection.query("SELECT pg_sleep(60)"), wal::status::interrupted);
    other.join();
    connection.interrupt();
    connection.interrupt_clear();
    CHECK_EQ(connection.query("SELECT 1").size(), 1u);
}

// A snapshot lives until it is released, and no command ends it by accident.
static void snapshot(wal::connection &connection) {
    const auto slot = connection.create_logical_slot(
        "cpp_snapshot", wal::slot_flags::temporary | wal::slot_flags::export_snapshot, check::patience);
    const std::string snapshot(slot->snapshot_name());
    CHECK_EQ(sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" + snapshot +
                 "'; SELECT count(*) FROM cpp_connection; COMMIT"),
             "1");
    CHECK_THROWS(connection.slots(), wal::status::state);
    connection.check();
    connection.release_snapshot();
    CHECK(connection.slots().size() >= 3);
}

static void dropped(wal::connection &connection) {
    auto stream = check::open(name);
    CHECK_THROWS(connection.drop_slot(name), wal::status::slot_active);
    CHECK_THROWS(connection.drop_slot_when_free(name, 200ms), wal::status::timeout);
    stream = wal::stream(check::options_for("none"));
    connection.drop_slot_when_free(name, check::patience);
    CHECK_THROWS(connection.drop_slot(name), wal::status::slot_missing);
    connection.drop_slot("cpp_physical", check::patience);
    connection.drop_publication(name);
    CHECK_THROWS(connection.drop_publication(name), wal::status::publication_missing);
}

// What a stream sees of its slot by itself.
static void beside_a_stream() {
    auto stream = check::open(std::move(check::options_for(name).set("health_interval", 1s)));
    std::optional<wal::health> seen;
    for (int i = 0; i < 300 && !(seen = stream.slot_health()); i++)
        std::this_thread::sleep_for(100ms);
    CHECK(seen && has(seen->flags, wal::slot_flags::active) && seen->active_pid != 0);
}

// S24: a function gives the password at each connect; what it says or throws reaches the error, and it goes
// with the options.
static void passwords() {
    sql("CREATE ROLE cpp_asked LOGIN REPLICATION PASSWORD 'first'");
    // Read before it is written: COPY empties the file first.
    sql("DO $$ DECLARE rules text := pg_read_file(current_setting('hba_file')); BEGIN EXECUTE format("
        "'COPY (SELECT ''host all cpp_asked all scram-sha-256'' UNION ALL SELECT * FROM "
        "regexp_split_to_table(%L, chr(10))) TO %L', rules, current_setting('hba_file')); END $$");
    sql("SELECT pg_reload_conf()");
    const auto conninfo = check::environment("PGWALSTREAM_TEST_CONNINFO") + " user=cpp_asked";
    auto asked = std::make_shared<std::atomic<int>>(0);
    const std::weak_ptr<std::atomic<int>> kept = asked;
    std::string answer = "wrong";
    {
        wal::options options;
        options.set("conninfo", conninfo);
        options.passwords([asked, &answer](const wal::password_request &request) {
            CHECK_EQ(request.user, "cpp_asked");
            CHECK(request.port != 0 && !request.host.empty() && request.timeout > 0ms);
            ++*asked;
            if (answer == "throw")
                throw std::runtime_error("the vault is shut");
            wal::password given;
            given.text = answer;
            if (answer.empty())
                given.fault = "no token today";
            return given;
        });
        const auto connected = [&] { return wal::connection(options).try_connect(check::patience); };
        // Until the rule holds anybody comes in unasked.
        for (int i = 0; i < 300 && check::status_of(connected()) != wal::status::auth; i++)
            std::this_thread::sleep_for(20ms);
        CHECK(*asked > 0);
        answer = "first";
        CHECK(connected());
        sql("ALTER ROLE cpp_asked PASSWORD 'second'");
        answer = "second";
        CHECK(connected());
        answer = "throw";
        const auto thrown = connected();
        CHECK(!thrown && thrown.error().status() == wal::status::auth);
        CHECK(!thrown &&
              std::string(thrown.error().message()).find("the vault is shut") != std::string::npos);
        answer = "";
        const auto none = connected();
        CHECK(!none && std::string(none.error().message()).find("no token today") != std::string::npos);
    }
    asked.reset();
    for (int i = 0; i < 300 && !kept.expired(); i++)
        std::this_thread::sleep_for(20ms);
    CHECK(kept.expired());
}

static void copies(wal::connection &connection) {
    const auto sql = "COPY (SELECT g, NULL FROM generate_series(1, 50000) g) TO STDOUT";
    auto all = connection.copy(sql, wal::copy_format::text, check::patience);
    std::size_t count = 0;
    for (;;) {
        const auto rows = all.next_batch(check::patience);
        if (!rows) {
            CHECK_EQ(rows.status(), wal::status::end);
            break;
        }
        CHECK(!rows->empty() && rows->column_count() == 2 && !rows->value(0, 1));
        CHECK_EQ(rows->value(0, 0).value(), std::to_string(count + 1));
        count += rows->size();
    }
    CHECK_EQ(count, 50000u);
    {
        auto endless =
            connection.copy("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT (FORMAT binary)",
                            wal::copy_format::binary, check::patience);
        CHECK(endless.next_batch(check::patience));
        CHECK_THROWS(connection.query("SELECT 1"), wal::status::state);
    }
    CHECK_EQ(connection.query("SELECT 1").size(), 1u);
    CHECK_EQ(check::status_of(connection.try_copy("SELECT 1")), wal::status::invalid_argument);
}

int main() {
    sql("CREATE TABLE cpp_connection (id int PRIMARY KEY)");
    wal::connection made(check::options_for(name));
    CHECK_THROWS(made.query("SELECT 1"), wal::status::state);
    made.connect(check::patience);
    auto connection = std::move(made);
    CHECK(connection.server_version() >= 140000);
    publications(connection);
    slots(connection);
    more_slots(connection);
    health(connection);
    queries(connection);
    copies(connection);
    snapshot(connection);
    beside_a_stream();
    dropped(connection);
    passwords();
    return check::finish();
}
