// The WAL's bytes as a stream, and an archive of them.
#include "check.hpp"

#include <filesystem>

static const std::string stop = std::getenv("PGWALSTREAM_TEST_CONNINFO");

static std::string one(const char *query) {
    auto connection = wal::connection::open(wal::options{{"conninfo", stop}});
    const auto rows = connection.query(query);
    return std::string(rows.value(0, 0).value_or(""));
}

static void a_stream() {
    const auto begin = one("SELECT pg_current_wal_flush_lsn()");
    one("SELECT count(*)::text FROM pg_create_restore_point('cpp')");
    one("SELECT pg_switch_wal()::text");
    const auto end = one("SELECT pg_current_wal_flush_lsn()");
    auto stream = wal::stream::open(
        wal::options{{"conninfo", stop}, {"mode", "physical"}, {"start_lsn", begin}, {"stop_lsn", end}});
    CHECK_THROWS(stream.standby_feedback(1, 0), wal::status::invalid_argument);
    stream.standby_feedback(1000, 0);
    wal::lsn at;
    for (const auto &event : stream.events(check::patience)) {
        if (event.kind() != wal::event_kind::wal)
            continue;
        CHECK(!at || at == event.lsn());
        CHECK_EQ(event.timeline(), 1U);
        CHECK(event.timeline_before() == 0 && !event.switchpoint());
        at = event.ack_lsn();
        CHECK_EQ(event.lsn().value() + event.raw().size(), at.value());
        stream.ack(at);
    }
    CHECK_EQ(wal::to_string(at), end);
}

static void an_archive() {
    const auto folder =
        std::filesystem::temp_directory_path() / ("pgwalstream-cpp-" + one("SELECT txid_current()::text"));
    const auto directory = folder.string();
    const auto name = one("SELECT pg_walfile_name(pg_current_wal_flush_lsn())");
    const auto begin = one("SELECT pg_current_wal_flush_lsn()");
    one("SELECT count(*)::text FROM pg_create_restore_point('cpp')");
    one("SELECT pg_switch_wal()::text");
    one("SELECT count(*)::text FROM pg_create_restore_point('cpp')");
    const auto end = one("SELECT pg_current_wal_flush_lsn()");
    wal::options settings{
        {"conninfo", stop}, {"archive_directory", directory}, {"start_lsn", begin}, {"stop_lsn", end}};
    {
        wal::archiver archiver(settings);
        CHECK_EQ(check::status_of(wal::archiver::try_make(settings)), wal::status::archive);
        bool came = false;
        for (;;) {
            const auto event = archiver.next(check::patience);
            if (!event) {
                CHECK_EQ(event.status(), wal::status::end);
                break;
            }
            if ((*event).kind() == wal::archive_event_kind::segment && (*event).name() == name)
                came = true;
        }
        CHECK(came);
        CHECK_EQ(wal::to_string(wal::lsn(archiver.standing().durable_lsn)), end);
    }
    const auto report = wal::check_archive(directory);
    CHECK(report.segments() >= 1 && report.faults().size() == 0);
    CHECK(wal::fetch_archived(directory, name, directory + "/target"));
    CHECK(!wal::fetch_archived(directory, "00000009.history", directory + "/target"));
    CHECK_THROWS(wal::fetch_archived(directory, "../x", directory + "/target"),
                 wal::status::invalid_argument);
    std::filesystem::remove_all(folder);
}

int main() {
    a_stream();
    an_archive();
    return check::finish();
}
