/* wal_dump: prints the records of a WAL segment, a line each, as pg_waldump of any release from 14 to 18.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows how WAL is fed to a reader of records in any cut, and how its batches are read. It needs no server.
 *
 *     cc -std=c99 wal_dump.c $(pkg-config --cflags --libs pgwalstream) -o wal_dump
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgwalstream.h>

static const char help[] =
    "Prints the records of a WAL segment, say of pg_wal or of an archive.\n"
    "\n"
    "Options:\n"
    "  --quiet    print nothing, and only check the records\n"
    "  --version  versions of the library and of the header it was compiled with\n"
    "  --help     this text\n"
    "\n"
    "Exit status: 0 the segment was read to its end, or to where the WAL ends, which is said on\n"
    "stderr; 1 it is damaged, or another error; 2 the command line is wrong.\n";

enum { DONE = 0, FAILED = 1, USAGE = 2 };

static int fail(wal_error *error) {
    fprintf(stderr, "wal_dump: %s\n", wal_error_message(error));
    wal_error_free(error);
    return FAILED;
}

/* Prints a record. Few lines are long: a commit names all that it drops. */
static void print(const wal_record *record) {
    char line[1024];
    size_t length = wal_record_describe(record, line, sizeof line);
    char *whole = length < sizeof line ? NULL : malloc(length + 1);

    if (whole != NULL)
        wal_record_describe(record, whole, length + 1);
    puts(whole != NULL ? whole : line);
    free(whole);
}

/* Prints the records of a batch. */
static void print_batch(const wal_record_batch *batch) {
    size_t count, i;
    const wal_record *records = wal_record_batch_records(batch, &count);

    for (i = 0; i < count; i++)
        print(&records[i]);
}

/* Gives bytes to the reader, and prints what comes of them. */
static wal_status give(wal_records *records, uint64_t lsn, const unsigned char *data, size_t len, int quiet,
                       wal_error **error) {
    while (len > 0) {
        wal_record_batch *batch;
        size_t taken;
        wal_status status = wal_records_feed(records, lsn, data, len, &taken, error);

        if (status < 0)
            return status;
        lsn += taken;
        data += taken;
        len -= taken;
        while ((status = wal_records_next_batch(records, &batch, error)) == WAL_OK) {
            if (!quiet)
                print_batch(batch);
            wal_record_batch_free(batch);
        }
        if (status < 0)
            return status;
    }
    return WAL_OK;
}

/* Where the first page says that it stands: bytes 8 to 15, the lower first. */
static uint64_t address(const unsigned char *page) {
    uint64_t lsn = 0;
    int i;

    for (i = 15; i >= 8; i--)
        lsn = lsn << 8 | page[i];
    return lsn;
}

static int dump(FILE *file, int quiet) {
    static unsigned char piece[128 * 1024];
    wal_records *records;
    wal_error *error = NULL;
    wal_status status = WAL_OK;
    uint64_t lsn = 0;
    size_t len;
    int is_first = 1, is_end;

    if (wal_records_new(0, 0, &records, &error) != WAL_OK)
        return fail(error);
    while (status == WAL_OK && (len = fread(piece, 1, sizeof piece, file)) > 0) {
        if (is_first && len >= 16)
            lsn = address(piece);
        is_first = 0;
        status = give(records, lsn, piece, len, quiet, &error);
        lsn += len;
    }
    lsn = wal_records_position(records);
    is_end = wal_records_at_end(records);
    wal_records_free(records);
    if (ferror(file)) {
        fprintf(stderr, "wal_dump: the file cannot be read: %s\n", strerror(errno));
        wal_error_free(error);
        return FAILED;
    }
    /* Behind the last record stands what is none. Before the first one it is no WAL at all. */
    if (is_end && lsn != 0) {
        fprintf(stderr, "wal_dump: the WAL ends at " WAL_LSN_FMT ": %s\n", WAL_LSN_ARGS(lsn),
                wal_error_message(error));
        wal_error_free(error);
        return DONE;
    }
    return status < 0 ? fail(error) : DONE;
}

int main(int argc, char **argv) {
    const char *path = NULL;
    FILE *file;
    int quiet = 0, outcome, i;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("Usage: wal_dump [--quiet] FILE\n\n%s", help);
            return fflush(stdout) == 0 ? DONE : FAILED;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("wal_dump: libpgwalstream %s, header %d.%d.%d\n", wal_version_string(), WAL_VERSION_MAJOR,
                   WAL_VERSION_MINOR, WAL_VERSION_PATCH);
            return fflush(stdout) == 0 ? DONE : FAILED;
        }
        if (strcmp(argv[i], "--quiet") == 0) {
            quiet = 1;
        } else if (argv[i][0] == '-' || path != NULL) {
            fprintf(stderr, "wal_dump: '%s' is not expected (see --help)\n", argv[i]);
            return USAGE;
        } else {
            path = argv[i];
        }
    }
    if (path == NULL) {
        fprintf(stderr, "wal_dump: FILE must be given (see --help)\n");
        return USAGE;
    }
    file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "wal_dump: %s: %s\n", path, strerror(errno));
        return FAILED;
    }
    outcome = dump(file, quiet);
    fclose(file);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "wal_dump: stdout cannot be written: %s\n", strerror(errno));
        return FAILED;
    }
    return outcome;
}
