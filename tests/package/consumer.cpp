// The same through C++: with the C header alone, or with the C++ one where it is installed.
#ifdef WITH_HPP
#include <pgwalstream.hpp>
#else
#include <pgwalstream.h>
#endif

int main() {
    return wal_version() == WAL_VERSION_NUMBER ? 0 : 1;
}
