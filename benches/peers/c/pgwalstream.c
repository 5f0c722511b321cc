/*
 * libpgwalstream through its C API, one event a call, or, compiled with -DBATCH, one batch a call. Every
 * value of every row is looked at: its length is added up.
 */
#include "client.h"

#include <pgwalstream.h>

static counts at;
static latencies late;
static int latency;
/* The last row's relation, and whether it is `finish`. The stream keeps relations, so the pointer names one
 * of them. */
static const wal_relation *last_relation;
static int last_is_finish;

static int failed(const char *what, wal_error *err) {
    fprintf(stderr, "%s: %s\n", what, wal_error_message(err));
    wal_error_free(err);
    return 1;
}

static uint64_t lengths(const wal_value *values, uint32_t n) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += values[i].len;
    return sum;
}

static int is_finish(const wal_relation *relation) {
    wal_bytes name = wal_relation_name(relation);
    return name.len == 6 && memcmp(name.data, "finish", 6) == 0;
}

/* Says whether the event was the last. */
static int see(const wal_event *event) {
    switch (event->kind) {
    case WAL_EVENT_BEGIN:
        at.events++;
        return 0;
    case WAL_EVENT_COMMIT:
    case WAL_EVENT_STREAM_COMMIT:
        at.events++;
        return last_is_finish;
    case WAL_EVENT_INSERT:
    case WAL_EVENT_UPDATE:
    case WAL_EVENT_DELETE:
        at.events++;
        at.rows++;
        at.bytes += lengths(event->new_values, event->n_new) + lengths(event->old_values, event->n_old);
        if (event->relation != last_relation) {
            last_relation = event->relation;
            last_is_finish = is_finish(last_relation);
        }
        if (latency && event->n_new == 2)
            latencies_add(&late, big_endian_int64(event->new_values[1].data));
        return 0;
    default:
        return 0;
    }
}

#ifdef BATCH
static wal_status read_all(wal_stream *stream, wal_error **err) {
    wal_status status = WAL_OK;
    wal_batch *batch = NULL;
    int done = 0;
    while (!done && (status = wal_stream_next_batch(stream, -1, &batch, err)) == WAL_OK) {
        size_t n = 0;
        const wal_event *events = wal_batch_events(batch, &n);
        for (size_t i = 0; i < n && !done; i++)
            done = see(&events[i]);
        wal_batch_free(batch);
    }
    return done ? WAL_OK : status;
}
#else
static wal_status read_all(wal_stream *stream, wal_error **err) {
    wal_status status;
    const wal_event *event = NULL;
    while ((status = wal_stream_next(stream, -1, &event, err)) == WAL_OK)
        if (see(event))
            return WAL_OK;
    return status;
}
#endif

int main(int argc, char **argv) {
    arguments given = arguments_read(argc, argv);
    latency = given.latency;
    wal_error *err = NULL;
    wal_options *options = NULL;
    wal_stream *stream = NULL;
    const char *sslmode = getenv("PEERS_SSLMODE"), *tuning = getenv("PEERS_SERVER_TUNING");
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%s user=postgres dbname=postgres sslmode=%s",
             given.port, sslmode ? sslmode : "disable");
    if (wal_options_new(&options, &err) < 0 || wal_options_set(options, "conninfo", conninfo, &err) < 0 ||
        wal_options_set(options, "slot", given.slot, &err) < 0 ||
        wal_options_set(options, "publication", "peers", &err) < 0 ||
        wal_options_set(options, "binary", "on", &err) < 0 ||
        wal_options_set(options, "ack", "auto", &err) < 0 ||
        wal_options_set(options, "streaming", given.streaming, &err) < 0 ||
        wal_options_set(options, "server_tuning", tuning ? tuning : "auto", &err) < 0 ||
        wal_stream_open(options, &stream, &err) < 0)
        return failed("opening the stream", err);
    wal_options_free(options);
    wal_status status = read_all(stream, &err);
    if (status != WAL_OK)
        return failed("reading the stream", err);
    report(&at, &late);
    wal_stream_free(stream);
    return 0;
}
