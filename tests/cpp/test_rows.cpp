// Rows: by place and by name, into tuples and structs, across a change of the table.
#include "check.hpp"

#include <iterator>

static const std::string name = "cpp_rows";

struct account {
    std::int64_t id = 0;
    std::string owner;
    std::optional<double> credit;
    wal::cell<std::string> note;
};
template <> struct pgwalstream::members<account> {
    static constexpr auto list = std::make_tuple(
        pgwalstream::member("id", &account::id), pgwalstream::member("owner", &account::owner),
        pgwalstream::member("credit", &account::credit), pgwalstream::member("note", &account::note));
};

static void shapes(const wal::row &row) {
    CHECK_EQ(row.size(), 4u);
    CHECK_EQ(std::distance(row.begin(), row.end()), 4);
    CHECK_EQ(row[1].as<std::string>(), "Ada");
    CHECK_EQ(row["owner"].as<std::string>(), "Ada");
    CHECK_EQ(row[std::string_view("owner")].as<std::string>(), "Ada");
    CHECK_EQ(row.find("owner")->as<std::string>(), "Ada");
    CHECK(!row.find("Owner") && !row.find("") && !row.find(std::string_view("id\0x", 4)));
    CHECK(!row.find(std::string(1000, 'x')));
    CHECK_EQ(check::status_of(row.try_at("none")), wal::status::invalid_argument);
    CHECK_THROWS(row["none"], wal::status::invalid_argument);
    CHECK_EQ(row.try_at("none").error().message(),
             "table \"public.cpp_rows\" has no published column \"none\"");

    std::string names;
    for (const auto &column : row.relation().columns())
        names.append(column.name()).append(column.is_key() ? "* " : " ");
    CHECK_EQ(names, "id* owner credit note ");
    CHECK_EQ(row.relation().columns()[1].typmod(), 24); // varchar(20)
    CHECK_EQ((row.begin() + 2)->column().name(), "credit");
    CHECK_EQ(row.end() - row.begin(), 4);

    const auto [id, owner] = row.as<std::tuple<std::int64_t, std::string_view>>();
    CHECK_EQ(id, 1);
    CHECK_EQ(owner, "Ada");
    const auto one = row.as<account>();
    CHECK_EQ(one.id, 1);
    CHECK_EQ(one.owner, "Ada");
    CHECK_EQ(one.credit.value(), 12.5);
    CHECK(one.note.is_null());

    using five = std::tuple<int, std::string, double, std::optional<int>, int>;
    CHECK_EQ(check::status_of(row.try_as<five>()), wal::status::out_of_range);
    using wrong = std::tuple<int, int>;
    CHECK_EQ(check::status_of(row.try_as<wrong>()), wal::status::type);
}

static void the_definition_changes() {
    auto stream = check::open(name);
    sql("INSERT INTO cpp_rows VALUES (1, 'Ada', 12.5, NULL)");
    shapes(check::next_of(stream, wal::event_kind::insert).new_row());

    wal::row_reader reader(wal::member("owner", &account::owner), wal::member("credit", &account::credit));
    auto whole = wal::reader_of<account>();
    wal::named_column owner("owner"), missing("missing");
    sql("INSERT INTO cpp_rows VALUES (2, 'Bob')");
    {
        const auto &event = check::next_of(stream, wal::event_kind::insert);
        CHECK_EQ(event.relation().generation(), 1u);
        CHECK_EQ(event.new_row()[owner].as<std::string>(), "Bob");
        CHECK(owner.index_in(event.relation()) == 1u);
        CHECK(!event.new_row().find(missing));
        CHECK_THROWS(event.new_row()[missing], wal::status::invalid_argument);
        CHECK_EQ(reader(event.new_row()).owner, "Bob");
        CHECK_EQ(whole(event.new_row()).id, 2);
        CHECK(!reader(event.new_row()).credit);
    }
    // The column moves to another place, and the one that was missing comes.
    sql("ALTER TABLE cpp_rows DROP note; ALTER TABLE cpp_rows RENAME owner TO old; ALTER TABLE cpp_rows DROP "
        "old; "
        "ALTER TABLE cpp_rows ADD owner text, ADD missing int; "
        "INSERT INTO cpp_rows (id, owner, missing) VALUES (3, 'Cleo', 7)");
    {
        const auto &event = check::next_of(stream, wal::event_kind::insert);
        CHECK_EQ(event.relation().generation(), 2u);
        const auto changes = event.relation().changes();
        std::string made;
        for (const auto change : *changes) {
            made += std::string(wal::name(change.kind())) + " " + std::string(change.name_before()) + ";";
        }
        CHECK_EQ(made, "COLUMN_DROPPED owner;COLUMN_REPLACED note;COLUMN_ADDED ;");
        CHECK(owner.index_in(event.relation()) == 2u);
        CHECK_EQ(event.new_row()[owner].as<std::string>(), "Cleo");
        CHECK_EQ(event.new_row()[missing].as<int>(), 7);
        CHECK_EQ(reader(event.new_row()).owner, "Cleo");
        CHECK_EQ(check::status_of(whole.try_read(event.new_row())), wal::status::invalid_argument); // no note
        CHECK_THROWS(event.new_row().as<account>(), wal::status::invalid_argument);
    }
    // An event without a row.
    const auto &commit = check::next_of(stream, wal::event_kind::commit);
    CHECK(!commit.new_row() && commit.new_row().empty() && !commit.new_row().find("id"));
    CHECK_EQ(check::status_of(commit.new_row().try_at(owner)), wal::status::invalid_argument);
    CHECK(commit.new_row().begin() == commit.new_row().end());
    CHECK(commit.relation().name().empty() && commit.relation().columns().empty());
    CHECK_EQ(check::status_of(commit.relation().try_retain()), wal::status::invalid_argument);
}

int main() {
    check::set_up(name, "id int PRIMARY KEY, owner varchar(20), credit float8, note text");
    the_definition_changes();
    return check::finish();
}
