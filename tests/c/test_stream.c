/* A stream: opening, the two ways of reading and their mixture, acknowledging, lifetimes, and the descriptor.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <poll.h>

static const char name[] = "c_stream";

static bool readable(const wal_stream *stream, int timeout_ms) {
    struct pollfd fd = {wal_stream_fd(stream), POLLIN, 0};

    return poll(&fd, 1, timeout_ms) == 1 && (fd.revents & POLLIN) != 0;
}

static void wrong_options(void) {
    static const struct {
        const char *key, *value;
        wal_status want;
    } cases[] = {
        {"slot", "c_stream_none", WAL_E_SLOT_MISSING},
        {"publication", "c_stream_none", WAL_E_PUBLICATION_MISSING},
        {"conninfo", "host=/nonexistent-folder user=u dbname=d", WAL_E_CONNECT},
        {"conninfo", "host=127.0.0.1 port=1 user=u dbname=d", WAL_E_CONNECT},
        {"conninfo", "nonsense=1", WAL_E_CONNINFO},
    };
    wal_error *error = NULL;
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wal_options *options = test_options(name, name);
        wal_stream *stream = (wal_stream *)&error;
        wal_status status = wal_options_set(options, cases[i].key, cases[i].value, &error);

        if (status == WAL_OK)
            status = wal_stream_open(options, &stream, &error);
        else
            stream = NULL;
        CHECK(stream == NULL);
        CHECK(wal_error_hint(error)[0] != '\0' || wal_error_detail(error)[0] != '\0');
        CHECK_TEXT(wal_error_name(error), wal_status_name(cases[i].want));
        if (cases[i].want == WAL_E_CONNECT) {
            CHECK(wal_error_os_errno(error) != 0);
            CHECK_EQ(wal_error_is_retriable(error), 1);
        }
        CHECK_STATUS(status, cases[i].want, &error);
        wal_options_free(options);
    }
}

static void states(void) {
    wal_options *options = test_options(name, name);
    wal_stream *stream = NULL, *second = NULL;
    const wal_event *event = (const wal_event *)&options;
    wal_batch *batch = (wal_batch *)&options;
    wal_error *error = NULL;
    int32_t fd;

    CHECK_STATUS(wal_stream_new(options, &stream, &error), WAL_OK, &error);
    fd = wal_stream_fd(stream);
    CHECK(fd >= 0);
    CHECK_STATUS(wal_stream_next(stream, 0, &event, &error), WAL_E_STATE, &error);
    CHECK(event == NULL);
    CHECK_STATUS(wal_stream_next_batch(stream, 0, &batch, &error), WAL_E_STATE, &error);
    CHECK(batch == NULL);
    CHECK_STATUS(wal_stream_flush(stream, 0, &error), WAL_E_STATE, &error);
    /* An interrupt from before is taken by connecting, which can then be done again. */
    wal_stream_interrupt(stream);
    CHECK_STATUS(wal_stream_connect(stream, -1, &error), WAL_INTERRUPTED, &error);
    CHECK_STATUS(wal_stream_connect(stream, 10000, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_connect(stream, -1, &error), WAL_E_STATE, &error);
    CHECK_EQ(wal_stream_fd(stream), fd);
    CHECK_STATUS(wal_stream_next(stream, 0, &event, &error), WAL_TIMEOUT, &error);

    CHECK_STATUS(wal_stream_open(options, &second, &error), WAL_E_SLOT_ACTIVE, &error);
    CHECK(second == NULL);
    wal_stream_free(stream);
    wal_options_free(options);
}

/* One transaction, event by event. */
static void events(void) {
    static const uint32_t want[] = {WAL_EVENT_BEGIN,  WAL_EVENT_RELATION, WAL_EVENT_INSERT,
                                    WAL_EVENT_UPDATE, WAL_EVENT_DELETE,   WAL_EVENT_COMMIT};
    wal_stream *stream = test_open(name, name, NULL, NULL);
    const wal_event *event = NULL;
    wal_error *error = NULL;
    uint64_t commit_lsn = 0, changes = 0;
    uint32_t xid = 0;
    wal_stats stats;
    size_t i;

    sql("DO $$ BEGIN INSERT INTO c_stream VALUES (1, 'one'); UPDATE c_stream SET v = 'eins'; DELETE FROM "
        "c_stream; END $$");
    for (i = 0; i < sizeof want / sizeof want[0]; i++) {
        REQUIRE(CHECK_STATUS(wal_stream_next(stream, 10000, &event, &error), WAL_OK, &error));
        CHECK_EQ(event->kind, want[i]);
        if (i == 0) {
            commit_lsn = event->commit_lsn;
            xid = event->xid;
            CHECK(commit_lsn != 0 && xid != 0 && event->commit_time > 0);
        }
        CHECK(event->commit_lsn == commit_lsn);
        CHECK_EQ(event->xid, xid);
        CHECK_EQ(event->subxid, 0);
        CHECK(event->sequence == changes);
        CHECK_EQ(event->reserved, 0);
        CHECK((event->ack_lsn != 0) == (event->kind == WAL_EVENT_COMMIT));
        if (event->kind >= WAL_EVENT_INSERT && event->kind <= WAL_EVENT_DELETE)
            changes++;
    }
    CHECK(event->ack_lsn > commit_lsn);
    /* Not yet delivered: refused, and nothing changes. */
    CHECK_STATUS(wal_stream_ack(stream, event->ack_lsn + 1, &error), WAL_E_ACK_BEYOND, &error);
    CHECK_STATUS(wal_stream_ack(stream, UINT64_MAX, &error), WAL_E_ACK_BEYOND, &error);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_OK, &error);
    CHECK(stats.acked_lsn < event->ack_lsn && stats.delivered_lsn == event->ack_lsn);
    /* Cumulative, and never back. */
    CHECK_STATUS(wal_stream_ack(stream, event->ack_lsn, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_ack(stream, commit_lsn, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_OK, &error);
    CHECK(stats.acked_lsn == event->ack_lsn);
    CHECK_STATUS(wal_stream_flush(stream, 5000, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_OK, &error);
    CHECK(stats.reported_lsn >= event->ack_lsn);
    /* None of these ended the event's life. */
    CHECK_EQ(event->kind, WAL_EVENT_COMMIT);
    /* A program that knows less. */
    memset(&stats, 0x55, sizeof stats);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats.events, &error), WAL_OK, &error);
    CHECK(stats.events >= 6 && stats.batches == UINT64_C(0x5555555555555555));
    wal_stream_free(stream);
}

/* next walks through a batch, next_batch gives what is left of it: together each event once. */
static void mixture(void) {
    wal_stream *stream = test_open(name, name, "batch_events", "64");
    const wal_event *event, *list;
    wal_batch *batch = NULL;
    wal_error *error = NULL;
    uint64_t next = 0, commits = 0;
    unsigned round = 0;
    size_t count, i;

    sql("INSERT INTO c_stream SELECT g, 'mix' FROM generate_series(1, 500) g");
    sql("TRUNCATE c_stream");
    while (commits < 2) {
        if (round++ % 2 == 0) {
            for (i = 0; i < 5 && commits < 2; i++) {
                REQUIRE(CHECK_STATUS(wal_stream_next(stream, 10000, &event, &error), WAL_OK, &error));
                if (event->kind == WAL_EVENT_INSERT)
                    CHECK(event->sequence == next++);
                commits += event->kind == WAL_EVENT_COMMIT;
                if (event->ack_lsn != 0)
                    CHECK_STATUS(wal_stream_ack(stream, event->ack_lsn, &error), WAL_OK, &error);
            }
            continue;
        }
        REQUIRE(CHECK_STATUS(wal_stream_next_batch(stream, 10000, &batch, &error), WAL_OK, &error));
        list = wal_batch_events(batch, &count);
        CHECK(count > 0 && count <= 64);
        CHECK(wal_batch_events(batch, NULL) == list);
        for (i = 0; i < count; i++) {
            if (list[i].kind == WAL_EVENT_INSERT)
                CHECK(list[i].sequence == next++);
            commits += list[i].kind == WAL_EVENT_COMMIT;
        }
        if (wal_batch_ack_lsn(batch) != 0)
            CHECK_STATUS(wal_stream_ack(stream, wal_batch_ack_lsn(batch), &error), WAL_OK, &error);
        wal_batch_free(batch);
    }
    CHECK_EQ(next, 500);
    /* The next stream begins behind all this. */
    CHECK_STATUS(wal_stream_flush(stream, 10000, &error), WAL_OK, &error);
    wal_stream_free(stream);
}

/* What is owned lives on when its stream is gone. */
static void lifetimes(bool stream_first) {
    wal_stream *stream = test_open(name, name, NULL, NULL);
    const wal_event *event, *list;
    wal_event copied;
    wal_event *clone = NULL;
    wal_relation *relation = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL, *kept = NULL;
    size_t count, i;

    sql("INSERT INTO c_stream VALUES (77, 'lives on')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_STATUS(wal_event_clone(event, &clone, &error), WAL_OK, &error);
    CHECK_STATUS(wal_relation_retain(event->relation, &relation, &error), WAL_OK, &error);
    sql("DELETE FROM c_stream WHERE id = 77");
    event = test_next(stream, WAL_EVENT_COMMIT);
    REQUIRE(event != NULL);
    REQUIRE(CHECK_STATUS(wal_stream_next_batch(stream, 10000, &batch, &error), WAL_OK, &error));
    CHECK_EQ(wal_stream_ack(stream, UINT64_MAX, &kept), WAL_E_ACK_BEYOND);
    if (stream_first)
        wal_stream_free(stream);

    CHECK_EQ(clone->kind, WAL_EVENT_INSERT);
    CHECK_EQ(clone->n_new, 2);
    copied = *clone; /* a copied struct is as good */
    CHECK_BYTES(copied.new_values[1], "lives on");
    CHECK_BYTES(*wal_event_new_value(&copied, 0), "77");
    CHECK_BYTES(*wal_event_new_by_name(&copied, "v"), "lives on");
    CHECK(wal_event_new_by_name(&copied, "w") == NULL);
    CHECK(wal_event_new_value(&copied, 2) == NULL);
    CHECK(wal_event_old_value(&copied, 0) == NULL);
    CHECK_BYTES(wal_relation_name(clone->relation), "c_stream");
    list = wal_batch_events(batch, &count);
    for (i = 0; i < count; i++)
        if (list[i].kind == WAL_EVENT_DELETE) {
            CHECK_BYTES(*wal_event_old_by_name(&list[i], "id"), "77");
            CHECK_EQ(list[i].old_values[1].kind, WAL_VALUE_ABSENT);
        }
    CHECK_TEXT(wal_error_name(kept), "WAL_E_ACK_BEYOND");
    wal_batch_free(batch);
    wal_event_free(clone);
    CHECK_BYTES(wal_relation_namespace(relation), "public");
    CHECK_EQ(wal_relation_column_index(relation, "v"), 1);
    CHECK_EQ(wal_relation_column_is_key(relation, 0), 1);
    CHECK_EQ(wal_relation_column_type(relation, 0), 23);
    CHECK_EQ(wal_relation_column_typmod(relation, 0), -1);
    CHECK_EQ(wal_relation_replica_identity(relation), 'd');
    wal_relation_free(relation);
    wal_error_free(kept);
    if (!stream_first)
        wal_stream_free(stream);
}

static void the_descriptor(void) {
    wal_stream *stream = test_open(name, name, NULL, NULL);
    const wal_event *event = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL;

    test_drain(stream);
    CHECK(!readable(stream, 0));
    sql("INSERT INTO c_stream VALUES (5, 'five')");
    CHECK(readable(stream, 5000));
    CHECK(readable(stream, 0)); /* level-triggered */
    REQUIRE(CHECK_STATUS(wal_stream_next(stream, 0, &event, &error), WAL_OK, &error));
    CHECK(readable(stream, 0)); /* left in the walked batch */
    CHECK_STATUS(wal_stream_next_batch(stream, 0, &batch, &error), WAL_OK, &error);
    wal_batch_free(batch);
    test_drain(stream);
    CHECK(!readable(stream, 0));

    /* Sticky until taken; once. */
    wal_stream_interrupt(stream);
    wal_stream_interrupt(stream);
    CHECK(readable(stream, 0));
    CHECK_STATUS(wal_stream_next(stream, -1, &event, &error), WAL_INTERRUPTED, &error);
    CHECK(event == NULL);
    CHECK_STATUS(wal_stream_next(stream, 0, &event, &error), WAL_TIMEOUT, &error);
    CHECK(!readable(stream, 0));
    wal_stream_interrupt(stream);
    wal_stream_interrupt_clear(stream);
    CHECK_STATUS(wal_stream_next(stream, 0, &event, &error), WAL_TIMEOUT, &error);
    wal_stream_interrupt(stream);
    CHECK_STATUS(wal_stream_next_batch(stream, -1, &batch, &error), WAL_INTERRUPTED, &error);
    CHECK(batch == NULL);
    wal_stream_free(stream);
}

/* What was not acknowledged comes again, the same; what was does not. */
static void again(const char *ack) {
    wal_stream *stream;
    const wal_event *event;
    wal_error *error = NULL;
    uint64_t commit_lsn = 0, sequence = 0, seen = 0;

    test_slot(name);
    sql("INSERT INTO c_stream SELECT g, 'again' FROM generate_series(1001, 1010) g");
    sql("DELETE FROM c_stream");
    stream = test_open(name, name, "ack", ack);
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    commit_lsn = event->commit_lsn;
    sequence = event->sequence;
    wal_stream_free(stream);

    stream = test_open(name, name, "ack", ack);
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK(event->commit_lsn == commit_lsn && event->sequence == sequence);
    event = test_next(stream, WAL_EVENT_COMMIT);
    REQUIRE(event != NULL);
    if (strcmp(ack, "manual") == 0)
        CHECK_STATUS(wal_stream_ack(stream, event->ack_lsn, &error), WAL_OK, &error);
    else /* the next call says that the commit is done with */
        CHECK(wal_stream_next(stream, 5000, &event, &error) == WAL_OK);
    wal_stream_free(stream);

    stream = test_open(name, name, "ack", ack);
    for (;;) {
        wal_status status = wal_stream_next(stream, 10000, &event, &error);
        REQUIRE(CHECK_STATUS(status, WAL_OK, &error));
        seen += event->kind == WAL_EVENT_INSERT;
        if (event->kind == WAL_EVENT_DELETE)
            break;
    }
    CHECK_EQ(seen, 0);
    wal_stream_free(stream);
}

/* A stream that ended says so at each further call, and its descriptor stays readable. */
static void the_end(void) {
    wal_stream *stream = test_open(name, name, "reconnect", "off");
    const wal_event *event = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL;
    wal_status status;
    wal_stats stats;

    test_drain(stream);
    CHECK_STATUS(wal_stream_stats(stream, &stats, sizeof stats, &error), WAL_OK, &error);
    CHECK(stats.backend_pid != 0 && stats.server_version >= 140000);
    sql("SELECT pg_terminate_backend(%" PRIu32 ")", stats.backend_pid);
    CHECK(readable(stream, 5000));
    status = wal_stream_next(stream, 5000, &event, &error);
    CHECK(status < 0 && event == NULL);
    CHECK_EQ(wal_error_is_fatal(error), 1);
    CHECK_TEXT(wal_error_sqlstate(error), "57P01");
    CHECK_STATUS(status, WAL_E_SERVER_SHUTDOWN, &error);
    CHECK_STATUS(wal_stream_next(stream, -1, &event, &error), status, &error);
    CHECK_STATUS(wal_stream_next_batch(stream, -1, &batch, &error), status, &error);
    CHECK_STATUS(wal_stream_flush(stream, -1, &error), status, &error);
    CHECK(readable(stream, 0));
    wal_stream_free(stream);
}

int main(void) {
    test_setup(name);
    wrong_options();
    states();
    events();
    mixture();
    lifetimes(true);
    lifetimes(false);
    the_descriptor();
    again("manual");
    again("auto");
    the_end();
    test_drop_slot(name);
    return check_finish();
}
