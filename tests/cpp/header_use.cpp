// Uses every function of the C++ header, so that each is compiled: for tests/package/header-matrix, never
// run.
#include <pgwalstream.hpp>

#include <sstream>

namespace wal = pgwalstream;

struct pair_of {
    int id = 0;
    wal::cell<std::string> v;
};
template <> struct pgwalstream::members<pair_of> {
    static constexpr auto list =
        std::make_tuple(pgwalstream::member("id", &pair_of::id), pgwalstream::member("v", &pair_of::v));
};

template <class... T> static void ignore(const T &...) {}

template <class T> static void reads(const wal::value &value) {
    ignore(value.try_as<T>(), value.try_as<std::optional<T>>(), value.try_as<wal::cell<T>>());
#if PGWALSTREAM_EXCEPTIONS
    ignore(value.as<T>());
#endif
}

void tried(const wal::event &event, const wal::row &row);
void tried(const wal::event &event, const wal::row &row) {
    wal::named_column id("id");
    auto reader = wal::reader_of<pair_of>();
    ignore(event.try_clone(), event.relation().try_retain(), row.try_at("id"), row.try_at(id), row.find(id));
    ignore(row.try_as<pair_of>(), row.try_as<std::tuple<int, std::string_view>>(), reader.try_read(row));
    for (const wal::value value : row) {
        reads<bool>(value);
        reads<short>(value);
        reads<int>(value);
        reads<long>(value);
        reads<long long>(value);
        reads<unsigned short>(value);
        reads<unsigned>(value);
        reads<unsigned long long>(value);
        reads<float>(value);
        reads<double>(value);
        reads<std::string_view>(value);
        reads<std::string>(value);
        reads<std::vector<std::byte>>(value);
        reads<wal::uuid>(value);
        reads<wal::date>(value);
        reads<wal::timestamp>(value);
        reads<wal::timestamptz>(value);
        reads<std::chrono::microseconds>(value);
    }
#if defined(__cpp_lib_format)
    ignore(std::format("{} {:>8} {} {} {}", event.lsn(), event.kind(), event.reconnect_status(), wal::uuid{},
                       wal::error(wal::status::gap, "")));
#endif
    std::ostringstream out;
    out << event.lsn() << event.kind() << event.reconnect_status() << wal::uuid{}
        << wal::error(wal::status::gap, "");
}

void tried(wal::stream &stream, wal::connection &connection, wal::options &options);
void tried(wal::stream &stream, wal::connection &connection, wal::options &options) {
    using namespace std::chrono_literals;
    const auto hears = [](wal::log_level, std::string_view, std::string_view) {};
    ignore(options.try_set("slot", "s"), options.try_reset("slot"), options.try_get("slot"),
           options.try_log(wal::log_level::info, hears), wal::options::describe());
    ignore(wal::stream::try_make(options), wal::stream::try_open(options, 1s),
           wal::stream::try_replay("file"),
           wal::stream::try_replay_files(std::vector<std::string>{"a", "b"}));
    ignore(stream.try_connect(), stream.try_next(1s), stream.try_next_batch(1s), stream.try_ack(wal::lsn(1)),
           stream.try_flush(1s), stream.try_stats(), stream.try_slot_health(), wal::try_prometheus());
    for (const auto &event : stream.try_events(1s))
        tried(event, event.new_row());
    for (auto &batch : stream.try_batches(1s))
        ignore(batch.events(), batch.ack_lsn(), batch.size());
    ignore(wal::connection::try_make(options), wal::connection::try_open(options), connection.try_connect(),
           connection.try_check(), connection.try_release_snapshot(), connection.try_query("q"),
           connection.try_create_logical_slot("s"), connection.try_create_physical_slot("s"),
           connection.try_alter_slot("s", wal::slot_flags::failover, wal::slot_flags::none),
           connection.try_drop_slot("s"), connection.try_drop_slot_when_free("s"),
           connection.try_read_slot("s"), connection.try_slots(),
           connection.try_advance_slot("s", wal::lsn(1)), connection.try_copy_slot("s", "t"),
           connection.try_slot_health("s"), connection.try_create_publication("p", "t"),
           connection.try_drop_publication("p"), connection.try_publications(), connection.try_tables("p"));
    auto decoder = wal::decoder::try_make(options);
    ignore(decoder->try_feed(wal::lsn(), wal::bytes_view()), decoder->try_next_batch());
    std::size_t taken = 0;
    ignore(decoder->try_decode(nullptr, 0, taken));
    ignore(wal::try_set_engine_threads(1), wal::lsn::try_parse("0/1"));
}

#if PGWALSTREAM_EXCEPTIONS
void thrown(const wal::event &event, const wal::row &row);
void thrown(const wal::event &event, const wal::row &row) {
    wal::named_column id("id");
    wal::row_reader reader(wal::member("id", &pair_of::id));
    ignore(event.clone(), event.relation().retain(), row["id"], row[id], row[0], row.as<pair_of>(),
           reader(row));
}

void thrown(wal::stream &stream, wal::connection &connection, wal::options &options);
void thrown(wal::stream &stream, wal::connection &connection, wal::options &options) {
    using namespace std::chrono_literals;
    options.set("slot", "s")
        .set("binary", true)
        .set("batch_events", 64)
        .set("close_timeout", 1s)
        .reset("slot");
    options.log(wal::log_level::info, nullptr);
    ignore(options.get("slot"), wal::stream(options), wal::stream::open(options), wal::stream::replay("file"),
           wal::stream::replay_files(std::vector<std::string>{"a", "b"}));
    ignore(wal::stream::open({{"conninfo", "c"}, {"slot", "s"}, {"publication", "p"}}));
    ignore(wal::stream::open({{"conninfo", "c"}, {"slot", "s"}}), wal::stream::open({{"conninfo", "c"}}));
    stream.connect(1s);
    ignore(stream.next(1s), stream.next_batch(1s), stream.stats(), stream.slot_health(), wal::prometheus());
    stream.ack(wal::lsn(1));
    stream.flush(1s);
    for (const auto &event : stream.events())
        thrown(event, event.old_row());
    for (const auto &batch : stream.batches())
        ignore(batch);
    ignore(wal::connection(options), wal::connection::open(options), connection.query("q"));
    connection.connect();
    connection.check();
    connection.release_snapshot();
    ignore(connection.create_logical_slot("s"), connection.create_physical_slot("s"),
           connection.read_slot("s"), connection.slots(), connection.advance_slot("s", wal::lsn(1)),
           connection.copy_slot("s", "t"), connection.slot_health("s"), connection.publications(),
           connection.tables("p"));
    connection.alter_slot("s", wal::slot_flags::failover, wal::slot_flags::none);
    connection.drop_slot("s");
    connection.drop_slot_when_free("s");
    connection.create_publication("p", "t");
    connection.drop_publication("p");
    wal::decoder decoder(options);
    decoder.feed(wal::lsn(), wal::bytes_view());
    std::size_t taken = 0;
    ignore(decoder.decode(nullptr, 0, taken), decoder.next_batch(), wal::lsn::parse("0/1"));
    wal::set_engine_threads(1);
}
#endif

void recorded(const wal::record &record, const wal::record_block &block);
void recorded(const wal::record &record, const wal::record_block &block) {
    ignore(record.lsn(), record.end_lsn(), record.prev_lsn(), record.xid(), record.top_xid(),
           record.origin());
    ignore(record.timeline(), record.image_size(), record.rmgr(), record.rmgr_name(), record.info());
    ignore(record.kind_name(), record.is_opaque(), record.data(), record.main_data(), record.blocks());
    ignore(record.describe(), record.capi(), block.id(), block.tablespace(), block.database(),
           block.relation());
    ignore(block.fork(), block.block(), block.data(), block.image(), block.has_image(),
           block.is_initialised());
    ignore(block.is_image_applied(), block.compression(), block.try_page(), block.capi());
    auto reader = wal::record_reader::try_make();
    ignore(reader->try_feed(wal::lsn(), wal::bytes_view()), reader->try_next_batch());
    ignore(reader->position(), reader->segment_size(), reader->system_id());
#if PGWALSTREAM_EXCEPTIONS
    reader->read(wal::lsn(), wal::bytes_view(), [](const wal::record &) {});
    ignore(block.page());
#endif
}
