/* Slots, publications and health over a connection: every call, as a program would make it. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <pthread.h>

static wal_connection *connection;

static wal_connection *open_connection(void) {
    wal_options *options = NULL;
    wal_connection *made = NULL;
    wal_error *error = NULL;

    REQUIRE(wal_options_new(&options, NULL) == WAL_OK);
    REQUIRE(wal_options_set(options, "conninfo", test_env("PGWALSTREAM_TEST_CONNINFO"), NULL) == WAL_OK);
    REQUIRE(CHECK_STATUS(wal_connection_open(options, 10000, &made, &error), WAL_OK, &error) && made != NULL);
    wal_options_free(options);
    CHECK(wal_connection_server_version(made) >= 140000);
    return made;
}

/* What runs of this program before left behind. */
static void clean_up(void) {
    sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE "
        "'c_slots%%'");
    sql("SET client_min_messages = warning; DROP PUBLICATION IF EXISTS c_slots");
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS c_slots");
    sql("CREATE TABLE c_slots (id int PRIMARY KEY)");
}

static void publications(void) {
    wal_publications *list = NULL;
    wal_tables *tables = NULL;
    wal_error *error = NULL;
    size_t i, found = 0;

    CHECK_STATUS(wal_publication_create(connection, "c_slots", "public.c_slots",
                                        WAL_PUBLISH_INSERT | WAL_PUBLISH_UPDATE, 10000, &error),
                 WAL_OK, &error);
    CHECK_STATUS(
        wal_publication_create(connection, "c_slots", NULL, WAL_PUBLICATION_ALL_TABLES, 10000, &error),
        WAL_E_PUBLICATION_EXISTS, &error);
    CHECK_STATUS(wal_publication_list(connection, 10000, &list, &error), WAL_OK, &error);
    for (i = 0; i < wal_publications_count(list); i++) {
        const wal_publication *it = wal_publications_at(list, i);

        if (wal_publication_name(it).len == 7 && memcmp(wal_publication_name(it).data, "c_slots", 7) == 0) {
            CHECK_EQ(wal_publication_flags(it), WAL_PUBLISH_INSERT | WAL_PUBLISH_UPDATE);
            found++;
        }
    }
    CHECK_EQ(found, 1);
    CHECK(wal_publications_at(list, i) == NULL);
    wal_publications_free(list);

    CHECK_STATUS(wal_publication_tables(connection, "c_slots", 10000, &tables, &error), WAL_OK, &error);
    REQUIRE(wal_tables_count(tables) == 1);
    CHECK_BYTES(wal_table_namespace(wal_tables_at(tables, 0)), "public");
    CHECK_BYTES(wal_table_name(wal_tables_at(tables, 0)), "c_slots");
    CHECK_EQ(wal_table_replica_identity(wal_tables_at(tables, 0)), 'd');
    CHECK_EQ(wal_table_identity(wal_tables_at(tables, 0)), WAL_IDENTITY_USABLE);
    wal_tables_free(tables);
    CHECK_STATUS(wal_publication_tables(connection, "none", 10000, &tables, &error),
                 WAL_E_PUBLICATION_MISSING, &error);
    CHECK(tables == NULL);
}

static void slots(void) {
    wal_slot *slot = NULL, *read = NULL, *copy = NULL;
    wal_slots *list = NULL;
    wal_rows *rows = NULL;
    wal_error *error = NULL;
    wal_health health;
    uint64_t at = 0, start;

    CHECK_STATUS(wal_slot_create_logical(connection, "c_slots", NULL, 0, 10000, &slot, &error), WAL_OK,
                 &error);
    CHECK_BYTES(wal_slot_name(slot), "c_slots");
    CHECK_BYTES(wal_slot_plugin(slot), "pgoutput");
    CHECK_EQ(wal_slot_kind(slot), WAL_SLOT_KIND_LOGICAL);
    start = wal_slot_consistent_point(slot);
    CHECK(start != 0);
    wal_slot_free(slot);
    CHECK_STATUS(wal_slot_create_logical(connection, "c_slots", NULL, 0, 10000, &slot, &error),
                 WAL_E_SLOT_EXISTS, &error);
    CHECK(slot == NULL);
    CHECK_STATUS(
        wal_slot_create_physical(connection, "c_slots_p", WAL_SLOT_RESERVE_WAL, 10000, &slot, &error), WAL_OK,
        &error);
    CHECK_EQ(wal_slot_kind(slot), WAL_SLOT_KIND_PHYSICAL);
    wal_slot_free(slot);

    CHECK_STATUS(wal_slot_list(connection, 10000, &list, &error), WAL_OK, &error);
    CHECK(wal_slots_count(list) >= 2 && wal_slots_at(list, wal_slots_count(list)) == NULL);
    wal_slots_free(list);

    sql("INSERT INTO c_slots VALUES (1)");
    CHECK_STATUS(wal_slot_advance(connection, "c_slots", UINT64_MAX, 10000, &at, &error), WAL_OK, &error);
    CHECK(at > start);
    CHECK_STATUS(wal_slot_read(connection, "c_slots", 10000, &read, &error), WAL_OK, &error);
    CHECK(wal_slot_confirmed_flush_lsn(read) == at);
    CHECK_EQ(wal_slot_wal(read), WAL_SLOT_WAL_RESERVED);
    CHECK_EQ(wal_slot_invalidation(read), WAL_INVALIDATION_NONE);
    CHECK_EQ(wal_slot_flags(read), 0);
    wal_slot_free(read);
    CHECK_STATUS(
        wal_slot_copy(connection, "c_slots", "c_slots_c", NULL, WAL_SLOT_TEMPORARY, 10000, &copy, &error),
        WAL_OK, &error);
    CHECK(wal_slot_confirmed_flush_lsn(copy) == at);
    wal_slot_free(copy);

    memset(&health, 0x55, sizeof health);
    CHECK_STATUS(wal_slot_health(connection, "c_slots", 10000, &health, sizeof health, &error), WAL_OK,
                 &error);
    CHECK(health.confirmed_flush_lsn == at && health.server_lsn >= at && health.sampled_at > 0);
    CHECK_EQ(health.safe_wal_size, -1);
    CHECK_EQ(health.wal, WAL_SLOT_WAL_RESERVED);
    CHECK(health.catalog_xmin_age >= 0 && health.xmin_age == -1);
    CHECK_STATUS(wal_slot_health(connection, "none", 10000, &health, sizeof health, &error),
                 WAL_E_SLOT_MISSING, &error);

    if (wal_connection_server_version(connection) >= 170000)
        CHECK_STATUS(wal_slot_alter(connection, "c_slots", WAL_SLOT_FAILOVER, 0, 10000, &error), WAL_OK,
                     &error);
    else
        CHECK_STATUS(wal_slot_alter(connection, "c_slots", WAL_SLOT_FAILOVER, 0, 10000, &error),
                     WAL_E_SERVER_VERSION, &error);
    CHECK_STATUS(wal_slot_drop(connection, "c_slots", 0, 10000, &error), WAL_OK, &error);
    CHECK_STATUS(wal_slot_drop(connection, "c_slots", 1, 10000, &error), WAL_E_SLOT_MISSING, &error);
    CHECK_STATUS(wal_slot_drop(connection, "c_slots_p", 0, 10000, &error), WAL_OK, &error);

    CHECK_STATUS(wal_connection_query(connection, "SELECT 7 AS seven, NULL AS none", 10000, &rows, &error),
                 WAL_OK, &error);
    CHECK_EQ(wal_rows_count(rows), 1);
    CHECK_EQ(wal_rows_column_count(rows), 2);
    CHECK_BYTES(wal_rows_column_name(rows, 0), "seven");
    CHECK_BYTES(wal_rows_value(rows, 0, 0), "7");
    CHECK(wal_rows_value(rows, 0, 1).data == NULL && wal_rows_value(rows, 1, 0).data == NULL);
    {
        const wal_value *values = wal_rows_values(rows, 0);
        const wal_relation *relation = wal_rows_relation(rows);
        int64_t seven = 0;

        REQUIRE(values != NULL && relation != NULL);
        CHECK(wal_rows_values(rows, 1) == NULL);
        CHECK_EQ(wal_relation_column_count(relation), 2);
        CHECK_STATUS(wal_value_as_int64(&values[0], relation, 0, &seven, &error), WAL_OK, &error);
        CHECK_EQ(seven, 7);
        CHECK_STATUS(wal_value_as_int64(&values[1], relation, 1, &seven, &error), WAL_E_NO_VALUE, &error);
    }
    wal_rows_free(rows);
    rows = NULL;
}

/* A snapshot lives until it is released, and no command ends it by accident. */
static void snapshot(void) {
    wal_slot *slot = NULL;
    wal_slots *list = NULL;
    wal_error *error = NULL;
    wal_bytes name;

    CHECK_STATUS(wal_slot_create_logical(connection, "c_slots_s", "pgoutput",
                                         WAL_SLOT_TEMPORARY | WAL_SLOT_EXPORT_SNAPSHOT, 10000, &slot, &error),
                 WAL_OK, &error);
    name = wal_slot_snapshot_name(slot);
    CHECK(name.len > 0);
    sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '%.*s'; SELECT count(*) FROM "
        "c_slots; COMMIT",
        (int)name.len, (const char *)name.data);
    CHECK_STATUS(wal_slot_list(connection, 10000, &list, &error), WAL_E_STATE, &error);
    CHECK_STATUS(wal_connection_check(connection, &error), WAL_OK, &error);
    CHECK_STATUS(wal_connection_release_snapshot(connection, &error), WAL_OK, &error);
    CHECK_STATUS(wal_slot_list(connection, 10000, &list, &error), WAL_OK, &error);
    wal_slots_free(list);
    wal_slot_free(slot);
}

static void *interrupt(void *argument) {
    struct timespec pause = {0, 300000000};

    nanosleep(&pause, NULL);
    wal_connection_interrupt(argument);
    return NULL;
}

/* What waits is interrupted, or over in time, and the connection goes on. */
static void waiting(void) {
    wal_rows *rows = NULL;
    wal_error *error = NULL;
    pthread_t thread;

    CHECK_STATUS(wal_connection_query(connection, "SELECT pg_sleep(600)", 200, &rows, &error), WAL_TIMEOUT,
                 &error);
    CHECK(rows == NULL);
    REQUIRE(pthread_create(&thread, NULL, interrupt, connection) == 0);
    CHECK_STATUS(wal_connection_query(connection, "SELECT pg_sleep(600)", -1, &rows, &error), WAL_INTERRUPTED,
                 &error);
    pthread_join(thread, NULL);
    wal_connection_interrupt(connection);
    wal_connection_interrupt_clear(connection);
    CHECK_STATUS(wal_connection_query(connection, "SELECT 1", 10000, &rows, &error), WAL_OK, &error);
    wal_rows_free(rows);
}

/* The engine looks beside the stream. */
static void beside_a_stream(void) {
    wal_stream *stream;
    wal_error *error = NULL;
    wal_health health;
    wal_status status;
    int i;

    test_setup("c_slots_h");
    stream = test_open("c_slots_h", "c_slots_h", "health_interval", "50ms");
    for (i = 0; i < 200; i++) {
        struct timespec pause = {0, 50000000};

        status = wal_stream_slot_health(stream, &health, sizeof health, &error);
        if (status != WAL_TIMEOUT)
            break;
        nanosleep(&pause, NULL);
    }
    CHECK_STATUS(status, WAL_OK, &error);
    CHECK(health.server_lsn != 0 && health.wal == WAL_SLOT_WAL_RESERVED);
    wal_stream_free(stream);
    stream = test_open("c_slots_h", "c_slots_h", NULL, NULL);
    CHECK_STATUS(wal_stream_slot_health(stream, &health, sizeof health, &error), WAL_E_STATE, &error);
    CHECK(health.server_lsn == 0);
    wal_stream_free(stream);
    test_drop_slot("c_slots_h");
}

int main(void) {
    wal_error *error = NULL;

    clean_up();
    connection = open_connection();
    publications();
    slots();
    snapshot();
    waiting();
    beside_a_stream();
    CHECK_STATUS(wal_publication_drop(connection, "c_slots", 10000, &error), WAL_OK, &error);
    CHECK_STATUS(wal_publication_drop(connection, "c_slots", 10000, &error), WAL_E_PUBLICATION_MISSING,
                 &error);
    wal_connection_free(connection);
    return check_finish();
}
