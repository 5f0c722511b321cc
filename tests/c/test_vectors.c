/* The vectors that a server made (tests/vectors/values.tsv): both forms of a value have the server's text,
 * and the typed accessors give the same of both. Its argument is the file. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

/* A message that is being made. */
static uint8_t *message;
static size_t message_length, message_room;

static void add(const void *bytes, size_t length) {
    if (message_length + length > message_room) {
        message_room = 2 * (message_length + length);
        message = realloc(message, message_room);
        REQUIRE(message != NULL);
    }
    if (length > 0)
        memcpy(message + message_length, bytes, length);
    message_length += length;
}

static void add_number(uint32_t number, size_t bytes) {
    while (bytes-- > 0) {
        const uint8_t byte = (uint8_t)(number >> 8 * bytes);

        add(&byte, 1);
    }
}

static void feed(wal_decoder *decoder) {
    wal_error *error = NULL;

    CHECK_STATUS(wal_decoder_feed(decoder, 8, message, message_length, &error), WAL_OK, &error);
    message_length = 0;
}

static int digit(char of) {
    return of >= 'a' ? of - 'a' + 10 : of - '0';
}

/* Hexadecimal digits to bytes, in their place. */
static size_t unhex(char *text) {
    size_t i;

    for (i = 0; text[2 * i] != '\0'; i++)
        text[i] = (char)(digit(text[2 * i]) * 16 + digit(text[2 * i + 1]));
    return i;
}

/* Both forms give the same number, or neither gives one. */
#define SAME(accessor, number)                                                                               \
    do {                                                                                                     \
        number of[2] = {0, 0};                                                                               \
        const wal_status first = accessor(&event->new_values[0], event->relation, 0, &of[0], NULL);          \
        const wal_status second = accessor(&event->new_values[1], event->relation, 1, &of[1], NULL);         \
        CHECK_EQ(first, second);                                                                             \
        CHECK(memcmp(&of[0], &of[1], sizeof(number)) == 0);                                                  \
        read += first == WAL_OK;                                                                             \
    } while (0)

static unsigned compare(const wal_event *event, const char *text, size_t text_length) {
    char *buffer = malloc(text_length + 1);
    uint8_t uuid[2][16];
    wal_status status[2];
    unsigned read = 0;
    uint32_t i;

    REQUIRE(buffer != NULL);
    memset(uuid, 0, sizeof uuid);
    CHECK_EQ(event->n_new, 2);
    for (i = 0; i < 2; i++) {
        size_t length = 0;
        wal_error *error = NULL;
        const wal_type *type = wal_relation_column_type_info(event->relation, i);

        CHECK_STATUS(wal_value_format(&event->new_values[i], type, buffer, text_length + 1, &length, &error),
                     WAL_OK, &error);
        CHECK_EQ(length, text_length);
        CHECK(length == text_length && memcmp(buffer, text, length) == 0);
        status[i] = wal_value_as_uuid(&event->new_values[i], event->relation, i, uuid[i], NULL);
    }
    CHECK_EQ(status[0], status[1]);
    CHECK(memcmp(uuid[0], uuid[1], 16) == 0);
    SAME(wal_value_as_bool, int32_t);
    SAME(wal_value_as_int64, int64_t);
    SAME(wal_value_as_uint32, uint32_t);
    SAME(wal_value_as_date, int32_t);
    SAME(wal_value_as_timestamp, int64_t);
    SAME(wal_value_as_timestamptz, int64_t);
    free(buffer);
    return read;
}

/* A table with two columns of the type, and a row with both forms of the value. */
static unsigned one(uint32_t oid, const char *binary, size_t binary_length, const char *text,
                    size_t text_length) {
    wal_decoder *decoder = NULL;
    wal_batch *batch = NULL;
    wal_error *error = NULL;
    const wal_event *events;
    size_t count = 0;
    unsigned read = 0;
    int i;

    REQUIRE(wal_decoder_new(NULL, &decoder, &error) == WAL_OK);
    add("B", 1);
    for (i = 0; i < 5; i++)
        add_number(7, 4);
    feed(decoder);
    add("R", 1);
    add_number(20000, 4);
    add("public\0t\0d", 10);
    add_number(2, 2);
    for (i = 0; i < 2; i++) {
        add(i == 0 ? "\0b" : "\0t", 3);
        add_number(oid, 4);
        add_number(UINT32_MAX, 4);
    }
    feed(decoder);
    add("I", 1);
    add_number(20000, 4);
    add("N", 1);
    add_number(2, 2);
    add("b", 1);
    add_number((uint32_t)binary_length, 4);
    add(binary, binary_length);
    add("t", 1);
    add_number((uint32_t)text_length, 4);
    add(text, text_length);
    feed(decoder);
    CHECK_STATUS(wal_decoder_next_batch(decoder, &batch, &error), WAL_OK, &error);
    REQUIRE(batch != NULL);
    events = wal_batch_events(batch, &count);
    REQUIRE(count > 0 && events[count - 1].kind == WAL_EVENT_INSERT);
    read = compare(&events[count - 1], text, text_length);
    wal_batch_free(batch);
    wal_decoder_free(decoder);
    return read;
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    char *line = NULL;
    size_t room = 0, vectors = 0, read = 0;
    ssize_t length;

    REQUIRE(file != NULL);
    while ((length = getline(&line, &room, file)) > 0) {
        char *oid, *binary, *text;

        if (line[0] == '#')
            continue;
        line[length - 1] = '\0';
        oid = strchr(line, '\t');
        REQUIRE(oid != NULL);
        binary = strchr(oid + 1, '\t');
        REQUIRE(binary != NULL);
        text = strchr(binary + 1, '\t');
        REQUIRE(text != NULL);
        *text++ = '\0';
        *binary++ = '\0';
        {
            const size_t binary_length = unhex(binary), text_length = unhex(text);

            read += one((uint32_t)strtoul(oid + 1, NULL, 10), binary, binary_length, text, text_length);
        }
        vectors++;
    }
    CHECK_EQ(vectors, 584);
    /* An accessor that refused both forms would make it less; new vectors make it more. */
    CHECK_EQ(read, 53);
    free(line);
    free(message);
    fclose(file);
    return check_finish();
}
