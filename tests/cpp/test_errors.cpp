// Failures: what they tell, how they are printed, and the small types: positions, durations, names, options,
// the log.
#include "check.hpp"

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <unordered_set>

static const std::string name = "cpp_errors";

static void an_error() {
    wal::error kept(wal::status::ok, "");
    try {
        wal::stream::open(std::move(check::options_for(name).set("slot", "no_such_slot")));
    } catch (const std::exception &caught) {
        CHECK(std::string(caught.what()).find("no_such_slot") != std::string::npos);
        kept = dynamic_cast<const wal::error &>(caught);
    }
    CHECK_EQ(kept.status(), wal::status::slot_missing);
    CHECK_EQ(kept.name(), "WAL_E_SLOT_MISSING");
    CHECK_EQ(kept.message(), kept.what());
    CHECK(!kept.hint().empty() && !kept.retriable() && kept.fatal() && kept.os_errno() == 0);
    CHECK_EQ(check::shown(kept), to_string(kept));
    CHECK(to_string(kept).rfind("WAL_E_SLOT_MISSING: ", 0) == 0);
    CHECK(to_string(kept).find(kept.hint()) != std::string::npos);
    std::string elsewhere;
    std::thread([&elsewhere, copy = kept] { elsewhere = copy.message(); }).join();
    CHECK_EQ(elsewhere, kept.message());

    const auto unreachable = wal::stream::try_open(
        std::move(check::options_for(name).set("conninfo", "host=/nonexistent user=u dbname=d")));
    CHECK(!unreachable && unreachable.error().status() == wal::status::connect);
    CHECK(unreachable.error().retriable() && unreachable.error().os_errno() != 0);
    CHECK_EQ(unreachable.error().sqlstate(), "");
    const wal::error own(wal::status::out_of_range, "made up");
    CHECK_EQ(to_string(own), "WAL_E_OUT_OF_RANGE: made up");
    CHECK(own.detail().empty() && own.hint().empty() && !own.fatal() && !own.retriable());
}

static void options() {
    wal::options options{
        {"slot", "s"}, {"binary", true}, {"queue_bytes", 65536}, {"status_interval", 1500ms}};
    CHECK_EQ(options.get("binary"), "on");
    CHECK_EQ(options.get("slot"), "s");
    CHECK_EQ(options.get("queue_bytes"), "65536");
    CHECK_EQ(options.get("status_interval"), "1500ms");
    options.set("binary", false).set("start_lsn", wal::lsn(0x16'b374d848)).reset("queue_bytes");
    CHECK_EQ(options.get("start_lsn"), "16/B374D848");
    CHECK_EQ(options.get("binary"), "off");
    CHECK_EQ(options.get("queue_bytes"), "4MB");
    CHECK_THROWS(options.set("slott", "x"), wal::status::unknown_option);
    CHECK(options.try_set("slott", "x").error().hint().find("slot") != std::string_view::npos);
    CHECK_THROWS(options.set("binary", "perhaps"), wal::status::bad_option);
    CHECK_THROWS(options.set("slot", std::string("a\0b", 3)), wal::status::invalid_argument);
    CHECK_THROWS(options.set(std::string_view("slot\0", 5), "a"), wal::status::invalid_argument);
    CHECK_EQ(options.get("slot"), "s");
    CHECK_THROWS(options.get("none"), wal::status::unknown_option);
    CHECK_THROWS((wal::options{{"nonsense", 1}}), wal::status::unknown_option);
    CHECK_THROWS(wal::stream(wal::options()), wal::status::bad_option);
    const auto all = wal::options::describe();
    CHECK(all.size() > 30 && all[0].name == "conninfo" && !all[0].sentence.empty());
    auto moved = std::move(options);
    CHECK_EQ(moved.get("slot"), "s");
    CHECK_EQ(check::status_of(options.try_get("slot")), wal::status::invalid_argument); // empty, and says so
}

static void positions() {
    CHECK_EQ(check::shown(wal::lsn(0x1a2b3c4)), "0/1A2B3C4");
    CHECK_EQ(wal::lsn::parse("16/b374D848"), wal::lsn(0x16'b374d848));
    CHECK_THROWS(wal::lsn::parse("nonsense"), wal::status::invalid_argument);
    CHECK_THROWS(wal::lsn::parse(std::string_view("0/1\0", 4)), wal::status::invalid_argument);
    static_assert(!wal::lsn() && wal::lsn(1) && wal::lsn(1) < wal::lsn(2) && wal::lsn(2) >= wal::lsn(2));
    static_assert(wal::lsn(1) != wal::lsn(2) && wal::lsn(2) > wal::lsn(1) && wal::lsn(1) <= wal::lsn(1));
    const std::unordered_set<wal::lsn> set{wal::lsn(1), wal::lsn(1), wal::lsn(2)};
    CHECK_EQ(set.size(), 2u);
    const wal::change_id a{wal::lsn(5), 1}, b{wal::lsn(5), 2}, c{wal::lsn(6), 0};
    CHECK(a < b && b < c && !(b < a) && a != b && a == a);
}

static void durations() {
    const auto ms = [](wal::timeout wait) { return wait.milliseconds(); };
    CHECK_EQ(ms(0ms), 0);
    CHECK_EQ(ms(1ns), 1);
    CHECK_EQ(ms(1500us), 2);
    CHECK_EQ(ms(2s), 2000);
    CHECK_EQ(ms(-5h), 0); // a deadline that is over
    CHECK_EQ(ms(std::chrono::hours::max()), -1);
    CHECK_EQ(ms(std::chrono::nanoseconds::min()), 0);
    CHECK_EQ(ms(std::chrono::duration<double>(0.0105)), 11);
    CHECK_EQ(ms(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), 0);
    CHECK_EQ(ms(wal::forever), -1);
    CHECK_EQ(ms(std::chrono::milliseconds(std::numeric_limits<std::int32_t>::max())), 2147483647);
}

static void names() {
    CHECK_EQ(check::shown(wal::event_kind::delete_), "DELETE");
    CHECK_EQ(check::shown(static_cast<wal::event_kind>(9999)), "UNKNOWN");
    CHECK_EQ(check::shown(wal::status::slot_active), "WAL_E_SLOT_ACTIVE");
    CHECK_EQ(check::shown(wal::status::timeout), "WAL_TIMEOUT");
    CHECK_EQ(check::shown(static_cast<wal::status>(-9999)), "WAL_E_UNKNOWN");
    CHECK(!sentence(wal::status::gap).empty());
    CHECK_EQ(check::shown(wal::value_kind::unchanged), "UNCHANGED");
    CHECK_EQ(check::shown(wal::log_level::warn), "WARN");
    CHECK_EQ(check::shown(wal::slot_kind::physical), "PHYSICAL");
    CHECK_EQ(check::shown(wal::wal_availability::extended), "EXTENDED");
    CHECK_EQ(check::shown(wal::invalidation::wal_removed), "WAL_REMOVED");
    CHECK_EQ(check::shown(wal::identity::no_primary_key), "NO_PRIMARY_KEY");
    std::ostringstream printed;
    printed << wal::event_kind::insert << ' ' << wal::status::end << ' ' << wal::value_kind::null << ' '
            << wal::lsn(1) << ' ' << wal::uuid{};
    CHECK_EQ(printed.str(), "INSERT WAL_END NULL 0/1 00000000-0000-0000-0000-000000000000");
    CHECK(wal::library_version() == wal::header_version && !wal::version_text().empty());
    wal::set_engine_threads(1);
    CHECK_THROWS(wal::set_engine_threads(0), wal::status::invalid_argument);
}

// The log outlives the options, and is let go with the stream.
static void the_log() {
    std::mutex guard;
    std::string heard;
    auto alive = std::make_shared<int>(1);
    {
        auto made = [&] {
            auto options = check::options_for(name);
            options.log(wal::log_level::info,
                        [&, alive](wal::log_level level, std::string_view target, std::string_view message) {
                            const std::lock_guard<std::mutex> lock(guard);
                            heard.append(wal::name(level))
                                .append(" ")
                                .append(target)
                                .append(" ")
                                .append(message)
                                .append("\n");
                        });
            return wal::stream(options);
        }();
        CHECK_EQ(alive.use_count(), 2);
        made.connect(check::patience);
        auto moved = std::move(made);
        CHECK_EQ(alive.use_count(), 2);
        const std::lock_guard<std::mutex> lock(guard);
        CHECK(heard.find("INFO connect ") != std::string::npos);
    }
    CHECK_EQ(alive.use_count(), 1);
    auto options = check::options_for(name);
    options.log(wal::log_level::debug, [alive](wal::log_level, std::string_view, std::string_view) {});
    CHECK_EQ(alive.use_count(), 2);
    options.log(wal::log_level::debug, nullptr);
    CHECK_EQ(alive.use_count(), 1);
}

static void states() {
    wal::stream stream(check::options_for(name));
    const int fd = stream.fd();
    CHECK(fd >= 0);
    CHECK_THROWS(stream.next(0ms), wal::status::state);
    CHECK_THROWS(stream.next_batch(0ms), wal::status::state);
    CHECK_THROWS(stream.flush(0ms), wal::status::state);
    CHECK_THROWS(stream.slot_health(), wal::status::state);
    stream.interrupt();
    CHECK_THROWS(stream.connect(), wal::status::interrupted);
    stream.connect(check::patience);
    CHECK_THROWS(stream.connect(), wal::status::state);
    CHECK_EQ(stream.fd(), fd);
    CHECK_EQ(stream.next(0ms).status(), wal::status::timeout);
    const auto taken = wal::stream::try_open(check::options_for(name));
    CHECK(!taken && taken.error().status() == wal::status::slot_active && taken.error().retriable());
    const auto stats = stream.stats();
    CHECK(stats.server_version >= 140000 && stats.backend_pid != 0 && stats.stream_id > 0 &&
          stats.timeline == 1);
    const auto text = wal::prometheus();
    CHECK(text.find("pgwalstream_") != std::string::npos &&
          text.find("slot=\"cpp_errors\"") != std::string::npos);
    CHECK_EQ(text.find('\0'), std::string::npos);
    // What was moved from answers, and does nothing.
    auto moved = std::move(stream);
    CHECK_EQ(check::status_of(stream.try_ack(wal::lsn(1))), wal::status::invalid_argument);
    CHECK_THROWS(stream.next(0ms), wal::status::invalid_argument);
    stream.interrupt();
}

int main() {
    check::set_up(name);
    an_error();
    options();
    positions();
    durations();
    names();
    the_log();
    states();
    return check::finish();
}
