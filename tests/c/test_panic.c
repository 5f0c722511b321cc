/* A panic inside the library is a status, the handle answers only that from then on, and other streams go on.
 * Needs the build with test hooks. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

int main(void) {
    wal_stream *stream, *other;
    const wal_event *event = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL;
    wal_stats stats;

    test_setup("c_panic");
    test_slot("c_panic_other");
    stream = test_open("c_panic", "c_panic", NULL, NULL);
    other = test_open("c_panic_other", "c_panic", NULL, NULL);

    CHECK_EQ(wal_test_panic(stream, &error), WAL_E_PANIC);
    CHECK(strstr(wal_error_message(error), "injected by a test") != NULL);
    CHECK_EQ(wal_error_is_fatal(error), 1);
    CHECK_STATUS(WAL_E_PANIC, WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_next(stream, -1, &event, &error), WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_next_batch(stream, -1, &batch, &error), WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_connect(stream, -1, &error), WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_ack(stream, 1, &error), WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_flush(stream, -1, &error), WAL_E_PANIC, &error);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_E_PANIC, &error);
    CHECK_EQ(wal_test_panic(stream, NULL), WAL_E_PANIC);
    wal_stream_interrupt(stream);

    sql("INSERT INTO c_panic VALUES (1, 'goes on')");
    event = test_next(other, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_BYTES(event->new_values[1], "goes on");
    wal_stream_free(stream);
    event = test_next(other, WAL_EVENT_COMMIT);
    CHECK(event != NULL);
    wal_stream_free(other);

    /* The slot is free again. */
    stream = test_open("c_panic", "c_panic", NULL, NULL);
    CHECK(test_next(stream, WAL_EVENT_INSERT) != NULL);
    wal_stream_free(stream);
    test_drop_slot("c_panic");
    test_drop_slot("c_panic_other");
    return check_finish();
}
