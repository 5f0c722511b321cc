// Runs one stream of a scenario and prints its canonical lines, through the C++ API. README.md has the rules.
//
//     runner SCENARIO STREAM CONNINFO SLOT [KEY=VALUE …]
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pgwalstream.hpp>

#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

namespace wal = pgwalstream;

// --- Bytes -------------------------------------------------------------------------------------------------

/// More bytes than these are told by their number and a hash.
constexpr std::size_t shown = 64;

template <class... Arguments> static std::string printed(const char *format, Arguments... arguments) {
    char text[64];
    const int length = std::snprintf(text, sizeof text, format, arguments...);
    return std::string(text, static_cast<std::size_t>(length));
}

static std::string rest(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a
    for (const char byte : bytes)
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    return bytes.size() <= shown ? "" : printed("~%zu~%016" PRIx64, bytes.size(), hash);
}

static std::string quoted(std::string_view bytes) {
    std::string text = "\"";
    for (const char byte : bytes.substr(0, shown))
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            text += printed("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
        else
            text += byte;
    return text + '"' + rest(bytes);
}

static std::string_view as_text(wal::bytes_view bytes) {
    return bytes.empty() ? std::string_view()
                         : std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

static std::string hex(wal::bytes_view bytes) {
    std::string text = "0x";
    for (std::size_t i = 0; i < bytes.size() && i < shown; i++)
        text += printed("%02x", static_cast<unsigned>(bytes[i]));
    return text + rest(as_text(bytes));
}

// --- Values ------------------------------------------------------------------------------------------------

/// In the numbers of PostgreSQL, which counts from 2000.
template <class TimePoint> static std::string since_2000(TimePoint time) {
    using duration = typename TimePoint::duration;
    constexpr auto epoch = std::chrono::duration_cast<duration>(std::chrono::hours(24 * 10957));
    if (time == TimePoint::max() || time == TimePoint::min())
        return std::to_string(time.time_since_epoch().count());
    return std::to_string((time.time_since_epoch() - epoch).count());
}

/// What one typed reading makes of a value: its name and the value, or the status that says why there is
/// none.
template <class T, class Print> static void typed(const char *what, const wal::value &value, Print &&print) {
    const auto read = value.try_as<T>();
    std::cout << ' ' << what << '=';
    if (read)
        std::cout << print(*read);
    else
        std::cout << read.error().status();
}

template <class Bits, class Float> static Bits bits_of(Float number) {
    Bits bits;
    static_assert(sizeof bits == sizeof number, "as many bits");
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void typed(const wal::value &value) {
    const auto decimal = [](auto number) { return std::to_string(number); };
    const auto time = [](auto point) { return since_2000(point); };
    switch (value.column().type_oid()) {
    case 16:
        return typed<bool>("bool", value, [](bool on) { return on ? "true" : "false"; });
    case 21:
        return typed<std::int16_t>("int16", value, decimal);
    case 23:
        return typed<std::int32_t>("int32", value, decimal);
    case 20:
        typed<std::int64_t>("int64", value, decimal);
        return typed<std::int32_t>("int32", value, decimal);
    case 26:
        return typed<std::uint32_t>("uint32", value, decimal);
    case 700:
        return typed<float>("float32", value, [](float number) {
            return printed("0x%08" PRIx32, bits_of<std::uint32_t>(number));
        });
    case 701:
        return typed<double>("float64", value, [](double number) {
            return printed("0x%016" PRIx64, bits_of<std::uint64_t>(number));
        });
    case 1082:
        return typed<wal::date>("date", value, time);
    case 1083:
        return typed<std::chrono::microseconds>("time", value,
                                                [](auto length) { return std::to_string(length.count()); });
    case 1114:
        return typed<wal::timestamp>("timestamp", value, time);
    case 1184:
        return typed<wal::timestamptz>("timestamptz", value, time);
    case 17:
        return typed<std::vector<std::byte>>("bytea", value, [](const auto &bytes) { return hex(bytes); });
    case 2950:
        return typed<wal::uuid>("uuid", value, [](const wal::uuid &id) {
            return hex(
                wal::bytes_view(reinterpret_cast<const std::byte *>(id.bytes.data()), id.bytes.size()));
        });
    default:
        return typed<std::string_view>("text", value, quoted);
    }
}

static std::string lower(std::string_view name) {
    std::string text(name);
    for (char &c : text)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

static void values(const char *which, const wal::row &row) {
    for (const wal::value value : row) {
        std::cout << "  " << which << ' ' << value.index() << ' ' << quoted(value.column().name()) << ' '
                  << lower(name(value.kind()));
        if (value.kind() == wal::value_kind::text)
            std::cout << ' ' << quoted(as_text(value.bytes()));
        if (value.kind() == wal::value_kind::binary)
            std::cout << ' ' << hex(value.bytes());
        typed(value);
        std::cout << '\n';
    }
}

// --- Events ------------------------------------------------------------------------------------------------

static void table(const char *before, wal::relation table) {
    std::cout << "  " << before << ' ' << quoted(table.schema()) << '.' << quoted(table.name());
}

static void definition(wal::relation described) {
    table("relation", described);
    std::cout << " oid=" << described.oid() << " generation=" << described.generation()
              << " identity=" << described.replica_identity() << '\n';
    for (const wal::column column : described.columns()) {
        wal::named_column found{std::string(column.name())};
        std::cout << "  column " << found.index_in(described).value_or(9999) << ' ' << quoted(column.name())
                  << " type=" << column.type_oid() << " typmod=" << column.typmod()
                  << " key=" << column.is_key() << '\n';
    }
}

static void reconnected(const wal::event &event) {
    std::cout << "  reconnected status=" << event.reconnect_status()
              << " message=" << !event.reconnect_message().empty()
              << " attempts=" << (event.reconnect_attempts() > 0)
              << " lost=" << static_cast<bool>(event.reconnect_lost_lsn())
              << " lost_timeline=" << event.reconnect_lost_timeline()
              << " timeline=" << event.reconnect_timeline()
              << " switchpoint=" << event.reconnect_switchpoint() << '\n';
}

/// What is particular to the event's kind.
static void particulars(const wal::event &event) {
    switch (event.kind()) {
    case wal::event_kind::relation:
        return definition(event.relation());
    case wal::event_kind::insert:
    case wal::event_kind::update:
    case wal::event_kind::delete_:
        table("relation", event.relation());
        std::cout << " generation=" << event.relation().generation() << '\n';
        values("new", event.new_row());
        return values("old", event.old_row());
    case wal::event_kind::truncate:
        for (const wal::relation truncated : event.truncated()) {
            table("truncated", truncated);
            std::cout << " generation=" << truncated.generation() << '\n';
        }
        return;
    case wal::event_kind::message:
        std::cout << "  message " << quoted(event.message_prefix()) << ' ' << quoted(event.message_text())
                  << '\n';
        return;
    case wal::event_kind::origin:
        std::cout << "  origin " << quoted(event.origin_name()) << " lsn=" << event.origin_lsn() << '\n';
        return;
    case wal::event_kind::type:
        std::cout << "  type " << quoted(event.type_schema()) << '.' << quoted(event.type_name())
                  << " oid=" << event.type_oid() << '\n';
        return;
    case wal::event_kind::begin_prepare:
    case wal::event_kind::prepare:
    case wal::event_kind::commit_prepared:
    case wal::event_kind::rollback_prepared:
    case wal::event_kind::stream_prepare:
        std::cout << "  prepared " << quoted(event.gid()) << " prepare_lsn=" << event.prepare_lsn()
                  << " prepare_end_lsn=" << event.prepare_end_lsn() << '\n';
        return;
    case wal::event_kind::stream_abort:
        std::cout << "  aborted abort_lsn=" << event.abort_lsn() << '\n';
        return;
    case wal::event_kind::raw:
        std::cout << "  raw " << quoted(as_text(event.raw())) << '\n';
        return;
    case wal::event_kind::reconnected:
        return reconnected(event);
    default:
        return;
    }
}

static std::string flags_of(const wal::event &event) {
    using flag = wal::event_flags;
    static constexpr std::pair<flag, const char *> names[] = {
        {flag::transactional, "transactional"},
        {flag::old_key, "old_key"},
        {flag::old_full, "old_full"},
        {flag::cascade, "cascade"},
        {flag::restart_identity, "restart_identity"},
        {flag::streamed, "streamed"},
        {flag::first_segment, "first_segment"},
        {flag::discarded, "discarded"},
        {flag::rewound, "rewound"},
        {flag::unknown_prepare, "unknown_prepare"},
        {flag::ambiguous, "ambiguous"},
        {flag::snapshot, "snapshot"},
    };
    std::string text;
    for (const auto &[bit, name] : names)
        if (has(event.flags(), bit))
            text.append(text.empty() ? "" : "+").append(name);
    return text.empty() ? "-" : text;
}

/// Where a reconnect begins again depends on the clock: only whether there is such a position is told.
static std::string position(const wal::event &event, wal::lsn lsn) {
    return event.kind() == wal::event_kind::reconnected && lsn ? "some" : lsn.to_string();
}

static void lines(const wal::event &event) {
    const auto time = event.commit_time();
    std::cout << event.kind() << " flags=" << flags_of(event) << " lsn=" << position(event, event.lsn())
              << " commit_lsn=" << event.commit_lsn() << " ack_lsn=" << position(event, event.ack_lsn())
              << " time=" << (time ? since_2000(*time) : "0") << " xid=" << event.xid()
              << " subxid=" << event.subxid() << " seq=" << event.sequence() << '\n';
    particulars(event);
    std::cout << std::flush;
}

static void lines(const wal::error &error) {
    std::cout << "ERROR " << error.name() << " code=" << static_cast<int>(error.status())
              << " sqlstate=" << quoted(error.sqlstate()) << " os_errno=" << error.os_errno()
              << " retriable=" << error.retriable() << " fatal=" << error.fatal() << "\n  message "
              << quoted(error.message()) << "\n  detail " << quoted(error.detail()) << "\n  hint "
              << quoted(error.hint()) << std::endl;
}

// --- Running -----------------------------------------------------------------------------------------------

static void set_pair(wal::options &options, const std::string &pair) {
    const auto equals = pair.find('=');
    options.set(pair.substr(0, equals), equals == std::string::npos ? "" : pair.substr(equals + 1));
}

/// Sets what the stream's section says; false: there is no such section.
static bool set_section(wal::options &options, std::istream &file, const std::string &stream) {
    const std::string head = "[stream " + stream;
    bool found = false, inside = false;
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line[0] == '[') {
            inside = line.rfind(head, 0) == 0 && (line[head.size()] == ']' || line[head.size()] == ' ');
            found = found || inside;
        } else if (inside && !line.empty() && line[0] != '#') {
            set_pair(options, line);
        }
    }
    return found;
}

static bool is_end_marker(const wal::event &event) {
    constexpr std::string_view end = "content:end";
    const auto raw = as_text(event.raw());
    if (event.kind() == wal::event_kind::raw)
        return raw.size() >= end.size() && raw.substr(raw.size() - end.size()) == end;
    return event.kind() == wal::event_kind::message && event.message_prefix() == "scenario" &&
           event.message_text() == "end";
}

static void run(const wal::options &options) {
    wal::stream stream(options);
    stream.connect();
    bool ended = false;
    auto events = stream.events();
    for (const auto &event : events) {
        if (ended) { // what comes once everything is acknowledged
            if (event.kind() != wal::event_kind::progress)
                continue;
            std::cout << "PROGRESS\n";
            const auto stats = stream.stats();
            std::cout << "STATS reconnects=" << stats.reconnects << " timeline=" << stats.timeline
                      << " slot_known=" << (stats.stream_id > 0) << '\n';
            const auto beyond = stream.try_ack(wal::lsn(std::numeric_limits<std::uint64_t>::max()));
            std::cout << "ACK_BEYOND " << (beyond ? wal::status::ok : beyond.error().status()) << std::endl;
            return;
        }
        if (event.kind() != wal::event_kind::progress)
            lines(event);
        if (event.ack_lsn())
            stream.ack(event.ack_lsn());
        if (is_end_marker(event)) {
            ended = true;
            stream.flush();
            std::cout << "FLUSHED" << std::endl;
        }
    }
    if (events.ended_by() == wal::status::end)
        std::cout << "END" << std::endl;
}

static int at_a_loss(const char *what, const char *about) {
    std::cerr << "runner: " << what << ": " << about << '\n';
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return at_a_loss("usage", "runner SCENARIO STREAM CONNINFO SLOT [KEY=VALUE ...]");
    std::ifstream file(argv[1]);
    if (!file)
        return at_a_loss("cannot open the scenario", argv[1]);
    try {
        wal::options options{{"conninfo", argv[3]}, {"slot", argv[4]}};
        if (!set_section(options, file, argv[2]))
            return at_a_loss("the scenario has no such stream", argv[2]);
        for (int i = 5; i < argc; i++)
            set_pair(options, argv[i]);
        run(options);
    } catch (const wal::error &error) {
        lines(error);
    }
    return std::cout.flush() ? 0 : at_a_loss("cannot write", "stdout");
}
