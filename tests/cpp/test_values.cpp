// Values of every type that is read, as text and as binary, and everything that a value can fail with.
#include "check.hpp"

#include <cmath>
#include <limits>
#include <map>

static const std::string name = "cpp_values";

struct reversed { // a type of the program's own
    std::string text;
};
template <> struct pgwalstream::value_reader<reversed> {
    static result<reversed> read(const value &from) {
        const auto text = from.try_as<std::string>();
        if (!text)
            return detail::failure(text.error());
        return reversed{std::string(text->rbegin(), text->rend())};
    }
};

template <class T> static wal::status fails(const wal::value &value) {
    return check::status_of(value.try_as<T>());
}

static void the_first_row(const wal::row &row, bool binary) {
    CHECK_EQ(row["b"].as<bool>(), true);
    CHECK_EQ(row["i2"].as<std::int16_t>(), std::numeric_limits<std::int16_t>::min());
    CHECK_EQ(row["i4"].as<std::int32_t>(), std::numeric_limits<std::int32_t>::max());
    CHECK_EQ(row["i8"].as<std::int64_t>(), std::numeric_limits<std::int64_t>::max());
    CHECK_EQ(row["i8"].as<long long>(), std::numeric_limits<long long>::max());
    CHECK_EQ(row["i8"].as<std::uint64_t>(),
             static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    CHECK_EQ(row["o"].as<std::uint32_t>(), 4294967295u);
    CHECK_EQ(row["f4"].as<float>(), 1.5f);
    CHECK_EQ(row["f8"].as<double>(), 1e300);
    CHECK_EQ(row["t"].as<std::string_view>(), "q\" \xe2\x82\xac");
    CHECK_EQ(row["t"].as<std::string>(), "q\" \xe2\x82\xac");
    CHECK_EQ(row["t"].as<reversed>().text, "\xac\x82\xe2 \"q");
    const auto bytes = row["y"].as<std::vector<std::byte>>();
    CHECK(bytes == std::vector<std::byte>({std::byte{0}, std::byte{0xff}}));
    CHECK_EQ(to_string(row["u"].as<wal::uuid>()), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    CHECK_EQ(row["d"].as<wal::date>().time_since_epoch().count(), 19782); // 2024-02-29
    CHECK(row["c"].as<std::chrono::microseconds>() == 12h + 34min + 56s + 789us);
    CHECK(row["ts"].as<wal::timestamp>().time_since_epoch() == 19782 * 24h + 12h + 1us);
    CHECK(row["tz"].as<wal::timestamptz>().time_since_epoch() == 19782 * 24h + 11h);
    CHECK_EQ(std::chrono::system_clock::to_time_t(row["tz"].as<wal::timestamptz>()), 1709204400);
    CHECK_EQ(row["i4"].kind(), binary ? wal::value_kind::binary : wal::value_kind::text);
    CHECK_EQ(row["i4"].text().has_value(), !binary);
    CHECK_EQ(row["i4"].bytes().size(), binary ? 4u : 10u);
    CHECK_EQ(row["i4"].column().name(), "i4");
    CHECK_EQ(row["i4"].column().type_oid(), 23u);
    CHECK(row["i4"].as<std::optional<int>>() == std::numeric_limits<int>::max());
    CHECK(*row["i4"].as<wal::cell<int>>() == std::numeric_limits<int>::max());

    CHECK_EQ(row["tz"].format(), "2024-02-29 11:00:00+00");
    CHECK_EQ(row["y"].format(), "\\x00ff");
    CHECK_EQ(row["u"].format(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    CHECK_EQ(*row["i8"].try_format(), "9223372036854775807");

    CHECK_EQ(fails<std::int32_t>(row["i8"]), wal::status::out_of_range);
    CHECK_EQ(fails<std::uint16_t>(row["i4"]), wal::status::out_of_range);
    CHECK_EQ(fails<std::uint64_t>(row["i2"]), wal::status::out_of_range);
    CHECK_EQ(fails<bool>(row["t"]), wal::status::type);
    CHECK_EQ(fails<wal::uuid>(row["t"]), wal::status::type);
    CHECK_EQ(fails<std::vector<std::byte>>(row["i4"]), wal::status::type);
    CHECK_THROWS(row["t"].as<int>(), wal::status::type);
    CHECK_EQ(fails<std::optional<int>>(row["t"]), wal::status::type);
    CHECK_EQ(fails<wal::cell<int>>(row["t"]), wal::status::type);
}

static void the_extremes(const wal::row &row) {
    CHECK(std::isnan(row["f4"].as<float>()) && std::isinf(row["f8"].as<double>()));
    CHECK(row["d"].as<wal::date>() == wal::date::max());
    CHECK(row["ts"].as<wal::timestamp>() == wal::timestamp::min());
    CHECK(row["tz"].as<wal::timestamptz>() == wal::timestamptz::max());
    CHECK_EQ(row["t"].as<std::string>(), "");
    CHECK(row["t"] && row["t"].text() == "");
    CHECK(row["y"].as<std::vector<std::byte>>().empty());
    CHECK_EQ(row["b"].as<bool>(), false);
    CHECK(row["c"].as<std::chrono::microseconds>() == 24h);
}

static void nothing(const wal::row &row) {
    for (const wal::value value : row) {
        if (value.column().name() == "id")
            continue;
        CHECK(value.is_null() && !value && !value.text() && value.bytes().empty());
        CHECK_EQ(value.kind(), wal::value_kind::null);
        CHECK_EQ(fails<std::string>(value), wal::status::no_value);
        CHECK_EQ(fails<int>(value), wal::status::no_value);
        CHECK_EQ(fails<std::vector<std::byte>>(value), wal::status::no_value);
        CHECK_EQ(fails<wal::timestamptz>(value), wal::status::no_value);
        CHECK(value.as<std::optional<std::string>>() == std::nullopt);
        CHECK(value.as<wal::cell<std::string>>().is_null() && !value.as<wal::cell<std::string>>());
    }
}

static void read(bool binary) {
    auto stream = check::open(std::move(check::options_for(name).set("binary", binary)));
    the_first_row(check::next_of(stream, wal::event_kind::insert).new_row(), binary);
    the_extremes(check::next_of(stream, wal::event_kind::insert).new_row());
    nothing(check::next_of(stream, wal::event_kind::insert).new_row());
    // Beyond what fits into microseconds since 1970.
    const auto &far = check::next_of(stream, wal::event_kind::insert);
    CHECK_EQ(fails<wal::timestamptz>(far.new_row()["tz"]), wal::status::out_of_range);
    CHECK_EQ(fails<wal::timestamp>(far.new_row()["ts"]), wal::status::out_of_range);
    // Three kinds of nothing.
    const auto &update = check::next_of(stream, wal::event_kind::update);
    const auto big = update.new_row()["t"];
    CHECK(big.is_unchanged() && !big && !big.is_null());
    CHECK_EQ(fails<std::string>(big), wal::status::no_value);
    CHECK_EQ(fails<std::optional<std::string>>(big), wal::status::no_value);
    CHECK(big.as<wal::cell<std::string>>().is_unchanged());
    const auto &removed = check::next_of(stream, wal::event_kind::delete_);
    CHECK(removed.old_row()["t"].is_absent());
    CHECK(removed.old_row()["t"].as<wal::cell<std::string>>().is_absent());
    CHECK_EQ(removed.old_row()["id"].as<int>(), 5);
}

// S14: a domain is read as its base, and an error says which value it was.
static void domains(bool binary) {
    auto stream = check::open(std::move(check::options_for("cpp_types").set("binary", binary)));
    const wal::row row = check::next_of(stream, wal::event_kind::insert).new_row();
    CHECK_EQ(row["word"].as<std::int32_t>(), 1633837924);
    CHECK_EQ(row["big"].as<double>(), 42.0);
    CHECK_EQ(row["doc"].as<std::string>(), "{}");
    CHECK_EQ(row["mood"].as<std::string>(), "able");
    CHECK_EQ(row["empty"].as<std::string>(), "");
    const auto refused = row["mood"].try_as<std::int32_t>();
    CHECK_EQ(check::status_of(refused), wal::status::type);
    CHECK(std::string(refused.error().what())
              .find("table public.cpp_types, column \"mood\" (public.cpp_mood") != std::string::npos);
    const wal::type_info word = row["word"].column().type_info();
    CHECK(word.kind() == wal::type_kind::domain && word.source() == wal::type_source::stream);
    CHECK(word.base().sql_name() == "integer" && word.is_resolved() && word.name().empty());
    const wal::type_info mood = row["mood"].column().type_info();
    CHECK(mood.kind() == wal::type_kind::unknown && !mood.is_resolved() && !mood.base());
    CHECK(mood.schema() == "public" && mood.name() == "cpp_mood" && wal::name(mood.kind()) == "UNKNOWN");
    CHECK(wal::type_info::built_in(1007).element().name() == "int4" && !wal::type_info::built_in(0));
}

// Types that C++ has none for.
static void scalars(bool binary) {
    auto stream = check::open(std::move(check::options_for("cpp_scalars").set("binary", binary)));
    const wal::row row = check::next_of(stream, wal::event_kind::insert).new_row();
    const auto number = row["num"].as<wal::numeric>();
    CHECK(number.is_finite() && number.is_negative() && number.scale() == 4);
    CHECK_EQ(number.text(), "-12345.6780");
    CHECK(number.int128_at(3) == (wal::int128{-1, ~std::uint64_t{0} - 12345677}));
    CHECK_EQ(check::status_of(number.try_int128_at(2)), wal::status::out_of_range);
    CHECK_EQ(number.float64(), -12345.678);
    CHECK(row["span"].as<wal::interval>() == (wal::interval{14, -3, -500ms}));
    const auto clock = row["clock"].as<wal::timetz>();
    CHECK(clock.time == 24h && clock.offset == -57599s);
    CHECK_EQ(row["cash"].as<wal::money>().units, -1234);
    const auto net = row["net"].as<wal::inet>();
    CHECK(net.version == 4 && net.bits == 24 && !net.is_cidr && net.address[0] == 10 && net.address[3] == 1);
    const auto bits = row["bits"].as<wal::bit_string>();
    CHECK(bits.count == 10 && bits.bytes == std::vector<std::byte>({std::byte{0xaf}, std::byte{0x40}}));
    CHECK(row["place"].as<wal::tid>().block == 42 && row["place"].as<wal::tid>().offset == 7);
    CHECK(row["spot"].as<wal::point>().x == -1.5 && std::isinf(row["spot"].as<wal::point>().y));
    CHECK_EQ(to_string(row["position"].as<wal::lsn>()), "16/B374D848");
    CHECK_EQ(row["long"].as<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
    CHECK(row["nothing"].as<std::optional<wal::interval>>() == std::nullopt);
    CHECK_EQ(fails<wal::interval>(row["num"]), wal::status::type);
}

// Values with parts, as containers and by a reader that is used again.
static void nested(bool binary) {
    auto stream = check::open(std::move(check::options_for("cpp_nested").set("binary", binary)));
    const wal::row row = check::next_of(stream, wal::event_kind::insert).new_row();
    using ints = std::vector<std::optional<int>>;
    CHECK(row["ints"].as<ints>() == (ints{1, std::nullopt, 3}));
    CHECK_EQ(fails<std::vector<int>>(row["ints"]), wal::status::no_value);
    using matrix = std::vector<std::vector<int>>;
    CHECK(row["matrix"].as<matrix>() == (matrix{{1, 2, 3}, {4, 5, 6}}));
    CHECK_EQ(fails<std::vector<int>>(row["matrix"]), wal::status::type);
    CHECK(row["none"].as<matrix>().empty());
    using words = std::vector<std::string>;
    CHECK(row["words"].as<words>() == (words{"a", "", "NULL", "q\"u\\o, {x}"}));
    CHECK(row["moods"].as<words>() == (words{"able", "so so"}));
    CHECK(row["span"].as<wal::range<int>>() == (wal::range<int>{false, 1, 11, true, false}));
    const auto until = row["until"].as<wal::range<wal::timestamptz>>();
    CHECK(!until.lower && until.upper == wal::timestamptz::max() && until.upper_inclusive);
    CHECK_EQ(row["spans"].as<std::vector<wal::range<int>>>().size(), 2u);
    using pair = std::tuple<std::optional<int>, std::string>;
    CHECK(row["pairs"].as<std::vector<pair>>() == (std::vector<pair>{{1, "x"}, {std::nullopt, "(y,\"z\")"}}));
    CHECK_EQ(fails<std::vector<std::tuple<int>>>(row["pairs"]), wal::status::type);
    using map = std::map<std::string, std::optional<std::string>>;
    CHECK(row["tags"].as<map>() == (map{{"a", "1"}, {"b c", std::nullopt}}));
    CHECK(row["nothing"].as<std::optional<std::vector<int>>>() == std::nullopt);
    CHECK_EQ(fails<std::vector<int>>(row["nothing"]), wal::status::no_value);
    CHECK_EQ(fails<std::vector<int>>(row["id"]), wal::status::type);

    for (const char *column : {"span", "tags", "lexemes", "ring"}) {
        CHECK_EQ(fails<std::vector<int>>(row[column]), wal::status::type);
        CHECK_EQ(fails<words>(row[column]), wal::status::type);
    }
    CHECK_EQ(fails<wal::range<std::int64_t>>(row["reals"]), wal::status::type);

    wal::nested parts;
    CHECK(parts.size() == 0 && parts.shape() == wal::shape::any);
    parts.read(row["ints"]);
    int sum = 0;
    for (const wal::value item : parts.items())
        sum += item.as<std::optional<int>>().value_or(10);
    CHECK(sum == 14 && parts[2].column().type_info().sql_name() == "integer");
    CHECK(parts.dimensions().size() == 1 && parts.dimensions()[0].size == 3 &&
          parts.dimensions()[0].lower == 5);
    parts.read(row["way"]);
    CHECK(parts.is_closed() && parts.shape() == wal::shape::geometry && parts[1].as<wal::point>().y == 4);
    CHECK_EQ(check::status_of(parts.try_read(row["moods"])), wal::status::type);
    CHECK_EQ(parts.size(), 0u);
    parts.read(row["reals"], wal::shape::range, wal::type_info::built_in(701));
    CHECK(parts[0].as<double>() == 1.5 && parts[0].column().type_info().sql_name() == "double precision");
    CHECK_EQ(check::status_of(parts.try_read(row["reals"], wal::shape::range, wal::type_info(nullptr), ';')),
             wal::status::type);
    if (!binary)
        CHECK_EQ(check::status_of(parts.try_read(row["boxes"], wal::shape::array)), wal::status::type);
    parts.read(row["boxes"], wal::shape::array, wal::type_info(nullptr), ';');
    CHECK_EQ(parts.size(), 2u);
    CHECK_EQ(wal::name(wal::shape::hstore), "HSTORE");
}

int main() {
    check::set_up(
        name, "id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, t text, "
              "y bytea, u uuid, d date, c time, ts timestamp, tz timestamptz");
    sql("ALTER TABLE cpp_values ALTER t SET STORAGE EXTERNAL");
    sql("SET timezone = 'UTC'; INSERT INTO cpp_values VALUES (1, true, -32768, 2147483647, "
        "9223372036854775807, "
        "4294967295, 1.5, 1e300, U&'q\" \\20AC', '\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', "
        "'2024-02-29', "
        "'12:34:56.000789', '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00+01')");
    sql("INSERT INTO cpp_values (id, b, f4, f8, t, y, d, c, ts, tz) VALUES (2, false, 'NaN', '-Infinity', "
        "'', '', "
        "'infinity', '24:00:00', '-infinity', 'infinity')");
    sql("INSERT INTO cpp_values (id) VALUES (3)");
    sql("INSERT INTO cpp_values (id, ts, tz) VALUES (4, '294276-12-31', '294276-12-31')");
    sql("INSERT INTO cpp_values (id, t) VALUES (5, repeat('x', 100000))");
    sql("UPDATE cpp_values SET b = true WHERE id = 5");
    sql("DELETE FROM cpp_values WHERE id = 5");
    read(false);
    read(true);
    sql("DROP TABLE IF EXISTS cpp_types; DROP DOMAIN IF EXISTS cpp_int, cpp_big, cpp_doc; DROP TYPE IF "
        "EXISTS "
        "cpp_mood; CREATE DOMAIN cpp_int AS int; CREATE DOMAIN cpp_big AS bigint; CREATE DOMAIN cpp_doc AS "
        "jsonb; "
        "CREATE TYPE cpp_mood AS ENUM ('able')");
    check::set_up("cpp_types", "id int PRIMARY KEY, word cpp_int, big cpp_big, doc cpp_doc, mood cpp_mood, "
                               "empty \"char\"");
    sql("INSERT INTO cpp_types VALUES (1, 1633837924, 42, '{}', 'able', '')");
    domains(false);
    domains(true);
    check::set_up("cpp_scalars",
                  "num numeric, span interval, clock timetz, cash money, net inet, bits varbit, "
                  "place tid, spot point, position pg_lsn, long xid8, nothing interval");
    sql("INSERT INTO cpp_scalars VALUES (-12345.6780, '1 year 2 mons -3 days -00:00:00.5', "
        "'24:00:00-15:59:59', "
        "(-12.34)::numeric::money, '10.0.0.1/24', B'1010111101', '(42,7)', '(-1.5,Infinity)', '16/B374D848', "
        "'18446744073709551615')");
    scalars(false);
    scalars(true);
    sql("DROP TABLE IF EXISTS cpp_nested; DROP TYPE IF EXISTS cpp_pair, cpp_feeling, cpp_reals; DROP DOMAIN "
        "IF EXISTS cpp_box; CREATE TYPE cpp_pair AS "
        "(a int, b text); CREATE TYPE cpp_feeling AS ENUM ('able', 'so so'); CREATE EXTENSION IF NOT EXISTS "
        "hstore; CREATE TYPE cpp_reals AS RANGE (subtype = float8); CREATE DOMAIN cpp_box AS box");
    check::set_up("cpp_nested", "id int PRIMARY KEY, ints int[], matrix int[], none int[], words text[], "
                                "moods cpp_feeling[], span int4range, until tstzrange, spans int4multirange, "
                                "pairs cpp_pair[], tags hstore, way path, nothing int[], lexemes tsvector, "
                                "ring circle, reals cpp_reals, boxes cpp_box[]");
    sql("INSERT INTO cpp_nested VALUES (1, '[5:7]={1,NULL,3}', '{{1,2,3},{4,5,6}}', '{}', ARRAY['a', '', "
        "'NULL', E'q\"u\\\\o, {x}'], '{able,so so}', '[1,10]', '(,infinity]', '{[1,2),[5,6)}', "
        "ARRAY[ROW(1, 'x'), ROW(NULL, '(y,\"z\")')]::cpp_pair[], 'a=>1, \"b c\"=>NULL', '((1,2),(3,4))', "
        "NULL, "
        "'a:1 b', '<(1,2),3>', '[1.5,2]', '{(1,1),(0,0);(2,2),(0,0)}')");
    nested(false);
    nested(true);
    return check::finish();
}
