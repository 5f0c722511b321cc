// What C++20 and C++23 make of the ranges and results: concepts, views, std::span, std::expected.
#include "check.hpp"

#include <algorithm>
#include <ranges>
#include <span>
#include <vector>

static const std::string name = "cpp_ranges";

static_assert(std::ranges::contiguous_range<const wal::batch> && std::ranges::sized_range<const wal::batch>);
static_assert(std::ranges::random_access_range<wal::row> && std::ranges::sized_range<wal::row>);
static_assert(std::ranges::random_access_range<wal::columns>);
static_assert(std::ranges::random_access_range<const wal::slot_list>);
static_assert(std::ranges::random_access_range<const wal::publication_list>);
static_assert(std::ranges::random_access_range<const wal::table_list>);
static_assert(std::ranges::input_range<decltype(std::declval<wal::stream &>().events())>);
static_assert(std::ranges::input_range<decltype(std::declval<wal::stream &>().batches())>);
static_assert(std::ranges::viewable_range<decltype(std::declval<wal::stream &>().events())>);
static_assert(std::is_same_v<wal::bytes_view, std::span<const std::byte>>);
#if defined(__cpp_lib_expected)
static_assert(std::is_same_v<wal::result<int>, std::expected<int, wal::error>>);
#endif
#if defined(__cpp_lib_format)
static void formats() {
    CHECK_EQ(std::format("{} {:>8} {}", wal::lsn(1), wal::event_kind::insert, wal::status::end),
             "0/1   INSERT WAL_END");
    CHECK_EQ(std::format("{}", wal::error(wal::status::gap, "x")), "WAL_E_GAP: x");
}
#else
static void formats() {}
#endif

static bool is_insert(const wal::event &event) {
    return event.kind() == wal::event_kind::insert;
}

int main() {
    formats();
    check::set_up(name);
    sql("INSERT INTO cpp_ranges SELECT g, repeat('x', g) FROM generate_series(1, 10) g");
    auto stream = check::open(name);
    auto ids = stream.events(check::patience) | std::views::filter(is_insert) |
               std::views::transform([](const wal::event &event) { return event.new_row()["id"].as<int>(); });
    std::vector<int> seen;
    for (const int id : ids) {
        seen.push_back(id);
        if (id == 5)
            break;
    }
    CHECK(seen == std::vector<int>({1, 2, 3, 4, 5}));
    std::vector<wal::batch> rest; // one or several, as they came
    for (std::ptrdiff_t inserts = 0; inserts < 5;) {
        auto batch = stream.next_batch(check::patience);
        REQUIRE(batch);
        inserts += std::ranges::count_if(*batch, is_insert);
        CHECK(inserts <= 5);
        rest.push_back(*std::move(batch));
    }
    const std::span<const wal::event> events = rest.back().events();
    const auto last = std::ranges::find_if(events | std::views::reverse, is_insert);
    const auto lengths =
        last->new_row() | std::views::transform([](wal::value value) { return value.bytes().size(); });
    CHECK(std::ranges::equal(lengths, std::vector<std::size_t>{2, 10}));
    CHECK_EQ(std::ranges::distance(last->relation().columns()), 2);
    return check::finish();
}
