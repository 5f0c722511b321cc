/* What the C tests share: checks that count, and a server to test against.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A failed CHECK is printed with its place and counted, and the test goes on; a failed REQUIRE ends it. The
 * last line is "N passed, N failed". Nothing is skipped: without PGWALSTREAM_TEST_CONNINFO and
 * PGWALSTREAM_PSQL (with-server.sh sets both) a test fails. Include it after the feature macros and before
 * anything else.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pgwalstream.h"

/* --- Checks: from one thread at a time
 * ----------------------------------------------------------------------------- */

static unsigned check_passed, check_failed;

static inline bool check_report(bool good, const char *file, int line, const char *what) {
    if (good)
        check_passed++;
    else
        check_failed++;
    if (!good)
        fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    return good;
}

static inline bool check_equal(int64_t a, int64_t b, const char *file, int line, const char *what) {
    if (a != b)
        fprintf(stderr, "%s:%d: %" PRId64 " is not %" PRId64 "\n", file, line, a, b);
    return check_report(a == b, file, line, what);
}

static inline bool check_text(const char *a, size_t len, const char *b, const char *file, int line,
                              const char *what) {
    bool good = a != NULL && len == strlen(b) && memcmp(a, b, len) == 0;

    if (!good)
        fprintf(stderr, "%s:%d: \"%.*s\" is not \"%s\"\n", file, line, a == NULL ? 6 : (int)len,
                a == NULL ? "(null)" : a, b);
    return check_report(good, file, line, what);
}

/* A status, and that there is an error exactly if it is one. Frees the error and sets it to NULL. */
static inline bool check_status(wal_status status, wal_status want, wal_error **error, const char *file,
                                int line, const char *what) {
    bool good = status == want && (error == NULL || (*error != NULL) == (status < 0));

    if (good && error != NULL && *error != NULL)
        good = wal_error_code(*error) == status && wal_error_message(*error)[0] != '\0';
    if (!good)
        fprintf(stderr, "%s:%d: %s, not %s: %s (%s)\n", file, line, wal_status_name(status),
                wal_status_name(want), wal_error_message(error == NULL ? NULL : *error),
                wal_error_detail(error == NULL ? NULL : *error));
    if (error != NULL) {
        wal_error_free(*error);
        *error = NULL;
    }
    return check_report(good, file, line, what);
}

static inline int check_finish(void) {
    printf("%u passed, %u failed\n", check_passed, check_failed);
    fflush(stdout);
    return check_failed == 0 && check_passed > 0 ? 0 : 1;
}

#define CHECK(condition) check_report(condition, __FILE__, __LINE__, #condition)
#define CHECK_EQ(a, b) check_equal((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_TEXT(a, b) check_text(a, (a) == NULL ? 0 : strlen(a), b, __FILE__, __LINE__, #a " is " #b)
#define CHECK_BYTES(a, b) check_text((const char *)(a).data, (a).len, b, __FILE__, __LINE__, #a " is " #b)
#define CHECK_STATUS(call, want, error) check_status(call, want, error, __FILE__, __LINE__, #call)
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!CHECK(condition)) {                                                                             \
            check_finish();                                                                                  \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* --- The server
 * --------------------------------------------------------------------------------------------------- */

static inline const char *test_env(const char *name) {
    const char *value = getenv(name);

    if (value == NULL || value[0] == '\0') {
        fprintf(stderr, "%s is not set: run this with tests/c/with-server.sh\n", name);
        check_failed++;
        check_finish();
        exit(1);
    }
    return value;
}

/* Appends a word for sh, quoted. */
static inline void test_quote(FILE *out, const char *word) {
    putc('\'', out);
    for (; *word != '\0'; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    putc('\'', out);
}

/* Runs one SQL command and gives its first line of output, "" if there is none, until the next call. */
static inline const char *sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *sql(const char *format, ...) {
    static char line[4096];
    char *text = NULL, *command = NULL;
    size_t text_len, command_len;
    char rest[512];
    FILE *stream;
    va_list arguments;
    int status;

    stream = open_memstream(&text, &text_len);
    REQUIRE(stream != NULL);
    va_start(arguments, format);
    vfprintf(stream, format, arguments);
    va_end(arguments);
    fclose(stream);
    stream = open_memstream(&command, &command_len);
    REQUIRE(stream != NULL);
    test_quote(stream, test_env("PGWALSTREAM_PSQL"));
    fputs(" -XqAt -v ON_ERROR_STOP=1 -d ", stream);
    test_quote(stream, test_env("PGWALSTREAM_TEST_CONNINFO"));
    fputs(" -c ", stream);
    test_quote(stream, text);
    fclose(stream);

    fflush(NULL);
    stream = popen(command, "r");
    REQUIRE(stream != NULL);
    line[0] = '\0';
    if (fgets(line, sizeof line, stream) != NULL)
        line[strcspn(line, "\n")] = '\0';
    while (fgets(rest, sizeof rest, stream) != NULL) {
    }
    status = pclose(stream);
    if (status != 0)
        fprintf(stderr, "psql failed: %s\n", text);
    free(text);
    free(command);
    REQUIRE(status == 0);
    return line;
}

/* A slot of this name, new; an old one of an earlier run goes. */
static inline void test_slot(const char *name) {
    sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s' AND active",
        name);
    sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '%s'", name);
    sql("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", name);
}

/* Table NAME (id int primary key, v text), publication NAME for it, and slot NAME. */
static inline void test_setup(const char *name) {
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS %s", name);
    sql("SET client_min_messages = warning; DROP PUBLICATION IF EXISTS %s", name);
    sql("CREATE TABLE %s (id int PRIMARY KEY, v text)", name);
    sql("CREATE PUBLICATION %s FOR TABLE %s", name, name);
    test_slot(name);
}

/* Reads and acknowledges everything that the server had written when this was called: it comes when the
 * server wants, and a pause is no sign of its end. */
static inline void test_drain(wal_stream *stream) {
    uint64_t written = 0;
    int i, seen = 0;

    /* So that there is something behind what was confirmed before, and the server tells of it. */
    sql("SELECT pg_logical_emit_message(true, 'drain', '')");
    REQUIRE(wal_lsn_parse(sql("SELECT pg_current_wal_flush_lsn()"), &written, NULL) == WAL_OK);
    for (i = 0; i < 600; i++) {
        const wal_event *event = NULL;
        wal_status status = wal_stream_next(stream, 50, &event, NULL);
        wal_stats stats;

        if (status == WAL_OK) {
            if (event->ack_lsn != 0)
                REQUIRE(wal_stream_ack(stream, event->ack_lsn, NULL) == WAL_OK);
            i = seen = 0;
            continue;
        }
        REQUIRE(status == WAL_TIMEOUT);
        REQUIRE(wal_stream_stats(stream, &stats, sizeof stats, NULL) == WAL_OK);
        /* Twice: the counter may be ahead of the event. */
        if (stats.server_wal_end >= written && ++seen == 2)
            return;
    }
    fprintf(stderr, "%s:%d: the server did not come to its end within 30 s\n", __FILE__, __LINE__);
    REQUIRE(false);
}

/* Waits until nobody streams from a slot, then drops it. */
static inline void test_drop_slot(const char *name) {
    int i;

    for (i = 0; i < 100; i++) {
        struct timespec pause = {0, 50000000};
        if (strcmp(sql("SELECT active FROM pg_replication_slots WHERE slot_name = '%s'", name), "t") != 0)
            break;
        nanosleep(&pause, NULL);
    }
    sql("SELECT pg_drop_replication_slot('%s')", name);
}

/* Options for slot and publication NAME; owned by the caller. */
static inline wal_options *test_options(const char *slot, const char *publication) {
    wal_options *options = NULL;

    REQUIRE(wal_options_new(&options, NULL) == WAL_OK);
    REQUIRE(wal_options_set(options, "conninfo", test_env("PGWALSTREAM_TEST_CONNINFO"), NULL) == WAL_OK);
    REQUIRE(wal_options_set(options, "slot", slot, NULL) == WAL_OK);
    REQUIRE(wal_options_set(options, "publication", publication, NULL) == WAL_OK);
    return options;
}

/* A connected stream, with one option more if key is not NULL. The slot may still be held by a connection
 * that is ending: that is tried again for a while. */
static inline wal_stream *test_open(const char *slot, const char *publication, const char *key,
                                    const char *value) {
    wal_options *options = test_options(slot, publication);
    wal_stream *stream = NULL;
    wal_error *error = NULL;
    wal_status status = WAL_OK;
    int i;

    if (key != NULL)
        REQUIRE(wal_options_set(options, key, value, NULL) == WAL_OK);
    for (i = 0; i < 100; i++) {
        struct timespec pause = {0, 50000000};
        status = wal_stream_open(options, &stream, &error);
        if (status != WAL_E_SLOT_ACTIVE)
            break;
        wal_error_free(error);
        nanosleep(&pause, NULL);
    }
    wal_options_free(options);
    REQUIRE(CHECK_STATUS(status, WAL_OK, &error) && stream != NULL);
    return stream;
}

/* The next event of a kind; those before it are skipped. NULL after ten seconds without one. */
static inline const wal_event *test_next(wal_stream *stream, uint32_t kind) {
    const wal_event *event = NULL;
    wal_error *error = NULL;

    for (;;) {
        wal_status status = wal_stream_next(stream, 10000, &event, &error);
        if (status != WAL_OK) {
            fprintf(stderr, "no %s: %s %s\n", wal_event_kind_name(kind), wal_status_name(status),
                    wal_error_message(error));
            wal_error_free(error);
            return NULL;
        }
        if (event->kind == kind)
            return event;
    }
}

#endif
