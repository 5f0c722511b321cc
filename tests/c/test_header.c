/* The header: macros, versions, and layouts as they are documented. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "pgwalstream.h" /* twice: guarded */

static void layouts(void) {
    CHECK_EQ(sizeof(wal_value), 16);
    CHECK_EQ(offsetof(wal_value, data), 0);
    CHECK_EQ(offsetof(wal_value, len), 8);
    CHECK_EQ(offsetof(wal_value, kind), 12);
    CHECK_EQ(offsetof(wal_value, reserved), 13);
    CHECK_EQ(sizeof(wal_event), 128);
    CHECK_EQ(offsetof(wal_event, kind), 0);
    CHECK_EQ(offsetof(wal_event, flags), 4);
    CHECK_EQ(offsetof(wal_event, lsn), 8);
    CHECK_EQ(offsetof(wal_event, commit_lsn), 16);
    CHECK_EQ(offsetof(wal_event, ack_lsn), 24);
    CHECK_EQ(offsetof(wal_event, commit_time), 32);
    CHECK_EQ(offsetof(wal_event, xid), 40);
    CHECK_EQ(offsetof(wal_event, subxid), 44);
    CHECK_EQ(offsetof(wal_event, sequence), 48);
    CHECK_EQ(offsetof(wal_event, relation), 56);
    CHECK_EQ(offsetof(wal_event, new_values), 64);
    CHECK_EQ(offsetof(wal_event, old_values), 72);
    CHECK_EQ(offsetof(wal_event, n_new), 80);
    CHECK_EQ(offsetof(wal_event, n_old), 84);
    CHECK_EQ(offsetof(wal_event, spare), 112);
    CHECK_EQ(sizeof(wal_bytes), sizeof(void *) + sizeof(size_t));
    CHECK_EQ(sizeof(wal_rendered), 3 * sizeof(wal_bytes) + sizeof(size_t) + 8 + 32);
    CHECK_EQ(sizeof(wal_option_info), 5 * sizeof(char *));
    CHECK_EQ(sizeof(wal_status), 4);
    CHECK_EQ(sizeof(wal_stats) % 8, 0);
    CHECK_EQ(offsetof(wal_stats, events), 0);
}

static void versions(void) {
    char text[64];

    CHECK_EQ(wal_version(), WAL_VERSION_NUMBER);
    CHECK_EQ(WAL_VERSION_NUMBER, WAL_VERSION_MAJOR * 1000000 + WAL_VERSION_MINOR * 1000 + WAL_VERSION_PATCH);
    snprintf(text, sizeof text, "%d.%d.%d", WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH);
    CHECK_TEXT(wal_version_string(), text);
    CHECK(WAL_VERSION_AT_LEAST(0, 0, 0));
    CHECK(WAL_VERSION_AT_LEAST(WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH));
    CHECK(!WAL_VERSION_AT_LEAST(WAL_VERSION_MAJOR, WAL_VERSION_MINOR, WAL_VERSION_PATCH + 1));
    CHECK(!WAL_VERSION_AT_LEAST(WAL_VERSION_MAJOR + 1, 0, 0));
}

static void positions(void) {
    static const char *const bad[] = {"", "/", "0", "0/", "/0", "0/g", "0/0/0", " 0/0", "0/123456789", "1-2"};
    char text[32];
    uint64_t lsn = 1;
    wal_error *error = NULL;
    size_t i;

    snprintf(text, sizeof text, WAL_LSN_FMT, WAL_LSN_ARGS(UINT64_C(0x16B374D848)));
    CHECK_TEXT(text, "16/B374D848");
    CHECK_EQ(wal_lsn_format(UINT64_C(0x16B374D848), text, sizeof text), 11);
    CHECK_TEXT(text, "16/B374D848");
    CHECK_EQ(wal_lsn_format(UINT64_MAX, text, 18), 17);
    CHECK_TEXT(text, "FFFFFFFF/FFFFFFFF");
    CHECK_EQ(wal_lsn_format(UINT64_MAX, text, 4), 17);
    CHECK_TEXT(text, "FFF");
    CHECK_EQ(wal_lsn_format(0, NULL, 0), 3);
    CHECK_STATUS(wal_lsn_parse("16/B374D848", &lsn, &error), WAL_OK, &error);
    CHECK(lsn == UINT64_C(0x16B374D848));
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lsn = 1;
        if (!CHECK_STATUS(wal_lsn_parse(bad[i], &lsn, &error), WAL_E_INVALID_ARGUMENT, &error))
            fprintf(stderr, "  the text was \"%s\"\n", bad[i]);
        CHECK(lsn == 0);
    }
}

static void names(void) {
    CHECK_TEXT(wal_status_name(WAL_OK), "WAL_OK");
    CHECK_TEXT(wal_status_name(WAL_INTERRUPTED), "WAL_INTERRUPTED");
    CHECK_TEXT(wal_status_name(WAL_E_SLOT_MISSING), "WAL_E_SLOT_MISSING");
    CHECK_TEXT(wal_status_name(WAL_E_PANIC), "WAL_E_PANIC");
    CHECK_TEXT(wal_status_name(-12345), "WAL_E_UNKNOWN");
    CHECK(wal_status_sentence(WAL_E_AUTH)[0] != '\0');
    CHECK(wal_status_sentence(-12345) != NULL);
    CHECK_TEXT(wal_event_kind_name(WAL_EVENT_INSERT), "INSERT");
    CHECK_TEXT(wal_event_kind_name(WAL_EVENT_PROGRESS), "PROGRESS");
    CHECK_TEXT(wal_event_kind_name(WAL_EVENT_FLUSH_WANTED), "FLUSH_WANTED");
    CHECK_TEXT(wal_event_kind_name(0), "UNKNOWN");
    CHECK_TEXT(wal_event_kind_name(UINT32_MAX), "UNKNOWN");
    CHECK_TEXT(wal_value_kind_name(WAL_VALUE_ABSENT), "ABSENT");
    CHECK_TEXT(wal_value_kind_name(255), "UNKNOWN");
    CHECK_TEXT(wal_log_level_name(WAL_LOG_DEBUG), "DEBUG");
    CHECK_TEXT(wal_log_level_name(-1), "UNKNOWN");
    CHECK_TEXT(wal_slot_kind_name(WAL_SLOT_KIND_PHYSICAL), "PHYSICAL");
    CHECK_TEXT(wal_slot_kind_name(UINT32_MAX), "UNKNOWN");
    CHECK_TEXT(wal_slot_wal_name(WAL_SLOT_WAL_LOST), "LOST");
    CHECK_TEXT(wal_slot_wal_name(UINT32_MAX), "UNKNOWN");
    CHECK_TEXT(wal_invalidation_name(WAL_INVALIDATION_IDLE_TIMEOUT), "IDLE_TIMEOUT");
    CHECK_TEXT(wal_invalidation_name(UINT32_MAX), "UNKNOWN");
    CHECK_TEXT(wal_identity_name(WAL_IDENTITY_NO_PRIMARY_KEY), "NO_PRIMARY_KEY");
    CHECK_TEXT(wal_identity_name(UINT32_MAX), "UNKNOWN");
    CHECK(WAL_UNIX_EPOCH_US == INT64_C(946684800) * 1000000);
}

static void errors(void) {
    wal_error *error = NULL, *copy = NULL, *other = NULL;
    uint64_t lsn;

    REQUIRE(wal_lsn_parse("x", &lsn, &error) == WAL_E_INVALID_ARGUMENT && error != NULL);
    CHECK_STATUS(wal_error_clone(error, &copy, &other), WAL_OK, &other);
    REQUIRE(copy != NULL && copy != error);
    CHECK_STATUS(wal_error_clone(error, NULL, &other), WAL_E_INVALID_ARGUMENT, &other);
    CHECK_EQ(wal_error_code(copy), WAL_E_INVALID_ARGUMENT);
    CHECK_TEXT(wal_error_name(copy), wal_error_name(error));
    CHECK_TEXT(wal_error_message(copy), wal_error_message(error));
    CHECK_TEXT(wal_error_hint(copy), wal_error_hint(error));
    /* Each is freed for itself. */
    wal_error_free(error);
    CHECK(wal_error_message(copy)[0] != '\0');
    wal_error_free(copy);
}

int main(void) {
    layouts();
    versions();
    positions();
    names();
    errors();
    return check_finish();
}
