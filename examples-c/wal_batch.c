/* wal_batch: counts rows and bytes per table, as fast as it goes, and tells what that cost.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shows the fast way of reading: wal_stream_next_batch gives everything that is ready, and the arrays of
 * wal_event and wal_value are read like any memory, without a call per event or column. The library is called
 * once for each batch, and once more where the relation changes.
 *
 *     cc -std=c99 -O2 wal_batch.c $(pkg-config --cflags --libs pgwalstream) -o wal_batch
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* ru_maxrss */

#include <sys/resource.h>
#include <sys/time.h>

#include "example.h"

static const char help[] =
    "Counts rows and the bytes of their values per table, from the arrays of whole batches, and prints the "
    "counts, the\n"
    "seconds, the CPU time and the most memory used. Each batch is acknowledged when it is counted.\n"
    "\n"
    "--count N counts rows inserted, updated and deleted. It ends with the batch of the Nth row: a "
    "transaction that goes\n"
    "on after it is not acknowledged and comes again.\n";

/* One definition of one table. */
typedef struct counter {
    wal_relation *relation; /* owned: outlives the batches */
    uint32_t oid;
    uint32_t generation;
    uint64_t inserts, updates, deletes, bytes;
} counter;

typedef struct tally {
    counter *counters; /* owned */
    size_t count, room;
    uint64_t rows, columns, bytes;
} tally;

/* The counter of a relation, made if there is none. NULL: no memory. Called only where the relation changes;
 * a program with thousands of tables would hash here. */
static counter *find_counter(tally *t, const wal_relation *relation) {
    uint32_t oid = wal_relation_oid(relation);
    uint32_t generation = wal_relation_generation(relation);
    counter *made;
    size_t i;

    for (i = 0; i < t->count; i++)
        if (t->counters[i].oid == oid && t->counters[i].generation == generation)
            return &t->counters[i];
    if (t->count == t->room) {
        size_t room = t->room == 0 ? 16 : t->room * 2;
        counter *grown = realloc(t->counters, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        t->counters = grown;
        t->room = room;
    }
    made = &t->counters[t->count];
    memset(made, 0, sizeof *made);
    made->oid = oid;
    made->generation = generation;
    if (wal_relation_retain(relation, &made->relation, NULL) != WAL_OK)
        return NULL;
    t->count++;
    return made;
}

static uint64_t sum_bytes(const wal_value *values, uint32_t count) {
    uint64_t bytes = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        bytes += values[i].data != NULL ? values[i].len : 0;
    return bytes;
}

/* The hot loop. */
static bool count_batch(tally *t, const wal_batch *batch) {
    const wal_relation *last =
        NULL; /* good as long as the batch: a relation's address may be used again later */
    counter *c = NULL;
    size_t n, i;
    const wal_event *events = wal_batch_events(batch, &n);

    for (i = 0; i < n; i++) {
        const wal_event *e = &events[i];
        uint64_t bytes;

        if (e->kind < WAL_EVENT_INSERT || e->kind > WAL_EVENT_DELETE)
            continue;
        if (e->relation != last) {
            c = find_counter(t, e->relation);
            if (c == NULL)
                return false;
            last = e->relation;
        }
        bytes = sum_bytes(e->new_values, e->n_new) + sum_bytes(e->old_values, e->n_old);
        c->inserts += e->kind == WAL_EVENT_INSERT;
        c->updates += e->kind == WAL_EVENT_UPDATE;
        c->deletes += e->kind == WAL_EVENT_DELETE;
        c->bytes += bytes;
        t->bytes += bytes;
        t->columns += (uint64_t)e->n_new + e->n_old;
        t->rows++;
    }
    return true;
}

/* Counts one batch, frees it, and acknowledges it. */
static bool take(const example_args *args, tally *t, const wal_stream *stream, wal_batch *batch) {
    uint64_t ack_lsn = wal_batch_ack_lsn(batch);
    bool counted = count_batch(t, batch);
    wal_error *error = NULL;

    wal_batch_free(batch);
    if (!counted) {
        fprintf(stderr, "%s: no memory\n", args->program);
        return false;
    }
    if (ack_lsn == 0 || wal_stream_ack(stream, ack_lsn, &error) == WAL_OK)
        return true;
    example_error(args->program, error);
    return false;
}

static int run(const example_args *args, tally *t, wal_stream *stream, int64_t *last_ms) {
    wal_error *error = NULL;
    wal_batch *batch;
    wal_status status;
    uint64_t rows;

    while (!example_stopped && (args->count == 0 || t->rows < args->count)) {
        status = wal_stream_next_batch(stream, example_wait_ms(args, *last_ms), &batch, &error);
        if (status == WAL_OK) {
            rows = t->rows;
            if (!take(args, t, stream, batch))
                return EXAMPLE_FAILED;
            if (t->rows > rows)
                *last_ms = example_now_ms();
        } else if (status < 0) {
            example_error(args->program, error);
            return EXAMPLE_FAILED;
        } else if (status == WAL_END || (status == WAL_TIMEOUT && example_wait_ms(args, *last_ms) == 0)) {
            break;
        } /* WAL_INTERRUPTED: example_stopped tells; an outcome that is new since: call again. */
    }
    return EXAMPLE_DONE;
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_name(const counter *c) {
    wal_bytes schema = wal_relation_namespace(c->relation);
    wal_bytes table = wal_relation_name(c->relation);
    char name[256];
    int len = snprintf(name, sizeof name, "%.*s.%.*s", (int)schema.len, (const char *)schema.data,
                       (int)table.len, (const char *)table.data);

    if (c->generation > 1 && len >= 0 && (size_t)len < sizeof name)
        snprintf(name + len, sizeof name - (size_t)len, " (definition %" PRIu32 ")", c->generation);
    printf("%-32s", name);
}

static bool print_result(const tally *t, double seconds) {
    struct rusage usage;
    size_t i;

    printf("%-32s %12s %12s %12s %16s\n", "relation", "inserts", "updates", "deletes", "value bytes");
    for (i = 0; i < t->count; i++) {
        const counter *c = &t->counters[i];

        print_name(c);
        printf(" %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %16" PRIu64 "\n", c->inserts, c->updates,
               c->deletes, c->bytes);
    }
    memset(&usage, 0, sizeof usage);
    getrusage(RUSAGE_SELF, &usage);
    printf("rows %" PRIu64 " columns %" PRIu64 " bytes %" PRIu64 " seconds %.3f user %.3f system %.3f\n",
           t->rows, t->columns, t->bytes, seconds, seconds_of(usage.ru_utime), seconds_of(usage.ru_stime));
    printf("max RSS %ld kB\n", usage.ru_maxrss);
    return fflush(stdout) == 0 && !ferror(stdout);
}

int main(int argc, char **argv) {
    example_args args = {.program = "wal_batch", .help = help};
    tally t = {0};
    wal_stream *stream;
    int64_t start_ms, last_ms;
    size_t i;
    int status = example_parse(&args, argc, argv);

    if (status >= 0) {
        example_free(&args);
        return status;
    }
    stream = example_connect(&args);
    example_free(&args);
    if (stream == NULL)
        return example_stopped ? EXAMPLE_DONE : EXAMPLE_FAILED;

    start_ms = last_ms = example_now_ms();
    status = run(&args, &t, stream, &last_ms);
    if (!example_close(&args, stream) && status == EXAMPLE_DONE)
        status = EXAMPLE_FAILED;
    /* Until the last row: waiting for more that did not come is not counted. */
    if (!print_result(&t, (double)(last_ms - start_ms) / 1000)) {
        fprintf(stderr, "wal_batch: stdout cannot be written: %s\n", strerror(errno));
        status = EXAMPLE_FAILED;
    }
    /* The relations were kept by us and outlive the stream. */
    for (i = 0; i < t.count; i++)
        wal_relation_free(t.counters[i].relation);
    free(t.counters);
    return status;
}
