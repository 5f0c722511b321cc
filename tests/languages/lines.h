/* The canonical lines of the scenario (README.md), from the C API alone: what an event, a value and an error
 * say.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LINES_H
#define LINES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pgwalstream.h"

enum { LINES_SHOWN = 64 }; /* more bytes than these are told by their number and a hash */

/* --- Bytes -----------------------------------------------------------------------------------------------
 */

static inline void lines_rest(wal_bytes bytes) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    size_t i;

    if (bytes.len <= LINES_SHOWN)
        return;
    for (i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    printf("~%zu~%016" PRIx64, bytes.len, hash);
}

static inline void lines_quoted(wal_bytes bytes) {
    size_t i;

    putchar('"');
    for (i = 0; i < bytes.len && i < LINES_SHOWN; i++) {
        uint8_t byte = bytes.data[i];

        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
    putchar('"');
    lines_rest(bytes);
}

static inline void lines_hex(wal_bytes bytes) {
    size_t i;

    fputs("0x", stdout);
    for (i = 0; i < bytes.len && i < LINES_SHOWN; i++)
        printf("%02x", bytes.data[i]);
    lines_rest(bytes);
}

static inline void lines_text(const char *text) {
    wal_bytes bytes = {(const uint8_t *)text, strlen(text)};

    lines_quoted(bytes);
}

static inline void lines_lsn(const char *name, uint64_t lsn) {
    char text[24];

    wal_lsn_format(lsn, text, sizeof text);
    printf(" %s=%s", name, text);
}

/* --- Errors ----------------------------------------------------------------------------------------------
 */

/* Prints an error and frees it. */
static inline void lines_error(wal_error *error) {
    printf("ERROR %s code=%" PRId32 " sqlstate=", wal_error_name(error), wal_error_code(error));
    lines_text(wal_error_sqlstate(error));
    printf(" os_errno=%" PRId32 " retriable=%" PRId32 " fatal=%" PRId32 "\n  message ",
           wal_error_os_errno(error), wal_error_is_retriable(error), wal_error_is_fatal(error));
    lines_text(wal_error_message(error));
    fputs("\n  detail ", stdout);
    lines_text(wal_error_detail(error));
    fputs("\n  hint ", stdout);
    lines_text(wal_error_hint(error));
    putchar('\n');
    wal_error_free(error);
}

/* --- Values ----------------------------------------------------------------------------------------------
 */

/* What one typed accessor makes of a value: its name and the value, or the status that says why there is
 * none. */
#define LINES_READ(name, type, accessor, ...)                                                                \
    do {                                                                                                     \
        type out;                                                                                            \
        wal_status status = accessor(value, relation, column, &out, NULL);                                   \
                                                                                                             \
        fputs(" " name "=", stdout);                                                                         \
        if (status == WAL_OK)                                                                                \
            __VA_ARGS__;                                                                                     \
        else                                                                                                 \
            fputs(wal_status_name(status), stdout);                                                          \
    } while (0)

static inline void lines_float32(float number) {
    uint32_t bits;

    memcpy(&bits, &number, sizeof bits);
    printf("0x%08" PRIx32, bits);
}

static inline void lines_float64(double number) {
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    printf("0x%016" PRIx64, bits);
}

static inline void lines_bytea(const wal_value *value, const wal_relation *relation, uint32_t column) {
    static uint8_t buffer[1 << 20];
    wal_bytes bytes = {buffer, 0};
    wal_status status = wal_value_as_bytea(value, relation, column, buffer, sizeof buffer, &bytes.len, NULL);

    fputs(" bytea=", stdout);
    if (status == WAL_OK)
        lines_hex(bytes);
    else
        fputs(wal_status_name(status), stdout);
}

static inline void lines_uuid(const wal_value *value, const wal_relation *relation, uint32_t column) {
    uint8_t uuid[16];
    wal_bytes bytes = {uuid, sizeof uuid};
    wal_status status = wal_value_as_uuid(value, relation, column, uuid, NULL);

    fputs(" uuid=", stdout);
    if (status == WAL_OK)
        lines_hex(bytes);
    else
        fputs(wal_status_name(status), stdout);
}

static inline void lines_typed(const wal_value *value, const wal_relation *relation, uint32_t column) {
    switch (wal_relation_column_type(relation, column)) {
    case 16:
        LINES_READ("bool", int32_t, wal_value_as_bool, fputs(out ? "true" : "false", stdout));
        break;
    case 21:
        LINES_READ("int16", int16_t, wal_value_as_int16, printf("%" PRId16, out));
        break;
    case 23:
        LINES_READ("int32", int32_t, wal_value_as_int32, printf("%" PRId32, out));
        break;
    case 20:
        LINES_READ("int64", int64_t, wal_value_as_int64, printf("%" PRId64, out));
        LINES_READ("int32", int32_t, wal_value_as_int32, printf("%" PRId32, out));
        break;
    case 26:
        LINES_READ("uint32", uint32_t, wal_value_as_uint32, printf("%" PRIu32, out));
        break;
    case 700:
        LINES_READ("float32", float, wal_value_as_float32, lines_float32(out));
        break;
    case 701:
        LINES_READ("float64", double, wal_value_as_float64, lines_float64(out));
        break;
    case 1082:
        LINES_READ("date", int32_t, wal_value_as_date, printf("%" PRId32, out));
        break;
    case 1083:
        LINES_READ("time", int64_t, wal_value_as_time, printf("%" PRId64, out));
        break;
    case 1114:
        LINES_READ("timestamp", int64_t, wal_value_as_timestamp, printf("%" PRId64, out));
        break;
    case 1184:
        LINES_READ("timestamptz", int64_t, wal_value_as_timestamptz, printf("%" PRId64, out));
        break;
    case 17:
        lines_bytea(value, relation, column);
        break;
    case 2950:
        lines_uuid(value, relation, column);
        break;
    default:
        LINES_READ("text", wal_bytes, wal_value_as_text, lines_quoted(out));
    }
}

static inline void lines_value(const char *which, const wal_value *value, const wal_relation *relation,
                               uint32_t column) {
    wal_bytes bytes = {value->data, value->len};

    printf("  %s %" PRIu32 " ", which, column);
    lines_quoted(wal_relation_column_name(relation, column));
    switch (value->kind) {
    case WAL_VALUE_NULL:
        fputs(" null", stdout);
        break;
    case WAL_VALUE_TEXT:
        fputs(" text ", stdout);
        lines_quoted(bytes);
        break;
    case WAL_VALUE_BINARY:
        fputs(" binary ", stdout);
        lines_hex(bytes);
        break;
    case WAL_VALUE_UNCHANGED:
        fputs(" unchanged", stdout);
        break;
    case WAL_VALUE_ABSENT:
        fputs(" absent", stdout);
        break;
    default:
        fputs(" ?", stdout);
    }
    lines_typed(value, relation, column);
    putchar('\n');
}

/* --- Events ----------------------------------------------------------------------------------------------
 */

static inline void lines_name(const char *before, wal_bytes namespace, wal_bytes name) {
    printf("  %s ", before);
    lines_quoted(namespace);
    putchar('.');
    lines_quoted(name);
}

static inline void lines_table(const char *before, const wal_relation *relation) {
    lines_name(before, wal_relation_namespace(relation), wal_relation_name(relation));
}

/* The place of a column, as the look-up of its name gives it. */
static inline int32_t lines_column_index(const wal_relation *relation, wal_bytes name) {
    char terminated[64]; /* longer than any name of PostgreSQL */

    if (name.len >= sizeof terminated)
        return -1;
    memcpy(terminated, name.data, name.len);
    terminated[name.len] = '\0';
    return wal_relation_column_index(relation, terminated);
}

static inline void lines_relation(const wal_relation *relation) {
    uint32_t i;

    lines_table("relation", relation);
    printf(" oid=%" PRIu32 " generation=%" PRIu32 " identity=%c\n", wal_relation_oid(relation),
           wal_relation_generation(relation), wal_relation_replica_identity(relation));
    for (i = 0; i < wal_relation_column_count(relation); i++) {
        wal_bytes name = wal_relation_column_name(relation, i);

        printf("  column %" PRId32 " ", lines_column_index(relation, name));
        lines_quoted(name);
        printf(" type=%" PRIu32 " typmod=%" PRId32 " key=%" PRId32 "\n",
               wal_relation_column_type(relation, i), wal_relation_column_typmod(relation, i),
               wal_relation_column_is_key(relation, i));
    }
}

static inline void lines_row(const wal_event *event) {
    uint32_t i;

    lines_table("relation", event->relation);
    printf(" generation=%" PRIu32 "\n", wal_relation_generation(event->relation));
    for (i = 0; i < event->n_new; i++)
        lines_value("new", wal_event_new_value(event, i), event->relation, i);
    for (i = 0; i < event->n_old; i++)
        lines_value("old", wal_event_old_value(event, i), event->relation, i);
}

static inline void lines_truncate(const wal_event *event) {
    uint32_t i;

    for (i = 0; i < wal_event_truncate_count(event); i++) {
        const wal_relation *relation = wal_event_truncate_relation(event, i);

        lines_table("truncated", relation);
        printf(" generation=%" PRIu32 "\n", wal_relation_generation(relation));
    }
}

static inline void lines_reconnected(const wal_event *event) {
    printf("  reconnected status=%s message=%d attempts=%d lost=%d lost_timeline=%" PRIu32
           " timeline=%" PRIu32,
           wal_status_name(wal_event_reconnect_status(event)), wal_event_reconnect_message(event).len > 0,
           wal_event_reconnect_attempts(event) > 0, wal_event_reconnect_lost_lsn(event) > 0,
           wal_event_reconnect_lost_timeline(event), wal_event_reconnect_timeline(event));
    lines_lsn("switchpoint", wal_event_reconnect_switchpoint(event));
    putchar('\n');
}

/* What is particular to the event's kind. */
static inline void lines_particulars(const wal_event *event) {
    switch (event->kind) {
    case WAL_EVENT_RELATION:
        lines_relation(event->relation);
        break;
    case WAL_EVENT_INSERT:
    case WAL_EVENT_UPDATE:
    case WAL_EVENT_DELETE:
        lines_row(event);
        break;
    case WAL_EVENT_TRUNCATE:
        lines_truncate(event);
        break;
    case WAL_EVENT_MESSAGE:
        fputs("  message ", stdout);
        lines_quoted(wal_event_message_prefix(event));
        putchar(' ');
        lines_quoted(wal_event_message_content(event));
        putchar('\n');
        break;
    case WAL_EVENT_ORIGIN:
        fputs("  origin ", stdout);
        lines_quoted(wal_event_origin_name(event));
        lines_lsn("lsn", wal_event_origin_lsn(event));
        putchar('\n');
        break;
    case WAL_EVENT_TYPE:
        lines_name("type", wal_event_type_namespace(event), wal_event_type_name(event));
        printf(" oid=%" PRIu32 "\n", wal_event_type_oid(event));
        break;
    case WAL_EVENT_BEGIN_PREPARE:
    case WAL_EVENT_PREPARE:
    case WAL_EVENT_COMMIT_PREPARED:
    case WAL_EVENT_ROLLBACK_PREPARED:
    case WAL_EVENT_STREAM_PREPARE:
        fputs("  prepared ", stdout);
        lines_quoted(wal_event_gid(event));
        lines_lsn("prepare_lsn", wal_event_prepare_lsn(event));
        lines_lsn("prepare_end_lsn", wal_event_prepare_end_lsn(event));
        putchar('\n');
        break;
    case WAL_EVENT_STREAM_ABORT:
        fputs("  aborted", stdout);
        lines_lsn("abort_lsn", wal_event_abort_lsn(event));
        putchar('\n');
        break;
    case WAL_EVENT_RAW:
        fputs("  raw ", stdout);
        lines_quoted(wal_event_raw(event));
        putchar('\n');
        break;
    case WAL_EVENT_RECONNECTED:
        lines_reconnected(event);
        break;
    default:
        break;
    }
}

static inline void lines_flags(uint32_t flags) {
    static const char *const names[] = {"transactional",    "old_key",         "old_full",      "cascade",
                                        "restart_identity", "streamed",        "first_segment", "discarded",
                                        "rewound",          "unknown_prepare", "ambiguous",     "snapshot"};
    const char *between = "";
    size_t i;

    fputs(" flags=", stdout);
    if (flags == 0)
        putchar('-');
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((flags & UINT32_C(1) << i) == 0)
            continue;
        printf("%s%s", between, names[i]);
        between = "+";
    }
}

/* Where a reconnect begins again depends on the clock: only whether there is such a position is told. */
static inline void lines_event_lsn(const char *name, const wal_event *event, uint64_t lsn) {
    if (event->kind == WAL_EVENT_RECONNECTED && lsn != 0)
        printf(" %s=some", name);
    else
        lines_lsn(name, lsn);
}

/* All lines of an event. */
static inline void lines_event(const wal_event *event) {
    fputs(wal_event_kind_name(event->kind), stdout);
    lines_flags(event->flags);
    lines_event_lsn("lsn", event, event->lsn);
    lines_lsn("commit_lsn", event->commit_lsn);
    lines_event_lsn("ack_lsn", event, event->ack_lsn);
    printf(" time=%" PRId64 " xid=%" PRIu32 " subxid=%" PRIu32 " seq=%" PRIu64 "\n", event->commit_time,
           event->xid, event->subxid, event->sequence);
    lines_particulars(event);
}

#endif
