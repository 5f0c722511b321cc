// One program of two units that both include everything: this one is called.
#include <pgwalstream.hpp>
#include <pgwalstream/stream.hpp>

#include <pgwalstream.hpp>

std::string told_by_the_other(const pgwalstream::event &event);
std::string told_by_the_other(const pgwalstream::event &event) {
    return std::string(name(event.kind())) + " " + event.new_row()["v"].as<std::string>();
}
pgwalstream::result<pgwalstream::lsn> parsed_by_the_other(std::string_view text);
pgwalstream::result<pgwalstream::lsn> parsed_by_the_other(std::string_view text) {
    return pgwalstream::lsn::try_parse(text);
}
