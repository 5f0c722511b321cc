/* Runs one stream of a scenario and prints its canonical lines, through the C API. README.md has the rules.
 *
 *     runner SCENARIO STREAM CONNINFO SLOT [KEY=VALUE …]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Reads event by event; compiled with RUNNER_BATCHES, batch by batch: the lines are the same.
 */
#include <stdlib.h>

#include "lines.h"

typedef struct runner {
    wal_options *options;
    wal_stream *stream;
    wal_batch *batch; /* with RUNNER_BATCHES: what was given and is not read to its end */
    size_t at;        /* the next event of the batch */
} runner;

static int at_a_loss(const char *what, const char *about) {
    fprintf(stderr, "runner: %s: %s\n", what, about);
    return 1;
}

/* --- Options ---------------------------------------------------------------------------------------------
 */

/* Sets KEY=VALUE, which is changed. */
static wal_status set_pair(wal_options *options, char *pair, wal_error **error) {
    char *equals = strchr(pair, '=');

    if (equals == NULL)
        return wal_options_set(options, pair, "", error);
    *equals = '\0';
    return wal_options_set(options, pair, equals + 1, error);
}

/* Whether a line is the header of the stream's section: "[stream NAME]", or more words behind the name. */
static bool begins_section(const char *line, const char *stream) {
    static const char head[] = "[stream ";
    size_t len = strlen(stream);

    return strncmp(line, head, sizeof head - 1) == 0 && strncmp(line + sizeof head - 1, stream, len) == 0 &&
           strchr("] ", line[sizeof head - 1 + len]) != NULL;
}

/* Sets what the stream's section says. -1: there is no such section. */
static int set_section(wal_options *options, FILE *file, const char *stream, wal_error **error) {
    char line[4096];
    bool found = false, inside = false;

    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '[') {
            inside = begins_section(line, stream);
            found = found || inside;
        } else if (inside && line[0] != '\0' && line[0] != '#') {
            wal_status status = set_pair(options, line, error);

            if (status != WAL_OK)
                return status;
        }
    }
    return found ? WAL_OK : -1;
}

/* --- Reading ---------------------------------------------------------------------------------------------
 */

#if defined(RUNNER_BATCHES)
static wal_status next(runner *r, const wal_event **event, wal_error **error) {
    size_t count;
    const wal_event *events = wal_batch_events(r->batch, &count);

    while (r->at >= count) {
        wal_status status;

        wal_batch_free(r->batch);
        r->at = 0;
        status = wal_stream_next_batch(r->stream, -1, &r->batch, error);
        if (status != WAL_OK)
            return status;
        events = wal_batch_events(r->batch, &count);
    }
    *event = &events[r->at++];
    return WAL_OK;
}
#else
static wal_status next(runner *r, const wal_event **event, wal_error **error) {
    return wal_stream_next(r->stream, -1, event, error);
}
#endif

static bool is(wal_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static bool ends_with(wal_bytes bytes, const char *text) {
    size_t len = strlen(text);

    return bytes.len >= len && memcmp(bytes.data + bytes.len - len, text, len) == 0;
}

static bool is_end_marker(const wal_event *event) {
    if (event->kind == WAL_EVENT_RAW)
        return ends_with(wal_event_raw(event), "content:end");
    return event->kind == WAL_EVENT_MESSAGE && is(wal_event_message_prefix(event), "scenario") &&
           is(wal_event_message_content(event), "end");
}

/* Prints and acknowledges up to the end marker. Anything but WAL_OK ends the run. */
static wal_status print_to_marker(runner *r, wal_error **error) {
    const wal_event *event;
    wal_status status;
    bool ended = false;

    while (!ended) {
        status = next(r, &event, error);
        if (status != WAL_OK)
            return status;
        if (event->kind != WAL_EVENT_PROGRESS) {
            lines_event(event);
            fflush(stdout);
        }
        ended = is_end_marker(event);
        if (event->ack_lsn != 0)
            status = wal_stream_ack(r->stream, event->ack_lsn, error);
        if (status != WAL_OK)
            return status;
    }
    return WAL_OK;
}

/* What comes once everything is acknowledged. */
static wal_status print_quiet(runner *r, wal_error **error) {
    const wal_event *event = NULL;
    wal_status status = wal_stream_flush(r->stream, -1, error);
    wal_stats stats;

    if (status != WAL_OK)
        return status;
    puts("FLUSHED");
    fflush(stdout);
    do {
        status = next(r, &event, error);
        if (status != WAL_OK)
            return status;
    } while (event->kind != WAL_EVENT_PROGRESS);
    puts("PROGRESS");
    status = wal_stream_stats(r->stream, &stats, sizeof stats, error);
    if (status != WAL_OK)
        return status;
    printf("STATS reconnects=%" PRIu64 " timeline=%" PRIu64 " slot_known=%d\n", stats.reconnects,
           stats.timeline, stats.stream_id > 0);
    printf("ACK_BEYOND %s\n", wal_status_name(wal_stream_ack(r->stream, UINT64_MAX, NULL)));
    return WAL_OK;
}

static void run(runner *r, wal_error **error) {
    wal_status status = wal_stream_new(r->options, &r->stream, error);

    if (status == WAL_OK)
        status = wal_stream_connect(r->stream, -1, error);
    if (status == WAL_OK)
        status = print_to_marker(r, error);
    if (status == WAL_OK)
        status = print_quiet(r, error);
    if (status == WAL_END)
        puts("END");
}

int main(int argc, char **argv) {
    runner r = {NULL, NULL, NULL, 0};
    wal_error *error = NULL;
    FILE *file;
    int status, i;

    if (argc < 5)
        return at_a_loss("usage", "runner SCENARIO STREAM CONNINFO SLOT [KEY=VALUE ...]");
    file = fopen(argv[1], "r");
    if (file == NULL)
        return at_a_loss("cannot open the scenario", argv[1]);
    status = wal_options_new(&r.options, &error);
    if (status == WAL_OK)
        status = wal_options_set(r.options, "conninfo", argv[3], &error);
    if (status == WAL_OK)
        status = wal_options_set(r.options, "slot", argv[4], &error);
    if (status == WAL_OK)
        status = set_section(r.options, file, argv[2], &error);
    for (i = 5; i < argc && status == WAL_OK; i++)
        status = set_pair(r.options, argv[i], &error);
    fclose(file);
    if (status != WAL_OK && error == NULL)
        return at_a_loss("the scenario has no such stream", argv[2]);
    if (status == WAL_OK)
        run(&r, &error);
    if (error != NULL)
        lines_error(error);
    wal_batch_free(r.batch);
    wal_stream_free(r.stream);
    wal_options_free(r.options);
    if (fflush(stdout) == 0)
        return 0;
    return at_a_loss("cannot write", "stdout");
}
