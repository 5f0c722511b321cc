/* Values: the typed accessors give the same from text and from binary; NULL, unchanged and absent are told
 * apart. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <math.h>

static const char name[] = "c_values";

/* The columns of the table, by place. */
enum {
    ID,
    TRUTH,
    SMALL,
    WHOLE,
    BIG,
    FLOAT4,
    FLOAT8,
    OIDS,
    TEXT,
    BYTES,
    UUID,
    DATE,
    TIME,
    STAMP,
    STAMPTZ,
    NUMERIC,
    TOAST,
    COLUMNS
};

static const char table[] =
    "CREATE TABLE c_values (id int PRIMARY KEY, truth bool, small smallint, whole int, big bigint, "
    "f4 real, f8 double precision, oids oid, t text, b bytea, u uuid, d date, tm time, "
    "ts timestamp, tz timestamptz, n numeric, toast text)";

#define AT(column) &event->new_values[column], event->relation, column

static void first_row(const wal_event *event, bool binary) {
    int32_t i32 = 0;
    int16_t i16 = 0;
    int64_t i64 = 0;
    uint32_t u32 = 0;
    float f4 = 0;
    double f8 = 0;
    uint8_t uuid[16], buffer[8];
    wal_bytes text;
    size_t length = 0;
    wal_error *error = NULL;
    uint32_t i;

    CHECK_EQ(event->n_new, COLUMNS);
    for (i = 0; i < COLUMNS; i++)
        CHECK_EQ(event->new_values[i].kind, binary ? WAL_VALUE_BINARY : WAL_VALUE_TEXT);
    CHECK_STATUS(wal_value_as_bool(AT(TRUTH), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, 1);
    CHECK_STATUS(wal_value_as_int16(AT(SMALL), &i16, &error), WAL_OK, &error);
    CHECK_EQ(i16, -32768);
    CHECK_STATUS(wal_value_as_int32(AT(SMALL), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, -32768);
    CHECK_STATUS(wal_value_as_int32(AT(WHOLE), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, 2147483647);
    CHECK_STATUS(wal_value_as_int64(AT(WHOLE), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, 2147483647);
    CHECK_STATUS(wal_value_as_int64(AT(BIG), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, INT64_MIN);
    CHECK_STATUS(wal_value_as_float32(AT(FLOAT4), &f4, &error), WAL_OK, &error);
    CHECK(f4 == 0.1F);
    CHECK_STATUS(wal_value_as_float64(AT(FLOAT8), &f8, &error), WAL_OK, &error);
    CHECK(f8 == 0.1);
    CHECK_STATUS(wal_value_as_uint32(AT(OIDS), &u32, &error), WAL_OK, &error);
    CHECK_EQ(u32, 4294967295U);
    CHECK_STATUS(wal_value_as_int64(AT(OIDS), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, 4294967295);
    CHECK_STATUS(wal_value_as_text(AT(TEXT), &text, &error), WAL_OK, &error);
    CHECK_BYTES(text, "gr\xc3\xbc\xc3\x9f dich");
    CHECK_STATUS(wal_value_as_bytea(AT(BYTES), NULL, 0, &length, &error), WAL_OK, &error);
    CHECK_EQ(length, 4);
    CHECK_STATUS(wal_value_as_bytea(AT(BYTES), buffer, 3, &length, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_EQ(length, 4);
    CHECK_STATUS(wal_value_as_bytea(AT(BYTES), buffer, sizeof buffer, &length, &error), WAL_OK, &error);
    CHECK(length == 4 && memcmp(buffer, "\x00\xff\x5c\x27", 4) == 0);
    CHECK_STATUS(wal_value_as_uuid(AT(UUID), uuid, &error), WAL_OK, &error);
    CHECK(memcmp(uuid, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", 16) == 0);
    CHECK_STATUS(wal_value_as_date(AT(DATE), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, -1);
    CHECK_STATUS(wal_value_as_time(AT(TIME), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, INT64_C(86400000000));
    CHECK_STATUS(wal_value_as_timestamp(AT(STAMP), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, -1);
    CHECK_STATUS(wal_value_as_timestamptz(AT(STAMPTZ), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, INT64_C(3600) * 1000000 + 5);
}

/* What does not fit is refused, and nothing is guessed. */
static void refused(const wal_event *event) {
    int32_t i32 = 7;
    int16_t i16 = 7;
    int64_t i64 = 7;
    uint32_t u32 = 7;
    uint8_t uuid[16];
    wal_error *error = NULL;

    CHECK_STATUS(wal_value_as_int16(AT(WHOLE), &i16, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_EQ(i16, 0);
    CHECK_STATUS(wal_value_as_int32(AT(BIG), &i32, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_STATUS(wal_value_as_int32(AT(OIDS), &i32, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_STATUS(wal_value_as_uint32(AT(SMALL), &u32, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_EQ(u32, 0);
    CHECK_STATUS(wal_value_as_bool(AT(WHOLE), &i32, &error), WAL_E_TYPE, &error);
    CHECK_STATUS(wal_value_as_int64(AT(TEXT), &i64, &error), WAL_E_TYPE, &error);
    CHECK_EQ(i64, 0);
    CHECK_STATUS(wal_value_as_date(AT(STAMP), &i32, &error), WAL_E_TYPE, &error);
    CHECK_STATUS(wal_value_as_timestamp(AT(STAMPTZ), &i64, &error), WAL_E_TYPE, &error);
    CHECK_STATUS(wal_value_as_timestamptz(AT(STAMP), &i64, &error), WAL_E_TYPE, &error);
    CHECK_STATUS(wal_value_as_uuid(AT(TEXT), uuid, &error), WAL_E_TYPE, &error);
}

static void nulls(const wal_event *event) {
    int64_t i64 = 7;
    wal_bytes text = {(const uint8_t *)"", 7};
    wal_error *error = NULL;
    uint32_t i;

    for (i = 1; i < COLUMNS; i++) {
        CHECK_EQ(event->new_values[i].kind, WAL_VALUE_NULL);
        CHECK(event->new_values[i].data == NULL && event->new_values[i].len == 0);
    }
    CHECK_STATUS(wal_value_as_int64(AT(BIG), &i64, &error), WAL_E_NO_VALUE, &error);
    CHECK_EQ(i64, 0);
    CHECK_STATUS(wal_value_as_text(AT(TEXT), &text, &error), WAL_E_NO_VALUE, &error);
    CHECK(text.data == NULL && text.len == 0);
}

/* The ends of the ranges, and what is empty. */
static void extremes(const wal_event *event) {
    int32_t i32 = 0;
    int64_t i64 = 0;
    float f4 = 0;
    double f8 = 0;
    wal_bytes text = {NULL, 7};
    size_t length = 7;
    wal_error *error = NULL;

    CHECK_STATUS(wal_value_as_bool(AT(TRUTH), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, 0);
    CHECK_STATUS(wal_value_as_float32(AT(FLOAT4), &f4, &error), WAL_OK, &error);
    CHECK(isnan(f4));
    CHECK_STATUS(wal_value_as_float64(AT(FLOAT8), &f8, &error), WAL_OK, &error);
    CHECK(isinf(f8) && f8 < 0);
    CHECK_STATUS(wal_value_as_text(AT(TEXT), &text, &error), WAL_OK, &error);
    CHECK(text.data != NULL && text.len == 0);
    CHECK(event->new_values[TEXT].data != NULL);
    CHECK_STATUS(wal_value_as_bytea(AT(BYTES), NULL, 0, &length, &error), WAL_OK, &error);
    CHECK_EQ(length, 0);
    CHECK_STATUS(wal_value_as_date(AT(DATE), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, INT32_MAX);
    CHECK_STATUS(wal_value_as_timestamp(AT(STAMP), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, INT64_MIN);
    CHECK_STATUS(wal_value_as_timestamptz(AT(STAMPTZ), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, INT64_MAX);
    CHECK_STATUS(wal_value_as_date(AT(DATE), &i32, &error), WAL_OK, &error);
}

static void toast_and_keys(wal_stream *stream) {
    const wal_event *event;
    wal_error *error = NULL;
    wal_bytes text;

    /* An UPDATE that leaves a large value alone. */
    sql("UPDATE c_values SET whole = 5 WHERE id = 9");
    event = test_next(stream, WAL_EVENT_UPDATE);
    REQUIRE(event != NULL);
    CHECK_EQ(event->new_values[TOAST].kind, WAL_VALUE_UNCHANGED);
    CHECK(event->new_values[TOAST].data == NULL && event->new_values[TOAST].len == 0);
    CHECK_STATUS(wal_value_as_text(AT(TOAST), &text, &error), WAL_E_NO_VALUE, &error);
    CHECK(event->old_values == NULL && event->n_old == 0);
    /* A key that changes: the old one, and nothing else of the old row. */
    sql("UPDATE c_values SET id = 10 WHERE id = 9");
    event = test_next(stream, WAL_EVENT_UPDATE);
    REQUIRE(event != NULL);
    CHECK_EQ(event->flags, WAL_EVENT_FLAG_OLD_KEY);
    CHECK_EQ(event->n_old, COLUMNS);
    CHECK(event->old_values[ID].kind == WAL_VALUE_TEXT || event->old_values[ID].kind == WAL_VALUE_BINARY);
    CHECK_EQ(event->old_values[TEXT].kind, WAL_VALUE_ABSENT);
    CHECK(event->old_values[TEXT].data == NULL && event->old_values[TEXT].len == 0);
    /* The whole old row. */
    sql("ALTER TABLE c_values REPLICA IDENTITY FULL");
    sql("DELETE FROM c_values WHERE id = 10");
    event = test_next(stream, WAL_EVENT_DELETE);
    REQUIRE(event != NULL);
    CHECK_EQ(event->flags, WAL_EVENT_FLAG_OLD_FULL);
    CHECK(event->new_values == NULL && event->n_new == 0);
    CHECK_EQ(event->old_values[TEXT].kind, WAL_VALUE_NULL);
    CHECK(event->old_values[TOAST].len == 100000);
    sql("ALTER TABLE c_values REPLICA IDENTITY DEFAULT");
}

static void truncate_and_messages(wal_stream *stream) {
    const wal_event *event;

    sql("TRUNCATE c_values RESTART IDENTITY CASCADE");
    event = test_next(stream, WAL_EVENT_TRUNCATE);
    REQUIRE(event != NULL);
    CHECK_EQ(wal_event_truncate_count(event), 1);
    CHECK_BYTES(wal_relation_name(wal_event_truncate_relation(event, 0)), name);
    CHECK_EQ(event->flags, WAL_EVENT_FLAG_CASCADE | WAL_EVENT_FLAG_RESTART_IDENTITY);
    sql("SELECT pg_logical_emit_message(true, 'a prefix', 'inside')");
    event = test_next(stream, WAL_EVENT_MESSAGE);
    REQUIRE(event != NULL);
    CHECK_EQ(event->flags, WAL_EVENT_FLAG_TRANSACTIONAL);
    CHECK_BYTES(wal_event_message_prefix(event), "a prefix");
    CHECK_BYTES(wal_event_message_content(event), "inside");
    CHECK(event->ack_lsn == 0 && event->xid != 0);
    sql("SELECT pg_logical_emit_message(false, '', '')");
    sql("INSERT INTO c_values (id) VALUES (99)"); /* flushes it */
    event = test_next(stream, WAL_EVENT_MESSAGE);
    REQUIRE(event != NULL);
    CHECK_EQ(event->flags, 0);
    CHECK(wal_event_message_prefix(event).data != NULL && wal_event_message_prefix(event).len == 0);
    CHECK(wal_event_message_content(event).data != NULL && wal_event_message_content(event).len == 0);
    CHECK(event->ack_lsn != 0 && event->xid == 0 && event->sequence == 0);
    CHECK(event->commit_lsn == event->lsn);
}

/* S14: what is read is known from the stream, and an error says which value it was. */
static void domains(bool binary) {
    static const char slot[] = "c_values_types";
    wal_options *options = test_options(slot, slot);
    wal_stream *stream = NULL;
    const wal_event *event;
    const wal_type *type;
    wal_error *error = NULL;
    wal_bytes text;
    int32_t i32 = 7;
    int64_t i64 = 7;
    double f8 = 7;
    enum { D_WORD = 1, D_BIG, D_OID, D_DOC, D_MOOD, D_EMPTY };

    test_slot(slot);
    CHECK_STATUS(wal_options_set(options, "binary", binary ? "on" : "off", &error), WAL_OK, &error);
    REQUIRE(CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_OK, &error));
    sql("INSERT INTO c_values_types VALUES (1, 1633837924, 42, 4294967295, '{}', 'able', '')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_STATUS(wal_value_as_int32(AT(D_WORD), &i32, &error), WAL_OK, &error);
    CHECK_EQ(i32, 1633837924);
    CHECK_STATUS(wal_value_as_float64(AT(D_BIG), &f8, &error), WAL_OK, &error);
    CHECK(f8 == 42.0);
    CHECK_STATUS(wal_value_as_int64(AT(D_OID), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, 4294967295);
    CHECK_STATUS(wal_value_as_text(AT(D_DOC), &text, &error), WAL_OK, &error);
    CHECK_BYTES(text, "{}");
    CHECK_STATUS(wal_value_as_text(AT(D_MOOD), &text, &error), WAL_OK, &error);
    CHECK_BYTES(text, "able");
    CHECK_STATUS(wal_value_as_text(AT(D_EMPTY), &text, &error), WAL_OK, &error);
    CHECK(text.data != NULL && text.len == 0);
    CHECK_EQ(wal_value_as_int32(AT(D_MOOD), &i32, &error), WAL_E_TYPE);
    CHECK_EQ(i32, 0);
    CHECK(strstr(wal_error_message(error),
                 "table public.c_values_types, column \"mood\" (public.c_mood, OID") != NULL);
    if (binary)
        CHECK(strstr(wal_error_hint(error), "binary") != NULL);
    wal_error_free(error);
    error = NULL;
    type = wal_relation_column_type_info(event->relation, D_WORD);
    CHECK_EQ(wal_type_kind(type), WAL_TYPE_KIND_DOMAIN);
    CHECK_EQ(wal_type_source(type), WAL_TYPE_SOURCE_STREAM);
    CHECK_EQ(wal_type_is_resolved(type), 1);
    CHECK_BYTES(wal_type_sql_name(wal_type_base(type)), "integer");
    CHECK(wal_type_base(type) == wal_type_built_in(23));
    type = wal_relation_column_type_info(event->relation, D_MOOD);
    CHECK_EQ(wal_type_kind(type), WAL_TYPE_KIND_UNKNOWN);
    CHECK_EQ(wal_type_is_resolved(type), 0);
    CHECK_BYTES(wal_type_name(type), "c_mood");
    CHECK_BYTES(wal_type_namespace(type), "public");
    CHECK_BYTES(wal_type_name(wal_type_element(wal_type_built_in(1007))), "int4");
    CHECK(wal_relation_column_type_info(event->relation, 99) == NULL);
    wal_stream_free(stream);
    wal_options_free(options);
    test_drop_slot(slot);
}

/* The text of the output function, from either form, in a buffer that is never overrun. */
static void formatted(const wal_event *event) {
    const wal_type *type = wal_relation_column_type_info(event->relation, NUMERIC);
    const wal_value *numeric = &event->new_values[NUMERIC];
    static const char expected[] = "123456789.000000001";
    char buffer[64];
    size_t length = 7;
    wal_error *error = NULL;

    CHECK_STATUS(wal_value_format(numeric, type, NULL, 0, &length, &error), WAL_OK, &error);
    CHECK_EQ(length, sizeof expected - 1);
    memset(buffer, '!', sizeof buffer);
    CHECK_STATUS(wal_value_format(numeric, type, buffer, sizeof expected, &length, &error), WAL_OK, &error);
    CHECK(strcmp(buffer, expected) == 0 && buffer[sizeof expected] == '!');
    CHECK_STATUS(wal_value_format(numeric, type, buffer, length, &length, &error), WAL_E_OUT_OF_RANGE,
                 &error);
    CHECK_EQ(length, sizeof expected - 1);
    type = wal_relation_column_type_info(event->relation, STAMP);
    CHECK_STATUS(wal_value_format(&event->new_values[STAMP], type, buffer, sizeof buffer, &length, &error),
                 WAL_OK, &error);
    CHECK(strcmp(buffer, "1999-12-31 23:59:59.999999") == 0);
    type = wal_relation_column_type_info(event->relation, UUID);
    CHECK_STATUS(wal_value_format(&event->new_values[UUID], type, buffer, sizeof buffer, &length, &error),
                 WAL_OK, &error);
    CHECK(strcmp(buffer, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11") == 0);
}

/* Types that no number of C says: the same from either form. */
static void scalars(bool binary) {
    static const char slot[] = "c_scalars";
    wal_options *options = test_options(slot, slot);
    wal_stream *stream = NULL;
    const wal_event *event;
    wal_error *error = NULL;
    wal_numeric numeric;
    wal_inet inet;
    char text[32];
    uint8_t bytes[4];
    size_t length = 0;
    int32_t months = 7, days = 7, offset = 7;
    int64_t i64 = 7;
    uint64_t u64 = 7;
    uint32_t block = 7;
    uint16_t place = 7;
    double x = 7, y = 7;
    enum {
        S_NUM,
        S_NAN,
        S_SPAN,
        S_CLOCK,
        S_CASH,
        S_INET,
        S_CIDR,
        S_BITS,
        S_TID,
        S_POINT,
        S_LSN,
        S_XID8,
        S_NULL
    };

    test_slot(slot);
    CHECK_STATUS(wal_options_set(options, "binary", binary ? "on" : "off", &error), WAL_OK, &error);
    REQUIRE(CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_OK, &error));
    sql("INSERT INTO c_scalars VALUES (-12345.6780, '-Infinity'::numeric, '1 year 2 mons -3 days "
        "-00:00:00.5', "
        "'24:00:00-15:59:59', (-12.34)::numeric::money, '10.0.0.1/24', '2001:db8::/32', B'1010111101', "
        "'(42,7)', "
        "'(-1.5,Infinity)', '16/B374D848', '18446744073709551615')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_STATUS(wal_value_as_numeric(AT(S_NUM), &numeric, &error), WAL_OK, &error);
    CHECK(numeric.special == WAL_NUMERIC_FINITE && numeric.is_negative == 1 && numeric.scale == 4);
    CHECK_STATUS(wal_numeric_text(&numeric, text, sizeof text, &length, &error), WAL_OK, &error);
    CHECK(length == 11 && strcmp(text, "-12345.6780") == 0);
    CHECK_STATUS(wal_numeric_text(&numeric, text, 11, &length, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_EQ(length, 11);
    CHECK_STATUS(wal_numeric_int128(&numeric, 3, &i64, &u64, &error), WAL_OK, &error);
    CHECK(i64 == -1 && u64 == UINT64_C(0) - 12345678);
    CHECK_STATUS(wal_numeric_int128(&numeric, 2, &i64, &u64, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK(i64 == 0 && u64 == 0);
    CHECK_STATUS(wal_numeric_float64(&numeric, &x, &error), WAL_OK, &error);
    CHECK(x == -12345.678);
    CHECK_STATUS(wal_value_as_numeric(AT(S_NAN), &numeric, &error), WAL_OK, &error);
    CHECK(numeric.special == WAL_NUMERIC_INFINITY && numeric.is_negative == 1 && numeric.scale == 0);
    CHECK_STATUS(wal_numeric_int128(&numeric, 0, &i64, &u64, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_STATUS(wal_value_as_interval(AT(S_SPAN), &months, &days, &i64, &error), WAL_OK, &error);
    CHECK(months == 14 && days == -3 && i64 == -500000);
    CHECK_STATUS(wal_value_as_timetz(AT(S_CLOCK), &i64, &offset, &error), WAL_OK, &error);
    CHECK(i64 == INT64_C(86400000000) && offset == -57599);
    CHECK_STATUS(wal_value_as_money(AT(S_CASH), &i64, &error), WAL_OK, &error);
    CHECK_EQ(i64, -1234);
    CHECK_STATUS(wal_value_as_inet(AT(S_INET), &inet, &error), WAL_OK, &error);
    CHECK(inet.version == 4 && inet.bits == 24 && inet.is_cidr == 0 &&
          memcmp(inet.address, "\x0a\0\0\x01", 5) == 0);
    CHECK_STATUS(wal_value_as_inet(AT(S_CIDR), &inet, &error), WAL_OK, &error);
    CHECK(inet.version == 6 && inet.bits == 32 && inet.is_cidr == 1 &&
          memcmp(inet.address, "\x20\x01\x0d\xb8", 5) == 0);
    CHECK_STATUS(wal_value_as_bits(AT(S_BITS), NULL, 0, &length, &error), WAL_OK, &error);
    CHECK_EQ(length, 10);
    CHECK_STATUS(wal_value_as_bits(AT(S_BITS), bytes, 1, &length, &error), WAL_E_OUT_OF_RANGE, &error);
    CHECK_STATUS(wal_value_as_bits(AT(S_BITS), bytes, sizeof bytes, &length, &error), WAL_OK, &error);
    CHECK(length == 10 && bytes[0] == 0xaf && bytes[1] == 0x40);
    CHECK_STATUS(wal_value_as_tid(AT(S_TID), &block, &place, &error), WAL_OK, &error);
    CHECK(block == 42 && place == 7);
    CHECK_STATUS(wal_value_as_point(AT(S_POINT), &x, &y, &error), WAL_OK, &error);
    CHECK(x == -1.5 && isinf(y) && y > 0);
    CHECK_STATUS(wal_value_as_lsn(AT(S_LSN), &u64, &error), WAL_OK, &error);
    CHECK_EQ(u64, UINT64_C(0x16b374d848));
    CHECK_STATUS(wal_value_as_uint64(AT(S_XID8), &u64, &error), WAL_OK, &error);
    CHECK(u64 == UINT64_MAX);
    CHECK_STATUS(wal_value_as_interval(AT(S_NULL), &months, &days, &i64, &error), WAL_E_NO_VALUE, &error);
    CHECK(months == 0 && days == 0 && i64 == 0);
    CHECK_STATUS(wal_value_as_money(AT(S_NUM), &i64, &error), WAL_E_TYPE, &error);
    wal_stream_free(stream);
    wal_options_free(options);
    test_drop_slot(slot);
}

/* A value with parts: its items are values like those of a row, and a second reader goes into one of them. */
static void nested(bool binary) {
    static const char slot[] = "c_nested";
    static const char quoted[] = "{\"{\\\"a\\\"}\"}";
    static const char boxes[] = "{(1,1),(0,0);(2,2),(0,0)}";
    wal_options *options = test_options(slot, slot);
    wal_stream *stream = NULL;
    const wal_event *event;
    wal_error *error = NULL;
    wal_nested *outer = NULL, *inner = NULL;
    const wal_value *items;
    wal_value value;
    const wal_dimension *dimensions;
    wal_bytes text;
    int32_t number = 7;
    double x = 7;
    size_t count = 7;
    enum { N_ID, N_INTS, N_RANGE, N_PAIRS, N_MOODS, N_NOTHING };

    test_slot(slot);
    CHECK_STATUS(wal_options_set(options, "binary", binary ? "on" : "off", &error), WAL_OK, &error);
    REQUIRE(CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_OK, &error));
    sql("INSERT INTO c_nested VALUES (1, '[2:3][-1:0]={{1,NULL},{3,4}}', '[1.5,)', ARRAY[ROW(1, "
        "'q\"u')::c_pair], '{able}')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    REQUIRE(CHECK_STATUS(wal_nested_new(&outer, &error), WAL_OK, &error));
    REQUIRE(CHECK_STATUS(wal_nested_new(&inner, &error), WAL_OK, &error));
    CHECK(wal_nested_shape(outer) == WAL_SHAPE_ANY && wal_nested_items(outer, &count) == NULL && count == 0);

    CHECK_STATUS(wal_nested_read(outer, AT(N_INTS), WAL_SHAPE_ANY, &error), WAL_OK, &error);
    CHECK_EQ(wal_nested_shape(outer), WAL_SHAPE_ARRAY);
    dimensions = wal_nested_dimensions(outer, &count);
    CHECK(count == 2 && dimensions[0].size == 2 && dimensions[0].lower == 2 && dimensions[1].size == 2 &&
          dimensions[1].lower == -1);
    items = wal_nested_items(outer, &count);
    REQUIRE(CHECK_EQ(count, 4));
#define ITEM(reader, at) &items[at], wal_nested_relation(reader), wal_nested_column(reader, at)
    CHECK_STATUS(wal_value_as_int32(ITEM(outer, 3), &number, &error), WAL_OK, &error);
    CHECK_EQ(number, 4);
    CHECK(items[1].kind == WAL_VALUE_NULL && items[1].data == NULL);
    CHECK_STATUS(wal_value_as_int32(ITEM(outer, 1), &number, &error), WAL_E_NO_VALUE, &error);
    CHECK_EQ(wal_value_as_bool(ITEM(outer, 0), &number, &error), WAL_E_TYPE);
    CHECK(strstr(wal_error_message(error), "integer[], item \"element\" (integer)") != NULL);
    wal_error_free(error);
    error = NULL;
    /* It holds its items: another reads them. */
    CHECK_STATUS(wal_nested_read(outer, ITEM(outer, 0), WAL_SHAPE_ANY, &error), WAL_E_INVALID_ARGUMENT,
                 &error);
    CHECK_STATUS(wal_nested_read(outer, &items[0], NULL, 0, WAL_SHAPE_ARRAY, &error), WAL_E_INVALID_ARGUMENT,
                 &error);
    CHECK(wal_nested_items(outer, &count) == items && count == 4);
    CHECK_STATUS(wal_nested_read(inner, ITEM(outer, 0), WAL_SHAPE_ANY, &error), WAL_E_TYPE, &error);
    CHECK(wal_nested_items(inner, &count) == NULL && count == 0);

    CHECK_STATUS(wal_nested_read(outer, AT(N_RANGE), WAL_SHAPE_RANGE, &error), WAL_OK, &error);
    CHECK_EQ(wal_nested_flags(outer), WAL_NESTED_LOWER_INCLUSIVE | WAL_NESTED_UPPER_INFINITE);
    items = wal_nested_items(outer, &count);
    REQUIRE(count == 2 && items[1].kind == WAL_VALUE_NULL);
    CHECK_BYTES(wal_type_name(wal_relation_column_type_info(wal_nested_relation(outer), 0)), "numeric");

    /* Text that was unquoted lies in the reader: a copy of the value is not one of its bytes. */
    value = (wal_value){(const uint8_t *)quoted, sizeof quoted - 1, WAL_VALUE_TEXT, {0}};
    CHECK_STATUS(wal_nested_read_as(outer, &value, wal_type_built_in(1009), WAL_SHAPE_ANY, NULL, 0, &error),
                 WAL_OK, &error);
    items = wal_nested_items(outer, &count);
    REQUIRE(CHECK_EQ(count, 1));
    value = items[0];
    CHECK_STATUS(wal_nested_read(outer, &value, NULL, 0, WAL_SHAPE_ARRAY, &error), WAL_E_INVALID_ARGUMENT,
                 &error);
    CHECK_STATUS(wal_nested_read(inner, &value, NULL, 0, WAL_SHAPE_ARRAY, &error), WAL_OK, &error);
    value = (wal_value){(const uint8_t *)boxes, sizeof boxes - 1, WAL_VALUE_TEXT, {0}};
    CHECK_STATUS(wal_nested_read_as(outer, &value, wal_type_built_in(1020), WAL_SHAPE_ANY, NULL, 0, &error),
                 WAL_OK, &error);
    CHECK(wal_nested_items(outer, &count) != NULL && count == 2);
    CHECK_STATUS(wal_nested_read_as(outer, &value, NULL, WAL_SHAPE_ARRAY, NULL, 0, &error), WAL_E_TYPE,
                 &error);
    CHECK_STATUS(wal_nested_read_as(outer, &value, NULL, WAL_SHAPE_ARRAY, wal_type_built_in(603), 0, &error),
                 WAL_OK, &error);
    CHECK_EQ(wal_type_oid(wal_relation_column_type_info(wal_nested_relation(outer), 0)), 603);
    CHECK_STATUS(wal_nested_read_as(outer, &value, NULL, WAL_SHAPE_ARRAY, NULL, '{', &error),
                 WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_nested_read_as(outer, &value, NULL, 99, NULL, 0, &error), WAL_E_INVALID_ARGUMENT,
                 &error);
    CHECK(wal_nested_items(outer, &count) != NULL && count == 2);

    /* The stream only names the type: the program says what it is. */
    CHECK_STATUS(wal_nested_read(outer, AT(N_PAIRS), WAL_SHAPE_ANY, &error), WAL_E_TYPE, &error);
    CHECK_STATUS(wal_nested_read(outer, AT(N_PAIRS), 99, &error), WAL_E_INVALID_ARGUMENT, &error);
    CHECK_STATUS(wal_nested_read(outer, AT(N_PAIRS), WAL_SHAPE_ARRAY, &error), WAL_OK, &error);
    items = wal_nested_items(outer, &count);
    REQUIRE(CHECK_EQ(count, 1));
    CHECK_STATUS(wal_nested_read(inner, ITEM(outer, 0), WAL_SHAPE_COMPOSITE, &error), WAL_OK, &error);
    items = wal_nested_items(inner, &count);
    REQUIRE(CHECK_EQ(count, 2));
    CHECK_STATUS(wal_value_as_int32(ITEM(inner, 0), &number, &error), WAL_OK, &error);
    CHECK_EQ(number, 1);
    CHECK_STATUS(wal_value_as_text(ITEM(inner, 1), &text, &error), WAL_OK, &error);
    CHECK_BYTES(text, "q\"u");
    CHECK_STATUS(wal_nested_read(outer, AT(N_MOODS), WAL_SHAPE_ARRAY, &error), WAL_OK, &error);
    items = wal_nested_items(outer, &count);
    REQUIRE(CHECK_EQ(count, 1));
    CHECK_STATUS(wal_value_as_text(ITEM(outer, 0), &text, &error), WAL_OK, &error);
    CHECK_BYTES(text, "able");
    CHECK_STATUS(wal_value_as_float64(ITEM(outer, 0), &x, &error), WAL_E_TYPE, &error);
#undef ITEM
    CHECK_STATUS(wal_nested_read(outer, AT(N_NOTHING), WAL_SHAPE_ANY, &error), WAL_E_NO_VALUE, &error);
    CHECK_STATUS(wal_nested_read(outer, AT(N_ID), WAL_SHAPE_ANY, &error), WAL_E_TYPE, &error);
    CHECK(wal_nested_relation(outer) == NULL && wal_nested_shape(outer) == WAL_SHAPE_ANY);
    wal_nested_free(inner);
    wal_nested_free(outer);
    wal_stream_free(stream);
    wal_options_free(options);
    test_drop_slot(slot);
}

static void run(bool binary) {
    wal_options *options = test_options(name, name);
    wal_stream *stream = NULL;
    const wal_event *event;
    wal_error *error = NULL;

    sql("DELETE FROM c_values");
    test_slot(name);
    CHECK_STATUS(wal_options_set(options, "binary", binary ? "on" : "off", &error), WAL_OK, &error);
    CHECK_STATUS(wal_options_set(options, "messages", "on", &error), WAL_OK, &error);
    REQUIRE(CHECK_STATUS(wal_stream_open(options, &stream, &error), WAL_OK, &error));
    sql("INSERT INTO c_values VALUES (1, true, -32768, 2147483647, -9223372036854775808, 0.1, 0.1, "
        "4294967295, "
        "U&'gr\\00fc\\00df dich', '\\x00ff5c27', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1999-12-31', "
        "'24:00:00', "
        "'1999-12-31 23:59:59.999999', '2000-01-01 02:00:00.000005+01', 123456789.000000001, 'x')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    first_row(event, binary);
    refused(event);
    formatted(event);
    if (!binary) { /* every text is a text */
        wal_bytes text;
        CHECK_STATUS(wal_value_as_text(AT(NUMERIC), &text, &error), WAL_OK, &error);
        CHECK_BYTES(text, "123456789.000000001");
    }
    sql("INSERT INTO c_values (id) VALUES (2)");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    nulls(event);
    sql("INSERT INTO c_values (id, truth, f4, f8, t, b, d, ts, tz) VALUES (3, false, 'NaN', '-Infinity', '', "
        "'', "
        "'infinity', '-infinity', 'infinity')");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    extremes(event);
    sql("INSERT INTO c_values (id, toast) VALUES (9, repeat('0123456789', 10000))");
    event = test_next(stream, WAL_EVENT_INSERT);
    REQUIRE(event != NULL);
    CHECK_EQ(event->new_values[TOAST].len, 100000);
    toast_and_keys(stream);
    truncate_and_messages(stream);
    wal_stream_free(stream);
    wal_options_free(options);
}

int main(void) {
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS c_values");
    sql("SET client_min_messages = warning; DROP PUBLICATION IF EXISTS c_values");
    sql("%s", table);
    sql("ALTER TABLE c_values ALTER toast SET STORAGE EXTERNAL");
    sql("CREATE PUBLICATION c_values FOR TABLE c_values");
    run(false);
    run(true);
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS c_values_types; DROP PUBLICATION IF EXISTS "
        "c_values_types; DROP DOMAIN IF EXISTS c_int, c_big, c_oid, c_doc; DROP TYPE IF EXISTS c_mood");
    sql("CREATE DOMAIN c_int AS int; CREATE DOMAIN c_big AS bigint; CREATE DOMAIN c_oid AS oid; "
        "CREATE DOMAIN c_doc AS jsonb; CREATE TYPE c_mood AS ENUM ('able'); "
        "CREATE TABLE c_values_types (id int PRIMARY KEY, word c_int, big c_big, oids c_oid, doc c_doc, "
        "mood c_mood, empty \"char\"); CREATE PUBLICATION c_values_types FOR TABLE c_values_types");
    domains(false);
    sql("DELETE FROM c_values_types");
    domains(true);
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS c_scalars; DROP PUBLICATION IF EXISTS "
        "c_scalars");
    sql("CREATE TABLE c_scalars (num numeric, nan numeric, span interval, clock timetz, cash money, net "
        "inet, "
        "block cidr, bits varbit, tid tid, point point, lsn pg_lsn, xid8 xid8, nothing interval); CREATE "
        "PUBLICATION c_scalars FOR TABLE c_scalars");
    scalars(false);
    scalars(true);
    sql("SET client_min_messages = warning; DROP TABLE IF EXISTS c_nested; DROP PUBLICATION IF EXISTS "
        "c_nested; DROP TYPE IF EXISTS c_pair, c_feeling; CREATE TYPE c_pair AS (a int, b text); CREATE TYPE "
        "c_feeling AS ENUM ('able'); CREATE TABLE c_nested (id int, ints int[], range numrange, pairs "
        "c_pair[], moods c_feeling[], nothing int[]); CREATE PUBLICATION c_nested FOR TABLE c_nested");
    nested(false);
    nested(true);
    test_drop_slot(name);
    return check_finish();
}
