/* Takes one event a second for a while, then everything:
 *
 *     slow_consumer CONNINFO SLOT PUBLICATION QUEUE_BYTES SECONDS ROWS
 *
 * The published table's first column counts the rows from 1. Prints a line after the slow part and one at the
 * end, each with the most memory seen so far (beside the mapped code), the most that the stream itself
 * counted, and the walsender's process id. */
#define _POSIX_C_SOURCE 200809L

#include "load.h"

#include <time.h>

static uint64_t most_queued, most_held;
static long most_kb;

static wal_stats look(const wal_stream *stream) {
    wal_stats stats;

    done(wal_stream_stats(stream, &stats, sizeof stats, NULL), NULL, "stats");
    if (stats.queue_bytes > most_queued)
        most_queued = stats.queue_bytes;
    if (stats.live_bytes > most_held)
        most_held = stats.live_bytes;
    if (memory_kb("RssAnon:") > most_kb)
        most_kb = memory_kb("RssAnon:");
    return stats;
}

static void tell(const char *when, const wal_stream *stream, int64_t rows) {
    wal_stats stats = look(stream);

    printf("%s rows=%" PRId64 " peak_kb=%ld queued=%" PRIu64 " held=%" PRIu64 " received=%" PRIu64
           " pid=%" PRIu32 "\n",
           when, rows, most_kb, most_queued, most_held, stats.bytes_received, stats.backend_pid);
    fflush(stdout);
}

/* Takes one event. The rows come in order and none is missing. */
static int64_t take(wal_stream *stream, int64_t rows) {
    const wal_event *event = NULL;
    wal_error *error = NULL;
    int64_t id = 0;

    done(wal_stream_next(stream, 60000, &event, &error), error, "next");
    if (event->ack_lsn != 0)
        done(wal_stream_ack(stream, event->ack_lsn, &error), error, "ack");
    if (event->kind != WAL_EVENT_INSERT)
        return rows;
    done(wal_value_as_int64(&event->new_values[0], event->relation, 0, &id, &error), error, "id");
    if (id != rows + 1) {
        fprintf(stderr, "row %" PRId64 " after %" PRId64 "\n", id, rows);
        exit(1);
    }
    return id;
}

int main(int argc, char **argv) {
    const struct timespec second = {1, 0};
    wal_options *options;
    wal_stream *stream = NULL;
    wal_error *error = NULL;
    int64_t rows = 0, all;
    long seconds;

    if (argc != 7)
        return 2;
    seconds = strtol(argv[5], NULL, 10);
    all = strtoll(argv[6], NULL, 10);
    options = load_options(argv[1], argv[2], argv[3]);
    done(wal_options_set(options, "queue_bytes", argv[4], &error), error, "queue_bytes");
    done(wal_stream_open(options, &stream, &error), error, "open");
    tell("start", stream, rows);
    for (; seconds > 0; seconds--) {
        rows = take(stream, rows);
        look(stream);
        nanosleep(&second, NULL);
    }
    tell("slow", stream, rows);
    while (rows < all) {
        rows = take(stream, rows);
        if (rows % 100 == 0)
            look(stream);
    }
    tell("end", stream, rows);
    wal_stream_free(stream);
    wal_options_free(options);
    return 0;
}
