// cache_invalidation: answers questions about products from memory, and never from a memory that is out of
// date.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
//
//     c++ -std=c++17 cache_invalidation.cpp $(pkg-config --cflags --libs pgwalstream)
//     ./a.out CONNINFO PUBLICATION
//
// The publication covers a table products (id bigint PRIMARY KEY, name text, price numeric). Each line of
// stdin is an id that is asked for; the answer says whether it came from the memory ("hit") or from the
// database ("miss").
//
// The slot is a temporary one, made before anything is remembered: what changes later is heard of. A row that
// changes is forgotten, not updated: so the memory is right whatever the order in which loading and hearing
// happen. Before each answer the stream is read up to where the database stands, so that what was committed
// before the question counts.
#include <pgwalstream.hpp>

#include <charconv>
#include <iostream>
#include <random>
#include <string>
#include <unordered_map>

namespace wal = pgwalstream;

struct product {
    std::int64_t id = 0;
    std::string name;
    std::string price;
};

class product_cache {
  public:
    explicit product_cache(const wal::options &options)
        : name_(options.get("slot")), stream_(wal::stream::open(options)),
          database_(wal::connection::open(options)) {}

    // What the database says; nothing where it has no such product.
    const product *find(std::int64_t id) {
        catch_up();
        const auto known = products_.find(id);
        hit_ = known != products_.end();
        if (hit_)
            return &known->second;
        const auto rows =
            database_.query("SELECT name, price FROM products WHERE id = " + std::to_string(id));
        if (rows.empty())
            return nullptr;
        product found{id, std::string(rows.value(0, 0).value_or("")),
                      std::string(rows.value(0, 1).value_or(""))};
        return &products_.insert_or_assign(id, std::move(found)).first->second;
    }
    bool was_hit() const { return hit_; }

  private:
    // Hears of everything that was committed until now. A message of our own marks the place in the stream.
    void catch_up() {
        const std::string mark = name_ + " " + std::to_string(++asked_);
        database_.query("SELECT pg_logical_emit_message(true, 'cache', '" + mark + "')");
        for (;;) {
            const auto batch = stream_.next_batch();
            if (!batch)
                throw wal::error(batch.status(), "the stream ended");
            bool arrived = false;
            for (const auto &event : *batch) {
                forget(event);
                arrived =
                    arrived || (event.kind() == wal::event_kind::message && event.message_text() == mark);
            }
            if (batch->ack_lsn())
                stream_.ack(batch->ack_lsn());
            if (arrived)
                return;
        }
    }
    void forget(const wal::event &event) {
        switch (event.kind()) {
        case wal::event_kind::update:
        case wal::event_kind::delete_:
            // The old row comes where its key changed, and for every delete.
            if (const auto old = event.old_row())
                products_.erase(old[id_].as<std::int64_t>());
            else
                products_.erase(event.new_row()[id_].as<std::int64_t>());
            break;
        case wal::event_kind::truncate:
        case wal::event_kind::reconnected: // the temporary slot is gone with its connection: nothing is known
                                           // any more
            products_.clear();
            break;
        default: // an insert was never remembered
            break;
        }
    }

    std::string name_;
    std::uint64_t asked_ = 0;
    wal::stream stream_; // before the database: the slot is older than everything that is loaded
    wal::connection database_;
    wal::named_column id_{"id"};
    std::unordered_map<std::int64_t, product> products_;
    bool hit_ = false;
};

int main(int argc, char **argv) {
    if (argc != 3) {
        std::cerr << "Usage: cache_invalidation CONNINFO PUBLICATION\n";
        return 2;
    }
    try {
        product_cache cache(wal::options{{"conninfo", argv[1]},
                                         {"publication", argv[2]},
                                         {"slot", "cache_" + std::to_string(std::random_device()())},
                                         {"slot_create", "temporary"},
                                         {"messages", true}});
        for (std::string line; std::getline(std::cin, line);) {
            std::int64_t id = 0;
            if (std::from_chars(line.data(), line.data() + line.size(), id).ec != std::errc()) {
                std::cout << "an id is a number\n" << std::flush;
                continue;
            }
            const product *found = cache.find(id);
            std::cout << (cache.was_hit() ? "hit " : "miss ") << id << ' '
                      << (found == nullptr ? "no such product" : found->name + " " + found->price)
                      << std::endl;
        }
    } catch (const wal::error &error) {
        std::cerr << "cache_invalidation: " << error << '\n';
        return 1;
    }
}
