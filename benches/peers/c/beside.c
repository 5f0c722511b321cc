/*
 * Two streams of one process. A thread reads slot `large`, which assembles a large transaction in 1 MB of
 * memory; this one reads slot `small`, and tells how late its rows are.
 *
 * beside PORT THREADS
 */
#include "client.h"

#include <pgwalstream.h>
#include <pthread.h>

static const char *port;

static wal_stream *opened(const char *slot, const char *streaming) {
    wal_error *err = NULL;
    wal_options *options = NULL;
    wal_stream *stream = NULL;
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo,
             "host=127.0.0.1 port=%s user=postgres dbname=postgres sslmode=disable", port);
    if (wal_options_new(&options, &err) < 0 || wal_options_set(options, "conninfo", conninfo, &err) < 0 ||
        wal_options_set(options, "slot", slot, &err) < 0 ||
        wal_options_set(options, "publication", slot, &err) < 0 ||
        wal_options_set(options, "binary", "on", &err) < 0 ||
        wal_options_set(options, "ack", "auto", &err) < 0 ||
        wal_options_set(options, "streaming", streaming, &err) < 0 ||
        wal_options_set(options, "assemble_memory", "1MB", &err) < 0 ||
        wal_stream_open(options, &stream, &err) < 0) {
        fprintf(stderr, "%s: %s\n", slot, wal_error_message(err));
        exit(1);
    }
    wal_options_free(options);
    return stream;
}

/* Reads until a transaction with a row of table `finish` has been committed. */
static void read_all(wal_stream *stream, counts *at, latencies *late) {
    const wal_event *event = NULL;
    int last = 0;
    while (wal_stream_next(stream, -1, &event, NULL) == WAL_OK) {
        if (event->kind == WAL_EVENT_INSERT) {
            wal_bytes name = wal_relation_name(event->relation);
            last |= name.len >= 6 && memcmp(name.data, "finish", 6) == 0;
            at->rows++;
            if (late != NULL && event->n_new == 2)
                latencies_add(late, big_endian_int64(event->new_values[1].data));
        }
        if (event->kind == WAL_EVENT_COMMIT && last)
            return;
    }
    fprintf(stderr, "a stream ended before its time\n");
    exit(1);
}

static void *large(void *unused) {
    counts at = {0, 0, 0};
    wal_stream *stream = opened("large", "assembled");
    wal_stats stats;
    (void)unused;
    read_all(stream, &at, NULL);
    if (wal_stream_stats(stream, &stats, sizeof stats, NULL) != WAL_OK || stats.spilled_transactions == 0) {
        fprintf(stderr, "nothing was spilled\n");
        exit(1);
    }
    wal_stream_free(stream);
    return NULL;
}

int main(int argc, char **argv) {
    counts at = {0, 0, 0};
    latencies late = {0};
    pthread_t thread;
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT THREADS\n", argv[0]);
        return 2;
    }
    port = argv[1];
    if (wal_engine_set_threads((uint32_t)atoi(argv[2]), NULL) != WAL_OK)
        return 2;
    wal_stream *small = opened("small", "off");
    if (pthread_create(&thread, NULL, large, NULL) != 0)
        return 1;
    read_all(small, &at, &late);
    wal_stream_free(small);
    pthread_join(thread, NULL);
    report(&at, &late);
    return 0;
}
