/* Events as JSON, one object for each, by the library's accessors. Used by wal_tail.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef JSON_H
#define JSON_H

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pgwalstream.h"

/* OIDs of the built-in types that JSON has a form for; they never change (PostgreSQL's pg_type.dat). */
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701 };

/* How many bytes of valid UTF-8 a character at `at` takes; 0 if it is none. */
static inline size_t json_utf8(const uint8_t *at, size_t left) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code;
    size_t len, i;

    if (at[0] < 0x80)
        return 1;
    len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || len > left)
        return 0;
    code = at[0] & (0x7FU >> len);
    for (i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = (code << 6) | (at[i] & 0x3FU);
    }
    /* Longer than need be, a surrogate, or beyond Unicode. */
    return code < least[len] || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF ? 0 : len;
}

/* The inside of a string: quotes, backslashes and control characters escaped, what is not UTF-8 as U+FFFD. */
static inline void json_escaped(FILE *out, wal_bytes text) {
    const uint8_t *at = text.data;
    size_t left = text.len;

    while (left > 0) {
        size_t plain = 0, len = 0;

        while (plain < left && at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\' &&
               at[plain] != 0x7F && (len = json_utf8(at + plain, left - plain)) > 0)
            plain += len;
        fwrite(at, 1, plain, out);
        at += plain;
        left -= plain;
        if (left == 0)
            break;
        if (at[0] == '"' || at[0] == '\\')
            fprintf(out, "\\%c", at[0]);
        else if (at[0] == '\n')
            fputs("\\n", out);
        else if (at[0] == '\t')
            fputs("\\t", out);
        else if (at[0] < 0x80)
            fprintf(out, "\\u%04x", at[0]);
        else
            fputs("\\ufffd", out);
        at++;
        left--;
    }
}

static inline void json_string(FILE *out, wal_bytes text) {
    putc('"', out);
    json_escaped(out, text);
    putc('"', out);
}

static inline void json_hex(FILE *out, wal_bytes bytes) {
    static const char digits[] = "0123456789abcdef";
    size_t i;

    fputs("{\"$binary\":\"", out);
    for (i = 0; i < bytes.len; i++) {
        putc(digits[bytes.data[i] >> 4], out);
        putc(digits[bytes.data[i] & 15], out);
    }
    fputs("\"}", out);
}

/* "schema.table" */
static inline void json_relation_name(FILE *out, const wal_relation *relation) {
    putc('"', out);
    json_escaped(out, wal_relation_namespace(relation));
    putc('.', out);
    json_escaped(out, wal_relation_name(relation));
    putc('"', out);
}

/* A number that JSON can hold exactly. false: it is not one, nothing was written. */
static inline bool json_number(FILE *out, const wal_value *value, const wal_relation *relation,
                               uint32_t column) {
    wal_bytes text = {value->data, value->len};
    int64_t whole;
    int32_t truth;
    float narrow;
    double wide;

    switch (wal_relation_column_type(relation, column)) {
    case OID_BOOL:
        if (wal_value_as_bool(value, relation, column, &truth, NULL) != WAL_OK)
            return false;
        fputs(truth ? "true" : "false", out);
        return true;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        if (wal_value_as_int64(value, relation, column, &whole, NULL) != WAL_OK)
            return false;
        fprintf(out, "%" PRId64, whole);
        return true;
    case OID_FLOAT4:
        if (wal_value_as_float32(value, relation, column, &narrow, NULL) != WAL_OK ||
            !isfinite((double)narrow))
            return false;
        if (value->kind == WAL_VALUE_BINARY) /* 9 and 17 digits lose nothing */
            fprintf(out, "%.9g", (double)narrow);
        else /* PostgreSQL writes finite floats as JSON does */
            fwrite(text.data, 1, text.len, out);
        return true;
    case OID_FLOAT8:
        if (wal_value_as_float64(value, relation, column, &wide, NULL) != WAL_OK || !isfinite(wide))
            return false;
        if (value->kind == WAL_VALUE_BINARY)
            fprintf(out, "%.17g", wide);
        else
            fwrite(text.data, 1, text.len, out);
        return true;
    default:
        return false;
    }
}

static inline void json_value(FILE *out, const wal_value *value, const wal_relation *relation,
                              uint32_t column) {
    wal_bytes bytes = {value->data, value->len};
    wal_bytes text;

    if (value->kind == WAL_VALUE_NULL)
        fputs("null", out);
    else if (json_number(out, value, relation, column))
        return;
    else if (value->kind == WAL_VALUE_TEXT)
        json_string(out, bytes);
    else if (wal_value_as_text(value, relation, column, &text, NULL) == WAL_OK)
        json_string(out, text); /* binary, of a type whose binary form is its text */
    else
        json_hex(out, bytes);
}

/* A row as column → value. What is unchanged is listed apart, what was not sent is left out. */
static inline void json_row(FILE *out, const char *key, const wal_relation *relation, const wal_value *values,
                            uint32_t count) {
    bool any_unchanged = false;
    const char *comma = "";
    uint32_t i;

    fprintf(out, ",\"%s\":{", key);
    for (i = 0; i < count; i++) {
        any_unchanged = any_unchanged || values[i].kind == WAL_VALUE_UNCHANGED;
        if (values[i].kind > WAL_VALUE_BINARY)
            continue;
        fputs(comma, out);
        comma = ",";
        json_string(out, wal_relation_column_name(relation, i));
        putc(':', out);
        json_value(out, &values[i], relation, i);
    }
    putc('}', out);
    if (!any_unchanged)
        return;
    fprintf(out, ",\"%s\":[", strcmp(key, "new") == 0 ? "unchanged" : "old_unchanged");
    comma = "";
    for (i = 0; i < count; i++) {
        if (values[i].kind != WAL_VALUE_UNCHANGED)
            continue;
        fputs(comma, out);
        comma = ",";
        json_string(out, wal_relation_column_name(relation, i));
    }
    putc(']', out);
}

/* The library's microseconds since 2000 as ISO 8601 in UTC. */
static inline void json_time(FILE *out, int64_t microseconds) {
    /* Seconds first: microseconds since 1970 would overflow beyond the year 294246. */
    int64_t fraction = microseconds % 1000000;
    time_t seconds = (time_t)(microseconds / 1000000 + WAL_UNIX_EPOCH_US / 1000000);
    struct tm parts;

    if (fraction < 0) {
        fraction += 1000000;
        seconds--;
    }
    if (gmtime_r(&seconds, &parts) == NULL)
        fputs("null", out);
    else
        fprintf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "Z\"", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, fraction);
}

/* The definition that a RELATION event brings. */
static inline void json_columns(FILE *out, const wal_relation *relation) {
    uint32_t count = wal_relation_column_count(relation);
    uint32_t i;

    fprintf(out, ",\"oid\":%" PRIu32 ",\"generation\":%" PRIu32 ",\"replica_identity\":\"%c\",\"columns\":[",
            wal_relation_oid(relation), wal_relation_generation(relation),
            wal_relation_replica_identity(relation));
    for (i = 0; i < count; i++) {
        fputs(i == 0 ? "{\"name\":" : ",{\"name\":", out);
        json_string(out, wal_relation_column_name(relation, i));
        fprintf(out, ",\"type\":%" PRIu32 ",\"typmod\":%" PRId32 ",\"key\":%s}",
                wal_relation_column_type(relation, i), wal_relation_column_typmod(relation, i),
                wal_relation_column_is_key(relation, i) ? "true" : "false");
    }
    putc(']', out);
}

static inline void json_truncate(FILE *out, const wal_event *event) {
    uint32_t count = wal_event_truncate_count(event);
    uint32_t i;

    fputs(",\"relations\":[", out);
    for (i = 0; i < count; i++) {
        if (i > 0)
            putc(',', out);
        json_relation_name(out, wal_event_truncate_relation(event, i));
    }
    fprintf(out, "],\"cascade\":%s,\"restart_identity\":%s",
            (event->flags & WAL_EVENT_FLAG_CASCADE) != 0 ? "true" : "false",
            (event->flags & WAL_EVENT_FLAG_RESTART_IDENTITY) != 0 ? "true" : "false");
}

/* What is particular to the event's kind. Kinds that this program does not know have the common part only. */
static inline void json_particulars(FILE *out, const wal_event *event) {
    switch (event->kind) {
    case WAL_EVENT_INSERT:
    case WAL_EVENT_UPDATE:
    case WAL_EVENT_DELETE:
        if (event->new_values != NULL)
            json_row(out, "new", event->relation, event->new_values, event->n_new);
        if (event->old_values != NULL) {
            fprintf(out, ",\"old_is\":\"%s\"", (event->flags & WAL_EVENT_FLAG_OLD_FULL) != 0 ? "row" : "key");
            json_row(out, "old", event->relation, event->old_values, event->n_old);
        }
        break;
    case WAL_EVENT_RELATION:
        json_columns(out, event->relation);
        break;
    case WAL_EVENT_TRUNCATE:
        json_truncate(out, event);
        break;
    case WAL_EVENT_MESSAGE:
        fprintf(out, ",\"transactional\":%s,\"prefix\":",
                (event->flags & WAL_EVENT_FLAG_TRANSACTIONAL) != 0 ? "true" : "false");
        json_string(out, wal_event_message_prefix(event));
        fputs(",\"content\":", out);
        json_string(out, wal_event_message_content(event));
        break;
    case WAL_EVENT_ORIGIN:
        fputs(",\"origin\":", out);
        json_string(out, wal_event_origin_name(event));
        fprintf(out, ",\"origin_lsn\":\"" WAL_LSN_FMT "\"", WAL_LSN_ARGS(wal_event_origin_lsn(event)));
        break;
    case WAL_EVENT_TYPE:
        fprintf(out, ",\"oid\":%" PRIu32 ",\"schema\":", wal_event_type_oid(event));
        json_string(out, wal_event_type_namespace(event));
        fputs(",\"type\":", out);
        json_string(out, wal_event_type_name(event));
        break;
    case WAL_EVENT_RECONNECTED:
        fprintf(out,
                ",\"lost_lsn\":\"" WAL_LSN_FMT "\",\"attempts\":%" PRIu32 ",\"status\":\"%s\",\"reason\":",
                WAL_LSN_ARGS(wal_event_reconnect_lost_lsn(event)), wal_event_reconnect_attempts(event),
                wal_status_name(wal_event_reconnect_status(event)));
        json_string(out, wal_event_reconnect_message(event));
        break;
    default:
        break;
    }
}

/* One event as one line. Whether it could be written, ferror(out) tells. */
static inline void json_event(FILE *out, const wal_event *event) {
    fprintf(out, "{\"kind\":\"%s\",\"lsn\":\"" WAL_LSN_FMT "\"", wal_event_kind_name(event->kind),
            WAL_LSN_ARGS(event->lsn));
    if (event->commit_lsn != 0)
        fprintf(out, ",\"commit_lsn\":\"" WAL_LSN_FMT "\",\"sequence\":%" PRIu64,
                WAL_LSN_ARGS(event->commit_lsn), event->sequence);
    if (event->ack_lsn != 0)
        fprintf(out, ",\"ack_lsn\":\"" WAL_LSN_FMT "\"", WAL_LSN_ARGS(event->ack_lsn));
    if (event->xid != 0) {
        fprintf(out, ",\"xid\":%" PRIu32 ",\"commit_time\":", event->xid);
        json_time(out, event->commit_time);
    }
    if (event->relation != NULL) {
        fputs(",\"relation\":", out);
        json_relation_name(out, event->relation);
    }
    json_particulars(out, event);
    fputs("}\n", out);
}

#endif
