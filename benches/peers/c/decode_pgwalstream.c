/*
 * Decodes a file of pgoutput messages (each behind its length, 4 bytes, big-endian) over and over through
 * wal_decoder_decode, and prints the best time per row. Reading the file and finding the messages in it is
 * outside the clock, as it is for the other decoders.
 *
 * decode_pgwalstream FILE SECONDS
 */
#include "client.h"

#include <pgwalstream.h>

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void failed(const char *what, wal_error *err) {
    fprintf(stderr, "%s: %s\n", what, err == NULL ? "?" : wal_error_message(err));
    exit(1);
}

static void see(wal_batch *batch, counts *at) {
    size_t n = 0;
    const wal_event *events = wal_batch_events(batch, &n);
    for (size_t i = 0; i < n; i++) {
        const wal_event *event = &events[i];
        if (event->kind < WAL_EVENT_INSERT || event->kind > WAL_EVENT_DELETE)
            continue;
        at->rows++;
        for (uint32_t c = 0; c < event->n_new; c++)
            at->bytes += event->new_values[c].len;
        for (uint32_t c = 0; c < event->n_old; c++)
            at->bytes += event->old_values[c].len;
    }
    wal_batch_free(batch);
}

static void decode(wal_decoder *decoder, const wal_message *messages, size_t count, counts *at) {
    wal_error *err = NULL;
    while (count > 0) {
        size_t taken = 0;
        wal_batch *batch = NULL;
        if (wal_decoder_decode(decoder, messages, count, &taken, &batch, &err) < 0)
            failed("wal_decoder_decode", err);
        see(batch, at);
        messages += taken;
        count -= taken;
    }
}

/* So many messages a call. From 64 to 256 it makes no difference. */
enum { MESSAGES = 128 };

static counts once(wal_decoder *decoder, const wal_message *messages, size_t count) {
    counts at = {0, 0, 0};
    for (size_t i = 0; i < count; i += MESSAGES)
        decode(decoder, messages + i, count - i < MESSAGES ? count - i : MESSAGES, &at);
    return at;
}

/* Where each message is. */
static wal_message *framed(const uint8_t *data, size_t len, size_t *count) {
    size_t n = 0;
    for (size_t i = 0; i < len; i += 4 + (size_t)be32(data + i))
        n++;
    wal_message *messages = malloc(n * sizeof *messages);
    if (messages == NULL) {
        perror("malloc");
        exit(1);
    }
    for (size_t i = 0, m = 0; m < n; i += 4 + messages[m++].len)
        messages[m] = (wal_message){.lsn = 0, .data = data + i + 4, .len = be32(data + i)};
    *count = n;
    return messages;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return perror(argv[1]), 1;
    size_t len = (size_t)ftell(file);
    uint8_t *data = malloc(len);
    rewind(file);
    if (data == NULL || fread(data, 1, len, file) != len)
        return perror(argv[1]), 1;
    fclose(file);
    size_t count = 0;
    wal_message *messages = framed(data, len, &count);
    wal_decoder *decoder = NULL;
    wal_error *err = NULL;
    if (wal_decoder_new(NULL, &decoder, &err) < 0)
        failed("wal_decoder_new", err);
    double end = seconds() + atof(argv[2]), best = 1e9;
    counts at;
    do {
        double begin = seconds();
        at = once(decoder, messages, count);
        double took = seconds() - begin;
        if (took < best)
            best = took;
    } while (seconds() < end);
    wal_decoder_free(decoder);
    printf("{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"ns_per_row\":%.2f}\n", at.rows, at.bytes,
           best * 1e9 / (double)at.rows);
    return 0;
}
