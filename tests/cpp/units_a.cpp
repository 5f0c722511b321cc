// One program of two units that both include everything: this one runs it.
#include "check.hpp"

std::string told_by_the_other(const pgwalstream::event &event);
pgwalstream::result<pgwalstream::lsn> parsed_by_the_other(std::string_view text);

int main() {
    const std::string name = "cpp_units";
    check::set_up(name);
    auto stream = check::open(name);
    sql("INSERT INTO cpp_units VALUES (1, 'one')");
    CHECK_EQ(told_by_the_other(check::next_of(stream, wal::event_kind::insert)), "INSERT one");
    CHECK(parsed_by_the_other("0/1") && !parsed_by_the_other("x"));
    try {
        wal::lsn::parse("x");
        CHECK(false);
    } catch (const wal::error &caught) {
        CHECK_EQ(caught.message(), parsed_by_the_other("x").error().message());
    }
    return check::finish();
}
