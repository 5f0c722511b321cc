/* Every function with every pointer argument NULL: a status or a neutral value, never a crash, and the
 * outputs cleared. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

/* A value that is no output of a failed call. */
#define DIRT ((void *)(uintptr_t)0x55)

#define INVALID(call) CHECK_STATUS(call, WAL_E_INVALID_ARGUMENT, &error)
#define INVALID_WITHOUT_ERROR(call) CHECK_EQ(call, WAL_E_INVALID_ARGUMENT)

static void null_archive(void) {
    wal_archive *archive = DIRT;
    wal_archive_report *report = DIRT;
    const wal_archive_event *event = DIRT;
    wal_archive_standing standing;
    wal_error *error = NULL;

    memset(&standing, 0x55, sizeof standing);
    INVALID(wal_archive_new(NULL, &archive, &error));
    CHECK(archive == NULL);
    INVALID_WITHOUT_ERROR(wal_archive_new(NULL, NULL, NULL));
    INVALID(wal_archive_next(NULL, 0, &event, &error));
    CHECK(event == NULL);
    INVALID_WITHOUT_ERROR(wal_archive_next(NULL, 0, NULL, NULL));
    INVALID(wal_archive_status(NULL, &standing, sizeof standing, &error));
    CHECK(standing.system_identifier == 0 && standing.is_full == 0);
    INVALID_WITHOUT_ERROR(wal_archive_status(NULL, NULL, 0, NULL));
    INVALID(wal_archive_fetch(NULL, "x", "y", &error));
    INVALID(wal_archive_fetch("/nowhere", NULL, "y", &error));
    INVALID_WITHOUT_ERROR(wal_archive_fetch("/nowhere", "x", NULL, NULL));
    INVALID(wal_archive_check(NULL, &report, &error));
    CHECK(report == NULL);
    INVALID_WITHOUT_ERROR(wal_archive_check("/nowhere", NULL, NULL));
    report = DIRT;
    CHECK_STATUS(wal_archive_check("/nowhere", &report, &error), WAL_E_ARCHIVE, &error);
    CHECK(report == NULL);
}

static void neutral(void) {
    size_t count = 7;

    CHECK(wal_batch_events(NULL, &count) == NULL && count == 0);
    CHECK(wal_batch_events(NULL, NULL) == NULL);
    CHECK_EQ(wal_batch_ack_lsn(NULL), 0);
    wal_batch_free(NULL);
    CHECK_EQ(wal_error_code(NULL), WAL_OK);
    CHECK_TEXT(wal_error_name(NULL), "");
    CHECK_TEXT(wal_error_message(NULL), "");
    CHECK_TEXT(wal_error_detail(NULL), "");
    CHECK_TEXT(wal_error_hint(NULL), "");
    CHECK_TEXT(wal_error_sqlstate(NULL), "");
    CHECK_EQ(wal_error_os_errno(NULL), 0);
    CHECK_EQ(wal_error_is_retriable(NULL), 0);
    CHECK_EQ(wal_error_is_fatal(NULL), 0);
    wal_error_free(NULL);
    CHECK(wal_event_new_value(NULL, 0) == NULL && wal_event_old_value(NULL, 0) == NULL);
    CHECK(wal_event_new_by_name(NULL, "a") == NULL && wal_event_old_by_name(NULL, "a") == NULL);
    CHECK(wal_event_message_prefix(NULL).data == NULL && wal_event_message_prefix(NULL).len == 0);
    CHECK(wal_event_message_content(NULL).data == NULL && wal_event_message_content(NULL).len == 0);
    CHECK(wal_event_origin_name(NULL).data == NULL && wal_event_origin_lsn(NULL) == 0);
    CHECK(wal_event_type_oid(NULL) == 0);
    CHECK(wal_event_type_namespace(NULL).data == NULL && wal_event_type_name(NULL).data == NULL);
    CHECK(wal_event_truncate_count(NULL) == 0 && wal_event_truncate_relation(NULL, 0) == NULL);
    CHECK(wal_event_gid(NULL).data == NULL && wal_event_raw(NULL).data == NULL);
    CHECK(wal_event_prepare_lsn(NULL) == 0 && wal_event_prepare_end_lsn(NULL) == 0);
    CHECK(wal_event_abort_lsn(NULL) == 0 && wal_event_reconnect_lost_lsn(NULL) == 0);
    CHECK(wal_event_reconnect_attempts(NULL) == 0 && wal_event_reconnect_status(NULL) == WAL_OK);
    CHECK(wal_event_reconnect_message(NULL).data == NULL && wal_event_reconnect_switchpoint(NULL) == 0);
    CHECK(wal_event_reconnect_lost_timeline(NULL) == 0 && wal_event_reconnect_timeline(NULL) == 0);
    CHECK(wal_event_timeline(NULL) == 0 && wal_event_timeline_before(NULL) == 0);
    CHECK(wal_event_switchpoint(NULL) == 0);
    wal_event_free(NULL);
    CHECK(wal_renderer_lines(NULL).data == NULL && wal_renderer_lines(NULL).len == 0);
    wal_renderer_free(NULL);
    count = 7;
    CHECK(wal_record_batch_records(NULL, &count) == NULL && count == 0);
    CHECK(wal_record_batch_records(NULL, NULL) == NULL);
    CHECK_EQ(wal_records_position(NULL), 0);
    CHECK_EQ(wal_records_at_end(NULL), 0);
    CHECK(wal_records_segment_size(NULL) == 0 && wal_records_system_id(NULL) == 0);
    CHECK_EQ(wal_record_describe(NULL, NULL, 0), 0);
    CHECK_TEXT(wal_record_kind_name(NULL), "UNKNOWN");
    CHECK_TEXT(wal_rmgr_name(10), "Heap");
    CHECK_TEXT(wal_rmgr_name(255), "custom255");
    CHECK_TEXT(wal_rmgr_name(256), "UNKNOWN");
    wal_record_batch_free(NULL);
    wal_records_free(NULL);
    CHECK_EQ(wal_lsn_format(1, NULL, 0), 3);
    CHECK_EQ(wal_lsn_format(1, NULL, 100), 3);
    CHECK(wal_event_position(NULL).end_lsn == 0 && wal_batch_position(NULL).end_lsn == 0);
    CHECK_EQ(wal_position_format(NULL, NULL, 0), strlen("0:0:0/0:0:0/0"));
    CHECK(wal_acker_position(NULL).end_lsn == 0 && wal_acker_kept(NULL) == 0);
    wal_acker_free(NULL);
    CHECK(wal_archive_event_kind(NULL) == 0 && wal_archive_event_timeline(NULL) == 0);
    CHECK(wal_archive_event_start_lsn(NULL) == 0 && wal_archive_event_end_lsn(NULL) == 0);
    CHECK_TEXT(wal_archive_event_name(NULL), "");
    CHECK_EQ(wal_archive_fd(NULL), -1);
    wal_archive_interrupt(NULL);
    wal_archive_interrupt_clear(NULL);
    wal_archive_free(NULL);
    CHECK(wal_archive_report_segments(NULL) == 0 && wal_archive_report_faults(NULL) == 0);
    CHECK(wal_archive_report_kind(NULL, 0) == 0 && wal_archive_report_start_lsn(NULL, 0) == 0);
    CHECK(wal_archive_report_end_lsn(NULL, 0) == 0);
    CHECK_TEXT(wal_archive_report_name(NULL, 0), "");
    CHECK_TEXT(wal_archive_report_message(NULL, 0), "");
    wal_archive_report_free(NULL);
    wal_options_free(NULL);
    CHECK(wal_relation_oid(NULL) == 0 && wal_relation_generation(NULL) == 0);
    CHECK(wal_relation_namespace(NULL).data == NULL && wal_relation_name(NULL).data == NULL);
    CHECK(wal_relation_replica_identity(NULL) == 0 && wal_relation_column_count(NULL) == 0);
    CHECK_EQ(wal_relation_column_index(NULL, "a"), -1);
    CHECK(wal_relation_column_name(NULL, 0).data == NULL && wal_relation_column_type(NULL, 0) == 0);
    CHECK_EQ(wal_relation_column_typmod(NULL, 0), -1);
    CHECK_EQ(wal_relation_column_is_key(NULL, 0), 0);
    CHECK_EQ(wal_relation_change_count(NULL), -1);
    wal_relation_free(NULL);
    CHECK_EQ(wal_connection_server_version(NULL), 0);
    wal_connection_interrupt(NULL);
    wal_connection_interrupt_clear(NULL);
    wal_connection_free(NULL);
    CHECK(wal_rows_count(NULL) == 0 && wal_rows_column_count(NULL) == 0);
    CHECK(wal_rows_column_name(NULL, 0).data == NULL && wal_rows_value(NULL, 0, 0).data == NULL);
    CHECK(wal_rows_relation(NULL) == NULL && wal_rows_values(NULL, 0) == NULL);
    wal_rows_free(NULL);
    CHECK(wal_slots_count(NULL) == 0 && wal_slots_at(NULL, 0) == NULL);
    wal_slots_free(NULL);
    CHECK(wal_slot_name(NULL).data == NULL && wal_slot_plugin(NULL).data == NULL);
    CHECK(wal_slot_database(NULL).data == NULL && wal_slot_snapshot_name(NULL).data == NULL);
    CHECK(wal_slot_invalidation_reason(NULL).data == NULL && wal_slot_invalidation(NULL) == 0);
    CHECK(wal_slot_kind(NULL) == 0 && wal_slot_flags(NULL) == 0 && wal_slot_active_pid(NULL) == 0);
    CHECK(wal_slot_xmin(NULL) == 0 && wal_slot_catalog_xmin(NULL) == 0 && wal_slot_timeline(NULL) == 0);
    CHECK(wal_slot_restart_lsn(NULL) == 0 && wal_slot_confirmed_flush_lsn(NULL) == 0);
    CHECK(wal_slot_consistent_point(NULL) == 0 && wal_slot_two_phase_at(NULL) == 0);
    CHECK(wal_slot_wal(NULL) == 0 && wal_slot_safe_wal_size(NULL) == -1 &&
          wal_slot_inactive_since(NULL) == 0);
    wal_slot_free(NULL);
    CHECK(wal_publications_count(NULL) == 0 && wal_publications_at(NULL, 0) == NULL);
    CHECK(wal_publication_name(NULL).data == NULL && wal_publication_flags(NULL) == 0);
    wal_publications_free(NULL);
    CHECK(wal_tables_count(NULL) == 0 && wal_tables_at(NULL, 0) == NULL);
    CHECK(wal_table_namespace(NULL).data == NULL && wal_table_name(NULL).data == NULL);
    CHECK(wal_table_columns(NULL).data == NULL && wal_table_row_filter(NULL).data == NULL);
    CHECK(wal_table_oid(NULL) == 0 && wal_table_replica_identity(NULL) == 0 && wal_table_identity(NULL) == 0);
    wal_tables_free(NULL);
    CHECK_EQ(wal_stream_fd(NULL), -1);
    wal_stream_interrupt(NULL);
    wal_stream_interrupt_clear(NULL);
    wal_stream_free(NULL);
}

static void decoder_calls(void) {
    static const uint8_t begin[] = {'B', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    wal_error *error = DIRT;
    wal_decoder *decoder = DIRT;
    wal_batch *batch = DIRT;
    wal_message message = {0, NULL, 1};
    size_t taken = 7;

    INVALID(wal_decoder_new(NULL, NULL, &error));
    CHECK_STATUS(wal_decoder_new(NULL, &decoder, &error), WAL_OK, &error);
    INVALID(wal_decoder_feed(NULL, 0, begin, sizeof begin, &error));
    INVALID(wal_decoder_feed(decoder, 0, NULL, 1, &error));
    INVALID_WITHOUT_ERROR(wal_decoder_feed(NULL, 0, NULL, 0, NULL));
    INVALID(wal_decoder_next_batch(NULL, &batch, &error));
    CHECK(batch == NULL);
    INVALID(wal_decoder_next_batch(decoder, NULL, &error));
    batch = DIRT;
    INVALID(wal_decoder_decode(NULL, &message, 1, &taken, &batch, &error));
    CHECK(batch == NULL && taken == 0);
    INVALID(wal_decoder_decode(decoder, NULL, 1, &taken, &batch, &error));
    INVALID(wal_decoder_decode(decoder, &message, 1, &taken, &batch, &error));
    INVALID(wal_decoder_decode(decoder, &message, 1, &taken, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_decoder_decode(NULL, NULL, 0, NULL, NULL, NULL));
    CHECK_STATUS(wal_decoder_decode(decoder, NULL, 0, NULL, &batch, &error), WAL_OK, &error);
    wal_batch_free(batch);
    wal_decoder_free(decoder);
    wal_decoder_free(NULL);
}

static void prometheus_calls(void) {
    wal_error *error = DIRT;
    char buffer[8];
    size_t length = 7;

    INVALID(wal_stats_prometheus(NULL, sizeof buffer, &length, &error));
    CHECK_EQ(length, 0);
    INVALID(wal_stats_prometheus(buffer, sizeof buffer, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_stats_prometheus(buffer, sizeof buffer, NULL, NULL));
    CHECK_STATUS(wal_stats_prometheus(NULL, 0, &length, &error), WAL_OK, &error);
    CHECK(length > sizeof buffer);
    /* Too small: the text is empty, and its length is told. */
    memset(buffer, 0x55, sizeof buffer);
    length = 0;
    CHECK_STATUS(wal_stats_prometheus(buffer, sizeof buffer, &length, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK(length > sizeof buffer && buffer[0] == '\0' && buffer[1] == 0x55);
}

static void position_calls(wal_stream *stream) {
    static const char text[] = "7560123456789012345:1:0/16B3748:3:0/0";
    wal_error *error = DIRT;
    wal_position position, zero;
    wal_acker *acker = DIRT;
    wal_event event;
    uint64_t token = 7;
    int32_t order = 7;
    char cut[8];

    memset(&zero, 0, sizeof zero);
    memset(&event, 0, sizeof event);
    memset(&position, 0x55, sizeof position);
    INVALID(wal_position_parse(NULL, &position, &error));
    CHECK(memcmp(&position, &zero, sizeof position) == 0);
    INVALID(wal_position_parse(text, NULL, &error));
    memset(&position, 0x55, sizeof position);
    INVALID(wal_position_parse("7:1:0/1", &position, &error));
    CHECK(memcmp(&position, &zero, sizeof position) == 0);
    CHECK_STATUS(wal_position_parse(text, &position, &error), WAL_OK, &error);
    CHECK(position.timeline == 1 && position.sequence == 3 && position.commit_lsn == 0x16B3748);
    CHECK_EQ(wal_position_format(&position, cut, sizeof cut), strlen(text));
    CHECK_TEXT(cut, "7560123");
    INVALID(wal_position_compare(NULL, &position, &order, &error));
    CHECK_EQ(order, 0);
    INVALID(wal_position_compare(&position, NULL, &order, &error));
    INVALID(wal_position_compare(&position, &position, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_position_compare(NULL, NULL, NULL, NULL));
    order = 7;
    CHECK_STATUS(wal_position_compare(&position, &zero, &order, &error), WAL_E_SYSTEM_MISMATCH, &error);
    CHECK_EQ(order, 0);
    INVALID(wal_stream_resume_after(NULL, &position, &error));
    INVALID(wal_stream_resume_after(stream, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_stream_resume_after(NULL, NULL, NULL));
    INVALID(wal_acker_new(stream, 0, NULL, &error));
    CHECK_STATUS(wal_acker_new(NULL, 1, &acker, &error), WAL_OK, &error);
    INVALID(wal_acker_begin(NULL, &event, &token, &error));
    CHECK_EQ(token, 0);
    token = 7;
    INVALID(wal_acker_begin(acker, NULL, &token, &error));
    CHECK_EQ(token, 0);
    INVALID(wal_acker_begin(acker, &event, NULL, &error));
    token = 7;
    INVALID(wal_acker_begin_at(acker, NULL, &token, &error));
    CHECK_EQ(token, 0);
    INVALID(wal_acker_begin_at(NULL, &position, &token, &error));
    INVALID(wal_acker_begin_at(acker, &position, NULL, &error));
    INVALID(wal_acker_done(NULL, 1, &error));
    INVALID_WITHOUT_ERROR(wal_acker_done(acker, 1, NULL));
    CHECK_EQ(wal_acker_kept(acker), 0);
    wal_acker_free(acker);
}

static void copy_calls(void) {
    wal_options *options = test_options("c_null", "c_null");
    wal_connection *c = NULL;
    wal_error *error = DIRT;
    wal_copy *copy = DIRT;
    wal_rows *rows = DIRT;

    wal_copy_free(NULL);
    INVALID(wal_copy_open(NULL, "COPY t TO STDOUT", WAL_COPY_TEXT, 0, &copy, &error));
    CHECK(copy == NULL);
    INVALID(wal_copy_next_batch(NULL, 0, &rows, &error));
    CHECK(rows == NULL);
    REQUIRE(wal_connection_open(options, 30000, &c, &error) == WAL_OK);
    copy = DIRT;
    INVALID(wal_copy_open(c, NULL, WAL_COPY_TEXT, 0, &copy, &error));
    CHECK(copy == NULL);
    INVALID(wal_copy_open(c, "COPY (SELECT 1) TO STDOUT", 3, 30000, &copy, &error));
    INVALID(wal_copy_open(c, "COPY (SELECT 1) TO STDOUT", WAL_COPY_TEXT, 30000, NULL, &error));
    CHECK_STATUS(wal_copy_open(c, "COPY (SELECT 1, NULL) TO STDOUT", WAL_COPY_TEXT, 30000, &copy, &error),
                 WAL_OK, &error);
    INVALID(wal_copy_next_batch(copy, 30000, NULL, &error));
    CHECK_STATUS(wal_copy_next_batch(copy, 30000, &rows, &error), WAL_OK, &error);
    CHECK(wal_rows_count(rows) == 1 && wal_rows_column_count(rows) == 2);
    CHECK(wal_rows_column_name(rows, 0).data == NULL && wal_rows_value(rows, 0, 1).data == NULL);
    CHECK(wal_rows_value(rows, 0, 0).len == 1 && wal_rows_value(rows, 1, 0).data == NULL);
    CHECK(wal_rows_relation(rows) == NULL && wal_rows_values(rows, 0) == NULL);
    wal_rows_free(rows);
    CHECK_STATUS(wal_copy_next_batch(copy, 30000, &rows, &error), WAL_END, &error);
    wal_copy_free(copy);
    wal_connection_free(c);
    wal_options_free(options);
}

static void options_calls(void) {
    wal_options *options = NULL;
    const char *text = DIRT;
    wal_error *error = DIRT, *copy = DIRT;
    uint64_t lsn = 5;

    INVALID_WITHOUT_ERROR(wal_options_new(NULL, NULL));
    INVALID(wal_options_new(NULL, &error));
    error = DIRT; /* cleared on success too */
    REQUIRE(wal_options_new(&options, &error) == WAL_OK && error == NULL);
    INVALID(wal_options_set(NULL, "slot", "a", &error));
    INVALID(wal_options_set(options, NULL, "a", &error));
    INVALID_WITHOUT_ERROR(wal_options_set(options, NULL, "a", NULL));
    CHECK_STATUS(wal_options_set(options, "slot", NULL, &error), WAL_OK, &error);
    INVALID(wal_options_get(NULL, "slot", &text, &error));
    CHECK(text == NULL);
    text = DIRT;
    INVALID(wal_options_get(options, NULL, &text, &error));
    CHECK(text == NULL);
    INVALID(wal_options_get(options, "slot", NULL, &error));
    CHECK_EQ(wal_options_describe(0, NULL, sizeof(wal_option_info)), WAL_E_INVALID_ARGUMENT);
    INVALID(wal_options_set_log(NULL, 1, NULL, NULL, &error));
    INVALID(wal_options_set_password(NULL, NULL, NULL, NULL, &error));
    CHECK_EQ(wal_password_set(NULL, "p", 0), WAL_E_INVALID_ARGUMENT);
    CHECK_EQ(wal_password_fail(NULL, "why"), WAL_E_INVALID_ARGUMENT);
    INVALID_WITHOUT_ERROR(wal_engine_set_threads(0, NULL));
    INVALID(wal_error_clone(NULL, &copy, &error));
    CHECK(copy == NULL);
    INVALID(wal_lsn_parse(NULL, &lsn, &error));
    CHECK_EQ(lsn, 0);
    INVALID(wal_lsn_parse("0/1", NULL, &error));
    prometheus_calls();
    wal_options_free(options);
}

static void stream_calls(wal_stream *stream) {
    wal_options *options = test_options("c_null", "c_null");
    wal_error *error = DIRT;
    wal_stream *made = DIRT;
    const wal_event *event = DIRT;
    wal_batch *batch = DIRT;
    wal_stats stats, zero;

    memset(&zero, 0, sizeof zero);
    memset(&stats, 0x55, sizeof stats);
    INVALID(wal_stream_new(NULL, &made, &error));
    CHECK(made == NULL);
    INVALID(wal_stream_new(options, NULL, &error));
    made = DIRT;
    INVALID(wal_stream_open(NULL, &made, &error));
    CHECK(made == NULL);
    INVALID(wal_stream_open(options, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_stream_open(options, NULL, NULL));
    made = DIRT;
    INVALID(wal_replay_open(NULL, NULL, &made, &error));
    CHECK(made == NULL);
    INVALID(wal_replay_open("/dev/null", options, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_replay_open(NULL, NULL, NULL, NULL));
    {
        const char *paths[] = {"/dev/null", NULL};
        INVALID(wal_replay_open_files(NULL, 1, NULL, &made, &error));
        INVALID(wal_replay_open_files(paths, 0, NULL, &made, &error));
        INVALID(wal_replay_open_files(paths, 2, options, &made, &error));
        INVALID(wal_replay_open_files(paths, 1, options, NULL, &error));
        INVALID_WITHOUT_ERROR(wal_replay_open_files(NULL, 0, NULL, NULL, NULL));
    }
    INVALID(wal_stream_connect(NULL, 0, &error));
    INVALID_WITHOUT_ERROR(wal_stream_connect(NULL, 0, NULL));
    INVALID(wal_stream_next(NULL, 0, &event, &error));
    CHECK(event == NULL);
    INVALID(wal_stream_next(stream, 0, NULL, &error));
    INVALID(wal_stream_next_batch(NULL, 0, &batch, &error));
    CHECK(batch == NULL);
    INVALID(wal_stream_next_batch(stream, 0, NULL, &error));
    INVALID(wal_stream_ack(NULL, 1, &error));
    INVALID(wal_stream_flush(NULL, 0, &error));
    INVALID(wal_stream_standby_feedback(NULL, 0, 0, &error));
    null_archive();
    INVALID(wal_stream_stats(NULL, &stats, sizeof stats, &error));
    CHECK(memcmp(&stats, &zero, sizeof stats) == 0);
    INVALID(wal_stream_stats(stream, NULL, sizeof stats, &error));
    INVALID_WITHOUT_ERROR(wal_stream_stats(stream, NULL, sizeof stats, NULL));
    wal_options_free(options);
}

/* A call that gives an object: without an object to give to, without a connection, without a name. */
#define GIVES(type, call, without_connection, without_out)                                                   \
    do {                                                                                                     \
        type *out = DIRT;                                                                                    \
        INVALID(without_connection);                                                                         \
        CHECK(out == NULL);                                                                                  \
        INVALID(without_out);                                                                                \
        out = DIRT;                                                                                          \
        CHECK(call < 0 && out == NULL);                                                                      \
        wal_error_free(error);                                                                               \
        error = NULL;                                                                                        \
    } while (0)

static void connection_calls(const wal_stream *stream) {
    wal_options *options = test_options("c_null", "c_null");
    wal_error *error = DIRT;
    wal_connection *made = DIRT;
    wal_connection *c = NULL;
    wal_health health, zero;
    wal_snapshot_progress progress, none;
    uint64_t lsn = 7;

    INVALID(wal_connection_new(NULL, &made, &error));
    CHECK(made == NULL);
    INVALID(wal_connection_new(options, NULL, &error));
    made = DIRT;
    INVALID(wal_connection_open(NULL, 0, &made, &error));
    CHECK(made == NULL);
    INVALID(wal_connection_open(options, 0, NULL, &error));
    INVALID(wal_connection_connect(NULL, 0, &error));
    INVALID(wal_connection_check(NULL, &error));
    INVALID(wal_connection_release_snapshot(NULL, &error));
    REQUIRE(wal_connection_new(options, &c, &error) == WAL_OK);

    /* Each without a connection, without an output, and without its text: NULL, or the connection is not
     * open. */
    GIVES(wal_rows, wal_connection_query(c, NULL, 0, &out, &error),
          wal_connection_query(NULL, "", 0, &out, &error), wal_connection_query(c, "", 0, NULL, &error));
    GIVES(wal_slot, wal_slot_create_logical(c, NULL, NULL, 0, 0, &out, &error),
          wal_slot_create_logical(NULL, "a", NULL, 0, 0, &out, &error),
          wal_slot_create_logical(c, "a", NULL, 0, 0, NULL, &error));
    GIVES(wal_slot, wal_slot_create_physical(c, NULL, 0, 0, &out, &error),
          wal_slot_create_physical(NULL, "a", 0, 0, &out, &error),
          wal_slot_create_physical(c, "a", 0, 0, NULL, &error));
    GIVES(wal_slot, wal_slot_read(c, NULL, 0, &out, &error), wal_slot_read(NULL, "a", 0, &out, &error),
          wal_slot_read(c, "a", 0, NULL, &error));
    GIVES(wal_slot, wal_slot_copy(c, NULL, "b", NULL, 0, 0, &out, &error),
          wal_slot_copy(NULL, "a", "b", NULL, 0, 0, &out, &error),
          wal_slot_copy(c, "a", "b", NULL, 0, 0, NULL, &error));
    GIVES(wal_slot, wal_slot_copy(c, "a", NULL, NULL, 0, 0, &out, &error),
          wal_slot_copy(NULL, "a", "b", NULL, 0, 0, &out, &error),
          wal_slot_copy(c, "a", "b", NULL, 0, 0, NULL, &error));
    GIVES(wal_slots, wal_slot_list(c, 0, &out, &error), wal_slot_list(NULL, 0, &out, &error),
          wal_slot_list(c, 0, NULL, &error));
    GIVES(wal_publications, wal_publication_list(c, 0, &out, &error),
          wal_publication_list(NULL, 0, &out, &error), wal_publication_list(c, 0, NULL, &error));
    GIVES(wal_tables, wal_publication_tables(c, NULL, 0, &out, &error),
          wal_publication_tables(NULL, "a", 0, &out, &error),
          wal_publication_tables(c, "a", 0, NULL, &error));

    INVALID(wal_slot_alter(NULL, "a", 0, WAL_SLOT_FAILOVER, 0, &error));
    INVALID(wal_slot_alter(c, NULL, 0, WAL_SLOT_FAILOVER, 0, &error));
    INVALID(wal_slot_drop(NULL, "a", 0, 0, &error));
    INVALID(wal_slot_drop(c, NULL, 0, 0, &error));
    INVALID(wal_slot_advance(NULL, "a", 1, 0, &lsn, &error));
    CHECK_EQ(lsn, 0);
    lsn = 7;
    INVALID(wal_slot_advance(c, NULL, 1, 0, &lsn, &error));
    CHECK_EQ(lsn, 0);
    INVALID(wal_slot_advance(c, "a", 1, 0, NULL, &error));
    INVALID(wal_publication_create(NULL, "a", NULL, 0, 0, &error));
    INVALID(wal_publication_create(c, NULL, NULL, 0, 0, &error));
    INVALID(wal_publication_drop(NULL, "a", 0, &error));
    INVALID(wal_publication_drop(c, NULL, 0, &error));
    INVALID_WITHOUT_ERROR(wal_publication_drop(c, NULL, 0, NULL));

    memset(&zero, 0, sizeof zero);
    memset(&health, 0x55, sizeof health);
    INVALID(wal_slot_health(NULL, "a", 0, &health, sizeof health, &error));
    CHECK(memcmp(&health, &zero, sizeof health) == 0);
    memset(&health, 0x55, sizeof health);
    INVALID(wal_slot_health(c, NULL, 0, &health, sizeof health, &error));
    CHECK(memcmp(&health, &zero, sizeof health) == 0);
    INVALID(wal_slot_health(c, "a", 0, NULL, sizeof health, &error));
    memset(&health, 0x55, sizeof health);
    INVALID(wal_stream_slot_health(NULL, &health, sizeof health, &error));
    CHECK(memcmp(&health, &zero, sizeof health) == 0);
    INVALID(wal_stream_slot_health(stream, NULL, sizeof health, &error));
    memset(&none, 0, sizeof none);
    memset(&progress, 0x55, sizeof progress);
    INVALID(wal_stream_snapshot_progress(NULL, &progress, sizeof progress, &error));
    CHECK(memcmp(&progress, &none, sizeof progress) == 0);
    INVALID(wal_stream_snapshot_progress(stream, NULL, sizeof progress, &error));
    wal_connection_free(c);
    wal_options_free(options);
}

static void event_calls(const wal_event *event) {
    wal_error *error = DIRT;
    wal_event *clone = DIRT;
    wal_relation *relation = DIRT;

    INVALID(wal_event_clone(NULL, &clone, &error));
    CHECK(clone == NULL);
    INVALID(wal_event_clone(event, NULL, &error));
    wal_relation_change change;
    INVALID(wal_relation_change_at(NULL, 0, &change, &error));
    INVALID(wal_relation_change_at(event->relation, 0, NULL, &error));
    INVALID(wal_relation_change_at(event->relation, 0, &change, &error));
    CHECK(change.kind == 0 && change.column == -1);
    INVALID(wal_relation_retain(NULL, &relation, &error));
    CHECK(relation == NULL);
    INVALID(wal_relation_retain(event->relation, NULL, &error));
    CHECK(wal_event_new_by_name(event, NULL) == NULL && wal_event_old_by_name(event, NULL) == NULL);
    CHECK_EQ(wal_relation_column_index(event->relation, NULL), -1);
    /* Beyond what is there. */
    CHECK(wal_relation_column_name(event->relation, 2).data == NULL);
    CHECK(wal_relation_column_type(event->relation, UINT32_MAX) == 0);
    CHECK_EQ(wal_relation_column_typmod(event->relation, 2), -1);
    CHECK_EQ(wal_relation_column_is_key(event->relation, 2), 0);
    CHECK(wal_event_new_value(event, 2) == NULL && wal_event_truncate_relation(event, 0) == NULL);
    CHECK(wal_event_message_prefix(event).data == NULL && wal_event_origin_lsn(event) == 0);
    CHECK_EQ(wal_event_snapshot_step(NULL), WAL_SNAPSHOT_NONE);
    CHECK_EQ(wal_event_snapshot_step(event), WAL_SNAPSHOT_NONE);
    CHECK(wal_event_snapshot_item(NULL) == 0 && wal_event_snapshot_item(event) == 0);
    CHECK(wal_event_snapshot_state(NULL).data == NULL && wal_event_snapshot_state(event).data == NULL);
}

/* One typed accessor: no value, no output, no relation. */
#define ACCESSOR(as, type)                                                                                   \
    do {                                                                                                     \
        type out;                                                                                            \
        memset(&out, 0x55, sizeof out);                                                                      \
        INVALID(as(NULL, event->relation, 0, &out, &error));                                                 \
        CHECK(memcmp(&out, nothing, sizeof out) == 0);                                                       \
        INVALID(as(&event->new_values[0], event->relation, 0, NULL, &error));                                \
        INVALID_WITHOUT_ERROR(as(NULL, NULL, 0, NULL, NULL));                                                \
        (void)as(&event->new_values[0], NULL, 0, &out, &error);                                              \
        wal_error_free(error);                                                                               \
        memset(&out, 0x55, sizeof out);                                                                      \
        CHECK_STATUS(as(&event->new_values[1], event->relation, 1, &out, &error), WAL_E_NO_VALUE, &error);   \
        CHECK(memcmp(&out, nothing, sizeof out) == 0);                                                       \
    } while (0)

static void value_calls(const wal_event *event) {
    static const char nothing[64];
    wal_error *error = NULL;
    wal_nested *nested = NULL;
    uint8_t uuid[16];
    uint8_t buffer[8];
    size_t length = 7;

    ACCESSOR(wal_value_as_bool, int32_t);
    ACCESSOR(wal_value_as_int16, int16_t);
    ACCESSOR(wal_value_as_int32, int32_t);
    ACCESSOR(wal_value_as_int64, int64_t);
    ACCESSOR(wal_value_as_uint32, uint32_t);
    ACCESSOR(wal_value_as_float32, float);
    ACCESSOR(wal_value_as_float64, double);
    ACCESSOR(wal_value_as_date, int32_t);
    ACCESSOR(wal_value_as_time, int64_t);
    ACCESSOR(wal_value_as_timestamp, int64_t);
    ACCESSOR(wal_value_as_timestamptz, int64_t);
    ACCESSOR(wal_value_as_text, wal_bytes);
    memset(uuid, 0x55, sizeof uuid);
    CHECK(wal_relation_column_type_info(NULL, 0) == NULL && wal_type_built_in(0) == NULL);
    CHECK(wal_type_oid(NULL) == 0 && wal_type_kind(NULL) == WAL_TYPE_KIND_UNKNOWN);
    CHECK(wal_type_source(NULL) == WAL_TYPE_SOURCE_NONE && wal_type_is_resolved(NULL) == 0);
    CHECK(wal_type_namespace(NULL).data == NULL && wal_type_name(NULL).data == NULL);
    CHECK(wal_type_sql_name(NULL).data == NULL && wal_type_base(NULL) == NULL &&
          wal_type_element(NULL) == NULL);
    INVALID(wal_value_as_numeric(NULL, NULL, 0, NULL, &error));
    INVALID(wal_numeric_text(NULL, NULL, 0, &length, &error));
    INVALID(wal_numeric_int128(NULL, 0, NULL, NULL, &error));
    INVALID(wal_numeric_float64(NULL, NULL, &error));
    INVALID(wal_value_as_interval(NULL, NULL, 0, NULL, NULL, NULL, &error));
    INVALID(wal_value_as_timetz(NULL, NULL, 0, NULL, NULL, &error));
    INVALID(wal_value_as_money(NULL, NULL, 0, NULL, &error));
    INVALID(wal_value_as_inet(NULL, NULL, 0, NULL, &error));
    INVALID(wal_value_as_bits(NULL, NULL, 0, NULL, 0, &length, &error));
    INVALID(wal_value_as_tid(NULL, NULL, 0, NULL, NULL, &error));
    INVALID(wal_value_as_point(NULL, NULL, 0, NULL, NULL, &error));
    INVALID(wal_value_as_lsn(NULL, NULL, 0, NULL, &error));
    INVALID(wal_value_as_uint64(NULL, NULL, 0, NULL, &error));
    INVALID(wal_value_format(NULL, NULL, NULL, 0, &length, &error));
    INVALID(wal_value_format(&event->new_values[0], NULL, NULL, 0, NULL, &error));
    INVALID(wal_value_format(&event->new_values[0], NULL, NULL, 8, &length, &error));
    INVALID(wal_nested_new(NULL, &error));
    INVALID(wal_nested_read(NULL, &event->new_values[0], NULL, 0, WAL_SHAPE_ANY, &error));
    CHECK(wal_nested_items(NULL, NULL) == NULL && wal_nested_items(NULL, &length) == NULL && length == 0);
    length = 7;
    CHECK(wal_nested_dimensions(NULL, NULL) == NULL && wal_nested_dimensions(NULL, &length) == NULL &&
          length == 0);
    CHECK(wal_nested_relation(NULL) == NULL && wal_nested_column(NULL, 7) == 0);
    CHECK(wal_nested_shape(NULL) == WAL_SHAPE_ANY && wal_nested_flags(NULL) == 0);
    wal_nested_free(NULL);
    REQUIRE(CHECK_STATUS(wal_nested_new(&nested, &error), WAL_OK, &error));
    INVALID(wal_nested_read(nested, NULL, NULL, 0, WAL_SHAPE_ANY, &error));
    INVALID(wal_nested_read_as(nested, NULL, NULL, WAL_SHAPE_ANY, NULL, 0, &error));
    INVALID(wal_nested_read_as(NULL, &event->new_values[0], NULL, WAL_SHAPE_ANY, NULL, 0, &error));
    wal_nested_free(nested);
    length = 7;
    INVALID(wal_value_as_uuid(NULL, NULL, 0, uuid, &error));
    CHECK(memcmp(uuid, nothing, sizeof uuid) == 0);
    INVALID(wal_value_as_uuid(&event->new_values[0], NULL, 0, NULL, &error));
    INVALID(wal_value_as_bytea(NULL, NULL, 0, buffer, sizeof buffer, &length, &error));
    CHECK_EQ(length, 0);
    INVALID(wal_value_as_bytea(&event->new_values[0], NULL, 0, NULL, 8, &length, &error));
    INVALID(wal_value_as_bytea(&event->new_values[0], NULL, 0, buffer, sizeof buffer, NULL, &error));
    length = 7;
    CHECK_STATUS(wal_value_as_bytea(&event->new_values[1], NULL, 0, buffer, sizeof buffer, &length, &error),
                 WAL_E_NO_VALUE, &error);
    CHECK_EQ(length, 0);
}

static void record_calls(void) {
    wal_records *records = DIRT;
    wal_record_batch *batch = DIRT;
    wal_record_block block;
    wal_error *error = NULL;
    uint8_t page[8192];
    size_t taken = 7;

    INVALID(wal_records_new(0, 0, NULL, &error));
    INVALID(wal_records_new(0, 12345, &records, &error));
    CHECK(records == NULL);
    REQUIRE(wal_records_new(0, 0, &records, &error) == WAL_OK);
    INVALID(wal_records_feed(NULL, 0, page, 1, &taken, &error));
    CHECK_EQ(taken, 0);
    INVALID(wal_records_feed(records, 0, NULL, 1, &taken, &error));
    INVALID(wal_records_feed(records, 0, page, 1, NULL, &error));
    INVALID_WITHOUT_ERROR(wal_records_next_batch(NULL, &batch, NULL));
    CHECK(batch == NULL);
    INVALID(wal_records_next_batch(records, NULL, &error));
    CHECK_STATUS(wal_records_feed(records, 0, NULL, 0, &taken, &error), WAL_OK, &error);
    CHECK_STATUS(wal_records_next_batch(records, &batch, &error), WAL_TIMEOUT, &error);
    CHECK(batch == NULL);
    memset(&block, 0, sizeof block);
    memset(page, 0xAA, sizeof page);
    INVALID(wal_record_block_image(NULL, page, &error));
    INVALID(wal_record_block_image(&block, NULL, &error));
    memset(page, 0xAA, sizeof page);
    CHECK_STATUS(wal_record_block_image(&block, page, &error), WAL_E_NO_VALUE, &error);
    CHECK(page[0] == 0 && page[8191] == 0);
    memset(page, 0, sizeof page);
    CHECK_STATUS(wal_records_feed(records, 0, page, sizeof page, &taken, &error), WAL_OK, &error);
    CHECK_EQ(taken, sizeof page);
    CHECK_STATUS(wal_records_next_batch(records, &batch, &error), WAL_E_RECORD, &error);
    wal_records_free(records);
}

static void renderer_calls(const wal_event *event) {
    wal_error *error = DIRT;
    wal_renderer *renderer = DIRT;
    const wal_rendered *out = DIRT;
    size_t count = 7;

    INVALID(wal_renderer_new(NULL, &renderer, &error));
    CHECK(renderer == NULL);
    INVALID(wal_renderer_new("json", NULL, &error));
    INVALID_WITHOUT_ERROR(wal_renderer_new("yaml", &renderer, NULL));
    REQUIRE(wal_renderer_new("json", &renderer, &error) == WAL_OK);
    INVALID(wal_renderer_set(NULL, "numbers", "js", &error));
    INVALID(wal_renderer_set(renderer, NULL, "js", &error));
    INVALID(wal_renderer_set(renderer, "numbers", NULL, &error));
    CHECK_STATUS(wal_renderer_set(renderer, "number", "js", &error), WAL_E_UNKNOWN_OPTION, &error);
    CHECK_STATUS(wal_renderer_set(renderer, "numbers", "few", &error), WAL_E_BAD_OPTION, &error);
    INVALID(wal_renderer_events(NULL, event, 1, &out, &count, &error));
    CHECK(out == NULL && count == 0);
    INVALID(wal_renderer_events(renderer, NULL, 1, &out, &count, &error));
    INVALID(wal_renderer_events(renderer, event, 1, NULL, &count, &error));
    INVALID(wal_renderer_events(renderer, event, 1, &out, NULL, &error));
    CHECK_STATUS(wal_renderer_events(renderer, NULL, 0, &out, &count, &error), WAL_OK, &error);
    CHECK_EQ(count, 0);
    CHECK_STATUS(wal_renderer_events(renderer, event, 1, &out, &count, &error), WAL_OK, &error);
    REQUIRE(count == 1 && out[0].event == 0 && out[0].kind == WAL_EVENT_INSERT && out[0].key.data == NULL);
    CHECK(out[0].topic.len == 13 && memcmp(out[0].topic.data, "public.c_null", 13) == 0);
    CHECK(out[0].value.data[0] == '{' && out[0].value.data[out[0].value.len - 1] == '}');
    CHECK_EQ(wal_renderer_lines(renderer).len, out[0].value.len + 1);
    wal_renderer_free(renderer);
}

int main(void) {
    wal_stream *stream;
    const wal_event *event;

    neutral();
    options_calls();
    decoder_calls();
    test_setup("c_null");
    stream = test_open("c_null", "c_null", NULL, NULL);
    sql("INSERT INTO c_null VALUES (1, NULL)");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL && event->n_new == 2);
    event_calls(event);
    value_calls(event);
    renderer_calls(event);
    record_calls();
    stream_calls(stream);
    position_calls(stream);
    connection_calls(stream);
    copy_calls();
    wal_stream_free(stream);
    test_drop_slot("c_null");
    return check_finish();
}
