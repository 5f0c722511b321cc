// The same through the C++ header: proves that both headers and the library are of one version, and that the
// library is called. No server is needed, and no exceptions.
#include <pgwalstream.hpp>

#include <iostream>

int main() {
    namespace wal = pgwalstream;
    wal::options options;
    const bool set = options.try_set("slot", "shop").has_value();
    const auto wrong = options.try_set("slott", "shop");
    const auto stream = wal::stream::try_open(options);
    const auto position = wal::lsn::try_parse("0/1A2B3C4");
    if (!set || wrong || stream || !position)
        return 1;
    std::cout << "header " << wal::header_version << ", library " << wal::version_text() << ", " << *position
              << ", " << wrong.error() << '\n';
    return wal::library_version() == wal::header_version &&
                   wrong.error().status() == wal::status::unknown_option &&
                   stream.error().status() == wal::status::bad_option
               ? 0
               : 1;
}
