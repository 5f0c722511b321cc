/* The smallest program that links libpgwalstream: proves that header and library are of one version. */
#include <pgwalstream.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    char expected[64];

    snprintf(expected, sizeof expected, "%d.%d.%d", WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH);
    printf("header %s, library %s\n", expected, wal_version_string());
    return wal_version() == WAL_VERSION_NUMBER && strcmp(wal_version_string(), expected) == 0 ? 0 : 1;
}
