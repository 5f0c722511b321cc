/* Threads: a second one inside gets WAL_E_BUSY, freeing wakes a waiting one, and the const functions go
 * anywhere. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <pthread.h>
#include <signal.h>

typedef struct waiter {
    wal_stream *stream;
    wal_status status;
    int32_t timeout_ms;
    bool got_error, got_event;
} waiter;

static void pause_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static void *wait_in_next(void *argument) {
    waiter *w = argument;
    const wal_event *event = NULL;
    wal_error *error = NULL;

    w->status = wal_stream_next(w->stream, w->timeout_ms, &event, &error);
    w->got_error = error != NULL;
    w->got_event = event != NULL;
    wal_error_free(error);
    return NULL;
}

static wal_stream *open_drained(void) {
    wal_stream *stream = test_open("c_threads", "c_threads", NULL, NULL);

    test_drain(stream);
    return stream;
}

static void freed_while_waiting(void) {
    int i;

    for (i = 0; i < 5; i++) {
        waiter w = {open_drained(), WAL_OK, -1, false, false};
        pthread_t thread;

        REQUIRE(pthread_create(&thread, NULL, wait_in_next, &w) == 0);
        pause_ms(100);
        wal_stream_free(w.stream);
        pthread_join(thread, NULL);
        CHECK_EQ(w.status, WAL_END);
        CHECK(!w.got_error && !w.got_event);
    }
}

static void busy(void) {
    waiter w = {open_drained(), WAL_OK, -1, false, false};
    const wal_event *event = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL;
    wal_stats stats;
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, wait_in_next, &w) == 0);
    pause_ms(200);
    CHECK_STATUS(wal_stream_next(w.stream, 0, &event, &error), WAL_E_BUSY, &error);
    CHECK_STATUS(wal_stream_next_batch(w.stream, 0, &batch, &error), WAL_E_BUSY, &error);
    CHECK_STATUS(wal_stream_connect(w.stream, 0, &error), WAL_E_BUSY, &error);
    CHECK_STATUS(wal_stream_ack(w.stream, 0, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_stats(w.stream, &stats, sizeof stats, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_flush(w.stream, 5000, &error), WAL_OK, &error);
    CHECK(wal_stream_fd(w.stream) >= 0);
    wal_stream_interrupt(w.stream);
    pthread_join(thread, NULL);
    CHECK_EQ(w.status, WAL_INTERRUPTED);
    CHECK(!w.got_error && !w.got_event);
    /* By one at a time, any thread: now ours. */
    CHECK_STATUS(wal_stream_next(w.stream, 0, &event, &error), WAL_TIMEOUT, &error);
    wal_stream_free(w.stream);
}

/* --- Many threads at once while one reads
 * ------------------------------------------------------------------------ */

static wal_stream *shared;

static void *hammer(void *argument) {
    uintptr_t bad = 0;
    wal_stats stats;
    int i;

    (void)argument;
    for (i = 0; i < 3000; i++) {
        wal_error *error = NULL;
        if (wal_stream_stats(shared, &stats, sizeof stats, &error) != WAL_OK || error != NULL)
            bad++;
        if (stats.acked_lsn > stats.delivered_lsn)
            bad++;
        if (wal_stream_ack(shared, stats.delivered_lsn, NULL) != WAL_OK)
            bad++;
        if (wal_stream_fd(shared) < 0)
            bad++;
        if (i % 100 == 0 && wal_stream_flush(shared, 5000, NULL) != WAL_OK)
            bad++;
        if (i % 50 == 0)
            wal_stream_interrupt(shared);
        if (i % 50 == 25)
            wal_stream_interrupt_clear(shared);
    }
    return (void *)bad;
}

static void hammered(void) {
    pthread_t threads[8];
    const wal_event *event = NULL;
    wal_error *error = NULL;
    uint64_t rows = 0;
    bool good = true;
    size_t i;

    shared = open_drained();
    sql("INSERT INTO c_threads SELECT g, 'row ' || g FROM generate_series(1, 20000) g");
    for (i = 0; i < 8; i++)
        REQUIRE(pthread_create(&threads[i], NULL, hammer, NULL) == 0);
    for (;;) {
        wal_status status = wal_stream_next(shared, 10000, &event, &error);
        if (status == WAL_INTERRUPTED)
            continue;
        REQUIRE(status == WAL_OK);
        if (event->kind == WAL_EVENT_INSERT) {
            /* The borrowed event is whole, whatever the others do. */
            good = good && event->sequence == rows && event->n_new == 2 && event->new_values[1].len > 4 &&
                   memcmp(event->new_values[1].data, "row ", 4) == 0;
            rows++;
        }
        if (event->kind == WAL_EVENT_COMMIT)
            break;
    }
    CHECK(good);
    CHECK_EQ(rows, 20000);
    for (i = 0; i < 8; i++) {
        void *bad = NULL;
        pthread_join(threads[i], &bad);
        CHECK_EQ((uintptr_t)bad, 0);
    }
    wal_stream_free(shared);
}

/* --- Objects go to other threads
 * ------------------------------------------------------------------------------------ */

static void *read_and_free(void *argument) {
    wal_batch *batch = argument;
    size_t count, i;
    uintptr_t inserts = 0;
    const wal_event *events = wal_batch_events(batch, &count);

    for (i = 0; i < count; i++)
        inserts += events[i].kind == WAL_EVENT_INSERT;
    wal_batch_free(batch);
    return (void *)inserts;
}

static void batches_elsewhere(void) {
    enum { MOST = 1024 };
    static pthread_t threads[MOST];
    wal_stream *stream;
    wal_batch *batch = NULL;
    uint64_t inserts = 0;
    size_t n = 0, i;

    sql("TRUNCATE c_threads");
    test_slot("c_threads");
    sql("INSERT INTO c_threads SELECT g, 'x' FROM generate_series(1, 5000) g");
    stream = test_open("c_threads", "c_threads", "batch_events", "64");
    /* Until nothing more comes. */
    while (n < MOST && wal_stream_next_batch(stream, 2000, &batch, NULL) == WAL_OK) {
        REQUIRE(pthread_create(&threads[n], NULL, read_and_free, batch) == 0);
        n++;
    }
    wal_stream_free(stream); /* some may still be reading */
    for (i = 0; i < n; i++) {
        void *seen = NULL;
        pthread_join(threads[i], &seen);
        inserts += (uintptr_t)seen;
    }
    CHECK(n > 1);
    CHECK_EQ(inserts, 5000);
}

static volatile sig_atomic_t prodding;

static void *interrupt_and_take_back(void *argument) {
    while (prodding) {
        wal_stream_interrupt(argument);
        wal_stream_interrupt_clear(argument);
    }
    return NULL;
}

/* An interrupt that is taken back at any moment costs no event: not even one of a batch that is half read. */
static void interrupts_taken_back(void) {
    wal_stream *stream = test_open("c_threads", "c_threads", NULL, NULL);
    pthread_t thread;
    uint64_t expected = 0, gaps = 0;
    wal_status status = WAL_OK;

    sql("INSERT INTO c_threads SELECT g FROM generate_series(100001, 150000) g");
    prodding = 1;
    REQUIRE(pthread_create(&thread, NULL, interrupt_and_take_back, stream) == 0);
    while (expected < 50000 && (status == WAL_OK || status == WAL_INTERRUPTED)) {
        const wal_event *event = NULL;

        status = wal_stream_next(stream, 20000, &event, NULL);
        if (status != WAL_OK || event->kind != WAL_EVENT_INSERT)
            continue;
        gaps += event->sequence != expected;
        expected = event->sequence + 1;
    }
    prodding = 0;
    pthread_join(thread, NULL);
    CHECK_EQ(expected, 50000);
    CHECK_EQ(gaps, 0);
    wal_stream_free(stream);
}

int main(void) {
    test_setup("c_threads");
    interrupts_taken_back();
    freed_while_waiting();
    busy();
    hammered();
    batches_elsewhere();
    test_drop_slot("c_threads");
    return check_finish();
}
