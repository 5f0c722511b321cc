/* The consumer of the fault run: writes each change's identity and row to a file, and acknowledges what is
 * written.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     consumer CONNINFO SLOT FILE SEED [OPTION=VALUE]...
 *
 * Of each change it writes "C commit_lsn sequence writer number place proof", of each commit "T commit_lsn
 * end_lsn", of each connection after the first "R start_lsn lost_lsn attempts status", of a transaction whose
 * rest will not come "D xid". It may be killed at any moment: what is not in the file is not acknowledged.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pgwalstream.h"

enum { LINE = 256, IDLE_MS = 100, PATIENCE_MS = 60000 };

static volatile sig_atomic_t stopped;
static const wal_stream *volatile interruptible;

static char buffer[1 << 16];
static size_t filled;
static int file;
static uint64_t seed;

/* The position after the last commit that is in the buffer, and in the file. */
static uint64_t noted_lsn, written_lsn;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
    if (interruptible != NULL)
        wal_stream_interrupt(interruptible);
}

static void die(const char *doing) {
    fprintf(stderr, "cannot %s: %s\n", doing, strerror(errno));
    exit(1);
}

static void fail(const char *doing, wal_error *error) {
    fprintf(stderr, "%s: %s: %s (%s) %s\n", doing, wal_error_name(error), wal_error_message(error),
            wal_error_detail(error), wal_error_hint(error));
    exit(1);
}

static uint64_t random_below(uint64_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

static void write_out(void) {
    size_t done = 0;

    while (done < filled) {
        ssize_t n = write(file, buffer + done, filled - done);
        if (n < 0 && errno != EINTR)
            die("write");
        done += n > 0 ? (size_t)n : 0;
    }
    filled = 0;
    written_lsn = noted_lsn;
}

static void note(const wal_event *e) {
    int n = 0;

    if (filled + LINE > sizeof buffer)
        write_out();
    if (e->kind == WAL_EVENT_INSERT && e->n_new == 4) {
        const wal_value *v = e->new_values;
        n = snprintf(buffer + filled, LINE, "C %" PRIu64 " %" PRIu64 " %.*s %.*s %.*s %.*s\n", e->commit_lsn,
                     e->sequence, (int)v[0].len, (const char *)v[0].data, (int)v[1].len,
                     (const char *)v[1].data, (int)v[2].len, (const char *)v[2].data, (int)v[3].len,
                     (const char *)v[3].data);
    } else if (e->kind == WAL_EVENT_COMMIT) {
        n = snprintf(buffer + filled, LINE, "T %" PRIu64 " %" PRIu64 "\n", e->commit_lsn, e->ack_lsn);
    } else if (e->kind == WAL_EVENT_RECONNECTED) {
        n = snprintf(buffer + filled, LINE, "R %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRId32 "\n", e->lsn,
                     wal_event_reconnect_lost_lsn(e), wal_event_reconnect_attempts(e),
                     wal_event_reconnect_status(e));
    } else if (e->flags & WAL_EVENT_FLAG_DISCARDED) {
        n = snprintf(buffer + filled, LINE, "D %" PRIu32 "\n", e->xid);
    } else if (e->kind == WAL_EVENT_UPDATE || e->kind == WAL_EVENT_DELETE) {
        fprintf(stderr, "a change of kind %d, which nobody made\n", (int)e->kind);
        exit(1);
    }
    if (n < 0 || n >= LINE)
        die("format a line");
    filled += (size_t)n;
    if (e->ack_lsn != 0)
        noted_lsn = e->ack_lsn;
}

/* At once, or some time later; when nothing comes any more, all: a server that stops waits for it (P9). */
static void acknowledge(const wal_stream *stream, wal_status last) {
    wal_error *error = NULL;

    if (written_lsn == 0 || (last != WAL_TIMEOUT && random_below(3) != 0))
        return;
    if (wal_stream_ack(stream, written_lsn, &error) != WAL_OK)
        fail("ack", error);
    if (random_below(8) == 0 && wal_stream_flush(stream, 50, &error) < 0)
        wal_error_free(error); /* the connection may be down: it is reported with the next one */
}

/* One event, or all that is ready: the two levels of reading take turns. */
static wal_status take(wal_stream *stream) {
    wal_error *error = NULL;
    wal_status status;

    if (random_below(2) == 0) {
        const wal_event *event;
        status = wal_stream_next(stream, IDLE_MS, &event, &error);
        if (status == WAL_OK)
            note(event);
    } else {
        wal_batch *batch;
        status = wal_stream_next_batch(stream, IDLE_MS, &batch, &error);
        if (status == WAL_OK) {
            size_t count, i;
            const wal_event *events = wal_batch_events(batch, &count);
            for (i = 0; i < count; i++)
                note(&events[i]);
            wal_batch_free(batch);
        }
    }
    if (status < 0)
        fail("next", error);
    return status;
}

/* What was killed before may still hold the slot, and the server may be down: both pass. */
static wal_stream *open_stream(const wal_options *options) {
    const struct timespec pause = {0, 50 * 1000 * 1000};
    int tries;

    for (tries = 0; tries < PATIENCE_MS / 50 && !stopped; tries++) {
        wal_error *error = NULL;
        wal_stream *stream;

        if (wal_stream_open(options, &stream, &error) == WAL_OK)
            return stream;
        if (!wal_error_is_retriable(error) || tries + 1 == PATIENCE_MS / 50)
            fail("open", error);
        wal_error_free(error);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* To stderr, for whoever looks into a failed run. */
static void log_line(void *userdata, int32_t level, const char *target, const char *message) {
    struct timespec now;

    (void)userdata;
    (void)level;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(stderr, "%ld.%03ld %s: %s\n", (long)now.tv_sec, now.tv_nsec / 1000000, target, message);
}

static void set(wal_options *options, const char *key, const char *value) {
    wal_error *error = NULL;

    if (wal_options_set(options, key, value, &error) != WAL_OK)
        fail("option", error);
}

int main(int argc, char **argv) {
    struct sigaction action;
    wal_error *error = NULL;
    wal_options *options;
    wal_stream *stream;
    wal_status status;
    int i;

    if (argc < 5) {
        fprintf(stderr, "usage: consumer CONNINFO SLOT FILE SEED [OPTION=VALUE]...\n");
        return 2;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    if (wal_options_new(&options, &error) != WAL_OK)
        fail("options", error);
    set(options, "conninfo", argv[1]);
    set(options, "slot", argv[2]);
    set(options, "publication", "pub");
    for (i = 5; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL)
            return 2;
        *value = '\0';
        set(options, argv[i], value + 1);
    }
    if (wal_options_set_log(options, WAL_LOG_INFO, log_line, NULL, &error) != WAL_OK)
        fail("log", error);
    seed = strtoull(argv[4], NULL, 10) | 1;
    file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0)
        die("open the file");

    stream = open_stream(options);
    wal_options_free(options);
    if (stream == NULL)
        return 0;
    interruptible = stream;
    for (status = WAL_OK; !stopped && status != WAL_END;) {
        status = take(stream);
        if (status == WAL_TIMEOUT || random_below(4) != 0)
            write_out();
        acknowledge(stream, status);
    }
    write_out();
    interruptible = NULL;
    if (written_lsn != 0 && wal_stream_ack(stream, written_lsn, &error) != WAL_OK)
        fail("ack", error);
    wal_stream_free(stream);
    return 0;
}
