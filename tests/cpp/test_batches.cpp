// Batches: owned, read on any thread, mixed with single events, and counted.
#include "check.hpp"

#include <algorithm>
#include <atomic>
#include <dirent.h>
#include <vector>

static const std::string name = "cpp_batches";

static_assert(!std::is_copy_constructible_v<wal::batch> && std::is_nothrow_move_constructible_v<wal::batch>);
static_assert(!std::is_copy_constructible_v<wal::stream> &&
              std::is_nothrow_move_constructible_v<wal::stream>);
static_assert(!std::is_copy_constructible_v<wal::result<wal::stream>> &&
              std::is_move_assignable_v<wal::result<wal::stream>>);
static_assert(!std::is_copy_constructible_v<wal::event> && !std::is_move_constructible_v<wal::event>);

// Each event once, whoever reads it.
static void mixture() {
    auto stream = check::open(std::move(check::options_for(name).set("batch_events", 64)));
    sql("INSERT INTO cpp_batches SELECT g, 'mix' FROM generate_series(1, 500) g");
    std::uint64_t next = 0;
    bool done = false;
    const auto take = [&](const wal::event &event) {
        if (event.kind() == wal::event_kind::insert)
            CHECK_EQ(event.sequence(), next++);
        return event.ack_lsn() && next == 500;
    };
    for (unsigned round = 0; !done; round++) {
        if (round % 2 == 0) {
            for (int i = 0; i < 5 && !done; i++) {
                const auto event = stream.next(check::patience);
                REQUIRE(event);
                done = take(*event);
            }
            continue;
        }
        const auto batch = stream.next_batch(check::patience);
        REQUIRE(batch && !batch->empty() && batch->size() <= 64);
        CHECK_EQ(batch->events().size(), batch->size());
        wal::lsn highest;
        for (const auto &event : *batch) {
            done = take(event) || done;
            highest = std::max(highest, event.ack_lsn());
        }
        CHECK_EQ(batch->ack_lsn(), highest);
        CHECK_EQ(&(*batch)[0], batch->begin());
    }
    CHECK_EQ(next, 500u);
}

// Moved out of the loop, kept beyond the stream, read by other threads.
static void kept() {
    std::vector<wal::batch> kept;
    {
        auto stream = check::open(std::move(check::options_for(name).set("batch_events", 64)));
        std::size_t rows = 0;
        for (auto &batch : stream.batches(check::patience)) {
            rows += static_cast<std::size_t>(
                std::count_if(batch.begin(), batch.end(), [](const wal::event &event) {
                    return event.kind() == wal::event_kind::insert;
                }));
            kept.push_back(std::move(batch));
            CHECK(batch.empty() && batch.begin() == batch.end());
            if (rows >= 500)
                break;
        }
        CHECK(stream.stats().batches_live >= kept.size() && stream.stats().live_bytes > 0);
        // Given back, they are counted out.
        kept.erase(kept.begin(), kept.begin() + 2);
        CHECK_EQ(stream.stats().batches_live, kept.size());
    }
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([&] {
            for (const auto &batch : kept)
                for (const auto &event : batch)
                    if (event.is_change())
                        sum += event.new_row()["id"].as<int>();
        });
    for (auto &thread : threads)
        thread.join();
    long once = 0;
    for (const auto &batch : kept)
        for (const auto &event : batch.events())
            if (event.is_change())
                once += event.new_row()[0].as<int>();
    CHECK(once > 0);
    CHECK_EQ(sum.load(), 3 * once);
    std::thread([batch = std::move(kept.back())] { CHECK(!batch.empty()); }).join();
    kept.pop_back();
}

// What a loop goes over lives as long as the loop, though nobody named it.
static void unnamed() {
    auto stream = check::open(name);
    std::size_t rows = 0;
    while (rows < 500)
        for (const auto &event : *stream.next_batch(check::patience))
            rows += event.is_change() && event.new_row()["v"].as<std::string_view>() == "mix";
    for (const auto &option : wal::options::describe())
        CHECK(!option.name.empty());
    CHECK_EQ(rows, 500u);
}

// With ack=auto a batch that ended is acknowledged.
static void automatic() {
    {
        auto stream = check::open(std::move(check::options_for(name).set("ack", "auto")));
        wal::lsn all;
        for (const auto &batch : stream.batches(1s))
            all = std::max(all, batch.ack_lsn());
        CHECK(all);
        stream.flush(check::patience);
        CHECK_EQ(stream.stats().acked_lsn, all);
    }
    auto stream = check::open(name);
    for (const auto &event : stream.events(500ms))
        CHECK_EQ(event.kind(), wal::event_kind::progress);
}

static int entries(const char *folder) {
    DIR *dir = opendir(folder);
    REQUIRE(dir != nullptr);
    int count = 0;
    while (readdir(dir) != nullptr)
        count++;
    closedir(dir);
    return count;
}
static bool settles(const char *folder, int want) {
    for (int i = 0; i < 500 && entries(folder) > want; i++)
        std::this_thread::sleep_for(20ms);
    return entries(folder) <= want;
}

// Opening, moving and failing over and over leaves nothing behind: no descriptor and no thread.
static void leaves_nothing(int threads, int descriptors) {
    for (int i = 0; i < 20; i++) {
        auto stream = check::open(name);
        auto moved = std::move(stream);
        static_cast<void>(moved.next_batch(0ms));
        stream = std::move(moved);
        CHECK(stream.fd() >= 0 && moved.fd() == -1); // NOLINT: what was moved from is empty
    }
    for (int i = 0; i < 20; i++)
        CHECK_THROWS(wal::stream::open(std::move(check::options_for(name).set("slot", "none"))),
                     wal::status::slot_missing);
    for (int i = 0; i < 20; i++)
        CHECK(wal::stream(check::options_for(name)).fd() >= 0);
    CHECK(settles("/proc/self/task", threads));
    CHECK(settles("/proc/self/fd", descriptors));
}

int main() {
    check::set_up(name);
    const int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    mixture();
    kept();
    unnamed();
    automatic();
    leaves_nothing(threads, descriptors);
    return check::finish();
}
