/* Options: every one in the table takes its good values and refuses its bad ones, and the log callback may
 * not call back. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

static const struct sample {
    const char *key;
    const char *good[4];
    const char *bad[5];
} samples[] = {
    {"conninfo", {"host=/tmp dbname=a", "postgresql://u@h:5433/d", ""}, {NULL}},
    {"env", {"on", "off", "true"}, {"maybe", "2", ""}},
    {"backend", {"rustls", "libpq"}, {"native", "LIBPQ", ""}},
    {"slot", {"a_slot_1"}, {"Upper", "with space", "a-b", ""}},
    {"publication", {"p", "p,q", "\"Mixed Case\",q"}, {"\"open", ","}},
    {"slot_create", {"never", "if_missing", "temporary"}, {"yes", "NEVERMORE", "1", ""}},
    {"slot_create_timeout", {"0", "500ms", "1h"}, {"25h", "soon", "-1", ""}},
    {"start_lsn", {"0/0", "16/B374D848"}, {"12", "x/y", "0/0/0", ""}},
    {"resume_after",
     {"7560123456789012345:1:0/16B3748:3:0/0", "7:1:0/0:0:0/16B3748"},
     {"0/16B3748", "7:1:0/16b3748:3:0/0", "7:1:0/1:3", "07:1:0/1:3:0/0", "7:1:0/1:3:0/0:"}},
    {"snapshot", {"none", "initial"}, {"incremental", "Initial", ""}},
    {"snapshot_workers", {"1", "4", "64"}, {"0", "65", "many", ""}},
    {"snapshot_item_size", {"8kB", "64MB", "64GB"}, {"8191", "65GB", "x", ""}},
    {"snapshot_deadline", {"0", "90s", "720h"}, {"721h", "soon", "-1", ""}},
    {"snapshot_state", {"AAAA", "V1NOUA=="}, {"AAA", "a b", "*"}},
    {"messages", {"on", "off", "true"}, {"maybe", "2", ""}},
    {"binary", {"on", "off", "false"}, {"maybe", "2", ""}},
    {"proto_version", {"auto", "1", "4"}, {"0", "5", "new", ""}},
    {"streaming", {"off", "on", "assembled"}, {"maybe", ""}},
    {"assemble_memory", {"1MB", "64MB", "1GB"}, {"1023kB", "many", "-1", ""}},
    {"assemble_disk", {"0", "64MB", "1024GB"}, {"x", "-1", ""}},
    {"spill_directory", {"/var/tmp", ""}, {NULL}},
    {"spill_min_free", {"0", "64MB", "1024GB"}, {"x", "-1", ""}},
    {"on_ambiguous", {"refetch", "flag"}, {"warn", "Flag", ""}},
    {"two_phase", {"on", "off", "join"}, {"maybe", "2", ""}},
    {"origin", {"any", "none"}, {"some", ""}},
    {"stop_lsn", {"0/0", "16/B374D848"}, {"12", "x/y", ""}},
    {"decode", {"on", "off"}, {"maybe", "2", ""}},
    {"plugin", {"pgoutput", "test_decoding"}, {NULL}},
    {"plugin_options", {"skip-empty-xacts=1", "a=b,c=d"}, {NULL}},
    {"ack", {"manual", "auto"}, {"never", "Manually", ""}},
    {"progress", {"auto", "acknowledged"}, {"off", "Auto", ""}},
    {"slot_adopt", {"on", "off"}, {"maybe", "2", ""}},
    {"status_interval", {"10ms", "5s", "1h"}, {"9ms", "2h", "fast", "-1s", ""}},
    {"on_gap", {"error", "warn"}, {"ignore", ""}},
    {"relations_bytes", {"64kB", "64MB", "1GB"}, {"63kB", "many", "-1", ""}},
    {"queue_bytes", {"64kB", "4MB", "1GB"}, {"63kB", "many", "-1", "4 parsecs", ""}},
    {"batch_events", {"16", "4096"}, {"15", "0", "-1", "x", ""}},
    {"batch_bytes", {"4kB", "64MB"}, {"1", "65MB", "x", ""}},
    {"batch_boundary", {"any", "transaction"}, {"commit", "Any", ""}},
    {"latency_budget", {"0", "1ms", "100ms"}, {"101ms", "x", "-1", ""}},
    {"close_timeout", {"0", "1s", "60s"}, {"61s", "x", "-1", ""}},
    {"health_interval", {"0", "1s", "24h"}, {"25h", "x", "-1", ""}},
    {"health_safe_wal", {"0", "64MB", "1024GB"}, {"2048GB", "x", "-1", ""}},
    {"capture_file", {"/var/tmp/capture", ""}, {NULL}},
    {"capture_rotate", {"0", "64kB", "1GB", "90s"}, {"", "5", "63kB", "999ms", "much"}},
    {"replay_pace", {"full", "recorded"}, {"fast", "2", ""}},
    {"reconnect", {"on", "off"}, {"maybe", "2", ""}},
    {"reconnect_initial", {"0", "100ms", "1h"}, {"2h", "x", "-1", ""}},
    {"reconnect_max", {"1ms", "10s", "1h"}, {"0", "2h", "x", ""}},
    {"connect_wait", {"0", "30s", "168h"}, {"169h", "x", "-1", ""}},
    {"password_timeout", {"1ms", "30s", "1h"}, {"0", "2h", "x", ""}},
    {"reconnect_timeout", {"0", "5min", "168h"}, {"169h", "x", "-1", ""}},
    {"dedupe", {"on", "off"}, {"maybe", "2", ""}},
    {"failover_policy", {"fail", "rewind"}, {"off", "Rewind", ""}},
    {"receive_timeout", {"0", "60s", "24h"}, {"25h", "x", "-1", ""}},
    {"server_tuning", {"auto", "off"}, {"on", "64MB", ""}},
    {"mode", {"logical", "physical"}, {"raw", "Physical", ""}},
    {"timeline", {"0", "1", "4294967295"}, {"-1", "4294967296", "x", ""}},
    {"report_apply", {"off", "flush"}, {"on", "apply", ""}},
    {"archive_directory", {"/var/lib/archive", "x", ""}, {NULL}},
    {"archive_sync", {"segment", "always"}, {"off", "Segment", ""}},
};

static const struct sample *find_sample(const char *key) {
    size_t i;

    for (i = 0; i < sizeof samples / sizeof samples[0]; i++)
        if (strcmp(samples[i].key, key) == 0)
            return &samples[i];
    return NULL;
}

static void one_option(wal_options *options, const wal_option_info *info) {
    const struct sample *sample = find_sample(info->name);
    wal_error *error = NULL;
    const char *before = NULL, *after = NULL;
    char kept[128];
    size_t i;

    /* An option that is new in the library needs a line above. */
    if (!CHECK(sample != NULL)) {
        fprintf(stderr, "  no sample for option %s\n", info->name);
        return;
    }
    CHECK_STATUS(wal_options_get(options, info->name, &before, &error), WAL_OK, &error);
    CHECK_TEXT(before, info->default_value);
    for (i = 0; i < 4 && sample->good[i] != NULL; i++) {
        if (!CHECK_STATUS(wal_options_set(options, info->name, sample->good[i], &error), WAL_OK, &error))
            fprintf(stderr, "  %s=%s\n", info->name, sample->good[i]);
        CHECK_STATUS(wal_options_get(options, info->name, &after, &error), WAL_OK, &error);
        CHECK(after != NULL);
    }
    snprintf(kept, sizeof kept, "%s", after == NULL ? "" : after);
    for (i = 0; i < 5 && sample->bad[i] != NULL; i++) {
        wal_status status = wal_options_set(options, info->name, sample->bad[i], &error);
        /* What is refused says what is accepted. */
        CHECK(wal_error_hint(error)[0] != '\0');
        CHECK(strstr(wal_error_message(error), info->name) != NULL);
        if (!CHECK_STATUS(status, WAL_E_BAD_OPTION, &error))
            fprintf(stderr, "  %s=%s\n", info->name, sample->bad[i]);
        /* And leaves what was set. */
        CHECK_STATUS(wal_options_get(options, info->name, &after, &error), WAL_OK, &error);
        CHECK_TEXT(after, kept);
    }
    CHECK_STATUS(wal_options_set(options, info->name, NULL, &error), WAL_OK, &error);
    CHECK_STATUS(wal_options_get(options, info->name, &after, &error), WAL_OK, &error);
    CHECK_TEXT(after, info->default_value);
}

static void the_table(void) {
    wal_options *options = NULL;
    wal_option_info info, zero = {NULL, NULL, NULL, NULL, NULL};
    size_t i;

    REQUIRE(wal_options_new(&options, NULL) == WAL_OK);
    for (i = 0; wal_options_describe(i, &info, sizeof info) == WAL_OK; i++) {
        CHECK(info.name[0] != '\0' && info.type_name[0] != '\0' && info.sentence[0] != '\0');
        CHECK(info.default_value != NULL && info.range != NULL);
        one_option(options, &info);
    }
    CHECK_EQ(i, sizeof samples / sizeof samples[0]);
    CHECK_EQ(wal_options_describe(i, &info, sizeof info), WAL_END);
    memset(&info, 0x55, sizeof info);
    CHECK_EQ(wal_options_describe(SIZE_MAX, &info, sizeof info), WAL_END);
    CHECK(memcmp(&info, &zero, sizeof info) == 0); /* outputs are written on every path */
    /* A program compiled with an older, shorter struct. */
    memset(&info, 0x55, sizeof info);
    CHECK_EQ(wal_options_describe(0, &info, sizeof info.name), WAL_OK);
    CHECK_TEXT(info.name, "conninfo");
    CHECK(memchr(&info.type_name, 0x55, 1) != NULL);
    wal_options_free(options);
}

static void mistakes(void) {
    wal_options *options = NULL;
    wal_error *error = NULL;
    const char *value = "x";

    REQUIRE(wal_options_new(&options, NULL) == WAL_OK);
    CHECK_EQ(wal_options_set(options, "slott", "x", &error), WAL_E_UNKNOWN_OPTION);
    CHECK(strstr(wal_error_hint(error), "\"slot\"") != NULL);
    CHECK_EQ(wal_error_is_fatal(error), 0);
    CHECK_STATUS(WAL_E_UNKNOWN_OPTION, WAL_E_UNKNOWN_OPTION, &error);
    CHECK_EQ(wal_options_set(options, "batch_byte", "1", &error), WAL_E_UNKNOWN_OPTION);
    CHECK(strstr(wal_error_hint(error), "\"batch_bytes\"") != NULL);
    CHECK_STATUS(WAL_E_UNKNOWN_OPTION, WAL_E_UNKNOWN_OPTION, &error);
    CHECK_STATUS(wal_options_get(options, "slott", &value, &error), WAL_E_UNKNOWN_OPTION, &error);
    CHECK(value == NULL);
    CHECK_STATUS(wal_options_set(options, "slot", "\xff", &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_engine_set_threads(0, &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_engine_set_threads(65, &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_engine_set_threads(1, &error), WAL_OK, &error);
    wal_options_free(options);
}

static void passwords(void) {
    static const char *const secret[] = {"host=h password=hunter2 dbname=d",
                                         "host=h password = 'hunter2' dbname=d", "postgresql://u:hunter2@h/d",
                                         "postgres://h/d?password=hunter2&user=u", "password=hunter2"};
    wal_options *options = NULL;
    wal_error *error = NULL;
    const char *value = NULL;
    size_t i;

    REQUIRE(wal_options_new(&options, NULL) == WAL_OK);
    for (i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        CHECK_STATUS(wal_options_set(options, "conninfo", secret[i], &error), WAL_OK, &error);
        CHECK_STATUS(wal_options_get(options, "conninfo", &value, &error), WAL_OK, &error);
        if (!CHECK(value != NULL && strstr(value, "hunter2") == NULL))
            fprintf(stderr, "  %s is shown as %s\n", secret[i], value == NULL ? "NULL" : value);
    }
    wal_options_free(options);
}

/* A bad connection string must not show its password either; where it is refused is the library's choice. */
static void passwords_in_errors(void) {
    wal_options *options = test_options("none", "none");
    wal_stream *stream = NULL;
    wal_error *error = NULL;
    wal_status status = wal_options_set(options, "conninfo", "host=h password=hunter2 nonsense=1", &error);

    if (status == WAL_OK)
        status = wal_stream_new(options, &stream, &error);
    CHECK(strstr(wal_error_message(error), "hunter2") == NULL);
    CHECK(strstr(wal_error_detail(error), "hunter2") == NULL);
    CHECK(strstr(wal_error_hint(error), "hunter2") == NULL);
    CHECK(stream == NULL);
    CHECK(status == WAL_E_CONNINFO || status == WAL_E_BAD_OPTION);
    CHECK_STATUS(status, status < 0 ? status : -1, &error);
    wal_stream_free(stream);
    wal_options_free(options);
}

static void what_is_required(void) {
    static const char *const keys[] = {"slot", "publication"};
    wal_stream *stream = NULL;
    wal_error *error = NULL;
    size_t i;

    for (i = 0; i < 2; i++) {
        wal_options *options = test_options("none", "none");
        CHECK_STATUS(wal_options_set(options, keys[i], NULL, &error), WAL_OK, &error);
        CHECK_EQ(wal_stream_new(options, &stream, &error), WAL_E_BAD_OPTION);
        CHECK(strstr(wal_error_message(error), keys[i]) != NULL);
        CHECK(stream == NULL);
        CHECK_STATUS(WAL_E_BAD_OPTION, WAL_E_BAD_OPTION, &error);
        wal_options_free(options);
    }
}

/* --- The log callback
 * ------------------------------------------------------------------------------------------- */

struct logged {
    wal_stream *stream;
    int messages, busy, other;
};

static void logger(void *userdata, int32_t level, const char *target, const char *message) {
    struct logged *logged = userdata;
    const wal_event *event = NULL;
    wal_batch *batch = NULL;
    wal_stats stats;
    wal_stream *s = logged->stream;
    wal_status answers[6];
    size_t i;

    logged->messages++;
    if (level < WAL_LOG_ERROR || level > WAL_LOG_DEBUG || target == NULL || message == NULL)
        logged->other++;
    if (s == NULL)
        return;
    answers[0] = wal_stream_next(s, 0, &event, NULL);
    answers[1] = wal_stream_next_batch(s, 0, &batch, NULL);
    answers[2] = wal_stream_ack(s, 0, NULL);
    answers[3] = wal_stream_flush(s, 0, NULL);
    answers[4] = wal_stream_stats(s, &stats, sizeof stats, NULL);
    answers[5] = wal_stream_connect(s, 0, NULL);
    for (i = 0; i < 6; i++)
        if (answers[i] == WAL_E_BUSY)
            logged->busy++;
        else
            logged->other++;
}

static void the_log(void) {
    wal_options *options;
    wal_error *error = NULL;
    struct logged logged = {0};

    test_setup("c_options");
    options = test_options("c_options", "c_options");
    CHECK_STATUS(wal_options_set_log(options, 0, logger, &logged, &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_options_set_log(options, 5, logger, &logged, &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_options_set_log(options, 4, logger, &logged, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_new(options, &logged.stream, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_connect(logged.stream, -1, &error), WAL_OK, &error);
    wal_stream_free(logged.stream);
    /* The engine's thread is done with this stream: the counters may be read. */
    CHECK(logged.messages > 0);
    CHECK_EQ(logged.busy, logged.messages * 6);
    CHECK_EQ(logged.other, 0);

    /* None: silent again. */
    memset(&logged, 0, sizeof logged);
    CHECK_STATUS(wal_options_set_log(options, 4, NULL, NULL, &error), WAL_OK, &error);
    CHECK_STATUS(wal_stream_open(options, &logged.stream, &error), WAL_OK, &error);
    wal_stream_free(logged.stream);
    CHECK_EQ(logged.messages, 0);
    wal_options_free(options);
    test_drop_slot("c_options");
}

int main(void) {
    test_env("PGWALSTREAM_TEST_CONNINFO");
    the_table();
    mistakes();
    passwords();
    passwords_in_errors();
    what_is_required();
    the_log();
    return check_finish();
}
